"""What the cells of a user's row hold: a text, one of a few known words, a conversation.

A cell becomes a text only if it is one: a text, a number, true or false, a date. A missing value (nothing, NaN, blanks)
is None. Everything else, such as a list, a mapping or bytes, is refused, so that the text of a Python object is never
stored.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import math
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from sure_math.problems.sources.limits import Limits, within
from sure_math.problems.sources.table_files import InputError, Row, plain_list

_ROLES = {"human": "user", "gpt": "assistant", "developer": "system", "model": "assistant"}
_TEXT_PARTS = ("text", "input_text", "output_text")
"""Types of the parts of a message that hold text."""
_MISSING_WORDS = frozenset({"nan", "NaN", "NAN", "<NA>", "NaT"})
"""How pandas writes a missing value if a column is turned into texts. `None` may be an answer, so it is a text."""
_PLAIN_DIGITS = 60
"""Digits up to which a number is written without an exponent."""


class CellError(InputError):
    """A cell cannot be used; `reading` adds the file and the row to the message."""


@contextlib.contextmanager
def reading(where: str) -> Iterator[None]:
    """Say where a cell is that cannot be used.

    >>> try:
    ...     with reading("row 7"):
    ...         cell({"answer": "4"}, "answer.value")
    ... except InputError as error:
    ...     print(error)
    row 7: the column answer holds a text, which has no part value; name another column
    """
    try:
        yield
    except CellError as error:
        raise InputError(f"{where}: {error}") from None


def cell(row: Row, column: str | None) -> Any:
    """Return the value of a column, or of a part of a mapping that is named with dots; None if there is none.

    >>> cell({"reward_model": {"ground_truth": "34"}}, "reward_model.ground_truth")
    '34'

    Raises:
        CellError: a part is asked of something that has no parts.
    """
    if column is None or column in row:
        return None if column is None else row[column]
    name, dot, part = column.partition(".")
    while dot and name not in row:
        more, dot, part = part.partition(".")
        name = f"{name}.{more}"
    value = row.get(name)
    if not dot or is_missing(value):
        return None
    if not isinstance(value, Mapping):
        raise CellError(f"the column {name} holds {_kind(value)}, which has no part {part}; name another column")
    return cell(value, part)


def is_missing(value: Any) -> bool:
    """Return whether a cell holds no value: nothing, or NaN, as pandas marks it.

    >>> is_missing(None), is_missing(float("nan")), is_missing(0)
    (True, True, False)
    """
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or (isinstance(value, Decimal) and value.is_nan())


def raw_text(value: Any, what: str) -> str | None:
    """Return a value as text, with its blanks; None if it is missing. `what` names it in messages.

    >>> raw_text(34.0, "the answer"), raw_text(1e23, "the answer"), raw_text(float("nan"), "the answer")
    ('34', '100000000000000000000000', None)

    Raises:
        CellError: it is a list, a mapping, bytes, or infinite.
    """
    if is_missing(value):
        return None
    if isinstance(value, str):
        text = without_half_characters(value)
        return None if text.strip() in _MISSING_WORDS else text
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, (int, float, Decimal)):
        return _number_text(value, what)
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time() and value.tzinfo is None
        return value.date().isoformat() if midnight else value.isoformat(sep=" ")
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    raise CellError(f"{what} holds {_kind(value)}, not one text; {_remedy(value)}")


def text_of(row: Row, column: str | None) -> str | None:
    """Return a cell as text without blanks around it; None if there is no column, no value, or only blanks.

    >>> text_of({"answer": 4.0}, "answer"), text_of({"answer": " "}, "answer")
    ('4', None)

    Raises:
        CellError: the cell holds no text.
    """
    text = raw_text(cell(row, column), f"the column {column}")
    return text.strip() or None if text else None


def known_word(row: Row, column: str | None, known: tuple[str, ...]) -> str | None:
    """Return a cell that must hold one of the known words, or nothing.

    Raises:
        CellError: the cell holds something else.
    """
    value = text_of(row, column)
    if value is not None and value not in known:
        raise CellError(f"{column} = {value[:80]!r} must be one of {', '.join(known)}")
    return value


def conversation(row: Row, column: str | None, system_column: str | None = None) -> tuple[str | None, str]:
    """Read the system prompt and problem of a row: plain text, or a list of messages with one user turn.

    Args:
        column: of the problem.
        system_column: of the system prompt, if the file has one; blanks in it are no system prompt.

    >>> conversation({"prompt": [{"role": "user", "content": "What is 1 + 1?"}]}, "prompt")
    (None, 'What is 1 + 1?')

    >>> conversation({"problem": "What is 3 + 9?", "system": "Answer in base 8."}, "problem", "system")
    ('Answer in base 8.', 'What is 3 + 9?')

    Raises:
        CellError: the messages are not one user turn, with or without a system prompt before and an answer after it;
            or the messages and the column have different system prompts.
    """
    inside, problem = _of_messages(row, column)
    beside = raw_text(cell(row, system_column), f"the column {system_column}")
    if beside is None or not beside.strip():
        return inside, problem
    if inside is not None and inside.split() != beside.split():
        raise CellError(
            f"the column {system_column} has the system prompt {beside[:40]!r} and the messages of the column {column} "
            f"have {inside[:40]!r}: leave out one of them"
        )
    return beside if inside is None else inside, problem


def _of_messages(row: Row, column: str | None) -> tuple[str | None, str]:
    """Read the system prompt and the problem of one cell."""
    what = f"the column {column}"
    value = unfolded(cell(row, column), what)
    if isinstance(value, Mapping) and _is_message(value):
        value = [value]
    if not isinstance(value, (list, tuple)):
        return None, raw_text(value, what) or ""
    if not value or (len(value) == 1 and isinstance(value[0], str)):
        return None, (raw_text(value[0], what) or "") if value else ""
    turns: dict[str, list[str]] = {}
    for message in value:
        if not isinstance(message, Mapping) or not _is_message(message):
            raise CellError(f"a message must have a role and a content, not {message!r:.80}; {_OTHER_COLUMN}")
        turns.setdefault(_role(message), []).append(message_text(_content(message), what))
    user, system = turns.get("user", []), turns.get("system", [])
    if len(user) != 1 or len(system) > 1 or set(turns) - {"system", "user", "assistant"}:
        roles = ", ".join(f"{len(texts)} {role}" for role, texts in turns.items()) or "none"
        raise CellError(f"messages must be one user turn, with one system prompt at most; these are {roles}")
    return (system[0] if system else None), user[0]


def is_chat(value: Any) -> bool:
    """Return whether a value is one conversation: messages with a user turn or a system prompt, or a single message.

    >>> is_chat([{"role": "assistant", "content": "4"}]), is_chat(["4", "5"])
    (True, False)
    """
    if not isinstance(value, (list, tuple)) or not value:
        return False
    if not all(isinstance(message, Mapping) and _is_message(message) for message in value):
        return False
    return len(value) == 1 or any(_role(message) in ("user", "system") for message in value)


def last_reply(messages: Any, what: str) -> str:
    """Return the text of the only assistant turn of a conversation.

    Raises:
        CellError: there is none, or several.
    """
    replies = [message for message in messages if _role(message) == "assistant"]
    if len(replies) != 1:
        raise CellError(f"{what} is a conversation with {len(replies)} turns of the assistant; one is needed")
    return message_text(_content(replies[0]), what)


def message_text(content: Any, what: str) -> str:
    """Return the text of a message; the texts of its parts are joined by line breaks.

    >>> message_text([{"type": "text", "text": "What is"}, {"type": "text", "text": "1 + 1?"}], "the message")
    'What is\\n1 + 1?'

    Raises:
        CellError: a part is an image, or of another type that is not text.
    """
    if not isinstance(content, (list, tuple, Mapping)):
        return raw_text(content, what) or ""
    texts = []
    for part in [content] if isinstance(content, Mapping) else content:
        if isinstance(part, str):
            texts.append(without_half_characters(part))
            continue
        if not isinstance(part, Mapping):
            raise CellError(f"{what} has a message with a part that is {_kind(part)}; only texts can be used")
        kind = part.get("type") or ("text" if "text" in part else None)
        if kind not in _TEXT_PARTS:
            raise CellError(
                f"{what} has a message with a part of the type {str(kind)[:40]}; only parts of the type text can be "
                "used: leave such rows or parts out"
            )
        texts.append(raw_text(part.get("text"), what) or "")
    return "\n".join(texts)


def is_parts(value: Any) -> bool:
    """Return whether a value is a list of the parts of one message.

    >>> is_parts([{"type": "text", "text": "4"}]), is_parts([{"text": "4"}])
    (True, False)
    """
    return (
        isinstance(value, (list, tuple))
        and bool(value)
        and all(isinstance(part, Mapping) and "type" in part and "role" not in part for part in value)
    )


_IN_A_TEXT = Limits(remedy="save the column as lists in JSON lines or Parquet, where this limit can be raised")
"""Of a list or mapping that a text writes as JSON."""


def unfolded(value: Any, what: str) -> Any:
    """Return a value; a list or mapping that a text writes as JSON is read, as `'["4"]'` in a table of texts.

    >>> unfolded('["4"]', "the answer"), unfolded("[1, 2]", "the answer")
    (['4'], '[1, 2]')

    Raises:
        CellError: the text is that of a Python object, as pandas writes a list into a CSV file.
    """
    if not isinstance(value, str) or not looks_nested(value):
        return value
    try:
        read = json.loads(value)
        next(within(iter([{what: read}]), what, _IN_A_TEXT))
        return read
    except InputError as error:
        raise CellError(str(error)) from None
    except (ValueError, RecursionError):
        raise CellError(
            f"{what} holds the text of a Python object, {value.strip()[:60]}...; save the file as JSON lines or "
            "Parquet, which hold lists and mappings (pandas: df.to_json(FILE, orient='records', lines=True))"
        ) from None


def looks_nested(text: str) -> bool:
    """Return whether a text is that of a list of texts, or of a mapping, as JSON or Python writes it.

    >>> looks_nested("['4']"), looks_nested('{"gold": 4}'), looks_nested(r"\\{4\\}"), looks_nested("[1, 2]")
    (True, True, False, False)
    """
    text = text.strip()
    start, end = text[:1000], text[-40:]
    return bool(
        (_LIST_START.match(start) and _LIST_END.search(end))
        or (_MAPPING_START.match(start) and text[-1] in "}])")
        or (_CALL_START.match(start) and text[-1] in "])")
        or (len(text) < 1000 and (_BYTES.fullmatch(text) or (_NUMBERS.fullmatch(text) and re.search("None|nan", text))))
    )


def without_half_characters(text: str) -> str:
    """Return the text with lone surrogates replaced: JSON can hold such halves of characters, UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _is_message(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get("role", value.get("from")), str) and ("content" in value or "value" in value)


