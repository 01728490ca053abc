"""A reward for verl: right or wrong, times the weight of the prompt.

    reward.custom_reward_function.path=weighted_reward.py reward.custom_reward_function.name=compute_score

An advantage that is divided by the standard deviation of its group forgets any factor that the group has in common, and
so the weight: it needs `algorithm.norm_adv_by_std_in_grpo=False`.
"""

from collections.abc import Mapping
from typing import Any

from sure_math.equivalence import is_correct


def compute_score(
    data_source: str, solution_str: str, ground_truth: str, extra_info: Mapping[str, Any] | None = None, **_: object
) -> dict[str, float]:
    """`score` is the weighted reward; `acc`, which verl reports beside it, is 1 for a right answer.

    A box inside a thought is no answer. verl does not show the prompt: if the template opens the thought, a response
    that never ends it cannot be told from one without a thought.
    """
    right = float(bool(ground_truth) and is_correct(ground_truth, solution_str, unboxed="reject"))
    return {"score": right * float((extra_info or {})["weight"]), "acc": right}
