"""A box holds the whole answer, or only a part of it because something outside belongs to its formula or bounds it.

Pins: factors, powers, operators, inequalities, functions, brackets with more in them, bounds and denials beside a box;
a sign in front of a box and a scale word behind it are part of the answer; boxes of several parts are a list; units,
words, punctuation, an equals sign and arrows are not part of it; references are trusted; the same holds for Phase 1 and
for `is_correct`; linear time.
"""

import time

import pytest

from sure_math.equivalence import is_correct
from sure_math.extract import extract_answer, final_answer

PARTS = [
    r"$2\boxed{3}$",
    r"$\boxed{3}+x$",
    r"$\boxed{3}^2$",
    r"$\boxed{3}\pi$",
    r"$\sqrt{\boxed{3}}$",
    r"$\frac{1}{\boxed{3}}$",
    r"$\frac{\boxed{3}}{2}$",
    r"$x \ne \boxed{3}$",
    r"$x > \boxed{3}$",
    r"$x \geq \boxed{3}$",
    r"$x<\boxed{3}$",
    r"$\boxed{3} < x$",
    r"$\boxed{3} \le x$",
    r"$5 - \boxed{3}$",
    r"$x+\boxed{3}$",
    r"$3\cdot\boxed{3}$",
    r"$\boxed{3}x$",
    r"$\boxed{3} x$",
    r"$\boxed{3}!$",
    r"$\boxed{3}/2$",
    r"$1/\boxed{3}$",
    r"$x^{\boxed{3}}$",
    r"$x_{\boxed{3}}$",
    r"$x^\boxed{3}$",
    r"$\log_{2}\boxed{3}$",
    r"$\sin\boxed{3}$",
    r"$\boxed{3} \times 10^5$",
    r"$\boxed{3}\sqrt{2}$",
    r"$\boxed{3}(x+1)$",
    r"$(x+1)\boxed{3}$",
    r"$(\boxed{3}, 4)$",
    r"$(1, \boxed{3})$",
    r"$\{1, \boxed{3}\}$",
    r"$[\boxed{3}, 5)$",
    r"$f(\boxed{3})$",
    r"$|\boxed{3}|$",
    r"$\boxed{3}i$",
    r"$\boxed{3}_7$",
    r"\boxed{3}+x",
    r"2\boxed{3}",
    r"x > \boxed{3}",
    r"$\frac{1}{2}\boxed{3}$",
    r"$\boxed{3}\frac{1}{2}$",
    r"$\boxed{3}:4$",
    r"$\boxed{1}+\boxed{3}$",
    r"$\boxed{1}:\boxed{3}$",
    r"$\boxed{3},000$",
    r"$1.\boxed{3}$",
    r"$x \neq \boxed{3}$",
    r"$x≠\boxed{3}$",
    r"$e^{\boxed{3}}$",
    r"$\left(\boxed{3}, 4\right)$",
    r"$\boxed{3}\cdot 2$",
    r"$\pi\boxed{3}$",
    r"$\boxed{3}²$",
    r"$\boxed{3}-x$",
    r"$x\not=\boxed{3}$",
    r"$\boxed{3}e^x$",
    r"$\boxed{3} - 2$",
    r"$\displaystyle 2\boxed{3}$",
    r"$2\,\boxed{3}$",
    r"$\boxed{3}\,\pi$",
    r"$\boxed{3}^{2}$",
    r"$\boxed{3}^{\frac12}$",
    r"$\binom{\boxed{3}}{2}$",
    r"$\overline{\boxed{3}}$",
    r"$\text{not }\boxed{3}$",
    r"$-2\boxed{3}$",
    r"\[ x > \boxed{3} \]",
    r"\(2\boxed{3}\)",
    r"$\boxed{3}\%+2$",
    r"$\boxed{3}xy$",
    r"$\boxed{3}n$",
    r"$x \in (\boxed{3}, \infty)$",
    r"$\sum \boxed{3}$",
    r"$\boxed{3}\mathbb{Z}$",
    r"$\boxed{3}$^2",
    r"$(-\infty,\boxed{3})$",
    r"$\lfloor\boxed{3}\rfloor$",
    r"at least \boxed{3}",
    r"The answer is at most $\boxed{3}$.",
    r"$\text{at least }\boxed{3}$",
    r"no more than **$\boxed{3}$**",
    r"It is less than or equal to \(\boxed{3}\)",
    r"$n$ exceeds \boxed{3}",
    r"$\boxed{3}$ or more",
    r"\boxed{3} or fewer people",
    r"$n \mid \boxed{3}$",
]
WHOLE = [
    r"$x=\boxed{3}$",
    r"$= \boxed{3}$",
    r"$\boxed{3}$ cm",
    r"\boxed{3}\text{ cm}",
    r"$\boxed{3}^\circ$",
    r"$\boxed{3}^{\circ}\text{C}$",
    r"\boxed{3}.",
    r"$\therefore \boxed{3}$",
    r"$\Rightarrow \boxed{3}$",
    r"$x = y = \boxed{3}$",
    r"\$\boxed{3}",
    r"$\$\boxed{3}$",
    r"**\boxed{3}**",
    r"*\boxed{3}*",
    r"_\boxed{3}_",
    r"- \boxed{3}",
    r"1. \boxed{3}",
    r"> \boxed{3}",
    r"Answer:\boxed{3}",
    r"Answer: $\boxed{3}$!",
    r"So we have \boxed{3}!",
    r"the answer is \boxed{3}, which is $2+1$.",
    r"$\boxed{3}$ - because",
    r"\boxed{3} - a nice number",
    r"(\boxed{3})",
    r"$(\boxed{3})$",
    r"$\left(\boxed{3}\right)$",
    r"$\mathbf{\boxed{3}}$",
    r"$\text{Answer: \boxed{3}}$",
    r"$\text{Area} = \boxed{3}$",
    r"$\text{Answer: }\boxed{3}$",
    r"$\color{red}{\boxed{3}}$",
    r"$\textcolor{red}{\boxed{3}}$",
    r"${\boxed{3}}$",
    r"$\boxed{\boxed{3}}$",
    r"$\boxed{3}\,\text{cm}^2$",
    r"$\boxed{3}\ \mathrm{m/s}$",
    r"$\boxed{3} m$",
    r"$\boxed{3} cm$",
    r"\boxed{3}m",
    r"\boxed{3} km",
    r"$\boxed{3} \pmod{7}$",
    r"$x\equiv \boxed{3}\pmod 7$",
    r"$x \approx \boxed{3}$",
    r"\boxed{3} and that's all",
    r"\boxed{3}<|im_end|>",
    r"<answer>\boxed{3}</answer>",
    r"\boxed{3}<br>",
    r"$x \in \boxed{3}$",
    r"$\boxed{3}\blacksquare$",
    r"$$\boxed{3}$$ $\square$",
    r"$1 + 2 = \boxed{3}$",
    r"$-3 = \boxed{3}$",
    r"\begin{align*} x &= \boxed{3} \\ \end{align*}",
    r"\begin{align*} x &= 2+1 \\ &= \boxed{3} \tag{1}\end{align*}",
    r"\begin{aligned}\boxed{3}&=x\end{aligned}",
    r"x = 5$$\boxed{3}$$",
    "so x=2+1\n\\boxed{3}",
    r"Step 3: \boxed{3}",
    r"Final answer -> \boxed{3}",
    r"=> \boxed{3}",
    r"→ \boxed{3}",
    r"$\boxed{3} = 6/2$",
    r"$\boxed{3}$。",
    r"答案是\boxed{3}。",
    r"因此\boxed{3}个",
    r"y \boxed{3}",
    r"There is a \boxed{3} here",
    r"| \boxed{3} |",
    r"\boxed{3} \quad (x>0)",
    r"\boxed{3} (see above)",
    r"$\boxed{3}\frac{\text{m}}{\text{s}}$",
    r"$S_{ABC} = \boxed{3}$",
    r"$$\boxed{3}\tag{*}$$",
    r"\[ \boxed{3} \]",
    "\\[\n\\boxed{3}\n\\]",
    "\\boxed{3}\n\n2. Next",
    r"$\boxed{3}\,$.",
    r"$f(x) = \boxed{3}$",
    r"$\angle A = \boxed{3}°$",
    r"$f: \boxed{3}$",
    r"$\boxed{3}\text{ (mod 1000).}$",
    r"$\displaystyle \boxed{3}$",
    r"$\large\boxed{3}$",
    r"\boxed{3} or so",
    r"- **\boxed{3}**",
    r"$a=1, b=\boxed{3}$",
    r"$\boxed{3}$ apples and $5$ pears",
    r"\boxed{3}-element set",
    r"$\boxed{3}\;\blacksquare$",
    r"\noindent\boxed{3}",
    r"it costs €\boxed{3}",
    r"Thus ($\boxed{3}$).",
    r"### \boxed{3}",
    r"\item \boxed{3}",
    r"\hspace{1cm}\boxed{3}",
    r"\(\boxed{3}\) ",
    r"\text{Thus} \boxed{3}",
    r"\to \boxed{3}",
    r"${}=\boxed{3}$",
    r"$:=\boxed{3}$",
    r"$?=\boxed{3}$",
    "$5!=\\boxed{3}$",
    r"There are at least 4, so $\boxed{3}$",
    r"the least is \boxed{3}",
    r"The sum rounded up to an integer is \boxed{3}",
    r"\boxed{3} million-dollar houses",
    r"\boxed{3} millionaires",
    r"\boxed{3}, more or less",
    r"f(b) \boxed{3}",
]
SCALED = [
    (r"\boxed{3} million", "3 million", "3000000"),
    (r"The answer is $\boxed{3}$ million dollars.", "3 million", "3000000"),
    (r"$\boxed{1.5}\text{ million people}$", "1.5 million", "1500000"),
    (r"$-\boxed{3}\ \mathrm{billion}$", "-3 billion", "-3000000000"),
    (r"\boxed{3}-thousand", "3 thousand", "3000"),
    (r"\boxed{3} dozen eggs", "3 dozen", "36"),
    (r"\boxed{3} Millionen", "3 Millionen", "3000000"),
    (r"\boxed{2}万元", "2 万", "20000"),
    (r"\boxed{3} hundredths", "3 hundredths", "0.03"),
    (r"\boxed{2} million and \boxed{3} million", "2 million, 3 million", "2000000, 3000000"),
]
NAMED_PARTS = [
    (r"(a) \boxed{2} (b) \boxed{3}", "2, 3"),
    (r"(a) $\boxed{2}$, (b) $\boxed{3}$ and (c) $\boxed{5}$", "2, 3, 5"),
    ("a) \\boxed{2}\nb) \\boxed{3}", "2, 3"),
    ("1. \\boxed{2}\n2. \\boxed{3}", "2, 3"),
    (r"(i) \boxed{2} (ii) \boxed{3}", "2, 3"),
    (r"Part (a): \boxed{2}. Part (b): \boxed{3}.", "2, 3"),
    (r"(a) \boxed{3} (b) \boxed{3}", "3, 3"),
]
SIGNS = [
    (r"$-\boxed{3}$", "-3"),
    (r"$x=-\boxed{3}$", "-3"),
    (r"$x = \pm\boxed{3}$", r"\pm 3"),
    (r"$-\boxed{x+1}$", "-(x+1)"),
    (r"$-\boxed{\frac{1}{2}}$", r"-\frac{1}{2}"),
    (r"It is -$\boxed{3}$", "-3"),
    (r"- $\boxed{3}$", "3"),
    (r"-\boxed{3}", "-3"),
    (r"$−\boxed{3}$", "-3"),
    (r"$(-\boxed{3})$", "-3"),
    (r"$-\boxed{-3}$", "-(-3)"),
    (r"\boxed{1}, -\boxed{2}", "1, -2"),
    (r"$\boxed{1}$ or $-\boxed{1}$", "1, -1"),
    (r"$x - \boxed{3}$", None),
    (r"$\boxed{1} - \boxed{2}$", None),
    (r"\boxed{\textbf{(B)}} 12", r"\textbf{(B)}"),
    (r"\boxed{B} 5", "B"),
]


