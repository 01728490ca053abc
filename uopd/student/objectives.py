"""Objectives: from the hidden states of a micro-batch to its loss and the sums that are logged.

Sums and counts are returned separately; `run/metrics.py` divides them once, after all micro-batches and ranks.

Shapes: T response tokens of a micro-batch, D hidden width, E the teacher's hidden width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from uopd.losses import TopkLoss, clipped_policy_loss, hidden_cross_entropy, selected_logprobs, topk_cross_entropy
from uopd.model.causal_model import HeadWeights
from uopd.model.micro_batches import MicroBatch
from uopd.rows import Scores

Sums = dict[str, float]
SMALLEST_MASS = torch.finfo(torch.float64).tiny
"""Replaces a mass that was rounded to 0, because its logarithm would be infinite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherHead:
    """The scorer's head, which turns its hidden states into its distribution."""

    weights: HeadWeights
    k: int
    """Entries of the top-k that are used; as many as there are tokens uses the whole vocabulary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenTarget:
    """The scores of a micro-batch as hidden states."""

    hidden: Tensor
    """[T, E], of the head's dtype and on its device."""
    head: TeacherHead


Target: TypeAlias = Scores | HiddenTarget
"""The scorer's distribution at the tokens of a micro-batch, on the device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroBatchLoss:
    """The loss of a micro-batch, and the sums that are logged."""

    loss: Tensor
    """Scalar, with gradient: the micro-batch's part of Eq. 9."""
    sums: Sums
    """Sums over tokens; `tokens` counts them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distillation:
    """Eq. 7 on the teacher's top-k, each token times its factor of Eq. 8 and 9."""

    iterations: int = 1
    """Updates on the same rollouts."""

    @property
    def needs_old(self) -> bool:
        """Whether the log-probabilities of before the first update are needed."""
        return False

    @property
    def temperature(self) -> float:
        """At which the scorer gives the log-probabilities of the responses' own tokens: the model's own."""
        return 1.0

    @property
    def needs_support(self) -> bool:
        """Whether the scorer's distribution is needed, or only its log-probabilities of the responses' own tokens."""
        return True

    def __call__(
        self, hidden_TD: Tensor, head: HeadWeights, micro: MicroBatch, target: Target | None, old_T: Tensor | None
    ) -> MicroBatchLoss:
        assert target is not None, "distillation has a scorer"
        if isinstance(target, Scores):
            result, teacher_logprob_T = _from_topk(hidden_TD, head, micro, target)
        else:
            result, teacher_logprob_T = _from_hidden(hidden_TD, head, micro, target)
        assert result.sampled_logprob_T is not None
        sums = _sums(
            loss=result.loss,
            cross_entropy=result.cross_entropy_T,
            kl=result.cross_entropy_T - result.teacher_entropy_T,
            truncation_floor=-result.teacher_mass_T.double().clamp_min(SMALLEST_MASS).log(),
            teacher_mass=result.teacher_mass_T,
            student_mass=result.student_mass_T,
            agreement=result.agreement_T,
            student_logprob=result.sampled_logprob_T,
            teacher_logprob=teacher_logprob_T,
        )
        return MicroBatchLoss(loss=result.loss, sums={"tokens": float(len(hidden_TD)), **sums})


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyGradient:
    """GRPO's clipped ratio, and its estimate of the KL divergence to the initial student if the coefficient is above 0.

    All log-probabilities are of the policy that sampled: at `temperature`, over the full vocabulary.
    """

    clip_low: float
    clip_high: float
    kl_coefficient: float
    iterations: int
    """Updates on the same rollouts."""
    temperature: float = 1.0
    """At which the responses were sampled."""

    @property
    def needs_old(self) -> bool:
        """With a single update the sampling policy is the current policy: the ratio is 1 and its gradient is right."""
        return self.iterations > 1

    @property
    def needs_support(self) -> bool:
        return False

    def __call__(
        self, hidden_TD: Tensor, head: HeadWeights, micro: MicroBatch, target: Target | None, old_T: Tensor | None
    ) -> MicroBatchLoss:
        assert target is None or isinstance(target, Scores), "only the responses' own tokens are scored"
        logprobs_T = selected_logprobs(
            hidden_TD,
            head.weight_VD,
            micro.response_ids_T,
            bias_V=head.bias_V,
            temperature=self.temperature,
            used_rows=head.used_rows,
        )
        result = clipped_policy_loss(
            logprobs_T,
            logprobs_T.detach() if old_T is None else old_T,
            micro.advantages_T.to(logprobs_T),
            micro.token_weights_T.to(logprobs_T),
            clip_low=self.clip_low,
            clip_high=self.clip_high,
            reference_logprobs_T=None if target is None else target.sampled.to(logprobs_T),
            kl_coefficient=self.kl_coefficient,
        )
        sums = _sums(loss=result.loss, student_logprob=logprobs_T, clipped=result.clipped_T)
        if result.kl_T is not None:
            sums |= _sums(reference_kl=result.kl_T)
        return MicroBatchLoss(loss=result.loss, sums={"tokens": float(len(hidden_TD)), **sums})


Objective: TypeAlias = Distillation | PolicyGradient


def _from_topk(hidden_TD: Tensor, head: HeadWeights, micro: MicroBatch, scores: Scores) -> tuple[TopkLoss, Tensor]:
    result = topk_cross_entropy(
        hidden_TD,
        head.weight_VD,
        scores.ids,
        scores.logprobs,
        micro.token_weights_T,
        bias_V=head.bias_V,
        sampled_ids_T=micro.response_ids_T,
        used_rows=head.used_rows,
    )
    return result, scores.sampled


def _from_hidden(
    hidden_TD: Tensor, head: HeadWeights, micro: MicroBatch, target: HiddenTarget
) -> tuple[TopkLoss, Tensor]:
    result = hidden_cross_entropy(
        hidden_TD,
        head.weight_VD,
        target.hidden,
        target.head.weights.weight_VD,
        micro.token_weights_T,
        k=target.head.k,
        bias_V=head.bias_V,
        teacher_bias_V=target.head.weights.bias_V,
        sampled_ids_T=micro.response_ids_T,
        used_rows=head.used_rows,
    )
    assert result.teacher_sampled_logprob_T is not None
    return result, result.teacher_sampled_logprob_T


def _sums(**values: Tensor) -> Sums:
    """Sum each tensor in float64; the device is waited for once."""
    totals = torch.stack([value.detach().double().sum() for value in values.values()])
    return dict(zip(values, totals.tolist(), strict=True))
