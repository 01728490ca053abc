r"""Which answer a response states, as `is_correct` reads it.

Pins: no answer inside a thought, however the thought is marked; boxes side by side are a list; the letter of a last
line behind a boxed formula; answers without a box: phrases in the main languages, money, a last line, afterthoughts,
several letters; percentages, with the problem or the gold; `unboxed="reject"` never credits what `parse` does not;
bounded time.
"""

import time

import pytest

from sure_math.equivalence import against_gold, is_correct, same_answer
from sure_math.equivalence.percentages import asks_for_percentage
from sure_math.equivalence.response import stated_answer

THOUGHTS = [
    # response, gold, right
    (r"<think>maybe \boxed{2}, but no", "2", False),
    ("<think>maybe \\boxed{2}</think>\nThe answer is 3.", "2", False),
    ("<think>maybe \\boxed{2}</think>\nThe answer is 3.", "3", True),
    ("<think>maybe \\boxed{2}</think>\n<answer>3</answer>", "3", True),
    ("<think>\\boxed{B}?</think>\nAnswer: C", "B", False),
    ("<think>\\boxed{B}?</think>\nAnswer: C", "C", True),
    ("<think>The answer is 2.", "2", False),
    (r"<think>x</think>\boxed{3}", "3", True),
    (r"<reasoning>\boxed{1}</reasoning><answer>2</answer>", "2", True),
    (r"<reasoning>\boxed{1}</reasoning><answer>2</answer>", "1", False),
    ("<think>A</think><answer>B</answer>", "B", True),
    ("[THINK]The answer is 3[/THINK]The answer is 4", "4", True),
    ("[THINK]The answer is 3[/THINK]The answer is 4", "3", False),
    ("analysisThe answer is 3assistantfinalThe answer is 4", "4", True),
    ("analysisThe answer is 3", "3", False),
    ("<reasoning>\\boxed{3}</reasoning>\n4", "4", True),
]
BOXES = [
    # response, gold, right
    ("\\boxed{\\Delta E}\n\n**Answer: D**", "D", True),
    ("\\boxed{\\Delta E}\n\n**Answer: D**", "E", False),
    (r"n=$\boxed{1}$ and $n=\boxed{-2}$", "1,-2", True),
    (r"\boxed{3}, \boxed{5}, \boxed{7}", "3,5,7", True),
    (r"\boxed{3}, \boxed{5}, \boxed{7}", "7", False),
    (r"<answer>\boxed{2}</answer>", "2", True),
    ("\\boxed{42}\n\nAnswer: B", "B", True),
    ("\\boxed{42}\n\nThe answer is (B).", "B", True),
    ("\\boxed{42}\nFinal answer: **B**", "B", True),
    ("\\boxed{C}\nAnswer: B", "B", False),
    ("\\boxed{C}\nAnswer: B", "C", True),
    ("\\boxed{\\text{(C)}}\nAnswer: B", "C", True),
    ("\\boxed{42}\n\nAnswer: B", "42", True),
    ("\\boxed{42}\n\nAnswer: B or C", "B", False),
]
PERCENT = [
    # response, gold, right
    (r"It is $30\%$", r"30\%", True),
    (r"\boxed{30}", r"30\%", True),
    (r"\boxed{0.3}", r"30\%", True),
    (r"\boxed{30 \text{ cm}}", r"30\%", False),
    (r"\boxed{3000\%}", r"30\%", False),
    (r"\boxed{30} percent", r"30\%", True),
    ("The answer is 12.5%.", "12.5%", True),
    ("The answer is 12.5 percent", r"12.5\%", True),
]
PROSE = [
    # response, gold, right
    ("The total is $5 + $3 = $8.", "8", True),
    ("Total: $2 + $3 = $5", "5", True),
    ("Total: $2 + $3 = $5", "2", False),
    ("The total is: $80,000 + $120,000 = $200,000.", "200000", True),
    ("It cost $20 - $5 = $15", "15", True),
    ("The price was $20, minus $5, so it is $15.", "15", True),
    ("He makes $70,000.", "70000", True),
    ("He spends $8.", "8", True),
    ("First compute 6*7.\n42", "42", True),
    ("The answer is: 70, as desired", "70", True),
    ("**70**", "70", True),
    ("`70`", "70", True),
    ("The answer is A or B", "A", False),
    ("<answer>A or B or C</answer>", "A", False),
    ("The answer is A or B", "B", False),
    ("The answer is 4, but it could be 5", "5", False),
    ("The answer is 4, but it could be 5", "4", True),
    ("Die Antwort ist 18.", "18", True),
    ("La respuesta es 18.", "18", True),
    ("答案是18。", "18", True),
    ("Ответ: 18", "18", True),
    ("答え: 18", "18", True),
    ("答案：$70$", "70", True),
    ("The temperature is −3.", "-3", True),
    ("The temperature is −3.", "3", False),
    ("It is either A or B.", "A", False),
    ("Both A and B are right", "A", False),
    ("I would choose (A), (B) or (C)", "B", False),
    ("Answer: A, B", "A", False),
    ("Answer: A, B", "A, B", True),
    ("The answer is not 5.", "5", False),
    ("The answer is not 5 but 4.", "4", True),
    ("The answer is 4 or maybe 5", "4", False),
    ("The answer is 4 or maybe 5", "5", False),
    ("The answer is $4$, where $n=2$", "4", True),
    ("The answer is 4, if n is even, and 5, if n is odd", "4", False),
    ("The answer is 4, if n is even, and 5, if n is odd", "5", False),
    ("She earns $12 * 5 = $60", "60", True),
    ("Cost: $3.50 + $2.25 = $5.75", "5.75", True),
    ("Cost: $3.50 + $2.25 = $5.75", "3.50", False),
    ("We get $x = 5$", "5", True),
    ("$ x = 5 $", "5", True),
    ("$5$", "5", True),
    ("$5 + 3 = 8$", "8", True),
    ("so $-3$ is it", "-3", True),
    ("La réponse est 12.", "12", True),
    ("A resposta é 7.", "7", True),
    ("La risposta è 7.", "7", True),
    ("Ответ равен 7.", "7", True),
    ("정답은 7", "7", True),
    ("The answer is 18 dollars per day for 5 days", "18", True),
    ("The answer is 18 dollars per day for 5 days", "5", False),
    ("The answer is $f(x)=cx$ where c is real", "f(x)=cx", True),
    ("**Final Answer: 70**", "70", True),
    ("*42*", "42", True),
    ("Therefore\n\n**x = 5**", "5", True),
    ("Work\n$\\frac{1}{2}$", "1/2", True),
    ("The result: −1/2", "-1/2", True),
    ("From 3–5 it is 2", "2", True),
    ("Answer: $1,234.50", "1234.5", True),
    ("She has $5.", "5", True),
    ("She pays $5 more than $3, i.e. $8", "8", True),
    ("The answer is 12, rounded to the nearest integer", "12", True),
    ("The answer is 0.5 (not 2).", "0.5", True),
    ("The answer is 0.5 (not 2).", "2", False),
    ("<answer>The answer is 7</answer>", "7", True),
    ("answer: C because A and B fail", "C", True),
    ("The answer is C, not A", "C", True),
    ("The answer is C, not A", "A", False),
    ("So the total cost is $12 + $15 = $27.", "27", True),
    ("So the total cost is $12 + $15 = $27.", "12", False),
    ("Profit: $120 - $80 = $40 per week", "40", True),
    ("They spent $1,200.50 in total.", "1200.50", True),
    ("The bill is $45 and the tip is $9, so they pay $54.", "54", True),
    ("It costs between $5-$10.", "10", False),
    ("We have $x^2 = 9$, so $x = 3$", "3", True),
    (r"cost is \$5 + \$3 = \$8", "8", True),
    (r"The answer is $\$8$.", "8", True),
    ("Answer: $8", "8", True),
    ("Answer: **$8**", "8", True),
    (r"**Answer: $\frac{3}{4}$**", "3/4", True),
    (r"The final answer is: $\frac{3}{4}$ of the cake", "3/4", True),
    ("Final answer: 12 cm", "12", True),
    ("The answer is 12.5%.", "0.125", True),
    ("Hence we get −7.", "-7", True),
    ("Hence we get −7.", "7", False),
    ("x = –4", "-4", True),
    ("x = –4", "4", False),
    ("The result is -7.", "7", False),
    ("The sum is 3 + 4 = 7.", "7", True),
    ("Therefore:\n\n42", "42", True),
    ("Therefore:\n\n**42**", "42", True),
    ("Some work 12\n\n$42$", "42", True),
    ("Some work 12\n\n42 km", "42", True),
    ("Work\n= 42", "42", True),
    ("List:\n1. foo\n2. bar\n3", "3", True),
    ("The answer is 70, since 35*2 = 70", "70", True),
    ("The answer is 70 because 35+35=70", "70", True),
    ("The answer is 5 (rounded).", "5", True),
    ("The answer is 7, not 8.", "7", True),
    ("The answer is 7, not 8.", "8", False),
    ("The answer is 7 rather than 8", "8", False),
    ("The answer is probably 7", "7", True),
    ("The answer is either 7 or 8", "7", False),
    ("The answer is either 7 or 8", "8", False),
    ("The answer is 7 or 8", "7, 8", True),
    ("The answer could be 7 or 8", "8", False),
    ("I believe it's 7, though 8 is possible.", "8", False),
    ("The answer is 7; however it might be 8", "8", False),
    ("Possible answers: A, B", "B", False),
    ("It must be A, B, or C", "C", False),
    ("Answer: (A) and (C)", "A", False),
    ("Answer: A/B", "A", False),
    ("The answer is B, since A is wrong", "B", True),
    ("The answer is B, since A is wrong", "A", False),
    ("A or B or C", "A", False),
    ("Either C or D", "D", False),
    ("The correct option is (C).", "C", True),
    ("**C**", "C", True),
    ("(C)", "C", True),
    ("C. 5", "C", True),
    ("Answer: C) 12", "C", True),
    ("B, or maybe C", "B", False),
    ("B, or maybe C", "C", False),
    ("<answer>\n42\n</answer>", "42", True),
    ("<answer>B</answer>", "B", True),
    ("<answer>1</answer> no: <answer>2</answer>", "2", True),
    ("<answer>12 apples</answer>", "12", True),
    ("<ANSWER>5</ANSWER>", "5", True),
    ("<answer>5", "5", True),
    ("Antwort: 12", "12", True),
    ("Die richtige Antwort lautet 12.", "12", True),
    ("La respuesta correcta es 12.", "12", True),
    ("La réponse est : 12", "12", True),
    ("Réponse : 12", "12", True),
    ("答案为12", "12", True),
    ("最终答案是 12。", "12", True),
    ("答えは12です。", "12", True),
    ("정답: 12", "12", True),
    ("Ответ: 12.", "12", True),
    ("Ответ — 12", "12", True),
    ("Lösung: x = 12", "12", True),
    ("Risposta: 12", "12", True),
    ("Resposta: 12", "12", True),
    ("Svaret är 12.", "12", True),
    ("Odpowiedź: 12", "12", True),
    ("Đáp án: 12", "12", True),
    ("उत्तर: 12", "12", True),
    ("الجواب هو 12", "12", True),
    (r"所以答案是 $\frac{1}{2}$。", "1/2", True),
    ("因此，x = 5", "5", True),
    ("work mentions 34", "34", False),
    ("I do not know", "34", False),
    ("page 12", "12", False),
    ("The answer is not 5", "5", False),
    ("The answer is not 5, it is 6", "6", True),
    ("The answer is not 5, it is 6", "5", False),
    ("Die Antwort ist nicht 5.", "5", False),
    ("`42`", "42", True),
    ("__42__", "42", True),
    ('"42"', "42", True),
    ("42.", "42", True),
    ("= 42", "42", True),
    ("x=42", "42", True),
    ("$$x=42$$", "42", True),
    (r"\[42\]", "42", True),
    (r"\(x=1\) or \(x=2\)", "1, 2", True),
    ("The solutions are $1$ and $2$.", "1, 2", True),
    ("The solutions are $1$ and $2$.", "2", False),
    ("The answer is $1$ and $2$.", "1,2", True),
    ("The answer is $1$ or $2$", "2", False),
    ("The answer is $1$ or $2$", "1", False),
    ("The probability is 1/4.", "1/4", True),
    ("The probability is 1/4.", "4", False),
    ("1.5e3 is the answer: 1.5e3", "1500", True),
    ("The answer is 1.5e3", "3", False),
    ("The answer is 1{,}250", "1250", True),
    ("The answer is 1,250", "250", False),
    ("The answer is $1{,}250$", "1250", True),
    ("The answer is 1 250", "250", False),
    ("#### 1,250", "1250", True),
    ("#### $5", "5", True),
    ("so\n#### -3", "-3", True),
]

