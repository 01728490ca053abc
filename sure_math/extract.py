"""The final answer of a completion, or the reason why there is none. Every function takes linear time."""

import re
from dataclasses import dataclass

from sure_math.rows import FinishReason, Missing

BOX_COMMANDS = ("boxed", "fbox", "framebox")
"""LaTeX commands that mark a final answer, in a sample, in a graded response and in a reference answer."""
BOX = re.compile(rf"\\(?:{'|'.join(BOX_COMMANDS)})(?![A-Za-z])\s*")
"""A command of `BOX_COMMANDS` and the blanks behind it."""
_BRACE_OR_ESCAPE = re.compile(r"\\.|[{}]", re.DOTALL)
_BARE_CONTENT = re.compile(r"[^\s$\\{}]+|\\[A-Za-z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalAnswer:
    """The answer of one completion, or why there is none. Exactly one of the two fields is None."""

    answer: str | None
    """Content of the last box, stripped, never empty."""
    missing: Missing | None
    """`truncated`: cut by the length limit or inside its thinking; `empty`: no text; `unboxed`: no box that is closed
    and holds something.
    """


def extract_answer(text: str) -> str | None:
    r"""Return the stripped content of the last box, such as `\boxed{...}` or `\boxed 5`.

    Returns None if there is no box, or if the last box is not closed: its content is then not known, and an earlier box
    was not the final answer. Escaped braces `\{ \}` do not count as delimiters.

    >>> extract_answer(r"First \boxed{1}, but then \boxed{\frac{1}{2}}.")
    '\\frac{1}{2}'
    >>> extract_answer("no box 5") is None
    True
    """
    starts = [match.end() for match in BOX.finditer(text)]
    span = box_content(text, starts[-1]) if starts else None
    return None if span is None else text[span[0] : span[1]].strip()


def box_content(text: str, start: int) -> tuple[int, int] | None:
    r"""Find the bounds of a box's content. Returns None if the box is never closed.

    `start` is the position just after `\boxed` and blanks.

    >>> box_content(r"\boxed{42}.", len(r"\boxed"))
    (7, 9)
    """
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
    r"""Find the final answer of one completion.

    Only the text after the last closing tag of a thinking model counts. A completion is `truncated` if its thinking was
    opened and not closed, whatever boxes it holds, or if it hit the length limit without a complete box. Another
    completion without an answer is `empty` (nothing but blanks) or `unboxed`.

    >>> final_answer(r"<think>\boxed{1}?</think> It is \boxed{2}.", "stop")
    FinalAnswer(answer='2', missing=None)
    >>> final_answer("It is", "length")
    FinalAnswer(answer=None, missing='truncated')
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
