"""What the cells of a user's row hold: a text, one of a few known words, a conversation, a reference answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sure_math.problems.sources.table_files import InputError, Row

_ROLES = {"human": "user", "gpt": "assistant"}


def text_of(row: Row, column: str | None) -> str | None:
    """Return a cell as text; None if there is no column, no value, or only blanks.

    >>> text_of({"answer": 4.0}, "answer"), text_of({"answer": " "}, "answer")
    ('4', None)
    """
    value = row.get(column) if column is not None else None
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return without_half_characters(str(value)).strip() or None


def reference_answer(row: Row, column: str | None) -> str | None:
    """Return the reference answer of a row. A list of one answer is that answer; a longer list gives None.

    >>> reference_answer({"gold": ["4"]}, "gold")
    '4'
    """
    value = row.get(column) if column is not None else None
    if isinstance(value, (list, tuple)):
        return text_of({"": value[0]}, "") if len(value) == 1 else None
    return text_of(row, column)


def known_word(row: Row, column: str | None, known: tuple[str, ...], where: str) -> str | None:
    """Return a cell that must hold one of the known words, or nothing.

    Raises:
        InputError: the cell holds something else.
    """
    value = text_of(row, column)
    if value is not None and value not in known:
        raise InputError(f"{where}: {column} = {value!r} must be one of {', '.join(known)}")
    return value


def conversation(value: Any, where: str) -> tuple[str | None, str]:
    """Read the system prompt and problem of a cell: plain text, or a list of messages with one user turn.

    >>> conversation([{"role": "user", "content": "What is 1 + 1?"}], "row 1")
    (None, 'What is 1 + 1?')

    Raises:
        InputError: the messages are not one user turn, with or without a system prompt before and an answer after it.
    """
    if not isinstance(value, (list, tuple)):
        return None, without_half_characters(str(value))
    turns: dict[str, list[str]] = {}
    for message in value:
        if not isinstance(message, Mapping):
            raise InputError(f"{where}: a message must have a role and a content, not {message!r}")
        role = str(message.get("role", message.get("from")))
        content = message.get("content", message.get("value"))
        text = "" if content is None else without_half_characters(str(content))
        turns.setdefault(_ROLES.get(role, role), []).append(text)
    user, system = turns.get("user", []), turns.get("system", [])
    if len(user) != 1 or len(system) > 1 or set(turns) - {"system", "user", "assistant"}:
        roles = ", ".join(f"{len(texts)} {role}" for role, texts in turns.items())
        raise InputError(f"{where}: messages must be one user turn, with one system prompt at most; these are {roles}")
    return (system[0] if system else None), user[0]


def without_half_characters(text: str) -> str:
    """Return the text with lone surrogates replaced: JSON can hold such halves of characters, UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")
