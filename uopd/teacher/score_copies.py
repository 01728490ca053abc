"""Scores on their way between a device and the host's memory, a micro-batch at a time.

On a GPU the host's side is pinned: a copy is begun and no call here waits for it but `wait`, at the scorer's end. On a
CPU the same calls are plain copies.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor

from uopd.model.micro_batches import Run
from uopd.rows import HiddenScores, Scores

ScoresT = TypeVar("ScoresT", Scores, HiddenScores)


def host_room(shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Memory of the host that `device` is to write or read."""
    return torch.empty(tuple(shape), dtype=dtype, pin_memory=device.type == "cuda")


def put(part: ScoresT, kept: ScoresT, runs: Sequence[Run]) -> None:
    """Begin to copy a micro-batch's scores to their places among those of all rows; `wait` ends it."""
    for field in dataclasses.fields(kept):
        values, room = getattr(part, field.name), getattr(kept, field.name)
        for here, there in runs:
            room[there].copy_(values[here], non_blocking=True)


def take(kept: ScoresT, runs: Sequence[Run], device: torch.device) -> ScoresT:
    """The part of all rows' scores that belongs to a micro-batch, on the device that reads it.

    The memory it is gathered in is not used again before the device has read it: PyTorch's allocator sees to that.
    """
    found = {field.name: _taken(getattr(kept, field.name), runs, device) for field in dataclasses.fields(kept)}
    return dataclasses.replace(kept, **found)


def wait(device: torch.device) -> None:
    """Until everything that was begun on the device is done."""
    if device.type == "cuda":
        torch.cuda.current_stream(device).synchronize()


def _taken(kept: Tensor, runs: Sequence[Run], device: torch.device) -> Tensor:
    length = sum(here.stop - here.start for here, _ in runs)
    gathered = host_room((length, *kept.shape[1:]), kept.dtype, device)
    for here, there in runs:
        gathered[here] = kept[there]
    return gathered.to(device, non_blocking=True)
