"""Stream the rows of a user's file: JSON lines, CSV or Parquet. A JSON array is read as a whole."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]


class InputError(ValueError):
    """A file or dataset that the user named cannot be used; the message says where the problem is and what to do."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A stream of rows and the columns its first row has."""

    name: str
    """The config field and its value, for messages."""
    columns: tuple[str, ...]
    stream: Iterator[Row]


def open_rows(path: Path, key: str) -> Rows:
    """Open a file as a stream of rows; `key` is the setting that names the file.

    >>> open_rows(Path("my.jsonl"), "seeds.path").columns  # doctest: +SKIP
    ('question', 'answer')

    Raises:
        InputError: the file does not exist, has an unknown ending, or has no rows.
    """
    name = f"{key} = {path}"
    if not path.is_file():
        raise InputError(f"{name}: there is no such file")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{name}: the ending must be one of {', '.join(_READERS)}")
    return peek_columns(name, reader(path, name))


def peek_columns(name: str, stream: Iterator[Row]) -> Rows:
    """Look the columns of a stream up in its first row.

    Raises:
        InputError: the stream is empty.
    """
    first = next(stream, None)
    if first is None:
        raise InputError(f"{name}: has no rows")
    return Rows(name, tuple(first), chain([first], stream))


def _jsonl(path: Path, name: str) -> Iterator[Row]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield _object(line, f"{name}, line {number}")


def _object(line: str, where: str) -> Row:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise InputError(f"{where}: is not JSON ({error}); mend or remove it") from None
    if not isinstance(row, dict):
        raise InputError(f"{where}: must be an object with named columns, not a {type(row).__name__}")
    return row


def _json(path: Path, name: str) -> Iterator[Row]:
    with path.open(encoding="utf-8") as file:
        if file.read(4096).lstrip().startswith("{"):  # lines of objects are often called .json
            yield from _jsonl(path, name)
            return
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{name}: is not JSON ({error}); one object per line belongs in a .jsonl file") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{name}: must be an array of objects; one object per line belongs in a .jsonl file")
    yield from rows


def _csv(path: Path, name: str) -> Iterator[Row]:
    csv.field_size_limit(2**31 - 1)
    with path.open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            if None in row:
                raise InputError(f"{name}: a row has more cells than the header; quote cells that hold commas")
            yield row


def _parquet(path: Path, name: str) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for batch in pq.ParquetFile(path).iter_batches(batch_size=256):
            yield from batch.to_pylist()
    except pa.ArrowException as error:
        raise InputError(f"{name}: is not a Parquet file ({error})") from None


_READERS: dict[str, Callable[[Path, str], Iterator[Row]]] = {
    ".jsonl": _jsonl,
    ".json": _json,
    ".csv": _csv,
    ".parquet": _parquet,
}
