"""Killable processes for what may hang or eat memory: the parent's side of the symbolic check.

A process of its own (`starter.py`) loads sympy once, in seconds, and forks a worker in milliseconds when one is wanted.
A calling thread takes an idle worker or a new one, writes the request, waits until there is a reply or the worker has
computed for `TIMEOUT` seconds, and puts the worker back. If `WORKERS` threads are asking, the next thread waits for its
turn. A worker that is late or old is killed. A worker that died costs nothing: an idle one is not taken, and a pair
whose worker died is asked once more with a new worker. No thread has to unblock another.

What counts as the time of a pair: the work of its worker, and the fork if there was one. Not the first start of the
starter, nor a start after the starter itself was killed: the caller waits for it, at most `START_TIMEOUT`, because a
right answer must not be wrong on a slow machine.

After a fork, the child has workers of its own when it needs them. It takes no lock of the parent, and closes its copies
of the sockets by their numbers. When a process ends in any way, `kill -9` included, its workers are gone within a
second (`starter.py`).
"""

import atexit
import fcntl
import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import sure_math
from sure_math.equivalence.numbers import Verdict
from sure_math.equivalence.starter import READY, WANTED

WORKERS = 2
TIMEOUT = 1.8
"""Seconds that a worker may compute per pair: on an idle machine the caller waits less than two seconds.

The slowest of the real pairs (`benchmarks/equivalence_speed.py`) takes 0.1 s.
"""
BUSY_FACTOR = 5
"""On a busy machine a worker gets less than the whole time of a core: the caller waits at most so many times longer."""
START_TIMEOUT = 180.0
"""Seconds a new process may take to import sympy. Long, because the machine may be busy."""
MAX_CALLS = 400
"""Calls after which a worker is replaced: sympy's caches grow without bound."""
_MAX_REMEMBERED = 65_536
_END_SECONDS = 1.0
_ENVIRONMENT = frozenset(
    {"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONPYCACHEPREFIX", "TMPDIR"}
)
"""Variables that the worker is given: no token or password is among them."""


class WorkerUnavailable(RuntimeError):
    """The symbolic check cannot be started at all (a broken installation)."""


class Stopped(Exception):
    """The symbolic check of a pair was given up: its worker was late, or died twice.

    `text` is the answer that the worker was reading; None if it was comparing the two.
    """

    def __init__(self, text: str | None = None) -> None:
        super().__init__(text)
        self.text = text


@dataclass(frozen=True, slots=True)
class Checked:
    """What the symbolic check says about a pair, and how long it took."""

    verdict: Verdict
    seconds: float


class _Late(Exception):
    """No reply before the deadline."""


class _Died(Exception):
    """The worker ended before it replied."""


