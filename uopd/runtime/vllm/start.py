"""Start vLLM for a run, with errors that say which options to change."""

from __future__ import annotations

import dataclasses
from typing import Any

from vllm.platforms import current_platform

from sure_math.models.engines.spec import ModelFiles, ModelSpec
from sure_math.models.engines.start_failures import explained_start
from sure_math.models.engines.vllm import start_llm


def start_vllm(spec: ModelSpec, files: ModelFiles, **options: Any) -> Any:
    """Start vLLM on a model, with further options of `vllm.LLM`.

    Raises:
        EngineUnavailable: vLLM did not start; the message says why and what to change.
    """
    with explained_start(spec):
        return start_llm(_typed(spec), files, **options)


def _typed(spec: ModelSpec) -> ModelSpec:
    """Resolve the dtype `auto` as for the student: float32 on a CPU, bfloat16 on a GPU."""
    if spec.dtype != "auto":
        return spec
    return dataclasses.replace(spec, dtype="float32" if current_platform.is_cpu() else "bfloat16")
