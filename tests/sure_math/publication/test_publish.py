"""Pins: the folder opens with `load_dataset("sure-math")` in every configuration with the columns of the specification
and their types, with and without test or rejected rows; the same rows give the same bytes; every number on the card is
the manifest's; an interrupted or foreign folder is never pushed; a push leaves work files at home and tells no token.
"""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import datasets
import jinja2
import pyarrow.parquet as pq
import pytest
import yaml

from sure_math.publication import tables
from sure_math.publication.card import render_card
from sure_math.publication.card_numbers import miller_madow, normalised
from sure_math.publication.publish import publish
from sure_math.publication.published import MANIFEST
from sure_math.publication.shard_rows import PublishError, ShardRows
from sure_math.publication.tables import SCHEMAS
from sure_math.publication.upload import push
from sure_math.rows import Dropped, Uncertainty
from tests.helpers.small_published_run import a_problem, a_shard, an_uncertainty, some_facts

DEFAULT_COLUMNS = """
problem_id problem system answer answer_source solution source tier strategy round seed_id parent_id author num_samples
semantic_entropy weight weight_kind discrete_entropy intra_cluster_entropy majority_answer majority_share num_clusters
num_missing num_truncated mean_tokens teacher teacher_answer teacher_correct overlaps license
"""
SAMPLES_COLUMNS = """
problem_id sample_index text answer cluster_id sum_logprob token_count finish_reason logprob_mode
"""

DUPLICATE = Dropped(
    problem_id="p9",
    phase="evolve",
    reason="duplicate",
    detail="of p1",
    problem="What is p1?",
    source="pocket-world",
    strategy="harder",
)


def two_clusters(name: str) -> Uncertainty:
    return an_uncertainty(
        name,
        semantic_entropy=math.log(2),
        weight=0.0,
        discrete_entropy=math.log(2),
        num_clusters=2,
        num_missing=1,
        num_truncated=1,
        majority_share=0.5,
    )


def three_problems() -> list[ShardRows]:
    """One unanimous and right, one evolved with a truncated sample and wrong, one unlabelled test problem."""
    evolved = a_problem("p2", strategy="harder", round=1, parent_id="p1", overlaps=("math500",), author="pocket:author")
    held_out = a_problem("p3", split="test", answer=None, answer_source=None, license="cc-by-4.0", source="mine")
    return [
        a_shard(a_problem("p1"), ("4", "4"), (0, 0), an_uncertainty("p1")),
        a_shard(evolved, ("4", None), (0, 1), two_clusters("p2"), correct=False, judge_calls=3, dropped=(DUPLICATE,)),
        a_shard(held_out, ("4", "4"), (0, 0), an_uncertainty("p3"), greedy=None, correct=None),
    ]


def test_every_configuration_opens_by_name_with_its_columns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = publish(three_problems(), some_facts(), Path("sure-math"))
    problems = datasets.load_dataset("sure-math", cache_dir=str(tmp_path / "cache"))
    samples = datasets.load_dataset("sure-math", "samples", cache_dir=str(tmp_path / "cache"))["train"]
    rejected = datasets.load_dataset("sure-math", "rejected", cache_dir=str(tmp_path / "cache"))["train"]
    assert {name: split.num_rows for name, split in problems.items()} == {"train": 2, "test": 1}
    assert written.row_counts == {"train": 2, "test": 1, "samples": 8, "rejected": 1}
    assert problems["train"].column_names == DEFAULT_COLUMNS.split()
    assert samples.column_names == SAMPLES_COLUMNS.split()
    assert rejected[0]["reason"] == "duplicate"
    row = problems["train"][1]
    assert (row["problem_id"], row["overlaps"], row["teacher_correct"]) == ("p2", ["math500"], False)
    assert (row["teacher"], row["weight"], row["num_clusters"]) == ("pocket:teacher", 0.0, 2)
    assert problems["test"][0]["answer"] is None
    greedy, first, second = samples.select(range(3))
    assert [sample["sample_index"] for sample in (greedy, first, second)] == [-1, 0, 1]
    assert [sample["cluster_id"] for sample in (greedy, first, second)] == [None, 0, 0]


