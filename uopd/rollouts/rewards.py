"""Rewards: whether the boxed answer of a response is the reference answer."""

from __future__ import annotations

from collections.abc import Sequence

from sure_math.equivalence import is_correct
from sure_math.thoughts import visible_text


def rewards(
    texts: Sequence[str],
    answers: Sequence[str | None],
    problems: Sequence[str | None] | None = None,
    *,
    tags: tuple[str, str] = ("", ""),
) -> list[float | None]:
    r"""Return 1 for a response whose boxed answer is right and 0 for any other; None if there is no reference answer.

    A response without a box is wrong, and so is a response whose thought never ends. The thought may be opened by the
    prompt: `texts` must then start with its tag (`Chat.reply`).

    Args:
        problems: texts of the problems; if one asks for a percentage, a bare number counts.
        tags: opening and closing tag of a thought, beside those of `sure_math/thoughts.py`.

    >>> rewards([r"so \boxed{2/4}", "so 1/2", r"so \boxed{7}"], ["1/2", "1/2", None])
    [1.0, 0.0, None]
    """
    return [
        None if answer is None else float(_is_right(answer, visible_text(text, tags=tags), problem))
        for text, answer, problem in zip(texts, answers, problems or [None] * len(texts), strict=True)
    ]


def _is_right(answer: str, visible: str | None, problem: str | None) -> bool:
    return visible is not None and is_correct(answer, visible, unboxed="reject", problem=problem)
