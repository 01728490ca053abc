r"""Read a quantity: a number with a unit, a scale word or a currency beside it.

`split_quantity` cuts a text in clean notation into the number and the words beside it. It cuts nothing that it cannot
read: if the words say more than a unit (`5 or more`, `5 if n > 2`), the text stays whole and is no quantity.

A letter behind a number may be a variable. `4 m` and `5 m/s` are read as units, because a blank stands before them.
`4m`, `3 A` and `2\pi m` stay formulas; `letters_as_unit` gives their other reading, for comparisons.
"""

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from sure_math.equivalence.units.names import MEANINGS
from sure_math.equivalence.units.scales import SCALES, SUFFIXES
from sure_math.equivalence.units.unit import LETTER, ORDINAL, SIGNS, Unit, meaning, parse_unit, parse_words


@dataclass(frozen=True, slots=True)
class Split:
    """A text cut into a number and the words beside it."""

    number: str
    scale: Fraction
    """What the scale words multiply the number by."""
    unit: Unit | None
    words: str
    """The text in front of the number and behind it, as it was written."""

    @property
    def value(self) -> str:
        """The number times the scale, as a formula. A plain decimal stays a decimal, with a power of ten."""
        number = _THOUSANDS_COMMA.sub("", self.number)
        if mixed := _MIXED.fullmatch(number):
            number = "{}({}+{}/{})".format(*mixed.groups())
        if self.scale == 1:
            return number
        number = number if _PLAIN_NUMBER.fullmatch(number) else f"({number})"
        zeros = len(str(self.scale)) - 1
        return f"{number}*10^{{{zeros}}}" if self.scale == 10**zeros else f"{number}*({self.scale})"


