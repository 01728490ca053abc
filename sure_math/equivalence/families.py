r"""Formulas with a letter that stands for any number: x^2 + C, C e^x, \frac{\pi}{2} + k\pi.

Two such formulas may name the same set of functions or of numbers although they differ at each C or k.
"""

import re
from fractions import Fraction
from typing import Any

from sure_math.equivalence.algebra import Node, substitute, symbols
from sure_math.equivalence.values import LOCAL, evaluate

_CONSTANT = re.compile(r"[CK](?:_\w*)?|[CcKk]_\(\)")
_COUNTERS = frozenset("knml")
_PI: Node = ("const", "pi")
_POINTS = ("positive-1", "positive-2", "positive-3")


def may_be_one_family(first: Node, second: Node) -> bool:
    """Return whether two formulas that differ may name the same functions, or the same numbers, all in all.

    >>> from sure_math.equivalence.algebra import parse
    >>> may_be_one_family(parse("x^2 + C"), parse("x^2 + C + 1")), may_be_one_family(parse("x^2 + C"), parse("x^3 + C"))
    (True, False)
    >>> may_be_one_family(parse("4k + 1"), parse("4k - 3")), may_be_one_family(parse("2n + 1"), parse("2n - 1"))
    (True, False)
    """
    return _same_functions(first, second) or any(
        _same_numbers(first, second, name) for name in symbols(first) & symbols(second) & _COUNTERS
    )


def _same_functions(first: Node, second: Node) -> bool:
    """Whether constants of integration may make up for the difference."""
    constants = [{name for name in symbols(side) if _CONSTANT.fullmatch(name)} for side in (first, second)]
    others = (symbols(first) | symbols(second)) - constants[0] - constants[1]
    if not all(constants) or not any(name[0].islower() for name in others):
        return False
    if constants[0] == constants[1] and len(constants[0]) == 1:
        (name,) = constants[0]
        if not name.endswith("()") and _is_summand(first, name) and _is_summand(second, name):
            return _is_constant(("add", _with(first, name, 2), ("neg", _with(second, name, 2))))
    return True


def _is_summand(node: Node, name: str) -> bool:
    return _is_constant(("add", _with(node, name, 2), ("neg", _with(node, name, 3))))


def _with(node: Node, name: str, value: int) -> Node:
    return substitute(node, name, ("num", Fraction(value, 7)))


def _is_constant(node: Node) -> bool:
    """Whether a formula has the same value at all points where it has one."""
    values = [value for point in _POINTS if (value := _value(node, point)) is not None]
    return all(_near(value, values[0]) for value in values[1:])


def _value(node: Node, point: str) -> Any:
    value = evaluate(node, symbols(node), point)
    return None if value is None else value.number


def _near(a: Any, b: Any) -> bool:
    return bool(abs(a - b) <= (1 + abs(a)) / 2**100)


def _same_numbers(first: Node, second: Node, name: str) -> bool:
    """Whether the two are arithmetic progressions in the letter with the same members, if it is any integer."""
    rows = [[_value(_at(side, name, step), _POINTS[0]) for step in range(3)] for side in (first, second)]
    if symbols(first) != symbols(second) or any(value is None for row in rows for value in row):
        return False
    slopes = [row[1] - row[0] for row in rows]
    if not all(_near(row[2] - row[1], slope) and not _near(slope, 0) for row, slope in zip(rows, slopes, strict=True)):
        return False
    if name != "k" and not _has_pi(first):
        return False
    size = abs(slopes[0])
    if not _near(size, abs(slopes[1])) or (_near(size, 1) and not _has_pi(first)):
        return False
    steps = (rows[0][0] - rows[1][0]) / slopes[0]
    return LOCAL.context.im(steps) == 0 and _near(steps, LOCAL.context.nint(steps))


def _at(node: Node, name: str, step: int) -> Node:
    return substitute(node, name, ("num", Fraction(step)))


def _has_pi(node: Node) -> bool:
    return node == _PI or any(_has_pi(child) for child in node[1:] if isinstance(child, tuple))
