"""The student whose ranks are actors, as the driver sees it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from uopd.config import SyncConfig
from uopd.rows import Share, UpdateReport
from uopd.runtime.ray.calls import ActorHandle, Call, Reference, call, close_actors, wait_for, wait_for_all
from uopd.runtime.ray.rank_actor import RankActor

GRACE_SECONDS = 30.0
"""On top of `sync.timeout`, so that the sender's own error arrives before the driver gives up."""

R = TypeVar("R")


class RemoteStudent:
    """A `Student` whose ranks are actors. Its death ends the run: `PartLost` says how to go on."""

    def __init__(self, actors: Sequence[ActorHandle], version: int) -> None:
        """`actors`: of `RankActor`, which have started, in the order of their ranks."""
        self.actors, self._version = list(actors), version

    @property
    def ranks(self) -> int:
        """Processes that share a step."""
        return len(self.actors)

    @property
    def version(self) -> int:
        """Updates since the beginning, as the ranks said last."""
        return self._version

    def update(self, shares: Sequence[Share], learning_rate: float) -> UpdateReport:
        """Make one optimizer step. Each share's scores are an argument, so Ray brings them to the rank, not here."""
        references = [
            call(RankActor.update, share.rows, share.scores, learning_rate).on(actor)
            for actor, share in zip(self.actors, shares, strict=True)
        ]
        report, self._version = self._wait(references)[0]
        return report

    def logprobs(self, token_ids: Sequence[int]) -> list[float]:
        """Log-probability (nats) of every token of a text but the first."""
        return self._ask_first(call(RankActor.logprobs, list(token_ids)))

    def save(self, folder: Path) -> None:
        """Write a checkpoint; every rank writes its part, so all machines must see the folder."""
        self._ask_all(call(RankActor.save, folder.absolute()))

    def load(self, folder: Path) -> None:
        """Go on from a checkpoint."""
        self._version = self._ask_all(call(RankActor.load, folder.absolute()))[0]

    def export(self, folder: Path) -> None:
        """Write the weights as a plain Hugging Face folder."""
        self._ask_first(call(RankActor.export, folder.absolute()))

    def connect(self, engines: Sequence[tuple[ActorHandle, int]], sync: SyncConfig) -> None:
        """Make a transfer group of the first rank and the engines' actors, each with its number of workers."""
        self._ask_first(call(RankActor.version))  # after an update that is going on, whose time does not count
        self._ask_first(call(RankActor.connect, engines, sync), timeout=sync.timeout + GRACE_SECONDS)

    def send(self, sync: SyncConfig) -> int:
        """Send the weights from the first rank to the engines of the group; return their version."""
        return self._ask_first(call(RankActor.send), timeout=sync.timeout + GRACE_SECONDS)

    def close(self) -> None:
        """Close all ranks and end their processes."""
        close_actors(self.actors)

    def _ask_first(self, question: Call[R], *, timeout: float | None = None) -> R:
        return wait_for("student 0", question.on(self.actors[0]), timeout=timeout)

    def _ask_all(self, question: Call[R]) -> list[R]:
        return self._wait([question.on(actor) for actor in self.actors])

    def _wait(self, references: Sequence[Reference[R]]) -> list[R]:
        return wait_for_all({f"student {rank}": reference for rank, reference in enumerate(references)})