_THOUSANDS_COMMA = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_MIXED = re.compile(r"(-?)\s*(\d{1,9})\s+(\d{1,9})\s*/\s*(\d{1,9})")
_PLAIN_NUMBER = re.compile(r"-?[\d.,/]+")
_GROUP = r"\\text\s*\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}"
_START = re.compile(rf"{_GROUP}|\\(?:mu|Omega|ell)(?![A-Za-z])|\\[A-Za-z]+|{LETTER}+|[{SIGNS}]")
_TAIL = re.compile(
    rf"(?:\s*(?:{_GROUP}|\\(?:mu|Omega|ell)(?![A-Za-z])|{LETTER}|[{SIGNS}]|\^\s*\{{?\s*-?\s*\d{{1,2}}\s*\}}?|[-/*().,']))+\s*"
)
_TEXT_GROUP = re.compile(r"\\text\s*\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}")
_QUOTIENT = re.compile(rf"\\frac\s*\{{\s*({_GROUP})\s*\}}\s*\{{\s*({_GROUP})\s*\}}$")
"""A unit written as a fraction, `\\frac{\\text{m}}{\\text{s}}`."""
_MAX_TAIL = 120
"""Characters at the end of a text in which the unit is searched."""
_VARIABLE = re.compile("[A-BD-EG-Za-z]")
"""A letter behind a degree sign: `360^\\circ k` is a product, `20°C` a temperature."""
_FUNCTION = re.compile(r"(?:sin|cos|tan|cot|sec|csc)(?![a-z])")
"""The degree sign in `\\sin 30°` belongs to the argument, not to the value."""
_ALWAYS_TEXT = (
    "mm cm dm km ft yd kg mg lb lbs oz hr ml mL mph rad deg pct Hz kN kJ kW sec inch inches feet foot yuan mol Pa kPa "
    "MPa MHz GHz kHz kWh keV MeV eV sq cu dollars dollar cents percent degrees meters units bn mln mrd"
)
_ALWAYS = frozenset(_ALWAYS_TEXT.split())
"""Spellings that are a unit even without a blank before them (12cm). Other short ones could be variables."""
_PERHAPS_LETTERS_TEXT = "mg hr lb ft ml mL yd dm Pa kN kJ kW eV"
_PERHAPS_LETTERS = frozenset(_PERHAPS_LETTERS_TEXT.split())
"""Units that are also products of customary letters (3mg, \\pi hr): units behind a plain number and a blank only."""
_LETTERS_AFTER_BLANK = frozenset("mgshlLNJWV")
"""Letters that are a unit behind a plain number and a blank (4 m)."""
_UPRIGHT_LETTERS = frozenset("mgtshlLNJWVAKCFHT")
"""Letters that are a unit if they are upright (4\\text{m}). Others, such as i and e, are not."""
_QUOTIENTS = (frozenset("mgNJWVCALlkt"), frozenset("shmCKLlgA"))
"""Letters above and below the slash of a unit such as m/s."""
_FORMULA_TEXT = "pi e i x y z sqrt sin cos tan log ln exp mod theta alpha beta infinity choose"
_FORMULA_WORDS = frozenset(_FORMULA_TEXT.split())
_CODES_TEXT = "USD EUR GBP CHF JPY CNY RMB INR SEK NOK DKK PLN CZK HUF RUB UAH KRW BRL MXN CAD AUD NZD SGD HKD ZAR TRY"
_CODES = "|".join(_CODES_TEXT.split())
_HEAD = re.compile(
    rf"^([-+]?)\s*(?:\\text\s*\{{\s*)?((?:US|U\.S\.|A|C|HK|NZ|S)?\s*[¤€£¥￥₹₽₴₩₪฿₫₺₦₱]|(?:{_CODES})(?![A-Za-z])|Rs\.?(?![A-Za-z])|R¤"
    r"|kr\.?(?![A-Za-z])|Fr\.)\s*\}?\s*(-?)\s*(?=[\d.\\(])"
)
_HEAD_NAMES = {"A¤": "aud", "C¤": "cad", "HK¤": "hkd", "NZ¤": "nzd", "S¤": "sgd", "R¤": "brl", "Fr.": "chf"}
_ORDINAL = re.compile(
    r"(\d+)\s*\^?\s*\{?\s*(?:\\text\s*\{\s*)?(st|nd|rd|th)\s*\}*"
    r"|(\d+)\s*\^?\s*\{?\s*(?:\\text\s*\{\s*)?(?:-?\s*(?:й|я|е|го|ій|та|тя|ая|ый|ое)|ème|ième|ª|\.º|번째|番目)\s*\}*"
    r"|(?:\\text\s*\{\s*)?(?:第|제)\s*\}?\s*(\d+)"
)
_ANY = re.compile(rf"[A-Za-z{SIGNS}]|[^\x00-\x7f]")


_NEGATIVE = re.compile(
    r"(?:\\text\s*\{\s*)?(?:minus|negative|负|負)\s*\}?\s*(?=[\d.\\][^-+]*$)(?!\\text)", re.IGNORECASE
)


def split_quantity(text: str) -> Split:
    r"""Cut a quantity into number and words: `15\text{ cm}^{2}`, `12cm`, `¤5.50`, `1.5 million`, `3 h 20 min`.

    >>> split_quantity("12cm").number, split_quantity("1.5 million").value
    ('12', '1.5*10^{6}')
    """
    if not _ANY.search(text):
        return Split(text, Fraction(1), None, "")
    if negative := _NEGATIVE.match(text):
        split = split_quantity(text[negative.end() :])
        return replace(split, number=f"-{split.number}", words=f"{negative.group()} {split.words}")
    if "frac" in text and (quotient := _QUOTIENT.search(text)):
        split = split_quantity(f"{text[: quotient.start()]} {quotient.group(1)}/{quotient.group(2)}")
        return split if split.unit is None else replace(split, words=f"{split.words} {quotient.group()}")
    return (
        _ordinal(text)
        or _with_currency(text)
        or split_parts(text)
        or _behind(text)
        or Split(text, Fraction(1), None, "")
    )


