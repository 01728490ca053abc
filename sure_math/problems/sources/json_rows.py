"""Rows of JSON: an object per line, an array of objects, or an object of columns. Numbers keep their digits."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TextIO

from sure_math.problems.sources.encoded_text import InputError, lines_without_nul, opened_text
from sure_math.problems.sources.limits import DEFAULT, Limits, beyond

_ARRAY_OF_OBJECTS = re.compile(r"\s*\[\s*(?:\{|\]|\Z)")
_SURE_DIGITS = 15
"""A floating-point number of 64 bits keeps so many digits of any number."""
_LONG_INTEGER = 4000
"""Digits; Python refuses to read longer integers (4,300), whose time grows with their square."""


def json_lines(path: Path, name: str, limits: Limits = DEFAULT) -> Iterator[Mapping[str, Any]]:
    """Yield the object of each line. A file that is an array of objects as a whole is read as one.

    Raises:
        InputError: a line is not an object, or the array is damaged.
    """
    with opened_text(path, name) as file:
        if _ARRAY_OF_OBJECTS.match(file.read(4096)):
            yield from _array(path, name, limits)
            return
    with opened_text(path, name) as file:
        for number, line in enumerate(lines_without_nul(file, path, name, limits.row_characters), start=1):
            if len(line) > limits.row_characters:
                what = f"is longer than {limits.row_characters:,} characters"
                raise beyond(f"{name}, line {number}", what, 4 * limits.row_characters, limits, "row_characters")
            if line.strip():
                yield _object_of_line(line, f"{name}, line {number}")


def json_array(path: Path, name: str, limits: Limits = DEFAULT) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of an array, the rows of an object of columns, or the objects of lines.

    Raises:
        InputError: the file holds something else, or is damaged.
    """
    with opened_text(path, name) as file:
        start = file.read(4096).lstrip()
    if start.startswith("{"):
        rows = _rows_of_object(path, name, limits)
        yield from json_lines(path, name, limits) if rows is None else rows
    else:
        yield from _array(path, name, limits)


def _array(path: Path, name: str, limits: Limits) -> Iterator[Mapping[str, Any]]:
    rows = _whole(path, name, limits)
    if not isinstance(rows, list):
        raise InputError(f"{name}: must be an array of objects; one object per line belongs in a .jsonl file")
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise InputError(f"{name}, item {number}: must be an object with named columns, not {_kind(row)}")
        yield row


def _rows_of_object(path: Path, name: str, limits: Limits) -> Iterator[Mapping[str, Any]] | None:
    """The rows of a file that is one object; None if it holds an object per line."""
    with opened_text(path, name) as file:
        lines = (line for line in lines_without_nul(file, path, name, limits.json_characters) if line.strip())
        first, more = next(lines), next(lines, None)
        if more is not None and _is_json(first):
            return None
    try:
        whole = _whole(path, name, limits)
    except InputError:
        if more is not None and "}" in first:  # the first line of several is damaged: the reader of lines names it
            return None
        raise
    columns = _columns(whole)
    if columns is None:
        return iter([whole])
    return (dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True))


def _columns(whole: Mapping[str, Any]) -> dict[str, Sequence[Any]] | None:
    """The columns of an object of columns, as pandas writes a table; None if the object is a row."""
    values = list(whole.values())
    if len(values) > 1 and all(isinstance(value, list) for value in values):
        same = len({len(value) for value in values}) == 1
        return dict(whole) if same else None
    if values and all(isinstance(value, dict) and value for value in values):
        keys = list(values[0])
        if all(key.isdigit() for key in keys) and all(list(value) == keys for value in values):
            return {column: list(value.values()) for column, value in whole.items()}
    return None


def _whole(path: Path, name: str, limits: Limits) -> Any:
    with opened_text(path, name) as file:
        text = "".join(_pieces(file, path, name, limits))
    if not text.strip():
        return []
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: is not JSON ({_why(error)}); one object per line belongs in a .jsonl file") from None


def _pieces(file: TextIO, path: Path, name: str, limits: Limits) -> Iterator[str]:
    read = 0
    for line in lines_without_nul(file, path, name, limits.json_characters):
        read += len(line)
        if read > limits.json_characters:
            what = f"is one JSON value of more than {limits.json_characters:,} characters"
            raise beyond(name, what, 4 * limits.json_characters, limits, "json_characters")
        yield line


def _object_of_line(line: str, where: str) -> Mapping[str, Any]:
    try:
        row = _DECODER.decode(line)
    except (ValueError, RecursionError) as error:
        objects = "; if objects extend over several lines, write each on one: jq -c . FILE > NEW.jsonl"
        long = objects if line.strip() in ("{", "[") else ""
        raise InputError(f"{where}: is not JSON ({_why(error)}); mend or remove it{long}") from None
    if not isinstance(row, dict):
        raise InputError(f"{where}: must be an object with named columns, not {_kind(row)}")
    return row


def _is_json(line: str) -> bool:
    try:
        _DECODER.decode(line)
    except (ValueError, RecursionError):
        return False
    return True


def _why(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


def _kind(value: Any) -> str:
    names = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"an object has the key {twice[:60]!r} twice")
    return value


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) < _LONG_INTEGER else Decimal(text)


def _number(text: str) -> float | Decimal:
    """A floating-point number if it keeps the digits of the text, else a decimal number, which always does."""
    if len(text) <= _SURE_DIGITS and "e" not in text and "E" not in text:
        return float(text)
    try:
        exact = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"the number {text:.40} is out of range") from None
    number = float(text)
    return number if Decimal(repr(number)) == exact else exact


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_float=_number)
