"""The language-model head on a chunk of tokens: its logits, the gradient of a softmax, and the head's gradients.

Shapes: T tokens, C tokens of one chunk, B rows of a block of the weight, D hidden width, V vocabulary, K teacher
entries.

Nothing here has the size [T, V]. A `Workspace` holds one to three matrices of size [C, V], and every chunk overwrites
them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from uopd.losses.kernels import row_statistics, write_softmax

CHUNK_BYTES = {"cpu": 160 * 2**20, "cuda": 768 * 2**20}
"""Default budget of a workspace, bytes. On a CPU the product with the weight reaches its full speed at about 256 rows
of a vocabulary of 151,936, and this budget is less than a tenth of the logits of 4,096 tokens. On a GPU each chunk
reads and writes the whole gradient of the weight, so chunks are larger; a workspace may take at most a gigabyte."""
ENTRY_SHARE = 8
"""Memory for the teacher entries in flight: 1 / ENTRY_SHARE of the chunk budget, on top of it."""
TILE_ROWS = 64
"""A chunk is a whole number of matrix-product tiles if the budget allows."""
CPU_BLOCK = 1024
"""Rows of the head's weight in one product on a CPU. A few hundred tokens times the whole weight take longer than the
same tokens times one block after the other."""


PADDING = -1e30
"""Logit of a row that only pads the head: its probability is exactly 0, and 0 times it is 0, not NaN."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Memory for one chunk, used again by the next chunk."""

    logits_CV: Tensor
    """Of `compute_dtype`."""
    operand_CV: Tensor
    """What matrix products read, in the head's own dtype. It shares the memory of `logits_CV` if the dtypes are equal,
    and with Triton's kernels: they write a row's 16-bit gradient over its logits."""
    budget_bytes: int
    """Memory that the workspace was asked to stay within."""
    kernels: bool
    """Whether `kernels.py` computes what lies between the matrix products; otherwise PyTorch does."""
    teacher_CV: Tensor | None
    """Memory for the logits of a teacher that is given by its hidden states; of `compute_dtype`."""
    used_rows: int
    """Rows of the head that are tokens. The others pad the head and are in no distribution."""

    @property
    def rows(self) -> int:
        return self.logits_CV.shape[0]


