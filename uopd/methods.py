"""The methods: UOPD, its baselines and its controls. Each is a row of `METHODS` that says only what differs.

| method | scorer | loss | weight of a prompt | prompts |
|---|---|---|---|---|
| `uopd` | teacher | Eq. 7 | w = 1 - H / log N (Eq. 6) | uniform |
| `opd` | teacher | Eq. 7 | 1 | uniform |
| `filter` | teacher | Eq. 7 | 1 | uniform over the prompts with an entropy of at most tau |
| `grpo` | none, or the initial student | clipped ratio | none: advantages within a prompt's group | uniform |
| `opsd` | the initial student, with the solution in its prompt | Eq. 7 | 1 | uniform |
| `shuffled` | teacher | Eq. 7 | the weights of `uopd`, permuted over the prompts | uniform |
| `majority` | teacher | Eq. 7 | share of the teacher's majority answer | uniform |
| `opd-scaled` | teacher | Eq. 7 | the mean weight | uniform |
| `sampled` | teacher | Eq. 7 | the mean weight | in proportion to w |

To add a method, add a row to `METHODS` and the name to `method_names.py`.

How they differ from their papers:
1. `grpo` divides by the population standard deviation of a group. If all rewards of a group are equal, its advantages
   are 0; the paper would divide by 0, and other trainers add a small number. A response without a box is wrong.
2. `grpo` computes all log-probabilities at the temperature of the rollouts, since the gradient is that of the policy
   that sampled. Rollouts with top-p or top-k are refused.
3. `opsd` (Self-Distilled Reasoner) has the loss of Eq. 7 on the teacher's top-k, without a pointwise clip.
4. `sampled` is not a method of the paper. Its expected gradient is that of `uopd`, but every drawn prompt has the same
   weight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from random import Random
from statistics import fmean, pstdev
from typing import Literal

from sure_math.entropy import entropy_in_nats
from sure_math.identity import digest
from uopd.config import FilterConfig, GrpoConfig, TrainConfig
from uopd.dataset import PoolRow
from uopd.method_names import MethodName
from uopd.rows import Rollout, TrainingRow
from uopd.student.objectives import Distillation, Objective, PolicyGradient

RequiredColumn = Literal["weight", "answer", "solution"]
ENTROPY_ROUNDING = 1e-12
"""Rounding error of an entropy that is computed from a weight: a problem exactly at tau is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardRule:
    """How a policy gradient uses the rewards of a step."""

    scale: bool
    """Whether advantages are divided by the standard deviation of their group."""
    normaliser: Literal["response", "tokens", "constant"]
    """What a token's factor is divided by: its response's length, the tokens of the step, or `constant`."""
    constant: int
    """Divisor of the normaliser `constant`, in tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method with its settings: what the trainer asks it, so that it never asks for the method's name."""

    name: MethodName
    objective: Objective
    scorer: Literal["teacher", "initial"] | None
    """The model that scores the rollouts: the teacher, the frozen initial student, or none."""
    needs: frozenset[RequiredColumn]
    """Columns of the dataset that every prompt must have."""
    weights: Callable[[Sequence[PoolRow], int], list[float]] = lambda pool, seed: [1.0] * len(pool)
    """Gives w(x) for each prompt of the pool, from the pool and the run's seed."""
    keeps: Callable[[PoolRow], bool] = lambda row: True
    """Whether a prompt is in the pool."""
    proportional: bool = False
    """Whether prompts are drawn in proportion to the dataset's weight."""
    shows_solution: bool = False
    """Whether the scorer's prompt has the solution."""
    rewards: RewardRule | None = None
    """How rewards become advantages; None for a method that has no rewards."""


def make_method(config: TrainConfig) -> Method:
    """Make the method that the configuration names.

    >>> from uopd.config import load_config
    >>> method = make_method(load_config("pocket", ["method=grpo"]))
    >>> method.scorer, sorted(method.needs), method.rewards.normaliser
    (None, ['answer'], 'response')
    """
    return METHODS[config.method](config)


def training_rows(rollouts: Sequence[Rollout], method: Method) -> tuple[TrainingRow, ...]:
    """Turn the responses of a step into rows, each with the factor of its tokens' losses (Eq. 8, 9).

    An empty response adds nothing to the loss, but counts among the |B| K responses.

    >>> from uopd.config import load_config
    >>> from uopd.rows import Prompt
    >>> prompt = Prompt(problem_id="p1", token_ids=(1, 2), scorer_ids=(1, 2), weight=0.5, answer=None)
    >>> rollout = Rollout(
    ...     slot=0,
    ...     sample_index=0,
    ...     prompt=prompt,
    ...     response_ids=(3, 4, 5, 6),
    ...     finish_reason="stop",
    ...     sum_logprob=-1.0,
    ...     policy_version=0,
    ... )
    >>> training_rows([rollout], make_method(load_config("pocket")))[0].token_weight  # 0.5 / 4 tokens
    0.125

    Args:
        rollouts: by slot, every slot with its K responses.
    """
    rule = method.rewards
    advantages = [0.0] * len(rollouts) if rule is None else group_advantages(rollouts, scale=rule.scale)
    divisors = _divisors([len(rollout.response_ids) for rollout in rollouts], rule)
    return tuple(
        TrainingRow(
            prompt_ids=rollout.prompt.token_ids,
            response_ids=rollout.response_ids,
            scorer_ids=rollout.prompt.scorer_ids,
            token_weight=rollout.prompt.weight / divisor if divisor else 0.0,
            advantage=advantage,
        )
        for rollout, advantage, divisor in zip(rollouts, advantages, divisors, strict=True)
    )


