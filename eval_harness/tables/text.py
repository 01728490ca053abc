"""Write a table as Markdown and as LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from eval_harness.tables.cells import Cell
from sure_math.escaping import markdown as markdown_text
from sure_math.escaping import visible

DASH = "–"
"""An empty cell."""
_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "τ": r"$\tau$",
    "±": r"$\pm$",
    DASH: "--",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table that is ready to be written."""

    caption: str
    label: str
    """LaTeX label of the table, and name of its files."""
    columns: tuple[str, ...]
    """Titles of all columns. The first column names the rows."""
    groups: tuple[tuple[str, int], ...]
    """Titles above the columns, without the first column, and how many columns each title spans."""
    blocks: tuple[tuple[str | None, tuple[tuple[Cell | str | None, ...], ...]], ...]
    """Title and rows of each block. Rows are as long as `columns`; None is an empty cell."""
    notes: tuple[str, ...] = ()


def markdown(grid: Grid) -> str:
    """Return the table as Markdown, one Markdown table per block: a block's title is text above its table.

    >>> row = ("UOPD", Cell(value=0.8, error=0.064))
    >>> grid = Grid(caption="", label="t", columns=("", "pass@1"), groups=(("MATH-500", 1),), blocks=((None, (row,)),))
    >>> markdown(grid).splitlines()[-1]
    '| UOPD | 80.0 ± 6.4 |'
    """
    spread = [title for title, span in grid.groups for _ in range(span)] or [""] * (len(grid.columns) - 1)
    heads = [" ".join(filter(None, pair)) for pair in zip(spread, grid.columns[1:], strict=True)]
    header = _line([markdown_text(grid.columns[0]), *map(markdown_text, heads)])
    rule = _line(["---", *["---:"] * len(heads)])
    parts = [f"**{markdown_text(grid.caption)}**"]
    for title, rows in grid.blocks:
        table = [header, rule, *(_line([_markdown(value) for value in row]) for row in rows)]
        parts += [*([markdown_text(title)] if title else []), "\n".join(table)]
    parts += ["\n".join(f"- {markdown_text(note)}" for note in grid.notes)] if grid.notes else []
    return "\n\n".join(parts) + "\n"


def latex(grid: Grid) -> str:
    """Return the table as a LaTeX `table` environment, which needs the package booktabs.

    >>> row = ("UOPD", None)
    >>> grid = Grid(caption="", label="t", columns=("", "pass@1"), groups=(("MATH-500", 1),), blocks=((None, (row,)),))
    >>> latex(grid).splitlines()[0]
    '\\\\begin{table}'
    """
    width = len(grid.columns)
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_escaped(grid.caption)}}}",
        rf"\label{{tab:{grid.label}}}",
        rf"\begin{{tabular}}{{l{'r' * (width - 1)}}}",
        r"\toprule",
    ]
    if grid.groups:
        lines.append(_row(["", *(rf"\multicolumn{{{span}}}{{c}}{{{_escaped(title)}}}" for title, span in grid.groups)]))
    lines.append(_row([_escaped(name) for name in grid.columns]))
    for title, rows in grid.blocks:
        lines.append(r"\midrule")
        if title:
            lines += [rf"\multicolumn{{{width}}}{{l}}{{\textit{{{_escaped(title)}}}}} \\"]
        lines += [_row([_latex(value) for value in row]) for row in rows]
    lines += [r"\bottomrule", r"\end{tabular}"]
    lines += [rf"\par\footnotesize {_escaped(note)}." for note in grid.notes]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def in_percent(cell: Cell) -> tuple[str, str | None]:
    """Return value and standard error in percent, as they are printed.

    >>> in_percent(Cell(value=0.5, error=0.025))
    ('50.0', '2.5')
    """
    return f"{100 * cell.value:.1f}", None if cell.error is None else f"{100 * cell.error:.1f}"


def _markdown(value: Cell | str | None) -> str:
    if not isinstance(value, Cell):
        return DASH if value is None else markdown_text(value)
    number, error = in_percent(value)
    shown = f"**{number}**" if value.bold else number
    return shown if error is None else f"{shown} ± {error}"


def _latex(value: Cell | str | None) -> str:
    if not isinstance(value, Cell):
        return _escaped(DASH if value is None else value)
    number, error = in_percent(value)
    shown = rf"\textbf{{{number}}}" if value.bold else number
    return shown if error is None else rf"{shown} {{\scriptsize$\pm$ {error}}}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _row(cells: Sequence[str]) -> str:
    return f"{' & '.join(cells)} \\\\"


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in visible(text, keep=""))
