"""Regions of the real line: intervals, unions, inequalities in one variable, and the comparison of two regions."""

import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import TypeAlias

from sure_math.equivalence.algebra import substitute
from sure_math.equivalence.forms import (
    Equation,
    Form,
    Interval,
    Labelled,
    Region,
    Unreadable,
    comma,
    common_unit,
    measured,
)
from sure_math.equivalence.numbers import Expression, Verdict, compare_expressions
from sure_math.equivalence.text import closing_index, split_top, strip_ends
from sure_math.equivalence.units import Unit

_FLIPPED = {"<": ">", ">": "<", "≤": "≥", "≥": "≤", "≠": "≠", "=": "="}


def inequality(parts: list[str], operators: list[str]) -> Form:
    """Read a chain of relations: the region of an inequality in one variable, else the chain itself."""
    values, units = zip(*(measured(part) for part in parts), strict=True)
    sides, unit = tuple(values), common_unit(units)
    variable = [index for index, side in enumerate(sides) if side.symbols]
    if len(variable) == 1 and len(sides) <= 3 and len(sides[variable[0]].symbols) == 1:
        region = _solve(sides, operators, variable[0], unit)
        if region is not None:
            return region
    return _oriented(sides, tuple(operators), unit)


def _oriented(sides: tuple[Expression, ...], operators: tuple[str, ...], unit: Unit | None) -> Equation:
    """Write a chain with < and ≤, so that a > b becomes b < a."""
    if all(operator in ">≥" for operator in operators):
        return Equation(sides[::-1], tuple(_FLIPPED[operator] for operator in operators[::-1]), unit)
    return Equation(sides, operators, unit)


def _solve(sides: tuple[Expression, ...], operators: list[str], at: int, unit: Unit | None) -> Form | None:
    """Return the region of `c R ax + b S d`; None if the middle is not a straight line in its variable."""
    if len(sides) == 2 and sides[at].node[:2] == ("fn", "abs"):
        return _absolute_region(sides[at], sides[1 - at], operators[0] if at == 0 else _FLIPPED[operators[0]], unit)
    line = _straight_line(sides[at])
    if line is None:
        return None
    slope, intercept, name = line
    low, high, low_closed, high_closed = Expression("-∞"), Expression("∞"), False, False
    for index, operator in enumerate(operators):
        if at not in (index, index + 1):
            return None
        bound = sides[index + 1] if at == index else sides[index]
        sign = operator if at == index else _FLIPPED[operator]
        sign = _FLIPPED[sign] if slope.startswith("-") else sign
        value = bound if (slope, intercept) == ("1", "0") else Expression(f"(({bound.text})-({intercept}))/({slope})")
        if sign == "≠":
            return Labelled(
                name, Region((Interval(low, value, False, False), Interval(value, high, False, False)), unit)
            )
        if sign in "<≤":
            high, high_closed = value, sign == "≤"
        else:
            low, low_closed = value, sign == "≥"
    return Labelled(name, Region((Interval(low, high, low_closed, high_closed),), unit))


def _absolute_region(side: Expression, bound: Expression, operator: str, unit: Unit | None) -> Form | None:
    """Return the region of |ax + b| < c or |ax + b| > c; None unless c is a positive number."""
    line = _straight_line(Expression(side.text.strip()[1:-1], side.node[2]))
    if line is None or bound.real is None or bound.real <= 0 or operator not in "<≤>≥":
        return None
    slope, intercept, name = line
    if slope.startswith("-"):
        slope, intercept = slope[1:], str(-Fraction(intercept))
    plain = (slope, intercept) == ("1", "0")
    high = bound if plain else Expression(f"(({bound.text})-({intercept}))/({slope})")
    low = Expression(f"-({bound.text})" if plain else f"(-({bound.text})-({intercept}))/({slope})")
    if operator in "<≤":
        return Labelled(name, Region((Interval(low, high, operator == "≤", operator == "≤"),), unit))
    outside = (
        Interval(Expression("-∞"), low, False, operator == "≥"),
        Interval(high, Expression("∞"), operator == "≥", False),
    )
    return Labelled(name, Region(outside, unit))


