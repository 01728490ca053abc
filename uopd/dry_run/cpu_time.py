"""How long a step takes on a machine without a GPU, from the operations of its models."""

from __future__ import annotations

from dataclasses import dataclass

from sure_math.dry_run.machine import Machine
from uopd.config import TrainConfig
from uopd.dry_run.memory import TrainingAssumptions
from uopd.dry_run.model_shapes import Shape

SMALLEST = 1e8
"""Parameters of a student below which its time is not a matter of operations."""
SAMPLED, SCORED, TRAINED = 2, 2, 6
"""Operations per parameter and token: a forward pass to sample and to score, a forward and a backward pass to train."""
REPEATED = 2
"""Operations of the forward pass that gradient checkpointing repeats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTime:
    """Seconds of the parts of a step."""

    rollouts: float
    scores: float
    training: float

    @property
    def total(self) -> float:
        """Seconds of a step."""
        return self.rollouts + self.scores + self.training


def step_time(
    config: TrainConfig, student: Shape, scorer: Shape | None, machine: Machine, assumptions: TrainingAssumptions
) -> StepTime | None:
    """Estimate a step on all cores of a machine; None for a student of less than `SMALLEST` parameters.

    >>> from uopd.config import load_config
    >>> from uopd.dry_run.model_shapes import SHAPES
    >>> student, teacher = SHAPES["Qwen/Qwen2.5-0.5B-Instruct"], SHAPES["Qwen/Qwen2.5-1.5B-Instruct"]
    >>> machine = Machine(cores=2, memory=24e9, has_gpu=False)
    >>> round(step_time(load_config("small"), student, teacher, machine, TrainingAssumptions()).total)
    1063

    Args:
        scorer: the model that scores the responses; None if the method has none.
    """
    if student.active_parameters < SMALLEST:
        return None
    rows = config.data.prompts_per_step * config.rollouts.per_prompt
    responses = rows * min(assumptions.response_tokens, config.rollouts.max_new_tokens)
    texts = responses + rows * min(assumptions.prompt_tokens, config.data.max_prompt_tokens)
    rate = machine.cores * assumptions.core_gflops * 1e9
    trained = TRAINED + (REPEATED if config.student.gradient_checkpointing else 0)
    return StepTime(
        rollouts=SAMPLED * student.active_parameters * texts / rate,
        scores=0.0 if scorer is None else SCORED * scorer.active_parameters * texts / rate,
        training=trained * student.active_parameters * texts / rate,
    )
