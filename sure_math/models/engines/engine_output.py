"""What engines print goes into a file, and not between the lines of a command.

vLLM and Ray print hundreds of lines while they start, from several processes. These processes inherit the standard
output and the standard error of the process that starts them. So both lead to the file while an engine starts, and what
the command itself prints in that time still reaches the screen.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

from sure_math.storage.files import unshare

FOLDER = "SURE_MATH_ENGINE_LOGS"
"""Environment variable with the folder of these files. Ray's actors on this machine inherit it."""
STREAMS = (1, 2)
TAIL_BYTES = 200_000
"""How much of a file is searched for the reason why an engine did not start."""


@contextlib.contextmanager
def engine_logs(folder: Path | None) -> Iterator[None]:
    """Let engines that start in this block print into files in `folder`; None shows everything on the screen.

    >>> with engine_logs(Path("out/.build/logs")):  # doctest: +SKIP
    ...     engine = load_engine(ModelSpec(model="Qwen/Qwen3-1.7B", engine="vllm"))
    """
    before = os.environ.get(FOLDER)
    os.environ[FOLDER] = "" if folder is None else str(folder.absolute())
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(FOLDER, None)
        else:
            os.environ[FOLDER] = before


def shown() -> bool:
    """Return whether the user wants to see on the screen what engines print."""
    return os.environ.get(FOLDER) == ""


class EngineOutput:
    """What the processes of an engine have printed since they were started; nothing if that is not kept."""

    def __init__(self, path: Path | None, begin: int = 0) -> None:
        self.path = path
        self._begin = begin

    def text(self) -> str:
        """Return the last `TAIL_BYTES`."""
        if self.path is None:
            return ""
        try:
            with self.path.open("rb") as file:
                file.seek(max(self._begin, self.path.stat().st_size - TAIL_BYTES))
                return file.read().decode(errors="replace")
        except OSError:
            return ""

    def add(self, text: str) -> None:
        """Write something of our own behind it."""
        if self.path is not None:
            with contextlib.suppress(OSError), self.path.open("a", encoding="utf-8") as file:
                file.write(text.rstrip("\n") + "\n")


@contextlib.contextmanager
def kept_output(name: str) -> Iterator[EngineOutput]:
    """Start an engine in this block: what its processes print from then on goes into a file called `name`.

    Without `engine_logs`, or if the file cannot be written, it goes where this process prints.

    >>> with kept_output("vllm-teacher") as output:
    ...     output.path is None
    True
    """
    folder = os.environ.get(FOLDER)
    path = None if not folder else Path(folder) / f"{re.sub(r'[^A-Za-z0-9._-]+', '-', name).strip('-.')[-80:]}.log"
    descriptor = None if path is None else _opened(path)
    if path is None or descriptor is None:
        yield EngineOutput(None)
        return
    with _REDIRECTING:
        begin = os.fstat(descriptor).st_size
        os.write(descriptor, f"---- {time.strftime('%Y-%m-%d %H:%M:%S')}, process {os.getpid()}\n".encode())
        try:
            with _redirected(descriptor):
                yield EngineOutput(path, begin)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _redirected(descriptor: int) -> Iterator[None]:
    """Let the standard streams of this process lead to a file, but not what this process prints itself."""
    before = (sys.stdout, sys.stderr)
    for stream in before:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    own = {number: os.dup(number) for number in STREAMS}
    screens = [_Screen(stream, own) for stream in before]
    try:
        sys.stdout, sys.stderr = screens
        for number in STREAMS:
            os.dup2(descriptor, number)
        yield
    finally:
        for number, copy in own.items():
            os.dup2(copy, number)
        sys.stdout, sys.stderr = before
        for screen in screens:
            screen.release()
        for copy in own.values():
            os.close(copy)


class _Screen(io.TextIOBase):
    """Takes the place of a standard stream: writes to a copy of the descriptor, and after `release` to the stream.

    A library may keep it for its log. A stream of a notebook, which is no file of this process, is written to as ever.
    """

    def __init__(self, stream: TextIO, copies: Mapping[int, int]) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        try:
            self._copy = copies.get(stream.fileno())
        except (OSError, ValueError, AttributeError):
            self._copy = None

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    def write(self, text: str) -> int:
        with self._lock:
            if self._copy is None:
                return self._stream.write(text)
            data = memoryview(text.encode(self.encoding or "utf-8", errors="backslashreplace"))
            while data:
                data = data[os.write(self._copy, data) :]
            return len(text)

    def flush(self) -> None:
        if self._copy is None:
            self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno() if self._copy is None else self._copy

    def isatty(self) -> bool:
        if self._copy is not None:
            return os.isatty(self._copy)
        return not self._stream.closed and self._stream.isatty()

    def writable(self) -> bool:
        return True

    def release(self) -> None:
        with self._lock:
            self._copy = None


def logs_of_library(name: str, path: Path | None) -> None:
    """Let the Python log of a library in this process go into a file instead of its standard output.

    A library that has not set up its log yet gets a handler, which it replaces by its own: call this again then.
    """
    if path is None:
        return
    log = logging.getLogger(name)
    if not log.handlers:
        log.addHandler(logging.StreamHandler())
    handlers = [one for one in log.handlers if type(one) is logging.StreamHandler]
    descriptor = _opened(path)
    if descriptor is not None:
        file = os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace")
        for handler in handlers:
            handler.setStream(file)


def _opened(path: Path) -> int | None:
    """Open a file to write at its end, never through a link; None if that is not possible."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unshare(path)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    except OSError:
        return None


_REDIRECTING = threading.RLock()
"""Only one engine of a process starts at a time: the standard streams are those of the process."""
