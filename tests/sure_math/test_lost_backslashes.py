r"""Boxes in responses whose backslash and first letter a reader of JSON took for a control character.

Pins: such a box is the box, for labels, grades and evaluations alike; what stands beside it still counts, so a product
in front of it leaves no answer; plain texts with tabs, form feeds and line breaks are read as before.
"""

import json

import pytest

from eval_harness.grade import grade_boxed
from sure_math.equivalence import is_correct
from sure_math.extract import extract_answer, final_answer, with_backslashes

BROKEN = [
    (r"So it is \boxed{5}.", "5"),
    (r"So it is $\boxed{\frac{1}{2}}$.", r"\frac{1}{2}"),
    (r"\fbox{5}", "5"),
    (r"\framebox{5}", "5"),
    (r"<think>\boxed{4}?</think> \boxed{5}", "5"),
    (r"First \boxed{4}. Hence \boxed{5}", "5"),
    (r"$x = \boxed{1}$ or $x = \boxed{2}$", "1, 2"),
    (r"\boxed{5 \text{ cm}}", r"5 \text{ cm}"),
    (r"about \boxed{5}\text{ percent}", r"5\%"),
]


@pytest.mark.parametrize(("written", "answer"), BROKEN)
def test_a_box_that_json_broke_is_the_box(written: str, answer: str) -> None:
    broken = json.loads(f'"{written}"')
    assert "\\b" not in broken and "\\f" not in broken and "\\t" not in broken
    read = extract_answer(broken)
    assert read is not None and with_backslashes(read) == answer == extract_answer(written)
    assert final_answer(broken, "stop").missing is None
    assert is_correct(answer, broken) and not is_correct("77", broken)
    assert [graded.outcome for graded in grade_boxed(answer, [broken])] == ["correct"]


@pytest.mark.parametrize(
    "written",
    [
        r"It is $2 \times \boxed{3}$.",
        r"It is $\frac{1}{\boxed{3}}$.",
        r"It is $\frac{\boxed{3}}{2}$.",
        r"It is $\binom{4}{\boxed{3}}$.",
        r"<think>\boxed{3}",
        r"It is \boxed{3",
    ],
)
def test_what_stands_beside_a_broken_box_still_counts(written: str) -> None:
    broken = json.loads(f'"{written}"')
    assert extract_answer(broken) is None is extract_answer(written)
    assert not is_correct("3", broken)


@pytest.mark.parametrize(
    "text",
    [
        "a\tb\tc\n1\t2\t3",
        "\tIndented text.\n\ttimes 3 and\ttext\tfractions",
        "page one\fbox of 5 pencils\fraction bars",
        "page one\fRack 3",
        "\tan apple, \to be sure, \tau revoir",
        "one\r\nrather\r\nangle 5",
        "line\nexists\night\neq",
        "\boxes of 5",
        "bell\a, back\bspace\b\b, \bx",
        "\textile mills",
    ],
)
def test_plain_text_with_control_characters_is_unchanged(text: str) -> None:
    assert with_backslashes(text) == text
    assert extract_answer(f"{text}\n\nSo it is \\boxed{{5}}") == "5" and extract_answer(text) is None


def test_long_texts_take_linear_time() -> None:
    text = "\b\f\t" * 200_000
    assert with_backslashes(text) == text and extract_answer(text + r"\boxed{1}") == "1"
