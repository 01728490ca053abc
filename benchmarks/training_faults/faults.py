"""The list of faults, and how a run has to end after each."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import psutil
import pyarrow.parquet as pq

from benchmarks.training_faults import inside
from benchmarks.training_faults.inside import Moment
from tests.helpers.processes import Around, start_module
from uopd.run.folder import METRICS

Ending = Literal["the same result", "left out", "a message", "interrupted", "killed"]
"""`the same result`: exit status 0, and weights, metrics and files as without a fault. `left out`: exit status 0, and
the log says which one step could not be taken, and why. `a message`: exit status 1, and one line that says what to do.
`interrupted`: such a line after SIGINT. `killed`: by a signal.
"""
KINDS = ("local", "ray")
TWO_CHECKPOINTS = {"local": 4, "ray": 2}
"""Kind of a run -> the step before which it has written two checkpoints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a run takes place."""

    out: Path
    data: Path
    """The dataset, which is this fault's own copy."""
    main: psutil.Process | None = None
    """The process of the run, while it is stopped at its moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One call of the command."""

    ends: Ending
    says: str = ""
    """Regular expression in the last line, or in the reason why a step was left out."""
    before: Callable[[Place], None] = lambda place: None
    """Called before the command starts."""
    around: Around = nullcontext
    """Context in the process of the command."""
    meanwhile: Callable[[Place], None] | None = None
    """Called while the process has stopped itself. Then it goes on."""
    settings: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong, and the commands that follow each other."""

    name: str
    acts: Sequence[Act]
    kinds: Sequence[str] = KINDS


AGAIN = Act(ends="the same result")
"""The same command once more, without a fault."""


def _at(part: str, act: Callable[[], None], step: int = 1) -> Around:
    return partial(inside.at, Moment(part, step), act)


def _signal(number: signal.Signals) -> Callable[[], None]:
    return partial(inside.send_signal, number)


def _killed(part: str, step: int = 1) -> Fault:
    kill = Act(ends="killed", around=_at(part, _signal(signal.SIGKILL), step))
    return Fault(name=f"kill -9 before: {part}", acts=(kill, AGAIN))


def _interrupted(number: signal.Signals, part: str, says: str) -> Fault:
    ends: Ending = "interrupted" if says else "killed"
    act = Act(ends=ends, says=says, around=_at(part, _signal(number)))
    return Fault(name=f"{number.name} before: {part}", acts=(act, AGAIN))


def _failed(part: str, kind: str, says: str) -> Fault:
    act = Act(ends="left out", says=says, around=partial(inside.failing, part, kind, 1))
    return Fault(name=f"{part}: {kind}", acts=(act,))


def _stopped(part: str) -> Around:
    """The run stops itself before a part, and goes on when it is told to."""
    return _at(part, _signal(signal.SIGSTOP))


def _actor(place: Place, name: str) -> psutil.Process:
    """Find the process of an actor of the run."""
    assert place.main is not None
    for process in place.main.children(recursive=True):
        if any(f"ray::{name}" in word for word in process.cmdline()):
            return process
    raise LookupError(f"no process of {name}")


def _kill_actor(name: str, place: Place) -> None:
    _actor(place, name).kill()


def _kill_raylet(place: Place) -> None:
    assert place.main is not None
    for process in place.main.children(recursive=True):
        if process.name() == "raylet":
            process.kill()


def _hang_actor(name: str, place: Place) -> None:
    _actor(place, name).send_signal(signal.SIGSTOP)


def _lost(name: str, part: str, says: str) -> Fault:
    act = Act(ends="a message", says=says, around=_stopped(part), meanwhile=partial(_kill_actor, name))
    return Fault(name=f"{name} is killed before: {part}", acts=(act, AGAIN), kinds=("ray",))


def _newest_checkpoint(place: Place) -> Path:
    return sorted((place.out / "checkpoints").glob("step-*"))[-1]


def _cut_checkpoint(place: Place) -> None:
    weights = max((_newest_checkpoint(place) / "student").iterdir(), key=lambda path: path.stat().st_size)
    os.truncate(weights, weights.stat().st_size // 2)


def _remove_weights(place: Place) -> None:
    max((_newest_checkpoint(place) / "student").iterdir(), key=lambda path: path.stat().st_size).unlink()


def _cut_rollouts(place: Place) -> None:
    """Damage the rollouts of the step that comes next; those of earlier steps are not read again."""
    newest = sorted((place.out / "rollouts").glob("*.parquet"))[-1]
    os.truncate(newest, newest.stat().st_size // 2)


def _damage_run_record(place: Place) -> None:
    (place.out / "run.json").write_text("{")


def _put_run_record_away(place: Place) -> None:
    (place.out / "run.json").rename(place.out / "run.json.damaged")


def _half_a_line(place: Place) -> None:
    with (place.out / METRICS).open("a") as file:
        file.write('{"step": 1, "los')


def _replace_dataset(place: Place) -> None:
    """Replace the dataset by one with another content."""
    shutil.move(place.data, place.data.with_name("kept"))
    shutil.copytree(place.data.with_name("kept"), place.data)
    table = next((place.data / "data").glob("train*.parquet"))
    rows = pq.read_table(table)
    pq.write_table(rows.slice(1), table)


def _put_dataset_back(place: Place) -> None:
    shutil.rmtree(place.data)
    shutil.move(place.data.with_name("kept"), place.data)


def _second_run(place: Place) -> None:
    """Start the same command a second time while the first one is stopped. The second command must refuse."""
    command = json.loads((place.out.parent / "command.json").read_text())
    log = place.out.parent / "second-log"
    process = start_module(command[0], *command[1:], log=log)
    process.join(600)
    text = log.read_text(errors="replace")
    assert process.exitcode == 1 and "another process trains here" in text, text[-500:]


def _in_between(name: str, *changes: Act, kinds: Sequence[str] = KINDS) -> tuple[Fault, ...]:
    """Kill each kind of run when it has two checkpoints; what has changed before the next command makes the fault."""

    def fault(kind: str, step: int) -> Fault:
        kill = Act(ends="killed", around=_at("update", _signal(signal.SIGKILL), step))
        return Fault(name=name, acts=(kill, *changes), kinds=(kind,))

    return tuple(fault(kind, step) for kind, step in TWO_CHECKPOINTS.items() if kind in kinds)


FAULTS: Sequence[Fault] = (
    *(_killed(part) for part in ("rollout", "score", "update", "sync")),
    *(_killed(part, 0) for part in ("checkpoint", "evaluation", "summary")),
    _interrupted(signal.SIGINT, "rollout", "^interrupted: repeat the command"),
    _interrupted(signal.SIGINT, "update", "^interrupted: repeat the command"),
    _interrupted(signal.SIGTERM, "score", ""),
    _interrupted(signal.SIGTERM, "sync", ""),
    _failed("teacher", "an infinite logit", r"^scoring: a logit of the teacher is inf"),
    _failed("teacher", "a token that it does not have", r"^scoring: IndexError: index out of range"),
    _failed("teacher", "a text that it refuses", r"^scoring: ValueError: row 2: 4,097 tokens"),
    _failed("teacher", "scores that are NaN", r"^update 2: ValueError: .* has no finite largest value"),
    _failed("teacher", "no memory", r"OutOfMemoryError: tried to allocate"),
    _failed("student", "a NaN loss", r"^update 2: the loss is nan"),
    _failed("student", "an infinite gradient", r"^update 2: the gradient's norm is inf"),
    _failed("student", "a row with a strange token", r"^update 2: IndexError: index out of range"),
    Fault(
        name="teacher: a lost GPU",
        acts=(
            Act(
                ends="a message",
                says=r"step 1 has made the GPU unusable .* Repeat the command",
                around=partial(inside.failing, "teacher", "a lost GPU", 1),
            ),
            Act(ends="left out", says="CUDA error: device-side assert"),
        ),
    ),
    Fault(
        name="more failed steps than are allowed",
        acts=(
            Act(
                ends="a message",
                says=r"run\.max_failed_steps = 0: 1 steps could not be taken",
                around=partial(inside.failing, "teacher", "no memory", 1),
                settings=("run.max_failed_steps=0",),
            ),
            Act(ends="left out", says="OutOfMemoryError", settings=("run.max_failed_steps=1",)),
        ),
    ),
    Fault(
        name="stale weights",
        acts=(
            Act(
                ends="a message",
                says="weights did not arrive|is not nearer|digest",
                around=partial(inside.failing, "student", "stale weights", 0),
            ),
            AGAIN,
        ),
        kinds=("ray",),
    ),
    Fault(
        name="an engine is killed before: rollout",
        acts=(Act(ends="the same result", around=_stopped("rollout"), meanwhile=partial(_kill_actor, "EngineActor")),),
        kinds=("ray",),
    ),
    _lost("ScorerActor", "score", "teacher died: .* repeat the command"),
    _lost("RankActor", "update", "student 0 died: .* repeat the command"),
    Fault(
        name="Ray is killed before: update",
        acts=(
            Act(ends="a message", says="repeat the command", around=_stopped("update"), meanwhile=_kill_raylet),
            AGAIN,
        ),
        kinds=("ray",),
    ),
    Fault(
        name="an engine hangs in: sync",
        acts=(
            Act(
                ends="a message",
                says=r"sync\.timeout|in \d+ seconds|repeat the command",
                around=_stopped("sync"),
                meanwhile=partial(_hang_actor, "EngineActor"),
                settings=("sync.timeout=15",),
            ),
            AGAIN,
        ),
        kinds=("ray",),
    ),
    *(
        Fault(
            name=f"the disk is full before: {part}",
            acts=(Act(ends="a message", says="[Nn]o space left", around=_at(part, inside.fill_disk, step)), AGAIN),
        )
        for part, step in (("rollout", 1), ("checkpoint", 0))
    ),
    Fault(
        name="too many open files before: rollout",
        acts=(Act(ends="a message", says="[Tt]oo many open files", around=_at("rollout", inside.use_up_files)), AGAIN),
        kinds=("local",),
    ),
    *(
        Fault(
            name=f"the clock jumps by {days:+d} days",
            acts=(Act(ends="the same result", around=_at("rollout", partial(inside.jump, days))),),
        )
        for days in (-400, 400)
    ),
    *_in_between("a truncated checkpoint", Act(ends="the same result", before=_cut_checkpoint)),
    *_in_between("a checkpoint without weights", Act(ends="the same result", before=_remove_weights)),
    # vLLM may sample other responses when a step is sampled again.
    *_in_between("damaged rollouts", Act(ends="the same result", before=_cut_rollouts), kinds=("local",)),
    *_in_between("half a line of metrics", Act(ends="the same result", before=_half_a_line)),
    *_in_between(
        "a damaged record of the run",
        Act(ends="a message", says=r"run\.json: is damaged", before=_damage_run_record),
        Act(ends="the same result", before=_put_run_record_away),
    ),
    *_in_between(
        "the dataset is replaced meanwhile",
        Act(ends="a message", says="the dataset's content has changed", before=_replace_dataset),
        Act(ends="the same result", before=_put_dataset_back),
    ),
    *_in_between(
        "another learning rate",
        Act(
            ends="a message",
            says=r"optimizer\.learning_rate was .* undo the change",
            settings=("optimizer.learning_rate=1e-5",),
        ),
        AGAIN,
    ),
    Fault(
        name="two runs in one folder",
        acts=(Act(ends="the same result", around=_stopped("update"), meanwhile=_second_run),),
    ),
    Fault(
        name="a defect of the program",
        acts=(Act(ends="killed", around=partial(inside.failing, "teacher", "a defect", 1)), AGAIN),
        kinds=("local",),
    ),
)
"""`a defect of the program` keeps its traceback, so that it is reported; here it counts as `killed`."""
