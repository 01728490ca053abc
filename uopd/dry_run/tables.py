"""Print the plan of a training run: settings, what runs where, what it holds, whether that fits, assumptions."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group
from rich.table import Table
from rich.text import Text

from sure_math.command_line.arguments import plan_part, plan_settings
from sure_math.command_line.settings_table import settings_table
from sure_math.dry_run.assumptions import assumptions_table
from uopd.dry_run.cpu_time import StepTime
from uopd.dry_run.memory import GIB, most_tokens
from uopd.dry_run.model_shapes import shape_of
from uopd.dry_run.plan import TrainingPlan


def plan_table(plan: TrainingPlan) -> Group:
    """Lay out the plan: counts, settings, placement, memory, verdict, assumptions."""
    tables = (
        plan_settings("Run", _run_rows(plan)),
        settings_table(plan.config),
        _placement(plan),
        _memory(plan),
    )
    return Group(*tables, *_verdict(plan), Text(), assumptions_table(plan.assumptions))


def _run_rows(plan: TrainingPlan) -> Iterator[tuple[str, str]]:
    """What follows from the settings and is in none of them."""
    config = plan.config
    data = config.data
    yield "method", config.method
    last = plan.prompts_of_last_step
    partial = f", the last one of {last:,}" if last != data.prompts_per_step else ""
    yield "steps", f"{config.steps:,} of {data.prompts_per_step:,} prompts{partial}"
    drawn = "in proportion to their weights, " if plan.method.proportional else ""
    yield "prompts", f"{plan.prompts:,}, drawn {drawn}with replacement"
    yield "rollouts", f"{plan.rollouts:,} (K = {config.rollouts.per_prompt})"
    warm_up = round(config.optimizer.warmup * config.steps)
    yield "warm-up", f"{warm_up:,} step{'' if warm_up == 1 else 's'}"
    if plan.method.scorer is not None:
        yield "scores", _scores(plan)
    if plan.step_time is not None:
        yield "time", _time(plan, plan.step_time)


def _time(plan: TrainingPlan, step: StepTime) -> str:
    """How long the run takes without a GPU."""
    return (
        f"about {step.total / 60:,.0f} min a step (rollouts {step.rollouts / 60:,.1f}, scores {step.scores / 60:,.1f}, "
        f"training {step.training / 60:,.1f}) at response_tokens, {step.total * plan.config.steps / 3600:,.1f} hours "
        f"in all on this machine: {plan.machine.words}"
    )


def _scores(plan: TrainingPlan) -> str:
    """What the scores of a step are, and how many bytes of the host's memory they need."""
    config, sent = plan.config, plan.sent
    most = most_tokens(config)
    mean = most * min(1.0, plan.assumptions.response_tokens / config.rollouts.max_new_tokens)
    place = "the object store (host)" if config.runtime.kind == "ray" else "the host's memory"
    kind = f"top-{sent.top_k} (int32 and {config.teacher.values})" if sent.top_k else "the response's own token"
    if sent.top_k and config.teacher.sends == "hidden":
        kind = f"hidden states (the student's process finds the top-{sent.top_k} with the scorer's head)"
    return (
        f"{kind}, {sent.position:,} B a position: {_gib(sent.position * mean)} GiB a step in {place} at "
        f"response_tokens, {_gib(sent.position * most)} GiB at most ({most:,} positions)"
    )


def _placement(plan: TrainingPlan) -> Table:
    table = plan_part(
        "Placement", "part", "on", "reserves", "model", "parameters", "by", right=("reserves", "parameters")
    )
    for part in plan.parts:
        shape = shape_of(part.model)
        size = "?" if shape is None else _parameters(shape.parameters)
        share = f"{part.share:g} GPU" if part.share else "-"
        table.add_row(part.name, ", ".join(part.devices), share, part.model, size, part.how)
    return table


def _memory(plan: TrainingPlan) -> Table:
    table = plan_part(
        "Memory at the worst moment (an estimate)", "device", "part", "what", "GiB", "from", right=("GiB",)
    )
    for device in plan.devices:
        for part, item in sorted(device.items, key=lambda row: row[0] == ""):
            table.add_row(device.name, part, item.name, _gib(item.bytes), item.why)
        state = f"{_gib(device.excess)} too much" if device.excess > 0 else f"{_gib(-device.excess)} free"
        name = Text(device.name, style="bold")
        table.add_row(name, "", "all", _gib(device.needed), f"of {_gib(device.bytes)}: {state}")
        table.add_section()
    return table


def _verdict(plan: TrainingPlan) -> Iterator[Text]:
    gpus = f"{plan.gpus} GPU{'s' if plan.gpus != 1 else ''}" if plan.gpus else "the CPU"
    if plan.fits:
        yield Text(f"It fits on {gpus}.", style="green")
    for problem in plan.problems:
        yield Text(f"It does not fit. {problem}.", style="red")
    if plan.refused is not None:
        yield Text(f"It would be refused: {plan.refused}.", style="red")
    for missing in plan.missing:
        yield Text(f"Missing: {missing}.", style="yellow")


def _parameters(count: int) -> str:
    return f"{count / 1e9:.2f}B" if count >= 1e8 else f"{count / 1e6:.2f}M"


def _gib(count: float) -> str:
    return f"{count / GIB:,.1f}" if count >= 0.05 * GIB else "<0.1"
