"""How a plan is printed: what the data comes from, every setting, what each phase costs, and what that assumes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.console import Group
from rich.table import Table
from rich.text import Text

from sure_math.command_line.arguments import plan_part, plan_settings
from sure_math.config import TIERS, BuildConfig, ModelConfig
from sure_math.curated.problems import FILE, LICENSE
from sure_math.dry_run.assumptions import assumptions_table
from sure_math.dry_run.cost import SMALLEST, BuildAssumptions, Parameters, gpus, parameters, speed
from sure_math.dry_run.plan import PUBLISHED_ROWS, Plan, source_rows
from sure_math.models.responders.roles import models_by_role
from sure_math.problems.sources.catalogue import SOURCES
from sure_math.problems.sources.seeds import curated_seeds
from sure_math.rows import CURATED

PAPER_TEACHER = "Qwen/Qwen3-8B"
PAPER_PROBLEMS, PAPER_SAMPLES, PAPER_HOURS = 8_800, 8, (1, 2)
"""A.1: 8,800 prompts of N = 8 with batch size 300, sampled and clustered in approximately 1-2 hours on one H100."""


def plan_table(plan: Plan) -> Group:
    """Sources, benchmarks, settings, costs, assumptions."""
    tables = [
        _sources(plan.config),
        _benchmarks(plan.config),
        plan_settings("Settings", _setting_rows(plan.config)),
        _costs(plan),
        _assumptions(plan),
    ]
    return Group(*(table for table in tables if table.row_count), *(Text(note) for note in _notes(plan)))


def _sources(config: BuildConfig) -> Table:
    """Where seeds, or stored samples, come from."""
    table = plan_part("Seeds", "source", "from", "licence", "tier", "rows", right=("rows",))
    seeds = config.seeds
    if curated := curated_seeds(seeds):
        table.add_row(CURATED, f"sure_math/curated/{FILE}", LICENSE, "its own", _number(len(curated)))
    if config.samples.path is not None:
        stored = config.samples
        table.add_row("stored samples", str(stored.path), stored.license, stored.tier, "all")
    elif seeds.source == "public":
        for name, chosen in seeds.public.items():
            row = SOURCES[name]
            subsets = row.subsets if chosen.subsets is None else chosen.subsets
            parts = "+".join(row.splits if chosen.splits is None else chosen.splits)
            read = f"{parts} of {', '.join(subsets)}" if subsets else parts
            where = str(chosen.path) if chosen.path else _at(row.dataset, chosen.revision or row.revision)
            table.add_row(name, f"{where}\n{read}", row.license, row.tier, _number(source_rows(name, chosen)))
    elif not seeds.curated_alone:
        where = {
            "file": str(seeds.path),
            "hub": f"{_at(str(seeds.dataset), seeds.revision)}\n{seeds.rows}"
            + (f" of {seeds.subset}" if seeds.subset else ""),
            "pocket-world": f"generated; {seeds.test_limit:,} more are held out",
        }[seeds.source]
        table.add_row(seeds.name or seeds.source, where, seeds.license, seeds.tier, _number(seeds.limit, "all"))
    return table


def _benchmarks(config: BuildConfig) -> Table:
    table = plan_part(
        "Benchmarks that problems are compared with", "benchmark", "from", "rows", "compared", right=("rows",)
    )
    for name, copy in config.decontaminate.benchmarks.items():
        row = SOURCES.get(name)
        dataset = "?" if row is None else _at(row.dataset, copy.revision or row.revision)
        rows = None if row is None else sum(PUBLISHED_ROWS.get(name, {}).get(split, 0) for split in row.splits) or None
        compared = "no: skipped" if name in config.decontaminate.skip else "yes"
        table.add_row(name, str(copy.path or dataset), _number(rows), compared)
    return table


def _setting_rows(config: BuildConfig) -> Iterator[tuple[str, str]]:
    evolve, sample, cluster, label = config.evolve, config.sample, config.cluster, config.label
    yield "prompts", config.prompts
    if curated := curated_seeds(config.seeds):
        train = sum(row.split == "train" for row in curated)
        yield "curated", f"{train:,} to train on, which stay as they are, and {len(curated) - train:,} held out"
    if config.seeds.per_tier is not None:
        yield "seeds drawn", _listed(config.seeds.per_tier)
    if evolve.enabled and evolve.author is not None:
        yield "author", _model(evolve.author)
        yield (
            "",
            f"temperature {evolve.temperature:g}, top_p {evolve.top_p:g}, at most {evolve.max_new_tokens:,} new tokens",
        )
        yield "rounds", _listed({tier: evolve.rounds[tier] for tier in TIERS})
        for tier in TIERS:
            yield f"weights, {tier}", _listed({name: f"{weight:g}" for name, weight in evolve.weights[tier].items()})
        checks = ", ".join(name.replace("_", " ") for name in evolve.eliminate) or "none"
        yield (
            "eliminated",
            f"{checks}; shorter than {evolve.min_chars:,} or longer than {evolve.max_chars:,} characters",
        )
        yield "language", evolve.language
        yield "kept", f"{_number(evolve.keep, 'all')} evolved problems, {'the' if evolve.keep_seeds else 'no'} seeds"
    yield "overlaps", _overlaps(config)
    yield "labels", f"by {label.by}" if label.model is None else _model(label.model)
    if label.model is not None:
        votes = (
            "greedy"
            if label.num_samples == 1
            else f"majority of {label.num_samples} at {label.temperature:g}, at least {label.min_share:g}"
        )
        yield "", f"{votes}, at most {label.max_new_tokens:,} new tokens"
    if config.samples.path is None and config.teacher is not None:
        yield "teacher", _model(config.teacher)
        yield (
            "samples",
            (
                f"N = {sample.num_samples}, temperature {sample.temperature:g}, top_p {sample.top_p:g}, top_k "
                f"{sample.top_k or 'off'}, at most {sample.max_new_tokens:,} new tokens"
                + ("; one greedy answer more" if sample.greedy else "")
            ),
        )
    yield "thinking", f"what stands between {config.extract.opening_tag} and {config.extract.closing_tag} is no answer"
    yield (
        "clusters",
        f"procedure {cluster.procedure}, equivalence {cluster.equivalence}, missing answers {cluster.missing}",
    )
    if config.judge is not None:
        yield "judge", _model(config.judge)
    yield "weight", "1 - H / log N"
    batch = config.run.batch_size
    per_call = (
        f" ({batch // sample.num_samples:,} problems of {sample.num_samples} samples)"
        if config.samples.path is None
        else ""
    )
    yield (
        "run",
        f"seed {config.run.seed}, {config.run.shard_size:,} seeds per shard, {batch:,} sequences per batch{per_call}",
    )


def _overlaps(config: BuildConfig) -> str:
    settings = config.decontaminate
    near = "equal only" if settings.near_duplicates is None else f"Jaccard {settings.near_duplicates:g}"
    text = (
        f"mode {settings.mode}: {settings.ngram}-grams, containment {settings.containment:g}; near-duplicates: {near}; "
        f"own test split: {'compared' if settings.test_split else 'not compared'}"
    )
    if settings.check is not None:
        check = settings.check
        shown = f"{check.top_k} nearest by {check.embedding} with cosine {check.min_similarity:g}"
        text += f"; {shown} shown to {_model(check.model)}"
    return text


def _model(model: ModelConfig) -> str:
    """A model and how it is run; what is left at its default is not named, but for thinking."""
    parts = [f"dtype {model.dtype}", f"thinking {'on' if model.enable_thinking else 'off'}"]
    if model.revision is not None:
        parts.append(f"revision {model.revision}")
    if model.max_model_len is not None:
        parts.append(f"at most {model.max_model_len:,} positions")
    parts += [f"{name} {value}" for name, value in model.engine_options.items()]
    if model.server is not None:
        parts.append(f"at {model.server.url} as {model.server.served_name or model.model}")
    if model.replicas is not None:
        parts.append(f"{model.replicas.min} to {model.replicas.max} replicas, {model.replicas.num_gpus:g} GPUs each")
    if model.keep_loaded:
        parts.append("stays loaded")
    return f"{model.model} ({model.engine}): {', '.join(parts)}"


def _costs(plan: Plan) -> Table:
    numbers = ("problems", "requests", "tokens in", "tokens out", "GPU h", "hours")
    table = plan_part("Phases", "phase", *numbers, right=numbers)
    table.columns[0].no_wrap = True
    bound = "These are upper bounds. " if plan.assumptions.survival == 1 else ""
    notes = [f"{step.phase}: {step.note}" for step in plan.steps if step.note]
    notes.append(f"{bound}An answered request is not asked again when the command is repeated.")
    table.caption = Text("\n".join(notes), style="dim")
    table.caption_justify = "left"
    for step in plan.steps:
        done = step.work
        cells = (
            ["", "", "", "", ""]
            if done is None
            else [
                _number(done.requests),
                _tokens(done.prompt_tokens),
                _tokens(done.generated_tokens),
                _hours(done.gpu_hours),
                _hours(done.hours) if done.gpus else "-",
            ]
        )
        table.add_row(step.phase, _number(step.problems), *cells)
    table.add_section()
    table.add_row("total", "", *_totals(plan))
    return table


def _totals(plan: Plan) -> list[str]:
    works = [step.work for step in plan.steps if step.work is not None]

    def total(values: list) -> float | None:
        return None if any(value is None for value in values) else sum(values)

    requests = total([done.requests for done in works])
    return [
        "?" if requests is None else f"{requests:,.0f}",
        _tokens(total([done.prompt_tokens for done in works])),
        _tokens(total([done.generated_tokens for done in works])),
        _hours(total([done.gpu_hours for done in works])),
        _hours(total([done.hours for done in works if done.gpus])),
    ]


def _assumptions(plan: Plan) -> Table:
    table = assumptions_table(plan.assumptions)
    models = models_by_role(plan.config)
    for role in dict.fromkeys(step.role for step in plan.steps if step.role is not None):
        model = models[role]
        size = parameters(model.model)
        if size is None:
            table.add_row(role, "?", f"{model.model} does not name its size, so that its hours are not known")
            continue
        if size.total < SMALLEST:
            table.add_row(role, f"{size.total / 1e6:.1f}M", f"parameters of {model.model}: it runs on a CPU")
            continue
        rates = [
            speed(size, share, plan.assumptions)
            for share in (plan.assumptions.prompt_share, plan.assumptions.generated_share)
        ]
        table.add_row(
            role,
            f"{size.active / 1e9:.3g}B",
            f"active parameters of {model.model}: {rates[0]:,.0f} prompt and {rates[1]:,.0f} generated tokens per "
            f"second and GPU, on {_place(model, size, plan.assumptions)}",
        )
    return table


def _place(model: ModelConfig, size: Parameters, given: BuildAssumptions) -> str:
    number = gpus(model)
    if not number:
        return "the server's GPUs"
    place = f"{number} GPU{'s' if number != 1 else ''}"
    weights, memory = 2 * size.total / 1e9, given.gpu_gigabytes * number / (model.replicas.max if model.replicas else 1)
    if weights <= memory:
        return place
    return f"{place}: {weights:,.0f} GB of weights do not fit in {memory:,.0f} GB, raise tensor_parallel_size"


def _notes(plan: Plan) -> Iterator[str]:
    """How the paper's own time compares, where its teacher is asked."""
    done = {step.phase: step.work for step in plan.steps}
    sample, judged = done.get("sample"), done.get("cluster")
    problems = next((step.problems for step in plan.steps if step.phase == "sample"), None)
    if plan.config.teacher is None or plan.config.teacher.model != PAPER_TEACHER or sample is None or not problems:
        return
    if sample.gpu_hours is None or (judged is not None and judged.gpu_hours is None):
        return
    size = parameters(PAPER_TEACHER)
    assert size is not None
    rate = speed(size, plan.assumptions.generated_share, plan.assumptions)
    low, high = (hours * 3600 * rate / (PAPER_PROBLEMS * PAPER_SAMPLES) for hours in PAPER_HOURS)
    here = sample.gpu_hours + (judged.gpu_hours or 0 if judged is not None else 0)
    yield (
        f"The paper (A.1) sampled and clustered {PAPER_PROBLEMS:,} problems in approximately {PAPER_HOURS[0]}-"
        f"{PAPER_HOURS[1]} hours on one H100. The same two phases take {here:.1f} GPU hours here for {problems:,} "
        f"problems ({here * PAPER_PROBLEMS / problems:.1f} for {PAPER_PROBLEMS:,}). At the speed assumed here, the "
        f"paper's time would mean {low:,.0f} to {high:,.0f} tokens per answer."
    )


def _at(dataset: str, revision: str | None) -> str:
    return f"{dataset} @ {revision[:12]}" if revision else f"{dataset} @ newest"


def _listed(values: Mapping) -> str:
    return ", ".join(
        f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}" for name, value in values.items()
    )


def _number(count: int | None, unknown: str = "?") -> str:
    return unknown if count is None else f"{count:,}"


def _tokens(count: float | None) -> str:
    if count is None:
        return "?"
    return f"{count / 1e6:,.1f} M" if count >= 1e5 else f"{count / 1e3:,.1f} k"


def _hours(hours: float | None) -> str:
    if hours is None:
        return "?"
    if hours == 0:
        return "-"
    return "<0.1" if hours < 0.05 else f"{hours:,.1f}"
