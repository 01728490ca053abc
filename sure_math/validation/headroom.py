"""Headroom: how much better the teacher is than a student, by the weight. It says before training whether weights can
help this pair.

Weights can protect a student only on problems on which the student is better than the teacher and the weight is low.
Elsewhere weights only change which problems training spends its steps on.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.progress import track

from sure_math.command_line.terminal import terminal_console
from sure_math.identity import statement
from sure_math.reporting.advantage import Advantage, Pair, measure_advantage
from sure_math.validation.graded_answers import GradedAnswers, SampledProblem, ValidationInputError, measure_without
from sure_math.validation.report import ReportSettings
from sure_math.validation.student import Matched, StudentAnswers, StudentProblem, match_problems, right_samples

FEWEST_SAMPLES = 3
"""Of the teacher: the weight of a sample comes from the others, and one sample has no entropy."""


def make_headroom(answers: GradedAnswers, student: StudentAnswers, settings: ReportSettings) -> dict[str, Any]:
    """Make the headroom part of the report as JSON types.

    >>> headroom = make_headroom(read_dataset(Path("sure-math")), student, settings)  # doctest: +SKIP
    >>> headroom["difference"]["value"]  # doctest: +SKIP
    0.24

    Raises:
        ValidationInputError: no problem of the student is one of the teacher's, or none can be compared.
    """
    matched = match_problems(answers, student)
    enough = [pair for pair in matched.pairs if len(pair[0].answers) >= FEWEST_SAMPLES]
    if not enough:
        raise ValidationInputError(
            f"--student {student.name}: the {len(matched.pairs):,} problems that both have answered have fewer than "
            f"{FEWEST_SAMPLES} samples of the teacher, so there is no weight that leaves a sample out; sample the "
            "teacher more often (sample.num_samples=8)"
        )
    graded = track(enough, "grading samples", console=terminal_console(stderr=True), transient=True)
    pairs = [pair for teacher, rows in graded if (pair := _pair(teacher, rows, answers.equivalence)) is not None]
    if not pairs:
        raise ValidationInputError(
            f"--student {student.name}: none of the {len(enough):,} problems that both have answered has a reference "
            "answer, or grades of both; add reference answers to one of the two (--column gold=NAME or "
            "--student-column gold=NAME for a file)"
        )
    advantage = measure_advantage(pairs, resamples=settings.resamples, seed=settings.seed)
    return {
        "student_name": student.name,
        "student_origin": student.origin,
        "matched": _counts(matched, answers),
        "too_few_samples": len(matched.pairs) - len(enough),
        "ungraded": len(enough) - len(pairs),
        "problems": len(pairs),
        "teacher_samples": sum(len(pair.right) for pair in pairs),
        "student_better": _bins_below_zero(advantage),
        **asdict(advantage),
    }


def _counts(matched: Matched, answers: GradedAnswers) -> dict[str, int]:
    return {
        "problems": len(matched.pairs),
        "by_id": matched.by_id,
        "by_text": matched.by_text,
        "unmatched": matched.unmatched,
        "other_text": matched.other_text,
        "without_student": len(answers.problems) - len(matched.pairs),
    }


def _pair(teacher: SampledProblem, rows: list[StudentProblem], equivalence: str) -> Pair | None:
    """The problem with both models' samples graded; None if the samples of one cannot be graded."""
    golds = [teacher.gold, *(row.gold for row in rows)]
    gold = next((gold for gold in golds if gold is not None), None)
    right = right_samples(teacher.answers, teacher.grades, gold, teacher.statement, equivalence)
    theirs: list[bool] = []
    for row in rows:
        graded = right_samples(
            row.answers, row.grades, gold, teacher.statement or statement(row.problem, row.system), equivalence
        )
        if graded is None:
            return None
        theirs += graded
    if right is None:
        return None
    weights = [1 - measure_without(teacher, left_out).entropy for left_out in range(len(teacher.answers))]
    return Pair(weights=weights, right=right, student=sum(theirs) / len(theirs))


def _bins_below_zero(advantage: Advantage) -> int:
    return sum(row.difference.high is not None and row.difference.high < 0 for row in advantage.bins)
