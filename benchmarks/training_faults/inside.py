"""What happens inside the process of a training run: it stops itself at a moment of a step, or one of its parts fails.

A run with Ray makes its student, teacher and engine in actors. What fails there travels to the actor with the factory
that makes the component.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from unittest.mock import patch

import torch

from uopd.rows import Share, TrainingRow, UpdateReport

DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Moment:
    """A place in a run: a part of a step (`rollout`, `score`, `update`, `sync`), `checkpoint`, `evaluation`,
    `summary`.
    """

    part: str
    step: int = 1
    """From 0; of `checkpoint`, `evaluation` and `summary`, how many came before."""


@contextmanager
def at(moment: Moment, act: Callable[[], None]) -> Iterator[None]:
    """Call `act` when the run comes to that moment for the first time. A process has this once."""
    from uopd.rollouts.sources import SampledRollouts
    from uopd.run import training_run
    from uopd.run.checkpoints import Checkpoints
    from uopd.run.evaluation import Evaluator
    from uopd.run.training_run import TrainingRun

    passed = 0

    def before(function: Callable[..., Any]) -> Callable[..., Any]:
        def with_act(*arguments: Any, **options: Any) -> Any:
            nonlocal passed
            passed += 1
            if passed == moment.step + 1:
                act()
            return function(*arguments, **options)

        return with_act

    with ExitStack() as stack:
        if moment.part == "rollout":
            stack.enter_context(patch.object(SampledRollouts, "__call__", before(SampledRollouts.__call__)))
        elif moment.part == "sync":
            passed = -1  # the first sync comes before the first step
            stack.enter_context(patch.object(TrainingRun, "sync", before(TrainingRun.sync)))
        elif moment.part in ("score", "update"):
            stack.enter_context(_before_a_component(moment.part, before))
        elif moment.part == "checkpoint":
            stack.enter_context(patch.object(Checkpoints, "save", before(Checkpoints.save)))
        elif moment.part == "evaluation":
            stack.enter_context(patch.object(Evaluator, "__call__", before(Evaluator.__call__)))
        else:
            stack.enter_context(patch.object(training_run, "write_summary", before(training_run.write_summary)))
        yield


@contextmanager
def _before_a_component(part: str, before: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Iterator[None]:
    """Put `before` in front of the driver's calls of the scorer or the student, whichever kind of run it is."""
    from uopd.run import open_run

    start = open_run._start

    def with_part(*arguments: Any) -> Any:
        components = start(*arguments)
        called, name = (components.scorer, "score") if part == "score" else (components.student, "update")
        setattr(called, name, before(getattr(called, name)))
        return components

    with patch.object(open_run, "_start", with_part):
        yield


def send_signal(number: signal.Signals) -> None:
    """Send this process a signal; a stopped process goes on when somebody lets it."""
    os.kill(os.getpid(), number)


def jump(days: float) -> None:
    """Set the wall clock of this process forwards, or backwards."""
    now = time.time
    patch.object(time, "time", lambda: now() + days * DAY_SECONDS).start()


def fill_disk() -> None:
    """Let every later write of this process fail as on a full disk."""
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    import pyarrow.parquet

    from uopd.run import checkpoints, log

    for module, name in ((checkpoints, "write_synced"), (log, "append_line"), (pyarrow.parquet, "write_table")):
        patch.object(module, name, side_effect=full).start()


def use_up_files() -> None:
    """Let this process open no more files."""
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")), 4096))


# ---- components that fail, wherever they run -------------------------------------------------------------------------

ERRORS: Mapping[str, Exception] = {
    "an infinite logit": FloatingPointError("a logit of the teacher is inf"),
    "a token that it does not have": IndexError("index out of range in self"),
    "a text that it refuses": ValueError("row 2: 4,097 tokens, and the model has 4,096 positions"),
    "no memory": torch.OutOfMemoryError("tried to allocate 2.00 GiB"),
    "a lost GPU": RuntimeError("CUDA error: device-side assert triggered"),
    "a defect": TypeError("an error of the program"),
}


class FailingScorer:
    """A scorer that fails once: in its `number`-th scoring of a process, from 0."""

    def __init__(self, scorer: Any, kind: str, number: int) -> None:
        self._scorer, self._kind, self._number, self._scored = scorer, kind, number, 0

    def score(self, rows: Sequence[TrainingRow]) -> Any:
        self._scored += 1
        scores = self._scorer.score(rows)
        if self._scored != self._number + 1:
            return scores
        if self._kind == "scores that are NaN":
            return replace(scores, logprobs=torch.full_like(scores.logprobs, float("nan")))
        raise ERRORS[self._kind]

    def repeat_difference(self, rows: Sequence[TrainingRow]) -> float:
        return 0.0

    def close(self) -> None:
        self._scorer.close()


class FailingRank:
    """A rank of the student. One of its updates fails, or it sends old weights."""

    def __init__(self, rank: Any, kind: str, number: int) -> None:
        self._rank, self._kind, self._number, self._updates = rank, kind, number, 0
        self._first: dict[str, torch.Tensor] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rank, name)

    def parameters(self) -> Any:
        """The weights. A rank with stale weights gives the weights that it sent first."""
        if self._kind != "stale weights":
            return self._rank.parameters()
        if not self._first:
            self._first = {name: tensor.clone() for name, tensor in self._rank.parameters()}
        return iter(self._first.items())

    def update(self, share: Share, learning_rate: float) -> UpdateReport:
        self._updates += 1
        if self._updates == self._number + 1 and self._kind in ROWS:
            (first, *others) = share.rows
            share = replace(share, rows=(replace(first, **ROWS[self._kind](first)), *others))
        report: UpdateReport = self._rank.update(share, learning_rate)
        return report


ROWS: Mapping[str, Callable[[TrainingRow], dict[str, Any]]] = {
    "a NaN loss": lambda row: {"token_weight": float("nan")},
    "an infinite gradient": lambda row: {"token_weight": 1e30},
    "a row with a strange token": lambda row: {"response_ids": (10**6, *row.response_ids[1:])},
}


@contextmanager
def failing(part: str, kind: str, number: int) -> Iterator[None]:
    """Make a run whose teacher or student fails in its `number`-th step, from 0."""
    from uopd.runtime import factories, local
    from uopd.runtime.ray import cluster

    wrap: Callable[..., Any] = partial(_scorer_of if part == "teacher" else _rank_of, kind=kind, number=number)
    make = factories.make_factories

    def with_failure(config: Any, method: Any) -> Any:
        made = make(config, method)
        if part == "teacher":
            return replace(made, teacher=partial(wrap, made.teacher))
        return replace(made, student=partial(wrap, made.student))

    name = "load_scorer" if part == "teacher" else "load_student"
    with (
        patch.object(cluster, "make_factories", with_failure),
        patch.object(local, name, partial(wrap, getattr(local, name))),
        patch.object(local, "student_sampler", partial(_sampler_of, local.student_sampler)),
    ):
        yield


def _scorer_of(load: Callable[..., Any], *arguments: Any, kind: str, number: int) -> FailingScorer:
    return FailingScorer(load(*arguments), kind, number)


def _rank_of(load: Callable[..., Any], *arguments: Any, kind: str, number: int) -> FailingRank:
    return FailingRank(load(*arguments), kind, number)


def _sampler_of(make: Callable[..., Any], rank: Any, *arguments: Any) -> Any:
    return make(rank._rank if isinstance(rank, FailingRank) else rank, *arguments)
