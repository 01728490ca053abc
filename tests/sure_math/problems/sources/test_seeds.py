"""Seeds and stored samples from files.

Pins: JSONL, CSV, Parquet and JSON give the same rows; usual column names are found, given ones win; messages with a
system prompt; ids do not move when rows are added; repeated and empty texts are dropped rows; a row per sample and a
row per problem give the same samples; what is known of stored samples is kept; their kind; N per problem; sources that
are the Hub's or the pocket world's; the curated problems, alone and before others.
"""

import csv
import json
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sure_math.config import BuildConfig, load_config
from sure_math.curated.problems import curated_problems
from sure_math.problems.sources.seeds import read_seeds, source_fingerprint
from sure_math.problems.sources.stored_samples import kind_of, read_stored
from sure_math.problems.sources.table_files import InputError
from sure_math.rows import Dropped, Problem, Sample

ROWS = [
    {"id": "a", "question": "What is 1 + 1?", "expected_answer": "2", "level": "1"},
    {"id": "b", "question": "What is, say, 2 + 2?", "expected_answer": "4", "level": "2"},
]


def write_jsonl(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def seeds_config(path: Path, *overrides: str) -> BuildConfig:
    return load_config("annotate", ["teacher.model=m", f"seeds.path={path}", *overrides])


def seeds(path: Path, *overrides: str) -> list[Problem | Dropped]:
    return [row for (rows,) in read_seeds(seeds_config(path, *overrides)) for row in rows]


def stored(path: Path, *overrides: str) -> list[tuple[list[Problem | Dropped], list[Sample]]]:
    return list(read_stored(load_config("annotate", [f"samples.path={path}", *overrides])))


def write_rows(path: Path) -> Path:
    if path.suffix == ".jsonl":
        return write_jsonl(path, ROWS)
    if path.suffix == ".json":
        path.write_text(json.dumps(ROWS))
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(ROWS[0]))
            writer.writeheader()
            writer.writerows(ROWS)
    return path


@pytest.mark.parametrize("ending", ["jsonl", "json", "csv", "parquet"])
def test_formats_give_the_same_rows(tmp_path: Path, ending: str) -> None:
    path = write_rows(tmp_path / f"own.{ending}")
    rows_read = seeds(path, "seeds.license=mit", "seeds.tier=hard")
    assert [
        (row.problem_id, row.problem, row.answer, row.answer_source) for row in rows_read if isinstance(row, Problem)
    ] == [
        ("a", "What is 1 + 1?", "2", "source"),
        ("b", "What is, say, 2 + 2?", "4", "source"),
    ]
    assert {
        (row.source, row.license, row.tier, row.strategy, row.round) for row in rows_read if isinstance(row, Problem)
    } == {("own", "mit", "hard", "seed", 0)}


def test_given_columns_win(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "p.jsonl", [{"problem": "no", "text": "What?", "answer": 1, "key": 7, "gold": 2.0}])
    (row,) = seeds(path, "seeds.columns.problem=text", "seeds.columns.id=key", "seeds.columns.answer=gold")
    assert isinstance(row, Problem)
    assert (row.problem, row.problem_id, row.answer) == ("What?", "7", "2")


CONVERSATIONS = {
    "system": ([("system", "Be brief."), ("user", "What?")], ("Be brief.", "What?")),
    "answered": ([("user", "What?"), ("assistant", "That.")], (None, "What?")),
    "other names": ([("human", "What?"), ("gpt", "That.")], (None, "What?")),
}


@pytest.mark.parametrize(("turns", "expected"), CONVERSATIONS.values(), ids=CONVERSATIONS)
@pytest.mark.parametrize("column", ["messages", "prompt", "conversations"])
def test_messages(tmp_path: Path, column: str, turns: list, expected: tuple) -> None:
    keys = ("from", "value") if turns[0][0] == "human" else ("role", "content")
    path = write_jsonl(tmp_path / "p.jsonl", [{column: [dict(zip(keys, turn, strict=True)) for turn in turns]}])
    (row,) = seeds(path)
    assert isinstance(row, Problem)
    assert (row.system, row.problem) == expected


def test_ids_do_not_move_when_rows_are_added(tmp_path: Path) -> None:
    rows = [{"problem": f"What is {number}?"} for number in range(4)]
    before = {row.problem: row.problem_id for row in seeds(write_jsonl(tmp_path / "p.jsonl", rows))}
    rows.insert(1, {"problem": "What is new?"})
    after = {row.problem: row.problem_id for row in seeds(write_jsonl(tmp_path / "p.jsonl", rows))}
    assert before.items() < after.items()


