"""Limits of what is read from a file or dataset that may come from a stranger, checked before memory is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from sure_math.problems.sources.encoded_text import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How large the parts of a file may be. Each command may raise each of them, by the same name.

    >>> Limits().text_characters
    1000000
    """

    text_characters: int = 1_000_000
    """Of one text in a cell; a response of 128,000 tokens has about half as many."""
    row_characters: int = 32 * 2**20
    """Of one row: of a line of JSON, of the lines of a row of CSV; in Parquet, bytes of one column per row."""
    list_items: int = 1_000_000
    """Items of a list or mapping in a cell."""
    nesting: int = 32
    """Lists and mappings inside each other."""
    json_characters: int = 2**30
    """Of a file that is one JSON array or object, which is read as a whole."""
    rows: int = 100_000_000
    """Rows of one file or split."""
    remedy: str = "set limits.NAME=VALUE"
    """How a user raises a limit, for messages. `NAME` and `VALUE` stand for the limit and its new value. The default is
    that of a build."""


DEFAULT = Limits()
NAMES = tuple(field.name for field in fields(Limits) if field.name != "remedy")
MOST_NESTING = 200
"""The limit of nesting cannot be raised further: the readers of JSON and Parquet are recursive."""


def beyond(where: str, what: str, found: int, limits: Limits, name: str) -> InputError:
    """Return the error for something that is larger than a limit; `name` is the limit's.

    >>> print(beyond("my.jsonl, row 7", "the column answer holds a text of 2,000,000 characters", 2_000_000,
    ...              DEFAULT, "text_characters"))
    my.jsonl, row 7: the column answer holds a text of 2,000,000 characters; at most 1,000,000 are read: shorten it or leave it out, or set limits.text_characters=2000000
    """  # noqa: E501, the message is one line
    remedy = limits.remedy.replace("NAME", name).replace("VALUE", str(found))
    raised = "" if name == "nesting" and found > MOST_NESTING else f", or {remedy}"
    return InputError(
        f"{where}: {what}; at most {getattr(limits, name):,} are read: shorten it or leave it out{raised}"
    )


def limits_from(values: Mapping[str, object], option: str, remedy: str) -> Limits:
    """Make the limits of a command from what its user has set.

    >>> limits_from({"rows": 10}, "--limit", "give --limit NAME=VALUE").rows
    10

    Args:
        values: whole numbers, or texts of them, by the names of limits.
        option: how messages name the option.
        remedy: `Limits.remedy`.

    Raises:
        InputError: there is no such limit, or a value is no whole number from 1.
    """
    numbers: dict[str, Any] = {}
    for name, value in values.items():
        if name not in NAMES:
            raise InputError(f"{option} {name}: there is no such limit; the limits are {', '.join(NAMES)}")
        number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise InputError(f"{option} {name}={value}: must be a whole number, at least 1")
        if name == "nesting" and number > MOST_NESTING:
            raise InputError(f"{option} {name}={value}: must be {MOST_NESTING} at most")
        numbers[name] = number
    return Limits(**numbers, remedy=remedy)


def within(rows: Iterator[Mapping[str, Any]], name: str, limits: Limits) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a file or split, called `name` in messages.

    Raises:
        InputError: a row holds something that is larger than a limit, or there are too many rows.
    """
    for number, row in enumerate(rows, start=1):
        if number > limits.rows:
            raise beyond(name, f"has more than {limits.rows:,} rows", 10 * limits.rows, limits, "rows")
        for column, value in row.items():
            if type(value) is not str or len(value) > limits.text_characters:
                _check(value, f"{name}, row {number}", column, limits)
        yield row


def _check(value: Any, where: str, column: str, limits: Limits) -> None:
    """Check a cell. Not recursive: what is nested deeply must end in a message."""
    waiting = [(value, 0)]
    while waiting:
        part, depth = waiting.pop()
        if isinstance(part, str):
            if len(part) > limits.text_characters:
                what = f"the column {column[:60]} holds a text of {len(part):,} characters"
                raise beyond(where, what, len(part), limits, "text_characters")
        elif isinstance(part, (list, tuple, Mapping)):
            if depth == limits.nesting:
                what = f"the column {column[:60]} holds lists or mappings inside each other, too deeply"
                raise beyond(where, what, 2 * limits.nesting, limits, "nesting")
            if len(part) > limits.list_items:
                what = f"the column {column[:60]} holds {len(part):,} items"
                raise beyond(where, what, len(part), limits, "list_items")
            waiting += [(inner, depth + 1) for inner in (part.values() if isinstance(part, Mapping) else part)]
