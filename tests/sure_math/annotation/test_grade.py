"""Whether the teacher is right, by its own answer and by its majority, and what is counted of it.

Pins: both verdicts for a greedy answer that differs from the majority; no verdict without a reference answer or without
a majority; one question to the judge if both answers are one string; the agreement with a labelling model in the
tally and on the card, and that answers of a source are not part of it.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from sure_math.annotation.grade import grade
from sure_math.annotation.sample import GREEDY
from sure_math.cluster import Pair
from sure_math.equivalence import Verdict
from sure_math.publication.publish import publish
from sure_math.publication.shard_rows import ShardRows
from sure_math.rows import Answer, Grade
from tests.helpers.small_published_run import a_problem, a_shard, an_uncertainty, some_facts


def judged(reference: str | None, greedy: str | None, majority: str | None, **settings) -> Grade:
    problem = a_problem("p", answer=reference)
    answer = Answer(problem_id="p", sample_index=GREEDY, answer=greedy, missing=None if greedy else "unboxed")
    settings = {"equivalence": "math", "judge": None} | settings
    (verdict,) = grade([problem], [answer], [an_uncertainty("p", majority_answer=majority)], **settings)
    return verdict


CASES: list[tuple[str | None, str | None, str | None, bool | None, bool | None]] = [
    # reference, greedy answer, majority answer, teacher right, majority right
    ("1/2", "0.5", "0.5", True, True),
    ("1/2", "2", r"\frac{1}{2}", False, True),
    ("1/2", r"\frac{1}{2}", "2", True, False),
    ("1/2", None, "0.5", False, True),
    ("1/2", "0.5", None, True, None),
    (None, "0.5", "0.5", None, None),
]


@pytest.mark.parametrize(("reference", "greedy", "majority", "teacher_right", "majority_right"), CASES)
def test_both_answers_are_judged(reference, greedy, majority, teacher_right, majority_right) -> None:
    verdict = judged(reference, greedy, majority)
    assert (verdict.teacher_correct, verdict.majority_correct) == (teacher_right, majority_right)


def test_a_judge_is_asked_once_where_both_answers_are_one_string() -> None:
    judged_pairs: list[Pair] = []

    def judge(pairs: Sequence[Pair], /) -> list[Verdict]:
        judged_pairs.extend(pairs)
        return ["undecided" if pair.second == "three" else "equal" for pair in pairs]

    same = judged("2", "two", "two", equivalence="judge", judge=judge)
    assert [(pair.first, pair.second) for pair in judged_pairs] == [("2", "two")]
    assert (same.teacher_correct, same.majority_correct) == (True, True)
    other = judged("2", "two", "three", equivalence="judge", judge=judge)
    assert (len(judged_pairs), other.teacher_correct, other.majority_correct) == (3, True, None)


def shards(*rows: tuple[str | None, bool | None]) -> list[ShardRows]:
    """One problem per answer source and verdict on the majority."""
    return [
        a_shard(
            a_problem(f"p{number}", answer_source=source, answer=None if source is None else "4"),
            ("4", "4"),
            (0, 0),
            an_uncertainty(f"p{number}"),
            majority_correct=majority_correct,
        )
        for number, (source, majority_correct) in enumerate(rows)
    ]


def test_agreement_with_a_labelling_model_is_counted_and_on_the_card(tmp_path: Path) -> None:
    model = "Qwen/Qwen2.5-72B-Instruct"
    by_model = [(model, True), (model, True), (model, False), (model, None)]
    others = [("source", True), ("pocket-world", False), (None, None)]
    publish(shards(*by_model, *others), some_facts(), tmp_path)
    numbers = json.loads((tmp_path / "manifest.json").read_text())["numbers"]
    assert [numbers[f"model_labels{part}"] for part in ("", "_compared", "_agreeing")] == [4, 3, 2]
    card = " ".join((tmp_path / "README.md").read_text().split())
    assert (
        "4 of them were given by a labelling model and not checked: the model agrees with the teacher's majority on 2 "
        "of the 3 for which the teacher has one (66.7 %)."
    ) in card


def test_the_card_says_nothing_of_a_labelling_model_where_there_was_none(tmp_path: Path) -> None:
    publish(shards(("source", True), ("pocket-world", False)), some_facts(), tmp_path)
    assert "labelling model and checked" not in (tmp_path / "README.md").read_text()
