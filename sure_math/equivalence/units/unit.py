"""A unit, its spelling read by `parse_words`, and what two units have to do with each other."""

import re
import unicodedata
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from sure_math.equivalence.units.names import ALTERNATIVES, MEANINGS, Dimension, Meaning
from sure_math.equivalence.units.scales import SCALES, is_unclear

_BLOCKS = range(0x900, 0xE00, 0x80)
_MARKS = (
    "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0e30-\u0e3a\u0e45-\u0e4e\u0eb0-\u0ebc\u0ec8-\u0ecd"
    + "".join(f"{chr(block)}-{chr(block + 0x63)}{chr(block + 0x70)}-{chr(block + 0x7F)}" for block in _BLOCKS)
    + "\u102b-\u103e\u17b4-\u17d3\u200c\u200d"
)
LETTER = rf"(?:[^\W\d_]|(?!\w)[{_MARKS}])"
"""A letter of any script, or a mark that belongs to a letter: `\\w` alone ends a Hindi or Thai word at its vowel."""
SIGNS = "$%٪‰‱°¢€£¥￥₹¤₽₴₩₪฿₫₺₦₱℃℉"
"""Units that are one sign."""
_WORD = re.compile(
    rf"\\(?:mu|Omega|ell)(?![A-Za-z])|[^\W\d_]{LETTER}*(?:['\"״]{LETTER}+)?|[{SIGNS}]|\^\s*\{{?\s*-?\s*\d+\s*\}}?|[-/*()]"
)
_ALLOWED_BESIDE = " .,{}\\·"
_COMMANDS = {"\\mu": "μ", "\\Omega": "Ω", "\\ell": "ℓ"}
_PHRASES = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        (r"\bmph\b", "miles per hour"),
        (r"\bkm?ph\b|\bkmh\b", "km per hour"),
        (r"°\s*C(?![a-z])|\bdeg(?:rees?)?\s+(?:celsius|centigrade|c)\b|градус\w*\s+цельсия", "℃"),
        (r"°\s*F(?![a-z])|\bdeg(?:rees?)?\s+(?:fahrenheit|f)\b|градус\w*\s+фаренгейта", "℉"),
        (r"\bdegrees?\s+kelvin\b", "kelvin"),
        (r"\bpercentage\s+points?\b", "points of percentage"),
        (
            r"\b(?:per\s+cento?|por\s+cien(?:to)?|por\s+cento|pour\s+cent|phần\s+trăm)\b|τοις\s+εκατό|في\s+المئة|بالمئة",
            "%",
        ),
        (r"\bper\s+mill?e?\b|\bpro\s+mille\b", "‰"),
        (r"\bbasis\s+points?\b", "bp"),
        (r"\bparts\s+per\s+million\b", "ppm"),
        (r"\bparts\s+per\s+billion\b", "ppb"),
        (r"\b(?:US|U\.S\.|american)\s*(?:dollars?|¤)", "usd"),
        (r"\bcanadian\s+dollars?", "cad"),
        (r"\baustralian\s+dollars?", "aud"),
        (r"\bhong\s+kong\s+dollars?", "hkd"),
        (r"\bpounds?\s+sterling", "gbp"),
        (r"\bswiss\s+francs?", "chf"),
        (r"\bnautical\s+miles?", "nmi"),
        (r"立方|세제곱|\bkubik(?=\w*meter)|кубическ\w+|\bкуб\.", "cubic "),
        (r"平方|제곱|\bquadrat(?=\w*meter)|квадратн\w+|\bкв\.", "square "),
        (r"\b(?:cuadrad[oa]s?|carrés?|quadrad[oa]s?|quadrat[io]|kwadratow\w+)\b", "squared"),
        (r"\b(?:cúbic[oa]s?|cubi|sześcienn\w+)\b", "cubed"),
        (r"每|毎", "/"),
        (r"(?<=[а-я]) в (?=час|секунд|минут|день)", "/"),
    )
)
"""Spellings of several words, or of a part of a word, and the spelling that the tables know."""
_PER = frozenset({"per", "por", "par", "pro"})
_IGNORED = frozenset({"of", "the", "a", "an", "each", "all", "total", "about", "approximately"})
_POWER = re.compile(r"\^\s*\{?\s*(-?)\s*(\d+)\s*\}?")
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
"""Scripts that write a scale word and a unit without a blank: 万元, 만원, ล้านบาท."""
_UNCLEAR_PARTS = (
    "以上",
    "以下",
    "以内",
    "未満",
    "未满",
    "左右",
    "分之",
    "或",
    "和",
    "至少",
    "至多",
    "不",
    "이상",
    "이하",
    "미만",
)
_MAX_SCALE = max(map(len, SCALES))
_MAX_TEXT, _MAX_WORDS, _MAX_RUN = 80, 8, 8
"""Longer texts behind a number are sentences: characters, words, and characters of a word that has no blanks."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A product of named units. `scale` and `dimension` are None if a noun that is in no table is in it (`apples`)."""

    names: tuple[tuple[str, int], ...]
    """Sorted (name, exponent), synonyms and plurals removed."""
    dimension: Dimension | None
    scale: Fraction | None
    parts: bool = False
    """Whether the value was written in the units of `names` side by side (3 h 20 min); `scale` is that of the last."""
    nouns: tuple[str, ...] = field(default=(), compare=False)
    """The names that are in no table, in the order in which they were written."""
    script: str = field(default="", compare=False)
    """The script in which it was written: a noun that is in no table is compared with words of its own script."""

    @property
    def words(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.names)


