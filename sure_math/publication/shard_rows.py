"""The rows of one shard as the phases left them, and each problem of the shard with the rows that belong to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sure_math.rows import Answer, Cluster, Dropped, Grade, Problem, Sample, Uncertainty


class PublishError(RuntimeError):
    """A dataset cannot be written or uploaded; the message says what to do, and never holds a token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardRows:
    """All rows of one shard. A problem that a later phase dropped may be in `problems` if it has a `Dropped` row."""

    problems: Sequence[Problem]
    samples: Sequence[Sample]
    answers: Sequence[Answer]
    clusters: Sequence[Cluster]
    uncertainties: Sequence[Uncertainty]
    grades: Sequence[Grade]
    dropped: Sequence[Dropped]
    """Dropped rows of every phase of this shard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedProblem:
    """One problem with all its rows."""

    problem: Problem
    uncertainty: Uncertainty
    cluster: Cluster
    grade: Grade
    samples: tuple[Sample, ...]
    """Sorted by sample index; a greedy sample (-1) comes first."""
    answers: tuple[Answer, ...]
    """One per sample, in the same order."""


def joined_problems(shard: ShardRows) -> Iterator[PublishedProblem]:
    """Yield the published problems of a shard in their order, each with its rows.

    Raises:
        PublishError: a problem lacks a row of a phase and has no dropped row either.
    """
    uncertainties = {row.problem_id: row for row in shard.uncertainties}
    clusters = {row.problem_id: row for row in shard.clusters}
    grades = {row.problem_id: row for row in shard.grades}
    dropped = {row.problem_id for row in shard.dropped}
    answers = {(row.problem_id, row.sample_index): row for row in shard.answers}
    samples: dict[str, list[Sample]] = {}
    for sample in shard.samples:
        samples.setdefault(sample.problem_id, []).append(sample)
    for problem in shard.problems:
        name = problem.problem_id
        absent = [
            table
            for table, ids in (("uncertainty", uncertainties), ("cluster", clusters), ("grade", grades))
            if name not in ids
        ]
        # A dropped row alone does not prove this: a repeated problem id is dropped while its first problem stays.
        if absent and name in dropped:
            continue
        if absent:
            raise PublishError(
                f"problem {name!r} has no {' and no '.join(absent)} row and no dropped row; "
                "the phase that left it out must give a reason"
            )
        ordered = sorted(samples.get(name, ()), key=lambda sample: sample.sample_index)
        yield PublishedProblem(
            problem=problem,
            uncertainty=uncertainties[name],
            cluster=clusters[name],
            grade=grades[name],
            samples=tuple(ordered),
            answers=tuple(answers[name, sample.sample_index] for sample in ordered),
        )