@pytest.mark.parametrize("text", PARTS)
def test_a_box_that_holds_a_part_is_no_answer(text: str) -> None:
    assert extract_answer(text) is None
    final = final_answer(text, "stop")
    assert (final.answer, final.missing) == (None, "unboxed")
    assert not is_correct("3", text)
    assert not is_correct("3", text, unboxed="reject")
    assert extract_answer(text, is_reference=True)


@pytest.mark.parametrize("text", WHOLE)
def test_a_box_that_stands_alone(text: str) -> None:
    assert extract_answer(text) == extract_answer(text, is_reference=True) == "3"
    assert is_correct("3", text)


@pytest.mark.parametrize(("text", "answer"), SIGNS)
def test_a_sign_in_front_of_a_box(text: str, answer: str | None) -> None:
    assert extract_answer(text) == answer


@pytest.mark.parametrize(("text", "answer", "value"), SCALED)
def test_a_scale_word_behind_a_box_belongs_to_the_answer(text: str, answer: str, value: str) -> None:
    assert extract_answer(text) == answer
    assert is_correct(value, text)
    assert not is_correct("3", text) and not is_correct("2", text)


@pytest.mark.parametrize(("text", "answer"), NAMED_PARTS)
def test_boxes_of_several_parts_are_a_list(text: str, answer: str) -> None:
    assert extract_answer(text) == answer
    assert is_correct(answer, text) and not is_correct("3", text)


HOSTILE = [
    r"\boxed{1} million " * 80_000,
    r"(b) \boxed{1} at least" * 80_000,
    "(" * 500_000 + r"\boxed{1}",
    r"\boxed{1} n-" * 80_000,
    r"2\boxed{1}, " * 80_000,
    r"{\text{" * 90_000 + r"\boxed{1}",
    r"\boxed{1}" + "}" * 500_000,
    r"\boxed{1}" + r"\," * 300_000,
    "{" * 160 + r"\boxed{1}" + "}" * 160,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_linear_time(text: str) -> None:
    started = time.process_time()
    extract_answer(text)
    assert time.process_time() - started < 4.0
