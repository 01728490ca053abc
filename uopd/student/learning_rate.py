"""The learning rate of a step."""

from __future__ import annotations

import math

from uopd.config import OptimizerConfig


def learning_rate(step: int, steps: int, config: OptimizerConfig) -> float:
    """Linear warm-up over a share of the steps, then a cosine to 0 at the end of the run, or a constant.

    Args:
        step: from 0; the first step has a rate above 0, and so has the last.
    """
    warm_up = round(config.warmup * steps)
    if step < warm_up:
        return config.learning_rate * (step + 1) / warm_up
    if config.schedule == "constant":
        return config.learning_rate
    done = (step - warm_up) / max(1, steps - warm_up)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
