"""Part 2: builds, trainings and evaluations are killed with SIGKILL at random and at exact moments, and repeated.

A folder takes a few kills, each followed by the same command, and is then finished. What it holds at the end is
compared with a run that nothing disturbed.
"""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import psutil

from benchmarks.hostile import works
from benchmarks.hostile.stopping import SECONDS, stopped_at
from benchmarks.hostile.trials import Row, Trials
from benchmarks.hostile.works import RAY_STEPS, Work, differences
from tests.helpers.processes import Around, start_module

PATIENCE = 1800.0
"""Seconds after which a command that has not ended counts as hanging."""
LOOK_SECONDS = 0.05
SHOWN = 120
"""Characters of a command line."""
ORPHAN_SECONDS = 10.0
"""Seconds after a kill in which the other processes of the command have to end."""
TOLERANCE = 1e-5
"""Numbers of two results may differ by so much; results that are equal to the last bit are counted apart."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How often one kind of command is killed."""

    make: Callable[[Path], Work]
    kills: int
    per_folder: int
    """Kills that a folder takes before its command is left to end."""
    exact_share: float
    """Share of the kills at exact points; the others come at a random time."""


PLANS: Mapping[str, Plan] = {
    "build": Plan(works.build_of_all_phases, 30, 4, 0.6),
    "served": Plan(works.served_build, 18, 4, 0.6),
    "vllm": Plan(works.vllm_build, 10, 2, 0.3),
    "local": Plan(works.local_training, 24, 4, 0.6),
    "evaluation": Plan(works.evaluation, 8, 2, 0.5),
    "ray": Plan(works.ray_training, 10, 2, 0.5),
}


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """A run that was not killed."""

    made: dict[str, Any]
    asked: list[str]
    seconds: float
    passed: Mapping[str, int]
    """Exact point -> how often the run passed it."""


