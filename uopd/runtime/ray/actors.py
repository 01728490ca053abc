"""What runs in the actors of a run: a rank of the student, a scorer, an engine.

Making an actor cannot fail; its `start` can, and says why in the words of what it makes. Every call is answered in the
order in which it came, so that an engine's weights change between two calls and never within one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
import torch
from ray.exceptions import GetTimeoutError, RayError, RayTaskError
from torch.distributed.elastic.utils.distributed import get_free_port

from sure_math.models.engines import Request, RequestResult, Sampling
from sure_math.models.engines.ray_replicas.session import reason_of
from uopd.config import SyncConfig
from uopd.rows import Scorer, Share, TrainingRow, UpdateReport
from uopd.runtime.ray.messages import PackedScores, pack, unpack

if TYPE_CHECKING:  # an actor loads what it makes, and no more
    from uopd.runtime.factories import Engine, Rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an actor runs, and with what."""

    node: str
    pid: int
    gpus: tuple[int, ...]
    """Numbers of the GPUs it was given a share of."""
    threads: int


def _place() -> Place:
    return Place(
        node=ray.util.get_node_ip_address(),
        pid=os.getpid(),
        gpus=tuple(int(gpu) for gpu in ray.get_gpu_ids()),
        threads=torch.get_num_threads(),
    )


class RankActor:
    """One rank of the student; rank 0 also sends the weights."""

    def __init__(self) -> None:
        self._rank: Rank | None = None
        self._sender: Any = None

    def place(self) -> Place:
        return _place()

    def meet(self) -> tuple[str, int]:
        """Address and free port of this machine."""
        return ray.util.get_node_ip_address(), get_free_port()

    def start(self, make: Callable[[int, int, str, int], Rank], rank: int, world: int, address: str, port: int) -> int:
        self._rank = make(rank, world, address, port)
        return self._rank.version

    def version(self) -> int:
        return self._ready.version

    def update(self, rows: tuple[TrainingRow, ...], scores: Any, learning_rate: float) -> tuple[UpdateReport, int]:
        """`scores` comes as a reference and is here what the scorer's actor returned."""
        opened = unpack(scores) if isinstance(scores, PackedScores) else scores
        report = self._ready.update(Share(rows=rows, scores=opened), learning_rate)
        return report, self._ready.version

    def logprobs(self, token_ids: Sequence[int]) -> list[float]:
        return self._ready.logprobs(token_ids)

    def save(self, folder: Path) -> None:
        self._ready.save(folder)

    def load(self, folder: Path) -> int:
        self._ready.load(folder)
        return self._ready.version

    def export(self, folder: Path) -> None:
        self._ready.export(folder)

    def connect(self, engines: Sequence[tuple[Any, int]], sync: SyncConfig) -> None:
        """Make a transfer group with these actors and their numbers of workers."""
        if self._sender is None:
            from uopd.weight_sync import WeightSender

            self._sender = WeightSender(
                self._ready.parameters, sync.backend, bucket_bytes=sync.bucket_mb * 2**20, timeout=sync.timeout
            )
        receivers = [RemoteReceiver(actor, workers, sync.timeout) for actor, workers in engines]
        self._sender.connect(receivers, ray.util.get_node_ip_address())

    def send(self) -> int:
        """Bring the current weights to the engines of the group; the version they are."""
        self._sender.send(self._ready.version)
        return self._ready.version

    def close(self) -> None:
        if self._sender is not None:
            self._sender.close()
        if self._rank is not None:
            self._rank.close()
        self._rank = self._sender = None

    @property
    def _ready(self) -> Rank:
        assert self._rank is not None, "start comes first"
        return self._rank


class RemoteReceiver:
    """A `Receiver` that is an engine's actor, as the student's first rank sees it."""

    def __init__(self, actor: Any, workers: int, timeout: float) -> None:
        self._actor, self._workers, self._timeout = actor, workers, timeout

    @property
    def workers(self) -> int:
        return self._workers

    def init_transfer(self, info: Mapping[str, object]) -> None:
        self._wait(self._actor.init_transfer.remote(info))

    def start_update(self) -> None:
        self._wait(self._actor.start_update.remote())

    def receive(self, info: Mapping[str, object]) -> None:
        self._wait(self._actor.receive.remote(info))

    def finish_update(self, version: int) -> None:
        self._wait(self._actor.finish_update.remote(version))

    def _wait(self, reference: Any) -> None:
        try:
            ray.get(reference, timeout=self._timeout)
        except RayTaskError as error:
            raise cause_of(error) from error
        except GetTimeoutError as error:
            raise TimeoutError(f"an engine did not answer in {self._timeout:g} seconds") from error
        except RayError as error:
            raise RuntimeError(f"an engine died: {reason_of(error)}") from error


class ScorerActor:
    """The teacher, or the initial student."""

    def __init__(self) -> None:
        self._scorer: Scorer | None = None

    def place(self) -> Place:
        return _place()

    def start(self, make: Callable[[], Scorer]) -> str:
        self._scorer = make()
        return self._scorer.fingerprint

    def score(self, rows: Sequence[TrainingRow]) -> PackedScores:
        return pack(self._ready.score(rows))

    def repeat_difference(self, rows: Sequence[TrainingRow]) -> float:
        return self._ready.repeat_difference(rows)

    def close(self) -> None:
        if self._scorer is not None:
            self._scorer.close()
        self._scorer = None

    @property
    def _ready(self) -> Scorer:
        assert self._scorer is not None, "start comes first"
        return self._scorer


class EngineActor:
    """One sampling engine."""

    def __init__(self) -> None:
        self._engine: Engine | None = None

    def place(self) -> Place:
        return _place()

    def start(self, make: Callable[[], Engine]) -> int:
        """How many workers the engine has."""
        self._engine = make()
        return self._engine.workers

    def version(self) -> int:
        return self._ready.version

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[RequestResult]:
        return self._ready.generate(requests, sampling)

    def logprobs(self, token_ids: Sequence[int]) -> list[float]:
        return self._ready.logprobs(token_ids)

    def init_transfer(self, info: Mapping[str, object]) -> None:
        self._ready.init_transfer(info)

    def start_update(self) -> None:
        self._ready.start_update()

    def receive(self, info: Mapping[str, object]) -> None:
        self._ready.receive(info)

    def finish_update(self, version: int) -> None:
        self._ready.finish_update(version)

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()
        self._engine = None

    @property
    def _ready(self) -> Engine:
        assert self._engine is not None, "start comes first"
        return self._engine


def cause_of(error: RayTaskError) -> Exception:
    """What the code in the actor raised."""
    return error.cause if isinstance(error.cause, Exception) else error
