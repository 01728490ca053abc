"""The process that ends the processes of engines when the process that started them (the owner) is gone.

It is started by `processes.py` as a script of its own, so that it lives on when the owner is killed. It imports
nothing of the package: it takes 20 MB, and is there in a moment.

Who ends whom:
- Between the messages `begin` and `end` the owner starts an engine. Each process that appears below the owner in that
  time belongs to an engine, with everything that it starts later. The watchdog looks ten times a second in that time,
  and once a second later.
- If the owner ends, in whatever way, the watchdog ends the engines' processes and then itself. A process that was
  started since the last look has the owner's mark in its environment, where the watchdog finds it.
- The list of the processes that run is kept in a file, if the owner names one. If the watchdog is killed too, the next
  command that writes into that folder finds them there.

Nobody else can tell the watchdog to end: it ignores an interrupt of the terminal and a request to terminate.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil

MARK = "SURE_MATH_ENGINE_OF"
"""Environment variable of every process that is started with an engine."""
START_SECONDS = 0.1
"""Seconds between two looks while an engine starts: a process that was forked has no mark."""
QUICK_SECONDS = 60.0
"""How long a start is looked at so often; a start that takes longer is looked at like a running engine."""
LOOK_SECONDS = 1.0
"""Seconds between two looks while engines run. A look takes about 10 ms on a machine with 200 processes."""
OWNER_SECONDS = 0.2
"""Seconds between two looks at whether the owner is there."""
GRACE_SECONDS = 1.0
"""Time for processes that see by themselves that the owner is gone."""
TRACKER_SECONDS = 3.0
"""Time for Python's resource trackers, which remove shared memory when all that used it are gone."""
SAME_START_SECONDS = 2.0
"""How far two readings of the start of a process may lie apart, when the clock was set between them."""


class Watch:
    """The processes of the engines of one owner."""

    def __init__(self, owner: int) -> None:
        self.engines: set[psutil.Process] = set()
        self._owner = owner
        self._mark = ""
        self._starts = 0
        """Engines that are starting."""
        self._began = 0.0
        """When the last of them began, in seconds of the monotonic clock."""
        self._others: set[int] = set()
        """Children of the owner that belong to no engine."""
        self._record: Path | None = None
        self._recorded: list[dict[str, Any]] = []

    @property
    def seconds(self) -> float:
        """Seconds until the next look."""
        return START_SECONDS if self._starts and time.monotonic() < self._began + QUICK_SECONDS else LOOK_SECONDS

    def take(self, message: dict[str, Any]) -> None:
        """Do what the owner asks for."""
        if message["do"] == "begin":
            if not self._starts:
                known = {process.pid for process in self.engines}
                self._others = {child for child in _children().get(self._owner, ()) if child not in known}
            self._starts += 1
            self._began = time.monotonic()
            self._mark = message["mark"]
        elif message["do"] == "end":
            self.look()
            self._starts -= 1
        elif message["do"] == "record":
            self._forget_record()
            self._record = Path(message["path"]) if message["path"] is not None else None
            self._recorded = []
            self.look()

    def look(self) -> None:
        """Find the engines' new processes, and forget those that have ended."""
        children = _children()
        roots = {process.pid for process in self.engines}
        if self._starts:
            roots |= set(children.get(self._owner, ())) - self._others
        self.engines = {process for process in self.engines if runs(process)} | _below(roots, children)
        self._write_record()

    def end(self) -> None:
        """End all of them; the owner is gone."""
        self.look()
        if self._mark:
            self.engines |= _marked(self._mark)
        end_processes(self.engines)
        self._forget_record()

    def _write_record(self) -> None:
        processes = [_described(process) for process in sorted(self.engines, key=lambda process: process.pid)]
        if self._record is None or processes == self._recorded:
            return
        self._recorded = processes
        content = {"host": socket.gethostname(), "owner": self._owner, "processes": processes}
        with contextlib.suppress(OSError):  # a full disk must not end the watchdog
            new = self._record.with_name(f"{self._record.name}.new")
            new.unlink(missing_ok=True)
            with new.open("x", encoding="utf-8") as file:  # never through a link
                file.write(json.dumps(content, indent=1) + "\n")
            new.replace(self._record)

    def _forget_record(self) -> None:
        if self._record is not None and read_record(self._record).get("owner") == self._owner:
            with contextlib.suppress(OSError):
                self._record.unlink(missing_ok=True)


