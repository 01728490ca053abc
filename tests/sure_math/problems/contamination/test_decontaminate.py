"""Pins of `sure_math/problems/contamination/decontaminate.py`:

- `annotate` fills the column and keeps every row, `drop` drops training rows with a reason that names the match;
- held-out rows are never dropped, and are not compared with themselves; training rows are;
- a flag goes down the lineage, also past a row that an earlier phase dropped, and never up or across;
- the second look is asked about what the index lets through, and what it says counts;
- the result does not depend on the order of the rows;
- `Distinct`: equal and near texts, across shards, with other systems, of ancestors and of held-out rows, and that
  MinHash misses no pair above the threshold among real problems;
- the bands of the hash table find a pair at the threshold.
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from sure_math.problems.contamination.decontaminate import TEST_SPLIT, decontaminate
from sure_math.problems.contamination.duplicates import MISSED, Distinct, banding
from sure_math.problems.contamination.math_tokens import Wording
from sure_math.problems.contamination.overlap_index import SHINGLE, BenchmarkIndex, Entry, Match
from sure_math.rows import Problem

SEED = Problem(
    problem_id="a",
    problem="A gardener plants 14 rows of 25 tulips each and sells every third tulip. How many tulips does she keep?",
    system=None,
    answer="234",
    answer_source="source",
    solution=None,
    source="garden",
    tier="easy",
    strategy="seed",
    round=0,
    seed_id="a",
    parent_id=None,
    author=None,
    license="mit",
    split="train",
    overlaps=(),
)
BOAT = "A boat crosses a river of 120 meters in 45 seconds. How far does the current of 2 m/s carry it meanwhile?"
BAKER = "A baker needs 350 grams of flour for one loaf. How many loaves can she bake with 12 bags of 2 kilograms each?"
TOWER = (
    "The shadow of a tower is 18 meters long while a stick of 2 meters has a shadow of 3 meters. How high is the tower?"
)


def child(number: int, text: str, seed: str = "a") -> Problem:
    name = f"{seed}{number}"
    return dataclasses.replace(
        SEED, problem_id=name, problem=text, seed_id=seed, round=number, strategy="harder", parent_id=seed
    )


def other(name: str, text: str, **changes: object) -> Problem:
    return dataclasses.replace(SEED, problem_id=name, seed_id=name, problem=text, **changes)  # type: ignore[arg-type]


def index_of(**texts: str) -> BenchmarkIndex:
    some = [Entry(benchmark=name, problem_id=f"{name}-7", text=text) for name, text in texts.items()]
    return BenchmarkIndex(some, ngram=8, containment=0.6)


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
    asked = []

    def look(problems: Sequence[Problem]) -> list[tuple[Match, ...]]:
        asked.append([problem.problem_id for problem in problems])
        match = Match(benchmark="amo_bench", problem_id="amo_bench-3", kind="model", score=0.71)
        return [(match,) if problem.problem_id == "a1" else () for problem in problems]

    assert columns(CHAIN[:3], look=look) == {"a": (), "a1": ("amo_bench",), "a2": ("amo_bench", "gsm8k")}
    assert asked == [["a", "a1"]]
    assert reasons(CHAIN[:2], look=look) == {"a1": ("overlap", "amo_bench amo_bench-3 (model 0.71)")}


def test_the_order_of_the_rows_changes_nothing() -> None:
    problems = [*CHAIN, other("b", TOWER), child(2, BAKER, seed="b"), child(1, TOWER, seed="b")]
    expected = columns(problems)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(problems))
        assert columns([problems[place] for place in order]) == expected


def distinct(near_duplicates: float | None, *shards: Sequence[Problem]) -> dict[str, tuple[str, str]]:
    phase = Distinct(near_duplicates=near_duplicates)
    outputs = [phase(shard) for shard in shards]
    phase.close()
    for shard, output in zip(shards, outputs, strict=True):
        assert len(output.rows) + len(output.dropped) == len(shard)
    return {row.problem_id: (row.reason, row.detail) for output in outputs for row in output.dropped}


RESPELLED = TOWER.replace("18 meters", "$18$  meters").replace("The shadow", "the shadow")
NEARLY = BAKER.replace("A baker", "A young baker")


def test_equal_texts() -> None:
    shards = [[other("a", TOWER), other("b", f"  {TOWER.upper()} ")], [other("c", RESPELLED), other("d", TOWER)]]
    same = ("duplicate", "the same text as a")
    assert distinct(None, *shards) == {"b": same, "d": same}
    assert distinct(0.8, *shards) == {"b": same, "c": ("near_duplicate", "Jaccard similarity 1.00 with a"), "d": same}


def test_near_texts_above_the_threshold() -> None:
    first, second = (set(Wording(text).ngrams(SHINGLE).tolist()) for text in (BAKER, NEARLY))
    similarity = len(first & second) / len(first | second)
    shards = [[other("a", BAKER)], [other("b", NEARLY), other("c", TOWER)]]
    assert 0.8 < similarity < 0.97
    assert distinct(0.8, *shards) == {"b": ("near_duplicate", f"Jaccard similarity {similarity:.2f} with a")}
    assert distinct(0.97, *shards) == {}


def test_another_system_message_is_another_problem() -> None:
    system = "You are a careful bookkeeper. Answer with a whole number of coins, and never with a fraction of one."
    shards = [[other("a", TOWER), other("b", TOWER, system=system), other("c", TOWER, system=system)]]
    assert distinct(0.8, *shards) == {"c": ("duplicate", "the same text as b")}


def test_held_out_rows_are_dropped_only_as_copies_of_each_other() -> None:
    train, test = other("a", BAKER), other("t", BAKER, split="test")
    assert distinct(0.8, [train, test], [other("u", NEARLY, split="test")]) == {}
    assert distinct(0.8, [test, other("u", BAKER, split="test")]) == {"u": ("duplicate", "the same text as t")}
    assert distinct(0.8, [test, train]) == {"a": ("duplicate", "the same text as t")}
    assert distinct(0.8, [test], [other("b", NEARLY)])["b"][0] == "near_duplicate"


def test_curated_problems_are_dropped_only_as_equal_texts() -> None:
    made = {"source": "curated", "answer_source": "curated"}
    first, second = other("c1", BAKER, **made), other("c2", NEARLY, **made)
    assert distinct(0.8, [first, second]) == {}
    # What comes of other seeds repeats them all the same, and so does an equal text.
    young = BAKER.replace("A baker", "An old baker")
    found = distinct(0.8, [first, second, other("c3", BAKER, **made)], [child(1, young, seed="b"), child(2, TOWER)])
    assert {name: reason for name, (reason, _) in found.items()} == {"c3": "duplicate", "b1": "near_duplicate"}
    # As `unique` calls it: the curated ones stand among what evolved and among the rows that stay.
    phase = Distinct(near_duplicates=0.8)
    output = phase([first, second, child(1, young, seed="b")], [first, second, other("b", TOWER)])
    assert [row.problem_id for row in output.rows] == ["c1", "c2"]


def test_a_child_that_repeats_its_ancestor() -> None:
    seed = other("a", BAKER)
    phase = Distinct(near_duplicates=0.8, phase="children")
    output = phase([child(1, NEARLY), child(2, TOWER)], [seed])
    assert [(row.problem_id, row.phase, row.reason) for row in output.dropped] == [("a1", "children", "near_duplicate")]
    assert [row.problem_id for row in output.rows] == ["a2"]
    # Where the seeds are kept, they stand among the rows too, and repeat nobody.
    assert [row.problem_id for row in Distinct(near_duplicates=0.8)([seed, child(2, TOWER)], [seed]).rows] == [
        "a",
        "a2",
    ]


def test_a_run_repeats_itself() -> None:
    rng = np.random.default_rng(0)
    words = [f"word{chr(97 + number)}" for number in range(26)]
    texts = [" ".join(rng.choice(words, 12)) for _ in range(200)]
    shard = [other(str(number), texts[number // 2] + " end" * (number % 2)) for number in range(400)]
    first = distinct(0.7, shard)
    assert first == distinct(0.7, shard[:150], shard[150:])
    assert len(first) > 150


def test_no_near_pair_among_real_problems_is_missed(realdata: Path) -> None:
    lines = (realdata / "omni_math" / "omni_math_rule.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["problem"] for line in lines]
    sets = [set(Wording(text).ngrams(SHINGLE).tolist()) for text in texts]
    holders: dict[int, list[int]] = {}
    near = set()
    for number, shingles in enumerate(sets):
        shared: dict[int, int] = {}
        for shingle in shingles:
            for earlier in holders.setdefault(shingle, []):
                shared[earlier] = shared.get(earlier, 0) + 1
        if any(count >= 0.8 * (len(shingles) + len(sets[e]) - count) for e, count in shared.items() if e not in near):
            near.add(number)
        for shingle in shingles:
            holders[shingle].append(number)
    dropped = distinct(0.8, [other(str(number), text) for number, text in enumerate(texts)])
    assert {int(name) for name in dropped} == near
    assert len(near) > 10


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99, 1.0])
def test_the_bands_find_a_pair_at_the_threshold(threshold: float) -> None:
    bands, rows = banding(threshold)
    assert (1 - threshold**rows) ** bands <= MISSED
    assert rows == 1 or (threshold / 2) ** rows < 0.07
