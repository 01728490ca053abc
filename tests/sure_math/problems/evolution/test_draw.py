"""Choosing among seeds and children.

Pins: quotas per tier; held-out rows and seeds are never counted among children, and curated ones in no quota; the
choice follows from the run's seed and the ids, whatever the order and the number of rows; what is not chosen is a
dropped row.
"""

import dataclasses

from sure_math.problems.evolution.draw import draw, drawn_seeds
from sure_math.problems.sources.seeds import seed_problem
from sure_math.rows import Problem


def seeds(count: int, tier: str, split: str = "train") -> list[Problem]:
    return [
        seed_problem(
            f"{tier}-{split}-{number}", f"What is {number}?", source="s", license="mit", tier=tier, split=split
        )
        for number in range(count)
    ]


def test_a_tier_gives_its_quota_and_one_that_is_not_named_gives_all() -> None:
    rows = [*seeds(20, "easy"), *seeds(5, "hard"), *seeds(3, "easy", "test"), *seeds(4, "medium")]
    chosen = drawn_seeds(rows, {"easy": 7, "medium": 0}, run_seed=0)
    counts = {tier: sum(name.startswith(f"{tier}-train") for name in chosen) for tier in ("easy", "medium", "hard")}
    assert counts == {"easy": 7, "medium": 0, "hard": 5}
    assert len(chosen) == 12


def test_the_choice_is_of_the_ids_and_the_run_seed() -> None:
    rows = seeds(50, "easy")
    chosen = drawn_seeds(rows, {"easy": 10}, run_seed=0)
    assert drawn_seeds(reversed(rows), {"easy": 10}, run_seed=0) == chosen
    assert drawn_seeds(rows, {"easy": 10}, run_seed=1) != chosen
    # A longer file takes the place of few: those that stay chosen are a subset of the old choice and of nothing else.
    longer = drawn_seeds(seeds(55, "easy"), {"easy": 10}, run_seed=0)
    new = {f"easy-train-{number}" for number in range(50, 55)}
    assert longer - new <= chosen


def test_seeds_not_drawn_are_dropped_and_held_out_ones_are_not() -> None:
    rows = [*seeds(3, "easy"), *seeds(2, "easy", "test")]
    output = draw(rows, drawn_seeds(rows, {"easy": 1}, 0))
    assert [row.split for row in output.rows].count("test") == 2 and len(output.rows) == 3
    assert [row.reason for row in output.dropped] == ["not_drawn"] * 2


def test_curated_problems_are_in_no_quota_and_always_stay() -> None:
    curated = [
        dataclasses.replace(row, problem_id=f"curated-{row.problem_id}", source="curated", answer_source="curated")
        for row in seeds(4, "easy")
    ]
    named_so = dataclasses.replace(seeds(1, "easy")[0], source="curated", answer_source="source")  # a user's own file
    rows = [*curated, named_so, *seeds(5, "easy")[1:]]
    chosen = drawn_seeds(rows, {"easy": 2}, run_seed=0)
    assert chosen == drawn_seeds(rows[4:], {"easy": 2}, run_seed=0) and len(chosen) == 2
    output = draw(rows, chosen)
    assert output.rows[:4] == curated and len(output.rows) == 6
