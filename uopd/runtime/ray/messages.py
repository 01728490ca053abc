"""What travels between the processes of a run: parts of a step's requests, and scores as arrays."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sure_math.models.engines import Request
from sure_math.models.engines.chunks import NumberedRequest
from uopd.rows import HiddenScores, Scores


def split(requests: Sequence[Request], engines: int) -> list[list[NumberedRequest]]:
    """Each engine's part of every request's seeds, in order: of K seeds and E engines, engine e has the e-th K/E.

    Where K does not divide, the parts differ by one seed, and which engine has the larger one goes round.
    """
    found: list[list[NumberedRequest]] = [[] for _ in range(engines)]
    for index, request in enumerate(requests):
        seeds = request.seeds
        for part in range(engines):
            own = seeds[part * len(seeds) // engines : (part + 1) * len(seeds) // engines]
            engine = part if len(seeds) % engines == 0 else (part + index) % engines
            if own or not (seeds or part):  # a request without seeds is answered too, by the first
                found[engine].append((index, replace(request, seeds=own)))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedScores:
    """Scores as arrays, which Ray's object store holds as they are: tensors would be copied three times."""

    kind: type[Scores] | type[HiddenScores]
    arrays: dict[str, np.ndarray]
    """By field, each of its `dtypes`, or the bits of it where NumPy has no such type."""
    dtypes: dict[str, str]


def pack(scores: Scores | HiddenScores) -> PackedScores:
    tensors: dict[str, Tensor] = {field.name: getattr(scores, field.name) for field in fields(scores)}
    return PackedScores(
        kind=type(scores),
        arrays={name: _bits(tensor).contiguous().cpu().numpy() for name, tensor in tensors.items()},
        dtypes={name: str(tensor.dtype).removeprefix("torch.") for name, tensor in tensors.items()},
    )


def unpack(packed: PackedScores) -> Any:
    """The `Scores` or `HiddenScores`, as views of the object store's memory, which is only read."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        tensors = {name: torch.from_numpy(array) for name, array in packed.arrays.items()}
    return packed.kind(**{name: tensor.view(getattr(torch, packed.dtypes[name])) for name, tensor in tensors.items()})


def _bits(tensor: Tensor) -> Tensor:
    return tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor
