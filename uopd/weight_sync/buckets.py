"""Tensors packed into buckets of bytes.

The sender and the receiver cut the same buckets from names, types and shapes, which travel separately. A bucket then
holds nothing but the tensors' bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

ALIGNMENT = 64
"""Bytes. Every tensor of a bucket begins at a multiple of it, so that the tensor can be read in its own type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorDescription:
    """A tensor without its values."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The position of one tensor in its bucket."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int
    """In bytes, a multiple of ALIGNMENT."""

    @property
    def end(self) -> int:
        """The first byte after the tensor."""
        return self.start + math.prod(self.shape) * self.dtype.itemsize

    def view_in(self, bucket: Tensor) -> Tensor:
        """The tensor, as a view of the bucket's bytes."""
        return bucket[self.start : self.end].view(self.dtype).view(self.shape)


def cut_into_buckets(tensors: Iterable[TensorDescription], limit: int) -> list[list[Slot]]:
    """Assign the tensors, in their order, to buckets of at most `limit` bytes.

    A tensor that is larger than `limit` has a bucket of its own.

    Example:
        >>> tensors = [TensorDescription(name=name, dtype=torch.float32, shape=(3,)) for name in "abc"]
        >>> [[(slot.name, slot.start) for slot in bucket] for bucket in cut_into_buckets(tensors, limit=100)]
        [[('a', 0), ('b', 64)], [('c', 0)]]
    """
    buckets: list[list[Slot]] = []
    for tensor in tensors:
        start = -(-buckets[-1][-1].end // ALIGNMENT) * ALIGNMENT if buckets else 0
        slot = Slot(name=tensor.name, dtype=tensor.dtype, shape=tensor.shape, start=start)
        if buckets and slot.end <= limit:
            buckets[-1].append(slot)
        else:
            buckets.append([Slot(name=slot.name, dtype=slot.dtype, shape=slot.shape, start=0)])
    return buckets


def descriptions(
    names: Sequence[str], dtype_names: Sequence[str], shapes: Sequence[Sequence[int]]
) -> list[TensorDescription]:
    """Make descriptions from the plain values that travel; a type travels by its name, such as `float32`."""
    rows = zip(names, dtype_names, shapes, strict=True)
    return [
        TensorDescription(name=name, dtype=getattr(torch, dtype), shape=tuple(shape)) for name, dtype, shape in rows
    ]


def empty_bucket(slots: Sequence[Slot]) -> Tensor:
    """Allocate memory of the host that is large enough for the slots; its bytes are arbitrary."""
    return torch.empty(slots[-1].end, dtype=torch.uint8)
