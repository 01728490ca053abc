r"""Read the parts of a gold, and prove that two answers differ.

| form | example | two of them differ if |
|---|---|---|
| value | `\frac{1}{2}` | their values differ at real and at whole points |
| ordered | `(1,2)`, matrices | their lengths differ, or two members at one place |
| unordered | `\{1,2\}`, `1,2` | a member of one differs from every member of the other |
| region | `(0,1]`, `x>2` | a bound or the kind of a bound differs, and no interval is empty |
| labelled | `x=3`, `f(x)=2x` | the right sides differ (labels are not proven to differ here) |
| equation | `x^2+y^2=4` | left minus right of one is no multiple of that of the other |
| unit | `12\text{ cm}` | the values differ and the units are the same text |

Everything else is unproven, and the pair is not used.
"""

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from tests.helpers.answer_changes.evaluate import Unproven, differ, symbols, values

Kind = Literal["value", "ordered", "unordered", "region", "labelled", "equation", "unit"]
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_LABEL = re.compile(r"[A-Za-z]|[a-zA-Z]\(\s*[a-z]\s*\)")
_UNIT = re.compile(r"(.*?)\s*(\\text\s*\{[^{}\d]*\}|\\%|\^\s*\{?\\circ\}?|\\mbox\s*\{[^{}\d]*\})")
_MATRIX = re.compile(r"\\begin\{(?:[pb]matrix)\}(.*)\\end\{[pb]matrix\}", re.DOTALL)
_RELATION = re.compile(r"(\\le(?:q)?(?![a-z])|\\ge(?:q)?(?![a-z])|<|>|≤|≥)")
_FAMILY = frozenset("kmnctsCKz")
"""Letters that often stand for all whole numbers or constants: a changed formula may still be the same family."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A gold and its parts. `text` is the formula of a value, the bounds of a region, the unit, or the label."""

    kind: Kind
    text: str = ""
    parts: tuple["Answer", ...] = ()


def tidy(text: str) -> str:
    """Leave out `\\left`, `\\right` and spacing, which carry no meaning."""
    return re.sub(r"\\left(?![a-z])|\\right(?![a-z])|\\[!,;: ]|\$", " ", text.replace(r"\$", "")).strip().rstrip(". ")


def split(text: str, separator: str = ",") -> list[str]:
    """Split at a separator outside brackets. An interval may open and close with different brackets."""
    depth, parts, start, at = 0, [], 0, 0
    while at < len(text):
        if text.startswith(separator, at) and depth == 0:
            parts.append(text[start:at].strip())
            at += len(separator)
            start = at
            continue
        depth += (text[at] in "([{") - (text[at] in ")]}")
        if depth < 0:
            raise Unproven(text)
        at += 1
    if depth:
        raise Unproven(text)
    return [*parts, text[start:].strip()]


def read(text: str) -> Answer:
    """Return the parts of an answer; Unproven if it has no form that is understood here."""
    text = tidy(text)
    if matrix := _MATRIX.fullmatch(text):
        rows = [row for row in re.split(r"\\\\", matrix.group(1)) if row.strip()]
        return Answer("ordered", "matrix", tuple(_value(cell) for row in rows for cell in row.split("&")))
    if r"\cup" in text:
        return Answer("region", "", tuple(_interval(part) for part in split(text, r"\cup")))
    if _RELATION.search(text):
        return _inequality(text)
    if "=" in text:
        return _equation(text)
    if text.startswith(r"\{") and text.endswith(r"\}"):
        return Answer("unordered", "", tuple(read(part) for part in split(text[2:-2].strip())))
    if text[:1] in "([" and text[-1:] in ")]" and text:
        parts = _inside(text)
        if len(parts) == 2 and (r"\infty" in text or text[0] + text[-1] not in ("()", "[]")):
            return Answer("region", "", (_interval(text),))
        if len(parts) > 1:
            return Answer("ordered", text[0] + text[-1], tuple(read(part) for part in parts))
    parts = split(text)
    if len(parts) > 1:
        if len(parts) == 2 and ", " not in text and all(re.fullmatch(r"\d+", part) for part in parts):
            raise Unproven(text)  # perhaps thousands or a decimal comma
        if any(re.match(r"\d{3}(?!\d)", part) for part in parts[1:]):
            raise Unproven(text)
        return Answer("unordered", "", tuple(read(part) for part in parts))
    if (unit := _UNIT.fullmatch(text)) and unit.group(1):
        return Answer("unit", unit.group(2), (_value(unit.group(1)),))
    return _value(text)


def is_formula(text: str) -> bool:
    """Whether an answer is one formula, without a unit, a label, a comma, or a letter that may stand for any number."""
    try:
        return read(text).kind == "value" and not symbols(text) & _FAMILY
    except Unproven:
        return False


def _inside(text: str) -> list[str]:
    try:
        return split(text[1:-1])
    except Unproven:
        return []


def _value(text: str) -> Answer:
    values(text)
    return Answer("value", text.strip())


