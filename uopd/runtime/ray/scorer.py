"""The teacher, or the initial student, in an actor, as the driver sees it."""

from __future__ import annotations

from collections.abc import Sequence

from uopd.model.errors import StepFailed
from uopd.rows import ScoresReference, TrainingRow
from uopd.runtime.ray.calls import ActorHandle, Reference, call, close_actors, wait_for
from uopd.runtime.ray.scorer_actor import ScorerActor


class RemoteScorer:
    """A `Scorer` that is an actor. The scores stay in Ray's object store, and each rank of the student takes its own.

    Its death ends the run: `PartLost` says how to go on.
    """

    def __init__(self, part: str, actor: ActorHandle) -> None:
        """`part`: `teacher` or `reference`, for messages; `actor`: of `ScorerActor`, which has started."""
        self._part, self.actor = part, actor

    def score(self, rows: Sequence[TrainingRow]) -> ScoresReference:
        """Return a reference once the scores are in the object store, so that the step's seconds count as scoring.

        Raises:
            StepFailed: the rows cannot be scored.
            PartLost: the actor died.
        """
        scores: ScoresReference
        failure, scores = self.actor.score.options(num_returns=2).remote(list(rows))
        failed: StepFailed | None = wait_for(self._part, Reference(failure))
        if failed is not None:
            raise failed
        return scores

    def repeat_difference(self, rows: Sequence[TrainingRow]) -> float:
        """Mean absolute difference, in nats, between two scorings of the same rows."""
        return wait_for(self._part, call(ScorerActor.repeat_difference, list(rows)).on(self.actor))

    def close(self) -> None:
        """Close the scorer and end its process."""
        close_actors([self.actor])
