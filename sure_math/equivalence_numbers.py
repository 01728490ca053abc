"""Do two formulas have the same value? Exactly where both are rational, else to high precision at fixed points.

Rounding policy, for a number written as a decimal (`0.333333`) against a value v that it does not equal exactly:
    v rounded or cut off at the last digit gives it, 6 or more significant digits    equal (v itself is no decimal)
    v rounded or cut off at the last digit gives it, 3 to 5 significant digits       undecided
    two decimals, one of them a rounding of the other                                undecided
    anything else                                                                    different
"""

import hashlib
import re
import threading
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, reduce
from math import comb, factorial, gcd, lcm, log2
from typing import Any, Literal, TypeAlias

from mpmath.ctx_mp import MPContext

from sure_math.equivalence_algebra import Node, parse, symbols

Verdict: TypeAlias = Literal["equal", "different", "undecided"]

EQUAL_DIGITS, ROUNDED_DIGITS = 6, 3
"""Significant digits from which a rounded decimal is the value (Math-Verify's six), and from which it may be."""
_MAX_BITS = 200_000
"""Largest exact integer, about 60,000 digits: 1/2004! and 2024^4046 are compared exactly, 10^10^10 is not."""
_PRECISION = 256
_MAX_PRECISION = 60_000
_SLACK = 64
"""Bits that rounding may have cost: values agree when they do to `precision - _SLACK` bits."""
_POINTS = ("positive-1", "positive-2", "positive-3")
_SIGNED_POINTS = ("signed-1", "signed-2")
_WHOLE_POINTS = ("whole-1", "whole-2", "whole-3")


_WRITTEN_DECIMAL = re.compile(r"[+-]?\s*(\d*)\.(\d+)\s*(?:[eE]([+-]?\d{1,4})|\*\s*10\s*\^\s*\{?\s*(-?\d{1,4})\s*\}?)?")


_NAMED_CONSTANTS = frozenset({"omega", "phi", "zeta", "epsilon", "tau"})
"""Letters that answers use for a constant without saying which (a root of unity, the golden ratio)."""


class Inexact(ValueError):
    """Not a rational number of moderate size."""


class NoValue(ValueError):
    """The formula has no value here, or one too large to compute."""


@dataclass(frozen=True, slots=True)
class Decimal:
    """A number written with a decimal point."""

    value: Fraction
    unit: Fraction
    """One unit of the last digit written."""
    digits: int
    """Significant digits, trailing zeros included."""


class Expression:
    """A formula with its values computed at most once each. Immutable for its users, so it can be shared by threads."""

    def __init__(self, text: str, node: Node | None = None) -> None:
        self.text = text
        self.node = parse(text) if node is None else node
        self.symbols = symbols(self.node)

    @cached_property
    def exact(self) -> Fraction | None:
        """The value, if it is rational and of moderate size."""
        if self.symbols:
            return None
        try:
            return exact_value(self.node)
        except (Inexact, ZeroDivisionError, OverflowError):
            return None

    @cached_property
    def decimal(self) -> Decimal | None:
        """How the number was written, if it is one decimal (also negative, also times a power of ten)."""
        return _decimal(self.text) if "." in self.text and self.exact is not None else None

    @cached_property
    def has_decimal(self) -> bool:
        return "." in self.text

    def at(self, point: str) -> tuple[Any, Any] | None:
        """(value, largest magnitude on the way) at a named point; None without a value there."""
        if point not in self._values:
            self._values[point] = _evaluate(self.node, self.symbols, point)
        return self._values[point]

    @cached_property
    def _values(self) -> dict[str, tuple[Any, Any] | None]:
        return {}

    @cached_property
    def real(self) -> float | None:
        """The value as a float, for sorting and finding order; None if it is not a finite real number."""
        if self.exact is not None:
            try:
                return float(self.exact)
            except OverflowError:
                return None
        found = self.at("constant") if not self.symbols else None
        if found is None or getattr(found[0], "imag", 0) != 0:
            return None
        return float(found[0])


def _decimal(text: str) -> Decimal | None:
    match = _WRITTEN_DECIMAL.fullmatch(text.replace("(", "").replace(")", ""))
    if match is None:
        return None
    exponent = int(match.group(3) or match.group(4) or 0)
    written = (match.group(1) + match.group(2)).lstrip("0")
    unit = Fraction(10) ** (exponent - len(match.group(2)))
    value = Fraction(int(match.group(1) + match.group(2))) * unit
    return Decimal(-value if text.lstrip().startswith("-") else value, unit, len(written))


