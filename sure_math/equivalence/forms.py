"""The forms an answer can have: a number with its unit, a tuple, a set, intervals, an equation, a word.

They are made by `read.py` and compared by `compare.py`. A form keeps every part of the text that it was made of:
`coverage.py` checks that nothing was dropped on the way.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, TypeVar

from sure_math.equivalence.algebra import NotAlgebra, substitute
from sure_math.equivalence.numbers import Expression
from sure_math.equivalence.text import strip_ends
from sure_math.equivalence.units import Unit, split_quantity


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A part of an answer that the comparison does not look at, and the reason why it need not."""

    text: str
    why: Literal["restates the value", "remark", "filler word"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """An answer that was read, or a part of it. Two forms are the same whatever they were written as."""

    source: str = field(default="", compare=False)
    """The text that the form itself read, beside the texts of its parts."""
    left_out: tuple[LeftOut, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Quantity(Form):
    """A number or a formula, with its unit if one is written."""

    value: Expression
    unit: Unit | None


@dataclass(frozen=True, slots=True)
class Based(Form):
    """Digits with a base, such as 43_7."""

    digits: str
    base: int


@dataclass(frozen=True, slots=True)
class Residue(Form):
    """All numbers that differ from `value` by a multiple of `modulus`."""

    value: Expression
    modulus: Expression


CollectionKind: TypeAlias = Literal[
    "tuple", "bracket", "angle", "set", "list", "matrix", "row", "ratio", "determinant", "cases", "group"
]


@dataclass(frozen=True, slots=True)
class Collection(Form):
    """Several answers. A `tuple` (..), a `bracket` [..] and the rows of a `matrix` are ordered.

    A `set` {..} and a `list` (without brackets) are not ordered. A `group` holds values that belong together: one
    solution of a system.
    """

    kind: CollectionKind
    items: tuple[Form, ...]


@dataclass(frozen=True, slots=True)
class Interval:
    """The numbers between `low` and `high`, with or without these two."""

    low: Expression
    high: Expression
    low_closed: bool
    high_closed: bool


@dataclass(frozen=True, slots=True)
class Region(Form):
    """A union of intervals. A single point is a closed interval of length 0."""

    parts: tuple[Interval, ...]
    unit: Unit | None = None
    """The unit that the bounds share."""


@dataclass(frozen=True, slots=True)
class Equation(Form):
    """A chain a R b S c that is neither an assignment nor an inequality in one variable with numbers as bounds."""

    sides: tuple[Expression, ...]
    operators: tuple[str, ...]
    unit: Unit | None = None
    """The unit that the sides share."""


@dataclass(frozen=True, slots=True)
class Labelled(Form):
    """`x = 5`, `f(x) = 2x`, `x \\in (0, 1)`."""

    label: str
    form: Form
    equation: Expression | None = None
    """Left minus right side, if the label is a variable: the same line may be written as another equation."""
    argument: str | None = None
    """`x` of `f(x)`: f(x) = 2x and f(t) = 2t are the same function."""
    is_words: bool = False
    """The label is a description (`area of the triangle`) and no symbol."""


@dataclass(frozen=True, slots=True)
class Conditioned(Form):
    """`x = 2k\\pi, k \\in \\mathbb{Z}`: an answer and the conditions under which it holds."""

    form: Form
    conditions: tuple[Form, ...]


@dataclass(frozen=True, slots=True)
class Words(Form):
    """Text in lower case. `choice` is the letter of a multiple choice answer, in the case in which it was written."""

    text: str
    choice: str | None = None


@dataclass(frozen=True, slots=True)
class Opaque(Form):
    """A text that no rule reads. It is compared as a string, else left to the symbolic check or the judge."""

    text: str
    mathematical: bool
    unread: str = field(default="", compare=False)
    """The part that no rule reads, if the rest has a form."""


@dataclass(frozen=True, slots=True)
class Empty(Form):
    """An answer without content."""


class Unreadable(ValueError):
    """A text that has no form here."""


def nesting(form: Form) -> int:
    """Return how many forms stand in each other: 0 for a number, 1 for a set of numbers."""
    deepest, level = -1, [form]
    while level:
        deepest += 1
        level = [part for outer in level for part in _parts(outer)]
    return deepest


def _parts(form: Form) -> tuple[Form, ...]:
    if isinstance(form, Collection):
        return form.items
    if isinstance(form, Labelled):
        return (form.form,)
    return (form.form, *form.conditions) if isinstance(form, Conditioned) else ()


Reader: TypeAlias = Callable[[str], Form]
"""`read.read_part`, which the readers of other modules are handed for the parts of a text."""
AnyForm = TypeVar("AnyForm", bound=Form)


def with_source(form: AnyForm, source: str, *left_out: LeftOut) -> AnyForm:
    """Return the form with more text that it has read, and more parts that it leaves out."""
    return replace(form, source=f"{form.source} {source}".strip(), left_out=(*form.left_out, *left_out))


def with_argument(labelled: Labelled, name: str) -> Form:
    """Return the right side of `f(x) = ...` with its argument called `name`."""
    form, old = labelled.form, labelled.argument
    if old is None or not isinstance(form, Quantity) or old not in form.value.symbols or name in form.value.symbols:
        return form
    return Quantity(
        Expression(form.value.text, substitute(form.value.node, old, ("sym", name))), form.unit, source=form.source
    )


def renamed(form: Form, old: str, new: str) -> Form:
    """Return the form with a variable called another name, in its formulas and its labels."""
    if isinstance(form, Quantity):
        return replace(form, value=_renamed_expression(form.value, old, new))
    if isinstance(form, Labelled):
        return replace(
            form, label=new if form.label == old else form.label, form=renamed(form.form, old, new), equation=None
        )
    if isinstance(form, Collection):
        return replace(form, items=tuple(renamed(item, old, new) for item in form.items))
    if isinstance(form, Conditioned):
        conditions = tuple(renamed(condition, old, new) for condition in form.conditions)
        return replace(form, form=renamed(form.form, old, new), conditions=conditions)
    if isinstance(form, Equation):
        return replace(form, sides=tuple(_renamed_expression(side, old, new) for side in form.sides))
    return form


def _renamed_expression(value: Expression, old: str, new: str) -> Expression:
    return Expression(value.text, substitute(value.node, old, ("sym", new))) if old in value.symbols else value


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
    """Read a formula without a unit; `Unreadable` if the text is anything else."""
    value, unit = measured(text)
    if unit is not None:
        raise Unreadable(text)
    return value


def measured(text: str) -> tuple[Expression, Unit | None]:
    """Read a formula and the unit behind it; `Unreadable` if the text is anything else."""
    split = split_quantity(strip_ends(text))
    try:
        return Expression(split.value), split.unit
    except NotAlgebra as error:
        raise Unreadable(text) from error


def common_unit(units: Sequence[Unit | None]) -> Unit | None:
    """Return the unit that all parts of an answer share, if any has one; `Unreadable` if two units differ."""
    distinct = list(dict.fromkeys(unit for unit in units if unit is not None))
    if len(distinct) > 1:
        raise Unreadable
    return distinct[0] if distinct else None
