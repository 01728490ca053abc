"""The reply to a question that asks for yes or no."""

from __future__ import annotations

import re

from sure_math.thoughts import visible_text

MAX_REPLY_TOKENS = 64
"""Room for "The answer is: **Yes**.", an empty thinking block, or both answers restated before the word."""
_WORDS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_LABELS = frozenset({"answer", "final", "my", "reply", "response", "result", "the", "verdict", "is", "assistant"})
"""Words that may stand before the yes or no: "Answer: yes", "The final answer is No."."""


def says_yes(reply: str) -> bool | None:
    """Return whether a reply says yes; None if it says neither yes nor no, or both.

    The yes or no must be the last word (`3/4 | 75% | no`), or the first word after a label ("Answer: yes"). Case,
    punctuation and a reason do not matter, unless the reason contains the other word. Thoughts are not read.

    >>> says_yes("The answer is: **Yes**."), says_yes("No, the signs differ."), says_yes("Maybe")
    (True, False, None)
    """
    words = _WORDS.findall((visible_text(reply) or "").casefold())
    verdicts = {"yes", "no"}.intersection(words)
    start = next((word for word in words if word not in _LABELS), None)
    if len(verdicts) != 1 or verdicts.isdisjoint({start, words[-1]}):
        return None
    return verdicts == {"yes"}
