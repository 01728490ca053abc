"""The language-model head on a few tokens at a time: the logits of a chunk, and the head's gradients from a chunk's.

Shapes: T tokens, C tokens of one chunk, D hidden width, V vocabulary.

Nothing here is of size [T, V]. The two matrices of size [C, V] live in a `Workspace`, which each chunk writes over.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

CHUNK_BYTES = {"cpu": 160 * 2**20, "cuda": 768 * 2**20}
"""Default budget of a workspace, bytes. On a CPU the product with the weight is at full speed from about 256 rows of a
vocabulary of 151,936, and this stays under a tenth of the logits of 4,096 tokens. On a GPU each chunk reads and writes
the whole gradient of the weight, so chunks are larger; a gigabyte is the most that may be spent beyond it."""
TILE_ROWS = 64
"""Chunks are whole numbers of matrix-product tiles where the budget allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Memory for one chunk, used again by the next."""

    logits_CV: Tensor
    """Of `compute_dtype`."""
    operand_CV: Tensor
    """What matrix products read and write, in the head's own dtype; the same memory as `logits_CV` if that is equal."""

    budget_bytes: int
    """What it was asked to stay within."""

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


def workspace(weight_VD: Tensor, tokens: int, chunk_bytes: int | None) -> Workspace:
    """Memory for chunks of at most `tokens` rows; `chunk_bytes` None is the default of the device."""
    if chunk_bytes is None:
        chunk_bytes = CHUNK_BYTES["cuda" if weight_VD.is_cuda else "cpu"]
    if chunk_bytes <= 0:
        raise ValueError(f"chunk_bytes is {chunk_bytes}: give a positive number of bytes, or None for the default")
    vocabulary, dtype = weight_VD.shape[0], compute_dtype(weight_VD.dtype)
    shared = dtype == weight_VD.dtype
    row_bytes = vocabulary * (dtype.itemsize + (0 if shared else weight_VD.dtype.itemsize))
    rows = chunk_rows(tokens, row_bytes, chunk_bytes)
    logits_CV = weight_VD.new_empty((rows, vocabulary), dtype=dtype)
    operand_CV = logits_CV if shared else weight_VD.new_empty((rows, vocabulary))
    return Workspace(logits_CV=logits_CV, operand_CV=operand_CV, budget_bytes=chunk_bytes)


def compute_logits(hidden_CD: Tensor, weight_VD: Tensor, bias_V: Tensor | None, work: Workspace) -> Tensor:
    """[C, V] logits h W^T + b in the workspace, of `compute_dtype`.

    For 16-bit inputs the product is rounded to 16 bits on a CPU (as `nn.Linear` does) and not on a GPU.
    """
    logits_CV, operand_CV = work.logits_CV[: len(hidden_CD)], work.operand_CV[: len(hidden_CD)]
    if logits_CV.dtype != hidden_CD.dtype and hidden_CD.is_cuda:
        torch.mm(hidden_CD, weight_VD.t(), out_dtype=logits_CV.dtype, out=logits_CV)
    else:
        torch.mm(hidden_CD, weight_VD.t(), out=operand_CV)
        if logits_CV.dtype != hidden_CD.dtype:
            logits_CV.copy_(operand_CV)
    return logits_CV if bias_V is None else logits_CV.add_(bias_V)


def exponentials_(logits_CV: Tensor) -> tuple[Tensor, Tensor]:
    """Turns logits z into exp(z - max z) in place; returns max z and the sums of the exponentials, each [C, 1].

    So logsumexp z = max + log(sum), and the softmax is the result over the sum.
    """
    max_C1 = logits_CV.amax(dim=-1, keepdim=True)
    sum_C1 = logits_CV.sub_(max_C1).exp_().sum(dim=-1, keepdim=True)
    return max_C1, sum_C1


class HeadGradients:
    """Gradients of hidden states, weight and bias, summed over chunks; None for each input that needs none.

    Tokens that are in no chunk keep a gradient of exactly 0.
    """

    def __init__(
        self, hidden_TD: Tensor, weight_VD: Tensor, bias_V: Tensor | None, needs: tuple[bool, ...], fp32: bool = False
    ) -> None:
        """`needs`: which of the three need a gradient. `fp32`: the weight's gradient is summed in float32."""
        accumulated = compute_dtype(weight_VD.dtype) if fp32 else weight_VD.dtype
        self.hidden_TD = torch.zeros_like(hidden_TD) if needs[0] else None
        self.weight_VD = torch.empty_like(weight_VD, dtype=accumulated) if needs[1] else None
        self.bias_V = None
        if needs[2] and bias_V is not None:
            self.bias_V = torch.zeros_like(bias_V, dtype=compute_dtype(bias_V.dtype))
        self.chunks = 0

    def add(self, rows_C: Tensor, hidden_CD: Tensor, weight_VD: Tensor, work: Workspace) -> None:
        """Adds a chunk whose gradient of the logits, dz, is in the workspace: dW += dz^T h, dh = dz W, db += sum dz."""
        grad_CV, operand_CV = work.logits_CV[: len(rows_C)], work.operand_CV[: len(rows_C)]
        if self.bias_V is not None:
            self.bias_V.add_(grad_CV.sum(dim=0))
        if operand_CV.dtype != grad_CV.dtype:
            operand_CV.copy_(grad_CV)
        if self.hidden_TD is not None:
            self.hidden_TD.index_copy_(0, rows_C, torch.mm(operand_CV, weight_VD))
        if self.weight_VD is not None:
            self._add_to_weight(self.weight_VD, grad_CV, operand_CV, hidden_CD)
        self.chunks += 1

    def _add_to_weight(self, sum_VD: Tensor, grad_CV: Tensor, operand_CV: Tensor, hidden_CD: Tensor) -> None:
        beta = 1.0 if self.chunks else 0.0  # the first product writes over memory that nothing has set
        if sum_VD.dtype == operand_CV.dtype:
            sum_VD.addmm_(operand_CV.t(), hidden_CD, beta=beta)
        elif sum_VD.is_cuda:
            torch.addmm(sum_VD, operand_CV.t(), hidden_CD, beta=beta, out_dtype=sum_VD.dtype, out=sum_VD)
        else:
            sum_VD.addmm_(grad_CV.t(), hidden_CD.to(sum_VD.dtype), beta=beta)

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
