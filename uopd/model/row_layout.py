"""The check that a model reads rows in a layout as it reads each row alone, on the model itself.

A packed row is kept apart from the row before it by its positions, which begin at 0 again. Only attention that looks at
positions understands this. A layer that carries a state from token to token (linear attention, convolutions, state
spaces) reads on, and so do models that compute positions or distances by themselves (OPT, BLOOM, MPT, Falcon, BioGPT).
Transformers does not refuse such a batch. These models are padded.

Shapes: T response tokens, D hidden width.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from math import sqrt
from typing import Any

import torch
from torch import Tensor

from uopd.model.causal_model import head_of, hidden_states
from uopd.model.errors import StudentError
from uopd.model.micro_batches import Layout, micro_batches
from uopd.rows import TrainingRow

FIRST, SECOND = 13, 9
"""Tokens of the two rows that are read. The second row is the shorter one, so that padding is behind it."""
ROUNDINGS = 4.0
"""Factor of eps sqrt(layers): what rounding explains between a row in a batch and the row alone, relative in norm."""
SMALLEST = 1e-3
"""The same at least, for a GPU that multiplies in TF32. Models that read on differ by 0.02 to 1."""
LEAK = {torch.float32: 1e-4, torch.float64: 1e-10}
"""What another text in front of a row may change of it, relative in norm. Without experts it is exactly nothing."""
LEAK_16_BITS = 0.01
"""The same for 16-bit types, in which another number of tokens per expert changes the rounding."""

_log = logging.getLogger(__name__)


def usable_layout(model: Any, name: str, layout: Layout, *, auto: bool) -> Layout:
    """Return the layout in which the model reads two short rows as it reads them alone.

    Args:
        layout: what the run would use.
        auto: whether the configuration leaves the choice open; a model that cannot read packed rows is then padded.

    Raises:
        StudentError: the model does not read rows in this layout as it reads them alone.
    """
    problem = _problem(model, layout)
    if problem is not None and layout == "packed" and auto:
        _log.warning("%s: %s; its rows are padded", name, problem)
        layout, problem = "padded", _problem(model, "padded")
    if problem is None:
        return layout
    remedy = "set batch.layout=padded" if layout == "packed" else "choose another model"
    raise StudentError(f"model {name} ({model.config.model_type}), batch.layout = {layout}: {problem}; {remedy}")


@torch.no_grad()
def _problem(model: Any, layout: Layout) -> str | None:
    """Say how the model misreads rows in the layout; None if it reads them right, or its weights are not finite."""
    first, other, second = _rows(len(head_of(model).weight_VD))
    alone = _second(model, [second], layout)
    together = _second(model, [first, second], layout)
    if not (alone.isfinite().all() and together.isfinite().all()):
        return None
    dtype = alone.dtype
    layers = getattr(model.config.get_text_config(), "num_hidden_layers", 1)
    rounding = max(SMALLEST, ROUNDINGS * torch.finfo(dtype).eps * sqrt(layers))
    difference = _relative(together, alone)
    if not difference <= rounding:
        return f"beside another row, a row's hidden states differ by {difference:.2g} of their norm from the row alone"
    leak = _relative(_second(model, [other, second], layout), together)
    if not leak <= LEAK.get(dtype, LEAK_16_BITS):
        return f"a row's hidden states change by {leak:.2g} of their norm with the text of the row in front of it"
    return None


def _rows(vocabulary: int) -> tuple[TrainingRow, TrainingRow, TrainingRow]:
    """Two rows of the same length with other tokens, and a shorter row; all tokens but the first are the response."""
    ids = torch.linspace(0, vocabulary - 1, 2 * FIRST + SECOND).long().tolist()
    texts = ids[:FIRST], ids[FIRST : 2 * FIRST], ids[2 * FIRST :]
    first, other, second = (
        TrainingRow(prompt_ids=tuple(text[:1]), response_ids=tuple(text[1:]), scorer_ids=(), token_weight=1.0)
        for text in texts
    )
    return first, other, second


def _second(model: Any, rows: Sequence[TrainingRow], layout: Layout) -> Tensor:
    """Hidden states [T, D] of the last row."""
    (micro,) = micro_batches(rows, layout=layout, max_tokens=len(rows) * FIRST)
    states_TD = hidden_states(model, micro.to(next(model.parameters()).device))
    places_T = micro.source_T.to(states_TD.device) - sum(len(row.response_ids) for row in rows[:-1])
    return states_TD[places_T >= 0]


def _relative(result_TD: Tensor, expected_TD: Tensor) -> float:
    tiny = torch.finfo(torch.float32).tiny
    return float((result_TD.float() - expected_TD.float()).norm() / expected_TD.float().norm().clamp_min(tiny))
