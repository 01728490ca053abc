"""Try a fault in a run, and judge how every command of it ended."""

from __future__ import annotations

import json
import re
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil

from benchmarks.hostile import works
from benchmarks.hostile.kills import PATIENCE, Started, Undisturbed, compared
from benchmarks.hostile.trials import Row
from benchmarks.hostile.works import Work
from benchmarks.training_faults.faults import Act, Fault, Place
from tests.helpers.processes import INTERRUPTED, Around
from uopd.run.folder import METRICS, read_lines

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
SAID = 2000
"""Characters at the end of a log that are kept of a command that did not end as it should."""


def attempt(fault: Fault, work: Work, reference: Undisturbed, folder: Path) -> Row:
    """Run the commands of a fault one after the other, in a folder and on a dataset of its own."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    place = Place(out=folder / "out", data=folder / "data")
    shutil.copytree(data_of(work), place.data)
    row: Row = {"fault": fault.name, "wrong": []}
    for number, act in enumerate(fault.acts):
        wrong = _perform(act, _with_data(work, place.data, act.settings), reference, place)
        if wrong:
            row["wrong"] = [f"command {number + 1}: {text}" for text in wrong]
            row["said"] = (folder / "log").read_text(errors="replace")[-SAID:]
            break
    if not row["wrong"]:
        shutil.rmtree(folder)
    return row


def data_of(work: Work) -> Path:
    """Return the dataset that the command of a run names."""
    return Path(next(word for word in work.arguments if word.startswith("data.path=")).partition("=")[2])


def _with_data(work: Work, data: Path, settings: Sequence[str]) -> Work:
    arguments = [word for word in work.arguments if not word.startswith("data.path=")]
    return replace(work, arguments=[*arguments, f"data.path={data}", *settings])


def _perform(act: Act, work: Work, reference: Undisturbed, place: Place) -> list[str]:
    """Run one command; return what was not as it should be."""
    act.before(place)
    (place.out.parent / "command.json").write_text(json.dumps([work.module, *work.command(place.out)]))
    command = Started(work, place.out, within=partial(_both, act.around))
    status = command.wait(PATIENCE)
    if status is None and act.meanwhile is not None and command.is_stopped:
        main = psutil.Process(command.pid)
        try:
            act.meanwhile(Place(out=place.out, data=place.data, main=main))
        finally:
            main.send_signal(signal.SIGCONT)
        status = command.wait(PATIENCE)
    if status is None:
        command.kill()
        return ["it hangs"]
    left = command.left_behind()
    text = _CONTROL.sub("", command.log.read_text(errors="replace"))
    wrong = [f"left behind: {', '.join(left)}"] if left else []
    return wrong + judge(act, status, text, reference, work, place.out)


def _both(around: Around, points: Around) -> Around:
    return partial(_entered, around, points)


@contextmanager
def _entered(around: Around, points: Around) -> Iterator[None]:
    """Enter both contexts in the process of the command."""
    with points(), around():
        yield


def judge(act: Act, status: int, text: str, reference: Undisturbed, work: Work, out: Path) -> list[str]:
    """Say what is wrong with how a command ended; nothing if it ended as it should."""
    if act.ends == "killed":
        return [] if status != 0 else ["it ended well, and was to be killed"]
    if act.ends in ("a message", "interrupted"):
        lines = [line for line in text.splitlines() if line.strip()]
        if status != (INTERRUPTED if act.ends == "interrupted" else 1) or "Traceback (most recent call last)" in text:
            return [f"exit status {status}{', a traceback' if 'Traceback' in text else ''}"]
        return [] if lines and re.search(act.says, lines[-1]) else [f"the last line is {lines[-1:]}"]
    if status != 0:
        return [f"exit status {status}"]
    failed = [line for line in read_lines(out / METRICS) if "failed" in line]
    if act.ends == "left out":
        reasons = [line["failed"] for line in failed]
        return [] if len(failed) == 1 and re.search(act.says, reasons[0]) else [f"left out: {reasons}"]
    if failed:
        return [f"left out: {failed}"]
    return compared(work, reference.made, work.made(out), {}, tolerance=0.0)


def works_of(kind: str, folder: Path) -> Work:
    """Make the command of a kind of run, on a dataset in `folder`."""
    return {"local": works.local_training, "ray": works.ray_training}[kind](folder)
