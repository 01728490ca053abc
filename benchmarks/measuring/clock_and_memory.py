"""How the benchmarks of training measure: a clock, the peak of memory, and the machine they ran on."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.measuring.results_files import Result
from sure_math.storage.package_versions import installed

MEGABYTE = 2**20


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds that a call took."""

    wall: float
    """By the wall clock."""
    cpu: float
    """CPU time of the process, over all threads: the number to read if other processes use the machine."""

    def least(self, other: Taken | None) -> Taken:
        """Return the smaller of both times, for each clock."""
        return self if other is None else Taken(min(self.wall, other.wall), min(self.cpu, other.cpu))


def timed(work: Callable[[], object], device: str) -> Taken:
    """Time a call. On a GPU, wait for its queue before and after."""
    if device == "cuda":
        torch.cuda.synchronize()
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return Taken(time.perf_counter() - wall, time.process_time() - cpu)


def peak_bytes(device: str) -> int:
    """Return the highest memory since `reset_peak`: allocated on a GPU, or resident of this process on a CPU."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def reset_peak(device: str) -> None:
    """Start a new count of the highest memory."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    else:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def machine(packages: Sequence[str], **more: Any) -> Result:
    """Describe this machine. Call it before measuring, so that it records the load of other processes."""
    names = {"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}
    versions = installed(packages)
    return {
        "processor": platform.processor() or platform.machine(),
        **names,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load_before": round(os.getloadavg()[0], 2),
        "versions": {
            "python": platform.python_version(),
            **{package: versions.get(package, "not installed") for package in packages},
        },
        **more,
    }
