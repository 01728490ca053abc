"""Buckets of tensors, and a Gloo group to broadcast them in; torch alone, beside whatever groups a process has.

A bucket is bytes. Both sides cut the same buckets from names, types and shapes, which travel by another way.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from threading import Thread
from typing import Any

import torch
from torch import Tensor
from torch.distributed import PrefixStore, ProcessGroupGloo, TCPStore

ALIGNMENT = 64
"""Bytes; where a tensor begins in a bucket, so that it can be read in its own type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A tensor without its values."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Where one tensor lies in its bucket."""

    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int
    """In bytes, a multiple of ALIGNMENT."""

    @property
    def end(self) -> int:
        return self.start + math.prod(self.shape) * self.dtype.itemsize

    def of(self, bucket: Tensor) -> Tensor:
        """The tensor, as a view of the bucket's bytes."""
        return bucket[self.start : self.end].view(self.dtype).view(self.shape)


def cut(tensors: Iterable[Described], limit: int) -> list[list[Slot]]:
    """Tensors in their order, in buckets of at most `limit` bytes.

    A larger tensor has a bucket of its own.
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


def described(names: Sequence[str], dtype_names: Sequence[str], shapes: Sequence[Sequence[int]]) -> list[Described]:
    """From the plain values that travel: `float32` is the name of a type."""
    rows = zip(names, dtype_names, shapes, strict=True)
    return [Described(name=name, dtype=getattr(torch, dtype), shape=tuple(shape)) for name, dtype, shape in rows]


def empty_bucket(slots: Sequence[Slot]) -> Tensor:
    return torch.empty(slots[-1].end, dtype=torch.uint8)


class Group:
    """Membership in one transfer group, beside whatever groups the process has; the sender is rank 0."""

    def __init__(self, store: TCPStore, rank: int, world: int, timeout: float) -> None:
        """Blocks until all `world` members are there."""
        self._store: TCPStore | None = store  # the group needs it for as long as it lives
        self._group: Any = ProcessGroupGloo(PrefixStore("weights", store), rank, world, timedelta(seconds=timeout))

    @classmethod
    def join(cls, *, host: str, port: int, rank: int, world: int, timeout: float) -> Group:
        """The group whose sender listens there."""
        store = TCPStore(host, port, world, False, timeout=timedelta(seconds=timeout))
        return cls(store, rank, world, timeout)

    def broadcast(self, bucket: Tensor) -> None:
        """Rank 0's bucket to all; ConnectionError where one of them has gone or takes too long."""
        if self._group is None:
            raise ConnectionError("the transfer group is closed")
        try:
            self._group.broadcast(bucket, 0).wait()
        except RuntimeError as error:
            raise ConnectionError(f"transfer group: {error}") from error

    def close(self) -> None:
        """Close the connections; the others' broadcasts fail.

        Gloo waits for a broadcast that is still going on, which may be for one that hangs: that is left to a thread.
        """
        members = [self._group, self._store]
        self._group = self._store = None
        Thread(target=members.clear, daemon=True, name="weight-sync-close").start()
