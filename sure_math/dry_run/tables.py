"""Print a plan: the sources, every setting, the cost of each phase, and the assumptions."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group
from rich.table import Table
from rich.text import Text

from sure_math.command_line.arguments import plan_part, plan_settings
from sure_math.command_line.settings_table import settings_table
from sure_math.config import BuildConfig, ModelConfig
from sure_math.curated.problems import FILE, LICENSE
from sure_math.dry_run.assumptions import assumptions_table
from sure_math.dry_run.cost import (
    SMALLEST,
    BuildAssumptions,
    Parameters,
    cpu_hours,
    cpu_rates,
    gpus_of,
    parameters_of,
    tokens_per_second,
    weight_bytes,
)
from sure_math.dry_run.plan import BuildPlan, source_rows
from sure_math.models.responders.roles import models_by_role
from sure_math.problems.sources.catalogue import SOURCES
from sure_math.problems.sources.seeds import curated_seeds
from sure_math.rows import CURATED

PAPER_TEACHER = "Qwen/Qwen3-8B"
PAPER_PROBLEMS, PAPER_SAMPLES, PAPER_HOURS = 8_800, 8, (1, 2)
"""A.1: 8,800 prompts of N = 8 with batch size 300, sampled and clustered in approximately 1-2 hours on one H100."""


def plan_table(plan: BuildPlan) -> Group:
    """Lay out a plan: sources, benchmarks, settings, costs, assumptions."""
    tables = [
        _sources(plan.config),
        _benchmarks(plan.config),
        plan_settings("Run", _run_rows(plan.config)),
        settings_table(plan.config),
        _costs(plan),
        _on_this_machine(plan),
        _assumptions(plan),
    ]
    return Group(*(table for table in tables if table.row_count), *(Text(note) for note in _notes(plan)))


def _sources(config: BuildConfig) -> Table:
    """The sources of the seeds or of the stored samples."""
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
        rows = None if row is None else sum(row.published_rows.get(split, 0) for split in row.splits) or None
        compared = "no: skipped" if name in config.decontaminate.skip else "yes"
        table.add_row(name, str(copy.path or dataset), _number(rows), compared)
    return table


def _run_rows(config: BuildConfig) -> Iterator[tuple[str, str]]:
    """What follows from the settings and is in none of them."""
    if curated := curated_seeds(config.seeds):
        train = sum(row.split == "train" for row in curated)
        yield "curated", f"{train:,} to train on, which stay as they are, and {len(curated) - train:,} held out"
    batch, num_samples = config.run.batch_size, config.sample.num_samples
    if config.samples.path is None:
        yield "batch", f"{batch:,} sequences ({batch // num_samples:,} problems of {num_samples} samples)"
    yield "weight", "1 - H / log N"


def _costs(plan: BuildPlan) -> Table:
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


def _totals(plan: BuildPlan) -> list[str]:
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


def _on_this_machine(plan: BuildPlan) -> Table:
    """How long the plan's machine works if it has no GPU; empty if it has one or no model needs one."""
    numbers = ("in/s", "out/s", "hours")
    title = f"On this machine: {plan.machine.words}"
    table = plan_part(title, "phase", "model", *numbers, right=numbers)
    models = models_by_role(plan.config)
    asked = [(step.phase, models[step.role], step.work) for step in plan.steps if step.role and step.work]
    if plan.machine.has_gpu or not any(gpus_of(model) for _, model, _ in asked):
        return table
    hours: list[float | None] = []
    for phase, model, work in asked:
        rates = cpu_rates(model, plan.machine, plan.assumptions)
        speeds = ["-", "-"] if rates is None else [f"{rates.prompt:,.0f}", f"{rates.generated:,.0f}"]
        hours.append(0.0 if model.engine == "server" else cpu_hours(model, work, plan.machine, plan.assumptions))
        table.add_row(phase, _model_here(model, plan), *speeds, _hours(hours[-1]))
    table.add_section()
    known = [value for value in hours if value is not None]
    table.add_row("total", "", "", "", _hours(sum(known)) if len(known) == len(hours) else "?")
    table.caption = Text(
        "Tokens per second and hours without a GPU. GPU h above: on the GPUs assumed below.", style="dim"
    )
    table.caption_justify = "left"
    return table


