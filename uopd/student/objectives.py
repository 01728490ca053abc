"""Objectives: what a step's rows are worth, from hidden states to a loss and the sums that are logged.

Sums and counts come back apart; `metrics.py` divides them once, after all micro-batches and ranks.

Shapes: T response tokens of a micro-batch, D hidden, E the teacher's, K entries of its top-k.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from uopd.losses import TopkLoss, clipped_policy_loss, hidden_cross_entropy, selected_logprobs, topk_cross_entropy
from uopd.model.causal_model import Head
from uopd.model.micro_batches import MicroBatch
from uopd.rows import Scores

Sums = dict[str, float]
SMALLEST = torch.finfo(torch.float64).tiny
"""Stands for a mass that was rounded to 0, whose logarithm would be infinite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """What turns a scorer's hidden states into its distribution."""

    head: Head
    k: int
    """Entries of its top-k that count; the vocabulary: all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenTarget:
    """A micro-batch's scores as hidden states."""

    hidden: Tensor
    """[T, E], of the head's dtype and on its device."""
    teacher: Teacher


Target: TypeAlias = Scores | HiddenTarget
"""What the scorer says about the tokens of a micro-batch, on the device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The loss of a micro-batch and what it is made of."""

    loss: Tensor
    """Scalar, with gradient: the micro-batch's part of Eq. 9."""
    sums: Sums


@dataclass(frozen=True, slots=True, kw_only=True)
class Distillation:
    """Eq. 7 on the teacher's top-k, each token times its factor of Eq. 8 and 9."""

    iterations: int = 1

    @property
    def needs_old(self) -> bool:
        return False

    @property
    def needs_support(self) -> bool:
        """Whether the scorer names its top-k, or scores the responses' own tokens only."""
        return True

    def __call__(
        self, hidden_TD: Tensor, head: Head, micro: MicroBatch, target: Target | None, old_T: Tensor | None
    ) -> Outcome:
        assert target is not None, "distillation has a scorer"
        if isinstance(target, Scores):
            found, teacher_logprob_T = _from_topk(hidden_TD, head, micro, target)
        else:
            found, teacher_logprob_T = _from_hidden(hidden_TD, head, micro, target)
        assert found.sampled_logprob_T is not None
        sums = _sums(
            loss=found.loss,
            cross_entropy=found.cross_entropy_T,
            kl=found.cross_entropy_T - found.teacher_entropy_T,
            truncation_floor=-found.teacher_mass_T.double().clamp_min(SMALLEST).log(),
            teacher_mass=found.teacher_mass_T,
            student_mass=found.student_mass_T,
            agreement=found.agreement_T,
            student_logprob=found.sampled_logprob_T,
            teacher_logprob=teacher_logprob_T,
        )
        return Outcome(loss=found.loss, sums={"tokens": float(len(hidden_TD)), **sums})


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyGradient:
    """GRPO's clipped ratio, and its estimate of the KL divergence to the initial student where asked for."""

    clip_low: float
    clip_high: float
    kl_coefficient: float
    iterations: int
    """Updates on the same rollouts."""

    @property
    def needs_old(self) -> bool:
        """With a single update the sampling policy is the current one, and the ratio is 1 with the right gradient."""
        return self.iterations > 1

    @property
    def needs_support(self) -> bool:
        return False

    def __call__(
        self, hidden_TD: Tensor, head: Head, micro: MicroBatch, target: Target | None, old_T: Tensor | None
    ) -> Outcome:
        assert target is None or isinstance(target, Scores), "only the responses' own tokens are asked for"
        logprobs_T = selected_logprobs(hidden_TD, head.weight_VD, micro.response_ids_T, bias_V=head.bias_V)
        before_T = logprobs_T.detach() if old_T is None else old_T
        found = clipped_policy_loss(
            logprobs_T,
            before_T,
            micro.advantages_T.to(logprobs_T),
            micro.token_weights_T.to(logprobs_T),
            clip_low=self.clip_low,
            clip_high=self.clip_high,
            reference_logprobs_T=None if target is None else target.sampled.to(logprobs_T),
            kl_coefficient=self.kl_coefficient,
        )
        sums = _sums(loss=found.loss, student_logprob=logprobs_T, clipped=found.clipped_T)
        if found.kl_T is not None:
            sums |= _sums(reference_kl=found.kl_T)
        return Outcome(loss=found.loss, sums={"tokens": float(len(hidden_TD)), **sums})


Objective: TypeAlias = Distillation | PolicyGradient


def _from_topk(hidden_TD: Tensor, head: Head, micro: MicroBatch, scores: Scores) -> tuple[TopkLoss, Tensor]:
    found = topk_cross_entropy(
        hidden_TD,
        head.weight_VD,
        scores.ids,
        scores.logprobs,
        micro.token_weights_T,
        bias_V=head.bias_V,
        sampled_ids_T=micro.response_ids_T,
    )
    return found, scores.sampled


def _from_hidden(hidden_TD: Tensor, head: Head, micro: MicroBatch, target: HiddenTarget) -> tuple[TopkLoss, Tensor]:
    theirs = target.teacher.head
    found = hidden_cross_entropy(
        hidden_TD,
        head.weight_VD,
        target.hidden,
        theirs.weight_VD,
        micro.token_weights_T,
        k=target.teacher.k,
        bias_V=head.bias_V,
        teacher_bias_V=theirs.bias_V,
        sampled_ids_T=micro.response_ids_T,
    )
    assert found.teacher_sampled_logprob_T is not None
    return found, found.teacher_sampled_logprob_T


def _sums(**values: Tensor) -> Sums:
    """Each one summed, in float64; a device is waited for once."""
    totals = torch.stack([value.detach().double().sum() for value in values.values()])
    return dict(zip(values, totals.tolist(), strict=True))
