"""The scorer: a frozen model that reads the student's responses and gives its distribution at every position.

It sends one of two things. Either its top-k: hidden states become exact log-probabilities in chunks
(`losses/teacher_topk.py`), so the [tokens, vocabulary] matrix never exists. Or the hidden states, from which the
student's process computes the same with the scorer's head. Both are a few tensors in the host's memory.

Shapes: T response tokens of all rows, in the rows' order; K entries; V vocabulary, E hidden width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch

from uopd.losses.teacher_topk import topk
from uopd.model.causal_model import device_of, head_of, hidden_states, load_model
from uopd.model.micro_batches import Layout, MicroBatch, micro_batches
from uopd.model.row_layout import usable_layout
from uopd.protocols import Scorer
from uopd.rows import HiddenScores, Scores, TrainingRow
from uopd.teacher.score_copies import copy_to_host, host_buffer, wait_for_copies


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerSpec:
    """Which model scores, and how; sent to the process of the scorer."""

    model: str
    revision: str | None
    dtype: str
    device: str
    attention: str
    top_k: int
    """Entries per token; with 0 only the log-probabilities of the responses' own tokens are computed."""
    values: str
    """Dtype of the log-probabilities that are sent."""
    max_tokens: int
    """Positions of one forward pass."""
    layout: Layout = "packed"
    auto_layout: bool = False
    """Whether a model that cannot read packed rows is padded; it is refused otherwise."""
    threads: int
    """Threads of torch on a CPU; 0 keeps torch's default."""
    sends: Literal["topk", "hidden"] = "topk"
    """What is sent: the top-k, or the hidden states, for which `top_k` and `values` are not used."""
    temperature: float = 1.0
    """Of the distribution whose log-probabilities are sent; above 0."""
    used_rows: int | None = None
    """Rows of the head that stand for tokens of scorer and student; None: all. Others have the probability 0."""


def load_scorer(spec: ScorerSpec) -> Scorer:
    """Load the scorer of `spec`.

    Raises:
        StudentError: the model does not read rows in the layout as it reads them alone.
    """
    if spec.threads and device_of(spec.device).type == "cpu":
        torch.set_num_threads(spec.threads)
    model = load_model(spec.model, spec.revision, spec.dtype, spec.device, spec.attention).eval()
    spec = replace(spec, layout=usable_layout(model, spec.model, spec.layout, auto=spec.auto_layout))
    kind = HiddenScorer if spec.sends == "hidden" else TransformersScorer
    return kind(model, spec)


class TransformersScorer:
    """A `Scorer` on a transformers model that sends its top-k. The same rows give the same scores."""

    def __init__(self, model: Any, spec: ScorerSpec) -> None:
        self._model: Any = model.eval().requires_grad_(False)
        self._spec = spec

    @torch.inference_mode()
    def score(self, rows: Sequence[TrainingRow]) -> Scores:
        """Score all response tokens.

        Raises:
            FloatingPointError: a logit is NaN or infinite.
        """
        tokens, head = token_count(rows), head_of(self._model, self._spec.used_rows)
        k, device = min(self._spec.top_k, head.used_rows or len(head.weight_VD)), head.weight_VD.device
        scores = Scores(
            ids=host_buffer((tokens, k), torch.int32, device),
            logprobs=host_buffer((tokens, k), getattr(torch, self._spec.values), device),
            sampled=host_buffer((tokens,), torch.float32, device),
        )
        for micro, on_device in _micro_batches(rows, self._spec, device):
            result = topk(
                hidden_states(self._model, on_device),
                head.weight_VD,
                k,
                bias_V=head.bias_V,
                ids_T=on_device.response_ids_T,
                value_dtype=scores.logprobs.dtype,
                temperature=self._spec.temperature,
                used_rows=head.used_rows,
            )
            assert result.sampled_logprob_T is not None
            part = Scores(ids=result.ids_TK, logprobs=result.logprobs_TK, sampled=result.sampled_logprob_T.float())
            copy_to_host(part, scores, micro.spans)
        wait_for_copies(device)
        return scores

    def repeat_difference(self, rows: Sequence[TrainingRow]) -> float:
        return difference_of_repeats(self.score, rows)

    def close(self) -> None:
        self._model = None


class HiddenScorer:
    """A `Scorer` on a transformers model that sends its last hidden states.

    They determine the model's whole distribution; the student's process computes it with the model's head.
    """

    def __init__(self, model: Any, spec: ScorerSpec) -> None:
        self._topk_scorer = TransformersScorer(model, replace(spec, top_k=0))
        self._model, self._spec = model, spec

    @torch.inference_mode()
    def score(self, rows: Sequence[TrainingRow]) -> HiddenScores:
        """Compute the hidden states that predict the response tokens.

        Raises:
            FloatingPointError: a hidden state is NaN or infinite.
        """
        weight_VE = head_of(self._model).weight_VD
        device, width = weight_VE.device, weight_VE.shape[1]
        scores = HiddenScores(hidden=host_buffer((token_count(rows), width), weight_VE.dtype, device))
        finite = torch.ones((), dtype=torch.bool, device=device)
        for micro, on_device in _micro_batches(rows, self._spec, device):
            part = HiddenScores(hidden=hidden_states(self._model, on_device))
            finite &= part.hidden.isfinite().all()
            copy_to_host(part, scores, micro.spans)
        wait_for_copies(device)
        if not finite:
            raise FloatingPointError(
                f"the hidden states of {self._spec.model} are not all finite: load the model in bfloat16 or float32, "
                "and look at its weights for NaN"
            )
        return scores

    def repeat_difference(self, rows: Sequence[TrainingRow]) -> float:
        """Compare log-probabilities, which are computed for this check alone."""
        return self._topk_scorer.repeat_difference(rows)

    def close(self) -> None:
        self._topk_scorer.close()
        self._model = None


def token_count(rows: Sequence[TrainingRow]) -> int:
    """Count the response tokens of the rows."""
    return sum(len(row.response_ids) for row in rows)


def _micro_batches(
    rows: Sequence[TrainingRow], spec: ScorerSpec, device: torch.device
) -> Iterator[tuple[MicroBatch, MicroBatch]]:
    """Yield each micro-batch twice: in the host's memory and on the device."""
    for micro in micro_batches(rows, layout=spec.layout, max_tokens=spec.max_tokens, scorer=True):
        yield micro, micro.to(device)


def difference_of_repeats(score: Callable[[Sequence[TrainingRow]], Scores], rows: Sequence[TrainingRow]) -> float:
    """Score the rows twice; return the mean absolute difference of the sampled tokens' log-probabilities, nats.

    The second scoring reads one row at a time, in reverse order, because batching must not change the scores either.
    """
    together = score(rows).sampled
    alone = [score([row]).sampled for row in reversed(rows)]
    return float((together - torch.cat(alone[::-1])).abs().mean())
