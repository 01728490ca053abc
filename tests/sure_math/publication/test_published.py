"""Pins: a published folder reads back with its rows, columns and facts; a folder that is unfinished, foreign, damaged,
or of another format is refused with a message that says what to do.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sure_math.publication.publish import publish
from sure_math.publication.published import DatasetError, open_dataset
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


def test_a_table_is_checked_alone(folder: Path) -> None:
    (folder / "data/samples-00000.parquet").unlink()
    open_dataset(folder).check_files("train")
    with pytest.raises(DatasetError, match="missing or not as published"):
        list(open_dataset(folder).rows("samples", ["text"]))
