"""Objectives: what a step's rows are worth, from hidden states to a loss and the sums that are logged.

Sums and counts come back apart; `metrics.py` divides them once, after all micro-batches and ranks.

Shapes: T response tokens of a micro-batch, D hidden, K entries of the teacher's top-k.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from uopd.batch import MicroBatch
from uopd.losses import clipped_policy_loss, selected_logprobs, topk_cross_entropy
from uopd.model import Head
from uopd.rows import Scores

Sums = dict[str, float]
SMALLEST = torch.finfo(torch.float64).tiny
"""Stands for a mass that was rounded to 0, whose logarithm would be infinite."""


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
        self, hidden_TD: Tensor, head: Head, micro: MicroBatch, scores: Scores | None, old_T: Tensor | None
    ) -> Outcome:
        assert scores is not None, "distillation has a scorer"
        found = topk_cross_entropy(
            hidden_TD,
            head.weight_VD,
            scores.ids,
            scores.logprobs,
            micro.token_weights_T,
            bias_V=head.bias_V,
            sampled_ids_T=micro.response_ids_T,
        )
        assert found.sampled_logprob_T is not None
        kl_T = found.cross_entropy_T - found.teacher_entropy_T
        return Outcome(
            loss=found.loss,
            sums={
                "tokens": float(len(hidden_TD)),
                "loss": float(found.loss.detach()),
                "cross_entropy": _sum(found.cross_entropy_T),
                "kl": _sum(kl_T),
                "truncation_floor": _sum(-found.teacher_mass_T.double().clamp_min(SMALLEST).log()),
                "teacher_mass": _sum(found.teacher_mass_T),
                "student_mass": _sum(found.student_mass_T),
                "agreement": _sum(found.agreement_T),
                "student_logprob": _sum(found.sampled_logprob_T),
                "teacher_logprob": _sum(scores.sampled),
            },
        )


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
        self, hidden_TD: Tensor, head: Head, micro: MicroBatch, scores: Scores | None, old_T: Tensor | None
    ) -> Outcome:
        logprobs_T = selected_logprobs(hidden_TD, head.weight_VD, micro.response_ids_T, bias_V=head.bias_V)
        before_T = logprobs_T.detach() if old_T is None else old_T
        found = clipped_policy_loss(
            logprobs_T,
            before_T,
            micro.advantages_T.to(logprobs_T),
            micro.token_weights_T.to(logprobs_T),
            clip_low=self.clip_low,
            clip_high=self.clip_high,
            reference_logprobs_T=None if scores is None else scores.sampled.to(logprobs_T),
            kl_coefficient=self.kl_coefficient,
        )
        sums = {
            "tokens": float(len(hidden_TD)),
            "loss": float(found.loss.detach()),
            "student_logprob": _sum(logprobs_T.detach()),
            "clipped": _sum(found.clipped_T),
        }
        if found.kl_T is not None:
            sums["reference_kl"] = _sum(found.kl_T)
        return Outcome(loss=found.loss, sums=sums)


Objective: TypeAlias = Distillation | PolicyGradient


def _sum(values: Tensor) -> float:
    return float(values.double().sum())
