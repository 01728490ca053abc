"""Elimination.

Pins: the reason each hand-written child leaves for, or that it stays; what counts as trivially changed; only the checks
that are named run, in one order; how often each check errs on real problems; hostile texts end in bounded time; every
language code works or is refused.
"""

import json
import time
from pathlib import Path

import pytest

from sure_math.command_line.settings import ConfigError
from sure_math.config import ELIMINATIONS
from sure_math.pocket.world import seed_problems
from sure_math.pocket.world.families import FAMILIES
from sure_math.pocket.world.operations import OPERATIONS
from sure_math.problems.evolution.eliminate import CHECKS, REASONS, Child, check_language, eliminated

PARENT = "A farmer has 12 sheep and buys 5 more. How many sheep does the farmer have?"


def reason(text: str, *ancestors: str, language: str = "en", checks=ELIMINATIONS) -> str | None:
    failure = eliminated(Child(text=text, ancestors=ancestors or (PARENT,), language=language), checks)
    return failure and failure[0]


KEPT = [
    "Evaluate $\\int_0^1 x^2\\,dx$.",
    "Evaluate\n\\[\\sum_{k=1}^{100} \\frac{1}{k(k+1)}.\\]",
    "Determine all positive integers $n$ for which $2^n + 1$ is divisible by $n^2$.",
    "Find the ordered pair $(x, y)$ that satisfies $3x + 4y = 10$ and $x - y = 1$.",
    "Find all real $x$ such that $x^2 - 5x + 6 = 0$. Express your answer as a comma-separated list.",
    "Find all functions $f : \\mathbb{R} \\to \\mathbb{R}$ such that $f(x+y) = f(x) + f(y)$ (a) for "
    "all $x$ and (b) $y > 0$.",
    "Let $f$ satisfy (i) $f(1) = 2$ and (ii) $f(n+1) = 3f(n)$ for all $n \\ge 1$. Compute $f(10)$.",
    "The probability can be written as $\\frac{m}{n}$ in lowest terms. A die is rolled twice. What is the probability "
    "that the sum is 7? What is $m + n$?",
    "Find the area of the triangle. The answer can be written as $a\\sqrt{b}$ for square-free $b$. Find $a + b$.",
    'The teacher asks, "Who is the tallest?" and nobody knows. If 4 pupils line up, how many orders are there?',
    "Did you know that bees build hexagons? A hexagonal cell has side 3 mm. What is its area in square millimetres?",
    "Can you help Mia? She has 40 tiles and uses 3 per row. How many full rows does she lay?",
    "How many zeros are at the end of $100!$? That is, what is the largest $k$ with $10^k \\mid 100!$?",
    "Two trains leave at noon at 60 km/h and 80 km/h in opposite directions. After how many hours "
    "are they 420 km apart?",
    "Let $N$ be the number of subsets of $\\{1, \\dots, 10\\}$ with an even sum. Find the remainder "
    "when $N$ is divided by $100$.",
    "Simplify $\\frac{x^2 - 1}{x - 1}$ for $x \\ne 1$.",
    "Completely factor $x^4 - 16$ over the integers.",
    "If $x + y = 10$ and $xy = 21$, what is the value of $x^2 + y^2$?",
    "A shop sells pens at $2 each and books at $7 each. Ana spends $48 on 9 items. How many books does she buy?",
    "How many regions does the graph below have?\n[asy]\ndraw((0,0)--(1,1));\n[/asy]",
    "The table below shows the sales of a shop.\n\n| day | pens |\n|---|---|\n| Mon | 3 |\n| Tue | 8 "
    "|\n\nFind the mean.",
    "In the matrix shown below, find the sum of the diagonal.\n\\[\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}\\]",
    "Find the perimeter of the figure formed by two unit squares that share a side.",
    "Jo tries to figure out how many marbles fit into a jar of 3 litres if each takes 5 millilitres. How many fit?",
    "It can be shown that the sequence $a_{n+1} = \\sqrt{2 + a_n}$, $a_1 = 1$ converges. Find its limit.",
    "Show that the equation has one solution and find it: $2^x + 3^x = 5^x$.",
    "Determine, with proof, the smallest $n$ for which $n!$ is divisible by $1000$.",
    "If the answer is $\\frac{m}{n}$ in lowest terms, compute $m + n$: a coin is tossed 5 times, "
    "what is the chance of 3 heads?",
    "When the square root of $x$ is cubed, the answer is 64. What is the value of $x$?",
    "For how many integers $a$ does $x^2 + ax + 36 = 0$ have more than one solution: a real one and an integer one?",
    "Write $0.\\overline{27}$ as a fraction in lowest terms.",
    "Given that $\\sec x + \\tan x = \\frac43$, enter all possible values of $\\sin x$.",
    "Compute $\\gcd(2^{30} - 1, 2^{42} - 1)$.",
    "Fill in the box: $3 + \\boxed{\\phantom{0}} = 10$. What number is missing?",
    "Note: $[x]$ denotes the greatest integer not above $x$. Solve $[x] + [2x] = 7$ for integers $x$.",
    "A palindrome reads the same from both ends. How many 5-digit palindromes are multiples of "
    "9?\n\nNote: leading zeros "
    "are not allowed.",
    "Points $A$, $B$, $C$ lie on a circle of radius $\\alpha$, and $\\angle ABC = \\beta$. Express $AC$ in terms of "
    "$\\alpha$ and $\\beta$.",
    "1. $x < x^2$\n2. $x^2 < x$\n4. $x = x^2$\n\nEnter the sum of the labels of the statements that "
    "hold for some $x > 0$.",
    "Let $S$ be the set of points as described. Among 10 points in general position, how many triangles are there?",
    "Señor Núñez owns $n$ cows. Each gives 7 litres of milk a day. How many litres of milk do $n$ "
    "cows give in 30 days?",
]