def _divisors(lengths: Sequence[int], rule: RewardRule | None) -> list[int]:
    """The divisor of each response's weight: |y| |B| K (Eq. 9) unless the rule says otherwise."""
    if rule is not None and rule.normaliser == "tokens":
        return [sum(lengths)] * len(lengths)
    if rule is not None and rule.normaliser == "constant":
        return [rule.constant * len(lengths)] * len(lengths)
    return [length * len(lengths) for length in lengths]


def group_advantages(rollouts: Sequence[Rollout], *, scale: bool) -> list[float]:
    """Compute each reward minus the mean reward of its slot.

    >>> from uopd.rows import Prompt
    >>> prompt = Prompt(problem_id="p1", token_ids=(1, 2), scorer_ids=(1, 2), weight=1.0, answer="12")
    >>> rollouts = [
    ...     Rollout(
    ...         slot=0,
    ...         sample_index=index,
    ...         prompt=prompt,
    ...         response_ids=(3,),
    ...         finish_reason="stop",
    ...         sum_logprob=-1.0,
    ...         policy_version=0,
    ...         reward=reward,
    ...     )
    ...     for index, reward in enumerate((1.0, 0.0))
    ... ]
    >>> group_advantages(rollouts, scale=False)
    [0.5, -0.5]

    Args:
        rollouts: by slot.
        scale: whether to divide by the slot's population standard deviation, if it is not 0.
    """
    advantages: list[float] = []
    for _, group in groupby(rollouts, key=lambda rollout: rollout.slot):
        values = [rollout.reward or 0.0 for rollout in group]
        mean, spread = fmean(values), pstdev(values)
        divisor = spread if scale and spread > 0 else 1.0
        advantages += [(value - mean) / divisor for value in values]
    return advantages


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardSignal:
    """How much of a step's rewards a policy gradient can learn from."""

    groups: int
    """Prompts of the step, each with its group of responses."""
    equal_groups: int
    """Groups whose rewards are all equal, so that all advantages are 0."""
    effective_responses: int
    """Responses that have a token and are in another group."""


def reward_signal(rollouts: Sequence[Rollout]) -> RewardSignal:
    """Count the groups without a signal, and the responses that are left to learn from.

    >>> reward_signal(rollouts).equal_groups  # doctest: +SKIP
    2

    Args:
        rollouts: by slot.
    """
    groups = [list(group) for _, group in groupby(rollouts, key=lambda rollout: rollout.slot)]
    unequal = [group for group in groups if len({rollout.reward or 0.0 for rollout in group}) > 1]
    return RewardSignal(
        groups=len(groups),
        equal_groups=len(groups) - len(unequal),
        effective_responses=sum(bool(rollout.response_ids) for group in unequal for rollout in group),
    )


def _semantic(pool: Sequence[PoolRow], seed: int) -> list[float]:
    return [row.weight for row in pool]


def _mean_weight(pool: Sequence[PoolRow], seed: int) -> list[float]:
    return [fmean(row.weight for row in pool)] * len(pool)


def _majority(pool: Sequence[PoolRow], seed: int) -> list[float]:
    return [row.majority_share for row in pool]


def _shuffled(pool: Sequence[PoolRow], seed: int) -> list[float]:
    weights = [row.weight for row in pool]
    Random(digest([seed, "shuffled", len(pool)])).shuffle(weights)
    return weights


def _certain(config: FilterConfig) -> Callable[[PoolRow], bool]:
    def keeps(row: PoolRow) -> bool:
        entropy = 1 - row.weight
        if config.unit == "nats":
            entropy = entropy_in_nats(entropy, row.num_samples)
        return entropy <= config.tau + ENTROPY_ROUNDING

    return keeps


def _distillation(name: MethodName, *needs: RequiredColumn, **fields: object) -> Callable[[TrainConfig], Method]:
    return lambda config: Method(
        name=name,
        objective=Distillation(),
        scorer="teacher",
        needs=frozenset(needs),
        **fields,  # type: ignore[arg-type]
    )


def _filter(config: TrainConfig) -> Method:
    return Method(
        name="filter",
        objective=Distillation(),
        scorer="teacher",
        needs=frozenset({"weight"}),
        keeps=_certain(config.filter),
    )


def _grpo(config: TrainConfig) -> Method:
    grpo: GrpoConfig = config.grpo
    return Method(
        name="grpo",
        objective=PolicyGradient(
            clip_low=grpo.clip_low,
            clip_high=grpo.clip_high,
            kl_coefficient=grpo.kl_coefficient,
            iterations=grpo.iterations,
            temperature=config.rollouts.temperature,
        ),
        scorer="initial" if grpo.kl_coefficient > 0 else None,
        needs=frozenset({"answer"}),
        rewards=RewardRule(
            scale=grpo.scale_rewards,
            normaliser=grpo.normaliser,
            constant=config.rollouts.max_new_tokens,
        ),
    )


def _opsd(config: TrainConfig) -> Method:
    return Method(
        name="opsd",
        objective=Distillation(),
        scorer="initial" if config.opsd.teacher == "self" else "teacher",
        needs=frozenset({"solution"}),
        shows_solution=True,
    )


METHODS: dict[MethodName, Callable[[TrainConfig], Method]] = {
    "uopd": _distillation("uopd", "weight", weights=_semantic),
    "opd": _distillation("opd"),
    "filter": _filter,
    "grpo": _grpo,
    "opsd": _opsd,
    "shuffled": _distillation("shuffled", "weight", weights=_shuffled),
    "majority": _distillation("majority", "weight", weights=_majority),
    "opd-scaled": _distillation("opd-scaled", "weight", weights=_mean_weight),
    "sampled": _distillation("sampled", "weight", weights=_mean_weight, proportional=True),
}
