"""The Markdown templates of `cards/`, and the filters that they use.

A template writes every value as a text in a line of Markdown, escaped, unless a filter says what else it is: `code`,
`code_cell`, `fenced`, `html`, `quoted`, or `written` for Markdown that the template itself made, such as a macro's. So
a template that forgets a filter is safe.
"""

from importlib import resources
from pathlib import Path

import jinja2
import yaml

from sure_math.escaping import Markdown, code, code_cell, fenced, html, markdown, visible, yaml_scalar


def environment() -> jinja2.Environment:
    """Return the templates of `cards/`: package data of an installed wheel, the repository's folder otherwise.

    >>> environment().from_string("{{ 1234 | count }}, {{ 0.123 | percent }}").render()
    '1,234, 12.3 %'
    """
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_template_folder()),
        undefined=jinja2.StrictUndefined,  # a number that is not there is an error, never an empty place
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown, not HTML
        finalize=_finished,
    )
    templates.filters.update(
        code=code, code_cell=code_cell, fenced=fenced, html=_html, quoted=yaml_scalar, written=Markdown
    )
    templates.filters.update(percent=percent, count=count, number=number, yaml=_yaml)
    return templates


def percent(part: float, whole: float = 1.0) -> Markdown:
    """Write `12.3 %`; `-` if there is nothing to divide by."""
    return Markdown(f"{100 * part / whole:.1f} %" if whole else "-")


def count(value: int) -> Markdown:
    """Write `8,800`."""
    return Markdown(f"{value:,}")


def number(value: float | None, digits: int = 3) -> Markdown:
    """Write fixed digits; `-` for None."""
    return Markdown("-" if value is None else f"{value:.{digits}f}")


def _html(value: object) -> Markdown:
    """Write HTML inside Markdown: on one line, because an empty line would end the HTML."""
    return Markdown(html(" ".join(str(value).split())))


def _finished(value: object) -> object:
    """Escape what a template writes. Numbers have nothing to escape, and `Markdown` is escaped already."""
    return value if isinstance(value, (int, float, Markdown, jinja2.Undefined)) or value is None else markdown(value)


def _yaml(value: object) -> str:
    """Write JSON types as YAML, with every character that a viewer would act on as an escape of YAML."""
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)
    if visible(text) != text:
        text = yaml.safe_dump(value, sort_keys=False, allow_unicode=False, width=120)
    return text.rstrip()


def _template_folder() -> Path:
    packaged = Path(str(resources.files("sure_math"))) / "cards"
    repository = Path(__file__).resolve().parents[2] / "cards"
    for folder in (packaged, repository):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"no templates in {packaged} or {repository}; reinstall sure-math")
