"""Plan a build (`--dry-run`): what each phase would read, ask and cost. Needs no model and no network.

Seeds of a file, of stored samples and of the pocket world are read and counted. For a dataset on the Hub, the count is
what the configuration asks for, or the size of the published source. All later counts are estimates; `cost.py` has
their assumptions.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sure_math.annotation.label import label_runs
from sure_math.config import TIERS, BuildConfig, ModelConfig, SourceConfig
from sure_math.dry_run.cost import BuildAssumptions, ModelWork, work_of
from sure_math.dry_run.machine import Machine, this_machine
from sure_math.models.responders.roles import models_by_role
from sure_math.problems.contamination.screening import decontaminate_runs, screen_runs
from sure_math.problems.evolution.choose import choose_runs
from sure_math.problems.evolution.draw import draw_runs
from sure_math.problems.evolution.evolve import evolution_prompts, evolve_runs
from sure_math.problems.sources.catalogue import SOURCES
from sure_math.problems.sources.seeds import curated_seeds, read_seeds
from sure_math.problems.sources.stored_samples import kind_of, read_stored
from sure_math.problems.sources.table_files import InputError
from sure_math.prompts import PromptError, load_prompt
from sure_math.rows import Problem, Tier

ANSWER_TOKENS = 20
"""Tokens of a final answer; a judge is shown two of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPhase:
    """One phase of the plan."""

    phase: str
    problems: int | None
    """Problems that leave the phase; None if only a remote source could tell."""
    role: str | None = None
    """Role of the model that is asked."""
    work: ModelWork | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildPlan:
    """What a build would do, and what is missing for it."""

    config: BuildConfig
    assumptions: BuildAssumptions
    machine: Machine
    """Where the build would run."""
    steps: tuple[PlannedPhase, ...]
    missing: tuple[str, ...]


def make_plan(
    config: BuildConfig, assumptions: BuildAssumptions | None = None, machine: Machine | None = None
) -> BuildPlan:
    """Count what a build would do. Seeds are read, except those on the Hub; nothing is written and no model is loaded.

    Args:
        machine: where the build would run; None takes this machine.

    >>> from sure_math.config import load_config
    >>> plan = make_plan(load_config("pocket"))
    >>> plan.steps[-1].phase
    'publish'
    """
    assumptions = assumptions or BuildAssumptions()
    missing = [error for error in (_prompt_error(config),) if error]
    pool, note = SeedCounts(), ""
    try:
        pool, note = _pool(config)
    except InputError as error:
        missing.append(str(error))
    machine = machine or this_machine()
    steps = tuple(_steps(config, pool, note, assumptions))
    return BuildPlan(config=config, assumptions=assumptions, machine=machine, steps=steps, missing=tuple(missing))


def source_rows(name: str, chosen: SourceConfig) -> int | None:
    """Return the largest number of rows of a public source that are read; None if its size is not known."""
    table, published = SOURCES[name], SOURCES[name].published_rows
    subsets = table.subsets if chosen.subsets is None else chosen.subsets
    splits = table.splits if chosen.splits is None else chosen.splits
    parts = subsets if set(subsets) & set(published) else splits
    # The size of a copy, or of some of the configurations of a source, is not known.
    known = chosen.path is None and (parts == subsets or subsets == table.subsets)
    size = _sum(published.get(part) for part in parts) if known else None
    return chosen.rows if size is None else min(size, chosen.rows or size)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedCounts:
    """Numbers of seeds as they are read; None: not known."""

    train: Mapping[Tier, int | None] | None = None
    """Training problems that evolve, per tier; None: not even the tiers are known."""
    curated: int = 0
    """Training problems that stay as they are."""
    test: int | None = None
    open: int | None = None
    """Problems without an answer, of all splits."""


def _pool(config: BuildConfig) -> tuple[SeedCounts, str]:
    seeds = config.seeds
    if config.samples.path is not None:
        return _stored(config)
    added = _counted(curated_seeds(seeds))
    if seeds.source == "public":
        train: dict[Tier, int | None] = {}
        for name, chosen in seeds.public.items():
            tier = SOURCES[name].tier
            train[tier] = _sum((train.get(tier, 0), source_rows(name, chosen)))
        pool = dataclasses.replace(added, train=train)
        return pool, "at most; rows without an answer or a text are left out"
    if seeds.source == "hub":
        known: dict[Tier, int | None] | None = None if seeds.limit is None else {seeds.tier: seeds.limit}
        return dataclasses.replace(added, train=known, open=None if known is None else seeds.limit), "at most"
    return _counted(row for (rows,) in read_seeds(config) for row in rows if isinstance(row, Problem)), ""


def _stored(config: BuildConfig) -> tuple[SeedCounts, str]:
    samples = 0

    def problems() -> Iterator[Problem]:
        nonlocal samples
        for rows, stored in read_stored(config):
            samples += len(stored)
            yield from (row for row in rows if isinstance(row, Problem))

    pool = _counted(problems())
    return pool, f"{samples:,} stored samples, read as kind `{kind_of(config.samples, config.limits.plain())}`"


def _counted(problems: Iterable[Problem]) -> SeedCounts:
    train: Counter[Tier] = Counter()
    curated = test = open_ = 0
    for row in problems:
        open_ += row.answer is None
        if row.split == "test":
            test += 1
        elif row.is_curated:
            curated += 1
        else:
            train[row.tier] += 1
    return SeedCounts(train=dict(train), curated=curated, test=test, open=open_)


def _steps(config: BuildConfig, pool: SeedCounts, note: str, assumptions: BuildAssumptions) -> Iterator[PlannedPhase]:
    models = models_by_role(config)
    read = None if pool.train is None else _sum((*pool.train.values(), pool.curated, pool.test))
    yield PlannedPhase(phase="seeds", problems=read, note="; ".join(part for part in (_source(config), note) if part))
    if screen_runs(config):
        yield _screening("screen", config, models, read, read, assumptions)
    drawn = _drawn(config, pool)
    fixed = _sum((pool.curated, pool.test))
    stay = None if drawn is None else _sum((*drawn.values(), fixed))
    children: int | None = 0
    if draw_runs(config):
        yield PlannedPhase(phase="draw", problems=stay)
    if evolve_runs(config):
        requests, children = _evolved(config, drawn, assumptions.survival)
        stay = stay if config.evolve.keep_seeds else fixed
        yield _asks(
            "evolve",
            "author",
            models,
            _sum((children, stay)),
            requests,
            _evolve_tokens(config, assumptions),
            assumptions,
        )
        if decontaminate_runs(config):
            yield _screening("decontaminate", config, models, _sum((children, stay)), children, assumptions)
        if choose_runs(config) and config.evolve.keep is not None:
            children = config.evolve.keep if children is None else min(children, config.evolve.keep)
            yield PlannedPhase(
                phase="choose", problems=_sum((children, stay)), note="a digest chooses the evolved ones that stay"
            )
    problems = _sum((children, stay))
    answered = -len(curated_seeds(config.seeds))  # each of them
    unanswered = _unanswered(pool, children, _sum((stay, answered)), _sum((read, answered)))
    yield from _annotation(config, models, problems, pool.test, unanswered, assumptions)


def _source(config: BuildConfig) -> str:
    """Name of the source of the seeds."""
    seeds = config.seeds
    source = str(config.samples.path or seeds.path or seeds.dataset or seeds.source)
    return "curated" if seeds.curated_alone else f"curated and {source}" if seeds.curated else source


def _screening(
    phase: str,
    config: BuildConfig,
    models: Mapping[str, ModelConfig],
    problems: int | None,
    compared: int | None,
    assumptions: BuildAssumptions,
) -> PlannedPhase:
    """Overlap with benchmarks, and the second look of a model at `compared` problems, if there is one."""
    settings = config.decontaminate
    benchmarks = len(settings.benchmarks) - len(settings.skip)
    note = f"against {benchmarks} benchmarks" + (" and the test split" if settings.test_split else "")
    if settings.check is None or not benchmarks:
        return PlannedPhase(phase=phase, problems=problems, note=note)
    requests = None if compared is None else compared * 2 * settings.check.top_k
    shown = _prompt_tokens(config, "overlap", assumptions, extra=2 * assumptions.problem_tokens)
    note += f"; the {settings.check.top_k} nearest in both orders at most"
    return _asks(phase, "inspector", models, problems, requests, (shown, assumptions.judge_tokens), assumptions, note)


