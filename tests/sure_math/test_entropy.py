"""Pins of `sure_math/entropy.py`:

- Eq. 5 and 6 on all 22 partitions of N = 8, and the published vectors of uqlm, jlko and lm-polygraph, to 1e-12;
- Eq. 4 on a toy input, and its stability at log-likelihoods of -1e7;
- weights of exactly 1 and 0 at the ends, never -0.0; fewer than two answers give weight 0 under every policy;
- bounds, independence of the order of the samples bit for bit, and total = inter + sum of p_c x intra_c (Hypothesis);
- errors that name the field and the value.
"""

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sure_math.entropy import SemanticEntropy, entropy_of, majority_answer, semantic_entropy

UNHURRIED = settings(deadline=None)
"""A busy machine is not a failure."""
EXACT = 1e-12
PARTITIONS_OF_EIGHT = [
    ([8], 0.0, 1.0),
    ([7, 1], 0.376770161256437, 0.818811852266801),
    ([6, 2], 0.562335144618808, 0.729573958513622),
    ([6, 1, 1], 0.735621939758795, 0.646240625180289),
    ([5, 3], 0.661563238157982, 0.681855332358345),
    ([5, 2, 1], 0.900256051268537, 0.567068353101534),
    ([5, 1, 1, 1], 1.073542846408523, 0.483735019768201),
    ([4, 4], 0.693147180559945, 0.666666666666667),
    ([4, 3, 1], 0.974314752869349, 0.531453645923478),
    ([4, 2, 2], 1.039720770839918, 0.5),
    ([4, 2, 1, 1], 1.213007565979904, 0.416666666666667),
    ([4, 1, 1, 1, 1], 1.386294361119891, 0.333333333333333),
    ([3, 3, 2], 1.082195530038767, 0.479573958513622),
    ([3, 3, 1, 1], 1.255482325178753, 0.396240625180289),
    ([3, 2, 2, 1], 1.320888343149322, 0.364786979256811),
    ([3, 2, 1, 1, 1], 1.494175138289308, 0.281453645923478),
    ([3, 1, 1, 1, 1, 1], 1.667461933429295, 0.198120312590145),
    ([2, 2, 2, 2], 1.386294361119891, 0.333333333333333),
    ([2, 2, 2, 1, 1], 1.559581156259877, 0.25),
    ([2, 2, 1, 1, 1, 1], 1.732867951399863, 0.166666666666667),
    ([2, 1, 1, 1, 1, 1, 1], 1.906154746539849, 0.083333333333333),
    ([1] * 8, 2.079441541679836, 0.0),
]
UQLM = [
    ([6], 0.0, 1.0),
    ([2, 2, 1, 1], 1.3296613488547582, 0.25790187148969435),
    ([4, 2], 0.6365141682948128, 0.644754678724236),
    ([5, 1], 0.45056120886630463, 0.7485370014199393),
    ([1, 4, 1], 0.8675632284814612, 0.5158037429793888),
]


def ids_of(sizes: Sequence[int]) -> list[int]:
    return [cluster for cluster, size in enumerate(sizes) for _ in range(size)]


@pytest.mark.parametrize(("sizes", "expected", "weight"), PARTITIONS_OF_EIGHT + UQLM)
def test_partitions(sizes: list[int], expected: float, weight: float) -> None:
    ids = ids_of(sizes)
    count = len(ids)
    for log_likelihoods in (None, [-50.0] * count, [-1e7] * count):
        result = semantic_entropy(ids, log_likelihoods, [100] * count)
        assert result.entropy == pytest.approx(expected, abs=EXACT)
        assert result.weight == pytest.approx(weight, abs=EXACT)
        assert result.discrete_entropy == pytest.approx(expected, abs=EXACT)
        assert result.discrete_weight == pytest.approx(weight, abs=EXACT)
        assert result.majority_share == max(sizes) / count
        assert result.num_clusters == len(sizes)
        assert result.num_samples == count


