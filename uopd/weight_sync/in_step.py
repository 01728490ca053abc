"""The check that a sync reached every engine: the engines and the student agree on a text."""

from __future__ import annotations

from collections.abc import Sequence

from uopd.protocols import Sampler, Student


class OutOfStep(RuntimeError):
    """An engine samples from other weights than the student has."""


def check_in_step(student: Student, sampler: Sampler, token_ids: Sequence[int], tolerance: float) -> float:
    """Compare the log-probabilities of a text between the student and every engine.

    Args:
        tolerance: largest mean difference that is accepted, in nats per token.

    Returns:
        The largest mean difference between the student and any engine, in nats per token.

    Raises:
        OutOfStep: an engine has another version than the student, or differs by more than `tolerance`.
    """
    if sampler.version != student.version:
        raise OutOfStep(f"the engines hold policy version {sampler.version}, the student is at {student.version}")
    expected = student.logprobs(token_ids)
    largest = 0.0
    for engine, logprobs in enumerate(sampler.logprobs(token_ids)):
        differences = [abs(wanted - actual) for wanted, actual in zip(expected, logprobs, strict=True)]
        difference = sum(differences) / len(expected)
        largest = max(largest, difference)
        if not difference <= tolerance:
            raise OutOfStep(
                f"engine {engine} at policy version {student.version} differs from the student by {difference:.3g} "
                f"nats per token on average (sync.tolerance_nats = {tolerance:g}): the weights did not arrive as "
                "they were sent; resume from the last checkpoint, and if it happens again report it with the model"
            )
    return largest
