"""Samples in a user's file: the text of one, and whether they are completions or answers that somebody extracted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sure_math.extract import extract_answer
from sure_math.problems.sources.cells import (
    CellError,
    cell,
    is_chat,
    is_missing,
    is_parts,
    last_reply,
    looks_nested,
    message_text,
    raw_text,
)
from sure_math.problems.sources.table_files import LOOKED_AT, Row, plain_list

__all__ = [
    "LOOKED_AT",
    "SampleKind",
    "extracted_answer",
    "holds_lists",
    "is_list",
    "kind_of_texts",
    "samples_in",
    "text_of_sample",
]

SampleKind = Literal["text", "answer"]
"""`text`: completions; `answer`: final answers that somebody extracted."""

LONGEST_ANSWER = 200
"""Characters; a longer text is a completion."""
RARE = 0.05
"""Share of samples that may look like completions in a file of answers: extraction by others lets some through."""


def kind_of_texts(texts: Sequence[str]) -> SampleKind:
    r"""Tell completions from extracted answers, which are short and have no box, but for rare exceptions.

    >>> kind_of_texts(["4", "5", "x + 1"]), kind_of_texts([r"2 + 2 is \boxed{4}", r"so \boxed{5}"])
    ('answer', 'text')
    """
    unlike = sum(len(text) > LONGEST_ANSWER or extract_answer(text) is not None for text in texts)
    return "text" if unlike > RARE * len(texts) else "answer"


def extracted_answer(text: str) -> str | None:
    r"""Return an answer that somebody extracted: the content of its box if it has one, else the whole text.

    >>> extracted_answer(r"\boxed{4}"), extracted_answer(" 4 "), extracted_answer(" ")
    ('4', '4', None)
    """
    return extract_answer(text) or text.strip() or None


def text_of_sample(value: Any, fields: Sequence[str], remedy: str) -> str:
    """Return the text of a sample: the value, or the first of `fields` that a mapping has; empty if it is missing.

    A sample may be a conversation, of which the assistant's turn is the sample.

    >>> text_of_sample({"text": "4"}, ("text",), ""), text_of_sample([{"role": "assistant", "content": "4"}], (), "")
    ('4', '4')

    Raises:
        CellError: a mapping has none of the fields, or the sample is no text.
    """
    if isinstance(value, Mapping):
        if value.get("role") in ("user", "system"):
            raise CellError(f"a sample is a turn of the {value['role']}, not of the assistant; {remedy}")
        field = next((name for name in fields if _has(value, name)), None)
        if field is None:
            raise CellError(f"no text in a sample with the keys {plain_list(value)}; {remedy}")
        value = cell(value, field)
    if is_chat(value):
        return last_reply(value, "a sample")
    if is_parts(value):
        return message_text(value, "a sample")
    return raw_text(value, "a sample") or ""


def is_list(value: Any) -> bool:
    """Return whether a cell holds all samples of a problem, not one, which may be a conversation or parts of a message.

    >>> is_list(["4", "5"]), is_list([{"role": "user", "content": "1 + 1?"}, {"role": "assistant", "content": "2"}])
    (True, False)
    """
    return isinstance(value, (list, tuple)) and not is_chat(value) and not is_parts(value)


def samples_in(value: Any) -> Sequence[Any] | None:
    """Return the samples of a cell in a file whose cells hold lists; None if the cell holds no list.

    >>> samples_in(["4", "5"]), samples_in("4")
    (['4', '5'], None)
    """
    conversation = is_chat(value) and len(value) > 1
    return value if isinstance(value, (list, tuple)) and not conversation else None


def holds_lists(rows: Sequence[Row], column: str) -> bool:
    """Return whether the cells of a column hold all samples of a problem, which the first cell with a value tells.

    Raises:
        CellError: each cell is the text of a list, as pandas writes lists into a CSV file.
    """
    values = [value for row in rows if not is_missing(value := cell(row, column)) and value != ""]
    if values and all(isinstance(value, str) and looks_nested(value) for value in values):
        raise CellError(
            f"the column {column} holds the texts of lists, {values[0].strip()[:60]}...; save the file as JSON "
            "lines or Parquet, which hold lists (pandas: df.to_json(FILE, orient='records', lines=True))"
        )
    return bool(values) and is_list(values[0])


def _has(sample: Mapping[str, Any], field: str) -> bool:
    if field in sample:
        return True
    head, dot, part = field.partition(".")
    inner = sample.get(head) if dot else None
    return isinstance(inner, Mapping) and _has(inner, part)
