"""Copies of an engine in Ray actors, on this machine or on many.

`actor.py` runs in the actors, `session.py` connects this process to Ray, `capacity.py` computes how many replicas fit.

The requests of a batch are cut into chunks, in order and independent of the number of replicas. A replica gets the next
chunk when its engine has room: replicas of `transformers` have one chunk at a time, so they see the same batches for
any number of replicas; replicas of vLLM have as many as vLLM takes. Each replica's call `exchange` brings it chunks and
returns what has finished.

- Size: there are `min` replicas from the start. While there are more unanswered chunks than replicas, Ray is asked for
  further replicas, up to `max`, and places them when it has room or when its autoscaler adds machines. A replica above
  `min` that had nothing to do for IDLE_SECONDS is removed, during a stream or after it.
- Loss: if a replica dies (killed, out of memory, its machine gone), what is left of its chunks goes to another replica,
  at most TRIES times. Then the stream ends with an error, after all answers so far.
- Start: if the engine of a replica does not start, or its model is not the model of this machine, the stream ends at
  once. If a replica dies while it starts, it is tried again, STARTS times in a row.
- End: when a build is killed with -9, its replicas and its local Ray end within seconds. Two agents of Ray, which hold
  no device, end after a minute.

Ray Data is not used: its LLM stage keeps one completion per request and loses their order, and each call of its
`map_batches` would start the engines again.

Concurrency: the caller's thread waits for Ray and does everything else. Between streams a timer removes idle replicas.
The thread that changes the replicas holds `_lock`, but not while the caller has control.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import ray
from ray.exceptions import RayError, RayTaskError

from sure_math.models.engines import (
    EngineUnavailable,
    Finished,
    FinishedStream,
    ModelIdentity,
    Request,
)
from sure_math.models.engines.chunks import Chunk, Chunks
from sure_math.models.engines.files import pin_model
from sure_math.models.engines.load import model_identity
from sure_math.models.engines.ray_replicas.actor import Exchanged, Replica, ReplicaProcess
from sure_math.models.engines.ray_replicas.capacity import check_capacity, what_is_missing
from sure_math.models.engines.ray_replicas.session import RaySession, reason_of
from sure_math.models.engines.spec import ModelSpec, ReplicasSpec

TRIES = 3
"""Replicas that may die over the same chunk: a chunk that kills its replicas must not be tried for ever."""
STARTS = 3
"""Replicas that may die in a row before one has started."""
IDLE_SECONDS = 60.0
"""Longer than a build computes between two batches, so that replicas are not stopped and started for each."""
PLACEMENT_SECONDS = 900.0
"""Time in which Ray must find room for the first replica: an autoscaler needs minutes to rent a machine."""
CLOSE_SECONDS = 30.0
"""Time for an engine to give back its memory before its process is killed."""
POLL_SECONDS = 1.0

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False, kw_only=True)
class _Worker:
    """A replica as this process sees it."""

    actor: Any
    pending: Any
    """Ray's reference to the running call; None while the replica is idle."""
    needed: float
    """Time at which there was last work for the replica, in seconds of the monotonic clock."""
    state: Literal["placing", "loading", "idle", "working"] = "placing"
    process: ReplicaProcess | None = None
    chunks: list[Chunk] = field(default_factory=list)
    """Chunks that the replica has not answered completely."""
    has_room: bool = True
    """Whether its engine has taken all chunks."""


_SESSION = RaySession()


