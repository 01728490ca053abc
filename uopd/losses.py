"""The losses of training, from hidden states and the weight of the language-model head, a chunk of tokens at a time.

Shapes: T tokens, C tokens of one chunk, P of a part of it, D hidden width, V vocabulary, K teacher entries per token.

`topk_cross_entropy` is Eq. 7 weighted per token. Its differences from the loop of appendix A.2:
1. No logits of all tokens exist, [T, V]; a chunk's logits are turned into their gradient in the memory they stand in.
2. Gradients are formed in the forward pass, since weights, mask and counts are known before it: three matrix products
   of T x D x V in all, nothing is computed twice. Backward only multiplies by the upstream scalar.
3. The log-probabilities of the teacher are of its full vocabulary, so that its mass on the top-k is known.

`uopd/losses_reference.py` has the same in plain float64, `uopd/topk.py` the teacher's side.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from uopd.lm_head import (
    HeadGradients,
    Workspace,
    check_head,
    check_ids,
    chunk_rows,
    chunks_of,
    compute_logits,
    exponentials_,
    workspace,
)
from uopd.topk import TopK as TopK
from uopd.topk import topk as topk

ENTRY_BYTES = 32
"""Memory of a teacher entry while it is worked on: an int64 id and six values of float32."""
ENTRY_SHARE = 8
"""Entries worked on at a time take one such part of a chunk's budget more; it matters for k near V."""

IMPOSSIBLE = -1000.0
"""Stands for a log-probability of -inf, relative to the largest: its exponential is 0 and 0 times it is 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopkLoss:
    """`topk_cross_entropy` of T tokens. All but `loss` are detached; float32, or float64 for float64 inputs.

    Per token, KL(p~_T || p_S) = cross_entropy - teacher_entropy >= -log(student_mass) >= 0, and it equals -log m where
    the student is the teacher. An id that a row names twice counts twice in the masses.
    """

    loss: Tensor
    """Scalar: sum over t of token_weights[t] l_t; a token of weight 0 is left out of it, whatever its l_t."""
    cross_entropy_T: Tensor
    """l_t of Eq. 7, nats."""
    teacher_entropy_T: Tensor
    """Entropy of the teacher renormalised on its top-k, nats."""
    teacher_mass_T: Tensor
    """m, the teacher's probability on its top-k before renormalisation; over 1 only by rounding."""
    student_mass_T: Tensor
    """The student's probability on the teacher's top-k."""
    agreement_T: Tensor
    """bool: no token is likelier under the student than the teacher's likeliest."""
    sampled_logprob_T: Tensor | None
    """The student's log-probability of `sampled_ids_T`, nats; None where they were not given."""


def topk_cross_entropy(
    hidden_TD: Tensor,
    lm_head_weight_VD: Tensor,
    teacher_ids_TK: Tensor,
    teacher_logprobs_TK: Tensor,
    token_weights_T: Tensor,
    *,
    bias_V: Tensor | None = None,
    sampled_ids_T: Tensor | None = None,
    chunk_bytes: int | None = None,
    accumulate_fp32: bool = False,
) -> TopkLoss:
    """sum_t w_t l_t with l_t = logsumexp(z_t) - sum_j p~_T(v_j) z_t[v_j] (Eq. 7), z_t = W h_t + b.

    Args:
        hidden_TD: [T, D] the student's last hidden states, float64, float32, bfloat16 or float16.
        lm_head_weight_VD: [V, D] of the same dtype; may be the embedding's weight.
        teacher_ids_TK: [T, K] int32 or int64 token ids, 1 <= K <= V, in any order. One that occurs twice in a row is
            the sum of its entries.
        teacher_logprobs_TK: [T, K] the teacher's log-probabilities over its full vocabulary, nats, of any float dtype;
            -inf is probability 0.
        token_weights_T: [T] weights w_t, w(x) / (|y| |B| K) in Eq. 9. They get no gradient. A weight of 0 gives
            exactly no gradient.
        bias_V: [V] bias of the head.
        sampled_ids_T: [T] token ids whose log-probability is wanted.
        chunk_bytes: memory for the logits of one chunk, bytes; None: `lm_head.CHUNK_BYTES`. The result does not depend
            on it, up to rounding.
        accumulate_fp32: the weight's gradient of 16-bit inputs is summed over chunks in float32 and rounded once.

    Backward scales the gradients where they stand, so a second one through the same loss is refused where the upstream
    gradient is not 1.

    Raises:
        ValueError: shapes, dtypes or ids that do not fit, or a row of the teacher without a finite log-probability.
    """
    check_head(hidden_TD, lm_head_weight_VD, bias_V)
    _check_teacher(teacher_ids_TK, teacher_logprobs_TK, *lm_head_weight_VD.shape[:1], tokens=len(hidden_TD))
    _check_tokens("token_weights_T", token_weights_T, len(hidden_TD))
    if token_weights_T.requires_grad or teacher_logprobs_TK.requires_grad:
        raise ValueError("token_weights_T and teacher_logprobs_TK get no gradient: detach them")
    if sampled_ids_T is not None:
        _check_tokens("sampled_ids_T", sampled_ids_T, len(hidden_TD))
        check_ids("sampled_ids_T", sampled_ids_T, len(lm_head_weight_VD))
    head = (hidden_TD, lm_head_weight_VD, bias_V)
    if not torch.is_grad_enabled():
        head = (hidden_TD.detach(), lm_head_weight_VD.detach(), None if bias_V is None else bias_V.detach())
    loss, values_NT = _TopkCrossEntropy.apply(
        *head, teacher_ids_TK, teacher_logprobs_TK, token_weights_T, sampled_ids_T, chunk_bytes, accumulate_fp32
    )
    return TopkLoss(
        loss=loss,
        cross_entropy_T=values_NT[0],
        teacher_entropy_T=values_NT[1],
        teacher_mass_T=values_NT[2],
        student_mass_T=values_NT[3],
        agreement_T=values_NT[4] != 0,
        sampled_logprob_T=None if sampled_ids_T is None else values_NT[5],
    )


