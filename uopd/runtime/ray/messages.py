"""What travels between the processes of a run: parts of a step's requests, and scores as arrays."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sure_math.models.engines import Completion, Refusal, Request
from uopd.rows import HiddenScores, Scores

Answer = tuple[Completion, ...] | Refusal
Numbered = tuple[int, Request]
"""A request with its place in the call."""


def split(requests: Sequence[Request], engines: int) -> list[list[Numbered]]:
    """Each engine's part of every request's seeds, in order: of K seeds and E engines, engine e has the e-th K/E.

    Where K does not divide, the parts differ by one seed, and which engine has the larger one goes round.
    """
    found: list[list[Numbered]] = [[] for _ in range(engines)]
    for index, request in enumerate(requests):
        seeds = request.seeds
        for part in range(engines):
            own = seeds[part * len(seeds) // engines : (part + 1) * len(seeds) // engines]
            engine = part if len(seeds) % engines == 0 else (part + index) % engines
            if own or not (seeds or part):  # a request without seeds is answered too, by the first
                found[engine].append((index, replace(request, seeds=own)))
    return found


def chunks(part: Sequence[Numbered], sequences: int) -> list[list[Numbered]]:
    """An engine's part in calls of at most that many sequences, or of one request."""
    found: list[list[Numbered]] = []
    held = 0
    for numbered in part:
        size = len(numbered[1].seeds)
        if not found or held + size > sequences:
            found.append([])
            held = 0
        found[-1].append(numbered)
        held += size
    return found


def merge(requests: Sequence[Request], pieces: Iterable[tuple[int, Request, Answer]]) -> list[Answer]:
    """One answer per request, its completions in the order of its seeds."""
    completions: list[dict[int, Completion]] = [{} for _ in requests]
    refusals: dict[int, Refusal] = {}
    for index, asked, answer in pieces:
        if isinstance(answer, Refusal):
            refusals[index] = answer
        else:
            completions[index] |= dict(zip(asked.seeds, answer, strict=True))
    return [
        refusals.get(index) or tuple(completions[index][seed] for seed in request.seeds)
        for index, request in enumerate(requests)
    ]


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
