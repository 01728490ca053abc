"""What the page is made of: sections, figures, Markdown tables, the line that names a machine, and bar charts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes

from sure_math.reporting.figures import BLUE, GREEN, GREY, ORANGE, panels

Result = dict[str, Any]
FIGURES, RESULTS = "figures", "results"
"""Folders beside the page: its figures, and the results files it is written from."""
LEAST_BARS = 3
"""A panel leaves room for this many bars, so that a single bar does not fill it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """An image of the page."""

    name: str
    """Name of the file, without its ending."""
    alt: str
    """What the image shows, in words, for readers who cannot see it."""
    draw: Callable[[Path], None] | None = None
    """Draws the image from the results to a path without ending. None: the benchmark itself draws the image."""

    def markdown(self) -> str:
        return f"![{self.alt}]({FIGURES}/{self.name}.png)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One benchmark on the page."""

    title: str
    what: str
    """What was measured, in one or two sentences."""
    command: str
    blocks: Sequence[str | Figure]
    """Tables, lines and figures, in their order on the page."""

    def markdown(self) -> str:
        blocks = [block if isinstance(block, str) else block.markdown() for block in self.blocks]
        return "\n\n".join([f"## {self.title}", self.what, f"`{self.command}`", *blocks])

    @property
    def figures(self) -> list[Figure]:
        return [block for block in self.blocks if isinstance(block, Figure)]


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, text: Collection[str] = ()) -> str:
    """Write a Markdown table. All columns but the first hold numbers, and stand at the right.

    Args:
        text: further columns that hold text.

    >>> print(table(["way", "seconds"], [["ours", 1.5]]))
    | way | seconds |
    | --- | ---: |
    | ours | 1.5 |
    """
    lines = [columns, ["---", *("---" if column in text else "---:" for column in columns[1:])], *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def machine_line(machine: Mapping[str, Any] | None) -> str:
    """Write where something was measured. Results of early versions do not record it."""
    if not machine:
        return "Machine: not recorded."
    cores, threads = machine.get("cores"), machine.get("threads")
    parts = [
        machine.get("gpu"),
        machine.get("processor"),
        None if cores is None else f"{cores} cores",
        None if threads is None else f"{threads} {'thread' if threads == 1 else 'threads'}",
        None if "load_before" not in machine else f"load {machine['load_before']} before",
        *(f"{name} {version}" for name, version in machine.get("versions", {}).items()),
    ]
    return "Machine: " + ", ".join(str(part) for part in parts if part) + "."


def times(value: float | None) -> str:
    """Write a ratio with two digits; `-` for None."""
    return "-" if value is None else f"{value:.2f}×"


def seconds(value: float | None) -> str:
    """Write a time in seconds, or in milliseconds if it is below a tenth of a second.

    >>> seconds(2.0), seconds(0.0042)
    ('2 s', '4.2 ms')
    """
    if value is None:
        return "-"
    return f"{1000 * value:.3g} ms" if value < 0.1 else f"{value:.3g} s"


def bars(
    axis: Axes,
    values: Mapping[str, float],
    label: Callable[[float], str],
    *,
    title: str,
    xlabel: str,
    most: float | None = None,
) -> None:
    """Draw one horizontal bar per name, the first on top, with its value beside it. Ours is blue, a floor grey.

    Args:
        most: largest value of all panels that are to be compared, which sets the scale.
    """
    names = list(values)[::-1]
    colours = [BLUE if name.startswith("ours") else GREY if name == "floor" else ORANGE for name in names]
    axis.barh(range(len(names)), [values[name] for name in names], color=colours, height=0.7)
    _beside(axis, names, values, label, most)
    axis.set(title=title, xlabel=xlabel)


def stacked(
    axis: Axes, parts: Mapping[str, Mapping[str, float]], label: Callable[[float], str], *, title: str, xlabel: str
) -> None:
    """Draw horizontal bars made of parts, with a legend.

    Args:
        parts: part -> name -> value.
    """
    names = list(dict.fromkeys(name for values in parts.values() for name in values))[::-1]
    left = dict.fromkeys(names, 0.0)
    for (part, values), colour in zip(parts.items(), (GREEN, BLUE, ORANGE), strict=False):
        shown = [name for name in names if name in values]
        rows = [names.index(name) for name in shown]
        axis.barh(rows, [values[n] for n in shown], left=[left[n] for n in shown], color=colour, label=part)
        left.update({name: left[name] + values[name] for name in shown})
    _beside(axis, names, left, label, None)
    axis.set(title=title, xlabel=xlabel)
    axis.legend(loc="upper center", bbox_to_anchor=(0.4, -0.22), ncols=len(parts))


def _beside(
    axis: Axes,
    names: Sequence[str],
    values: Mapping[str, float],
    label: Callable[[float], str],
    most: float | None,
) -> None:
    for row, name in enumerate(names):
        axis.text(values[name], row, f" {label(values[name])}", va="center", fontsize=8)
    axis.set_xlim(0, 1.22 * (most or max(values.values())))  # room for the labels
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.5 - max(len(names), LEAST_BARS), len(names) - 0.5)


def draw_panels(drawings: Sequence[Callable[[Axes], None]], stem: Path, columns: int = 2) -> None:
    """Put drawings side by side into a PNG; the page needs no SVG."""
    columns = min(columns, len(drawings))
    with panels(stem, -(-len(drawings) // columns), columns) as axes:
        for axis, drawing in zip(axes, drawings, strict=False):
            drawing(axis)
        for axis in axes[len(drawings) :]:
            axis.axis("off")
    stem.with_suffix(".svg").unlink()
