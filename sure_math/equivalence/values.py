"""Values of formula trees: exact if they are rational, else to a precision that fits the magnitudes on the way."""

import hashlib
import threading
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import reduce
from math import comb, factorial, gcd, isqrt, lcm, prod
from typing import Any, NamedTuple

from mpmath.ctx_mp import MPContext

from sure_math.equivalence.algebra import Node

_MAX_BITS = 200_000
"""Size of the largest exact integer, about 60,000 digits: 2024^4046 is compared exactly, 10^10^10 is not."""
PRECISION = 256
_MAX_PRECISION = 60_000
_GAMMA_LIKE = frozenset({"factorial", "factorial2", "binom", "gamma"})
_MAX_GAMMA_PRECISION, _MAX_EXACT_FACTORIAL = 4_000, 20_000
"""Bits up to which a gamma function takes milliseconds, and the largest factorial that is computed as an integer."""
SLACK = 64
"""Bits that rounding may cost: two values agree if they agree to `precision - SLACK` bits."""


_SATURATING = frozenset({"tanh", "coth"})
"""Functions that are within exp(-2x) of 1."""


WIDE = "wide "
"""What the names of points of many sizes begin with (`kinks.wide_points`)."""
SIZES = (Fraction(1, 100), Fraction(9, 10), Fraction(5), Fraction(30), Fraction(1000), Fraction(100_000))
COMPLEX = frozenset({"z", "w"})
"""Letters that usually stand for complex numbers. At the point `complex` they are no real numbers."""


class Inexact(ValueError):
    """The value is not a rational number of moderate size."""


class NoValue(ValueError):
    """The formula has no value at this point, or a value too large to compute."""


def _bounded(value: Fraction) -> Fraction:
    if value.numerator.bit_length() > _MAX_BITS or value.denominator.bit_length() > _MAX_BITS:
        raise Inexact("too large")
    return value


def exact_value(node: Node) -> Fraction:
    """Return the rational value of a tree without variables; `Inexact` if it is irrational or too large.

    >>> exact_value(("div", ("num", Fraction(1)), ("num", Fraction(3))))
    Fraction(1, 3)
    """
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
    if kind == "det":
        return _bounded(determinant(values, _bounded))
    if kind == "pow":
        return _exact_power(values[0], values[1])
    return _exact_power(values[1], 1 / values[0])


def determinant(cells: Sequence[Any], check: Callable[[Any], Any]) -> Any:
    """Return the determinant of a square matrix given row by row. `check` sees every sum and product on the way.

    A minor of the first rows is computed once for each choice of columns, so that no division is needed.

    >>> determinant([1, 2, 3, 4], lambda value: value)
    -2
    """
    order = isqrt(len(cells))
    minors: dict[int, Any] = {0: 1}
    for row in range(order):
        following: dict[int, Any] = {}
        for chosen, minor in minors.items():
            for column in range(order):
                if chosen >> column & 1:
                    continue
                inversions = (chosen >> column).bit_count()
                product = check(minor * cells[row * order + column])
                together = chosen | 1 << column
                following[together] = check(following.get(together, 0) + (-product if inversions % 2 else product))
        minors = following
    return minors[(1 << order) - 1]


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
    if name == "factorial2" and first.denominator == 1 and -1 <= first < 5000:
        return Fraction(prod(range(int(first), 1, -2)))
    if name == "binom" and whole and len(values) == 2:
        return Fraction(comb(int(first), int(values[1])))
    if name in ("max", "min"):
        return max(values) if name == "max" else min(values)
    if name in ("gcd", "lcm") and whole:
        return Fraction(reduce(gcd if name == "gcd" else lcm, (int(value) for value in values)))
    raise Inexact(name)


class _Local(threading.local):
    """An mpmath context per thread, because the precision is a setting of the whole context."""

    def __init__(self) -> None:
        self.context = MPContext()


LOCAL = _Local()


