"""Pins of `uopd/rollouts/rewards.py`.

1 for a right box, 0 for any other response, None without a reference answer; nothing for a box inside a thought; a bare
number for a percentage.
"""

from uopd.rollouts.rewards import rewards

REWARDS = [
    (r"So it is \boxed{4}.", "4", 1.0),
    (r"\boxed{5} or rather \boxed{\frac{8}{2}}", "4", 1.0),
    (r"\boxed{5}", "4", 0.0),
    ("The answer is 4", "4", 0.0),
    (r"cut in \boxed{4", "4", 0.0),
    ("", "4", 0.0),
    (r"\boxed{4}", None, None),
    (r"<think>maybe \boxed{4}, but no", "4", 0.0),
    (r"<think>maybe \boxed{4}</think> The answer is 5.", "4", 0.0),
    (r"<think>maybe \boxed{5}</think> \boxed{4}", "4", 1.0),
    (r"[THINK]\boxed{4}", "4", 0.0),
    (r"analysis\boxed{5}assistantfinal\boxed{4}", "4", 1.0),
    (r"\boxed{4}, \boxed{5}", "5", 0.0),
    (r"$\boxed{4}$ or $\boxed{5}$", "5, 4", 1.0),
    (r"$\boxed{30}\%$", r"30\%", 1.0),
    (r"\boxed{30}", r"30\%", 1.0),
]


def test_rewards() -> None:
    texts, answers, expected = zip(*REWARDS, strict=True)
    assert rewards(texts, answers) == list(expected)


def test_a_problem_that_asks_for_a_percentage() -> None:
    texts = [r"\boxed{30\%}", r"\boxed{30\%}", r"\boxed{30\text{ cm}}"]
    problems = ["What percentage is red?", "How many are red?", None]
    assert rewards(texts, ["30", "30", r"30\%"], problems) == [1.0, 0.0, 0.0]
