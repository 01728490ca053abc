"""What runs in the actor of one rank of the student.

Making the actor cannot fail. Its `start` can, and raises what the factory raised.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ray
from torch.distributed.elastic.utils.distributed import get_free_port

from uopd.config import SyncConfig
from uopd.protocols import Rank
from uopd.rows import ScoresHandle, Share, TrainingRow, UpdateReport
from uopd.runtime.ray.actor_process import ActorProcess, this_process
from uopd.runtime.ray.calls import ActorHandle
from uopd.runtime.ray.messages import PackedScores, unpack
from uopd.runtime.ray.receiver import RemoteReceiver
from uopd.weight_sync import WeightSender


class RankActor:
    """One rank of the student. `RemoteStudent` calls it; rank 0 also sends the weights."""

    def __init__(self) -> None:
        self._rank: Rank | None = None
        self._sender: WeightSender | None = None

    def process(self) -> ActorProcess:
        """Say where the rank runs."""
        return this_process()

    def meet(self) -> tuple[str, int]:
        """Return an address and a free port of this machine, at which the ranks will meet. Only rank 0 is asked."""
        return ray.util.get_node_ip_address(), get_free_port()

    def start(self, make: Callable[[int, int, str, int], Rank], rank: int, world: int, address: str, port: int) -> int:
        """Load the model and meet the other ranks; return the version."""
        self._rank = make(rank, world, address, port)
        return self._rank.version

    def version(self) -> int:
        """Updates since the beginning; also a call that returns only after the calls before it."""
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
