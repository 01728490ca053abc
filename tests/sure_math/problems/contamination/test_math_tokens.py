"""Pins of `sure_math/problems/contamination/math_tokens.py`:

- which ways of writing are the same tokens, and which differences stay;
- the tokens themselves, for a few texts;
- renamed variables give the same n-grams, also inside a longer text; variables that are merged or split do not;
- instructions and figures are not part of a benchmark's statement, unless nothing else is there;
- hostile texts: long, unbalanced, empty, without a word: bounded time, and never nothing.
"""

import time

import numpy as np
import pytest

from sure_math.problems.contamination.math_tokens import Wording, tokens, without_frame

SAME = [
    ("Find $x$.", r"Find \(x\)."),
    ("Find $x$.", r"Find \[ x \]"),
    ("Find $$x$$", "find   x"),
    (r"$\frac{1}{2}$", "1/2"),
    (r"$\dfrac12$", r"$\tfrac{1}{2}$"),
    (r"$\frac 1 2$", r"$\cfrac{1}{2}$"),
    (r"$\frac{a+b}{c}$", "$(a+b)/c$"),
    ("½", r"\frac{1}{2}"),
    (r"$\sqrt{2}$", "√2"),
    (r"$\sqrt 2$", "sqrt(2)"),
    (r"$\sqrt[3]{x}$", "∛x"),
    (r"$2 \cdot 3$", r"$2 \times 3$"),
    ("$2*3$", "$2·3$"),
    (r"$12 \div 4$", "12/4"),
    ("$x^2$", "$x^{2}$"),
    ("$x^{10}$", "x¹⁰"),
    ("$a_1$", "a₁"),
    ("$10^2$", "10²"),
    ("$17_9$", "17₉"),
    (r"$\left( x \right)$", r"$\bigl(x\bigr)$"),
    (r"$x\,y$", r"$x\quad y$"),
    (r"$5\text{ cm}$", r"$5 \mathrm{cm}$"),
    (r"$\operatorname{lcm}(a,b)$", r"$\text{lcm}(a, b)$"),
    ("$x \\leq 3$", "x ≤ 3"),
    ("$x <= 3$", r"$x \leqslant 3$"),
    (r"$\neq$", "≠"),
    (r"$\alpha+\pi$", "α + π"),
    (r"$\varepsilon$", r"$\epsilon$"),
    (r"$\angle ABC = 90^\circ$", "∠ABC = 90°"),
    (r"$\triangle ABC$", "triangle ABC"),
    (r"$90^{\circ}$", "90 degrees"),
    (r"$\overline{AB}$", "AB"),
    ("A B C", "ABC"),
    ("$xy$", "$x y$"),
    ("1,000 apples", "1000 apples"),
    (r"$1{,}000{,}000$", r"$1\,000\,000$"),
    ("12 345", "12345"),
    ("0.5", ".5"),
    (r"$\$5$", "5 dollars"),
    (r"50\%", "50 percent"),
    ("How many?", "HOW MANY"),
    ("Let a be a number", "Let a be  number"),
    ("Janet’s ducks", "Janet's ducks"),
    ("a three-digit number", "a three digit number"),
    ("a 9-kilometer walk", "a $9$-kilometer walk"),
    ("x − 3", "$x - 3$"),
    (r"$\log_264$", r"$\log_2 64$"),
    (r"$\log_{10}5$", "log₁₀ 5"),
    (r"$\sin^318^\circ$", r"$\sin^{3} 18^{\circ}$"),
    ("Determine the sum", "compute the sum"),
    (r"$1, 2, \ldots, n$", "1, 2, ..., n"),
    (r"$\dbinom{n}{k}$", r"$\binom{n}{k}$"),
    (r"$3 \pmod{7}$", r"$3 \bmod 7$"),
    (r"$|x|$", r"$\lvert x\rvert$"),
    (r"$\begin{array}{cc} 1 & 2 \\ 3 & 4 \end{array}$", r"\begin{pmatrix}1&2\\3&4\end{pmatrix}"),
    ("𝑥 + 𝟐", "x + 2"),
    ("Erdős", "Erdos"),
    ("three apples", "3 apples"),
    ("the nth term", "the $n^{\\text{th}}$ term"),
]
DIFFERENT = [
    ("$x+1$", "$x-1$"),
    ("$x<1$", "$x>1$"),
    ("12", "21"),
    ("0.5", "5"),
    ("$\\pi$", "$\\sqrt{2}$"),
    ("sin", "cos"),
    ("at least", "at most"),
    ("$x + y$", "$x + x$"),
    ("cm", "km"),
]


