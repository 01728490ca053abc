"""Processes of engines, which end with the process that started them, however that one ends.

vLLM, Ray and DeepSpeed start processes of their own. If the process that started them is killed, nobody tells them:
they keep their memory and their cores for minutes. `watched_start` has a watchdog (`watchdog.py`) end them within
seconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from sure_math.models.engines import EngineUnavailable, watchdog


@contextlib.contextmanager
def watched_start() -> Iterator[None]:
    """Start an engine in this block: each process that starts in it ends with this process.

    So does what such a process starts later. Other threads must not start processes meanwhile that are to live on.

    >>> with watched_start():
    ...     server = subprocess.Popen(["sleep", "60"])
    >>> server.kill()

    Raises:
        EngineUnavailable: the watchdog could not be started.
    """
    mark = f"{os.getpid()}-{psutil.Process().create_time()}"
    _watchdog.tell(do="begin", mark=mark)
    before = os.environ.get(watchdog.MARK)
    os.environ[watchdog.MARK] = mark
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(watchdog.MARK, None)
        else:
            os.environ[watchdog.MARK] = before
        _watchdog.tell(do="end")


@contextlib.contextmanager
def recorded_processes(record: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Keep a list of this command's engine processes in the file `record`.

    First, end the processes in a list that is there. They are left from a command that was killed together with its
    watchdog. This process must hold the folder of the file, so that no other command is running there.

    Args:
        say: prints which processes were found and ended.
    """
    record = record.absolute()
    if left := watchdog.survivors(record):
        names = ", ".join(f"{process.pid} ({_name(process)})" for process in left)
        say(f"ending what an earlier command has left running: {names}")
        watchdog.end_processes(left)
    record.unlink(missing_ok=True)
    _watchdog.record_in(record)
    try:
        yield
    finally:
        _watchdog.record_in(None)


class _Watchdog:
    """The watchdog of this process; it is started by the first engine."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._record: Path | None = None

    def record_in(self, record: Path | None) -> None:
        with self._lock:
            self._record = record
            if self._process is not None:
                self._ask({"do": "record", "path": None if record is None else str(record)})

    def tell(self, **message: str) -> None:
        """Send a message, and wait until the watchdog has done what it says."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._start()
            self._ask(message)

    def _start(self) -> None:
        # Not `-m`: that would import the package. `-P` keeps the folder of the file out of the search for modules.
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(Path(watchdog.__file__)), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            start_new_session=True,  # an interrupt of the terminal is for this process
        )
        if self._record is not None:
            self._ask({"do": "record", "path": str(self._record)})

    def _ask(self, message: object) -> None:
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()
            done = process.stdout.read(1)
        except OSError:
            done = b""
        if not done:
            raise EngineUnavailable(
                "the process that ends engines with their command (sure_math/models/engines/watchdog.py) has stopped "
                f"with code {process.wait()}; repeat the command"
            )


def _name(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())[:80] or process.name()
    except psutil.Error:
        return "ended meanwhile"


def _forget() -> None:
    """Leave the watchdog to the parent of a fork: the child starts another one for its own engines."""
    global _watchdog
    _left_to_parents.append(_watchdog)
    _watchdog = _Watchdog()


_watchdog = _Watchdog()
_left_to_parents: list[_Watchdog] = []
os.register_at_fork(after_in_child=_forget)
