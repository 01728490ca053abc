"""Draw the tables: every number with its standard error, an empty cell as a dash, a bold number as a filled mark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval_harness.tables.cells import METRICS, Block, Cell, cells_of
from eval_harness.tables.text import DASH
from sure_math.reporting.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, panels

STYLES = dict(zip(METRICS, ((BLUE, "o"), (ORANGE, "s")), strict=True))
SHIFT = 0.14
"""Vertical distance of the two metrics of a row from its middle, in rows."""
CURVES = ((BLUE, "-"), (ORANGE, "--"), (GREEN, "-."), (RED, ":"), (PURPLE, (0, (6, 2, 1, 2))), (GREY, "-"))


def draw_blocks(blocks: Sequence[Block], benchmarks: Mapping[str, str], stem: Path) -> None:
    """Draw one row of panels per block and one panel per benchmark. The rows of the table run from top to bottom."""
    with panels(stem, len(blocks), len(benchmarks)) as axes:
        for index, (axis, (block, benchmark)) in enumerate(
            zip(axes, [(block, name) for block in blocks for name in benchmarks], strict=True)
        ):
            for metric, shift in zip(METRICS, (-SHIFT, SHIFT), strict=True):
                _points(axis, cells_of(block, benchmark, metric), metric, shift)
            first = index % len(benchmarks) == 0
            names = [row.title for row in block.rows]
            axis.set_yticks(range(len(names)), names if first else [""] * len(names))
            axis.set_ylim(len(names) - 0.5, -0.5)
            axis.set(xlabel="%, ± one standard error over problems", title=benchmarks[benchmark], xlim=(-2, 102))
            if first and block.title:
                axis.set_title(f"{block.title}\n{benchmarks[benchmark]}")
        _legend(axes[0])


def draw_ablation(
    block: Block, benchmarks: Mapping[str, str], name: str, facts: Mapping[str, Sequence[float | None]], stem: Path
) -> None:
    """Draw accuracy over the settings, one panel per benchmark, and one panel per further column (memory, time)."""
    known = {title: values for title, values in facts.items() if any(value is not None for value in values)}
    titles = [row.title for row in block.rows]
    with panels(stem, 1, len(benchmarks) + len(known)) as axes:
        for axis, benchmark in zip(axes, benchmarks, strict=False):
            for metric in METRICS:
                _line(axis, cells_of(block, benchmark, metric), metric)
            axis.set(ylabel="%, ± one standard error", title=benchmarks[benchmark])
        for axis, (title, values) in zip(axes[len(benchmarks) :], known.items(), strict=True):
            axis.bar(range(len(values)), [value or 0.0 for value in values], color=GREY, width=0.6)
            for index, value in enumerate(values):
                if value is None:
                    axis.text(index, 0.02, DASH, transform=axis.get_xaxis_transform(), ha="center")
            axis.set(title=title)
        for axis in axes:
            axis.set_xticks(range(len(titles)), titles)
            axis.set(xlabel=name, xlim=(-0.5, len(titles) - 0.5))
        _legend(axes[0])


def draw_convergence(curves: Mapping[str, Sequence[tuple[int, Cell]]], stem: Path) -> None:
    """Draw held-out accuracy over the steps of training, one curve per run."""
    with panels(stem, 1, 1) as [axis]:
        for index, (name, points) in enumerate(curves.items()):
            color, dash = CURVES[index % len(CURVES)]
            axis.errorbar(
                [step for step, _ in points],
                [100 * cell.value for _, cell in points],
                yerr=[100 * (cell.error or 0.0) for _, cell in points],
                color=color,
                linestyle=dash,
                marker="o",
                markersize=3,
                capsize=2,
                linewidth=1.2,
                elinewidth=0.7,
                label=name,
            )
        axis.set(xlabel="step", ylabel="%, ± one standard error", title="Greedy, held-out problems")
        axis.legend()


def _points(axis: Any, cells: Sequence[Cell | None], metric: str, shift: float) -> None:
    color, marker = STYLES[metric]
    for row, cell in enumerate(cells):
        if cell is None:
            axis.text(0.03, row + shift, DASH, transform=axis.get_yaxis_transform(), color=color, va="center")
            continue
        axis.errorbar(
            100 * cell.value,
            row + shift,
            xerr=100 * (cell.error or 0.0),
            fmt=marker,
            color=color,
            markersize=5,
            capsize=2,
            linewidth=1.2,
            markerfacecolor=color if cell.bold else "white",
        )


def _line(axis: Any, cells: Sequence[Cell | None], metric: str) -> None:
    color, marker = STYLES[metric]
    known = [(index, cell) for index, cell in enumerate(cells) if cell is not None]
    if not known:
        shift = 0.45 if metric == METRICS[0] else 0.55
        axis.text(0.5, shift, DASH, transform=axis.transAxes, color=color, ha="center")
        axis.set_yticks([])
        return
    axis.errorbar(
        [index for index, _ in known],
        [100 * cell.value for _, cell in known],
        yerr=[100 * (cell.error or 0.0) for _, cell in known],
        fmt=f"{marker}-",
        color=color,
        markersize=5,
        capsize=2,
        linewidth=1.2,
    )


def _legend(axis: Any) -> None:
    """Add the names of the metrics, even if the panel has only dashes."""
    for metric, (color, marker) in STYLES.items():
        axis.plot([], [], marker=marker, color=color, linestyle="none", label=metric)
    axis.legend()
