"""Read the inputs of a build into tables: seeds, stored samples, benchmarks.

Each public source has its own table. If one cannot be read, the others are written first and the error is raised last,
so nothing has to be read twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from sure_math.config import BuildConfig, CopyConfig, SourceConfig
from sure_math.curated.problems import FILE, LICENSE, curated_digest
from sure_math.identity import digest
from sure_math.problems.sources.catalogue import SOURCES
from sure_math.problems.sources.public import commit_of, read_benchmark, read_source, source_digest
from sure_math.problems.sources.seeds import check_seeds, curated_seeds, read_seeds, source_fingerprint
from sure_math.problems.sources.stored_samples import read_stored, stored_fingerprint
from sure_math.problems.sources.table_files import InputError
from sure_math.rows import CURATED, Dropped, Problem, Sample, SourceFacts
from sure_math.storage.store import Store, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The tables that the phases start from."""

    seeds: Table[Problem]
    stored: tuple[Table[Sample], ...]
    """The table of stored samples, if they take the teacher's place; else empty."""
    benchmarks: Mapping[str, Table[Problem]]
    """Name -> its problems; benchmarks that the configuration skips are left out."""
    facts: tuple[SourceFacts, ...]


def read_inputs(config: BuildConfig, store: Store) -> Inputs:
    """Read every input into tables. An input whose table exists and that has not changed is not read again.

    Raises:
        InputError: some inputs cannot be read; the message names all of them. The others are on disk.
    """
    if config.samples.path is None and config.seeds.source == "public":
        sources, benchmarks, facts = _public(config, store)
        items = check_seeds(_rows(sources), curated_seeds(config.seeds))
        source = digest([[table.digests for table in sources], curated_digest() if config.seeds.curated else None])
        (seeds,) = store.split("seeds", (Problem,), items, size=config.run.shard_size, source=source)
        return Inputs(seeds=seeds, stored=(), benchmarks=benchmarks, facts=facts)
    seeds, stored = _users_tables(config, store)  # before the benchmarks: a mistake in a user's file shows at once
    _, benchmarks, facts = _public(config, store)
    return Inputs(seeds=seeds, stored=stored, benchmarks=benchmarks, facts=facts)


def _users_tables(config: BuildConfig, store: Store) -> tuple[Table[Problem], tuple[Table[Sample], ...]]:
    """The tables of a source that is not public: the seeds and, for a file of samples, the samples."""
    size = config.run.shard_size
    if config.samples.path is not None:
        source = stored_fingerprint(config)
        seeds, samples = store.split("seeds", (Problem, Sample), read_stored(config), size=size, source=source)
        return seeds, (samples,)
    (seeds,) = store.split("seeds", (Problem,), read_seeds(config), size=size, source=source_fingerprint(config))
    return seeds, ()


def _public(
    config: BuildConfig, store: Store
) -> tuple[list[Table[Problem]], dict[str, Table[Problem]], tuple[SourceFacts, ...]]:
    """The tables of the public seeds and of the benchmarks. Errors are raised once all other tables are made."""
    seeds, benchmarks, facts, errors = [], {}, _curated_facts(config), []
    wanted: list[tuple[str, SourceConfig | CopyConfig]] = []
    if config.samples.path is None and config.seeds.source == "public":
        wanted += config.seeds.public.items()
    skip = config.decontaminate.skip
    wanted += [(name, copy) for name, copy in config.decontaminate.benchmarks.items() if name not in skip]
    for name, place in wanted:
        try:
            table, fact = _public_table(name, place, config, store)
        except InputError as error:
            errors.append(str(error))
            continue
        facts.append(fact)
        if isinstance(place, SourceConfig):
            seeds.append(table)
        else:
            benchmarks[name] = table
    if errors:
        made = len(seeds) + len(benchmarks)
        kept = f"\n{made} others were read and are kept; repeat the command to go on" if made else ""
        raise InputError("\n".join(errors) + kept)
    return seeds, benchmarks, tuple(facts)


def _curated_facts(config: BuildConfig) -> list[SourceFacts]:
    problems = len(curated_seeds(config.seeds))
    dataset = f"sure_math/curated/{FILE}"
    fact = SourceFacts(
        name=CURATED, role="seeds", dataset=dataset, revision=curated_digest(), license=LICENSE, problems=problems
    )
    return [fact] if config.seeds.curated else []


def _public_table(
    name: str, place: SourceConfig | CopyConfig, config: BuildConfig, store: Store
) -> tuple[Table[Problem], SourceFacts]:
    role: Literal["seeds", "benchmark"] = "seeds" if isinstance(place, SourceConfig) else "benchmark"
    commit = None
    if place.path is None:
        revision = place.revision or SOURCES[name].revision or "the newest"
        commit = store.pin(f"{role} {name} at {revision}", lambda: commit_of(name, place))
    rows: Iterator[Problem | Dropped]
    if isinstance(place, SourceConfig):
        rows = read_source(name, place, run_seed=config.run.seed, commit=commit, limits=config.limits.plain())
    else:
        rows = read_benchmark(name, place, commit, config.limits.plain())
    (table,) = store.split(
        f"{role}-{name}",
        (Problem,),
        (([row],) for row in rows),
        size=config.run.shard_size,
        source=source_digest(name, place, config.run.seed, commit),
    )
    return table, SourceFacts(
        name=name,
        role=role,
        dataset=SOURCES[name].dataset,
        revision=commit,
        license=SOURCES[name].license,
        problems=table.kept,
    )


def _rows(tables: list[Table[Problem]]) -> Iterator[Problem | Dropped]:
    for table in tables:
        for shard in range(len(table.digests)):
            yield from table.dropped_rows(shard)
            yield from table.rows(shard)
