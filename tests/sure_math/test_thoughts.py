"""Which part of a response is a thought.

Pins: the tags of every family, opened by the response or by the prompt, closed or not; gpt-oss's channels with and
without their special tokens; tags that a thought only mentions; tags of the user; linear time on hostile text.
"""

import time

import pytest

from sure_math.thoughts import TAGS, opened_thought, visible_text


@pytest.mark.parametrize(("opening", "closing"), TAGS)
def test_every_family(opening: str, closing: str) -> None:
    assert visible_text(f"{opening}a{closing}b") == "b"
    assert visible_text(f"{opening.upper()}a{closing.lower()}b") == "b"
    assert visible_text(f"a{closing}b") == "b"
    assert visible_text(f"{opening}a") is None
    assert visible_text(f"{opening}a{closing}b{opening}c") is None
    assert visible_text(f"a{closing}b", in_thought=True) == "b"
    assert visible_text(f"{opening}a{closing}b", in_thought=True) == "b"
    assert visible_text("a", in_thought=True) is None
    assert opened_thought(f"<|user|>What?<|assistant|>{opening}\n") == opening
    assert opened_thought(f"<|assistant|>{opening}\n\n{closing}\n\n") == ""


HARMONY = "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b"
TEXTS = [
    ("b", "b"),
    ("", ""),
    ("<think>", None),
    ("</think>", ""),
    ("<think>a</think>b<think>c</think>d", "d"),
    ("<think>write <answer> and </reasoning> at the end", None),
    ("<think>write <reasoning>x</reasoning> then</think>b", "b"),
    ("<think>close with </think> later</think>b", "b"),
    ("<thinking>a</think>", None),
    (HARMONY, "b"),
    (HARMONY.replace("<|end|><|start|>", ""), "b"),
    ("<|channel|>analysis<|message|>a", None),
    ("<|channel|>analysis<|message|>a<|end|>", None),
    ("<|channel|>analysis", None),
    ("<|channel|>final<|message|>b", "b"),
    ("<|channel|>commentary to=functions.f <|constrain|>json<|message|>{}<|call|>", None),
    ("<|channel|>analysis<|message|>a<|channel|>commentary<|message|>c<|channel|>final<|message|>b", "b"),
    (f"{HARMONY}<|return|>", "b<|return|>"),
    (f"{HARMONY}<|end|><|channel|>analysis<|message|>more", None),
    ("analysisWe add.assistantfinalIt is b", "It is b"),
    ("analysis2 + 2assistantcommentaryhm.assistantfinalb", "b"),
    ("analysisWe add, and", None),
    ("analysis\nWe add, and", None),
    ("assistantanalysisWe add.assistantfinalb", "b"),
    ("assistantanalysisWe add", None),
    ("analysis of the sum gives 4", "analysis of the sum gives 4"),
    ("Analysis: 4", "Analysis: 4"),
    ("We use analysis.", "We use analysis."),
]


@pytest.mark.parametrize(("text", "visible"), TEXTS)
def test_what_is_visible(text: str, visible: str | None) -> None:
    assert visible_text(text) == visible


def test_tags_of_the_user() -> None:
    assert visible_text("[a]x[/a]b", tags=("[a]", "[/a]")) == "b"
    assert visible_text("[a]x</think>", tags=("[a]", "[/a]")) is None
    assert visible_text("<think>x[/a]b", tags=("<think>", "[/a]")) == "b"
    assert visible_text("x[/a]b", tags=("", "[/a]"), in_thought=True) == "b"


@pytest.mark.parametrize(
    ("prompt", "tag"),
    [
        ("", ""),
        ("What is <think>?<|assistant|>", ""),
        ("<|start|>assistant<|channel|>analysis<|message|>", "<|channel|>analysis<|message|>"),
        ("<|start|>assistant<|channel|>final<|message|>", ""),
    ],
)
def test_thoughts_that_the_prompt_opens(prompt: str, tag: str) -> None:
    assert opened_thought(prompt) == tag
    assert (visible_text(f"{tag}a") is None) == bool(tag)


HOSTILE = [
    "<think>",
    "</think>",
    "<",
    "[",
    "◁",
    "<|channel|>",
    "<|channel|>analysis ",
    "analysis",
    "assistantfinal",
    "<|",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_linear_time_on_hostile_text(piece: str) -> None:
    started = time.process_time()
    visible_text(piece * (1_000_000 // len(piece)))
    assert time.process_time() - started < 2.0
