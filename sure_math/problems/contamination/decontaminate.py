"""Duplicates and contamination: which problems repeat an earlier one, and which repeat a benchmark's.

Both go by the tokens of `math_tokens.py`. Nothing here fails open: a problem overlaps if any method says so, a
descendant of one that overlaps does too, and the model of the second look (`second_look.py`) must say no to call a
pair clean.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sure_math.curated.problems import is_curated
from sure_math.identity import normalised
from sure_math.problems.contamination.math_tokens import Wording
from sure_math.problems.contamination.overlap_index import SHINGLE, BenchmarkIndex, Match
from sure_math.rows import Dropped, Output, Problem
from sure_math.storage.seen import Seen

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
    """The ancestor nearest to the seed that overlaps; None where there is none in sight."""

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
) -> Output[Problem]:
    """Fill the column `overlaps` of a shard; with `drop`, drop training problems where it is not empty.

    A lineage is a chain, one child per seed and round: the ancestors of a row are the rows of its seed with a smaller
    round. A held-out problem keeps its place whatever it overlaps with.

    Args:
        test_index: the run's own held-out problems, as the benchmark `TEST_SPLIT`; for training problems only.
        look: asked about every problem in which the index finds nothing.
        ancestors: rows of the same lineages that an earlier phase has dropped; those of `problems` do no harm.
    """
    there = {problem.problem_id for problem in problems}
    every = [*problems, *(row for row in ancestors if row.problem_id not in there)]
    rows, dropped = [], []
    for finding in _findings(every, _matches(every, index, test_index, look)):
        if finding.problem.problem_id not in there:
            continue
        if mode == "drop" and finding.problem.split == "train" and finding.overlaps:
            dropped.append(_overlapping(finding))
        else:
            rows.append(dataclasses.replace(finding.problem, overlaps=finding.overlaps))
    return Output(rows=rows, dropped=dropped)


def _matches(
    problems: Sequence[Problem], index: BenchmarkIndex, test_index: BenchmarkIndex | None, look: SecondLook | None
) -> list[tuple[Match, ...]]:
    matches = []
    for problem in problems:
        own = test_index.overlaps(problem.problem) if test_index is not None and problem.split == "train" else ()
        matches.append(index.overlaps(problem.problem) + own)
    if look is not None:
        unmatched = [number for number, found in enumerate(matches) if not found]
        for number, found in zip(unmatched, look([problems[number] for number in unmatched]), strict=True):
            matches[number] = found
    return matches


def _findings(problems: Sequence[Problem], matches: Sequence[tuple[Match, ...]]) -> list[_Finding]:
    """One finding per problem, in order; what an ancestor overlaps with goes down its lineage."""
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


def _overlapping(finding: _Finding) -> Dropped:
    if finding.matches:
        more = len(finding.matches) - _SHOWN
        shown = ", ".join(map(str, finding.matches[:_SHOWN])) + (f" and {more} more" if more > 0 else "")
        return _dropped(finding.problem, "decontaminate", "overlap", shown)
    origin = f"its ancestor {finding.ancestor}" if finding.ancestor else "the row it was made from"
    return _dropped(
        finding.problem, "decontaminate", "overlap_inherited", f"{', '.join(finding.overlaps)} through {origin}"
    )


class Distinct:
    """Drops a problem that repeats an earlier one of the run; it is called with the shards in order.

    Held-out problems are dropped only as copies of other held-out problems: a training problem never costs one.
    Curated ones are dropped only as copies: those of one template differ in their numbers, and near texts are meant.
    """

    def __init__(self, *, near_duplicates: float | None = None, phase: str = "unique") -> None:
        """`near_duplicates`: Jaccard similarity of 3-grams that makes a repetition; None: equal texts only."""
        self._seen = Seen()
        self._near = _Neighbours(near_duplicates) if near_duplicates is not None else None
        self._phase = phase

    def __call__(self, problems: Sequence[Problem], ancestors: Sequence[Problem] = ()) -> Output[Problem]:
        """The problems that repeat nothing; `ancestors`, such as the shard's seeds, count as earlier ones."""
        rows, dropped = [], []
        for problem in ancestors:
            self._repeats(problem)
        for problem in problems:
            reason = self._repeats(problem)
            if reason is None:
                rows.append(problem)
            else:
                dropped.append(_dropped(problem, self._phase, *reason))
        return Output(rows=rows, dropped=dropped)

    def close(self) -> None:
        self._seen.close()

    def _repeats(self, problem: Problem) -> tuple[str, str] | None:
        """Reason and detail where this is a repetition; else the problem is remembered."""
        text = f"{problem.system or ''}\n{normalised(problem.problem)}"
        first = self._seen.first(f"all\n{text}", problem.problem_id)
        if problem.split == "test":
            first = self._seen.first(f"test\n{text}", problem.problem_id)
        if first not in (None, problem.problem_id):
            return "duplicate", f"the same text as {first}"
        if self._near is None:
            return None
        near = self._near.first(problem, search=problem.split == "train" and not is_curated(problem))
        return None if near is None else ("near_duplicate", f"Jaccard similarity {near[1]:.2f} with {near[0]}")


