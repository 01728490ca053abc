"""What a template is: a function from a source of randomness to one problem with two computations of its answer.

A template states the problem, works it out step by step, and computes the answer twice: `closed` by formula or
computer algebra, `checked` by enumeration or by high-precision numerics that share no step with the formula.
`agreement` compares the two answers. An instance whose answers do not agree is an error of the template and never
becomes a row.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

import mpmath
import sympy

from sure_math.rows import Split, Tier

Topic = Literal[
    "algebra",
    "number_theory",
    "counting_and_probability",
    "geometry",
    "precalculus",
    "sequences",
    "word_problems",
    "logic",
]
AnswerType = Literal[
    "integer",
    "fraction",
    "decimal",
    "radical",
    "expression",
    "tuple",
    "set",
    "interval",
    "percentage",
    "multiple_values",
]

DIGITS = 40
"""Decimal digits of numeric comparisons."""
TOLERANCE = mpmath.mpf(10) ** -25
"""Relative difference that counts as equal: far above the rounding of `DIGITS`, far below the distance of
any two answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """The values of an expression at points, for answers with variables: at least four of them, in general position."""

    values: tuple[tuple[dict[str, int | Fraction], int | Fraction | mpmath.mpf], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """Numbers that belong to a set of reals, and numbers that do not: points inside, outside, at and beside each
    end."""

    inside: tuple[int | Fraction, ...]
    outside: tuple[int | Fraction, ...]


Scalar: TypeAlias = int | Fraction | sympy.Expr | mpmath.mpf
AnswerValue: TypeAlias = "Scalar | tuple[AnswerValue, ...] | frozenset[AnswerValue] | sympy.Set | Points | Members"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One problem that a template has made."""

    problem: str
    steps: tuple[str, ...]
    """The worked solution; the last step ends with the answer in \\boxed{}."""
    answer: str
    """LaTeX, as it is written in the box."""
    closed: AnswerValue
    checked: AnswerValue


@dataclass(frozen=True, slots=True)
class Draw:
    """The randomness of one instance."""

    random: random.Random
    variant: int
    """Number of the structure to make. Structures differ in the question and in the quantity that is given."""


Make = Callable[[Draw], Draft | None]
"""The function of a template. None rejects the drawn numbers, and another draw follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One row of the table of templates."""

    name: str
    topic: Topic
    tier: Tier
    split: Split
    answer_type: AnswerType
    variants: int
    """How many structures the template can make. A held-out template gives at most one problem of each structure."""
    make: Make


TEMPLATES: dict[str, Template] = {}


def template(
    *, topic: Topic, tier: Tier, split: Split, answer_type: AnswerType, variants: int = 1
) -> Callable[[Make], Make]:
    """Enter a function in the table of templates, under its own name."""

    def enter(make: Make) -> Make:
        name = make.__name__
        if name in TEMPLATES:
            raise ValueError(f"two templates are called {name!r}")
        TEMPLATES[name] = Template(
            name=name, topic=topic, tier=tier, split=split, answer_type=answer_type, variants=variants, make=make
        )
        return make

    return enter


def agreement(closed: AnswerValue, checked: AnswerValue) -> bool:
    """Return whether two computations gave the same answer: exactly if both are rational, else up to `TOLERANCE`.

    >>> agreement(sympy.Rational(7, 2), Fraction(7, 2)), agreement(3, Fraction(7, 2))
    (True, False)
    """
    if isinstance(checked, Points):
        return len(checked.values) >= 4 and all(_agree_at(closed, where, value) for where, value in checked.values)
    if isinstance(checked, Members):
        return _contains(closed, checked)
    if isinstance(closed, tuple) or isinstance(checked, tuple):
        if not (isinstance(closed, tuple) and isinstance(checked, tuple) and len(closed) == len(checked)):
            return False
        return all(agreement(value, other) for value, other in zip(closed, checked, strict=True))
    if isinstance(closed, frozenset) or isinstance(checked, frozenset):
        if not (isinstance(closed, frozenset) and isinstance(checked, frozenset) and len(closed) == len(checked)):
            return False
        return all(any(agreement(value, other) for other in checked) for value in closed)
    if isinstance(closed, (int, Fraction)) and isinstance(checked, (int, Fraction)):
        return closed == checked
    return _near(_number(closed), _number(checked))


def _agree_at(closed: AnswerValue, where: dict[str, int | Fraction], value: int | Fraction | mpmath.mpf) -> bool:
    assert isinstance(closed, sympy.Expr), "values at points are for expressions"
    symbols = {symbol.name: symbol for symbol in closed.free_symbols}
    at_point = closed.subs({symbols[name]: sympy.Rational(at) for name, at in where.items() if name in symbols})
    return _near(_number(at_point), _number(value))


def _contains(closed: AnswerValue, members: Members) -> bool:
    assert isinstance(closed, sympy.Set), "members are for sets of reals"
    inside = all(closed.contains(sympy.Rational(at)) is sympy.true for at in members.inside)
    outside = all(closed.contains(sympy.Rational(at)) is sympy.false for at in members.outside)
    return inside and outside and bool(members.inside) and bool(members.outside)


def _number(value: AnswerValue) -> mpmath.mpf:
    with mpmath.workdps(DIGITS):
        if isinstance(value, Fraction):
            return mpmath.mpf(value.numerator) / value.denominator
        if isinstance(value, sympy.Expr):
            return mpmath.mpf(sympy.N(value, DIGITS))
        return mpmath.mpf(value)


def _near(first: mpmath.mpf, second: mpmath.mpf) -> bool:
    with mpmath.workdps(DIGITS):
        return bool(abs(first - second) <= TOLERANCE * max(1, abs(first), abs(second)))
