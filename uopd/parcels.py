"""What travels between the processes of a run: parts of a step's requests, and scores as arrays."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from sure_math.engines import Completion, Refusal, Request
from uopd.rows import Scores

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
    """`Scores` as arrays, which Ray's object store holds as they are: tensors would be copied three times."""

    ids: np.ndarray
    logprobs: np.ndarray
    """Of `dtype`, or its bits where NumPy has no such type."""
    dtype: str
    sampled: np.ndarray


def pack(scores: Scores) -> PackedScores:
    dtype = scores.logprobs.dtype
    bits = scores.logprobs.view(torch.int16) if dtype == torch.bfloat16 else scores.logprobs
    ids, logprobs, sampled = (tensor.contiguous().cpu().numpy() for tensor in (scores.ids, bits, scores.sampled))
    return PackedScores(ids=ids, logprobs=logprobs, dtype=str(dtype).removeprefix("torch."), sampled=sampled)


def unpack(packed: PackedScores) -> Scores:
    """Views of the object store's memory, which is only read."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        ids, logprobs, sampled = (torch.from_numpy(array) for array in (packed.ids, packed.logprobs, packed.sampled))
    return Scores(ids=ids, logprobs=logprobs.view(getattr(torch, packed.dtype)), sampled=sampled)