def _role(message: Mapping[str, Any]) -> str:
    role = message.get("role", message.get("from"))
    return _ROLES.get(role, role) if isinstance(role, str) else "unknown"


def _content(message: Mapping[str, Any]) -> Any:
    return message.get("content", message.get("value"))


def _number_text(value: float | Decimal, what: str) -> str:
    """A number as a person writes it: 34 for 34.0, no rounding, and an exponent only if there are very many zeros."""
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite():
        raise CellError(f"{what} holds an infinite number; write it as text, such as \\infty")
    exponent = int(number.as_tuple().exponent)
    if not number:
        return "0"
    if exponent != 0 and (exponent < -_PLAIN_DIGITS or number.adjusted() > _PLAIN_DIGITS):
        return str(number).replace("E+", "e").replace("E", "e")
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"a mapping with the keys {plain_list(value)}" if value else "an empty mapping"
    if isinstance(value, (list, tuple, set, frozenset)):
        return "a list"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "bytes"
    return {"str": "a text", "int": "a number", "float": "a number"}.get(type(value).__name__, type(value).__name__)


def _remedy(value: Any) -> str:
    if isinstance(value, Mapping):
        return "name the part that holds the text with a dot, such as reward_model.ground_truth, or another column"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "write the column as text (pandas: df[COLUMN] = df[COLUMN].str.decode('utf-8'))"
    return _OTHER_COLUMN


_OTHER_COLUMN = "name another column, or write one text into each cell"
_LIST_START = re.compile(r"[\[{(](?:\s*[\[{(])*\s*['\"]")
_LIST_END = re.compile(r"(?:['\"]|\b(?:None|nan|null|True|False|true|false|[\d.]+))\s*[\])}](?:\s*[\])}])*\Z")
_MAPPING_START = re.compile(r"[\[(]*\s*\{\s*(['\"])[^'\"]{1,60}\1\s*:")
_CALL_START = re.compile(r"\[?\s*(?:(?:np|numpy|datetime)\.\w+|array|Decimal|Timestamp|OrderedDict)\(")
_BYTES = re.compile(r"b(['\"])[^'\"=+\-]*\1")
_NUMBERS = re.compile(r"\[\s*(?:[-+.\deE]+|None|nan)(?:\s*,\s*(?:[-+.\deE]+|None|nan))*\s*\]")
