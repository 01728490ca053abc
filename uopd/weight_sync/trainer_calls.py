"""What vLLM's trainer engines ask of the process that trains, answered for several engines at once.

`sender.py` imports this module only after its check of the installed vLLM.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.distributed.elastic.utils.distributed import get_free_port
from vllm.distributed.weight_transfer.base import ParamMeta, TrainerWeightTransferEngine, WeightSource
from vllm.distributed.weight_transfer.factory import WeightTransferTrainerFactory

from sure_math.models.engines import EngineUnavailable
from uopd.protocols import Receiver
from uopd.weight_sync.gloo import GlooTrainerInit
from uopd.weight_sync.together import together


class StudentWeights(WeightSource):
    """The student's weights as vLLM's trainer engines ask for them."""

    def __init__(self, parameters: Callable[[], Iterable[tuple[str, Tensor]]]) -> None:
        self._parameters = parameters

    def metadata(self) -> list[Any]:
        """Name, type and shape of every tensor, before any of them is sent."""
        return [ParamMeta(name, tensor.dtype, tuple(tensor.shape)) for name, tensor in self._parameters()]

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        """The tensors, in the order of `metadata`."""
        return ((name, tensor.detach()) for name, tensor in self._parameters())


class ReceiverCalls:
    """Passes the four calls of vLLM's trainer engines to every receiver at once.

    vLLM's own client sends the same ranks to all engines. Those ranks collide if the engines do not know one another,
    so every receiver here is told a `rank_offset` of its own.
    """

    def __init__(self, receivers: Sequence[Receiver], timeout: float) -> None:
        self._receivers, self._timeout = list(receivers), timeout
        self.version = -1
        """What the receivers call the weights that are sent next."""

    def init_weight_transfer_engine(self, init_info: Mapping[str, Any]) -> None:
        """Let every receiver join the group, each with ranks of its own."""
        calls, workers_before = [], 0
        for receiver in self._receivers:
            info = dict(init_info)
            if "rank_offset" in info:
                info["rank_offset"] += workers_before
            calls.append(partial(receiver.init_transfer, info))
            workers_before += receiver.workers
        together(calls, self._timeout)

    def start_weight_update(self) -> None:
        """Let every receiver get ready."""
        together([receiver.start_update for receiver in self._receivers], self._timeout)

    def update_weights(self, update_info: Mapping[str, Any]) -> None:
        """Let every receiver take what the sender broadcasts meanwhile."""
        together([partial(receiver.receive, update_info) for receiver in self._receivers], self._timeout)

    def finish_weight_update(self, weight_version: str | None = None) -> None:
        """Let every receiver use the new weights under `version`; vLLM's own name for them is not used."""
        together([partial(receiver.finish_update, self.version) for receiver in self._receivers], self._timeout)


def make_trainer_engine(
    backend: str,
    calls: ReceiverCalls,
    weights: StudentWeights,
    *,
    host: str,
    world: int,
    bucket_bytes: int,
    timeout: float,
) -> TrainerWeightTransferEngine:
    """Make vLLM's trainer engine of that back end; it waits until all `world` members have joined its group.

    Raises:
        EngineUnavailable: no such back end, or one that this student cannot use.
    """
    info = _init_info(backend, host=host, world=world, bucket_bytes=bucket_bytes, timeout=timeout)
    return WeightTransferTrainerFactory.trainer_init(info, client=calls, source=weights)


def _init_info(backend: str, *, host: str, world: int, bucket_bytes: int, timeout: float) -> Any:
    if backend == "gloo":
        return GlooTrainerInit(host=host, world_size=world, bucket_bytes=bucket_bytes, timeout=timeout, rank=0)
    if backend == "nccl":
        from vllm.distributed.weight_transfer.nccl_engine import NCCLTrainerInitInfo

        return NCCLTrainerInitInfo(
            master_address=host,
            master_port=get_free_port(),
            world_size=world,
            packed=True,
            packed_buffer_size_bytes=bucket_bytes,
            rank=0,
        )
    if backend == "ipc":
        from vllm.distributed.weight_transfer.ipc_engine import IPCTrainerInitInfo

        if torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1:
            raise EngineUnavailable(
                "sync.backend = ipc needs all ranks of the student to hand over their weights, and only the first rank "
                "sends: set student.ranks=1, or sync.backend=nccl"
            )
        return IPCTrainerInitInfo(packed=True, packed_buffer_size_bytes=bucket_bytes, rank=0)
    raise EngineUnavailable(f"sync.backend = {backend!r}: use gloo, nccl or ipc")
