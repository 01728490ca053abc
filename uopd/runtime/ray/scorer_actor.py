"""What runs in the actor of the teacher, or of the initial student.

Making the actor cannot fail. Its `start` can, and raises what the factory raised.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from uopd.model.errors import StepFailed, step_failures
from uopd.protocols import Scorer
from uopd.rows import TrainingRow, opened
from uopd.runtime.ray.actor_process import ActorProcess, this_process
from uopd.runtime.ray.messages import PackedScores, pack


class ScorerActor:
    """The teacher, or the initial student. `RemoteScorer` calls it."""

    def __init__(self) -> None:
        self._scorer: Scorer | None = None

    def process(self) -> ActorProcess:
        """Say where the scorer runs."""
        return this_process()

    def start(self, make: Callable[[], Scorer]) -> None:
        """Load the model."""
        self._scorer = make()

    def score(self, rows: Sequence[TrainingRow]) -> tuple[StepFailed | None, PackedScores[Any] | None]:
        """Score the rows. The scores stay in the object store until a rank of the student takes them.

        The driver learns first whether there are scores: a rank that is given none would keep the others waiting.
        """
        try:
            with step_failures("scoring"):
                return None, pack(opened(self._started.score(rows)))
        except StepFailed as error:
            return error, None

    def repeat_difference(self, rows: Sequence[TrainingRow]) -> float:
        """The check at the start of a run asks once."""
        return self._started.repeat_difference(rows)

    def close(self) -> None:
        """Give back memory and devices."""
        if self._scorer is not None:
            self._scorer.close()
        self._scorer = None

    @property
    def _started(self) -> Scorer:
        assert self._scorer is not None, "start comes first"
        return self._scorer
