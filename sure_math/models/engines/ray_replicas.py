"""Copies of an engine in Ray actors, on this machine or many; the only module of `sure_math` that imports Ray.

The requests of a call are cut into chunks, in order and whatever the number of replicas, so that an engine sees the
same batches whoever answers. A free replica takes the next chunk; answers come back in the order of the requests. A
call is what the journal commits at once (`run.batch_size`): it should hold several chunks per replica.

- Size: there are `min` replicas from the start. While more chunks are unanswered than there are replicas, further ones
  up to `max` are asked of Ray, which places them as it has room or its autoscaler adds machines. A replica above `min`
  that has had nothing to do for IDLE_SECONDS is removed, within a call or after it.
- Loss: the chunk of a replica that died (killed, out of memory, its machine gone) goes to another one, at most TRIES
  times; then the call ends as `Interrupted`, with everything the replicas had answered.
- Start: a replica whose engine does not start, or whose model is not the one of this machine, ends the call at once;
  one that dies while it starts is tried again, STARTS times in a row.
- End: a build killed with -9 takes its replicas and its local Ray along within seconds; two agents of Ray, which hold
  no device, follow after a minute.

Ray Data is not used: its LLM stage keeps one of a request's completions and gives up their order, and a call of its
`map_batches` would start the engines anew for each batch of the journal.

Concurrency: the caller's thread waits for Ray and does everything else. Between calls one timer removes what is idle;
`_lock` is held by whoever changes the replicas, a call of `generate` from beginning to end.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import ray
from ray.exceptions import RayError, RayTaskError

from sure_math.config import ReplicasConfig
from sure_math.models.engines import Engine, EngineUnavailable, Interrupted, ModelIdentity, Request, Sampling
from sure_math.models.engines.chunks import Answer, Batch
from sure_math.models.engines.load import load_engine, model_identity
from sure_math.models.engines.spec import ModelSpec

TRIES = 3
"""Replicas one chunk may lose: a chunk that kills what answers it must not go on for ever."""
STARTS = 3
"""Replicas that may die in a row before one has started."""
IDLE_SECONDS = 60.0
"""Longer than a build computes between two batches, so that replicas are not stopped and started for each."""
PLACEMENT_SECONDS = 900.0
"""Time for Ray to find room for the first replica: an autoscaler needs minutes to rent a machine."""
CLOSE_SECONDS = 30.0
"""Time for an engine to give back its memory before its process is killed."""
POLL_SECONDS = 1.0
CONNECT_SECONDS = 10.0
OBJECT_STORE_BYTES = 256 * 2**20
"""Ray would take 30 % of the machine's memory; a chunk's tokens are a few MB."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a replica runs."""

    node: str
    """Address of the machine."""
    pid: int


class Replica:
    """What runs in an actor. Making it cannot fail; `start` can, and says why as a local engine would."""

    def __init__(self, *, threads: int, gpu: bool) -> None:
        inherited = os.environ.get("OMP_NUM_THREADS", "")
        limits = [threads, int(inherited)] if inherited.isdigit() and int(inherited) else [threads]
        os.environ["OMP_NUM_THREADS"] = str(min(limits))
        # vLLM's core in this process and not in a child: when the actor is killed, nothing stays behind on the GPU.
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        if not gpu:  # Ray leaves all GPUs visible to an actor that reserved none
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        self._engine: Engine | None = None

    def place(self) -> Place:
        return Place(node=ray.util.get_node_ip_address(), pid=os.getpid())

    def start(self, spec: ModelSpec) -> ModelIdentity:
        self._engine = load_engine(spec)
        return self._engine.identity

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[Answer]:
        assert self._engine is not None, "start comes first"
        return self._engine.generate(requests, sampling)

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()
        self._engine = None


@dataclass(slots=True, eq=False, kw_only=True)
class _Worker:
    """One replica as this process sees it."""

    actor: Any
    pending: Any
    """Reference to what it is doing; None while it is idle."""
    needed: float
    """When there was last something to do for it, in seconds of the monotonic clock."""
    state: Literal["placing", "loading", "idle", "working"] = "placing"
    place: Place | None = None
    chunk: int | None = None