def _bounded(value: Fraction) -> Fraction:
    if value.numerator.bit_length() > _MAX_BITS or value.denominator.bit_length() > _MAX_BITS:
        raise Inexact("too large")
    return value


def exact_value(node: Node) -> Fraction:
    """The rational value of a tree without variables; `Inexact` if it is irrational or too large."""
    kind = node[0]
    if kind == "num":
        value: Fraction = node[1]
        return value
    if kind in ("sym", "const", "app"):
        raise Inexact(kind)
    if kind == "fn":
        return _exact_function(node[1], node[2:])
    values = [exact_value(child) for child in node[1:]]
    if kind == "add":
        return _bounded(sum(values, Fraction(0)))
    if kind == "mul":
        product = Fraction(1)
        for value in values:
            product = _bounded(product * value)
        return product
    if kind == "neg":
        return -values[0]
    if kind == "div":
        return _bounded(values[0] / values[1])
    if kind == "pow":
        return _exact_power(values[0], values[1])
    return _exact_power(values[1], 1 / values[0])


def _exact_power(base: Fraction, exponent: Fraction) -> Fraction:
    if abs(exponent.numerator) > _MAX_BITS or exponent.denominator > 64:
        raise Inexact("exponent too large")
    if exponent.denominator > 1:
        base = _exact_root(base, exponent.denominator)
    size = max(abs(base.numerator).bit_length(), base.denominator.bit_length())
    if size * abs(exponent.numerator) > _MAX_BITS and base not in (-1, 0, 1):
        raise Inexact("power too large")
    return base**exponent.numerator


def _exact_root(value: Fraction, degree: int) -> Fraction:
    negative = value < 0
    if negative and degree % 2 == 0:
        raise Inexact("root of a negative number")
    root = Fraction(_integer_root(abs(value.numerator), degree), _integer_root(value.denominator, degree))
    return -root if negative else root


