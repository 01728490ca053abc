"""The engines in their actors, as the driver sees them: it keeps their number and brings them the student's weights.

- Every engine answers its part of every prompt's seeds (K/2 of two engines, A.1), a step's in one stream.
- An engine that dies (killed, out of memory, its machine gone) is replaced. The new engine joins a new transfer group
  and gets the current weights before it is asked anything. What the dead engine had not answered is asked again.

Concurrency: with `rollouts.overlap` one thread samples while the driver's main thread scores and updates. Whoever
samples, syncs or asks for log-probabilities holds the sampler's lock, so weights never change under a request.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import ray
from ray.exceptions import RayError, RayTaskError

from sure_math.models.engines import EngineUnavailable, Request, RequestResult, gathered
from sure_math.models.engines.ray_replicas.session import reason_of
from uopd.config import SyncConfig
from uopd.runtime.ray.calls import (
    DEATHS,
    ActorHandle,
    Call,
    PartLost,
    Reference,
    call,
    cause_of,
    close_actors,
    wait_for_start,
)
from uopd.runtime.ray.engine_actor import EngineActor
from uopd.runtime.ray.messages import split_among_engines
from uopd.runtime.ray.student import GRACE_SECONDS, RemoteStudent
from uopd.weight_sync.in_step import OutOfStep

TRIES = 3
"""Engines that may die over the same requests or the same sync, or in a row before one has started."""

_log = logging.getLogger(__name__)

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class StartingEngine:
    """An engine that has been asked to start."""

    actor: ActorHandle
    start: Reference[int]
    """Its number of workers, once it has started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedEngine:
    """An engine that answers."""

    actor: ActorHandle
    workers: int
    """Processes that hold its model."""


