"""Exact values of the pocket world: rational numbers, linear expressions in one letter, and how people write them."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

LETTER = "n"
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


class WorldError(ValueError):
    """A text or an operation that has no meaning in the pocket world."""


@dataclass(frozen=True, slots=True)
class Num:
    """`const + coef * n`; a plain rational number if `coef` is 0."""

    const: Fraction
    coef: Fraction = Fraction(0)

    def __add__(self, other: "Num | int") -> "Num":
        other = as_num(other)
        return Num(self.const + other.const, self.coef + other.coef)

    def __sub__(self, other: "Num | int") -> "Num":
        other = as_num(other)
        return Num(self.const - other.const, self.coef - other.coef)

    def __mul__(self, other: "Num | int") -> "Num":
        other = as_num(other)
        if self.coef and other.coef:
            raise WorldError("the product of two expressions with a letter is not linear")
        return Num(self.const * other.const, self.const * other.coef + self.coef * other.const)

    def __truediv__(self, other: "Num | int") -> "Num":
        other = as_num(other)
        if other.coef or not other.const:
            raise WorldError("division by zero or by an expression with a letter")
        return Num(self.const / other.const, self.coef / other.const)

    @property
    def is_plain(self) -> bool:
        return not self.coef

    @property
    def integer(self) -> int:
        """The value as an int; `WorldError` if it is not an integer."""
        if self.coef or self.const.denominator != 1:
            raise WorldError(f"{self} is not an integer")
        return self.const.numerator

    def __str__(self) -> str:
        """Write the number as in problems and worked lines: `12`, `3/4`, `-7/2`, `3n + 5`, `3n/4 - 1/2`."""
        if self.is_plain:
            return str(self.const)
        top = {1: LETTER, -1: f"-{LETTER}"}.get(self.coef.numerator, f"{self.coef.numerator}{LETTER}")
        letter = top if self.coef.denominator == 1 else f"{top}/{self.coef.denominator}"
        if not self.const:
            return letter
        return f"{letter} {'+' if self.const > 0 else '-'} {abs(self.const)}"


def as_num(value: "Num | int | Fraction") -> Num:
    """Return an integer or a fraction as a `Num`."""
    return value if isinstance(value, Num) else Num(Fraction(value))


N = Num(Fraction(0), Fraction(1))
"""The letter n itself."""

Kind = Literal["number", "percent", "minutes", "pair", "roots", "day", "power"]


@dataclass(frozen=True, slots=True)
class WorldValue:
    """The answer of a problem: numbers with a kind, and the unit or the unknown if the problem has one."""

    parts: tuple[Num, ...]
    kind: Kind = "number"
    unit: str | None = None
    unknown: str | None = None
    """Letter of the equation that the number solves (`x` in `x = 3`)."""

    @property
    def number(self) -> Num:
        """The number of a `number`, `percent` or `minutes` value; `WorldError` for every other kind."""
        if self.kind not in ("number", "percent", "minutes"):
            raise WorldError(f"a value of kind {self.kind} is not one number")
        return self.parts[0] / 100 if self.kind == "percent" else self.parts[0]


def surface_forms(value: WorldValue) -> list[tuple[str, float]]:
    """Return the ways in which people write a value, with their shares. The first is the reference form."""
    if value.kind == "pair":
        first, second = (latex(part) for part in value.parts)
        return [(f"({first}, {second})", 0.7), (f"x = {first}, y = {second}", 0.3)]
    if value.kind == "roots":
        low, high = (latex(part) for part in value.parts)
        return [(f"{low}, {high}", 0.6), (f"{high}, {low}", 0.15), (f"{low} and {high}", 0.25)]
    if value.kind == "day":
        return [(DAYS[value.parts[0].integer], 1.0)]
    if value.kind == "power":
        exponent = value.parts[0]
        return (
            [(f"x^{{{exponent}}}", 0.6), (f"x^{exponent}", 0.4)]
            if str(exponent).isdigit()
            else [(f"x^{{{exponent}}}", 1.0)]
        )
    if value.kind == "minutes":
        return _minute_forms(value.parts[0])
    if value.kind == "percent":
        return _percent_forms(value.parts[0])
    return _number_forms(value)


def latex(number: Num) -> str:
    """Write `12`, `\\frac{3}{4}`, `-\\frac{7}{2}`, `3n + 5`, `\\frac{3n}{4} - \\frac{1}{2}`."""
    if number.is_plain:
        return _latex_fraction(number.const)
    top = {1: LETTER}.get(abs(number.coef.numerator), f"{abs(number.coef.numerator)}{LETTER}")
    letter = top if number.coef.denominator == 1 else f"\\frac{{{top}}}{{{number.coef.denominator}}}"
    letter = f"-{letter}" if number.coef < 0 else letter
    if not number.const:
        return letter
    return f"{letter} {'+' if number.const > 0 else '-'} {_latex_fraction(abs(number.const))}"


def decimal(number: Fraction, places: int = 3) -> str | None:
    """Return the exact decimal of at most `places` places; None if there is none."""
    scaled = number * 10**places
    if scaled.denominator != 1:
        return None
    digits = f"{abs(scaled.numerator):0{places + 1}d}"
    text = f"{digits[:-places]}.{digits[-places:]}".rstrip("0").rstrip(".")
    return f"-{text}" if number < 0 else text


def _latex_fraction(number: Fraction) -> str:
    if number.denominator == 1:
        return str(number.numerator)
    sign = "-" if number < 0 else ""
    return f"{sign}\\frac{{{abs(number.numerator)}}}{{{number.denominator}}}"


def _number_forms(value: WorldValue) -> list[tuple[str, float]]:
    number = value.parts[0]
    forms = [(latex(number), 0.55)]
    if number.is_plain and number.const.denominator == 1:
        integer = number.integer
        if abs(integer) >= 1000:
            forms.append((f"{integer:,}", 0.35))
        if 0 <= integer < len(WORDS) and value.unit is not None:
            forms.append((f"{WORDS[integer]} {value.unit}" if value.unit else WORDS[integer], 0.12))
    elif number.is_plain:
        forms.append((str(number), 0.3))
        if (text := decimal(number.const)) is not None:
            forms.append((text, 0.25))
    if value.unit:
        forms[0] = (f"{forms[0][0]} {value.unit}", 0.55)
        forms += [(latex(number), 0.2), (f"{latex(number)}\\text{{ {value.unit}}}", 0.2)]
    if value.unknown:
        forms.append((f"{value.unknown} = {forms[0][0]}", 0.35))
    return forms


def _percent_forms(percent: Num) -> list[tuple[str, float]]:
    forms = [(f"{latex(percent)}\\%", 0.5), (latex(percent), 0.15)]
    if percent.is_plain:
        share = percent.const / 100
        forms.append((latex(Num(share)), 0.15))
        if (text := decimal(share, 4)) is not None:
            forms.append((text, 0.2))
    return forms


def _minute_forms(minutes: Num) -> list[tuple[str, float]]:
    forms = [(f"{latex(minutes)} minutes", 0.55), (latex(minutes), 0.1)]
    if minutes.is_plain and minutes.const.denominator == 1 and minutes.integer >= 60:
        hours, rest = divmod(minutes.integer, 60)
        word = "hour" if hours == 1 else "hours"
        forms.append((f"{hours} {word} {rest} minutes" if rest else f"{hours} {word}", 0.35))
    return forms
