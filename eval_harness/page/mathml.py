r"""Turn text with LaTeX into HTML with MathML. Nothing in the text can add any other kind of element to the page.

latex2mathml turns a formula into elements. They are written to HTML here: only elements and attributes from a list
without links, styles and scripts, and with all text escaped. A formula stays LaTeX if it has an unknown command, is too
long or nested too deeply, or if the library is not installed.
"""

from __future__ import annotations

import html
import importlib.util
import re
from functools import lru_cache
from typing import Any

from markupsafe import Markup, escape

MAX_FORMULA = 1_500
"""Characters of a formula that is rendered; nobody reads a longer formula."""
MAX_DEPTH = 40
"""Depth of nested braces and environments; the library recurses into each of them."""
# Dollars as Pandoc reads them: no space next to them inside, and no digit after the closing one: $5 and $7 are prices.
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
    """Return whether formulas can be rendered: whether latex2mathml is installed."""
    return importlib.util.find_spec("latex2mathml") is not None


def rendered(text: str) -> Markup:
    """Render the formulas of a text: those between dollars or in an environment, and boxes.

    >>> print(rendered("a < b"))
    a &lt; b
    """
    parts, end = [], 0
    for match in _FORMULA.finditer(text):
        parts += [escape(text[end : match.start()])]
        block = match["double"] or match["square"] or match["environment"]
        parts += [formula(block or match["round"] or match["single"] or match["box"], block=bool(block))]
        end = match.end()
    return Markup("").join([*parts, escape(text[end:])])


def formula(latex: str, *, block: bool = False) -> Markup:
    """Render one formula, with its LaTeX as the tooltip. If it cannot be rendered, show the LaTeX.

    >>> print(formula(r"\\unknown{x}"))
    <code class="tex">\\unknown{x}</code>
    """
    markup = _mathml(latex, block)
    if markup is None:
        return Markup('<code class="tex">{}</code>').format(latex)
    return Markup('<span class="{}" title="{}">{}</span>').format("mb" if block else "m", latex, Markup(markup))


class _Unreadable(ValueError):
    """The library left a part of the LaTeX unchanged."""


@lru_cache(maxsize=4096)
def _mathml(latex: str, block: bool) -> str | None:
    if not available() or len(latex) > MAX_FORMULA or _depth(latex) > MAX_DEPTH:
        return None
    from latex2mathml.converter import convert_to_element

    try:
        return _written(convert_to_element(latex, display="block" if block else "inline"))
    except Exception:  # a model wrote the LaTeX: the library's parser may raise any error
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
