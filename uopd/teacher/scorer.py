"""The teacher: a frozen model that reads the student's responses and says what it expected at every position.

Either it names its top-k: hidden states go to exact log-probabilities in chunks (`losses/teacher_topk.py`), so that
the [tokens, vocabulary] matrix never exists. Or it hands on the hidden states, from which the student's process finds
the same with the model's head. Either way a share's scores are a few tensors in the host's memory.

Shapes: T response tokens of all rows, in the rows' order; K entries; V vocabulary, E hidden width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch

from sure_math.models.engines.files import fingerprint_of, model_folder
from uopd.losses.teacher_topk import topk
from uopd.model.causal_model import device_of, head_of, hidden_states, load_model
from uopd.model.micro_batches import Layout, MicroBatch, micro_batches
from uopd.rows import HiddenScores, Scorer, Scores, TrainingRow
from uopd.teacher.score_copies import host_room, put, wait


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerSpec:
    """Which model scores, and how; travels to where the scorer runs."""

    model: str
    revision: str | None
    dtype: str
    device: str
    attention: str
    top_k: int
    """0 scores the responses' own tokens only."""
    values: str
    """Type of the log-probabilities that are handed on."""
    max_tokens: int
    """Positions of one forward pass."""
    layout: Layout = "packed"
    threads: int
    """Of torch on a CPU; 0 leaves torch's own number."""
    sends: Literal["topk", "hidden"] = "topk"
    """What is handed on: the top-k, or hidden states, of which `top_k` and `values` are not asked."""


def load_scorer(spec: ScorerSpec) -> Scorer:
    """The scorer of `spec`."""
    if spec.threads and device_of(spec.device).type == "cpu":
        torch.set_num_threads(spec.threads)
    model = load_model(spec.model, spec.revision, spec.dtype, spec.device, spec.attention)
    kind = HiddenScorer if spec.sends == "hidden" else TransformersScorer
    return kind(model, spec, fingerprint_of(model_folder(spec.model, spec.revision)))


class TransformersScorer:
    """A `Scorer` on a transformers model that names its top-k; the same rows give the same scores."""

    def __init__(self, model: Any, spec: ScorerSpec, fingerprint: str) -> None:
        self._model: Any = model.eval().requires_grad_(False)
        self._spec, self._fingerprint = spec, fingerprint

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @torch.inference_mode()
    def score(self, rows: Sequence[TrainingRow]) -> Scores:
        """Scores of all response tokens; FloatingPointError naming the row where a logit is no finite number."""
        tokens, head = token_count(rows), head_of(self._model)
        k, device = min(self._spec.top_k, len(head.weight_VD)), head.weight_VD.device
        kept = Scores(
            ids=host_room((tokens, k), torch.int32, device),
            logprobs=host_room((tokens, k), getattr(torch, self._spec.values), device),
            sampled=host_room((tokens,), torch.float32, device),
        )
        for micro, here in _micro_batches(rows, self._spec, device):
            found = topk(
                hidden_states(self._model, here),
                head.weight_VD,
                k,
                bias_V=head.bias_V,
                ids_T=here.response_ids_T,
                value_dtype=kept.logprobs.dtype,
            )
            assert found.sampled_logprob_T is not None
            part = Scores(ids=found.ids_TK, logprobs=found.logprobs_TK, sampled=found.sampled_logprob_T.float())
            put(part, kept, micro.runs)
        wait(device)
        return kept

    def repeat_difference(self, rows: Sequence[TrainingRow]) -> float:
        return difference_of_repeats(self.score, rows)

    def close(self) -> None:
        self._model = None


class HiddenScorer:
    """A `Scorer` on a transformers model that hands on its last hidden states.

    They hold all of the model's distribution; the student's process, which has the model's head, finds it in them.
    """

    def __init__(self, model: Any, spec: ScorerSpec, fingerprint: str) -> None:
        self._sampled = TransformersScorer(model, replace(spec, top_k=0), fingerprint)
        self._model, self._spec = model, spec

    @property
    def fingerprint(self) -> str:
        return self._sampled.fingerprint

    @torch.inference_mode()
    def score(self, rows: Sequence[TrainingRow]) -> HiddenScores:
        """Hidden states before all response tokens; FloatingPointError where one is no finite number."""
        weight_VE = head_of(self._model).weight_VD
        device, width = weight_VE.device, weight_VE.shape[1]
        kept = HiddenScores(hidden=host_room((token_count(rows), width), weight_VE.dtype, device))
        finite = torch.ones((), dtype=torch.bool, device=device)
        for micro, here in _micro_batches(rows, self._spec, device):
            part = HiddenScores(hidden=hidden_states(self._model, here))
            finite &= part.hidden.isfinite().all()
            put(part, kept, micro.runs)
        wait(device)
        if not finite:
            raise FloatingPointError(
                f"the hidden states of {self._spec.model} are not all finite: load the model in bfloat16 or float32, "
                "and look at its weights for NaN"
            )
        return kept

    def repeat_difference(self, rows: Sequence[TrainingRow]) -> float:
        """From the log-probabilities, which are found here for this."""
        return self._sampled.repeat_difference(rows)

    def close(self) -> None:
        self._sampled.close()
        self._model = None


def token_count(rows: Sequence[TrainingRow]) -> int:
    """Response tokens of the rows."""
    return sum(len(row.response_ids) for row in rows)


def _micro_batches(
    rows: Sequence[TrainingRow], spec: ScorerSpec, device: torch.device
) -> Iterator[tuple[MicroBatch, MicroBatch]]:
    """Each micro-batch in the host's memory, and on the device."""
    for micro in micro_batches(rows, layout=spec.layout, max_tokens=spec.max_tokens, scorer=True):
        yield micro, micro.to(device)


def difference_of_repeats(score: Callable[[Sequence[TrainingRow]], Scores], rows: Sequence[TrainingRow]) -> float:
    """Mean absolute difference, in nats, of the sampled tokens' log-probabilities between two scorings.

    The second one reads one row at a time, in reverse order: batching must not matter either.
    """
    together = score(rows).sampled
    alone = [score([row]).sampled for row in reversed(rows)]
    return float((together - torch.cat(alone[::-1])).abs().mean())
