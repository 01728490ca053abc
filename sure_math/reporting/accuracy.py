"""Statistics of repeated answers to the same problems. Pure.

The problems are a sample of all problems that could have been asked. The K answers to a problem are a sample of all
answers that the model could have given (Miller 2024, arXiv 2411.00640). With p_i the share of right answers to i,
Var(mean p) = (Var(true p) + E[p (1 - p)] / K) / n. This is estimated by var(p_i) / n; its root is the standard error
over problems. More samples can remove only the second part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sure_math.reporting.resampling import percentile_interval, resampled_problems

RESAMPLES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean over problems."""

    value: float
    error: float | None
    """Standard error over problems; None for fewer than two of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Accuracy of the second minus that of the first, on the same problems, as shares."""

    value: float
    low: float
    high: float


def mean_over_problems(scores: Sequence[float]) -> Estimate:
    """Compute the mean of one score per problem, with its error; for shares of right samples the error is clustered by
    problem.

    >>> mean_over_problems([1.0, 0.0, 1.0, 0.0]).value
    0.5
    """
    values = np.asarray(scores, dtype=float)
    error = float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else None
    return Estimate(value=float(values.mean()), error=error)


def pass_at_k(right: int, samples: int, k: int) -> float:
    """Compute the unbiased estimate, from `right` of `samples` answers, that one of k is right (Chen et al. 2021).

    >>> pass_at_k(1, samples=4, k=2)
    0.5

    Raises:
        ValueError: k is larger than the number of samples, so the estimate does not exist.
    """
    if not 1 <= k <= samples:
        raise ValueError(f"k = {k}: must be from 1 to the number of samples, {samples}")
    return 1.0 - math.comb(samples - right, k) / math.comb(samples, k)


def removable_share(right: Sequence[int], samples: int) -> float | None:
    """Estimate the share of the mean's variance that more samples per problem could remove, in [0, 1].

    None for fewer than two problems or samples. If every problem has the same share of right answers, all variance
    comes from sampling.
    """
    if len(right) < 2 or samples < 2:
        return None
    shares = np.asarray(right, dtype=float) / samples
    within = float((shares * (1 - shares)).mean()) * samples / (samples - 1)
    total = float(shares.var(ddof=1))
    if within == 0:
        return 0.0
    return min(1.0, within / samples / total) if total > 0 else 1.0


def paired_difference(before: Sequence[float], after: Sequence[float], seed: int = 0) -> Difference:
    """Estimate the difference of two accuracies on the same problems, with a percentile bootstrap interval over the
    problems.

    A score is 0 or 1 for a problem with one answer, or a share of right samples.

    >>> paired_difference([0, 0], [1, 1])
    Difference(value=1.0, low=1.0, high=1.0)
    """
    changes = np.asarray(after, dtype=float) - np.asarray(before, dtype=float)
    if len(set(changes)) == 1:  # every resample has the same mean, which a sum of many terms would only round
        return Difference(value=float(changes[0]), low=float(changes[0]), high=float(changes[0]))
    means = [float(changes[index].mean()) for index in resampled_problems(len(changes), RESAMPLES, seed)]
    low, high = percentile_interval(means)
    assert low is not None and high is not None, "there are resamples"
    return Difference(value=float(changes.mean()), low=low, high=high)
