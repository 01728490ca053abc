"""The parts of a run, wherever they live, and the check that a sync reached every engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from uopd.rows import Sampler, Scorer, Student, Sync


class Receiver(Protocol):
    """An engine that receives weights, wherever it is; every call returns when it is done."""

    @property
    def workers(self) -> int:
        """Processes that hold its model."""
        ...

    def init_transfer(self, info: Mapping[str, object]) -> None:
        """Join the sender's group; `info` holds plain values that depend on the back end."""
        ...

    def start_update(self) -> None:
        """Get ready for new weights; nothing is computed until `finish_update`."""
        ...

    def receive(self, info: Mapping[str, object]) -> None:
        """Receive the tensors that `info` describes."""
        ...

    def finish_update(self, version: int) -> None:
        """Use the new weights from now on, and forget everything that was computed with the old ones."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What `train.py` works with; it cannot tell local from remote."""

    student: Student
    scorer: Scorer | None
    """None where the method asks none."""
    sampler: Sampler
    sync: Sync
    closing: tuple[Callable[[], None], ...] = field(default=())
    """Called by `close` after the parts have closed."""

    def close(self) -> None:
        self.sampler.close()
        if self.scorer is not None:
            self.scorer.close()
        self.student.close()
        for close in self.closing:
            close()


class OutOfStep(RuntimeError):
    """An engine samples from other weights than the student has."""


def check_in_step(student: Student, sampler: Sampler, token_ids: Sequence[int], tolerance: float) -> float:
    """Largest mean difference, in nats, of a text's log-probabilities between the student and any engine.

    Raises:
        OutOfStep: an engine's version or log-probabilities are not the student's.
    """
    if sampler.version != student.version:
        raise OutOfStep(f"the engines hold policy version {sampler.version}, the student is at {student.version}")
    own = student.logprobs(token_ids)
    worst = 0.0
    for engine, theirs in enumerate(sampler.logprobs(token_ids)):
        difference = sum(abs(one - other) for one, other in zip(own, theirs, strict=True)) / len(own)
        worst = max(worst, difference)
        if not difference <= tolerance:
            raise OutOfStep(
                f"engine {engine} at policy version {student.version} differs from the student by {difference:.3g} "
                f"nats per token on average (sync.tolerance_nats = {tolerance:g}): the weights did not arrive as "
                "they were sent; resume from the last checkpoint, and if it happens again report it with the model"
            )
    return worst
