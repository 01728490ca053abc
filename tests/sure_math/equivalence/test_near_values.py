"""Numbers that agree in their first digits only, however many, and numbers that look different and are not."""

import pytest

from sure_math.equivalence import same_answers

DIFFERENT = [
    (r"2^{1006}\sqrt{2^{2010}+2}-2^{2011}", "2"),
    (r"\sqrt{10^{200}+1}", "10^{100}"),
    (r"\sqrt[3]{2^{999}+1}", "2^{333}"),
    (r"\sqrt{4+10^{-200}}", "2"),
    (r"\sqrt{2}+10^{-60}", r"\sqrt{2}"),
    ("1-e^{-1000}", "1"),
    (r"\ln(e^{1000}+1)", "1000"),
    (r"\tanh(1000)", "1"),
    (r"\frac{1}{4}+\frac{3}{4\cdot 5^{2008}}", r"\frac14"),
    (r"e^{\pi\sqrt{163}}", "262537412640768744"),
]
EQUAL = [
    (r"\sqrt{10^{200}}", "10^{100}"),
    (r"e^{100}\cdot e^{200}", "e^{300}"),
    (r"\ln(e^{1000})", "1000"),
    (r"(1+10^{-50})(1-10^{-50})", "1-10^{-100}"),
    (r"\sqrt{2^{2010}+2^{1006}+1}", r"\sqrt{(2^{1005}+1)^2}"),
    (r"\cosh(50)", r"\frac{e^{50}+e^{-50}}{2}"),
]


@pytest.mark.parametrize(("a", "b"), DIFFERENT)
def test_different(a: str, b: str) -> None:
    assert same_answers([(a, b), (b, a)]) == ["different", "different"]


@pytest.mark.parametrize(("a", "b"), EQUAL)
def test_equal(a: str, b: str) -> None:
    assert same_answers([(a, b), (b, a)]) == ["equal", "equal"]
