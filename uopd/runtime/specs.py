"""From the configuration to specs: plain values that travel to the process in which a part of the run is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from uopd.config import TrainConfig
from uopd.methods import Method
from uopd.model.micro_batches import Layout
from uopd.student.reference import AdamW, StudentSpec
from uopd.teacher.frozen_head import HeadSpec
from uopd.teacher.scorer import ScorerSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedTokens:
    """What student and scorer have in common (`run/agreement.py`), for every process that makes a distribution."""

    used_rows: int
    """Ids from 0 on that the tokenizer knows and that have a row in both heads. No other id is sampled or scored."""
    stop_token_ids: tuple[int, ...]
    """End tokens of the student and of the scorer, ascending. A response ends at each of them."""


def layout_of(layout: str, attention: str) -> Layout:
    """Resolve the layout `auto`: rows are packed if the attention reads packed rows without waste.

    Example:
        >>> layout_of("auto", "sdpa")
        'padded'
    """
    if layout == "auto":
        return "packed" if attention == "flash_attention_2" else "padded"
    return cast(Layout, layout)


def student_spec(config: TrainConfig, method: Method, tokens: SharedTokens | None = None) -> StudentSpec:
    """Return which model learns, and how. Without `tokens`, all rows of its head are used."""
    student, optimizer = config.student, config.optimizer
    return StudentSpec(
        model=student.model,
        revision=student.revision,
        dtype=student.dtype,
        device=student.device,
        attention=student.attention,
        gradient_checkpointing=student.gradient_checkpointing,
        objective=method.objective,
        optimizer=AdamW(
            beta1=optimizer.beta1,
            beta2=optimizer.beta2,
            epsilon=optimizer.epsilon,
            weight_decay=optimizer.weight_decay,
            clip=optimizer.clip,
        ),
        layout=layout_of(config.batch.layout, student.attention),
        auto_layout=config.batch.layout == "auto",
        max_tokens=config.batch.max_tokens,
        threads=int(student.num_cpus) if config.runtime.kind == "ray" else 0,
        offload_optimizer=student.offload_optimizer,
        teacher_head=_head_spec(config, method),
        used_rows=None if tokens is None else tokens.used_rows,
        stop_token_ids=None if tokens is None else tokens.stop_token_ids,
    )


def scorer_spec(config: TrainConfig, method: Method, tokens: SharedTokens | None = None) -> ScorerSpec | None:
    """Return which model reads the rollouts of this method, and how; None if no model does.

    Without `tokens`, all rows of its head are used.
    """
    teacher, student = config.teacher, config.student
    if method.scorer is None:
        return None
    initial = method.scorer == "initial"
    threads = config.reference.num_cpus if initial else teacher.num_cpus
    return ScorerSpec(
        model=student.model if initial else teacher.model,
        revision=student.revision if initial else teacher.revision,
        dtype=student.dtype if initial else teacher.dtype,
        device=student.device if initial else teacher.device,
        attention=student.attention if initial else teacher.attention,
        top_k=teacher.top_k if method.objective.needs_support else 0,
        values=teacher.values,
        layout=layout_of(config.batch.layout, student.attention if initial else teacher.attention),
        auto_layout=config.batch.layout == "auto",
        max_tokens=teacher.max_tokens,
        threads=int(threads) if config.runtime.kind == "ray" else 0,
        sends=teacher.sends if method.objective.needs_support else "topk",
        temperature=method.objective.temperature,
        used_rows=None if tokens is None else tokens.used_rows,
    )


def _head_spec(config: TrainConfig, method: Method) -> HeadSpec | None:
    """Which head the student's process needs, if the scorer sends hidden states."""
    scorer = scorer_spec(config, method)
    if scorer is None or scorer.sends == "topk":
        return None
    return HeadSpec(
        model=scorer.model, revision=scorer.revision, dtype=scorer.dtype, device=scorer.device, top_k=scorer.top_k
    )