def test_the_table_has_every_partition_of_eight() -> None:
    def partitions(total: int, largest: int) -> list[tuple[int, ...]]:
        if total == 0:
            return [()]
        return [
            (first, *rest) for first in range(min(total, largest), 0, -1) for rest in partitions(total - first, first)
        ]

    assert sorted(tuple(sizes) for sizes, _, _ in PARTITIONS_OF_EIGHT) == sorted(partitions(8, 8))


def test_jlko_vector() -> None:
    assert semantic_entropy([0, 1, 2, 1], None, None).entropy == pytest.approx(1.0397207708399179, abs=EXACT)


def test_toy_input() -> None:
    counts = [100, 120, 80, 150]
    sums = [mean * count for mean, count in zip([-0.1, -0.2, -0.3, -0.4], counts, strict=True)]
    result = semantic_entropy([0, 0, 1, 2], sums, counts)
    assert result.entropy == pytest.approx(0.999641360566204, abs=EXACT)
    assert result.weight == pytest.approx(0.2789111832218206, abs=EXACT)
    assert result.discrete_entropy == pytest.approx(1.0397207708399179, abs=EXACT)
    assert result.weight_kind == "weighted"


def test_two_clusters_of_four_a_tenth_of_a_nat_apart() -> None:
    result = semantic_entropy(ids_of([4, 4]), [-10.0] * 4 + [-20.0] * 4, [100] * 8)
    assert result.entropy == pytest.approx(0.69190, abs=5e-6)
    assert result.weight == pytest.approx(0.66727, abs=5e-6)


def test_lm_polygraph_class_is_counted_once_per_sample() -> None:
    # Four ways to say Paris with probabilities .6, .6, .6, .3, and London with .1.
    probabilities = [0.6, 0.6, 0.6, 0.3, 0.1]
    result = semantic_entropy([0, 0, 0, 0, 1], [math.log(p) for p in probabilities], [1] * 5)
    paris, london = 2.1 / 2.2, 0.1 / 2.2
    assert result.entropy == pytest.approx(-paris * math.log(paris) - london * math.log(london), abs=EXACT)
    # Each distinct text once, as in the thread: .9 and .1.
    once = semantic_entropy([0, 0, 1], [math.log(p) for p in (0.6, 0.3, 0.1)], [1] * 3)
    assert once.entropy == pytest.approx(-0.9 * math.log(0.9) - 0.1 * math.log(0.1), abs=EXACT)


@pytest.mark.parametrize("count", range(2, 65))
def test_exact_ends(count: int) -> None:
    scores = [-123.456] * count
    unanimous = semantic_entropy([0] * count, scores, [7] * count)
    assert (unanimous.weight, unanimous.discrete_weight, unanimous.entropy) == (1.0, 1.0, 0.0)
    assert math.copysign(1.0, unanimous.entropy) == math.copysign(1.0, unanimous.discrete_entropy) == 1.0
    scattered = semantic_entropy(list(range(count)), scores, [7] * count)
    assert (scattered.weight, scattered.discrete_weight) == (0.0, 0.0)
    assert math.copysign(1.0, scattered.weight) == 1.0


def test_stable_at_huge_log_likelihoods() -> None:
    flat = semantic_entropy([0, 0, 1, 1], [-1e7] * 4, [1] * 4)
    assert flat.entropy == pytest.approx(math.log(2), abs=EXACT)
    steep = semantic_entropy([0, 0, 1, 2], [-1e7, -1e7, -1.0, -5e6], [1] * 4)
    assert (steep.entropy, steep.weight) == (0.0, 1.0)
    assert steep.discrete_entropy == pytest.approx(1.0397207708399179, abs=EXACT)
    shifted = semantic_entropy([0, 1, 1, 2], [-1e7, -1e7 - 1, -1e7 - 2, -1e7], [1] * 4)
    plain = semantic_entropy([0, 1, 1, 2], [0.0, -1.0, -2.0, 0.0], [1] * 4)
    assert shifted.entropy == pytest.approx(plain.entropy, abs=EXACT)
    assert shifted.weight == pytest.approx(plain.weight, abs=EXACT)