def _ordinal(text: str) -> Split | None:
    """Read `3rd`, `4^{th}`, `3-й`, `第3`."""
    match = _ORDINAL.fullmatch(text)
    if match is None:
        return None
    number = match.group(1) or match.group(3) or match.group(4)
    if match.group(2) and match.group(2) != _ending(number):
        return None
    return Split(number, Fraction(1), ORDINAL, text.replace(number, " ", 1).strip())


def _ending(number: str) -> str:
    return "th" if number[-2:-1] == "1" else {"1": "st", "2": "nd", "3": "rd"}.get(number[-1], "th")


def _with_currency(text: str) -> Split | None:
    """Read `¤5`, `-¤5`, `¤-5`, `CHF 5`, `¤1.2 \\text{ billion}`, `¤5k` and `¤15 per hour`."""
    head = _HEAD.match(text)
    if head is None:
        return None
    sign, written = head.group(1) + head.group(3), re.sub(r"\s", "", head.group(2))
    currency = parse_unit(
        _HEAD_NAMES.get(written, written.rstrip(".")[-1:] if written[-1] in SIGNS else written.rstrip("."))
    )
    rest = text[head.end() :].strip()
    if currency is None or len(sign) > 1:
        return None
    words = text[len(head.group(1)) : head.end()]
    if suffix := re.fullmatch(r"([\d.,]+)\s*([kKMBmbT])", rest):
        return Split(
            sign + suffix.group(1), Fraction(10 ** SUFFIXES[suffix.group(2)]), currency, words + suffix.group(2)
        )
    tail = _behind(rest)
    if tail is None:
        return Split(sign + rest, Fraction(1), currency, words)
    unit = currency
    if tail.unit is not None and tail.unit != currency:
        if any(exponent > 0 for _, exponent in tail.unit.names):
            return None
        joined = parse_unit(f"{currency.names[0][0]} {_flat(tail.words)}")
        if joined is None:
            return None
        unit = joined
    return Split(sign + tail.number, tail.scale, unit, f"{words} {tail.words}")


def _behind(text: str) -> Split | None:
    """Read the unit behind a number: the longest end of the text that is one."""
    for match in _START.finditer(text, max(1, len(text) - _MAX_TAIL)):
        if not _TAIL.fullmatch(text, match.start()):
            continue
        number = text[: match.start()].rstrip()
        words = text[match.start() :]
        if number.endswith(("*", "/")) and match.group().startswith("\\text"):
            words = f"/{words}" if number.endswith("/") else words
            number = number[:-1].rstrip()
        if (
            not number
            or number[-1] in "+-*/^_=<>,;:(\\"
            or (number[-1].isalpha() and number[-1] == text[match.start() - 1] and words[0].isalpha())
        ):
            continue
        if words.count("(") == words.count(")") and (
            read := _read_words(words, number, text[match.start() - 1] == " ")
        ):
            return Split(number, read[0], read[1], text[len(number) :])
    return None


def _read_words(words: str, number: str, blank: bool) -> tuple[Fraction, Unit | None] | None:
    """Read the words behind a number, if they are a unit and not a part of the formula."""
    flat = _flat(words)
    if not flat:
        return None
    if flat[0] == "\\":
        plain = blank and _PLAIN_NUMBER.fullmatch(number) and re.fullmatch(r"\\(?:mu ?[A-Za-z]|Omega|ell)", flat)
        return _known(flat) if plain or "\\text" in words else None
    if re.fullmatch(r"[kMm] ?\\Omega", flat):
        return _known(flat) if _PLAIN_NUMBER.fullmatch(number) else None
    upright = words.lstrip("/ ").startswith("\\text")
    runs = re.findall(rf"{LETTER}+", flat)
    if flat[0] == "°" and (_FUNCTION.search(number) or (runs and not upright and _VARIABLE.fullmatch(runs[0]))):
        return None
    if flat[0] in SIGNS or (runs and not runs[0].isascii()):
        return parse_words(flat)
    if not runs:
        return None
    if len(flat) == 1:
        allowed = _UPRIGHT_LETTERS if upright else _LETTERS_AFTER_BLANK
        return (
            parse_words(flat) if flat in allowed and (upright or (blank and _PLAIN_NUMBER.fullmatch(number))) else None
        )
    if upright:
        return parse_words(flat) if len(runs[0]) > 1 or runs[0] in _UPRIGHT_LETTERS else _known(flat)
    if any(run.lower() in _FORMULA_WORDS for run in runs) or not _is_plain_unit(flat, runs, number, blank):
        return None
    return parse_words(flat)


