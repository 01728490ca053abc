"""Evolution.

Pins: rounds by tier; the strategies of follow-up rounds; strategies follow the weights and depend on nothing but the
seed problem; ids and parents come from lineage, not from text; what eliminates a child and what ends its lineage; a
trivially changed child leaves no gap between kept rows; what a seed overlaps with, its children overlap with; the
default prompts, from end to end; tests and curated problems never evolve; duplicates are found over the whole run;
labels.
"""

import dataclasses
import itertools
from collections import Counter

import pytest

from sure_math.annotation.label import label
from sure_math.config import ELIMINATIONS, FOLLOW_UPS, load_config
from sure_math.models.engines import Refusal, Sampling
from sure_math.problems.evolution.evolve import EvolutionRules, evolution_prompts, evolve, strategy_for
from sure_math.problems.sources.seeds import seed_problem
from sure_math.prompts import load_prompt
from sure_math.rows import Output, Problem
from tests.helpers.scripted_models import ScriptedResponder, last_user_text

CONFIG = load_config("pocket").evolve
RULES = EvolutionRules(
    run_seed=0,
    rounds=CONFIG.rounds,
    weights=CONFIG.weights,
    min_chars=10,
    max_chars=60,
    eliminate=CONFIG.eliminate,
    language="en",
    keep_seeds=False,
)
PROMPTS = {name: f"Make it {name}." for name in ("harder", "rewrite", "algebraize", "apply", "compose", "competition")}
SAMPLING = Sampling(max_new_tokens=30, temperature=0.7)


def seed(name: str, tier: str = "medium", split: str = "train") -> Problem:
    return seed_problem(name, f"What is {name}?", source="s", license="mit", tier=tier, split=split, answer="1")


def longer(question, seed) -> str:
    return f"{last_user_text(question)} And then?"


def children(seeds: list[Problem], script=longer, rules: EvolutionRules = RULES) -> Output[Problem]:
    return evolve(seeds, ScriptedResponder(script=script), PROMPTS, SAMPLING, rules)


@pytest.mark.parametrize(("tier", "rounds"), [("easy", 1), ("medium", 2), ("hard", 3), ("competition", 5)])
def test_rounds_by_tier(tier: str, rounds: int) -> None:
    rules = dataclasses.replace(RULES, max_chars=200)
    made = children([seed("one", tier)], rules=rules)
    assert [row.round for row in made.rows] == list(range(1, rounds + 1))
    parents = ["one", *(row.problem_id for row in made.rows)]
    assert [row.parent_id for row in made.rows] == parents[:-1]
    assert made.rows[-1].problem == "What is one?" + " And then?" * rounds
    for row in made.rows:
        assert (row.seed_id, row.license, row.answer, row.author, row.tier) == ("one", "mit", None, "scripted", tier)
    strategies = [row.strategy for row in made.rows]
    assert set(strategies[1:]) <= set(FOLLOW_UPS)
    assert all(first != second for first, second in itertools.pairwise(strategies))


def test_strategies_follow_the_weights_and_only_the_seed() -> None:
    counts = Counter(strategy_for(0, f"p{n}", "hard", 1, "seed", RULES) for n in range(4000))
    weights = CONFIG.weights["hard"]
    for name, weight in weights.items():
        assert counts[name] / 4000 == pytest.approx(weight / sum(weights.values()), abs=0.03)
    alone = children([seed("p7")]).rows
    among = [row for row in children([seed(f"p{n}") for n in range(10)]).rows if row.seed_id == "p7"]
    assert among == alone


def test_ids_come_from_lineage_not_from_text() -> None:
    first = children([seed("p")]).rows
    other = children([seed("p")], script=lambda question, seed: f"What is it, {last_user_text(question)[:20]}?").rows
    assert [row.problem_id for row in first] == [row.problem_id for row in other]
    assert first[0].problem != other[0].problem
    seeds = {row.problem_id for n in range(200) for row in children([seed(f"p{n}")]).rows}
    assert len(seeds) == 400


UNUSABLE = {
    "empty": ("  ", "empty"),
    "too_short": ("Why?", "too_short"),
    "too_long": ("What is " + "1+" * 40 + "1?", "too_long"),
    "no_question": ("A train leaves the station.", "no_question"),
    "truncated": ("What is " + "x " * 40 + "?", "truncated"),
    "refused": (Refusal(reason="prompt_too_long", detail=""), "prompt_too_long"),
}


@pytest.mark.parametrize(("reply", "reason"), UNUSABLE.values(), ids=UNUSABLE)
def test_an_unusable_text_ends_its_lineage(reply: str | Refusal, reason: str) -> None:
    made = children([seed("p", "competition")], script=lambda question, seed: reply)
    assert [(row.reason, row.strategy != "seed") for row in made.dropped] == [("seed_only", False), (reason, True)]
    assert not made.rows


def test_an_unchanged_text_is_dropped_and_the_lineage_goes_on() -> None:
    replies = iter(["What  is P?", "What is the sum of p and q?"])
    made = children([seed("p")], script=lambda question, seed: next(replies))
    assert [row.reason for row in made.dropped] == ["seed_only", "unchanged"]
    assert [(row.round, row.parent_id) for row in made.rows] == [(2, made.dropped[1].problem_id)]