def test_num_samples_is_the_number_asked_for() -> None:
    assert semantic_entropy([0, 0, 1, 1], None, None, num_samples=8).weight == pytest.approx(1 - 1 / 3, abs=EXACT)
    assert semantic_entropy([0, 0, 1, 1], None, None, num_samples=8).majority_share == 2 / 8


def test_left_out_samples_count_nowhere() -> None:
    result = semantic_entropy([0, -1, 0, 1, -1], [-1.0, math.nan, -1.0, -1.0, 5.0], [1, 0, 1, 1, 0])
    assert result == semantic_entropy([0, 0, 1], [-1.0] * 3, [1] * 3)
    assert result.num_samples == 3


MISSING_CASES = [
    # ids, answers, weight, majority share, clusters
    ([0, 1, 2, 3], [None] * 4, 0.0, 0.0, 4),  # own
    ([0, 0, 0, 0], [None] * 4, 0.0, 0.0, 1),  # shared
    ([-1, -1, -1, -1], [None] * 4, 0.0, 0.0, 0),  # exclude
    ([0, 1, 1, 1], ["3", None, None, None], 0.0, 0.25, 2),  # shared, one answer
    ([0, -1, -1, -1], ["3", None, None, None], 0.0, 1.0, 1),  # exclude, one answer
    ([0, 1, 1, 1], ["3", "4", "4", None], 1 - (0.25 * math.log(4) + 0.75 * math.log(4 / 3)) / math.log(4), 0.5, 2),
    ([0, 0, -1, -1], ["3", "3", None, None], 1.0, 1.0, 1),
]


@pytest.mark.parametrize(("ids", "answers", "weight", "share", "clusters"), MISSING_CASES)
def test_missing_answers(ids: list[int], answers: list[str | None], weight: float, share: float, clusters: int) -> None:
    result = semantic_entropy(ids, None, None, answers=answers)
    assert result.weight == result.discrete_weight == pytest.approx(weight, abs=EXACT)
    assert result.majority_share == share
    assert result.num_clusters == clusters


ERRORS = [
    ({"ids": [0]}, "ids has 1 entries"),
    ({"ids": []}, "ids has 0 entries"),
    ({"ids": [0, -2]}, r"ids\[1\] is -2"),
    ({"num_samples": 1}, "num_samples is 1"),
    ({"num_samples": 0}, "num_samples is 0"),
    ({"ids": [0, 1, 2], "num_samples": 2}, "num_samples is 2, but 3"),
    ({"log_likelihoods": [-1.0]}, "log_likelihoods has 1 entries and ids has 2"),
    ({"log_likelihoods": [-1.0] * 2, "token_counts": [1] * 3}, "token_counts has 3 entries and ids has 2"),
    ({"answers": ["1"]}, "answers has 1 entries and ids has 2"),
    ({"log_likelihoods": [-1.0, math.nan], "token_counts": [1, 1]}, r"log_likelihoods\[1\] is nan"),
    ({"log_likelihoods": [-math.inf, -1.0], "token_counts": [1, 1]}, r"log_likelihoods\[0\] is -inf"),
    ({"log_likelihoods": [-1.0, 0.25], "token_counts": [1, 1]}, r"log_likelihoods\[1\] is 0.25"),
    ({"log_likelihoods": [-1.0, -1.0], "token_counts": [1, 0]}, r"token_counts\[1\] is 0"),
    ({"log_likelihoods": [-1.0, -1.0], "token_counts": None}, "token_counts is None"),
]


@pytest.mark.parametrize(("changes", "message"), ERRORS)
def test_errors_name_the_field_and_the_value(changes: dict, message: str) -> None:
    arguments = {"ids": [0, 1], "log_likelihoods": None, "token_counts": None} | changes
    with pytest.raises(ValueError, match=message):
        semantic_entropy(**arguments)


@st.composite
def sampled(draw: st.DrawFn) -> tuple[list[int], list[float], list[int], list[str]]:
    count = draw(st.integers(2, 12))
    ids = draw(st.lists(st.integers(0, 4), min_size=count, max_size=count))
    sums = draw(st.lists(st.floats(-1e7, 0.0), min_size=count, max_size=count))
    counts = draw(st.lists(st.integers(1, 8192), min_size=count, max_size=count))
    strings = [f"{cluster} written {draw(st.integers(0, 2))}" for cluster in ids]
    return ids, sums, counts, strings


