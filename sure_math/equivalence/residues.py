r"""Residues: `x \equiv 3 \pmod 7`, `7 (mod 11)`, `\pm 1 \bmod 8`, and the number `17 \bmod 5`.

A residue stands for all numbers that differ from its value by a multiple of the modulus. `a \bmod n` without a
congruence sign is a number. It is only read if nothing but `a` can belong to the left side: `2 + 17 \bmod 5` has two
readings.
"""

import re

from sure_math.equivalence.algebra import NotAlgebra
from sure_math.equivalence.forms import (
    Collection,
    Form,
    Labelled,
    Quantity,
    Residue,
    Unreadable,
    expression,
    is_algebra,
    with_source,
)
from sure_math.equivalence.labels import read_label
from sure_math.equivalence.lists import split_list
from sure_math.equivalence.numbers import Expression, Verdict, compare_expressions
from sure_math.equivalence.relations import join
from sure_math.equivalence.text import closing_index, strip_ends

_IN_TEXT = re.compile(
    r"\\text\s*\{([^{}]*(?<![A-Za-z])(?:mod|modulo)(?![A-Za-z])[^{}]*|\s*\)\s*|[^{}]*congruent to\s*)\}"
)
_CONGRUENT = re.compile(r"\\equiv(?![A-Za-z])|≡|(?:\bis )?\bcongruent to\b")
_MOD = re.compile(r"\\(?:pmod|pod|bmod|mod)(?![A-Za-z])|(?<![A-Za-z\\])mod(?:ulo)?(?![A-Za-z])")


def read_residue(text: str) -> Form | None:
    """Read a text with one modulus at its end; None if it has none, or more than one.

    >>> read_residue("x ≡ 3 (mod 7)").form.value.text
    '3'
    """
    if "mod" not in text and "\\pod" not in text:
        return None
    plain = _IN_TEXT.sub(r" \1 ", text)
    signs = list(_MOD.finditer(plain))
    if len(signs) != 1:
        return None
    left, right = _around(plain, signs[0])
    if not is_algebra(right):
        return None
    modulus = expression(_one_factor(right))
    congruence = _CONGRUENT.split(left)
    if len(congruence) > 2:
        raise Unreadable(text)
    if len(congruence) == 1 and signs[0].group() == "\\bmod":
        return with_source(_remainder(left, modulus), text)
    return _residues(text, congruence if len(congruence) == 2 else left.rsplit("=", 1), modulus)


def _around(text: str, sign: re.Match[str]) -> tuple[str, str]:
    """Return what stands before and behind the sign, without the brackets around the sign and the modulus."""
    left, right = text[: sign.start()].strip(), text[sign.end() :].strip()
    if left.endswith("(") and right.endswith(")") and left.count("(") == left.count(")") + 1:
        left, right = left[:-1].strip(), right[:-1].strip()
    elif left.startswith("(") and right.endswith(")") and closing_index(text, 0) == len(text) - 1:
        left, right = left[1:].strip(), right[:-1].strip()
    return strip_ends(left), right.rstrip(" .")


def _residues(text: str, sides: list[str], modulus: Expression) -> Form:
    """Read `x ≡ 1, 3` with its modulus: a residue, or a list of residues."""
    parts, between = split_list(strip_ends(sides[-1]).strip("⦃⦄"))
    values = [value for part in parts for value in _both_signs(part)]
    residues = [Residue(expression(value), modulus, source=text) for value in values]
    if not residues:
        raise Unreadable(text)
    form: Form = residues[0] if len(residues) == 1 else with_source(join(residues), " ".join(between))
    if len(sides) == 1:
        return form
    label = read_label(sides[0])
    if label is None:
        raise Unreadable(text)
    return Labelled(label.name, form, source=text, is_words=label.is_words) if label.name else form


def _both_signs(part: str) -> list[str]:
    return [part.replace("±", sign) for sign in "+-"] if "±" in part else [part]


def _remainder(left: str, modulus: Expression) -> Form:
    """Return the number `a \\bmod n`, with the label in front of it if there is one."""
    name, equals, value = left.rpartition("=")
    a, n = _whole(expression(_one_factor(value))), _whole(modulus)
    if a is None or n is None or n <= 0 or a < 0:
        raise Unreadable(left)
    number = Quantity(Expression(str(a % n)), None)
    if not equals:
        return number
    label = read_label(name)
    if label is None:
        raise Unreadable(left)
    return Labelled(label.name, number, is_words=label.is_words) if label.name else number


