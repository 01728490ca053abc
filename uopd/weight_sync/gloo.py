"""The transfer back end `gloo`: buckets over a Gloo group, registered on vLLM's weight-transfer interface.

vLLM has no back end that runs without a GPU, and its NCCL does not cross the devices of separate placement groups
(A.3). How `gloo` differs from vLLM's `nccl`:
1. A bucket is one broadcast of bytes from memory of the host. Both sides cut the same buckets from names, types and
   shapes.
2. The receiver takes new memory for each bucket. vLLM's layer-wise reload keeps references to the tensors of a layer
   until the layer is complete, and a tensor of a layer that lies across two buckets would be overwritten.
3. After a reload the language-model head is packed again if it is tied to the embedding. On a CPU a tied head is a
   second module with a packed copy of its own, which loading a checkpoint does not update.
4. After the last bucket come the digests of all tensors: every receiver compares them with what it received. When the
   update is finished, the receiver reads its model: what the model holds must be what was received (`held.py`).
5. An update that broke off is cleared away before the next one. Otherwise the next update would count the tensors of
   the broken one twice.

vLLM's workers may be processes of their own. They import this module because `transfer_options` names
`WorkerExtension`, and the import registers the back end in the worker.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributed import TCPStore

from sure_math.models.engines.leading_rows import LeadingRows
from uopd.weight_sync.broadcast_group import BroadcastGroup
from uopd.weight_sync.buckets import Slot, TensorDescription, cut_into_buckets, descriptions, empty_bucket
from uopd.weight_sync.digest import as_message, bucket_digests, check_received
from uopd.weight_sync.held import HeldCheck
from uopd.weight_sync.together import together
from uopd.weight_sync.vllm_api import TRANSFER_API, check_vllm

check_vllm(TRANSFER_API)

from vllm.distributed.weight_transfer.base import (  # noqa: E402 (after the check, which has the better message)
    TrainerInitInfo,
    TrainerWeightTransferEngine,
    WeightTransferEngine,
    WeightTransferInitInfo,
    WeightTransferUpdateInfo,
)
from vllm.distributed.weight_transfer.factory import (  # noqa: E402
    WeightTransferEngineFactory,
    WeightTransferTrainerFactory,
)
from vllm.model_executor.model_loader.reload import (  # noqa: E402
    finalize_layerwise_reload,
    initialize_layerwise_reload,
)


def transfer_options(backend: str) -> dict[str, Any]:
    """Return the options that `vllm.LLM` needs to receive weights by that back end."""
    options: dict[str, Any] = {"weight_transfer_config": {"backend": backend}}
    if backend == "gloo":
        # vLLM's worker imports this module before it looks the back end up.
        options["worker_extension_cls"] = f"{WorkerExtension.__module__}.{WorkerExtension.__qualname__}"
    return options


@dataclass
class GlooTrainerInit(TrainerInitInfo):
    """What vLLM's trainer factory needs to make a `GlooSender`."""

    backend: ClassVar[str] = "gloo"

    host: str
    """Address of this machine that the engines reach."""
    world_size: int
    """Members of the group: the sender and all workers of all engines."""
    bucket_bytes: int
    timeout: float
    """Seconds."""


@dataclass
class GlooInit(WeightTransferInitInfo):
    """What an engine needs to join the group."""

    host: str
    port: int
    rank_offset: int
    """Rank of the engine's first worker."""
    world_size: int
    bucket_bytes: int
    timeout: float


@dataclass
class GlooUpdate(WeightTransferUpdateInfo):
    """The tensors of an update, described with plain values, which vLLM serializes safely."""

    names: list[str]
    dtype_names: list[str]
    shapes: list[list[int]]

    @classmethod
    def of(cls, parameters: Sequence[Any]) -> GlooUpdate:
        """Describe vLLM's `ParamMeta` with plain values."""
        return cls(
            names=[parameter.name for parameter in parameters],
            dtype_names=[str(parameter.dtype).removeprefix("torch.") for parameter in parameters],
            shapes=[list(parameter.shape) for parameter in parameters],
        )

    def parameters(self) -> list[TensorDescription]:
        """The descriptions, from which both sides cut the same buckets."""
        return descriptions(self.names, self.dtype_names, self.shapes)


