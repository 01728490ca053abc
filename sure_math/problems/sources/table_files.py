"""Stream the rows of a user's file: JSON lines, CSV or Parquet. A JSON array or object is read as a whole.

`encoded_text.py` opens the text files, `json_rows.py` reads JSON. Nothing is guessed: a file that is cut, that has a
column twice, or whose rows do not fit its header is refused with its place and a remedy.
"""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from sure_math.problems.sources.encoded_text import (
    MOST_BLANK,
    InputError,
    blank_lines,
    ending_of,
    lines_without_nul,
    opened_text,
    refuse_by_content,
    stem_of,
)
from sure_math.problems.sources.json_rows import json_array, json_lines
from sure_math.problems.sources.limits import DEFAULT, Limits, beyond, within
from sure_math.problems.sources.parquet_rows import refuse_long_texts, rows_per_batch, small_parts, text_columns

__all__ = ["InputError", "Row", "Rows", "open_rows", "peek_columns", "plain_list", "stem_of"]

Row = Mapping[str, Any]

LOOKED_AT = 200
"""Rows at the beginning from which the columns of a file, and the kind of its samples, are told."""
_SHOWN_COLUMNS, _SHOWN_CHARACTERS = 30, 60
"""How much of the columns a message shows."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A stream of rows and the columns of its first rows."""

    name: str
    """The config field and its value, for messages."""
    columns: tuple[str, ...]
    stream: Iterator[Row]
    """All rows, the first ones included."""
    parts: tuple[str, ...] = ()
    """Names with dots of the parts of mappings, such as `reward_model.ground_truth`."""
    first: tuple[Row, ...] = ()
    """The first rows."""


def open_rows(path: Path, key: str, limits: Limits = DEFAULT) -> Rows:
    """Open a file as a stream of rows; `key` is the setting that names the file.

    >>> open_rows(Path("my.jsonl"), "seeds.path").columns  # doctest: +SKIP
    ('question', 'answer')

    Raises:
        InputError: the file does not exist, has an unknown ending, or has no rows.
    """
    name = f"{key} = {path}"
    if path.is_dir():
        raise InputError(f"{name}: is a folder; name a file in it")
    if not path.is_file():
        raise InputError(f"{name}: there is no such file")
    ending = ending_of(path)
    reader = _READERS.get(ending.removesuffix(".gz"))
    if reader is None or ending == ".parquet.gz":
        remedy = _OTHER_ENDINGS.get(Path(ending).suffix or ending)
        endings = ", ".join([*_READERS, *(f"{known}.gz" for known in _READERS if known != ".parquet")])
        raise InputError(f"{name}: the ending must be one of {endings}" + (f"; {remedy}" if remedy else ""))
    refuse_by_content(path, name, ending)
    return peek_columns(name, reader(path, name, limits), limits)


def peek_columns(name: str, stream: Iterator[Row], limits: Limits = DEFAULT) -> Rows:
    """Look up the columns of a stream in its first rows. An error behind the first row is raised where it is met.

    Raises:
        InputError: the stream is empty, or its first row cannot be read or is larger than the limits.
    """
    stream = within(stream, name, limits)
    first: list[Row] = []
    failed: InputError | None = None
    try:
        for row in islice(stream, LOOKED_AT):
            first.append(row)
    except InputError as error:
        failed = error
    if not first:
        raise failed or InputError(f"{name}: has no rows")
    columns = tuple(dict.fromkeys(column for row in first for column in row))
    parts = tuple(dict.fromkeys(part for row in first for part in _parts(row)))
    return Rows(name, columns, chain(first, _raising(failed) if failed else stream), parts, tuple(first))


