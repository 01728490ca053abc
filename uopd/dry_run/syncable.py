"""Which students vLLM can take new weights of; the others are refused before anything is loaded.

vLLM loads weights anew layer by layer. Measured with vLLM 0.32 on a CPU: dense decoders are right to the last bit after
every sync. A mixture of experts is not: after the same weights were sent once more, log-probabilities were off by 2
nats, because the experts' weights are packed when the model is first loaded. Layers that carry a state (linear
attention, state spaces) were not tried; vLLM's issue 48284 reports that they are not loaded rightly.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sure_math.models.engines import EngineUnavailable
from sure_math.models.engines.files import EXPERTS, local_folder, text_config
from uopd.config import TrainConfig
from uopd.dry_run.model_shapes import shape_of

ATTENTION = frozenset({"full_attention", "sliding_attention", "chunked_attention"})
"""Kinds of layers, in `layer_types` of a configuration, that carry no state but keys and values."""
STATEFUL = frozenset(
    {
        *("bamba", "falcon_h1", "falcon_mamba", "granitemoehybrid", "jamba", "lfm2", "lfm2_moe", "mamba", "mamba2"),
        *("nemotron_h", "recurrent_gemma", "rwkv", "zamba", "zamba2"),
    }
)
"""Kinds of models that carry a state, in `model_type` of a configuration."""


def sync_problem(config: TrainConfig) -> str | None:
    """Say why the student of a run cannot be synced to vLLM; None if it can be, or if no weights are sent.

    >>> from uopd.config import load_config
    >>> sync_problem(load_config("pocket"))
    >>> sync_problem(load_config("paper-8b", ["student.model=Qwen/Qwen3-30B-A3B"]))[:58]
    'student.model = Qwen/Qwen3-30B-A3B is a mixture of experts'
    """
    if config.rollouts.engine != "vllm":
        return None
    folder, shape = local_folder(config.student.model), shape_of(config.student.model)
    kind = kind_of(folder) if folder is not None else "a mixture of experts" if shape and shape.experts else None
    if kind is None:
        return None
    other = (
        "rollouts.engine=transformers with runtime.kind=local and student.engine=reference samples from the student "
        "itself, or choose a dense student"
        if kind == "a mixture of experts"
        else "choose a student whose layers are all attention"
    )
    return (
        f"student.model = {config.student.model} is {kind}, whose new weights vLLM does not load rightly "
        f"(rollouts.engine = vllm): {other}"
    )


def kind_of(folder: Path) -> str | None:
    """Name the kind of a model that vLLM does not load anew; None for a dense model of attention."""
    try:
        config: Any = text_config(folder)
    except EngineUnavailable:
        return None  # the loading of the model says it better
    layers = set(getattr(config, "layer_types", None) or ())
    if config.model_type in STATEFUL or layers - ATTENTION:
        return "a hybrid model (layers of linear attention, convolution or state spaces)"
    if any(isinstance(count := getattr(config, name, None), int) and count > 1 for name in EXPERTS):
        return "a mixture of experts"
    return None
