"""Choosing among children.

Pins: seeds, held-out and curated rows are never counted among children and always stay; a child that is not chosen is a
dropped row.
"""

import dataclasses

from sure_math.problems.evolution.choose import choose, chosen_children
from sure_math.problems.sources.seeds import seed_problem
from sure_math.rows import Problem


def seeds(count: int, split: str = "train") -> list[Problem]:
    return [
        seed_problem(f"{split}-{number}", f"What is {number}?", source="s", license="mit", tier="easy", split=split)
        for number in range(count)
    ]


def children(of: list[Problem]) -> list[Problem]:
    return [
        dataclasses.replace(seed, problem_id=f"{seed.problem_id}/1", round=1, strategy="harder", parent_id=seed.seed_id)
        for seed in of
    ]


def test_children_are_kept_up_to_the_limit_and_the_rest_is_dropped_with_a_reason() -> None:
    held_out, of = seeds(2, "test"), seeds(9)
    rows = [*held_out, *of, *children(of)]
    chosen = chosen_children(rows, 4, run_seed=0)
    output = choose(rows, chosen)
    assert [row for row in output.rows if row.round == 0] == [*held_out, *of]
    assert {row.problem_id for row in output.rows if row.round} == chosen and len(chosen) == 4
    assert {(row.phase, row.reason) for row in output.dropped} == {("choose", "surplus")}
    assert len(output.rows) + len(output.dropped) == len(rows)


def test_curated_problems_stay() -> None:
    curated = [dataclasses.replace(row, source="curated", answer_source="curated") for row in seeds(4)]
    output = choose([*curated, *children(seeds(5))], frozenset())
    assert output.rows == curated
