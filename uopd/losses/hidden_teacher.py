"""The cross-entropy of Eq. 7 against a teacher that is given by its hidden states and its head.

One vector per token is sent instead of a top-k. It is exact for any k up to the whole vocabulary, for which a top-k
would be a [T, V] matrix. In return the teacher's head must be on the student's device. A chunk holds the teacher's
logits beside the student's, so a chunk of the same memory has fewer tokens, and there is one more matrix product.

Shapes: T tokens, C tokens of one chunk, P of a part of it, D hidden width, E the teacher's, V vocabulary, K entries.
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from uopd.losses import kernels
from uopd.losses.cross_entropy import (
    ENTRY_BYTES,
    SPARSE_SHARE,
    HeadInputs,
    LossOptions,
    TokenValues,
    TopkLoss,
    compare_entries_,
    cross_entropy,
    join_token_values,
    parts_of,
)
from uopd.losses.lm_head import (
    ENTRY_SHARE,
    Workspace,
    check_head,
    check_rows,
    chunk_rows,
    exponentials_,
    logits_into,
    pad_,
    scale_into,
)
from uopd.losses.teacher_topk import candidate_bytes, largest


def hidden_cross_entropy(
    hidden_TD: Tensor,
    lm_head_weight_VD: Tensor,
    teacher_hidden_TE: Tensor,
    teacher_weight_VE: Tensor,
    token_weights_T: Tensor,
    *,
    k: int | None = None,
    bias_V: Tensor | None = None,
    teacher_bias_V: Tensor | None = None,
    sampled_ids_T: Tensor | None = None,
    chunk_bytes: int | None = None,
    accumulate_fp32: bool = False,
    triton: bool | None = None,
    used_rows: int | None = None,
) -> TopkLoss:
    """Compute `topk_cross_entropy` (Eq. 7) against the k likeliest tokens of the teacher softmax(W_T h_T + b_T).

    >>> student_TD, teacher_TE = torch.zeros(1, 2), torch.zeros(1, 3)
    >>> result = hidden_cross_entropy(student_TD, torch.zeros(4, 2), teacher_TE, torch.zeros(4, 3), torch.ones(1))
    >>> float(result.loss), float(result.teacher_entropy_T)  # both are uniform: log 4
    (1.3862943649291992, 1.3862943649291992)

    Args:
        hidden_TD: [T, D] the student's last hidden states. lm_head_weight_VD: [V, D] of the same dtype.
        teacher_hidden_TE: [T, E] the teacher's last hidden states. teacher_weight_VE: [V, E] of the same dtype. Neither
            gets a gradient.
        token_weights_T: [T] weights w_t.
        k: entries of the teacher's top-k; None, or all used rows, takes the whole vocabulary.
        bias_V, teacher_bias_V: [V] biases of the heads.
        sampled_ids_T: [T] token ids whose log-probabilities are wanted, the student's and the teacher's.
        chunk_bytes, accumulate_fp32, triton: as in `topk_cross_entropy`.
        used_rows: as in `topk_cross_entropy`, for both heads.

    Raises:
        FloatingPointError: a logit of the teacher is NaN or infinite.
        ValueError: shapes, dtypes or ids do not fit.
    """
    check_head(hidden_TD, lm_head_weight_VD, bias_V)
    check_head(teacher_hidden_TE, teacher_weight_VE, teacher_bias_V)
    tokens, vocabulary = len(hidden_TD), len(lm_head_weight_VD)
    if len(teacher_hidden_TE) != tokens or len(teacher_weight_VE) != vocabulary:
        raise ValueError(
            f"teacher_hidden_TE is {tuple(teacher_hidden_TE.shape)} and teacher_weight_VE "
            f"{tuple(teacher_weight_VE.shape)}: give the student's {tokens} tokens and vocabulary of {vocabulary}"
        )
    rows = check_rows(used_rows, lm_head_weight_VD)
    if k is not None and not 1 <= k <= rows:
        raise ValueError(f"k is {k}: give a number from 1 to {rows}, or None for the whole vocabulary")
    teacher = TeacherHiddenStates(
        hidden_TE=teacher_hidden_TE,
        weight_VE=teacher_weight_VE,
        bias_V=teacher_bias_V,
        k=k or rows,
        used_rows=rows,
    )
    options = LossOptions(chunk_bytes=chunk_bytes, accumulate_fp32=accumulate_fp32, triton=triton)
    head = HeadInputs(hidden_TD, lm_head_weight_VD, bias_V, rows)
    loss = cross_entropy(head, teacher, token_weights_T, sampled_ids_T, options)
    bad_T = ~loss.teacher_entropy_T.isfinite()
    if bad_T.any():
        raise FloatingPointError(
            f"the teacher's logits of token {int(bad_T.nonzero()[0])} are not all finite ({int(bad_T.sum())} such "
            f"tokens of {tokens}): load the teacher in bfloat16 or float32, and look at its weights for NaN"
        )
    return loss


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherHiddenStates:
    """A `TeacherDistribution` whose logits are computed chunk by chunk, when they are compared."""

    hidden_TE: Tensor
    weight_VE: Tensor
    bias_V: Tensor | None
    k: int
    """Entries of the top-k; `used_rows` takes the whole vocabulary."""
    used_rows: int
    """Rows of the head that are tokens."""
    has_logits: ClassVar[bool] = True

    def suits_kernels(self, vocabulary: int) -> bool:
        return self.k == self.used_rows or self.k * SPARSE_SHARE <= vocabulary

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return (self.hidden_TE, self.weight_VE, *(() if self.bias_V is None else (self.bias_V,)))

    def compare_(self, rows_C: Tensor, sampled_C1: Tensor, weights_C1: Tensor | None, work: Workspace) -> TokenValues:
        assert work.teacher_CV is not None
        teacher_CV = work.teacher_CV[: len(rows_C)]
        pad_(logits_into(teacher_CV, self.hidden_TE[rows_C], self.weight_VE, self.bias_V), self.used_rows)
        whole = self.k == self.used_rows
        size = chunk_rows(len(rows_C), self._row_bytes(work), work.budget_bytes // ENTRY_SHARE)
        values = []
        for part in parts_of(len(rows_C), size):
            weights_P1 = None if weights_C1 is None else weights_C1[part]
            if whole:
                values.append(_compare_vocabulary_(part, sampled_C1[part], weights_P1, work))
            else:
                values.append(_compare_largest_(part, self.k, sampled_C1[part], weights_P1, work))
        return join_token_values(values)

    def _row_bytes(self, work: Workspace) -> int:
        """Memory that a row needs beside its logits, bytes."""
        vocabulary = len(self.weight_VE)
        if self.k < self.used_rows:
            return max(self.k * ENTRY_BYTES, candidate_bytes(vocabulary, self.k))
        return ENTRY_BYTES if work.kernels else 2 * vocabulary * work.logits_CV.dtype.itemsize


def _compare_largest_(
    part: slice, k: int, sampled_P1: Tensor, weights_P1: Tensor | None, work: Workspace
) -> TokenValues:
    """Compare with the teacher's k likeliest tokens; the teacher's logits are in the workspace."""
    assert work.teacher_CV is not None
    teacher_PV = work.teacher_CV[part]
    chosen_P1 = teacher_PV.gather(-1, sampled_P1)
    values_PK, ids_PK = largest(teacher_PV, k)
    smallest_P1 = teacher_PV.amin(dim=-1, keepdim=True)
    max_P1, sum_P1 = exponentials_(teacher_PV)
    # A logit of -inf is in no top-k, but the row is as wrong as one with NaN.
    log_sum_P1 = (max_P1 + sum_P1.log()).where(smallest_P1.isfinite(), torch.nan)
    values = compare_entries_(part, ids_PK, values_PK - log_sum_P1, sampled_P1, weights_P1, work)
    return values._replace(teacher_sampled_logprob=(chosen_P1 - log_sum_P1).squeeze(-1))


def _compare_vocabulary_(part: slice, sampled_P1: Tensor, weights_P1: Tensor | None, work: Workspace) -> TokenValues:
    """Compare over the whole vocabulary: l = logsumexp(z) - sum_v p_T(v) z_v, with the gradient w (p_S - p_T)."""
    assert work.teacher_CV is not None
    student_PV, teacher_PV = work.logits_CV[part], work.teacher_CV[part]
    chosen_P1, teacher_chosen_P1 = student_PV.gather(-1, sampled_P1), teacher_PV.gather(-1, sampled_P1)
    weights = None if weights_P1 is None else (weights_P1, work.operand_CV[part])
    summarise_ = _summarise_by_kernels_ if work.kernels else _summarise_
    student, teacher, student_at_teacher_top = summarise_(student_PV, teacher_PV, weights)
    ones_P = torch.ones_like(student.top)
    return TokenValues(
        cross_entropy=student.log_sum - student.mean,
        teacher_entropy=teacher.log_sum - teacher.mean,
        teacher_mass=ones_P,
        student_mass=ones_P,
        agreement=(student_at_teacher_top == student.top).to(ones_P.dtype),
        sampled_logprob=chosen_P1.squeeze(-1) - student.top - student.log_sum,
        teacher_sampled_logprob=teacher_chosen_P1.squeeze(-1) - teacher.top - teacher.log_sum,
    )


class LogitSummary(NamedTuple):
    """Three numbers of each row of logits z, [P] each."""

    top: Tensor
    """max z."""
    log_sum: Tensor
    """log sum exp(z - max z)."""
    mean: Tensor
    """E_T (z - max z), the mean under the teacher."""


PairSummary = tuple[LogitSummary, LogitSummary, Tensor]
"""The student's summary, the teacher's, and the student's logit of the teacher's likeliest token, [P]."""


def _summarise_(student_PV: Tensor, teacher_PV: Tensor, weights: tuple[Tensor, Tensor] | None) -> PairSummary:
    """Summarise the student's and the teacher's logits, and overwrite both.

    Args:
        weights: [P, 1] weights w of the gradient w (p_S - p_T), and the operand that the gradient is written to; None
            if no gradient is wanted.
    """
    teacher_max_P1, first_P1 = teacher_PV.max(dim=-1, keepdim=True)
    first_P1 = student_PV.gather(-1, first_P1)
    exponentials_PV = teacher_PV.sub_(teacher_max_P1).exp()
    teacher_sum_P1 = exponentials_PV.sum(dim=-1, keepdim=True)
    max_P1 = student_PV.amax(dim=-1, keepdim=True)
    shifted = (student_PV.sub_(max_P1), teacher_PV)
    means = [(exponentials_PV * shifted_PV).sum(dim=-1, keepdim=True) for shifted_PV in shifted]
    sum_P1 = student_PV.exp_().sum(dim=-1, keepdim=True)
    if weights is not None:
        weights_P1, operand_PV = weights
        student_PV.sub_(exponentials_PV.mul_(sum_P1 / teacher_sum_P1))
        scale_into(operand_PV, student_PV, weights_P1 / sum_P1)
    mean_P1, teacher_mean_P1 = (mean_P1.div_(teacher_sum_P1) for mean_P1 in means)
    return (
        LogitSummary(max_P1.squeeze(-1), sum_P1.log().squeeze(-1), mean_P1.squeeze(-1)),
        LogitSummary(teacher_max_P1.squeeze(-1), teacher_sum_P1.log().squeeze(-1), teacher_mean_P1.squeeze(-1)),
        first_P1.squeeze(-1),
    )


def _summarise_by_kernels_(
    student_PV: Tensor, teacher_PV: Tensor, weights: tuple[Tensor, Tensor] | None
) -> PairSummary:
    """Do what `_summarise_` does with Triton; the operand lies in the memory of the student's logits."""
    pair = kernels.pair_statistics(student_PV, teacher_PV)
    if weights is not None:
        weights_P1, operand_PV = weights
        kernels.write_pair_softmax(operand_PV, student_PV, teacher_PV, pair, weights_P1)
    return (
        LogitSummary(pair.student_max, pair.student_sum.log(), pair.student_dot / pair.teacher_sum),
        LogitSummary(pair.teacher_max, pair.teacher_sum.log(), pair.teacher_dot / pair.teacher_sum),
        pair.student_at_teacher_max,
    )
