"""Clusters: the phase `cluster`, which groups the answers to every problem by meaning."""

from __future__ import annotations

from collections.abc import Sequence

from sure_math.annotation.judge import judge_of, judge_settings
from sure_math.cluster import AnswerSet, MissingPolicy, PairCheck, Procedure, cluster_shard
from sure_math.config import BuildConfig
from sure_math.models.responders.roles import Models
from sure_math.rows import Answer, Cluster, Output, Problem
from sure_math.storage.phase import Phase

VERSION = 3
"""Raise it with every change of this file, `judge.py`, `sure_math/cluster.py` or `sure_math/equivalence/` that makes
other rows of the same inputs."""


def cluster_phase(config: BuildConfig, models: Models) -> Phase[Cluster]:
    """Group the answers to every problem by meaning."""
    settings, judge = config.cluster, judge_of(config, models)

    def run(problems: Sequence[Problem], answers: Sequence[Answer]) -> Output[Cluster]:
        return Output(
            rows=cluster(
                problems,
                answers,
                judge,
                procedure=settings.procedure,
                equivalence=settings.equivalence,
                missing=settings.missing,
            )
        )

    depends = {**settings.model_dump(), **judge_settings(config, models), "version": VERSION}
    return models.asked_in(Phase(name="cluster", makes=Cluster, run=run, settings=depends), "judge")


def cluster(
    problems: Sequence[Problem],
    answers: Sequence[Answer],
    judge: PairCheck | None,
    *,
    procedure: Procedure = "default",
    equivalence: str = "math",
    missing: MissingPolicy = "own",
) -> list[Cluster]:
    """Make one row per problem of the shard that has answers, in the order of `problems`.

    The greedy answer (index -1) takes no part.

    Raises:
        ValueError: the sample indices of a problem are not 0..N-1.
    """
    by_problem: dict[str, dict[int, str | None]] = {row.problem_id: {} for row in problems}
    for row in answers:
        if row.sample_index >= 0:
            by_problem[row.problem_id][row.sample_index] = row.answer
    sampled = [row for row in problems if by_problem[row.problem_id]]
    shard = [AnswerSet(problem=row.statement, answers=_in_order(row, by_problem[row.problem_id])) for row in sampled]
    results = cluster_shard(shard, judge, procedure=procedure, missing=missing, equivalence=equivalence)
    return [
        Cluster(
            problem_id=row.problem_id,
            cluster_ids=tuple(result.ids),
            judge_calls=result.judge_calls,
            undecided=result.undecided,
            conflicts=result.conflicts,
            uncompared=result.uncompared,
            stopped=result.stopped,
        )
        for row, result in zip(sampled, results, strict=True)
    ]


def _in_order(problem: Problem, answer_by_index: dict[int, str | None]) -> tuple[str | None, ...]:
    indices = sorted(answer_by_index)
    if indices != list(range(len(indices))):
        raise ValueError(
            f"problem {problem.problem_id} has the sample indices {indices}: a shard holds all samples 0 to N-1 of a "
            "problem; delete the shard's sample file to have it made again"
        )
    return tuple(answer_by_index[index] for index in indices)
