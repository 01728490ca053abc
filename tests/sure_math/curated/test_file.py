"""The 1,000 curated problems as they are packaged.

Pins: the file is what the templates make, byte for byte, and a changed one is told; its columns, splits and tiers; how
many templates there are and how many problems one gives; answers that are graded as right for their own problem and as
wrong for any other of their template, that do not stand in the text, and that are seldom small integers; solutions with
the steps their tier asks for; no near-duplicates within the test split and between the splits; no overlap with the real
benchmarks.
"""

import itertools
import json
import re
from collections import Counter, defaultdict
from importlib import resources
from pathlib import Path

import pytest

from benchmarks.decontamination import BENCHMARKS, CLEAN, NEAR_DUPLICATES, OTHERS, make_index, statements
from sure_math.curated import generate
from sure_math.curated.generate import gives_away, load_settings, load_templates
from sure_math.curated.problems import FILE, CuratedProblem, curated_problems
from sure_math.curated.summary import SMALL_INTEGER
from sure_math.curated.template import Draft
from sure_math.equivalence import is_correct
from sure_math.problems.contamination.math_tokens import Wording
from sure_math.problems.contamination.overlap_index import SHINGLE, Entry

PACKAGED = Path(str(resources.files("sure_math.curated").joinpath(FILE)))
PROBLEMS = curated_problems()
SPLITS = {split: [each for each in PROBLEMS if each.split == split] for split in ("train", "test")}


def of_template(problems: list[CuratedProblem]) -> dict[str, list[CuratedProblem]]:
    groups = defaultdict(list)
    for each in problems:
        groups[each.template].append(each)
    return groups


@pytest.mark.slow
def test_the_file_is_what_the_templates_make() -> None:
    assert generate.main(["--check"]) == 0


@pytest.mark.slow
def test_a_changed_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    copy = tmp_path / FILE
    lines = PACKAGED.read_text(encoding="utf-8").splitlines(keepends=True)
    copy.write_text("".join([lines[0].replace("?", "??", 1).replace(".", "!", 1), *lines[1:]]), encoding="utf-8")
    assert generate.main(["--check", "--file", str(copy)]) == 1
    assert f"{copy}: is not what the templates make" in capsys.readouterr().err


def test_columns_splits_and_tiers() -> None:
    columns = ["problem", "answer", "solution", "split", "tier", "topic", "template"]
    lines = PACKAGED.read_text(encoding="utf-8").splitlines()
    assert {tuple(json.loads(line)) for line in lines} == {tuple(columns)}
    assert {split: len(problems) for split, problems in SPLITS.items()} == {"train": 800, "test": 200}
    settings = load_settings()
    for split, problems in SPLITS.items():
        shares = {tier: count / len(problems) for tier, count in Counter(each.tier for each in problems).items()}
        assert shares == settings["tiers"], split
    ids = [each.problem_id for each in PROBLEMS]
    assert len(set(ids)) == len({each.problem for each in PROBLEMS}) == 1_000
    assert all(re.fullmatch(rf"curated-{each.template}-[1-8]", each.problem_id) for each in PROBLEMS)


def test_many_templates_give_few_problems_each() -> None:
    templates = load_templates()
    train, test = of_template(SPLITS["train"]), of_template(SPLITS["test"])
    assert len(train) >= 120 and max(map(len, train.values())) <= 8
    assert len(test) >= 100 and max(map(len, test.values())) <= 2
    assert not set(train) & set(test)
    # The problems of a held-out template take its structures in turn, so that as many differ in structure.
    assert all(len(problems) <= templates[name].variants for name, problems in test.items())
    assert {each.topic for each in SPLITS["train"]} == {each.topic for each in SPLITS["test"]}


def test_answers_are_graded_as_right_and_as_wrong_elsewhere() -> None:
    for problems in of_template([*PROBLEMS]).values():
        for first, second in itertools.product(problems, repeat=2):
            right = is_correct(first.answer, f"\\boxed{{{second.answer}}}", unboxed="reject")
            assert right == (first.answer == second.answer), (first.problem_id, second.problem_id)


def test_answers_are_not_guessed_from_the_statement() -> None:
    for each in PROBLEMS:
        draft = Draft(problem=each.problem, steps=(each.solution,), answer=each.answer, closed=0, checked=0)
        assert not gives_away(draft), each.problem_id
    small = sum(SMALL_INTEGER.fullmatch(each.answer) is not None for each in SPLITS["test"])
    assert small <= len(SPLITS["test"]) / 3


def test_solutions_end_with_the_answer_and_competition_takes_four_steps() -> None:
    for each in PROBLEMS:
        steps = each.solution.splitlines()
        assert steps[-1].rstrip(" .").endswith(f"\\boxed{{{each.answer}}}$"), each.problem_id
        assert all(step.strip() for step in steps)
        assert each.tier != "competition" or len(steps) >= 4


@pytest.mark.slow
def test_no_near_duplicates_within_the_test_split_and_across_the_splits() -> None:
    """A training template's own problems differ in their numbers, and so little that they are near to each other."""
    shingles = {each.problem_id: set(Wording(each.problem).ngrams(SHINGLE).tolist()) for each in PROBLEMS}

    def near(first: CuratedProblem, second: CuratedProblem) -> bool:
        one, other = shingles[first.problem_id], shingles[second.problem_id]
        return len(one & other) >= NEAR_DUPLICATES * len(one | other)

    test, train = SPLITS["test"], SPLITS["train"]
    pairs = [
        *itertools.combinations(test, 2),
        *itertools.product(test, train),
        *((first, second) for first, second in itertools.combinations(train, 2) if first.template != second.template),
    ]
    assert [(first.problem_id, second.problem_id) for first, second in pairs if near(first, second)] == []


FALSE_ALARMS = {
    ("coin_under_a_square", "math test-3898"): "a coin found by reasoning, against $(1/2)(3/4)^3$",
    ("up_and_down_again", "math test-3898"): "a sum of blocks that count up and down, against $(1/2)(3/4)^3$",
    ("roots_over_sums_of_roots", "math train-3722"): "a sum over the roots of a cubic, against a quadratic inequality",
}
"""Flagged as told in other words, and read: the statement of MATH is so short that a long text of the same few numbers
has half of its 3-grams."""


@pytest.mark.slow
def test_no_problem_is_one_of_a_benchmark(realdata: Path) -> None:
    tables = {**BENCHMARKS, **CLEAN, **OTHERS}
    entries = [
        Entry(benchmark=name, problem_id=f"{name}-{number}", text=text)
        for name, table in tables.items()
        for number, text in enumerate(statements(realdata, table))
    ]
    sizes = Counter(entry.benchmark for entry in entries)
    assert min(sizes.values()) > 0 and sizes["math train"] + sizes["math test"] > 12_000
    index = make_index(entries)
    found = {(each.template, match.problem_id) for each in PROBLEMS for match in index.overlaps(each.problem)}
    assert found == set(FALSE_ALARMS)
