"""Read texts with a relation sign: assignments, chains of equal members, approximations, memberships, equations.

A chain says one thing only if all its members are equal. `x = 5 + 6 = 11` is 11; `x = 1 x = 2` names two values of x;
`A = 2b = 6` holds a second unknown and is not read.
"""

import re
from collections.abc import Sequence

from sure_math.equivalence.algebra import NotAlgebra
from sure_math.equivalence.connectors import joins_at_end
from sure_math.equivalence.forms import (
    Collection,
    Equation,
    Form,
    Labelled,
    LeftOut,
    Quantity,
    Reader,
    Unreadable,
    comma,
    common_unit,
    is_number,
    measured,
    with_source,
)
from sure_math.equivalence.intervals import inequality
from sure_math.equivalence.labels import CALL, LABEL_TUPLE, read_label
from sure_math.equivalence.numbers import Expression, compare_expressions
from sure_math.equivalence.text import split_top


def read_relation(text: str, read: Reader) -> Form | None:
    """Read a text with a relation sign outside brackets; None if it has none."""
    parts = split_top(text, _relation_at)
    if len(parts) == 1:
        return None
    operators = _operators(text, parts)
    parts = [part.strip() for part in parts]
    if any(not part for part in parts):
        raise Unreadable(text)
    if "≈" in operators:
        return _approximation(parts, operators, read)
    if operators == ["∈"]:
        return _membership(parts, read)
    if set(operators) == {"="}:
        return _equation(parts, read)
    if "∈" in operators or "=" in operators:
        raise Unreadable(text)
    return with_source(inequality(parts, operators), text)


def _relation_at(text: str, index: int) -> int:
    return 1 if text[index] in "=≈<>≤≥≠∈" else 2 if text.startswith(":=", index) else 0


def _operators(text: str, parts: list[str]) -> list[str]:
    operators, at = [], 0
    for part in parts[:-1]:
        at += len(part)
        length = 2 if text.startswith(":=", at) else 1
        operators.append("=" if length == 2 else text[at])
        at += length
    return operators


def _approximation(parts: list[str], operators: list[str], read: Reader) -> Form:
    """Read `x ≈ 11` as 11 and `1/3 ≈ 0.33` as 1/3: the part behind the sign repeats the value less exactly."""
    first = operators.index("≈")
    if any(operator != "≈" for operator in operators[first:]):
        raise Unreadable(parts[first])
    if first == 0 and read_label(parts[0]) is not None:
        form, rest = _labelled(parts[0], parts[1], read), parts[2:]
    else:
        text = parts[0] + "".join(
            f" {operator} {part}" for operator, part in zip(operators[:first], parts[1 : first + 1], strict=True)
        )
        form, rest = read(text), parts[first + 1 :]
    value = form.form if isinstance(form, Labelled) else form
    for part in rest:
        again = read(part)
        if not (isinstance(value, Quantity) and isinstance(again, Quantity) and _close(value.value, again.value)):
            raise Unreadable(part)
    return with_source(form, "≈", *(LeftOut(f"≈ {part}", "restates the value") for part in rest))


_CLOSE = 0.05
"""Relative error that a person who writes `≈` may make: 22/7 ≈ 3."""


def _close(exact: Expression, rounded: Expression) -> bool:
    a, b = exact.real, rounded.real
    return a is not None and b is not None and abs(a - b) <= _CLOSE * max(abs(a), abs(b))


def _membership(parts: list[str], read: Reader) -> Form:
    if read_label(parts[0]) is None:
        raise Unreadable(parts[0])
    return with_source(_labelled(parts[0], parts[1], read), "∈")


def _labelled(label: str, right: str, read: Reader) -> Form:
    return _label(label, read(right), right)


def _label(label: str, form: Form, right: str) -> Form:
    """Put a label on a form. The words of a label distinguish: `area = 5` is not `perimeter = 5`."""
    name = read_label(label)
    assert name is not None
    if not name.name:
        return with_source(form, label)
    if isinstance(form, Labelled) and form.label == name.name:
        return with_source(form, label)
    if isinstance(form, Labelled):
        return Labelled(f"{name.name}={form.label}", form.form, source=f"{label} {form.source}")
    if LABEL_TUPLE.fullmatch(label) and isinstance(form, Collection) and form.kind == "tuple":
        names = [read_label(part.strip()) for part in split_top(label.strip()[1:-1], comma)]
        if len(names) == len(form.items):
            labelled = (Labelled(n.name, item) if n else item for n, item in zip(names, form.items, strict=True))
            return Collection("list", tuple(labelled), source=f"{label} {form.source}")
    call = CALL.fullmatch(re.sub(r"\s|\\text|[{}]", "", label))
    argument = call.group(2) if call and not call.group(3) else None
    return Labelled(name.name, form, _equation_of(label, right), argument, source=label, is_words=name.is_words)