class _Worker:
    """One process, by the socket to it."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.calls = 0
        self.part = ""
        """What the worker said last that it is doing."""
        self._received = b""

    def alive(self) -> bool:
        """Whether the worker waits for a request: it has not ended, and has written nothing more."""
        return not self._wait(select.POLLIN, time.monotonic())

    def ask(self, first: str, second: str, timeout: float) -> str:
        """Return the verdict; `_Late` if it takes too long, `_Died` if the process has ended otherwise."""
        started = time.monotonic()
        deadline = started + BUSY_FACTOR * timeout
        self.calls += 1
        self.part = "first"
        try:
            self._write(json.dumps([first, second, timeout]).encode() + b"\n", deadline)
            while (line := self._line(deadline)) in ("first", "second", "both"):
                self.part = line
        except OSError as error:
            raise _Died from error
        except _Died:
            if time.monotonic() - started >= timeout:
                raise _Late from None  # it has used up its time
            raise
        return line

    def _write(self, request: bytes, deadline: float) -> None:
        while request:
            if not self._wait(select.POLLOUT, deadline):
                raise _Late
            request = request[self.connection.send(request) :]

    def _line(self, deadline: float) -> str:
        while b"\n" not in self._received:
            if not self._wait(select.POLLIN, deadline):
                raise _Late
            chunk = self.connection.recv(65_536)
            if not chunk:
                raise _Died
            self._received += chunk
        line, _, self._received = self._received.partition(b"\n")
        return line.decode("ascii", "replace")

    def _wait(self, event: int, deadline: float) -> bool:
        return _wait(self.connection, event, deadline)

    def kill(self) -> None:
        """End the connection, upon which the starter kills the worker. Copies of the socket make no difference."""
        _end(self.connection)


def _socket_pair() -> tuple[socket.socket, socket.socket]:
    """Return two sockets that are connected, with other numbers than those of the standard streams.

    A process without streams has these numbers free. The child opens its streams on them, which would close a socket.
    """
    first, second = socket.socketpair()
    return _above_streams(first), _above_streams(second)


def _above_streams(connection: socket.socket) -> socket.socket:
    if connection.fileno() > 2:
        return connection
    with connection:
        return socket.socket(fileno=fcntl.fcntl(connection.fileno(), fcntl.F_DUPFD_CLOEXEC, 3))


def _wait(connection: socket.socket, event: int, deadline: float) -> bool:
    """Wait until something can be read or written, or the connection has ended; False at the deadline."""
    poller = select.poll()
    poller.register(connection, event)
    seconds = deadline - time.monotonic()
    return bool(poller.poll(max(0, int(seconds * 1000) + 1) if seconds > 0 else 0))


def _end(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the other side has ended already
    finally:
        connection.close()


class _Starter:
    """The process that forks workers, and the socket to it."""

    def __init__(self) -> None:
        self.is_ready = False
        self.control, theirs = _socket_pair()
        command = [sys.executable, "-m", "sure_math.equivalence.symbolic", str(theirs.fileno()), str(os.getpid())]
        try:
            self.process = subprocess.Popen(
                command,
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=_environment(os.environ),
            )
        except OSError as error:
            self.control.close()
            raise WorkerUnavailable(f"the symbolic check did not start: {error}") from error
        finally:
            theirs.close()

    def wait_until_ready(self) -> None:
        in_time = _wait(self.control, select.POLLIN, time.monotonic() + START_TIMEOUT)
        self.is_ready = in_time and self.control.recv(1) == READY
        if not self.is_ready:
            raise WorkerUnavailable(
                "the symbolic check did not start (is math-verify installed?); "
                "`python -m sure_math.equivalence.symbolic` shows why"
            )

    def start_worker(self) -> _Worker:
        """Return a worker that is being started; OSError if the starter is gone."""
        ours, theirs = _socket_pair()
        try:
            socket.send_fds(self.control, [WANTED], [theirs.fileno()])
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        return _Worker(ours)

    def end(self) -> None:
        _end(self.control)
        if not self.is_ready:
            self.process.kill()
        try:
            self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for the worker. It imports from where this process does, and not from the working folder."""
    folders = [*filter(None, sys.path), str(Path(next(iter(sure_math.__path__))).parent)]
    return {name: value for name, value in given.items() if name in _ENVIRONMENT} | {
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(map(os.path.abspath, folders))),
        "PYTHONSAFEPATH": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
    }


