"""Verdict: is the teacher's own answer right, where the problem has a reference answer?

The teacher's answer is its greedy one, else the majority of its samples. The majority is judged too: where a labelling
model gave the reference answer, that is how often the two agree.
"""

from __future__ import annotations

from collections.abc import Sequence

from sure_math.annotation.sample import GREEDY
from sure_math.cluster import Pair, PairCheck, exact
from sure_math.rows import Answer, Problem, Uncertainty, Verdict


def verdicts(
    problems: Sequence[Problem],
    answers: Sequence[Answer],
    uncertainties: Sequence[Uncertainty],
    *,
    equivalence: str,
    judge: PairCheck | None,
) -> list[Verdict]:
    """One row per uncertainty. `equivalence` decides as in the cluster phase: `math`, `string` or `judge`."""
    problem_by_id = {row.problem_id: row for row in problems}
    greedy = {row.problem_id: row.answer for row in answers if row.sample_index == GREEDY}
    own = {row.problem_id: greedy.get(row.problem_id, row.majority_answer) for row in uncertainties}
    # A mapping: where the two answers are one string, a judge is asked once.
    given = {
        (row.problem_id, answer): (problem_by_id[row.problem_id], answer)
        for row in uncertainties
        for answer in (own[row.problem_id], row.majority_answer)
    }
    correct = dict(zip(given, _all_correct(list(given.values()), equivalence, judge), strict=True))
    return [
        Verdict(
            problem_id=row.problem_id,
            teacher_answer=own[row.problem_id],
            teacher_correct=correct[row.problem_id, own[row.problem_id]],
            majority_correct=(None if row.majority_answer is None else correct[row.problem_id, row.majority_answer]),
        )
        for row in uncertainties
    ]


def _all_correct(
    given: Sequence[tuple[Problem, str | None]], equivalence: str, judge: PairCheck | None
) -> list[bool | None]:
    """One verdict per answer; None without a reference answer, and where the judge stays undecided."""
    correct = [None if row.answer is None else _correct(row, answer, equivalence) for row, answer in given]
    if equivalence == "judge" and judge is not None:
        _ask(judge, given, correct)
    return correct


def _correct(problem: Problem, answer: str | None, equivalence: str) -> bool:
    if answer is None or problem.answer is None:
        return False
    if exact(answer) == exact(problem.answer):
        return True
    if equivalence != "math":
        return False
    from sure_math.equivalence import is_correct

    return is_correct(problem.answer, rf"\boxed{{{answer}}}", unboxed="reject")


def _ask(judge: PairCheck, given: Sequence[tuple[Problem, str | None]], correct: list[bool | None]) -> None:
    """Replace the verdicts that the strings leave open by the judge's; None where it stays undecided."""
    open_pairs = {
        place: Pair(problem=problem.problem, first=min(answer, problem.answer), second=max(answer, problem.answer))
        for place, (problem, answer) in enumerate(given)
        if answer is not None and problem.answer is not None and not correct[place]
    }
    relations = judge(list(open_pairs.values())) if open_pairs else []
    for place, relation in zip(open_pairs, relations, strict=True):
        correct[place] = {"equal": True, "different": False}.get(relation)