class RemoteSampler:
    """A `Sampler` of engines in actors."""

    def __init__(
        self,
        begin: Callable[[int], StartingEngine],
        starting: Sequence[StartingEngine],
        student: RemoteStudent,
        sync: SyncConfig,
    ) -> None:
        """Wait until the engines have started.

        Args:
            begin: starts a new engine of that number; it takes the place of one that died.
            starting: the first engines, in the order of their numbers.
        """
        self._begin, self._student, self._sync = begin, student, sync
        self._lock = threading.RLock()
        self._connected = False
        """Whether all engines are in the sender's group."""
        self._version = 0
        self.engines = [self._wait_for_start(number, engine) for number, engine in enumerate(starting)]

    @property
    def version(self) -> int:
        """Policy version of the weights. Read it after `generate`: a replaced engine may have brought newer ones."""
        return self._version

    def generate(self, requests: Sequence[Request]) -> list[RequestResult]:
        """Answer the requests: one result per request, in order, all from the weights of `version`.

        Raises:
            PartLost: the student died when it was asked for the weights of a new engine.
            EngineUnavailable: engines die again and again, or do not start.
        """
        parts = split_among_engines(requests, len(self.engines))
        questions = [(engine, call(EngineActor.generate, part)) for engine, part in enumerate(parts) if part]
        with self._lock:
            answers = self._ask(questions)
        return gathered(requests, (finished for part in answers for finished in part))

    def logprobs(self, token_ids: Sequence[int]) -> list[list[float]]:
        """One list per engine: log-probability (nats) of every token of a text but the first."""
        with self._lock:
            return self._ask_all(call(EngineActor.logprobs, list(token_ids)))

    def sync(self) -> int:
        """Bring the student's current weights to all engines; return the version that the engines then have.

        Raises:
            EngineUnavailable: the weights did not arrive, though no engine died.
            OutOfStep: an engine says that it has another version.
        """
        with self._lock:
            sent = self._send()
            versions = self._ask_all(call(EngineActor.version))
            if set(versions) != {sent}:
                raise OutOfStep(
                    f"the student sent policy version {sent}, and the engines hold {versions}: repeat the command to "
                    "go on from the last checkpoint"
                )
            self._version = sent
            return sent

    def close(self) -> None:
        """Close all engines and end their processes."""
        close_actors([engine.actor for engine in self.engines])

    def _send(self) -> int:
        """Send to all engines; one that dies meanwhile is replaced, and everything is sent again."""
        for _ in range(TRIES):
            try:
                if not self._connected:
                    self._student.connect([(engine.actor, engine.workers) for engine in self.engines], self._sync)
                    self._connected = True
                return self._student.send(self._sync)
            except PartLost:
                raise
            except Exception as error:
                self._connected = False
                dead = self._dead()
                if not dead:
                    raise EngineUnavailable(
                        f"the weights of policy version {self._student.version} did not reach the engines by "
                        f"{self._sync.backend}: {error}; repeat the command to go on from the last checkpoint, with a "
                        "longer sync.timeout if it was too short, or another sync.backend"
                    ) from error
                self._replace(dead)
        raise EngineUnavailable(f"engines died in {TRIES} syncs in a row: {_AGAIN}")

    def _ask_all(self, question: Call[R]) -> list[R]:
        return self._ask([(engine, question) for engine in range(len(self.engines))])

    def _ask(self, questions: Sequence[tuple[int, Call[R]]]) -> list[R]:
        """Ask engines, by number, and return their answers in order, all from the same version.

        An engine that dies is replaced and asked again. If the new engine brought newer weights, all answers are
        asked for again.
        """
        answers: dict[int, R] = {}
        for _ in range(TRIES):
            version = self._version
            open_questions = [index for index in range(len(questions)) if index not in answers]
            references = {}
            for index in open_questions:
                engine, question = questions[index]
                references[index] = question.on(self.engines[engine].actor)
            dead: dict[int, RayError] = {}
            for index, reference in references.items():
                try:
                    answers[index] = ray.get(reference.object)
                except RayTaskError as error:
                    raise cause_of(error) from error
                except DEATHS as error:
                    dead[questions[index][0]] = error
            if not dead:
                return [answers[index] for index in range(len(questions))]
            self._replace(dead)
            self.sync()
            if self._version != version:
                answers = {}
        raise EngineUnavailable(f"engines died {TRIES} times over the same requests: {_AGAIN}")

    def _dead(self) -> dict[int, RayError]:
        """Engines that are gone, by number. One that still waits for the sender gives up after `sync.timeout`."""
        references = [call(EngineActor.process).on(engine.actor).object for engine in self.engines]
        ray.wait(references, num_returns=len(references), timeout=self._sync.timeout + GRACE_SECONDS)
        dead: dict[int, RayError] = {}
        for engine, reference in enumerate(references):
            try:
                ray.get(reference, timeout=0)
            except DEATHS as error:
                dead[engine] = error
        return dead

    def _replace(self, dead: Mapping[int, RayError]) -> None:
        """Start new engines in place of the dead ones; they have the initial weights until the next sync."""
        self._connected = False
        for engine, error in dead.items():
            _log.warning("engine %d died and is replaced: %s", engine, reason_of(error))
            ray.kill(self.engines[engine].actor)
        starting = {engine: self._begin(engine) for engine in dead}
        for engine, new in starting.items():
            self.engines[engine] = self._wait_for_start(engine, new)

    def _wait_for_start(self, number: int, engine: StartingEngine) -> StartedEngine:
        """Wait until an engine has started; start another one if it dies before."""
        for tries_left in reversed(range(TRIES)):
            try:
                (workers,) = wait_for_start({f"engine {number}": engine.start})
                return StartedEngine(actor=engine.actor, workers=workers)
            except PartLost:
                if not tries_left:
                    raise
                engine = self._begin(number)
        raise AssertionError("the last try returns or raises")


_AGAIN = (
    "is there memory for them (rollouts.engine_options, rollouts.engines)? Repeat the command to go on from the last "
    "checkpoint"
)
