"""Duplicates: the phases `distinct` and `unique`, which drop problems that repeat an earlier problem.

Exact repeats are found by a normalised text, near repeats by the 3-grams of `math_tokens.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sure_math.config import BuildConfig
from sure_math.identity import normalised, same_problem_key
from sure_math.problems.contamination.math_tokens import Wording
from sure_math.problems.contamination.overlap_index import SHINGLE
from sure_math.rows import Dropped, Output, Problem
from sure_math.storage.phase import Phase
from sure_math.storage.seen import Seen

DISTINCT_VERSION = 3
UNIQUE_VERSION = 4
"""Raise both numbers with every change of this file or of `math_tokens.py` that drops other problems."""


def distinct_runs(config: BuildConfig) -> bool:
    """Return whether seeds are compared with each other: only before evolution; `unique` does the same later."""
    return config.decontaminate.near_duplicates is not None and config.evolve.enabled


def distinct_phase(config: BuildConfig) -> Phase[Problem] | None:
    """Drop seeds that nearly repeat an earlier seed. Exact repeats were dropped while reading."""
    if not distinct_runs(config):
        return None
    near = config.decontaminate.near_duplicates
    distinct = Distinct(near_duplicates=near, phase="distinct")
    return Phase(
        name="distinct",
        makes=Problem,
        run=distinct,
        settings={"near_duplicates": near, "version": DISTINCT_VERSION},
        ordered=True,
        close=distinct.close,
    )


def unique_phase(config: BuildConfig) -> Phase[Problem]:
    """Drop evolved problems that repeat an earlier problem.

    The phase also takes the problems that evolved, because a child must not nearly repeat its own seed either.
    """
    near = config.decontaminate.near_duplicates
    distinct = Distinct(near_duplicates=near, phase="unique")
    compares_seeds = near is not None and config.evolve.enabled

    def run(problems: Sequence[Problem], seeds: Sequence[Problem]) -> Output[Problem]:
        return distinct(problems, seeds if compares_seeds else ())

    return Phase(
        name="unique",
        makes=Problem,
        run=run,
        settings={"near_duplicates": near, "version": UNIQUE_VERSION},
        ordered=True,
        close=distinct.close,
    )


class Distinct:
    """Drops a problem that repeats an earlier problem of the run. It is called with the shards in order.

    A held-out problem is dropped only as a copy of another held-out problem: a training problem never causes a held-out
    problem to be dropped. A curated problem is dropped only if it is an exact copy: problems from one template are
    near-duplicates on purpose.
    """

    def __init__(self, *, near_duplicates: float | None = None, phase: str = "unique") -> None:
        """Start with nothing remembered.

        Args:
            near_duplicates: Jaccard similarity of 3-grams from which two texts repeat each other; None: only equal
                texts do.
            phase: name of the phase in the dropped rows.
        """
        self._seen = Seen()
        self._near = _Neighbours(near_duplicates) if near_duplicates is not None else None
        self._phase = phase

    def __call__(self, problems: Sequence[Problem], ancestors: Sequence[Problem] = ()) -> Output[Problem]:
        """Keep the problems that repeat nothing. `ancestors`, such as the shard's seeds, count as earlier problems."""
        rows, dropped = [], []
        for problem in ancestors:
            self._repeats(problem)
        for problem in problems:
            repetition = self._repeats(problem)
            if repetition is None:
                rows.append(problem)
            else:
                reason, detail = repetition
                dropped.append(Dropped.of(problem, phase=self._phase, reason=reason, detail=detail))
        return Output(rows=rows, dropped=dropped)

    def close(self) -> None:
        self._seen.close()

    def _repeats(self, problem: Problem) -> tuple[str, str] | None:
        """Return reason and detail if this problem is a repetition; otherwise remember it."""
        text = same_problem_key(problem.problem, problem.system)
        first = self._seen.first(f"all\n{text}", problem.problem_id)
        if problem.split == "test":
            first = self._seen.first(f"test\n{text}", problem.problem_id)
        if first not in (None, problem.problem_id):
            return "duplicate", f"the same text as {first}"
        if self._near is None:
            return None
        near = self._near.first(problem, search=problem.split == "train" and not problem.is_curated)
        return None if near is None else ("near_duplicate", f"Jaccard similarity {near[1]:.2f} with {near[0]}")


class _Neighbours:
    """Earlier problems by the MinHash of their 3-grams. MinHash proposes pairs, and the 3-grams themselves decide."""

    def __init__(self, threshold: float) -> None:
        # datasketch imports SciPy, which builds without near-duplicates do not need.
        from datasketch import MinHash, MinHashLSH

        self._threshold = threshold
        bands, rows = banding(threshold)
        self._empty = MinHash(num_perm=bands * rows, seed=1, hashfunc=int)
        self._table = MinHashLSH(num_perm=bands * rows, params=(bands, rows))
        self._ids: list[str] = []
        self._systems: list[str | None] = []
        self._shingles: list[np.ndarray] = []

    def first(self, problem: Problem, *, search: bool) -> tuple[str, float] | None:
        """Return id and similarity of the first problem near enough. If there is none, remember this problem.

        Only problems with the same system prompt are compared, by their texts: another system prompt makes another
        problem, and a long one that all rows share says nothing about their texts.
        """
        system = None if problem.system is None else normalised(problem.system)
        shingles = np.unique((Wording(problem.problem).ngrams(SHINGLE) >> np.uint64(32)).astype(np.uint32))
        sketch = self._empty.copy()
        sketch.update_batch(shingles)
        for number in sorted(self._table.query(sketch)) if search else ():
            similarity = _jaccard(shingles, self._shingles[number])
            if similarity >= self._threshold and self._systems[number] == system:
                return None if self._ids[number] == problem.problem_id else (self._ids[number], similarity)
        self._table.insert(len(self._ids), sketch, check_duplication=False)
        self._ids.append(problem.problem_id)
        self._systems.append(system)
        self._shingles.append(shingles)
        return None


MAX_PERMUTATIONS = 128
MAX_BANDS = 32
"""Memory grows with the bands: about 400 bytes per band and problem."""
MISSED = 1e-3
"""Chance that MinHash does not propose a pair whose similarity is just the threshold."""


def banding(threshold: float) -> tuple[int, int]:
    """Choose the number of bands, and of rows per band.

    There are as many rows per band as possible while a pair at the threshold is still found with probability
    1 - MISSED.

    >>> banding(0.8)
    (18, 5)
    """
    for rows in range(MAX_PERMUTATIONS // 2, 0, -1):
        agree = threshold**rows
        bands = 2 if agree >= 1 else max(2, math.ceil(math.log(MISSED) / math.log1p(-agree)))
        if bands <= MAX_BANDS and bands * rows <= MAX_PERMUTATIONS:
            return bands, rows
    return MAX_PERMUTATIONS, 1


def _jaccard(first: np.ndarray, second: np.ndarray) -> float:
    """Compute the Jaccard similarity of two sets, each sorted and without repetitions."""
    shared = len(np.intersect1d(first, second, assume_unique=True))
    return shared / (len(first) + len(second) - shared)
