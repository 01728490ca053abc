"""Processes of engines end with the process that started them.

Pinned: with a process that is killed, terminated, interrupted, that exits or leaves by `os._exit`, everything ends that
it started as an engine, also what ignores signals, what an engine started later, what was started a moment before, and
what was forked; other children live on. A list of them is kept in a file while they run; a command that finds the list
of one that was killed together with its watchdog names and ends these processes, and no other.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sure_math.models.engines.processes import recorded_processes
from tests.helpers.process_trees import Family, running

ENGINE = """
import signal, subprocess, sys, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
worker = [sys.executable, "-c", "import time; time.sleep(600)"]
subprocess.Popen(worker, start_new_session=True)
time.sleep(1.5)
subprocess.Popen(worker)
time.sleep(600)
"""
"""An engine that no signal but SIGKILL ends, with a worker at its start and another one later."""

OWNER = """
import os, signal, subprocess, sys, time
from pathlib import Path
from sure_math.models.engines.processes import recorded_processes, watched_start

signal.signal(signal.SIGINT, signal.default_int_handler)  # a command in the background of a shell ignores it
folder, kind = Path(sys.argv[1]), sys.argv[2]
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
bystander = subprocess.Popen(SLEEP)
(folder / "bystander").write_text(str(bystander.pid))

def ready(name="ready"):
    (folder / name).touch()

with recorded_processes(folder / "engines.json", print):
    with watched_start():
        if kind == "just started":
            subprocess.Popen(SLEEP)
            os.kill(os.getpid(), signal.SIGKILL)
        elif kind == "just started by an engine":
            code = f"import subprocess, sys; sys.stdin.readline(); subprocess.Popen({SLEEP!r}, start_new_session=True)"
            engine = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
        elif kind == "forked":
            if os.fork() == 0:
                time.sleep(600)
            time.sleep(0.5)
        else:
            engine = subprocess.Popen([sys.executable, "-c", sys.argv[3]])
            time.sleep(0.5)
    time.sleep(2.5)
    if kind == "just started by an engine":
        engine.communicate(b"now")
        os.kill(os.getpid(), signal.SIGKILL)
    ready()
    if kind == "exits":
        sys.exit(3)
    if kind == "leaves":
        os._exit(4)
    if kind == "raises":
        raise ValueError("a defect")
    time.sleep(600)
"""


@contextlib.contextmanager
def owner(folder: Path, kind: str) -> Iterator[tuple["subprocess.Popen[bytes]", Family]]:
    """A process that has started an engine, and all its processes; what is left at the end is killed."""
    process = subprocess.Popen([sys.executable, "-c", OWNER, str(folder), kind, ENGINE])
    family = Family(process.pid)
    try:
        family.look_until(lambda: (folder / "ready").exists() or process.poll() is not None, 60)
        yield process, family
    finally:
        process.kill()
        process.wait()
        bystander = folder / "bystander"
        for left in (*running(family.seen), psutil.Process(int(bystander.read_text()))):
            with contextlib.suppress(psutil.Error):
                left.kill()


def bystander_of(folder: Path) -> psutil.Process:
    return psutil.Process(int((folder / "bystander").read_text()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "number", "engines"),
    [
        ("waits", signal.SIGKILL, 3),
        ("waits", signal.SIGTERM, 3),
        ("waits", signal.SIGINT, 3),
        ("exits", None, 3),
        ("leaves", None, 3),
        ("raises", None, 3),
        ("forked", signal.SIGKILL, 1),
    ],
)
def test_engines_end_with_their_process(tmp_path: Path, kind: str, number: signal.Signals | None, engines: int) -> None:
    with owner(tmp_path, kind) as (process, family):
        family.look()
        bystander = bystander_of(tmp_path)
        family.seen.discard(bystander)
        if number is not None:
            assert len(running(family.seen)) == engines + 1  # the watchdog
            listed = json.loads((tmp_path / "engines.json").read_text())["processes"]
            assert len(listed) == engines
            process.send_signal(number)
        process.wait(timeout=30)
        assert family.left_after() == []
        assert running([bystander]) == [bystander]
        assert not (tmp_path / "engines.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["just started", "just started by an engine"])
def test_what_was_started_a_moment_before_the_end_ends_too(tmp_path: Path, kind: str) -> None:
    with owner(tmp_path, kind) as (process, _):
        assert process.wait() == -signal.SIGKILL
        mark = f"{process.pid}-"
        end = time.monotonic() + 10
        while (left := marked(mark)) and time.monotonic() < end:
            time.sleep(0.1)
        assert left == []
        assert running([bystander_of(tmp_path)])


def marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get("SURE_MATH_ENGINE_OF", "").startswith(mark):
                found.append(process)
    return running(found)


@pytest.mark.slow
def test_what_a_killed_command_and_its_killed_watchdog_have_left_is_named_and_ended(tmp_path: Path) -> None:
    with owner(tmp_path, "waits") as (process, family):
        bystander = bystander_of(tmp_path)
        family.look()
        family.seen.discard(bystander)
        watchdogs = [one for one in running(family.seen) if "watchdog.py" in " ".join(one.cmdline())]
        assert len(watchdogs) == 1
        watchdogs[0].kill()
        process.kill()
        process.wait()
        left = running(set(family.seen) - set(watchdogs))
        assert len(left) == 3
        record, said = tmp_path / "engines.json", list[str]()
        with recorded_processes(record, said.append):
            assert running(left) == []
        assert len(said) == 1
        assert said[0].startswith("ending what an earlier command has left running: ")
        assert all(str(one.pid) in said[0] for one in left)
        assert running([bystander]) == [bystander]
        assert not record.exists()


@pytest.mark.parametrize(
    "change",
    [{"host": "elsewhere"}, {"started": 100.0}, {"pid": "1"}, {"pid": None}, {"damaged": True}],
    ids=lambda change: next(iter(change)) + str(next(iter(change.values()))),
)
def test_no_other_process_is_taken_for_a_survivor(tmp_path: Path, change: dict[str, object]) -> None:
    """Nor is one ended that has the number of an engine by chance."""
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        entry = {"pid": bystander.pid, "started": psutil.Process(bystander.pid).create_time()}
        content = {"host": socket.gethostname(), "owner": 1, "processes": [entry | change]} | change
        record, said = tmp_path / "engines.json", list[str]()
        record.write_text(json.dumps(content)[: 40 if "damaged" in change else None])
        with recorded_processes(record, said.append):
            assert bystander.poll() is None
        assert said == []
    finally:
        bystander.kill()
        bystander.wait()


def test_a_damaged_list_is_no_list(tmp_path: Path) -> None:
    record = tmp_path / "engines.json"
    for content in (b"", b"[]", b'{"processes": 3}', b"\xff", b'{"processes": [3]}', b"[" * 100_000):
        record.write_bytes(content)
        with recorded_processes(record, pytest.fail):
            pass
    assert os.listdir(tmp_path) == []
