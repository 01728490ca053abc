"""The losses of a policy gradient: log-probabilities of given tokens, and GRPO's clipped ratio of them.

Shapes: T tokens, C tokens of one chunk, D hidden width, V vocabulary.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from uopd.losses import kernels
from uopd.losses.lm_head import (
    HeadGradients,
    Workspace,
    check_head,
    check_ids,
    check_rows,
    check_tokens,
    chunks_of,
    compute_logits,
    heat_,
    normalisers_,
    refuse_second_derivatives,
    softmax_gradient_,
    workspace,
)


def selected_logprobs(
    hidden_TD: Tensor,
    lm_head_weight_VD: Tensor,
    ids_T: Tensor,
    *,
    bias_V: Tensor | None = None,
    chunk_bytes: int | None = None,
    temperature: float = 1.0,
    used_rows: int | None = None,
) -> Tensor:
    """Compute log p(ids_T[t]) = z_t[id] - logsumexp(z_t) with z_t = (W h_t + b) / temperature: [T], nats, with a
    gradient.

    The result is float32, or float64 for float64 inputs. A policy gradient knows the weights of its gradient only after
    the forward pass. Backward therefore computes the logits again, a chunk at a time, and only for tokens whose
    upstream gradient is not 0.

    >>> selected_logprobs(torch.zeros(2, 3), torch.zeros(4, 3), torch.tensor([0, 3]))  # uniform: -log 4
    tensor([-1.3863, -1.3863])

    Args:
        hidden_TD: [T, D] last hidden states. lm_head_weight_VD: [V, D] of the same dtype.
        ids_T: [T] int32 or int64 token ids.
        bias_V: [V] bias of the head.
        chunk_bytes, used_rows: as in `topk_cross_entropy`.
        temperature: at which the ids were sampled, above 0. The gradient is that of the policy at this temperature.
    """
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}: give a number above 0")
    check_head(hidden_TD, lm_head_weight_VD, bias_V)
    check_tokens("ids_T", ids_T, len(hidden_TD))
    rows = check_rows(used_rows, lm_head_weight_VD)
    check_ids("ids_T", ids_T, rows)
    with torch.autocast(hidden_TD.device.type, enabled=False):
        return _SelectedLogprobs.apply(hidden_TD, lm_head_weight_VD, bias_V, ids_T, chunk_bytes, temperature, rows)


class _SelectedLogprobs(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden_TD: Tensor,
        weight_VD: Tensor,
        bias_V: Tensor | None,
        ids_T: Tensor,
        chunk_bytes: int | None,
        temperature: float,
        used_rows: int,
    ) -> Tensor:
        fused = kernels.usable(weight_VD)
        work = workspace(weight_VD, len(hidden_TD), chunk_bytes, kernels=fused, used_rows=used_rows)
        logprobs_T = hidden_TD.new_zeros(len(hidden_TD), dtype=work.logits_CV.dtype)
        for rows_C, _ in chunks_of(logprobs_T, work.rows, separate=False):
            logits_CV = heat_(compute_logits(hidden_TD[rows_C], weight_VD, bias_V, work), temperature)
            selected_C1 = logits_CV.gather(-1, ids_T[rows_C, None].long())
            max_C1, sum_C1 = normalisers_(logits_CV, work)
            logprobs_T[rows_C] = (selected_C1 - max_C1 - sum_C1.log()).squeeze(-1)
        ctx.save_for_backward(hidden_TD, weight_VD, bias_V, ids_T)
        ctx.chunk_bytes, ctx.temperature, ctx.used_rows = chunk_bytes, temperature, used_rows
        return logprobs_T

    @staticmethod
    def backward(ctx: Any, grad_T: Tensor) -> tuple[Tensor | None, ...]:
        refuse_second_derivatives("selected_logprobs")
        with torch.autocast(grad_T.device.type, enabled=False):  # backward may be called under autocast
            return _SelectedLogprobs._gradients(ctx, grad_T)

    @staticmethod
    def _gradients(ctx: Any, grad_T: Tensor) -> tuple[Tensor | None, ...]:
        hidden_TD, weight_VD, bias_V, ids_T = ctx.saved_tensors
        fused = kernels.usable(weight_VD)
        work: Workspace = workspace(weight_VD, len(hidden_TD), ctx.chunk_bytes, kernels=fused, used_rows=ctx.used_rows)
        gradients = HeadGradients(hidden_TD, weight_VD, bias_V, ctx.needs_input_grad[:3])
        for rows_C, upstream in chunks_of(grad_T, work.rows, separate=True):
            if not upstream:
                continue
            hidden_CD = hidden_TD[rows_C]
            logits_CV = heat_(compute_logits(hidden_CD, weight_VD, bias_V, work), ctx.temperature)
            ids_C1 = ids_T[rows_C, None].long()
            selected_C1 = logits_CV.gather(-1, ids_C1)
            max_C1, sum_C1 = normalisers_(logits_CV, work)
            softmax_gradient_(
                logits_CV,
                work.operand_CV[: len(rows_C)],
                (max_C1, sum_C1),
                (ids_C1, torch.ones_like(selected_C1), (selected_C1 - max_C1).exp_().div_(sum_C1)),
                -grad_T[rows_C, None] / ctx.temperature,
                work,
            )
            gradients.add(rows_C, hidden_CD, weight_VD, work)
        grad_hidden_TD, grad_weight_VD, grad_bias_V = gradients.result()
        grad_bias_V = None if grad_bias_V is None else grad_bias_V.to(bias_V.dtype)
        return grad_hidden_TD, grad_weight_VD, grad_bias_V, *[None] * 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLoss:
    """The loss of T tokens and its parts. Only `loss` has a gradient; counts are of tokens whose weight is not 0."""

    loss: Tensor
    """Scalar, differentiable in the log-probabilities."""
    ratio_T: Tensor
    """r_t = p / p_old; 1 if the weight is 0."""
    clipped_T: Tensor
    """bool: the ratio is clipped, so the token has no gradient; False if the weight is 0."""
    clipped_count: Tensor
    """Scalar, int64: number of clipped tokens."""
    token_count: Tensor
    """Scalar, int64: number of tokens whose weight is not 0."""
    kl_T: Tensor | None
    """exp(d) - d - 1 with d = log p_ref - log p, nats, at least 0; None without a reference."""


def clipped_policy_loss(
    logprobs_T: Tensor,
    old_logprobs_T: Tensor,
    advantages_T: Tensor,
    token_weights_T: Tensor,
    *,
    clip_low: float,
    clip_high: float,
    reference_logprobs_T: Tensor | None = None,
    kl_coefficient: float = 0.0,
) -> PolicyLoss:
    """Compute -sum_t w_t min(r A, clip(r, 1 - clip_low, 1 + clip_high) A) + kl_coefficient sum_t w_t (exp(d) - d - 1).

    For a sampled token, r = exp(log p - log p_old) and d = log p_ref - log p. The second sum is an unbiased estimate of
    KL(p || p_ref). The caller puts the normaliser into the weights. A token of weight 0 gives a gradient of exactly 0,
    whatever its log-probabilities are.

    >>> logprobs_T = torch.tensor([0.5, 0.25]).log().requires_grad_()
    >>> old_T, advantages_T = torch.tensor([0.5, 0.125]).log(), torch.tensor([1.0, 1.0])
    >>> result = clipped_policy_loss(logprobs_T, old_T, advantages_T, torch.ones(2) / 2, clip_low=0.2, clip_high=0.2)
    >>> result.ratio_T, result.clipped_T
    (tensor([1., 2.]), tensor([False,  True]))

    Args:
        logprobs_T: [T] log p of the sampled tokens, nats, with a gradient (`selected_logprobs`).
        old_logprobs_T: [T] log p_old, of the policy that sampled the tokens.
        advantages_T: [T] A. token_weights_T: [T] w.
        clip_low, clip_high: how far r may fall below 1 or rise above 1 before the gradient stops; at least 0.
        reference_logprobs_T: [T] log p_ref, of the reference policy.
        kl_coefficient: at least 0; more than 0 needs the reference.
    """
    for name, values in (
        ("old_logprobs_T", old_logprobs_T),
        ("advantages_T", advantages_T),
        ("token_weights_T", token_weights_T),
        ("reference_logprobs_T", reference_logprobs_T),
    ):
        if values is not None:
            check_tokens(name, values, len(logprobs_T))
    if clip_low < 0 or clip_high < 0 or kl_coefficient < 0:
        raise ValueError(f"clip_low {clip_low}, clip_high {clip_high}, kl_coefficient {kl_coefficient}: give 0 or more")
    if kl_coefficient > 0 and reference_logprobs_T is None:
        raise ValueError(f"kl_coefficient is {kl_coefficient} without reference_logprobs_T: give them, or set it to 0")
    counted_T = token_weights_T != 0
    ratio_T = torch.where(counted_T, logprobs_T - old_logprobs_T, 0).exp()
    bounded_T = ratio_T.clamp(1 - clip_low, 1 + clip_high)
    gain_T = torch.minimum(ratio_T * advantages_T, bounded_T * advantages_T)
    loss = -(token_weights_T * gain_T).sum()
    kl_T = None
    if reference_logprobs_T is not None:
        difference_T = torch.where(counted_T, reference_logprobs_T - logprobs_T, 0)
        kl_T = difference_T.expm1() - difference_T
        if kl_coefficient > 0:
            loss = loss + kl_coefficient * (token_weights_T * kl_T).sum()
    too_low_T = (ratio_T < 1 - clip_low) & (advantages_T < 0)
    too_high_T = (ratio_T > 1 + clip_high) & (advantages_T > 0)
    clipped_T = counted_T & (too_low_T | too_high_T)
    return PolicyLoss(
        loss=loss,
        ratio_T=ratio_T.detach(),
        clipped_T=clipped_T,
        clipped_count=clipped_T.sum(),
        token_count=counted_T.sum(),
        kl_T=None if kl_T is None else kl_T.detach(),
    )
