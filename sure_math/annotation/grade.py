"""Grade: the phase `verdict`. Is the teacher's own answer right, if the problem has a reference answer?

The teacher's answer is its greedy answer, or else the majority of its samples. The majority is graded too: if a
labelling model gave the reference answer, this grade tells how often the two models agree.
"""

from __future__ import annotations

from collections.abc import Sequence

from sure_math.annotation.judge import judge_of, judge_settings
from sure_math.annotation.sample import GREEDY
from sure_math.cluster import Pair, PairCheck, exact
from sure_math.config import BuildConfig
from sure_math.equivalence import against_gold
from sure_math.models.responders.roles import Models
from sure_math.rows import Answer, Grade, Output, Problem, Uncertainty
from sure_math.storage.phase import Phase

VERSION = 4
"""Raise it with every change of this file, `judge.py` or `equivalence/` that makes other rows of the same inputs."""


def grade_phase(config: BuildConfig, models: Models) -> Phase[Grade]:
    """Grade the teacher's answer to every problem. On disk the phase is called `verdict`."""
    equivalence, judge = config.cluster.equivalence, judge_of(config, models)

    def run(
        problems: Sequence[Problem], answers: Sequence[Answer], uncertainties: Sequence[Uncertainty]
    ) -> Output[Grade]:
        return Output(rows=grade(problems, answers, uncertainties, equivalence=equivalence, judge=judge))

    settings = {"equivalence": equivalence, **judge_settings(config, models), "version": VERSION}
    return models.asked_in(Phase(name="verdict", makes=Grade, run=run, settings=settings), "judge")


def grade(
    problems: Sequence[Problem],
    answers: Sequence[Answer],
    uncertainties: Sequence[Uncertainty],
    *,
    equivalence: str,
    judge: PairCheck | None,
) -> list[Grade]:
    """Make one row per uncertainty. `equivalence` decides as in the cluster phase: `math`, `string` or `judge`."""
    problem_by_id = {row.problem_id: row for row in problems}
    greedy = {row.problem_id: row.answer for row in answers if row.sample_index == GREEDY}
    teacher_answer = {row.problem_id: greedy.get(row.problem_id, row.majority_answer) for row in uncertainties}
    # A mapping: if the two answers are one string, a judge is asked once.
    to_grade = {
        (row.problem_id, answer): (problem_by_id[row.problem_id], answer)
        for row in uncertainties
        for answer in (teacher_answer[row.problem_id], row.majority_answer)
    }
    correct = dict(zip(to_grade, _all_correct(list(to_grade.values()), equivalence, judge), strict=True))
    return [
        Grade(
            problem_id=row.problem_id,
            teacher_answer=teacher_answer[row.problem_id],
            teacher_correct=correct[row.problem_id, teacher_answer[row.problem_id]],
            majority_correct=(None if row.majority_answer is None else correct[row.problem_id, row.majority_answer]),
        )
        for row in uncertainties
    ]


def _all_correct(
    answers: Sequence[tuple[Problem, str | None]], equivalence: str, judge: PairCheck | None
) -> list[bool | None]:
    """Grade every answer: None without a reference answer, and None if the judge stays undecided."""
    correct = [None if row.answer is None else _correct(row, answer, equivalence) for row, answer in answers]
    if equivalence == "judge" and judge is not None:
        _ask(judge, answers, correct)
    return correct


def _correct(problem: Problem, answer: str | None, equivalence: str) -> bool:
    if answer is None or problem.answer is None:
        return False
    if exact(answer) == exact(problem.answer):
        return True
    return equivalence == "math" and against_gold(problem.answer, [answer], problem.statement) == ["equal"]


def _ask(judge: PairCheck, answers: Sequence[tuple[Problem, str | None]], correct: list[bool | None]) -> None:
    """Ask the judge about the answers that the strings leave open, and write its verdicts into `correct`."""
    open_pairs = {
        position: Pair(problem=problem.statement, first=min(answer, problem.answer), second=max(answer, problem.answer))
        for position, (problem, answer) in enumerate(answers)
        if answer is not None and problem.answer is not None and not correct[position]
    }
    verdicts = judge(list(open_pairs.values())) if open_pairs else []
    for position, verdict in zip(open_pairs, verdicts, strict=True):
        correct[position] = {"equal": True, "different": False}.get(verdict)