class RayReplicas:
    """An `Engine` whose requests are answered by replicas of another one."""

    def __init__(
        self,
        spec: ModelSpec,
        replicas: ReplicasSpec,
        *,
        identity: ModelIdentity | None = None,
        idle_seconds: float = IDLE_SECONDS,
        placement_seconds: float = PLACEMENT_SECONDS,
    ) -> None:
        """Start `replicas.min` replicas and wait for the first; EngineUnavailable if there is none."""
        self._identity = identity or model_identity(spec)
        pinned = pin_model(spec.model, spec.revision, commit=self._identity.fingerprint)
        self._spec = dataclasses.replace(spec, model=pinned.model, revision=pinned.revision)
        self._replicas = replicas
        self._idle_seconds, self._placement_seconds = idle_seconds, placement_seconds
        self._died_starting = 0
        self._workers: list[_Worker] = []
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None
        _SESSION.join(self, replicas.address)
        try:
            if _SESSION.local:
                check_capacity(replicas, ray.cluster_resources())
            while not self.running():
                self._grow(replicas.min)  # again for every replica that died before it was ready
                self._wait(Chunks(replicas.chunk), [])
        except BaseException:
            self.close()
            raise

    @property
    def identity(self) -> ModelIdentity:
        return self._identity

    def stream(self, batches: Iterable[Sequence[Request]]) -> FinishedStream:
        """Keep the replicas busy: a batch is taken when fewer chunks wait than there may be replicas.

        Raises:
            EngineUnavailable: too many replicas died, or a replica could not start.
        """
        waiting = iter(batches)
        chunks = Chunks(self._replicas.chunk)
        more = True
        with self._lock:
            self._cancel_timer()
            self._drop_dead(chunks)
        try:
            while more or self._unanswered(chunks):
                while more and len(chunks.waiting) < self._replicas.max:
                    batch = next(waiting, None)
                    more = batch is not None
                    if not batch:
                        break
                    chunks.add(batch)
                answers: list[Finished] = []
                try:
                    if self._unanswered(chunks):
                        self._go_on(chunks, answers)
                except Exception:
                    self._collect(answers)
                    yield answers
                    raise
                yield answers
        finally:
            with self._lock:
                self._end_streams()
                self._set_timer()

    def close(self) -> None:
        with self._lock:
            self._cancel_timer()
            self._remove(self._workers)
            _SESSION.leave(self)

    def running(self) -> list[ReplicaProcess]:
        """Return the processes of the replicas whose engine has started."""
        ready = [worker for worker in self._workers if worker.state in ("idle", "working")]
        return [worker.process for worker in ready if worker.process is not None]

    # ---- the number of replicas --------------------------------------------------------------------------------------

    def _grow(self, chunks: int) -> None:
        """Ask Ray for one replica per chunk without an answer, within the limits; Ray places them when it has room."""
        options = {"num_cpus": self._replicas.num_cpus, "num_gpus": self._replicas.num_gpus}
        # Spread over the machines: two replicas on one machine share the bandwidth of its memory.
        actor_class = _ACTOR.options(**options, max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD")
        while len(self._workers) < max(self._replicas.min, min(self._replicas.max, chunks)):
            threads = max(1, math.floor(self._replicas.num_cpus))
            actor = actor_class.remote(threads=threads, gpu=self._replicas.num_gpus > 0)
            self._workers.append(_Worker(actor=actor, pending=actor.process.remote(), needed=time.monotonic()))

    def _shrink(self) -> None:
        """Remove replicas that have been idle for too long, down to `min`; those that are not running yet go first."""
        now = time.monotonic()
        unused = [w for w in self._workers if w.state != "working" and not w.chunks]
        idle = [w for w in unused if now - w.needed >= self._idle_seconds]
        idle.sort(key=lambda worker: ("placing", "loading", "idle").index(worker.state))
        self._remove(idle[: max(0, len(self._workers) - self._replicas.min)])

    def _set_timer(self) -> None:
        self._cancel_timer()
        if len(self._workers) > self._replicas.min:
            self._timer = threading.Timer(self._idle_seconds, self._on_timer)
            self._timer.daemon = True
            self._timer.start()

    def _on_timer(self) -> None:
        with self._lock:
            self._shrink()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def _remove(self, workers: Sequence[_Worker]) -> None:
        """Close the idle engines, all at the same time, then end the processes."""
        removed = list(workers)
        self._workers = [worker for worker in self._workers if worker not in removed]
        if not ray.is_initialized():
            return
        closing = [worker.actor.close.remote() for worker in removed if worker.state == "idle"]
        if closing:
            ray.wait(closing, num_returns=len(closing), timeout=CLOSE_SECONDS)
        for worker in removed:
            ray.kill(worker.actor)

    # ---- what the replicas do ----------------------------------------------------------------------------------------

    def _unanswered(self, chunks: Chunks) -> int:
        """How many chunks have no answer, or not all."""
        return len(chunks.waiting) + sum(len(worker.chunks) for worker in self._workers)

    def _go_on(self, chunks: Chunks, answers: list[Finished]) -> None:
        """Hand out chunks, wait for a replica, and add what has finished to `answers`."""
        with self._lock:
            self._grow(self._unanswered(chunks))
            self._hand_out(chunks)
            self._wait(chunks, answers)
            self._shrink()

    def _drop_dead(self, chunks: Chunks) -> None:
        """Remove replicas that died while they were idle, so that no chunk loses one of its tries to them."""
        for worker in [worker for worker in self._workers if worker.state == "idle"]:
            try:
                ray.get(worker.actor.process.remote(), timeout=CLOSE_SECONDS)
            except RayError as error:
                self._died(worker, error, chunks)

    def _hand_out(self, chunks: Chunks) -> None:
        """Let every started replica go on, with a further chunk if its engine has room; those with least come first."""
        for worker in sorted(self._workers, key=lambda worker: len(worker.chunks)):
            if worker.state != "idle":
                continue
            new = [chunks.waiting.popleft()] if worker.has_room and chunks.waiting else []
            worker.chunks += new
            if worker.chunks:
                worker.pending = worker.actor.exchange.remote([chunk.requests() for chunk in new], bool(chunks.waiting))
                worker.state = "working"
        if chunks.waiting:
            for worker in self._workers:
                worker.needed = time.monotonic()

    def _wait(self, chunks: Chunks, answers: list[Finished]) -> None:
        """Wait until the call of a replica has ended, or for POLL_SECONDS, and take the results."""
        pending = {worker.pending: worker for worker in self._workers if worker.pending is not None}
        ended, _ = ray.wait(list(pending), timeout=POLL_SECONDS)
        for reference in ended:
            self._settle(pending[reference], chunks, answers)
        placing = [time.monotonic() - worker.needed for worker in self._workers if worker.state == "placing"]
        if len(placing) == len(self._workers) and min(placing, default=0.0) > self._placement_seconds:
            raise EngineUnavailable(
                f"model {self._spec.model!r}: Ray found no room for a replica in {self._placement_seconds:g} seconds; "
                f"{what_is_missing(self._replicas, ray.cluster_resources())}"
            )

    def _settle(self, worker: _Worker, chunks: Chunks, answers: list[Finished]) -> None:
        """Take the result of a replica's call, and move the replica to its next state."""
        try:
            result = ray.get(worker.pending)
        except RayTaskError as error:
            self._failed(worker, error)
        except RayError as error:
            self._died(worker, error, chunks)
        else:
            worker.pending, worker.needed = None, time.monotonic()
            if worker.state == "placing":
                worker.process, worker.state = result, "loading"
                worker.pending = worker.actor.start.remote(self._spec)
            elif worker.state == "loading":
                self._check_identity(worker, result)
                worker.state, self._died_starting = "idle", 0
            else:
                worker.state = "idle"
                answers += _answers(worker, result)

    def _failed(self, worker: _Worker, error: RayTaskError) -> None:
        """Raise the error of the engine's own code, in the words that it would have in this process."""
        cause = error.cause if isinstance(error.cause, Exception) else error
        if worker.state == "working":
            raise cause from error
        self._remove([worker])
        message = str(cause) if isinstance(cause, EngineUnavailable) else f"{type(cause).__name__}: {cause}"
        node = worker.process.node if worker.process is not None else "unknown"
        resources = f"num_cpus = {self._replicas.num_cpus:g}, num_gpus = {self._replicas.num_gpus:g}"
        raise EngineUnavailable(f"{message} (a replica with {resources} on machine {node})") from error

    def _died(self, worker: _Worker, error: RayError, chunks: Chunks) -> None:
        """Remove a dead replica and give its chunks back; EngineUnavailable if this has happened too often."""
        self._remove([worker])
        reason = reason_of(error)
        where = "" if worker.process is None else f", process {worker.process.pid} on machine {worker.process.node}"
        _log.warning("model %s: a replica died%s: %s", self._spec.model, where, reason)
        for chunk in reversed(worker.chunks):
            chunks.give_back(chunk)
            if chunk.losses >= TRIES:
                raise EngineUnavailable(
                    f"model {self._spec.model!r}: {TRIES} replicas died over the same {self._replicas.chunk} or fewer "
                    f"sequences; the last: {reason}. Give a replica more memory or a smaller replicas.chunk, and "
                    "repeat the command: what is answered is kept"
                )
        if worker.state in ("placing", "loading"):
            self._died_starting += 1
        if self._died_starting >= STARTS:
            raise EngineUnavailable(
                f"model {self._spec.model!r}: {STARTS} replicas in a row died before they had started; the last: "
                f"{reason}. Is there memory for {self._replicas.min} to {self._replicas.max} of them?"
            )

    def _check_identity(self, worker: _Worker, identity: ModelIdentity) -> None:
        """Check that a replica has the model and the engine of this machine. The name may differ, as it is a path."""
        for name in ("fingerprint", "engine", "logprob_mode"):
            ours, of_replica = getattr(self._identity, name), getattr(identity, name)
            if ours != of_replica:
                node = worker.process.node if worker.process is not None else "unknown"
                self._remove([worker])
                raise EngineUnavailable(
                    f"model {self._spec.model!r}: the replica on machine {node} has {name} {of_replica}, this machine "
                    f"has {ours}; give every machine the same model files and the same versions"
                )

    def _collect(self, answers: list[Finished]) -> None:
        """Wait for the calls that are running, add what they return to `answers`, and start no others."""
        for worker in [worker for worker in self._workers if worker.state == "working"]:
            try:
                answers += _answers(worker, ray.get(worker.pending))
            except RayTaskError:
                pass  # the engine's own error, after which the replica can be used again
            except RayError:
                self._remove([worker])
            worker.state, worker.pending = "idle", None

    def _end_streams(self) -> None:
        """End what the replicas are still computing; they are idle when they have stopped."""
        for worker in self._workers:
            if worker.state == "working" or worker.chunks:
                worker.pending, worker.state = worker.actor.end_stream.remote(), "working"
            worker.chunks, worker.has_room = [], True


def _answers(worker: _Worker, exchanged: Exchanged | None) -> list[Finished]:
    """Take a replica's answers from its chunks; None is what it returns when it ends its stream."""
    if exchanged is None:
        return []
    chunk_of = {number: chunk for chunk in worker.chunks for number in chunk.unanswered}
    answers = [chunk_of[number].answer(number, seed, answer) for number, seed, answer in exchanged.answers]
    worker.chunks = [chunk for chunk in worker.chunks if chunk.unanswered]
    worker.has_room = not exchanged.waiting
    return answers


_ACTOR = ray.remote(Replica)
