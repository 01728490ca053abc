"""What runs in the actor of a replica: an engine in a process of its own, maybe on another machine."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import ray

from sure_math.models.engines import Completion, Engine, FinishedStream, ModelIdentity, Refusal, Request
from sure_math.models.engines.load import load_engine
from sure_math.models.engines.ray_replicas.environment import actor_environment
from sure_math.models.engines.spec import ModelSpec

GATHER_SECONDS = 0.2
"""How long a replica gathers answers before it returns them."""
LONGEST_SECONDS = 1.0
"""How long a call takes at most, if nothing finishes and the engine computes step by step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaProcess:
    """The process in which a replica runs."""

    node: str
    """Address of the machine."""
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """What a replica returns."""

    answers: list[tuple[int, int, Completion | Refusal]]
    """Number of the request, seed and answer."""
    waiting: int
    """Chunks that the engine has had no room for yet."""


class Replica:
    """The class of the actor. Making it cannot fail; `start` can, and raises what a local engine would raise."""

    def __init__(self, *, threads: int, gpu: bool) -> None:
        os.environ.update(actor_environment(threads=threads, gpu=gpu))
        self._engine: Engine | None = None
        self._stream: FinishedStream | None = None
        self._waiting: deque[Sequence[Request]] = deque()
        self._has_room = False
        """Whether the engine has asked for more than there is."""
        self._unanswered = 0
        """Sequences that were brought and have no answer yet."""

    def process(self) -> ReplicaProcess:
        """Say where this replica runs; an answer also shows that it is alive."""
        return ReplicaProcess(node=ray.util.get_node_ip_address(), pid=os.getpid())

    def start(self, spec: ModelSpec) -> ModelIdentity:
        """Start the engine and return the identity of its model on this machine."""
        self._engine = load_engine(spec)
        return self._engine.identity

    def exchange(self, chunks: Sequence[Sequence[Request]], more: bool) -> Exchanged:
        """Take chunks, let the engine go on, and return what has finished.

        Args:
            chunks: each is a batch for the engine.
            more: the pool has further chunks, so a call returns as soon as the engine has room for one.
        """
        assert self._engine is not None, "start comes first"
        if self._stream is None:
            self._stream = self._engine.stream(self._batches())
        self._waiting.extend(chunks)
        self._unanswered += sum(len(request.seeds) for chunk in chunks for request in chunk)
        self._has_room = False
        begin = time.monotonic()
        answers: list[tuple[int, int, Completion | Refusal]] = []
        for group in self._stream:
            answers += [(finished.request.number, finished.seed, finished.answer) for finished in group]
            self._unanswered -= len(group)
            seconds = time.monotonic() - begin
            enough = seconds > (GATHER_SECONDS if answers else LONGEST_SECONDS)
            if enough or not self._unanswered or (more and self._has_room):
                break
        return Exchanged(answers=answers, waiting=len(self._waiting))

    def end_stream(self) -> None:
        """Forget all chunks, and end what is running."""
        self._waiting.clear()
        self._unanswered = 0
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _batches(self) -> Iterator[Sequence[Request]]:
        while True:
            self._has_room = not self._waiting
            yield self._waiting.popleft() if self._waiting else ()

    def close(self) -> None:
        self.end_stream()
        if self._engine is not None:
            self._engine.close()
        self._engine = None
