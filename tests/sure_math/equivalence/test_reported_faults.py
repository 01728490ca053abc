r"""Pairs of answers that were decided wrongly once, with the verdicts that are right.

A pair that is `not equal` may be undecided: nothing may claim that the two are the same. A pair that is `not different`
may be undecided too: a convention of a field, a country or the problem decides it. `undecided` is meant literally: both
other verdicts would claim too much. Every pair is tried in both orders.

| kind | what the pairs have in common |
|---|---|
| F1 | equations side by side, with any connector between them or none |
| F2 | systems, `cases`, named functionals such as `\det A` |
| F3 | units and nouns in other scripts |
| F4 | upright `i` and `e` |
| F5 | a power or a factorial behind `f(x)` |
| F6 | double factorials |
| F7 | scale words |
| F8 | the period of a decimal in round brackets |
| F9 | bars that change the value |
| F10 | derivatives |
| F13 | `!=` |
| D1 | determinants |
| D2 | conditions behind a comma |
| D3 | units without `\text` |
| D4 | ratios of another size |
| D5 | decimal commas |
| D6 | the letter x for times |
| D7 | logarithms without a base |
| D8 | ordinals |
| W | plain spellings |
"""

import pytest

from sure_math.equivalence import same_answers

ALLOWED = {
    "equal": ("equal",),
    "not equal": ("different", "undecided"),
    "not different": ("equal", "undecided"),
    "undecided": ("undecided",),
}