class _Pool:
    """At most `WORKERS` processes that work at a time, and the process that starts them when first needed."""

    def __init__(self) -> None:
        self._turn = threading.Semaphore(WORKERS)
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._starter: _Starter | None = None

    def ask(self, first: str, second: str, timeout: float) -> Checked:
        """Return the worker's reply; `Stopped` if there was none. A worker that dies is replaced once."""
        with self._turn:
            seconds = 0.0
            for take in (self._take, self._new):
                worker = take()
                started = time.monotonic()
                try:
                    reply = worker.ask(first, second, timeout - seconds)
                except _Late:
                    self._discard(worker)
                    raise Stopped({"first": first, "second": second}.get(worker.part)) from None
                except _Died:
                    self._discard(worker)
                    seconds += time.monotonic() - started
                    continue
                except BaseException:
                    self._discard(worker)
                    raise
                self._put_back(worker)
                return Checked("equal" if reply == "equal" else "undecided", seconds + time.monotonic() - started)
            raise Stopped({"first": first, "second": second}.get(worker.part))

    def _put_back(self, worker: _Worker) -> None:
        if worker.calls >= MAX_CALLS:
            self._discard(worker)
        else:
            with self._lock:
                self._idle.append(worker)

    def _take(self) -> _Worker:
        while (worker := self._idle_one()) is not None:
            if worker.alive():
                return worker
            self._discard(worker)
        return self._new()

    def _idle_one(self) -> _Worker | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _new(self) -> _Worker:
        for _ in range(2):
            starter = self._ready_starter()
            try:
                worker = starter.start_worker()
            except OSError:
                self._end_starter(starter)
                continue
            with self._lock:
                self._all.add(worker)
            return worker
        raise WorkerUnavailable("the symbolic check was started, but ended at once; repeat the command")

    def _ready_starter(self) -> _Starter:
        with self._starting:
            if self._starter is None:
                starter = _Starter()
                try:
                    starter.wait_until_ready()
                except BaseException:
                    starter.end()
                    raise
                self._starter = starter
            return self._starter

    def _end_starter(self, starter: _Starter) -> None:
        with self._starting:
            if self._starter is starter:
                self._starter = None
            starter.end()

    def _discard(self, worker: _Worker) -> None:
        with self._lock:
            self._all.discard(worker)
        worker.kill()

    def close(self) -> None:
        with self._lock:
            workers, self._all, self._idle = list(self._all), set(), []
        for worker in workers:
            worker.kill()
        with self._starting:
            starter, self._starter = self._starter, None
        if starter is not None:
            starter.end()

    def forget(self) -> None:
        """Close this process's copies of the sockets and kill nothing: after a fork, the workers belong to the parent.

        Another thread of the parent may have held any lock, so none is touched.
        """
        connections = [worker.connection for worker in self._all]
        if self._starter is not None:
            connections.append(self._starter.control)
            self._starter.process.returncode = 0  # no child of this process: nothing to wait for
        for connection in connections:
            descriptor = connection.detach()
            if descriptor >= 0:
                os.close(descriptor)


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


_stopped: dict[tuple[str, str], None] = {}
"""Pairs that were given up and have not been decided since; the oldest are forgotten."""


def check(first: str, second: str, timeout: float = TIMEOUT) -> Checked:
    """Say whether Math-Verify and a numerical check find two formulas `equal`, else `undecided`.

    Raises:
        Stopped: the worker was late, or died twice. `was_stopped` remembers the pair.
    """
    try:
        checked = _pool.ask(first, second, timeout)
    except Stopped:
        give_up(first, second)
        raise
    _stopped.pop(_in_order(first, second), None)
    return checked


def give_up(first: str, second: str) -> None:
    """Remember that a pair was not decided."""
    _stopped[_in_order(first, second)] = None
    while len(_stopped) > _MAX_REMEMBERED:
        _stopped.pop(next(iter(list(_stopped))), None)


def symbolic_verdict(first: str, second: str, timeout: float = TIMEOUT) -> Verdict:
    """Return `equal` if Math-Verify and a numerical check say so, else `undecided`.

    The pair is also `undecided` if it was stopped.
    """
    try:
        return check(first, second, timeout).verdict
    except Stopped:
        return "undecided"


def any_was_stopped() -> bool:
    """Say whether this process gave up any pair."""
    return bool(_stopped)


def was_stopped(first: str, second: str) -> bool:
    """Say whether this process gave up the symbolic check of a pair, in either order."""
    return _in_order(first, second) in _stopped


def _in_order(first: str, second: str) -> tuple[str, str]:
    return min(first, second), max(first, second)
