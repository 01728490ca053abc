"""Semantic entropy of one problem's samples: Eq. 4 to 6 of the paper, in plain floats.

Every sum over samples is exactly rounded (`math.fsum`), so the order of the samples does not change a single bit.
"""

import math
import operator
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from sure_math.rows import WeightKind

ROUNDING = 1e-12
"""How far a weight may lie outside [0, 1]. A weight this near to 0 or 1 is set to 0 or 1; one further out is an
error."""
UNANIMOUS = 1e-9
"""An H / log N below this is 0: what is left is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SemanticEntropy:
    """The uncertainty of one problem. Entropies are in nats, weights and shares in [0, 1]."""

    entropy: float
    """Eq. 5; the discrete entropy if there are no log-likelihoods."""
    weight: float
    """Eq. 6; 0 if fewer than two samples have an answer."""
    weight_kind: WeightKind
    discrete_entropy: float
    """Eq. 5 with p_c = n_c / n: every sample counts the same."""
    discrete_weight: float
    majority_share: float
    """Size of the largest cluster of answers over `num_samples`. A cluster of missing answers cannot be a majority."""
    intra_cluster_entropy: float
    """Sum over clusters of p_c times the entropy of the exact strings within c, with the same weights as `entropy`."""
    num_clusters: int
    num_samples: int
    """N of Eq. 6."""


def semantic_entropy(
    ids: Sequence[int],
    log_likelihoods: Sequence[float] | None,
    token_counts: Sequence[int] | None,
    *,
    num_samples: int | None = None,
    answers: Sequence[str | None] | None = None,
) -> SemanticEntropy:
    """Compute the semantic entropy of n samples from their cluster ids (Eq. 4 to 6).

    >>> even = semantic_entropy([0, 0, 1, 1], None, None)
    >>> round(even.entropy, 4), even.weight, even.majority_share
    (0.6931, 0.5, 0.5)
    >>> likely = semantic_entropy([0, 0, 1, 1], [-1.0, -1.0, -20.0, -20.0], [10, 10, 10, 10])
    >>> round(likely.entropy, 4), round(likely.weight, 4)
    (0.3866, 0.7211)

    Args:
        ids: [n] cluster of each sample. A sample with the id -1 takes no part in anything.
        log_likelihoods: [n] sum of the log-probabilities of the generated tokens, nats, finite and at most 0. They are
            divided by `token_counts` here (Eq. 4). None: the discrete estimate.
        token_counts: [n] generated tokens, at least 1. Not read without `log_likelihoods`.
        num_samples: N of Eq. 6, the number of samples asked for; by default the number of samples not left out.
        answers: [n] exact answer strings, None for a sample without an answer. By default every sample that is not
            left out has an answer, and each cluster is one string (so `intra_cluster_entropy` is 0).

    Raises:
        ValueError: there are fewer than two samples (Eq. 6 divides by log N), lengths differ, or a value is out of
            range.
    """
    kept = _kept(ids, {"log_likelihoods": log_likelihoods, "token_counts": token_counts, "answers": answers})
    total = _num_samples(num_samples, len(kept), answers=len(ids))
    clusters = [operator.index(ids[sample]) for sample in kept]
    strings = [None if answers is None else answers[sample] for sample in kept]
    answered = [answers is None or string is not None for string in strings]
    masses = [1.0] * len(kept)
    if log_likelihoods is not None:
        masses = _masses([_mean_logprob(sample, log_likelihoods, token_counts) for sample in kept])
    entropy = entropy_of(_sums_by_group(clusters, masses))
    discrete = entropy_of(_sums_by_group(clusters, [1.0] * len(kept)))
    defined = sum(answered) >= 2
    sizes = Counter(cluster for cluster, has_answer in zip(clusters, answered, strict=True) if has_answer)
    return SemanticEntropy(
        entropy=entropy,
        weight=_weight(entropy, total) if defined else 0.0,
        weight_kind="discrete" if log_likelihoods is None else "weighted",
        discrete_entropy=discrete,
        discrete_weight=_weight(discrete, total) if defined else 0.0,
        majority_share=max(sizes.values(), default=0) / max(total, 1),
        intra_cluster_entropy=_intra_cluster_entropy(clusters, strings, masses),
        num_clusters=len(set(clusters)),
        num_samples=total,
    )


def normalised_entropy(nats: float, num_samples: int) -> float:
    """Compute H / log N, the share of the largest entropy that N samples can have; 1 for fewer than two samples.

    >>> normalised_entropy(math.log(2), 8)
    0.33333333333333337
    """
    return nats / math.log(num_samples) if num_samples > 1 else 1.0


def entropy_in_nats(normalised: float, num_samples: int) -> float:
    """H of `normalised_entropy`; infinite for fewer than two samples, which tell nothing."""
    return normalised * math.log(num_samples) if num_samples > 1 else math.inf


def entropy_of(masses: Sequence[float]) -> float:
    """Compute the entropy in nats of the distribution proportional to `masses` [k], each at least 0; 0 if all are 0.

    >>> round(entropy_of([2.0, 2.0]), 4), entropy_of([3.0])
    (0.6931, 0.0)
    """
    total = math.fsum(masses)
    shares = [mass / total for mass in masses if mass > 0]
    # The smallest masses can round to a share of 0, whose term has the limit 0. Adding 0.0 turns the -0.0 of a single
    # cluster into 0.0.
    return max(0.0, -math.fsum(share * math.log(share) for share in shares if share > 0)) + 0.0


def majority_answer(ids: Sequence[int], answers: Sequence[str | None], canonical: Callable[[str], str]) -> str | None:
    """Return the most frequent exact string of the largest cluster of answers [n]; None if no sample has an answer.

    If clusters or strings are tied, the first in the order of canonical forms is taken.

    >>> majority_answer([0, 0, 1], ["0.5", "1/2", "3"], canonical=str.strip)
    '0.5'
    """

    def rank(string: str) -> tuple[str, str]:
        return canonical(string), string

    members: dict[int, list[str]] = {}
    for cluster_id, answer in zip(ids, answers, strict=True):
        if answer is not None and cluster_id >= 0:
            members.setdefault(cluster_id, []).append(answer)
    if not members:
        return None
    largest = min(members.values(), key=lambda strings: (-len(strings), min(map(rank, strings))))
    counts = Counter(largest)
    return min(counts, key=lambda string: (-counts[string], rank(string)))


def _kept(ids: Sequence[int], columns: dict[str, Sequence[object] | None]) -> list[int]:
    """Indices of the samples that are not left out, after the checks that concern all of them."""
    if len(ids) < 2:
        raise ValueError(f"ids has {len(ids)} entries: Eq. 6 divides by log N, so at least two samples are needed")
    for name, column in columns.items():
        if column is not None and len(column) != len(ids):
            raise ValueError(f"{name} has {len(column)} entries and ids has {len(ids)}: give one per sample")
    for sample, cluster in enumerate(ids):
        if operator.index(cluster) < -1:
            raise ValueError(f"ids[{sample}] is {cluster}: a cluster id is 0 or more, or -1 for a sample left out")
    return [sample for sample, cluster in enumerate(ids) if cluster != -1]


def _num_samples(num_samples: int | None, kept: int, *, answers: int) -> int:
    if num_samples is None:
        return kept
    if num_samples < 2:
        raise ValueError(f"num_samples is {num_samples}: Eq. 6 divides by log N, so at least two samples are needed")
    if num_samples < kept:
        raise ValueError(
            f"num_samples is {num_samples}, but {kept} of the {answers} samples take part: give the number asked for"
        )
    return num_samples


def _mean_logprob(sample: int, log_likelihoods: Sequence[float], token_counts: Sequence[int] | None) -> float:
    """Mean log-probability per generated token of one sample, nats."""
    if token_counts is None:
        raise ValueError("token_counts is None: Eq. 4 divides each log-likelihood by its number of tokens")
    total, count = float(log_likelihoods[sample]), token_counts[sample]
    if not math.isfinite(total) or total > 0:
        raise ValueError(
            f"log_likelihoods[{sample}] is {total}: a sum of log-probabilities is finite and at most 0; "
            "pass log_likelihoods=None for the discrete estimate"
        )
    if count < 1:
        raise ValueError(f"token_counts[{sample}] is {count}: a sample has at least one token, its stop token")
    return total / count


def _weight(entropy_nats: float, num_samples: int) -> float:
    """Compute Eq. 6. A weight that differs from 0 or 1 only by rounding becomes exactly 0 or 1."""
    weight = 1.0 - normalised_entropy(entropy_nats, num_samples)
    if not -ROUNDING <= weight <= 1.0 + ROUNDING:
        raise ValueError(
            f"weight is {weight} for an entropy of {entropy_nats} nats and N = {num_samples}: outside [0, 1]"
        )
    if weight <= ROUNDING:
        return 0.0
    return 1.0 if weight >= 1.0 - ROUNDING else weight


def _intra_cluster_entropy(clusters: Sequence[int], strings: Sequence[str | None], masses: Sequence[float]) -> float:
    """Sum over clusters of p_c H(string | c); with the entropy over clusters it makes the entropy over strings."""
    total = math.fsum(masses)
    members: dict[int, list[int]] = {}
    for index, cluster in enumerate(clusters):
        members.setdefault(cluster, []).append(index)
    parts = []
    for inside in members.values():
        inside_masses = [masses[index] for index in inside]
        share = math.fsum(inside_masses) / total
        parts.append(share * entropy_of(_sums_by_group([strings[index] for index in inside], inside_masses)))
    return math.fsum(parts)


def _masses(scores: Sequence[float]) -> list[float]:
    """exp(score) up to a common factor: the largest is 1, so that scores of -1e7 lose no digits and never overflow."""
    top = max(scores, default=0.0)
    return [math.exp(score - top) for score in scores]


def _sums_by_group(groups: Sequence[Hashable], masses: Sequence[float]) -> list[float]:
    members: dict[Hashable, list[float]] = {}
    for group, mass in zip(groups, masses, strict=True):
        members.setdefault(group, []).append(mass)
    return [math.fsum(group_masses) for group_masses in members.values()]
