"""How much better a teacher is than a student, and how this depends on the weight. Pure functions of plain arrays.

P: problems, R: resamples, B: bins. A problem has K samples of the teacher. Sample k is one observation: its weight
comes from the other K - 1 samples, and whether it is right took no part in the weight. An observation counts 1 / K,
so each problem counts once. The intervals resample problems with all their observations; teacher and student are
resampled together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sure_math.reporting.auroc import TIE_DIGITS, bins
from sure_math.reporting.resampling import percentile_interval, resampled_problems

SMALLEST = 30
"""Problems that a bin needs, as the bins of the validation report do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One problem that both models have answered."""

    weights: Sequence[float]
    """Per sample of the teacher, in [0, 1]: the weight that the other samples give."""
    right: Sequence[bool]
    """Per sample of the teacher: whether the sample is right."""
    student: float
    """Share of the student's samples that are right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate with its 95 % bootstrap interval; None if it is not defined."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvantageBin:
    """Both accuracies where the weight lies in [low, high]."""

    low: float
    high: float
    mean: float
    """Mean weight."""
    problems: int
    """Problems with an observation in the bin. A problem can be in several bins."""
    observations: int
    teacher: Interval
    student: Interval
    difference: Interval
    """Teacher minus student, as a share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advantage:
    """The accuracies of a teacher and a student on the same problems, in all and by the weight."""

    teacher: Interval
    student: Interval
    difference: Interval
    """Teacher minus student; every problem counts the same."""
    weighted_difference: Interval
    """Teacher minus student; every observation counts with its weight."""
    gain: Interval
    """`weighted_difference` minus `difference`: above 0 if the weight is higher where the teacher is further ahead."""
    slope: Interval
    """Change of the difference from weight 0 to weight 1, by least squares."""
    bins: list[AdvantageBin]
    """From the lowest weight to the highest."""


def measure_advantage(pairs: Sequence[Pair], *, resamples: int, seed: int) -> Advantage:
    """Compare teacher and student by the weight, with bootstrap intervals over the problems.

    >>> sure = Pair(weights=[1.0, 1.0], right=[True, True], student=0.5)
    >>> unsure = Pair(weights=[0.0, 0.0], right=[True, False], student=0.5)
    >>> advantage = measure_advantage([sure, unsure], resamples=10, seed=0)
    >>> (advantage.difference.value, advantage.weighted_difference.value, advantage.slope.value)
    (0.25, 0.5, 0.5)

    Args:
        pairs: one per problem, at least one.
    """
    owners = np.repeat(np.arange(len(pairs)), [len(pair.weights) for pair in pairs])
    share = np.concatenate([np.full(len(pair.weights), 1 / len(pair.weights)) for pair in pairs])
    weight = np.round(np.concatenate([np.asarray(pair.weights, dtype=float) for pair in pairs]), TIE_DIGITS)
    teacher = np.concatenate([np.asarray(pair.right, dtype=float) for pair in pairs])
    student = np.asarray([pair.student for pair in pairs], dtype=float)[owners]
    drawn = _Drawn(owners, share, len(pairs), resamples, seed)
    difference = teacher - student
    everywhere = np.ones_like(weight)
    return Advantage(
        teacher=drawn.mean(teacher, everywhere),
        student=drawn.mean(student, everywhere),
        difference=drawn.mean(difference, everywhere),
        weighted_difference=drawn.mean(difference, weight),
        gain=drawn.statistic([everywhere, difference, weight, weight * difference], _gain),
        slope=drawn.statistic([everywhere, weight, difference, weight**2, weight * difference], _slope),
        bins=[
            _bin(inside, weight, owners, drawn, teacher=teacher, student=student)
            for inside in _bins(weight, teacher, len(pairs))
        ],
    )


class _Drawn:
    """Sums of observations over the problems and over each resample of the problems."""

    def __init__(self, owners: np.ndarray, share: np.ndarray, problems: int, resamples: int, seed: int) -> None:
        self._owners, self._share, self._problems = owners, share, problems
        draws = resampled_problems(problems, resamples, seed)
        self._counts = [np.bincount(index, minlength=problems) for index in draws]  # R arrays [P]

    def statistic(self, observed: Sequence[np.ndarray], statistic: Callable[[np.ndarray], float | None]) -> Interval:
        """Apply a function of the sums of the observed arrays to all problems and to every resample."""
        shares = [np.bincount(self._owners, self._share * values, self._problems) for values in observed]
        by_problem = np.stack(shares, axis=1)
        repeated = [statistic(counts @ by_problem) for counts in self._counts]
        low, high = percentile_interval([value for value in repeated if value is not None])
        return Interval(value=statistic(by_problem.sum(axis=0)), low=low, high=high)

    def mean(self, values: np.ndarray, weight: np.ndarray) -> Interval:
        return self.statistic([weight, weight * values], lambda sums: float(sums[1] / sums[0]) if sums[0] else None)


def _gain(sums: np.ndarray) -> float | None:
    count, difference, weight, product = sums
    return float(product / weight - difference / count) if weight else None


def _slope(sums: np.ndarray) -> float | None:
    count, weight, difference, square, product = sums
    spread = count * square - weight**2
    # All weights are equal up to rounding: a line through one place has no slope.
    return float((count * product - weight * difference) / spread) if spread > 1e-9 * count**2 else None


def _bins(weight: np.ndarray, teacher: np.ndarray, problems: int) -> list[np.ndarray]:
    """The observations of each bin, from the lowest weight on. The bins are those of the validation report."""
    smallest = SMALLEST * max(1, round(len(weight) / problems))
    table = bins((1 - weight).tolist(), (teacher == 0).tolist(), smallest=smallest)
    entropy = np.round(1 - weight, TIE_DIGITS)
    return [(entropy >= row.low) & (entropy <= row.high) for row in reversed(table)]


def _bin(
    inside: np.ndarray,
    weight: np.ndarray,
    owners: np.ndarray,
    drawn: _Drawn,
    *,
    teacher: np.ndarray,
    student: np.ndarray,
) -> AdvantageBin:
    counted = inside.astype(float)
    return AdvantageBin(
        low=float(weight[inside].min()),
        high=float(weight[inside].max()),
        mean=float(weight[inside].mean()),
        problems=len(np.unique(owners[inside])),
        observations=int(inside.sum()),
        teacher=drawn.mean(teacher, counted),
        student=drawn.mean(student, counted),
        difference=drawn.mean(teacher - student, counted),
    )
