"""Whether a model fits into the memory of a machine without a GPU, and how much vLLM's cache takes of it.

vLLM would take 92 % of the machine's memory and not start if less is free. On a CPU other programs share the memory, so
the cache gets a part of what is free now, and no more than the engine can fill.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from sure_math.models.engines import EngineUnavailable
from sure_math.models.engines.files import text_config
from sure_math.models.engines.spec import ModelFiles, ModelSpec
from sure_math.models.engines.weight_files import weight_files

GIB = 2**30
CHOSEN_BY_USER = ("gpu_memory_utilization", "kv_cache_memory_bytes")
"""Options with which a user sets vLLM's memory."""
PROCESS_BYTES = 2 * GIB
"""Of vLLM's two processes beside weights and cache: Python, torch, and the logits of a batch."""
SHARE = 0.5
"""Of the memory that is left for the cache; the rest is for what else the machine does."""
MOST_BYTES = 4 * GIB
"""A CPU is busy with fewer sequences than this holds, and several engines may start at the same time."""
SEQUENCES = 256
"""vLLM's default of `max_num_seqs`."""
BLOCK = 128
"""Positions of a block of the cache on a CPU."""
_NO_LIMIT = 1 << 60


def cache_bytes(spec: ModelSpec, files: ModelFiles, free: int) -> int:
    """Return the bytes of the cache of each process of vLLM that holds a part of the model.

    Args:
        free: bytes of memory that nothing uses.

    Raises:
        EngineUnavailable: the weights and the cache of one sequence do not fit.
    """
    itemsize = 4 if spec.dtype == "float32" else 2
    position = position_bytes(text_config(files.folder), itemsize)
    weights = weight_bytes(files.folder, itemsize)
    left = SHARE * (free - weights - PROCESS_BYTES)
    one = math.ceil(files.max_length / BLOCK + 1) * BLOCK * position
    if left < one:
        fits = int(left / position / BLOCK - 1) * BLOCK
        shorter = f"set max_model_len={fits}, " if fits >= BLOCK else ""
        raise EngineUnavailable(
            f"model {spec.model!r}: not enough memory: {free / GIB:.1f} GiB are free; the weights take "
            f"{weights / GIB:.1f} GiB, vLLM's processes {PROCESS_BYTES / GIB:.0f} GiB and the cache of one sequence of "
            f"{files.max_length} positions {one / GIB:.2f} GiB; {shorter}end what else uses the memory, take a smaller "
            "model, or set kv_cache_memory_bytes in engine_options yourself"
        )
    workers = math.prod(_number(spec.options, name, 1) for name in ("tensor_parallel_size", "pipeline_parallel_size"))
    filled = one * _number(spec.options, "max_num_seqs", SEQUENCES)
    return int(max(one, min(left, filled, MOST_BYTES)) / workers)


def check_weights(model: str, folder: Path, itemsize: int, free: int) -> None:
    """Refuse a model whose weights are larger than the memory: the system would end the whole command.

    >>> from sure_math.models.engines.pocket_files import pocket_folder
    >>> check_weights("pocket:teacher", pocket_folder("pocket:teacher"), 4, 1 << 40)

    Raises:
        EngineUnavailable: with the memory that is free and the memory that is wanted.
    """
    weights = weight_bytes(folder, itemsize)
    if weights > free:
        half = "set dtype=bfloat16, " if itemsize == 4 else ""
        raise EngineUnavailable(
            f"model {model!r}: not enough memory: {free / GIB:.1f} GiB are free and its weights take "
            f"{weights / GIB:.1f} GiB; {half}end what else uses the memory, or take a smaller model"
        )


def weight_bytes(folder: Path, itemsize: int) -> int:
    """Return the bytes of the weights in memory, with values of `itemsize` bytes."""
    stored = sum(path.stat().st_size for path in weight_files(folder))
    in_16_bits = "16" in str(getattr(text_config(folder), "dtype", None))
    return stored * 2 if in_16_bits and itemsize == 4 else stored


def position_bytes(config: Any, itemsize: int) -> int:
    """Return the bytes of keys and values of one position, in all layers.

    >>> from sure_math.models.engines.pocket_files import pocket_folder
    >>> position_bytes(text_config(pocket_folder("pocket:teacher")), 4) > 0
    True
    """
    heads = int(getattr(config, "num_attention_heads", None) or 1)
    key_heads = int(getattr(config, "num_key_value_heads", None) or heads)
    size = int(getattr(config, "head_dim", None) or int(config.hidden_size) // heads)
    return 2 * int(config.num_hidden_layers) * key_heads * size * itemsize


def free_memory(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the bytes of memory that programs can have now: of the machine, within the limit of a container.

    >>> free_memory() > 0
    True
    """
    free = int(psutil.virtual_memory().available)
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        most = _read(cgroup / limit)
        if most is not None and most < _NO_LIMIT:
            reclaimable = _inactive_files((cgroup / limit).with_name("memory.stat"))
            free = min(free, max(0, most - (_read(cgroup / used) or 0) + reclaimable))
    return free


def _number(options: Mapping[str, Any], name: str, default: int) -> int:
    value = options.get(name, default)
    return value if type(value) is int and value > 0 else default


def _read(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # "max"
        return None


def _inactive_files(path: Path) -> int:
    """Return the bytes of files that the kernel keeps in memory and gives back when a program wants it."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    values = {name: value for name, _, value in (line.partition(" ") for line in lines)}
    text = values.get("total_inactive_file") or values.get("inactive_file") or "0"
    return int(text) if text.isdigit() else 0
