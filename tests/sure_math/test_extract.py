"""The final answer of a completion.

Pins: the last box wins, balanced and escaped braces, unclosed boxes, thinking models (text after the last closing tag,
unclosed thinking is truncated), the three reasons of a missing answer, and linear time on adversarial text.
"""

import time

import pytest

from sure_math.extract import extract_answer, final_answer

BOXES = [
    (r"So \boxed{42}.", "42"),
    (r"\boxed{1} then \boxed{2}", "2"),
    (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
    (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
    (r"\boxed{\left\{ x \mid x > \frac{1}{2} \right\}}", r"\left\{ x \mid x > \frac{1}{2} \right\}"),
    (r"\boxed{a\}", None),
    (r"\boxed{\text{a \{ b}}", r"\text{a \{ b}"),
    (r"\fbox{7}", "7"),
    (r"\framebox{7}", "7"),
    (r"\boxed 5", "5"),
    (r"$\boxed 5$", "5"),
    (r"\boxed{ 5 }", "5"),
    ("\\boxed\n{5}", "5"),
    (r"\boxed{}", ""),
    (r"\boxed{5", None),
    (r"\boxed{5} and then \boxed{6", None),
    (r"\boxed", None),
    (r"\boxedx{5}", None),
    ("no box 5", None),
    ("", None),
    (r"\\boxed{5}", "5"),
    (r"\boxed{\boxed{5}}", "5"),
    (r"\boxed{\boxed{5} cm}", "5"),
]


@pytest.mark.parametrize(("text", "answer"), BOXES)
def test_extract_answer(text: str, answer: str | None) -> None:
    assert extract_answer(text) == answer


FINAL = [
    (r"\boxed{5}", "stop", "5", None),
    (r"\boxed{5}", "length", "5", None),
    (r"\boxed{5", "length", None, "truncated"),
    (r"\boxed{5", "stop", None, "unboxed"),
    ("The answer is 5", "stop", None, "unboxed"),
    ("The answer is 5", "unknown", None, "unboxed"),
    ("The answer", "length", None, "truncated"),
    ("", "stop", None, "empty"),
    (" \n", "stop", None, "empty"),
    ("", "length", None, "truncated"),
    (r"\boxed{ }", "stop", None, "unboxed"),
    (r"<think>\boxed{4}</think>\boxed{5}", "stop", "5", None),
    (r"\boxed{4}</think>\boxed{5}", "stop", "5", None),
    (r"<think>\boxed{4}</think>five", "stop", None, "unboxed"),
    (r"<think>\boxed{4}", "stop", None, "truncated"),
    (r"<think>\boxed{4}", "length", None, "truncated"),
    (r"<think>a</think>\boxed{5}<think>more", "length", None, "truncated"),
    (r"<think>a</think><think>b</think>\boxed{5}", "stop", "5", None),
]


@pytest.mark.parametrize(("text", "finish_reason", "answer", "missing"), FINAL)
def test_final_answer(text: str, finish_reason: str, answer: str | None, missing: str | None) -> None:
    final = final_answer(text, finish_reason)  # type: ignore[arg-type]
    assert (final.answer, final.missing) == (answer, missing)


def test_other_tags() -> None:
    final = final_answer(r"[a]\boxed{1}[/a]\boxed{2}", "stop", opening_tag="[a]", closing_tag="[/a]")
    assert final.answer == "2"
    assert final_answer(r"<think>\boxed{1}", "stop", opening_tag="[a]", closing_tag="[/a]").missing == "truncated"


ADVERSARIAL = [
    r"\boxed{" * 15_000,
    r"\boxed{" * 7_000 + "}" * 6_999,
    "{" * 100_000,
    "\\" * 100_000,
    r"\boxed " * 14_000,
    "<think>" * 14_000,
]


@pytest.mark.parametrize("text", ADVERSARIAL, ids=range(len(ADVERSARIAL)))
def test_linear_time_on_adversarial_text(text: str) -> None:
    started = time.process_time()
    final_answer(text, "stop")
    assert time.process_time() - started < 1.0
