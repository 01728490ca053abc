r"""Read an answer: from its text to one of the forms of `forms.py`.

`read_form(answer)` never fails: text that is neither mathematics nor plain words becomes `Opaque`. Here is syntax only:
whether two forms are the same answer is decided in `compare.py`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Literal

from sure_math.equivalence.algebra import AMBIGUOUS, NotAlgebra
from sure_math.equivalence.connectors import LETTER, plain_connectors
from sure_math.equivalence.coverage import unread
from sure_math.equivalence.forms import (
    Based,
    Collection,
    Empty,
    Form,
    Interval,
    Labelled,
    LeftOut,
    Opaque,
    Quantity,
    Region,
    Unreadable,
    Words,
    comma,
    is_algebra,
    nesting,
    with_source,
)
from sure_math.equivalence.intervals import union
from sure_math.equivalence.lists import read_list, separator_at
from sure_math.equivalence.number_words import number_in_words
from sure_math.equivalence.numbers import Expression
from sure_math.equivalence.relations import flattened, framed, read_relation
from sure_math.equivalence.residues import read_residue
from sure_math.equivalence.systems import read_matrix, read_rows
from sure_math.equivalence.text import clean, closing_index, split_top, strip_ends
from sure_math.equivalence.units import Split, Unit, split_parts, split_quantity
from sure_math.equivalence.unseen import hides_something, visible

MAX_LENGTH = 3_000
"""Longer answers are compared as strings only; the longest gold of the public test sets has about 400 characters."""

MAX_NESTING = 20
"""Sets, lists and tuples that stand in each other more deeply are compared as strings only."""


@lru_cache(maxsize=4096)
def read_form(answer: str) -> Form:
    """Return the form of an answer that a model or a gold states.

    >>> read_form("(1, 2)").kind
    'tuple'
    """
    if len(answer) > MAX_LENGTH:
        return Opaque(answer, mathematical=False)
    text = clean(answer)
    if hides_something(text):
        return Opaque(text, mathematical=False)
    answer = visible(answer)
    if "\n" in answer.strip() and (lines := _one_per_line(answer)):
        text = lines
    if not re.search(r"[^\s{}()\[\].,;:!?$\\]", text):
        return Empty() if not re.search(r"[^\s${}.,;:\\]", answer) else Opaque(text, mathematical=False)
    if _is_no_computation(text):
        return Opaque(text, mathematical=False)
    try:
        form = read_part(text)
    except (Unreadable, RecursionError):
        return Opaque(text, mathematical=_is_mathematical(text))
    if nesting(form) > MAX_NESTING:  # the comparison calls itself at every level
        return Opaque(text, mathematical=False)
    if left := unread(text, form):
        return Opaque(text, mathematical=_is_mathematical(text), unread=left)
    return form


_RANGE = re.compile(
    r"¤?(\d+(?:\.\d+)?)-¤?(\d+(?:\.\d+)?)(-\d+)?"
    r"(?:\s*[%°]|\s*\\text\s*\{[^{}\\]*\}|\s[A-Za-z][A-Za-z ]+|[ckm]m|kg)?"
)
_ORDER_OR_BITS = re.compile(r"[A-Z](?:-[A-Z]){1,8}|0[01]{3,40}")


def _is_no_computation(text: str) -> bool:
    """Whether a text is a range, a score, an order or bits: `3-5 hours`, `2-1`, `A-C-B`, `0011`; not `264-48`."""
    match = _RANGE.fullmatch(text)
    if match is None:
        return _ORDER_OR_BITS.fullmatch(text) is not None
    first, second = (float(match.group(number)) for number in (1, 2))
    return first < second or bool(match.group(3)) or ("." not in text and max(first, second) < 100)


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


_MAX_LINES = 50


def _one_per_line(answer: str) -> str:
    """Return several answers that stand one per line as a list; empty if a line is not readable by itself."""
    lines = [clean(line) for line in answer.strip().split("\n") if line.strip()]
    if not 1 < len(lines) <= _MAX_LINES:
        return ""
    try:
        forms = [read_part(line) for line in lines if line]
    except (Unreadable, RecursionError):
        return ""
    return "; ".join(lines) if not any(isinstance(form, Words | Opaque) for form in forms) else ""


def read_part(text: str) -> Form:
    """Read an answer, or a part of one, in the notation of `text.clean`; `Unreadable` if no rule reads it.

    >>> read_part("x = 5").label
    'x'
    """
    text, remark = _without_remark(strip_ends(text))
    text = strip_ends(plain_connectors(_WORDLESS_TEXT.sub(" ", text)))
    text, answer_word = _without_answer_word(text)
    if whole := _NUMBER_AS_TEXT.fullmatch(text):
        text = whole.group(1)
    if not text:
        raise Unreadable
    if "…" in text:
        return Opaque(text, mathematical=False)
    for reader in _READERS:
        form = reader(text)
        if form is not None:
            left_out = [LeftOut(part, why) for part, why in _beside(remark, answer_word) if part]
            return with_source(form, "", *left_out) if left_out else form
    raise Unreadable(text)


def _beside(remark: str, answer_word: str) -> Sequence[tuple[str, Literal["remark", "filler word"]]]:
    return ((remark, "remark"), (answer_word, "filler word"))


_ANSWER_WORD = re.compile(
    r"(?:\\text\s*\{\s*)?(?:the |final |correct )*(?:answer|result|solution)s?"
    r"(?:\s*:\s*\}|\s*\}\s*:|\s*:|\s(?:is|are)\s*:?\s*\}|\s(?:is|are)\s*:?(?=\s*[-+\d(\\]))",
    re.IGNORECASE,
)


def _without_answer_word(text: str) -> tuple[str, str]:
    """Split `Answer:` or `The answer is` off the front of an answer."""
    match = _ANSWER_WORD.match(text)
    if match is None:
        return text, ""
    rest = text[match.end() :].strip()
    if match.group().count("{") > match.group().count("}") and rest.count("}") > rest.count("{"):
        rest = rest[: rest.rindex("}")] + rest[rest.rindex("}") + 1 :]
    return rest.strip(), match.group()


_WORDLESS_TEXT = re.compile(r"\\text\s*\{\s*[\s,.:;]*\}")
_NUMBER_AS_TEXT = re.compile(r"\\text\s*\{\s*([-+]?[\d.,/]+[A-Za-z%¤.\s]*)\}")
_REMARK = re.compile(
    r"\s*\(?\s*\\text\s*\{\s*\(?\s*(?:about|approximately|approx|roughly|or about|note|since|because)[^{}]*\}[\s.)]*$"
    r"|\s*\\text\s*\{\s*\((?:about|approximately|approx\.?|roughly)[^{}]*\}[^{}=]*\\text\s*\{[^{}]*\)\s*\}\s*$"
    r"|\s*\((?:approximately|approx\.?|about|or approximately)[^()]*\)\s*$"
)


def _without_remark(text: str) -> tuple[str, str]:
    """Split a remark in words off an answer: `(about 18.9 cards)`."""
    match = _REMARK.search(text)
    if match is None or not text[: match.start()].strip():
        return text, ""
    return text[: match.start()], match.group()


_CHOICE = re.compile(
    r"(?:\\text\s*\{)?\s*(?:\\text\s*\{)?\s*(?:\(\s*([A-Z]|[a-j])\s*\)|([A-J])(?=\s*[):.]|\s*\}*$))\s*[):.]?\s*\}*\s*(?:\\text\s*\{)?(.*?)\}*",
    re.DOTALL,
)
_NAMED_CHOICE = re.compile(r"[A-J]\s+[A-Z][a-z]{2,}(?:\s+[A-Za-z]+){0,5}")
"""A letter and the name that it stands for: `A Peter`."""
_ALL_TEXT = re.compile(r"\\text\s*\{([^{}]*)\}")
_WORDS = re.compile(rf"[^\W\d_](?:{LETTER}|['’-])*(?:[\s,/&()]+(?:{LETTER}|['’.-])+)*\.?")
_FIRST_IDEOGRAPH = "\u2e80"
"""From here on, one character may be a word (`赤`)."""
_SEGMENT = re.compile(r"\\(?:overline|overleftrightarrow)\s*\{\s*([A-Z]{2,3})\s*\}")
"""Points joined by a line. The answer is the same with the line drawn over them. An arrow has a direction."""
_KNOWN_NAMES_TEXT = "pi sqrt sin cos tan log ln exp infinity alpha beta gamma theta phi lambda omega sigma mu hbar"
_KNOWN_NAMES = frozenset(_KNOWN_NAMES_TEXT.split())
_REALS = frozenset({"all real numbers", "all reals", "the real numbers", "real numbers", "ℝ", "all real x", "r"}) - {
    "r"
}
_NO_SOLUTION = re.compile(
    r"(?:\\text\s*\{)?\s*(?:there (?:is|are) )?no (?:such )?(?:solutions?|numbers?|values?)(?: exists?)?\s*\}?",
    re.IGNORECASE,
)
_REALS_EXCEPT = re.compile(
    r"((?:\\text\s*\{)?\s*(?:all )?(?:the )?real(?: number)?s? (?:except|without|other than|but)(?: for)?\b\s*\}?)(.+)",
    re.IGNORECASE,
)
_NOTHING = frozenset({"empty set", "the empty set", "∅"})


def _choice(text: str) -> Form | None:
    """Read a multiple choice answer: `(C)`, `C`, `\\text{(C)}`, `C. 5`, `(C) Cecile`."""
    match = _CHOICE.fullmatch(text)
    if match is None:
        return None
    letter, rest = match.group(1) or match.group(2), match.group(3).strip()
    if rest and (match.group(1) is None and text.lstrip("{ ")[1:2] not in ").:"):
        return Words(rest.lower(), letter, source=text) if _NAMED_CHOICE.fullmatch(text) else None
    if rest and re.match(r"[-+*/^_=<>≤≥!'∪|(∈≈,]", rest):
        return None
    return Words(rest.lower(), letter, source=f"{letter} {rest}")


def _words(text: str) -> Form | None:
    if text.lower() in _REALS:
        return _reals(text)
    if exception := _REALS_EXCEPT.fullmatch(text):
        points = exception.group(2).strip("⦃⦄ ")
        return with_source(read_part(rf"ℝ∖⦃{points}⦄"), exception.group(1))
    if text.lower() in _NOTHING or text in ("⦃⦄", "⦃ ⦄"):
        return Collection("set", (), source=text)
    if _NO_SOLUTION.fullmatch(text):
        return Words("no solution", source=text)
    if segment := _SEGMENT.fullmatch(text):
        return Words(segment.group(1), source=text)
    bare = re.sub(r"\s+", " ", _ALL_TEXT.sub(lambda match: f" {match.group(1)} ", text)).strip(" .")
    if bare.lower() in _REALS:
        return _reals(text)
    if len(bare) == 1 and bare.isalpha():
        if bare > _FIRST_IDEOGRAPH:
            return Words(bare, source=text)
        return Words(bare.lower(), bare, source=text) if bare in "ABCDFGHJ" else None
    if text[:1].isalpha() and "\\text" in text and _LETTER_WITH_UNIT.match(text) and split_quantity(text).unit:
        return None
    if not _WORDS.fullmatch(bare) or _MINUS.search(bare):
        return None
    if (number := number_in_words(bare)) is not None:
        return Quantity(Expression(number), None, source=text)
    runs = re.findall(r"[A-Za-z]+", bare)
    if not runs:
        return Words(bare.lower(), source=text)
    if max(map(len, runs)) == 1:
        return None if text == bare or split_quantity(text).unit is not None or "\\text" in bare else read_part(bare)
    if text == bare and (
        bare in _KNOWN_NAMES or (len(runs) == 1 and len(bare) <= 2 and bare.islower() and bare not in _SHORT_WORDS)
    ):
        return None
    if text == bare and re.search("[-/]|'$", bare) and max(map(len, runs)) <= 2 and is_algebra(bare):
        return None
    if any(run in _KNOWN_NAMES for run in runs) and len(runs) < 4:
        return None
    if len(runs) == 1 and len(bare) <= 3 and bare.isupper():
        return Words(bare, source=text)
    words = [word.lower() for word in re.findall(rf"(?:{LETTER}|')+", _ARTICLE.sub(" ", bare))]
    return Words(" ".join(words), source=text)


_LETTER_WITH_UNIT = re.compile(r"[A-Za-z]\s*\\text")
_MINUS = re.compile(r"(?:^|[\s(])-")
_ARTICLE = re.compile(r"(?<!\w)(?:[Tt]he|THE|[Aa]n|a(?= \w)|(?<!\s)A(?= [a-z]+[a-rt-z]\b))(?![\w'’])")
"""`a` behind a noun, and `A` other than in front of a noun, is the name of a thing: `side a`, `player A`, `A wins`."""


def _reals(text: str) -> Form:
    return Region((Interval(Expression("-∞"), Expression("∞"), False, False),), source=text)


_SHORT_WORDS_TEXT = "no on if in of up am pm"
_SHORT_WORDS = frozenset(_SHORT_WORDS_TEXT.split())


def _member_comma(text: str, index: int) -> int:
    return comma(text, index) or separator_at(text, index)


_SPACED = re.compile(r",\s|;")
"""A separator of a set that cannot be part of a number. If a set has such a separator, `1,250` in it is a number."""
_ZEROS_BEHIND_COMMA = re.compile(r"-?[1-9]\d{0,2}(?:,\d{3})*,0\d{2}(?:,\d{3})*")
_BRACKETS: dict[tuple[str, str], Literal["tuple", "bracket", "set", "angle"]] = {
    ("(", ")"): "tuple",
    ("[", "]"): "bracket",
    ("⦃", "⦄"): "set",
    ("⟨", "⟩"): "angle",
}


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
    if kind == "tuple" and _ZEROS_BEHIND_COMMA.fullmatch(inner):
        raise Unreadable(text)  # a thousand or a pair
    separator = comma if kind != "set" else separator_at if _SPACED.search(inner) else _member_comma
    parts = [part.strip() for part in split_top(inner, separator)]
    if kind == "set" or len(parts) > 1:
        items = [read_part(part) for part in parts]
        if kind != "set":
            return Collection(kind, tuple(items))
        members, lists = flattened(items)
        return framed(Collection(kind, tuple(members)), lists)
    if kind == "bracket" and not is_algebra(text) and is_algebra(inner):
        raise Unreadable(text)  # perhaps the largest integer up to the number
    return read_part(inner) if kind in ("tuple", "bracket") and not is_algebra(text) else None


def _set_builder(inner: str) -> Form:
    """Read `{x | x > 2}` and `{x ∈ ℝ : x > 2}` as the region of their condition."""
    left, _, condition = inner.partition("|") if "|" in inner else inner.partition(":")
    variable = re.match(r"\s*(\\?[A-Za-z]+)\s*(?:∈\s*ℝ)?\s*$", left)
    if variable is None:
        raise Unreadable(inner)
    form = read_part(condition.strip())
    if isinstance(form, Labelled) and isinstance(form.form, Region):
        return with_source(form.form, f"{left} | {form.source}")
    raise Unreadable(inner)


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
    items = tuple(Quantity(Expression(p.strip()), u) for p, u in zip(parts, units, strict=True))
    return Collection("ratio", items, source=noon.group() if noon else "")


_BASE = re.compile(
    r"\(?(-?\s*[0-9A-F]+(?:\.[0-9A-F]+)?)\)?"
    r"(?:_(?:\{\s*(\d{1,2})\s*\}|(\d{1,2})|\{\s*\\text\s*\{\s*(?:base )?(\w+)\s*\}\s*\}"
    r"|\{\s*\\text\s*\{\s*base\s*\}\s*(\d{1,2})\s*\})"
    r"|\s*(?:\\text\s*\{)?\s*\(?(?:in )?base[ -](\w+)\)?\s*\}?)"
)
_BASE_WORDS = {
    name: n
    for n, name in enumerate(
        ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"], start=2
    )
} | {"sixteen": 16}


def _based(text: str) -> Form | None:
    match = _BASE.fullmatch(text)
    if match is None:
        return None
    name = next(group for group in match.groups()[1:] if group)
    base = int(name[:3]) if name.isdecimal() else _BASE_WORDS.get(name, 0)
    digits = match.group(1).replace(" ", "").lstrip("0") or "0"
    return Based(digits, base, source=text) if 2 <= base <= 36 else None


def _plus_minus(text: str) -> Form | None:
    """Read `a ± b` as the list a + b, a - b."""
    if "±" not in text and "∓" not in text:
        return None
    if text.count("±") > 1 or text.count("∓") > 1:
        raise Unreadable(text)  # one choice of sign or two
    upper, lower = text.replace("±", "+").replace("∓", "-"), text.replace("±", "-").replace("∓", "+")
    first, second = (read_part(part) for part in (upper, lower))
    if not isinstance(first, Quantity) or not isinstance(second, Quantity):
        raise Unreadable(text)
    return Collection("list", (first, second), source="".join(re.findall("[±∓]", text)))


_ACCOUNTING = re.compile(r"\(\s*[¤€£¥₹]\s*[\d.,]+\s*\)")


def _bracketed_money(text: str) -> Form | None:
    """Leave `($5)` unread: accountants write minus five dollars in this way."""
    return Opaque(text, mathematical=False) if _ACCOUNTING.fullmatch(text) else None


def _in_parts(text: str) -> Form | None:
    """Read `2 days and 3 hours` as one quantity and no list."""
    split = split_parts(text)
    return _from_split(split) if split else None


def _quantity(text: str) -> Form | None:
    return _from_split(split_quantity(text))


def _from_split(split: Split) -> Form | None:
    number, unit = strip_ends(split.value), split.unit
    if unit is not None and not unit.names and unit.dimension == ():
        unit = None
    try:
        value = Expression(number)
    except NotAlgebra:
        form = read_part(number) if unit is not None else None
        return with_source(_measured(form, unit), split.words) if isinstance(form, Labelled | Collection) else None
    return Quantity(value, unit, source=split.words)


def _measured(form: Form, unit: Unit | None) -> Form:
    """Give the numbers of `(1, 2) cm` their unit; `Unreadable` if the form has anything else."""
    if isinstance(form, Quantity) and form.unit is None:
        return replace(form, unit=unit)
    if isinstance(form, Collection):
        return replace(form, items=tuple(_measured(item, unit) for item in form.items))
    if isinstance(form, Labelled):
        return replace(form, form=_measured(form.form, unit), equation=None)
    raise Unreadable


_READERS: tuple[Callable[[str], Form | None], ...] = (
    read_residue,
    _choice,
    _words,
    _based,
    lambda text: read_matrix(text, read_part),
    lambda text: read_rows(text, read_part),
    union,
    _bracketed_money,
    _bracketed,
    _in_parts,
    lambda text: read_list(text, read_part),
    lambda text: read_relation(text, read_part),
    _plus_minus,
    _ratio,
    _quantity,
)
