"""Pins of `sure_math/problems/contamination/decontaminate.py`:

- `annotate` fills the column and keeps every row, `drop` drops training rows with a reason that names the match;
- held-out rows are never dropped, and are not compared with themselves; training rows are;
- a flag goes down the lineage, also past a row that an earlier phase dropped, and never up or across;
- the second look is asked about what the index lets through, and what it says counts;
- the result does not depend on the order of the rows;
- a system prompt hides no overlap, and makes another problem of a held-out text only together with another answer.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from sure_math.problems.contamination.decontaminate import TEST_SPLIT, decontaminate
from sure_math.problems.contamination.overlap_index import BenchmarkIndex, Entry, Match
from sure_math.rows import Problem
from tests.helpers.problems import BAKER, BOAT, SEED, TOWER, child, other


def index_of(**texts: str) -> BenchmarkIndex:
    entries = [Entry(benchmark=name, problem_id=f"{name}-7", text=text) for name, text in texts.items()]
    return BenchmarkIndex(entries, ngram=8, containment=0.6)


INDEX = index_of(gsm8k=BOAT, aime25=BAKER)
CHAIN = [SEED, child(1, TOWER), child(2, f"{BOAT} And back?"), child(3, TOWER + " Explain."), child(4, BAKER)]


def columns(problems: Sequence[Problem], **options: object) -> dict[str, tuple[str, ...]]:
    output = decontaminate(problems, INDEX, mode="annotate", **options)  # type: ignore[arg-type]
    assert (len(output.rows), output.dropped) == (len(problems), [])
    return {row.problem_id: row.overlaps for row in output.rows}


def reasons(problems: Sequence[Problem], **options: object) -> dict[str, tuple[str, str]]:
    output = decontaminate(problems, options.pop("index", INDEX), mode="drop", **options)  # type: ignore[arg-type]
    assert {row.phase for row in output.dropped} <= {"decontaminate"}
    assert all(row.overlaps == () for row in output.rows if row.split == "train")
    assert len(output.rows) + len(output.dropped) == len(problems)
    return {row.problem_id: (row.reason, row.detail) for row in output.dropped}


def test_annotate_fills_the_column_down_the_lineage() -> None:
    assert columns(CHAIN) == {
        "a": (),
        "a1": (),
        "a2": ("gsm8k",),
        "a3": ("gsm8k",),
        "a4": ("aime25", "gsm8k"),
    }


def test_drop_names_the_match_or_the_ancestor() -> None:
    assert reasons(CHAIN) == {
        "a2": ("overlap", "gsm8k gsm8k-7 (contained 1.00)"),
        "a3": ("overlap_inherited", "gsm8k through its ancestor a2"),
        "a4": ("overlap", "aime25 aime25-7 (exact 1.00)"),
    }


def test_a_flag_goes_to_no_other_lineage_and_no_older_row() -> None:
    assert columns([SEED, child(1, BOAT), other("b", TOWER), child(1, TOWER, seed="b")])["b1"] == ()
    assert columns([SEED, child(1, BOAT)])["a"] == ()


def test_what_a_row_came_with_stays() -> None:
    marked = dataclasses.replace(SEED, overlaps=("math500",))
    assert columns([marked, child(1, BAKER)]) == {"a": ("math500",), "a1": ("aime25", "math500")}
    assert reasons([marked])["a"] == ("overlap_inherited", "math500 through the row it was made from")


def test_a_flag_passes_a_row_that_an_earlier_phase_dropped() -> None:
    rows = [CHAIN[0], CHAIN[1], CHAIN[3]]
    assert columns(rows)["a3"] == ()
    assert columns(rows, ancestors=CHAIN)["a3"] == ("gsm8k",)
    assert reasons(rows, ancestors=CHAIN) == {"a3": ("overlap_inherited", "gsm8k through its ancestor a2")}


def test_held_out_rows_are_annotated_and_kept() -> None:
    held_out = other("t", BOAT, split="test")
    output = decontaminate([held_out], INDEX, mode="drop", test_index=index_of(test_split=BOAT))
    assert [row.overlaps for row in output.rows] == [("gsm8k",)]
    assert output.dropped == []


def test_training_rows_are_compared_with_the_test_split() -> None:
    problems = [other("t", TOWER, split="test"), other("b", TOWER.replace("tower", "church"))]
    index = index_of(**{TEST_SPLIT: TOWER})
    assert columns(problems, test_index=index) == {"t": (), "b": (TEST_SPLIT,)}
    assert reasons(problems, test_index=index)["b"][0] == "overlap"


def test_many_matches_are_counted_in_the_detail() -> None:
    index = index_of(**{f"b{number}": BOAT for number in range(5)})
    detail = reasons([other("b", BOAT)], index=index)["b"][1]
    assert detail == "b0 b0-7 (exact 1.00), b1 b1-7 (exact 1.00), b2 b2-7 (exact 1.00) and 2 more"


def test_the_second_look_is_asked_about_what_the_index_lets_through() -> None:
    compared_texts = []

    def look(problems: Sequence[Problem]) -> list[tuple[Match, ...]]:
        compared_texts.append([problem.problem_id for problem in problems])
        match = Match(benchmark="amo_bench", problem_id="amo_bench-3", kind="model", score=0.71)
        return [(match,) if problem.problem_id == "a1" else () for problem in problems]

    assert columns(CHAIN[:3], look=look) == {"a": (), "a1": ("amo_bench",), "a2": ("amo_bench", "gsm8k")}
    assert compared_texts == [["a", "a1"]]
    assert reasons(CHAIN[:2], look=look) == {"a1": ("overlap", "amo_bench amo_bench-3 (model 0.71)")}


def test_the_order_of_the_rows_changes_nothing() -> None:
    problems = [*CHAIN, other("b", TOWER), child(2, BAKER, seed="b"), child(1, TOWER, seed="b")]
    expected = columns(problems)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(problems))
        assert columns([problems[place] for place in order]) == expected


def test_a_system_prompt_hides_no_overlap() -> None:
    """A benchmark's problem in the system prompt, in the text under one, and half in each."""
    half = BAKER.index("How many")
    rows = [
        other("in system", "Solve the problem above.", system=BAKER),
        other("under one", BAKER, system="You are a helpful assistant."),
        other("half in each", BAKER[half:], system=BAKER[:half]),
        other("neither", TOWER, system="You are a helpful assistant."),
    ]
    assert {name: overlaps for name, overlaps in columns(rows).items() if overlaps == ("aime25",)}.keys() == {
        "in system",
        "under one",
        "half in each",
    }


HELD_OUT = Entry(benchmark=TEST_SPLIT, problem_id="t", text=TOWER, system="Answer in base 10.", answer="12")


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"system": "Answer in base 8.", "answer": "14"}, True),
        ({"system": "Answer in base 8.", "answer": "12"}, False),  # another style, the same task
        ({"system": "Answer in base 8.", "answer": "12.0"}, False),
        ({"system": "Answer in base 8.", "answer": None}, False),  # in doubt
        ({"system": "answer in base 10", "answer": "14"}, False),
        ({"system": None, "answer": "14"}, True),
    ],
)
def test_a_held_out_text_under_another_system_prompt(changes: dict[str, str | None], kept: bool) -> None:
    """Two problems if system prompts and answers differ; otherwise the training row is an overlap."""
    row = other("r", TOWER, **changes)
    index = BenchmarkIndex([HELD_OUT], ngram=8, containment=0.6)
    found = reasons([row], test_index=index)
    assert found == ({} if kept else {"r": ("overlap", "test_split t (exact 1.00)")})
    match = Match(benchmark=TEST_SPLIT, problem_id="t", kind="model", score=0.9)
    assert (reasons([row], test_index=index, look=lambda rows: [(match,)] * len(rows)) == {}) is kept
