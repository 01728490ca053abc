"""LaTeX of values, for statements and answers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

import sympy


def fraction(value: int | Fraction) -> str:
    """Write `\\frac{3}{4}`, `-\\frac{3}{4}`, or the integer."""
    exact = Fraction(value)
    if exact.denominator == 1:
        return str(exact.numerator)
    sign = "-" if exact < 0 else ""
    return f"{sign}\\frac{{{abs(exact.numerator)}}}{{{exact.denominator}}}"


def expression(value: sympy.Expr) -> str:
    """Write an exact expression as sympy does."""
    return sympy.latex(value)


def listed(values: Iterable[object]) -> str:
    """Write `2, 5, 7`."""
    return ", ".join(str(value) for value in values)


def braces(values: Iterable[object]) -> str:
    """Write `\\{2, 5, 7\\}`."""
    return f"\\{{{listed(values)}\\}}"


def ordered(values: Iterable[object]) -> str:
    """Write `(2, 5)`."""
    return f"({listed(values)})"


def polynomial(coefficients: Sequence[int], variable: str = "x") -> str:
    """Write `x^2 - 3x + 1` of coefficients from the highest power down."""
    terms: list[str] = []
    degree = len(coefficients) - 1
    for power, factor in zip(range(degree, -1, -1), coefficients, strict=True):
        if factor == 0:
            continue
        symbol = "" if power == 0 else variable if power == 1 else f"{variable}^{{{power}}}"
        size = "" if abs(factor) == 1 and power else str(abs(factor))
        sign = ("-" if factor < 0 else "") if not terms else (" - " if factor < 0 else " + ")
        terms.append(f"{sign}{size}{symbol}")
    return "".join(terms) or "0"


def plural(count: int, noun: str, nouns: str | None = None) -> str:
    """Write `1 ticket`, `3 tickets`."""
    return f"{count} {noun if count == 1 else nouns or noun + 's'}"


def decimal(value: int | Fraction) -> str:
    """Write `12.5` of a fraction whose decimal expansion ends."""
    exact = Fraction(value)
    places = 0
    while (exact * 10**places).denominator != 1:
        places += 1
        if places > 30:
            raise ValueError(f"{value} has no finite decimal expansion; write it as a fraction")
    digits = str(abs(exact.numerator) * 10**places // exact.denominator).rjust(places + 1, "0")
    sign = "-" if exact < 0 else ""
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"


def term(value: int | Fraction, symbol: str = "") -> str:
    """Write ` + 3x`, ` - x`, ` + 5` to stand behind other terms; nothing of 0."""
    if value == 0:
        return ""
    size = "" if symbol and abs(value) == 1 else fraction(abs(Fraction(value)))
    return f" {'-' if value < 0 else '+'} {size}{symbol}"


def surd(whole: int | Fraction, factor: int | Fraction, radicand: int) -> str:
    """Write `\\frac{5 + 3\\sqrt{13}}{2}` of whole + factor * sqrt(radicand), in lowest terms and with a square-free
    root."""
    square = 1
    for root in range(2, radicand + 1):
        while radicand % (root * root) == 0:
            radicand, square = radicand // (root * root), square * root
    rational, multiple = Fraction(whole), Fraction(factor) * square
    if radicand <= 1 or multiple == 0:
        return fraction(rational + multiple * radicand)
    below = math.lcm(rational.denominator, multiple.denominator)
    first, second = int(rational * below), int(multiple * below)
    sign, size = ("-" if second < 0 else ""), ("" if abs(second) == 1 else str(abs(second)))
    if first:
        top = f"{first} {sign or '+'} {size}\\sqrt{{{radicand}}}"
        return top if below == 1 else f"\\frac{{{top}}}{{{below}}}"
    top = f"{size}\\sqrt{{{radicand}}}"
    return f"{sign}{top}" if below == 1 else f"{sign}\\frac{{{top}}}{{{below}}}"


def interval(low: int | Fraction | None, high: int | Fraction | None, ends: str = "()") -> str:
    """Write `[2, 5)` with `ends` `[)`; None is an infinite end."""
    left = "(-\\infty" if low is None else f"{ends[0]}{fraction(low)}"
    right = "\\infty)" if high is None else f"{fraction(high)}{ends[1]}"
    return f"{left}, {right}"


def factored(value: int) -> str:
    """Write `2^{3} \\cdot 3` of 24."""
    powers = sympy.factorint(value).items()
    return " \\cdot ".join(str(prime) if power == 1 else f"{prime}^{{{power}}}" for prime, power in powers)


def root(value: int | Fraction) -> str:
    """Write `\\frac{\\sqrt{6}}{2}` of the square root of 3/2."""
    exact = Fraction(value)
    inner, outer = exact.numerator * exact.denominator, 1
    for prime, power in sympy.factorint(inner).items():
        outer *= prime ** (power // 2)
    return surd(0, Fraction(outer, exact.denominator), inner // outer**2)