def _variable(context: Any, name: str, point: str) -> Any:
    """Return a variable's value at a named point, from a digest: the same in every process and for both answers."""
    digest = int.from_bytes(hashlib.sha256(f"{point}/{name}".encode()).digest()[:8], "big")
    if point.startswith("whole"):
        return context.mpf(1 + digest % 23)
    share = context.mpf(digest) / 2**64
    if point.startswith(WIDE):
        return _wide(point, share, digest % 2 == 0)
    if point == "complex" and name in COMPLEX:
        return context.mpc(share - 2, 1 + share)
    value = context.mpf(3) / 10 + 2 * share
    return -value if point.startswith("signed") and digest % 3 else value


def _wide(point: str, share: Any, negative: bool) -> Any:
    """Return a variable's value at a point such as `wide 30 mixed`: half to one and a half times the size."""
    _, scale, pattern = point.split(" ")
    size = SIZES[int(share * 1000) % len(SIZES)] if scale == "any" else Fraction(scale)
    value = (share + 0.5) * size.numerator / size.denominator
    return -value if pattern == "negative" or (pattern != "positive" and negative) else value


class _Evaluator:
    """Evaluates a tree at a point and records the range of magnitudes, from which the needed precision follows."""

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
            arguments = [self.value(child) for child in node[2:]]
            if node[1] in _SATURATING:
                self.span = max(self.span, 3 * float(min(abs(arguments[0]), _MAX_PRECISION)))
            return self.function(node[1], arguments)
        values = [self.value(child) for child in node[1:]]
        if kind == "add":
            return context.fsum(values)
        if kind == "mul":
            return context.fprod(values)
        if kind == "neg":
            return -values[0]
        if kind == "div":
            return values[0] / values[1]
        if kind == "det":
            return determinant(values, self.recorded)
        if kind == "pow":
            return self.power(values[0], values[1], node[2])
        return self.power(values[1], 1 / values[0], ("div", ("num", Fraction(1)), node[1]))

    def recorded(self, value: Any) -> Any:
        """Take an intermediate value into account in the bound of the error."""
        self.peak = max(self.peak, abs(value))
        return value

    def unknown(self, node: Node) -> Any:
        """Evaluate an unknown function as a smooth function with coefficients by name: f(x) = f(y) only if x = y.

        Each point has other coefficients, so that a_1 is no constant.
        """
        point = f"positive, {self.point}"
        total = _variable(self.context, f"{node[1]}()", point)
        for index, child in enumerate(node[2:]):
            argument = self.value(child)
            for degree in (1, 2, 3):
                total += _variable(self.context, f"{node[1]}({index},{degree})", point) * argument**degree
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
        if name in _GAMMA_LIKE and context.prec > _MAX_GAMMA_PRECISION:
            whole = all(context.isint(value) and 0 <= value <= _MAX_EXACT_FACTORIAL for value in values)
            if name == "factorial" and whole:
                return context.mpf(factorial(int(first)))
            raise NoValue("a gamma function with too many digits")
        if name == "factorial":
            if not real or abs(first) > 10**6:
                raise NoValue("factorial of a large number")
            return context.gamma(first + 1)
        if name == "factorial2":
            if not real or not context.isint(first) or not -1 <= first <= 10**6:
                raise NoValue("double factorial of other than a whole number")
            return context.fac2(first)
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
        return getattr(context, name.replace("arc", "a"))(first)


class Value(NamedTuple):
    """A value that was computed, and how exactly."""

    number: Any
    bound: Any
    """Bound of the error; None if the precision that it takes is too high."""
    precision: int
    """Bits with which it was computed."""


def evaluate(node: Node, names: frozenset[str], point: str, precision: int = PRECISION) -> Value | None:
    """Return the value of a tree at a named point, with at least so many bits; None if it has no value there."""
    context = LOCAL.context
    context.prec = precision
    try:
        evaluator = _Evaluator(context, point)
        value = evaluator.value(node)
        needed = PRECISION + 2 * int(evaluator.span)
        if needed > precision + 128 and needed <= _MAX_PRECISION:
            context.prec = precision = needed
            evaluator = _Evaluator(context, point)
            value = evaluator.value(node)
        elif needed > _MAX_PRECISION:
            return Value(value, None, precision)
        return Value(value, evaluator.peak * context.mpf(2) ** (SLACK - precision), precision)
    except (NoValue, ValueError, ZeroDivisionError, OverflowError, TypeError, ArithmeticError, NotImplementedError):
        return None