def _straight_line(side: Expression) -> tuple[str, str, str] | None:
    """Return (slope, intercept, variable) of a straight line, as exact strings; None for any other formula."""
    (name,) = side.symbols
    if side.node == ("sym", name):
        return "1", "0", name
    if not re.fullmatch(r"[\d.+\-*/() A-Za-z{}\\]+", side.text) or side.node[0] == "app":
        return None
    values = []
    for point in (0, 1, 2):
        substituted = Expression(side.text, substitute(side.node, name, ("num", Fraction(point))))
        if substituted.exact is None:
            return None
        values.append(substituted.exact)
    slope = values[1] - values[0]
    if slope == 0 or values[2] - values[1] != slope:
        return None
    return str(slope), str(values[0]), name


def union(text: str) -> Form | None:
    """Read intervals joined by ∪, the reals without points, and a half-open or unbounded interval."""
    if len(split_top(text, lambda t, i: int(t[i] in "∈=<>≤≥"))) > 1:
        return None
    if "∪" in text or "∩" in text or "∖" in text or _looks_like_interval(text):
        pieces = split_top(text, lambda t, i: int(t[i] == "∪"))
        read = [_pieces(strip_ends(piece)) for piece in pieces]
        unit = common_unit([unit for _, units in read for unit in units])
        return Region(tuple(part for parts, _ in read for part in parts), unit, source=text)
    return None


def _looks_like_interval(text: str) -> bool:
    if text[0] not in "([]" or text[-1] not in ")][":
        return False
    if (text[0], text[-1]) in (("(", ")"), ("[", "]")):
        return "∞" in text and closing_index(text, 0) == len(text) - 1 and text.count(",") + text.count(";") == 1
    inner = text[1:-1]
    return not re.search(r"[\[\]]", inner) and len(split_top(inner, comma)) == 2


_Pieces: TypeAlias = tuple[list[Interval], list[Unit | None]]
"""Intervals, and the units of their ends."""


def _pieces(text: str) -> _Pieces:
    if "∩" in text:
        return _intersection([strip_ends(part) for part in split_top(text, lambda t, i: int(t[i] == "∩"))])
    if "∖" in text:
        whole, _, removed = text.partition("∖")
        return _without(whole.strip(), removed.strip())
    if text in ("ℝ",):
        return [Interval(Expression("-∞"), Expression("∞"), False, False)], []
    if text.startswith("⦃") and text.endswith("⦄"):
        points, units = _points(text)
        return [Interval(point, point, True, True) for point in points], units
    if len(text) > 4 and text[0] == "(" and closing_index(text, 0) == len(text) - 1 and "∪" in text:
        form = union(text[1:-1])
        return (list(form.parts), [form.unit]) if isinstance(form, Region) else ([], [])
    if len(text) < 5 or text[0] not in "([]" or text[-1] not in ")][":
        raise Unreadable(text)
    ends = split_top(text[1:-1], comma)
    if len(ends) != 2:
        raise Unreadable(text)
    (low, low_unit), (high, high_unit) = (measured(end.replace("+∞", "∞").strip()) for end in ends)
    return [Interval(low, high, text[0] == "[", text[-1] == "]")], [low_unit, high_unit]


def _points(text: str) -> tuple[list[Expression], list[Unit | None]]:
    read = [measured(part) for part in split_top(text[1:-1], comma)]
    return [point for point, _ in read], [unit for _, unit in read]


def _intersection(parts: Sequence[str]) -> _Pieces:
    read = [_pieces(part) for part in parts]
    common = common_part([Region(tuple(intervals)) for intervals, _ in read])
    if common is None:
        raise Unreadable
    return list(common.parts), [unit for _, units in read for unit in units]