def _flat(words: str) -> str:
    return _TEXT_GROUP.sub(lambda group: f" {group.group(1)}", words).strip()


def _known(flat: str) -> tuple[Fraction, Unit | None] | None:
    """Read a unit of the tables; None for any other word."""
    read = parse_words(flat)
    return read if read is not None and read[1] is not None and read[1].dimension is not None else None


def _is_plain_unit(flat: str, runs: list[str], number: str, blank: bool) -> bool:
    """Whether plain Latin letters behind a number are a unit, a scale word or a noun."""
    first = runs[0]
    known = all(run in MEANINGS or run.lower() == "per" for run in runs)
    if max(map(len, runs)) == 1 and _POWER_OF_METRE.fullmatch(flat):
        return blank and _PLAIN_NUMBER.fullmatch(number) is not None
    if max(map(len, runs)) == 1:
        return blank and known and _is_quotient(flat) and not number[-1].isalpha()
    if first in _ALWAYS or first.lower() in _ALWAYS:
        return first not in _PERHAPS_LETTERS or (blank and _PLAIN_NUMBER.fullmatch(number) is not None)
    if not blank:
        return len(first) > 3 and (first.lower() in SCALES or meaning(first) is not None)
    if known and not number[-1].isalpha():
        return True
    if len(first) == 1:
        return False
    return all(len(run) >= 2 for run in runs) and (len(first) >= 3 or first.lower() in SCALES)


_POWER_OF_METRE = re.compile(r"m\s*\^\s*\{?\s*[23]\s*\}?")
_LETTER_QUOTIENT = re.compile(
    r"([A-Za-z])(?:\^\{?[23]\}?)?\s*(?:/\s*([A-Za-z])(?:\^\{?[23]\}?)?|\*?\s*([A-Za-z])\s*\^\s*\{?\s*-\s*\d\s*\}?)"
)


def _is_quotient(flat: str) -> bool:
    """Whether single letters are a unit such as m/s, m/s^2 and m s^{-1}."""
    match = _LETTER_QUOTIENT.fullmatch(flat.strip())
    return match is not None and match.group(1) in _QUOTIENTS[0] and (match.group(2) or match.group(3)) in _QUOTIENTS[1]


_PART = re.compile(
    r"\s*(?:,|and|и|und|et|y|零|又)?\s*(\d[\d,]*(?:\.\d+)?|\\frac\{\d+\}\{\d+\}|\d+/\d+)\s*"
    rf"((?:{LETTER}|[{SIGNS}'\"., -])+)"
)
_MAX_PARTS = 5


def split_parts(text: str) -> Split | None:
    """Read `3 h 20 min`, `5 ft 3 in`, `3米5厘米`, `8点30分`, `2 days and 3 hours`: units of one kind, largest first."""
    flat = _TEXT_GROUP.sub(lambda group: f" {group.group(1)} ", text).strip().replace("'" * 2, '"')
    negative, body = flat.startswith("-"), flat.lstrip("-+ ")
    if not re.search(r"[^\d\s,./]\s*,?\s*(?:and )?\s*[\d\\]", body) or len(body) > _MAX_TAIL:
        return None
    numbers: list[str] = []
    parts: list[tuple[Fraction, Unit | None]] = []
    at = 0
    while at < len(body):
        match = _PART.match(body, at)
        if match is None or len(parts) == _MAX_PARTS:
            return None
        read = _part_unit(match.group(2), bool(parts))
        if read is None:
            return None
        numbers.append(match.group(1).replace(",", ""))
        parts.append(read)
        at = match.end()
    return _sum(numbers, parts, negative, flat) if len(parts) > 1 else None


