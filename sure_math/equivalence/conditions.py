r"""Conditions behind an answer: `x = 2k\pi, k \in \mathbb{Z}`, `f(x) = cx for any c`, `x > 0, x ≠ 1`."""

import re
from collections.abc import Sequence

from sure_math.equivalence.forms import (
    Collection,
    Conditioned,
    Form,
    Labelled,
    Quantity,
    Reader,
    Region,
    Unreadable,
    Words,
    with_source,
)
from sure_math.equivalence.intervals import common_part, region_of
from sure_math.equivalence.labels import read_label

_CONDITION_WORD = re.compile(
    r"(?:\\text\s*\{\s*)?((?:where|for|if|when|with|such that|provided(?: that)?|given(?: that)?|whenever)\b\s*"
    r"(?:(?:any|all|every|each|some)\b\s*)?)(?:\}\s*)?"
)
_ANY_WORD = re.compile(r"(\S)\s+((?:\\text\s*\{\s*)?for (?:any|all|every|each|some)\b)")
_LAST_BRACKET = re.compile(r"(.*\S)\s*\(([^()]*(?:∈|≠|[<>≤≥])[^()]*|[^()]*\b(?:integer|real)s?)\)", re.DOTALL)


def split_last_condition(text: str) -> tuple[str, str]:
    """Split `x = 2kπ (k ∈ ℤ)` into the answer and its condition."""
    text = _ANY_WORD.sub(r"\1, \2", text)
    match = _LAST_BRACKET.fullmatch(text)
    return (match.group(1), match.group(2)) if match else (text, "")


_NOT_READ = re.compile(r"(?:\\text\s*\{\s*)?(?:since|because|otherwise|as|so)\b")
_NUMBER_SETS = {
    "ℝ": "ℝ",
    r"\mathbb{Z}": "ℤ",
    "ℤ": "ℤ",
    r"\mathbb{N}": "ℕ",
    "ℕ": "ℕ",
    r"\mathbb{Q}": "ℚ",
    "ℚ": "ℚ",
    r"\mathbb{C}": "ℂ",
    "ℂ": "ℂ",
    "Z": "ℤ",
    "R": "ℝ",
    "N": "ℕ",
    "integer": "ℤ",
    "integers": "ℤ",
    "real": "ℝ",
    "real number": "ℝ",
    "real constant": "ℝ",
    "constant": "ℝ",
    "reals": "ℝ",
    "natural number": "ℕ",
    "rational number": "ℚ",
    "complex number": "ℂ",
}
_SIGNED_SET = re.compile(r"(\^\s*\{?\s*[+*-]\s*\}?|_\s*\{?\s*[+>≥\s0-9]+\}?|∖⦃0⦄|\^\s*\{\s*\\geq?\s*0\s*\})$")
_WORDED = re.compile(r"(\\?[A-Za-z](?:_\w)?)\s+(?:is |are )?(?:an? |any |some |arbitrary )*([a-z]+(?: [a-z]+)?)")


def split_condition_word(text: str) -> tuple[str, str]:
    r"""Split the word off the front of a condition, also inside `\text`; the word is empty if there is none.

    >>> split_condition_word(r"\text{if } x > 0"), split_condition_word("x > 0")
    (('if ', 'x > 0'), ('', 'x > 0'))
    """
    match = _CONDITION_WORD.match(text)
    if match is None:
        return "", text
    rest = text[match.end() :].strip()
    is_open = text.startswith("\\text") and "}" not in match.group()
    return match.group(1), rest.rstrip("}") if is_open else rest


def read_condition(part: str, forms: Sequence[Form], read: Reader) -> Form | None:
    """Return the condition that a part of a list is; None if it is an answer itself."""
    if _NOT_READ.match(part):
        raise Unreadable(part)
    word, rest = split_condition_word(part)
    if word:
        return with_source(_membership(rest) or _any_letter(rest, word) or read(rest), word)
    member = _membership(part)
    if member is not None:
        return member if member.label not in _labels(forms) else None
    if not re.search(r"[<>≤≥≠]", part):
        return None
    form = read(part)
    if not (isinstance(form, Labelled) and isinstance(form.form, Region)):
        return None
    regions = [inner for inner in map(unlabelled, forms) if isinstance(inner, Region)]
    if regions:
        return form if "≠" in part and form.label in _labels(forms) else None
    return form if form.label in _letters(forms) else None


def _membership(part: str) -> Labelled | None:
    r"""Read `k \in \mathbb{Z}` and `k is an integer`."""
    text = re.sub(r"\\text\s*\{([^{}]*)\}", r" \1 ", part).strip()
    name, sign, number_set = text.partition("∈")
    if not sign:
        worded = _WORDED.fullmatch(re.sub(r"\s+", " ", text))
        if worded is None or worded.group(2) not in _NUMBER_SETS:
            return None
        name, number_set = worded.groups()
    label = read_label(name)
    if label is None or label.is_words:
        return None
    plain = re.sub(r"\s+", "", number_set) if sign else number_set
    plain = re.sub(r"\\mathbb([A-Z])", r"\\mathbb{\1}", plain)
    signed = _SIGNED_SET.search(plain)
    base = _NUMBER_SETS.get(plain[: signed.start()] if signed else plain)
    if base is None:
        return None
    return Labelled(label.name, Words(base + (signed.group() if signed else ""), source=part))


def _any_letter(text: str, words: str) -> Labelled | None:
    """Read `for any c`: the letter ranges over the real numbers unless something else is said."""
    label = read_label(text)
    if label is None or label.is_words or not re.search(r"\b(?:any|all|every|each|some)\b", words):
        return None
    return Labelled(label.name, Words("ℝ", source=text))


def unlabelled(form: Form) -> Form:
    return form.form if isinstance(form, Labelled) else form


def _labels(forms: Sequence[Form]) -> set[str]:
    return {form.label for form in forms if isinstance(form, Labelled)}


def _letters(forms: Sequence[Form]) -> frozenset[str]:
    """Return the variables in the values of the answers."""
    letters: frozenset[str] = frozenset()
    for form in map(unlabelled, forms):
        if isinstance(form, Quantity):
            letters |= form.value.symbols
        elif isinstance(form, Collection):
            letters |= _letters(form.items)
    return letters


def with_conditions(form: Form, conditions: Sequence[Form]) -> Form:
    """Put conditions behind an answer. `x > 0, x ≠ 1` is one region without a point."""
    if not conditions:
        return form
    if isinstance(form, Labelled) and isinstance(form.form, Region):
        points = [part for part in conditions if isinstance(part, Labelled) and part.label == form.label]
        if len(points) != len(conditions):
            raise Unreadable
        common = common_part([form.form, *(region_of(point) for point in points)])
        if common is None:
            raise Unreadable
        source = " ".join(part.source for point in points for part in (form.form, point, point.form))
        return Labelled(form.label, Region(common.parts, form.form.unit, source=source), source=form.source)
    return Conditioned(form, tuple(conditions))
