"""Units behind a number: their spellings, when two units are the same, and the factor between two units."""

import re
from dataclasses import dataclass
from fractions import Fraction

_DIMENSIONS: dict[str, dict[str, tuple[str, str]]] = {
    "length": {
        "mm": ("1/1000", "mm millimeter millimetre"),
        "cm": ("1/100", "cm centimeter centimetre"),
        "dm": ("1/10", "dm decimeter"),
        "m": ("1", "m meter metre"),
        "km": ("1000", "km kilometer kilometre"),
        "in": ("127/5000", "in inch inches"),
        "ft": ("381/1250", "ft feet foot"),
        "yd": ("1143/1250", "yd yard"),
        "mi": ("201168/125", "mi mile"),
    },
    "mass": {
        "mg": ("1/1000", "mg milligram"),
        "g": ("1", "g gram"),
        "kg": ("1000", "kg kilogram"),
        "lb": ("45359237/100000", "lb lbs pound"),
        "oz": ("45359237/1600000", "oz ounce"),
        "ton": ("1000000", "t ton tonne"),
    },
    "time": {
        "ms": ("1/1000", "ms millisecond"),
        "s": ("1", "s sec second"),
        "min": ("60", "min minute"),
        "h": ("3600", "h hr hour"),
        "day": ("86400", "day"),
        "week": ("604800", "week"),
        "month": ("2629746", "month"),
        "year": ("31556952", "yr year"),
    },
    "volume": {
        "ml": ("1/1000", "ml mL milliliter millilitre"),
        "l": ("1", "L l liter litre"),
        "gal": ("473176473/125000000", "gal gallon"),
        "cup": ("473176473/2000000000", "cup"),
        "pint": ("473176473/1000000000", "pint"),
        "quart": ("473176473/500000000", "quart"),
    },
    "angle": {"°": ("1", "° degree deg"), "rad": ("180", "rad radian"), "arcmin": ("1/60", "arcminute")},
    "money": {"$": ("1", "$ dollar usd"), "cent": ("1/100", "cent ¢ penny pennies pence")},
    "euro": {"€": ("1", "€ euro eur")},
    "sterling": {"£": ("1", "£ gbp")},
    "yuan": {"yuan": ("1", "yuan rmb ¥")},
    "rupee": {"rupee": ("1", "rupee rs ₹")},
    "force": {"N": ("1", "N newton"), "kN": ("1000", "kN kilonewton")},
    "energy": {"J": ("1", "J joule"), "kJ": ("1000", "kJ kilojoule")},
    "power": {"W": ("1", "W watt"), "kW": ("1000", "kW kilowatt")},
    "frequency": {"Hz": ("1", "Hz hertz")},
    "current": {"A": ("1", "ampere amp")},
    "voltage": {"V": ("1", "V volt")},
    "percent": {"%": ("1", "% percent pct percentage")},
}
"""Dimension -> unit -> (size in the unit of size 1 of the dimension, spellings without the plural s)."""

_SPELLINGS = {
    spelling: (unit, dimension, Fraction(size))
    for dimension, table in _DIMENSIONS.items()
    for unit, (size, spellings) in table.items()
    for spelling in spellings.split()
}
_ALWAYS_UNIT_TEXT = (
    "mm cm dm km ft yd kg mg lb lbs oz hr ml mL mph rad deg pct Hz kN kJ kW sec inch inches feet foot yuan"
)
_ALWAYS_UNIT = frozenset(_ALWAYS_UNIT_TEXT.split())
"""Short spellings that are a unit even without a blank or \\text before them (12cm). A single letter could be a
variable.
"""
_IGNORED_TEXT = "of the a an per each in all total about approximately"
_IGNORED = frozenset(_IGNORED_TEXT.split()) - {
    "in",
    "per",
}
_WORD = re.compile(r"[A-Za-z]+|[°%¢€£¥₹¤]|\^\s*\{?\s*-?\s*\d+\s*\}?|/|-")
_ABBREVIATIONS = {"mph": "miles per hour", "kph": "km per hour", "kmh": "km per hour"}
_ABBREVIATION = re.compile(r"\b(?:mph|kph|kmh)\b", re.IGNORECASE)
_POWER = re.compile(r"\^\s*\{?\s*(-?)\s*(\d+)\s*\}?")


