"""Builds with the curated problems.

Pins: beside seeds that evolve, all 1,000 are annotated as they are, in no quota and in no count of evolved problems,
under near-duplicates too; a child that repeats one is dropped; the 200 are the test split that training problems are
compared with; without other seeds they are a dataset of their own; the card says what they are, from the packaged file
and the run alone, and nothing where there are none.
"""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sure_math.config import TIERS
from sure_math.curated.problems import CuratedProblem, curated_problems
from sure_math.models.responders.chat import Question
from sure_math.publication.card import render_card
from sure_math.publication.publish import publish
from sure_math.publication.published import MANIFEST
from sure_math.publication.tables import SCHEMAS
from tests.helpers.scripted_build import Scripted, run, solve
from tests.helpers.scripted_models import last_user_text
from tests.helpers.small_published_run import a_problem, a_shard, an_uncertainty, some_facts

SMALL = ("sample.num_samples=2", "sample.greedy=false", "run.shard_size=300", "run.batch_size=4096")
STORIES = (
    "A ferry carries 14 cars and 3 buses across the sound. How many wheels are on board?",
    "Let $n$ be the product of four primes below $30$. Find the greatest value of $n$.",
    "Ivan cuts a ribbon of 7 metres into pieces of 35 centimetres. How often does he cut?",
    "Determine the remainder of $9^{41}$ upon division by $80$.",
)
FRAME = (
    "Thirty students of an evening class read this on the board and have ten minutes for it: {} All of them write what "
    "they have found on a yellow card, fold the card twice and put it into the box beside the door of the room."
)


def first(split: str) -> CuratedProblem:
    return next(each for each in curated_problems() if each.split == split)


def author(question: Question, seed: int) -> str:
    """A child of its own for every story but two, which become curated problems."""
    number = STORIES.index(last_user_text(question))
    again = {0: first("train").problem, 1: FRAME.format(first("test").problem)}
    return again.get(number, f"{STORIES[number]} Then add the number of letters in the name of the month {seed}.")


@pytest.fixture(scope="module")
def evolved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of four seeds and the curated problems, three of which are drawn."""
    folder = tmp_path_factory.mktemp("curated")
    rows = [{"problem": text, "id": f"s{number}", "tier": "easy"} for number, text in enumerate(STORIES)]
    (folder / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = (
        "seeds.curated=true",
        "evolve.enabled=true",
        "evolve.author.model=author",
        "evolve.keep=1",
        "decontaminate.mode=drop",
        "decontaminate.near_duplicates=0.8",
        "seeds.per_tier={easy: 4, competition: 0}",
    )
    models = Scripted(scripts={"teacher": solve, "author": author})
    run(folder / "out", f"seeds.path={folder / 'p.jsonl'}", *given, *SMALL, load=models)
    return folder / "out"


def rows_of(out: Path, table: str) -> list[dict]:
    return [row for path in sorted((out / "data").glob(f"{table}-*")) for row in pq.read_table(path).to_pylist()]


def test_all_are_annotated_as_they_are(evolved: Path) -> None:
    train, test = rows_of(evolved, "train"), rows_of(evolved, "test")
    assert (len(train), len(test)) == (801, 200)
    published = {row["problem_id"]: row for row in [*train, *test] if row["source"] == "curated"}
    assert set(published) == {each.problem_id for each in curated_problems()}
    for each in curated_problems():
        row = published[each.problem_id]
        assert (row["problem"], row["answer"], row["solution"]) == (each.problem, each.answer, each.solution)
        assert (row["tier"], row["strategy"], row["round"], row["license"]) == (each.tier, "seed", 0, "apache-2.0")
        assert (row["answer_source"], row["num_samples"], row["overlaps"]) == ("curated", 2, [])
    assert {row["problem_id"] for row in test} == {each.problem_id for each in curated_problems()[800:]}


def test_what_evolves_into_one_is_dropped_and_counts_are_of_the_others(evolved: Path) -> None:
    dropped = {(row["phase"], row["reason"], row["problem_id"][:8]) for row in rows_of(evolved, "rejected")}
    assert not [row for row in dropped if row[2] == "curated-"]
    reasons = Counter((row["phase"], row["reason"]) for row in rows_of(evolved, "rejected"))
    assert reasons == {
        ("evolve", "seed_only"): 4,
        ("unique", "duplicate"): 1,  # of a training problem
        ("decontaminate", "overlap"): 1,  # with the test split
        ("choose", "surplus"): 1,
    }
    details = {row["phase"]: row["detail"] for row in rows_of(evolved, "rejected")}
    assert details["unique"] == f"the same text as {first('train').problem_id}"
    assert details["decontaminate"].startswith(f"test_split {first('test').problem_id} (")


def test_the_card_counts_topics_tiers_and_answers(evolved: Path) -> None:
    manifest = json.loads((evolved / MANIFEST).read_text())
    numbers, card = manifest["numbers"]["curated"], (evolved / "README.md").read_text()
    problems = curated_problems()
    for topic, counts in numbers["topics"].items():
        by_hand = [sum((each.topic, each.tier) == (topic, tier) for each in problems) for tier in TIERS]
        assert [counts[tier] for tier in TIERS] == by_hand
        assert f"| {topic.replace('_', ' ')} | {' | '.join(map(str, by_hand))} | {sum(by_hand)} |" in card
    assert sum(numbers["answer_types"].values()) == numbers["graded"] == 1_000
    assert numbers["lengths"]["characters of a statement"]["longest"] == max(len(each.problem) for each in problems)
    assert numbers["small_integers"] == sum(
        each.answer.removeprefix("-").isdecimal() and len(each.answer.removeprefix("-")) < 4 for each in problems
    )
    for line in (
        "1,000 of the 1,000 problems of SURE-Math Curated are here (`source: curated`): 800 in `train`, 200 in `test`.",
        "| all | 200 | 300 | 300 | 200 | 1,000 |",
        "**Two independent computations agree for all 1,000**",
        "`is_correct` grades 1,000 of 1,000 answers",
        f"| curated | `sure_math/curated/curated.jsonl` | `{numbers['sha256'][:12]}` | apache-2.0 | 1,000 |",
        "Reference answers come from: curated (1,000)",
    ):
        assert line in card, line
    assert "given by a labelling model" not in card
    manifest["numbers"]["curated"]["graded"] = 987
    assert "`is_correct` grades 987 of 1,000" in render_card(manifest, SCHEMAS)


def test_alone_they_are_a_dataset(tmp_path: Path) -> None:
    published = run(tmp_path / "out", "seeds.curated=true", "seeds.limit=3", *SMALL)
    assert (published.row_counts["train"], published.row_counts["test"], published.row_counts["rejected"]) == (
        3,
        200,
        0,
    )
    card = (tmp_path / "out" / "README.md").read_text()
    assert "203 of the 1,000 problems of SURE-Math Curated are here (`source: curated`): 3 in `train`" in card


def test_a_source_of_that_name_is_not_them(tmp_path: Path) -> None:
    mine = replace(a_problem("p1"), source="curated", answer_source="source")
    publish([a_shard(mine, ("4", "4"), (0, 0), an_uncertainty("p1"))], some_facts(), tmp_path)
    assert "curated" not in json.loads((tmp_path / MANIFEST).read_text())["numbers"]
    assert "The curated problems" not in (tmp_path / "README.md").read_text()
