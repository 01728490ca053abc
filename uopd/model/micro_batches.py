"""Batches: the rows of a step as tensors, packed without padding or padded, within a budget of tokens.

Every response token carries its factor from the start (`TrainingRow.token_weight`), so that the gradient of a step is
the same however its rows are cut and laid out.

Shapes: B sequences side by side and S positions of each; a packed batch is one sequence of all its rows. T response
tokens, row after row; N = B * S.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor

from uopd.rows import TrainingRow

Layout = Literal["packed", "padded"]
Run = tuple[slice, slice]
"""Consecutive tokens: their places in a micro-batch, and among those of all rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroBatch:
    """What one forward pass reads."""

    input_ids: Tensor
    """[B, S] int64."""
    position_ids: Tensor
    """[B, S] int64; begins at 0 with every row, which tells attention where a packed row ends."""
    attention_mask: Tensor | None
    """[B, S] of a padded batch, 1 for tokens; None for a packed one, which has no padding."""
    predicts_T: Tensor
    """[T] int64, position in [0, N) of the hidden state that predicts each response token."""
    response_ids_T: Tensor
    """[T] int64."""
    token_weights_T: Tensor
    """[T] float64."""
    advantages_T: Tensor
    """[T] float64."""
    source_T: Tensor
    """[T] int64, place of each response token among those of all rows, in the rows' own order."""
    row_ids: tuple[int, ...]

    @property
    def runs(self) -> list[Run]:
        """The response tokens in as few runs as there are: what is copied between a micro-batch and all rows."""
        breaks = ((self.source_T.diff() != 1).nonzero().flatten() + 1).tolist()
        bounds = pairwise([0, *breaks, len(self.source_T)])
        firsts = self.source_T[[0, *breaks]].tolist()
        return [
            (slice(start, end), slice(first, first + end - start))
            for (start, end), first in zip(bounds, firsts, strict=True)
        ]

    def to(self, device: torch.device) -> MicroBatch:
        """The same on another device."""
        moved: dict[str, Any] = {
            field.name: value.to(device)
            for field in dataclasses.fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return dataclasses.replace(self, **moved)


@dataclass(frozen=True, slots=True)
class _Piece:
    """One row on its way into a batch."""

    index: int
    prompt: tuple[int, ...]
    response: tuple[int, ...]
    offset: int
    """Response tokens of the rows before it."""

    def __len__(self) -> int:
        return len(self.prompt) + len(self.response)


def micro_batches(
    rows: Sequence[TrainingRow], *, layout: Layout, max_tokens: int, scorer: bool = False
) -> Iterator[MicroBatch]:
    """Rows with a response, each in exactly one batch of at most `max_tokens` positions; a longer row comes alone.

    Args:
        scorer: whether the prompt in front of a response is the scorer's.
    """
    pieces, offset = [], 0
    for index, row in enumerate(rows):
        prompt = row.scorer_ids if scorer else row.prompt_ids
        if row.response_ids:
            pieces.append(_Piece(index, prompt, row.response_ids, offset))
        offset += len(row.response_ids)
    for group in _groups(pieces, layout, max_tokens):
        yield _assemble(group, rows, layout)


def _groups(pieces: Sequence[_Piece], layout: Layout, max_tokens: int) -> Iterator[list[_Piece]]:
    group: list[_Piece] = []
    # Rows of like length side by side hold little padding; packed rows have none, and keep their order.
    ordered = sorted(pieces, key=len) if layout == "padded" else pieces
    for piece in ordered:
        grown = sum(map(len, group)) + len(piece) if layout == "packed" else len(piece) * (len(group) + 1)
        if group and grown > max_tokens:
            yield group
            group = []
        group.append(piece)
    if group:
        yield group


def _assemble(group: Sequence[_Piece], rows: Sequence[TrainingRow], layout: Layout) -> MicroBatch:
    width = max(map(len, group))
    starts = [number * width for number in range(len(group))]
    if layout == "packed":
        starts = [0]
        for piece in group[:-1]:
            starts.append(starts[-1] + len(piece))
    shape = (1, sum(map(len, group))) if layout == "packed" else (len(group), width)
    ids, positions = torch.zeros(shape, dtype=torch.int64), torch.zeros(shape, dtype=torch.int64)
    mask = torch.zeros(shape, dtype=torch.int64)
    predicts, source = [], []
    for piece, start in zip(group, starts, strict=True):
        end = start + len(piece)
        ids.view(-1)[start:end] = torch.tensor(piece.prompt + piece.response)
        positions.view(-1)[start:end] = torch.arange(len(piece))
        mask.view(-1)[start:end] = 1
        first = start + len(piece.prompt) - 1
        predicts.append(torch.arange(first, first + len(piece.response)))
        source.append(torch.arange(piece.offset, piece.offset + len(piece.response)))
    lengths = torch.tensor([len(piece.response) for piece in group])
    return MicroBatch(
        input_ids=ids,
        position_ids=positions,
        attention_mask=None if layout == "packed" else mask,
        predicts_T=torch.cat(predicts),
        response_ids_T=torch.cat([torch.tensor(piece.response) for piece in group]),
        token_weights_T=_per_token([rows[piece.index].token_weight for piece in group], lengths),
        advantages_T=_per_token([rows[piece.index].advantage for piece in group], lengths),
        source_T=torch.cat(source),
        row_ids=tuple(piece.index for piece in group),
    )


def _per_token(values: Sequence[float], lengths: Tensor) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).repeat_interleave(lengths)


def shares(rows: Sequence[TrainingRow], ranks: int) -> list[list[int]]:
    """Indices of the rows of each rank: the longest row goes to the rank with the fewest tokens so far."""
    loads, found = [0] * ranks, [[] for _ in range(ranks)]  # type: ignore[var-annotated]
    for index in sorted(range(len(rows)), key=lambda index: -_length(rows[index])):
        rank = loads.index(min(loads))
        loads[rank] += _length(rows[index])
        found[rank].append(index)
    return [sorted(indices) for indices in found]


def _length(row: TrainingRow) -> int:
    return len(row.prompt_ids) + len(row.response_ids) if row.response_ids else 0