def test_repeated_and_empty_texts_are_dropped_rows(tmp_path: Path) -> None:
    texts = ["What is 1?", " ", "What  is 1 ?", "What is 1?", "What is 2?"]
    rows_read = seeds(write_jsonl(tmp_path / "p.jsonl", [{"problem": text} for text in texts]))
    assert [row.reason if isinstance(row, Dropped) else "" for row in rows_read] == ["", "empty", "", "duplicate", ""]
    assert len({row.problem_id for row in rows_read}) == 5


def test_limit_counts_training_problems(tmp_path: Path) -> None:
    rows = [{"problem": f"What is {n}?", "split": "test" if n % 2 else "train"} for n in range(8)]
    rows_read = seeds(write_jsonl(tmp_path / "p.jsonl", rows), "seeds.limit=2")
    assert [row.split for row in rows_read if isinstance(row, Problem)] == ["train", "test", "train", "test"]


def test_the_fingerprint_follows_the_content(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "p.jsonl", ROWS)
    before = source_fingerprint(seeds_config(path))
    assert source_fingerprint(seeds_config(path)) == before
    write_jsonl(path, ROWS[:1])
    assert source_fingerprint(seeds_config(path)) != before


def test_a_dataset_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`load_dataset` takes a folder where it takes a name on the Hub."""
    write_jsonl(tmp_path / "train.jsonl", ROWS)
    config = load_config(
        "annotate", ["teacher.model=m", "seeds.source=hub", f"seeds.dataset={tmp_path}", "seeds.name=hub-set"]
    )
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True, raising=False)
    rows = [row for (items,) in read_seeds(config) for row in items]
    assert [(row.problem_id, row.source) for row in rows] == [("a", "hub-set"), ("b", "hub-set")]


def test_curated_problems_come_first_and_are_no_rows_of_the_file(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "curated.jsonl", [{"problem": "What is 1 + 1?"}, {"problem": " "}])
    rows = seeds(path, "seeds.curated=true", "seeds.limit=1")
    curated = [row for row in rows if isinstance(row, Problem) and row.is_curated]
    assert rows[:1000] == curated and [row.split for row in curated] == ["test"] * 200 + ["train"] * 800
    assert {(row.source, row.answer_source, row.license) for row in curated} == {("curated", "curated", "apache-2.0")}
    first = next(problem for problem in curated_problems() if problem.split == "train")
    (row,) = [row for row in curated if row.problem_id == first.problem_id]
    assert (row.problem, row.answer, row.solution, row.tier) == (
        first.problem,
        first.answer,
        first.solution,
        first.tier,
    )
    # A user's file of that name is one like any other, and its rows count from 1.
    assert [(row.source, row.problem) for row in rows[1000:]] == [("curated", "What is 1 + 1?")]
    empty = seeds(path, "seeds.curated=true")[-1]
    assert isinstance(empty, Dropped) and empty.problem_id.endswith("~2")


def test_curated_problems_alone(tmp_path: Path) -> None:
    def read(*overrides: str) -> list[str]:
        config = load_config("annotate", ["teacher.model=m", "seeds.curated=true", *overrides])
        return [row.split for (rows,) in read_seeds(config) for row in rows if isinstance(row, Problem)]

    assert read() == ["test"] * 200 + ["train"] * 800
    assert read("seeds.limit=3") == ["test"] * 200 + ["train"] * 3


def test_the_pocket_world_holds_out_its_tests() -> None:
    config = load_config("pocket", ["seeds.limit=20", "seeds.test_limit=5"])
    rows = [row for (items,) in read_seeds(config) for row in items if isinstance(row, Problem)]
    assert [row.split for row in rows[:5]] == ["test"] * 5
    texts = {split: {row.problem for row in rows if row.split == split} for split in ("train", "test")}
    assert not texts["train"] & texts["test"]
    assert {(row.license, row.answer_source, row.source) for row in rows} == {
        ("apache-2.0", "pocket-world", "pocket-world")
    }
    assert all(row.answer and row.solution for row in rows)


BY_PROBLEM = [
    {"id": 1, "problem": "What is 1 + 1?", "answer": "2", "samples": [r"\boxed{2}", r"\boxed{3}"]},
    {"id": 2, "problem": "What is 2 + 2?", "answer": "4", "samples": [r"\boxed{4}", None, "four"]},
]
BY_SAMPLE = [
    {"problem_id": 1, "problem": "What is 1 + 1?", "answer": "2", "response": r"\boxed{2}"},
    {"problem_id": 2, "problem": "What is 2 + 2?", "answer": "4", "response": r"\boxed{4}"},
    {"problem_id": 2, "problem": "What is 2 + 2?", "answer": "4", "response": None},
    {"problem_id": 1, "problem": "What is 1 + 1?", "answer": "2", "response": r"\boxed{3}"},
    {"problem_id": 2, "problem": "What is 2 + 2?", "answer": "4", "response": "four"},
]


def shape(items: list[tuple[list[Problem | Dropped], list[Sample]]]) -> list[tuple]:
    return [
        (row.problem_id, row.problem, getattr(row, "answer", None), [(s.sample_index, s.text) for s in samples])
        for (row,), samples in items
    ]


def test_a_row_per_sample_is_a_row_per_problem(tmp_path: Path) -> None:
    by_problem = stored(write_jsonl(tmp_path / "p.jsonl", BY_PROBLEM), "samples.name=s")
    by_sample = stored(write_jsonl(tmp_path / "s.jsonl", BY_SAMPLE), "samples.name=s")
    assert shape(by_problem) == [
        ("1", "What is 1 + 1?", "2", [(0, r"\boxed{2}"), (1, r"\boxed{3}")]),
        ("2", "What is 2 + 2?", "4", [(0, r"\boxed{4}"), (1, ""), (2, "four")]),
    ]
    assert by_sample == by_problem


def test_a_row_id_per_sample_does_not_split_problems(tmp_path: Path) -> None:
    rows = [{**row, "id": number} for number, row in enumerate(BY_SAMPLE)]
    for row in rows:
        del row["problem_id"]
    items = stored(write_jsonl(tmp_path / "s.jsonl", rows))
    assert [len(samples) for _, samples in items] == [2, 3]


def test_samples_as_mappings_keep_what_is_known(tmp_path: Path) -> None:
    sample = {"text": r"\boxed{2}", "sum_logprob": -1.5, "token_count": 4, "finish_reason": "length"}
    rows = [{"problem": "What?", "samples": [sample, {"text": "x"}, {**sample, "sample_index": -1}]}]
    ((_, samples),) = stored(write_jsonl(tmp_path / "p.jsonl", rows))
    assert [(s.sample_index, s.sum_logprob, s.token_count, s.finish_reason, s.logprob_mode) for s in samples] == [
        (0, -1.5, 4, "length", "raw"),
        (1, None, 0, "unknown", "none"),
        (-1, -1.5, 4, "length", "raw"),
    ]


def test_num_samples_takes_the_first_and_drops_problems_with_fewer(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "p.jsonl", [*BY_PROBLEM, {"id": 3, "problem": "Why?", "samples": []}])
    all_there = stored(path)
    assert [getattr(rows[0], "reason", len(samples)) for rows, samples in all_there] == [2, 3, "no_samples"]
    three = stored(path, "samples.num_samples=3")
    assert [getattr(rows[0], "reason", len(samples)) for rows, samples in three] == ["too_few_samples", 3, "no_samples"]
    two = stored(path, "samples.num_samples=2")
    assert [getattr(rows[0], "reason", len(samples)) for rows, samples in two] == [2, 2, "no_samples"]


KINDS = {
    "boxed": ([r"so \boxed{2}", r"\boxed{3}"], "text"),
    "long": (["x" * 500, "y" * 300], "text"),
    "answers": (["2", "x = 3", None], "answer"),
    "answers with a rare box": (["2"] * 99 + [r"\boxed{2}"], "answer"),
}


@pytest.mark.parametrize(("samples", "kind"), KINDS.values(), ids=KINDS)
def test_kind_of_samples(tmp_path: Path, samples: list, kind: str) -> None:
    path = write_jsonl(tmp_path / "p.jsonl", [{"problem": "What?", "samples": samples}])
    assert kind_of(load_config("annotate", [f"samples.path={path}"]).samples) == kind
    assert kind_of(load_config("annotate", [f"samples.path={path}", "samples.kind=text"]).samples) == "text"


def test_columns_of_real_files(realdata: Path) -> None:
    folder = realdata / "model_outputs"
    (problem, *_), samples = stored(folder / "qwen25_math_cot_100x8.jsonl")[0]
    assert isinstance(problem, Problem)
    assert (problem.answer, len(samples)) == ("420", 8)
    assert all("\\boxed" in sample.text for sample in samples)
    (problem, *_), samples = stored(folder / "zeroeval_math_l5_answers.jsonl")[0]
    assert isinstance(problem, Problem)
    assert (problem.answer, samples[0].text, samples[5].text) == ("-15", "21", "")


def test_another_system_prompt_is_another_problem(tmp_path: Path) -> None:
    """In a column beside the problem, and in messages; a blank cell is none."""
    text = "What is 3 + 9?"
    rows: list[dict] = [
        {"problem": text, "system": "Answer in base 8."},
        {"problem": text, "system": "Answer in base 10."},
        {"problem": text, "system": " "},
        {"problem": text, "system": "answer in  base 8."},
        {"problem": text, "system": None},
    ]
    read = seeds(write_jsonl(tmp_path / "p.jsonl", rows))
    kept = [row for row in read if isinstance(row, Problem)]
    assert [row.system for row in kept] == ["Answer in base 8.", "Answer in base 10.", None, "answer in  base 8."]
    assert len({row.problem_id for row in kept}) == 4
    # The id of a row is that of its own text, so the phase that looks for duplicates drops the fourth row.
    (dropped,) = [row for row in read if isinstance(row, Dropped)]
    assert (dropped.reason, dropped.system) == ("duplicate", None)
    turns = [[("system", row["system"]), ("user", text)] for row in rows[:2]]
    messages = [{"messages": [{"role": role, "content": content} for role, content in row]} for row in turns]
    again = seeds(write_jsonl(tmp_path / "p.jsonl", messages))
    assert [row.problem_id for row in again] == [row.problem_id for row in kept[:2]]


def test_one_id_for_two_system_prompts_is_refused(tmp_path: Path) -> None:
    rows = [{"id": "a", "problem": "What is 3 + 9?", "system": f"Answer in base {base}."} for base in (8, 10)]
    with pytest.raises(InputError, match=r"the id 'a' stands for two different problems \(again at row 2\); make the"):
        seeds(write_jsonl(tmp_path / "p.jsonl", rows))


def test_two_system_prompts_of_one_row_are_refused(tmp_path: Path) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What?"}]
    path = write_jsonl(tmp_path / "p.jsonl", [{"messages": messages, "system": "Be long."}])
    with pytest.raises(InputError, match=r"row 1: the column system has the system prompt 'Be long.' and the messages"):
        seeds(path)
    (row,) = seeds(write_jsonl(path, [{"messages": messages, "system": "Be  brief."}]))
    assert isinstance(row, Problem) and row.system == "Be brief."


def test_the_column_of_the_system_prompt_can_be_named(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "p.jsonl", [{"problem": "What?", "persona": "A pirate.", "system": "linux"}])
    (row,) = seeds(path, "seeds.columns.system=persona")
    assert isinstance(row, Problem) and row.system == "A pirate."


def test_stored_samples_under_other_system_prompts_are_two_problems(tmp_path: Path) -> None:
    rows = [
        {"problem": "What is 3 + 9?", "system": f"Answer in base {base}.", "response": f"So \\boxed{{{answer}}}."}
        for base, answers in ((8, (14, 14)), (10, (12, 14)))
        for answer in answers
    ]
    path = write_jsonl(tmp_path / "s.jsonl", rows)
    found = stored(path)
    assert [(problem.system, len(samples)) for (problem,), samples in found] == [
        ("Answer in base 8.", 2),
        ("Answer in base 10.", 2),
    ]
    assert len({sample.problem_id for _, samples in found for sample in samples}) == 2
    for row in rows:
        row["problem_id"] = "a"
    with pytest.raises(
        InputError, match=r"row 3: the id 'a' stands for two different problems: an earlier row with it"
    ):
        stored(write_jsonl(path, rows))
    for row in rows[2:]:
        row["problem"] = row["system"] = ""  # only the first row of a problem has its text
    ((problem,), samples), *others = stored(write_jsonl(path, rows))
    assert (problem.system, len(samples), others) == ("Answer in base 8.", 4, [])