class GlooSender(TrainerWeightTransferEngine):
    """The trainer's side of `gloo`; `WeightSender` calls it through vLLM's interface."""

    init_info_cls = GlooTrainerInit

    def __init__(self, *, client: Any, source: Any, bucket_bytes: int, timeout: float) -> None:
        super().__init__(client=client, source=source, is_sender=True)
        self._bucket_bytes, self._timeout = bucket_bytes, timeout
        self._group: BroadcastGroup | None = None

    @classmethod
    def trainer_init(cls, init_info: GlooTrainerInit, *, client: Any, source: Any = None) -> GlooSender:
        """Make the group and invite the engines. The system chooses the port, so no other process can take it first."""
        sender = cls(client=client, source=source, bucket_bytes=init_info.bucket_bytes, timeout=init_info.timeout)
        world, timeout = init_info.world_size, init_info.timeout
        store = TCPStore(
            init_info.host, 0, world, True, timeout=timedelta(seconds=timeout), wait_for_workers=False
        )  # do not wait for the engines here: they do not know the port yet
        invitation = GlooInit(
            host=init_info.host,
            port=store.port,
            rank_offset=1,
            world_size=world,
            bucket_bytes=init_info.bucket_bytes,
            timeout=timeout,
        )

        def invite() -> None:
            client.init_weight_transfer_engine(asdict(invitation))

        def join() -> None:
            sender._group = BroadcastGroup(store, 0, world, timeout)

        together([invite, join], timeout)
        return sender

    def send_weights(self) -> None:
        """Ask the engines to begin, broadcast while they receive, ask them to finish."""
        update = GlooUpdate.of(self.source.metadata())
        self.client.start_weight_update()
        together(
            [lambda: self.client.update_weights(asdict(update)), lambda: self._broadcast(update.parameters())],
            self._timeout,
        )
        self.client.finish_weight_update()

    def shutdown(self) -> None:
        """Leave the group, which makes the broadcasts of all other members fail."""
        if self._group is not None:
            self._group.close()
        self._group = None

    def _broadcast(self, parameters: Sequence[TensorDescription]) -> None:
        digests: list[int] = []
        try:
            tensors = iter(self.source)
            for slots in cut_into_buckets(parameters, self._bucket_bytes):
                digests += self._send(slots, tensors)
            self._group_of_now.broadcast(as_message(digests))
        except BaseException:
            self.shutdown()
            raise

    @property
    def _group_of_now(self) -> BroadcastGroup:
        assert self._group is not None, "trainer_init comes first"
        return self._group

    def _send(self, slots: Sequence[Slot], tensors: Iterator[tuple[str, Tensor]]) -> list[int]:
        """Broadcast a bucket; return the digests of its tensors."""
        bucket = empty_bucket(slots)
        for slot in slots:
            name, tensor = next(tensors)
            if (name, tensor.dtype, tuple(tensor.shape)) != (slot.name, slot.dtype, slot.shape):
                raise ValueError(f"the student named {slot.name} {slot.shape}, then gave {name} {tensor.shape}")
            slot.view_in(bucket).copy_(tensor)
        self._group_of_now.broadcast(bucket)
        return bucket_digests(bucket, slots)