DENIED = [
    # response, gold, right
    ("The value is not 42.", "42", False),
    ("The sum isn't 42.", "42", False),
    ("It is never 42.", "42", False),
    ("x is larger than $42$.", "42", False),
    ("There are no more than 42 of them.", "42", False),
    ("There are at least 42.", "42", False),
    ("The total exceeds 42.", "42", False),
    ("so $x < 42$.", "42", False),
    ("Is it 42?", "42", False),
    ("42 is wrong.", "42", False),
    ("We got 42, which is incorrect.", "42", False),
    ("It is not the case that the sum is 42.", "42", False),
    ("I am not sure. There are 42 cases.", "42", False),
    ("I'm unable to solve this. We have 42 apples.", "42", False),
    ("The problem cannot be solved. We have 7 equations.", "7", False),
    ("The answer must be smaller than $42$.", "42", False),
    ("The answer is under 42.", "42", False),
    ("The answer is at least $42$.", "42", False),
    ("We cannot solve this directly. The total is 5.", "5", True),
    ("The smallest number greater than 41 is 42.", "42", True),
    ("He has more than 3, so he has 42.", "42", True),
    ("The answer is not 41. It is 42.", "42", True),
    ("It is not 3 but 5.", "5", True),
    ("The sum is 42. Any questions?", "42", True),
    ("She pays **$64** for 16 glasses.", "64", True),
    ("In total she needs **64** dollars for 3 weeks.", "64", True),
    ("The area equals 2√3.", r"2\sqrt{3}", True),
    ("so the vertex is (3, -1).", "(3,-1)", True),
    ("The range is [0, 1].", "[0,1]", True),
    ("The angle is π/2.", r"\pi/2", True),
    ("所以选B", "B", True),
    ("因此，应选D。", "D", True),
    ("故选AC。", "AC", True),
    ("故选：AC", "A, C", True),
    (r"\boxed{CA}", "A, C", True),
    (r"\boxed{AB}", "A, C", False),
    (r"\boxed{ACD}", "A, C", False),
    (r"\boxed{\text{ABD}}", "A,B,D", True),
    ("I think that is a hard one. A proof is long.", "A", False),
    ("A is right.", "A", True),
    ("I would choose B.", "B", True),
    (r"\boxed{\text{The answer is } 42}", "42", True),
    (r"\boxed{\text{The answer is 42}}", "42", True),
    (r"\boxed{\text{The answer is not } 42}", "42", False),
    ("The answer is twelve.", "12", True),
    (r"\boxed{twelve}", "12", True),
    ("so the sum is not equal to $42$.", "42", False),
    ("The answer cannot be 42.", "42", False),
    ("The answer is greater than 42.", "42", False),
    ("The answer is at most 42.", "42", False),
    ("It is less than 42.", "42", False),
    ("As of 2024 I can't determine the answer.", "2024", False),
    ("I cannot solve it. There are 7 cases.", "7", False),
    ("A quick check shows the claim fails.", "A", False),
    (r"Kylar needs to pay **\$64** for 16 glasses.", "64", True),
    ("The length is 3√2.", r"3\sqrt{2}", True),
    ("The point is (1, 2).", "(1,2)", True),
    ("故选：18", "18", True),
    ("故选C", "C", True),
    ("故选：AC", "AC", True),
    (r"\boxed{AC}", "A, C", True),
    ("选项C错误，故选D", "D", True),
    ("选项C错误，故选D", "C", False),
    ("I think it's B because A is wrong.", "B", True),
    ("it's not 10 it's 1,000.99m²", "1000.99", True),
    (r"$\boxed{1,2}$", r"\boxed{1} papers and \boxed{2} bins", True),
    ("A", "A Peter\nCelina bum", True),
    ("B", "A Peter\nCelina bum", False),
    ("limit = −g(1)\n= −1013\u2009ln\u20092026.\n\n□", r"-1013\ln 2026", True),
    (r"\beginboxed{8\sqrt{6}}", r"8\sqrt{6}", True),
    ("It is impossible for x to be 5.", "5", False),
    ("The answer is about twice 5.", "5", False),
    ("The answer is divisible by 5.", "5", False),
    ("The answer is half of 5.", "5", False),
    ("The answer is negative 5.", "5", False),
    ("The answer is negative 5.", "-5", True),
    ("The answer is 5 out of 6.", "6", False),
    ("The remainder is 5 when divided by 6.", "5", True),
    ("The remainder is 5 when divided by 6.", "6", False),
    ("The answer could be 6.", "6", False),
    ("If the answer is 6, then we get a contradiction.", "6", False),
    ("Let me verify whether the answer is 6.", "6", False),
    ("Wrong answer: 6", "6", False),
    ("The answer is 6. Actually, it is 7.", "7", True),
    ("The answer is 6. Actually, it is 7.", "6", False),
    ("The minimum value is $6$ when $x = 2$.", "6", True),
    ("The minimum value is $6$ when $x = 2$.", "2", False),
    ("The maximum is 6 at x = 2.", "6", True),
    ("Answer: none (8 fails)", "8", False),
    ("Answer: all integers except 8", "8", False),
    ("Answer: 8+", "8", False),
    ("Option B is incorrect.", "B", False),
    ("It's not B.", "B", False),
    ("x = 5\n\nCheck: 2(5)+3 = 13", "5", True),
    ("x = 5\n\nCheck: 2(5)+3 = 13", "13", False),
    ("No solution exists for n = 6", "6", False),
    ("We need to find n such that f(n) = 6.", "6", False),
    ("The first case has no solutions. The total is 5.", "5", True),
    ("The total for 3 boxes is 12 dollars when x = 4.", "4", False),
]


