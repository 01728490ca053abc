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
    wall: float
    """Seconds."""
    cpu: float
    """Seconds of the process on all its threads: what counts on a CPU that others use too."""

    def least(self, other: Taken | None) -> Taken:
        return self if other is None else Taken(min(self.wall, other.wall), min(self.cpu, other.cpu))


def timed(work: Callable[[], object], device: str) -> Taken:
    """One call, a GPU's queue drained before and after."""
    if device == "cuda":
        torch.cuda.synchronize()
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return Taken(time.perf_counter() - wall, time.process_time() - cpu)


def peak_bytes(device: str) -> int:
    """The most since `reset_peak`: allocated on a GPU, resident of this process on a CPU."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def reset_peak(device: str) -> None:
    """To what is in use now."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    else:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def machine(packages: Sequence[str], **more: Any) -> Result:
    """Where a section was measured; call it before, for the load of what else runs."""
    names = {"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}
    found = installed(packages)
    return {
        "processor": platform.processor() or platform.machine(),
        **names,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load_before": round(os.getloadavg()[0], 2),
        "versions": {
            "python": platform.python_version(),
            **{package: found.get(package, "not installed") for package in packages},
        },
        **more,
    }
