"""The machine that a plan is made on: its cores, its memory, and whether it has a GPU."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_LIMIT = Path("/sys/fs/cgroup/memory.max")
"""Limit of a container's memory in bytes, or `max`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What a run finds on a machine."""

    cores: int
    """Logical cores that this process may use."""
    memory: float
    """Bytes; of a container, its limit."""
    has_gpu: bool

    @property
    def words(self) -> str:
        """The machine in words.

        >>> Machine(cores=2, memory=24e9, has_gpu=False).words
        '2 cores, 24 GB of memory, no GPU'
        """
        cores = f"{self.cores} core{'' if self.cores == 1 else 's'}"
        return f"{cores}, {self.memory / 1e9:,.0f} GB of memory, {'a GPU' if self.has_gpu else 'no GPU'}"


def this_machine() -> Machine:
    """Look at the machine that this process runs on.

    >>> this_machine().cores >= 1
    True
    """
    import torch  # takes seconds to import

    return Machine(cores=len(os.sched_getaffinity(0)), memory=memory_bytes(), has_gpu=bool(torch.cuda.is_available()))


def memory_bytes() -> float:
    """Return the bytes of this machine's memory, or of the container's share of it."""
    there = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    try:
        return min(there, float(_LIMIT.read_text()))
    except (OSError, ValueError):  # no container, or one without a limit
        return there
