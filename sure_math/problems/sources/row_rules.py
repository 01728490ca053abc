"""Rules of the public sources: a cell's answer, a row's statement, which rows cannot be used as seeds. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sure_math.extract import extract_answer
from sure_math.problems.sources.cells import is_missing, raw_text, text_of, unfolded
from sure_math.problems.sources.table_files import Row

VERSION = 3
"""Version of the rules below. It is part of every source's fingerprint, so a changed rule reads the source again."""

Rule = Callable[[Any], str | None]
"""A cell's answer or solution; None if the cell holds none."""


def plain(cell: Any) -> str | None:
    """Return the cell as text: a number without its `.0`, None for blanks.

    >>> plain(4.0), plain("  ")
    ('4', None)
    """
    return (raw_text(cell, "a cell of the answer or the solution") or "").strip() or None


def last_box(cell: Any) -> str | None:
    r"""Return the content of the last `\boxed{}`, or of several side by side; solutions also box earlier steps."""
    return extract_answer(plain(cell) or "", is_reference=True) or None


def box_or_text(cell: Any) -> str | None:
    r"""Return the content of the box if there is one, else the whole text: AMO-Bench's `description` answers have no
    box."""
    text = plain(cell) or ""
    return last_box(text) if "boxed" in text else text or None


def box_or_said(cell: Any) -> str | None:
    """Return the last box, else the text after the last `answer is` of a response."""
    text = plain(cell) or ""
    if "\\boxed" in text:
        return last_box(text)
    answers = _ANSWER_IS.findall(text)
    return _bare(answers[-1]) or None if answers else None


def after_hashes(cell: Any) -> str | None:
    """GSM8K: the number after the last `####`, without separators of thousands, a dollar sign and calculator marks."""
    _, hashes, tail = (plain(cell) or "").rpartition("####")
    return re.sub(r"[,$]", "", _CALCULATOR.sub("", tail)).strip() or None if hashes else None


def before_hashes(cell: Any) -> str | None:
    """GSM8K: the reasoning before the answer, without calculator marks."""
    return _CALCULATOR.sub("", (plain(cell) or "").rpartition("####")[0]).strip() or None


def integer(cell: Any) -> str | None:
    """AIME: an integer of any type, in a box or not, without leading zeros; other text stays as it is.

    >>> integer("025"), integer(25.0)
    ('25', '25')
    """
    text = plain(cell) or ""
    text = last_box(text) or text
    return (text.lstrip("0") or "0") if text.isascii() and text.isdigit() else text or None


def listed(cell: Any) -> str | None:
    """OlympiadBench: a list of answers, each in dollar signs, becomes one string, joined by commas."""
    cell = unfolded(cell, "a cell of the answer")
    items = [plain(item) for item in cell] if isinstance(cell, (list, tuple)) else [plain(cell)]
    return ", ".join(_bare(item) for item in items if item) or None


def first_listed(cell: Any) -> str | None:
    """Return the first of several reference solutions."""
    cell = unfolded(cell, "a cell of the solution")
    if isinstance(cell, (list, tuple)):
        return plain(cell[0]) if cell else None
    return plain(cell)


def as_it_is(row: Row, text: str) -> str:
    """Return the statement of a row unchanged."""
    return text


def without_format(row: Row, text: str) -> str:
    """AMO-Bench: the statement without the paragraph that says which form the answer must have."""
    return text.partition("\nAfter solving the above problem, please ")[0].rstrip()


def without_instruction(row: Row, text: str) -> str:
    """Return the statement without the instruction to box the answer, which copies of contest sets have."""
    return _INSTRUCTION.sub("", text).rstrip()


def with_context(row: Row, text: str) -> str:
    """OlympiadBench: the statement after its context, which several questions share in a column of its own."""
    context = text_of(row, "context")
    return f"{context}\n\n{text}" if context else text


