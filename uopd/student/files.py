"""The files of a student: checkpoints (safetensors, and a few plain values as JSON) and exported models.

A folder is written under a temporary name and then renamed, so it is complete or does not exist.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM
from transformers.core_model_loading import PrefixChange, revert_weight_conversion
from transformers.modeling_utils import remove_tied_weights_from_state_dict

from sure_math.models.engines.checked_load import TENSOR_DTYPES
from sure_math.models.engines.files import load_tokenizer
from sure_math.models.engines.files import stop_token_ids as own_stop_token_ids
from sure_math.models.engines.weight_files import tensor_shapes
from uopd.model.errors import StudentError

STATE = "student.json"
WEIGHTS = "student.safetensors"


def export_model(model: Any, source: Path, folder: Path, *, stop_token_ids: tuple[int, ...] | None = None) -> None:
    """Write a model as a Hugging Face folder: its weights, and the configuration and tokenizer of `source`.

    Every tensor is written in the dtype that it has in the files of `source`, the initial model: a checkpoint in
    bfloat16 may have some tensors in float32. If `source` is a multimodal checkpoint of which the model is the text
    part, the folder is that of a text model, with the configuration of this part.

    Args:
        stop_token_ids: end tokens of training. `generation_config.json` names those that `source` does not have too.

    Raises:
        EngineUnavailable: the files of `source` can no longer be read.
    """
    staging = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(staging, ignore_errors=True)
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    part = is_part(model, config)
    with _own_names(model, part):
        once = remove_tied_weights_from_state_dict(dict(model.state_dict()), model)
        state = revert_weight_conversion(model, {name: tensor.detach().cpu() for name, tensor in once.items()})
    dtypes = _Dtypes(source, getattr(torch, _dtype_name(config)))
    # One tensor after the other is let go: two copies of a large model are too many.
    state = {name: state.pop(name).to(dtypes.of(name), copy=True) for name in list(state)}
    model.save_pretrained(staging, state_dict=state, safe_serialization=True, save_original_format=False)
    load_tokenizer(source).save_pretrained(str(staging))
    # transformers has written the dtype of training and its own generation settings: restore those of the source.
    for name in ("generation_config.json",) if part else ("config.json", "generation_config.json"):
        if (source / name).is_file():
            shutil.copy(source / name, staging)
    if part:
        written = json.loads((staging / "config.json").read_text(encoding="utf-8"))
        # Training changes the configuration of a model (dropout): the values are those of the source.
        written |= _values_of(config, str(model.config.model_type), written)
        written["dtype"] = _dtype_name(config)
        (staging / "config.json").write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    if stop_token_ids is not None and not set(stop_token_ids) <= set(own := own_stop_token_ids(source)):
        _name_end_tokens(staging / "generation_config.json", sorted({*own, *stop_token_ids}))
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(staging, folder)


def _name_end_tokens(path: Path, token_ids: list[int]) -> None:
    settings = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    path.write_text(json.dumps(settings | {"eos_token_id": token_ids}, indent=2) + "\n", encoding="utf-8")


def is_part(model: Any, config: Mapping[str, Any]) -> bool:
    """Return whether a model is a part of the checkpoint of this `config.json`: the text model of a multimodal one."""
    return bool(model.config.model_type != config.get("model_type", model.config.model_type))


def check_exportable(model: Any, source: Path) -> None:
    """Refuse a model that `export_model` cannot write so that it loads again; better now than after the training.

    Raises:
        StudentError: the model is a part of a checkpoint, and transformers has no causal model for its configuration.
    """
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    if is_part(model, config) and type(model.config) not in AutoModelForCausalLM._model_mapping:
        raise StudentError(
            f"student.model: {source} is a checkpoint of the kind {config.get('model_type')}, of which transformers "
            f"loads the part {model.config.model_type}; a trained student of this kind could not be loaded again: "
            "choose a model that is published as a text model"
        )


def _values_of(config: Mapping[str, Any], kind: str, keys: Collection[str]) -> dict[str, Any]:
    """The values that a `config.json` has for its part of this kind, of the settings that are written."""
    parts = [part for part in config.values() if isinstance(part, dict) and part.get("model_type") == kind]
    return {key: value for part in parts for key, value in part.items() if key in keys and key != "architectures"}


def _dtype_name(config: Mapping[str, Any]) -> str:
    """The dtype that a `config.json` names, also for its text part alone; bfloat16 if it names none."""
    text = config.get("text_config")
    parts = (config, text if isinstance(text, dict) else {})
    named = (part.get(key) for part in parts for key in ("dtype", "torch_dtype"))
    return str(next((name for name in named if name), "bfloat16")).removeprefix("torch.")


class _Dtypes:
    """The dtype of each tensor in the files of a model."""

    def __init__(self, source: Path, default: torch.dtype) -> None:
        """`default`: of tensors that the files do not have, such as one of two tied tensors."""
        self._known = {
            name: TENSOR_DTYPES[tensor.dtype]
            for name, tensor in tensor_shapes(source).items()
            if tensor.dtype in TENSOR_DTYPES
        }
        self._default = default

    def of(self, name: str) -> torch.dtype:
        """The dtype of a tensor, by its name or by its name behind the prefix of a multimodal checkpoint."""
        tail = f".{name.removeprefix('model.')}"
        found = {dtype for known, dtype in self._known.items() if known == name} or {
            dtype for known, dtype in self._known.items() if known.endswith(tail)
        }
        return found.pop() if len(found) == 1 else self._default


@contextlib.contextmanager
def _own_names(model: Any, part: bool) -> Iterator[None]:
    """Let a part of a checkpoint be written under its own names, without the prefix that it has in the whole."""
    conversions = getattr(model, "_weight_conversions", None)
    if part and conversions is not None:
        model._weight_conversions = [one for one in conversions if not isinstance(one, PrefixChange)]
    try:
        yield
    finally:
        if part and conversions is not None:
            model._weight_conversions = conversions


def write_folder(folder: Path, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Write tensors and a few plain values to a temporary name, then rename the folder."""
    staging = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, staging / WEIGHTS)
    (staging / STATE).write_text(json.dumps(state), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(staging, folder)


def read_state(folder: Path, ranks: int) -> dict[str, Any]:
    """Read the plain values of a saved student.

    Raises:
        StudentError: the folder has no saved student, or one that was saved by another number of ranks.
    """
    try:
        state: dict[str, Any] = json.loads((folder / STATE).read_text(encoding="utf-8"))
        saved = int(state["ranks"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudentError(
            f"{folder}: holds no saved student ({error!r}); name a folder of this run's checkpoints"
        ) from None
    if saved != ranks:
        raise StudentError(
            f"{folder}: was saved by student.ranks = {saved} and is loaded by {ranks}; set student.ranks={saved}, or "
            "start a new run from an exported model"
        )
    return state


def read_tensors(file: Path, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Read the tensors of a saved student; all tensors of `expected` must be among them, in the same shapes.

    Raises:
        StudentError: the file cannot be read, or a tensor is missing or has another shape.
    """
    try:
        tensors: dict[str, Tensor] = load_file(file)
    except (OSError, SafetensorError) as error:
        raise StudentError(
            f"{file}: {error}; the checkpoint is incomplete or damaged: load the one before it"
        ) from None
    for name, tensor in expected.items():
        shape = tuple(tensors[name].shape) if name in tensors else None
        if shape != tuple(tensor.shape):
            raise StudentError(
                f"{file}: {name} is {shape or 'missing'} and should be {tuple(tensor.shape)}: the checkpoint is of "
                "another student.model or student.engine"
            )
    return tensors


def moments_of(optimizer: torch.optim.AdamW, master: Tensor, name: str) -> dict[str, Tensor]:
    """Return AdamW's state of one tensor, named for a checkpoint; empty before the first step."""
    state = optimizer.state.get(master, {})
    return {f"{key}.{name}": torch.as_tensor(value).detach() for key, value in state.items()}


def restore_moments(optimizer: torch.optim.AdamW, master: Tensor, tensors: Mapping[str, Tensor], name: str) -> None:
    """Put the state that `moments_of` named back into the optimizer."""
    keys = [key for key in ("step", "exp_avg", "exp_avg_sq") if f"{key}.{name}" in tensors]
    if keys:
        moments = {key: tensors[f"{key}.{name}"] for key in keys}
        optimizer.state[master] = {key: value if key == "step" else value.to(master) for key, value in moments.items()}
