r"""Formulas that are put together from pieces: |x - 7|, max(x, 10), the root of a square, \ln|x|, \arcsin(\sin x).

Such a formula agrees with another one on a whole interval and differs elsewhere, so that a few points near 1 prove
nothing. `wide_points` names points of many sizes and signs. Where the argument of |..| has one sign at all of them
(|\cos x + 0.9999|), and need not have it, the pieces were not seen: `unseen` says so.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from typing import Any

from sure_math.equivalence.algebra import Node, symbols
from sure_math.equivalence.values import SIZES, WIDE, Inexact, exact_value

_PIECES = frozenset({"abs", "max", "min"})
_PARTIAL_TEXT = "ln log log10 logbase arcsin arccos arctan arccot arcsec arccsc arccosh arctanh"
_PARTIAL = frozenset(_PARTIAL_TEXT.split())
"""Functions that have no real value everywhere, or that do not undo their inverse everywhere."""
_LARGEST = Fraction(10) ** 60
_PATTERNS = ("positive", "negative", "mixed", "alternating")


def has_kinks(node: Node) -> bool:
    """Return whether a formula may be put together from pieces.

    >>> from sure_math.equivalence.algebra import parse
    >>> has_kinks(parse("|x - 7|")), has_kinks(parse("x - 7")), has_kinks(parse("|-7|x"))
    (True, False, False)
    """
    return any(True for _ in _kinks(node))


def _kinks(node: Node) -> Iterator[Node]:
    """Yield the parts that have pieces: functions, even roots and powers with a fraction, all of a variable."""
    if node[0] in ("sym", "num", "const"):
        return
    is_kink = (
        (node[0] == "fn" and (node[1] in _PIECES or node[1] in _PARTIAL))
        or (node[0] == "root" and _value(node[1], odd=True) is None)
        or (node[0] == "pow" and _is_fractional(node[2]))
    )
    if is_kink and symbols(node):
        yield node
    for child in node[1:]:
        if isinstance(child, tuple):
            yield from _kinks(child)


def _is_fractional(exponent: Node) -> bool:
    """Whether an exponent is a fraction with an even denominator: 3/2, -1/4."""
    try:
        return exact_value(exponent).denominator % 2 == 0
    except (Inexact, ZeroDivisionError, OverflowError):
        return False


def _value(node: Node, *, odd: bool) -> Fraction | None:
    try:
        value = exact_value(node)
    except (Inexact, ZeroDivisionError, OverflowError):
        return None
    return value if not odd or (value.denominator == 1 and value.numerator % 2 == 1) else None


def wide_points(*nodes: Node) -> list[str]:
    """Name points whose variables have many sizes, up to three times the largest number of the formulas.

    >>> wide_points(("sym", "x"))[:2]
    ['wide 1/100 positive', 'wide 1/100 negative']
    """
    largest = max((abs(value) for node in nodes for value in _constants(node)), default=Fraction(0))
    larger = [3 * largest] if 300 < largest <= _LARGEST else []
    return [f"{WIDE}{scale} {pattern}" for scale in (*SIZES, *larger, "any") for pattern in _PATTERNS]


def _constants(node: Node) -> Iterator[Fraction]:
    if not symbols(node) and (value := _value(node, odd=False)) is not None:
        yield value
        return
    for child in node[1:]:
        if isinstance(child, tuple):
            yield from _constants(child)


def unseen(node: Node, values: Callable[[Node], list[Any]]) -> list[Node]:
    """Return the arguments of |..|, and the differences of those of max and min, that have one sign at all points.

    Args:
        values: the real values of a formula at the points where it has one.
    """
    one_signed = []
    for kink in _kinks(node):
        if kink[:2] == ("fn", "abs"):
            arguments = [kink[2]]
        elif kink[:2] in (("fn", "max"), ("fn", "min")):
            arguments = [("add", x, ("neg", y)) for x, y in pairwise(kink[2:])]
        else:
            continue
        for argument in arguments:
            found_values = values(argument)
            signs = {value > 0 for value in found_values if value}
            one_sign = len(signs) == 1 or not found_values
            if one_sign and not never_negative(argument):
                one_signed.append(argument)
    return one_signed


def never_negative(node: Node) -> bool:
    """Return whether the form of a formula shows that its real values are not negative.

    >>> from sure_math.equivalence.algebra import parse
    >>> never_negative(parse("x^2 + 1")), never_negative(parse("x + 1"))
    (True, False)
    """
    kind, children = node[0], [child for child in node[1:] if isinstance(child, tuple)]
    if not symbols(node):
        value = _value(node, odd=False)
        return node[0] == "const" if value is None else value >= 0
    if kind == "pow":
        exponent = _value(node[2], odd=False)
        even = exponent is not None and exponent.denominator == 1 and exponent.numerator % 2 == 0
        return even or never_negative(node[1])
    if kind == "root":
        return _value(node[1], odd=True) is None or never_negative(node[2])
    if kind == "fn":
        return node[1] in ("abs", "exp", "cosh")
    return kind in ("add", "mul", "div") and all(map(never_negative, children))