def _integer_root(value: int, degree: int) -> int:
    if value < 2:
        return value
    if value.bit_length() > 20_000:
        raise Inexact("root of a large number")
    low, high = 1, 1 << (value.bit_length() // degree + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**degree <= value else (low, middle - 1)
    if low**degree != value:
        raise Inexact("irrational root")
    return low


def _exact_function(name: str, arguments: tuple[Node, ...]) -> Fraction:
    values = [exact_value(argument) for argument in arguments]
    first = values[0]
    whole = all(value.denominator == 1 and 0 <= value < 5000 for value in values)
    if name == "abs":
        return abs(first)
    if name == "floor":
        return Fraction(first.__floor__())
    if name == "ceil":
        return Fraction(first.__ceil__())
    if name == "factorial" and whole:
        return Fraction(factorial(int(first)))
    if name == "binom" and whole and len(values) == 2:
        return Fraction(comb(int(first), int(values[1])))
    if name in ("max", "min"):
        return max(values) if name == "max" else min(values)
    if name in ("gcd", "lcm") and whole:
        return Fraction(reduce(gcd if name == "gcd" else lcm, (int(value) for value in values)))
    if name == "log10" and first > 0:
        raise Inexact(name)
    raise Inexact(name)


# ---------------------------------------------------------------------------------------------------------- numeric


class _Local(threading.local):
    """One mpmath context per thread: a context's precision is global to it."""

    def __init__(self) -> None:
        self.context = MPContext()


_LOCAL = _Local()


def _variable(context: Any, name: str, point: str) -> Any:
    """A variable's value at a named point, from a digest: the same in every process and for both answers."""
    digest = int.from_bytes(hashlib.sha256(f"{point}/{name}".encode()).digest()[:8], "big")
    if point.startswith("whole"):
        return context.mpf(1 + digest % 23)
    share = context.mpf(digest) / 2**64
    value = context.mpf(3) / 10 + 2 * share
    return -value if point.startswith("signed") and digest % 3 else value


class _Evaluator:
    """Evaluates one tree at one point; keeps the range of magnitudes seen, from which the precision needed follows."""

    def __init__(self, context: Any, point: str) -> None:
        self.context = context
        self.point = point
        self.span = 0.0
        self.peak = context.mpf(0)

    def value(self, node: Node) -> Any:
        result = self.raw(node)
        size = abs(result)
        if not self.context.isfinite(result):
            raise NoValue("not finite")
        if size > self.peak:
            self.peak = size
        if node[0] in ("pow", "num", "fn", "root", "div") and size:
            self.span = max(self.span, abs(float(self.context.mag(result))))
        return result

    def raw(self, node: Node) -> Any:
        context, kind = self.context, node[0]
        if kind == "num":
            return context.mpf(node[1].numerator) / node[1].denominator
        if kind == "sym":
            return _variable(context, node[1], self.point)
        if kind == "const":
            if node[1] == "oo":
                raise NoValue("infinity")
            return {"pi": +context.pi, "e": +context.e, "i": context.mpc(0, 1)}[node[1]]
        if kind == "app":
            return self.unknown(node)
        if kind == "fn":
            return self.function(node[1], [self.value(child) for child in node[2:]])
        values = [self.value(child) for child in node[1:]]
        if kind == "add":
            return context.fsum(values)
        if kind == "mul":
            return context.fprod(values)
        if kind == "neg":
            return -values[0]
        if kind == "div":
            return values[0] / values[1]
        if kind == "pow":
            return self.power(values[0], values[1], node[2])
        return self.power(values[1], 1 / values[0], ("div", ("num", Fraction(1)), node[1]))

    def unknown(self, node: Node) -> Any:
        """A generic smooth function with coefficients of its own per name: f(x) = f(y) only where x = y."""
        total = _variable(self.context, f"{node[1]}()", "positive-0")
        for index, child in enumerate(node[2:]):
            argument = self.value(child)
            for degree in (1, 2, 3):
                total += _variable(self.context, f"{node[1]}({index},{degree})", "positive-0") * argument**degree
        return total

    def power(self, base: Any, exponent: Any, exponent_node: Node) -> Any:
        context = self.context
        if abs(exponent) > 2**40:
            raise NoValue("exponent too large")
        if not base:
            if context.re(exponent) <= 0 and exponent != 0:
                raise NoValue("division by zero")
            return context.mpf(0) if exponent else context.mpf(1)
        if context.im(base) == 0 and context.re(base) < 0 and context.im(exponent) == 0:
            try:
                rational = exact_value(exponent_node)
            except (Inexact, ZeroDivisionError):
                rational = None
            if rational is not None and rational.denominator % 2 == 1 and rational.denominator > 1:
                size = abs(base) ** exponent
                return -size if rational.numerator % 2 else size
        return base**exponent

    def function(self, name: str, values: list[Any]) -> Any:
        context, first = self.context, values[0]
        real = context.im(first) == 0
        if name == "factorial":
            if not real or abs(first) > 10**6:
                raise NoValue("factorial of a large number")
            return context.gamma(first + 1)
        if name in ("floor", "ceil"):
            return (context.floor if name == "floor" else context.ceil)(first)
        if name == "binom":
            if any(abs(value) > 10**6 for value in values):
                raise NoValue("binomial of large numbers")
            return context.binomial(*values)
        if name in ("max", "min"):
            return max(values) if name == "max" else min(values)
        if name in ("gcd", "lcm"):
            raise NoValue(name)
        if name == "abs":
            return abs(first)
        if abs(first) > 2**40 and name not in ("ln", "log", "log10", "logbase"):
            raise NoValue("argument too large")
        if name in ("ln", "log"):
            return context.ln(first)
        if name == "log10":
            return context.ln(first) / context.ln(10)
        if name == "logbase":
            return context.ln(values[1]) / context.ln(first)
        known = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "arccot": "acot"}
        return getattr(context, known.get(name, name))(first)


def _evaluate(node: Node, names: frozenset[str], point: str) -> tuple[Any, Any] | None:
    context = _LOCAL.context
    context.prec = _PRECISION
    try:
        evaluator = _Evaluator(context, point)
        value = evaluator.value(node)
        needed = _PRECISION + 2 * int(evaluator.span)
        if needed > _PRECISION + 128 and needed <= _MAX_PRECISION:
            context.prec = needed
            evaluator = _Evaluator(context, point)
            value = evaluator.value(node)
        elif needed > _MAX_PRECISION:
            return value, None
        return value, evaluator.peak * context.mpf(2) ** (_SLACK - context.prec)
    except (NoValue, ValueError, ZeroDivisionError, OverflowError, TypeError, ArithmeticError, NotImplementedError):
        return None


