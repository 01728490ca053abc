"""The prose in a text of mathematics: the sentences between drawings, formulas and quotations.

Every pattern takes linear time: inside a span its opening is not searched for again, or the span is bounded.
"""

from __future__ import annotations

import re

MARK = "□"
"""Stands for a formula, a drawing or a quotation that was taken out of a sentence."""

_DRAWING = re.compile(r"[\[<]asy[\]>](?:(?![\[<]asy).)*?[\[<]/asy[\]>]|```(?:(?!```).)*```", re.S | re.I)
_MONEY = re.compile(r"\\?\$(?=\d[\d,.]*\s*(?:[A-Za-z]{2,}|[.,;?!]?(?:\s|$)))|\\\$")
_ENVIRONMENT = re.compile(r"\\begin\s?\{\w+\*?\}(?:(?!\\begin\b|\\end\b).)*\\end\s?\{\w+\*?\}", re.S)
_FORMULA = re.compile(
    r"\$\$[^$]*\$\$|\$[^$]*\$|(?<!\\)\\\[(?:(?!\\\[).)*?\\\]|(?<!\\)\\\((?:(?!\\\().)*?\\\)|\\[a-zA-Z]+(?:\{[^{}]{0,200}\})*",
    re.S,
)
_QUOTATION = re.compile(r"\"[^\"]{0,300}\"|“[^”]{0,300}”|``[^'`]{0,300}''")
_ASIDE = re.compile(r"\([^()]{4,300}\)")
_BREAK = re.compile(
    r"(?<=[.?!])[\"')*_]*\s+|\n\s*\n|\n?\s(?=\((?:[a-h]|i{1,3}|iv|v|\d)\)\s)|\n\s*(?=(?:[a-h]|\d)[.)]\s)"
)
_ITEM = re.compile(r"\W*(?:\((?:[a-h]|i{1,3}|iv|v|\d)\)|(?:[a-h]|\d)[.)])\s+")
_WORD = re.compile(r"[^\W\d_]{2,}|[\u2e80-\uffff]")
_VISIBLE = re.compile(
    r"[\[<]asy[\]>]|\\begin\s?\{(?:tikz\w*|asy|tabular|array|[a-zA-Z]*matrix|table|picture)\*?\}|^\s?\|[^\n]*\||```|<(?:svg|table)",
    re.M | re.I,
)
_DISPLAY = re.compile(r"\$\$|\\\[|\\begin\b|\\underline\b|\\bullet\b|(?:^[^a-zA-Z\n]{1,80}\n){2}", re.M)


def without_mathematics(text: str) -> str:
    """Replace every drawing and formula by a mark. A sentence that ends inside a formula still ends.

    >>> without_mathematics("Find $x^2$ if $x = 3$.")
    'Find  □  if  □ .'
    """
    text = _DRAWING.sub(f" {MARK}. ", text)
    text = _MONEY.sub(" ", text)
    for _ in range(3):  # environments in one another, innermost first
        text, replaced = _ENVIRONMENT.subn(_marked, text)
        if not replaced:
            break
    return _FORMULA.sub(_marked, text)


def sentences(text: str, *, raw: bool = False) -> list[str]:
    """Split a text into sentences. Without `raw`, formulas, quotations and asides become marks.

    >>> sentences("Let $x = 3$. What is $2x$?")
    ['Let  □ .', 'What is  □ ?']
    """
    if not raw:
        text = _ASIDE.sub(MARK, _QUOTATION.sub(_quoted, without_mathematics(text)))
    parts = (_ITEM.sub("", part, count=1) if _ITEM.match(part) else part for part in _BREAK.split(text))
    return [part.strip() for part in parts if part.strip()]


def words_of(text: str) -> list[str]:
    """Return the words outside mathematics. Single letters are left out: they are names of numbers and points."""
    return _WORD.findall(without_mathematics(text))


def has_drawing(text: str) -> bool:
    """Return whether the text contains a drawing or a table."""
    return bool(_VISIBLE.search(text))


def has_display(text: str) -> bool:
    """Return whether the text sets something apart from its sentences that the words `as shown` can mean."""
    return bool(_DISPLAY.search(text))


def _marked(span: re.Match[str]) -> str:
    inner = span[0].rstrip(" \n\t$\\])}\"”'")
    return f" {MARK}{inner[-1] if inner[-1:] in ('.', '?') else ''} "


def _quoted(quotation: re.Match[str]) -> str:
    return f" {MARK}. " if quotation[0].rstrip("\"”' ")[-1:] in (".", "?", "!") else f" {MARK} "