@dataclass(frozen=True, slots=True)
class Unit:
    """A product of named units. `scale` and `dimension` are None for a noun that is in no table (`apples`)."""

    names: tuple[tuple[str, int], ...]
    """Sorted (name, exponent), synonyms and plurals removed."""
    dimension: tuple[tuple[str, int], ...] | None
    scale: Fraction | None

    @property
    def words(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.names)


PERCENT = Unit((("%", 1),), (("percent", 1),), Fraction(1))
DEGREE = Unit((("°", 1),), (("angle", 1),), Fraction(1))


def _singular(word: str) -> str:
    lower = word.lower()
    if lower.endswith("ies") and len(lower) > 4:
        return lower[:-3] + "y"
    if lower.endswith(("ches", "shes", "xes", "sses")):
        return lower[:-2]
    return lower[:-1] if lower.endswith("s") and not lower.endswith("ss") and len(lower) > 3 else lower


def _lookup(word: str) -> tuple[str, tuple[str, Fraction] | None]:
    """Return (name, (dimension, size)) of a word; (name, None) if the word is not a unit."""
    word = {"¤": "$"}.get(word, word)
    for spelling in (word, word.lower() if len(word) > 1 else word, _singular(word)):
        if spelling in _SPELLINGS:
            unit, dimension, size = _SPELLINGS[spelling]
            return unit, (dimension, size)
    return _singular(word), None


def parse_unit(text: str) -> Unit | None:
    """Return the unit that a text spells (`cm`, `square feet`, `m/s^2`, `apples`); None if it cannot be a unit.

    `^2`, `square` and `cubic` make powers; `per` and `/` divide. `units` alone is an empty product.

    >>> parse_unit("square feet").names
    (('ft', 2),)
    """
    if len(text) > 80 or re.sub(_WORD, "", text).strip(" .{}()\\,"):
        return None
    exponents: dict[str, int] = {}
    known: dict[str, tuple[str, Fraction]] = {}
    sign, pending, last = 1, 1, ""
    for token in _WORD.findall(_ABBREVIATION.sub(lambda match: _ABBREVIATIONS[match.group().lower()], text)):
        lower = token.lower()
        if power := _POWER.fullmatch(token):
            if not last:
                return None
            exponents[last] *= (-1 if power.group(1) else 1) * int(power.group(2)[:3])
        elif token in ("/", "per") or lower == "per":
            sign = -1
        elif token == "-" or lower in _IGNORED:
            continue
        elif lower in ("square", "squared", "sq", "cubic", "cubed", "cu"):
            factor = 2 if lower.startswith("sq") else 3
            if lower in ("squared", "cubed") and last:
                exponents[last] *= factor
            else:
                pending = factor
        else:
            last, meaning = _lookup(token)
            if meaning:
                known[last] = meaning
            exponents[last] = exponents.get(last, 0) + sign * pending
            sign, pending = (1 if lower != "per" else sign), 1
    if pending != 1:
        exponents["unit"] = exponents.get("unit", 0) + pending
    if list(exponents.items()) == [("unit", 1)]:
        exponents = {}
    elif not exponents:
        return None
    return _product(exponents, known)


def _product(exponents: dict[str, int], known: dict[str, tuple[str, Fraction]]) -> Unit:
    names = tuple(sorted((name, exponent) for name, exponent in exponents.items() if exponent))
    if not all(name in known for name, _ in names) or any(abs(exponent) > 9 for _, exponent in names):
        return Unit(names, None, None)
    dimension: dict[str, int] = {}
    scale = Fraction(1)
    for name, exponent in names:
        kind, size = known[name]
        dimension[kind] = dimension.get(kind, 0) + exponent
        scale *= size**exponent
    return Unit(names, tuple(sorted((kind, power) for kind, power in dimension.items() if power)), scale)


