"""Rewards: whether the boxed answer of a response is the reference answer."""

from __future__ import annotations

from collections.abc import Sequence

from sure_math.equivalence import is_correct


def rewards(texts: Sequence[str], answers: Sequence[str | None]) -> list[float | None]:
    r"""Return 1 for a response whose boxed answer is right and 0 for any other; None if there is no reference answer.

    A response without a box is wrong.

    >>> rewards([r"so \boxed{2/4}", "so 1/2", r"so \boxed{7}"], ["1/2", "1/2", None])
    [1.0, 0.0, None]
    """
    return [
        None if answer is None else float(is_correct(answer, text, unboxed="reject"))
        for text, answer in zip(texts, answers, strict=True)
    ]
