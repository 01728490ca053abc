"""The cross-entropy of Eq. 7, weighted per token, from hidden states and the weight of the language-model head.

Shapes: T tokens, C tokens of one chunk, P of a part of it, D hidden width, V vocabulary, K teacher entries per token.

How it differs from the loop of appendix A.2:
1. There is never a [T, V] matrix of logits. The logits of a chunk are replaced by their gradient, in the same memory.
2. The gradients are computed in the forward pass, because weights, mask and counts are known before it. This takes
   three matrix products of T x D x V, and computes nothing twice. Backward only multiplies by the upstream scalar.
3. The teacher's log-probabilities are over its full vocabulary, so the teacher's mass on its top-k is known.

`cross_entropy` works against any `TeacherDistribution`: the top-k of this module, or `hidden_teacher.py`'s teacher.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor

from uopd.losses import kernels
from uopd.losses.lm_head import (
    ENTRY_SHARE,
    HeadGradients,
    Workspace,
    check_head,
    check_ids,
    check_rows,
    check_tokens,
    chunk_rows,
    chunks_of,
    compute_logits,
    normalisers_,
    refuse_second_derivatives,
    softmax_gradient_,
    workspace,
)

ENTRY_BYTES = 36
"""Memory that a teacher entry needs while it is compared: an int64 id and seven float32 values."""
SPARSE_SHARE = 8
"""The kernels are used for at most V / SPARSE_SHARE teacher entries: to scatter more costs as much as PyTorch's
path."""
IMPOSSIBLE = -1000.0
"""Replaces a log-probability of -inf, relative to the largest: its exponential is 0, and 0 times it is 0, not NaN."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopkLoss:
    """The loss of T tokens and its parts; float32, or float64 for float64 inputs. Only `loss` has a gradient.

    Per token, KL(p~_T || p_S) = cross_entropy - teacher_entropy >= -log(student_mass) >= 0. If the student equals the
    teacher, the KL is -log m. If a row has an id twice, the id counts twice in the masses.
    """

    loss: Tensor
    """Scalar: sum over t of token_weights[t] l_t. A token of weight 0 adds nothing, even if its l_t is not finite."""
    cross_entropy_T: Tensor
    """l_t of Eq. 7, nats."""
    teacher_entropy_T: Tensor
    """Entropy of the teacher renormalised on its top-k, nats."""
    teacher_mass_T: Tensor
    """m, the teacher's probability on its top-k before renormalisation; above 1 only by rounding."""
    student_mass_T: Tensor
    """The student's probability on the teacher's top-k."""
    agreement_T: Tensor
    """bool: the teacher's likeliest token is the student's likeliest token too, alone or in a tie."""
    sampled_logprob_T: Tensor | None
    """The student's log-probability of `sampled_ids_T`, nats; None if the ids were not given."""
    teacher_sampled_logprob_T: Tensor | None = None
    """The teacher's log-probability of `sampled_ids_T`; None too if the teacher is a top-k, which need not hold
    them."""


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
    triton: bool | None = None,
    used_rows: int | None = None,
) -> TopkLoss:
    """Compute sum_t w_t l_t with l_t = logsumexp(z_t) - sum_j p~_T(v_j) z_t[v_j] (Eq. 7) and z_t = W h_t + b.

    >>> hidden_TD, weight_VD = torch.zeros(1, 2), torch.zeros(4, 2, requires_grad=True)
    >>> ids_TK, logprobs_TK = torch.tensor([[3, 1]]), torch.tensor([[0.5, 0.25]]).log()
    >>> result = topk_cross_entropy(hidden_TD, weight_VD, ids_TK, logprobs_TK, torch.ones(1))
    >>> float(result.loss.detach()), float(result.teacher_mass_T)  # a uniform student: log 4
    (1.3862943649291992, 0.75)
    >>> result.loss.backward()

    Args:
        hidden_TD: [T, D] the student's last hidden states, float64, float32 or bfloat16; float16 if nothing needs a
            gradient.
        lm_head_weight_VD: [V, D] of the same dtype. It may be the embedding's weight.
        teacher_ids_TK: [T, K] int32 or int64 token ids, 1 <= K <= V, in any order. If an id occurs twice in a row, its
            entries are added.
        teacher_logprobs_TK: [T, K] the teacher's log-probabilities over its full vocabulary, nats, of any float dtype;
            -inf is probability 0.
        token_weights_T: [T] weights w_t; w(x) / (|y| |B| K) in Eq. 9. They get no gradient. A token of weight 0 gives
            a gradient of exactly 0.
        bias_V: [V] bias of the head.
        sampled_ids_T: [T] token ids whose log-probabilities are wanted.
        chunk_bytes: memory for the logits of one chunk, bytes; None takes `lm_head.CHUNK_BYTES`. The result depends on
            it only by rounding.
        accumulate_fp32: sum the weight's gradient of 16-bit inputs over the chunks in float32 and round it once. The
            sum and its rounded copy then exist together at the end.
        triton: whether Triton's kernels compute what lies between the matrix products; None: if `kernels.usable` says
            so. The result depends on it only by rounding.
        used_rows: rows of the head that are tokens; None: all. The rows behind them only pad the head: they have the
            probability 0 and no gradient.

    The first backward scales the gradients in place. If its upstream gradient is not 1, a second backward through the
    same loss is refused. Autocast is switched off inside, so only the dtype of the inputs matters.

    Raises:
        ValueError: shapes, dtypes or ids do not fit, or a row of the teacher has no finite log-probability.
    """
    check_head(hidden_TD, lm_head_weight_VD, bias_V)
    rows = check_rows(used_rows, lm_head_weight_VD)
    _check_teacher(teacher_ids_TK, teacher_logprobs_TK, rows, tokens=len(hidden_TD))
    return cross_entropy(
        HeadInputs(hidden_TD, lm_head_weight_VD, bias_V, rows),
        TeacherTopk(ids_TK=teacher_ids_TK, logprobs_TK=teacher_logprobs_TK),
        token_weights_T,
        sampled_ids_T,
        LossOptions(chunk_bytes=chunk_bytes, accumulate_fp32=accumulate_fp32, triton=triton),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LossOptions:
    """How the sums are computed. The results depend on it only by rounding; the fields are `topk_cross_entropy`'s."""

    chunk_bytes: int | None
    accumulate_fp32: bool
    triton: bool | None


class HeadInputs(NamedTuple):
    """Hidden states and head, from which the student's logits W h + b are computed."""

    hidden_TD: Tensor
    weight_VD: Tensor
    bias_V: Tensor | None
    used_rows: int
    """Rows of the head that are tokens."""


class TokenValues(NamedTuple):
    """The fields of `TopkLoss` that have a value per token, [C] each, all in the dtype of the logits."""

    cross_entropy: Tensor
    teacher_entropy: Tensor
    teacher_mass: Tensor
    student_mass: Tensor
    agreement: Tensor
    """1 for agreement, 0 for none."""
    sampled_logprob: Tensor
    teacher_sampled_logprob: Tensor
    """NaN if the teacher has no logits."""


def join_token_values(parts: Sequence[TokenValues]) -> TokenValues:
    """Join the values of consecutive parts."""
    return parts[0] if len(parts) == 1 else TokenValues(*map(torch.cat, zip(*parts, strict=True)))


class TeacherDistribution(Protocol):
    """What the student is compared with, a chunk of tokens at a time."""

    has_logits: ClassVar[bool]
    """Whether the teacher's logits stand beside the student's, so that every token's log-probability is known."""

    def suits_kernels(self, vocabulary: int) -> bool:
        """Whether `kernels.py` can compute the gradient."""
        ...

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The teacher's tensors, none of which may need a gradient."""
        ...

    def compare_(self, rows_C: Tensor, sampled_C1: Tensor, weights_C1: Tensor | None, work: Workspace) -> TokenValues:
        """Compare C tokens whose student's logits are in the workspace.

        Args:
            rows_C: numbers of the tokens among all T.
            sampled_C1: ids of the sampled tokens.
            weights_C1: weights w of the gradient w (p_S - p~_T), which is then written to the workspace's operand;
                None if no gradient is wanted.
        """
        ...


def cross_entropy(
    head: HeadInputs,
    teacher: TeacherDistribution,
    token_weights_T: Tensor,
    sampled_ids_T: Tensor | None,
    options: LossOptions,
) -> TopkLoss:
    """Compute `topk_cross_entropy` against any teacher."""
    hidden_TD, weight_VD, bias_V, used_rows = head
    check_tokens("token_weights_T", token_weights_T, len(hidden_TD))
    if any(tensor.requires_grad for tensor in (token_weights_T, *teacher.tensors)):
        raise ValueError("token_weights_T or a tensor of the teacher needs a gradient, and gets none here: detach it")
    if options.triton and not kernels.usable(weight_VD):
        raise ValueError(
            f"triton is True: its kernels do not run on {weight_VD.device} for {weight_VD.dtype}, or Triton is "
            "missing; leave it None, or set it to False"
        )
    if sampled_ids_T is not None:
        check_tokens("sampled_ids_T", sampled_ids_T, len(hidden_TD))
        check_ids("sampled_ids_T", sampled_ids_T, used_rows)
    if not torch.is_grad_enabled():
        bias_V = None if bias_V is None else bias_V.detach()
        head = HeadInputs(hidden_TD.detach(), weight_VD.detach(), bias_V, used_rows)
    with torch.autocast(hidden_TD.device.type, enabled=False):
        loss, values_NT = _CrossEntropy.apply(*head, teacher, token_weights_T, sampled_ids_T, options)
    values = TokenValues(*values_NT.unbind())
    wants_sampled = sampled_ids_T is not None
    return TopkLoss(
        loss=loss,
        cross_entropy_T=values.cross_entropy,
        teacher_entropy_T=values.teacher_entropy,
        teacher_mass_T=values.teacher_mass,
        student_mass_T=values.student_mass,
        agreement_T=values.agreement != 0,
        sampled_logprob_T=values.sampled_logprob if wants_sampled else None,
        teacher_sampled_logprob_T=values.teacher_sampled_logprob if wants_sampled and teacher.has_logits else None,
    )


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden_TD: Tensor,
        weight_VD: Tensor,
        bias_V: Tensor | None,
        used_rows: int,
        teacher: TeacherDistribution,
        token_weights_T: Tensor,
        sampled_ids_T: Tensor | None,
        options: LossOptions,
    ) -> tuple[Tensor, Tensor]:
        fused = options.triton
        if fused is None:
            fused = teacher.suits_kernels(len(weight_VD)) and kernels.usable(weight_VD)
        work = workspace(
            weight_VD,
            len(hidden_TD),
            options.chunk_bytes,
            kernels=fused,
            teacher=teacher.has_logits,
            used_rows=used_rows,
        )
        weights_T = token_weights_T.to(work.logits_CV.dtype)
        sampled_T = hidden_TD.new_zeros(len(hidden_TD), dtype=torch.int64) if sampled_ids_T is None else sampled_ids_T
        values_NT = weights_T.new_empty((len(TokenValues._fields), len(hidden_TD)))
        needs = ctx.needs_input_grad[:3]
        gradients = HeadGradients(hidden_TD, weight_VD, bias_V, needs, options.accumulate_fp32)
        for rows_C, weighted in chunks_of(weights_T, work.rows, separate=any(needs)):
            hidden_CD = hidden_TD[rows_C]
            compute_logits(hidden_CD, weight_VD, bias_V, work)
            learns = weighted and any(needs)
            weights_C1 = weights_T[rows_C, None] if learns else None
            values = teacher.compare_(rows_C, sampled_T[rows_C, None].long(), weights_C1, work)
            values_NT[:, rows_C] = torch.stack(values)
            if learns:
                gradients.add(rows_C, hidden_CD, weight_VD, work)
        ctx.save_for_backward(*gradients.result())
        ctx.dtypes = (hidden_TD.dtype, weight_VD.dtype, None if bias_V is None else bias_V.dtype)
        ctx.used = ctx.scaled = False
        ctx.mark_non_differentiable(values_NT)
        losses_T = TokenValues(*values_NT.unbind()).cross_entropy
        return torch.where(weights_T != 0, weights_T * losses_T, 0).sum(), values_NT

    @staticmethod
    def backward(ctx: Any, grad_loss: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        refuse_second_derivatives("topk_cross_entropy")
        if ctx.scaled:
            raise RuntimeError(
                "a second backward through topk_cross_entropy: the first backward has scaled the gradients in place; "
                "call topk_cross_entropy again"
            )
        gradients = ctx.saved_tensors
        if grad_loss != 1 and ctx.used:  # an earlier backward has handed out these very tensors
            gradients = [None if gradient is None else gradient * grad_loss for gradient in gradients]
        elif grad_loss != 1:
            ctx.scaled = True
            for gradient in gradients:
                if gradient is not None:
                    gradient.mul_(grad_loss)
        ctx.used = True
        cast = [None if g is None else g.to(dtype) for g, dtype in zip(gradients, ctx.dtypes, strict=True)]
        return (*cast, *[None] * 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherTopk:
    """A `TeacherDistribution` of K entries per token: the arguments of `topk_cross_entropy`."""

    ids_TK: Tensor
    logprobs_TK: Tensor
    has_logits: ClassVar[bool] = False

    def suits_kernels(self, vocabulary: int) -> bool:
        return self.ids_TK.shape[1] * SPARSE_SHARE <= vocabulary

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return (self.logprobs_TK,)

    def compare_(self, rows_C: Tensor, sampled_C1: Tensor, weights_C1: Tensor | None, work: Workspace) -> TokenValues:
        size = chunk_rows(len(rows_C), self.ids_TK.shape[1] * ENTRY_BYTES, work.budget_bytes // ENTRY_SHARE)
        return join_token_values(
            [
                compare_entries_(
                    part,
                    self.ids_TK[rows_C[part]].long(),
                    self.logprobs_TK[rows_C[part]].to(work.logits_CV.dtype),
                    sampled_C1[part],
                    None if weights_C1 is None else weights_C1[part],
                    work,
                )
                for part in parts_of(len(rows_C), size)
            ]
        )


def parts_of(rows: int, size: int) -> list[slice]:
    """Cut rows into consecutive parts of at most `size` rows."""
    return [slice(start, min(start + size, rows)) for start in range(0, rows, size)]


def compare_entries_(
    part: slice,
    ids_PK: Tensor,
    teacher_PK: Tensor,
    sampled_P1: Tensor,
    weights_P1: Tensor | None,
    work: Workspace,
) -> TokenValues:
    """Compare the rows `part` of a workspace with K entries of the teacher, as `TeacherDistribution.compare_` does.

    `teacher_PK`, the teacher's log-probabilities, is overwritten.
    """
    logits_PV = work.logits_CV[part]
    support_PK, chosen_P1 = logits_PV.gather(-1, ids_PK), logits_PV.gather(-1, sampled_P1)
    first_P1 = support_PK.gather(-1, teacher_PK.argmax(dim=-1, keepdim=True))
    max_P1, sum_P1 = normalisers_(logits_PV, work)
    log_sum_P1 = sum_P1.log()
    student_PK = support_PK.sub_(max_P1).sub_(log_sum_P1)
    teacher_max_P1 = teacher_PK.amax(dim=-1, keepdim=True)
    shifted_PK = teacher_PK.sub_(teacher_max_P1).clamp_min_(IMPOSSIBLE)
    renormalised_PK = shifted_PK.exp()
    teacher_sum_P1 = renormalised_PK.sum(dim=-1, keepdim=True)
    renormalised_PK.div_(teacher_sum_P1)
    # torch.bmm of rows would need no matrix of products, but is slower and loses four digits over a whole vocabulary.
    cross_entropy_P = -(renormalised_PK * student_PK).sum(dim=-1)
    student_PK.exp_()
    sampled_P = (chosen_P1 - max_P1 - log_sum_P1).squeeze(-1)
    values = TokenValues(
        cross_entropy=cross_entropy_P,
        teacher_entropy=teacher_sum_P1.log().squeeze(-1) - (renormalised_PK * shifted_PK).sum(dim=-1),
        teacher_mass=(teacher_max_P1.exp() * teacher_sum_P1).squeeze(-1),
        student_mass=student_PK.sum(dim=-1),
        agreement=(first_P1 == max_P1).squeeze(-1).to(logits_PV.dtype),
        sampled_logprob=sampled_P,
        teacher_sampled_logprob=torch.full_like(sampled_P, torch.nan),
    )
    if weights_P1 is not None:
        softmax_gradient_(
            logits_PV,
            work.operand_CV[part],
            (max_P1, sum_P1),
            (ids_PK, renormalised_PK, student_PK),
            weights_P1,
            work,
        )
    return values


def _check_teacher(ids_TK: Tensor, logprobs_TK: Tensor, vocabulary: int, *, tokens: int) -> None:
    shape = tuple(ids_TK.shape)
    if ids_TK.shape != logprobs_TK.shape or len(shape) != 2 or shape[0] != tokens or not 1 <= shape[1] <= vocabulary:
        raise ValueError(
            f"teacher_ids_TK is {shape} and teacher_logprobs_TK {tuple(logprobs_TK.shape)}: give both as [{tokens}, K] "
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
