"""The final answer of a completion.

Pins: the last box wins, balanced and escaped braces, unclosed boxes, boxes side by side, percent signs behind a box,
thinking models (text after the last closing tag, unclosed thinking is truncated), the three reasons of a missing
answer, and linear time on adversarial text.
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


SIDE_BY_SIDE = [
    (r"\boxed{1}, \boxed{2}", "1, 2"),
    (r"\boxed{3}, \boxed{5}, \boxed{7}", "3, 5, 7"),
    (r"$\boxed{1}$ and $\boxed{2}$.", "1, 2"),
    (r"\(\boxed{1}\), \(\boxed{2}\), and \(\boxed{3}\)", "1, 2, 3"),
    (r"$$\boxed{1} \quad \text{or} \quad \boxed{2}$$", "1, 2"),
    (r"\boxed{1}\text{ oder }\boxed{2}", "1, 2"),
    (r"$\boxed{1}$ et $\boxed{2}$", "1, 2"),
    (r"$\boxed{1}$ y $\boxed{2}$", "1, 2"),
    (r"$\boxed{1}$ или $\boxed{2}$", "1, 2"),
    (r"$\boxed{1}$或$\boxed{2}$", "1, 2"),
    (r"$\boxed{1}$、$\boxed{2}$和$\boxed{3}$", "1, 2, 3"),
    (r"$\boxed{1}$ または $\boxed{2}$", "1, 2"),
    (r"$\boxed{1}$ 또는 $\boxed{2}$", "1, 2"),
    (r"$\boxed{1}$ sowie $\boxed{2}$", "1, 2"),
    (r"\boxed{1} and/or \boxed 2", "1, 2"),
    ("- $\\boxed{1}$\n- $\\boxed{2}$", "1, 2"),
    ("**$\\boxed{1}$**\n\n**$\\boxed{2}$**", "1, 2"),
    (r"n=\boxed{1}$ and $n=\boxed{-2}", "1, -2"),
    (r"$x_1 = \boxed{1}$, $x_2 = \boxed{2}$", "1, 2"),
    (r"$x = \boxed{3}$ and $y = \boxed{4}$", "x = 3, y = 4"),
    (r"\boxed{x < 1} or \boxed{x > 2}", "x < 1 or x > 2"),
    (r"\boxed{x > 1} and \boxed{x < 2}", "x > 1 and x < 2"),
    (r"$\boxed{840}$. $\boxed{840}$", "840"),
    (r"\boxed{A} or \boxed{B}", "A, B"),
    (r"$\boxed{5}$ (or $\boxed{-5}$)", "5, -5"),
    (r"$\boxed{(0,1)} \cup \boxed{(2,3)}$", r"(0,1) \cup (2,3)"),
    # Anything else between two boxes: the last box counts.
    (r"\boxed{1} then \boxed{2}", "2"),
    (r"\boxed{1}, so \boxed{2}", "2"),
    (r"\boxed{1} = \boxed{2}", "2"),
    (r"\boxed{1} : \boxed{2}", None),
    (r"\boxed{1}, -\boxed{2}", "1, -2"),
    (r"\boxed{1} or rather \boxed{2}", "2"),
    (r"\boxed{1}. Wait, \boxed{2}", "2"),
    (r"\boxed{1} and 3, \boxed{2}", "2"),
    (r"\boxed{1}, \boxed{2}. In short: \boxed{3}", "3"),
    (r"\boxed{1} and \boxed{2", None),
    (r"\boxed{1 and \boxed{2}", "2"),
    (r"\boxed{1}" + " " * 300 + r"\boxed{2}", "2"),
]
PERCENT = [
    (r"\boxed{30}\%", r"30\%"),
    (r"$\boxed{30}\%$", r"30\%"),
    (r"$\boxed{30}$\%", r"30\%"),
    (r"$\boxed{30}$%", r"30\%"),
    (r"\(\boxed{30}\)%", r"30\%"),
    (r"$\boxed{30}\,\%$", r"30\%"),
    ("$\\boxed{30}$％", r"30\%"),
    (r"**$\boxed{30}$**%", r"30\%"),
    (r"\boxed{30} percent of the balls", r"30\%"),
    (r"\boxed{30} per cent", r"30\%"),
    (r"\boxed{30}\text{ percent}", r"30\%"),
    (r"$\boxed{30}$ Prozent", r"30\%"),
    (r"\boxed 30\%", r"30\%"),
    (r"\boxed{30\%}\%", r"30\%"),
    (r"$\boxed{30}\%$ and $\boxed{40}\%$", r"30\%, 40\%"),
    (r"\boxed{30} percentage points", "30"),
    (r"\boxed{30} percent points", "30"),
    ("$\\boxed{30}$\n% a comment", "30"),
    (r"\boxed{30}, which is 20\%", "30"),
    (r"\boxed{}\%", ""),
]
TAGGED = [
    ("<|begin_of_box|>5<|end_of_box|>", "5"),
    (r"<|begin_of_box|>\boxed{5}<|end_of_box|>", "5"),
    (r"\boxed{1}? <|begin_of_box|>5<|end_of_box|>", "5"),
    (r"<|begin_of_box|>5<|end_of_box|> \boxed{2}", "2"),
    ("<|begin_of_box|>5", None),
]


@pytest.mark.parametrize(("text", "answer"), [*SIDE_BY_SIDE, *PERCENT, *TAGGED])
def test_boxes_together_and_what_stands_behind_a_box(text: str, answer: str | None) -> None:
    assert extract_answer(text) == answer
    assert extract_answer(rf"<think>\boxed{{8}}, \boxed{{9}}</think>{text}") == answer
    assert extract_answer(f"<think>{text}") is None


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
    (r"[THINK]\boxed{4}[/THINK]\boxed{5}", "stop", "5", None),
    (r"◁think▷\boxed{4}", "length", None, "truncated"),
    (r"analysis\boxed{4}assistantfinal\boxed{5}", "stop", "5", None),
    (r"analysis\boxed{4}", "stop", None, "truncated"),
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
    r"\boxed{1}," * 100_000,
    r"\boxed{1} n=" * 80_000,
    r"\boxed{1}" + "$" * 1_000_000,
    (r"\boxed{1}" + "$" * 190) * 5_000,
    r"\boxed{1}\text{ or " * 50_000,
    "<|begin_of_box|>" * 60_000,
    "$" * 1_000_000,
    "(" * 1_000_000,
    "|" * 1_000_000,
]


@pytest.mark.parametrize("text", ADVERSARIAL, ids=range(len(ADVERSARIAL)))
def test_linear_time_on_adversarial_text(text: str) -> None:
    started = time.process_time()
    final_answer(text, "stop")
    assert time.process_time() - started < 4.0
