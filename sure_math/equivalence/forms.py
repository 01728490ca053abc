"""The forms an answer can have: a number with its unit, a tuple, a set, intervals, an equation, a word.

They are made by `read.py` and compared by `compare.py`.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from sure_math.equivalence.algebra import NotAlgebra, substitute
from sure_math.equivalence.numbers import Expression
from sure_math.equivalence.text import strip_ends
from sure_math.equivalence.units import Unit, split_unit


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number or a formula, with its unit if one is written."""

    value: Expression
    unit: Unit | None
    words: str = field(default="", compare=False)
    """The text in front of the number and behind it that was read: unit, scale word, ordinal ending, currency."""


@dataclass(frozen=True, slots=True)
class Based:
    """Digits with a base, such as 43_7."""

    digits: str
    base: int


@dataclass(frozen=True, slots=True)
class Collection:
    """Several answers. A `tuple` (..), a `bracket` [..] and the rows of a `matrix` are ordered.

    A `set` {..} and a `list` (without brackets) are not ordered.
    """

    kind: Literal["tuple", "bracket", "angle", "set", "list", "matrix", "row", "ratio", "determinant"]
    items: tuple["Form", ...]


@dataclass(frozen=True, slots=True)
class Interval:
    """The numbers between `low` and `high`, with or without these two."""

    low: Expression
    high: Expression
    low_closed: bool
    high_closed: bool


@dataclass(frozen=True, slots=True)
class Region:
    """A union of intervals. A single point is a closed interval of length 0."""

    parts: tuple[Interval, ...]


@dataclass(frozen=True, slots=True)
class Equation:
    """A chain a R b S c that is neither an assignment nor an inequality in one variable with numbers as bounds."""

    sides: tuple[Expression, ...]
    operators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Labelled:
    """`x = 5`, `f(x) = 2x`, `x \\in (0, 1)`."""

    label: str
    form: "Form"
    equation: Expression | None = None
    """Left minus right side, if the label is a variable: the same line may be written as another equation."""
    argument: str | None = None
    """`x` of `f(x)`: f(x) = 2x and f(t) = 2t are the same function."""


@dataclass(frozen=True, slots=True)
class Words:
    """Text in lower case. `choice` is the letter of a multiple choice answer, in the case in which it was written."""

    text: str
    choice: str | None = None


@dataclass(frozen=True, slots=True)
class Opaque:
    """A text that no rule reads. It is compared as a string, else left to the symbolic check or the judge."""

    text: str
    mathematical: bool


@dataclass(frozen=True, slots=True)
class Empty:
    """An answer without content."""


Form: TypeAlias = Quantity | Based | Collection | Region | Equation | Labelled | Words | Opaque | Empty


class Unreadable(ValueError):
    """A text that has no form here."""


def with_argument(labelled: Labelled, name: str) -> Form:
    """Return the right side of `f(x) = ...` with its argument called `name`."""
    form, old = labelled.form, labelled.argument
    if old is None or not isinstance(form, Quantity) or old not in form.value.symbols or name in form.value.symbols:
        return form
    return Quantity(Expression(form.value.text, substitute(form.value.node, old, ("sym", name))), form.unit)


def is_number(text: str) -> bool:
    """Return whether a text is a formula without variables."""
    try:
        return not Expression(text).symbols
    except NotAlgebra:
        return False


def comma(text: str, index: int) -> int:
    """Return the separator `,` or `;`, as `split_top` asks for it."""
    return int(text[index] in ",;")


def is_algebra(text: str) -> bool:
    """Return whether a text is a formula."""
    try:
        Expression(text)
    except NotAlgebra:
        return False
    return True


def expression(text: str) -> Expression:
    """Read a formula and leave out the unit behind it; `Unreadable` if the text is not a formula."""
    number, _ = split_unit(strip_ends(text))
    try:
        return Expression(number)
    except NotAlgebra as error:
        raise Unreadable(text) from error