def _interval(text: str) -> Answer:
    text = text.strip()
    if text[:1] not in ("(", "[") or text[-1:] not in (")", "]"):
        raise Unproven(text)
    parts = split(text[1:-1])
    if len(parts) != 2:
        raise Unproven(text)
    bounds = tuple(_bound(part) for part in parts)
    if bounds[0].text != "-oo" and bounds[1].text != "oo":
        low, high = (values(bound.text)[0].real for bound in bounds)
        if not low < high:
            raise Unproven(text)
    return Answer("region", text[0] + text[-1], bounds)


def _bound(text: str) -> Answer:
    plain = text.replace(" ", "")
    if plain in (r"\infty", r"+\infty"):
        return Answer("value", "oo")
    if plain == r"-\infty":
        return Answer("value", "-oo")
    if symbols(text):
        raise Unproven(text)
    return _value(text)


def _inequality(text: str) -> Answer:
    parts = [part.strip() for part in _RELATION.split(text)]
    sides, signs = parts[::2], parts[1::2]
    if len(sides) == 2 and re.fullmatch("[a-z]", sides[0]) and not symbols(sides[1]):
        return Answer("region", f"{sides[0]} {signs[0].replace('q', '')}", (_value(sides[1]),))
    if len(sides) == 3 and re.fullmatch("[a-z]", sides[1]) and not symbols(sides[0]) and not symbols(sides[2]):
        low, high = values(sides[0])[0].real, values(sides[2])[0].real
        if signs[0][:2] == signs[1][:2] and (low < high) == (signs[0][:2] in ("<", r"\l", "≤")):
            label = f"{sides[1]} {signs[0].replace('q', '')} {signs[1].replace('q', '')}"
            return Answer("region", label, (_value(sides[0]), _value(sides[2])))
    raise Unproven(text)


def _equation(text: str) -> Answer:
    sides = split(text, "=")
    if len(sides) != 2:
        raise Unproven(text)
    if _LABEL.fullmatch(sides[0]):
        inner = _value(sides[1])
        allowed = set(sides[0])
        if symbols(sides[1]) & _FAMILY - allowed:
            raise Unproven(text)
        return Answer("labelled", sides[0], (inner,))
    found = symbols(f"({sides[0]})-({sides[1]})")
    if len(found) < 2 or found & _FAMILY:
        raise Unproven(text)
    return Answer("equation", f"({sides[0]})-({sides[1]})")


def proven_to_differ(first: str, second: str) -> bool:
    """Whether two texts are shown to be different answers."""
    try:
        return _differ(read(first), read(second))
    except Unproven:
        return False


def _differ(a: Answer, b: Answer) -> bool:
    if a.kind != b.kind:
        return False
    if a.kind == "value":
        return _values_differ(a.text, b.text)
    if a.kind == "ordered":
        return len(a.parts) != len(b.parts) or any(_differ(x, y) for x, y in zip(a.parts, b.parts, strict=True))
    if a.kind == "unordered":
        return any(all(_differ(x, y) for y in other.parts) for one, other in ((a, b), (b, a)) for x in one.parts)
    if a.kind == "region":
        return _regions_differ(a, b)
    if a.kind in ("labelled", "unit"):
        return a.text == b.text and _differ(a.parts[0], b.parts[0])
    return _proportional(a.text, b.text) is False


def _values_differ(a: str, b: str) -> bool:
    if "oo" in (a, b) or "-oo" in (a, b):
        return a != b
    return differ(values(a), values(b), 1e-3 if "." in a + b else 1e-15)


def _regions_differ(a: Answer, b: Answer) -> bool:
    """Whether the bounds differ. Regions of several parts differ if they have no part in common; none may touch."""
    if a.parts and a.parts[0].kind == "region":
        if b.parts[0].kind != "region" or len(a.parts) != len(b.parts):
            return False
        if not (_apart(a) and _apart(b)):
            return False
        return any(_regions_differ(x, y) for x, y in zip(a.parts, b.parts, strict=True))
    if len(a.parts) != len(b.parts) or b.parts[0].kind == "region":
        return False
    if len(a.parts) == 2 and a.text[:1] in "([" and b.text[:1] in "([":
        for index in (0, 1):
            infinite = "oo" in a.parts[index].text
            if a.text[index] != b.text[index] and not infinite:
                return True
        return any(_differ(x, y) for x, y in zip(a.parts, b.parts, strict=True))
    return a.text[0] == b.text[0] and (
        a.text != b.text or any(_differ(x, y) for x, y in zip(a.parts, b.parts, strict=True))
    )


def _apart(union: Answer) -> bool:
    """Whether the intervals are in increasing order with gaps between them."""
    for left, right in pairwise(union.parts):
        if "oo" in left.parts[1].text or "oo" in right.parts[0].text:
            return False
        if not values(left.parts[1].text)[0].real < values(right.parts[0].text)[0].real:
            return False
    return True


def _proportional(a: str, b: str) -> bool | None:
    """Whether two formulas are multiples of each other; None if that cannot be said."""
    first, second = values(a)[:3], values(b)[:3]
    if any(abs(value) < 1e-9 for value in (*first, *second)):
        return None
    ratios = [x / y for x, y in zip(first, second, strict=True)]
    return all(abs(ratio - ratios[0]) < 1e-12 * abs(ratios[0]) for ratio in ratios)
