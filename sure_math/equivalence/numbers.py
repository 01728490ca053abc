"""Compare the values of two formulas: exactly if both are rational, else to high precision at fixed points.

Rounding policy, for a number written as a decimal (`0.333333`) against a value v that it does not equal exactly:
    v rounded or cut off at the last digit is the decimal, 6 or more significant digits    equal (v is not a decimal)
    the same, but the last digit written is 0                                              undecided
    v rounded or cut off at the last digit is the decimal, 3 to 5 significant digits       undecided
    two decimals, one of them a rounding of the other                                      undecided
    anything else                                                                          different

A logarithm without a base is natural, decimal or binary, and the same in both formulas. If the verdict depends on the
base, it is undecided. It is undecided, too, if it depends on whether a marked letter (`\\bar{z}`, `\\vec{a}`) differs
from the plain letter.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from sure_math.equivalence.algebra import (
    CONVENTIONS,
    REPEATING,
    Convention,
    Node,
    NotAlgebra,
    allows,
    is_marked,
    parse,
    symbols,
    unmarked,
)
from sure_math.equivalence.families import may_be_one_family
from sure_math.equivalence.kinks import has_kinks, unseen, wide_points
from sure_math.equivalence.normal_form import normal
from sure_math.equivalence.products import order_matters
from sure_math.equivalence.values import COMPLEX, LOCAL, PRECISION, Inexact, Value, evaluate, exact_value

Verdict: TypeAlias = Literal["equal", "different", "undecided"]

EQUAL_DIGITS, ROUNDED_DIGITS = 6, 3
"""Significant digits from which a rounded decimal equals the value (six, as in Math-Verify), and may equal it."""
_POINTS = ("positive-1", "positive-2", "positive-3")
_SIGNED_POINTS = ("signed-1", "signed-2")
_WHOLE_POINTS = ("whole-1", "whole-2", "whole-3", "whole-4", "whole-5")
_BASES = ("ln", "log10", "log2")
"""What `\\log` without a base may mean."""


_WRITTEN_DECIMAL = re.compile(r"[+-]?\s*(\d*)\.(\d+)\s*(?:[eE]([+-]?\d{1,4})|\*\s*10\s*\^\s*\{?\s*(-?\d{1,4})\s*\}?)?")


_NAMED_CONSTANTS = frozenset({"omega", "phi", "zeta", "epsilon", "tau", "j"})
"""Letters that answers use for a constant without defining it (a root of unity, the golden ratio, an engineer's i)."""


@dataclass(frozen=True, slots=True)
class Decimal:
    """A number written with a decimal point."""

    value: Fraction
    unit: Fraction
    """One unit of the last digit written."""
    digits: int
    """Significant digits, trailing zeros included."""

    @property
    def ends_in_zero(self) -> bool:
        """Whether the last digit is 0: such a number may be meant exactly."""
        return (self.value / self.unit) % 10 == 0


_T = TypeVar("_T")


class _computed_once(Generic[_T]):
    """A property whose value is kept. It takes no lock, as `functools.cached_property` of Python 3.11 does.

    If a process forks while another thread holds a lock, the child waits for it for ever. Here two threads may compute
    the same value.
    """

    def __init__(self, compute: Callable[[Any], _T]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type | None = None) -> _T:
        value = self._compute(instance)
        instance.__dict__[self._name] = value
        return value


class Expression:
    """A formula. Its values are computed when they are first needed. It cannot be changed, so threads can share it."""

    def __init__(self, text: str, node: Node | None = None) -> None:
        self.text = text
        self.node = parse(text) if node is None else node
        self._is_text = node is None
        self.symbols = symbols(self.node)

    def read_as(self, convention: Convention) -> "Expression":
        """Return the formula in another way to read it; the formula itself if its text does not allow the way."""
        if not self._is_text:
            return self
        if convention not in self._readings:
            try:
                self._readings[convention] = Expression(self.text, parse(self.text, convention))
            except NotAlgebra:
                return self
        return self._readings[convention]

    @_computed_once
    def conventions(self) -> tuple[Convention, ...]:
        """The other ways to read the formula that its text allows."""
        return tuple(way for way in CONVENTIONS if allows(self.text, way)) if self._is_text else ()

    @_computed_once
    def _readings(self) -> "dict[Convention, Expression]":
        return {}

    @_computed_once
    def exact(self) -> Fraction | None:
        """The value, if it is rational and of moderate size."""
        if self.symbols:
            return None
        try:
            return exact_value(self.node)
        except (Inexact, ZeroDivisionError, OverflowError):
            return None

    @_computed_once
    def decimal(self) -> Decimal | None:
        """The number as it was written, if it is a decimal (also negative, also times a power of ten)."""
        return _decimal(self.text) if "." in self.text and self.exact is not None else None

    @_computed_once
    def has_decimal(self) -> bool:
        """Whether a number is written with a decimal point, other than with a period, which is exact."""
        return "." in self.text and "." in REPEATING.sub("", self.text)

    @_computed_once
    def has_log(self) -> bool:
        """Whether a logarithm has no base."""
        return "log" in self.text and _has_log(self.node)

    @_computed_once
    def has_kinks(self) -> bool:
        """Whether the formula may be put together from pieces, as |x - 7| is."""
        return has_kinks(self.node)

    def unseen(self, points: Sequence[str]) -> list["Expression"]:
        """Return what stands in |..|, or decides a maximum, and has one sign at all these points."""
        found = unseen(self.node, lambda argument: _real_values(Expression("", argument), points))
        return [Expression("", argument) for argument in found]

    @_computed_once
    def meanings(self) -> tuple["Expression", ...]:
        """The formula with each meaning of its logarithms without a base, in the order of `_BASES`."""
        if not self.has_log:
            return (self,) * len(_BASES)
        return tuple(Expression(self.text, _with_log(self.node, base)) for base in _BASES)

    @_computed_once
    def marks(self) -> frozenset[str]:
        """The marked variables, such as `\\bar{z}`."""
        return frozenset(name for name in self.symbols if is_marked(name))

    def unmarked(self) -> "Expression":
        """Return the formula with plain letters for marked ones."""
        return Expression(self.text, unmarked(self.node))

    def at(self, point: str, precision: int = PRECISION) -> Value | None:
        """Return the value at a named point, computed with at least so many bits; None if there is no value."""
        known = self._values.get(point)
        if point not in self._values or (known is not None and known.precision < precision):
            self._values[point] = evaluate(self.node, self.symbols, point, precision)
        return self._values[point]

    @_computed_once
    def _values(self) -> dict[str, Value | None]:
        return {}

    @_computed_once
    def real(self) -> float | None:
        """The value as a float, for sorting; None if the value is not a finite real number."""
        if self.exact is not None:
            try:
                return float(self.exact)
            except OverflowError:
                return None
        evaluated = self.at("constant") if not self.symbols else None
        if evaluated is None or getattr(evaluated.number, "imag", 0) != 0:
            return None
        return float(getattr(evaluated.number, "real", evaluated.number))


def _real_values(formula: Expression, points: Sequence[str]) -> list[Any]:
    return [value.number for point in points if _real_at(formula, point) and (value := formula.at(point)) is not None]


def _has_log(node: Node) -> bool:
    return node[:2] == ("fn", "log") or any(_has_log(child) for child in node[1:] if isinstance(child, tuple))


def _with_log(node: Node, meaning: str) -> Node:
    parts = tuple(_with_log(child, meaning) if isinstance(child, tuple) else child for child in node)
    if node[:2] != ("fn", "log"):
        return parts
    return ("fn", "logbase", ("num", Fraction(2)), parts[2]) if meaning == "log2" else ("fn", meaning, parts[2])


def _decimal(text: str) -> Decimal | None:
    match = _WRITTEN_DECIMAL.fullmatch(text.replace("(", "").replace(")", ""))
    if match is None or REPEATING.search(text):
        return None
    exponent = int(match.group(3) or match.group(4) or 0)
    written = (match.group(1) + match.group(2)).lstrip("0")
    unit = Fraction(10) ** (exponent - len(match.group(2)))
    value = Fraction(int(match.group(1) + match.group(2))) * unit
    return Decimal(-value if text.lstrip().startswith("-") else value, unit, len(written))


def _same_at(a: Expression, b: Expression, point: str) -> bool | None:
    """Whether two formulas have the same value at a point; None if that cannot be decided.

    Both are computed with the bits that the larger numbers of the two take: sqrt(10^200 + 1) and 10^100 agree in their
    first 200 digits.
    """
    first, second = a.at(point), b.at(point)
    if first is None or second is None:
        return None
    if first.precision != second.precision:
        finest = max(first.precision, second.precision)
        first, second = a.at(point, finest), b.at(point, finest)
        if first is None or second is None:
            return None
    LOCAL.context.prec = first.precision
    difference, size = abs(first.number - second.number), max(abs(first.number), abs(second.number))
    if first.bound is None or second.bound is None:
        return False if difference > size / 2**100 else None
    return bool(difference <= max(first.bound, second.bound) * 2)


def _nearly(a: Expression, b: Expression, point: str) -> bool:
    first, second = a.at(point), b.at(point)
    if first is None or second is None:
        return False
    return bool(abs(first[0] - second[0]) <= max(abs(first[0]), abs(second[0])) / 500)


def compare_expressions(a: Expression, b: Expression) -> Verdict:
    """Return the verdict on two formulas. The module's docstring has the rules for decimals.

    >>> compare_expressions(Expression("1/3"), Expression("0.333333"))
    'equal'
    """
    if a.conventions or b.conventions:
        return _agreed([_compare_trees(x, y) for x, y in _readings(a, b)])
    return _compare_trees(a, b)


def _readings(a: Expression, b: Expression) -> list[tuple[Expression, Expression]]:
    """Return two formulas as they are and in each other way to read one of them: the same way for both."""
    ways = [way for way in CONVENTIONS if way in a.conventions or way in b.conventions]
    return [(a, b), *((a.read_as(way), b.read_as(way)) for way in ways)]


def _compare_trees(a: Expression, b: Expression) -> Verdict:
    if a.node == b.node:
        return "equal"
    if a.has_log or b.has_log:
        verdict = _agreed([_compare(x, y) for x, y in zip(a.meanings, b.meanings, strict=True)])
    else:
        verdict = _compare(a, b)
    return "undecided" if verdict == "equal" and order_matters(a.node, b.node) else verdict


def _agreed(verdicts: list[Verdict]) -> Verdict:
    return verdicts[0] if len(set(verdicts)) == 1 else "undecided"


def _compare(a: Expression, b: Expression) -> Verdict:
    if a.exact is not None and b.exact is not None:
        return "equal" if a.exact == b.exact else _compare_decimals(a, b)
    if not a.symbols and not b.symbols:
        return _compare_constants(a, b)
    verdict = _compare_functions(a, b)
    if verdict == "different" and a.marks != b.marks:
        return _without_marks(a, b)
    return verdict


def _without_marks(a: Expression, b: Expression) -> Verdict:
    """Return `different` for formulas that differ without their marks as well, else `undecided`.

    The letters of a number (`\\overline{ab}`) or of an intersection are no product, so that nothing is known of them.
    """
    if any(sum(map(str.isalpha, name.partition("{")[2])) > 1 for name in a.marks ^ b.marks):
        return "undecided"
    return "different" if compare_expressions(a.unmarked(), b.unmarked()) == "different" else "undecided"


def _compare_constants(a: Expression, b: Expression) -> Verdict:
    if _infinite(a.node) or _infinite(b.node):
        return "equal" if _infinite(a.node) == _infinite(b.node) else "different"
    same = _same_at(a, b, "constant")
    if same is None:
        return "undecided"
    if same:
        return "equal"
    return _compare_decimals(a, b)


def _infinite(node: Node) -> int:
    """Return 1 for infinity, -1 for minus infinity, 0 for anything else."""
    if node == ("const", "oo"):
        return 1
    return -_infinite(node[1]) if node[0] == "neg" else 0


def _compare_decimals(a: Expression, b: Expression) -> Verdict:
    """Compare two constants that are not equal: one of them may be a decimal that rounds the other."""
    first, second = a.decimal, b.decimal
    if first and second:
        coarse, fine = (first, second) if first.unit > second.unit else (second, first)
        close = coarse.unit != fine.unit and _is_rounding(coarse, fine.value)
        return "undecided" if close and coarse.digits >= ROUNDED_DIGITS else "different"
    written, other = (first, b) if first else (second, a)
    if written is None:
        return "undecided" if (a.has_decimal or b.has_decimal) and _nearly(a, b, "constant") else "different"
    value = _as_fraction(other)
    if value is None or not _is_rounding(written, value) or written.digits < ROUNDED_DIGITS:
        return "different"
    if (
        written.digits < EQUAL_DIGITS
        or written.ends_in_zero
        or (other.exact is not None and (other.exact / written.unit).denominator == 1)
    ):
        return "undecided"
    return "equal"


def _is_rounding(written: Decimal, value: Fraction) -> bool:
    """Whether a value, rounded or cut off at the last digit written, gives the decimal."""
    cut_off = 0 <= abs(value) - abs(written.value) < written.unit and (value < 0) == (written.value < 0)
    return cut_off or abs(value - written.value) * 2 <= written.unit


def _as_fraction(other: Expression) -> Fraction | None:
    """Return the value to far more digits than any answer has; None if it is not real, or astronomically large."""
    if other.exact is not None:
        return other.exact
    evaluated = other.at("constant")
    if evaluated is None or getattr(evaluated[0], "imag", 0) != 0:
        return None
    value = evaluated[0]
    if value and abs(LOCAL.context.mag(value)) > 4000:
        return None
    sign, mantissa, exponent, _ = value._mpf_ if hasattr(value, "_mpf_") else value.real._mpf_
    magnitude = Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
    return -magnitude if sign else magnitude


def _compare_functions(a: Expression, b: Expression) -> Verdict:
    """Compare formulas with variables: equal if they agree at all points with values, different if at no point."""
    names = a.symbols | b.symbols
    if bool(a.symbols) != bool(b.symbols) and (names <= _NAMED_CONSTANTS or any(name.endswith("()") for name in names)):
        return "undecided"
    positive = [same for point in _POINTS if (same := _same_at(a, b, point)) is not None]
    if not positive:
        return _compare_at_whole_points(a, b)
    if not all(positive):
        if (a.has_decimal or b.has_decimal) and all(_nearly(a, b, point) for point in _POINTS):
            return "undecided"
        if a.node[0] == b.node[0] == "sym":
            return "undecided" if {"/", "'"} <= set(a.node[1] + b.node[1]) else "different"
        if may_be_one_family(a.node, b.node):
            return "undecided"
        renamed = a.symbols - b.symbols and b.symbols - a.symbols
        if renamed or any(positive):
            return "undecided"
        return "undecided" if _compare_at_whole_points(a, b) == "equal" else "different"
    if len(positive) < 2:
        return "undecided"
    if _has_steps(a.node) or _has_steps(b.node):
        return "equal" if normal(a.node) == normal(b.node) else "undecided"
    for point in _SIGNED_POINTS:
        real = (_real_at(a, point), _real_at(b, point))
        if any(real) and not (all(real) and _same_at(a, b, point) in (True, None)):
            return "undecided"
    return "equal" if _same_pieces(a, b, lambda point: _same_at(a, b, point)) else "undecided"


def _same_pieces(a: Expression, b: Expression, same: Callable[[str], bool | None]) -> bool:
    """Whether two formulas that agree near 1 agree everywhere, as far as points of many sizes can show it.

    Args:
        same: whether the two agree at a point; None if that cannot be decided.
    """
    if not (a.has_kinks or b.has_kinks):
        return True
    if (a.symbols | b.symbols) & COMPLEX and same("complex") is False:
        return False
    points = wide_points(a.node, b.node)
    for point in points:
        real = (_real_at(a, point), _real_at(b, point))
        if any(real) and not (all(real) and same(point) in (True, None)):
            return False
    first, second = a.unseen(points), b.unseen(points)
    return all(any(_ratio(x, y) for y in second) for x in first) and all(
        any(_ratio(x, y) for y in first) for x in second
    )


def _has_steps(node: Node) -> bool:
    """Whether a formula with variables rounds them: such a formula is constant between the steps."""
    if node[0] == "fn" and node[1] in ("floor", "ceil"):
        return bool(symbols(node))
    return any(_has_steps(child) for child in node[1:] if isinstance(child, tuple))


def _compare_at_whole_points(a: Expression, b: Expression) -> Verdict:
    same = [_same_at(a, b, point) for point in _WHOLE_POINTS]
    if all(same):
        return "equal"
    return "undecided" if None in same else "different"


def _real_at(a: Expression, point: str) -> bool:
    evaluated = a.at(point)
    return evaluated is not None and getattr(evaluated[0], "imag", 0) == 0


def proportional(a: Expression, b: Expression) -> bool | None:
    """Return whether a = c * b for a constant c other than 0, so that a = 0 and b = 0 say the same.

    None if that cannot be decided.
    """
    if a.has_log or b.has_log:
        verdicts = {_proportional(x, y) for x, y in zip(a.meanings, b.meanings, strict=True)}
        return verdicts.pop() if len(verdicts) == 1 else None
    return _proportional(a, b)


def _proportional(a: Expression, b: Expression) -> bool | None:
    if a.conventions or b.conventions:
        verdicts = {_proportional_trees(x, y) for x, y in _readings(a, b)}
        return verdicts.pop() if len(verdicts) == 1 else None
    return _proportional_trees(a, b)


def _proportional_trees(a: Expression, b: Expression) -> bool | None:
    ratio = _ratio(a, b)
    if not ratio:
        return False if ratio is False else None
    if order_matters(a.node, b.node):
        return None
    return True if _same_pieces(a, b, lambda point: _has_ratio(a, b, ratio, point)) else None


def _has_ratio(a: Expression, b: Expression, ratio: Any, point: str) -> bool | None:
    first, second = a.at(point), b.at(point)
    if first is None or second is None or first.bound is None or second.bound is None:
        return None
    error = max(first.bound, second.bound * abs(ratio)) + abs(first.number) / 2**120
    return bool(abs(first.number - second.number * ratio) <= error)


def _ratio(a: Expression, b: Expression) -> Any:
    """Return the constant ratio of two formulas; False if it varies, None if that cannot be decided."""
    ratios: list[tuple[Any, Any]] = []
    for point in (*_POINTS, "signed-1"):
        first, second = a.at(point), b.at(point)
        if first is None or second is None or first.bound is None or second.bound is None:
            continue
        finest = max(first.precision, second.precision)
        first, second = a.at(point, finest), b.at(point, finest)
        if first is None or second is None or abs(first.number) <= first.bound or abs(second.number) <= second.bound:
            return None
        error = first.bound / abs(first.number) + second.bound / abs(second.number)
        ratios.append((first.number / second.number, error))
    if len(ratios) < 3:
        return None
    ratio, error = ratios[0]
    return all(abs(other - ratio) <= abs(ratio) * (error + more) * 4 for other, more in ratios) and ratio