ROWS: list[tuple[str, str, str, str]] = [
    # F1 A chain of equations takes its last member, whatever stands between the signs
    ("F1", "x=1 x=2", "x=2", "not equal"),
    ("F1", r"x=1\quad x=2", "x=2", "not equal"),
    ("F1", r"x=1\\x=2", "x=2", "not equal"),
    ("F1", "x=1 oder x=2", "x=2", "not equal"),
    ("F1", r"x=1 \text{ oder } x=2", "x=2", "not equal"),
    ("F1", "x=1或x=2", "x=2", "not equal"),
    ("F1", "x=1或x=3", "x=2或x=3", "not equal"),
    ("F1", "x=1、x=2", "x=2", "not equal"),
    ("F1", "x=3 y=4", "x=5 y=4", "not equal"),
    ("F1", "x=1\ny=2", "x=7\ny=2", "not equal"),
    ("F1", "S=3 at t=4", "S=9 at t=4", "not equal"),
    ("F1", "x=5 if a=3", "x=3", "not equal"),
    ("F1", "mean = 3 median = 4", "mean = 5 median = 4", "not equal"),
    # F2 Systems and `cases`: layer 3 keeps one number of them
    ("F2", r"\begin{cases}x=1\\y=2\end{cases}", r"\begin{cases}x=3\\y=2\end{cases}", "not equal"),
    ("F2", r"\begin{cases}a=4\\b=5\\c=6\end{cases}", "6", "not equal"),
    (
        "F2",
        r"\left\{\begin{array}{l}x=1\\y=2\end{array}\right.",
        r"\left\{\begin{array}{l}x=3\\y=2\end{array}\right.",
        "not equal",
    ),
    ("F2", r"\left\{\begin{array}{l}x=1\\y=2\end{array}\right.", "2", "not equal"),
    (
        "F2",
        r"\left\{\begin{matrix}x=1\\y=2\end{matrix}\right.",
        r"\left\{\begin{matrix}x=3\\y=2\end{matrix}\right.",
        "not equal",
    ),
    ("F2", r"\begin{aligned}x&=1\\y&=2\end{aligned}", r"\begin{aligned}x&=3\\y&=2\end{aligned}", "not equal"),
    ("F2", r"\begin{gathered}x=1\\y=2\end{gathered}", r"\begin{gathered}x=3\\y=2\end{gathered}", "not equal"),
    (
        "F2",
        r"\begin{cases}x = 3 - 2s - t \\ y = s \\ z = t\end{cases}",
        r"\begin{cases}x = 5 - 2s - t \\ y = s \\ z = t\end{cases}",
        "not equal",
    ),
    (
        "F2",
        r"\begin{cases}1&\text{if }n=1\\2&\text{if }n=2\end{cases}",
        r"\begin{cases}3&\text{if }n=1\\2&\text{if }n=2\end{cases}",
        "not equal",
    ),
    ("F2", r"f(x)=\begin{cases}1&x=0\\2&x=1\end{cases}", r"f(x)=\begin{cases}5&x=0\\2&x=1\end{cases}", "not equal"),
    ("F2", r"\det A=5", r"\operatorname{tr} A=5", "not equal"),
    ("F2", r"\max f=5", r"\min f=5", "not equal"),
    ("F2", r"\operatorname{Var}(X)=5", r"\operatorname{Var}(Y)=5", "not equal"),
    ("F2", r"\sum a_i=5", r"\prod a_i=5", "not equal"),
    ("F2", r"\begin{cases}x=1\\y=2\end{cases}", "x=1, y=2", "equal"),
    ("F2", r"\begin{cases}x=1\\y=2\end{cases}", "(1,2)", "equal"),
    ("F2", r"\left\{\begin{array}{l}x=1\\y=2\end{array}\right.", "x=1, y=2", "equal"),
    # F3 Words of other scripts behind a number are dropped (layer 3)
    ("F3", "5 米", "5 厘米", "not equal"),
    ("F3", "3米5厘米", "3米", "not equal"),
    ("F3", "8点30分", "8点", "not equal"),
    ("F3", "5 час", "5 минут", "not equal"),
    ("F3", "5 кг", "5 г", "not equal"),
    ("F3", "10 евро", "10 рублей", "not equal"),
    ("F3", "3 яблока", "3 груши", "not equal"),
    ("F3", "5 リットル", "5 ミリリットル", "not equal"),
    ("F3", "5時間", "5分", "not equal"),
    ("F3", "5 시간", "5 분", "not equal"),
    ("F3", "5 ساعات", "5 دقائق", "not equal"),
    ("F3", "5 घंटे", "5 मिनट", "not equal"),
    ("F3", "3万", "3亿", "not equal"),
    ("F3", "3万", "3", "not equal"),
    ("F3", "5 cm", "5 кг", "not equal"),
    ("F3", r"5\text{米}", r"5\text{厘米}", "not equal"),
    ("F3", "12岁", "12元", "not equal"),
    # F4 Upright `\mathrm{i}` and `\mathrm{e}` become units
    ("F4", r"1+2\mathrm{i}", "3", "not equal"),
    ("F4", r"2\mathrm{i}", "2", "not equal"),
    ("F4", r"\sqrt{3}\mathrm{i}", r"\sqrt3", "not equal"),
    ("F4", r"-3\sqrt{2}\,\mathrm{i}", r"-3\sqrt2", "not equal"),
    ("F4", r"2\mathrm{e}", "2", "not equal"),
    ("F4", r"4\mathrm{x}", "4", "not equal"),
    ("F4", r"2\mathrm{i}", "2i", "equal"),
    ("F4", r"1+2\mathrm{i}", "1+2i", "equal"),
    ("F4", r"3-4\mathrm{i}", "3-4i", "equal"),
    ("F4", r"\sqrt{3}\mathrm{i}", r"i\sqrt{3}", "equal"),
    ("F4", r"2\pi\mathrm{i}", r"2\pi i", "equal"),
    ("F4", r"z=1+2\mathrm{i}", "1+2i", "equal"),
    ("F4", r"2\mathrm{e}", "2e", "equal"),
    ("F4", r"2\mathrm{e}^{3}", "2e^3", "equal"),
    ("F4", r"2\text{i}", "2i", "equal"),
    ("F4", r"1-\mathrm{i}", "1-i", "equal"),
    ("F4", r"-3\sqrt{2}\,\mathrm{i}", r"-3\sqrt2 i", "equal"),
    # F5 A power (or factorial) behind `f(...)` moves inside the brackets
    ("F5", r"\ln(2)^2", r"\ln 4", "not equal"),
    ("F5", r"\ln(2)^2", r"2\ln 2", "not equal"),
    ("F5", r"\sin(x)^2", r"\sin(x^2)", "not equal"),
    ("F5", "exp(x)^2", "e^{x^2}", "not equal"),
    ("F5", "log_2(3)^2", "log_2(9)", "not equal"),
    ("F5", r"\frac{\ln(2)^2}{2}", r"\ln 2", "not equal"),
    ("F5", "sin(x)!", "sin(x!)", "not equal"),
    ("F5", r"\ln(2)^2", r"(\ln 2)^2", "equal"),
    ("F5", r"\sin(x)^2", r"\sin^2 x", "equal"),
    ("F5", r"\cos(x)^2+\sin(x)^2", "1", "equal"),
    ("F5", "exp(x)^2", "e^{2x}", "equal"),
    ("F5", r"\sin(\pi/6)^2", r"\frac14", "equal"),
    ("F5", r"\ln\left(3\right)^{2}", r"\ln^2 3", "equal"),
    ("F5", "tan(x)^(-1)", "cot(x)", "equal"),
    ("F5", r"\frac{\ln(2)^2}{2}", r"\frac{(\ln 2)^2}{2}", "equal"),
    # F6 Double factorial
    ("F6", "5!!", "(5!)!", "not equal"),
    ("F6", "5!!", "120!", "not equal"),
    ("F6", "3!!", "720", "not equal"),
    ("F6", "5!!", "15", "equal"),
    ("F6", "7!!", "105", "equal"),
    ("F6", "6!!", "48", "equal"),
    ("F6", "4!!", "8", "equal"),
    ("F6", "(2n-1)!!", r"\frac{(2n)!}{2^n n!}", "equal"),
    ("F6", "(2n)!!", "2^n n!", "equal"),
    ("F6", r"\frac{7!!}{8!!}", r"\frac{105}{384}", "equal"),
    # F7 Magnitude words are nouns
    ("F7", "1.5 million", "1.5", "not equal"),
    ("F7", "2 million", "2", "not equal"),
    ("F7", "3 dozen", "3", "not equal"),
    ("F7", "5 thousand", "5", "not equal"),
    ("F7", "5 hundred", "5", "not equal"),
    ("F7", "1.2 billion dollars", "1.2", "not equal"),
    ("F7", "7.5 trillion", "7.5", "not equal"),
    ("F7", "$2 million", "2", "not equal"),
    ("F7", r"2 \text{ million}", "2", "not equal"),
    ("F7", "1.5 million", "1500000", "equal"),
    ("F7", "3 dozen", "36", "equal"),
    ("F7", "5 hundred", "500", "equal"),
    ("F7", "1 million", "1000000", "equal"),
    ("F7", "2 million dollars", "2000000 dollars", "equal"),
    ("F7", r"\$1.2 \text{ billion}", "1200000000", "equal"),
    # F8 Period of a decimal in round brackets
    ("F8", "0.1(6)", "0.6", "not equal"),
    ("F8", "0.(3)", "0", "not equal"),
    ("F8", "2.(3)", "6", "not equal"),
    ("F8", "1.2(5)", "6", "not equal"),
    ("F8", "3.1(4)", "12.4", "not equal"),
    ("F8", "0.(3)", "1/3", "equal"),
    ("F8", "0.1(6)", "1/6", "equal"),
    ("F8", "2.(3)", "7/3", "equal"),
    ("F8", "-0.(6)", "-2/3", "equal"),
    ("F8", "0.58(3)", "7/12", "equal"),
    # F9 Bars that change the value are taken off
    ("F9", r"z\overline{z}", "z^2", "not equal"),
    ("F9", r"\overline{z}=3+i", "z=3+i", "not equal"),
    ("F9", r"P(\overline{A})", "P(A)", "not equal"),
    ("F9", r"\bar z=5+i", "z=5+i", "not equal"),
    ("F9", "|z|=5", "z=5", "not equal"),
    ("F9", r"\bar z + 1", "z+1", "not equal"),
    # F10 Derivatives are fractions
    ("F10", r"\frac{dy}{dx}", r"\frac{y}{x}", "not equal"),
    ("F10", r"\frac{d}{dx}x^2", "x", "not equal"),
    ("F10", r"\frac{d^2y}{dx^2}", r"\frac{dy}{x^2}", "not equal"),
    ("F10", r"\frac{d}{dx}x^2", "2x", "equal"),
    ("F10", r"\frac{d}{dt}\sin t", r"\cos t", "equal"),
    ("F10", r"\frac{dy}{dx}=2y", "y'=2y", "equal"),
    # F13 (small)  `!=` inside a formula
    ("F13", "n!=24", r"n\neq24", "not equal"),
    ("F13", "x!=3", "x≠3", "not equal"),
    ("F13", "5!=120", "120", "equal"),
    ("F13", "4!=24", "24", "equal"),
    ("F13", "n!=24", "n! = 24", "not different"),
    # D1 determinants
    ("D1", r"\begin{vmatrix}1&2\\3&4\end{vmatrix}", "-2", "equal"),
    ("D1", r"\left|\begin{array}{cc}1&2\\3&4\end{array}\right|", "-2", "equal"),
    ("D1", r"\left|\begin{matrix}1&2\\3&4\end{matrix}\right|", "-2", "equal"),
    ("D1", r"\begin{vmatrix}2&0\\0&3\end{vmatrix}", "6", "equal"),
    ("D1", r"\begin{vmatrix}1&2\\3&4\end{vmatrix}", r"\begin{vmatrix}1&3\\2&4\end{vmatrix}", "equal"),
    ("D1", r"\begin{vmatrix}a&b\\c&d\end{vmatrix}", "ad-bc", "equal"),
    # D2 a condition behind a comma is taken for a second answer
    ("D2", r"x=2k\pi, k\in\mathbb{Z}", r"x=2n\pi, n\in\mathbb{Z}", "equal"),
    ("D2", r"x=2k\pi, k\in\mathbb{Z}", r"x=2k\pi", "equal"),
    ("D2", r"f(x)=cx, c\in\mathbb{R}", "f(x)=cx", "equal"),
    ("D2", r"y=Ce^x, C\in\mathbb{R}", "y=Ce^x", "equal"),
    ("D2", r"f(x)=\frac{1}{x},\ x\neq 0", r"f(x)=\frac{1}{x}", "equal"),
    ("D2", r"-2<x<1.5, x\neq0", r"(-2,0)\cup(0,1.5)", "equal"),
    ("D2", r"x>0, x\ne1", r"(0,1)\cup(1,\infty)", "equal"),
    ("D2", r"x=2k\pi, k \text{ integer}", r"x=2k\pi", "equal"),
    ("D2", r"n=3k, k\in\mathbb{Z}", r"n=3m, m\in\mathbb{Z}", "equal"),
    # D3 units written plainly: one letter, a slash or a power, or behind a root
    ("D3", "9.8 m/s^2", "9.8", "equal"),
    ("D3", "5 m/s", "5", "equal"),
    ("D3", "9.8 m/s^2", r"9.8\text{ m/s}^2", "equal"),
    ("D3", "4 m^2", "4", "not different"),
    ("D3", "4 m²", "4", "not different"),
    ("D3", r"5\sqrt{2} m", r"5\sqrt2", "not different"),
    ("D3", r"2\pi m", r"2\pi", "not different"),
    ("D3", r"\frac{5}{2} m", "5/2", "not different"),
    ("D3", r"3\times10^8 m/s", r"3\times10^8", "equal"),
    ("D3", "5 mol/L", "5", "equal"),
    ("D3", "25 °C", "25", "equal"),
    ("D3", "25°C", "25", "equal"),
    ("D3", "25 K", "25", "not different"),
    ("D3", "3 A", "3", "not different"),
    # D4 ratios of another size
    ("D4", "1:2", "2:4", "not different"),
    ("D4", "6:4", "3:2", "not different"),
    ("D4", r"\frac12:\frac13", "3:2", "not different"),
    ("D4", "1:2:3", "2:4:6", "not different"),
    ("D4", r"\sqrt2:2", r"1:\sqrt2", "not different"),
    # D5 decimal comma (convention: undecided would be right)
    ("D5", "1,5", "1.5", "undecided"),
    ("D5", "3,14", "3.14", "undecided"),
    ("D5", "1.234,5", "1234.5", "undecided"),
    ("D5", "1 234,5", "1234.5", "undecided"),
    ("D5", "0,25", "1/4", "undecided"),
    # D6 the letter x for times
    ("D6", "1.2 x 10^3", "1200", "equal"),
    ("D6", "6.02 x 10^23", r"6.02\times10^{23}", "equal"),
    ("D6", "5 x 10^{-3}", "0.005", "equal"),
    ("D6", "2^3 x 3^2", "72", "equal"),
    ("D6", "3 x 4", "12", "not different"),
    ("D6", "1.575 x 10^1", "15.75", "equal"),
    # D7 `log` without a base (undecided would be right; `\log 2` = `\ln 2` is called equal)
    ("D7", r"\log 100", "2", "not different"),
    ("D7", r"\log 5+\log 2", "1", "not different"),
    ("D7", r"\log_{10} 2", r"\log 2", "not different"),
    ("D7", r"\lg 2", r"\log 2", "not different"),
    # D8 ordinals
    ("D8", "3rd", "3", "equal"),
    ("D8", "1st", "1", "equal"),
    ("D8", "21st", "21", "equal"),
    ("D8", "4^{th}", "4", "equal"),
    # W plain spellings
    ("W", "－5", "-5", "equal"),
    ("W", "x＞5", "x>5", "equal"),
    ("W", "｛1，2｝", "{1,2}", "equal"),
    ("W", "［1，2)", "[1,2)", "equal"),
    ("W", "5；6", "5,6", "equal"),
    ("W", "5、6", "5,6", "equal"),
    ("W", "1或2", "1,2", "equal"),
    ("W", "⅛", "1/8", "equal"),
    ("W", "∛8", "2", "equal"),
    ("W", "10⁻³", "0.001", "equal"),
    ("W", r"\textcolor{blue}{5}", "5", "equal"),
    ("W", r"\color{red}{5}", "5", "equal"),
    ("W", r"\Large{5}", "5", "equal"),
    ("W", r"\bbox[yellow]{5}", "5", "equal"),
    ("W", r"\pmb{5}", "5", "equal"),
    ("W", "**5**", "5", "equal"),
    ("W", r"{1 \over 2}", "1/2", "equal"),
    ("W", r"\nicefrac{1}{2}", "1/2", "equal"),
    ("W", "x &gt; 5", "x > 5", "equal"),
    ("W", "(-infinity,-2) U (3,infinity)", r"(-\infty,-2)\cup(3,\infty)", "equal"),
    ("W", "<1,2,3>", r"\langle1,2,3\rangle", "equal"),
    ("W", "|x|<3", "(-3,3)", "equal"),
    ("W", r"\mathbb{R}-\{-4\}", r"\mathbb{R}\setminus\{-4\}", "equal"),
    ("W", r"5\,\mathrm{m\,s^{-1}}", "5 m/s", "equal"),
    ("W", "A and C", "A, C", "equal"),
    ("W", r"\operatorname{lcm}(4,6)", "12", "equal"),
    ("W", r"\max\{3,5\}", "5", "equal"),
    ("W", "10!!", "3840", "equal"),
    # Others of the same kinds, named in the reports
    ("F1", r"x=3\quad y=4", "4", "not equal"),
    ("F3", "3米5厘米", "3米6厘米", "not equal"),
    ("F3", "2년", "2개월", "not equal"),
    ("F3", "5 元", "5", "equal"),
    ("F4", r"2\mathrm{~i}", "2i", "equal"),
    ("F4", r"2\operatorname{i}", "2i", "equal"),
    ("F4", r"2\mathbf{i}", "2i", "equal"),
    ("F4", r"4\mathrm{R}", "4", "not equal"),
    ("F5", r"\sin(x)^2", r"\sin x^2", "not equal"),
    ("F5", r"\sin x^2", r"\sin(x^2)", "equal"),
    ("F5", "sqrt(2)^3", "2*sqrt(2)", "equal"),
    ("F5", "abs(x)^2", "|x|^2", "equal"),
    ("F6", "3!!", "3", "equal"),
    ("F7", "1.5 million", "1500", "not equal"),
    ("F8", "66.(3)", "198", "not equal"),
    ("F9", r"z\cdot\bar{z}", "z^2", "not equal"),
    ("F9", r"\overline{AB}", "AB", "equal"),
    ("F10", r"\frac{d}{dx}(x^3+x^2+1)", "3x^2+2x", "equal"),
    ("D1", r"\det\begin{pmatrix}1&2\\3&4\end{pmatrix}", "-2", "equal"),
    ("D2", r"x=2k\pi\ (k\in\mathbb{Z})", r"x=2k\pi", "equal"),
    ("D3", "20 km/h", "20", "equal"),
    ("D3", "5 kg/m^3", "5", "equal"),
    ("D3", "4 cm^2", "4", "equal"),
    ("D7", r"\log 2", r"\ln 2", "not equal"),
    ("D7", r"\log 2", r"\log_2 4", "not equal"),
    ("D7", r"\log_{10} 100", "2", "equal"),
    ("W", r"(-\infty,-4)\cup(-4,\infty)", "all real numbers except -4", "not different"),
]


def _cases() -> list[object]:
    return [pytest.param(*row, id=f"{row[0]}-{index}") for index, row in enumerate(ROWS)]


@pytest.mark.parametrize(("kind", "a", "b", "right"), _cases())
def test_reported_pairs_have_their_right_verdicts(kind: str, a: str, b: str, right: str) -> None:
    verdicts = same_answers([(a, b), (b, a)])
    assert verdicts[0] == verdicts[1], kind
    assert verdicts[0] in ALLOWED[right], kind


def test_no_row_is_listed_twice() -> None:
    pairs = [row[1:3] for row in ROWS]
    assert len(set(pairs)) == len(pairs)