def watch(owner: int) -> None:
    """Serve the owner, which is the parent of this process, until it is gone; then end its engines."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.chdir("/")
    engines, messages = Watch(owner), Messages(sys.stdin.fileno())
    looked = 0.0
    while os.getppid() == owner:
        for message in messages.arrived(min(engines.seconds, OWNER_SECONDS)):
            engines.take(message)
            os.write(sys.stdout.fileno(), b"\n")
        if time.monotonic() - looked >= engines.seconds:
            engines.look()
            looked = time.monotonic()
    engines.end()


class Messages:
    """The owner's messages: one JSON mapping a line."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._received = b""
        self._open = True

    def arrived(self, seconds: float) -> list[dict[str, Any]]:
        """Wait for at most that long, and return the messages that have come."""
        if not self._open:  # the owner is ending
            time.sleep(seconds)
            return []
        if not select.select([self._descriptor], [], [], seconds)[0]:
            return []
        piece = os.read(self._descriptor, 1 << 16)
        self._open = bool(piece)
        *lines, self._received = (self._received + piece).split(b"\n")
        return [json.loads(line) for line in lines]


def end_processes(processes: Iterable[psutil.Process]) -> None:
    """End processes and all that they have started, and wait until they are gone.

    They are stopped before they are killed, so that none can start another one in between.
    """
    roots = set(processes)
    _wait(roots, GRACE_SECONDS)
    trackers: set[psutil.Process] = set()
    ended: set[psutil.Process] = set()
    while new := _below({process.pid for process in roots | ended if runs(process)}, _children()) - ended - trackers:
        for process in new:
            if _is_tracker(process):
                trackers.add(process)
                continue
            ended.add(process)
            with contextlib.suppress(psutil.Error):
                process.suspend()
    _kill(ended)
    _wait(trackers, TRACKER_SECONDS)
    _kill(trackers)


def survivors(record: Path) -> list[psutil.Process]:
    """Return the processes in a record that still run.

    A process is known by its number and its start: a number is used again. A record of another machine has none.
    """
    content = read_record(record)
    if content.get("host") != socket.gethostname():
        return []
    found = []
    for entry in content["processes"]:
        try:
            process = psutil.Process(entry["pid"])
            if abs(process.create_time() - entry["started"]) < SAME_START_SECONDS and runs(process):
                found.append(process)
        except (psutil.Error, KeyError, TypeError, ValueError):
            continue
    return found


def read_record(path: Path) -> dict[str, Any]:
    """Return what a record says; one that is missing or damaged names no processes."""
    nothing: dict[str, Any] = {"processes": []}
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return nothing
    return content if isinstance(content, dict) and isinstance(content.get("processes"), list) else nothing


def runs(process: psutil.Process) -> bool:
    """Return whether a process is there, and no other one has its number by now; not if it only waits for burial."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _children() -> dict[int, list[int]]:
    """Return the children of every process, by number."""
    children: dict[int, list[int]] = {}
    for process in psutil.process_iter(["ppid"]):
        if process.pid != os.getpid() and process.info["ppid"] is not None:
            children.setdefault(process.info["ppid"], []).append(process.pid)
    return children


def _below(roots: Iterable[int], children: dict[int, list[int]]) -> set[psutil.Process]:
    """Return the processes with the numbers `roots`, and all below them, that run."""
    found: set[psutil.Process] = set()
    numbers = list(roots)
    while numbers:
        number = numbers.pop()
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(number)
            if process not in found and runs(process):
                found.add(process)
                numbers += children.get(number, ())
    return found


def _marked(mark: str) -> set[psutil.Process]:
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(MARK) == mark:
                found.add(process)
    return found


def _is_tracker(process: psutil.Process) -> bool:
    try:
        return any("resource_tracker" in word for word in process.cmdline())
    except psutil.Error:
        return False


def _described(process: psutil.Process) -> dict[str, Any]:
    return {"pid": process.pid, "started": process.create_time()}


def _kill(processes: set[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    _wait(processes, TRACKER_SECONDS)


def _wait(processes: set[psutil.Process], seconds: float) -> None:
    """Wait until all have ended, for at most that long."""
    end = time.monotonic() + seconds
    while any(runs(process) for process in processes) and time.monotonic() < end:
        time.sleep(0.05)


if __name__ == "__main__":
    watch(int(sys.argv[1]))
