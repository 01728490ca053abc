r"""Characters that nobody sees, and backslashes that a reader of JSON took away.

A character that is not seen must not change how an answer is read, and must not hide a part of it:
- a character without meaning is removed (zero-width marks, variation selectors, soft hyphens inside words), and every
  kind of space is a space;
- an invisible product sign is a product sign;
- any other character that is not seen, or that hides or turns round what it stands beside, makes the text unreadable
  (`hides_something`): control characters, the replacement character, private characters, enclosing marks, overrides of
  the direction of writing. Such a text is equal to the same text only.

If a program writes `"\frac"` in JSON without doubling the backslash, the reader makes a form feed and `rac` of it. The
same happens to `\b`, `\t`, `\r` and, in Python's strings, to `\a` and `\v`. `visible` restores such a command: these
characters come before the rest of a command from nothing else.
"""

import re
import unicodedata

_ORDINARY = re.compile(r"[\n -~]*+")
_LOST: tuple[tuple[str, str, str], ...] = (
    ("\a", "a", "lpha pprox ngle rcsin rccos rctan rccot rcsec rccsc st leph nd rg symp cute mp"),
    (
        "\b",
        "b",
        "inom oxed eta ar egin mod ig igl igr igg iggl iggr old oldsymbol f m ullet ot ackslash box race rack eth "
        "igcup igcap ecause reve umpeq oxtimes",
    ),
    ("\f", "f", "rac orall lat rown box ramebox colorbox ootnotesize loor"),
    ("\v", "v", "ec arepsilon arphi artheta arnothing arrho arsigma ert dots ee phantom"),
    (
        "\t",
        "t",
        "ext extbf extit extrm extsf extstyle extcolor extdegree extnormal imes heta riangle riangleq ilde frac binom "
        "au anh herefore hinspace",
    ),
    ("\r", "r", "ight ightarrow angle ho brace brack vert ceil floor"),
    ("\n", "r", "ight ightarrow"),
    ("\n", "n", "eq abla otin exists parallel otag"),
)
"""(the character, the letter of the command that it was made of, the rests of commands)."""
_RESTORED = tuple(
    (character, letter, re.compile(rf"{character}(?=(?:{'|'.join(rests.split())})(?![A-Za-z]))"))
    for character, letter, rests in _LOST
)
_TAB_COMMAND = re.compile(r"\t(?=an\s*(?:[\\({^]|\d)|o\s*(?:\\infty|∞|[-+\d]))")
r"""`\tan` and `\to`, whose rests are words."""

_HYPHEN = re.compile("(?<=[^\\W\\d_])\u00ad+(?=[^\\W\\d_])|\u00ad+\\s*$")
"""A soft hyphen inside a word, or at the end. Before a number it may be meant as a minus, and stays."""
_UNSEEN_LETTERS = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f"
_BLANKS = "\u2800\u3164\uffa0\u2028\u2029\u0085\v\f\t\r"
_UNSEEN = {
    **dict.fromkeys(map(ord, _UNSEEN_LETTERS), ""),
    **dict.fromkeys((*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)), ""),
    **dict.fromkeys(map(ord, _BLANKS), " "),
    0x2062: "*",
}
_NARROW = frozenset("\u2009\u200a\u202f")
"""Spaces that `text.py` reads like `\\,`."""
_HIDING = frozenset("\ufffd\ufffc\u00ad\u2063\u2064\ufff9\ufffa\ufffb\u202d\u202e")
_HIDING_CATEGORIES = frozenset({"Cc", "Cs", "Co", "Cn", "Me"})


def visible(text: str) -> str:
    r"""Return a text without characters that are not seen and mean nothing, and with the commands that JSON broke.

    >>> visible("1\u200d2\u20083"), visible("\frac{1}{2}")
    ('12 3', '\\frac{1}{2}')
    """
    if _ORDINARY.fullmatch(text):
        return _restored(text) if "\n" in text else text
    text = _restored(text)
    if text.isascii():
        return text.translate(_UNSEEN)
    text = _HYPHEN.sub("", text).translate(_UNSEEN)
    return "".join(map(_plain, text))


def _plain(character: str) -> str:
    if character < "\x80" or character in _NARROW or character in _HIDING:
        return character
    category = unicodedata.category(character)
    return "" if category == "Cf" else " " if category == "Zs" else character


def _restored(text: str) -> str:
    for character, letter, command in _RESTORED:
        if character in text:
            text = command.sub(rf"\\{letter}", text)
    return _TAB_COMMAND.sub(r"\\t", text) if "\t" in text else text


def hides_something(text: str) -> bool:
    r"""Return whether a visible text holds a character that may hide or change what is seen of it.

    >>> hides_something("1\x002"), hides_something("1 2")
    (True, False)
    """
    return not _ORDINARY.fullmatch(text) and any(map(_hides, text))


def _hides(character: str) -> bool:
    if " " <= character <= "~" or character in "\n\t\r":
        return False
    return character in _HIDING or unicodedata.category(character) in _HIDING_CATEGORIES
