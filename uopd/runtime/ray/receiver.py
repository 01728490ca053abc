"""An engine in its actor, as the student's first rank sends weights to it."""

from __future__ import annotations

from collections.abc import Mapping

import ray
from ray.exceptions import GetTimeoutError, RayError, RayTaskError

from sure_math.models.engines.ray_replicas.session import reason_of
from uopd.runtime.ray.calls import ActorHandle, Reference, call, cause_of
from uopd.runtime.ray.engine_actor import EngineActor


class RemoteReceiver:
    """A `Receiver` that is the actor of an engine. The student's first rank makes it, in its own actor."""

    def __init__(self, actor: ActorHandle, workers: int, timeout: float) -> None:
        """`timeout`: seconds that one call may take."""
        self._actor, self._workers, self._timeout = actor, workers, timeout

    @property
    def workers(self) -> int:
        """Processes that hold the engine's model."""
        return self._workers

    def init_transfer(self, info: Mapping[str, object]) -> None:
        """Let the engine join the sender's group, and wait until it has."""
        self._wait(call(EngineActor.init_transfer, info).on(self._actor))

    def start_update(self) -> None:
        """Let the engine get ready for new weights."""
        self._wait(call(EngineActor.start_update).on(self._actor))

    def receive(self, info: Mapping[str, object]) -> None:
        """Let the engine receive the tensors that the sender broadcasts meanwhile."""
        self._wait(call(EngineActor.receive, info).on(self._actor))

    def finish_update(self, version: int) -> None:
        """Let the engine use the new weights."""
        self._wait(call(EngineActor.finish_update, version).on(self._actor))

    def _wait(self, reference: Reference[None]) -> None:
        try:
            ray.get(reference.object, timeout=self._timeout)
        except RayTaskError as error:
            raise cause_of(error) from error
        except GetTimeoutError as error:
            raise TimeoutError(f"an engine did not answer in {self._timeout:g} seconds") from error
        except RayError as error:
            raise RuntimeError(f"an engine died: {reason_of(error)}") from error
