r"""The thoughts of a thinking model: which part of its text is a thought, and which part its reader sees.

A thought holds no answer. It is opened by the response or by the prompt, and ends with the closing tag of its family.
A thought that never ends makes the whole response a thought.
"""

import re
from functools import lru_cache

TAGS: tuple[tuple[str, str], ...] = (
    ("<think>", "</think>"),  # DeepSeek-R1, Qwen3, QwQ, GLM
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<thoughts>", "</thoughts>"),
    ("<reasoning>", "</reasoning>"),
    ("<scratchpad>", "</scratchpad>"),
    ("<seed:think>", "</seed:think>"),  # Seed-OSS
    ("<longcat_think>", "</longcat_think>"),  # LongCat
    ("[THINK]", "[/THINK]"),  # Magistral
    ("◁think▷", "◁/think▷"),  # Kimi
    ("<|begin_of_thought|>", "<|end_of_thought|>"),  # OpenThinker, Sky-T1
    ("<|START_THINKING|>", "<|END_THINKING|>"),  # Command A Reasoning
    ("<|inner_prefix|>", "<|inner_suffix|>"),  # Apertus
    ("<|channel>thought", "<channel|>"),  # Gemma
)
"""Opening and closing tag of the model families in use. Letters count in either case."""
TAG_TOKENS = (*(tag for pair in TAGS for tag in pair), "<|channel|>", "<|message|>", "<|channel>")
"""Special tokens that a decoder must keep: without them an answer cannot be told from a thought."""

_HARMONY = "harmony"
"""gpt-oss: every channel but `final` is a thought. Without its special tokens the text reads
`analysis...assistantfinal...`.
"""
_CHANNEL = (
    r"<\|channel\|>\s{0,3}(?:analysis|commentary|final)\b(?:[^<]{0,200}(?:<\|constrain\|>[^<]{0,40})?<\|message\|>)?"
)
_WITHOUT_TOKENS = r"\A\s{0,9}(?:assistant)?analysis(?=[^\s:.,;!?'’)-]|[ \t]{0,9}\n)|assistantfinal"
_BY_PROMPT = "prompt"


def visible_text(text: str, *, tags: tuple[str, str] = ("", ""), in_thought: bool = False) -> str | None:
    """Return the text after the last thought, or None if a thought never ends. Takes linear time.

    A closing tag without an opening tag ends a thought that the prompt opened. Inside a thought only the closing tag
    of its own family counts: models write about tags when they think.

    Args:
        tags: opening and closing tag of one more family.
        in_thought: the prompt opened a thought.

    >>> visible_text("<think>2 or 3?</think>It is 3."), visible_text("It is 3."), visible_text("<think>2 or 3?")
    ('It is 3.', 'It is 3.', None)
    """
    pattern, meaning = _reader(tags)
    thought, start = (_BY_PROMPT if in_thought else None), 0
    for token in pattern.finditer(text):
        family, opens = _meaning_of(token.group(), meaning)
        if opens:
            thought = thought or family
        elif thought in (None, family, _BY_PROMPT):
            thought, start = None, token.end()
    return None if thought else text[start:]


def opened_thought(prompt: str) -> str:
    r"""Return the opening tag with which a prompt ends, so that the response starts inside a thought; else "".

    >>> opened_thought("<|assistant|>\n<think>\n"), opened_thought("<|assistant|>\n<think>\n\n</think>\n\n")
    ('<think>', '')
    """
    end = prompt[-200:].rstrip()
    if (channel := _OPEN_CHANNEL.search(end)) is not None:
        return channel.group()
    return next((end[-len(opening) :] for opening, _ in TAGS if end.lower().endswith(opening.lower())), "")


_OPEN_CHANNEL = re.compile(r"<\|channel\|>(?:analysis|commentary)<\|message\|>\Z")


@lru_cache(maxsize=64)
def _reader(tags: tuple[str, str]) -> tuple[re.Pattern[str], dict[str, tuple[str, bool]]]:
    """Return the pattern of all tags, and the family of each tag with whether it opens."""
    meaning: dict[str, tuple[str, bool]] = {}
    for opening, closing in (*TAGS, tags):
        meaning |= {tag.lower(): (closing, opens) for tag, opens in ((opening, True), (closing, False)) if tag}
    literals = "|".join(re.escape(tag) for tag in sorted(meaning, key=len, reverse=True))
    return re.compile(f"(?i:{literals})|{_CHANNEL}|{_WITHOUT_TOKENS}"), meaning


def _meaning_of(token: str, meaning: dict[str, tuple[str, bool]]) -> tuple[str, bool]:
    known = meaning.get(token.lower())
    return known or (_HARMONY, not ("final" in token[:24] or token == "assistantfinal"))
