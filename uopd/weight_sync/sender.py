"""The process that trains sends its weights to vLLM engines, over vLLM's own weight-transfer interface.

`nccl` and `ipc` are vLLM's back ends. `gloo` is ours (`gloo.py`), registered on the same interface.

One sync runs in the process of the student's first rank. `WeightSender.send` asks every engine to begin. It then
broadcasts, while one thread per engine waits until that engine has received everything. Finally it asks all engines to
finish. A member that fails closes its connections, which makes all others fail as well. A member that hangs is
abandoned after `timeout` seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from uopd.protocols import Receiver
from uopd.weight_sync.vllm_api import BACKEND_API, TRANSFER_API, check_vllm

if TYPE_CHECKING:
    from uopd.weight_sync.trainer_calls import ReceiverCalls, TrainerWeightTransferEngine


class WeightSender:
    """Sends one set of weights to any number of engines, as often as it is asked to.

    Example:
        >>> sender = WeightSender(model.named_parameters, "gloo", bucket_bytes=2**26, timeout=300)  # doctest: +SKIP
        >>> sender.connect([engine], host="127.0.0.1")  # doctest: +SKIP
        >>> sender.send(version=1)  # doctest: +SKIP
    """

    def __init__(
        self,
        parameters: Callable[[], Iterable[tuple[str, Tensor]]],
        backend: str,
        *,
        bucket_bytes: int,
        timeout: float,
    ) -> None:
        """Check that the installed vLLM can transfer weights that way; nothing is sent yet.

        Args:
            parameters: gives whole tensors under the names of the checkpoint, as they are at that moment.
            backend: `gloo`, `nccl` or `ipc`.
            bucket_bytes: size of what is sent at a time.
            timeout: seconds that joining the group, or one call of a sync, may take.

        Raises:
            EngineUnavailable: vLLM is not installed, or has another interface.
        """
        check_vllm({**TRANSFER_API, **BACKEND_API.get(backend, {})})
        self._parameters = parameters
        self._backend, self._bucket_bytes, self._timeout = backend, bucket_bytes, timeout
        self._calls: ReceiverCalls | None = None
        self._engine: TrainerWeightTransferEngine | None = None

    def connect(self, receivers: Sequence[Receiver], host: str) -> None:
        """Make a transfer group with these engines; `host` is an address of this machine that the engines reach.

        Engines that were in an earlier group leave that group, so a new engine can be added at any time.
        """
        from uopd.weight_sync.trainer_calls import ReceiverCalls, StudentWeights, make_trainer_engine

        self.close()
        self._calls = ReceiverCalls(receivers, self._timeout)
        self._engine = make_trainer_engine(
            self._backend,
            self._calls,
            StudentWeights(self._parameters),
            host=host,
            world=1 + sum(receiver.workers for receiver in receivers),
            bucket_bytes=self._bucket_bytes,
            timeout=self._timeout,
        )

    def send(self, version: int) -> None:
        """Send the weights as they are now to every engine, which calls them `version` from then on.

        After an error the state of the engines is not known: `connect` and `send` again before they are used.

        Raises:
            RuntimeError: `connect` has not been called, or the last sync failed.
        """
        if self._calls is None or self._engine is None:
            raise RuntimeError("connect comes before send")
        self._calls.version = version
        try:
            self._engine.send_weights()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Leave the group, which makes an engine that still waits for weights fail."""
        if self._engine is not None:
            self._engine.shutdown()
        self._calls = self._engine = None