def _without(whole: str, removed: str) -> _Pieces:
    """Read `ℝ ∖ {0}` and `(-1, 1) ∖ {0}`: each point removed leaves two rays."""
    if not (removed.startswith("⦃") and removed.endswith("⦄")):
        raise Unreadable(whole)
    points, units = _points(removed)
    points.sort(key=lambda point: point.real or 0.0)
    if any(point.real is None for point in points):
        raise Unreadable(removed)
    ends = [Expression("-∞"), *points, Expression("∞")]
    rest = Region(tuple(Interval(low, high, False, False) for low, high in pairwise(ends)))
    intervals, whole_units = _pieces(whole)
    common = common_part([Region(tuple(intervals)), rest])
    if common is None:
        raise Unreadable(whole)
    return list(common.parts), units + whole_units


def region_of(form: Form) -> Region:
    """Return the region of a form, without its label; `Unreadable` if it is not a region."""
    inner = form.form if isinstance(form, Labelled) else form
    if not isinstance(inner, Region):
        raise Unreadable
    return inner


def common_part(regions: Sequence[Region]) -> Region | None:
    """Return the intersection of regions; None if it is empty or if an end is not a number."""
    common = list(regions[0].parts)
    for region in regions[1:]:
        pairs = [_overlap(first, second) for first in common for second in region.parts]
        if any(isinstance(pair, _Unordered) for pair in pairs):
            return None
        common = [pair for pair in pairs if isinstance(pair, Interval)]
    return Region(tuple(common)) if common else None


class _Unordered:
    """Two intervals whose ends cannot be put in order."""


def _overlap(a: Interval, b: Interval) -> Interval | _Unordered | None:
    keys = [_key(end) for end in (a.low, b.low, a.high, b.high)]
    if any(key is None for key in keys):
        return _Unordered()
    a_low, b_low, a_high, b_high = (key or 0.0 for key in keys)
    if a_low == b_low:
        low, low_closed = a.low, a.low_closed and b.low_closed
    else:
        low, low_closed = (a.low, a.low_closed) if a_low > b_low else (b.low, b.low_closed)
    if a_high == b_high:
        high, high_closed = a.high, a.high_closed and b.high_closed
    else:
        high, high_closed = (a.high, a.high_closed) if a_high < b_high else (b.high, b.high_closed)
    start, end = max(a_low, b_low), min(a_high, b_high)
    if start > end or (start == end and not (low_closed and high_closed)):
        return None
    return Interval(low, high, low_closed, high_closed)


def compare_regions(a: Region, b: Region) -> Verdict:
    """Return the verdict on two regions, interval by interval."""
    first, second = _normal(a), _normal(b)
    if first is None or second is None:
        first, second = list(a.parts), list(b.parts)
        if len(first) != len(second):
            return "undecided"
    if len(first) != len(second):
        return "different"
    verdicts: list[Verdict] = []
    for x, y in zip(first, second, strict=True):
        ends = [compare_expressions(x.low, y.low), compare_expressions(x.high, y.high)]
        verdicts.extend(ends)
        if (x.low_closed, x.high_closed) != (y.low_closed, y.high_closed):
            verdicts.append("different")
    if "different" in verdicts:
        return "different"
    return "undecided" if "undecided" in verdicts else "equal"


def _key(end: Expression) -> float | None:
    if end.text.strip("+ ") in ("∞",):
        return float("inf")
    if end.text.replace(" ", "") == "-∞":
        return float("-inf")
    return end.real


def _normal(region: Region) -> list[Interval] | None:
    """Return the intervals in order, with touching intervals joined; None if not all ends are numbers."""
    keyed = []
    for part in region.parts:
        low, high = _key(part.low), _key(part.high)
        if low is None or high is None:
            return None
        if low < high or (low == high and part.low_closed and part.high_closed):
            keyed.append((low, not part.low_closed, high, part))
    joined: list[Interval] = []
    for *_, part in sorted(keyed, key=lambda item: item[:3]):
        last = joined[-1] if joined else None
        if last is not None and _touch(last, part):
            if (_key(part.high) or 0.0) >= (_key(last.high) or 0.0):
                joined[-1] = Interval(last.low, part.high, last.low_closed, part.high_closed)
        else:
            joined.append(part)
    return joined


def _touch(left: Interval, right: Interval) -> bool:
    end, start = _key(left.high), _key(right.low)
    if end is None or start is None:
        return False
    return start < end or (start == end and (left.high_closed or right.low_closed))
