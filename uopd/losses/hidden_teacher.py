"""The loss against a teacher that is given by its hidden states, a chunk of tokens at a time.

What travels is one vector per token instead of a top-k, exact for any k up to the whole vocabulary, for which a top-k
would be [T, V]; the teacher's head has to be where the student's is. The teacher's logits of a chunk exist beside the
student's, so a chunk of the same memory has fewer tokens, and there is one matrix product more.

Shapes: T tokens, C tokens of one chunk, P of a part of it, D hidden width, E the teacher's, V vocabulary, K entries.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from uopd.losses import kernels
from uopd.losses.cross_entropy import ENTRY_BYTES, FEW, Options, TopkLoss, cross_entropy, sparse_rows_
from uopd.losses.lm_head import (
    ENTRY_SHARE,
    Workspace,
    check_head,
    chunk_rows,
    exponentials_,
    logits_into,
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
) -> TopkLoss:
    """`topk_cross_entropy` (Eq. 7) for the teacher softmax(W_T h_T + b_T), of whose tokens the k likeliest count.

    Args:
        hidden_TD: [T, D] the student's last hidden states. lm_head_weight_VD: [V, D] of the same dtype.
        teacher_hidden_TE: [T, E] the teacher's last hidden states. teacher_weight_VE: [V, E] of the same dtype; neither
            gets a gradient.
        token_weights_T: [T] weights w_t.
        k: entries of the teacher's top-k; None, or V: the whole vocabulary, nothing is cut off.
        bias_V, teacher_bias_V: [V] biases of the heads.
        sampled_ids_T: [T] token ids whose log-probabilities are wanted, the student's and the teacher's.
        chunk_bytes, accumulate_fp32, triton: as in `topk_cross_entropy`.

    Raises:
        FloatingPointError: a logit of the teacher is NaN or infinite.
        ValueError: shapes, dtypes or ids that do not fit.
    """
    check_head(hidden_TD, lm_head_weight_VD, bias_V)
    check_head(teacher_hidden_TE, teacher_weight_VE, teacher_bias_V)
    tokens, vocabulary = len(hidden_TD), len(lm_head_weight_VD)
    if len(teacher_hidden_TE) != tokens or len(teacher_weight_VE) != vocabulary:
        raise ValueError(
            f"teacher_hidden_TE is {tuple(teacher_hidden_TE.shape)} and teacher_weight_VE "
            f"{tuple(teacher_weight_VE.shape)}: the student has {tokens} tokens and a vocabulary of {vocabulary}"
        )
    if k is not None and not 1 <= k <= vocabulary:
        raise ValueError(f"k is {k}: give a number from 1 to {vocabulary}, or None for the whole vocabulary")
    teacher = HiddenTeacher(
        hidden_TE=teacher_hidden_TE,
        weight_VE=teacher_weight_VE,
        bias_V=teacher_bias_V,
        k=min(k or vocabulary, vocabulary),
    )
    options = Options(chunk_bytes=chunk_bytes, accumulate_fp32=accumulate_fp32, triton=triton)
    found = cross_entropy((hidden_TD, lm_head_weight_VD, bias_V), teacher, token_weights_T, sampled_ids_T, options)
    bad_T = ~found.teacher_entropy_T.isfinite()
    if bad_T.any():
        raise FloatingPointError(
            f"the teacher's logits of token {int(bad_T.nonzero()[0])} are not all finite ({int(bad_T.sum())} such "
            f"tokens of {tokens}): load the teacher in bfloat16 or float32, and look at its weights for NaN"
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenTeacher:
    """A `losses.Teacher` whose logits are computed where they are compared."""

    hidden_TE: Tensor
    weight_VE: Tensor
    bias_V: Tensor | None
    k: int
    """V: the whole vocabulary."""
    has_logits: ClassVar[bool] = True

    def suits_kernels(self, vocabulary: int) -> bool:
        return self.k == vocabulary or self.k * FEW <= vocabulary

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return (self.hidden_TE, self.weight_VE, *(() if self.bias_V is None else (self.bias_V,)))

    def rows_(self, rows_C: Tensor, sampled_C1: Tensor, weights_C1: Tensor | None, work: Workspace) -> Tensor:
        assert work.teacher_CV is not None
        logits_into(work.teacher_CV[: len(rows_C)], self.hidden_TE[rows_C], self.weight_VE, self.bias_V)
        whole = self.k == len(self.weight_VE)
        part = chunk_rows(len(rows_C), self._row_bytes(work), work.budget_bytes // ENTRY_SHARE)
        values_7C = work.logits_CV.new_empty((7, len(rows_C)))
        for start in range(0, len(rows_C), part):
            here = slice(start, min(start + part, len(rows_C)))
            weights_P1 = None if weights_C1 is None else weights_C1[here]
            if whole:
                values_7C[:, here] = _whole_rows_(here, sampled_C1[here], weights_P1, work)
            else:
                values_7C[:, here] = _largest_rows_(here, self.k, sampled_C1[here], weights_P1, work)
        return values_7C

    def _row_bytes(self, work: Workspace) -> int:
        """Of what a row takes beside its logits."""
        vocabulary = len(self.weight_VE)
        if self.k < vocabulary:
            return max(self.k * ENTRY_BYTES, candidate_bytes(vocabulary, self.k))
        return ENTRY_BYTES if work.kernels else 2 * vocabulary * work.logits_CV.dtype.itemsize


def _largest_rows_(here: slice, k: int, sampled_P1: Tensor, weights_P1: Tensor | None, work: Workspace) -> Tensor:
    """[7, P] of the teacher's k largest, whose logits are in the workspace."""
    assert work.teacher_CV is not None
    teacher_PV = work.teacher_CV[here]
    chosen_P1 = teacher_PV.gather(-1, sampled_P1)
    values_PK, ids_PK = largest(teacher_PV, k)
    smallest_P1 = teacher_PV.amin(dim=-1, keepdim=True)
    max_P1, sum_P1 = exponentials_(teacher_PV)
    # A logit of -inf is in no top-k, and makes the others no less wrong.
    log_sum_P1 = (max_P1 + sum_P1.log()).where(smallest_P1.isfinite(), torch.nan)
    values_7P = sparse_rows_(here, ids_PK, values_PK - log_sum_P1, sampled_P1, weights_P1, work)
    values_7P[6] = (chosen_P1 - log_sum_P1).squeeze(-1)
    return values_7P


