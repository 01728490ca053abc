"""The pocket world. Pins:

1. every wording can be read back into the same numbers, so that any text of the world has a known answer;
2. worked solutions end in the box with the answer, and answers are right (table of hand-worked problems);
3. held-out cores never appear in training lessons, whatever was appended to them;
4. each strategy's children pass the check of that strategy, and the check refuses what breaks its promise;
5. pairs for the judge are equal or unequal as they say, near misses of at least six kinds;
6. a lesson depends on its index alone.
"""

from collections import Counter
from random import Random

import pytest

from sure_math.extract import extract_answer
from sure_math.pocket.lessons import draw_problem, held_pair, lesson, lessons
from sure_math.pocket.world import (
    draw_core,
    is_held_out,
    read_instance,
    render,
    seed_problems,
    solve,
    to_problem,
    work_out,
)
from sure_math.pocket.world.evolution import STRATEGIES, check_child, evolve_instance
from sure_math.pocket.world.families import FAMILIES
from sure_math.pocket.world.numbers import WorldError

HAND_WORKED = [
    ("Compute 37 + 48.", "85"),
    ("Ben has 12 coins and gives away 15. How many coins remain?", "-3 coins"),
    ("Compute 7 \\div 2.", "\\frac{7}{2}"),
    ("Add 1/3 and 1/6.", "\\frac{1}{2}"),
    ("What percent of 40 is 10?", "25\\%"),
    ("Solve 3x + 5 = 20.", "5"),
    ("Solve x + y = 10 and x - y = 4. Give (x, y).", "(7, 3)"),
    ("Find both roots of x^2 - 8x + 15 = 0.", "3, 5"),
    ("Today is Monday. What day is it 10 days later?", "Thursday"),
    ("Write 2 h 15 min in minutes.", "135 minutes"),
    ("Simplify x^3 \\times x^5.", "x^{8}"),
    ("Find the greatest common divisor of 24 and 36.", "12"),
    ("Find the area of a rectangle with sides 4 cm and 3 cm.", "12 cm^2"),
    ("Compute 5 + n.", "n + 5"),
    ("Multiply n by 4. Find the value of the answer for n = 3.", "12"),
    ("Compute 40 + 7. Let N be the answer. Find the sum of the digits of N.", "11"),
    ("Compute 10 \\div 4. The answer is p/q in lowest terms. Find p + q.", "7"),
    (
        "Today is Monday. What day is it 2 days later? Count the days from Monday = 1. What is the number of that day?",
        "3",
    ),
    ("Compute 50 + 7. Find the remainder when the answer is divided by 5. Then multiply by 6.", "12"),
]
OUTSIDE = [
    "",
    "What is love?",
    "Compute 37 + 48",
    "Compute 37 + 48. Then fly.",
    "Compute 12 \\div 0.",
    "Find both roots of x^2 - 8x + 16 = 1.",
    "Compute 7 - 9. Find the remainder when the answer is divided by 4.",
]


@pytest.mark.parametrize(("text", "answer"), HAND_WORKED)
def test_hand_worked(text: str, answer: str) -> None:
    problem = solve(text)
    assert problem is not None
    assert problem.answer == answer
    assert extract_answer(problem.solution) == answer


@pytest.mark.parametrize("text", OUTSIDE)
def test_text_outside_the_world_has_no_answer(text: str) -> None:
    assert solve(text) is None


def test_every_family_and_wording_reads_back() -> None:
    seen: Counter[tuple[str, str, int]] = Counter()
    for index in range(6000):
        rng = Random(index)
        instance = draw_core(rng, rng.randint(1, 4))
        text = render(instance)
        back = read_instance(text)
        assert back is not None and render(back) == text
        assert work_out(back) == work_out(instance)
        seen[instance.family, instance.style, instance.wording] += 1
    wordings = sum(len(family.plain) + len(family.story) for family in FAMILIES)
    assert len(FAMILIES) >= 20 and len(seen) == wordings


def held_out(text: str) -> bool:
    instance = read_instance(text)
    assert instance is not None
    return is_held_out(instance)


def test_splits_share_no_core() -> None:
    train = seed_problems(400, split="train", run_seed=0)
    test = seed_problems(200, split="test", run_seed=0)
    assert not any(held_out(problem.problem) for problem in train)
    assert all(held_out(problem.problem) for problem in test)
    assert len({problem.problem for problem in (*train, *test)}) == 600


def test_lessons_never_show_a_held_out_core() -> None:
    for item in lessons("teacher", 0, 0, 1500):
        instance = read_instance(item.messages[0].content.split("\n\n")[0])
        assert instance is not None
        letter = any(number.coef for _, number in instance.slots)
        assert letter or not is_held_out(instance)


def test_a_lesson_depends_on_its_index_alone() -> None:
    assert lesson("author", 0, 7) == list(lessons("author", 0, 5, 3))[2]
    assert lesson("author", 0, 7) != lesson("author", 1, 7)


def test_children_pass_the_check_of_their_strategy() -> None:
    passed: Counter[str] = Counter()
    for index in range(1200):
        rng = Random(index)
        parent = draw_problem(rng, rounds=0)
        strategy = STRATEGIES[index % len(STRATEGIES)]
        try:
            child = render(evolve_instance(rng, parent, strategy))
        except WorldError:
            continue
        assert check_child(strategy, render(parent), child) is None, (strategy, render(parent), child)
        passed[strategy] += 1
    assert min(passed[strategy] for strategy in STRATEGIES) > 150


@pytest.mark.parametrize(
    ("strategy", "child", "reason"),
    [
        ("rewrite", "Compute 37 + 48.", "unchanged"),
        ("rewrite", "Add 37 and 49.", "another computation than the parent's"),
        ("apply", "Add 37 and 48.", "not a scene"),
        ("algebraize", "Add 37 and 48.", "no letter in the answer"),
        ("harder", "Add 38 and 48. Then add 5.", "the parent's computation is gone"),
        ("harder", "Add 37 and 48.", "no more steps than the parent"),
        ("compose", "Add 37 and 48. Then add 5.", "does not end in a compose step"),
        ("competition", "Add 37 and 48. Find 10\\% of the answer.", "does not end in a competition step"),
        ("harder", "Add 37 and", "not a problem of the world"),
    ],
)
def test_check_refuses_broken_promises(strategy: str, child: str, reason: str) -> None:
    assert check_child(strategy, "Compute 37 + 48.", child) == reason


def test_pairs_are_half_equal_and_near_misses_have_many_kinds() -> None:
    pairs = [held_pair(Random(index), held_out=True) for index in range(2000)]
    kinds = Counter(pair.kind for pair in pairs)
    assert 0.45 < kinds["equal"] / len(pairs) < 0.55
    assert {"digit", "sign", "reciprocal", "order", "unit", "off_by_one"} <= set(kinds)
    assert all(pair.first != pair.second for pair in pairs)
    assert all(pair.reply.endswith("yes" if pair.equal else "no") for pair in pairs)


def test_solution_lines_count_as_steps() -> None:
    instance = read_instance("Compute 37 + 48. Then multiply by 3.")
    assert instance is not None
    problem = to_problem(instance, "easy")
    assert problem.num_steps == 2
    assert problem.solution == "37 + 48 = 85. 85 \\times 3 = 240 + 15 = 255. \\boxed{255}"