def compute_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return the dtype of logits: float64 for float64, else float32, in which a softmax over a vocabulary is exact
    enough."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def chunk_rows(tokens: int, row_bytes: int, chunk_bytes: int) -> int:
    """Return the number of tokens per chunk, at least 1: as few chunks as the budget allows, and all about equally
    long.

    >>> chunk_rows(512, row_bytes=10, chunk_bytes=3310)  # two chunks of 256, although 331 rows would fit
    256
    """
    limit = max(1, chunk_bytes // row_bytes)
    chunks = max(1, -(-tokens // limit))
    even = -(-tokens // chunks)
    return max(1, min(limit, tokens, -(-even // TILE_ROWS) * TILE_ROWS))


def workspace(
    weight_VD: Tensor,
    tokens: int,
    chunk_bytes: int | None,
    *,
    kernels: bool = False,
    teacher: bool = False,
    used_rows: int | None = None,
) -> Workspace:
    """Allocate the memory for chunks of at most `tokens` rows.

    Args:
        chunk_bytes: budget, bytes; None takes the device's default, `CHUNK_BYTES`.
        kernels: whether Triton's kernels are used.
        teacher: whether the teacher's logits need memory too.
        used_rows: rows of the head that are tokens; None: all.
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
        used_rows=vocabulary if used_rows is None else used_rows,
    )


def compute_logits(hidden_CD: Tensor, weight_VD: Tensor, bias_V: Tensor | None, work: Workspace) -> Tensor:
    """Compute the [C, V] logits h W^T + b in the workspace, in `compute_dtype`."""
    return pad_(logits_into(work.logits_CV[: len(hidden_CD)], hidden_CD, weight_VD, bias_V), work.used_rows)


def pad_(logits_CV: Tensor, used_rows: int) -> Tensor:
    """Give the rows behind `used_rows` of the head the probability 0, and return the logits.

    The logits keep their width: products of matrices are fast if it is a multiple of a tile, for which models are
    padded.
    """
    if used_rows < logits_CV.shape[1]:
        logits_CV[:, used_rows:] = PADDING
    return logits_CV


def heat_(logits_CV: Tensor, temperature: float) -> Tensor:
    """Divide logits by a temperature in place, in their own dtype, and return them."""
    return logits_CV if temperature == 1 else logits_CV.div_(temperature)


def logits_into(logits_CV: Tensor, hidden_CD: Tensor, weight_VD: Tensor, bias_V: Tensor | None) -> Tensor:
    """Write h W^T + b to `logits_CV` and return it.

    For 16-bit inputs the product is rounded to 16 bits on a CPU, as `nn.Linear` does. On a GPU it is not rounded.
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
    """Compute max z and sum exp(z - max z) of each row, both [C, 1]; logsumexp z = max + log(sum).

    Afterwards only `softmax_gradient_` can use the logits: without the kernels they are replaced by exp(z - max z).
    """
    if work.kernels:
        max_C1, sum_C1, _ = row_statistics(logits_CV)
        return max_C1, sum_C1
    return exponentials_(logits_CV)


def exponentials_(logits_CV: Tensor) -> tuple[Tensor, Tensor]:
    """Replace logits z by exp(z - max z); return max z and the sums of the exponentials, each [C, 1]."""
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
    """Write w (p_S - p) to the operand: the gradient of the logits of a cross-entropy with a p that has K entries.

    Args:
        logits_CV: as `normalisers_` left them. operand_CV: the same rows of the workspace's operand.
        normalisers: what `normalisers_` returned.
        sparse: [C, K] each: int64 ids, and p and p_S at these ids. If an id occurs twice in a row, its entries are
            added. The last two are overwritten.
        weights_C1: w.
    """
    max_C1, sum_C1 = normalisers
    ids_CK, entries_CK, student_CK = sparse
    if not work.kernels:
        logits_CV.scatter_add_(-1, ids_CK, entries_CK.mul_(-sum_C1))
        scale_into(operand_CV, logits_CV, weights_C1 / sum_C1)
        return
    # Add the entries of equal ids, in the memory of the logits at these ids: the last line overwrites what
    # `write_softmax` makes of them.
    logits_CV.scatter_(-1, ids_CK, 0.0).scatter_add_(-1, ids_CK, entries_CK)
    difference_CK = student_CK.sub_(logits_CV.gather(-1, ids_CK)).mul_(weights_C1)
    write_softmax(operand_CV, logits_CV, max_C1, weights_C1 / sum_C1)
    operand_CV.scatter_(-1, ids_CK, difference_CK.to(operand_CV.dtype))


def scale_into(operand_CV: Tensor, logits_CV: Tensor, factors_C1: Tensor) -> None:
    """Write the logits times a factor per row to the operand, rounded; the logits are overwritten."""
    if operand_CV.is_cuda:
        torch.mul(logits_CV, factors_C1, out=operand_CV)  # one pass that also rounds; on a CPU it would need a copy
        return
    logits_CV.mul_(factors_C1)
    if operand_CV.dtype != logits_CV.dtype:
        operand_CV.copy_(logits_CV)


class HeadGradients:
    """Gradients of hidden states, weight and bias, summed over chunks; None for an input that needs no gradient.

    A token that is in no chunk keeps a gradient of exactly 0.
    """

    def __init__(
        self, hidden_TD: Tensor, weight_VD: Tensor, bias_V: Tensor | None, needs: tuple[bool, ...], fp32: bool = False
    ) -> None:
        """Allocate the sums.

        Args:
            needs: which of the three inputs need a gradient.
            fp32: whether the weight's gradient is summed in float32.
        """
        if any(needs) and weight_VD.dtype == torch.float16:
            raise ValueError(
                "lm_head_weight_VD is torch.float16, in which the gradient w (p_S - p) of most tokens rounds to 0, and "
                "scaling the loss afterwards does not help: train in bfloat16 or float32"
            )
        accumulated = compute_dtype(weight_VD.dtype) if fp32 else weight_VD.dtype
        self.hidden_TD = torch.zeros_like(hidden_TD) if needs[0] else None
        self.weight_VD = torch.empty_like(weight_VD, dtype=accumulated) if needs[1] else None
        self.bias_V = None
        if needs[2] and bias_V is not None:
            self.bias_V = torch.zeros_like(bias_V, dtype=compute_dtype(bias_V.dtype))
        self.chunks = 0

    def add(self, rows_C: Tensor, hidden_CD: Tensor, weight_VD: Tensor, work: Workspace) -> None:
        """Add a chunk: dW += dz^T h and dh = dz W, with the workspace's operand for dz."""
        operand_CV = work.operand_CV[: len(rows_C)]
        if self.bias_V is not None:
            self.bias_V.add_(operand_CV.sum(dim=0, dtype=self.bias_V.dtype))
        if self.hidden_TD is not None:
            self.hidden_TD.index_copy_(0, rows_C, torch.mm(operand_CV, weight_VD))
        if self.weight_VD is not None:
            self._add_to_weight(self.weight_VD, operand_CV, hidden_CD)
        self.chunks += 1

    def _add_to_weight(self, sum_VD: Tensor, operand_CV: Tensor, hidden_CD: Tensor) -> None:
        beta = 1.0 if self.chunks else 0.0  # the memory is not initialised before the first product
        if sum_VD.dtype == operand_CV.dtype:
            sum_VD.addmm_(operand_CV.t(), hidden_CD, beta=beta)
        elif sum_VD.is_cuda:
            torch.addmm(sum_VD, operand_CV.t(), hidden_CD, beta=beta, out_dtype=sum_VD.dtype, out=sum_VD)
        else:
            wide_CD = hidden_CD.to(sum_VD.dtype)
            for sum_BD, operand_CB in zip(sum_VD.split(CPU_BLOCK), operand_CV.split(CPU_BLOCK, dim=1), strict=True):
                sum_BD.addmm_(operand_CB.t().to(sum_VD.dtype), wide_CD, beta=beta)

    def result(self) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Return the three sums, the weight's in the dtype in which it was summed."""
        if self.weight_VD is not None and self.chunks == 0:
            self.weight_VD.zero_()
        return self.hidden_TD, self.weight_VD, self.bias_V


def chunks_of(token_weights_T: Tensor, rows: int, *, separate: bool) -> Iterator[tuple[Tensor, bool]]:
    """Yield the row numbers of each chunk, and whether its tokens have a weight other than 0.

    Args:
        rows: most tokens of a chunk.
        separate: whether tokens of weight 0 get chunks of their own, after the others. Otherwise all tokens come in
            their order, with True.
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
    """Raise ValueError if the shapes or dtypes of hidden states and head do not fit."""
    if hidden_TD.dim() != 2 or weight_VD.dim() != 2 or hidden_TD.shape[1] != weight_VD.shape[1]:
        raise ValueError(
            f"hidden_TD is {tuple(hidden_TD.shape)} and lm_head_weight_VD {tuple(weight_VD.shape)}: give both two "
            "dimensions and the same last dimension; flatten a batch to its response tokens first"
        )
    if hidden_TD.dtype != weight_VD.dtype or not hidden_TD.is_floating_point():
        raise ValueError(
            f"hidden_TD is {hidden_TD.dtype} and lm_head_weight_VD {weight_VD.dtype}: cast one to the other's dtype"
        )
    if bias_V is not None and bias_V.shape != weight_VD.shape[:1]:
        raise ValueError(
            f"bias_V is {tuple(bias_V.shape)}: give {len(weight_VD)} values, one for each row of lm_head_weight_VD"
        )


def check_rows(used_rows: int | None, weight_VD: Tensor) -> int:
    """Return the number of rows of the head that are tokens; ValueError if it has fewer rows."""
    if used_rows is None:
        return len(weight_VD)
    if not 1 <= used_rows <= len(weight_VD):
        raise ValueError(f"used_rows is {used_rows}: give 1 to {len(weight_VD)}, the rows of the head, or None for all")
    return used_rows


def check_ids(name: str, ids: Tensor, vocabulary: int) -> None:
    """Raise ValueError if token ids are not integers in [0, V)."""
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
    """Raise ValueError if there is not one value per token."""
    if values.shape != (tokens,):
        raise ValueError(f"{name} is {tuple(values.shape)}: give one value for each of the {tokens} tokens")


def refuse_second_derivatives(name: str) -> None:
    """Raise RuntimeError inside a backward of create_graph=True, the only backward in which gradients are enabled."""
    if torch.is_grad_enabled():
        raise RuntimeError(f"{name} has no second derivative: call backward without create_graph=True")
