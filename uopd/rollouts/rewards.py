"""Rewards: whether the boxed answer of a response is the reference answer."""

from __future__ import annotations

from collections.abc import Sequence

from sure_math.equivalence import is_correct


def rewards(
    texts: Sequence[str], answers: Sequence[str | None], problems: Sequence[str | None] | None = None
) -> list[float | None]:
    r"""Return 1 for a response whose boxed answer is right and 0 for any other; None if there is no reference answer.

    A response without a box is wrong, and so is a response whose thought never ends. The thought may be opened by the
    prompt: `texts` must then start with its tag (`Chat.reply`).

    Args:
        problems: texts of the problems; if one asks for a percentage, a bare number counts.

    >>> rewards([r"so \boxed{2/4}", "so 1/2", r"so \boxed{7}"], ["1/2", "1/2", None])
    [1.0, 0.0, None]
    """
    return [
        None if answer is None else float(is_correct(answer, text, unboxed="reject", problem=problem))
        for text, answer, problem in zip(texts, answers, problems or [None] * len(texts), strict=True)
    ]
