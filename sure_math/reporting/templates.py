"""The Markdown templates of `cards/`, and the filters that they use."""

from importlib import resources
from pathlib import Path

import jinja2
import yaml

MARKDOWN_CELL = str.maketrans({"\\": "\\\\", "|": "\\|", "\n": " ", "\r": " "})


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
    )
    templates.filters.update(cell=cell, percent=percent, count=count, number=number, yaml=_yaml)
    return templates


def cell(value: object) -> str:
    """Write any text as one cell of a Markdown table."""
    return str(value).translate(MARKDOWN_CELL)


def percent(part: float, whole: float = 1.0) -> str:
    """Write `12.3 %`; `-` if there is nothing to divide by."""
    return f"{100 * part / whole:.1f} %" if whole else "-"


def count(value: int) -> str:
    """Write `8,800`."""
    return f"{value:,}"


def number(value: float | None, digits: int = 3) -> str:
    """Write fixed digits; `-` for None."""
    return "-" if value is None else f"{value:.{digits}f}"


def _yaml(value: object) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120).rstrip()


def _template_folder() -> Path:
    packaged = Path(str(resources.files("sure_math"))) / "cards"
    repository = Path(__file__).resolve().parents[2] / "cards"
    for folder in (packaged, repository):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"no templates in {packaged} or {repository}; reinstall sure-math")