def _same_at(a: Expression, b: Expression, point: str) -> bool | None:
    """Whether two formulas have one value at a point; None if that cannot be said."""
    first, second = a.at(point), b.at(point)
    if first is None or second is None:
        return None
    difference, size = abs(first[0] - second[0]), max(abs(first[0]), abs(second[0]))
    if first[1] is None or second[1] is None:
        return False if difference > size / 2**100 else None
    context = _LOCAL.context
    return bool(difference <= max(first[1], second[1], size * context.mpf(2) ** (_SLACK - _PRECISION)) * 2)


def _nearly(a: Expression, b: Expression, point: str) -> bool:
    first, second = a.at(point), b.at(point)
    if first is None or second is None:
        return False
    return bool(abs(first[0] - second[0]) <= max(abs(first[0]), abs(second[0])) / 500)


def compare(a: Expression, b: Expression) -> Verdict:
    """The verdict on two formulas; see the module's docstring for decimals."""
    if a.node == b.node:
        return "equal"
    if a.exact is not None and b.exact is not None:
        return "equal" if a.exact == b.exact else _compare_decimals(a, b)
    if not a.symbols and not b.symbols:
        return _compare_constants(a, b)
    return _compare_functions(a, b)


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
    """1 for infinity, -1 for minus infinity, 0 for anything else."""
    if node == ("const", "oo"):
        return 1
    return -_infinite(node[1]) if node[0] == "neg" else 0


def _compare_decimals(a: Expression, b: Expression) -> Verdict:
    """Two constants that are not equal: is one of them, written as a decimal, a rounding of the other?"""
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
    if written.digits < EQUAL_DIGITS or (other.exact is not None and (other.exact / written.unit).denominator == 1):
        return "undecided"
    return "equal"


def _is_rounding(written: Decimal, value: Fraction) -> bool:
    """Whether a value, rounded or cut off at the last digit written, gives the decimal."""
    cut_off = 0 <= abs(value) - abs(written.value) < written.unit and (value < 0) == (written.value < 0)
    return cut_off or abs(value - written.value) * 2 <= written.unit


def _as_fraction(other: Expression) -> Fraction | None:
    """The value to far more digits than are written anywhere; None if it is not real or astronomic."""
    if other.exact is not None:
        return other.exact
    found = other.at("constant")
    if found is None or getattr(found[0], "imag", 0) != 0:
        return None
    value = found[0]
    if value and abs(_LOCAL.context.mag(value)) > 4000:
        return None
    sign, mantissa, exponent, _ = value._mpf_ if hasattr(value, "_mpf_") else value.real._mpf_
    magnitude = Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
    return -magnitude if sign else magnitude


def _compare_functions(a: Expression, b: Expression) -> Verdict:
    """Formulas with variables: equal where they agree at all points that both have; different if they agree nowhere."""
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
            return "different"
        renamed = a.symbols - b.symbols and b.symbols - a.symbols
        if renamed or any(positive):
            return "undecided"
        return "undecided" if _compare_at_whole_points(a, b) == "equal" else "different"
    if len(positive) < 2:
        return "undecided"
    signed = [
        same
        for point in _SIGNED_POINTS
        if _real_at(a, point) and _real_at(b, point) and (same := _same_at(a, b, point)) is not None
    ]
    return "equal" if all(signed) else "undecided"


def _compare_at_whole_points(a: Expression, b: Expression) -> Verdict:
    same = [_same_at(a, b, point) for point in _WHOLE_POINTS]
    if all(same):
        return "equal"
    return "undecided" if None in same else "different"


def _real_at(a: Expression, point: str) -> bool:
    found = a.at(point)
    return found is not None and getattr(found[0], "imag", 0) == 0


def proportional(a: Expression, b: Expression) -> bool | None:
    """Whether a = c * b for one constant c other than 0 (then a = 0 and b = 0 say the same); None if that cannot be said."""
    ratios = []
    for point in (*_POINTS, "signed-1"):
        first, second = a.at(point), b.at(point)
        if first is None or second is None or first[1] is None or second[1] is None:
            continue
        if abs(first[0]) <= first[1] or abs(second[0]) <= second[1]:
            return None
        ratios.append(first[0] / second[0])
    if len(ratios) < 3:
        return None
    return all(abs(ratio - ratios[0]) <= abs(ratios[0]) / 2**120 for ratio in ratios)


def magnitude(value: Fraction) -> float:
    """log2 |value|, without overflow."""
    return log2(abs(value.numerator)) - log2(value.denominator) if value else float("-inf")
