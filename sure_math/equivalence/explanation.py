"""Why two answers are, or are not, the same: how each side was read, what was left out, which layer decided."""

from dataclasses import dataclass
from typing import Literal

from sure_math.equivalence.forms import (
    Based,
    Collection,
    Conditioned,
    Empty,
    Equation,
    Form,
    Interval,
    Labelled,
    LeftOut,
    Opaque,
    Quantity,
    Region,
    Residue,
    Words,
)
from sure_math.equivalence.numbers import Verdict
from sure_math.equivalence.units import Unit

Layer = Literal["spelling", "reading", "symbolic check", "problem"]
"""What decided: the same string after `canonical`; our reading of both answers; Math-Verify; what the problem asks for.
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """How one answer was read."""

    answer: str
    form: str
    """In words: `number 1/2`, `list of 2: number 1; number 2`, `not read`."""
    left_out: tuple[LeftOut, ...]
    """Parts that the comparison does not look at, with the reasons."""
    unread: str
    """Characters that no rule reads; an answer with such characters is never equal to another text."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The verdict on two answers, and what it rests on. `str()` writes it for people."""

    verdict: Verdict
    layer: Layer
    first: Reading
    second: Reading

    def __str__(self) -> str:
        lines = [f"{self.verdict}: decided by the {_LAYERS[self.layer]}"]
        for side in (self.first, self.second):
            lines.append(f"  {side.answer!r}")
            lines.append(f"    read as   {side.form}")
            lines.extend(f"    left out  {part.text!r} ({part.why})" for part in side.left_out)
            if side.unread:
                lines.append(f"    not read  {side.unread!r}")
        return "\n".join(lines)


_LAYERS: dict[Layer, str] = {
    "spelling": "spelling: both answers are the same string",
    "reading": "reading of both answers",
    "symbolic check": "symbolic check (Math-Verify)",
    "problem": "problem, which asks for a percentage",
}


def reading(answer: str, form: Form) -> Reading:
    """Describe how an answer was read."""
    unread = form.unread if isinstance(form, Opaque) else ""
    return Reading(answer, describe(form), tuple(_left_out(form)), unread)


def describe(form: Form) -> str:
    """Write a form in words.

    >>> from sure_math.equivalence.read import read_form
    >>> describe(read_form("x = 1 or x = 2"))
    'x is: list of 2: number 1; number 2'
    """
    if isinstance(form, Quantity):
        kind = f"formula in {', '.join(sorted(form.value.symbols))}" if form.value.symbols else "number"
        return f"{kind} {form.value.text}{_unit(form.unit)}"
    if isinstance(form, Labelled):
        return f"{form.label} is: {describe(form.form)}"
    if isinstance(form, Collection):
        name = _COLLECTIONS.get(form.kind, form.kind)
        return f"{name} of {len(form.items)}: {'; '.join(map(describe, form.items))}" if form.items else f"empty {name}"
    if isinstance(form, Region):
        return f"numbers in {' or '.join(map(_interval, form.parts))}{_unit(form.unit)}"
    if isinstance(form, Equation):
        sides = "".join(f"{side.text} {sign} " for side, sign in zip(form.sides, form.operators, strict=False))
        return f"equation {sides}{form.sides[-1].text}{_unit(form.unit)}"
    if isinstance(form, Conditioned):
        return f"{describe(form.form)}, if {' and '.join(map(describe, form.conditions))}"
    if isinstance(form, Based):
        return f"digits {form.digits} in base {form.base}"
    if isinstance(form, Residue):
        return f"{form.value.text} modulo {form.modulus.text}"
    if isinstance(form, Words):
        return f"choice {form.choice} {form.text}".strip() if form.choice else f"words {form.text!r}"
    if isinstance(form, Empty):
        return "empty"
    return "not read" + (", a formula that only the symbolic check may read" if _is_mathematical(form) else "")


_COLLECTIONS = {
    "tuple": "tuple (..)",
    "bracket": "tuple [..]",
    "angle": "vector",
    "cases": "function by cases",
    "group": "group",
}


def _is_mathematical(form: Form) -> bool:
    return isinstance(form, Opaque) and form.mathematical and not form.unread


def _unit(unit: Unit | None) -> str:
    if unit is None:
        return ""
    return " " + " ".join(name if power == 1 else f"{name}^{power}" for name, power in unit.names)


def _interval(part: Interval) -> str:
    if part.low.text == part.high.text:
        return f"{{{part.low.text}}}"
    return f"{'[' if part.low_closed else '('}{part.low.text}, {part.high.text}{']' if part.high_closed else ')'}"


def _left_out(form: Form) -> list[LeftOut]:
    parts = list(form.left_out)
    if isinstance(form, Collection):
        parts += [part for item in form.items for part in _left_out(item)]
    elif isinstance(form, Labelled):
        parts += _left_out(form.form)
    elif isinstance(form, Conditioned):
        parts += [part for inner in (form.form, *form.conditions) for part in _left_out(inner)]
    return parts
