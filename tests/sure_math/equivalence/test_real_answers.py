r"""Answers that models and benchmarks really gave, and verdicts on them that were wrong once.

43 models' answers to 721 problems of MATH (ZeroEval) were compared pair by pair, and each of 10,000 real answers and
golds with its own parts. The pairs below were found there or are their siblings.

| kind | what the pairs have in common |
|---|---|
| cut | an answer that was cut off, beside the whole answer or a number in it |
| part | one number of a formula or a set |
| blank | blanks of a template, marks and escaped signs beside a number |
| bound | an inequality beside its bound |
| bracket | words in brackets behind a number |
| base | a base that does not fit its digits, or has no name |
| digits | values that agree in many digits and differ |
| escape | a backslash that JSON took for the start of an escape |
| modulo | a remainder written without LaTeX |
| prose | sentences with equations and commas |
| noun | several nouns, or a noun with more words |
| value | the value of a function that is not known |
| plain | the same answer in another plain spelling |
"""

import json
import re
from pathlib import Path

import pytest

from sure_math.equivalence import same_answers

ALLOWED = {
    "equal": ("equal",),
    "not equal": ("different", "undecided"),
    "not different": ("equal", "undecided"),
    "undecided": ("undecided",),
    "different": ("different",),
}
CHAIN = r"\frac{-9}{2} \leq x \leq -2 \cup \frac{1-\sqrt{5}}{2} < x < \frac{1+\sqrt{5}}{2}"

