"""Processes that a test kills, and the processes that they leave behind."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import psutil

GONE_SECONDS = 10.0
"""Time in which every engine must be gone after the end of the process that started it."""


class Family:
    """All processes that a process has started, and that these have started, as far as `look` has seen them."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self.seen: set[psutil.Process] = set()

    def look(self) -> None:
        for process in (self._root, *self.seen):
            try:
                self.seen.update(process.children(recursive=True))
            except psutil.Error:
                continue

    def look_until(self, happened: Callable[[], bool], seconds: float) -> None:
        """Look until something has happened; AssertionError if it does not in that time."""
        end = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < end, "did not happen in time"
            self.look()
            time.sleep(0.02)

    def left_after(self, seconds: float = GONE_SECONDS) -> list[str]:
        """Wait until all have ended, for at most that long, and describe those that run then."""
        end = time.monotonic() + seconds
        while (left := running(self.seen)) and time.monotonic() < end:
            time.sleep(0.1)
        return [described(process) for process in left]


def left_by_kill_9(
    arguments: Sequence[str], log: Path, moment: Callable[[Family], bool], *, seconds: float = 600
) -> list[str]:
    """Run `python -m ...` until the moment, kill it with SIGKILL, and describe what runs `GONE_SECONDS` later.

    Args:
        arguments: the module and its arguments.
        log: where the output goes.
        moment: whether the moment to kill has come; it sees the processes that were started so far.
        seconds: time for the moment to come.
    """
    # Two small functions of vLLM's sampler take longer to compile than all the rest of such a command.
    environment = os.environ | {"TORCH_COMPILE_DISABLE": "1", "OMP_NUM_THREADS": "1"}
    with log.open("w") as file:
        process = subprocess.Popen([sys.executable, "-m", *arguments], stdout=file, stderr=file, env=environment)
    family = Family(process.pid)

    def come() -> bool:
        assert process.poll() is None, log.read_text()[-3000:]
        return moment(family)

    try:
        family.look_until(come, seconds)
    finally:
        process.kill()
        process.wait()
    return family.left_after()


def has(words: str) -> Callable[[Family], bool]:
    """A moment: a process is there that has these words in its command line or title."""
    return lambda family: any(words in described(process) for process in running(family.seen))


def running(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Return those that have not ended; one that only waits for its parent to take note has ended."""
    found = []
    for process in processes:
        try:
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def described(process: psutil.Process) -> str:
    try:
        return f"{process.pid} {process.name()}: {' '.join(process.cmdline())[:300]}"
    except psutil.Error:
        return f"{process.pid}"
