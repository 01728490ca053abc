"""The final answer of a completion, or the reason why there is none. Pure string work, linear in the text's length."""

import re
from dataclasses import dataclass

from sure_math.rows import FinishReason, Missing

_BOX = re.compile(r"\\(?:boxed|fbox|framebox)(?![A-Za-z])\s*")
_BRACE_OR_ESCAPE = re.compile(r"\\.|[{}]", re.DOTALL)
_BARE_CONTENT = re.compile(r"[^\s$\\{}]+|\\[A-Za-z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalAnswer:
    """What one completion answered: exactly one of the two fields is None."""

    answer: str | None
    """Content of the last box, stripped, never empty."""
    missing: Missing | None
    """`truncated`: cut by the length limit or inside its thinking; `empty`: no text; `unboxed`: no (closed, filled)
    box.
    """


def extract_answer(text: str) -> str | None:
    r"""Content of the last `\boxed{...}` or `\fbox{...}` (also `\boxed 5`), stripped.

    None if there is no box, or if the last one is not closed: what it holds is then not known, and an
    earlier box was not the final answer. Escaped braces `\{ \}` do not count as delimiters.
    """
    starts = [match.end() for match in _BOX.finditer(text)]
    span = box_content(text, starts[-1]) if starts else None
    return None if span is None else text[span[0] : span[1]].strip()


def box_content(text: str, start: int) -> tuple[int, int] | None:
    r"""Bounds of a box's content, where `start` is the place just after `\boxed` and blanks; None if never closed."""
    if not text.startswith("{", start):
        bare = _BARE_CONTENT.match(text, start)
        return bare.span() if bare else None
    depth = 0
    for token in _BRACE_OR_ESCAPE.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(token.group(), 0)
        if depth == 0:
            return start + 1, token.start()
    return None


def final_answer(
    text: str,
    finish_reason: FinishReason,
    *,
    opening_tag: str = "<think>",
    closing_tag: str = "</think>",
) -> FinalAnswer:
    """The final answer of one completion.

    Of a thinking model's text only what follows the last closing tag counts; thinking that was opened and not
    closed is `truncated`, whatever boxes it holds. A completion that hit the length limit without a complete
    box is `truncated` too; else it is `empty` (nothing but blanks) or `unboxed`.
    """
    visible = text
    if closing_tag and closing_tag in text:
        visible = text.rpartition(closing_tag)[2]
    if opening_tag and opening_tag in visible:
        return FinalAnswer(answer=None, missing="truncated")
    answer = extract_answer(visible)
    if answer:
        return FinalAnswer(answer=answer, missing=None)
    if finish_reason == "length":
        return FinalAnswer(answer=None, missing="truncated")
    return FinalAnswer(answer=None, missing="unboxed" if text.strip() else "empty")
