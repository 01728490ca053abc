"""Agreement with the public tables of other checkers: at least 95 %, no false merge.

Rows of kind `answer` go through `same_answer` (undecided counts as not equal), rows of kind `extract` and whole
responses through `is_correct`. Pins also that every gold of the real data sets is equal to itself.
"""

import json
from pathlib import Path

import pytest

from sure_math.equivalence import is_correct, same_answer, same_answers

AGREEMENT = 0.95
LONGEST_ANSWER = 400
"""A longer prediction is a whole response, also in a row of kind `answer`; `is_correct` reads it."""
FALSE_MERGES = 0


def _rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_exam(realdata: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row for row in _rows(realdata / "equivalence" / "exam.jsonl") if row["expected"] is not None]
    misses: list[str] = []
    merges: list[str] = []
    for row in rows:
        gold, prediction = str(row["gold"]), str(row["pred"])
        is_response = row["kind"] == "extract" or len(prediction) > LONGEST_ANSWER
        equal = is_correct(gold, prediction) if is_response else same_answer(gold, prediction) == "equal"
        if equal != row["expected"]:
            (merges if equal else misses).append(
                f"{row['id']}: {gold[-80:]!r} against {prediction[-80:]!r} ({row['source']})"
            )
    agreement = 1 - (len(misses) + len(merges)) / len(rows)
    with capsys.disabled():
        print(
            f"\nexam: {agreement:.1%} of {len(rows)} rows, {len(merges)} false merges, {len(misses)} misses",
            *merges,
            *misses,
            sep="\n  ",
        )
    assert agreement >= AGREEMENT
    assert len(merges) <= FALSE_MERGES


GOLDS = [
    ("math500/test.jsonl", "answer"),
    ("omni_math/omni_math_rule.jsonl", "answer"),
    ("hmmt_feb_2025/matharena.jsonl", "answer"),
    ("hmmt_nov_2025/test.jsonl", "answer"),
    ("amo_bench/golds.jsonl", "gold"),
    ("olympiadbench/OE_TO_maths_en_COMP.jsonl", "final_answer"),
    ("aimo_validation/aimo-validation-amc.jsonl", "answer"),
]


@pytest.mark.parametrize(("name", "column"), GOLDS)
def test_every_gold_equals_itself_and_its_box(realdata: Path, name: str, column: str) -> None:
    values = [value for row in _rows(realdata / name) for value in _listed(row[column])]
    golds = sorted({value for value in values if value.strip()})
    assert same_answers([(gold, gold) for gold in golds]) == ["equal"] * len(golds)
    readable = [gold for gold in golds if gold.count("{") == gold.count("}") and "boxed" not in gold]
    readable = [gold for gold in readable if "Note:" not in gold]
    assert [gold for gold in readable if not is_correct(gold, rf"Therefore it is $\boxed{{{gold}}}$.")] == []


def _listed(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]
