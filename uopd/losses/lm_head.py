"""The language-model head on a few tokens at a time: the logits of a chunk, and the head's gradients from a chunk's.

Shapes: T tokens, C tokens of one chunk, D hidden width, V vocabulary.

Nothing here is of size [T, V]. Matrices of size [C, V], from one to three, live in a `Workspace`, which each chunk
writes over.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from uopd.losses.kernels import row_statistics, write_softmax

CHUNK_BYTES = {"cpu": 160 * 2**20, "cuda": 768 * 2**20}
"""Default budget of a workspace, bytes. On a CPU the product with the weight is at full speed from about 256 rows of a
vocabulary of 151,936, and this stays under a tenth of the logits of 4,096 tokens. On a GPU each chunk reads and writes
the whole gradient of the weight, so chunks are larger; a gigabyte is the most that may be spent beyond it."""
ENTRY_SHARE = 8
"""The entries of a teacher that are worked on at a time take one such part of the budget more."""
TILE_ROWS = 64
"""Chunks are whole numbers of matrix-product tiles where the budget allows."""
CPU_BLOCK = 1024
"""Rows of the head's weight in one product on a CPU, where a few hundred tokens times the whole weight at once take
longer than times such blocks one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Memory for one chunk, used again by the next."""

    logits_CV: Tensor
    """Of `compute_dtype`."""
    operand_CV: Tensor
    """What matrix products read, in the head's own dtype. The same memory as `logits_CV` where that dtype is equal, and
    under Triton's kernels: they write a row's 16-bit gradient over its logits."""
    budget_bytes: int
    """What it was asked to stay within."""
    kernels: bool
    """Whether `kernels.py` does the work between the products, or PyTorch."""
    teacher_CV: Tensor | None
    """For the logits of a teacher whose hidden states are given; of `compute_dtype`."""

    @property
    def rows(self) -> int:
        return self.logits_CV.shape[0]


def compute_dtype(dtype: torch.dtype) -> torch.dtype:
    """float64 for float64; float32, in which a softmax over a vocabulary is exact enough, for everything narrower."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def chunk_rows(tokens: int, row_bytes: int, chunk_bytes: int) -> int:
    """Tokens per chunk: the budget's, spread evenly over the chunks, at least 1."""
    limit = max(1, chunk_bytes // row_bytes)
    chunks = max(1, -(-tokens // limit))
    even = -(-tokens // chunks)
    return max(1, min(limit, tokens, -(-even // TILE_ROWS) * TILE_ROWS))


def workspace(
    weight_VD: Tensor, tokens: int, chunk_bytes: int | None, *, kernels: bool = False, teacher: bool = False
) -> Workspace:
    """Memory for chunks of at most `tokens` rows; `chunk_bytes` None is the default of the device.

    `teacher`: with room for a teacher's logits.
    """
    if chunk_bytes is None:
        chunk_bytes = CHUNK_BYTES["cuda" if weight_VD.is_cuda else "cpu"]
    if chunk_bytes <= 0:
        raise ValueError(f"chunk_bytes is {chunk_bytes}: give a positive number of bytes, or None for the default")
    vocabulary, dtype = weight_VD.shape[0], compute_dtype(weight_VD.dtype)
    own_operand = dtype != weight_VD.dtype and not kernels
    value_bytes = dtype.itemsize * (2 if teacher else 1) + (weight_VD.dtype.itemsize if own_operand else 0)
    rows = chunk_rows(tokens, vocabulary * value_bytes, chunk_bytes)
    logits_CV = weight_VD.new_empty((rows, vocabulary), dtype=dtype)
    operand_CV = weight_VD.new_empty((rows, vocabulary)) if own_operand else logits_CV.view(weight_VD.dtype)
    return Workspace(
        logits_CV=logits_CV,
        operand_CV=operand_CV[:, :vocabulary],
        budget_bytes=chunk_bytes,
        kernels=kernels,
        teacher_CV=torch.empty_like(logits_CV) if teacher else None,
    )


def compute_logits(hidden_CD: Tensor, weight_VD: Tensor, bias_V: Tensor | None, work: Workspace) -> Tensor:
    """[C, V] logits h W^T + b in the workspace, of `compute_dtype`."""
    return logits_into(work.logits_CV[: len(hidden_CD)], hidden_CD, weight_VD, bias_V)


def logits_into(logits_CV: Tensor, hidden_CD: Tensor, weight_VD: Tensor, bias_V: Tensor | None) -> Tensor:
    """h W^T + b, written to `logits_CV`.

    For 16-bit inputs the product is rounded to 16 bits on a CPU (as `nn.Linear` does) and not on a GPU.
    """
    if hidden_CD.is_cuda and logits_CV.dtype == hidden_CD.dtype:
        torch.mm(hidden_CD, weight_VD.t(), out=logits_CV)
    elif hidden_CD.is_cuda and logits_CV.dtype == torch.float32 and hidden_CD.dtype.itemsize == 2:
        torch.mm(hidden_CD, weight_VD.t(), out_dtype=torch.float32, out=logits_CV)
    else:
        _product_in_blocks(hidden_CD, weight_VD, logits_CV)
    return logits_CV if bias_V is None else logits_CV.add_(bias_V)


def _product_in_blocks(hidden_CD: Tensor, weight_VD: Tensor, logits_CV: Tensor) -> None:
    for weight_BD, logits_CB in zip(weight_VD.split(CPU_BLOCK), logits_CV.split(CPU_BLOCK, dim=1), strict=True):
        if logits_CB.dtype == hidden_CD.dtype:
            torch.mm(hidden_CD, weight_BD.t(), out=logits_CB)
        else:
            logits_CB.copy_(torch.mm(hidden_CD, weight_BD.t()))


def normalisers_(logits_CV: Tensor, work: Workspace) -> tuple[Tensor, Tensor]:
    """max z and sum exp(z - max z) of each row, [C, 1]; logsumexp z = max + log(sum).

    After it the logits are for `softmax_gradient_` alone: PyTorch leaves exp(z - max z) in their place.
    """
    if work.kernels:
        max_C1, sum_C1, _ = row_statistics(logits_CV)
        return max_C1, sum_C1
    return exponentials_(logits_CV)


def exponentials_(logits_CV: Tensor) -> tuple[Tensor, Tensor]:
    """Turns logits z into exp(z - max z) in place; returns max z and the sums of the exponentials, each [C, 1]."""
    max_C1 = logits_CV.amax(dim=-1, keepdim=True)
    sum_C1 = logits_CV.sub_(max_C1).exp_().sum(dim=-1, keepdim=True)
    return max_C1, sum_C1


def softmax_gradient_(
    logits_CV: Tensor,
    operand_CV: Tensor,
    normalisers: tuple[Tensor, Tensor],
    sparse: tuple[Tensor, Tensor, Tensor],
    weights_C1: Tensor,
    work: Workspace,
) -> None:
    """Writes w (p_S - p) into the operand, where p has few entries: what a cross-entropy gives to its logits.

    Args:
        logits_CV: what `normalisers_` left. operand_CV: the same rows of the workspace's operand.
        normalisers: of `normalisers_`.
        sparse: [C, K] int64 ids, the entries of p there, and p_S there. An id that occurs twice in a row is the sum of
            its entries. Written over.
        weights_C1: w.
    """
    max_C1, sum_C1 = normalisers
    ids_CK, entries_CK, student_CK = sparse
    if not work.kernels:
        logits_CV.scatter_add_(-1, ids_CK, entries_CK.mul_(-sum_C1))
        scale_into(operand_CV, logits_CV, weights_C1 / sum_C1)
        return
    # The sum over equal ids, with the logits for a scratch pad: what the kernel makes of these places is written over.
    logits_CV.scatter_(-1, ids_CK, 0.0).scatter_add_(-1, ids_CK, entries_CK)
    difference_CK = student_CK.sub_(logits_CV.gather(-1, ids_CK)).mul_(weights_C1)
    write_softmax(operand_CV, logits_CV, max_C1, weights_C1 / sum_C1)
    operand_CV.scatter_(-1, ids_CK, difference_CK.to(operand_CV.dtype))


def scale_into(operand_CV: Tensor, logits_CV: Tensor, factors_C1: Tensor) -> None:
    """operand = logits times a factor per row, rounded; the logits are written over."""
    if operand_CV.is_cuda:
        torch.mul(logits_CV, factors_C1, out=operand_CV)  # one pass, rounding included; a CPU would take a copy for it
        return
    logits_CV.mul_(factors_C1)
    if operand_CV.dtype != logits_CV.dtype:
        operand_CV.copy_(logits_CV)


class HeadGradients:
    """Gradients of hidden states, weight and bias, summed over chunks; None for each input that needs none.

    Tokens that are in no chunk keep a gradient of exactly 0.
    """

    def __init__(
        self, hidden_TD: Tensor, weight_VD: Tensor, bias_V: Tensor | None, needs: tuple[bool, ...], fp32: bool = False
    ) -> None:
        """`needs`: which of the three need a gradient. `fp32`: the weight's gradient is summed in float32."""
        if any(needs) and weight_VD.dtype == torch.float16:
            raise ValueError(
                "lm_head_weight_VD is torch.float16, in which the gradient w (p_S - p) of most tokens is 0, whatever "
                "the loss is scaled by afterwards: train in bfloat16 or float32"
            )
        accumulated = compute_dtype(weight_VD.dtype) if fp32 else weight_VD.dtype
        self.hidden_TD = torch.zeros_like(hidden_TD) if needs[0] else None
        self.weight_VD = torch.empty_like(weight_VD, dtype=accumulated) if needs[1] else None
        self.bias_V = None
        if needs[2] and bias_V is not None:
            self.bias_V = torch.zeros_like(bias_V, dtype=compute_dtype(bias_V.dtype))
        self.chunks = 0

    def add(self, rows_C: Tensor, hidden_CD: Tensor, weight_VD: Tensor, work: Workspace) -> None:
        """Adds a chunk, the gradient dz of whose logits is the workspace's operand: dW += dz^T h, dh = dz W."""
        operand_CV = work.operand_CV[: len(rows_C)]
        if self.bias_V is not None:
            self.bias_V.add_(operand_CV.sum(dim=0, dtype=self.bias_V.dtype))
        if self.hidden_TD is not None:
            self.hidden_TD.index_copy_(0, rows_C, torch.mm(operand_CV, weight_VD))
        if self.weight_VD is not None:
            self._add_to_weight(self.weight_VD, operand_CV, hidden_CD)
        self.chunks += 1

    def _add_to_weight(self, sum_VD: Tensor, operand_CV: Tensor, hidden_CD: Tensor) -> None:
        beta = 1.0 if self.chunks else 0.0  # the first product writes over memory that nothing has set
        if sum_VD.dtype == operand_CV.dtype:
            sum_VD.addmm_(operand_CV.t(), hidden_CD, beta=beta)
        elif sum_VD.is_cuda:
            torch.addmm(sum_VD, operand_CV.t(), hidden_CD, beta=beta, out_dtype=sum_VD.dtype, out=sum_VD)
        else:
            wide_CD = hidden_CD.to(sum_VD.dtype)
            for sum_BD, operand_CB in zip(sum_VD.split(CPU_BLOCK), operand_CV.split(CPU_BLOCK, dim=1), strict=True):
                sum_BD.addmm_(operand_CB.t().to(sum_VD.dtype), wide_CD, beta=beta)

    def result(self) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """The three sums; the weight's in the dtype it was summed in."""
        if self.weight_VD is not None and self.chunks == 0:
            self.weight_VD.zero_()
        return self.hidden_TD, self.weight_VD, self.bias_V


def chunks_of(token_weights_T: Tensor, rows: int, *, separate: bool) -> Iterator[tuple[Tensor, bool]]:
    """Row numbers of each chunk, and whether its tokens have a weight.

    `separate`: tokens of weight 0 come last, in chunks of their own. Otherwise in order, all True.
    """
    if not separate:
        for rows_C in torch.arange(len(token_weights_T), device=token_weights_T.device).split(rows):
            if len(rows_C):
                yield rows_C, True
        return
    weighted_T = token_weights_T != 0
    for flag in (True, False):
        for rows_C in (weighted_T == flag).nonzero().squeeze(1).split(rows):
            if len(rows_C):
                yield rows_C, flag


def check_head(hidden_TD: Tensor, weight_VD: Tensor, bias_V: Tensor | None) -> None:
    """Shapes and dtypes of a head and what goes into it."""
    if hidden_TD.dim() != 2 or weight_VD.dim() != 2 or hidden_TD.shape[1] != weight_VD.shape[1]:
        raise ValueError(
            f"hidden_TD is {tuple(hidden_TD.shape)} and lm_head_weight_VD {tuple(weight_VD.shape)}: both have two "
            "dimensions and the same last one; flatten a batch to its response tokens first"
        )
    if hidden_TD.dtype != weight_VD.dtype or not hidden_TD.is_floating_point():
        raise ValueError(
            f"hidden_TD is {hidden_TD.dtype} and lm_head_weight_VD {weight_VD.dtype}: cast one to the other's dtype"
        )
    if bias_V is not None and bias_V.shape != weight_VD.shape[:1]:
        raise ValueError(f"bias_V is {tuple(bias_V.shape)}: one value per row of lm_head_weight_VD, {len(weight_VD)}")


def check_ids(name: str, ids: Tensor, vocabulary: int) -> None:
    """Token ids are integers in [0, V)."""
    if ids.dtype not in (torch.int32, torch.int64):
        raise ValueError(f"{name} is {ids.dtype}: give token ids as int32 or int64")
    if ids.numel() == 0:
        return
    low, high = torch.stack([ids.min(), ids.max()]).tolist()
    if low < 0 or high >= vocabulary:
        raise ValueError(
            f"{name} has ids from {low} to {high} and the head has {vocabulary} rows: "
            "teacher and student must have the same vocabulary"
        )


def check_tokens(name: str, values: Tensor, tokens: int) -> None:
    """One value for each token."""
    if values.shape != (tokens,):
        raise ValueError(f"{name} is {tuple(values.shape)}: give one value for each of the {tokens} tokens")


def refuse_second_derivatives(name: str) -> None:
    """Of a backward, which has gradients enabled only under create_graph=True."""
    if torch.is_grad_enabled():
        raise RuntimeError(f"{name} has no second derivative: call backward without create_graph=True")
