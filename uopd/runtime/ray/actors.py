"""What runs in the actors of a run: a rank of the student, a scorer, an engine.

Making an actor cannot fail. Its `start` can, and raises what the factory raised. An actor answers its calls in the
order in which they came, so an engine's weights change between two calls and never within one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
import torch
from torch.distributed.elastic.utils.distributed import get_free_port

from sure_math.models.engines import Request, RequestResult, Sampling
from uopd.config import SyncConfig
from uopd.protocols import Engine, Rank, Scorer
from uopd.rows import ScoresHandle, Share, TrainingRow, UpdateReport, opened
from uopd.runtime.ray.calls import ActorHandle
from uopd.runtime.ray.messages import PackedScores, pack, unpack

if TYPE_CHECKING:
    from uopd.weight_sync import WeightSender


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorProcess:
    """The process in which an actor runs."""

    node: str
    """Address of the machine."""
    pid: int
    gpus: tuple[int, ...]
    """Numbers of the GPUs of which it was given a share."""
    threads: int
    """Of torch."""


def _process() -> ActorProcess:
    return ActorProcess(
        node=ray.util.get_node_ip_address(),
        pid=os.getpid(),
        gpus=tuple(int(gpu) for gpu in ray.get_gpu_ids()),
        threads=torch.get_num_threads(),
    )


class RankActor:
    """One rank of the student. `RemoteStudent` calls it; rank 0 also sends the weights."""

    def __init__(self) -> None:
        self._rank: Rank | None = None
        self._sender: WeightSender | None = None

    def process(self) -> ActorProcess:
        """Say where the rank runs."""
        return _process()

    def meet(self) -> tuple[str, int]:
        """Return an address and a free port of this machine, at which the ranks will meet. Only rank 0 is asked."""
        return ray.util.get_node_ip_address(), get_free_port()

    def start(self, make: Callable[[int, int, str, int], Rank], rank: int, world: int, address: str, port: int) -> int:
        """Load the model and meet the other ranks; return the version."""
        self._rank = make(rank, world, address, port)
        return self._rank.version

    def version(self) -> int:
        return self._started.version

    def update(
        self, rows: tuple[TrainingRow, ...], scores: PackedScores[Any] | ScoresHandle | None, learning_rate: float
    ) -> tuple[UpdateReport, int]:
        """Do this rank's part of a step; return the report and the version after it.

        The driver passes `scores` as a reference, which Ray replaces with what the scorer's actor returned.
        """
        tensors = unpack(scores) if isinstance(scores, PackedScores) else scores
        report = self._started.update(Share(rows=rows, scores=tensors), learning_rate)
        return report, self._started.version

    def logprobs(self, token_ids: Sequence[int]) -> list[float]:
        """The check after a sync asks rank 0."""
        return self._started.logprobs(token_ids)

    def save(self, folder: Path) -> None:
        """Write this rank's part of a checkpoint; all ranks are asked at the same time."""
        self._started.save(folder)

    def load(self, folder: Path) -> int:
        """Go on from a checkpoint; return its version."""
        self._started.load(folder)
        return self._started.version

    def export(self, folder: Path) -> None:
        """Write the weights as a Hugging Face folder. Only rank 0 is asked."""
        self._started.export(folder)

    def connect(self, engines: Sequence[tuple[ActorHandle, int]], sync: SyncConfig) -> None:
        """Make a transfer group with the actors of these engines, each with its number of workers."""
        from uopd.runtime.ray.receiver import RemoteReceiver
        from uopd.weight_sync import WeightSender

        if self._sender is None:
            self._sender = WeightSender(
                self._started.parameters, sync.backend, bucket_bytes=sync.bucket_mb * 2**20, timeout=sync.timeout
            )
        receivers = [RemoteReceiver(actor, workers, sync.timeout) for actor, workers in engines]
        self._sender.connect(receivers, ray.util.get_node_ip_address())

    def send(self) -> int:
        """Send the current weights to the engines of the group; return their version."""
        assert self._sender is not None, "connect comes first"
        self._sender.send(self._started.version)
        return self._started.version

    def close(self) -> None:
        """Leave the transfer group and give back memory and devices."""
        if self._sender is not None:
            self._sender.close()
        if self._rank is not None:
            self._rank.close()
        self._rank = self._sender = None

    @property
    def _started(self) -> Rank:
        assert self._rank is not None, "start comes first"
        return self._rank


class ScorerActor:
    """The teacher, or the initial student. `RemoteScorer` calls it."""

    def __init__(self) -> None:
        self._scorer: Scorer | None = None

    def process(self) -> ActorProcess:
        """Say where the scorer runs."""
        return _process()

    def start(self, make: Callable[[], Scorer]) -> None:
        """Load the model."""
        self._scorer = make()

    def score(self, rows: Sequence[TrainingRow]) -> PackedScores[Any]:
        """Score the rows; what is returned stays in the object store until a rank of the student takes it."""
        return pack(opened(self._started.score(rows)))

    def repeat_difference(self, rows: Sequence[TrainingRow]) -> float:
        """The check at the start of a run asks once."""
        return self._started.repeat_difference(rows)

    def close(self) -> None:
        """Give back memory and devices."""
        if self._scorer is not None:
            self._scorer.close()
        self._scorer = None

    @property
    def _started(self) -> Scorer:
        assert self._scorer is not None, "start comes first"
        return self._scorer


class EngineActor:
    """One engine that samples. `RemoteSampler` calls it, and during a sync `RemoteReceiver` does."""

    def __init__(self) -> None:
        self._engine: Engine | None = None

    def process(self) -> ActorProcess:
        """Say where the engine runs; an answer also shows that it is alive."""
        return _process()

    def start(self, make: Callable[[], Engine]) -> int:
        """Start the engine; return the number of processes that hold its model."""
        self._engine = make()
        return self._engine.workers

    def version(self) -> int:
        return self._started.version

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[RequestResult]:
        """Answer the engine's part of a step's requests."""
        return self._started.generate(requests, sampling)

    def logprobs(self, token_ids: Sequence[int]) -> list[float]:
        """The check after a sync asks every engine."""
        return self._started.logprobs(token_ids)

    def init_transfer(self, info: Mapping[str, object]) -> None:
        """Join the sender's group."""
        self._started.init_transfer(info)

    def start_update(self) -> None:
        """Get ready for new weights."""
        self._started.start_update()

    def receive(self, info: Mapping[str, object]) -> None:
        """Receive new weights."""
        self._started.receive(info)

    def finish_update(self, version: int) -> None:
        """Use the new weights from now on."""
        self._started.finish_update(version)

    def close(self) -> None:
        """Give back memory and devices."""
        if self._engine is not None:
            self._engine.close()
        self._engine = None

    @property
    def _started(self) -> Engine:
        assert self._engine is not None, "start comes first"
        return self._engine
