r"""Read answers in several rows: matrices, systems of equations (`cases`, `aligned`) and functions by cases."""

import re
from collections.abc import Sequence
from typing import Literal

from sure_math.equivalence.conditions import split_condition_word
from sure_math.equivalence.forms import (
    Collection,
    Form,
    LeftOut,
    Quantity,
    Reader,
    Unreadable,
    Words,
    is_algebra,
    with_source,
)
from sure_math.equivalence.numbers import Expression
from sure_math.equivalence.relations import join
from sure_math.equivalence.text import split_top

_MATRIX = re.compile(r"(\\begin\{([pbvBV]?matrix|smallmatrix|array)\}(?:\{[lcr|\s]*\})?)(.*)(\\end\{\2\})", re.DOTALL)
_ROWS = re.compile(
    r"(⦃?\s*\\begin\{((?:[dr]?cases|numcases|aligned|alignedat|align|gathered|gather|split|eqnarray|array|matrix)\*?)\}"
    r"(?:\{[lcr|\s\d@{}]*\})?)(.*)(\\end\{\2\}\s*⦄?)",
    re.DOTALL,
)
_RELATION = frozenset("=≈<>≤≥≠∈")
_OTHERWISE = frozenset({"otherwise", "else", "elsewhere", "sonst", "sinon"})


def read_matrix(text: str, read: Reader) -> Form | None:
    """Read a matrix, or a determinant, which is a number or a formula if its cells are; None if the text is neither."""
    match = _MATRIX.fullmatch(text)
    bars = False
    if match is None:
        for opening, closing in ("()", "[]", "||"):
            if text.startswith(opening) and text.endswith(closing) and (inner := _MATRIX.fullmatch(text[1:-1].strip())):
                match, bars = inner, opening == "|"
    if match is None or not _is_one_environment(match.group(3)):
        is_product = match is not None and "{vmatrix}" not in text.lower()
        return _matrix_product(text, read) if is_product else None
    if (bars or match.group(2) == "vmatrix") and is_algebra(text):
        return Quantity(Expression(text), None)
    opening, name, body, closing = match.groups()
    kind: Literal["determinant", "matrix"] = "determinant" if bars or name in ("vmatrix", "Vmatrix") else "matrix"
    rows = [_cells(row) for row in _rows(body)]
    items = tuple(Collection("row", tuple(read(cell) for cell in row)) for row in rows)
    return Collection(kind, items, source=f"{opening} {closing} {'||' if bars else ''}")


def _is_one_environment(body: str) -> bool:
    """Whether no environment ends in a body that began outside it, as between two matrices side by side."""
    depth = 0
    for command in re.findall(r"\\(begin|end)\{", body):
        depth += 1 if command == "begin" else -1
        if depth < 0:
            return False
    return depth == 0


_MAX_PRODUCT = 6
"""Rows and columns of matrices that are multiplied."""


def _matrix_product(text: str, read: Reader) -> Form | None:
    """Read two matrices of numbers side by side as their product."""
    first, closing, second = text.partition("\\end{")
    name, brace, rest = second.partition("}")
    factors = [read_matrix(part.strip(), read) for part in (f"{first}{closing}{name}{brace}", rest.strip(" *"))]
    rows, columns = (_expressions(factor) for factor in factors)
    if not rows or not columns or len(rows[0]) != len(columns) or max(len(rows), len(columns[0])) > _MAX_PRODUCT:
        raise Unreadable(text)
    product = [[_dot(row, column) for column in zip(*columns, strict=True)] for row in rows]
    return Collection("matrix", tuple(Collection("row", tuple(row)) for row in product), source=text)


def _expressions(matrix: Form | None) -> list[list[str]]:
    """Return the entries of a matrix as texts; empty if it is none, or if it has other entries than numbers."""
    if not isinstance(matrix, Collection) or matrix.kind != "matrix":
        return []
    rows = [row.items for row in matrix.items if isinstance(row, Collection)]
    if len({len(row) for row in rows}) != 1 or not all(isinstance(cell, Quantity) for row in rows for cell in row):
        return []
    return [[cell.value.text for cell in row if isinstance(cell, Quantity)] for row in rows]


def _dot(row: Sequence[str], column: Sequence[str]) -> Form:
    return Quantity(Expression("+".join(f"({x})*({y})" for x, y in zip(row, column, strict=True))), None)


_STACK = re.compile(r"(\\substack)()\{(.*)(\})", re.DOTALL)


def read_rows(text: str, read: Reader) -> Form | None:
    """Read a system of equations as the list of its rows, and a function by cases; None if the text is neither."""
    match = _ROWS.fullmatch(text) or _STACK.fullmatch(text)
    if match is None or not _is_one_environment(match.group(3)):
        return None
    opening, name, body, closing = match.groups()
    if name in ("array", "matrix") and not (opening.startswith("⦃") or closing.endswith("⦄")):
        return None
    rows = [[cell for cell in _cells(row) if cell] for row in _rows(body)]
    frame = f"{opening} {closing}"
    if rows and all(_has_condition(row) for row in rows):
        return Collection("cases", tuple(_case(row[0], row[1], read) for row in rows), source=frame)
    lines: list[str] = []
    for row in rows:
        line = " ".join(row)
        if lines and line[0] in _RELATION:
            lines[-1] += f" {line}"
        else:
            lines.append(line)
    if not lines:
        raise Unreadable(text)
    return with_source(join([read(line) for line in lines]), frame)


def _rows(body: str) -> list[str]:
    return [row for row in split_top(body, lambda t, i: 2 * t.startswith("\\\\", i)) if row.strip()]


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in split_top(row, lambda t, i: int(t[i] == "&"))]


def _has_condition(row: list[str]) -> bool:
    """Whether a row is a value and its condition, and not two sides of an equation that are aligned."""
    return len(row) == 2 and row[0][-1] not in _RELATION and row[1][0] not in _RELATION


def _case(value: str, condition: str, read: Reader) -> Form:
    return Collection("row", (read(value.rstrip(", ")), _case_condition(condition, read)))


def _case_condition(text: str, read: Reader) -> Form:
    word, inner = split_condition_word(text)
    plain = re.sub(r"\\text\s*\{([^{}]*)\}", r" \1 ", inner).strip()
    if plain in _OTHERWISE:
        return Words("otherwise", source=text)
    left_out = [LeftOut(word, "filler word")] if word else []
    try:
        form = read(inner)
    except Unreadable:
        if not re.fullmatch(r"[^\W_]+(?: [^\W_]+)*", re.sub(r"\s+", " ", plain)):
            raise
        form = Words(re.sub(r"\s+", " ", plain), source=inner)
    if isinstance(form, Quantity):
        raise Unreadable(text)
    return with_source(form, "", *left_out)
