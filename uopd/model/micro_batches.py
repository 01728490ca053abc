"""Micro-batches: the rows of a step as tensors, packed without padding or padded, within a budget of tokens.

Every response token has its factor from the start (`TrainingRow.token_weight`). The gradient of a step is therefore the
same for every layout and every cut into micro-batches.

Shapes: B sequences side by side and S positions of each; a packed batch is one sequence of all its rows. T response
tokens, row after row; N = B * S.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from uopd.rows import TrainingRow

Layout = Literal["packed", "padded"]


class RowSpan(NamedTuple):
    """Consecutive response tokens: where they are in a micro-batch, and where among those of all rows."""

    in_micro: slice
    in_rows: slice


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroBatch:
    """The tensors that one forward pass reads."""

    input_ids: Tensor
    """[B, S] int64."""
    position_ids: Tensor
    """[B, S] int64. Every row begins at 0, which tells attention where a packed row ends."""
    attention_mask: Tensor | None
    """[B, S], 1 for tokens and 0 for padding; None for a packed batch, which has no padding."""
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
    """Indices of the rows."""

    @property
    def spans(self) -> list[RowSpan]:
        """The response tokens in as few spans as possible, for copies between a micro-batch and all rows."""
        breaks = ((self.source_T.diff() != 1).nonzero().flatten() + 1).tolist()
        bounds = pairwise([0, *breaks, len(self.source_T)])
        firsts = self.source_T[[0, *breaks]].tolist()
        return [
            RowSpan(slice(start, end), slice(first, first + end - start))
            for (start, end), first in zip(bounds, firsts, strict=True)
        ]

    def to(self, device: torch.device) -> MicroBatch:
        """Copy the micro-batch to another device."""
        moved: dict[str, Any] = {
            field.name: value.to(device)
            for field in dataclasses.fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return dataclasses.replace(self, **moved)


@dataclass(frozen=True, slots=True)
class _Piece:
    """One row that is to be put into a batch."""

    index: int
    prompt: tuple[int, ...]
    response: tuple[int, ...]
    offset: int
    """Number of response tokens in the rows before this row."""

    def __len__(self) -> int:
        return len(self.prompt) + len(self.response)


def micro_batches(
    rows: Sequence[TrainingRow], *, layout: Layout, max_tokens: int, scorer: bool = False
) -> Iterator[MicroBatch]:
    """Put every row that has a response into one micro-batch of at most `max_tokens` positions.

    A row that is longer than `max_tokens` gets a micro-batch of its own.

    >>> rows = [TrainingRow(prompt_ids=(1, 2), response_ids=(3,), scorer_ids=(), token_weight=1.0)] * 3
    >>> [micro.input_ids.tolist() for micro in micro_batches(rows, layout="packed", max_tokens=6)]
    [[[1, 2, 3, 1, 2, 3]], [[1, 2, 3]]]

    Args:
        scorer: whether the scorer's prompt comes before a response; otherwise the student's does.
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
    # Rows of similar length side by side need little padding. Packed rows need none, and keep their order.
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


def rows_by_rank(rows: Sequence[TrainingRow], ranks: int) -> list[list[int]]:
    """Assign rows to ranks: in order of length, each row goes to the rank with the fewest tokens so far.

    >>> rows = [TrainingRow(prompt_ids=(1,), response_ids=(2,) * n, scorer_ids=(), token_weight=1.0) for n in (9, 5, 3)]
    >>> rows_by_rank(rows, 2)
    [[0], [1, 2]]
    """
    loads = [0] * ranks
    indices_by_rank: list[list[int]] = [[] for _ in range(ranks)]
    for index in sorted(range(len(rows)), key=lambda index: -_length(rows[index])):
        rank = loads.index(min(loads))
        loads[rank] += _length(rows[index])
        indices_by_rank[rank].append(index)
    return [sorted(indices) for indices in indices_by_rank]


def _length(row: TrainingRow) -> int:
    return len(row.prompt_ids) + len(row.response_ids) if row.response_ids else 0