_TAIL_TEXT = re.compile(
    r"(?:\\text\s*\{([^{}]*)\}\s*((?:\^\s*\{?\s*-?\d\s*\}?)?(?:\s*/?\s*\\text\s*\{[^{}]*\}\s*(?:\^\s*\{?\s*-?\d\s*\}?)?)*))$"
)
_TAIL_WORDS = re.compile(r"(?<=[\d)}\]. °%])(\s*)([A-Za-z][A-Za-z/.\s-]*?(?:\^\s*\{?\s*[23]\s*\}?)?)\s*$")
_TEXT_GROUP = re.compile(r"\\text\s*\{([^{}]*)\}")
_HEAD_CURRENCY = re.compile(r"^(-?)\s*(?:US|U\.S\.)?\s*(?:\\text\s*\{\s*([¤€£¥₹])\s*\}|([¤€£¥₹]))\s*(?=[\d.\\(-])")
_PLAIN_NUMBER = re.compile(r"-?[\d.,/]+")
_FUNCTION = re.compile(r"(?:sin|cos|tan|cot|sec|csc)(?![a-z])")
"""The degree sign in `\\sin 30°` belongs to the argument, not to the value."""
_NOT_UNITS_TEXT = (
    "pi e i x y z sqrt sin cos tan log ln exp or and mod if for when where theta alpha beta infinity choose"
)
_NOT_UNITS = frozenset(_NOT_UNITS_TEXT.split())


def split_unit(text: str) -> tuple[str, Unit | None]:
    r"""Split a quantity in clean notation into number and unit: `15\text{ cm}^{2}`, `12cm`, `¤5.50`, `3 apples`.

    >>> split_unit("12cm")[0]
    '12'
    """
    if head := _HEAD_CURRENCY.match(text):
        return head.group(1) + text[head.end() :], parse_unit(head.group(2) or head.group(3))
    if text.endswith(("%", "°", "¢", "€", "£", "¥", "₹", "¤")) and len(text) > 1 and not _FUNCTION.search(text):
        rest = text[:-1].rstrip("{ ")
        return rest, parse_unit(text[-1])
    if (match := _TAIL_TEXT.search(text)) and match.start() > 0:
        words = _TEXT_GROUP.sub(lambda group: group.group(1), match.group())
        unit = parse_unit(words.strip("} "))
        if unit is not None:
            return text[: match.start()].rstrip(), unit
    if match := _TAIL_WORDS.search(text):
        words = match.group(2).strip()
        number = text[: match.start()].rstrip()
        blank = bool(match.group(1))
        if _is_unit_phrase(words, blank) or (blank and words in _SPELLINGS and _PLAIN_NUMBER.fullmatch(number)):
            return number, parse_unit(words)
    return text, None


def _is_unit_phrase(words: str, after_blank: bool) -> bool:
    """Whether letters behind a number are a unit: a known unit or, after a blank, words of three letters or more."""
    parts = re.findall(r"[A-Za-z]+", words)
    if not parts or any(word.lower() in _NOT_UNITS for word in parts):
        return False
    if (
        parts[0].lower() in ("sq", "cu")
        or parts[0] in _ALWAYS_UNIT
        or parts[0].lower() in ("dollars", "cents", "percent", "degrees", "meters", "units")
    ):
        return True
    return after_blank and all(len(word) >= 2 for word in parts) and len(parts[0]) >= 3


def same_number_verdict(a: Unit, b: Unit) -> str:
    """Return `equal` for the same unit, `convertible` if one is a multiple of the other, `unclear` or `different`."""
    if a.names == b.names:
        return "equal"
    if a.dimension is not None and b.dimension is not None:
        return "convertible" if a.dimension == b.dimension else "different"
    if a.dimension is None and b.dimension is None and (a.words <= b.words or b.words <= a.words):
        return "unclear" if {e for _, e in a.names} == {e for _, e in b.names} else "different"
    if {"unit"} & (a.words ^ b.words) and sum(e for _, e in a.names) == sum(e for _, e in b.names):
        return "unclear"
    return "different"
