"""The decimal comma: `1,5` is a list of two numbers or, in many countries, one and a half.

The readers take the comma for a separator. If this makes two answers differ, and they agree with the comma as the
decimal point, the convention decides and the verdict is `undecided`.
"""

import re

_PAIR = re.compile(r"(?<![\d.,_])((?:\d{1,3}(?:[. ]\d{3})+)|\d+),(\d+)(?![\d,]|\.\d)")
"""Digits, one comma and digits, as in 0,25 and 1.234,5; not 1,2,3 and not 1, 5."""
_SEPARATED = re.compile(r";|,(?!\d)")
"""A separator that cannot be a decimal comma. In brackets it shows that the other commas may be."""
_BRACKETED = re.compile(r"[(\[⦃]|\\\{")


_INDIAN = re.compile(r"(?<![\d.,_])\d{1,2}(?:,\d{2})+,\d{3}(?![\d.,])")
_POINT = re.compile(r"(?<![\d.,_])([1-9]\d{0,2})\.(\d{3})(?![\d.,])")


def other_groupings(answer: str) -> list[str]:
    """Return an answer with its digits in other groups: 1,23,456 and 1.500 as one number.

    >>> other_groupings("1,23,456"), other_groupings("1.500"), other_groupings("1.5")
    (['123456'], ['1500'], [])
    """
    if len(answer) > 300:
        return []
    changed = (
        _INDIAN.sub(lambda match: match.group().replace(",", ""), answer),
        _POINT.sub(r"\1\2", answer),
    )
    return [text for text in changed if text != answer]


def with_decimal_points(answer: str) -> str | None:
    r"""Return an answer with its decimal commas written as points; None if it has none.

    >>> with_decimal_points("1.234,5"), with_decimal_points("1,5; 2,5"), with_decimal_points("(1,5)")
    ('1234.5', '1.5; 2.5', None)
    """
    if "," not in answer or len(answer) > 300:
        return None
    if _BRACKETED.search(answer) and not _SEPARATED.search(answer):
        return None
    changed = _PAIR.sub(lambda match: f"{re.sub(r'[. ]', '', match.group(1))}.{match.group(2)}", answer)
    return changed if changed != answer else None