class _Session:
    """This process's connection to Ray: made by the first user, ended by the last, left alone if others made it."""

    def __init__(self) -> None:
        self._users: set[object] = set()
        self._ours = False
        self._address: str | None = None

    @property
    def local(self) -> bool:
        """Whether Ray was started here for this process alone."""
        return self._ours and self._address is None

    def join(self, user: object, address: str | None) -> None:
        if not ray.is_initialized():
            connect(address)
            self._ours, self._address = True, address
        elif self._ours and address != self._address:
            raise EngineUnavailable(
                f"replicas.address = {address!r}, but another model of the build uses {self._address!r}: give all of "
                "them the same"
            )
        self._users.add(user)

    def leave(self, user: object) -> None:
        self._users.discard(user)
        if self._ours and not self._users:
            ray.shutdown()
            self._ours = False


_SESSION = _Session()


def connect(address: str | None, *, field: str = "replicas.address", **own: Any) -> None:
    """Start Ray on this machine, or join the cluster at `address`; EngineUnavailable where that is not possible.

    Args:
        field: what the config calls the address.
        own: settings of a Ray that is started here, in place of those this module uses.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        quiet |= {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES} | own
    else:
        check_address(address, field)
    try:
        ray.init(address="local" if address is None else address, **quiet)
    except (RayError, RuntimeError, ValueError, OSError) as error:  # ConnectionError is an OSError
        first = str(error).strip().partition("\n")[0]
        if address is None:
            raise EngineUnavailable(
                f"Ray could not be started on this machine: {first}; its files are in /tmp/ray, or in the folder that "
                "RAY_TMPDIR names"
            ) from error
        raise EngineUnavailable(f"{field} = {address!r}: {first} {_start_a_cluster(field)}") from error


def check_address(address: str, field: str = "replicas.address") -> None:
    """Ray itself waits for minutes where nobody answers, and then ends the process."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        raise EngineUnavailable(f"{field} = {address!r}: give HOST:PORT of the cluster's head, or auto")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise EngineUnavailable(
            f"{field} = {address!r}: nobody answers ({error}); {_start_a_cluster(field)}"
        ) from error


def _start_a_cluster(field: str) -> str:
    return f"start a cluster with `ray start --head`, or leave {field} out to use this machine alone"