@pytest.mark.parametrize(("response", "gold", "right"), [*THOUGHTS, *BOXES, *PERCENT, *PROSE, *DENIED])
def test_is_correct(response: str, gold: str, right: bool) -> None:
    assert is_correct(gold, response) is right
    assert right or not is_correct(gold, response, unboxed="reject")


@pytest.mark.parametrize(("response", "gold", "right"), [*THOUGHTS, *BOXES, *PROSE])
def test_an_open_thought_hides_everything(response: str, gold: str, right: bool) -> None:
    thought = "<think>" if "</think>" not in response else "<thinking>"
    assert not is_correct(gold, f"{thought}{response}")
    assert not is_correct(gold, f"{thought}{response}", unboxed="reject")


REJECT = [
    (r"<think>x</think>\boxed{3}", "3", True),
    (r"<think>\boxed{3}</think>3", "3", False),
    (r"$n=\boxed{1}$ and $n=\boxed{-2}$", "1,-2", True),
    (r"\boxed{3}, \boxed{5}, \boxed{7}", "3,5,7", True),
    (r"\boxed{3}, \boxed{5}, \boxed{7}", "7", False),
    ("The answer is 3.", "3", False),
    (r"$\boxed{30}\%$", r"30\%", True),
    (r"\boxed{30}", r"30\%", True),
    (r"\boxed{0.3}", r"30\%", True),
    (r"\boxed{30\text{ cm}}", r"30\%", False),
    (r"$\boxed{15\frac{39}{40}}$ or $\boxed{\frac{639}{40}}$", r"\frac{639}{40}", True),
    (r"$\boxed{x+11}$ or $\boxed{11+x}$", "x+11", True),
    (r"$\boxed{2}$ or $\boxed{3}$", "3", False),
]