def test_after_a_trivially_changed_text_the_lineage_goes_on_from_its_parent() -> None:
    rules = dataclasses.replace(RULES, max_chars=200, eliminate=(*CONFIG.eliminate, "trivial"))
    replies = iter(
        [
            "A train needs 3 hours for 240 km. How fast is it on average?",
            "A train needs 5 hours for 400 km. How fast is it on average?",
            "A train needs 3 hours for 240 km and rests 30 minutes. How fast is it while it moves?",
        ]
    )
    made = children([seed("p", "hard")], script=lambda question, seed: next(replies), rules=rules)
    assert [(row.reason, row.problem[:20]) for row in made.dropped[1:]] == [
        ("trivially_changed", "A train needs 5 hour")
    ]
    first, last = made.rows
    assert (first.round, first.parent_id, last.round, last.parent_id) == (1, "p", 3, first.problem_id)
    assert last.strategy in FOLLOW_UPS and last.strategy != first.strategy


def test_an_eliminated_text_ends_its_lineage() -> None:
    author = ScriptedResponder(script=lambda question, seed: "Prove that there are infinitely many prime numbers.")
    rules = dataclasses.replace(RULES, eliminate=ELIMINATIONS)
    made = evolve([seed("p", "competition")], author, PROMPTS, SAMPLING, rules)
    assert [row.reason for row in made.dropped] == ["seed_only", "proof"]
    assert len(author.asked) == 1


def test_children_overlap_with_what_their_seed_overlaps_with() -> None:
    flagged = dataclasses.replace(seed("p"), overlaps=("math500", "aime25"))
    made = children([flagged, seed("q")]).rows
    assert [(row.seed_id, row.overlaps) for row in made] == [("p", ("math500", "aime25")), ("q", ())] * 2


CHATTER = (
    "<think>Perhaps <problem>a draft</problem>?</think>Sure, here it is.\n<problem>\n{problem}\n</problem>\nHave fun!",
    "Certainly! Here is a harder version of the problem:\n\n{problem}\n\n**Solution:** It is 7.",
    "### Original Problem\nFind 1.\n\n### New Problem\n{problem}\n\n### Explanation\nOne more step.",
    "```latex\n{problem}\n```",
    "{problem}",
)


def test_the_default_prompts_with_an_author_that_chats() -> None:
    prompts = evolution_prompts(load_config("default"))
    assert set(prompts) == set(PROMPTS)
    config = load_config("default").evolve
    rules = dataclasses.replace(
        RULES, weights=config.weights, max_chars=config.max_chars, eliminate=config.eliminate, language=config.language
    )
    texts = (
        "A farmer keeps $n$ sheep, and every year each of them has two lambs. How many sheep are "
        "there after five years?",
        "Let $S$ be the set of divisors of $360$. Find the number of subsets of $S$ whose product is a perfect square.",
        "In triangle $ABC$ the sides $AB = 5$, $BC = 6$ and $CA = 7$ are given. Compute the radius of its incircle.",
        "A fair coin is tossed until two heads come in a row. What is the expected number of tosses?",
        "Determine the largest real number $c$ with $x^4 + y^4 \\ge c\\,xy(x^2 + y^2)$ for all positive $x$ and $y$.",
    )
    replies = iter([form.format(problem=text) for form, text in zip(CHATTER, texts, strict=True)])
    author = ScriptedResponder(script=lambda question, seed: next(replies))
    sampling = Sampling(max_new_tokens=config.max_new_tokens, temperature=config.temperature)
    made = evolve([seed("p", "competition")], author, prompts, sampling, rules)
    assert [row.problem for row in made.rows] == list(texts)
    assert [last_user_text(question) for question in author.asked] == ["What is p?", *texts[:-1]]
    systems = [question.messages[0].content for question in author.asked]
    assert systems == [prompts[row.strategy] for row in made.rows]


def test_every_default_prompt_says_what_the_checks_and_the_reader_expect() -> None:
    texts = [load_prompt("default", name) for name in PROMPTS]
    assert len(set(texts)) == 6
    for text in texts:
        assert all(
            word in text for word in ("<problem>", "</problem>", "\\boxed{}", "English", "LaTeX", "figure", "proof")
        )
        assert 25 <= len(text.splitlines()) <= 45


def test_tests_never_evolve_and_stay() -> None:
    made = children([seed("t", split="test"), seed("p", "easy")])
    assert [(row.problem_id, row.split) for row in made.rows if row.round == 0] == [("t", "test")]
    assert [row.seed_id for row in made.rows if row.round] == ["p"]
    kept = children([seed("p", "easy")], rules=dataclasses.replace(RULES, keep_seeds=True))
    assert [row.round for row in kept.rows] == [0, 1]
    assert not kept.dropped


def test_curated_problems_never_evolve_and_stay() -> None:
    curated = dataclasses.replace(seed("c", "competition"), source="curated", answer_source="curated")
    made = children([curated, seed("p", "easy")])
    assert made.rows[0] == curated
    assert [row.seed_id for row in made.rows[1:]] == ["p"]
    assert [row.problem_id for row in made.dropped] == ["p"]


def test_labels_of_the_pocket_world() -> None:
    from sure_math.pocket.world import seed_problems

    world = seed_problems(20, split="train", run_seed=3)
    problems = [
        dataclasses.replace(seed(f"p{n}"), problem=row.problem, answer=None, round=1) for n, row in enumerate(world)
    ]
    unknown = dataclasses.replace(seed("u"), problem="What is love?", answer=None, round=1)
    labelled = label([*problems, unknown, seed("given")], by="pocket-world", drop_unlabelled=False).rows
    assert [row.answer for row in labelled[:20]] == [row.answer for row in world]
    assert {row.answer_source for row in labelled[:20]} == {"pocket-world"}
    assert (labelled[20].answer, labelled[21].answer, labelled[21].answer_source) == (None, "1", None)
    strict = label([unknown, seed("given")], by="pocket-world", drop_unlabelled=True)
    assert ([row.problem_id for row in strict.rows], [row.reason for row in strict.dropped]) == (
        ["given"],
        ["unlabelled"],
    )