@pytest.mark.parametrize(("first", "second"), SAME)
def test_the_same_however_it_is_written(first: str, second: str) -> None:
    assert Wording(first).key() == Wording(second).key(), (tokens(first), tokens(second))


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_differences_that_stay(first: str, second: str) -> None:
    assert Wording(first).key() != Wording(second).key()


def test_tokens() -> None:
    text = r"Let $ABCD$ be a square with side \(\tfrac{3}{4}\) and $x^{2} \le 1{,}250$."
    expected = ["let", "$A", "$B", "$C", "$D", "be", "square", "with", "side"]
    assert tokens(text) == [*expected, "3", "4", "and", "$x", "2", "le", "1", "250"]


RENAMED = [
    ("Let $x$ and $y$ satisfy $x^2 + y = 7$. Find $xy$.", r"Let \(p\) and \(q\) satisfy \(p^2 + q = 7\). Find \(pq\)."),
    ("In $\\triangle ABC$, $AB = 3$ and $BC = 4$.", "In $\\triangle PQR$, $PQ = 3$ and $QR = 4$."),
    ("The function $f$ has $f(x) = 2x$.", "The function $g$ has $g(\\theta) = 2\\theta$."),
]


@pytest.mark.parametrize(("first", "second"), RENAMED)
def test_renamed_variables_are_the_same_also_inside_another_text(first: str, second: str) -> None:
    assert Wording(first).key() == Wording(second).key()
    around = Wording(f"Suppose x = 3, A = 4 and y = 5 hold. {second} How large is x?")
    assert np.isin(Wording(first).ngrams(5), around.ngrams(5)).all()


def test_numbers() -> None:
    assert len(Wording("3 apples, 1.5 pears and 3 plums for 1,250").numbers()) == 4  # 3, 1, .5 and 250
    assert Wording("x and three").numbers() == Wording("3").numbers()


FRAMES = [
    ("How large is the third angle?\n\nPlease reason step by step, and put your final answer within \\boxed{}.", 0),
    ("How large is the third angle?\nAfter solving the above problem, please output it:\n### $\\boxed{6}$\nExample", 0),
    ("How large is the third angle? [asy] draw((0,0)--(1,1)); [/asy]", 0),
    ("How large is the third angle?\n<asy>\nsize(7cm);\n</asy>", 0),
    ("How large is the third \\begin{tikzpicture} \\draw; \\end{tikzpicture} angle?", 0),
    ("How large is the third angle? [asy] draw((0,0)", 2),
    ("Reason step by step: how large is the third angle?", 4),
]


@pytest.mark.parametrize(("text", "more"), FRAMES)
def test_a_statement_without_its_frame(text: str, more: int) -> None:
    kept = tokens(without_frame(text, 3))
    assert (len(kept) > 6) == bool(more)
    assert {"large", "third", "angle"} <= set(kept)


def test_a_statement_that_is_all_frame_stays() -> None:
    assert without_frame("[asy] draw((0,0)--(1,1)); [/asy]", 3) == "[asy] draw((0,0)--(1,1)); [/asy]"


HOSTILE = [
    "x" * 100_000,
    "7" * 100_000,
    " " * 100_000,
    "$" * 100_000,
    "\\" * 100_000,
    "{" * 100_000,
    "\\left(" * 20_000,
    "\\frac" * 20_000,
    "\\begin{" * 15_000,
    "\\begin " + " " * 100_000,
    "[asy]" * 20_000,
    "please reason step by step\n" * 4_000 + "x",
    "a " * 50_000,
    "$x$. " * 20_000,
    "é" * 100_000,
    "\ud800 and \udfff" * 1_000,
    "",
    "?!",
    "…",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_take_no_time_and_are_never_nothing(text: str) -> None:
    start = time.perf_counter()
    wording = Wording(without_frame(text, 16))
    assert len(wording.ngrams(8)) >= 1
    assert wording.key() == Wording(without_frame(text, 16)).key()
    assert time.perf_counter() - start < 3


@pytest.mark.slow
def test_signs_nobody_sees_hide_nothing() -> None:
    plain = "Find the greatest common factor of 32 and 48."
    assert tokens("Find the great\u00adest com\u200bmon factor of 3\u20602 and\ufeff 48.") == tokens(plain)
