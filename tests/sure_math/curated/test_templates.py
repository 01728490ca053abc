"""The templates of the curated problems.

Pins: every template makes a problem whose two computations agree, whose answer is graded as right and is not in its
text, and a held-out one two of different structure; what agreement means for each kind of answer; how templates take
turns; that a template serves one split.
"""

import random
from fractions import Fraction

import mpmath
import pytest
import sympy

from sure_math.curated.generate import TemplateError, gives_away, instances, load_templates, take_turns
from sure_math.curated.template import Draft, Draw, Members, Points, Template, agreement
from sure_math.equivalence import is_correct, same_answer

SEED = 20251123
X = sympy.Symbol("x")
with mpmath.workdps(40):
    ROOT = mpmath.sqrt(2)
HALVES = Members(inside=(Fraction(1, 2), 3), outside=(0, 4))


@pytest.mark.parametrize("template", load_templates().values(), ids=lambda template: template.name)
def test_a_template_makes_what_it_promises(template: Template) -> None:
    drafts = list(instances(template, template.variants if template.split == "test" else 1, SEED))
    for draft in drafts:
        assert is_correct(draft.answer, f"\\boxed{{{draft.answer}}}", unboxed="reject")
        assert not gives_away(draft)
        assert draft.problem.strip() == draft.problem and "\n\n\n" not in draft.problem
    for first in drafts:
        for second in drafts:
            if first.answer != second.answer:
                assert same_answer(first.answer, second.answer) != "equal" or agreement(first.closed, second.closed)
    assert template.split == "train" or template.variants >= 2


AGREE = {
    "integers": (3, 3, True),
    "other integers": (3, 4, False),
    "a fraction and its value": (Fraction(1, 3), Fraction(2, 6), True),
    "a radical and its digits": (sympy.sqrt(2), mpmath.mpf(2) ** 0.5, False),  # 15 digits are not enough
    "a radical and more digits": (sympy.sqrt(2), ROOT, True),
    "pairs": ((1, Fraction(1, 2)), (1, Fraction(1, 2)), True),
    "pairs in another order": ((1, 2), (2, 1), False),
    "a pair and a triple": ((1, 2), (1, 2, 2), False),
    "sets": (frozenset({1, 2}), frozenset({2, 1}), True),
    "sets of other sizes": (frozenset({1}), frozenset({1, 2}), False),
    "an expression at points": (X**2 + 1, Points(values=tuple(({"x": at}, at * at + 1) for at in (2, 3, 5, 7))), True),
    "another expression": (X**2, Points(values=tuple(({"x": at}, at * at + 1) for at in (2, 3, 5, 7))), False),
    "an expression at too few points": (X, Points(values=(({"x": 2}, 2),)), False),
    "an interval and its members": (sympy.Interval.open(0, 4), HALVES, True),
    "an interval with an end too many": (sympy.Interval(0, 4), HALVES, False),
}


@pytest.mark.parametrize(("closed", "checked", "expected"), AGREE.values(), ids=AGREE)
def test_agreement(closed: object, checked: object, expected: bool) -> None:
    assert agreement(closed, checked) is expected


GIVEN_AWAY = {
    "the number itself": ("There are 42 hens. How many?", "42", True),
    "at the end of a sentence": ("The sum is 42.", "42", True),
    "a part of another number": ("There are 142 hens and 4.2 cows.", "42", False),
    "a decimal that begins like it": ("It costs 42.50 dollars.", "42", False),
    "another spacing": (r"Is it $\frac{ 3 }{4}$?", r"\frac{3}{4}", True),
    "an exponent": ("Find the last digit of $3^{42}$.", "42", False),
}


@pytest.mark.parametrize(("problem", "answer", "expected"), GIVEN_AWAY.values(), ids=GIVEN_AWAY)
def test_an_answer_in_the_text(problem: str, answer: str, expected: bool) -> None:
    assert gives_away(Draft(problem=problem, steps=("",), answer=answer, closed=0, checked=0)) is expected


def made(name: str, *, split: str = "train", variants: int = 1, checked: int = 7) -> Template:
    def make(draw: Draw) -> Draft:
        number = draw.random.randint(10, 99)
        return Draft(
            problem=f"Take {number} (form {draw.variant}).",
            steps=(f"It is $\\boxed{{{number + 100}}}$.",),
            answer=str(number + 100),
            closed=7,
            checked=checked,
        )

    return Template(
        name=name,
        topic="algebra",
        tier="easy",
        split=split,  # type: ignore[arg-type]
        answer_type="integer",
        variants=variants,
        make=make,
    )


def test_templates_take_turns() -> None:
    counts = take_turns([made("a"), made("b"), made("c")], 7, 8, seed=1)
    assert sorted(counts.values()) == [2, 2, 3]
    held_out = take_turns([made("a", split="test", variants=2), made("b", split="test")], 3, 2, seed=1)
    assert held_out == {"a": 2, "b": 1}
    with pytest.raises(TemplateError, match=r"train/easy: 2 templates make 16 of 17 problems"):
        take_turns([made("a"), made("b")], 17, 8, seed=1)


def test_instances_are_different_problems_with_different_answers() -> None:
    drafts = list(instances(made("a", variants=2), 8, SEED))
    assert len({draft.problem for draft in drafts}) == len({draft.answer for draft in drafts}) == 8
    assert [f"form {number % 2}" in draft.problem for number, draft in enumerate(drafts)] == [True] * 8
    assert drafts == list(instances(made("a", variants=2), 8, SEED))


def test_computations_that_disagree_are_an_error() -> None:
    with pytest.raises(TemplateError, match=r"a: 7 by formula and 8 by check, for: Take"):
        list(instances(made("a", checked=8), 1, SEED))


def test_a_draw_is_of_its_seed() -> None:
    assert Draw(random.Random("1"), 0).random.random() == Draw(random.Random("1"), 1).random.random()
