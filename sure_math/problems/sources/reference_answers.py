r"""The reference answer and the solution of a user's row, in the layouts that files of mathematics have.

| layout | reference answer |
|---|---|
| a text, a number | as it is |
| a list, as in OlympiadBench, or a list that a text writes as JSON | its item; several items joined by commas |
| the whole solution and then `#### 72`, as in GSM8K | what follows `####` |
| a text with a box | what is in the box |
| no column of answers, but one of solutions with a box, as in MATH | what is in the box |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sure_math.extract import extract_answer
from sure_math.problems.sources.cells import CellError, cell, raw_text, text_of, unfolded
from sure_math.problems.sources.row_rules import after_hashes, before_hashes
from sure_math.problems.sources.table_files import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What a row says about the right answer."""

    answer: str | None
    solution: str | None


def reference_of(row: Row, answer: str | None, solution: str | None = None) -> Reference:
    r"""Read the reference answer and the solution of a row from the columns that were chosen for them.

    >>> reference_of({"gold": ["2", "3"]}, "gold").answer
    '2, 3'
    >>> reference_of({"answer": "24 + 48 = 72\n#### 72"}, "answer")
    Reference(answer='72', solution='24 + 48 = 72')
    >>> reference_of({"solution": r"so $\boxed{4}$"}, None, "solution").answer
    '4'

    Raises:
        CellError: a cell holds no text.
    """
    worked = _first_text(row, solution)
    if answer is None:
        return Reference(
            answer=(extract_answer(worked, is_reference=True) or None) if worked else None, solution=worked
        )
    what = f"the column {answer}"
    value = unfolded(cell(row, answer), what)
    if isinstance(value, (list, tuple)):
        return Reference(answer=_joined(value, what), solution=worked)
    text = text_of({answer: value}, answer)
    if text is not None and _ends_in_hashes(text):
        return Reference(answer=after_hashes(text), solution=worked or before_hashes(text))
    return Reference(
        answer=(extract_answer(text, is_reference=True) or text) if text and "\\boxed" in text else text,
        solution=worked,
    )


def _ends_in_hashes(text: str) -> bool:
    """Whether the last line has the answer behind `####`; elsewhere these marks begin a heading."""
    _, hashes, tail = text.rpartition("####")
    return bool(hashes) and "\n" not in tail


def _joined(items: Any, what: str) -> str | None:
    """The items of a list as one answer, which is a list of answers if there are several."""
    texts = [(raw_text(item, f"an item of {what}") or "").strip() for item in items]
    if not any(texts):
        return None
    if not all(texts):
        raise CellError(f"{what} holds a list in which an item is missing; mend the list")
    return ", ".join(texts)


def _first_text(row: Row, column: str | None) -> str | None:
    """The solution of a row; the first one of a list, since each of several solutions is a whole one."""
    value = unfolded(cell(row, column), f"the column {column}")
    if not isinstance(value, (list, tuple)):
        return text_of({column or "": value}, column)
    texts = (raw_text(item, f"an item of the column {column}") for item in value)
    return next((text.strip() for text in texts if text and text.strip()), None)