Unusable = tuple[str, str]
"""Why a row cannot be used as a seed: a short reason and a detail."""


def any_row(row: Row) -> Unusable | None:
    """Accept every row."""
    return None


def not_in_benchmarks(row: Row) -> Unusable | None:
    """NuminaMath holds MATH, GSM8K and AMC/AIME with their test rows, and does not say which rows are test rows."""
    subset = text_of(row, "source") or ""
    return ("excluded_subset", f"of {subset}") if subset in _NUMINA_EXCLUDED else None


def valid_numina(row: Row) -> Unusable | None:
    """NuminaMath-1.5: the answers `proof` and `notfound` mark rows without an answer; `question_type` marks some
    too."""
    answer, kind = (text_of(row, "answer") or "").casefold(), (text_of(row, "question_type") or "").casefold()
    if answer == "proof" or kind == "proof":
        return "proof", "asks for a proof"
    if answer == "notfound":
        return "no_answer", "the source found none"
    flags = {name: text_of(row, name) for name in ("problem_is_valid", "solution_is_valid") if row.get(name)}
    doubtful = [f"{name} = {value}" for name, value in flags.items() if value != "Yes"]
    return ("invalid", ", ".join(doubtful)) if doubtful else not_in_benchmarks(row)


def answerable(row: Row) -> Unusable | None:
    """OlympiadBench: leaves out proofs, questions with images, physics, and answers that hold up to a tolerance."""
    if "proof" in (text_of(row, "question_type") or "").casefold():
        return "proof", "asks for a proof"
    images = any(not is_missing(value) and value != "" for name, value in row.items() if name.startswith("image_"))
    if images or (text_of(row, "modality") or "").casefold() == "multimodal":
        return "has_figure", "comes with an image"
    if (text_of(row, "subject") or "").casefold() == "physics":
        return "not_maths", "a question of physics"
    tolerance = text_of(row, "error")
    return ("tolerance", f"its answer holds up to {tolerance}") if tolerance else None


def why_unusable(
    unusable: Callable[[Row], Unusable | None], row: Row, text: str, answer: str | None
) -> Unusable | None:
    """Say why a row cannot be used as a seed, by the rules of all sources and by the source's own `unusable`."""
    if not text:
        return "empty", "the row has no text"
    reason = unusable(row)
    if reason is not None:
        return reason
    if _FIGURE.search(text):
        return "has_figure", "the statement shows an image"
    if answer is None:
        return ("proof", "asks for a proof") if _PROOF.search(text) else ("no_answer", "no final answer in the row")
    return None


def _bare(text: str) -> str:
    r"""An answer without the dollar signs or `\( \)` around its formulas, unless there is prose between them."""
    text = text.strip().strip("*").rstrip(".").strip()
    prose = _FORMULA.sub("", text)
    if prose == text or re.search(r"[^\W\d_]{2,}", prose):
        return text
    return re.sub(r"\$|\\\(|\\\)|\\\[|\\\]", "", text).rstrip(".").strip()


_FORMULA = re.compile(r"\$[^$]*\$|\\\(.*?\\\)|\\\[.*?\\\]", re.DOTALL)
_ANSWER_IS = re.compile(r"answer is:?[ \t]*([^\n]+)", re.IGNORECASE)
_CALCULATOR = re.compile(r"<<[^<>]*>>")
_INSTRUCTION = re.compile(
    r"\s*(?:Please |Let's )?(?:reason|think) step by step[^\n]*\\boxed\{\}[^\n]*\Z", re.IGNORECASE
)
_FIGURE = re.compile(r"!\[[^\]\n]*\]\(|<img\b|<image_\d+>|\\includegraphics\b", re.IGNORECASE)
_PROOF = re.compile(r"\b(?:prove|show that|demonstrate that)\b", re.IGNORECASE)
_NUMINA_EXCLUDED = frozenset({"math", "gsm8k", "amc_aime", "metamath"})
