"""Digests of tensors: what was sent must be what was received, to the last bit.

Both sides compute a number of 64 bits for every tensor from the bytes of its bucket. The sender broadcasts its numbers
after the last bucket, and every receiver compares them with its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from uopd.weight_sync.buckets import Slot

COLUMNS = 1024
"""Words of 8 bytes. Words at the same place modulo this number are added, which is as fast as memory is read."""


def digest_of(data: Tensor) -> int:
    """Return a number of 64 bits that changes with any byte of a tensor of bytes in the host's memory.

    >>> zeros = torch.zeros(100, dtype=torch.uint8)
    >>> digest_of(zeros) == digest_of(zeros.clone()), digest_of(zeros) == digest_of(zeros + 1)
    (True, False)
    """
    values = data.numpy()
    block = COLUMNS * 8
    whole = len(values) // block * block
    sums = np.add.reduce(values[:whole].view(np.uint64).reshape(-1, COLUMNS), axis=0, dtype=np.uint64)
    state = hashlib.blake2b(sums.tobytes(), digest_size=8)
    state.update(values[whole:].tobytes())
    state.update(len(values).to_bytes(8))
    return int.from_bytes(state.digest(), signed=True)


def bucket_digests(bucket: Tensor, slots: Sequence[Slot]) -> list[int]:
    """Return the digest of every tensor in a bucket."""
    return [digest_of(bucket[slot.start : slot.end]) for slot in slots]


def as_message(digests: Sequence[int]) -> Tensor:
    """Pack digests as bytes, which can be broadcast like a bucket."""
    return torch.tensor(digests, dtype=torch.int64).view(torch.uint8)


def check_received(names: Sequence[str], received: Sequence[int], message: Tensor) -> None:
    """Compare the digests of what was received with the sender's message.

    Raises:
        ValueError: a tensor is not what was sent; the message names the first ones.
    """
    sent = message.view(torch.int64).tolist()
    wrong = [name for name, mine, theirs in zip(names, received, sent, strict=True) if mine != theirs]
    if wrong:
        raise ValueError(
            f"{len(wrong):,} of {len(names):,} tensors were not received as they were sent, such as {wrong[0]}"
        )
