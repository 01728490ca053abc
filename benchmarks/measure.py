"""What the benchmarks of training share: a clock, the peak of memory, the machine, and a results file in sections."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from sure_math.storage.files import write_whole
from sure_math.storage.package_versions import installed

Result = dict[str, Any]
NO_GPU = "not measured: no CUDA device"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Of one Qwen3."""

    hidden: int
    layers: int
    intermediate: int
    heads: int
    key_value_heads: int = 8
    head_dim: int = 128
    tied: bool = True


def random_qwen3(sizes: Sizes, vocabulary: int, dtype: str, device: str) -> Any:
    """The same weights for the same sizes."""
    torch.manual_seed(sizes.hidden)
    config = Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=sizes.hidden,
        intermediate_size=sizes.intermediate,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        num_key_value_heads=sizes.key_value_heads,
        head_dim=sizes.head_dim,
        tie_word_embeddings=sizes.tied,
        bos_token_id=None,
        eos_token_id=0,
    )
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))  # so that no float32 copy of a model stands on the device
    try:
        with torch.device(device):
            return Qwen3ForCausalLM(config)
    finally:
        torch.set_default_dtype(before)


def read_results(path: Path) -> Result:
    """The sections of a results file; none where there is no file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write_section(path: Path, name: str, section: Result | str) -> None:
    """Replace one section of a results file; a GPU that nobody measured on is named as such.

    What was measured on a GPU outlives a later run on a machine without one.
    """
    results = read_results(path)
    if not (isinstance(section, str) and isinstance(results.get(name), dict)):
        results[name] = section
    results.setdefault("gpu", "not measured")
    write_whole(path, (json.dumps(results, indent=1) + "\n").encode())
