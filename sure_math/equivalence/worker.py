"""Killable processes for what may hang or eat memory: the parent's side of the symbolic check.

Each worker is a fresh Python process (`python -m sure_math.equivalence.symbolic`) that answers one JSON line per
request. A calling thread takes a worker from the pool, writes the request, waits for the reply at most `TIMEOUT`
seconds, and puts the worker back. If all `WORKERS` are taken, a thread waits for a free one. A worker that is late,
dead or old is killed, and the next call starts a new worker, so no thread has to unblock another. A worker ends by
itself when its parent ends, because its input ends.
"""

import atexit
import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time

from sure_math.equivalence.numbers import Verdict

WORKERS = 2
TIMEOUT = 5.0
"""Wall-clock seconds per pair."""
START_TIMEOUT = 180.0
"""Seconds a new process may take to import sympy. Long, because the machine may be busy."""
MAX_CALLS = 400
"""Calls after which a worker is replaced: sympy's caches grow without bound."""


class WorkerUnavailable(RuntimeError):
    """The symbolic check cannot be started at all (a broken installation)."""


class _Late(Exception):
    """No reply before the deadline."""


class _Worker:
    """One process and the pipes to it."""

    def __init__(self) -> None:
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "OMP_NUM_THREADS": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sure_math.equivalence.symbolic"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self.calls = 0
        self._received = b""
        try:
            if self._line(time.monotonic() + START_TIMEOUT) != b"ready":
                raise WorkerUnavailable("the symbolic check did not start: unexpected output")
        except (_Late, OSError) as error:
            self.kill()
            raise WorkerUnavailable(
                "the symbolic check did not start (is math-verify installed?); "
                "`python -m sure_math.equivalence.symbolic` shows why"
            ) from error

    def ask(self, first: str, second: str, timeout: float) -> str:
        self.calls += 1
        deadline = time.monotonic() + timeout
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([first, second]).encode() + b"\n")
        self.process.stdin.flush()
        return self._line(deadline).decode()

    def _line(self, deadline: float) -> bytes:
        """Return the next line of output; `_Late` at the deadline or if the process has ended."""
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        poller = select.poll()
        poller.register(descriptor, select.POLLIN | select.POLLHUP)
        while b"\n" not in self._received:
            wait = deadline - time.monotonic()
            if wait <= 0 or not poller.poll(max(1, int(wait * 1000))):
                raise _Late("no reply in time")
            chunk = os.read(descriptor, 65_536)
            if not chunk:
                raise _Late("the worker has ended")
            self._received += chunk
        line, _, self._received = self._received.partition(b"\n")
        return line

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.close()

    def close(self) -> None:
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


class _Pool:
    """At most `WORKERS` processes, started when first needed."""

    def __init__(self) -> None:
        self._free = threading.Semaphore(WORKERS)
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()

    def ask(self, first: str, second: str, timeout: float) -> str | None:
        """Return the worker's reply; None if the worker was late or died."""
        with self._free:
            worker = self._take()
            try:
                reply = worker.ask(first, second, timeout)
            except (_Late, OSError, UnicodeDecodeError):
                self._discard(worker)
                return None
            except BaseException:
                self._discard(worker)
                raise
            if worker.calls >= MAX_CALLS:
                self._discard(worker)
            else:
                with self._lock:
                    self._idle.append(worker)
            return reply

    def _take(self) -> _Worker:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        worker = _Worker()
        with self._lock:
            self._all.add(worker)
        return worker

    def _discard(self, worker: _Worker) -> None:
        with self._lock:
            self._all.discard(worker)
        worker.kill()

    def close(self) -> None:
        with self._lock:
            workers, self._all, self._idle = list(self._all), set(), []
        for worker in workers:
            worker.kill()

    def forget(self) -> None:
        """Close this process's copies of the pipes and kill nothing: after a fork, the workers belong to the parent."""
        for worker in self._all:
            worker.close()


_pool = _Pool()


def _after_fork() -> None:
    global _pool
    old, _pool = _pool, _Pool()
    old.forget()


os.register_at_fork(after_in_child=_after_fork)


@atexit.register
def close() -> None:
    """End all workers; a later call starts new ones."""
    _pool.close()


_stopped: set[tuple[str, str]] = set()


def symbolic_verdict(first: str, second: str, timeout: float = TIMEOUT) -> Verdict:
    """Return `equal` if Math-Verify and a numerical check say so, else `undecided`.

    The pair is also `undecided` if the worker is late or dies.
    """
    reply = _pool.ask(first, second, timeout)
    if reply is None:
        _stopped.add((first, second))
    return "equal" if reply == "equal" else "undecided"


def was_stopped(first: str, second: str) -> bool:
    """Say whether this process gave up the symbolic check of a pair, in either order: its worker was late or died."""
    return (min(first, second), max(first, second)) in _stopped
