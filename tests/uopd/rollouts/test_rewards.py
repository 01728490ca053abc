"""Pins of `uopd/rollouts/rewards.py`: 1 for a right box, 0 for any other response, None without a reference answer."""

from uopd.rollouts.rewards import rewards

REWARDS = [
    (r"So it is \boxed{4}.", "4", 1.0),
    (r"\boxed{5} or rather \boxed{\frac{8}{2}}", "4", 1.0),
    (r"\boxed{5}", "4", 0.0),
    ("The answer is 4", "4", 0.0),
    (r"cut in \boxed{4", "4", 0.0),
    ("", "4", 0.0),
    (r"\boxed{4}", None, None),
]


def test_rewards() -> None:
    texts, answers, expected = zip(*REWARDS, strict=True)
    assert rewards(texts, answers) == list(expected)
