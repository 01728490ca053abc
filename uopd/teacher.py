"""The teacher: a frozen model that reads the student's responses and names its top-k at every position.

Hidden states go to exact top-k log-probabilities in chunks (`losses.topk`), so that the [tokens, vocabulary] matrix
never exists; the result is four tensors whatever the number of entries.

Shapes: T response tokens of all rows, in the rows' order; K entries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from sure_math.engines.load import fingerprint_of, model_folder
from uopd.batch import Layout, micro_batches
from uopd.model import device_of, head_of, hidden_states, load_model
from uopd.rows import Scores, TrainingRow
from uopd.topk import topk


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


def load_scorer(spec: ScorerSpec) -> TransformersScorer:
    """The scorer of `spec`."""
    if spec.threads and device_of(spec.device).type == "cpu":
        torch.set_num_threads(spec.threads)
    model = load_model(spec.model, spec.revision, spec.dtype, spec.device, spec.attention)
    return TransformersScorer(model, spec, fingerprint_of(model_folder(spec.model, spec.revision)))


class TransformersScorer:
    """A `Scorer` on a transformers model; the same rows give the same scores."""

    def __init__(self, model: Any, spec: ScorerSpec, fingerprint: str) -> None:
        self._model = model.eval().requires_grad_(False)
        self._spec, self._fingerprint = spec, fingerprint
        self._head: Any = head_of(model)

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @torch.inference_mode()
    def score(self, rows: Sequence[TrainingRow]) -> Scores:
        """Scores of all response tokens; FloatingPointError naming the row where a logit is no finite number."""
        tokens = sum(len(row.response_ids) for row in rows)
        k = min(self._spec.top_k, len(self._head.weight_VD))
        device = self._head.weight_VD.device
        ids = torch.empty(tokens, k, dtype=torch.int32, device=device)
        logprobs = torch.empty(tokens, k, dtype=getattr(torch, self._spec.values), device=device)
        sampled = torch.empty(tokens, dtype=torch.float32, device=device)
        for micro in micro_batches(rows, layout=self._spec.layout, max_tokens=self._spec.max_tokens, scorer=True):
            here = micro.to(device)
            found = topk(
                hidden_states(self._model, here),
                self._head.weight_VD,
                k,
                bias_V=self._head.bias_V,
                ids_T=here.response_ids_T,
                value_dtype=logprobs.dtype,
            )
            assert found.sampled_logprob_T is not None
            ids[here.source_T], logprobs[here.source_T] = found.ids_TK, found.logprobs_TK
            sampled[here.source_T] = found.sampled_logprob_T.float()
        return Scores(ids=ids, logprobs=logprobs, sampled=sampled)

    def repeat_difference(self, rows: Sequence[TrainingRow]) -> float:
        return difference_of_repeats(self.score, rows)

    def close(self) -> None:
        self._model = self._head = None


def difference_of_repeats(score: Callable[[Sequence[TrainingRow]], Scores], rows: Sequence[TrainingRow]) -> float:
    """Mean absolute difference, in nats, of the sampled tokens' log-probabilities between two scorings.

    The second one reads one row at a time, in reverse order: batching must not matter either.
    """
    together = score(rows).sampled
    alone = [score([row]).sampled for row in reversed(rows)]
    return float((together - torch.cat(alone[::-1])).abs().mean())
