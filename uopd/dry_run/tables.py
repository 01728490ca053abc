"""How the plan of a training run is printed: what runs, where, what it holds, whether that fits, what is assumed."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group
from rich.table import Table
from rich.text import Text

from sure_math.command_line.arguments import plan_part, plan_settings
from uopd.dry_run.memory import GIB, most_tokens, reasons
from uopd.dry_run.model_shapes import shape_of
from uopd.dry_run.plan import Plan


def plan_table(plan: Plan) -> Group:
    """Settings, placement, memory, verdict, assumptions."""
    tables = (plan_settings("Run", _setting_rows(plan)), _placement(plan), _memory(plan))
    return Group(*tables, *_verdict(plan), Text(), _assumptions(plan))


def _setting_rows(plan: Plan) -> Iterator[tuple[str, str]]:
    config = plan.config
    data, rollouts, optimizer, teacher = config.data, config.rollouts, config.optimizer, config.teacher
    yield "method", config.method
    other = "; weights of another teacher are allowed" if data.allow_other_teacher else ""
    yield "data", f"{data.path}, prompts of at most {data.max_prompt_tokens:,} tokens{other}"
    last = plan.prompts_of_last_step
    partial = f", the last one of {last:,}" if last != data.prompts_per_step else ""
    yield "steps", f"{config.steps:,} of {data.prompts_per_step:,} prompts{partial}"
    drawn = "in proportion to their weights, " if plan.method.proportional else ""
    yield "prompts", f"{plan.prompts:,}, drawn {drawn}with replacement"
    yield "rollouts", f"{plan.rollouts:,} (K = {rollouts.per_prompt})"
    yield (
        "sampling",
        f"temperature {rollouts.temperature:g}, top_p {rollouts.top_p:g}, top_k {rollouts.top_k or 'off'}, at most "
        f"{rollouts.max_new_tokens:,} new tokens, thinking {'on' if config.student.enable_thinking else 'off'}",
    )
    if plan.method.scorer is not None:
        yield "scores", _scores(plan)
    decay = f", weight decay {optimizer.weight_decay:g}"
    warm_up = round(optimizer.warmup * config.steps)
    yield (
        "optimizer",
        f"AdamW ({optimizer.beta1:g}, {optimizer.beta2:g}){decay}, gradients clipped at {optimizer.clip:g}; "
        f"learning rate {optimizer.learning_rate:g}, {warm_up:,} steps of warm-up, then {optimizer.schedule}",
    )
    if config.runtime.kind == "ray":
        yield "weights travel", f"{config.sync.backend}, {config.sync.bucket_mb} MiB at a time"
    reads = f"; {teacher.max_tokens:,} of the teacher" if plan.method.scorer == "teacher" else ""
    yield "a forward pass", f"at most {config.batch.max_tokens:,} positions of the student{reads}"


def _scores(plan: Plan) -> str:
    """What one step's scores are, and what they take in the host's memory."""
    config, sent = plan.config, plan.sent
    most = most_tokens(config)
    mean = most * min(1.0, plan.assumptions.response_tokens / config.rollouts.max_new_tokens)
    place = "the object store (host)" if config.runtime.kind == "ray" else "the host's memory"
    what = f"top-{sent.top_k} (int32 and {config.teacher.values})" if sent.top_k else "the response's own token"
    if sent.top_k and config.teacher.sends == "hidden":
        what = f"hidden states (the student's process finds the top-{sent.top_k} with the scorer's head)"
    return (
        f"{what}, {sent.position:,} B a position: {_gib(sent.position * mean)} GiB a step in {place} at "
        f"response_tokens, {_gib(sent.position * most)} GiB at most ({most:,} positions)"
    )


def _placement(plan: Plan) -> Table:
    table = plan_part(
        "Placement", "part", "on", "reserves", "model", "parameters", "by", right=("reserves", "parameters")
    )
    for part in plan.parts:
        shape = shape_of(part.model)
        size = "?" if shape is None else _parameters(shape.parameters)
        share = f"{part.share:g} GPU" if part.share else "-"
        table.add_row(part.name, ", ".join(part.devices), share, part.model, size, part.how)
    return table


def _memory(plan: Plan) -> Table:
    table = plan_part(
        "Memory at the worst moment (an estimate)", "device", "part", "what", "GiB", "from", right=("GiB",)
    )
    for device in plan.devices:
        for part, item in sorted(device.items, key=lambda row: row[0] == ""):
            table.add_row(device.name, part, item.name, _gib(item.bytes), item.why)
        state = f"{_gib(device.excess)} too much" if device.excess > 0 else f"{_gib(-device.excess)} free"
        name = Text(device.name, style="bold")
        table.add_row(name, "", "all", _gib(device.asked), f"of {_gib(device.bytes)}: {state}")
        table.add_section()
    return table


def _verdict(plan: Plan) -> Iterator[Text]:
    gpus = f"{plan.gpus} GPU{'s' if plan.gpus != 1 else ''}" if plan.gpus else "the CPU"
    if plan.fits:
        yield Text(f"It fits on {gpus}.", style="green")
    for problem in plan.problems:
        yield Text(f"It does not fit. {problem}.", style="red")
    for missing in plan.missing:
        yield Text(f"Missing: {missing}.", style="yellow")


def _assumptions(plan: Plan) -> Table:
    table = plan_part("Assumptions (--assume NAME=VALUE)", "name", "value", "why", right=("value",))
    for name, value, reason in reasons(plan.assumptions):
        table.add_row(name, f"{value:g}", reason)
    return table


def _parameters(count: int) -> str:
    return f"{count / 1e9:.2f}B" if count >= 1e8 else f"{count / 1e6:.2f}M"


def _gib(count: float) -> str:
    return f"{count / GIB:,.1f}" if count >= 0.05 * GIB else "<0.1"
