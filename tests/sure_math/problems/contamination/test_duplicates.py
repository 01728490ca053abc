"""Pins of `sure_math/problems/contamination/duplicates.py`:

- `Distinct`: equal and near texts, across shards, with other systems, of ancestors and of held-out rows, and that
  MinHash misses no pair above the threshold among real problems;
- the bands of the hash table find a pair at the threshold.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from sure_math.problems.contamination.duplicates import MISSED, Distinct, banding
from sure_math.problems.contamination.math_tokens import Wording
from sure_math.problems.contamination.overlap_index import SHINGLE
from sure_math.rows import Problem
from tests.helpers.problems import BAKER, TOWER, child, other


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
    reasons = distinct(0.8, [first, second, other("c3", BAKER, **made)], [child(1, young, seed="b"), child(2, TOWER)])
    assert {name: reason for name, (reason, _) in reasons.items()} == {"c3": "duplicate", "b1": "near_duplicate"}
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


def test_system_prompts_neither_hide_nor_make_a_near_repetition() -> None:
    """A long one that all rows share makes no two texts near; another one makes another problem of a long text."""
    shared = " ".join(f"Rule {number}: write step {number} of the solution in its own line." for number in range(40))
    rows = [other("a", TOWER, system=shared), other("b", BAKER, system=shared), other("c", NEARLY, system=shared)]
    assert distinct(0.8, rows).keys() == {"c"}
    bases = [other(name, BAKER, system=f"Answer in base {base}.") for name, base in (("a", 8), ("b", 10))]
    assert distinct(0.8, bases) == {}
    assert distinct(0.8, [*bases, other("c", BAKER, system=" answer in BASE 8 ")]).keys() == {"c"}
    # An empty one is another one than none.
    assert distinct(None, [other("a", TOWER), other("b", TOWER, system="")]) == {}