@pytest.mark.parametrize(("response", "gold", "right"), REJECT)
def test_boxes_only(response: str, gold: str, right: bool) -> None:
    assert is_correct(gold, response, unboxed="reject") is right


ASK = [
    "What percentage of the readers left?",
    "By what percentage did it grow each year? Give your answer as a percentage.",
    "By how many percent does the minimum error increase?",
    "Which percentages of members are possible?",
    "What is the absolute value of the percent change in the volume?",
    "What is the overall percent loss in value?",
    "What's the percentage chance that it rains?",
    "What amount is in the body, as a percentage of the amount in one tablet?",
    "Give the exact percentage.",
    "What is the probability? Give your answer as an exact percentage.",
    "Find the probability, in percent, that it is white.",
    "Give the exact value with a percent sign.",
    r"Write it without the \% sign.",
    "Round to the nearest tenth of a percent.",
    r"The share is ___\%.",
    "Um wie viel Prozent steigt der Preis?",
    "增长了百分之几？",
    "Quel pourcentage des billes est rouge ?",
    "На сколько процентов выросла цена? Сколько процентов?",
]
DO_NOT_ASK = [
    "What is 20 percent of 50?",
    "What is five percent of 40?",
    r"What is $20\%$ of 50?",
    "Money grows at 6 percent a year. How much must he invest?",
    "What is the sum of the percent scores?",
    "40 percent of them are ruins. How many castles are there?",
    "The percentage of votes was smaller by 1. How many members are there?",
    "What was the price before the 10 percent discount?",
    "How many points does he need?",
    "",
]


