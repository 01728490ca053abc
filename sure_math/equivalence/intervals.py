"""Regions of the real line: intervals, unions, inequalities in one variable, and the comparison of two regions."""

import re
from fractions import Fraction
from itertools import pairwise

from sure_math.equivalence.algebra import substitute
from sure_math.equivalence.forms import Equation, Form, Interval, Labelled, Region, Unreadable, comma, expression
from sure_math.equivalence.numbers import Expression, Verdict, compare_expressions
from sure_math.equivalence.text import closing_index, split_top, strip_ends

_FLIPPED = {"<": ">", ">": "<", "≤": "≥", "≥": "≤", "≠": "≠", "=": "="}


def inequality(parts: list[str], operators: list[str]) -> Form:
    """Read a chain of relations: the region of an inequality in one variable, else the chain itself."""
    sides = tuple(expression(part) for part in parts)
    variable = [index for index, side in enumerate(sides) if side.symbols]
    if len(variable) == 1 and len(sides) <= 3 and len(sides[variable[0]].symbols) == 1:
        region = _solve(sides, operators, variable[0])
        if region is not None:
            return region
    return _oriented(sides, tuple(operators))


def _oriented(sides: tuple[Expression, ...], operators: tuple[str, ...]) -> Equation:
    """Write a chain with < and ≤, so that a > b becomes b < a."""
    if all(operator in ">≥" for operator in operators):
        return Equation(sides[::-1], tuple(_FLIPPED[operator] for operator in operators[::-1]))
    return Equation(sides, operators)


def _solve(sides: tuple[Expression, ...], operators: list[str], at: int) -> Form | None:
    """Return the region of `c R ax + b S d`; None if the middle is not a straight line in its variable."""
    if len(sides) == 2 and sides[at].node[:2] == ("fn", "abs"):
        return _absolute_region(sides[at], sides[1 - at], operators[0] if at == 0 else _FLIPPED[operators[0]])
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
            return Labelled(name, Region((Interval(low, value, False, False), Interval(value, high, False, False))))
        if sign in "<≤":
            high, high_closed = value, sign == "≤"
        else:
            low, low_closed = value, sign == "≥"
    return Labelled(name, Region((Interval(low, high, low_closed, high_closed),)))


def _absolute_region(side: Expression, bound: Expression, operator: str) -> Form | None:
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
        return Labelled(name, Region((Interval(low, high, operator == "≤", operator == "≤"),)))
    outside = (
        Interval(Expression("-∞"), low, False, operator == "≥"),
        Interval(high, Expression("∞"), operator == "≥", False),
    )
    return Labelled(name, Region(outside))


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
    if "∪" in text or "∖" in text or _looks_like_interval(text):
        pieces = split_top(text, lambda t, i: int(t[i] == "∪"))
        return Region(tuple(part for piece in pieces for part in _pieces(strip_ends(piece))))
    return None


def _looks_like_interval(text: str) -> bool:
    if text[0] not in "([]" or text[-1] not in ")][":
        return False
    if (text[0], text[-1]) in (("(", ")"), ("[", "]")):
        return "∞" in text and closing_index(text, 0) == len(text) - 1 and text.count(",") + text.count(";") == 1
    inner = text[1:-1]
    return not re.search(r"[\[\]]", inner) and len(split_top(inner, comma)) == 2


def _pieces(text: str) -> list[Interval]:
    if "∖" in text:
        whole, _, removed = text.partition("∖")
        return _without(whole.strip(), removed.strip())
    if text in ("ℝ",):
        return [Interval(Expression("-∞"), Expression("∞"), False, False)]
    if text.startswith("⦃") and text.endswith("⦄"):
        points = [expression(part) for part in split_top(text[1:-1], comma)]
        return [Interval(point, point, True, True) for point in points]
    if len(text) > 4 and text[0] == "(" and closing_index(text, 0) == len(text) - 1 and "∪" in text:
        form = union(text[1:-1])
        return list(form.parts) if isinstance(form, Region) else []
    if len(text) < 5 or text[0] not in "([]" or text[-1] not in ")][":
        raise Unreadable(text)
    ends = split_top(text[1:-1], comma)
    if len(ends) != 2:
        raise Unreadable(text)
    low, high = (expression(end.replace("+∞", "∞").strip()) for end in ends)
    return [Interval(low, high, text[0] == "[", text[-1] == "]")]


def _without(whole: str, removed: str) -> list[Interval]:
    if whole != "ℝ" or not (removed.startswith("⦃") and removed.endswith("⦄")):
        raise Unreadable(whole)
    points = sorted((expression(part) for part in split_top(removed[1:-1], comma)), key=lambda point: point.real or 0.0)
    if any(point.real is None for point in points):
        raise Unreadable(removed)
    ends = [Expression("-∞"), *points, Expression("∞")]
    return [Interval(low, high, False, False) for low, high in pairwise(ends)]


def region_of(form: Form) -> Region:
    """Return the region of a form, without its label; `Unreadable` if it is not a region."""
    inner = form.form if isinstance(form, Labelled) else form
    if not isinstance(inner, Region):
        raise Unreadable
    return inner


def overlap(parts: list[Interval]) -> Interval | None:
    """Return the common part of a ray to the right and a ray to the left; None if they do not overlap."""
    if len(parts) != 2:
        return None
    first, second = sorted(parts, key=lambda part: part.low.text == "-∞")
    if first.high.text != "∞" or second.low.text != "-∞" or first.low.real is None or second.high.real is None:
        return None
    if first.low.real < second.high.real:
        return Interval(first.low, second.high, first.low_closed, second.high_closed)
    return None


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
