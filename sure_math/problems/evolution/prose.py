"""What is prose in a text of mathematics: the sentences between drawings, formulas and quotations.

Every pattern takes linear time: what opens a span is not looked for again inside it, or the span is bounded.
"""

from __future__ import annotations

import re

MARK = "□"
"""Stands for whatever was taken out of a sentence."""

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
    """The text with every drawing and formula replaced by a mark; a sentence that ends inside a formula still ends."""
    text = _DRAWING.sub(f" {MARK}. ", text)
    text = _MONEY.sub(" ", text)
    for _ in range(3):  # environments in one another, innermost first
        text, found = _ENVIRONMENT.subn(_marked, text)
        if not found:
            break
    return _FORMULA.sub(_marked, text)


def sentences(text: str, *, raw: bool = False) -> list[str]:
    """The sentences, one by one; without `raw`, formulas, quotations and asides are marks."""
    if not raw:
        text = _ASIDE.sub(MARK, _QUOTATION.sub(_quoted, without_mathematics(text)))
    parts = (_ITEM.sub("", part, count=1) if _ITEM.match(part) else part for part in _BREAK.split(text))
    return [part.strip() for part in parts if part.strip()]


def words_of(text: str) -> list[str]:
    """The words outside mathematics, of two letters or more: single letters are names of numbers and points."""
    return _WORD.findall(without_mathematics(text))


def has_drawing(text: str) -> bool:
    """Whether the text brings a drawing or a table along."""
    return bool(_VISIBLE.search(text))


def has_display(text: str) -> bool:
    """Whether something is set apart from the sentences, which `as shown` can mean."""
    return bool(_DISPLAY.search(text))


def _marked(found: re.Match[str]) -> str:
    inner = found[0].rstrip(" \n\t$\\])}\"”'")
    return f" {MARK}{inner[-1] if inner[-1:] in ('.', '?') else ''} "


def _quoted(found: re.Match[str]) -> str:
    return f" {MARK}. " if found[0].rstrip("\"”' ")[-1:] in (".", "?", "!") else f" {MARK} "
