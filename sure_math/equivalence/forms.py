"""The forms an answer can have: a number with its unit, a tuple, a set, intervals, an equation, a word.

They are made by `read.py` and compared by `compare.py`.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from sure_math.equivalence.algebra import NotAlgebra, substitute
from sure_math.equivalence.numbers import Expression
from sure_math.equivalence.text import strip_ends
from sure_math.equivalence.units import Unit, split_unit


@dataclass(frozen=True, slots=True)
class Quantity:
    value: Expression
    unit: Unit | None


@dataclass(frozen=True, slots=True)
class Based:
    """Digits with a base: 43_7."""

    digits: str
    base: int


@dataclass(frozen=True, slots=True)
class Sequence:
    """Several answers. `tuple` (..) and `bracket` [..] and `matrix` rows are ordered, `set` {..} and `list` (bare)
    are not.
    """

    kind: Literal["tuple", "bracket", "angle", "set", "list", "matrix", "row", "ratio", "determinant"]
    items: tuple["Form", ...]


@dataclass(frozen=True, slots=True)
class Interval:
    low: Expression
    high: Expression
    low_closed: bool
    high_closed: bool


@dataclass(frozen=True, slots=True)
class Region:
    """A union of intervals; single points are closed intervals of length 0."""

    parts: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """A chain a R b S c that is neither an assignment nor an inequality in one variable with numbers as bounds."""

    sides: tuple[Expression, ...]
    operators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Labelled:
    """`x = 5`, `f(x) = 2x`, `x \\in (0, 1)`."""

    label: str
    form: "Form"
    equation: Expression | None = None
    """Left minus right side, where the label is a variable: the same line may be written as another equation."""
    argument: str | None = None
    """`x` of `f(x)`: f(x) = 2x and f(t) = 2t are one function."""


@dataclass(frozen=True, slots=True)
class Words:
    """Text in lower case; `choice` is the letter of a multiple choice answer, in the case it was written."""

    text: str
    choice: str | None = None


@dataclass(frozen=True, slots=True)
class Opaque:
    """Something that no rule here reads: compared as a string, else left to the symbolic check or the judge."""

    text: str
    mathematical: bool


@dataclass(frozen=True, slots=True)
class Empty:
    pass


Form: TypeAlias = Quantity | Based | Sequence | Region | Relation | Labelled | Words | Opaque | Empty


class Unreadable(ValueError):
    pass


def with_argument(labelled: Labelled, name: str) -> Form:
    """The right side of `f(x) = ...` with its argument called `name`."""
    form, old = labelled.form, labelled.argument
    if old is None or not isinstance(form, Quantity) or old not in form.value.symbols or name in form.value.symbols:
        return form
    return Quantity(Expression(form.value.text, substitute(form.value.node, old, ("sym", name))), form.unit)


def is_number(text: str) -> bool:
    try:
        return not Expression(text).symbols
    except NotAlgebra:
        return False


def comma(text: str, index: int) -> int:
    return int(text[index] in ",;")


def is_algebra(text: str) -> bool:
    try:
        Expression(text)
    except NotAlgebra:
        return False
    return True


def expression(text: str) -> Expression:
    number, _ = split_unit(strip_ends(text))
    try:
        return Expression(number)
    except NotAlgebra as error:
        raise Unreadable(text) from error
