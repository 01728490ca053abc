"""Contamination: which problems repeat a problem of a benchmark, or descend from a problem that does.

In doubt a problem counts as an overlap: it overlaps if any method says so, and all descendants of an overlapping
problem overlap too. If a second look is configured (`second_look.py`), a pair is clean only if its model says no.

A system prompt is searched together with its problem. A training problem with the text of a held-out problem is another
problem if both the system prompts and the reference answers differ. A system prompt that only asks for another style
hides no overlap.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sure_math.equivalence import same_answers
from sure_math.identity import normalised
from sure_math.problems.contamination.overlap_index import BenchmarkIndex, Entry, Match
from sure_math.rows import Dropped, Output, Problem

TEST_SPLIT = "test_split"
"""Name of the run's own test split in the column `overlaps`."""
SecondLook = Callable[[Sequence[Problem]], Sequence[tuple[Match, ...]]]
"""Further matches of problems that have none so far, one entry per problem."""

_SHOWN = 3
"""Matches named in the detail of a dropped row."""


@dataclass(frozen=True, slots=True)
class _Finding:
    """What is known of one problem."""

    problem: Problem
    matches: tuple[Match, ...]
    inherited: frozenset[str]
    """Benchmarks that an ancestor overlaps with, or that the row came with."""
    ancestor: str | None
    """The ancestor nearest to the seed that overlaps; None if no ancestor in these rows overlaps."""

    @property
    def overlaps(self) -> tuple[str, ...]:
        return tuple(sorted(self.inherited.union(match.benchmark for match in self.matches)))


def decontaminate(
    problems: Sequence[Problem],
    index: BenchmarkIndex,
    *,
    mode: Literal["drop", "annotate"],
    test_index: BenchmarkIndex | None = None,
    look: SecondLook | None = None,
    ancestors: Sequence[Problem] = (),
    phase: str = "decontaminate",
) -> Output[Problem]:
    """Fill the column `overlaps` of a shard. With `drop`, drop the training problems that overlap with something.

    A lineage is a chain, one child per seed and round: the ancestors of a row are the rows of its seed with a smaller
    round. A held-out problem is never dropped, whatever it overlaps with.

    Args:
        test_index: the run's own held-out problems, as the benchmark `TEST_SPLIT`; for training problems only.
        look: asked about every problem in which the index finds nothing.
        ancestors: rows of the same lineages that an earlier phase may have dropped. Rows that are also in `problems`
            are ignored here.
        phase: name of the phase in the dropped rows.
    """
    ids = {problem.problem_id for problem in problems}
    lineages = [*problems, *(row for row in ancestors if row.problem_id not in ids)]
    rows, dropped = [], []
    for finding in _findings(lineages, _matches(lineages, index, test_index, look)):
        if finding.problem.problem_id not in ids:
            continue
        if mode == "drop" and finding.problem.split == "train" and finding.overlaps:
            reason, detail = _why(finding)
            dropped.append(Dropped.of(finding.problem, phase=phase, reason=reason, detail=detail))
        else:
            rows.append(dataclasses.replace(finding.problem, overlaps=finding.overlaps))
    return Output(rows=rows, dropped=dropped)


def _matches(
    problems: Sequence[Problem], index: BenchmarkIndex, test_index: BenchmarkIndex | None, look: SecondLook | None
) -> list[tuple[Match, ...]]:
    held_out = {entry.problem_id: entry for entry in (test_index.entries if test_index is not None else ())}
    matches = []
    for problem in problems:
        own = _overlaps(test_index, problem) if test_index is not None and problem.split == "train" else ()
        matches.append(_overlaps(index, problem) + _without_others(own, problem, held_out))
    if look is not None:
        unmatched = [number for number, known in enumerate(matches) if not known]
        further = look([problems[number] for number in unmatched])
        for number, seen in zip(unmatched, further, strict=True):
            matches[number] = _without_others(seen, problems[number], held_out)
    return matches


def _overlaps(index: BenchmarkIndex, problem: Problem) -> tuple[Match, ...]:
    """What the problem repeats by itself, and what it repeats only together with its system prompt."""
    alone = index.overlaps(problem.problem)
    if not problem.system:
        return alone
    known = {(match.benchmark, match.problem_id) for match in alone}
    together = index.overlaps(problem.statement)
    return alone + tuple(match for match in together if (match.benchmark, match.problem_id) not in known)


def _without_others(matches: tuple[Match, ...], problem: Problem, held_out: Mapping[str, Entry]) -> tuple[Match, ...]:
    """The matches without the held-out problems that are certainly another problem than this one."""
    return tuple(
        match
        for match in matches
        if match.benchmark != TEST_SPLIT
        or match.problem_id not in held_out
        or not _is_another(problem, held_out[match.problem_id])
    )


def _is_another(problem: Problem, entry: Entry) -> bool:
    """Whether system prompts and reference answers differ: neither problem gives the answer of the other away."""
    systems = [None if system is None else normalised(system) for system in (problem.system, entry.system)]
    if systems[0] == systems[1] or problem.answer is None or entry.answer is None:
        return False
    return same_answers([(problem.answer, entry.answer)]) == ["different"]


def _findings(problems: Sequence[Problem], matches: Sequence[tuple[Match, ...]]) -> list[_Finding]:
    """Make one finding per problem, in order. A problem inherits the overlaps of its ancestors."""
    lineages: dict[str, list[int]] = {}
    for number in sorted(range(len(problems)), key=lambda number: problems[number].round):
        lineages.setdefault(problems[number].seed_id, []).append(number)
    findings: dict[int, _Finding] = {}
    for numbers in lineages.values():
        older: list[_Finding] = []
        for number in numbers:
            problem = problems[number]
            above = [finding for finding in older if finding.problem.round < problem.round and finding.overlaps]
            inherited = frozenset(problem.overlaps).union(*(finding.overlaps for finding in above))
            first = above[0].problem.problem_id if above else None
            findings[number] = _Finding(problem, matches[number], inherited, first)
            older.append(findings[number])
    return [findings[number] for number in range(len(problems))]


def _why(finding: _Finding) -> tuple[str, str]:
    """Reason and detail of the dropped row."""
    if finding.matches:
        more = len(finding.matches) - _SHOWN
        return "overlap", ", ".join(map(str, finding.matches[:_SHOWN])) + (f" and {more} more" if more > 0 else "")
    origin = f"its ancestor {finding.ancestor}" if finding.ancestor else "the row it was made from"
    return "overlap_inherited", f"{', '.join(finding.overlaps)} through {origin}"
