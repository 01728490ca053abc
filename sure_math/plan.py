"""The plan of a build (`--dry-run`): phases, models and requests at most, without loading a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from rich.table import Table

from sure_math.config import BuildConfig
from sure_math.models import roles
from sure_math.phases import evolution_prompts
from sure_math.prompts import PromptError, load_prompt
from sure_math.rows import Problem
from sure_math.seeds import read_seeds
from sure_math.stored import kind_of, read_stored
from sure_math.tabular import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One phase of the plan."""

    phase: str
    model: str
    problems: int | None
    """At most; None where nobody knows without reading a remote source."""
    requests: int | None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a build would do, and what it lacks."""

    steps: tuple[Step, ...]
    missing: tuple[str, ...]


def make_plan(config: BuildConfig) -> Plan:
    """Reads the seeds (not those on the Hub) and counts; nothing is written and no model is touched."""
    missing = [error for error in (_prompt_error(config),) if error]
    seeds: Counter[tuple[str, str]] | None = None
    stored = 0
    note = ""
    try:
        if config.samples.path is not None:
            seeds, stored = _count_stored(config)
            note = f"{stored:,} stored samples, read as kind `{kind_of(config.samples)}`"
        elif config.seeds.source != "hub":
            seeds = Counter((row.split, row.tier) for row in _problems(config))
    except InputError as error:
        missing.append(str(error))
    return Plan(steps=tuple(_steps(config, seeds, note)), missing=tuple(missing))


def plan_table(plan: Plan) -> Table:
    """One row per phase."""
    table = Table(title="Plan (counts are upper bounds; answered requests are not asked again)", title_justify="left")
    for title in ("phase", "model", "problems", "requests", ""):
        table.add_column(title, justify="right" if title in ("problems", "requests") else "left")
    for step in plan.steps:
        table.add_row(step.phase, step.model, _number(step.problems), _number(step.requests), step.note)
    return table


def _steps(config: BuildConfig, seeds: Counter[tuple[str, str]] | None, note: str) -> Iterator[Step]:
    names = {role: f"{model.model} ({model.engine})" for role, model in roles(config).items()}
    problems = None if seeds is None else sum(seeds.values())
    source = str(config.samples.path or config.seeds.path or config.seeds.dataset or config.seeds.source)
    yield Step(phase="seeds", model="", problems=problems, requests=0, note=source)
    if config.evolve.enabled:
        children = (
            None
            if seeds is None
            else sum(
                config.evolve.rounds[tier] * count  # type: ignore[index,misc]
                for (split, tier), count in seeds.items()
                if split == "train"
            )
        )
        kept = (
            None
            if seeds is None
            else sum(count for (split, _), count in seeds.items() if split == "test" or config.evolve.keep_seeds)
        )
        problems = None if children is None or kept is None else children + kept
        yield Step(phase="evolve", model=names["author"], problems=problems, requests=children)
    yield Step(phase="label", model="", problems=problems, requests=0, note=f"by {config.label.by}")
    each = config.sample.num_samples + config.sample.greedy
    if config.samples.path is None:
        asked = None if problems is None else problems * each
        yield Step(
            phase="sample", model=names["teacher"], problems=problems, requests=asked, note=f"{each} per problem"
        )
    else:
        yield Step(phase="sample", model="", problems=problems, requests=0, note=note)
    clustering = f"procedure {config.cluster.procedure}, equivalence {config.cluster.equivalence}"
    judge = names.get("judge", "")
    asks = f"{clustering}; pairs of answers that differ as strings" if judge else clustering
    yield Step(phase="cluster", model=judge, problems=problems, requests=None if judge else 0, note=asks)
    yield Step(phase="publish", model="", problems=problems, requests=0)


def _problems(config: BuildConfig) -> Iterator[Problem]:
    for (rows,) in read_seeds(config):
        yield from (row for row in rows if isinstance(row, Problem))


def _count_stored(config: BuildConfig) -> tuple[Counter[tuple[str, str]], int]:
    counts: Counter[tuple[str, str]] = Counter()
    samples = 0
    for rows, stored in read_stored(config):
        counts.update((row.split, row.tier) for row in rows if isinstance(row, Problem))
        samples += len(stored)
    return counts, samples


def _prompt_error(config: BuildConfig) -> str | None:
    try:
        if config.evolve.enabled:
            evolution_prompts(config)
        load_prompt(config.prompts, "solve")
    except PromptError as error:
        return str(error)
    return None


def _number(count: int | None) -> str:
    return "?" if count is None else f"{count:,}"
