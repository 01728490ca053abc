"""Pins: a published folder reads back with its rows, columns and facts; a folder that is unfinished, foreign, damaged,
of another format or larger than a limit is refused with a message that says what to do.
"""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sure_math.problems.sources.limits import Limits
from sure_math.publication.publish import publish
from sure_math.publication.published import MANIFEST_BYTES, DatasetError, open_dataset
from sure_math.rows import Dropped
from tests.helpers.small_published_run import a_problem, a_shard, an_uncertainty, some_facts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two training problems and nothing held out."""
    shards = [a_shard(a_problem(name), ("4", "4"), (0, 0), an_uncertainty(name)) for name in ("p1", "p2")]
    return publish(shards, some_facts(), tmp_path / "sure-math").folder


def test_rows_and_facts(folder: Path) -> None:
    dataset = open_dataset(folder)
    assert list(dataset.rows("train", ["weight", "problem_id"])) == [
        {"problem_id": "p1", "weight": 1.0},
        {"problem_id": "p2", "weight": 1.0},
    ]
    assert len(list(dataset.rows("samples", ["sample_index"]))) == 6
    assert list(dataset.rows("test", ["weight"])) == []
    assert (dataset.splits, dataset.teacher["name"], len(dataset.fingerprint)) == (["train"], "pocket:teacher", 64)
    assert dataset.prompt("solve")["text"] == "{problem}\n\nPlease reason step by step."
    assert dataset.prompt("judge") == {}
    dataset.check_files()


def change_manifest(folder: Path, change: Callable[[dict], object]) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(change(manifest)))


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "unfinished": (
        lambda folder: (folder / "manifest.json").unlink(),
        "seeds has no manifest.json: it is not a finished",
    ),
    "not JSON": (lambda folder: (folder / "manifest.json").write_text("{"), "is not the manifest of a dataset"),
    "foreign": (
        lambda folder: change_manifest(folder, lambda manifest: [manifest]),
        "is not the manifest of a dataset",
    ),
    "other format": (
        lambda folder: change_manifest(folder, lambda manifest: manifest | {"format": 2}),
        "has the format 2, and this version of sure-math reads 1; install the version that wrote",
    ),
    "column": (lambda folder: None, "train-00000.parquet lacks the column tokens; a published dataset has the columns"),
    "changed": (
        lambda folder: (folder / "data/train-00000.parquet").write_bytes(b"-"),
        "train-00000.parquet: missing or",
    ),
    "one more": (lambda folder: (folder / "data/more.parquet").write_bytes(b"-"), "more.parquet: missing or not as"),
    "missing": (
        lambda folder: (folder / "data/samples-00000.parquet").unlink(),
        "samples-00000.parquet: missing or not",
    ),
}


@pytest.mark.parametrize(("spoil", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(folder: Path, spoil: Callable[[Path], object], message: str) -> None:
    spoil(folder)
    with pytest.raises(DatasetError) as error:
        dataset = open_dataset(folder, "seeds")
        dataset.check_files()
        list(dataset.rows("train", ["tokens"]))
    assert message in str(error.value)


def test_a_damaged_file_is_named(folder: Path) -> None:
    (file,) = (folder / "data").glob("train-*.parquet")
    file.write_bytes(b"PAR1" + bytes(200) + b"PAR1")
    with pytest.raises(DatasetError, match=r"train-00000\.parquet: missing or not as published"):
        list(open_dataset(folder).rows("train", ["weight"]))


def change_problem(folder: Path, texts: list[str]) -> None:
    """Write the training problems again, with these texts in place of two."""
    (path,) = (folder / "data").glob("train-*.parquet")
    rows = pq.read_table(path)
    first, second = rows.to_pylist()
    changed = [(first if number == 0 else second) | {"problem": text} for number, text in enumerate(texts)]
    table = pa.Table.from_pylist(changed, schema=rows.schema)
    pq.write_table(table, path, compression="zstd", use_dictionary=False)


LARGE = {
    "bytes a row": (["x" * 90_000_000, "What?"], r"column problem: has 45,000,\d+ bytes a row; at most 33,554,432"),
    "long text": (["x" * 4_000_001, "What?"], "the column problem holds a text of 4,000,001 bytes; at most 1,000,000"),
    "packed": (
        ["x" * 900_000] * 400,
        r"column problem: [\d,]+ bytes unpack to [\d,]+, as in a file that is made to fill",
    ),
}


@pytest.mark.parametrize(("texts", "message"), LARGE.values(), ids=LARGE)
def test_a_file_of_a_stranger_is_refused_by_its_size(folder: Path, texts: list[str], message: str) -> None:
    change_problem(folder, texts)
    with pytest.raises(DatasetError, match=rf"train-00000\.parquet.*{message}") as error:
        list(open_dataset(folder).rows("train", ["problem_id", "problem"]))
    assert "\n" not in str(error.value) and ("leave" in str(error.value))
    # Columns that are not read do no harm.
    assert next(open_dataset(folder).rows("train", ["problem_id"])) == {"problem_id": "p1"}


def test_one_long_text_of_many_rows_is_refused_before_it_is_copied(folder: Path) -> None:
    (path,) = (folder / "data").glob("train-*.parquet")
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 400, pa.int32()), pa.array(["x" * 10_000_000]))
    many = pa.table({"problem_id": [str(number) for number in range(400)], "problem": text})
    pq.write_table(many, path, compression="zstd", dictionary_pagesize_limit=2**30, store_schema=False)
    assert path.stat().st_size < 20_000
    before = pa.default_memory_pool().max_memory()
    with pytest.raises(DatasetError, match="the column problem holds a text of 10,000,000 bytes"):
        list(open_dataset(folder).rows("train", ["problem_id", "problem"]))
    assert pa.default_memory_pool().max_memory() - before < 500_000_000  # 256 copies have 2,560,000,000 bytes


def test_a_limit_of_a_dataset_can_be_raised(folder: Path) -> None:
    change_problem(folder, ["x" * 4_000_001, "What?"])
    rows = open_dataset(folder).rows("train", ["problem"], Limits(text_characters=4_000_001))
    assert [len(row["problem"]) for row in rows] == [4_000_001, 5]


def test_a_manifest_of_a_stranger_is_refused_by_its_size(folder: Path) -> None:
    with (folder / "manifest.json").open("r+b") as file:
        file.truncate(MANIFEST_BYTES + 1)
    with pytest.raises(DatasetError, match=r"manifest\.json: has 67,108,865 bytes, and at most 67,108,864 are read"):
        open_dataset(folder)


def test_a_table_is_checked_alone(folder: Path) -> None:
    (folder / "data/samples-00000.parquet").unlink()
    open_dataset(folder).check_files("train")
    with pytest.raises(DatasetError, match="missing or not as published"):
        list(open_dataset(folder).rows("samples", ["text"]))


def test_a_dataset_of_an_early_version_has_no_system_prompts(folder: Path) -> None:
    (file,) = (folder / "data").glob("train-*.parquet")
    pq.write_table(pq.read_table(file).drop_columns(["system"]), file)
    rows = list(open_dataset(folder).rows("train", ["system", "problem_id"]))
    assert rows == [{"problem_id": name, "system": None} for name in ("p1", "p2")]


def test_system_prompts_are_published(tmp_path: Path) -> None:
    systems = {"a": "Answer in base 8.", "b": "Answer in base 10.", "c": None}
    shards = [
        a_shard(a_problem(name, problem="What is 3 + 9?", system=system), ("4", "4"), (0, 0), an_uncertainty(name))
        for name, system in systems.items()
    ]
    gone = Dropped.of(a_problem("d", system="Answer in base 2."), phase="sample", reason="no_completion", detail="")
    shards[0] = dataclasses.replace(shards[0], dropped=(gone,))
    dataset = publish(shards, some_facts(), tmp_path / "sure-math")
    assert {row["problem_id"]: row["system"] for row in dataset.rows("train", ["problem_id", "system"])} == systems
    assert [row["system"] for row in dataset.rows("rejected", ["system"])] == ["Answer in base 2."]
    assert "- 2 of 3 problems come with a **system prompt** (`system`)" in (dataset.folder / "README.md").read_text()
    assert dataset.manifest["numbers"]["with_system"] == 2