class GlooReceiver(WeightTransferEngine):
    """The engine's side of `gloo`; vLLM makes one in each of its workers and calls it."""

    init_info_cls = GlooInit
    update_info_cls = GlooUpdate
    supports_draft_weight_update = False

    def __init__(self, *vllm_arguments: Any, **vllm_options: Any) -> None:
        super().__init__(*vllm_arguments, **vllm_options)
        self._group: BroadcastGroup | None = None
        self._bucket_bytes = 0
        self._updating = False
        self._updates = 0
        self._received = False
        self._held: HeldCheck | None = None

    def init_transfer_engine(self, init_info: GlooInit) -> None:
        """Leave the group of an earlier sender and join the group of this one."""
        self.shutdown()
        self._group = BroadcastGroup.join(
            host=init_info.host,
            port=init_info.port,
            rank=init_info.rank_offset + self.parallel_config.rank,
            world=init_info.world_size,
            timeout=init_info.timeout,
        )
        self._bucket_bytes = init_info.bucket_bytes

    def start_weight_update(self) -> None:
        """Begin a layer-wise reload, after the end of an update that broke off."""
        if self._updating:
            finalize_layerwise_reload(self.model, self.model_config)
        initialize_layerwise_reload(self.model)
        self._updating = True
        self._updates += 1
        self._held = held_check(self.model, self._updates) if self.parallel_config.world_size == 1 else None
        self._received = False

    def receive_weights(self, update_info: GlooUpdate) -> None:
        """Receive all buckets and load their tensors; leave the group if that fails.

        Raises:
            ValueError: a tensor is not what was sent.
        """
        digests: list[int] = []
        try:
            for slots in cut_into_buckets(update_info.parameters(), self._bucket_bytes):
                digests += self._receive(slots)
            message = as_message(digests)
            self._group_of_now.broadcast(sent := torch.empty_like(message))
            check_received(update_info.names, digests, sent)
        except BaseException:
            self.shutdown()
            raise
        self._received = True

    def finish_weight_update(self) -> None:
        """End the layer-wise reload, after which the new weights are in use. An update that broke off ends like this
        too, before the next one begins; of its weights nothing is promised.

        Raises:
            RuntimeError: the model does not hold what was received.
        """
        finalize_layerwise_reload(self.model, self.model_config)
        pack_tied_heads(self.model)
        self._updating = False
        wrong = self._held.wrong_tensors(self.model) if self._held is not None and self._received else []
        self._held = None
        if wrong:
            raise RuntimeError(
                f"the engine's model does not hold {len(wrong):,} tensors as they were sent, such as {wrong[0]}: this "
                "vLLM does not load such weights anew, or the student left them out"
            )

    def shutdown(self) -> None:
        """Leave the group, which makes the broadcasts of all other members fail."""
        if self._group is not None:
            self._group.close()
        self._group = None

    @property
    def _group_of_now(self) -> BroadcastGroup:
        if self._group is None:
            raise RuntimeError("init_transfer_engine comes first")
        return self._group

    def _receive(self, slots: Sequence[Slot]) -> list[int]:
        """Receive and load a bucket; return the digests of its tensors."""
        bucket = empty_bucket(slots)
        self._group_of_now.broadcast(bucket)
        if self._held is not None:
            for slot in slots:
                self._held.remember(slot.name, slot.view_in(bucket))
        arrived = bucket.to(self.device)
        self.model.load_weights([(slot.name, slot.view_in(arrived)) for slot in slots])
        return bucket_digests(bucket, slots)


def held_check(model: Any, number: int) -> HeldCheck:
    """Make the check of what a model of vLLM holds after an update."""
    mapper = getattr(model, "hf_to_vllm_mapper", None)

    def rename(name: str) -> str:
        renamed = [name] if mapper is None else mapper.apply_list([name])
        return str(renamed[0]) if renamed else name

    return HeldCheck(number=number, fused=getattr(model, "packed_modules_mapping", {}), rename=rename)


def pack_tied_heads(model: torch.nn.Module) -> None:
    """Renew the packed copy of every module that kept its plain weight as well.

    Other modules were packed when their weights were loaded. Only vLLM's CPU kernels have modules with these
    attributes.
    """
    for module in model.modules():
        packed: Any = module
        if hasattr(packed, "cpu_linear") and packed.weight.numel():
            packed.quant_method.process_weights_after_loading(packed)


class WorkerExtension(LeadingRows):
    """A class that vLLM's workers look up, so that each worker imports this module.

    A worker takes one such class. This one adds what every worker of ours has: the rows of a head that are used.
    """


def register() -> None:
    """Put `gloo` into vLLM's two registries, unless it is there already: the module may be loaded twice."""
    for factory, name in ((WeightTransferEngineFactory, "GlooReceiver"), (WeightTransferTrainerFactory, "GlooSender")):
        with suppress(ValueError):
            factory.register_engine("gloo", __name__, name)


register()
