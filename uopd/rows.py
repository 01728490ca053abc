"""What travels through a training step.

A step is five calls (`train.py`): roll out, score, batch, update, sync. Those who answer the calls (`protocols.py`)
live in this process or in Ray actors. With Ray, scores are a reference to tensors in the object store, which the driver
passes on unopened.

Shapes: T response tokens of a share, in the order of its rows; K entries of the teacher's top-k; E the scorer's hidden
width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One problem of the dataset, ready to be asked."""

    problem_id: str
    token_ids: tuple[int, ...]
    """What the student sees before its response: conversation and header of the reply."""
    scorer_ids: tuple[int, ...]
    """What the scorer sees before the same response; only `opsd` shows it another prompt."""
    weight: float
    """w(x) in [0, 1], as the method uses it; 1 if the method uses no weights."""
    answer: str | None
    """Reference answer, for rewards; None if the dataset has none."""
    problem: str | None = None
    """Text of the problem with its system prompt: it decides whether a bare number is a percentage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One response of the student to one prompt of a step."""

    slot: int
    """Position of the prompt in the step's batch, from 0; a prompt drawn twice has two slots."""
    sample_index: int
    """0..K-1."""
    prompt: Prompt
    response_ids: tuple[int, ...]
    """Generated tokens, with the stop token; empty if the engine could not answer."""
    finish_reason: Literal["stop", "length", "refused"]
    sum_logprob: float
    """Of `response_ids` in nats under the policy that sampled them, at temperature 1."""
    policy_version: int
    """Updates the sampling policy had seen."""
    reward: float | None = None
    """1 if the boxed answer is right, 0 if it is wrong; None if the method has no rewards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRow:
    """One response as the student learns from it."""

    prompt_ids: tuple[int, ...]
    response_ids: tuple[int, ...]
    scorer_ids: tuple[int, ...]
    """The prompt in front of the response, as the scorer reads it."""
    token_weight: float
    """Factor of each response token's loss: w(x) / (|y| |B| K) (Eq. 8, 9), fixed before the forward pass."""
    advantage: float = 0.0
    """Of the response, for policy gradients; 0 for distillation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """The top-k of a frozen model at the T response tokens of a share, row after row."""

    ids: Tensor
    """[T, K] int32, the K most probable tokens, most probable first."""
    logprobs: Tensor
    """[T, K] their log-probabilities in nats over the full vocabulary, 16 bits or float32."""
    sampled: Tensor
    """[T] float32, log-probability of the response's own token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenScores:
    """Hidden states, from which the student's process computes the top-k itself (`teacher.sends = hidden`)."""

    hidden: Tensor
    """[T, E] last hidden states that predict the response tokens, in the scorer's own dtype."""


class ScoresReference(Protocol):
    """Scores in Ray's object store. Only Ray makes and opens them; this is all that the trainer knows of them."""

    def hex(self) -> str:
        """The name of the object in the store."""
        ...


ScoresHandle = Scores | HiddenScores | ScoresReference
"""What a scorer hands to the student."""


def opened(scores: ScoresHandle) -> Scores | HiddenScores:
    """Return scores that are tensors in this process.

    Raises:
        TypeError: they are a reference. Only Ray opens it, on its way to an actor.

    >>> import torch
    >>> scores = HiddenScores(hidden=torch.zeros(3, 8))
    >>> opened(scores) is scores
    True
    """
    if isinstance(scores, Scores | HiddenScores):
        return scores
    raise TypeError(f"scores are a reference to Ray's object store ({scores.hex()}), not tensors")


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one rank of the student trains on in one step."""

    rows: tuple[TrainingRow, ...]
    scores: ScoresHandle | None
    """Of the rows, in order; None if the method asks no scorer."""

    @property
    def opened_scores(self) -> Scores | HiddenScores | None:
        """The scores as tensors, for the rank that trains on them."""
        return None if self.scores is None else opened(self.scores)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateReport:
    """What one optimizer step did, over all ranks."""

    sums: dict[str, float]
    """Sums over the step; `tokens` and `rows` count what the others are divided by (`run/metrics.py`)."""
    gradient_norm: float
    """Before clipping."""
    iterations: int = 1
    """Updates on the step's rollouts; the sums and the norm are those of the last one."""
    seconds: float
    peak_bytes: int
    """Of device memory, or of the process on a CPU; the largest rank's."""
