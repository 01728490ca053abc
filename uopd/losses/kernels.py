"""Triton kernels for what lies between the matrix products of a head: the softmax of each row of logits.

PyTorch reads the float32 logits of a chunk five times and writes them three times (maximum, difference, exponential,
sum, scaling and rounding). The kernels read them twice and write once: 16-bit gradients, into the memory of the logits.
A chunk of the same memory therefore holds 1.5 times as many tokens.

`lm_head.py` has the PyTorch path, which is the reference. `usable` allows the kernels on a device only after a test has
shown that they agree with PyTorch there. One program works on one row.

Shapes: C rows of a chunk, V vocabulary.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

jit: Any
MISSING: Exception | None = None
"""Why Triton cannot be imported."""
try:
    import triton
    import triton.language as tl

    jit = triton.jit
except Exception as error:  # an installation may be broken in any way, and none of them should end a run
    MISSING = error

    def jit(function: Any) -> Any:
        return function


BLOCK = 4096
"""Logits that a program holds at a time: 16 for each of its 256 threads, in four loads of 16 bytes."""
PAIR_BLOCK = 2048
"""The same for programs that read two rows."""
WARPS = 8
LOWEST = -3.0e38
"""Less than every finite logit of a model; not -inf, because -inf - -inf is NaN."""
FLOAT32_TOLERANCE = 1e-5
"""Largest relative difference from PyTorch, in norm, that `usable` accepts for float32."""
BFLOAT16_TOLERANCE = 2.0**-8
"""The same for 16-bit types: twice the unit roundoff of bfloat16."""


@jit
def _statistics_kernel(  # type: ignore[no-untyped-def]
    logits, maxima, sums, minima, vocabulary, stride, BLOCK: tl.constexpr, LOWEST: tl.constexpr
):
    row = tl.program_id(0).to(tl.int64)
    logits += row * stride
    offsets = tl.arange(0, BLOCK)
    # Each lane keeps its own maximum and sum; they are combined once, after the loop.
    largest = tl.full([BLOCK], LOWEST, tl.float32)
    total = tl.zeros([BLOCK], tl.float32)
    smallest = tl.full([BLOCK], -LOWEST, tl.float32)
    for start in range(0, vocabulary, BLOCK):
        mask = start + offsets < vocabulary
        z = tl.load(logits + start + offsets, mask=mask, other=float("-inf"))
        raised = tl.maximum(largest, z)
        total = total * tl.exp(largest - raised) + tl.exp(z - raised)
        largest = raised
        smallest = tl.minimum(smallest, tl.where(mask, z, -LOWEST))
    top = tl.max(largest, axis=0)
    tl.store(maxima + row, top)
    tl.store(sums + row, tl.sum(total * tl.exp(largest - top), axis=0))
    tl.store(minima + row, tl.min(smallest, axis=0))


@jit
def _softmax_kernel(  # type: ignore[no-untyped-def]
    out, logits, maxima, factors, vocabulary, out_stride, stride, BLOCK: tl.constexpr
):
    row = tl.program_id(0).to(tl.int64)
    logits += row * stride
    out += row * out_stride
    top = tl.load(maxima + row)
    factor = tl.load(factors + row)
    offsets = tl.arange(0, BLOCK)
    for start in range(0, vocabulary, BLOCK):
        mask = start + offsets < vocabulary
        z = tl.load(logits + start + offsets, mask=mask, other=float("-inf"))
        # `out` may be the same memory in a narrower type: all threads must have read before any of them writes.
        tl.debug_barrier()
        tl.store(out + start + offsets, (tl.exp(z - top) * factor).to(out.dtype.element_ty), mask=mask)


@jit
def _pair_statistics_kernel(  # type: ignore[no-untyped-def]
    student,
    teacher,
    student_maxima,
    student_sums,
    teacher_maxima,
    teacher_sums,
    student_dots,
    teacher_dots,
    students_at_teacher_max,
    vocabulary,
    student_stride,
    teacher_stride,
    BLOCK: tl.constexpr,
    LOWEST: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    student += row * student_stride
    teacher += row * teacher_stride
    offsets = tl.arange(0, BLOCK)
    student_max = tl.full([BLOCK], LOWEST, tl.float32)
    student_sum = tl.zeros([BLOCK], tl.float32)
    teacher_max = tl.full([BLOCK], LOWEST, tl.float32)
    teacher_sum = tl.zeros([BLOCK], tl.float32)
    student_dot = tl.zeros([BLOCK], tl.float32)
    teacher_dot = tl.zeros([BLOCK], tl.float32)
    at_first = tl.full([BLOCK], LOWEST, tl.float32)
    for start in range(0, vocabulary, BLOCK):
        mask = start + offsets < vocabulary
        z = tl.load(student + start + offsets, mask=mask, other=LOWEST)
        y = tl.load(teacher + start + offsets, mask=mask, other=LOWEST)
        at_first = tl.where(y > teacher_max, z, at_first)
        # The dots are of differences from the lane's maxima: beside large logits, small differences would be lost.
        student_top = tl.maximum(student_max, z)
        teacher_top = tl.maximum(teacher_max, y)
        shrunk = tl.exp(teacher_max - teacher_top)
        student_dot = (student_dot + teacher_sum * (student_max - student_top)) * shrunk
        teacher_dot = (teacher_dot + teacher_sum * (teacher_max - teacher_top)) * shrunk
        e = tl.where(mask, tl.exp(y - teacher_top), 0.0)
        student_sum = student_sum * tl.exp(student_max - student_top) + tl.where(mask, tl.exp(z - student_top), 0.0)
        teacher_sum = teacher_sum * shrunk + e
        student_dot += tl.where(mask, e * (z - student_top), 0.0)
        teacher_dot += tl.where(mask, e * (y - teacher_top), 0.0)
        student_max = student_top
        teacher_max = teacher_top
    student_most = tl.max(student_max, axis=0)
    teacher_most = tl.max(teacher_max, axis=0)
    shrunk = tl.exp(teacher_max - teacher_most)
    student_rest = (student_dot + teacher_sum * (student_max - student_most)) * shrunk
    teacher_rest = (teacher_dot + teacher_sum * (teacher_max - teacher_most)) * shrunk
    tl.store(student_maxima + row, student_most)
    tl.store(student_sums + row, tl.sum(student_sum * tl.exp(student_max - student_most), axis=0))
    tl.store(teacher_maxima + row, teacher_most)
    tl.store(teacher_sums + row, tl.sum(teacher_sum * shrunk, axis=0))
    tl.store(student_dots + row, tl.sum(student_rest, axis=0))
    tl.store(teacher_dots + row, tl.sum(teacher_rest, axis=0))
    at_teacher_max = tl.max(tl.where(teacher_max == teacher_most, at_first, LOWEST), axis=0)
    tl.store(students_at_teacher_max + row, at_teacher_max)


@jit
def _pair_softmax_kernel(  # type: ignore[no-untyped-def]
    out,
    student,
    teacher,
    student_maxima,
    student_sums,
    teacher_maxima,
    teacher_sums,
    weights,
    vocabulary,
    out_stride,
    student_stride,
    teacher_stride,
    BLOCK: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    out += row * out_stride
    student += row * student_stride
    teacher += row * teacher_stride
    weight = tl.load(weights + row)
    student_top = tl.load(student_maxima + row)
    student_factor = weight / tl.load(student_sums + row)
    teacher_top = tl.load(teacher_maxima + row)
    teacher_factor = weight / tl.load(teacher_sums + row)
    offsets = tl.arange(0, BLOCK)
    for start in range(0, vocabulary, BLOCK):
        mask = start + offsets < vocabulary
        z = tl.load(student + start + offsets, mask=mask, other=float("-inf"))
        y = tl.load(teacher + start + offsets, mask=mask, other=float("-inf"))
        difference = tl.exp(z - student_top) * student_factor - tl.exp(y - teacher_top) * teacher_factor
        tl.debug_barrier()  # as in `_softmax_kernel`
        tl.store(out + start + offsets, difference.to(out.dtype.element_ty), mask=mask)


def _launch(kernel: Any, logits_CV: Tensor, *arguments: Any, **constants: Any) -> None:
    """Run one program per row on the logits' device, which need not be the current device."""
    if len(logits_CV):
        with torch.cuda.device(logits_CV.device) if logits_CV.is_cuda else nullcontext():
            kernel[(len(logits_CV),)](*arguments, **constants, num_warps=WARPS)


