"""Which answer of a problem counts as the teacher's (the label), and whether that answer is right.

`greedy`    the answer at temperature 0, which takes no part in the entropy (the paper's Sec. 4.6);
`majority`  the most frequent of the N samples; it comes from the same samples as the entropy. A tie goes to the first
            in sorted order, as everywhere in this package; the report repeats the figure with the answer sampled first;
`held-out`  one of the N samples, drawn by the problem's id, against the entropy of the other N - 1. The other samples
            keep the clusters that all N were put into.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from sure_math.equivalence import against_gold
from sure_math.validation.graded_answers import (
    GradedAnswers,
    Measures,
    SampledProblem,
    ValidationInputError,
    measure_without,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedProblem:
    """One problem with the judged answer, and its measures without that answer."""

    sampled: SampledProblem
    measures: Measures
    judged_answer: str | None
    wrong: bool


Rule = Callable[[SampledProblem, str, int], JudgedProblem | None]
"""A problem, an equivalence and a seed -> the problem with its answer judged; None if it has no such label."""


def judge_problems(answers: GradedAnswers, label: str, seed: int = 0) -> list[JudgedProblem]:
    """Judge the problems that have the label.

    Args:
        label: a key of `LABELS`.
        seed: of the held-out sample.

    Raises:
        ValidationInputError: no problem has the label.
    """
    if label == "greedy" and not answers.has_greedy:
        raise ValidationInputError(
            "label 'greedy': no greedy answers are stored here; choose --label majority or --label held-out"
        )
    judged = _judge(answers, LABELS[label], seed)
    if not judged:
        raise ValidationInputError(
            f"none of the {len(answers.problems)} problems has a reference answer or a grade for the label "
            f"{label!r}: whether the teacher is right is not known, so there is nothing to validate"
        )
    return judged


def judge_first_majorities(answers: GradedAnswers, seed: int = 0) -> list[JudgedProblem]:
    """Judge problems with the label `majority`, but a tie goes to the answer that was sampled first."""
    return _judge(answers, _first_majority, seed)


def is_tied(row: SampledProblem) -> bool:
    """Return whether two clusters of a problem have the most answers."""
    pairs = zip(row.cluster_ids, row.answers, strict=True)
    sizes = Counter(cluster_id for cluster_id, answer in pairs if answer is not None and cluster_id >= 0)
    return list(sizes.values()).count(max(sizes.values(), default=0)) > 1


def _judge(answers: GradedAnswers, rule: Rule, seed: int) -> list[JudgedProblem]:
    judged = (rule(row, answers.equivalence, seed) for row in answers.problems)
    return [row for row in judged if row is not None]


def _greedy(row: SampledProblem, equivalence: str, seed: int) -> JudgedProblem | None:
    if row.greedy_correct is None:
        return None
    return JudgedProblem(
        sampled=row, measures=row.measures, judged_answer=row.greedy_answer, wrong=not row.greedy_correct
    )


def _majority(row: SampledProblem, equivalence: str, seed: int) -> JudgedProblem | None:
    index = row.answers.index(row.majority) if row.majority is not None else None
    right = _sample_is_right(row, index, equivalence)
    if right is None:
        return None
    return JudgedProblem(sampled=row, measures=row.measures, judged_answer=row.majority, wrong=not right)


def _first_majority(row: SampledProblem, equivalence: str, seed: int) -> JudgedProblem | None:
    """As `_majority`, but a tie goes to the cluster, and to the string in it, that was sampled first."""
    answered = [index for index, answer in enumerate(row.answers) if answer is not None and row.cluster_ids[index] >= 0]
    sizes = Counter(row.cluster_ids[index] for index in answered)  # counts keep the order of first appearance
    largest = max(sizes, key=lambda cluster: sizes[cluster], default=None)
    inside = [index for index in answered if row.cluster_ids[index] == largest]
    strings = Counter(row.answers[index] for index in inside)
    index = row.answers.index(max(strings, key=lambda string: strings[string])) if inside else None
    right = _sample_is_right(row, index, equivalence)
    if right is None:
        return None
    judged = None if index is None else row.answers[index]
    return JudgedProblem(sampled=row, measures=row.measures, judged_answer=judged, wrong=not right)


def _held_out(row: SampledProblem, equivalence: str, seed: int) -> JudgedProblem | None:
    size = len(row.answers)
    if size < 3:
        return None  # a single remaining sample has no entropy
    digest = hashlib.sha256(f"{seed}/held-out/{row.problem_id}".encode()).digest()
    index = int.from_bytes(digest[:8], "big") % size
    right = _sample_is_right(row, index, equivalence)
    if right is None:
        return None
    return JudgedProblem(
        sampled=row, measures=measure_without(row, index), judged_answer=row.answers[index], wrong=not right
    )


def _sample_is_right(row: SampledProblem, index: int | None, equivalence: str) -> bool | None:
    """Return whether a sample is right; None if that is unknown.

    A grade decides, else the comparison of the answer with the reference answer. A missing answer (`index` None, or an
    answer of None) is wrong if there is a reference answer or a grade, else unknown.
    """
    if index is not None and row.grades is not None:
        return row.grades[index]
    if row.gold is None and row.grades is None:
        return None
    answer = None if index is None else row.answers[index]
    if answer is None or row.gold is None:
        return False
    if equivalence == "string":
        return answer.strip() == row.gold.strip()
    if equivalence == "judge":
        raise ValidationInputError(
            "this dataset's answers were compared by a judge model, and only its greedy verdicts are stored: "
            "choose --label greedy"
        )
    return against_gold(row.gold, [answer], row.statement or None) == ["equal"]


LABELS: dict[str, Rule] = {"greedy": _greedy, "majority": _majority, "held-out": _held_out}
