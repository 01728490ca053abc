"""What runs in the actor of a replica: an engine in a process of its own, maybe on another machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import ray

from sure_math.models.engines import Engine, Finished, ModelIdentity, Request
from sure_math.models.engines.load import load_engine
from sure_math.models.engines.ray_replicas.environment import actor_environment
from sure_math.models.engines.spec import ModelSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaProcess:
    """The process in which a replica runs."""

    node: str
    """Address of the machine."""
    pid: int


class Replica:
    """The class of the actor. Making it cannot fail; `start` can, and raises what a local engine would raise."""

    def __init__(self, *, threads: int, gpu: bool) -> None:
        os.environ.update(actor_environment(threads=threads, gpu=gpu))
        self._engine: Engine | None = None

    def process(self) -> ReplicaProcess:
        """Say where this replica runs; an answer also shows that it is alive."""
        return ReplicaProcess(node=ray.util.get_node_ip_address(), pid=os.getpid())

    def start(self, spec: ModelSpec) -> ModelIdentity:
        """Start the engine and return the identity of its model on this machine."""
        self._engine = load_engine(spec)
        return self._engine.identity

    def answer(self, chunk: Sequence[Request]) -> list[Finished]:
        """Return all answers to a chunk, which the engine computes by itself."""
        assert self._engine is not None, "start comes first"
        return [finished for group in self._engine.stream([chunk]) for finished in group]

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()
        self._engine = None