DROPPED = [
    ("no_question", "A farmer has 12 sheep, and the wolf takes three of them every second night."),
    ("no_question", "If a train is fast, it arrives early. Let the distance be $300$ km, which is long."),
    ("no_question", "The list of numbers has a large sum when the state of the order is known."),
    ("several_questions", "Find $x$ if $2x = 8$. What is $y$ if $y = 3x$?"),
    ("several_questions", "A cone has radius 3 and height 4. What is its volume? What is its surface area?"),
    ("several_questions", "(a) Find the roots of $x^2 - 4x + 3$. (b) Find their sum."),
    (
        "several_questions",
        "A box has volume 64.\n\n(a) What is the side of a cube of that volume?\n(b) What is its surface?",
    ),
    (
        "several_questions",
        "Let $a_1 = 1$ and $a_{n+1} = 2a_n + 1$.\n1. Find $a_{10}$.\n2. Find the sum of the first ten terms.",
    ),
    (
        "several_questions",
        "Part 1: Ana walks 3 km per hour for 2 h. Part 2: she runs home at 6 km per hour. Time for it all?\n"
        "Part 1: distance\nPart 2: time",
    ),
    ("several_questions", "For a circle of radius 5, find (a) the area and (b) the circumference."),
    ("several_questions", "What is the largest prime factor of 1001, and how many divisors does it have?"),
    ("several_questions", "Compute the mean of 2, 5 and 11. Also, determine the variance."),
    (
        "several_questions",
        "A tank fills in 6 hours. How long do two such pipes need? If one leaks, how long does it take?",
    ),
    (
        "several_questions",
        "Find the area and the perimeter of a 3 by 5 rectangle, and find the length of its diagonal.",
    ),
    ("several_questions", "Determine the maximum of $3x - x^2$ over the reals. For which $x$ is it attained?"),
    ("several_questions", "Question 1. How tall is the tower?\nQuestion 2. How far away is it?"),
    ("answer_leaked", "What is $3 + 4$? The answer is $\\boxed{7}$."),
    ("answer_leaked", "A dozen eggs cost 3 dollars. How much do 60 eggs cost?\n#### 15"),
    ("answer_leaked", "How many primes are below 20? (Answer: 8)"),
    ("answer_leaked", "How many primes are below 20? The answer is 8."),
    ("answer_leaked", "Find the area of a square of side 3. Solution: the area is the square of the side."),
    ("answer_leaked", "Find $\\int_0^1 x\\,dx$. The final answer is $\\frac{1}{2}$."),
    ("answer_leaked", "Is 91 prime? **Answer:** no"),
    ("answer_leaked", "Find the number of diagonals of a convex octagon. Ans. = 20"),
    ("answer_leaked", "Solve $2x = 6$. Answer: $x = 3$"),
    ("missing_figure", "In the figure, $AB = 3$ and $BC = 4$. Find $AC$."),
    ("missing_figure", "Find the area of the shaded region in the diagram below."),
    ("missing_figure", "A square is divided into four parts as shown. What is the area of the largest part?"),
    ("missing_figure", "The graph below shows the speed of a car. How far does it travel in 10 seconds?"),
    ("missing_figure", "Use the following table to find the mean age of the children in the club."),
    ("missing_figure", "![](figure1.png) What is the measure of angle $x$?"),
    ("missing_figure", "The prices of six cars are listed in the table. What is the median price?"),
    ("missing_figure", "How many triangles are in the picture shown on the right?"),
    ("missing_figure", "The accompanying diagram shows a circle with two chords. Find the length of the longer chord."),
    ("proof", "Prove that $\\sqrt{2}$ is irrational."),
    ("proof", "Let $a, b > 0$. Show that $\\frac{a}{b} + \\frac{b}{a} \\ge 2$."),
    ("proof", "Let $G$ be a group of order 15. Demonstrate that $G$ is cyclic."),
    ("proof", "For all real $x$, prove the inequality $x^2 + 1 \\ge 2x$."),
    ("proof", "Prove or disprove: every even number above 2 is the sum of two primes."),
    (
        "wrong_language",
        "Bestimme alle positiven ganzen Zahlen $n$, für die $n^2 + 1$ durch $5$ teilbar ist. Wie viele gibt es?",
    ),
    (
        "wrong_language",
        "Halla la suma de todos los enteros positivos menores que $100$ que son múltiplos de $7$. ¿Cuánto es?",
    ),
    (
        "wrong_language",
        "Combien de diviseurs positifs le nombre $360$ possède-t-il? Donner la réponse sous forme entière.",
    ),
    ("wrong_language", "求所有满足条件的正整数 $n$ 的和是多少?"),
    ("wrong_language", "Найдите сумму всех натуральных чисел $n$, меньших $100$. Чему она равна?"),
    ("wrong_language", "Find the sum of all 正整数 such that 满足条件的数 is at most ten 每个数都不同 overall?"),
    ("trivially_changed", "A farmer has 15 sheep and buys 7 more. How many sheep does the farmer have?"),
    ("trivially_changed", "A farmer has 12 sheep and buys 5 more. How many sheep does the farmer have now?"),
    ("trivially_changed", "How many sheep does the farmer have? A farmer has 12 sheep and buys 5 more."),
    (
        "trivially_changed",
        "A farmer has 12 sheep and buys 5 more. How many sheep does the farmer have? Give your answer as an integer.",
    ),
]


