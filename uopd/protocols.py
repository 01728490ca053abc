"""The protocols of those who take part in a training step, and the components that a run is made of.

`train.py` calls a `Student`, a `Scorer`, a `Sampler` and a `Sync`. It cannot tell whether they live in this process or
in Ray actors. Inside an actor there are a `Rank`, a `Scorer` or an `Engine`. What the calls take and return is in
`rows.py`.

| protocol | in this process | behind Ray |
|---|---|---|
| `Student` | `runtime/local.py` | `runtime/ray/student.py` |
| `Rank` | `student/reference.py` | `student/reference.py`, `student/deepspeed.py` |
| `Scorer` | `teacher/scorer.py` | `runtime/ray/scorer.py`; in its actor that, or `runtime/vllm/scorer.py` |
| `Sampler` | `rollouts/student_sampler.py` | `runtime/ray/sampler.py` |
| `Engine` | | `runtime/vllm/rollout_engine.py` |
| `Receiver` | `runtime/vllm/rollout_engine.py` | `runtime/ray/receiver.py` |
| `Sync` | `runtime/local.py` | `runtime/ray/sampler.py` |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from torch import Tensor

from sure_math.models.engines import Finished, Request, RequestResult
from uopd.rows import ScoresHandle, Share, TrainingRow, UpdateReport


class Student(Protocol):
    """The model that is trained: one process, or ranks that hold the same weights."""

    @property
    def ranks(self) -> int:
        """Processes that share a step; `update` takes one share for each."""
        ...

    @property
    def version(self) -> int:
        """Updates since the beginning."""
        ...

    def update(self, shares: Sequence[Share], learning_rate: float) -> UpdateReport:
        """Make one optimizer step on the sum of all rows' losses; one share per rank, which may be empty."""
        ...

    def logprobs(self, token_ids: Sequence[int]) -> list[float]:
        """Log-probability (nats) of every token of a text but the first, under the current weights."""
        ...

    def save(self, folder: Path) -> None:
        """Write weights, optimizer and version into `folder`, as safetensors; every rank writes its own part."""
        ...

    def load(self, folder: Path) -> None:
        """Go on from what `save` wrote."""
        ...

    def export(self, folder: Path) -> None:
        """Write the weights as a plain Hugging Face folder, in the dtype of the initial model."""
        ...

    def close(self) -> None:
        """Give back memory and devices; the student is not used afterwards."""
        ...


class Rank(Protocol):
    """One process of the student."""

    @property
    def version(self) -> int:
        """Updates since the beginning."""
        ...

    def parameters(self) -> Iterable[tuple[str, Tensor]]:
        """Whole tensors, under the names of the checkpoint; the sender of weights reads them."""
        ...

    def update(self, share: Share, learning_rate: float) -> UpdateReport:
        """Do this rank's part of one optimizer step; the report is of all ranks."""
        ...

    def logprobs(self, token_ids: Sequence[int]) -> list[float]:
        """As `Student.logprobs`."""
        ...

    def save(self, folder: Path) -> None:
        """Write this rank's part of a checkpoint."""
        ...

    def load(self, folder: Path) -> None:
        """Go on from what `save` wrote."""
        ...

    def export(self, folder: Path) -> None:
        """As `Student.export`; one rank is enough, since all hold the same weights."""
        ...

    def close(self) -> None:
        """Give back memory and devices."""
        ...


class Scorer(Protocol):
    """A frozen model that reads responses: the teacher, or the initial student."""

    def score(self, rows: Sequence[TrainingRow]) -> ScoresHandle:
        """Scores of the rows' response tokens, in order, or a reference to them."""
        ...

    def repeat_difference(self, rows: Sequence[TrainingRow]) -> float:
        """Mean absolute difference, in nats, of the sampled tokens' log-probabilities between two scorings."""
        ...

    def close(self) -> None:
        """Give back memory and devices."""
        ...


class Sampler(Protocol):
    """All engines that sample the student's responses."""

    @property
    def version(self) -> int:
        """Policy version of the weights that it samples from."""
        ...

    def generate(self, requests: Sequence[Request]) -> list[RequestResult]:
        """As `sure_math.models.engines.generate`: one result per request, in order."""
        ...

    def logprobs(self, token_ids: Sequence[int]) -> list[list[float]]:
        """One list per engine: log-probability (nats) of every token of a text but the first."""
        ...

    def close(self) -> None:
        """Give back memory and devices."""
        ...


class Sync(Protocol):
    """Brings the student's weights to the sampler."""

    def __call__(self) -> int:
        """Send the current weights and return the policy version that the sampler has afterwards."""
        ...


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


class Engine(Receiver, Protocol):
    """One engine that samples, inside its actor, and whose weights change."""

    @property
    def version(self) -> int:
        """Policy version of the weights that it samples from."""
        ...

    def generate(self, requests: Sequence[Request]) -> list[Finished]:
        """Answer every seed of every request, all from the same weights, in any order."""
        ...

    def logprobs(self, token_ids: Sequence[int]) -> list[float]:
        """Log-probability (nats) of every token of a text but the first."""
        ...

    def close(self) -> None:
        """Give back memory and devices."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """Everything that `train.py` calls in a step."""

    student: Student
    scorer: Scorer | None
    """None if the method asks no scorer."""
    sampler: Sampler
    sync: Sync
    closing: tuple[Callable[[], None], ...] = field(default=())
    """`close` calls these after the components have closed."""

    def close(self) -> None:
        """Close everything, in an order in which nobody waits for a component that is gone."""
        self.sampler.close()
        if self.scorer is not None:
            self.scorer.close()
        self.student.close()
        for close in self.closing:
            close()
