"""The statistics of an evaluation, compared with numbers from hand calculation and simulation.

Pinned: the standard error is clustered by problem; pass@k is unbiased; the share of variance that more samples could
remove is 0 for certain answers and 1 for coin flips; the error of a paired difference excludes the variance
that both models share.
"""

import itertools
import math

import numpy as np
import pytest

from sure_math.reporting.accuracy import mean_over_problems, paired_difference, pass_at_k, removable_share


def test_the_standard_error_counts_problems_not_answers() -> None:
    estimate = mean_over_problems([1.0, 0.0, 0.5, 0.5])
    assert estimate.value == 0.5
    assert estimate.error == pytest.approx(math.sqrt((0.25 + 0.25) / 3) / 2)
    assert mean_over_problems([0.25]).error is None


@pytest.mark.parametrize(
    ("right", "samples", "k"), [(0, 4, 2), (1, 4, 2), (3, 4, 2), (4, 4, 1), (2, 5, 3), (1, 16, 16)]
)
def test_pass_at_k_is_the_share_of_subsets_with_a_right_answer(right: int, samples: int, k: int) -> None:
    answers = [True] * right + [False] * (samples - right)
    subsets = list(itertools.combinations(answers, k))
    assert pass_at_k(right, samples, k) == pytest.approx(sum(any(subset) for subset in subsets) / len(subsets))


@pytest.mark.parametrize("k", [0, 17])
def test_pass_at_k_beyond_the_samples_is_refused(k: int) -> None:
    with pytest.raises(ValueError, match=f"k = {k}: must be from 1 to the number of samples, 16"):
        pass_at_k(1, 16, k)


def test_what_more_samples_could_remove() -> None:
    assert removable_share([0, 16, 16, 0], 16) == 0.0
    assert removable_share([8, 8, 8], 16) == 1.0
    assert removable_share([3], 16) is None and removable_share([1, 0], 1) is None
    # Problems that are 0.2 or 0.8: Var(p) = 0.09 between them, 0.16 / 16 = 0.01 from sampling.
    rng = np.random.default_rng(0)
    right = rng.binomial(16, rng.choice([0.2, 0.8], size=20_000))
    assert removable_share([int(count) for count in right], 16) == pytest.approx(0.1, abs=0.005)


def test_the_clustered_error_is_that_of_repeated_experiments() -> None:
    """Draw problems and samples 2,000 times: the spread of the mean is what the formula says, not the naive error."""
    rng = np.random.default_rng(1)
    shares = rng.binomial(16, rng.beta(0.3, 0.3, size=(2_000, 100))) / 16
    spread = shares.mean(axis=1).std()
    errors = [mean_over_problems(list(row)).error for row in shares[:200]]
    assert np.mean([error for error in errors if error]) == pytest.approx(spread, rel=0.05)
    naive = math.sqrt(0.25 / (100 * 16))
    assert spread > 2.5 * naive


def test_a_paired_difference_leaves_out_what_both_share() -> None:
    rng = np.random.default_rng(2)
    hardness = rng.uniform(size=200)
    better = np.minimum(1.0, hardness + 0.03)
    difference = paired_difference(list(hardness), list(better))
    assert difference.value == pytest.approx(0.03, abs=0.002) and difference.low > 0.02
    assert paired_difference([1, 0], [1, 0]).low == 0.0
