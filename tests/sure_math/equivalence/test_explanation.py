"""The explanation of a verdict: how both answers were read, what was left out, which layer decided."""

import subprocess
import sys

import pytest

from sure_math.equivalence import explain, same_answer
from sure_math.equivalence.__main__ import main


@pytest.mark.parametrize(
    ("a", "b", "layer"),
    [
        (r"\dfrac12", r"\frac{1}{2}", "spelling"),
        ("0.5", "1/2", "reading"),
        ("10 cm", "10 m", "reading"),
        (r"\sum_{k=1}^{n} k", r"\frac{n(n+1)}{2}", "symbolic check"),
        ("7 + √29", "7 + red", "reading"),
    ],
)
def test_the_layer_that_decided(a: str, b: str, layer: str) -> None:
    explanation = explain(a, b)
    assert (explanation.layer, explanation.verdict) == (layer, same_answer(a, b))


def test_a_problem_that_asks_for_a_percentage() -> None:
    explanation = explain("30", r"30\%", "By what percentage did it grow?")
    assert (explanation.layer, explanation.verdict) == ("problem", "equal")


def test_what_was_left_out_and_what_was_not_read() -> None:
    chain = explain("x = 5 + 6 = 11", "11").first
    assert [(part.text, part.why) for part in chain.left_out] == [("5 + 6 =", "restates the value")]
    assert chain.form == "x is: number 11" and chain.unread == ""
    assert "not read" in str(explain("5 # 7", "7"))


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    main(["5 cm", "5 m"])
    assert capsys.readouterr().out.splitlines() == [
        "different: decided by the reading of both answers",
        "  '5 cm'",
        "    read as   number 5 cm",
        "  '5 m'",
        "    read as   number 5 m",
    ]


def test_the_command_as_a_module() -> None:
    command = [sys.executable, "-m", "sure_math.equivalence", r"\frac12", "0.5"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.startswith("equal: decided by the reading of both answers\n")