def plain_list(columns: Iterable[str]) -> str:
    """Write the names of columns for a message, which they neither fill nor garble.

    >>> plain_list(["problem", "answer"])
    'problem, answer'
    """
    names = [str(name) for name in columns]
    shown = [
        (name if len(name) <= _SHOWN_CHARACTERS else f"{name[:_SHOWN_CHARACTERS]}...")
        if name.isprintable() and name.strip()
        else f"{name[:_SHOWN_CHARACTERS]!r}"
        for name in names[:_SHOWN_COLUMNS]
    ]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _raising(error: InputError) -> Iterator[Row]:
    raise error
    yield  # makes this a generator


def _parts(row: Row, prefix: str = "", depth: int = 0) -> Iterator[str]:
    """Names of the parts of mappings, three levels deep."""
    for name, value in row.items():
        if prefix:
            yield f"{prefix}{name}"
        if isinstance(value, Mapping) and depth < 3:
            yield from _parts(value, f"{prefix}{name}.", depth + 1)


@contextlib.contextmanager
def _cells_of_at_most(characters: int) -> Iterator[None]:
    """Set the limit of the module csv, which all readers of this process share, while a file is read."""
    before = csv.field_size_limit(min(characters, 2**31 - 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _csv(path: Path, name: str, limits: Limits) -> Iterator[Row]:
    with _cells_of_at_most(limits.text_characters), opened_text(path, name, newline="") as file:
        # `strict` refuses a quote that is never closed: without it the rest of the file would become one cell.
        lines = _LinesOfRow(lines_without_nul(file, path, name, limits.row_characters), name, limits)
        reader = csv.reader(lines, strict=True, skipinitialspace=True)
        line = blank = 0
        try:
            header = _header(next((cells for cells in reader if any(map(str.strip, cells))), []), name)
            line = reader.line_num
            for cells in reader:
                blank = 0 if any(cell.strip() for cell in cells) else blank + 1
                if blank > MOST_BLANK:
                    raise blank_lines(name, line + 1)
                if not blank:
                    yield _csv_row(header, cells, f"{name}, line {line + 1}")
                line = reader.line_num
                lines.characters = 0
        except csv.Error as error:
            if "field larger" in str(error):
                what = (
                    f"has a cell of more than {limits.text_characters:,} characters (if a quote is never closed, write "
                    "each quote in a cell twice)"
                )
                raised = 10 * limits.text_characters
                raise beyond(f"{name}, line {line + 1}", what, raised, limits, "text_characters") from None
            raise InputError(
                f"{name}, line {line + 1}: this row is not CSV ({error}); put a cell that holds commas, quotes or "
                'line breaks between quotes, and write each quote in it twice ("")'
            ) from None


class _LinesOfRow:
    """The lines of a CSV file. A row may extend over several lines, which together must not be larger than a row."""

    def __init__(self, lines: Iterator[str], name: str, limits: Limits) -> None:
        self._lines, self._name, self._limits = lines, name, limits
        self.characters = 0
        """Of the row that is being read."""
        self._number = 0

    def __iter__(self) -> _LinesOfRow:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._number += 1
        self.characters += len(line)
        if self.characters > self._limits.row_characters:
            what = f"belongs to a row of more than {self._limits.row_characters:,} characters"
            where = f"{self._name}, line {self._number}"
            raise beyond(where, what, 4 * self._limits.row_characters, self._limits, "row_characters")
        return line


def _header(cells: list[str], name: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    twice = plain_list(dict.fromkeys(column for column in names if column and names.count(column) > 1))
    if twice:
        raise InputError(f"{name}: the header has the column {twice} twice; rename or remove one")
    if len(names) == 1 and any(mark in names[0] for mark in ";\t"):
        mark = "semicolons" if ";" in names[0] else "tabs"
        raise InputError(f"{name}: the columns are separated by {mark}; save the file with commas between the columns")
    return names


def _csv_row(header: list[str], cells: list[str], where: str) -> Row:
    beyond = [cell for cell in cells[len(header) :] if cell.strip()]
    if beyond:
        raise InputError(f"{where}: the row has more cells than the header; put a cell that holds commas in quotes")
    if len(cells) < len(header):
        raise InputError(
            f"{where}: the row has fewer cells than the header, {len(cells)} of {len(header)}; put a cell that holds a "
            "line break in quotes, and write a comma for each empty cell"
        )
    return dict(zip(header, cells, strict=False))  # empty cells may follow the last column


def _parquet(path: Path, name: str, limits: Limits) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, read_dictionary=text_columns(pq.read_schema(path))) as file:
            names = file.schema_arrow.names
            twice = plain_list(dict.fromkeys(column for column in names if names.count(column) > 1))
            if twice:
                raise InputError(f"{name}: has the column {twice} twice; rename or remove one")
            before = 0
            for batch in file.iter_batches(batch_size=rows_per_batch(file, name, limits)):
                where = f"{name}, rows {before + 1} to {before + len(batch)}"
                for index, column in enumerate(names):
                    refuse_long_texts(batch.column(index), where, column, limits)
                before += len(batch)
                for part in small_parts(batch):
                    columns = [_values(part.column(index), where, column) for index, column in enumerate(names)]
                    for cells in zip(*columns, strict=True):
                        yield dict(zip(names, cells, strict=True))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # a name of a column may be no UTF-8
        message = " ".join(str(error).split())
        raise InputError(f"{name}: is not a whole Parquet file ({message:.200}); write or copy it again") from None


def _values(column: Any, where: str, name: str) -> list[Any]:
    """The cells of a column as Python values; numbers of 32 bits as they are written, not as 64 bits show them."""
    try:
        # A map with a key twice is refused.
        values = column.to_pylist(maps_as_pydicts="strict")
        return _short_floats(values, column.type)
    except (ValueError, OverflowError, KeyError, ArithmeticError) as error:
        message = " ".join(str(error).split())
        raise InputError(
            f"{where}: the column {name} holds values that cannot be read ({type(error).__name__}: {message:.200}); "
            "mend the column, or leave it out of the file"
        ) from None


def _short_floats(values: list[Any], kind: Any) -> list[Any]:
    """Floating-point numbers of 32 and 16 bits with the fewest digits that tell them apart: 0.1, not 0.100000001."""
    import numpy as np
    import pyarrow as pa

    if pa.types.is_float32(kind) or pa.types.is_float16(kind):
        number = np.float32 if pa.types.is_float32(kind) else np.float16
        return [None if value is None else float(str(number(value))) for value in values]
    if pa.types.is_struct(kind):
        fields = [(field.name, field.type) for field in kind if _has_short_floats(field.type)]
        for name, part in fields:
            shown = _short_floats([None if value is None else value[name] for value in values], part)
            values = [value and {**value, name: cell} for value, cell in zip(values, shown, strict=True)]
        return values
    if (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and _has_short_floats(kind):
        return [None if value is None else _short_floats(value, kind.value_type) for value in values]
    return values


def _has_short_floats(kind: Any) -> bool:
    return "float" in str(kind).replace("halffloat", "float")


_READERS: dict[str, Callable[[Path, str, Limits], Iterator[Row]]] = {
    ".jsonl": json_lines,
    ".ndjson": json_lines,
    ".json": json_array,
    ".csv": _csv,
    ".parquet": _parquet,
}
_OTHER_ENDINGS = {
    ".zst": "unpack it first: zstd -d FILE",
    ".bz2": "unpack it first: bunzip2 -k FILE",
    ".xz": "unpack it first: unxz -k FILE",
    ".zip": "unpack it first: unzip FILE",
    ".parquet.gz": "unpack it first: gunzip -k FILE",
    ".gz": "unpack it first: gunzip -k FILE",
    ".tsv": "save it as CSV, with commas between the columns",
    ".xlsx": "save it as CSV (UTF-8)",
    ".xls": "save it as CSV (UTF-8)",
    ".arrow": "write it as Parquet: datasets.Dataset.from_file(FILE).to_parquet(NEW)",
}
