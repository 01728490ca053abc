"""Read the language-model head of a frozen model from its folder, without the rest of the model.

The student's process needs the head if the scorer sends hidden states. The head is read from the files, because the
scorer may be on another machine. If the initial student scores, this is the head before training.

Shapes: V vocabulary, E hidden width of the scorer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM

from sure_math.models.engines.files import check_config, model_folder
from sure_math.models.engines.weight_files import INDEX, SINGLE_FILE, indexed_files, plain_file
from uopd.model.causal_model import HeadWeights, dtype_of
from uopd.model.errors import StudentError


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSpec:
    """Which model's head is read and how it is used; sent to the processes of the student."""

    model: str
    revision: str | None
    dtype: str
    device: str
    """The scorer's device, which decides what dtype `auto` is."""
    top_k: int
    """Entries of the scorer's distribution that are used; a number of at least the vocabulary uses all of it."""


def load_head(spec: HeadSpec, vocabulary: int, device: torch.device, *, used_rows: int | None = None) -> HeadWeights:
    """Read the head of `spec` in the scorer's dtype onto the student's device.

    Args:
        vocabulary: rows of the student's head.
        device: of the student.
        used_rows: rows that stand for tokens in both heads; None: all. The rows behind them are in no distribution, so
            they are cut off, or filled up with zeros, to the rows of the student's head.

    Raises:
        EngineUnavailable: the index of the files is damaged, or names something else than files in the folder.
        StudentError: the files have no head, or it has another number of rows than the student's or too few.
    """
    folder = model_folder(spec.model, spec.revision)
    weights, biases = _names(folder)
    weight_VE = _read(folder, weights)
    if weight_VE.dim() != 2:
        raise StudentError(
            f"{folder}: its head is {tuple(weight_VE.shape)}, but must be a matrix: are the files this model's?"
        )
    if len(weight_VE) < (used_rows or 0) or (used_rows is None and len(weight_VE) != vocabulary):
        raise StudentError(
            f"{folder}: its head has {len(weight_VE):,} rows and the student's {vocabulary:,}; teacher.sends=hidden "
            "needs the same number: set teacher.sends=topk"
        )
    bias_V = _read(folder, biases) if biases else None
    dtype = dtype_of(spec.dtype, spec.device)
    return HeadWeights(
        weight_VD=_with_rows(weight_VE, vocabulary).to(device, dtype),
        bias_V=None if bias_V is None else _with_rows(bias_V, vocabulary).to(device, dtype),
        used_rows=used_rows,
    )


def _with_rows(tensor: Tensor, rows: int) -> Tensor:
    """Cut a tensor to its leading rows, or fill it up with rows of zeros."""
    if len(tensor) >= rows:
        return tensor[:rows]
    return torch.cat([tensor, tensor.new_zeros(rows - len(tensor), *tensor.shape[1:])])


def _names(folder: Path) -> tuple[list[str], list[str]]:
    """Names under which the folder may have the head's weight, the layer's own name first, and those of its bias.

    The names follow from the architecture, which is built without memory for its weights. A head without a bias has no
    name for it.
    """
    check_config(folder)
    config = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    layer = model.get_output_embeddings()
    layer_name = next(name for name, module in model.named_modules() if module is layer)
    # A tied head is stored under the embedding's name. transformers also reads files without the base model's prefix.
    tied = [name for name, weight in model.named_parameters(remove_duplicate=False) if weight is layer.weight]
    short = [name.removeprefix(f"{model.base_model_prefix}.") for name in tied]
    weights = list(dict.fromkeys([f"{layer_name}.weight", *tied, *short]))
    return weights, [] if getattr(layer, "bias", None) is None else [f"{layer_name}.bias"]


def _read(folder: Path, names: Sequence[str]) -> Tensor:
    """Read the first of these tensors that the folder has."""
    files = _files(folder)
    name = next((name for name in names if name in files), None)
    if name is None:
        raise StudentError(
            f"{folder}: its files have no tensor {names[0]} (nor a tied one), which teacher.sends=hidden reads: set "
            "teacher.sends=topk"
        )
    tensor = _tensor(files[name], name)
    if tensor.dtype not in (torch.float32, torch.bfloat16, torch.float16):
        raise StudentError(
            f"{files[name]}: {name} is {tensor.dtype}, perhaps a quantised weight; teacher.sends=hidden needs float32, "
            "bfloat16 or float16: set teacher.sends=topk"
        )
    return tensor


def _files(folder: Path) -> dict[str, Path]:
    """The file of every tensor, found as transformers finds it."""
    single = folder / SINGLE_FILE
    if not single.is_file() and (folder / INDEX).is_file():
        return indexed_files(folder / INDEX)
    with _as_student_error(single), safe_open(single, framework="pt") as file:
        return dict.fromkeys(file.keys(), single)


def _tensor(path: Path, name: str) -> Tensor:
    with _as_student_error(path), safe_open(plain_file(path), framework="pt") as file:
        tensor: Tensor = file.get_tensor(name)
        return tensor


@contextmanager
def _as_student_error(path: Path) -> Iterator[None]:
    """Turn every error of reading a model's file into a StudentError."""
    try:
        yield
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StudentError(
            f"{path}: {type(error).__name__}: {error}: files are incomplete or damaged; download or save them again"
        ) from None