def _model_here(model: ModelConfig, plan: BuildPlan) -> str:
    """Name of a model, and why it does not run on the plan's machine."""
    size = parameters_of(model.model)
    if model.engine == "server":
        return f"{model.model}: on a server"
    if size is None:
        return f"{model.model}: its size is not known"
    weights, memory = weight_bytes(model, size) / 1e9, plan.machine.memory / 1e9
    if weights > memory:
        return f"{model.model}: {weights:,.0f} GB of weights do not fit in {memory:,.0f} GB"
    return model.model


def _assumptions(plan: BuildPlan) -> Table:
    table = assumptions_table(plan.assumptions)
    models = models_by_role(plan.config)
    for role in dict.fromkeys(step.role for step in plan.steps if step.role is not None):
        model = models[role]
        size = parameters_of(model.model)
        if size is None:
            table.add_row(role, "?", f"{model.model} does not name its size, so that its hours are not known")
            continue
        if size.total < SMALLEST:
            table.add_row(role, f"{size.total / 1e6:.1f}M", f"parameters of {model.model}: it runs on a CPU")
            continue
        rates = [
            tokens_per_second(size, share, plan.assumptions)
            for share in (plan.assumptions.prompt_share, plan.assumptions.generated_share)
        ]
        table.add_row(
            role,
            f"{size.active / 1e9:.3g}B",
            f"active parameters of {model.model}: {rates[0]:,.0f} prompt and {rates[1]:,.0f} generated tokens per "
            f"second and GPU, on {_place(model, size, plan.assumptions)}",
        )
    return table


def _place(model: ModelConfig, size: Parameters, assumptions: BuildAssumptions) -> str:
    number = gpus_of(model)
    if not number:
        return "the server's GPUs"
    place = f"{number} GPU{'s' if number != 1 else ''}"
    weights, memory = (
        2 * size.total / 1e9,
        assumptions.gpu_gigabytes * number / (model.replicas.max if model.replicas else 1),
    )
    if weights <= memory:
        return place
    return f"{place}: {weights:,.0f} GB of weights do not fit in {memory:,.0f} GB, raise tensor_parallel_size"


def _notes(plan: BuildPlan) -> Iterator[str]:
    """Compare with the time that the paper reports, if the plan asks the paper's teacher."""
    done = {step.phase: step.work for step in plan.steps}
    sample, judged = done.get("sample"), done.get("cluster")
    problems = next((step.problems for step in plan.steps if step.phase == "sample"), None)
    if plan.config.teacher is None or plan.config.teacher.model != PAPER_TEACHER or sample is None or not problems:
        return
    if sample.gpu_hours is None or (judged is not None and judged.gpu_hours is None):
        return
    size = parameters_of(PAPER_TEACHER)
    assert size is not None
    rate = tokens_per_second(size, plan.assumptions.generated_share, plan.assumptions)
    low, high = (hours * 3600 * rate / (PAPER_PROBLEMS * PAPER_SAMPLES) for hours in PAPER_HOURS)
    gpu_hours = sample.gpu_hours + (judged.gpu_hours or 0 if judged is not None else 0)
    yield (
        f"The paper (A.1) sampled and clustered {PAPER_PROBLEMS:,} problems in approximately {PAPER_HOURS[0]}-"
        f"{PAPER_HOURS[1]} hours on one H100. The same two phases take {gpu_hours:.1f} GPU hours here for {problems:,} "
        f"problems ({gpu_hours * PAPER_PROBLEMS / problems:.1f} for {PAPER_PROBLEMS:,}). At the speed assumed here, "
        f"the paper's time would mean {low:,.0f} to {high:,.0f} tokens per answer."
    )


def _at(dataset: str, revision: str | None) -> str:
    return f"{dataset} @ {revision[:12]}" if revision else f"{dataset} @ newest"


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
