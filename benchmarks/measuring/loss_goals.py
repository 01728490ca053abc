"""The goals of the loss on a GPU, at 8,192 tokens x 4,096 x 151,936 and k = 512."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.compared.loss_ways import ON_ALL, OTHERS, QWEN_VOCABULARY
from benchmarks.measuring.results_files import Result

MOST_TIMES_FLOOR = 1.3
"""Largest allowed time, as a multiple of the floor."""
MOST_MEGABYTES = 1024.0
"""Largest allowed memory beyond inputs and the weight's gradient."""
GOAL_TOKENS, GOAL_HIDDEN, GOAL_K = 8_192, 4_096, 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One number that a GPU's section has to keep below a bound."""

    what: str
    measured: float | None
    """None if it was not measured."""
    most: float
    why: str = ""
    """Why it was not measured."""

    @property
    def met(self) -> bool:
        return self.measured is not None and self.measured <= self.most

    def line(self) -> str:
        if self.measured is None:
            return f"{self.what}: not measured ({self.why})"
        if self.met:
            return f"{self.what}: met, {self.measured:.3g} of at most {self.most:.3g}"
        return f"{self.what}: missed by {self.measured - self.most:.3g}, {self.measured:.3g} of at most {self.most:.3g}"


def goals(section: Result) -> Iterator[Goal]:
    """Yield the goals with what a section measured: ours alone first, then ours beside each other way."""
    rows = [row for row in section["time"] if at_goal(row["shape"]) and row["shape"]["k"] == GOAL_K]
    seconds = rows[0].get("wall_seconds", {}) if rows else {}
    absent = rows[0].get("skipped", {}) if rows else {}
    memory = {row["way"]: row.get("extra_megabytes") for row in section["memory"] if at_goal(row["shape"], row["way"])}
    floor = seconds["ours"] / seconds["floor"] if {"ours", "floor"} <= set(seconds) else None
    yield Goal(what="ours, times the floor", measured=floor, most=MOST_TIMES_FLOOR, why="no time")
    yield Goal(what="ours, MB beyond", measured=memory.get("ours"), most=MOST_MEGABYTES, why="no memory")
    for other in ("plain", *OTHERS):
        our_way = "ours" if other == "plain" else "ours with scoring"
        for what, measured in (("seconds", seconds), ("MB beyond", memory)):
            if measured.get(other) is None:
                yield Goal(
                    what=f"{our_way}, {what}, beside {other}", measured=None, most=0, why=absent.get(other, "failed")
                )
            else:
                our_measured = measured.get(our_way)
                yield Goal(
                    what=f"{our_way}, {what}, beside {other}",
                    measured=our_measured,
                    most=measured[other],
                    why="no number",
                )


def at_goal(shape: Result, way: str = "ours") -> bool:
    """Return whether a row has the shape of the goals, with the k at which the way is measured."""
    k = QWEN_VOCABULARY if way in ON_ALL else GOAL_K
    wanted = (GOAL_TOKENS, GOAL_HIDDEN, QWEN_VOCABULARY, k)
    return (shape["tokens"], shape["hidden"], shape["vocabulary"], shape["k"]) == wanted


def missed(goal: Goal) -> bool:
    """Return whether a goal is missed. A goal beside a way that has no number is not missed."""
    return not goal.met and not (goal.measured is None and goal.most == 0)
