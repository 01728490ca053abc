"""Pins of `sure_math/annotation/uncertainties.py`: the rows of the entropy phase, and the notes on unusual weights."""

import math

import pytest

from sure_math.annotation.uncertainties import entropy
from sure_math.entropy import semantic_entropy
from sure_math.rows import Answer, Cluster, FinishReason, Missing, Sample


def sample(index: int, *, total: float | None = -10.0, tokens: int = 20, finish: FinishReason = "stop") -> Sample:
    return Sample(
        problem_id="p",
        sample_index=index,
        text="",
        token_count=tokens,
        sum_logprob=total,
        finish_reason=finish,
        logprob_mode="none" if total is None else "raw",
    )


def answer(index: int, text: str | None, missing: Missing | None = None) -> Answer:
    return Answer(problem_id="p", sample_index=index, answer=text, missing=missing)


def clustered(*ids: int) -> Cluster:
    return Cluster(problem_id="p", cluster_ids=ids, judge_calls=0, undecided=0, conflicts=0)


def test_phase_row() -> None:
    samples = [sample(-1), sample(0), sample(1, total=-30.0, tokens=30), sample(2), sample(3, finish="length")]
    answers = [answer(-1, "9"), answer(0, "1/2"), answer(1, "3"), answer(2, "0.5"), answer(3, None, "truncated")]
    (row,) = entropy(samples, answers, [clustered(0, 1, 0, 2)], canonical=str.strip)
    expected = semantic_entropy([0, 1, 0, 2], [-10.0, -30.0, -10.0, -10.0], [20, 30, 20, 20])
    assert (row.semantic_entropy, row.weight, row.weight_kind) == (expected.entropy, expected.weight, "weighted")
    assert (row.majority_answer, row.majority_share, row.num_clusters) == ("0.5", 0.5, 3)
    assert (row.num_samples, row.num_missing, row.num_truncated) == (4, 1, 1)
    assert (row.mean_tokens, row.mean_logprob) == (22.5, -0.625)
    assert row.intra_cluster_entropy > 0
    assert row.note is None


PHASE_NOTES = [
    # ids, answers, samples, weight, kind, note
    ([0, 0], ["1", "1"], [sample(0), sample(1, total=None)], 1.0, "discrete", "no usable log-probability for 1 of 2"),
    ([0, 0], ["1", "1"], [sample(0, tokens=0), sample(1)], 1.0, "discrete", "no usable log-probability for 1 of 2"),
    (
        [0, 0],
        ["1", "1"],
        [sample(0, total=math.nan), sample(1)],
        1.0,
        "discrete",
        "no usable log-probability for 1 of 2",
    ),
    ([0, 1], ["1", None], [sample(0), sample(1)], 0.0, "weighted", "fewer than two answered samples"),
    ([0, -1, 0], ["1", None, "1"], [sample(0), sample(1), sample(2)], 1.0, "weighted", "N is the 2 answered of 3"),
    ([-1, -1], [None, None], [sample(0), sample(1)], 0.0, "weighted", "fewer than two answered samples"),
    ([0], ["1"], [sample(0)], 0.0, "discrete", "fewer than two answered samples"),
]


@pytest.mark.parametrize(("ids", "strings", "samples", "weight", "kind", "note"), PHASE_NOTES)
def test_phase_says_why_a_weight_is_not_plain(
    ids: list[int], strings: list[str | None], samples: list[Sample], weight: float, kind: str, note: str
) -> None:
    answers = [answer(index, text, None if text else "unboxed") for index, text in enumerate(strings)]
    (row,) = entropy(samples, answers, [clustered(*ids)], canonical=str.strip)
    assert (row.weight, row.weight_kind) == (weight, kind)
    assert note in (row.note or "")
    assert (row.mean_logprob is None) == ("no usable" in (row.note or ""))