@pytest.mark.parametrize("text", KEPT)
def test_a_sound_child_stays(text: str) -> None:
    assert eliminated(Child(text=text, ancestors=(PARENT,), language="en"), ELIMINATIONS) is None


@pytest.mark.parametrize(("expected", "text"), DROPPED)
def test_a_failed_child_leaves_with_its_reason(expected: str, text: str) -> None:
    assert reason(text) == expected


def test_only_the_named_checks_run_and_in_one_order() -> None:
    text = "In the figure, prove that $x = 2$."
    assert reason(text, checks=()) is None
    assert reason(text, checks=("missing_figure",)) == "missing_figure"
    assert reason(text, checks=("missing_figure", "proof")) == "proof"
    assert set(CHECKS) == set(REASONS) == set(ELIMINATIONS)
    assert list(CHECKS)[-1] == "trivial"


LONG = (
    "A rectangular garden has a length that is twice its width. A path of constant width runs around the garden on all "
    "four sides, and the area of the path is $144$ square metres. The outer perimeter is $96$ metres. "
)
TRIVIAL = [
    (LONG + "Find the width of the path.", LONG.replace("144", "180") + "Determine the width of the path.", True),
    (
        LONG + "Find the width of the path.",
        LONG + "Find the width of the path. Round your answer to the nearest integer.",
        True,
    ),
    (LONG + "Find the width of the path.", LONG.replace("constant", "fixed") + "Find the width of that path.", True),
    (LONG + "Find the width of the path.", LONG + "Find the width of the path if it is less than $x > 3$.", False),
    (LONG + "Find the width.", LONG + "A tree covers $3$ square metres of it. Find the width of the path.", False),
    ("Compute $\\frac{1}{2} + \\left(\\frac{3}{4}\\right)$.", "Compute $\\dfrac{5}{2} + (\\tfrac{3}{8})$", True),
    ("Compute $\\frac{1}{2} + \\frac{3}{4}$.", "Compute $\\frac{1}{2} \\times \\frac{3}{4} - \\frac{1}{6}$.", False),
    ("Find the sum of $3$ and $5$.", "Find the product of $3$ and $5$.", False),
    ("Find $x$ if $2x + 3 = 7$.", "Find $x$ if $5x + 8 = 23$.", True),
    ("Find $x$ if $2x + 3 = 7$.", "Find $x + y$ if $2x + 3 = 7$ and $y = x^2$.", False),
]


