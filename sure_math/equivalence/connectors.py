"""Words that join the members of an answer: `1 or 2`, `1 oder 2`, `1或2`, `x = 1 и x = 2`."""

import re

from sure_math.joining_words import AND, OR

LETTER = r"(?:[^\W\d_]|[\u0300-\u036f\u0610-\u065f\u0900-\u0dff\u0e31-\u0e4e])"
"""A letter of any script, or a mark that some scripts put on letters."""
WORD = rf"[^\W\d_]{LETTER}*"
"""A word in any script."""
_AND = AND | {"a"}
WORDS = _AND | OR
"""Joining words of languages that put blanks between words."""
_UNSPACED = (
    "或者是",
    "或者",
    "或是",
    "または",
    "又は",
    "あるいは",
    "もしくは",
    "及び",
    "および",
    "そして",
    "かつ",
    "또는",
    "혹은",
    "그리고",
    "以及",
    "或",
    "和",
    "且",
    "与",
    "與",
    "及",
    "、",
)
"""Joining words that need no blanks around them."""
_UNSPACED_AND = frozenset({"及び", "および", "そして", "かつ", "그리고", "以及", "和", "且", "与", "與", "及"})
_SHORT = frozenset(word for word in WORDS if len(word) == 1 and word.isascii())
"""A single Latin letter may be a variable. It joins only two assignments of the same variable, or inside `\\text`."""

_TEXT = re.compile(rf"\\text\s*\{{\s*,?\s*({WORD})\s*,?\s*\}}")
_SPACED_WORD = re.compile(rf" ({WORD})(?= )")
_UNSPACED_WORD = re.compile("|".join(_UNSPACED))
_LEADING = re.compile(rf"({WORD})\s+")
_LABEL_AT_END = re.compile(
    r"^(.*?[\s\d)}\]!'°%.,;])((?:\\?[A-Za-z]+|\\(?:overline|vec|bar|hat|text)\s*\{[^{}]*\})(?:_\{[^{}]*\}|_\w|')*(?:\([A-Za-z]\))?)$",
    re.DOTALL,
)


def plain_connectors(text: str) -> str:
    r"""Write a joining word inside `\text{...}`, or glued to formulas, as a word with blanks around it.

    >>> plain_connectors(r"1\text{ oder }2"), plain_connectors("1or2")
    ('1 oder 2', '1 or 2')
    """

    def replace(match: re.Match[str]) -> str:
        word = match.group(1)
        is_joining = word.lower() in WORDS or word in _UNSPACED
        return f" {_LONG_OF.get(word, word)} " if is_joining else match.group()

    text = _TEXT.sub(replace, text)
    return _GLUED.sub(r" \1 ", text)


_LONG_OF = {"y": "und", "o": "oder", "e": "und", "i": "und", "a": "und"}
"""A one-letter word that stood in `\\text` is no variable; a long word with the same meaning takes its place."""
_GLUED = re.compile(r"(?<=[\d)}\]⦄])(or|and|oder|und|ou|et|или|и)(?=[\d(\\\[A-Z⦃-])")


def connector_at(text: str, index: int) -> int:
    """Return the length of the joining word, with its blanks, at an index of a text; 0 if there is none."""
    if text[index] == " ":
        match = _SPACED_WORD.match(text, index)
        if match is not None and (word := match.group(1).lower()) in WORDS and word not in _SHORT:
            return match.end() + 1 - index
        return 0
    match = _UNSPACED_WORD.match(text, index) if text[index] > "\x7f" else None
    return len(match.group()) if match else 0


_BETWEEN_NUMBERS = re.compile(rf"[\d)}}\]] (?:{'|'.join(sorted(_SHORT))}) [\d(\\\[-]")


def may_join(text: str) -> bool:
    """Return whether a single Latin letter between two numbers may be a word (`44 o 21`) or a variable."""
    return _BETWEEN_NUMBERS.search(text) is not None


def without_leading_connector(part: str) -> tuple[str, str]:
    """Split the joining word off the beginning of a part (`1, 2, and 3`): (part, word)."""
    if (match := _LEADING.match(part)) and match.group(1).lower() in WORDS - _SHORT:
        return part[match.end() :], match.group(1)
    if match := _UNSPACED_WORD.match(part):
        return part[match.end() :].strip(), match.group()
    return part, ""


def says_and(connectors: str) -> bool:
    """Return whether one of the joining words means "and"."""
    words = connectors.lower().split()
    return any(word in _AND for word in words) or any(word in connectors for word in _UNSPACED_AND)


def says_or(connectors: str) -> bool:
    """Return whether one of the joining words means "or"."""
    words = connectors.lower().split()
    return any(word in OR for word in words) or any(
        word in connectors for word in _UNSPACED if word != "、" and word not in _UNSPACED_AND
    )


def joins_at_end(part: str, first_label: str) -> tuple[str, str, str] | None:
    """Split `1 or y` (what stands between two `=`) into value, joining word and label; None if nothing joins them.

    >>> joins_at_end("1 or y", "x"), joins_at_end("1 y", "x"), joins_at_end("1 x", "x")
    (('1', 'or', 'y'), None, ('1', '', 'x'))
    """
    match = _LABEL_AT_END.match(part)
    if match is None:
        return None
    before, label = match.group(1).rstrip(), match.group(2)
    words = re.search(rf"(?:[\s,;]|\\\\)*((?:{WORD})?)$", before)
    assert words is not None
    word = words.group(1).lower()
    value = before[: words.start()]
    same = re.sub(r"\s", "", label) == re.sub(r"\s", "", first_label)
    if word and value:
        if word in WORDS and (same or word not in _SHORT):
            return value, word, label
        unspaced = _UNSPACED_WORD.match(word)
        if unspaced is not None and unspaced.end() == len(word):
            return value, word, label
    return (before, "", label) if same else None
