r"""Read answers side by side (`1, 2`, `6 and 8`, `x < 1 or x > 2`) and their conditions (`k \in \mathbb{Z}`)."""

import re
from collections.abc import Sequence

from sure_math.equivalence.connectors import connector_at, may_join, says_and, says_or, without_leading_connector
from sure_math.equivalence.forms import (
    Collection,
    Conditioned,
    Form,
    Interval,
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
from sure_math.equivalence.relations import join
from sure_math.equivalence.text import is_thousands_comma, split_top, strip_ends


def separator_at(text: str, index: int) -> int:
    """Return the length of the separator of a list at an index, as `split_top` asks for it."""
    if text[index] == ";":
        return 1
    if text[index] == ",":
        return 0 if is_thousands_comma(text, index) else 1
    if text.startswith("\\\\", index):
        return 2
    return connector_at(text, index)


def split_list(text: str) -> tuple[list[str], str]:
    """Return the parts of a list that are not empty, and the words between them."""
    words: list[str] = []

    def separator(text: str, index: int) -> int:
        length = separator_at(text, index)
        words.append(text[index : index + length])
        return length

    parts = []
    for part in split_top(text, separator):
        plain, word = without_leading_connector(strip_ends(part))
        words.append(word)
        parts.append(plain)
    return [part for part in parts if part], " ".join(words)


def read_list(text: str, read: Reader) -> Form | None:
    """Read a list without brackets; None if there is only one part or if the parts are prose."""
    if may_join(text):
        raise Unreadable(text)
    text, behind = _without_condition_in_brackets(_ANY_WORD.sub(r"\1, \2", text))
    parts, words = split_list(text)
    if behind:
        parts.append(behind)
    if len(parts) < 2 or _is_prose(parts):
        return None
    forms: list[Form] = []
    conditions: list[Form] = []
    for part in parts:
        condition = _condition(part, forms, read) if forms else None
        if condition is not None:
            conditions.append(condition)
        elif conditions:
            raise Unreadable(text)
        else:
            forms.append(read(part))
    wordy = [isinstance(form, Words) and form.choice is None for form in forms]
    if any(wordy) and not all(wordy):
        raise Unreadable(text)
    return with_source(_conditioned(_joined(forms, words), conditions), words)


_LAST_BRACKET = re.compile(r"(.*\S)\s*\(([^()]*(?:∈|≠|[<>≤≥])[^()]*|[^()]*\b(?:integer|real)s?)\)", re.DOTALL)


def _without_condition_in_brackets(text: str) -> tuple[str, str]:
    """Split `x = 2kπ (k ∈ ℤ)` into the answer and its condition."""
    match = _LAST_BRACKET.fullmatch(text)
    return (match.group(1), match.group(2)) if match else (text, "")


def _joined(forms: Sequence[Form], words: str) -> Form:
    forms = _with_points(_pairs(forms))
    regions = [form.form if isinstance(form, Labelled) else form for form in forms]
    if len(forms) > 1 and all(isinstance(region, Region) for region in regions):
        return _joined_regions(forms, words)
    return join(forms)


def _pairs(forms: Sequence[Form]) -> Sequence[Form]:
    """Read `(x, y) = (1, 2) or (3, 4)` as two pairs: the label in front belongs to both."""
    first, rest = forms[0], forms[1:]
    is_labelled_pair = isinstance(first, Collection) and first.kind == "list" and first.source.startswith("(")
    if not is_labelled_pair or not all(isinstance(form, Collection) and form.kind == "tuple" for form in rest):
        return forms
    assert isinstance(first, Collection)
    items = tuple(form.form if isinstance(form, Labelled) else form for form in first.items)
    return [Collection("tuple", items, source=first.source), *rest] if rest else forms


def _with_points(forms: Sequence[Form]) -> Sequence[Form]:
    """Read the number in `x = 0 or x > 1` as a region of one point."""
    labelled = [form for form in forms if isinstance(form, Labelled)]
    regions = [form for form in labelled if isinstance(form.form, Region)]
    if not regions or len(labelled) < len(forms) or len({form.label for form in labelled}) > 1:
        return forms
    return [_point(form) for form in labelled]


def _point(form: Labelled) -> Labelled:
    value = form.form
    if not isinstance(value, Quantity) or value.value.symbols:
        return form
    point = Region((Interval(value.value, value.value, True, True),), value.unit, source=value.source)
    return Labelled(form.label, point, source=form.source)


def _is_prose(parts: Sequence[str]) -> bool:
    """Whether a text with commas is a sentence and not a list of answers: more than half of its parts are words."""
    wordy = sum(1 for part in parts if re.search(r"[A-Za-z]{2,} +[A-Za-z]{2,}", part) and not part.startswith("\\text"))
    return wordy * 2 > len(parts) or (wordy > 0 and len(parts) > 8)


def _joined_regions(forms: Sequence[Form], words: str) -> Form:
    """Join regions: `x < 1 or x > 2` is a union, `x > 1 and x < 2` an intersection of two rays that overlap."""
    labels = {form.label for form in forms if isinstance(form, Labelled)}
    if len(labels) > 1:
        return join(forms)
    regions = [region_of(form) for form in forms]
    units = {region.unit for region in regions}
    if len(units) > 1:
        raise Unreadable
    parts = [part for region in regions for part in region.parts]
    intersect = says_and(words) or (len(labels) == 1 and not says_or(words))
    common = common_part(regions) if intersect and _are_rays(regions) else None
    source = " ".join(part.source for part in (*forms, *regions))
    region = Region(common.parts if common else tuple(parts), units.pop(), source=source)
    return Labelled(labels.pop(), region) if labels else region


def _are_rays(regions: Sequence[Region]) -> bool:
    """Whether two regions are a ray to the left and a ray to the right: `x > 1, x < 2` is what both say."""
    ends = [(part.low.text, part.high.text) for region in regions for part in region.parts]
    return len(ends) == 2 and {low == "-∞" for low, _ in ends} == {True, False} == {high == "∞" for _, high in ends}


_CONDITION_WORD = re.compile(
    r"(?:\\text\s*\{\s*)?((?:where|for|if|when|with|such that|provided(?: that)?|given(?: that)?|whenever)\b\s*"
    r"(?:(?:any|all|every|each|some)\b\s*)?)(?:\}\s*)?"
)
_ANY_WORD = re.compile(r"(\S)\s+((?:\\text\s*\{\s*)?for (?:any|all|every|each|some)\b)")
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


def _condition(part: str, forms: Sequence[Form], read: Reader) -> Form | None:
    """Return the condition that a part of a list is; None if it is an answer itself."""
    if _NOT_READ.match(part):
        raise Unreadable(part)
    if worded := _CONDITION_WORD.match(part):
        rest = part[worded.end() :].strip()
        if part.startswith("\\text") and "}" not in worded.group():
            rest = rest.rstrip("}")
        condition = _membership(rest) or _any_letter(rest, worded.group(1)) or read(rest)
        return with_source(condition, worded.group(1))
    member = _membership(part)
    if member is not None:
        return member if member.label not in _labels(forms) else None
    if not re.search(r"[<>≤≥≠]", part):
        return None
    form = read(part)
    if not (isinstance(form, Labelled) and isinstance(form.form, Region)):
        return None
    regions = [inner for inner in map(_unlabelled, forms) if isinstance(inner, Region)]
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


def _unlabelled(form: Form) -> Form:
    return form.form if isinstance(form, Labelled) else form


def _labels(forms: Sequence[Form]) -> set[str]:
    return {form.label for form in forms if isinstance(form, Labelled)}


def _letters(forms: Sequence[Form]) -> frozenset[str]:
    """Return the variables in the values of the answers."""
    letters: frozenset[str] = frozenset()
    for form in map(_unlabelled, forms):
        if isinstance(form, Quantity):
            letters |= form.value.symbols
        elif isinstance(form, Collection):
            letters |= _letters(form.items)
    return letters


def _conditioned(form: Form, conditions: Sequence[Form]) -> Form:
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