@pytest.mark.parametrize(("parent", "text", "trivial"), TRIVIAL)
def test_trivially_changed(parent: str, text: str, trivial: bool) -> None:
    expected = "trivially_changed" if trivial else None
    assert reason(text, parent, checks=("trivial",)) == expected
    assert reason(text, parent, PARENT, checks=("trivial",)) == expected  # an older ancestor counts as well


def problems(path: Path, key: str) -> list[str]:
    return [json.loads(line)[key] for line in path.read_text(encoding="utf-8").splitlines()]


def real(folder: Path) -> dict[str, list[str]]:
    """Real problems by source, without the instruction to box that one file appends."""
    hmmt = problems(folder / "hmmt_nov_2025/test.jsonl", "problem")
    return {
        "math": problems(folder / "math/tora_test.jsonl", "problem"),
        "omni": problems(folder / "omni_math/omni_math_rule.jsonl", "problem"),
        "olympiad": problems(folder / "olympiadbench/OE_TO_maths_en_COMP.jsonl", "question"),
        "contests": [
            *(
                text
                for name in ("I", "II")
                for text in problems(folder / f"aime24/matharena_aime_2024_{name}.jsonl", "problem")
            ),
            *(
                text
                for name in ("I", "II")
                for text in problems(folder / f"aime25/matharena_aime_2025_{name}.jsonl", "problem")
            ),
            *problems(folder / "hmmt_feb_2025/matharena.jsonl", "problem"),
            *(text.partition("\nPlease reason step by step")[0] for text in hmmt),
        ],
        "gsm8k": problems(folder / "gsm8k/test.jsonl", "question"),
        "scalequest": problems(folder / "scalequest/samples.jsonl", "query"),
    }


BOUNDS = {
    # Real problems of each source that a check may flag. Nearly all of them deserve it: figures that were lost
    # (Omni-MATH), proofs and parts that slipped into a set of final answers.
    "question": {"math": 3, "omni": 5, "olympiad": 0, "contests": 0, "gsm8k": 0, "scalequest": 0},
    "answer_leaked": {"math": 2, "omni": 1, "olympiad": 0, "contests": 0, "gsm8k": 0, "scalequest": 0},
    "proof": {"math": 0, "omni": 4, "olympiad": 0, "contests": 0, "gsm8k": 0, "scalequest": 0},
    "several_questions": {"math": 6, "omni": 11, "olympiad": 1, "contests": 0, "gsm8k": 1, "scalequest": 2},
    "missing_figure": {"math": 3, "omni": 29, "olympiad": 1, "contests": 0, "gsm8k": 0, "scalequest": 0},
    "language": {"math": 0, "omni": 0, "olympiad": 0, "contests": 0, "gsm8k": 0, "scalequest": 0},
}


