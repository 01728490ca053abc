"""Pins: `build` and `validate` read the same file by the same rules, in every format: the same problems, reference
answers, samples and groups of rows; unmistakable names come before ambiguous ones; a name is on one list only.
"""

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sure_math.config import load_config
from sure_math.problems.sources import columns
from sure_math.problems.sources.stored_samples import kind_of, read_stored
from sure_math.rows import Problem
from sure_math.validation.from_file import NAMES, read_file

ONE, TWO = "What is 1 + 1?", "What is 2 + 2?"
READ = [("a", ONE, "2", ["2", "3"]), ("b", TWO, "4", ["4", "4"])]
"""Id, problem, reference answer and samples, as both commands read every file below."""

FILES: dict[str, list[dict]] = {
    "a row per problem": [
        {"id": "a", "question": ONE, "gold": "2", "answers": ["2", "3"]},
        {"id": "b", "question": TWO, "gold": "4", "answers": ["4", "4"]},
    ],
    "unmistakable before ambiguous": [
        {"id": "a", "problem": ONE, "answer": "no", "reference_answer": "2", "preds": ["2", "3"]},
        {"id": "b", "problem": TWO, "answer": "no", "reference_answer": "4", "preds": ["4", "4"]},
    ],
    "names of one list": [
        {"unique_id": "a", "instruction": ONE, "final_answer": 2.0, "model_outputs": ["2", "3"]},
        {"unique_id": "b", "instruction": TWO, "final_answer": 4.0, "model_outputs": ["4", "4"]},
    ],
    "the answer in a list": [
        {"id": "a", "problem": ONE, "gold": ["2"], "predictions": ["2", "3"]},
        {"id": "b", "problem": TWO, "gold": ["4"], "predictions": ["4", "4"]},
    ],
    "messages": [
        {"id": name, "prompt": [{"role": "user", "content": text}], "answer": gold, "preds": samples}
        for name, text, gold, samples in READ
    ],
    "a row per sample": [
        {"problem_id": name, "problem": text, "answer": gold, "prediction": sample}
        for name, text, gold, samples in READ
        for sample in samples
    ],
    "rows apart": [
        {"problem_id": name, "problem": text, "gt": gold, "pred": samples[place]}
        for place in (0, 1)
        for name, text, gold, samples in READ
    ],
}
FLAT = ("a row per sample", "rows apart")
"""Files without lists, which CSV can hold."""
CASES = [
    (name, ending)
    for name in FILES
    for ending in ("jsonl", "json", "parquet", "csv")
    if ending != "csv" or name in FLAT
]


def write_file(path: Path, rows: list[dict]) -> Path:
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows), encoding="utf-8")
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return path


@pytest.mark.parametrize(("name", "ending"), CASES, ids=[f"{name}-{ending}" for name, ending in CASES])
def test_both_commands_read_the_same(tmp_path: Path, name: str, ending: str) -> None:
    path = write_file(tmp_path / f"own.{ending}", FILES[name])
    config = load_config("annotate", [f"samples.path={path}"])
    built = []
    for (problem,), samples in read_stored(config):
        assert isinstance(problem, Problem)
        built.append((problem.problem_id, problem.problem, problem.answer, [sample.text for sample in samples]))
    validated = [
        (row.problem_id, row.problem, row.gold, list(row.answers))
        for row in read_file(path, {}, equivalence="string").problems
    ]
    assert built == validated == READ
    assert kind_of(config.samples) == "answer"


def test_ids_that_number_the_samples_tell_no_problems_apart(tmp_path: Path) -> None:
    rows = [
        {"id": number, "problem": text, "gold": gold, "response": rf"\boxed{{{samples[place]}}}"}
        for number, (place, (_, text, gold, samples)) in enumerate((place, row) for place in (0, 1) for row in READ)
    ]
    path = write_file(tmp_path / "own.jsonl", rows)
    config = load_config("annotate", [f"samples.path={path}"])
    built = [(problem.problem, len(samples)) for (problem,), samples in read_stored(config)]
    validated = read_file(path, {}, equivalence="string").problems
    assert built == [(row.problem, len(row.answers)) for row in validated] == [(ONE, 2), (TWO, 2)]
    assert [list(row.answers) for row in validated] == [samples for *_, samples in READ]
    assert kind_of(config.samples) == "text"


def test_csv_grades_and_numbers_are_texts(tmp_path: Path) -> None:
    rows = [
        {"problem": ONE, "pred": "2", "score": "True", "sum_logprob": "-1.5", "token_count": "3"},
        {"problem": ONE, "pred": "3", "score": "0", "sum_logprob": "-2.5", "token_count": "4"},
    ]
    (problem,) = read_file(write_file(tmp_path / "own.csv", rows), {}, equivalence="string").problems
    assert (problem.grades, problem.sum_logprobs, problem.token_counts) == ((True, False), (-1.5, -2.5), (3, 4))


def test_a_name_is_on_one_list() -> None:
    names = [name for role in ("id", "problem", "gold", "answers", "texts") for name in NAMES[role]]
    assert len(names) == len(set(names))
    assert not set(columns.SOLUTION) & set(names)
