"""Read a number that is written as words: `twelve`, `three-fourths`, `two and a half`.

An answer is read here only as a whole: `one` is 1, but `one apple` is not read here.
"""

import re

_SMALL_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_SMALL = {word: value for value, word in enumerate(_SMALL_WORDS.split())}
_TENS_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety"
_TENS = {word: 10 * value for value, word in enumerate(_TENS_WORDS.split(), start=2)}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_ORDINAL_WORDS = "third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
_PARTS = {word: value for value, word in enumerate(_ORDINAL_WORDS.split(), start=3)} | {
    "half": 2, "quarter": 4, "sixteenth": 16, "twentieth": 20, "hundredth": 100, "thousandth": 1000,
}  # fmt: skip
_PARTS |= {f"{word}s": value for word, value in _PARTS.items() if word != "half"} | {"halves": 2}
_MAX_LENGTH = 120


def number_in_words(text: str) -> str | None:
    r"""Return the number that a text writes as words; None if it is anything else.

    >>> number_in_words("twenty-one"), number_in_words("three fourths"), number_in_words("twenty apples")
    ('21', '\\frac{3}{4}', None)
    """
    if not 3 <= len(text) <= _MAX_LENGTH:
        return None
    words = re.split(r"[\s-]+", text.strip().lower())
    sign = "-" if words[0] in ("minus", "negative") else ""
    words = words[bool(sign) :]
    if not words:
        return None
    fraction = _fraction(words)
    if fraction is not None:
        return sign + fraction
    if "and" in words:
        at = len(words) - 1 - words[::-1].index("and")
        whole, part = _whole(words[:at]), _fraction(words[at + 1 :])
        if whole is not None and part is not None:
            return rf"{sign}({whole}+{part})"
    whole = _whole(words)
    return None if whole is None else f"{sign}{whole}"


def _fraction(words: list[str]) -> str | None:
    """Read `half`, `one half`, `three fourths`: a numerator below 20 and the name of the parts."""
    lower = _PARTS.get(words[-1]) if words else None
    if lower is None or len(words) > 2:
        return None
    if len(words) == 1:
        return rf"\frac{{1}}{{{lower}}}" if words[0] == "half" else None
    upper = 1 if words[0] in ("a", "an") else _SMALL.get(words[0])
    if upper is None or (upper == 1) == words[1].endswith("s") or (upper != 1 and words[1] == "half"):
        return None
    return rf"\frac{{{upper}}}{{{lower}}}"


def _whole(words: list[str]) -> int | None:
    """Read `three`, `one hundred and five`, `two thousand twenty-four`."""
    total, last_scale = 0, 10**15
    group: list[str] = []
    for word in words:
        if (scale := _SCALES.get(word)) is None:
            group.append(word)
            continue
        value = _below_thousand(group)
        if not value or scale >= last_scale:
            return None
        total, last_scale, group = total + value * scale, scale, []
    if not group:
        return total if total else None
    if total and group[0] == "and":
        group = group[1:]
    value = _below_thousand(group)
    return None if value is None or (total and not value) else total + value


def _below_thousand(words: list[str]) -> int | None:
    hundreds = 0
    if len(words) >= 2 and words[1] == "hundred":
        hundreds = 1 if words[0] == "a" else _SMALL.get(words[0], 0)
        words = words[2:]
        if not hundreds:
            return None
        if not words:
            return 100 * hundreds
        words = words[words[0] == "and" :]
    match words:
        case [word] if word in _SMALL or word in _TENS:
            value = _SMALL.get(word, _TENS.get(word, 0))
        case [tens, ones] if tens in _TENS and 0 < _SMALL.get(ones, 0) < 10:
            value = _TENS[tens] + _SMALL[ones]
        case _:
            return None
    return 100 * hundreds + value if not hundreds or value else None
