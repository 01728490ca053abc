"""The numbers that are logged for a step. Sums become means here, and nowhere else.

| name | meaning |
|---|---|
| `loss` | the step's part of Eq. 9, as it was minimised |
| `cross_entropy`, `kl` | Eq. 7, and Eq. 7 minus the entropy of the teacher's top-k: means over response tokens, nats |
| `truncation_floor` | -log of the teacher's mass on its top-k: what `kl` is at student = teacher |
| `teacher_mass`, `student_mass` | probability that a model gives to the teacher's top-k, means over tokens |
| `agreement` | share of tokens for which both models have the same first choice |
| `student_logprob`, `teacher_logprob` | of the sampled tokens, means, nats; of GRPO at the rollouts' temperature |
| `iterations` | updates on the step's rollouts, which are fewer than `grpo.iterations` if one of them failed |
| `failed` | why a step could not be taken; its line has no other measurements |
| `mean_weight`, `effective_prompts` | over the step's prompts: mean w, (sum w)^2 / sum w^2 |
| `clipped` | share of tokens whose ratio is clipped (only GRPO) |
| `equal_groups` | share of prompts whose responses all have the same reward, which teach nothing (only GRPO) |
| `effective_responses` | responses of the other prompts, without empty responses (only GRPO) |
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from uopd.methods import RewardSignal
from uopd.rows import Rollout, UpdateReport

PER_TOKEN = (
    "cross_entropy",
    "kl",
    "truncation_floor",
    "teacher_mass",
    "student_mass",
    "agreement",
    "student_logprob",
    "teacher_logprob",
    "clipped",
    "reference_kl",
)
"""Sums that are divided by the number of response tokens."""
PARTS = ("rollout", "score", "update", "sync")
"""Parts of a step whose seconds are kept apart (B.3)."""


@dataclass(slots=True)
class Stopwatch:
    """Measures the seconds of each part of a step."""

    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Add the seconds of a `with` block to a part of the step."""
        started = time.monotonic()
        yield
        self.seconds[name] += time.monotonic() - started


def step_metrics(
    step: int,
    rollouts: Sequence[Rollout],
    report: UpdateReport,
    watch: Stopwatch,
    *,
    learning_rate: float,
    version: int,
    signal: RewardSignal | None = None,
) -> dict[str, Any]:
    """Make one line of the log.

    Args:
        step: from 0.
        version: the policy version after the step.
        signal: of the rewards, if the method learns from rewards.
    """
    tokens = report.sums.get("tokens", 0.0)
    lengths = [len(rollout.response_ids) for rollout in rollouts]
    weights = [rollout.prompt.weight for rollout in rollouts if rollout.sample_index == 0]
    rewards = [rollout.reward for rollout in rollouts if rollout.reward is not None]
    squares = sum(weight * weight for weight in weights)
    seconds = sum(watch.seconds.values())
    of_rewards: dict[str, float] = {}
    if signal is not None:
        of_rewards["equal_groups"] = signal.equal_groups / signal.groups
        of_rewards["effective_responses"] = signal.effective_responses
    return {
        "step": step,
        "version": version,
        "loss": report.sums.get("loss", 0.0),
        **{name: report.sums[name] / tokens for name in PER_TOKEN if tokens and name in report.sums},
        "mean_weight": fmean(weights),
        "effective_prompts": sum(weights) ** 2 / squares if squares else 0.0,
        "prompts": len(weights),
        "responses": len(rollouts),
        "response_tokens": sum(lengths),
        "mean_response_tokens": fmean(lengths),
        "truncated": fmean(rollout.finish_reason == "length" for rollout in rollouts),
        "empty": fmean(length == 0 for length in lengths),
        "reward": fmean(rewards) if rewards else None,
        **of_rewards,
        "staleness": version - 1 - min(rollout.policy_version for rollout in rollouts),
        "gradient_norm": report.gradient_norm,
        "iterations": report.iterations,
        "learning_rate": learning_rate,
        "tokens_per_second": sum(lengths) / seconds if seconds else 0.0,
        "seconds": {name: round(value, 4) for name, value in watch.seconds.items()},
        "peak_bytes": report.peak_bytes,
    }
