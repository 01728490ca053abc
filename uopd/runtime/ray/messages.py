"""What travels between the processes of a run: each engine's part of a step's requests, and scores as arrays."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from sure_math.models.engines import Request
from uopd.rows import HiddenScores, Scores

ScoresT = TypeVar("ScoresT", bound=Scores | HiddenScores)


def split_among_engines(requests: Sequence[Request], engines: int) -> list[list[Request]]:
    """Divide every request's seeds among the engines, in order: of K seeds and E engines, engine e has the e-th K/E.

    If E does not divide K, the parts differ by one seed, and the engines take turns in having the larger part. The
    parts of a request have its index as their number.

    Example:
        >>> from sure_math.models.engines import Sampling
        >>> sampling = Sampling(max_new_tokens=8, temperature=1.0)
        >>> parts = split_among_engines([Request(token_ids=(1,), seeds=(7, 5, 3, 1), sampling=sampling)], engines=2)
        >>> [[request.seeds for request in part] for part in parts]
        [[(7, 5)], [(3, 1)]]
    """
    parts: list[list[Request]] = [[] for _ in range(engines)]
    for index, request in enumerate(requests):
        count = len(request.seeds)
        for part in range(engines):
            seeds = request.seeds[part * count // engines : (part + 1) * count // engines]
            engine = part if count % engines == 0 else (part + index) % engines
            if seeds:
                parts[engine].append(replace(request, seeds=seeds, number=index))
    return parts


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedScores(Generic[ScoresT]):
    """Scores as arrays, which Ray's object store holds as they are. Tensors would be copied three times."""

    kind: type[ScoresT]
    arrays: dict[str, np.ndarray]
    """By field. An array has the tensor's type, or holds the tensor's bits if NumPy has no such type."""
    dtypes: dict[str, str]
    """The tensor's type by field, such as `bfloat16`."""


def pack(scores: ScoresT) -> PackedScores[ScoresT]:
    """Make arrays of the scores' tensors; the scorer's actor calls it."""
    tensors: dict[str, Tensor] = {field.name: getattr(scores, field.name) for field in fields(scores)}
    return PackedScores(
        kind=type(scores),
        arrays={name: _bits(tensor).contiguous().cpu().numpy() for name, tensor in tensors.items()},
        dtypes={name: str(tensor.dtype).removeprefix("torch.") for name, tensor in tensors.items()},
    )


def unpack(packed: PackedScores[ScoresT]) -> ScoresT:
    """Undo `pack`; a rank's actor calls it.

    The tensors are views of the object store's memory and must not be written.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        tensors = {name: torch.from_numpy(array) for name, array in packed.arrays.items()}
    return packed.kind(**{name: tensor.view(getattr(torch, packed.dtypes[name])) for name, tensor in tensors.items()})


def _bits(tensor: Tensor) -> Tensor:
    return tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor
