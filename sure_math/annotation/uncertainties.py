"""Uncertainties: the phase `entropy`, which measures how far the teacher's answers to a problem disagree."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from sure_math.cluster import EQUIVALENCES
from sure_math.config import BuildConfig
from sure_math.entropy import majority_answer, semantic_entropy
from sure_math.rows import Answer, Cluster, Output, Sample, Uncertainty
from sure_math.storage.phase import Phase

VERSION = 1
"""Raise it with every change of this file or of `sure_math/entropy.py` that makes other rows of the same inputs."""


def entropy_phase(config: BuildConfig) -> Phase[Uncertainty]:
    """Measure the teacher's uncertainty on every problem."""
    equivalence = config.cluster.equivalence
    canonical = EQUIVALENCES[equivalence].canonical

    def run(samples: Sequence[Sample], answers: Sequence[Answer], clusters: Sequence[Cluster]) -> Output[Uncertainty]:
        return Output(rows=entropy(samples, answers, clusters, canonical=canonical))

    settings = {"equivalence": equivalence, "version": VERSION}
    return Phase(name="entropy", makes=Uncertainty, run=run, settings=settings)


def entropy(
    samples: Sequence[Sample],
    answers: Sequence[Answer],
    clusters: Sequence[Cluster],
    *,
    canonical: Callable[[str], str],
) -> list[Uncertainty]:
    """Make one `Uncertainty` per `Cluster` of a shard, in the same order. The greedy sample (index -1) takes no part.

    Args:
        canonical: orders answers if a majority is tied, as `sure_math.equivalence.canonical` does.

    Raises:
        KeyError: a sample of a cluster row is not in the shard.
    """
    sample_by_key = {(row.problem_id, row.sample_index): row for row in samples}
    answer_by_key = {(row.problem_id, row.sample_index): row for row in answers}
    rows = []
    for cluster in clusters:
        keys = [(cluster.problem_id, index) for index in range(len(cluster.cluster_ids))]
        rows.append(
            _uncertainty(cluster, [sample_by_key[key] for key in keys], [answer_by_key[key] for key in keys], canonical)
        )
    return rows


def _uncertainty(
    cluster: Cluster, samples: Sequence[Sample], answers: Sequence[Answer], canonical: Callable[[str], str]
) -> Uncertainty:
    ids, strings = cluster.cluster_ids, [row.answer for row in answers]
    token_counts = [row.token_count for row in samples]
    log_likelihoods = [row.sum_logprob for row in samples if row.sum_logprob is not None and _usable(row)]
    known = len(log_likelihoods) == len(samples)
    if len(samples) > 1:
        result = semantic_entropy(ids, log_likelihoods if known else None, token_counts, answers=strings)
    else:
        # The config refuses N = 1, but stored samples may hold a problem with one sample. Its weight is 0,
        # as for every problem with fewer than two answers. A second sample that is left out gives this result.
        result = semantic_entropy([*ids, -1], None, None, answers=[*strings, None])
    return Uncertainty(
        problem_id=cluster.problem_id,
        num_samples=len(samples),
        semantic_entropy=result.entropy,
        weight=result.weight,
        weight_kind=result.weight_kind,
        discrete_entropy=result.discrete_entropy,
        intra_cluster_entropy=result.intra_cluster_entropy,
        majority_answer=majority_answer(ids, strings, canonical),
        majority_share=result.majority_share,
        num_clusters=result.num_clusters,
        num_missing=strings.count(None),
        num_truncated=sum(
            sample.finish_reason == "length" or answer.missing == "truncated"
            for sample, answer in zip(samples, answers, strict=True)
        ),
        mean_tokens=math.fsum(token_counts) / len(samples),
        mean_logprob=_mean_of_ratios(log_likelihoods, token_counts) if known else None,
        note=_note(ids, strings, unknown=len(samples) - len(log_likelihoods)),
    )


def _usable(row: Sample) -> bool:
    """Whether Eq. 4 can use the sample. Numbers that came with stored samples may be anything."""
    return row.sum_logprob is not None and math.isfinite(row.sum_logprob) and row.sum_logprob <= 0 < row.token_count


def _mean_of_ratios(sums: Sequence[float], counts: Sequence[int]) -> float:
    return math.fsum(total / count for total, count in zip(sums, counts, strict=True)) / len(sums)


def _note(ids: Sequence[int], strings: Sequence[str | None], *, unknown: int) -> str | None:
    notes = []
    if unknown:
        notes.append(f"no usable log-probability for {unknown} of {len(ids)} samples")
    if -1 in ids:
        notes.append(f"N is the {len(ids) - list(ids).count(-1)} answered of {len(ids)} samples")
    if len(strings) - list(strings).count(None) < 2:
        notes.append("fewer than two answered samples")
    return "; ".join(notes) or None