@UNHURRIED
@given(sampled())
def test_bounds(samples: tuple[list[int], list[float], list[int], list[str]]) -> None:
    ids, sums, counts, strings = samples
    result = semantic_entropy(ids, sums, counts, answers=strings)
    assert 0.0 <= result.weight <= 1.0
    assert 0.0 <= result.discrete_weight <= 1.0
    for value in (result.entropy, result.discrete_entropy):
        assert 0.0 <= value <= math.log(result.num_clusters) + EXACT
    assert result.intra_cluster_entropy >= 0.0
    assert 1 / len(ids) <= result.majority_share <= 1.0


@UNHURRIED
@given(sampled(), st.randoms(use_true_random=False))
def test_order_of_the_samples_changes_nothing(
    samples: tuple[list[int], list[float], list[int], list[str]], generator: random.Random
) -> None:
    ids, sums, counts, strings = samples
    order = list(range(len(ids)))
    generator.shuffle(order)
    names = {cluster: number for number, cluster in enumerate(dict.fromkeys(ids[index] for index in order))}
    shuffled = semantic_entropy(
        [names[ids[index]] for index in order],
        [sums[index] for index in order],
        [counts[index] for index in order],
        answers=[strings[index] for index in order],
    )
    straight = semantic_entropy(ids, sums, counts, answers=strings)
    assert shuffled == straight


@UNHURRIED
@given(sampled(), st.booleans())
def test_total_is_inter_plus_intra(
    samples: tuple[list[int], list[float], list[int], list[str]], weighted: bool
) -> None:
    ids, sums, counts, strings = samples
    log_likelihoods = sums if weighted else None
    result = semantic_entropy(ids, log_likelihoods, counts, answers=strings)
    by_string = [sorted(set(strings)).index(string) for string in strings]
    total = semantic_entropy(by_string, log_likelihoods, counts).entropy
    assert result.entropy + result.intra_cluster_entropy == pytest.approx(total, abs=EXACT)


def test_intra_cluster_entropy_values() -> None:
    result = semantic_entropy([0, 0, 0, 0, 1, 1, 1, 1], None, None, answers=["1/2", "0.5", "1/2", "0.5", *["7"] * 4])
    assert result.intra_cluster_entropy == pytest.approx(0.5 * math.log(2), abs=EXACT)
    assert semantic_entropy([0, 0, 1, 1], None, None).intra_cluster_entropy == 0.0


def test_entropy_of_nothing_is_zero() -> None:
    assert entropy_of([]) == 0.0


@pytest.mark.parametrize("tiny", [5e-324, 1e-320, 1e-300])
def test_a_mass_whose_share_rounds_to_zero_adds_nothing(tiny: float) -> None:
    assert entropy_of([*[1.0] * 11, tiny]) == pytest.approx(math.log(11), abs=EXACT)


MAJORITY = [
    ([0, 1, 1], ["a", "b", "b"], "b"),
    ([0, 0, 1, 1], ["z", "z", "b", "b"], "b"),  # tie of clusters: sorted canonical answer
    ([0, 0, 1, 1], ["2", "1/1", "1", "3"], "1"),  # tie of strings within the tied cluster that sorts first
    ([0, 1, 1, 1], ["a", None, None, None], "a"),  # never the missing one
    ([-1, -1], [None, None], None),
    ([0, 0, 0], ["0.5", "1/2", "0.5"], "0.5"),
]


@pytest.mark.parametrize(("ids", "answers", "expected"), MAJORITY)
def test_majority_answer(ids: list[int], answers: list[str | None], expected: str | None) -> None:
    assert majority_answer(ids, answers, str.strip) == expected


def test_result_is_frozen() -> None:
    result: SemanticEntropy = semantic_entropy([0, 1], None, None)
    with pytest.raises(AttributeError):
        result.weight = 1.0  # type: ignore[misc]
