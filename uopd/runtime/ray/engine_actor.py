"""What runs in the actor of one engine that samples.

Making the actor cannot fail. Its `start` can, and raises what the factory raised. An actor answers its calls in the
order in which they came, so an engine's weights change between two calls and never within one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sure_math.models.engines import Finished, Request
from uopd.protocols import Engine
from uopd.runtime.ray.actor_process import ActorProcess, this_process


class EngineActor:
    """One engine that samples. `RemoteSampler` calls it, and during a sync `RemoteReceiver` does."""

    def __init__(self) -> None:
        self._engine: Engine | None = None

    def process(self) -> ActorProcess:
        """Say where the engine runs; an answer also shows that it is alive."""
        return this_process()

    def start(self, make: Callable[[], Engine]) -> int:
        """Start the engine; return the number of processes that hold its model."""
        self._engine = make()
        return self._engine.workers

    def version(self) -> int:
        """Policy version of the weights; the sampler asks after every sync."""
        return self._started.version

    def generate(self, requests: Sequence[Request]) -> list[Finished]:
        """Answer the engine's part of a step's requests."""
        return self._started.generate(requests)

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