def _whole_rows_(here: slice, sampled_P1: Tensor, weights_P1: Tensor | None, work: Workspace) -> Tensor:
    """[7, P] of the whole vocabulary: l = logsumexp(z) - sum_v p_T(v) z_v, gradient w (p_S - p_T)."""
    assert work.teacher_CV is not None
    student_PV, teacher_PV = work.logits_CV[here], work.teacher_CV[here]
    chosen_P1, teacher_chosen_P1 = student_PV.gather(-1, sampled_P1), teacher_PV.gather(-1, sampled_P1)
    weights = None if weights_P1 is None else (weights_P1, work.operand_CV[here])
    compare = _compare_by_kernels_ if work.kernels else _compare_
    max_P, log_sum_P, mean_P, teacher_max_P, teacher_log_sum_P, teacher_mean_P, first_P = compare(
        student_PV, teacher_PV, weights
    )
    ones_P = torch.ones_like(max_P)
    return torch.stack(
        [
            log_sum_P - mean_P,
            teacher_log_sum_P - teacher_mean_P,
            ones_P,
            ones_P,
            (first_P == max_P).to(ones_P.dtype),
            chosen_P1.squeeze(-1) - max_P - log_sum_P,
            teacher_chosen_P1.squeeze(-1) - teacher_max_P - teacher_log_sum_P,
        ]
    )


def _compare_(student_PV: Tensor, teacher_PV: Tensor, weights: tuple[Tensor, Tensor] | None) -> tuple[Tensor, ...]:
    """Seven [P] of logits z: max z, log sum exp(z - max z), E_T (z - max z); the same of y; and z where y is largest.

    `weights`: [P, 1] of the gradient w (p_S - p_T), and where it goes. Writes over both logits.
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
    found = (max_P1, sum_P1.log(), mean_P1, teacher_max_P1, teacher_sum_P1.log(), teacher_mean_P1, first_P1)
    return tuple(value_P1.squeeze(-1) for value_P1 in found)


def _compare_by_kernels_(
    student_PV: Tensor, teacher_PV: Tensor, weights: tuple[Tensor, Tensor] | None
) -> tuple[Tensor, ...]:
    """`_compare_` by Triton; the operand stands in the student's memory."""
    found_7P = kernels.pair_statistics(student_PV, teacher_PV)
    max_P, sum_P, teacher_max_P, teacher_sum_P, student_dot_P, teacher_dot_P, first_P = found_7P
    if weights is not None:
        weights_P1, operand_PV = weights
        kernels.write_pair_softmax(operand_PV, student_PV, teacher_PV, found_7P, weights_P1)
    mean_P, teacher_mean_P = student_dot_P / teacher_sum_P, teacher_dot_P / teacher_sum_P
    return max_P, sum_P.log(), mean_P, teacher_max_P, teacher_sum_P.log(), teacher_mean_P, first_P