ROWS: list[tuple[str, str, str, str]] = [
    ("cut", "7 + √29", "7 +", "not equal"),
    ("cut", "7 + √29", "7 + √", "not equal"),
    ("cut", "6√2", "6√", "not equal"),
    ("cut", "28/√3", "28/", "not equal"),
    ("cut", "1 + b + c", "1 +", "not equal"),
    ("cut", "1/2 + √3, 1/2 - √3", "1/2 + √", "not equal"),
    ("cut", "1 + √6, 1 - √6", "1 + √6, 1 -", "not equal"),
    ("cut", "6*(3 + sqrt(54))", "6*(3 +", "not equal"),
    ("cut", "sqrt(29 + 14*sqrt(2))", "sqrt(29 + 14", "not equal"),
    ("cut", "14 + sqrt(41)", "14 + sq", "not equal"),
    ("cut", "a + 2 + c", "a + 2 +", "not equal"),
    ("cut", r"\frac{1}{100 \cdot 100!^{2}}\binom{200}{99}", r"\frac{1}{100 \cdot 100!^{2}}\binom", "not equal"),
    ("cut", "k = (8(c × a) · a - 3(b × c) · a) / (a × b) · a", "k = (8(c × a) · a - 3(b × c)", "not equal"),
    ("cut", r"0 + 0 + \frac{\sqrt{(x_2 - x_1)^4 + (y_2 - y_1)^", "0", "not equal"),
    ("cut", r"5 + \frac{1}{", "5", "not equal"),
    ("cut", r"7 + \sqrt{", "7", "not equal"),
    ("cut", "5 +", "5", "not equal"),
    ("cut", "3 *", "3", "not equal"),
    ("cut", "3/", "3", "not equal"),
    ("cut", "21 - sqrt(45))/4", "21", "not equal"),
    ("cut", "4, x = 3, upward, (0, 11.5), (3 + √(4/3), 0), (3 - √(4/3), 0)", "0)", "not equal"),
    ("cut", r"31.\overline{6}", r"31.\overl", "not equal"),
    ("part", r"4\*sqrt(73) - 16", "16", "not equal"),
    ("part", r"4\*sqrt(73) - 16", "32 - 16√6", "not equal"),
    ("part", CHAIN, "-2", "not equal"),
    ("part", r"\frac{1}{2} \max A + 3", "3", "not equal"),
    ("part", r"\{ f \in \mathbb{R}[x] \colon 2 \mid \deg f + 1 \}", "1", "not equal"),
    ("part", "√[(m - 1)² + (n - 16)²]", "16", "not equal"),
    ("part", "P(1)", "P", "not equal"),
    ("part", "B = Q(0)", "0", "not equal"),
    ("part", r"\[ N \equiv 672 \pmod{1000} \]", "672", "undecided"),
    ("part", "3 + f⁻¹(6)", "3", "not equal"),
    ("part", '{"circle_equation": "x^2 + y^2 = 2001^2"}', "2001", "not equal"),
    ("part", r"1, \u03c0/2, -\frac{11}{2} \log_{10} 2, Unknown", "2", "not equal"),
    ("part", "10^{100}(10^{100} - \frac{3}{2}) + 11", r"10^{200} - 7 \cdot 10^{100} + 12", "not equal"),
    ("part", "2(10^{100})^2 - 14(10^{100}) + 13", "2*10^200 - 14*10^100 + 12", "not equal"),
    ("blank", r"5 \# 7", "7", "not equal"),
    ("blank", "___ (A - 1)", "1", "not equal"),
    ("blank", "___ + 5", "5", "not equal"),
    ("blank", "____ 7", "8", "not equal"),
    ("blank", "11+", "11", "not equal"),
    ("bound", "≤ 6", "6", "not equal"),
    ("bound", r"\le 6", "6", "not equal"),
    ("bound", r"\geq 3", "3", "not equal"),
    ("bound", "< 5", "5", "not equal"),
    ("bound", "> 5", "5", "not equal"),
    ("bound", "6 or less", "≤ 6", "not different"),
    ("bound", "more than 11", "11", "not equal"),
    ("bracket", "0 (approaching)", "0", "not equal"),
    ("bracket", "-3 (Incorrect; see reasoning for explanation)", "-3", "not equal"),
    ("bracket", "5 (not 6)", "6", "not equal"),
    ("base", "10304_3", "10304", "not equal"),
    ("base", "24632_3", "24632", "not equal"),
    ("base", "100 _3", "100", "undecided"),
    ("base", "200203_{-4}", "200203", "undecided"),
    ("base", "2_3", "2_", "not equal"),
    ("base", "10100_b", "10100_2", "undecided"),
    ("digits", r"2^{1006} \sqrt{2^{2010}+2}-2^{2011}", "2", "not equal"),
    ("digits", r"\sqrt{10^{200}+1}", "10^{100}", "not equal"),
    ("digits", r"\sqrt[3]{2^{999}+1}", "2^{333}", "not equal"),
    ("digits", r"\sqrt{4+10^{-200}}", "2", "not equal"),
    ("digits", r"\sqrt{2}+10^{-60}", r"\sqrt{2}", "not equal"),
    ("digits", "1-e^{-1000}", "1", "not equal"),
    ("digits", r"\ln(e^{1000}+1)", "1000", "not equal"),
    ("digits", r"\tanh(1000)", "1", "not equal"),
    ("digits", "1-10^{-100}", "1", "different"),
    ("escape", "-\frac{1}{6}", "-1/6", "not different"),
    ("escape", "-\frac{220}{7}", "-220/7", "not different"),
    ("escape", "-\frac{1}{2}", "-0.5", "not different"),
    ("escape", "4 - \frac{3}{2}", "4 - \frac{5}{2}", "not equal"),
    ("escape", "\text{5 cm}", "5", "not different"),
    ("escape", "\theta", "heta", "not equal"),
    ("modulo", "7 (mod 11)", "7", "not different"),
    ("modulo", "18 (mod 11)", "7", "not different"),
    ("modulo", "2^5 mod 7", "4", "not different"),
    ("modulo", "(p-1)(p-2)/2 (mod p)", "1", "not different"),
    ("modulo", "3^125 * 77 (mod 508)", "463", "not equal"),
    ("modulo", "3 (mod 7)", "3 (mod 5)", "not equal"),
    (
        "prose",
        "When x = 6, substitute x into the equation to find y: y = (1/4)(16) + 3 = 4 + 3 = 7",
        "7",
        "not different",
    ),
    (
        "prose",
        "Now, we can see that $a = -2$, $d = 5$, and $e = -3$. Therefore, the sum $a + d + e = -2 + 5 - 3 = 0$.",
        "0",
        "not different",
    ),
    ("noun", "1152 cups", "1152 cups of flour", "not different"),
    ("noun", "6 positive and 6 negative integers", "6 positive integers, 6 negative integers", "not different"),
    ("noun", "2 hours and 30 minutes", "2.5 hours", "not different"),
    ("noun", "2 boys and 3 girls", "3 girls, 2 boys", "equal"),
    ("value", "P(1)", "1", "undecided"),
    ("value", "P(1)", "-1", "undecided"),
    ("value", "A(2)", "2", "undecided"),
    ("plain", "Infinity", "infinity", "equal"),
    ("plain", "Infinity", r"\infty", "equal"),
    ("plain", "x = -5, -4, 1", "-4, 1, -5", "equal"),
    ("plain", "25(π − 1)", r"25 \pi - 25", "equal"),
    ("plain", "12.5π", "25π/2", "equal"),
    ("plain", r"\frac{10}{\sqrt{101}}", r"\sqrt{100/101}", "equal"),
    ("plain", "√89 or √109", "sqrt(109), sqrt(89)", "equal"),
    ("plain", "16 + 2*8 + 2*4 + 2*2 + 2*1 + 2*0.5 = 16 + 16 + 8 + 4 + 2 + 1 = 47", "47 feet", "equal"),
    ("plain", "−128", "-128", "equal"),
    ("plain", "10,455", "$10455", "equal"),
]


