"""The numbers of a dataset's card, added up one problem at a time.

All of them are sums or counts, so memory does not grow with the number of problems. The only exception are the ids of
the curated problems, of which there are at most 1,000.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from sure_math.entropy import UNANIMOUS, normalised_entropy
from sure_math.publication.shard_rows import PublishedProblem
from sure_math.reporting.histogram import BINS, bin_of
from sure_math.rows import Dropped

NOT_FROM_A_MODEL = ("source", "pocket-world", "curated")
"""Values of `answer_source`; any other value is the name of a labelling model."""


def normalised(entropy: float, num_samples: int) -> float:
    """Compute H / log N, clipped to [0, 1], because rounding may leave it just outside."""
    return min(1.0, max(0.0, normalised_entropy(entropy, num_samples)))


def miller_madow(num_clusters: int, num_samples: int) -> float:
    """Compute the first-order bias of the plug-in entropy in nats, (C - 1) / 2N: what N samples miss on average
    (Miller 1955).

    C is the number of clusters seen, which is itself too small, so the true bias is larger still.

    >>> miller_madow(5, 8)
    0.25
    """
    return (num_clusters - 1) / (2 * num_samples)


@dataclass(slots=True)
class GroupNumbers:
    """Sums over one slice of the problems: a tier, a strategy, a split, all.

    H / log N is read as 1 - weight, so that a problem with fewer than two answers counts as 1 whatever its entropy.
    """

    problems: int = 0
    weight: float = 0.0
    normalised_entropy: float = 0.0
    labelled: int = 0
    correct: int = 0

    def add(self, row: PublishedProblem) -> None:
        self.problems += 1
        self.weight += row.uncertainty.weight
        self.normalised_entropy += 1 - row.uncertainty.weight
        if row.grade.teacher_correct is not None:
            self.labelled += 1
            self.correct += row.grade.teacher_correct

    def numbers(self) -> dict[str, float | int | None]:
        return {
            "problems": self.problems,
            "mean_weight": self.weight / self.problems,
            "mean_normalised_entropy": self.normalised_entropy / self.problems,
            "labelled": self.labelled,
            "correct": self.correct,
            "accuracy": self.correct / self.labelled if self.labelled else None,
        }


GROUPINGS = ("split", "tier", "strategy", "source")


@dataclass(slots=True)
class CardNumbers:
    """Sums over a dataset: add every published problem and every dropped row, then call `numbers`."""

    total: GroupNumbers = field(default_factory=GroupNumbers)
    groups: dict[str, dict[str, GroupNumbers]] = field(default_factory=lambda: {name: {} for name in GROUPINGS})
    counts: Counter[str] = field(default_factory=Counter)
    """Plain counts over problems, samples and judge calls."""
    by_kind: dict[str, Counter[str]] = field(default_factory=dict)
    """Name of a categorical field -> its values -> rows."""
    histogram: list[int] = field(default_factory=lambda: [0] * BINS)
    sums: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)
    curated: set[str] = field(default_factory=set)
    """Ids of the curated problems."""

    def add(self, row: PublishedProblem) -> None:
        self._add_groups(row)
        self._add_uncertainty(row)
        self._add_samples(row)
        self.counts["judge_calls"] += row.cluster.judge_calls
        self.counts["judge_undecided"] += row.cluster.undecided
        self.counts["cluster_conflicts"] += row.cluster.conflicts
        self.counts["answers_uncompared"] += row.cluster.uncompared
        self.counts["comparisons_stopped"] += row.cluster.stopped
        self.counts["problems_judged"] += row.cluster.judge_calls > 0
        self.counts["unlabelled"] += row.grade.teacher_correct is None

    def add_dropped(self, row: Dropped) -> None:
        self.dropped[row.phase, row.reason] += 1

    def dropped_summary(self) -> str:
        """The counts of dropped rows for messages, such as `evolve/duplicate 3, sample/prompt_too_long 1`."""
        return (
            ", ".join(f"{phase}/{reason} {count}" for (phase, reason), count in sorted(self.dropped.items())) or "none"
        )

    def numbers(self) -> dict[str, object]:
        """Everything the card prints, as JSON types; keys of categories are sorted."""
        problems = self.total.problems
        weights, squares = self.sums["weight"], self.sums["weight_squared"]
        return {
            **self.total.numbers(),
            **{name: self.counts[name] for name in COUNTS},
            "effective_sample_size": weights * weights / squares if squares else 0.0,
            # Stored samples may come without counts; a mean of nothing is not 0.
            "mean_tokens_per_sample": self.sums["tokens"] / self.counts["samples"] if self.sums["tokens"] else None,
            "mean_clusters": self.sums["clusters"] / problems,
            "mean_majority_share": self.sums["majority_share"] / problems,
            "mean_discrete_normalised_entropy": self.sums["discrete_normalised"] / problems,
            "plug_in_bias": {
                "mean_discrete_entropy_nats": self.sums["discrete"] / problems,
                "mean_correction_nats": self.sums["miller_madow"] / problems,
                "mean_correction_normalised": self.sums["miller_madow_normalised"] / problems,
            },
            "entropy_histogram": {"bins": BINS, "counts": list(self.histogram)},
            "dropped": [
                {"phase": phase, "reason": reason, "rows": rows}
                for (phase, reason), rows in sorted(self.dropped.items())
            ],
            "groups": {
                name: {value: group.numbers() for value, group in sorted(groups.items())}
                for name, groups in self.groups.items()
            },
            "kinds": {name: dict(sorted(values.items())) for name, values in sorted(self.by_kind.items())},
            **self._curated(),
        }

    def _curated(self) -> dict[str, object]:
        """The key `curated`, if the dataset has curated problems."""
        if not self.curated:
            return {}
        from sure_math.curated.summary import curated_summary  # imports all templates; other builds need none

        return {"curated": curated_summary(self.curated)}

    def _add_groups(self, row: PublishedProblem) -> None:
        self.total.add(row)
        for name in GROUPINGS:
            self.groups[name].setdefault(getattr(row.problem, name), GroupNumbers()).add(row)
        problem = row.problem
        if problem.is_curated:
            self.curated.add(problem.problem_id)
        self._kind("license_of_source", f"{problem.source}: {problem.license}")
        self._kind("license", problem.license)
        self._kind("answer_source", problem.answer_source or "none")
        self._kind("author", problem.author or "none")
        for benchmark in problem.overlaps:
            self._kind("overlaps", benchmark)
        self.counts["evolved"] += problem.round > 0
        self.counts["overlapping"] += bool(problem.overlaps)
        self.counts["with_system"] += problem.system is not None
        if problem.answer_source is not None and problem.answer_source not in NOT_FROM_A_MODEL:
            self.counts["model_labels"] += 1
            self.counts["model_labels_compared"] += row.grade.majority_correct is not None
            self.counts["model_labels_agreeing"] += row.grade.majority_correct is True

    def _add_uncertainty(self, row: PublishedProblem) -> None:
        uncertainty = row.uncertainty
        entropy = 1 - uncertainty.weight
        counted = sum(
            cluster_id >= 0 for cluster_id in row.cluster.cluster_ids
        )  # N of Eq. 6: a sample left out has the id -1
        correction = miller_madow(uncertainty.num_clusters, counted) if counted else 0.0
        self.histogram[bin_of(entropy)] += 1
        self.counts["unanimous"] += entropy < UNANIMOUS
        self.counts["zero_weight"] += uncertainty.weight == 0.0
        self.counts["problems_with_missing"] += uncertainty.num_missing > 0
        self.counts["problems_with_truncated"] += uncertainty.num_truncated > 0
        self._kind("weight_kind", uncertainty.weight_kind)
        self._kind("num_samples", str(uncertainty.num_samples))
        if uncertainty.note is not None:
            self._kind("note", uncertainty.note)
        for name, value in {
            "weight": uncertainty.weight,
            "weight_squared": uncertainty.weight**2,
            "clusters": uncertainty.num_clusters,
            "majority_share": uncertainty.majority_share,
            "discrete": uncertainty.discrete_entropy,
            "discrete_normalised": normalised(uncertainty.discrete_entropy, counted),
            "miller_madow": correction,
            "miller_madow_normalised": normalised_entropy(correction, counted) if counted > 1 else 0.0,
        }.items():
            self.sums[name] += value

    def _add_samples(self, row: PublishedProblem) -> None:
        greedy = False
        for sample, answer in zip(row.samples, row.answers, strict=True):
            if sample.sample_index < 0:
                greedy = True
                continue
            self.counts["samples"] += 1
            self.sums["tokens"] += sample.token_count
            self._kind("finish_reason", sample.finish_reason)
            self._kind("logprob_mode", sample.logprob_mode)
            self._kind("missing", answer.missing or "answered")
        self._kind("verdict", "greedy" if greedy else "majority")

    def _kind(self, name: str, value: str) -> None:
        self.by_kind.setdefault(name, Counter())[value] += 1


COUNTS = (
    "samples",
    "evolved",
    "overlapping",
    "with_system",
    "model_labels",
    "model_labels_compared",
    "model_labels_agreeing",
    "unanimous",
    "zero_weight",
    "problems_with_missing",
    "problems_with_truncated",
    "unlabelled",
    "judge_calls",
    "judge_undecided",
    "cluster_conflicts",
    "answers_uncompared",
    "comparisons_stopped",
    "problems_judged",
)