@pytest.mark.parametrize("name", BOUNDS)
def test_false_alarms_on_real_problems(name: str, realdata: Path) -> None:
    check = CHECKS[name]  # type: ignore[index]
    for source, texts in real(realdata).items():
        flagged = [text for text in texts if check(Child(text=text, ancestors=(), language="en"))]
        assert len(flagged) <= BOUNDS[name][source], f"{len(flagged)} of {len(texts)} {source}: {flagged[:3]}"


def test_neighbours_in_a_source_are_not_trivially_changed(realdata: Path) -> None:
    """5,016 pairs; the five that are flagged ask about the same long setting for another value (OlympiadBench)."""
    flagged, pairs = [], 0
    for texts in real(realdata).values():
        pairs += len(texts) // 2
        flagged += [
            (first, second)
            for first, second in zip(texts[::2], texts[1::2], strict=False)
            if reason(second, first, checks=("trivial",))
        ]
    assert pairs > 5000
    assert len(flagged) <= 5, flagged


HOSTILE = {
    "one letter": "a" * 100_000,
    "brackets": "(" * 100_000,
    "nested": "{" * 50_000 + "}" * 50_000,
    "dollars": "$a" * 50_000,
    "open formulas": "\\(" * 33_000,
    "open displays": "\\[" * 33_000,
    "environments": "\\begin{a}" * 10_000,
    "drawings": "[asy]" * 20_000,
    "fences": "```" * 33_000,
    "quotes": '"a ' * 33_000,
    "blanks": " \n" * 50_000,
    "spaces": "." + " " * 100_000 + "x",
    "answers": "answer " * 14_000,
    "the answer is": "the answer is " * 7_000,
    "verbs": "find and find, " * 7_000,
    "figures": "figure graph " * 8_000,
    "hashes": "####" * 25_000,
    "boxes": "\\boxed{" * 14_000,
    "marks": "?" * 100_000,
    "stars": "*" * 100_000,
    "commands": "\\a" * 33_000,
    "proofs": "prove, then " * 8_000,
    "parts": "part 1" * 16_000,
    "numbers": "1" * 100_000,
    "points": "1,1." * 25_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_text_ends_in_bounded_time(text: str) -> None:
    start = time.monotonic()
    for check in CHECKS.values():
        check(Child(text=text, ancestors=(text[:-1], PARENT), language="en"))
    assert time.monotonic() - start < 20


def test_every_language_works_or_is_refused() -> None:
    german = "Bestimme alle positiven ganzen Zahlen, deren Quadrat um eins größer ist als ein Vielfaches von fünf."
    assert reason(german, language="de", checks=("language",)) is None
    assert reason(german, language="fr", checks=("language",)) == "wrong_language"
    assert reason("求所有满足条件的正整数 $n$ 的和是多少?", language="zh", checks=("language",)) is None
    assert reason(PARENT, language="de", checks=("language",)) == "wrong_language"
    assert reason("$2+2=?$ 求值", checks=("language",)) is None  # too little to tell
    check_language("de")
    with pytest.raises(
        ConfigError, match=r"evolve\.language = 'klingon': is not an ISO 639-1 code .*evolve\.eliminate"
    ):
        check_language("klingon")


def test_every_problem_of_the_pocket_world_asks_something() -> None:
    texts = [row.problem for split in ("train", "test") for row in seed_problems(400, split=split, run_seed=5)]
    texts += [text for operation in OPERATIONS for text in operation.texts]
    texts += [text for family in FAMILIES for text in (*family.plain, *family.story)]
    assert [text for text in texts if reason(text, checks=("question",))] == []
