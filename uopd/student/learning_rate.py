"""The learning rate of a step."""

from __future__ import annotations

import math

from uopd.config import OptimizerConfig


def learning_rate(step: int, steps: int, config: OptimizerConfig) -> float:
    """Compute the rate of a step: a linear warm-up, then a cosine that reaches 0 after the last step, or a constant.

    >>> config = OptimizerConfig(learning_rate=4.0, warmup=0.5, schedule="cosine")
    >>> [learning_rate(step, 4, config) for step in range(4)]
    [2.0, 4.0, 4.0, 2.0]

    Args:
        step: from 0. The rate of the first and of the last step is above 0.
        steps: of the whole run.
    """
    warm_up = round(config.warmup * steps)
    if step < warm_up:
        return config.learning_rate * (step + 1) / warm_up
    if config.schedule == "constant":
        return config.learning_rate
    done = (step - warm_up) / max(1, steps - warm_up)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
