"""Start vLLM for a run, with errors that say which options to change."""

from __future__ import annotations

import dataclasses
from typing import Any

from vllm.platforms import current_platform

from sure_math.models.engines import EngineUnavailable
from sure_math.models.engines.spec import ModelFiles, ModelSpec
from sure_math.models.engines.vllm import start_llm


def start_vllm(spec: ModelSpec, files: ModelFiles, **options: Any) -> Any:
    """Start vLLM on a model, with further options of `vllm.LLM`.

    Raises:
        EngineUnavailable: vLLM did not start; the message has vLLM's own words and the options of its memory.
    """
    try:
        return start_llm(_typed(spec), files, **options)
    except EngineUnavailable:
        raise
    except Exception as error:  # whatever vLLM, a kernel or a driver raises
        raise EngineUnavailable(
            f"model {spec.model!r}: vLLM did not start: {str(error).strip() or type(error).__name__} Its memory is set "
            "in engine_options: gpu_memory_utilization is a share of the device's (of the machine's, on a CPU), "
            "kv_cache_memory_bytes the cache alone, such as 536870912 for a small model"
        ) from error


def _typed(spec: ModelSpec) -> ModelSpec:
    """Resolve the dtype `auto` as for the student: float32 on a CPU, bfloat16 on a GPU."""
    if spec.dtype != "auto":
        return spec
    return dataclasses.replace(spec, dtype="float32" if current_platform.is_cpu() else "bfloat16")
