"""What the loss has to show on a GPU, at 8,192 tokens x 4,096 x 151,936 and k = 512."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.compared.loss_ways import ON_ALL, OTHERS, QWEN_VOCABULARY
from benchmarks.measuring.results_files import Result

MOST_TIMES_FLOOR = 1.3
MOST_MEGABYTES = 1024.0
"""Beyond inputs and the weight's gradient."""
GOAL_TOKENS, GOAL_HIDDEN, GOAL_K = 8_192, 4_096, 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One thing that a GPU's section has to show."""

    what: str
    found: float | None
    """None where it was not measured."""
    most: float
    why: str = ""
    """Why it was not measured."""

    @property
    def met(self) -> bool:
        return self.found is not None and self.found <= self.most

    def line(self) -> str:
        if self.found is None:
            return f"{self.what}: not measured ({self.why})"
        if self.met:
            return f"{self.what}: met, {self.found:.3g} of at most {self.most:.3g}"
        return f"{self.what}: missed by {self.found - self.most:.3g}, {self.found:.3g} of at most {self.most:.3g}"


def goals(section: Result) -> Iterator[Goal]:
    """The goals at the goals' shape, ours first and then against each other way, in time and in memory."""
    rows = [row for row in section["time"] if at_goal(row["shape"]) and row["shape"]["k"] == GOAL_K]
    seconds = rows[0].get("wall_seconds", {}) if rows else {}
    absent = rows[0].get("skipped", {}) if rows else {}
    memory = {row["way"]: row.get("extra_megabytes") for row in section["memory"] if at_goal(row["shape"], row["way"])}
    floor = seconds["ours"] / seconds["floor"] if {"ours", "floor"} <= set(seconds) else None
    yield Goal(what="ours, times the floor", found=floor, most=MOST_TIMES_FLOOR, why="no time")
    yield Goal(what="ours, MB beyond", found=memory.get("ours"), most=MOST_MEGABYTES, why="no memory")
    for other in ("plain", *OTHERS):
        mine = "ours" if other == "plain" else "ours with scoring"
        for what, found in (("seconds", seconds), ("MB beyond", memory)):
            if found.get(other) is None:
                yield Goal(what=f"{mine}, {what}, beside {other}", found=None, most=0, why=absent.get(other, "failed"))
            else:
                mine_found = found.get(mine)
                yield Goal(what=f"{mine}, {what}, beside {other}", found=mine_found, most=found[other], why="no number")


def at_goal(shape: Result, way: str = "ours") -> bool:
    """Whether a row is of the goals' shape, at the k that the way is measured at."""
    k = QWEN_VOCABULARY if way in ON_ALL else GOAL_K
    wanted = (GOAL_TOKENS, GOAL_HIDDEN, QWEN_VOCABULARY, k)
    return (shape["tokens"], shape["hidden"], shape["vocabulary"], shape["k"]) == wanted


def missed(goal: Goal) -> bool:
    """What another way has no number for is no miss of ours."""
    return not goal.met and not (goal.found is None and goal.most == 0)
