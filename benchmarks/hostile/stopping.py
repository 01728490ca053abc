"""Stop a command at an exact point of its work: it sends itself SIGSTOP, and whoever waits kills it with SIGKILL.

The points are events that Python audits (a file is created, renamed, removed) and four calls of our own that it does
not audit. The n-th event of a kind, within the output folder, stops the process.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sure_math.models.responders.journal import CallLog, Journal
from sure_math.storage import files
from uopd.run import log as run_log

FILE_CREATED = "a file was created and is empty"
RENAME, RENAMED = "before a rename", "after a rename"
REMOVAL, REMOVED = "before a removal", "after a removal"
HALF_A_FILE, HALF_A_LINE = "half of a file is written", "half of a line of a log is written"
BEFORE_COMMIT, AFTER_COMMIT = "before the commit of the journal", "after the commit of the journal"
POINTS = (*(FILE_CREATED, RENAME, RENAMED, REMOVAL, REMOVED, HALF_A_FILE, HALF_A_LINE, BEFORE_COMMIT, AFTER_COMMIT),)
SECONDS = "seconds"
"""In the file of the counts: how long the command took."""
_EVENTS: Mapping[str, tuple[str | None, str | None]] = {
    "os.rename": (RENAME, RENAMED),
    "os.remove": (REMOVAL, REMOVED),
    "os.rmdir": (REMOVAL, REMOVED),
    "open": (None, FILE_CREATED),
}
"""Audited event -> the point before it, and the point after it, which is the next event of any kind."""


class _Counter:
    """Counts the points that the process passes, and stops it at one of them."""

    def __init__(self, out: Path, point: str | None, number: int) -> None:
        self.passed: Counter[str] = Counter()
        self._out, self._point, self._number = os.path.abspath(out) + os.sep, point, number
        self._next: str | None = None
        self._at_work = True

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._at_work:
            return
        if self._next is not None:
            point, self._next = self._next, None
            self.passing(point)
        if event in _EVENTS and self._is_inside(arguments[0]) and not (event == "open" and not _creates(arguments)):
            before, self._next = _EVENTS[event]
            if before is not None:
                self.passing(before)

    def _is_inside(self, path: object) -> bool:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return False
        return os.path.abspath(os.fsdecode(path)).startswith(self._out)

    def passing(self, point: str) -> None:
        self.passed[point] += 1
        if point == self._point and self.passed[point] == self._number:
            os.kill(os.getpid(), signal.SIGSTOP)

    def end(self) -> None:
        self._at_work = False


def _creates(arguments: tuple[Any, ...]) -> bool:
    path, _, flags = arguments
    return isinstance(flags, int) and bool(flags & os.O_CREAT) and not os.path.lexists(path)


@contextlib.contextmanager
def stopped_at(
    out: Path,
    point: str | None,
    number: int,
    counts: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Stop this process at the `number`-th passing of a point; None: never. To be used once in a process.

    Args:
        counts: file for the number of passings of every point, written at the end.
        environment: further variables for this process.
    """
    os.environ.update(environment or {})
    started = time.monotonic()
    counter = _Counter(out, point, number)
    _watch_our_calls(counter.passing)
    sys.addaudithook(counter.audit)
    try:
        yield
    finally:
        counter.end()
        if counts is not None:
            passed = {**counter.passed, SECONDS: time.monotonic() - started}
            counts.write_text(json.dumps(passed), encoding="utf-8")


def _watch_our_calls(passing: Callable[[str], None]) -> None:
    """Put points into the four calls that write a whole file, a line of a log, or a batch of the journal."""
    write, add_line, append, add_batch = files._write, CallLog.add, run_log.append_line, Journal.add

    def write_half(path: Path, content: bytes | memoryview, *, sync: bool) -> None:
        temporary = path.with_name(path.name + ".tmp")
        with contextlib.suppress(OSError):
            temporary.write_bytes(bytes(content[: len(content) // 2]))
            passing(HALF_A_FILE)
        write(path, content, sync=sync)

    def add_half_a_line(log: CallLog, role: str, keys: Any) -> None:
        if len(keys):
            _half_a_line(Path(log._file.name), f'{{"role": "{role}", "key": "', passing)
        add_line(log, role, keys)

    def append_half(path: Path, line: Mapping[str, Any]) -> None:
        _half_a_line(path, json.dumps(line)[: len(json.dumps(line)) // 2], passing)
        append(path, line)

    def add_and_pass(journal: Journal, replies: Any) -> None:
        passing(BEFORE_COMMIT)
        add_batch(journal, replies)
        passing(AFTER_COMMIT)

    files._write = write_half
    CallLog.add = add_half_a_line  # type: ignore[assignment, method-assign]
    run_log.append_line = append_half
    Journal.add = add_and_pass  # type: ignore[assignment, method-assign]


def _half_a_line(path: Path, text: str, passing: Callable[[str], None]) -> None:
    """Write half of a line, pass the point, and take the half away again."""
    size = path.stat().st_size if path.is_file() else 0
    with path.open("ab") as file:
        file.write(text.encode())
    passing(HALF_A_LINE)
    os.truncate(path, size)
