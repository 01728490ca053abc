"""Show a build to the user: a bar per phase with rate and time left, and the funnel at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text


class FunnelLine(Protocol):
    """One phase of the funnel; all counts are problems."""

    @property
    def phase(self) -> str: ...
    @property
    def rows_in(self) -> int: ...
    @property
    def kept(self) -> int: ...
    @property
    def dropped(self) -> Mapping[str, int]: ...


@dataclass
class Bar:
    """The bar of one phase."""

    bars: Bars
    task: int
    replies: int = 0

    def advance(self, problems: int) -> None:
        self.bars.advance(self.task, problems)  # type: ignore[arg-type]


class Progress:
    """The bars of a build; the phases run one after the other."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bars = Bars(
            TextColumn("{task.description:<10}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
        )
        self._current: Bar | None = None

    @contextmanager
    def phase(self, name: str, total: int | None) -> Iterator[Bar]:
        """Show the bar of a phase over `total` problems; None if their number is not known yet."""
        task = self._bars.add_task(name, total=total, note="")
        self._current = Bar(self._bars, task)
        self._bars.start()
        try:
            yield self._current
            done = self._bars.tasks[task].completed
            self._bars.update(task, total=done if total is None else total)
        finally:
            self._bars.refresh()
            self._current = None

    def replied(self, count: int) -> None:
        """Count `count` more replies of a model in the running phase."""
        if self._current is not None:
            self._current.replies += count
            self._bars.update(self._current.task, note=f"{self._current.replies:,} replies")  # type: ignore[arg-type]

    def stop(self) -> None:
        self._bars.stop()


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.1f}/s")


def funnel_table(funnel: Mapping[str, FunnelLine] | list[FunnelLine]) -> Table:
    """Make a table with a row per phase: problems in, kept, and dropped by reason."""
    table = Table(title="Problems", title_justify="left")
    table.add_column("phase")
    for title in ("in", "kept", "dropped"):
        table.add_column(title, justify="right")
    table.add_column("reasons")
    for line in funnel.values() if isinstance(funnel, Mapping) else funnel:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(line.dropped.items()))
        total = sum(line.dropped.values())
        table.add_row(line.phase, f"{line.rows_in:,}", f"{line.kept:,}", f"{total:,}" if total else "", reasons)
    return table