PERCENT = Unit((("%", 1),), (("share", 1),), Fraction(1, 100))
DEGREE = Unit((("°", 1),), (("angle", 1),), Fraction(1))
ORDINAL = Unit((("ordinal", 1),), None, None)


def singular(word: str) -> str:
    """Return an English word in lower case and without the ending of the plural."""
    lower = word.lower()
    if lower.endswith("ies") and len(lower) > 4:
        return lower[:-3] + "y"
    if lower.endswith(("ches", "shes", "xes", "sses")):
        return lower[:-2]
    return lower[:-1] if lower.endswith("s") and not lower.endswith("ss") and len(lower) > 3 else lower


def meaning(word: str) -> Meaning | None:
    """Return what a single word says if it is the spelling of a unit.

    >>> meaning("Kilometers").name, meaning("厘米").name, meaning("apples")
    ('km', 'cm', None)
    """
    exact = len(word) == 1 or (word[0] == "M" and len(word) <= 3 and not word.isupper())
    for spelling in (word,) if exact else (word, word.lower(), singular(word)):
        if spelling in MEANINGS:
            return MEANINGS[spelling]
    return None


def _pieces(token: str) -> list[str] | None:
    """Split `万元` into scale word and unit; None if a word may begin with a scale word but need not."""
    if not _UNSPACED.match(token) or token in MEANINGS or token in SCALES:
        return [token]
    for length in range(_MAX_SCALE, 0, -1):
        if token[:length] in SCALES and len(token) > length:
            rest = _pieces(token[length:])
            certain = token[0] in "万萬亿億" or (rest is not None and (rest[0] in MEANINGS or rest[0] in SCALES))
            return [token[:length], *rest] if certain and rest is not None else None
    return None if len(token) > _MAX_RUN or any(part in token for part in _UNCLEAR_PARTS) else [token]


def _tokens(text: str) -> list[str] | None:
    """Return the words and signs of a text; None if it says more than a unit."""
    if len(text) > _MAX_TEXT:
        return None
    text = unicodedata.normalize("NFC", text).replace("\u00b5", "μ")
    for pattern, replacement in _PHRASES:
        text = pattern.sub(replacement, text)
    if _WORD.sub("", text).strip(_ALLOWED_BESIDE):
        return None
    tokens: list[str] = []
    for token in _WORD.findall(text):
        pieces = _pieces(_COMMANDS.get(token, token))
        if pieces is None or is_unclear(token):
            return None
        if tokens and tokens[-1] == "μ" and pieces[0] in "mgslAVWJFCHT":
            tokens[-1] += pieces[0]
        elif tokens and pieces[0] == "Ω" and tokens[-1] in "kMm":
            tokens[-1] += "Ω"
        else:
            tokens.extend(pieces)
    return tokens if sum(token[0].isalpha() for token in tokens) <= _MAX_WORDS else None


def parse_words(text: str) -> tuple[Fraction, Unit | None] | None:
    """Return the scale and the unit that a text behind a number spells; None if it says anything else.

    >>> parse_words("million"), parse_words("square feet")[1].names
    ((Fraction(1000000, 1), None), (('ft', 2),))
    """
    tokens = _tokens(text)
    if not tokens or (tokens[0] == "in" and len(tokens) > 1 and tokens[1] in SCALES):
        return None
    scale = Fraction(1)
    while tokens and (size := SCALES.get(tokens[0]) or SCALES.get(tokens[0].lower())):
        scale *= size
        del tokens[0]
    if tokens and tokens[0] == "of" and scale != 1:
        del tokens[0]
    if not tokens:
        return scale, None
    unit = _product(tokens)
    return None if unit is None else (scale, unit)


def parse_unit(text: str) -> Unit | None:
    """Return the unit that a text spells (`cm`, `square feet`, `m/s^2`, `apples`); None if it cannot be a unit.

    `^2`, `square` and `cubic` make powers; `per` and `/` divide. `units` alone is an empty product.

    >>> parse_unit("square feet").names
    (('ft', 2),)
    """
    tokens = _tokens(text)
    return _product(tokens) if tokens else None


class _Factors:
    """The exponents of the units that were read so far."""

    def __init__(self) -> None:
        self.exponents: dict[str, int] = {}
        self.known: dict[str, Meaning] = {}
        self.last = ""

    def add(self, word: str, exponent: int) -> None:
        unit = meaning(word)
        self.last = unit.name if unit else singular(word)
        if unit:
            self.known[self.last] = unit
        self.exponents[self.last] = self.exponents.get(self.last, 0) + exponent

    def raise_last(self, power: int) -> bool:
        if self.last:
            self.exponents[self.last] *= power
        return bool(self.last)


