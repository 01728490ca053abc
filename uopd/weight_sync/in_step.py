"""The check that a sync reached every engine, on log-probabilities: engines and student agree on a text.

An engine must be close to the student, and nearer to it than to the student of any earlier check. The first condition
alone would let an engine pass that keeps its weights: at a rate of 3e-6 a text moves by 0.0005 nats per token in an
update, and by 0.014 in forty.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from uopd.protocols import Sampler, Student

MOVED = 2.0
"""An engine is called old if the student has moved at least so many times as far as the engine is from the old student.
Rounding does not bring an engine that near: it has another direction than the student's movement."""
KEPT = 64
"""Earlier students whose log-probabilities are kept. If there are more, every second one is forgotten."""

Logprobs = NDArray[np.float64]


class OutOfStep(RuntimeError):
    """An engine samples from other weights than the student has."""


class StepCheck:
    """Compares engines and student after a sync; remembers what earlier students said of the text."""

    def __init__(self, token_ids: Sequence[int], tolerance: float) -> None:
        """Compare on one text.

        Args:
            tolerance: largest mean difference between an engine and the student that is accepted, in nats per token.
        """
        self._token_ids, self._tolerance = list(token_ids), tolerance
        self._earlier: dict[int, Logprobs] = {}
        """Version -> log-probabilities of the text under the student of that version."""

    def __call__(self, student: Student, sampler: Sampler) -> float:
        """Compare the log-probabilities of the text between the student and every engine.

        Returns:
            The largest mean difference between the student and any engine, in nats per token.

        Raises:
            OutOfStep: an engine has another version than the student, differs by more than the tolerance, or is
                nearer to the student of an earlier version.
        """
        version = student.version
        if sampler.version != version:
            raise OutOfStep(
                f"the engines hold policy version {sampler.version}, the student is at {version}: repeat the command "
                "to go on from the last checkpoint"
            )
        expected = np.array(student.logprobs(self._token_ids))
        differences = [
            self._compare(number, version, expected, np.array(logprobs))
            for number, logprobs in enumerate(sampler.logprobs(self._token_ids))
        ]
        self._remember(version, expected)
        return max(differences)

    def _compare(self, number: int, version: int, expected: Logprobs, logprobs: Logprobs) -> float:
        difference = _distance(logprobs, expected)
        if not difference <= self._tolerance:
            raise OutOfStep(
                f"engine {number} at policy version {version} differs from the student by {difference:.3g} nats per "
                f"token on average (sync.tolerance_nats = {self._tolerance:g}): {_CAUSE}"
            )
        others = {other: _distance(logprobs, values) for other, values in self._earlier.items() if other != version}
        nearest = min(others, key=others.__getitem__, default=None)
        if nearest is None:
            return difference
        moved = _distance(expected, self._earlier[nearest])
        if others[nearest] < difference and moved > MOVED * others[nearest]:
            raise OutOfStep(
                f"engine {number} is nearer to the student of policy version {nearest} than to that of version "
                f"{version} ({others[nearest]:.2g} and {difference:.2g} nats per token on average): {_CAUSE}"
            )
        return difference

    def _remember(self, version: int, values: Logprobs) -> None:
        self._earlier[version] = values
        if len(self._earlier) > KEPT:
            self._earlier = dict(list(self._earlier.items())[::2]) | {version: values}


def _distance(first: Logprobs, second: Logprobs) -> float:
    return float(np.abs(first - second).mean())


_CAUSE = (
    "the weights did not arrive as they were sent; repeat the command to resume from the last checkpoint, and if it "
    "happens again report it with the model"
)