@pytest.mark.parametrize(
    ("problem", "asks"), [*((text, True) for text in ASK), *((text, False) for text in DO_NOT_ASK)]
)
def test_which_problems_ask_for_a_percentage(problem: str, asks: bool) -> None:
    assert asks_for_percentage(problem) is asks


IN_PERCENT = [
    # a, b, verdict without the problem, verdict if it asks for a percentage
    ("30", r"30\%", "undecided", "equal"),
    ("0.3", r"30\%", "equal", "equal"),
    ("30", "0.3", "different", "undecided"),
    ("30", r"31\%", "different", "different"),
    ("30 cm", r"30\%", "different", "different"),
    (r"30^\circ", r"30\%", "different", "different"),
    (r"\$30", r"30\%", "different", "different"),
    ("20, 30", r"20\%, 30\%", "undecided", "equal"),
    ("20, 30", r"20\%, 31\%", "different", "different"),
    ("x = 30", r"30\%", "undecided", "equal"),
    ("30 percent", "30", "undecided", "equal"),
    (r"30\text{ percent}", "30", "undecided", "equal"),
    (r"33\frac13", r"33\frac{1}{3}\%", "undecided", "equal"),
    ("30", "30", "equal", "equal"),
]


@pytest.mark.parametrize(("a", "b", "plain", "asked"), IN_PERCENT)
def test_percentages_with_the_problem(a: str, b: str, plain: str, asked: str) -> None:
    question, other = "What percentage of the balls is red?", "How many balls are red?"
    for first, second in ((a, b), (b, a)):
        assert same_answer(first, second) == same_answer(first, second, other) == plain
        assert same_answer(first, second, question) == asked


def test_a_gold_that_is_a_percentage_needs_no_problem() -> None:
    answers = ["30", r"30\%", "0.3", "30 percent", "3", "30 cm", r"\$30", "0.003"]
    assert [verdict == "equal" for verdict in against_gold(r"30\%", answers)] == [True] * 4 + [False] * 4
    assert against_gold("30", [r"30\%"], "What percentage is it?") == ["equal"]
    assert against_gold("30", [r"30\%"], "How many are there?") == ["undecided"]


HOSTILE = [
    "I can't ", "not ", "**1** ", "is 1 ", "= ", "□", "故选A", r"\boxed{1} pens and ",
    "<think>", r"\boxed{", "$", "|", "(", "$5 + ", "answer is ", "the answer is 5, ", "A or ", "**", "`", "1,", "1/",
    "what is the ", "as a ", "___", "? ", "<answer>", "answer: A\n", r"\(", "$$a", "−3 ", "5 but ", "答案", "if ", '"',
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_bounded_time_on_hostile_text(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    started = time.process_time()
    stated_answer(text, is_gold=False, unboxed="parse", choice=True)
    stated_answer(text, is_gold=True, unboxed="parse")
    asks_for_percentage(text)
    assert time.process_time() - started < 10.0
