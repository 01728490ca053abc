"""Make the page's sections on training: the loss, the teacher's scores, and a whole step, on a CPU and on a GPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from matplotlib.axes import Axes

from benchmarks.compared.loss_ways import ON_ALL, WAYS
from benchmarks.measuring.loss_goals import goals
from benchmarks.page.parts import (
    Figure,
    Result,
    Section,
    bars,
    draw_panels,
    machine_line,
    seconds,
    stacked,
    table,
    times,
)

NAMES = ("floor", *WAYS)
MEMORY = {
    "cpu": ("beyond_models_megabytes", "memory beyond the models"),
    "gpu": ("peak_megabytes", "peak memory, models included"),
}
"""The memory of a step that is shown. On a CPU a process also holds its libraries, which differ between the ways."""


def loss(results: Result) -> Section:
    """Make the section on the loss."""
    blocks: list[str | Figure] = []
    for name in sorted(results, key=lambda key: (key == "gpu", key)):
        section = results[name]
        where = "On a GPU" if name == "gpu" else f"On a CPU, {_threads(section)}"
        blocks += [
            f"### {where}",
            *(_loss_blocks(name, section) if isinstance(section, dict) else [_not_measured(section)]),
        ]
    return Section(
        title="The loss, forward and backward",
        what="From hidden states and the head's weight to the loss and both gradients, with a vocabulary of 151,936. "
        "`floor` is only the head's three matrix products; `loop` is appendix A.2 on its first tokens, scaled up. TRL "
        "and Liger compute the teacher's logits from its hidden states, as `ours with scoring` and the ways called "
        "`hidden states` do. Memory is what a way needs beyond its inputs and the weight's gradient, measured in a "
        "separate process.",
        command="python -m benchmarks.loss_speed [--threads N | --gpu]",
        blocks=blocks,
    )


def _threads(section: Result | str) -> str:
    threads = section["machine"]["threads"] if isinstance(section, dict) else 0
    return f"{threads} {'thread' if threads == 1 else 'threads'}"


def _not_measured(why: str) -> str:
    return f"{why[0].upper()}{why[1:]}."


def _loss_blocks(name: str, section: Result) -> list[str | Figure]:
    rows = [row for row in section["time"] if "failed" not in row]
    clock = "cpu" if section["machine"]["threads"] == 1 else "wall"
    kind = "the CPU time of the process" if clock == "cpu" else "the wall clock"
    drawn = _at_the_widest(rows)
    blocks: list[str | Figure] = [
        machine_line(section["machine"]),
        Figure(
            name=f"loss_time_{name}",
            alt=f"Time of each way of the loss, times ours, {name}",
            draw=partial(draw_panels, [partial(_draw_times, row, clock) for row in drawn]),
        ),
        f"Seconds by {kind} (and times ours):",
        _time_table(section["time"], clock),
    ]
    if name == "gpu":
        blocks += ["Share of the measured rate of the head's products:", _share_table(rows)]
    drawn_memory = _memory_panels(_at_the_widest([row for row in section["memory"] if "failed" not in row]))
    blocks += [
        Figure(
            name=f"loss_memory_{name}",
            alt=f"Memory of each way of the loss as a share of the float32 logits matrix, {name}",
            draw=partial(draw_panels, drawn_memory),
        ),
        _memory_table(section["memory"]),
    ]
    if name == "gpu":
        blocks += ["Goals:", "\n".join(f"- {goal.line()}" for goal in goals(section))]
    return blocks


def _at_the_widest(rows: Sequence[Result]) -> list[Result]:
    """Return the rows that are drawn: the widest hidden state with k 512 and the full vocabulary."""
    widest = max(row["shape"]["hidden"] for row in rows)
    return [row for row in rows if row["shape"]["hidden"] == widest and row["shape"]["k"] not in (128, 2_048)]


def _k(shape: Result) -> str:
    return "full" if shape["k"] == shape["vocabulary"] else f"{shape['k']:,}"


def _k_of(row: Result) -> str:
    """Return the k of a way: ways on the full vocabulary have none, whatever k the shape has."""
    return "full" if row["way"] in ON_ALL else _k(row["shape"])


def _shape(shape: Result) -> str:
    k = "full vocabulary" if _k(shape) == "full" else f"k {_k(shape)}"
    return f"{shape['tokens']:,} tokens × {shape['hidden']:,}, {k}"


def _draw_times(row: Result, clock: str, axis: Axes) -> None:
    ratios = row[f"{clock}_times_ours"]
    shown = {name: ratios[name] for name in NAMES if name in ratios}
    bars(axis, shown, times, title=_shape(row["shape"]), xlabel="time, times ours")


def _time_table(rows: Sequence[Result], clock: str) -> str:
    names = [name for name in NAMES if any(name in row.get(f"{clock}_seconds", {}) for row in rows)]
    lines = []
    for row in rows:
        shape = row["shape"]
        where = [f"{shape['tokens']:,}", f"{shape['hidden']:,}", _k(shape)]
        if "failed" in row:
            lines.append([*where, row["failed"], *["-"] * (len(names) - 1)])
            continue
        taken, ratios = row[f"{clock}_seconds"], row.get(f"{clock}_times_ours", {})
        cells = [
            f"{seconds(taken[name])} ({times(ratios.get(name))})"
            if name in taken
            else {"out of memory": "out of memory"}.get(row["skipped"].get(name, ""), "-")
            for name in names
        ]
        lines.append([*where, *cells])
    return table(["tokens", "hidden", "k", *names], lines)


def _share_table(rows: Sequence[Result]) -> str:
    names = [name for name in WAYS if any(name in row.get("floor_share", {}) for row in rows)]
    lines = []
    for row in rows:
        shape, shares = row["shape"], row.get("floor_share", {})
        cells = [f"{shares[name]:.2f}" if name in shares else "-" for name in names]
        lines.append([f"{shape['tokens']:,}", f"{shape['hidden']:,}", _k(shape), *cells])
    return table(["tokens", "hidden", "k", *names], lines)


def _memory_panels(rows: Sequence[Result]) -> list[Callable[[Axes], None]]:
    """Make one panel for each number of tokens, all with the same scale."""
    groups: dict[int, dict[str, float]] = {}
    most = 100 * max(row["of_fp32_logits"] for row in rows)
    for row in rows:
        k = _k_of(row)
        label = f"{row['way']}, {k if k == 'full' else f'k {k}'}"
        groups.setdefault(row["shape"]["tokens"], {})[label] = 100 * row["of_fp32_logits"]
    return [
        partial(
            bars,
            values=values,
            label=lambda share: f"{share:.3g} %",
            title=f"memory, {tokens:,} tokens",
            xlabel="% of float32 logits",
            most=most,
        )
        for tokens, values in sorted(groups.items())
    ]


def _memory_table(rows: Sequence[Result]) -> str:
    lines = []
    for row in rows:
        shape = row["shape"]
        if "failed" in row:
            cells = [row["failed"], "-"]
        else:
            cells = [f"{row['extra_megabytes']:,.0f} MB", f"{row['of_fp32_logits']:.1%}"]
        lines.append([row["way"], f"{shape['tokens']:,}", f"{shape['hidden']:,}", _k_of(row), *cells])
    return table(["way", "tokens", "hidden", "k", "memory beyond", "of the float32 logits"], lines)


def scoring(results: Result) -> Section:
    """Make the section on the teacher's scores."""
    rows, machines = [], []
    for where, section in results.items():
        if isinstance(section, str):
            rows.append([where, _not_measured(section), *["-"] * 6])
            continue
        shape, travel = section["shape"], section["travel"]
        model = f"{shape['layers']} layers × {shape['hidden']:,}, vocabulary {shape['vocabulary']:,}"
        taken = [seconds(section["seconds"][name]) for name in ("forward", "scores")]
        size = [f"{travel[name]['entry_bytes_per_position']:,.0f}" for name in ("float32", "bfloat16")]
        move = f"{travel['float32']['microseconds_per_position']:.1f} µs"
        rows.append(
            [where, model, f"{section['positions']:,}", *taken, times(section["ratio"]), " / ".join(size), move]
        )
        machines.append(f"{where}. {machine_line(section['machine'])}")
    columns = ["where", "model", "positions", "forward", "scores", "ratio", "bytes, float32 / bfloat16", "travel"]
    return Section(
        title="The teacher's scores",
        what="Exact top-512 log-probabilities of every response position, beside the forward pass alone, which "
        "computes the same logits and discards them. Then the bytes of a position's entries, and the time in which "
        "a position's scores pass through the object store.",
        command="python -m benchmarks.teacher_scoring --threads 1 | --gpu",
        blocks=[table(columns, rows), *machines],
    )