class _Neighbours:
    """Earlier problems by the MinHash of their 3-grams; what it proposes is decided by the 3-grams themselves."""

    def __init__(self, threshold: float) -> None:
        from datasketch import (  # brings scipy along, which builds without near-duplicates do not need
            MinHash,
            MinHashLSH,
        )

        self._threshold = threshold
        bands, rows = banding(threshold)
        self._empty = MinHash(num_perm=bands * rows, seed=1, hashfunc=int)
        self._table = MinHashLSH(num_perm=bands * rows, params=(bands, rows))
        self._ids: list[str] = []
        self._shingles: list[np.ndarray] = []

    def first(self, problem: Problem, *, search: bool) -> tuple[str, float] | None:
        """Id and similarity of the first problem near enough; None, and this one is remembered, where there is none."""
        # A system message changes the task as much as the text does, so it takes part.
        text = problem.problem if problem.system is None else f"{problem.system}\n{problem.problem}"
        shingles = np.unique((Wording(text).ngrams(SHINGLE) >> np.uint64(32)).astype(np.uint32))
        sketch = self._empty.copy()
        sketch.update_batch(shingles)
        for number in sorted(self._table.query(sketch)) if search else ():
            similarity = _jaccard(shingles, self._shingles[number])
            if similarity >= self._threshold:
                return None if self._ids[number] == problem.problem_id else (self._ids[number], similarity)
        self._table.insert(len(self._ids), sketch, check_duplication=False)
        self._ids.append(problem.problem_id)
        self._shingles.append(shingles)
        return None


MAX_PERMUTATIONS = 128
MAX_BANDS = 32
"""Memory grows with the bands: about 400 bytes each for every problem."""
MISSED = 1e-3
"""Chance that MinHash does not propose a pair whose similarity is just the threshold."""


def banding(threshold: float) -> tuple[int, int]:
    """Bands and rows of the hash table: as many rows as find a pair at the threshold with probability 1 - MISSED."""
    for rows in range(MAX_PERMUTATIONS // 2, 0, -1):
        agree = threshold**rows
        bands = 2 if agree >= 1 else max(2, math.ceil(math.log(MISSED) / math.log1p(-agree)))
        if bands <= MAX_BANDS and bands * rows <= MAX_PERMUTATIONS:
            return bands, rows
    return MAX_PERMUTATIONS, 1


def _jaccard(first: np.ndarray, second: np.ndarray) -> float:
    """Of two sets, each sorted and without repetitions."""
    shared = len(np.intersect1d(first, second, assume_unique=True))
    return shared / (len(first) + len(second) - shared)


def _dropped(problem: Problem, phase: str, reason: str, detail: str) -> Dropped:
    return Dropped(
        problem_id=problem.problem_id,
        phase=phase,
        reason=reason,
        detail=detail,
        problem=problem.problem,
        source=problem.source,
        strategy=problem.strategy,
    )