OPEN_ENDS = ("+", "-", "*", "/", "^", "_", "(", "{", "[", "√", "sqrt")
"""Ends of an answer that was cut off: something has to follow."""


def _cases() -> list[object]:
    return [pytest.param(*row, id=f"{row[0]}-{index}") for index, row in enumerate(ROWS)]


@pytest.mark.parametrize(("kind", "a", "b", "right"), _cases())
def test_real_pairs_have_their_right_verdicts(kind: str, a: str, b: str, right: str) -> None:
    verdicts = same_answers([(a, b), (b, a)])
    assert verdicts[0] == verdicts[1], kind
    assert verdicts[0] in ALLOWED[right], kind


def test_no_row_is_listed_twice() -> None:
    pairs = [row[1:3] for row in ROWS]
    assert len(set(pairs)) == len(pairs)


def _cut(realdata: Path) -> list[tuple[str, str]]:
    """Pairs of a real answer and its beginning, cut behind a sign that something has to follow."""
    lines = (realdata / "model_outputs" / "zeroeval_math_l5_answers.jsonl").read_text(encoding="utf-8").splitlines()
    answers = {item["answer"] or "" for line in lines for item in json.loads(line)["answers"]}
    pairs = []
    for answer in sorted(answers):
        if len(answer) > 120 or not re.search(r"[\d)}]", answer):
            continue
        ends = [place for place in range(1, len(answer)) if answer[:place].endswith(OPEN_ENDS)]
        pairs += [(answer, answer[:place]) for place in ends[:: max(1, len(ends) // 2)] if answer[: place - 1].strip()]
    return pairs


def test_an_answer_that_was_cut_off_equals_nothing(realdata: Path) -> None:
    pairs = _cut(realdata)[::3]
    assert len(pairs) > 300
    numbers = [(beginning, match.group()) for _, beginning in pairs if (match := re.search(r"\d+", beginning))]
    verdicts = same_answers(pairs + numbers)
    equal = [pair for pair, verdict in zip(pairs + numbers, verdicts, strict=True) if verdict == "equal"]
    assert equal == []
