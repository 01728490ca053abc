"""The language-model head of a frozen model, read from its folder without the rest of it.

The student's process needs it where the scorer hands on hidden states. It is read from the files and not from the
scorer, which may be on another machine; of the initial student it is the initial head, which training does not move.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM

from sure_math.models.engines.files import model_folder
from uopd.model.causal_model import Head, dtype_of
from uopd.student.files import StudentError

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
"""A model in one file, or where each tensor of one in several is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSpec:
    """Whose head, and how it is used; travels to where the student runs."""

    model: str
    revision: str | None
    dtype: str
    device: str
    """The scorer's, which says what `auto` is."""
    top_k: int
    """Entries of the scorer's distribution that count; at least the vocabulary means all of it."""


def load_head(spec: HeadSpec, vocabulary: int, device: torch.device) -> Head:
    """The head of `spec` in the scorer's dtype, on the student's device.

    Raises:
        StudentError: no such tensor, or one of another vocabulary than the student's.
    """
    folder = model_folder(spec.model, spec.revision)
    weights, biases = _names(folder)
    weight_VE = _read(folder, weights)
    if weight_VE.dim() != 2:
        raise StudentError(
            f"{folder}: its head is {tuple(weight_VE.shape)}, and a head is a matrix: is it the model's?"
        )
    if len(weight_VE) != vocabulary:
        raise StudentError(
            f"{folder}: its head has {len(weight_VE):,} rows and the student's {vocabulary:,}; teacher.sends=hidden "
            "needs as many: set teacher.sends=topk"
        )
    bias_V = _read(folder, biases) if biases else None
    dtype = dtype_of(spec.dtype, spec.device)
    return Head(
        weight_VD=weight_VE.to(device, dtype),
        bias_V=None if bias_V is None else bias_V.to(device, dtype),
    )


def _names(folder: Path) -> tuple[list[str], list[str]]:
    """Names under which the folder may hold the head's weight and its bias, its own first; a head without has none.

    They follow from the architecture, which is built without memory for its weights.
    """
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    layer = model.get_output_embeddings()
    own = next(name for name, module in model.named_modules() if module is layer)
    # A tied head is the embedding under its name, and transformers reads files without the base model's prefix too.
    every = [name for name, one in model.named_parameters(remove_duplicate=False) if one is layer.weight]
    short = [name.removeprefix(f"{model.base_model_prefix}.") for name in every]
    weights = list(dict.fromkeys([f"{own}.weight", *every, *short]))
    return weights, [] if getattr(layer, "bias", None) is None else [f"{own}.bias"]


def _read(folder: Path, names: Sequence[str]) -> Tensor:
    """The first of these tensors that the folder has."""
    files = _files(folder)
    name = next((name for name in names if name in files), None)
    if name is None:
        raise StudentError(
            f"{folder}: its files have no tensor {names[0]} (nor a tied one), which teacher.sends=hidden reads: set "
            "teacher.sends=topk"
        )
    found = _tensor(files[name], name)
    if found.dtype not in (torch.float32, torch.bfloat16, torch.float16):
        raise StudentError(
            f"{files[name]}: {name} is {found.dtype}, a quantised weight perhaps; teacher.sends=hidden needs it in "
            "float32, bfloat16 or float16: set teacher.sends=topk"
        )
    return found


def _files(folder: Path) -> dict[str, Path]:
    """The file of every tensor, as transformers finds it."""
    if not (folder / WHOLE).is_file() and (folder / INDEX).is_file():
        return _indexed(folder / INDEX)
    with _whole(folder / WHOLE), safe_open(folder / WHOLE, framework="pt") as file:
        return dict.fromkeys(file.keys(), folder / WHOLE)


def _indexed(path: Path) -> dict[str, Path]:
    """The files that an index names, all beside it."""
    with _whole(path):
        named: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        for file in named.values():
            if Path(file).name != file:
                raise ValueError(f"it names the file {file!r}, which is not beside it")
        return {name: path.parent / file for name, file in named.items()}


def _tensor(path: Path, name: str) -> Tensor:
    with _whole(path), safe_open(path, framework="pt") as file:
        found: Tensor = file.get_tensor(name)
        return found


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """What goes wrong in reading a model's file as a StudentError."""
    try:
        yield
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StudentError(
            f"{path}: {type(error).__name__}: {error}: the model's files are not whole; fetch or save them again"
        ) from None
