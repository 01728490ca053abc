"""Ratios such as 3:4 and 1:2:3, and times of the day, which are written in the same way."""

import re
from collections.abc import Sequence

from sure_math.equivalence.forms import Form, Quantity
from sure_math.equivalence.numbers import Expression, Verdict, compare_expressions

_HOUR, _MINUTE = re.compile(r"\d{1,2}"), re.compile(r"[0-5]\d")


def compare_sizes(a: Sequence[Form], b: Sequence[Form]) -> Verdict:
    """Compare two ratios of which some parts differ: 1:2 and 2:4 are the same ratio.

    A text such as 12:30 may be a time, so that 12:30 against 24:60 is undecided. Ratios with a part 0 or with units are
    compared part by part only.
    """
    first, second = _numbers(a), _numbers(b)
    if first is None or second is None or len(first) != len(second):
        return "different"
    verdicts = [
        compare_expressions(_product(x, second[0]), _product(y, first[0]))
        for x, y in zip(first[1:], second[1:], strict=True)
    ]
    if "different" in verdicts:
        return "different"
    return "undecided" if "undecided" in verdicts or _is_time(first) or _is_time(second) else "equal"


def _numbers(items: Sequence[Form]) -> list[Expression] | None:
    """Return the parts; None if a part has a unit or is 0."""
    plain = [item.value for item in items if isinstance(item, Quantity) and item.unit is None]
    return plain if len(plain) == len(items) and all(value.exact != 0 for value in plain) else None


def _product(a: Expression, b: Expression) -> Expression:
    return Expression(f"({a.text})*({b.text})")


def _is_time(parts: list[Expression]) -> bool:
    return (
        len(parts) in (2, 3)
        and bool(_HOUR.fullmatch(parts[0].text))
        and all(_MINUTE.fullmatch(p.text) for p in parts[1:])
    )
