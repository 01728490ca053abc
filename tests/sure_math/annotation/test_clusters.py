"""Pins of `sure_math/annotation/clusters.py`: the rows of the cluster phase, in any order of the answers."""

import random
from collections.abc import Sequence

import pytest

from sure_math.annotation.clusters import cluster
from sure_math.cluster import MAX_DISTINCT_ANSWERS, Pair
from sure_math.equivalence import Verdict
from sure_math.rows import Answer, Problem


def problem(name: str) -> Problem:
    return Problem(
        problem_id=name,
        problem=f"text of {name}",
        system=None,
        answer=None,
        answer_source=None,
        solution=None,
        source="file",
        tier="easy",
        strategy="seed",
        round=0,
        seed_id=name,
        parent_id=None,
        author=None,
        license="unknown",
        split="train",
        overlaps=(),
    )


def answer_rows(name: str, *answers: str | None, first_index: int = 0) -> list[Answer]:
    return [
        Answer(problem_id=name, sample_index=index, answer=text, missing=None if text else "unboxed")
        for index, text in enumerate(answers, first_index)
    ]


def test_phase_rows() -> None:
    answers = answer_rows("q", "4", "5", "4", None) + answer_rows("p", "9", "1", "2", first_index=-1)
    random.Random(0).shuffle(answers)
    judged_pairs: list[Pair] = []

    def judge(pairs: Sequence[Pair], /) -> list[Verdict]:
        judged_pairs.extend(pairs)
        return ["equal"] * len(pairs)

    rows = cluster([problem("p"), problem("unanswered"), problem("q")], answers, judge, equivalence="judge")
    assert [(row.problem_id, row.cluster_ids, row.judge_calls) for row in rows] == [
        ("p", (0, 0), 1),
        ("q", (0, 0, 0, 1), 1),
    ]
    assert [pair.problem for pair in judged_pairs] == ["text of p", "text of q"]


def test_phase_refuses_a_problem_with_a_hole() -> None:
    with pytest.raises(ValueError, match=r"problem p has the sample indices \[1, 2\]"):
        cluster([problem("p")], answer_rows("p", "1", "2", first_index=1), None, equivalence="string")


def test_phase_counts_answers_that_are_not_compared() -> None:
    answers = answer_rows("p", *map(str, range(MAX_DISTINCT_ANSWERS + 3)))
    (row,) = cluster([problem("p")], answers, None, equivalence="string")
    assert (row.uncompared, len(set(row.cluster_ids))) == (3, MAX_DISTINCT_ANSWERS + 3)
