"""Show a build to the user: a bar per phase with rate and time left, and the funnel at the end.

A phase that asks a model shows what the model does: replies, tokens per second, sequences that it computes and that
wait for it. Where no bar can move, in a pipe or a log file, a line says the same every LINE_SECONDS.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

LINE_SECONDS = 30.0
"""Time between two lines in a pipe or a file."""
WINDOW_SECONDS = 60.0
"""Tokens per second are those of the replies that finished in this time."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What a model has done since it last reported, and what is left for it to do."""

    replies: int
    """Sequences that have finished."""
    tokens: int
    """Generated tokens of these sequences."""
    running: int
    """Sequences that the model has."""
    waiting: int
    """Sequences that wait for the model, of the running shard and of those for which there was room."""
    share: float
    """Part of what the running shard has asked that is answered, from 0 to 1."""


@dataclass
class Bar:
    """The bar of one phase."""

    name: str
    total: int | None
    """Problems of the phase, if their number is known."""
    bars: Bars
    task: int
    clock: Callable[[], float] = time.monotonic
    done: float = 0.0
    """Problems, with the part of the running shard that a model has answered."""
    _finished: int = 0
    _shard: int = 0
    _start: tuple[float, float] | None = None
    """Time and `done` when the time that is left was first estimated."""
    _replies: int = 0
    _recent: deque[tuple[float, int]] = field(default_factory=deque)
    """Time and tokens of the reports of the last WINDOW_SECONDS."""
    _activity: Activity | None = None

    def begin(self, problems: int) -> None:
        """Begin a shard of so many problems."""
        self._shard = problems
        self._start = self._start or (self.clock(), self.done)

    def advance(self, problems: int) -> None:
        """Count problems that are finished."""
        self._finished += problems
        self.done, self._shard = float(self._finished), 0
        self._show()

    def replied(self, activity: Activity) -> None:
        """Show what a model has done for the running shard."""
        now = self.clock()
        self.done = max(self.done, self._finished + activity.share * self._shard)
        if not self._recent:
            self._start = (now, self.done)  # what an earlier command has answered took no time
        self._recent.append((now, activity.tokens))
        while now - self._recent[0][0] > WINDOW_SECONDS and len(self._recent) > 2:
            self._recent.popleft()
        self._replies += activity.replies
        self._activity = activity
        self._show()

    def note(self) -> str:
        """Say what the model does; empty without a model."""
        if self._activity is None:
            return ""
        seconds = self._recent[-1][0] - self._recent[0][0]
        tokens = sum(count for _, count in self._recent) - self._recent[0][1]
        speed = f", {tokens / seconds:,.0f} tokens/s" if tokens and seconds else ""
        left = f", {self._activity.running:,} running, {self._activity.waiting:,} waiting"
        return f"{self._replies:,} replies{speed}{left if self._activity.running or self._activity.waiting else ''}"

    def time_left(self) -> str:
        """Say how long the phase will take; empty if that cannot be told."""
        if self.total is None or self._start is None:
            return ""
        begin, done_before = self._start
        if self.done <= done_before or self.done >= self.total:
            return ""
        seconds = (self.clock() - begin) / (self.done - done_before) * (self.total - self.done)
        return f"{duration(seconds)} left"

    def line(self) -> str:
        """Say all in one line."""
        of = "" if self.total is None else f"/{self.total:,}"
        parts = (f"{int(self.done):,}{of} problems", self.note(), self.time_left())
        return f"{self.name}: {', '.join(part for part in parts if part)}"

    def _show(self) -> None:
        self.bars.update(self.task, completed=self.done, note=self.note(), left=self.time_left())  # type: ignore[arg-type]


class Progress:
    """The bars of a build; the phases run one after the other."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.console, self._clock = console, clock
        self._bars = Bars(
            TextColumn("{task.description:<10}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.fields[note]}"),
            console=console,
        )
        self._current: Bar | None = None
        self._lines = Lines(console, lambda: None if self._current is None else self._current.line())

    @contextmanager
    def phase(self, name: str, total: int | None) -> Iterator[Bar]:
        """Show the bar of a phase over `total` problems; None if their number is not known yet."""
        task = self._bars.add_task(name, total=total, note="", left="")
        self._current = bar = Bar(name, total, self._bars, task, self._clock)
        self._bars.start()
        self._lines.start()
        try:
            yield bar
            done = self._bars.tasks[task].completed
            self._bars.update(task, total=done if total is None else total)
        finally:
            self._bars.refresh()
            self._current = None

    def replied(self, activity: Activity) -> None:
        """Show what a model has done in the running phase."""
        if self._current is not None:
            self._current.replied(activity)

    def stop(self) -> None:
        self._lines.stop()
        self._bars.stop()


class Lines:
    """Prints a line every LINE_SECONDS if the console is a pipe or a file. A thread does so until `stop`."""

    def __init__(self, console: Console, line: Callable[[], str | None]) -> None:
        """`line` makes the line; None prints nothing."""
        self._console, self._line = console, line
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, unless it has begun or a bar shows the same."""
        if self._thread is None and not self._console.is_terminal:
            self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(LINE_SECONDS):
            text = self._line()
            if text is not None:
                self._console.print(text, markup=False, highlight=False, soft_wrap=True)


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.1f}/s")


def duration(seconds: float) -> str:
    """Write a time in the unit that fits.

    >>> duration(42), duration(750), duration(9000)
    ('42 s', '12 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


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