def test_features_in_the_card_are_those_of_the_files(tmp_path):
    publish(three_problems(), some_facts(), tmp_path / "sure-math")
    front = yaml.safe_load((tmp_path / "sure-math" / "README.md").read_text().split("---")[1])
    described = {entry["config_name"]: entry["features"] for entry in front["dataset_info"]}
    for config, table in (("default", "train"), ("samples", "samples"), ("rejected", "rejected")):
        kinds = datasets.Features.from_arrow_schema(SCHEMAS[table])
        assert [entry["name"] for entry in described[config]] == list(kinds)
        for entry in described[config]:
            assert entry.get("dtype", "list") == getattr(kinds[entry["name"]], "dtype", "list")
    assert front["license"] == ["apache-2.0", "cc-by-4.0"]


def test_empty_tables_are_left_out_and_the_rest_still_opens(tmp_path):
    written = publish(three_problems()[:1], some_facts(), tmp_path / "sure-math")
    loaded = datasets.load_dataset(str(tmp_path / "sure-math"), cache_dir=str(tmp_path / "cache"))
    assert {name: split.num_rows for name, split in loaded.items()} == {"train": 1}
    assert written.row_counts["test"] == written.row_counts["rejected"] == 0
    card = (tmp_path / "sure-math" / "README.md").read_text()
    assert "no `test` problems" in card
    assert "no configuration `rejected`" in card


def test_same_rows_same_bytes_and_a_second_build_replaces_the_first(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    publish(three_problems()[:1], some_facts(), second)
    (second / "validation").mkdir()
    before, after = publish(three_problems(), some_facts(), first), publish(three_problems(), some_facts(), second)
    assert before.fingerprint == after.fingerprint
    assert _files(first) == _files(second)
    assert {"README.md", MANIFEST, "data/train-00000.parquet", "figures/entropy_histogram.svg"} <= _files(first).keys()
    assert not any(name.startswith((".build", "validation")) for name in _files(second))


def test_publishing_the_same_rows_again_keeps_their_validation(tmp_path):
    publish(three_problems(), some_facts(), tmp_path)
    (tmp_path / "validation").mkdir()
    (tmp_path / "validation" / "report.md").write_text("measured")
    publish(three_problems(), some_facts(), tmp_path)
    assert (tmp_path / "validation" / "report.md").read_text() == "measured"


def test_large_tables_are_cut_into_files_and_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "ROW_GROUP_BYTES", 1)
    monkeypatch.setattr(tables, "FILE_BYTES", 1)
    written = publish(three_problems(), some_facts(), tmp_path)
    assert sorted(path.name for path in (tmp_path / "data").glob("samples-*")) == [
        "samples-00000.parquet",
        "samples-00001.parquet",
        "samples-00002.parquet",
    ]
    assert sum(pq.read_metadata(path).num_rows for path in (tmp_path / "data").glob("samples-*")) == 8
    assert written.row_counts["samples"] == 8


def test_numbers_of_the_manifest(tmp_path):
    publish(three_problems(), some_facts(), tmp_path)
    numbers = json.loads((tmp_path / MANIFEST).read_text())["numbers"]
    assert (numbers["problems"], numbers["labelled"], numbers["correct"], numbers["unlabelled"]) == (3, 2, 1, 1)
    assert numbers["mean_weight"] == pytest.approx(2 / 3, abs=1e-12)
    assert numbers["effective_sample_size"] == pytest.approx(2.0, abs=1e-12)
    assert (numbers["judge_calls"], numbers["problems_judged"], numbers["samples"]) == (3, 1, 6)
    assert numbers["kinds"]["missing"] == {"answered": 5, "truncated": 1}
    assert numbers["kinds"]["verdict"] == {"greedy": 2, "majority": 1}
    assert numbers["kinds"]["license_of_source"] == {"mine: cc-by-4.0": 1, "pocket-world: apache-2.0": 2}
    assert numbers["entropy_histogram"]["counts"] == [2] + [0] * 18 + [1]
    assert numbers["dropped"] == [{"phase": "evolve", "reason": "duplicate", "rows": 1}]
    # One problem of the three has two clusters of two samples: (2 - 1) / (2 x 2) nats, a third of it on average.
    assert numbers["plug_in_bias"]["mean_correction_nats"] == pytest.approx(0.25 / 3, abs=1e-12)
    assert numbers["plug_in_bias"]["mean_correction_normalised"] == pytest.approx(0.25 / math.log(2) / 3, abs=1e-12)


