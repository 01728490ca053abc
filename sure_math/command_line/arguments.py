"""Options that the commands of the packages share, and how they print errors and plans."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table

from sure_math.command_line.terminal import terminal_console
from sure_math.escaping import terminal
from sure_math.redaction import hidden
from sure_math.storage.files import disk_full, explain_os_error

PLAN_WIDTH = 120
"""Columns of a plan that goes into a file or a pipe."""


def config_parser(
    prog: str, description: str, *, configs: Sequence[str], out: Path, holds: str, assumption: str, setting: str
) -> argparse.ArgumentParser:
    """Make the parser of a command that runs a configuration; `holds` describes `--out`, the last two are examples."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--config", required=True, metavar="NAME|FILE", help=f"{', '.join(configs)}, or a YAML file")
    parser.add_argument("--out", type=output_path, default=out, metavar="DIR", help=holds)
    parser.add_argument("--dry-run", action="store_true", help="print the plan and stop; no model is loaded")
    parser.add_argument(
        "--assume",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"what --dry-run assumes, such as {assumption}",
    )
    parser.add_argument(
        "--verbose", action="store_true", help="show on the screen what vLLM and Ray print; else it goes into files"
    )
    parser.add_argument("overrides", nargs="*", metavar="key=value", help=f"settings, such as {setting}")
    return parser


def output_path(text: str) -> Path:
    """Read the name of a file or folder to write.

    An empty name is refused, because it would be the current folder. A name that starts with ~ is refused: the shell
    has not replaced it, and some libraries would replace it.

    >>> output_path("out").name
    'out'
    """
    if not text:
        raise argparse.ArgumentTypeError("is empty; name a folder, such as out, or . for the one you are in")
    if text.startswith("~"):
        raise argparse.ArgumentTypeError(
            f"{terminal(text)}: the shell has not replaced ~ (it does so only at the start of a word, without quotes); "
            f"write the whole path, such as {Path.home() / 'out'}"
        )
    return Path(text)


def print_error(console: Console, message: object) -> None:
    """Print an error without secrets. Its paths and values may look like markup, or hold control characters."""
    text = terminal(hidden(message))
    console.print(f"error: {text}", style="red", markup=False, highlight=False, soft_wrap=True)


def print_os_error(console: Console, error: OSError, out: Path, then: str) -> None:
    """Say in one line what is wrong with a file or a disk; raise an error that is not of the file system again.

    Args:
        then: what a repeated command does, after the words "repeat the command".
    """
    line = explain_os_error(error, out)
    if line is None:
        raise error
    print_error(console, f"{line}{then}" if disk_full(error) else line)


def print_plan(plan: RenderableType) -> None:
    """Print the plan to standard output, for a pipe or a file too, wide enough for whole names."""
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else PLAN_WIDTH
    terminal_console(width=width).print(plan)


def plan_part(title: str, *columns: str, right: tuple[str, ...] = ()) -> Table:
    """Make a table of a plan without rows; the columns named in `right` hold numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        # `fold` breaks a long name over lines; the default would cut it off.
        table.add_column(name, justify="right" if name in right else "left", overflow="fold", no_wrap=name in right)
    return table


def plan_settings(title: str, rows: Iterable[tuple[str, str]]) -> Table:
    """Make a table of names and values."""
    table = plan_part(title, "", "")
    table.show_header = False
    for name, text in rows:
        table.add_row(name, text)
    return table
