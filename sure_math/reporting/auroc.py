"""How well a score tells right from wrong: AUROC, its bootstrap interval, accuracy per bin, risk against coverage.

Pure functions of plain arrays. `scores` [n]: higher means less certain. `wrong` [n]: the positives.

scikit-learn computes the areas and the curve. A resample does not rank its scores again: the ranks of all scores are
known, and only the problems per rank are counted anew.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sure_math.reporting.resampling import percentile_bands, percentile_interval, resampled_problems

TIE_DIGITS = 10
"""Scores are rounded to so many digits before they are ranked: equal clusters summed in another order are a tie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Auroc:
    """Probability that a wrong answer has a higher score than a right one, ties counted half."""

    value: float | None
    low: float | None
    """Ends of the bootstrap interval (2.5 % and 97.5 % of the resampled values)."""
    high: float | None
    problems: int
    positives: int
    undefined: str | None
    """Why there is no value; None if there is one."""
    skipped_resamples: int
    """Resamples with one class only; they have no AUROC and are left out of the interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Accuracy of the problems whose score lies in [low, high]; `mean` is the mean of their scores."""

    low: float
    high: float
    mean: float
    problems: int
    correct: int
    accuracy: float
    standard_error: float
    """Of the accuracy, with one success and one failure added: a bin without errors still has an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskCoverage:
    """Error rate among the most certain part of the problems."""

    coverage: list[float]
    risk: list[float]
    """One value per coverage 1/n, 2/n, ..., 1; within a tie the expected value over all orders."""
    area: float
    """AURC: mean of `risk`."""
    area_at_best: float
    """AURC of a score that puts every error last."""
    area_at_random: float
    """AURC of a score that knows nothing: the error rate."""


class Ranking:
    """Scores as codes of their distinct values, so that a resample costs one pass instead of one sort."""

    def __init__(self, scores: Sequence[float], wrong: Sequence[bool]) -> None:
        rounded = np.round(np.asarray(scores, dtype=np.float64), TIE_DIGITS)
        self.values, codes = np.unique(rounded, return_inverse=True)
        self.codes = codes.reshape(-1)
        self.wrong = np.asarray(wrong, dtype=bool)

    def counts(self, index: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Positives and negatives per distinct score [k], of all problems or of a resample `index` [n]."""
        codes, wrong = (self.codes, self.wrong) if index is None else (self.codes[index], self.wrong[index])
        positives = np.bincount(codes[wrong], minlength=len(self.values))
        return positives, np.bincount(codes, minlength=len(self.values)) - positives


def auroc(scores: Sequence[float], wrong: Sequence[bool]) -> float | None:
    """Compute the area under the ROC curve with ties at mid-rank (Mann-Whitney); None if one of the classes is empty.

    >>> auroc([0.1, 0.5, 0.5, 0.9], [False, False, True, True])
    0.875
    """
    return _area(*Ranking(scores, wrong).counts())


def estimate_auroc(scores: Sequence[float], wrong: Sequence[bool], *, resamples: int, seed: int) -> Auroc:
    """Estimate AUROC with a percentile bootstrap interval over problems; the same seed gives the same interval.

    >>> estimate_auroc([0.1, 0.9], [False, True], resamples=10, seed=0).value
    1.0
    """
    ranking = Ranking(scores, wrong)
    value = _area(*ranking.counts())
    areas = (
        []
        if value is None
        else [_area(*ranking.counts(index)) for index in resampled_problems(len(scores), resamples, seed)]
    )
    defined = [area for area in areas if area is not None]
    low, high = percentile_interval(defined)
    positives = int(ranking.wrong.sum())
    return Auroc(
        value=value,
        low=low,
        high=high,
        problems=len(scores),
        positives=positives,
        undefined=_why_undefined(len(scores), positives),
        skipped_resamples=len(areas) - len(defined),
    )


def estimate_difference(
    scores: Sequence[float], others: Sequence[float], wrong: Sequence[bool], *, resamples: int, seed: int
) -> tuple[float | None, float | None]:
    """Estimate the bootstrap interval of AUROC(scores) - AUROC(others) on the same resampled problems."""
    first, second = Ranking(scores, wrong), Ranking(others, wrong)
    differences = []
    for index in resampled_problems(len(scores), resamples, seed):
        areas = _area(*first.counts(index)), _area(*second.counts(index))
        if areas[0] is not None and areas[1] is not None:
            differences.append(areas[0] - areas[1])
    return percentile_interval(differences)


def roc_curve(scores: Sequence[float], wrong: Sequence[bool]) -> tuple[np.ndarray, np.ndarray]:
    """Compute false positive rate and true positive rate [k + 1], from (0, 0) to (1, 1); a tie is one slanted piece."""
    from sklearn import metrics  # takes a second to import

    ranking = Ranking(scores, wrong)
    false, true, _ = metrics.roc_curve(ranking.wrong, ranking.codes, drop_intermediate=False)
    return false, true