def _equation_of(left: str, right: str) -> Expression | None:
    try:
        return Expression(f"({left})-({right})")
    except NotAlgebra:
        return None


def _equation(parts: list[str], read: Reader) -> Form:
    """Read an assignment, a chain of equal members, several assignments in a row, or an equation."""
    if read_label(parts[0]) is not None:
        return _assignment(parts, read)
    if len(parts) == 2 and read_label(parts[1]) is not None and is_number(parts[0]):
        return _labelled(parts[1], parts[0], read)
    sides = [measured(part) for part in parts]
    if len(parts) == 2 and any(value.symbols for value, _ in sides):
        values, units = zip(*sides, strict=True)
        unit = common_unit(units)
        return Equation(tuple(values), ("=",), unit, source=" ".join(parts))
    last = read(parts[-1])
    if not isinstance(last, Quantity) or last.value.symbols:
        raise Unreadable(parts[-1])
    if not sides[0][0].symbols:
        return _restated(last, parts[:-1], read)
    chain = _restated(last, parts[1:-1], read)
    unit = common_unit([sides[0][1], last.unit])
    return Equation((sides[0][0], last.value), ("=",), unit, source=f"{parts[0]} {parts[-1]}", left_out=chain.left_out)


def _assignment(parts: list[str], read: Reader) -> Form:
    """Read `x = 5`, the chain `x = 5 + 6 = 11`, `AB = BC = 5` and the system `x = 1 or x = 2`."""
    names = 1
    while names < len(parts) - 1 and read_label(parts[names]) is not None:
        names += 1
    try:
        form = _restated(read(parts[-1]), parts[names:-1], read)
    except Unreadable:
        several = _several(parts, read)
        if several is None:
            raise
        return several
    for label in reversed(parts[:names]):
        form = _label(label, form, parts[-1])
    return form


def _restated(form: Form, members: Sequence[str], read: Reader) -> Form:
    """Return the last member of a chain; `Unreadable` if another member does not have its value."""
    for member in members:
        again = read(member)
        if not (isinstance(form, Quantity) and isinstance(again, Quantity)) or (
            compare_expressions(form.value, again.value) != "equal"
        ):
            raise Unreadable(member)
        if again.unit is not None:
            common_unit([form.unit, again.unit])
        form = with_source(form, "", LeftOut(f"{member} =", "restates the value"), *again.left_out)
    return form


def _several(parts: list[str], read: Reader) -> Form | None:
    """Read `x = 1 or y = 2`, with a joining word, as two assignments. The same label may follow a blank only.

    A blank between two labels says nothing: `y = 2 x = 6` may be one chain.
    """
    label, assignments, joining = parts[0], [], []
    for part in parts[1:-1]:
        split = joins_at_end(part, parts[0])
        if split is None:
            return None
        value, words, following = split
        if read_label(following) is None:
            return None
        assignments.append(_labelled(label, value, read))
        joining.append(words)
        label = following
    assignments.append(_labelled(label, parts[-1], read))
    return with_source(join(assignments), " ".join(joining))


def join(forms: Sequence[Form]) -> Form:
    """Make a list. A label in front of it (`n = 1, 2, 3`) or repeated (`x = 1 or x = 2`) belongs to the whole list."""
    flat, frames = flattened(forms)
    if len(flat) == 1:
        return framed(flat[0], frames)
    first = flat[0]
    labels = [form.label for form in flat if isinstance(form, Labelled)]
    if isinstance(first, Labelled) and len(set(labels)) == 1 and len(labels) in (1, len(flat)):
        frames += [form for form in flat if isinstance(form, Labelled)]
        plain, inner_frames = flattened([form.form if isinstance(form, Labelled) else form for form in flat])
        members = framed(Collection("list", tuple(plain)), frames + inner_frames)
        return Labelled(first.label, members, is_words=first.is_words)
    return framed(Collection("list", tuple(flat)), frames)


def flattened(forms: Sequence[Form]) -> tuple[list[Form], list[Form]]:
    """Return the members of all lists among the forms, and the lists that were opened for it."""
    flat: list[Form] = []
    opened: list[Form] = []
    for form in forms:
        if isinstance(form, Collection) and form.kind == "list":
            flat.extend(form.items)
            opened.append(form)
        else:
            flat.append(form)
    return flat, opened


def framed(form: Form, frames: Sequence[Form]) -> Form:
    """Return the form with what the lists had read that were opened for it."""
    left_out = [part for frame in frames for part in frame.left_out]
    return with_source(form, " ".join(frame.source for frame in frames), *left_out)
