"""The losses of training, from hidden states and the weight of the language-model head, a chunk of tokens at a time.

Shapes: T tokens, C tokens of one chunk, P of a part of it, D hidden width, V vocabulary, K teacher entries per token.

`topk_cross_entropy` is Eq. 7 weighted per token. Its differences from the loop of appendix A.2:
1. No logits of all tokens exist, [T, V]; a chunk's logits are turned into their gradient in the memory they stand in.
2. Gradients are formed in the forward pass, since weights, mask and counts are known before it: three matrix products
   of T x D x V in all, nothing is computed twice. Backward only multiplies by the upstream scalar.
3. The log-probabilities of the teacher are of its full vocabulary, so that its mass on the top-k is known.

`hidden_teacher.py` takes the teacher's hidden states in place of its top-k, `policy.py` has a policy gradient's
losses, `reference.py` the same in plain float64, `teacher_topk.py` the teacher's side.
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
    check_tokens,
    chunk_rows,
    chunks_of,
    compute_logits,
    normalisers_,
    refuse_second_derivatives,
    softmax_gradient_,
    workspace,
)
from uopd.losses.policy import PolicyLoss as PolicyLoss
from uopd.losses.policy import clipped_policy_loss as clipped_policy_loss
from uopd.losses.policy import selected_logprobs as selected_logprobs
from uopd.losses.teacher_topk import TopK as TopK
from uopd.losses.teacher_topk import topk as topk

ENTRY_BYTES = 36
"""Memory of a teacher entry while it is worked on: an int64 id and seven values of float32."""

FEW = 8
"""Entries of the teacher up to such a part of the vocabulary are scattered one by one; more cost what a row costs."""
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
    teacher_sampled_logprob_T: Tensor | None = None
    """The teacher's; None also where its top-k was given, which need not have them."""


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
) -> TopkLoss:
    """sum_t w_t l_t with l_t = logsumexp(z_t) - sum_j p~_T(v_j) z_t[v_j] (Eq. 7), z_t = W h_t + b.

    Args:
        hidden_TD: [T, D] the student's last hidden states, float64, float32 or bfloat16; float16 without gradients.
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
        accumulate_fp32: the weight's gradient of 16-bit inputs is summed over chunks in float32 and rounded once, for
            which both are there at the end.
        triton: whether Triton's kernels work between the matrix products; None: where `kernels.usable`. The result does
            not depend on it, up to rounding.

    The first backward scales the gradients where they stand; where its upstream gradient is not 1, a second one through
    the same loss is refused. Autocast is off inside: the inputs' dtype is what counts.

    Raises:
        ValueError: shapes, dtypes or ids that do not fit, or a row of the teacher without a finite log-probability.
    """
    check_head(hidden_TD, lm_head_weight_VD, bias_V)
    _check_teacher(teacher_ids_TK, teacher_logprobs_TK, *lm_head_weight_VD.shape[:1], tokens=len(hidden_TD))
    return cross_entropy(
        HeadInputs(hidden_TD, lm_head_weight_VD, bias_V),
        TeacherTopk(ids_TK=teacher_ids_TK, logprobs_TK=teacher_logprobs_TK),
        token_weights_T,
        sampled_ids_T,
        Options(chunk_bytes=chunk_bytes, accumulate_fp32=accumulate_fp32, triton=triton),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the sums are made, which the results do not depend on."""

    chunk_bytes: int | None
    accumulate_fp32: bool
    triton: bool | None


class HeadInputs(NamedTuple):
    """What the student's logits W h + b are made of."""

    hidden_TD: Tensor
    weight_VD: Tensor
    bias_V: Tensor | None


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
    """The values of all tokens from the values of consecutive parts."""
    return parts[0] if len(parts) == 1 else TokenValues(*map(torch.cat, zip(*parts, strict=True)))


class Teacher(Protocol):
    """What the student is compared with, a chunk of tokens at a time."""

    has_logits: ClassVar[bool]
    """Whether its logits stand beside the student's, so that it knows every token's log-probability."""

    def suits_kernels(self, vocabulary: int) -> bool:
        """Whether `kernels.py` has what its gradient takes."""
        ...

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """What must need no gradient."""
        ...

    def compare_(self, rows_C: Tensor, sampled_C1: Tensor, weights_C1: Tensor | None, work: Workspace) -> TokenValues:
        """The values of C tokens whose student's logits are in the workspace.

        `weights_C1`: None, or the weights of the gradient w (p_S - p~_T), which it leaves in the workspace's operand.
        """
        ...


def cross_entropy(
    head: HeadInputs, teacher: Teacher, token_weights_T: Tensor, sampled_ids_T: Tensor | None, options: Options
) -> TopkLoss:
    """`topk_cross_entropy` against any teacher."""
    hidden_TD, weight_VD, bias_V = head
    check_tokens("token_weights_T", token_weights_T, len(hidden_TD))
    if any(tensor.requires_grad for tensor in (token_weights_T, *teacher.tensors)):
        raise ValueError("token_weights_T and the teacher's tensors get no gradient: detach them")
    if options.triton and not kernels.usable(weight_VD):
        raise ValueError(
            f"triton is True: its kernels do not run on {weight_VD.device} for {weight_VD.dtype}, or Triton is "
            "missing; leave it None, or set it to False"
        )
    if sampled_ids_T is not None:
        check_tokens("sampled_ids_T", sampled_ids_T, len(hidden_TD))
        check_ids("sampled_ids_T", sampled_ids_T, len(weight_VD))
    if not torch.is_grad_enabled():
        bias_V = None if bias_V is None else bias_V.detach()
        head = HeadInputs(hidden_TD.detach(), weight_VD.detach(), bias_V)
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
        teacher: Teacher,
        token_weights_T: Tensor,
        sampled_ids_T: Tensor | None,
        options: Options,
    ) -> tuple[Tensor, Tensor]:
        fused = options.triton
        if fused is None:
            fused = teacher.suits_kernels(len(weight_VD)) and kernels.usable(weight_VD)
        work = workspace(weight_VD, len(hidden_TD), options.chunk_bytes, kernels=fused, teacher=teacher.has_logits)
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
                "a second backward through topk_cross_entropy, whose gradients the first one scaled where they stand: "
                "call topk_cross_entropy again"
            )
        gradients = ctx.saved_tensors
        if grad_loss != 1 and ctx.used:  # somebody has them as they are
            gradients = [None if gradient is None else gradient * grad_loss for gradient in gradients]
        elif grad_loss != 1:
            ctx.scaled = True
            for gradient in gradients:
                if gradient is not None:
                    gradient.mul_(grad_loss)
        ctx.used = True
        cast = [None if g is None else g.to(dtype) for g, dtype in zip(gradients, ctx.dtypes, strict=True)]
        return (*cast, *[None] * 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherTopk:
    """The entries of `topk_cross_entropy`, [T, K]."""

    ids_TK: Tensor
    logprobs_TK: Tensor
    has_logits: ClassVar[bool] = False

    def suits_kernels(self, vocabulary: int) -> bool:
        return self.ids_TK.shape[1] * FEW <= vocabulary

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
    """The rows in consecutive parts of at most `size`."""
    return [slice(start, min(start + size, rows)) for start in range(0, rows, size)]


def compare_entries_(
    part: slice,
    ids_PK: Tensor,
    teacher_PK: Tensor,
    sampled_P1: Tensor,
    weights_P1: Tensor | None,
    work: Workspace,
) -> TokenValues:
    """`Teacher.compare_` of the rows `part` of a workspace with K entries of the teacher. Writes over `teacher_PK`."""
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
    # A batched product of rows would save the products, be slower, and lose four digits over a whole vocabulary.
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