_PART_SIGNS = {"'": "arcmin", '"': "arcsec"}


def _part_unit(words: str, later: bool) -> tuple[Fraction, Unit | None] | None:
    words = re.sub(r"(?:,|\band|\bund|\bet|\by|\bи|零|又)\s*$", "", words.strip()).strip(" ,.")
    if later and words in _PART_SIGNS:
        words = _PART_SIGNS[words]
    return parse_words(words) if words else None


_RESOLVED = {"lb": "gbp", "分": "minute", "cent": "eurocent"}


def _sum(numbers: list[str], parts: list[tuple[Fraction, Unit | None]], negative: bool, flat: str) -> Split | None:
    """Add the parts in the unit of the last one; None if they are not of one kind and ever smaller."""
    units = [unit for _, unit in parts if unit is not None]
    if len(units) != len(parts):
        return _sum_of_scales(numbers, parts, units, negative, flat)
    if any(
        len(unit.names) != 1 or unit.names[0][1] != 1 or scale != 1
        for (scale, _), unit in zip(parts, units, strict=True)
    ):
        return None
    if len({unit.dimension for unit in units}) > 1:
        units = [parse_unit(_RESOLVED.get(unit.names[0][0], unit.names[0][0])) or unit for unit in units]
    dimensions, sizes = {unit.dimension for unit in units}, [unit.scale for unit in units]
    if len(dimensions) > 1 or None in dimensions:
        return None
    known = [size for size in sizes if size is not None]
    if any(first <= second for first, second in pairwise(known)):
        return None
    total = "+".join(f"{number}*({size / known[-1]})" for number, size in zip(numbers, known, strict=True))
    unit = Unit(tuple(unit.names[0] for unit in units), units[0].dimension, known[-1], parts=True)
    return Split(f"-({total})" if negative else total, Fraction(1), unit, flat)


def _sum_of_scales(
    numbers: list[str], parts: list[tuple[Fraction, Unit | None]], units: list[Unit], negative: bool, flat: str
) -> Split | None:
    """Read `2 million 500 thousand` and `3万5千元`: scale words, ever smaller, with one unit at the end at most."""
    scales = [scale for scale, _ in parts]
    if any(first <= second for first, second in pairwise(scales)) or any(unit for _, unit in parts[:-1]):
        return None
    total = "+".join(f"{number}*({scale})" for number, scale in zip(numbers, scales, strict=True))
    return Split(f"-({total})" if negative else total, Fraction(1), units[0] if units else None, flat)


_SYMBOL = r"[A-Za-z]{1,3}(?:\^\s*\{?\s*-?\d\s*\}?)?"
_LETTERS_BEHIND = re.compile(
    rf"(.*(?:[\d)}}\]!]|\\pi))\s*((?:\\mu ?)?{_SYMBOL}(?:\s*[/* ]\s*{_SYMBOL}|/\({_SYMBOL}[* ]{_SYMBOL}\))?)"
)


def letters_as_unit(text: str) -> tuple[str, Unit] | None:
    r"""Return the other reading of a formula whose last letters may be a unit: `0.64N`, `4m^2`, `2\pi m`, `3 A`.

    >>> letters_as_unit("0.64N")[0], letters_as_unit("2x")
    ('0.64', None)
    """
    match = _LETTERS_BEHIND.fullmatch(text) if len(text) <= _MAX_TAIL else None
    unit = parse_unit(match.group(2)) if match else None
    return None if match is None or unit is None or unit.dimension is None else (match.group(1), unit)


_SUFFIXED = re.compile(r"(-?[\d.]+)\s*([kKMBT])")


def letter_as_scale(text: str) -> str | None:
    """Return the value of `5k` if the letter is a scale and no variable.

    >>> letter_as_scale("5k")
    '5*10^{3}'
    """
    match = _SUFFIXED.fullmatch(text)
    return f"{match.group(1)}*10^{{{SUFFIXES[match.group(2)]}}}" if match else None
