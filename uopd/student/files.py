"""The files of a student: checkpoints (safetensors, and a few plain values as JSON) and exported models.

A folder is written under a temporary name and then renamed, so it is complete or does not exist.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from sure_math.models.engines.files import load_tokenizer
from uopd.model.errors import StudentError

STATE = "student.json"
WEIGHTS = "student.safetensors"


def export_model(model: Any, source: Path, folder: Path) -> None:
    """Write a model as a Hugging Face folder: its weights, and the configuration and tokenizer of `source`.

    The weights are safetensors in the dtype of the initial model's files, which are in `source`.
    """
    staging = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(staging, ignore_errors=True)
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    dtype = getattr(torch, str(config.get("dtype") or config.get("torch_dtype") or "bfloat16"))
    # All names of a tied tensor share one copy, which transformers then writes once.
    copies: dict[int, Tensor] = {}
    for tensor in model.state_dict().values():
        copies.setdefault(tensor.data_ptr(), tensor.to("cpu", dtype, copy=True))
    state = {name: copies[tensor.data_ptr()] for name, tensor in model.state_dict().items()}
    model.save_pretrained(staging, state_dict=state, safe_serialization=True)
    load_tokenizer(source).save_pretrained(str(staging))
    # transformers has written the dtype of training and its own generation settings: restore those of the source.
    for name in ("config.json", "generation_config.json"):
        if (source / name).is_file():
            shutil.copy(source / name, staging)
    shutil.rmtree(folder, ignore_errors=True)
    os.replace(staging, folder)


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