def step(results: Result) -> Section:
    """Make the section on a whole step."""
    blocks: list[str | Figure] = []
    for where in ("cpu", "gpu"):
        section = results.get(where, "not measured")
        blocks.append("### On a GPU" if where == "gpu" else "### On a CPU")
        blocks += [_not_measured(section)] if isinstance(section, str) else _step_blocks(where, section)
    return Section(
        title="A whole step, beside TRL",
        what="The teacher reads a batch of responses, the student learns from it and the optimizer steps, without "
        "sampling: ours in one process beside TRL's DistillationTrainer, with the same random models and tokens. TRL "
        "has no top-k, and its scoring cannot be timed separately. In `ours, full vocabulary` the teacher sends hidden "
        "states; it and TRL have the same loss, gradient and weights after a step "
        "(`tests/benchmarks/test_step_speed.py`).",
        command="python -m benchmarks.step_speed --threads 1 | --gpu",
        blocks=blocks,
    )


def _step_blocks(where: str, section: Result) -> list[str | Figure]:
    ways = {name: way for name, way in section["ways"].items() if "failed" not in way}
    key, kind = MEMORY[where]
    rows = []
    for name, way in section["ways"].items():
        if "failed" in way:
            rows.append([name, way["failed"], *["-"] * 6])
            continue
        parts = [seconds(way[part]) for part in ("scoring_seconds", "update_seconds", "seconds")]
        memory = f"{way[key]:,.0f} MB" if key in way else "-"
        speed = f"{way['tokens_per_second']:,.0f}"
        k = f"{way['k']:,}" if isinstance(way["k"], int) else way["k"]
        rows.append([name, k, *parts, times(way.get("times_ours")), speed, memory])
    shape = section["shape"]
    text = (
        f"Student {_sizes(shape['student'])}, teacher {_sizes(shape['teacher'])}, vocabulary {shape['vocabulary']:,}, "
        f"{shape['dtype']}; {shape['prompts']} prompts × {shape['rollouts']} responses of {shape['prompt']} + "
        f"{shape['response']} tokens, {shape['rows_at_once']} rows at once."
    )
    drawing = Figure(
        name=f"step_{where}",
        alt=f"Seconds and memory of a training step, ours and TRL's, {where}",
        draw=partial(draw_panels, [partial(_draw_step, ways), partial(_draw_memory, ways, where)]),
    )
    columns = ["way", "teacher's entries", "scoring", "update", "step", "times ours", "tokens/s", kind]
    return [text, machine_line(section["machine"]), *([drawing] if ways else []), table(columns, rows)]


def _sizes(sizes: dict[str, Any]) -> str:
    return f"{sizes['layers']} layers × {sizes['hidden']:,}"


def _draw_step(ways: Result, axis: Axes) -> None:
    parts = {
        "teacher's scores": {name: way["scoring_seconds"] for name, way in ways.items() if way["scoring_seconds"]},
        "update": {name: way["update_seconds"] for name, way in ways.items() if way["update_seconds"]},
        "both in one": {name: way["seconds"] for name, way in ways.items() if not way["scoring_seconds"]},
    }
    stacked(axis, parts, seconds, title="a step", xlabel="seconds")


def _draw_memory(ways: Result, where: str, axis: Axes) -> None:
    key, kind = MEMORY[where]
    shown = {name: way[key] for name, way in ways.items() if key in way}
    bars(axis, shown, lambda size: f"{size:,.0f} MB", title=kind, xlabel="MB")
