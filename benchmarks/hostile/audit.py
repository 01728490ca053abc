"""What a process does to the outside, seen by Python's audit hooks: files written, processes, sockets, compiled code.

`watch` sees the process that calls it. The workers of the symbolic check are other processes: `worker_hook` makes a
folder with a `sitecustomize.py` that Python loads when they start. It reports through a named pipe, because a worker
can write no file.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

OUTSIDE = (
    *(
        "subprocess.",
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "os.spawn",
        "os.startfile",
        "pty.",
        "shutil.",
        "ctypes.",
    ),
    *("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "socket.gethostby", "urllib.", "ftplib."),
    *("smtplib.", "http.client.", "webbrowser.", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link"),
    *("os.symlink", "os.chmod", "os.chown", "os.truncate", "os.fork", "os.kill"),
)
"""Beginnings of the names of events that reach outside of a process."""
WORKER = "sure_math.equivalence.symbolic"
"""The module that a worker runs."""
WORKER_SEEN = "a worker is watched"
"""What a worker reports first."""
CANARY = "CANARY_OF_THE_HOSTILE_ANSWERS"
"""Name of the file that the hostile answers try to write."""
CODE = (
    CANARY,
    "__import__",
    "__globals__",
    "/etc/passwd",
    "system(",
    "exec(",
    "write18",
    "jndi",
    "DROP TABLE",
)
"""Parts of the code in hostile answers. SymPy and NumPy compile code of their own, which has none of them."""


def effect(event: str, arguments: tuple[Any, ...]) -> str | None:
    """Say what an audited event does to the outside; None if it does nothing."""
    if event == "open":
        flags = arguments[2] if len(arguments) > 2 else 0
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        return f"open for writing {arguments[0]!r}" if writes else None
    if event == "compile":
        return _compiled(*arguments[:2])
    if event.startswith("ctypes.dl") and (arguments[0] is None or arguments[1:] == ("prctl",)):
        return None  # a worker asks the kernel to end it with its parent
    if event == "subprocess.Popen" and WORKER in arguments[1]:
        return None  # the process that starts the workers
    return f"{event} {arguments!r:.200}" if event.startswith(OUTSIDE) else None


def _compiled(source: object, file: object) -> str | None:
    """Name source code that was compiled and comes from an answer."""
    text = source.decode("utf-8", "replace") if isinstance(source, bytes) else source
    if not isinstance(text, str) or not str(file).startswith("<"):
        return None
    return f"compile {text:.200}" if any(part in text for part in CODE) else None


def watch(found: list[str]) -> None:
    """Append what this process does from now on to `found`. It cannot be undone."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        done = effect(event, arguments)
        if done is not None:
            found.append(done)

    sys.addaudithook(hook)


def worker_hook(folder: Path) -> Path:
    """Write the `sitecustomize.py` of the workers into `folder`; return the pipe through which they report.

    Put the folder first on `sys.path` before the first worker starts.
    """
    folder.mkdir()
    pipe = folder / "reports"
    os.mkfifo(pipe)
    (folder / "sitecustomize.py").write_text(
        f"""import os, sys
try:
    from {__name__} import WORKER_SEEN, effect
    _pipe = os.open({str(pipe)!r}, os.O_WRONLY | os.O_NONBLOCK)
    _starter = os.getpid()
    _seen = set()

    def _say(text):
        os.write(_pipe, text.replace(chr(10), " ")[:400].encode("utf-8", "backslashreplace") + bytes([10]))

    def _hook(event, arguments):
        if os.getpid() == _starter:
            return
        if os.getpid() not in _seen:
            _seen.add(os.getpid())
            _say(WORKER_SEEN)
        done = effect(event, arguments)
        if done is not None:
            _say(done)

    sys.addaudithook(_hook)
except ImportError:
    pass
"""
    )
    return pipe
