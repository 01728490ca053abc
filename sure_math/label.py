"""Label: answers for problems that came without one. A labeller is a row of a table."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sure_math.rows import Dropped, Problem
from sure_math.store import Output


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """An answer and how it is reached."""

    answer: str
    solution: str | None


Labeller = Callable[[str], Label | None]
"""A problem's text to its label; None where the labeller cannot solve it."""


def label(problems: Sequence[Problem], *, by: str, drop_unlabelled: bool) -> Output[Problem]:
    """The problems with the labels of `by`, a key of `LABELLERS`; an answer that is there stays."""
    labeller = LABELLERS[by]()
    rows, dropped = [], []
    for problem in problems:
        found = None if problem.answer is not None else labeller(problem.problem)
        if found is not None:
            problem = dataclasses.replace(problem, answer=found.answer, solution=found.solution, answer_source=by)
        if problem.answer is None and problem.round and drop_unlabelled:
            dropped.append(_unsolved(problem, by))
        else:
            rows.append(problem)
    return Output(rows=rows, dropped=dropped)


def _unsolved(problem: Problem, by: str) -> Dropped:
    return Dropped(
        problem_id=problem.problem_id,
        phase="label",
        reason="unlabelled",
        detail=f"{by} cannot solve it",
        problem=problem.problem,
        source=problem.source,
        strategy=problem.strategy,
    )


def _pocket_world() -> Labeller:
    from sure_math.pocket import world

    def solve(text: str) -> Label | None:
        solved = world.solve(text)
        return None if solved is None else Label(answer=solved.answer, solution=solved.solution)

    return solve


LABELLERS: dict[str, Callable[[], Labeller]] = {
    "none": lambda: lambda text: None,
    "pocket-world": _pocket_world,
}