def row_statistics(logits_CV: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Compute max z, sum exp(z - max z) and min z of each row of float32 logits, each [C, 1].

    If a logit is NaN, so is the sum.
    """
    maxima_C1, sums_C1, minima_C1 = (logits_CV.new_empty((len(logits_CV), 1)) for _ in range(3))
    sizes = (logits_CV.shape[1], logits_CV.stride(0))
    _launch(_statistics_kernel, logits_CV, logits_CV, maxima_C1, sums_C1, minima_C1, *sizes, BLOCK=BLOCK, LOWEST=LOWEST)
    return maxima_C1, sums_C1, minima_C1


def write_softmax(out_CV: Tensor, logits_CV: Tensor, maxima_C1: Tensor, factors_C1: Tensor) -> None:
    """Write factor exp(z - max z) to `out`, rounded to its dtype.

    `out` may share the memory of the logits. Each of its rows must then begin where the row of logits begins, and must
    not be wider.
    """
    sizes = (logits_CV.shape[1], out_CV.stride(0), logits_CV.stride(0))
    _launch(_softmax_kernel, logits_CV, out_CV, logits_CV, maxima_C1, factors_C1, *sizes, BLOCK=BLOCK)


class PairStatistics(NamedTuple):
    """What a cross-entropy needs from rows of logits, z of the student and y of the teacher; [C] each.

    e(x) is exp(x - max x).
    """

    student_max: Tensor
    """max z."""
    student_sum: Tensor
    """sum e(z)."""
    teacher_max: Tensor
    """max y."""
    teacher_sum: Tensor
    """sum e(y)."""
    student_dot: Tensor
    """sum e(y) (z - max z)."""
    teacher_dot: Tensor
    """sum e(y) (y - max y)."""
    student_at_teacher_max: Tensor
    """z of the token with the largest y."""


def pair_statistics(student_CV: Tensor, teacher_CV: Tensor) -> PairStatistics:
    """Compute the statistics of float32 logits, which stay as they are."""
    pair = PairStatistics(*(student_CV.new_empty(len(student_CV)) for _ in PairStatistics._fields))
    sizes = (student_CV.shape[1], student_CV.stride(0), teacher_CV.stride(0))
    _launch(_pair_statistics_kernel, student_CV, student_CV, teacher_CV, *pair, *sizes, BLOCK=PAIR_BLOCK, LOWEST=LOWEST)
    return pair


def write_pair_softmax(
    out_CV: Tensor, student_CV: Tensor, teacher_CV: Tensor, pair: PairStatistics, weights_C1: Tensor
) -> None:
    """Write w (p_S - p_T) to `out`, from the statistics of both; `out` may share the memory of the student's logits."""
    normalisers = (pair.student_max, pair.student_sum, pair.teacher_max, pair.teacher_sum)
    sizes = (student_CV.shape[1], out_CV.stride(0), student_CV.stride(0), teacher_CV.stride(0))
    _launch(
        _pair_softmax_kernel,
        student_CV,
        out_CV,
        student_CV,
        teacher_CV,
        *normalisers,
        weights_C1,
        *sizes,
        BLOCK=PAIR_BLOCK,
    )


def usable(weight_VD: Tensor) -> bool:
    """Return whether the kernels may be used for heads of this dtype and device: Triton works there and agrees with
    PyTorch."""
    if weight_VD.dtype == torch.float64 or MISSING is not None:
        return False
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    return (weight_VD.is_cuda or interpreted) and _agrees(weight_VD.device, weight_VD.dtype)


@cache
def _agrees(device: torch.device, dtype: torch.dtype) -> bool:
    """Compare both paths on a few rows, once per device and dtype; warn if they differ or Triton fails."""
    try:
        difference = _difference(device, dtype)
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
    else:
        if difference <= (FLOAT32_TOLERANCE if dtype == torch.float32 else BFLOAT16_TOLERANCE):
            return True
        problem = f"they differ from PyTorch by {difference:.1e}"
    warnings.warn(
        f"the Triton kernels are not used on {device} for {dtype}: {problem[:500]}. PyTorch computes the same losses "
        "more slowly",
        stacklevel=2,
    )
    return False


def _difference(device: torch.device, dtype: torch.dtype) -> float:
    """Return the largest relative difference between the kernels and PyTorch, in norm; NaN if a kernel returns NaN.

    The rows have two blocks and a rest. One length is a multiple of 16 and one is not, because Triton compiles a kernel
    for each case.
    """
    pairs = [pair for rest in (48, 47) for pair in _both_ways(2 * BLOCK + rest, device, dtype)]
    return float(torch.stack([(actual - expected).norm() / expected.norm() for actual, expected in pairs]).max())


def _both_ways(vocabulary: int, device: torch.device, dtype: torch.dtype) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield what the kernels and what PyTorch compute from a few rows."""
    generator = torch.Generator().manual_seed(0)
    student_CV, teacher_CV = ((4 * torch.randn(5, vocabulary, generator=generator)).to(device) for _ in range(2))
    log_student_CV, log_teacher_CV = student_CV.log_softmax(dim=-1), teacher_CV.log_softmax(dim=-1)
    teacher_p_CV = log_teacher_CV.exp()
    maxima_C1, sums_C1, minima_C1 = row_statistics(student_CV)
    yield maxima_C1 + sums_C1.log(), student_CV.logsumexp(dim=-1, keepdim=True)
    yield minima_C1, student_CV.amin(dim=-1, keepdim=True)
    pair = pair_statistics(student_CV, teacher_CV)
    yield pair.student_max + pair.student_sum.log(), student_CV.logsumexp(dim=-1)
    yield pair.teacher_max + pair.teacher_sum.log(), teacher_CV.logsumexp(dim=-1)
    yield pair.student_dot / pair.teacher_sum + pair.student_max, (teacher_p_CV * student_CV).sum(dim=-1)
    yield pair.teacher_dot / pair.teacher_sum + pair.teacher_max, (teacher_p_CV * teacher_CV).sum(dim=-1)
    first_C1 = teacher_CV.argmax(dim=-1, keepdim=True)
    yield pair.student_at_teacher_max, student_CV.gather(-1, first_C1).squeeze(-1)
    for with_teacher in (False, True):
        logits_CV = student_CV.clone()
        # As in a workspace, `out` shares the memory of the logits, whatever its dtype.
        out_CV = logits_CV.flatten().view(dtype).view(len(logits_CV), -1)[:, :vocabulary]
        if with_teacher:
            write_pair_softmax(out_CV, logits_CV, teacher_CV, pair, torch.ones_like(sums_C1))
        else:
            write_softmax(out_CV, logits_CV, maxima_C1, 1 / sums_C1)
        yield out_CV.float(), log_student_CV.exp() - (teacher_p_CV if with_teacher else 0)
