r"""Read an answer: from its text to one of the forms of `forms.py`.

`read_form(answer)` never fails: text that is neither mathematics nor plain words becomes `Opaque`. Here is syntax only:
whether two forms are the same answer is decided in `compare.py`.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

from sure_math.equivalence.algebra import AMBIGUOUS, NotAlgebra
from sure_math.equivalence.forms import (
    Based,
    Collection,
    Empty,
    Equation,
    Form,
    Interval,
    Labelled,
    Opaque,
    Quantity,
    Region,
    Unreadable,
    Words,
    comma,
    expression,
    is_algebra,
    is_number,
)
from sure_math.equivalence.intervals import inequality, overlap, region_of, union
from sure_math.equivalence.labels import CALL, LABEL_TUPLE, label_name
from sure_math.equivalence.numbers import Expression
from sure_math.equivalence.text import clean, closing_index, is_thousands_comma, split_top, strip_ends
from sure_math.equivalence.units import Unit, split_unit

MAX_LENGTH = 3_000
"""Longer answers are compared as strings only; the longest gold of the public test sets has about 400 characters."""


@lru_cache(maxsize=4096)
def read_form(answer: str) -> Form:
    """Return the form of an answer that a model or a gold states.

    >>> read_form("(1, 2)").kind
    'tuple'
    """
    if len(answer) > MAX_LENGTH:
        return Opaque(answer, mathematical=False)
    text = clean(_LINES.sub(", ", answer.strip()) if _is_one_per_line(answer) else answer)
    if not re.search(r"[^\s{}()\[\].,;:!?$\\]", text):
        return Empty() if not answer.strip(" \t\r\n${}.,;:\\") else Opaque(text, mathematical=False)
    try:
        return _form(text)
    except (Unreadable, RecursionError):
        return Opaque(text, mathematical=_is_mathematical(text))


_SENTENCE_WORDS = 4
"""Plain words (of three letters or more, no commands) that make a text a sentence."""


def _is_mathematical(text: str) -> bool:
    """Whether the symbolic check may be able to read a text: a formula with at most a few words."""
    words = re.findall(r"(?<![\\A-Za-z{])[A-Za-z]{3,}", text)
    return (
        bool(re.search(r"[\d=<>≤≥^∪]|\\[A-Za-z]", text))
        and len(words) < _SENTENCE_WORDS
        and not _ALL_TEXT.fullmatch(text)
        and not AMBIGUOUS.search(text)
    )


_LINES = re.compile(r"[,;]?\s*\n\s*")


def _is_one_per_line(answer: str) -> bool:
    """Whether a text has several answers, one per line: every line is a formula by itself."""
    lines = [line for line in answer.strip().split("\n") if line.strip()]
    return 1 < len(lines) <= 50 and all(is_algebra(clean(line)) for line in lines)


def _form(text: str) -> Form:
    text = _plain_connectors(strip_ends(_drop_remarks(text)))
    if whole := _NUMBER_AS_TEXT.fullmatch(text):
        text = whole.group(1)
    if not text:
        raise Unreadable
    if "…" in text:
        return Opaque(text, mathematical=False)
    for reader in _READERS:
        form = reader(text)
        if form is not None:
            return form
    raise Unreadable(text)


_NUMBER_AS_TEXT = re.compile(r"\\text\s*\{\s*([-+]?[\d.,/]+[A-Za-z%¤.\s]*)\}")
_REMARK = re.compile(
    r"\s*\(?\s*\\text\s*\{\s*\(?\s*(?:about|approximately|approx|roughly|or about|note|since|because|where)[^{}]*\}.*$"
    r"|\s*\((?:approximately|approx\.?|about|or approximately)[^()]*\)\s*$"
)
_CONNECTOR_TEXT = re.compile(r"\\text\s*\{\s*,?\s*(and|or)\s*,?\s*\}")
_WORDLESS_TEXT = re.compile(r"\\text\s*\{\s*[\s,.:;]*\}")


def _drop_remarks(text: str) -> str:
    """Remove a remark in words behind the answer: `(about 18.9 cards)`."""
    shorter = _REMARK.sub("", text)
    return shorter if shorter.strip() else text


def _plain_connectors(text: str) -> str:
    text = _CONNECTOR_TEXT.sub(r" \1 ", text)
    text = re.sub(r"(?<=[\d)}\]⦄])(or|and)(?=[\d(\\\[A-Z⦃-])", r" \1 ", text)
    return _WORDLESS_TEXT.sub(" ", text).strip()


_CHOICE = re.compile(
    r"(?:\\text\s*\{)?\s*(?:\\text\s*\{)?\s*(?:\(\s*([A-Z]|[a-j])\s*\)|([A-J])(?=\s*[):.]|\s*\}*$))\s*[):.]?\s*\}*\s*(?:\\text\s*\{)?(.*?)\}*",
    re.DOTALL,
)
_ALL_TEXT = re.compile(r"\\text\s*\{([^{}]*)\}")
_WORDS = re.compile(r"[A-Za-z][A-Za-z'’-]*(?:[\s,/&()]+[A-Za-z'’.-]+)*\.?")
_SEGMENT = re.compile(r"\\(?:overline|overleftrightarrow)\s*\{\s*([A-Z]{2,3})\s*\}")
"""Points joined by a line. The answer is the same with the line drawn over them. An arrow has a direction."""
_KNOWN_NAMES_TEXT = "pi sqrt sin cos tan log ln exp infinity alpha beta gamma theta phi lambda omega sigma mu hbar"
_KNOWN_NAMES = frozenset(_KNOWN_NAMES_TEXT.split())
_REALS = frozenset({"all real numbers", "all reals", "the real numbers", "real numbers", "ℝ", "all real x", "r"}) - {
    "r"
}
_NOTHING = frozenset({"empty set", "the empty set", "∅"})


def _choice(text: str) -> Form | None:
    """Read a multiple choice answer: `(C)`, `C`, `\\text{(C)}`, `C. 5`, `(C) Cecile`."""
    match = _CHOICE.fullmatch(text)
    if match is None:
        return None
    letter, rest = match.group(1) or match.group(2), match.group(3).strip()
    if rest and (match.group(1) is None and text.lstrip("{ ")[1:2] not in ").:"):
        return None
    if rest and re.match(r"[-+*/^_=<>≤≥!'∪|(∈≈,]", rest):
        return None
    return Words(rest.lower(), letter)


def _words(text: str) -> Form | None:
    if text.lower() in _REALS:
        return Region((Interval(Expression("-∞"), Expression("∞"), False, False),))
    if text.lower() in _NOTHING or text in ("⦃⦄", "⦃ ⦄"):
        return Collection("set", ())
    if segment := _SEGMENT.fullmatch(text):
        return Words(segment.group(1))
    bare = re.sub(r"\s+", " ", _ALL_TEXT.sub(lambda match: f" {match.group(1)} ", text)).strip(" .")
    if bare.lower() in _REALS:
        return Region((Interval(Expression("-∞"), Expression("∞"), False, False),))
    if len(bare) == 1 and bare.isalpha():
        return Words(bare.lower(), bare) if bare in "ABCDFGHJ" else None
    if not _WORDS.fullmatch(bare):
        return None
    runs = re.findall(r"[A-Za-z]+", bare)
    if max(map(len, runs)) == 1:
        return None if text == bare or "\\text" in bare else _form(bare)
    if text == bare and (
        bare in _KNOWN_NAMES or (len(runs) == 1 and len(bare) <= 2 and bare.islower() and bare not in _SHORT_WORDS)
    ):
        return None
    if text == bare and re.search("[-/]", bare) and max(map(len, runs)) <= 2 and is_algebra(bare):
        return None
    if any(run in _KNOWN_NAMES for run in runs) and len(runs) < 4:
        return None
    if len(runs) == 1 and len(bare) <= 3 and bare.isupper():
        return Words(bare)
    return Words(" ".join(word for word in re.findall(r"[a-z']+", bare.lower()) if word not in ("the", "a", "an")))


_SHORT_WORDS_TEXT = "no on if in of up am pm"
_SHORT_WORDS = frozenset(_SHORT_WORDS_TEXT.split())


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


def _relations(text: str) -> Form | None:
    """Read a text with a relation sign outside brackets."""
    parts = split_top(text, _relation_at)
    if len(parts) == 1:
        return None
    operators = _operators(text, parts)
    parts = [part.strip() for part in parts]
    if any(not part for part in parts):
        raise Unreadable(text)
    if "≈" in operators:
        return _approximation(parts, operators)
    if operators == ["∈"]:
        return _membership(parts)
    if set(operators) == {"="}:
        return _equation(parts)
    if "∈" in operators or "=" in operators:
        raise Unreadable(text)
    return inequality(parts, operators)


def _approximation(parts: list[str], operators: list[str]) -> Form:
    """Read `x ≈ 11` as 11 and `1/3 ≈ 0.33` as 1/3: the part behind the sign repeats the value less exactly."""
    first = operators.index("≈")
    if first == 0 and label_name(parts[0]) is not None:
        return _labelled(parts[0], parts[1])
    text = parts[0] + "".join(
        f" {operator} {part}" for operator, part in zip(operators[:first], parts[1 : first + 1], strict=True)
    )
    return _form(text)


def _membership(parts: list[str]) -> Form:
    if label_name(parts[0]) is None:
        raise Unreadable(parts[0])
    return _labelled(parts[0], parts[1])


def _labelled(label: str, right: str) -> Form:
    name = label_name(label)
    form = _form(right)
    if not name:
        return form.form if isinstance(form, Labelled) else form
    if isinstance(form, Labelled):
        return Labelled(form.label if form.label == name else name, form.form)
    if LABEL_TUPLE.fullmatch(label) and isinstance(form, Collection) and form.kind == "tuple":
        names = [label_name(part.strip()) or "" for part in split_top(label.strip()[1:-1], comma)]
        if len(names) == len(form.items):
            return Collection(
                "list", tuple(Labelled(n, item) if n else item for n, item in zip(names, form.items, strict=True))
            )
    call = CALL.fullmatch(re.sub(r"\s", "", label))
    argument = call.group(2) if call and not call.group(3) else None
    return Labelled(name, form, _equation_of(label, right), argument)


def _equation_of(left: str, right: str) -> Expression | None:
    try:
        return Expression(f"({left})-({right})")
    except NotAlgebra:
        return None


_SENTENCE = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{3,}[,:]? +[A-Za-z]+[,:]? +[A-Za-z]+")


def _equation(parts: list[str]) -> Form:
    """Read an assignment, a chain `x = 5 + 6 = 11` (its last member counts), or an equation.

    A sentence between the signs breaks the chain: `f(x) = ax + b, where b is an integer and g(a) = 0` does not say 0.
    """
    if any(_SENTENCE.search(part) for part in parts[1:]):
        raise Unreadable(parts[0])
    if label_name(parts[0]) is not None:
        return _labelled(parts[0], parts[-1])
    if len(parts) == 2 and label_name(parts[1]) and is_number(parts[0]):
        return _labelled(parts[1], parts[0])
    if len(parts) > 2 or is_number(parts[0]):
        last = _form(parts[-1])
        return last.form if isinstance(last, Labelled) else last
    sides = tuple(expression(part) for part in parts)
    if sides[0].symbols or sides[1].symbols:
        return Equation(sides, ("=",))
    return Quantity(sides[1], None)


_CONNECTOR = re.compile(r" (?:and|or) ")


def _list_comma(text: str, index: int) -> int:
    if text[index] == ";":
        return 1
    if text[index] == ",":
        return 0 if is_thousands_comma(text, index) else 1
    if text[index] == " ":
        match = _CONNECTOR.match(text, index)
        return match.end() - index if match else 0
    return 0


def _member_comma(text: str, index: int) -> int:
    return comma(text, index) or _list_comma(text, index)


_SPACED = re.compile(r",\s|;")
"""A separator of a set that cannot be part of a number. If a set has such a separator, `1,250` in it is a number."""
_BRACKETS: dict[tuple[str, str], Literal["tuple", "bracket", "set", "angle"]] = {
    ("(", ")"): "tuple",
    ("[", "]"): "bracket",
    ("⦃", "⦄"): "set",
    ("⟨", "⟩"): "angle",
}


def _bare_list(text: str) -> Form | None:
    """Read a list without brackets: `1, 2`, `6 and 8`, `x < 1 or x > 2`, `x = 1, y = 2`."""
    parts = [strip_ends(part) for part in split_top(text, _list_comma)]
    parts = [re.sub(r"^(?:and|or) ", "", part) for part in parts]
    parts = [part for part in parts if part]
    if len(parts) < 2:
        return None
    if any(_CONDITION.match(part) for part in parts):
        raise Unreadable(text)
    if _is_prose(parts):
        return None
    forms = [_form(part) for part in parts]
    regions = [form.form if isinstance(form, Labelled) else form for form in forms]
    if all(isinstance(region, Region) for region in regions):
        return _joined_regions(forms, " and " in text)
    return _list_of(forms)


_CONDITION = re.compile(r"(?:\\text\s*\{\s*)?(?:where|for|if|when|with|such|since|because|otherwise)\b")
"""The beginning of a part that says when an answer holds. Such a part is not an answer itself."""


def _is_prose(parts: list[str]) -> bool:
    """Whether a text with commas is a sentence and not a list of answers: more than half of its parts are words."""
    wordy = sum(1 for part in parts if re.search(r"[A-Za-z]{2,} +[A-Za-z]{2,}", part) and not part.startswith("\\text"))
    return wordy * 2 > len(parts) or (wordy > 0 and len(parts) > 8)


def _joined_regions(forms: list[Form], both: bool) -> Form:
    """Join regions: `x < 1 or x > 2` is a union, `x > 1 and x < 2` an intersection of two rays that overlap."""
    labels = {form.label for form in forms if isinstance(form, Labelled)}
    if len(labels) > 1:
        return _list_of(forms)
    parts = [part for form in forms for part in region_of(form).parts]
    if both or len(labels) == 1:
        common = overlap(parts)
        if common is not None:
            parts = [common]
    region = Region(tuple(parts))
    return Labelled(labels.pop(), region) if labels else region


def _list_of(forms: list[Form]) -> Form:
    """Make a list. A label in front of it (`n = 1, 2, 3`) or repeated (`x = 1 or x = 2`) belongs to the whole list."""
    flat: list[Form] = []
    for form in forms:
        flat.extend(form.items if isinstance(form, Collection) and form.kind == "list" else [form])
    labels = [form.label for form in flat if isinstance(form, Labelled)]
    if (
        labels
        and len(set(labels)) == 1
        and (len(labels) == len(flat) or (isinstance(flat[0], Labelled) and len(labels) == 1))
    ):
        plain = tuple(form.form if isinstance(form, Labelled) else form for form in flat)
        return Labelled(labels[0], Collection("list", plain)) if len(plain) > 1 else flat[0]
    return Collection("list", tuple(flat))


def _bracketed(text: str) -> Form | None:
    """Read an answer that is inside `(..)`, `[..]`, `{..}` or `⟨..⟩` as a whole."""
    kind = _BRACKETS.get((text[0], text[-1]))
    if kind is None or closing_index(text, 0) != len(text) - 1:
        return None
    inner = text[1:-1].strip()
    if not inner:
        return Collection(kind, ())
    if kind == "set" and ("|" in inner or ":" in inner):
        return _set_builder(inner)
    separator = comma if kind != "set" else _list_comma if _SPACED.search(inner) else _member_comma
    parts = [part.strip() for part in split_top(inner, separator)]
    if kind == "set" or len(parts) > 1:
        items: list[Form] = []
        for part in parts:
            item = _form(part)
            if kind == "set" and isinstance(item, Collection) and item.kind == "list":
                items.extend(item.items)
            else:
                items.append(item)
        return Collection(kind, tuple(items))
    return _form(inner) if kind in ("tuple", "bracket") and not is_algebra(text) else None


def _set_builder(inner: str) -> Form:
    """Read `{x | x > 2}` and `{x ∈ ℝ : x > 2}` as the region of their condition."""
    left, _, condition = inner.partition("|") if "|" in inner else inner.partition(":")
    variable = re.match(r"\s*(\\?[A-Za-z]+)\s*(?:∈\s*ℝ)?\s*$", left)
    if variable is None:
        raise Unreadable(inner)
    form = _form(condition.strip())
    if isinstance(form, Labelled) and isinstance(form.form, Region):
        return form.form
    raise Unreadable(inner)


_MATRIX = re.compile(r"\\begin\{([pbvBV]?matrix|smallmatrix|array)\}(?:\{[lcr|\s]*\})?(.*)\\end\{\1\}", re.DOTALL)


def _matrix(text: str) -> Form | None:
    match = _MATRIX.fullmatch(text)
    if match is None and "matrix" not in text and "array" not in text:
        return None
    if (match is None or match.group(1) == "vmatrix") and is_algebra(text):
        return Quantity(expression(text), None)
    if match is None:
        for opening, closing in ("()", "[]"):
            if text.startswith(opening) and text.endswith(closing) and (inner := _MATRIX.fullmatch(text[1:-1].strip())):
                match = inner
    if match is None:
        return None
    rows = [row for row in split_top(match.group(2), lambda t, i: 2 * t.startswith("\\\\", i)) if row.strip()]
    cells = [[cell.strip() for cell in split_top(row, lambda t, i: int(t[i] == "&"))] for row in rows]
    kind: Literal["determinant", "matrix"] = "determinant" if match.group(1) in ("vmatrix", "Vmatrix") else "matrix"
    return Collection(kind, tuple(Collection("row", tuple(_form(cell) for cell in row)) for row in cells))


_NOON = re.compile(r"(?<=\d)\s*(?:\\text\s*\{)?\s*([aApP])\.? ?[mM]\.?\s*\}?$")


def _ratio(text: str) -> Form | None:
    """Read `3:4`, `12:00` and `4:30 p.m.`; am and pm are treated as units."""
    noon = _NOON.search(text)
    half = Unit(((noon.group(1).lower() + "m", 1),), None, None) if noon else None
    text = text[: noon.start()] if noon else text
    parts = split_top(text, lambda t, i: int(t[i] == ":"))
    if len(parts) < 2 or not all(part.strip() and is_algebra(part.strip()) for part in parts):
        return None
    units = [None] * (len(parts) - 1) + [half]
    return Collection("ratio", tuple(Quantity(Expression(p.strip()), u) for p, u in zip(parts, units, strict=True)))


_BASE = re.compile(
    r"(-?\s*[0-9A-F]+(?:\.[0-9A-F]+)?)_(?:\{\s*(\d{1,2})\s*\}|(\d{1,2})|\{\s*\\text\s*\{\s*(\w+)\s*\}\s*\})"
)
_BASE_WORDS = {
    name: n
    for n, name in enumerate(
        ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"], start=2
    )
} | {"sixteen": 16}
_SIMPLE_MIXED = re.compile(r"(-?)\s*(\d{1,9})\s+(\d{1,9})\s*/\s*(\d{1,9})")


def _based(text: str) -> Form | None:
    match = _BASE.fullmatch(text)
    if match is None:
        return None
    word = match.group(4)
    base = int(match.group(2) or match.group(3) or 0) if not word else _BASE_WORDS.get(word, 0)
    digits = match.group(1).replace(" ", "").lstrip("0") or "0"
    return Based(digits, base) if 2 <= base <= 36 else None


def _plus_minus(text: str) -> Form | None:
    """Read `a ± b` as the list a + b, a - b."""
    if "±" not in text and "∓" not in text:
        return None
    upper, lower = text.replace("±", "+").replace("∓", "-"), text.replace("±", "-").replace("∓", "+")
    first, second = (_form(part) for part in (upper, lower))
    if not isinstance(first, Quantity) or not isinstance(second, Quantity):
        raise Unreadable(text)
    return Collection("list", (first, second))


def _quantity(text: str) -> Form | None:
    number, unit = split_unit(text)
    number = strip_ends(re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", number))
    if mixed := _SIMPLE_MIXED.fullmatch(number):
        sign, whole, upper, lower = mixed.groups()
        number = f"{sign}({whole}+{upper}/{lower})"
    if unit is not None and not unit.names and unit.dimension == ():
        unit = None
    try:
        value = Expression(number)
    except NotAlgebra:
        if unit is not None and (form := _form(number)) and isinstance(form, Labelled | Collection):
            return form
        return None
    return Quantity(value, unit)


_READERS: tuple[Callable[[str], Form | None], ...] = (
    _choice,
    _words,
    _based,
    _matrix,
    union,
    _bracketed,
    _bare_list,
    _relations,
    _plus_minus,
    _ratio,
    _quantity,
)