class Started:
    """A command in a process of its own, with the processes that it has started."""

    def __init__(
        self,
        work: Work,
        out: Path,
        *,
        point: str | None = None,
        number: int = 0,
        counts: Path | None = None,
        within: Callable[[Around], Around] = lambda around: around,
    ) -> None:
        """Start it.

        Args:
            point, number: stop at the `number`-th passing of this exact point.
            counts: file for how often every point was passed.
            within: puts the context of the process into another one.
        """
        self.log = out.parent / "log"
        around = partial(stopped_at, out, point, number, counts, dict(work.environment))
        self._process: ForkServerProcess = start_module(
            work.module, *work.command(out), log=self.log, around=within(around)
        )
        assert self._process.pid is not None
        self._main = psutil.Process(self._process.pid)
        self._family: dict[int, psutil.Process] = {}

    def wait(self, seconds: float = PATIENCE) -> int | None:
        """Wait until the command ends, stops at its point, or the time is over; the exit status if it has ended."""
        end = time.monotonic() + seconds
        while (status := self._process.exitcode) is None and time.monotonic() < end:
            self._look()
            if self.is_stopped:
                return None
            self._process.join(min(LOOK_SECONDS, max(0.0, end - time.monotonic())))
        return status

    def kill(self) -> list[str]:
        """Kill the command; return the command lines of its processes that are there `ORPHAN_SECONDS` later, and end
        them.
        """
        self._look()
        self._main.send_signal(signal.SIGKILL)
        self._process.join()
        return self._end_the_others()

    def left_behind(self) -> list[str]:
        """After the end of the command, as `kill`."""
        return self._end_the_others()

    @property
    def pid(self) -> int:
        """The process of the command."""
        return int(self._main.pid)

    @property
    def is_stopped(self) -> bool:
        """Whether the command has stopped itself."""
        try:
            return bool(self._main.status() == psutil.STATUS_STOPPED)
        except psutil.Error:
            return False

    def _end_the_others(self) -> list[str]:
        _, left = psutil.wait_procs(list(self._family.values()), ORPHAN_SECONDS)
        left = [process for process in left if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
        names = []
        for process in left:
            with contextlib.suppress(psutil.Error):
                names.append(" ".join(process.cmdline())[:SHOWN] or process.name())
                process.kill()
        return names

    def _look(self) -> None:
        with contextlib.suppress(psutil.Error):
            self._family |= {child.pid: child for child in self._main.children(recursive=True)}


def undisturbed(work: Work, folder: Path) -> Undisturbed:
    """Run a command to its end in `folder`, and count the exact points that it passes.

    Raises:
        RuntimeError: the command fails; the message ends with what it printed.
    """
    out, counts = folder / "out", folder / "counts.json"
    folder.mkdir()
    work.forget()
    command = Started(work, out, counts=counts)
    if command.wait() != 0:
        command.kill()
        raise RuntimeError(f"{work.name} failed without a kill:\n{command.log.read_text(errors='replace')[-3000:]}")
    passed = json.loads(counts.read_text(encoding="utf-8"))
    return Undisturbed(work.made(out), work.asked(out), passed.pop(SECONDS), passed)


def attempt(work: Work, reference: Undisturbed, folder: Path, plan: Plan, seed: str, kills: int) -> Row:
    """Kill a command in one folder, at most `kills` times; let it end, and compare with the undisturbed run."""
    draw = random.Random(seed)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    out = folder / "out"
    work.forget()
    lengths = [0]
    stored: list[set[str]] = []
    done: list[Row] = []
    logged: dict[str, bytes] = {}
    status: int | None = None
    for number in range(min(kills, plan.per_folder)):
        point, passing = _choose(draw, plan, reference, number)
        command = Started(work, out, point=point, number=passing)
        status = command.wait(PATIENCE if point else draw.uniform(0.05, 1.0) * reference.seconds)
        if status is not None:
            break  # it ended before its time had come
        done.append({"point": point or "random", "left_behind": command.kill()})
        lengths.append(len(work.asked(out)))
        stored.append(work.stored(out))
        logged |= _rollouts(out)
    if status is None:
        command = Started(work, out)
        status = command.wait()
        if status is None:
            command.kill()
    made, asked = work.made(out), work.asked(out)
    lengths.append(len(asked))
    repeated, beyond = repeats(asked, lengths, stored)
    row: Row = {
        "work": work.name,
        "kills": done,
        "status": status,
        "different": compared(work, reference.made, made, logged),
        "to_the_last_bit": not differences(reference.made, made, 0.0),
        "lost": _lost(reference.made, made),
        "asked": len(asked),
        "repeated": repeated,
        "repeated_beyond_flight": beyond,
        "never_asked": len(set(reference.asked) - set(asked)),
    }
    text = (folder / "log").read_text(errors="replace")
    row |= {"traceback": "Traceback" in text, "said": text[-2000:] if status != 0 else ""}
    if status == 0 and not row["different"]:
        shutil.rmtree(folder)
    return row


def _choose(draw: random.Random, plan: Plan, reference: Undisturbed, before: int) -> tuple[str | None, int]:
    """Return an exact point and the number of its passing, or None for a random time."""
    if draw.random() >= plan.exact_share or not reference.passed:
        return None, 0
    point = draw.choice(sorted(reference.passed))
    # A run that goes on passes fewer points than a whole run.
    return point, draw.randint(1, max(1, reference.passed[point] // (before + 1)))


def _rollouts(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((out / "rollouts").glob("step-*.parquet"))}


def compared(
    work: Work,
    expected: dict[str, Any],
    found: dict[str, Any],
    logged: Mapping[str, bytes],
    *,
    tolerance: float = TOLERANCE,
) -> list[str]:
    """Name what differs between two results. What vLLM samples anew may differ, what was logged before a kill not.

    Args:
        logged: rollouts that were logged before a kill: name of the file -> its content.
        tolerance: numbers may differ by so much.
    """
    if work.samples_alike:
        return differences(expected, found, tolerance)[:10]
    steps = [line["step"] for line in found["metrics"]]
    wrong = [] if steps == list(range(RAY_STEPS)) else [f"steps {steps}"]
    wrong += [] if expected.keys() == found.keys() else [f"files {sorted(expected.keys() ^ found.keys())}"]
    return wrong + [name for name, content in logged.items() if found.get(f"rollouts/{name}") != content]


def repeats(asked: Sequence[str], lengths: Sequence[int], stored: Sequence[set[str]]) -> tuple[int, int]:
    """Count the requests that a run asked although an earlier run had, and those whose answers were stored by then.

    Args:
        asked: the requests, in order.
        lengths: how many requests were asked when each run began, and at the end.
        stored: the requests whose answers were on the disk after each kill.

    >>> repeats(["a", "b", "c", "c", "a"], [0, 3, 5], stored=[{"a", "b"}])
    (2, 1)
    """
    count = beyond = 0
    before: set[str] = set()
    for (begin, end), kept in zip(pairwise(lengths), [set(), *stored], strict=True):
        again = before & set(asked[begin:end])
        count += len(again)
        beyond += len(again & kept)
        before |= set(asked[begin:end])
    return count, beyond


def _lost(expected: Mapping[str, Any], found: Mapping[str, Any]) -> int:
    """Count the rows that are missing at the end."""
    tables = [name for name, rows in expected.items() if isinstance(rows, list)]
    return sum(max(0, len(expected[name]) - len(found.get(name) or [])) for name in tables)


def run(folder: Path, scale: float, seed: int, plans: Sequence[str], say: Callable[[str], None]) -> Row:
    """Kill every kind of command, `scale` times as often as planned; return the counts."""
    settings = {"seed": seed, "scale": scale}
    trials = Trials(folder, "kills", settings)
    kinds = {}
    for name in plans:
        plan = PLANS[name]
        kills = max(1, round(plan.kills * scale))
        rows = _kind(folder / name, name, plan, kills, seed, trials, say)
        kinds[name] = summary(rows)
    return {"seed": seed, "kinds": kinds}


def _kind(
    folder: Path, name: str, plan: Plan, kills: int, seed: int, trials: Trials, say: Callable[[str], None]
) -> list[Row]:
    """Try until there were `kills` kills."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    opened: list[tuple[Work, Undisturbed]] = []

    def open_work() -> tuple[Work, Undisturbed]:
        if not opened:
            work = plan.make(folder)
            opened.append((work, undisturbed(work, folder / "undisturbed")))
        return opened[0]

    def kill_some(trial: str) -> Row:
        work, reference = open_work()
        return attempt(work, reference, folder / "killed", plan, f"{seed}/{trial}", kills - done)

    rows: list[Row] = []
    done = 0
    try:
        while done < kills:
            [row] = trials.each([f"{name}/{len(rows)}"], kill_some)
            rows.append(row)
            done += len(row["kills"])
            say(f"{row['trial']}: {done} of {kills} kills, {_word(row)}")
    finally:
        for work, _ in opened:
            work.close()
    return rows


def _word(row: Row) -> str:
    if row["status"] != 0:
        return f"ended with {row['status']}"
    return f"differs: {row['different']}" if row["different"] else "the same result"


def summary(rows: Sequence[Row]) -> Row:
    """Count what the kills of one kind of command did."""
    kills = [kill for row in rows for kill in row["kills"]]
    failed = [row for row in rows if row["status"] != 0]
    return {
        "work": rows[0]["work"],
        "kills": len(kills),
        "points": dict(sorted(Counter(kill["point"] for kill in kills).items())),
        "folders": len(rows),
        "failed": len(failed),
        "different": sum(bool(row["different"]) for row in rows),
        "to_the_last_bit": sum(row["to_the_last_bit"] for row in rows),
        "rows_lost": sum(row["lost"] for row in rows),
        "asked": sum(row["asked"] for row in rows),
        "repeated": sum(row["repeated"] for row in rows),
        "repeated_beyond_flight": sum(row["repeated_beyond_flight"] for row in rows),
        "never_asked": sum(row["never_asked"] for row in rows),
        "kills_with_processes_left": sum(bool(kill["left_behind"]) for kill in kills),
        "processes_left": sum(len(kill["left_behind"]) for kill in kills),
        "names_left": sorted({name for kill in kills for name in kill["left_behind"]}),
        "examples": [
            {"trial": row["trial"], "different": row["different"], "said": row["said"][-300:]}
            for row in rows
            if row["status"] != 0 or row["different"]
        ][:5],
    }