def _annotation(
    config: BuildConfig,
    models: Mapping[str, ModelConfig],
    problems: int | None,
    held_out: int | None,
    unanswered: int | None,
    assumptions: BuildAssumptions,
) -> Iterator[PlannedPhase]:
    """The phases from the labels on."""
    labels, sampling = config.label, config.sample
    solve = _prompt_tokens(config, "solve", assumptions, extra=assumptions.problem_tokens)
    if labels.model is not None:
        requests = None if unanswered is None else unanswered * labels.num_samples
        tokens = (solve, min(assumptions.answer_tokens, labels.max_new_tokens))
        yield _asks("label", "labeller", models, problems, requests, tokens, assumptions)
    elif label_runs(config):
        yield PlannedPhase(phase="label", problems=problems, note=f"by {labels.by}")
    if config.samples.path is None:
        per_problem = sampling.num_samples + sampling.greedy
        requests = None if problems is None else problems * per_problem
        tokens = (solve, min(assumptions.answer_tokens, sampling.max_new_tokens))
        yield _asks("sample", "teacher", models, problems, requests, tokens, assumptions, f"{per_problem} per problem")
    else:
        yield PlannedPhase(phase="sample", problems=problems, note="stored")
    clustering = f"procedure {config.cluster.procedure}, equivalence {config.cluster.equivalence}"
    if "judge" in models:
        pairs = None if problems is None else round(problems * assumptions.judge_pairs)
        note = f"{clustering}; {assumptions.judge_pairs:g} pairs per problem"
        shown = _prompt_tokens(config, "judge", assumptions, extra=assumptions.problem_tokens + 2 * ANSWER_TOKENS)
        yield _asks("cluster", "judge", models, problems, pairs, (shown, assumptions.judge_tokens), assumptions, note)
    else:
        yield PlannedPhase(phase="cluster", problems=problems, note=clustering)
    splits = "" if problems is None or not held_out else f"{problems - held_out:,} to train on, {held_out:,} held out"
    yield PlannedPhase(phase="publish", problems=problems, note=splits)


def _asks(
    phase: str,
    role: str,
    models: Mapping[str, ModelConfig],
    problems: int | None,
    requests: int | None,
    tokens: tuple[float | None, float],
    assumptions: BuildAssumptions,
    note: str = "",
) -> PlannedPhase:
    """One phase that asks a model; `tokens`: those of a prompt, and those of a reply."""
    cost = work_of(models[role], requests, tokens[0], tokens[1], assumptions)
    return PlannedPhase(phase=phase, problems=problems, role=role, work=cost, note=note)


def _drawn(config: BuildConfig, pool: SeedCounts) -> Mapping[Tier, int | None] | None:
    """Training seeds of each tier that are drawn; a tier of unknown size has as many as are wanted."""
    wanted: Mapping[Tier, int] = (config.seeds.per_tier if config.evolve.enabled else None) or {}
    if pool.train is None:
        return {tier: wanted[tier] for tier in TIERS} if set(wanted) == set(TIERS) else None
    return {
        tier: count if tier not in wanted else wanted[tier] if count is None else min(count, wanted[tier])
        for tier, count in pool.train.items()
    }


def _evolved(
    config: BuildConfig, drawn: Mapping[Tier, int | None] | None, survival: float
) -> tuple[int | None, int | None]:
    """Requests to the author, and evolved problems that survive: each round asks only the survivors of the last."""
    if drawn is None or any(count is None for count in drawn.values()):
        return None, None
    rounds = {tier: range(config.evolve.rounds[tier]) for tier in TIERS}
    requests = sum((count or 0) * float(survival**place) for tier, count in drawn.items() for place in rounds[tier])
    return round(requests), round(requests * survival)


def _unanswered(pool: SeedCounts, children: int | None, stay: int | None, read: int | None) -> int | None:
    """Problems that a labelling model is asked; the seeds that stay lack an answer as often as all seeds do."""
    if children is None or stay is None or read is None or pool.open is None:
        return None
    return children + (round(stay * pool.open / read) if read else 0)


def _evolve_tokens(config: BuildConfig, assumptions: BuildAssumptions) -> tuple[float | None, float]:
    written = min(assumptions.evolved_tokens, config.evolve.max_new_tokens)
    try:
        prompts = evolution_prompts(config).values()
    except PromptError:
        return None, written
    mean = sum(map(len, prompts)) / len(prompts) if prompts else 0.0
    return assumptions.template_tokens + mean / assumptions.chars_per_token + assumptions.problem_tokens, written


def _prompt_tokens(config: BuildConfig, name: str, assumptions: BuildAssumptions, *, extra: float) -> float | None:
    """Tokens of a request with the prompt `name`, whose placeholders hold `extra` tokens."""
    try:
        prompt = load_prompt(config.prompts, name)
    except PromptError:
        return None
    return assumptions.template_tokens + len(prompt) / assumptions.chars_per_token + extra


def _prompt_error(config: BuildConfig) -> str | None:
    try:
        if config.evolve.enabled:
            evolution_prompts(config)
        load_prompt(config.prompts, "solve")
    except PromptError as error:
        return str(error)
    return None


def _sum(counts: Iterable[int | None]) -> int | None:
    """The sum; None if a count is not known."""
    known = list(counts)
    return None if any(count is None for count in known) else sum(count or 0 for count in known)
