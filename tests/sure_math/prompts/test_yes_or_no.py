"""Pins of `sure_math/prompts/yes_or_no.py`: which replies are a yes, which a no, and that all others are neither."""

import pytest

from sure_math.prompts.yes_or_no import says_yes

REPLIES: list[tuple[str, bool | None]] = [
    ("yes", True),
    ("Yes", True),
    ("YES.", True),
    (" \n yes \n", True),
    ("**Yes**", True),
    ("Yes!", True),
    ("Answer: Yes.", True),
    ("The answer is: yes", True),
    ("Final answer: **YES**", True),
    ("Yes, they are the same value.", True),
    ('"yes"', True),
    ("1. Yes", True),
    ("<think>\n\n</think>\n\nYes", True),
    ("<think>At first no, but then</think> yes", True),
    ("no", False),
    ("No.", False),
    ("`NO`", False),
    ("Verdict: no", False),
    ("No, the signs differ.", False),
    ("<think>yes?</think>No", False),
    ("", None),
    ("   ", None),
    ("maybe", None),
    ("Yes and no", None),
    ("yes/no", None),
    ("No. Wait, yes.", None),
    ("Yes, there is no difference", None),
    ("There is no difference", None),
    ("not the same", None),
    ("I know that they agree", None),
    ("yesterday", None),
    ("none", None),
    ("Nope", None),
    ("eyes", None),
    ("I would say yes", True),
    ("3/4 | 3/4 | yes", True),
    ("66 min | 65 min | no", False),
    ("yes | 3 | 4", True),
    ("<think>yes, because", None),
    ("True", None),
    ("1", None),
    ("да", None),
    ("\x00\ufffd\ufffd", None),
    ("Y" + "e" * 100_000 + "s", None),
]


@pytest.mark.parametrize(("reply", "expected"), REPLIES, ids=lambda value: repr(value)[:30])
def test_says_yes(reply: str, expected: bool | None) -> None:
    assert says_yes(reply) is expected
