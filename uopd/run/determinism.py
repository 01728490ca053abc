"""The check that a scorer reads the texts that it is given: the same text twice, in two batchings.

A batching changes the order of sums, so 16-bit scores differ by rounding. A scorer that reads another text (rows that
leak into each other, a prompt that is shifted by a token) differs by far more. The limit lies between the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import torch

from sure_math.models.engines.files import model_folder, text_config
from uopd.config import TrainConfig
from uopd.methods import Method
from uopd.model.causal_model import dtype_of
from uopd.protocols import Scorer
from uopd.rows import TrainingRow
from uopd.run.checks import RefusedError
from uopd.runtime.specs import layout_of

PROBED_ROWS = 4
"""Texts that are scored twice."""
SMALLEST_LIMIT = 1e-3
"""Nats. Of float32, in which SmolLM2-135M differs by 3e-7; a GPU that multiplies in TF32 differs by more."""
LARGEST_LIMIT = 0.09
"""Nats. A scorer that reads one more token in front of the text differs by 0.3 (SmolLM2-135M)."""
ROUNDINGS = 2.0
"""Factor of eps sqrt(layers), nats. Measured on a CPU in bfloat16: 0.033 of SmolLM2-135M (30 layers, so the limit is
0.086), 0.015 of Qwen2.5-Coder-0.5B (24 layers, 0.077), 0.020 of Qwen2.5-Coder-1.5B (28 layers, 0.083), and 0.001,
0.005, 0.010, 0.017 of random models of 2, 8, 28, 64 layers. The spread comes from the sizes of the hidden states."""


def rounding_limit(dtype: torch.dtype, layers: int) -> float:
    """Return the largest mean difference, in nats per token, that rounding explains between two batchings.

    Each layer rounds its sums to the dtype's eps and adds them to the hidden state. Errors of layers are independent,
    so they grow with the root of their number.

    >>> round(rounding_limit(torch.bfloat16, layers=28), 4)
    0.0827
    >>> rounding_limit(torch.float32, layers=28)
    0.001
    """
    return min(LARGEST_LIMIT, max(SMALLEST_LIMIT, ROUNDINGS * torch.finfo(dtype).eps * sqrt(layers)))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeterminismLimit:
    """The largest mean difference between two scorings, and what the message says of it."""

    nats: float
    source: str
    """The setting that it comes from."""
    remedies: tuple[str, ...]
    """Settings that make the difference smaller, without those that the run has already."""


def determinism_limit(config: TrainConfig, method: Method) -> DeterminismLimit:
    """Return the limit for the scorer of a run: the user's number, or one from its dtype and its layers."""
    initial = method.scorer == "initial"
    section, prefix = (config.student, "student") if initial else (config.teacher, "teacher")
    gpus = config.reference.num_gpus if initial else config.teacher.num_gpus
    device = section.device if config.runtime.kind == "local" else "cuda" if gpus else "cpu"
    dtype = dtype_of(section.dtype, device)
    vllm = not initial and config.teacher.engine == "vllm"
    packed = not vllm and layout_of(config.batch.layout, section.attention) == "packed"
    remedies = (
        *(("teacher.engine=transformers",) if vllm else ()),
        *(("batch.layout=padded",) if packed else ()),
        *((f"{prefix}.dtype=float32",) if dtype != torch.float32 else ()),
    )
    number = config.teacher.determinism_nats
    if number is not None:
        return DeterminismLimit(nats=number, source=f"teacher.determinism_nats = {number:g}", remedies=remedies)
    layers = int(text_config(model_folder(section.model, section.revision)).num_hidden_layers)
    limit = rounding_limit(dtype, layers)
    type_name = str(dtype).removeprefix("torch.")
    source = f"teacher.determinism_nats is not set, so it is {limit:.2g} ({type_name}, {layers} layers)"
    return DeterminismLimit(nats=limit, source=source, remedies=remedies)


def check_determinism(scorer: Scorer, rows: Sequence[TrainingRow], limit: DeterminismLimit) -> float:
    """Score the same texts twice; return the mean difference in nats.

    Raises:
        RefusedError: the difference is above the limit.
    """
    probe = [row for row in rows if row.response_ids][:PROBED_ROWS]
    difference = scorer.repeat_difference(probe) if probe else 0.0
    if not difference <= limit.nats:
        remedy = "; ".join(
            [f"set {setting}" for setting in limit.remedies]
            + ["if the difference is acceptable to you, set teacher.determinism_nats above it"]
        )
        raise RefusedError(
            f"{limit.source}: scoring the same texts together and one by one differs by {difference:.2g} nats per "
            f"token on average, more than rounding explains, as if the scorer read other texts; {remedy}"
        )
    return difference
