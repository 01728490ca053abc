"""Hooks of the documentation site: equations become MathML, and the figures of the benchmarks become pages' pictures.

The pages link the figures where they are in the repository, so that a code host shows them as well.

Browsers show MathML without a script, so that no page loads a mathematics library from elsewhere.
"""

import html
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File

FIGURES = Path(__file__).parents[1] / "benchmarks" / "figures"
_MATH = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\(?P<open>[(\[])(?P<latex>.*?)\\[)\]]</(?P=tag)>', re.DOTALL
)


def on_files(files: Any, config: Any) -> Any:
    """Add the figures of the benchmarks as `figures/NAME.png`, so that each exists once in the repository."""
    for path in sorted(FIGURES.glob("*.png")):
        files.append(File.generated(config, f"figures/{path.name}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the links to the figures in the repository by links to the figures of the site."""
    return with_figures_of_site(markdown)


def with_figures_of_site(markdown: str) -> str:
    """Make links to figures relative to `docs/` instead of the repository.

    >>> with_figures_of_site("![Accuracy](../../benchmarks/figures/accuracy.png)")
    '![Accuracy](../figures/accuracy.png)'
    """
    return markdown.replace("../benchmarks/figures/", "figures/")


def on_page_content(content: str, **_: Any) -> str:
    """Replace the equations of a page, which arithmatex has marked, by MathML."""
    return with_mathml(content)


def with_mathml(content: str) -> str:
    r"""Replace every marked equation by MathML.

    >>> "<mi>H</mi>" in with_mathml('<span class="arithmatex">\\(H\\)</span>')
    True
    """
    return _MATH.sub(_mathml, content)


def _mathml(match: re.Match[str]) -> str:
    display = "block" if match["open"] == "[" else "inline"
    return convert(html.unescape(match["latex"]).strip(), display=display)
