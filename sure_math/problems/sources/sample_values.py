"""Samples in a user's file: the text of one, and whether they are completions or answers somebody extracted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sure_math.extract import extract_answer
from sure_math.problems.sources.cells import without_half_characters
from sure_math.problems.sources.table_files import InputError

SampleKind = Literal["text", "answer"]
"""`text`: completions; `answer`: final answers that somebody extracted."""

LOOKED_AT = 200
"""Rows from which the kind of the samples is told."""
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


def text_of_sample(value: Any, fields: Sequence[str], where: str, remedy: str) -> str:
    """Return the text of a sample: the value, or the first of `fields` that a mapping has; empty for None.

    Raises:
        InputError: a mapping has none of the fields.
    """
    if isinstance(value, Mapping):
        field = next((name for name in fields if name in value), None)
        if field is None:
            raise InputError(f"{where}: no text in a sample with the keys {', '.join(map(str, value))}; {remedy}")
        value = value[field]
    return "" if value is None else without_half_characters(str(value))


def is_list(value: Any) -> bool:
    """Return whether a cell holds all samples of a problem, not one."""
    return isinstance(value, (list, tuple))
