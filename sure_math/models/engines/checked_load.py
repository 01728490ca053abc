"""Load the weights of a model with transformers, after a check that they are exactly the model's.

Transformers itself fills a missing tensor with random numbers and leaves out a surplus one; vLLM does the same for a
part of a fused tensor. So the headers of the files are compared with the architecture first, for every engine. The
architecture is built without memory for its weights (on torch's meta device) and takes the headers through
transformers' own renaming and merging of tensors, so a checkpoint that transformers can read is compared as it is read.

What may be missing or surplus:
1. one of two tied tensors, and buffers that the model computes itself;
2. tensors that transformers' class of the model declares harmless, `rotary_emb.inv_freq` of old checkpoints, and
   their masks (`attention.bias` of true and false, `attention.masked_bias` of one number);
3. in an encoder, the pooler, which is not used, and the heads beside the base model;
4. in a quantised checkpoint, tensors that belong to a layer whose weights are there in another form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM

from sure_math.models.engines import EngineUnavailable
from sure_math.models.engines.files import EXPERTS, LAYERS, check_config
from sure_math.models.engines.weight_files import TensorShape, in_one_line, named, tensor_shapes

TENSOR_DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
"""Names of dtypes in the header of a safetensors file, of the types that weights have."""
_REMEDY = "download the model again, or save it again with save_pretrained"


def load_causal_model(folder: Path, **options: Any) -> Any:
    """Load a causal model from safetensors, without code from its folder; `options` go to `from_pretrained`.

    Raises:
        EngineUnavailable: the files are damaged, or their tensors are not exactly those of the model.
    """
    check_tensors(folder)
    return _load(AutoModelForCausalLM, folder, options)


def load_base_model(folder: Path, **options: Any) -> Any:
    """Load a model without its heads, as an encoder; otherwise as `load_causal_model`."""
    check_tensors(folder, base=True)
    return _load(AutoModel, folder, options)


def check_tensors(folder: Path, *, base: bool = False) -> None:
    """Compare the tensors in the files of a model with those of its architecture, before a weight is read.

    Args:
        base: the model is loaded without its heads.

    >>> from sure_math.models.engines.pocket_files import pocket_folder
    >>> check_tensors(pocket_folder("pocket:teacher"))

    Raises:
        EngineUnavailable: tensors are missing, surplus or of another shape; the message names them.
    """
    shapes = tensor_shapes(folder)
    config = check_config(folder)
    _refuse_more_layers_than_tensors(folder, config, shapes)
    model = _without_memory(folder, base)
    if model is None:
        return
    if isinstance(config.get("quantization_config"), Mapping):
        _compare_layers(folder, model, shapes)
    else:
        _compare(folder, model, shapes, base)


def _load(kind: Any, folder: Path, options: Mapping[str, Any]) -> Any:
    try:
        model, info = kind.from_pretrained(
            folder,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
            **options,
        )
    except Exception as error:  # transformers, its quantisers and torch each raise their own
        raise EngineUnavailable(
            f"model folder {folder}: transformers cannot load it ({type(error).__name__}: {in_one_line(error)})"
        ) from error
    wrong = sorted(str(key) for key in info.get("mismatched_keys", ())) + list(info.get("error_msgs", ()))
    if wrong:
        raise EngineUnavailable(f"model folder {folder}: tensors could not be loaded ({named(wrong)}); {_REMEDY}")
    return model


def _without_memory(folder: Path, base: bool) -> Any | None:
    """Build the architecture on the meta device; None if transformers has no causal model of this kind."""
    kind = AutoModel if base else AutoModelForCausalLM
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        if type(config) not in kind._model_mapping:
            return None
        with torch.device("meta"):
            return kind.from_config(config, trust_remote_code=False)
    except Exception as error:  # each architecture checks its configuration in its own way
        raise EngineUnavailable(
            f"{folder / 'config.json'}: no model can be built from it ({type(error).__name__}: {in_one_line(error)}); "
            "download the model again, or install the version of transformers that it needs"
        ) from None


def _compare(folder: Path, model: Any, shapes: Mapping[str, TensorShape], base: bool) -> None:
    missing, surplus, misshapen = _differences(folder, model, shapes)
    surplus = {name for name in surplus if not _is_mask(name, shapes.get(name))}
    tied = model.all_tied_weights_keys
    partners = {**tied, **{source: target for target, source in tied.items()}}
    lost = {name for name in missing if partners.get(name, name) in missing}
    if base:
        lost = {name for name in lost if not name.startswith("pooler.")}
        parts = {name for name, _ in model.named_children()} | {model.base_model_prefix}
        surplus = {name for name in surplus if name.partition(".")[0] in parts - {"pooler"}}
    for names, what in (
        (lost, "the weights lack {} of the model, which would be random"),
        (misshapen, "the weights have other shapes than the model of config.json: {}"),
        (surplus, "the weights hold {}, which the model of config.json does not have"),
    ):
        if names:
            raise EngineUnavailable(f"model folder {folder}: {what.format(named(sorted(names)))}; {_REMEDY}")


def _is_mask(name: str, tensor: TensorShape | None) -> bool:
    if tensor is None or not re.search(r"\.attn\.bias$|\.attention\.bias$|\.masked_bias$", name):
        return False
    return tensor.dtype in ("BOOL", "U8") or not any(size > 1 for size in tensor.shape)


def _differences(folder: Path, model: Any, shapes: Mapping[str, TensorShape]) -> tuple[set[str], set[str], set[str]]:
    """Names that are missing, surplus, and of another shape, as transformers finds them when it loads."""
    from transformers.conversion_mapping import get_model_conversion_mapping
    from transformers.core_model_loading import convert_and_load_state_dict_in_model
    from transformers.modeling_utils import LoadStateDictConfig

    meta = torch.device("meta")
    tensors = {
        name: torch.empty(tensor.shape, dtype=TENSOR_DTYPES.get(tensor.dtype, torch.uint8), device=meta)
        for name, tensor in shapes.items()
    }
    settings = LoadStateDictConfig(
        dtype=torch.float32, device_map={"": meta}, weight_mapping=get_model_conversion_mapping(model)
    )
    try:
        with _no_progress_bar():
            info, _ = convert_and_load_state_dict_in_model(
                model=model, state_dict=tensors, load_config=settings, disk_offload_index=None
            )
    except Exception as error:
        raise EngineUnavailable(
            f"model folder {folder}: its tensors are not those of config.json ({in_one_line(error)}); {_REMEDY}"
        ) from None
    model._adjust_missing_and_unexpected_keys(info)
    misshapen = {
        f"{name} is {tuple(found)} and should be {tuple(wanted)}" for name, found, wanted in info.mismatched_keys
    }
    broken = {f"{name} ({in_one_line(ValueError(why))})" for name, why in info.conversion_errors.items()}
    return set(info.missing_keys), set(info.unexpected_keys), misshapen | broken


def _compare_layers(folder: Path, model: Any, shapes: Mapping[str, TensorShape]) -> None:
    """Refuse a quantised checkpoint that holds nothing of some layer. Its tensors have other names and shapes."""
    there = {name.rpartition(".")[0] for name in shapes}
    tied = {name.rpartition(".")[0] for name in model.all_tied_weights_keys}
    prefix = f"{model.base_model_prefix}."
    missing = {
        layer
        for layer, module in model.named_modules()
        if next(module.parameters(recurse=False), None) is not None
        and not {layer, layer.removeprefix(prefix)} & there
        and layer not in tied
        and not any(name.startswith(f"{layer}.") for name in there)  # merged experts
    }
    if missing:
        raise EngineUnavailable(
            f"model folder {folder}: the weights lack the layers {named(sorted(missing))} of the model; {_REMEDY}"
        )


def _refuse_more_layers_than_tensors(
    folder: Path, config: Mapping[str, Any], shapes: Mapping[str, TensorShape]
) -> None:
    """Refuse a configuration whose model would take hours or all memory to build even without weights."""
    largest = max((size for tensor in shapes.values() for size in tensor.shape), default=0)
    parts = [config, *(part for part in config.values() if isinstance(part, Mapping))]
    for names, most in ((LAYERS, len(shapes)), (EXPERTS, max(len(shapes), largest))):
        for name, value in ((name, part.get(name)) for part in parts for name in names):
            if type(value) is int and value > most:
                raise EngineUnavailable(
                    f"{folder / 'config.json'}: {name} = {value}, but the weights have only {len(shapes):,} tensors; "
                    f"{_REMEDY}"
                )


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    shown = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            transformers.utils.logging.enable_progress_bar()
