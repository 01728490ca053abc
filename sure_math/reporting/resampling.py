"""The bootstrap that all intervals share: problems are drawn again, with replacement, and the statistic is repeated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

LEVEL = 0.95
"""Share of the resampled values inside an interval."""


def resampled_problems(problems: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield indices [problems] of each resample; the same seed gives the same resamples.

    >>> [index.tolist() for index in resampled_problems(3, 2, seed=0)]
    [[2, 1, 1], [0, 0, 0]]
    """
    generator = np.random.default_rng(seed)
    for _ in range(resamples):
        yield generator.integers(problems, size=problems)


def percentile_interval(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Return the ends of the interval that holds the middle `LEVEL` of the resampled values; None if there are no
    values.

    >>> percentile_interval([1.0, 1.0])
    (1.0, 1.0)
    """
    if not values:
        return None, None
    low, high = percentile_bands(values)
    return float(low), float(high)


def percentile_bands(values: Sequence[float] | Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Compute `percentile_interval` at each place of resampled curves [resamples, g]."""
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(values, [tail, 1 - tail], axis=0)
    return low, high
