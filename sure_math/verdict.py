"""Verdict: is the teacher's own answer right, where the problem has a reference answer?

The teacher's answer is its greedy one, else the majority of its samples.
"""

from __future__ import annotations

from collections.abc import Sequence

from sure_math.cluster import Pair, PairCheck, exact
from sure_math.rows import Answer, Problem, Uncertainty, Verdict
from sure_math.sample import GREEDY


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
    given = [(problem_by_id[row.problem_id], greedy.get(row.problem_id, row.majority_answer)) for row in uncertainties]
    correct = [None if row.answer is None else _correct(row, answer, equivalence) for row, answer in given]
    if equivalence == "judge" and judge is not None:
        _ask(judge, given, correct)
    return [
        Verdict(problem_id=row.problem_id, teacher_answer=answer, teacher_correct=verdict)
        for (row, answer), verdict in zip(given, correct, strict=True)
    ]


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
