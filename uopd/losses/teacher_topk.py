"""The teacher's side of the loss: from hidden states to exact top-k log-probabilities, a chunk of tokens at a time.

Shapes: T tokens, C tokens of one chunk, P of a part of it, D hidden width, V vocabulary, K entries kept, G groups of
the vocabulary, S tokens of a group, R tokens in no group, N candidates for the K entries.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from uopd.losses import kernels
from uopd.losses.lm_head import (
    ENTRY_SHARE,
    check_head,
    check_ids,
    check_rows,
    chunk_rows,
    chunks_of,
    compute_logits,
    exponentials_,
    heat_,
    workspace,
)


class TopK(NamedTuple):
    """The k likeliest tokens of each position, over the full vocabulary."""

    ids_TK: Tensor
    """[T, k] int32, the likeliest token first; the order of equally likely tokens is not defined."""
    logprobs_TK: Tensor
    """[T, k] nats, of `value_dtype`."""
    sampled_logprob_T: Tensor | None
    """[T] log-probabilities of `ids_T`, nats, float32 (float64 for float64 inputs); None if the ids were not given."""


@torch.no_grad()
def topk(
    hidden_TD: Tensor,
    lm_head_weight_VD: Tensor,
    k: int,
    *,
    bias_V: Tensor | None = None,
    ids_T: Tensor | None = None,
    chunk_bytes: int | None = None,
    value_dtype: torch.dtype = torch.float32,
    temperature: float = 1.0,
    used_rows: int | None = None,
) -> TopK:
    """Find the k largest of log softmax((W h_t + b) / temperature) for each token.

    The logarithms are computed in float32, or in float64 for float64 inputs.

    >>> weight_VD = torch.tensor([[0.0], [0.0], [1.0]])
    >>> result = topk(torch.tensor([[9.0]]), weight_VD, 1, ids_T=torch.tensor([2]))
    >>> result.ids_TK, result.sampled_logprob_T.exp()
    (tensor([[2]], dtype=torch.int32), tensor([0.9998]))

    Args:
        hidden_TD: [T, D] last hidden states. lm_head_weight_VD: [V, D] of the same dtype.
        k: entries kept, from 0 to V, or to `used_rows`.
        bias_V: [V] bias of the head.
        ids_T: [T] int32 or int64 token ids whose log-probabilities are wanted too.
        chunk_bytes: memory for the logits of one chunk, bytes; None takes `lm_head.CHUNK_BYTES`.
        value_dtype: dtype of `logprobs_TK`.
        temperature: of the distribution, above 0.
        used_rows: rows of the head that are tokens; None: all. The rows behind them have the probability 0.

    Raises:
        FloatingPointError: a logit is NaN or infinite.
        ValueError: shapes, dtypes or ids do not fit.
    """
    check_head(hidden_TD, lm_head_weight_VD, bias_V)
    tokens, vocabulary = len(hidden_TD), check_rows(used_rows, lm_head_weight_VD)
    if not 0 <= k <= vocabulary:
        raise ValueError(f"k is {k}: give a number from 0 to {vocabulary}, the tokens of the head")
    if ids_T is not None:
        if ids_T.shape != (tokens,):
            raise ValueError(f"ids_T is {tuple(ids_T.shape)}: give one id for each of the {tokens} tokens")
        check_ids("ids_T", ids_T, vocabulary)
    fused = kernels.usable(lm_head_weight_VD)
    work = workspace(lm_head_weight_VD, tokens, chunk_bytes, kernels=fused, used_rows=vocabulary)
    ids_TK = torch.empty((tokens, k), dtype=torch.int32, device=hidden_TD.device)
    logprobs_TK = hidden_TD.new_empty((tokens, k), dtype=value_dtype)
    sampled_T = hidden_TD.new_empty(tokens, dtype=work.logits_CV.dtype)
    finite_T = torch.ones(tokens, dtype=torch.bool, device=hidden_TD.device)
    for rows_C, _ in chunks_of(sampled_T, work.rows, separate=False):
        logits_CV = heat_(compute_logits(hidden_TD[rows_C], lm_head_weight_VD, bias_V, work), temperature)
        values_CK, largest_CK = largest_in_parts(logits_CV, k, work.budget_bytes)
        if ids_T is not None:
            sampled_T[rows_C] = logits_CV.gather(-1, ids_T[rows_C, None].long()).squeeze(-1)
        if fused:
            max_C1, sum_C1, min_C1 = kernels.row_statistics(logits_CV)
        else:
            min_C1 = logits_CV.amin(dim=-1, keepdim=True)
            max_C1, sum_C1 = exponentials_(logits_CV)
        finite_T[rows_C] = (min_C1.isfinite() & sum_C1.isfinite()).squeeze(-1)
        log_sum_C1 = sum_C1.log()
        ids_TK[rows_C] = largest_CK.to(torch.int32)
        logprobs_TK[rows_C] = (values_CK - max_C1 - log_sum_C1).to(value_dtype)
        sampled_T[rows_C] -= (max_C1 + log_sum_C1).squeeze(-1)
    if not finite_T.all():
        raise FloatingPointError(
            f"the logits of token {int((~finite_T).nonzero()[0])} are not all finite ({int((~finite_T).sum())} such "
            f"tokens of {tokens}): load the model in bfloat16 or float32, and look at its weights for NaN"
        )
    return TopK(ids_TK, logprobs_TK, None if ids_T is None else sampled_T)


def largest_in_parts(logits_CV: Tensor, k: int, budget_bytes: int) -> tuple[Tensor, Tensor]:
    """Call `largest` on parts of the rows, so that its candidates stay within 1 / ENTRY_SHARE of a chunk's budget."""
    part = chunk_rows(len(logits_CV), candidate_bytes(logits_CV.shape[1], k), budget_bytes // ENTRY_SHARE)
    pairs = [largest(logits_PV, k) for logits_PV in logits_CV.split(part)]
    values_CK, ids_CK = (torch.cat(parts) if len(parts) > 1 else parts[0] for parts in zip(*pairs, strict=True))
    return values_CK, ids_CK


def candidate_bytes(vocabulary: int, k: int) -> int:
    """Return the memory of `largest` for one row, bytes: two int64 and a float32 per candidate, and the maxima of the
    groups."""
    groups = max(1, math.isqrt(vocabulary * k))
    size = vocabulary // groups
    candidates = k * size + vocabulary - size * groups if size > 1 else vocabulary
    return 20 * candidates + 4 * groups


def largest(logits_CV: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return values and indices of the k largest of each row, descending: `torch.topk`, on a fraction of the row.

    The row is split into G groups of V // G tokens, each token G apart from the next, and a rest. No value of another
    group exceeds the k maxima of the k groups with the largest maxima, so the k largest values lie in these groups and
    the rest. With G = sqrt(V k), the selection of k among G groups takes about as long as that of k among k V / G
    candidates.

    >>> largest(torch.tensor([[1.0, 5.0, 3.0, 4.0]]), 2)
    (tensor([[5., 4.]]), tensor([[1, 3]]))
    """
    vocabulary = logits_CV.shape[1]
    groups = max(1, math.isqrt(vocabulary * k))
    size = vocabulary // groups
    if size < 2:
        return logits_CV.topk(k, dim=-1)
    grouped = size * groups
    maxima_CG = logits_CV[:, :grouped].unflatten(1, (size, groups)).amax(dim=1)
    chosen_CK = maxima_CG.topk(k, dim=-1, sorted=False).indices
    offsets_S = torch.arange(0, grouped, groups, device=logits_CV.device)
    rest_R = torch.arange(grouped, vocabulary, device=logits_CV.device).expand(len(logits_CV), -1)
    candidates_CN = torch.cat([(chosen_CK[:, :, None] + offsets_S).flatten(1), rest_R], dim=1)
    values_CK, places_CK = logits_CV.gather(1, candidates_CN).topk(k, dim=-1)
    return values_CK, candidates_CN.gather(1, places_CK)