class _TopkCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden_TD: Tensor,
        weight_VD: Tensor,
        bias_V: Tensor | None,
        teacher_ids_TK: Tensor,
        teacher_logprobs_TK: Tensor,
        token_weights_T: Tensor,
        sampled_ids_T: Tensor | None,
        chunk_bytes: int | None,
        accumulate_fp32: bool,
    ) -> tuple[Tensor, Tensor]:
        work = workspace(weight_VD, len(hidden_TD), chunk_bytes)
        weights_T = token_weights_T.to(work.logits_CV.dtype)
        sampled_T = teacher_ids_TK[:, 0] if sampled_ids_T is None else sampled_ids_T
        values_NT = weights_T.new_empty((6, len(hidden_TD)))
        needs = ctx.needs_input_grad[:3]
        gradients = HeadGradients(hidden_TD, weight_VD, bias_V, needs, accumulate_fp32)
        part = chunk_rows(work.rows, teacher_ids_TK.shape[1] * ENTRY_BYTES, work.budget_bytes // ENTRY_SHARE)
        for rows_C, weighted in chunks_of(weights_T, work.rows, separate=any(needs)):
            hidden_CD = hidden_TD[rows_C]
            logits_CV = compute_logits(hidden_CD, weight_VD, bias_V, work)
            learns = weighted and any(needs)
            for rows_P, logits_PV in zip(rows_C.split(part), logits_CV.split(part), strict=True):
                values_NT[:, rows_P] = _topk_rows_(
                    logits_PV,
                    teacher_ids_TK[rows_P].long(),
                    teacher_logprobs_TK[rows_P].to(logits_PV.dtype),
                    sampled_T[rows_P, None].long(),
                    weights_T[rows_P, None] if learns else None,
                )
            if learns:
                gradients.add(rows_C, hidden_CD, weight_VD, work)
        ctx.save_for_backward(*gradients.result())
        ctx.dtypes = (hidden_TD.dtype, weight_VD.dtype, None if bias_V is None else bias_V.dtype)
        ctx.scaled = False
        ctx.mark_non_differentiable(values_NT)
        return torch.where(weights_T != 0, weights_T * values_NT[0], 0).sum(), values_NT

    @staticmethod
    def backward(ctx: Any, grad_loss: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        _refuse_second_derivatives("topk_cross_entropy")
        if ctx.scaled:
            raise RuntimeError(
                "a second backward through topk_cross_entropy, whose gradients the first one scaled where they stand: "
                "call topk_cross_entropy again"
            )
        gradients = ctx.saved_tensors
        if grad_loss != 1:
            ctx.scaled = True
            for gradient in gradients:
                if gradient is not None:
                    gradient.mul_(grad_loss)
        cast = [None if g is None else g.to(dtype) for g, dtype in zip(gradients, ctx.dtypes, strict=True)]
        return (*cast, *[None] * 6)


def _topk_rows_(
    logits_PV: Tensor, ids_PK: Tensor, teacher_PK: Tensor, sampled_P1: Tensor, weights_P1: Tensor | None
) -> Tensor:
    """Eq. 7 of P tokens: [6, P] the per-token fields of `TopkLoss` in their order. Writes over logits and teacher.

    Where there are weights, the logits become their gradient w (p_S - p~_T).
    """
    support_PK, chosen_P1 = logits_PV.gather(-1, ids_PK), logits_PV.gather(-1, sampled_P1)
    first_P1 = support_PK.gather(-1, teacher_PK.argmax(dim=-1, keepdim=True))
    max_P1, sum_P1 = exponentials_(logits_PV)
    log_sum_P1 = sum_P1.log()
    student_PK = support_PK.sub_(max_P1).sub_(log_sum_P1)
    teacher_max_P1 = teacher_PK.amax(dim=-1, keepdim=True)
    shifted_PK = teacher_PK.sub_(teacher_max_P1).clamp_min_(IMPOSSIBLE)
    renormalised_PK = shifted_PK.exp()
    teacher_sum_P1 = renormalised_PK.sum(dim=-1, keepdim=True)
    renormalised_PK.div_(teacher_sum_P1)
    values_6P = torch.stack(
        [
            -_dot(renormalised_PK, student_PK),
            teacher_sum_P1.log().squeeze(-1) - _dot(renormalised_PK, shifted_PK),
            (teacher_max_P1.exp() * teacher_sum_P1).squeeze(-1),
            student_PK.exp_().sum(dim=-1),
            (first_P1 == max_P1).squeeze(-1).to(logits_PV.dtype),
            (chosen_P1 - max_P1 - log_sum_P1).squeeze(-1),
        ]
    )
    if weights_P1 is not None:
        logits_PV.scatter_add_(-1, ids_PK, renormalised_PK.mul_(-sum_P1)).mul_(weights_P1 / sum_P1)
    return values_6P


def _dot(a_PK: Tensor, b_PK: Tensor) -> Tensor:
    """[P] sums of products, without the products."""
    return torch.bmm(a_PK[:, None, :], b_PK[:, :, None]).flatten()


def selected_logprobs(
    hidden_TD: Tensor,
    lm_head_weight_VD: Tensor,
    ids_T: Tensor,
    *,
    bias_V: Tensor | None = None,
    chunk_bytes: int | None = None,
) -> Tensor:
    """[T] log p(ids_T[t]) = z_t[id] - logsumexp(z_t), nats, differentiable; float32, or float64 for float64 inputs.

    What a policy gradient needs: the weights of the gradient are known only after the forward, so backward computes the
    logits again, a chunk at a time and only for tokens whose upstream gradient is not 0.

    Args:
        hidden_TD: [T, D] last hidden states. lm_head_weight_VD: [V, D] of the same dtype. ids_T: [T] int32 or int64.
        bias_V: [V] bias of the head.
        chunk_bytes: as in `topk_cross_entropy`.
    """
    check_head(hidden_TD, lm_head_weight_VD, bias_V)
    _check_tokens("ids_T", ids_T, len(hidden_TD))
    check_ids("ids_T", ids_T, len(lm_head_weight_VD))
    return _SelectedLogprobs.apply(hidden_TD, lm_head_weight_VD, bias_V, ids_T, chunk_bytes)


class _SelectedLogprobs(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden_TD: Tensor, weight_VD: Tensor, bias_V: Tensor | None, ids_T: Tensor, chunk_bytes: int | None
    ) -> Tensor:
        work = workspace(weight_VD, len(hidden_TD), chunk_bytes)
        logprobs_T = hidden_TD.new_zeros(len(hidden_TD), dtype=work.logits_CV.dtype)
        for rows_C, _ in chunks_of(logprobs_T, work.rows, separate=False):
            logits_CV = compute_logits(hidden_TD[rows_C], weight_VD, bias_V, work)
            selected_C1 = logits_CV.gather(-1, ids_T[rows_C, None].long())
            max_C1, sum_C1 = exponentials_(logits_CV)
            logprobs_T[rows_C] = (selected_C1 - max_C1 - sum_C1.log()).squeeze(-1)
        ctx.save_for_backward(hidden_TD, weight_VD, bias_V, ids_T)
        ctx.chunk_bytes = chunk_bytes
        return logprobs_T

    @staticmethod
    def backward(ctx: Any, grad_T: Tensor) -> tuple[Tensor | None, ...]:
        _refuse_second_derivatives("selected_logprobs")
        hidden_TD, weight_VD, bias_V, ids_T = ctx.saved_tensors
        work: Workspace = workspace(weight_VD, len(hidden_TD), ctx.chunk_bytes)
        gradients = HeadGradients(hidden_TD, weight_VD, bias_V, ctx.needs_input_grad[:3])
        for rows_C, upstream in chunks_of(grad_T, work.rows, separate=True):
            if not upstream:
                continue
            hidden_CD = hidden_TD[rows_C]
            logits_CV = compute_logits(hidden_CD, weight_VD, bias_V, work)
            _, sum_C1 = exponentials_(logits_CV)
            logits_CV.scatter_add_(-1, ids_T[rows_C, None].long(), -sum_C1).mul_(-grad_T[rows_C, None] / sum_C1)
            gradients.add(rows_C, hidden_CD, weight_VD, work)
        grad_hidden_TD, grad_weight_VD, grad_bias_V = gradients.result()
        return grad_hidden_TD, grad_weight_VD, None if grad_bias_V is None else grad_bias_V.to(bias_V.dtype), None, None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLoss:
    """`clipped_policy_loss` of T tokens. All but `loss` are detached; counts are of tokens whose weight is not 0."""

    loss: Tensor
    """Scalar, differentiable in the log-probabilities."""
    ratio_T: Tensor
    """r_t = p / p_old; 1 where the weight is 0."""
    clipped_T: Tensor
    """bool: the ratio is held at a bound, so it gives no gradient; False where the weight is 0."""
    clipped_count: Tensor
    """Scalar, int64: how many are held."""
    token_count: Tensor
    """Scalar, int64: of how many."""
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
    """-sum_t w_t min(r A, clip(r, 1 - clip_low, 1 + clip_high) A) + kl_coefficient sum_t w_t (exp(d) - d - 1).

    r = exp(log p - log p_old) and d = log p_ref - log p of the sampled token, so the second sum estimates
    KL(p || p_ref) without bias. The weights carry the normaliser, which is the caller's to name; a token of weight 0
    gives exactly no gradient, whatever its log-probabilities.

    Args:
        logprobs_T: [T] log p of the sampled tokens, nats, with gradient (`selected_logprobs`).
        old_logprobs_T: [T] of the policy that sampled them. advantages_T: [T]. token_weights_T: [T].
        clip_low, clip_high: how far r may fall below or rise above 1 before it stops to count, at least 0.
        reference_logprobs_T: [T] of the reference policy.
        kl_coefficient: at least 0; needs the reference.
    """
    for name, values in (
        ("old_logprobs_T", old_logprobs_T),
        ("advantages_T", advantages_T),
        ("token_weights_T", token_weights_T),
        ("reference_logprobs_T", reference_logprobs_T),
    ):
        if values is not None:
            _check_tokens(name, values, len(logprobs_T))
    if clip_low < 0 or clip_high < 0 or kl_coefficient < 0:
        raise ValueError(f"clip_low {clip_low}, clip_high {clip_high}, kl_coefficient {kl_coefficient}: give 0 or more")
    if kl_coefficient > 0 and reference_logprobs_T is None:
        raise ValueError(f"kl_coefficient is {kl_coefficient} without reference_logprobs_T: give them, or 0")
    counted_T = token_weights_T != 0
    ratio_T = torch.where(counted_T, logprobs_T - old_logprobs_T, 0).exp()
    held_T = ratio_T.clamp(1 - clip_low, 1 + clip_high)
    gain_T = torch.minimum(ratio_T * advantages_T, held_T * advantages_T)
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


def _refuse_second_derivatives(name: str) -> None:
    if torch.is_grad_enabled():  # in a backward: create_graph=True
        raise RuntimeError(f"{name} has no second derivative: call backward without create_graph=True")


def _check_tokens(name: str, values: Tensor, tokens: int) -> None:
    if values.shape != (tokens,):
        raise ValueError(f"{name} is {tuple(values.shape)}: give one value for each of the {tokens} tokens")


def _check_teacher(ids_TK: Tensor, logprobs_TK: Tensor, vocabulary: int, *, tokens: int) -> None:
    shape = tuple(ids_TK.shape)
    if ids_TK.shape != logprobs_TK.shape or len(shape) != 2 or shape[0] != tokens or not 1 <= shape[1] <= vocabulary:
        raise ValueError(
            f"teacher_ids_TK is {shape} and teacher_logprobs_TK {tuple(logprobs_TK.shape)}: both are [{tokens}, K] "
            f"with K from 1 to {vocabulary}"
        )
    check_ids("teacher_ids_TK", ids_TK, vocabulary)
    bad_T = ~logprobs_TK.amax(dim=-1).isfinite()
    if bad_T.any():
        row = int(bad_T.nonzero()[0])
        raise ValueError(
            f"teacher_logprobs_TK[{row}] has no finite largest value ({int(bad_T.sum())} such rows of {tokens}): NaN, "
            "+inf or only -inf; look at the teacher's logits for this token"
        )