_SEVERAL = frozenset({"add", "mul", "neg", "div"})


def _one_factor(text: str) -> str:
    """Return a text that is one factor: a number, a power, a factorial, or in brackets; `Unreadable` if it is not."""
    text = text.strip()
    in_brackets = text.startswith(("(", "{")) and closing_index(text, 0) == len(text) - 1
    try:
        if in_brackets or re.fullmatch(r"-\s*\d+", text) or Expression(text).node[0] not in _SEVERAL:
            return text
    except NotAlgebra as error:
        raise Unreadable(text) from error
    raise Unreadable(text)


def _whole(value: Expression) -> int | None:
    return value.exact.numerator if value.exact is not None and value.exact.denominator == 1 else None


def compare_residues(a: Residue, b: Residue) -> Verdict:
    """Compare two residues: with the same modulus they are equal if they are congruent."""
    m, n = _whole(a.modulus), _whole(b.modulus)
    same_modulus = "equal" if m is not None and n in (m, -m) else compare_expressions(a.modulus, b.modulus)
    if same_modulus != "equal":
        return "undecided" if a.modulus.symbols or b.modulus.symbols else same_modulus
    if compare_expressions(a.value, b.value) == "equal":
        return "equal"
    congruent = _congruent(a.value, b.value, a.modulus)
    return "undecided" if congruent is None else "equal" if congruent else "different"


def compare_with_number(a: Residue, b: Quantity) -> Verdict:
    """Compare a residue with a number: the number may stand for the residue if it is congruent to its value.

    `7 (mod 11)` is 7. The statement x ≡ 7 (mod 11) does not say that x is 7 (`compare.py`). `10 (mod 7)` may say 10 or
    the remainder 3: only a value from 0 to the modulus has one meaning.
    """
    if b.unit is not None:
        return "undecided"
    if compare_expressions(a.value, b.value) == "equal":
        return "equal" if _is_remainder(a) else "undecided"
    if b.value.symbols or a.value.symbols:
        return "undecided"
    return "undecided" if _congruent(a.value, b.value, a.modulus) is not False else "different"


def _is_remainder(residue: Residue) -> bool:
    value, modulus = _whole(residue.value), _whole(residue.modulus)
    return value is not None and modulus is not None and 0 <= value < abs(modulus)


def compare_lists(a: Collection, b: Form) -> Verdict | None:
    """Compare residues of one modulus with residues of one modulus, as sets; None if the forms are anything else.

    Residues of several moduli may be conditions that hold together, or cases.
    """
    sides = [list(form.items) if isinstance(form, Collection) else [form] for form in (a, b)]
    if not any(isinstance(item, Residue) for side in sides for item in side):
        return None
    classes = [_classes(side) for side in sides]
    if classes[0] is None or classes[1] is None:
        return "undecided"
    (first, m), (second, n) = classes[0], classes[1]
    if m * n > _MAX_MODULUS**2:
        return "undecided"
    same = {value + m * k for value in first for k in range(n)} == {value + n * k for value in second for k in range(m)}
    return "equal" if same else "different"


_MAX_MODULUS = 1000


def _classes(items: list[Form]) -> tuple[set[int], int] | None:
    """Return the least residues and their modulus; None if an item is no residue or the moduli differ."""
    pairs = [(_whole(item.value), _whole(item.modulus)) for item in items if isinstance(item, Residue)]
    moduli = {modulus for _, modulus in pairs}
    modulus = moduli.pop() if len(moduli) == 1 else None
    if len(pairs) < len(items) or not modulus:
        return None
    values = [value for value, _ in pairs if value is not None]
    return ({value % abs(modulus) for value in values}, abs(modulus)) if len(values) == len(pairs) else None


def _congruent(a: Expression, b: Expression, modulus: Expression) -> bool | None:
    """Return whether two whole numbers are congruent; None if a number is not whole or not known."""
    first, second, n = _whole(a), _whole(b), _whole(modulus)
    if first is None or second is None or not n:
        return None
    return (first - second) % n == 0
