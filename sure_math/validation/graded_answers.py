"""What `validate` works on: problems with the sampled answers of a teacher, and what is known about which are right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sure_math.entropy import semantic_entropy
from sure_math.identity import statement


class ValidationInputError(ValueError):
    """The input cannot be read as graded answers; the message says what is missing and what there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What is known about one problem's samples without knowing the right answer."""

    entropy: float
    """H / log N in [0, 1] (1 - weight): 1 if fewer than two samples have an answer."""
    discrete_entropy: float
    """The same with equal weights."""
    majority_share: float
    mean_logprob: float | None
    """Mean over the samples of the mean log-probability per token, nats."""
    mean_tokens: float | None
    num_clusters: int
    weight_kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledProblem:
    """One problem with its N samples; every per-sample tuple has length N."""

    problem_id: str
    problem: str
    split: str | None
    tier: str | None
    strategy: str | None
    gold: str | None
    answers: tuple[str | None, ...]
    cluster_ids: tuple[int, ...]
    grades: tuple[bool, ...] | None
    """Whether each sample is right, if the input says so."""
    sum_logprobs: tuple[float, ...] | None
    token_counts: tuple[int, ...] | None
    incomplete: bool
    """Some sample has no final answer or was cut at the length limit."""
    majority: str | None
    measures: Measures
    system: str | None = None
    """System prompt of the problem; None if it has none."""
    greedy_answer: str | None = None
    has_id: bool = True
    """Whether the input has an id for the problem; otherwise `problem_id` is its place in the input."""
    greedy_correct: bool | None = None
    """The stored verdict of a published dataset; None without a reference answer, or without a greedy sample."""

    @property
    def statement(self) -> str:
        """All that says what is asked: the system prompt, if there is one, and the problem."""
        return statement(self.problem, self.system)


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedAnswers:
    """Everything that was read."""

    problems: list[SampledProblem]
    equivalence: str
    has_greedy: bool
    too_few: int
    """Problems with fewer than two samples; they have no entropy and are left out."""
    origin: str
    """Fingerprint of a dataset, or how the columns of a file were read."""


def measure_without(row: SampledProblem, left_out: int) -> Measures:
    """Measure the N - 1 >= 2 samples beside the sample with the index `left_out`.

    The samples keep the clusters that all N were put into.
    """
    rest = [index for index in range(len(row.answers)) if index != left_out]
    return measure(
        [row.cluster_ids[index] for index in rest],
        [row.answers[index] for index in rest],
        None if row.sum_logprobs is None else [row.sum_logprobs[index] for index in rest],
        None if row.token_counts is None else [row.token_counts[index] for index in rest],
    )


def measure(
    ids: Sequence[int],
    answers: Sequence[str | None],
    sum_logprobs: Sequence[float] | None,
    token_counts: Sequence[int] | None,
) -> Measures:
    """Measure entropy, majority share, mean log-probability and mean length of n >= 2 samples.

    >>> measure([0, 0, 1, 1], ["4", "4", "5", "5"], None, None).entropy
    0.5
    """
    known = sum_logprobs is not None and token_counts is not None
    result = semantic_entropy(ids, sum_logprobs if known else None, token_counts if known else None, answers=answers)
    ratios = (
        [total / count for total, count in zip(sum_logprobs or (), token_counts or (), strict=True)] if known else []
    )
    return Measures(
        entropy=1 - result.weight,
        discrete_entropy=1 - result.discrete_weight,
        majority_share=result.majority_share,
        mean_logprob=math.fsum(ratios) / len(ratios) if ratios else None,
        mean_tokens=math.fsum(token_counts) / len(token_counts) if token_counts and all(token_counts) else None,
        num_clusters=result.num_clusters,
        weight_kind=result.weight_kind,
    )
