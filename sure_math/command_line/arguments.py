"""What the commands of the packages share: their options, and how a plan is printed."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table

from sure_math.storage.files import disk_full

PLAN_WIDTH = 120
"""Columns of a plan that goes into a file or a pipe."""


def config_parser(
    prog: str, description: str, *, configs: Sequence[str], out: Path, holds: str, assumption: str, setting: str
) -> argparse.ArgumentParser:
    """The parser of a command that runs a configuration; `holds` says what `--out` is, the last two are examples."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--config", required=True, metavar="NAME|FILE", help=f"{', '.join(configs)}, or a YAML file")
    parser.add_argument("--out", type=Path, default=out, metavar="DIR", help=holds)
    parser.add_argument("--dry-run", action="store_true", help="print the plan and stop; no model is loaded")
    parser.add_argument(
        "--assume",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"what --dry-run assumes, such as {assumption}",
    )
    parser.add_argument("overrides", nargs="*", metavar="key=value", help=f"settings, such as {setting}")
    return parser


def print_error(console: Console, message: object) -> None:
    """As it is: paths and values may hold what rich takes for markup."""
    console.print(f"error: {message}", style="red", markup=False, highlight=False, soft_wrap=True)


def print_disk_full(console: Console, error: OSError, out: Path, then: str) -> None:
    """Where the disk of `out` is full; `then` says what a repeated command finds. Any other error is raised again."""
    if not disk_full(error):
        raise error
    print_error(console, f"no space left on the disk of {out}: free some and repeat the command{then}")


def print_plan(plan: RenderableType) -> None:
    """The plan is what was asked for, so it goes where a pipe or a file can take it, wide enough for whole names."""
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else PLAN_WIDTH
    Console(width=width).print(plan)


def plan_part(title: str, *columns: str, right: tuple[str, ...] = ()) -> Table:
    """A table of a plan, without rows; the columns named in `right` hold numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        # `fold` breaks a long name over lines; the default would cut it off.
        table.add_column(name, justify="right" if name in right else "left", overflow="fold", no_wrap=name in right)
    return table


def plan_settings(title: str, rows: Iterable[tuple[str, str]]) -> Table:
    """Names and values."""
    table = plan_part(title, "", "")
    table.show_header = False
    for name, text in rows:
        table.add_row(name, text)
    return table