class RayReplicas:
    """An `Engine` whose requests are answered by replicas of another one."""

    def __init__(
        self,
        spec: ModelSpec,
        replicas: ReplicasConfig,
        *,
        identity: ModelIdentity | None = None,
        idle_seconds: float = IDLE_SECONDS,
        placement_seconds: float = PLACEMENT_SECONDS,
    ) -> None:
        """Start `replicas.min` and wait for the first; EngineUnavailable where none can be had."""
        self._identity = identity or model_identity(spec)
        self._spec = everywhere(spec, self._identity)
        self._replicas = replicas
        self._idle_seconds, self._placement_seconds = idle_seconds, placement_seconds
        self.lost = 0
        """Replicas that died."""
        self._died_starting = 0
        self._workers: list[_Worker] = []
        self._lock = threading.RLock()
        self._timer: threading.Timer | None = None
        _SESSION.join(self, replicas.address)
        try:
            if _SESSION.local:
                check_room(replicas, ray.cluster_resources())
            while not self.running():
                self._grow(replicas.min)  # again for every one that died before it was ready
                self._wait()
        except BaseException:
            self.close()
            raise

    @property
    def identity(self) -> ModelIdentity:
        return self._identity

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[Answer]:
        """One entry per request, in order.

        Raises:
            Interrupted: too many replicas died, or one could not start; with the answers that came.
        """
        batch = Batch(requests, self._replicas.chunk)
        with self._lock:
            self._cancel_timer()
            self._drop_dead()
            try:
                while batch.unanswered:
                    self._grow(batch.unanswered)
                    self._hand_out(batch, sampling)
                    self._wait(batch)
                    self._shrink()
            except EngineUnavailable as error:
                self._drain(batch)
                raise Interrupted(str(error), batch.answers()) from error
            except BaseException:
                self._remove([worker for worker in self._workers if worker.state == "working"])
                raise
            finally:
                self._set_timer()
        return cast(list[Answer], batch.answers())

    def close(self) -> None:
        with self._lock:
            self._cancel_timer()
            self._remove(self._workers)
            _SESSION.leave(self)

    def running(self) -> list[Place]:
        """Where the replicas are whose engine has started."""
        ready = [worker for worker in self._workers if worker.state in ("idle", "working")]
        return [worker.place for worker in ready if worker.place is not None]

    # ---- the number of replicas --------------------------------------------------------------------------------------

    def _grow(self, chunks: int) -> None:
        """One replica per chunk that has no answer yet, within the limits; Ray places them when it has room."""
        options = {"num_cpus": self._replicas.num_cpus, "num_gpus": self._replicas.num_gpus}
        # Spread over the machines: two replicas on one share its memory's bandwidth while others have none.
        actor_class = _ACTOR.options(**options, max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD")
        while len(self._workers) < max(self._replicas.min, min(self._replicas.max, chunks)):
            threads = max(1, math.floor(self._replicas.num_cpus))
            actor = actor_class.remote(threads=threads, gpu=self._replicas.num_gpus > 0)
            self._workers.append(_Worker(actor=actor, pending=actor.place.remote(), needed=time.monotonic()))

    def _shrink(self) -> None:
        """Remove what has been idle for too long, down to `min`; what is not running yet goes first."""
        now = time.monotonic()
        idle = [w for w in self._workers if w.state != "working" and now - w.needed >= self._idle_seconds]
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
        """Close the engines that are idle, all at the same time, then end the processes."""
        gone = list(workers)
        self._workers = [worker for worker in self._workers if worker not in gone]
        if not ray.is_initialized():
            return
        closing = [worker.actor.close.remote() for worker in gone if worker.state == "idle"]
        if closing:
            ray.wait(closing, num_returns=len(closing), timeout=CLOSE_SECONDS)
        for worker in gone:
            ray.kill(worker.actor)

    # ---- what the replicas do ----------------------------------------------------------------------------------------

    def _drop_dead(self) -> None:
        """What died while it was idle is noticed here, so that it costs no chunk one of its tries."""
        for worker in [worker for worker in self._workers if worker.state == "idle"]:
            try:
                ray.get(worker.actor.place.remote(), timeout=CLOSE_SECONDS)
            except RayError as error:
                self._died(worker, None, error)

    def _hand_out(self, batch: Batch, sampling: Sampling) -> None:
        for worker in self._workers:
            if worker.state == "idle" and batch.waiting:
                worker.chunk = batch.take()
                worker.pending = worker.actor.generate.remote(batch.requests_of(worker.chunk), sampling)
                worker.state = "working"
        if batch.waiting:
            for worker in self._workers:
                worker.needed = time.monotonic()

    def _wait(self, batch: Batch | None = None) -> None:
        """Until a replica has news, or for POLL_SECONDS."""
        pending = {worker.pending: worker for worker in self._workers if worker.pending is not None}
        news, _ = ray.wait(list(pending), timeout=POLL_SECONDS)
        for reference in news:
            self._settle(pending[reference], batch)
        placing = [time.monotonic() - worker.needed for worker in self._workers if worker.state == "placing"]
        if len(placing) == len(self._workers) and min(placing, default=0.0) > self._placement_seconds:
            raise EngineUnavailable(
                f"model {self._spec.model!r}: Ray found no room for a replica in {self._placement_seconds:g} seconds; "
                f"{_room(self._replicas, ray.cluster_resources())}"
            )

    def _settle(self, worker: _Worker, batch: Batch | None) -> None:
        """Take what a replica has brought, and what follows from it."""
        try:
            result = ray.get(worker.pending)
        except RayTaskError as error:
            self._failed(worker, error)
        except RayError as error:
            self._died(worker, batch, error)
        else:
            worker.pending, worker.needed = None, time.monotonic()
            if worker.state == "placing":
                worker.place, worker.state = result, "loading"
                worker.pending = worker.actor.start.remote(self._spec)
            elif worker.state == "loading":
                self._check_identity(worker, result)
                worker.state, self._died_starting = "idle", 0
            elif batch is not None and worker.chunk is not None:
                batch.answer(worker.chunk, result)
                worker.state, worker.chunk = "idle", None

    def _failed(self, worker: _Worker, error: RayTaskError) -> None:
        """The engine's own code raised: in the words it would have had in this process."""
        cause = error.cause if isinstance(error.cause, Exception) else error
        if worker.state == "working":
            raise cause from error
        self._remove([worker])
        said = str(cause) if isinstance(cause, EngineUnavailable) else f"{type(cause).__name__}: {cause}"
        node = worker.place.node if worker.place is not None else "unknown"
        raise EngineUnavailable(
            f"{said} (a replica with num_cpus = {self._replicas.num_cpus:g}, num_gpus = {self._replicas.num_gpus:g} on "
            f"machine {node})"
        ) from error

    def _died(self, worker: _Worker, batch: Batch | None, error: RayError) -> None:
        self.lost += 1
        self._remove([worker])
        reason = reason_of(error)
        where = "" if worker.place is None else f", process {worker.place.pid} on machine {worker.place.node}"
        _log.warning("model %s: a replica died%s: %s", self._spec.model, where, reason)
        if batch is not None and worker.chunk is not None:
            if batch.give_back(worker.chunk) >= TRIES:
                raise EngineUnavailable(
                    f"model {self._spec.model!r}: {TRIES} replicas died over the same {self._replicas.chunk} or fewer "
                    f"sequences; the last: {reason}. Give a replica more memory or a smaller replicas.chunk, and "
                    "repeat the command: what is answered is kept"
                )
            return
        if worker.state in ("placing", "loading"):
            self._died_starting += 1
        if self._died_starting >= STARTS:
            raise EngineUnavailable(
                f"model {self._spec.model!r}: {STARTS} replicas in a row died before they had started; the last: "
                f"{reason}. Is there memory for {self._replicas.min} to {self._replicas.max} of them?"
            )

    def _check_identity(self, worker: _Worker, theirs: ModelIdentity) -> None:
        """The name may differ, being a path; what it holds and what runs it may not."""
        for field in ("fingerprint", "engine", "logprob_mode"):
            here, there = getattr(self._identity, field), getattr(theirs, field)
            if here != there:
                node = worker.place.node if worker.place is not None else "unknown"
                self._remove([worker])
                raise EngineUnavailable(
                    f"model {self._spec.model!r}: the replica on machine {node} has {field} {there}, this machine has "
                    f"{here}; give every machine the same model files and the same versions"
                )

    def _drain(self, batch: Batch) -> None:
        """Wait for the chunks that are being answered; nothing new is begun."""
        for worker in [worker for worker in self._workers if worker.state == "working"]:
            try:
                batch.answer(cast(int, worker.chunk), ray.get(worker.pending))
                worker.state, worker.pending, worker.chunk = "idle", None, None
            except RayError:
                self._remove([worker])


_ACTOR = ray.remote(Replica)


def everywhere(spec: ModelSpec, identity: ModelIdentity) -> ModelSpec:
    """The same model on every machine: a folder by its full path, a Hub model at the commit this machine has."""
    if spec.model.startswith("pocket:"):
        return spec
    folder = Path(spec.model).expanduser()
    if folder.is_dir():
        return dataclasses.replace(spec, model=str(folder.resolve()))
    return dataclasses.replace(spec, revision=identity.fingerprint)


def check_room(replicas: ReplicasConfig, resources: Mapping[str, float]) -> None:
    """A Ray of this machine gets no more room: replicas that never fit are refused at once."""
    if replicas.min > capacity(replicas, resources):
        raise EngineUnavailable(f"replicas.min = {replicas.min} do not fit: {_room(replicas, resources)}")


def capacity(replicas: ReplicasConfig, resources: Mapping[str, float]) -> float:
    """Replicas that fit into the resources of one machine; a share of a GPU is one of a single GPU."""
    fits = math.inf
    rounding = 1e-9
    if replicas.num_cpus > 0:
        fits = math.floor(resources.get("CPU", 0) / replicas.num_cpus + rounding)
    if 0 < replicas.num_gpus < 1:
        fits = min(fits, resources.get("GPU", 0) * math.floor(1 / replicas.num_gpus + rounding))
    elif replicas.num_gpus >= 1:
        fits = min(fits, math.floor(resources.get("GPU", 0) / replicas.num_gpus + rounding))
    return fits


def _room(replicas: ReplicasConfig, resources: Mapping[str, float]) -> str:
    return (
        f"each asks num_cpus = {replicas.num_cpus:g} and num_gpus = {replicas.num_gpus:g}, and Ray has "
        f"{resources.get('CPU', 0):g} CPUs and {resources.get('GPU', 0):g} GPUs in all; lower these or replicas.min, "
        "or use a larger cluster (replicas.address)"
    )


def reason_of(error: RayError) -> str:
    """What Ray's report of half a page says in a line."""
    text = str(error)
    if "low on memory" in text:
        return "the machine ran low on memory"
    _, _, exit_detail = text.partition("Worker exit detail: ")
    if exit_detail:
        return exit_detail.partition(" Some common causes")[0].strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(error).__name__
