"""What travels through a training step, and the protocols of those who make and take it.

A step is five calls (`train.py`): roll out, score, batch, update, sync. Whoever answers them may live in this process
or in Ray actors; scores are then a reference to tensors in the object store, which the driver hands on unopened.

Shapes: T response tokens of a share, in the order of its rows; K entries of the teacher's top-k; E the scorer's hidden
width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from torch import Tensor

Handle = Any
"""Scores of either kind, or a reference to them. Only a scorer makes it and only a student opens it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One problem of the dataset, ready to be asked."""

    problem_id: str
    token_ids: tuple[int, ...]
    """What the student sees before its response: conversation and header of the reply."""
    scorer_ids: tuple[int, ...]
    """What the scorer sees before the same response; another prompt only where the method says so (`opsd`)."""
    weight: float
    """w(x) in [0, 1], as the method uses it; 1 where it uses none."""
    answer: str | None
    """Reference answer, for rewards; None where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One response of the student to one prompt of a step."""

    slot: int
    """Position of the prompt in the step's batch, from 0; a prompt drawn twice has two slots."""
    sample_index: int
    """0..K-1."""
    prompt: Prompt
    response_ids: tuple[int, ...]
    """Generated tokens, the stop token included; empty where the engine could not answer."""
    finish_reason: Literal["stop", "length", "refused"]
    sum_logprob: float
    """Of `response_ids` in nats under the policy that sampled them, at temperature 1."""
    policy_version: int
    """Updates the sampling policy had seen."""
    reward: float | None = None
    """1 where the boxed answer is right, 0 where it is not; None where nothing grades it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRow:
    """One response as the student learns from it."""

    prompt_ids: tuple[int, ...]
    response_ids: tuple[int, ...]
    scorer_ids: tuple[int, ...]
    """Prompt in front of the response where the scorer reads it."""
    token_weight: float
    """Factor of each response token's loss: w(x) / (|y| |B| K) (Eq. 8, 9), fixed before the forward pass."""
    advantage: float = 0.0
    """Of the response, for policy gradients; distillation has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What a frozen model says about the T response tokens of a share, row after row."""

    ids: Tensor
    """[T, K] int32, the K most probable tokens, most probable first."""
    logprobs: Tensor
    """[T, K] their log-probabilities in nats over the full vocabulary, 16 bits or float32."""
    sampled: Tensor
    """[T] float32, log-probability of the response's own token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenScores:
    """The same, as the student's process finds it with the scorer's head (`teacher.sends = hidden`)."""

    hidden: Tensor
    """[T, E] last hidden states that predict the response tokens, in the scorer's own dtype."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one rank of the student trains on in one step."""

    rows: tuple[TrainingRow, ...]
    scores: Handle | None
    """Of the rows, in order; None where the method asks no scorer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateReport:
    """What one optimizer step did, over all ranks."""

    sums: dict[str, float]
    """Sums over the step; `tokens` and `rows` count what the others are divided by (`metrics.py`)."""
    gradient_norm: float
    """Before clipping."""
    seconds: float
    peak_bytes: int
    """Of device memory, or of the process on a CPU; the largest rank's."""


class Scorer(Protocol):
    """A frozen model that reads responses: the teacher, or the initial student."""

    @property
    def fingerprint(self) -> str: ...

    def score(self, rows: Sequence[TrainingRow]) -> Handle:
        """`Scores` or `HiddenScores` of the rows' response tokens, in order, or a reference to where they are."""
        ...

    def repeat_difference(self, rows: Sequence[TrainingRow]) -> float:
        """Mean absolute difference, in nats, of the sampled tokens' log-probabilities between two scorings."""
        ...

    def close(self) -> None: ...


class Student(Protocol):
    """The model that is trained: one process, or ranks that hold the same weights."""

    @property
    def ranks(self) -> int: ...

    @property
    def version(self) -> int:
        """Updates since the beginning."""
        ...

    def update(self, shares: Sequence[Share], learning_rate: float) -> UpdateReport:
        """One optimizer step on the sum of all rows' losses; one share per rank, which may be empty."""
        ...

    def logprobs(self, token_ids: Sequence[int]) -> list[float]:
        """Log-probability (nats) of every token of a text but the first, under the current weights."""
        ...

    def save(self, folder: Any) -> None:
        """Weights, optimizer and version into `folder`, as safetensors; every rank its own."""
        ...

    def load(self, folder: Any) -> None: ...

    def export(self, folder: Any) -> None:
        """The weights as a plain Hugging Face folder, in the dtype of the initial model."""
        ...

    def close(self) -> None: ...


class Sampler(Protocol):
    """The engines that sample the student's responses."""

    @property
    def version(self) -> int:
        """Policy version of the weights it samples from."""
        ...

    def generate(self, requests: Sequence[Any], sampling: Any) -> list[Any]:
        """As `sure_math.models.engines.Engine.generate`."""
        ...

    def logprobs(self, token_ids: Sequence[int]) -> list[list[float]]:
        """One list per engine: log-probability of every token of a text but the first."""
        ...

    def close(self) -> None: ...


class Sync(Protocol):
    """Brings the student's weights to the sampler."""

    def __call__(self) -> int:
        """Send the current weights; the version the sampler has afterwards."""
        ...