def roc_band(
    scores: Sequence[float], wrong: Sequence[bool], grid: np.ndarray, *, resamples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the pointwise bootstrap interval of the true positive rate at each false positive rate of `grid` [g]."""
    ranking = Ranking(scores, wrong)
    curves = []
    for index in resampled_problems(len(scores), resamples, seed):
        positives, negatives = ranking.counts(index)
        if positives.sum() and negatives.sum():
            curves.append(np.interp(grid, *_rates(positives, negatives)))
    return percentile_bands(curves)


def bins(scores: Sequence[float], wrong: Sequence[bool], *, count: int = 5, smallest: int = 30) -> list[Bin]:
    """Compute the accuracy in up to `count` bins of about equal size.

    Each bin has at least `smallest` problems if there are enough:

    1. Fill a bin from the most certain problem on. Equal scores stay in one bin, so a bin can be larger than its share
       (most teachers agree with themselves on a third of the problems or more).
    2. Divide the remaining problems again among the remaining bins.
    3. Add a rest smaller than `smallest` to the bin before it, unless only one bin would be left.
    """
    ranking = Ranking(scores, wrong)
    positives, negatives = ranking.counts()
    sizes = positives + negatives
    edges = _bin_edges(sizes.tolist(), min(count, max(1, len(scores) // smallest)), smallest)
    return [
        _bin(ranking.values[start:stop], sizes[start:stop], int(negatives[start:stop].sum())) for start, stop in edges
    ]


def largest_rise(table: Sequence[Bin]) -> float | None:
    """Return the largest rise of accuracy from a bin to the next, in standard errors; None for one bin.

    Negative if accuracy falls everywhere. Above 2, it is doubtful that accuracy falls.
    """
    rises = [
        (after.accuracy - before.accuracy) / math.hypot(after.standard_error, before.standard_error)
        for before, after in itertools.pairwise(table)
    ]
    return max(rises) if rises else None


def risk_coverage(scores: Sequence[float], wrong: Sequence[bool]) -> RiskCoverage:
    """Selective prediction: answer the most certain problems first and count the errors among them.

    >>> risk_coverage([0.1, 0.9], [False, True]).risk
    [0.0, 0.5]
    """
    ranking = Ranking(scores, wrong)
    positives, negatives = ranking.counts()
    sizes = positives + negatives
    total = len(scores)
    expected = np.repeat(positives / sizes, sizes)
    steps = np.arange(1, total + 1)
    risk = np.cumsum(expected) / steps
    errors = int(positives.sum())
    best = np.maximum(0, steps - (total - errors)) / steps
    return RiskCoverage(
        coverage=(steps / total).tolist(),
        risk=risk.tolist(),
        area=float(risk.mean()),
        area_at_best=float(best.mean()),
        area_at_random=errors / total,
    )


def _area(positives: np.ndarray, negatives: np.ndarray) -> float | None:
    """Area under the curve of counts per distinct score; None if one of the classes is empty."""
    from sklearn import metrics  # takes a second to import

    if not positives.any() or not negatives.any():
        return None
    return float(metrics.auc(*_rates(positives, negatives)))


def _rates(positives: np.ndarray, negatives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    true = np.cumsum(positives[::-1]) / positives.sum()
    false = np.cumsum(negatives[::-1]) / negatives.sum()
    return np.concatenate([[0.0], false]), np.concatenate([[0.0], true])


def _why_undefined(problems: int, positives: int) -> str | None:
    if not problems:
        return "no problem has a label"
    if not positives:
        return f"no positives: the teacher is right on all {problems} problems"
    if positives == problems:
        return f"no negatives: the teacher is wrong on all {problems} problems"
    return None


def _bin_edges(sizes: Sequence[int], count: int, smallest: int) -> list[tuple[int, int]]:
    """Ranges of distinct scores; `sizes` are the problems per distinct score."""
    edges: list[tuple[int, int]] = []
    start, inside, left = 0, 0, sum(sizes)
    for position, size in enumerate(sizes):
        inside += size
        target = max(smallest, left / max(1, min(count - len(edges), left // smallest)))
        # Stop before a tie that would overshoot by more than stopping now falls short.
        following = sizes[position + 1] if position + 1 < len(sizes) else 0
        enough = inside >= smallest and (inside >= target or inside + following - target > target - inside)
        if enough and len(edges) < count - 1:
            edges.append((start, position + 1))
            start, left, inside = position + 1, left - inside, 0
    if inside >= smallest or (inside and len(edges) < 2):
        edges.append((start, len(sizes)))
    elif inside:
        edges[-1] = (edges[-1][0], len(sizes))
    return edges


def _bin(values: np.ndarray, sizes: np.ndarray, correct: int) -> Bin:
    problems = int(sizes.sum())
    smoothed = (correct + 1) / (problems + 2)
    return Bin(
        low=float(values[0]),
        high=float(values[-1]),
        mean=float((values * sizes).sum() / problems),
        problems=problems,
        correct=correct,
        accuracy=correct / problems,
        standard_error=math.sqrt(smoothed * (1 - smoothed) / problems),
    )