def test_card_prints_the_manifest_and_follows_it(tmp_path):
    publish(three_problems(), some_facts(), tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    card = (tmp_path / "README.md").read_text()
    assert render_card(manifest, SCHEMAS) == card
    for line in (
        "| judge calls | 3 |",
        "| evolve | 3 | 2 | 1 | duplicate 1 |",
        "| no final answer: truncated | 1 (16.7 %) |",
        "| pocket-world: apache-2.0 | 2 |",
        "| harder | 1 | 1.000 | 0.000 | 1 | 0.0 % |",
        "| teacher | `pocket:teacher` | `ffffffffffffffff` | transformers 5 | raw |",
        "correction adds (clusters seen - 1) / 2N: here 0.083 nats",
        "1 of 3 problems have **no reference answer**",
        "is the **majority answer**",
        "math500: 1",
    ):
        assert line in card, line
    manifest["numbers"]["judge_calls"] = 4321
    assert "| judge calls | 4,321 |" in render_card(manifest, SCHEMAS)


@pytest.mark.parametrize("key", ["problems", "judge_calls", "cluster_conflicts", "problems_with_truncated"])
def test_a_number_the_run_did_not_give_is_an_error(tmp_path, key):
    publish(three_problems(), some_facts(), tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    del manifest["numbers"][key]
    with pytest.raises((jinja2.UndefinedError, TypeError), match=f"{key}|StrictUndefined"):
        render_card(manifest, SCHEMAS)


def test_card_names_sources_benchmarks_and_what_happened_to_overlaps(tmp_path):
    publish(three_problems(), some_facts(), tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    card = render_card(manifest, SCHEMAS)
    assert "| math | `EleutherAI/hendrycks_math` | `cccccccccccc` | mit | 3 |" in card
    assert "| aime25 | `math-ai/aime25` | local copy | 30 | 0 |" in card
    assert "Problems that overlap were **dropped**" in card and "**Not** compared with: gsm8k." in card
    manifest["config"]["decontaminate"]["mode"] = "annotate"
    manifest["numbers"]["kinds"]["overlaps"] = {"aime25": 7}
    card = render_card(manifest, SCHEMAS)
    assert (
        "| aime25 | `math-ai/aime25` | local copy | 30 | 7 |" in card and "Problems that overlap were **kept**" in card
    )


def test_text_from_outside_cannot_break_a_table(tmp_path):
    shard = a_shard(a_problem("p1", source="a|b\nc"), ("4", "4"), (0, 0), an_uncertainty("p1"))
    publish([shard], some_facts(), tmp_path)
    assert r"| a\|b c: apache-2.0 | 1 |" in (tmp_path / "README.md").read_text()


def test_a_problem_that_vanished_without_a_reason_is_refused(tmp_path):
    shard = three_problems()[0]
    with pytest.raises(PublishError, match="'p1' has no uncertainty row and no dropped row"):
        publish([replace(shard, uncertainties=[])], some_facts(), tmp_path)
    assert not (tmp_path / MANIFEST).exists()


def test_a_dropped_problem_is_rejected_and_a_repeated_id_keeps_the_first(tmp_path):
    refused = replace(DUPLICATE, problem_id="p1", phase="sample", reason="prompt_too_long")
    gone = replace(three_problems()[0], uncertainties=[], clusters=[], grades=[], dropped=[refused])
    again = replace(three_problems()[1], dropped=[replace(DUPLICATE, problem_id="p2")])
    assert publish([gone, again], some_facts(), tmp_path).row_counts == {
        "train": 1,
        "test": 0,
        "samples": 3,
        "rejected": 2,
    }


def test_nothing_left_names_the_reasons(tmp_path):
    refused = replace(DUPLICATE, problem_id="p1", phase="sample", reason="prompt_too_long")
    gone = replace(three_problems()[0], uncertainties=[], clusters=[], grades=[], dropped=[refused])
    with pytest.raises(PublishError, match="sample/prompt_too_long 1"):
        publish([gone], some_facts(), tmp_path)


@pytest.mark.parametrize(
    ("entropy", "samples", "expected"),
    [(0.0, 8, 0.0), (math.log(8), 8, 1.0), (math.log(8) + 1e-13, 8, 1.0), (math.log(2), 8, 1 / 3), (0.0, 1, 1.0)],
)
def test_normalised_entropy(entropy, samples, expected):
    assert normalised(entropy, samples) == pytest.approx(expected, abs=1e-12)


def test_miller_madow_correction():
    assert miller_madow(1, 8) == 0.0
    assert miller_madow(5, 8) == 0.25


class RecordingHub:
    """Stands in for `HfApi` at the two calls of an upload; looks at the folder as the Hub's client would."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.repositories: list[dict] = []
        self.uploads: list[dict] = []

    def create_repo(self, repo_id: str, *, repo_type: str, private: bool, exist_ok: bool) -> None:
        self.repositories.append({"id": repo_id, "type": repo_type, "private": private, "exist_ok": exist_ok})

    def upload_folder(
        self, *, repo_id: str, folder_path: str, repo_type: str, allow_patterns: list[str], commit_message: str
    ) -> None:
        from huggingface_hub.utils import filter_repo_objects

        if self.failure is not None:
            raise self.failure
        names = [str(path.relative_to(folder_path)) for path in Path(folder_path).rglob("*") if path.is_file()]
        kept = sorted(filter_repo_objects(names, allow_patterns=allow_patterns))
        self.uploads.append({"id": repo_id, "type": repo_type, "files": kept, "message": commit_message})


def test_push_uploads_the_dataset_and_leaves_the_work_files(tmp_path):
    publish(three_problems(), some_facts(), tmp_path)
    (tmp_path / ".build" / "shards" / "sample").mkdir(parents=True)
    for name in ("journal.sqlite", "shards/sample/0.parquet", "config.json"):
        (tmp_path / ".build" / name).write_text("work")
    hub = RecordingHub()
    assert push(tmp_path, "me/sure-math", api=hub) == "https://huggingface.co/datasets/me/sure-math"
    assert hub.repositories == [{"id": "me/sure-math", "type": "dataset", "private": True, "exist_ok": True}]
    assert hub.uploads[0]["files"] == sorted(_files(tmp_path))
    assert not re.search("build", " ".join(hub.uploads[0]["files"]))
    push(tmp_path, "me/sure-math", private=False, api=hub)
    assert hub.repositories[1]["private"] is False


def test_push_tells_no_token(tmp_path, monkeypatch, capsys, caplog):
    token = "hf_" + "SecretSecretSecretSecretSecret"
    monkeypatch.setenv("HF_TOKEN", token)
    publish(three_problems(), some_facts(), tmp_path)
    with pytest.raises(PublishError, match="resumes the upload") as caught:
        push(tmp_path, "me/sure-math", api=RecordingHub(ConnectionError(f"401 for Bearer {token}")))
    output = capsys.readouterr()
    assert token not in f"{caught.value}{output.out}{output.err}{caplog.text}"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_push_refuses_a_folder_that_is_unfinished_or_changed(tmp_path):
    hub = RecordingHub()
    with pytest.raises(PublishError, match="not a finished dataset"):
        push(tmp_path, "me/sure-math", api=hub)
    publish(three_problems(), some_facts(), tmp_path)
    (tmp_path / "data" / "train-00000.parquet").write_bytes(b"half")
    with pytest.raises(PublishError, match=r"train-00000\.parquet: missing or not as published; run the build again"):
        push(tmp_path, "me/sure-math", api=hub)
    assert hub.uploads == []


def _files(folder: Path) -> dict[str, bytes]:
    """Relative name -> bytes of everything that is published."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".build" not in path.parts
    }
