"""Copies of scores between a device and the host's memory, one micro-batch at a time.

On a GPU the host buffers are pinned and copies are asynchronous. Only `wait_for_copies` blocks; the scorer calls it
once, at the end. On a CPU the same calls are plain copies.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor

from uopd.model.micro_batches import RowSpan
from uopd.rows import HiddenScores, Scores

ScoresT = TypeVar("ScoresT", Scores, HiddenScores)


def host_buffer(shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Allocate host memory that `device` will write or read."""
    return torch.empty(tuple(shape), dtype=dtype, pin_memory=device.type == "cuda")


def copy_to_host(part: ScoresT, scores: ScoresT, spans: Sequence[RowSpan]) -> None:
    """Start to copy a micro-batch's scores into the scores of all rows; `wait_for_copies` ends the copy."""
    for field in dataclasses.fields(scores):
        values, buffer = getattr(part, field.name), getattr(scores, field.name)
        for span in spans:
            buffer[span.in_rows].copy_(values[span.in_micro], non_blocking=True)


def copy_to_device(scores: ScoresT, spans: Sequence[RowSpan], device: torch.device) -> ScoresT:
    """Copy the scores of a micro-batch, out of those of all rows, to the device that reads them.

    PyTorch's allocator does not hand out the buffer in which they are gathered again before the device has read it.
    """
    parts = {field.name: _gather(getattr(scores, field.name), spans, device) for field in dataclasses.fields(scores)}
    return dataclasses.replace(scores, **parts)


def wait_for_copies(device: torch.device) -> None:
    """Wait until the device has done everything that was started on it."""
    if device.type == "cuda":
        torch.cuda.current_stream(device).synchronize()


def _gather(values: Tensor, spans: Sequence[RowSpan], device: torch.device) -> Tensor:
    length = sum(span.in_micro.stop - span.in_micro.start for span in spans)
    gathered = host_buffer((length, *values.shape[1:]), values.dtype, device)
    for span in spans:
        gathered[span.in_micro] = values[span.in_rows]
    return gathered.to(device, non_blocking=True)
