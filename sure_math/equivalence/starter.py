"""The process that starts the workers of the symbolic check: it loads sympy once, and each worker is a fork of it.

A fork takes milliseconds and loading sympy takes seconds, so a worker that was killed is replaced at once. The starter
reads nothing that an answer says, so no answer can stop it. It has one thread.

Who ends whom:
- The process that grades (the parent) sends one end of a socket for each worker that it wants. The starter keeps a copy
  of this end. The parent ends a worker when it shuts its own end down: the starter sees that and kills the worker.
- If a worker dies by itself, the starter closes its copy, and the parent reads the end of the file.
- If the parent is gone, or has closed the control socket, the starter kills all workers and ends. It looks every
  `LOOK_SECONDS`. Copies of the sockets in other processes (forks of the parent) make no difference.
- If the starter is killed, the kernel kills its workers (`PR_SET_PDEATHSIG`). Where the kernel cannot do this, the CPU
  limit of a worker ends what it computes, and the end of its input ends the worker.
"""

import contextlib
import ctypes
import gc
import os
import resource
import select
import signal
import socket
import sys
from collections.abc import Callable
from typing import NoReturn

LOOK_SECONDS = 0.5
"""Seconds between two looks at whether the parent is still there."""
MEMORY_LIMIT = 2 << 30
"""Bytes of address space of a worker. sympy alone maps about 0.3 GB."""
READY, WANTED = b"r", b"w"
_DEATH_SIGNAL = 1
"""`PR_SET_PDEATHSIG` of Linux's `prctl`."""

_CPU_GIVEN = resource.getrlimit(resource.RLIMIT_CPU)
"""Soft and hard limit of the processor time that this process was started with, in seconds."""

Serve = Callable[[socket.socket], None]
"""Answers the requests that come through a socket until it ends."""


def run(control: socket.socket, parent: int, serve: Serve) -> None:
    """Start a worker for each socket that comes through `control`, until the process `parent` is gone.

    Args:
        serve: what each worker does. It is called in the new process.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    starter = _Starter(control, parent, serve)
    control.sendall(READY)
    try:
        while starter.step():
            pass
    finally:
        starter.close()


class _Starter:
    """The workers that run, each by the starter's copy of its socket."""

    def __init__(self, control: socket.socket, parent: int, serve: Serve) -> None:
        self._control = control
        self._parent = parent
        self._serve = serve
        self._pids: dict[int, int] = {}
        """Descriptor of the copy -> process id."""
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)
        self._bell, self._rung = os.pipe()
        for descriptor in (self._bell, self._rung):
            os.set_blocking(descriptor, False)
        self._poll.register(self._bell, select.POLLIN)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self._rung, warn_on_full_buffer=False)

    def step(self) -> bool:
        """Do what there is to do; False if the parent is gone."""
        events = [descriptor for descriptor, _ in self._poll.poll(int(LOOK_SECONDS * 1000))]
        # A new worker may get the number of a descriptor that was closed just before.
        for descriptor in sorted(events, key=lambda descriptor: descriptor == self._control.fileno()):
            if descriptor == self._bell:
                self._bury()
            elif descriptor == self._control.fileno():
                if not self._start():
                    return False
            elif descriptor in self._pids:
                self._end(descriptor)
        return os.getppid() == self._parent

    def _start(self) -> bool:
        try:
            wanted, descriptors, _, _ = socket.recv_fds(self._control, 1, 1)
        except OSError:
            return False
        if not wanted or not descriptors:
            return False
        descriptor = descriptors[0]
        starter = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            os.close(descriptor)  # the parent reads that the worker has ended
            return True
        if pid == 0:
            self._become_worker(descriptor, starter)
        self._pids[descriptor] = pid
        self._poll.register(descriptor, 0)  # only the end of the connection
        return True

    def _become_worker(self, descriptor: int, starter: int) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for other in (*self._pids, self._bell, self._rung):
                os.close(other)
            self._control.close()
            die_with_parent()
            if os.getppid() == starter:
                _limit()
                self._serve(socket.socket(fileno=descriptor))
        finally:
            os._exit(0)

    def _bury(self) -> None:
        """Take note of the workers that have ended by themselves."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._bell, 512):
                pass
        for descriptor, pid in list(self._pids.items()):
            if os.waitpid(pid, os.WNOHANG)[0]:
                self._forget(descriptor)

    def _end(self, descriptor: int) -> None:
        pid = self._pids[descriptor]
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self._forget(descriptor)

    def _forget(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)
        del self._pids[descriptor]
        with contextlib.suppress(OSError), socket.socket(fileno=descriptor) as connection:
            connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for descriptor in list(self._pids):
            self._end(descriptor)


def die_with_parent() -> None:
    """Ask the kernel to kill this process when the thread that forked it ends; the starter has only one thread."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)


def _limit() -> None:
    """Limit the memory of a worker. It writes no file and leaves no image of its memory."""
    for kind, wanted in (
        (resource.RLIMIT_AS, MEMORY_LIMIT),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _lower(kind, wanted)
    sys.setrecursionlimit(3000)


def limit_cpu(seconds: float) -> None:
    """End this process if it computes for longer than `seconds` from now on: the parent may be gone."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime + seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (_lowest(limit, *_CPU_GIVEN), _CPU_GIVEN[1]))


def _lower(kind: int, wanted: int) -> None:
    """Lower the soft limit of a resource to `wanted`. A lower one, which a user or a system has set, stays."""
    given = resource.getrlimit(kind)
    resource.setrlimit(kind, (_lowest(wanted, *given), given[1]))


def _lowest(wanted: int, *given: int) -> int:
    return min([wanted, *(limit for limit in given if limit != resource.RLIM_INFINITY)])
