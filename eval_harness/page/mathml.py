r"""Text with LaTeX to HTML with MathML, of which nothing in the text can make anything else.

latex2mathml turns a formula into elements; they are written here, from a list of elements and attributes that hold no
links, styles or scripts, with every text escaped. What it cannot read stays as LaTeX: an unknown command, a formula
that is too long or too deep, everything where the library is not installed.
"""

from __future__ import annotations

import html
import importlib.util
import re
from functools import lru_cache
from typing import Any

from markupsafe import Markup, escape

MAX_FORMULA = 1_500
"""Characters; a longer one is not mathematics that anybody reads."""
MAX_DEPTH = 40
"""Braces and environments inside each other; the library calls itself for each."""
# Between dollars as Pandoc reads them: no space inside them and no digit behind, so that $5 and $7 are prices.
_FORMULA = re.compile(
    r"\$\$(?P<double>.+?)\$\$|\\\[(?P<square>.+?)\\\]|\\\((?P<round>.+?)\\\)"
    r"|(?<![\\$])\$(?P<single>(?=\S)(?:\\.|[^$\\])+?(?<=\S))\$(?!\d)"
    r"|(?P<box>\\boxed\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\})"
    r"|(?P<environment>\\begin\{(?P<name>align|equation|gather)(?P<star>\*?)\}.+?\\end\{(?P=name)(?P=star)\})",
    re.DOTALL,
)
_ELEMENTS = frozenset(
    "math mrow mi mn mo mtext mspace mfrac msqrt mroot msup msub msubsup munder mover munderover mmultiscripts mtable "
    "mtr mtd mstyle menclose mpadded mphantom mprescripts none".split()
)
_ATTRIBUTES = frozenset(
    "display stretchy fence form separator mathvariant columnalign rowalign rowspacing columnspacing columnlines "
    "rowlines displaystyle scriptlevel notation width height depth linethickness accent accentunder lspace rspace "
    "minsize maxsize movablelimits largeop".split()
)
_PLAIN_VALUE = re.compile(r"[\w\s.,+%-]*")


def available() -> bool:
    """Whether formulas can be rendered here."""
    return importlib.util.find_spec("latex2mathml") is not None


def rendered(text: str) -> Markup:
    """A text whose formulas stand between dollars or in an environment, or are boxes."""
    parts, end = [], 0
    for found in _FORMULA.finditer(text):
        parts += [escape(text[end : found.start()])]
        block = found["double"] or found["square"] or found["environment"]
        parts += [formula(block or found["round"] or found["single"] or found["box"], block=bool(block))]
        end = found.end()
    return Markup("").join([*parts, escape(text[end:])])


def formula(latex: str, *, block: bool = False) -> Markup:
    """One formula; its LaTeX is the tooltip, or what is shown where it cannot be rendered."""
    markup = _mathml(latex, block)
    if markup is None:
        return Markup('<code class="tex">{}</code>').format(latex)
    return Markup('<span class="{}" title="{}">{}</span>').format("mb" if block else "m", latex, Markup(markup))


class _Unreadable(ValueError):
    """The library left something of the LaTeX as it is."""


@lru_cache(maxsize=4096)
def _mathml(latex: str, block: bool) -> str | None:
    if not available() or len(latex) > MAX_FORMULA or _depth(latex) > MAX_DEPTH:
        return None
    from latex2mathml.converter import convert_to_element

    try:
        return _written(convert_to_element(latex, display="block" if block else "inline"))
    except Exception:  # a model's LaTeX: the library raises whatever its parser stumbles on
        return None


def _written(element: Any) -> str:
    text = html.unescape(element.text or "")
    if element.tag not in _ELEMENTS or text.startswith("\\"):
        raise _Unreadable(element.tag)
    attributes = "".join(
        f' {name}="{html.escape(str(value))}"'
        for name, value in element.attrib.items()
        if name in _ATTRIBUTES and _PLAIN_VALUE.fullmatch(str(value))
    )
    inner = "".join(_written(child) for child in element)
    return f"<{element.tag}{attributes}>{html.escape(text)}{inner}</{element.tag}>"


def _depth(latex: str) -> int:
    depth = deepest = 0
    for token in re.findall(r"\\(?:begin|left)\b|\\(?:end|right)\b|(?<!\\)[{}]", latex):
        depth += 1 if token in ("{", r"\begin", r"\left") else -1
        deepest = max(deepest, depth)
    return deepest