_POWER_WORDS = {"square": 2, "sq": 2, "cubic": 3, "cu": 3, "squared": 2, "cubed": 3}


def _product(tokens: list[str]) -> Unit | None:
    factors = _Factors()
    sign, pending, inside = 1, 1, False
    for token in tokens:
        lower = token.lower()
        if power := _POWER.fullmatch(token):
            if not factors.raise_last((-1 if power.group(1) else 1) * int(power.group(2)[:3])):
                return None
        elif token == "/" or lower in _PER:
            sign = -1
        elif token in "()":
            inside = token == "("
            sign = sign if inside else 1
        elif token in "-*" or (lower in _IGNORED and token != "A"):
            continue
        elif lower in _POWER_WORDS:
            if lower.endswith("ed"):
                if not factors.raise_last(_POWER_WORDS[lower]):
                    return None
            else:
                pending = _POWER_WORDS[lower]
        else:
            factors.add(token, sign * pending)
            sign, pending = (sign if inside else 1), 1
    exponents = factors.exponents
    if pending != 1:
        exponents["unit"] = exponents.get("unit", 0) + pending
    if list(exponents.items()) == [("unit", 1)]:
        exponents = {}
    elif not exponents:
        return None
    return _unit(exponents, factors.known, _script_of("".join(tokens)))


def _unit(exponents: dict[str, int], known: dict[str, Meaning], script: str) -> Unit:
    names = tuple(sorted((name, exponent) for name, exponent in exponents.items() if exponent))
    if not all(name in known for name, _ in names) or any(abs(exponent) > 9 for _, exponent in names):
        nouns = tuple(name for name in exponents if name not in known)
        return Unit(names, None, None, script=script, nouns=nouns)
    dimension: dict[str, int] = {}
    scale = Fraction(1)
    for name, exponent in names:
        for base, power in known[name].dimension:
            dimension[base] = dimension.get(base, 0) + power * exponent
        scale *= known[name].size ** exponent
    return Unit(names, tuple(sorted((base, power) for base, power in dimension.items() if power)), scale, script=script)


Relation = Literal["equal", "convertible", "unclear", "different"]


def relation(a: Unit, b: Unit) -> Relation:
    """Return what two units have to do with each other.

    `equal`: the same unit. `convertible`: the same dimension. `unclear`: one may be a spelling of the other. Nouns of
    one script that are not alike are `different`; a noun of another script may be a translation.
    """
    if a.names == b.names:
        return "equal" if a.nouns == b.nouns else "unclear"
    if _may_be_same(a, b):
        return "unclear"
    if a.dimension is not None and b.dimension is not None:
        return "convertible" if a.dimension == b.dimension else "different"
    if a.words <= b.words or b.words <= a.words:
        return "unclear" if {e for _, e in a.names} == {e for _, e in b.names} else "different"
    if {"unit"} & (a.words ^ b.words) and sum(e for _, e in a.names) == sum(e for _, e in b.names):
        return "unclear"
    return "different"


def _may_be_same(a: Unit, b: Unit) -> bool:
    """Whether the two differ only in names that may stand for each other, or in a noun of another script."""
    first, second = set(a.names) - set(b.names), set(b.names) - set(a.names)
    unknown = {name for name, _ in first | second if name not in MEANINGS}
    if unknown and a.script and b.script and a.script != b.script:
        return True
    if len(first) == len(second) == 1:
        (name, exponent), (other, power) = first.pop(), second.pop()
        return exponent == power and (_alternatives(name, other) or (len(unknown) > 0 and _alike(name, other)))
    return False


def _alternatives(a: str, b: str) -> bool:
    first, second = (ALTERNATIVES.get(name, set()) | {name} for name in (a, b))
    return bool(first & second)


_CLASSIFIERS = frozenset("个 個 只 名 位 人 명 개 조 個人".split())


def _alike(a: str, b: str) -> bool:
    """Whether two nouns of one script may be the same noun: inflected, or one a part of the other."""
    if a.isascii() and b.isascii():
        return False
    if _UNSPACED.match(a) and (a in b or b in a or (a in _CLASSIFIERS and b in _CLASSIFIERS)):
        return True
    common = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return common >= 3 and common >= max(len(a), len(b)) - 3


def _script_of(text: str) -> str:
    letter = next((char for char in text if char.isalpha()), "")
    return unicodedata.name(letter, "").split(" ")[0].split("-")[0] if letter else ""


_TO_BASE = {
    "°C": "({})+273.15",
    "°F": "(({})+459.67)*5/9",
    "rad": r"({})*180/\pi",
}


def in_base_units(number: str, unit: Unit) -> str:
    """Return the formula of a quantity in the base unit of its dimension: kelvin, degree, metre, ..."""
    if len(unit.names) == 1 and unit.names[0][1] == 1 and unit.names[0][0] in _TO_BASE:
        return _TO_BASE[unit.names[0][0]].format(number)
    return f"({number})*({unit.scale})"


_SIZES = {unit.name: unit.size for unit in MEANINGS.values()}


def part_size(name: str) -> Fraction:
    """Return the size of a unit by its name."""
    return _SIZES[name]
