"""The whole of Phase 1 with scripted models: public seeds, evolution, benchmarks, labels.

Pins: what overlaps a benchmark goes with its descendants under `drop`, and stays named under `annotate`; quotas of
seeds and children; a source or benchmark that cannot be read stops the build, names the way out, and costs nothing
that was read; `skip` leaves a benchmark out; the card names all of it; labels of a model and what it could not label.
With the real files: rows of seven public sources through pocket models to the published folder.
"""

import io
import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from rich.console import Console

from benchmarks.real_seeds import build as build_real
from benchmarks.real_seeds import overrides
from sure_math.build import main
from sure_math.config import load_config
from sure_math.models.engines import Refusal
from sure_math.models.responders.chat import Question
from sure_math.problems.sources.table_files import InputError
from sure_math.publication.published import PublishedDataset
from tests.helpers.scripted_build import Scripted, run, shard_files, solve
from tests.helpers.scripted_models import last_user_text

HELD_OUT = "Let $n$ be the number of ways to place {0} rooks on a chessboard so that none attacks another. Find $n$."
BENCHMARK_NAMES = ("math500", "aime24", "aime25", "amo_bench", "hmmt_feb25", "hmmt_nov25", "gsm8k")
CLEAN = (
    "Compute the sum of the digits of $2^{{{0}}}$.",
    "A farmer has {0} hens and twice as many ducks. How many birds does the farmer have?",
    "Find the area of a triangle with sides ${0}$, $10$ and $9$.",
    "How many positive divisors does ${0}!$ have?",
)


def write(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read_rows(out: Path, table: str) -> list[dict]:
    return [
        row for path in sorted((out / "data").glob(f"{table}-*.parquet")) for row in pq.read_table(path).to_pylist()
    ]


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, object]:
    """Settings: MATH as the seeds, one of which is in the benchmark, and the other benchmarks skipped."""
    problems = [*(text.format(number) for number in (11, 12, 13) for text in CLEAN), HELD_OUT.format(5)]
    solution = r"It is $\boxed{7}$."
    seeds = write(tmp_path / "math.jsonl", [{"problem": text, "solution": solution} for text in problems])
    copied = HELD_OUT.format(5).replace("$n$", "\\(n\\)").upper()
    benchmark = write(tmp_path / "math500.jsonl", [{"problem": copied, "answer": "7"}])
    return {
        "seeds": {"source": "public", "public": {"math": {"path": str(seeds)}}},
        "decontaminate": {
            "mode": "drop",
            "benchmarks": {"math500": {"path": str(benchmark)}},
            "skip": [name for name in BENCHMARK_NAMES if name != "math500"],
        },
        "evolve": {
            "enabled": True,
            "author": {"model": "author"},
            "rounds": {"easy": 1, "medium": 2, "hard": 3, "competition": 5},
        },
    }


def evolve(question: Question, seed: int) -> str:
    """A child that chats, with the words of its parent, so that what overlaps can be inherited."""
    return f"Sure!\n<problem>{last_user_text(question)} {seed % 1000} Then double it.</problem>\nHope it helps."


def built(out: Path, settings: dict, *more: str, scripts: dict | None = None) -> PublishedDataset:
    sections = [
        f"{key}={yaml.safe_dump(value, default_flow_style=True, width=10**6)}" for key, value in settings.items()
    ]
    models = Scripted(scripts={"author": evolve, "teacher": solve, **(scripts or {})})
    skip = "decontaminate.skip=" + json.dumps(settings["decontaminate"]["skip"])
    return run(out, *sections, skip, *more, load=models)


def test_an_overlap_is_dropped_with_all_that_would_come_of_it(tmp_path: Path, settings: dict) -> None:
    out = tmp_path / "out"
    built(out, settings)
    rejected = read_rows(out, "rejected")
    (seed,) = [row for row in rejected if row["phase"] == "screen"]
    assert (seed["reason"], seed["problem"]) == ("overlap", HELD_OUT.format(5))
    assert seed["detail"].startswith("math500 math500-")
    rows = read_rows(out, "train")
    assert rows and not [row for row in rows if "rooks" in row["problem"] or row["overlaps"]]
    card = (out / "README.md").read_text()
    assert "Problems that overlap were **dropped**" in card and "**Not** compared with: aime24, aime25" in card
    assert "| math500 | `HuggingFaceH4/MATH-500` | local copy | 1 | 0 |" in card
    assert "| math | `EleutherAI/hendrycks_math` | local copy | mit | 13 |" in card
    assert "Resolved configuration (<code>test</code>)" in card


def test_an_overlap_is_named_on_the_seed_and_on_every_child(tmp_path: Path, settings: dict) -> None:
    settings["decontaminate"]["mode"] = "annotate"
    out = tmp_path / "out"
    built(out, settings, "evolve.keep_seeds=true")
    rows = read_rows(out, "train")
    flagged = [row for row in rows if row["overlaps"] == ["math500"]]
    assert sorted(row["round"] for row in flagged) == [0, 1, 2]
    assert len({row["seed_id"] for row in flagged}) == 1
    assert all(row["overlaps"] == [] for row in rows if row not in flagged)
    assert "3 problems **overlap with a benchmark**" in (out / "README.md").read_text()


def test_quotas_of_seeds_and_children(tmp_path: Path, settings: dict) -> None:
    out = tmp_path / "out"
    built(out, settings, "seeds.per_tier={medium: 6}", "evolve.keep=8")
    rejected = read_rows(out, "rejected")
    counts = {reason: sum(row["reason"] == reason for row in rejected) for reason in ("not_drawn", "surplus")}
    assert counts == {"not_drawn": 6, "surplus": 4}
    assert len(read_rows(out, "train")) == 8


def test_near_duplicates_of_a_seed_are_dropped(tmp_path: Path, settings: dict) -> None:
    out = tmp_path / "out"
    built(out, settings, "decontaminate.near_duplicates=0.6", "evolve.eliminate=[]")
    assert {row["reason"] for row in read_rows(out, "rejected") if row["phase"] == "unique"} == {"near_duplicate"}


def test_a_second_run_reads_and_asks_nothing(tmp_path: Path, settings: dict) -> None:
    out = tmp_path / "out"
    first = built(out, settings)
    before = shard_files(out)
    second = built(out, settings)
    assert (shard_files(out), second.fingerprint) == (before, first.fingerprint)


def test_labels_of_a_model(tmp_path: Path, settings: dict) -> None:
    def label(question: Question, seed: int) -> str | Refusal:
        number = len(last_user_text(question)) % 3
        return r"So \boxed{1}." if number else "I do not know."

    out = tmp_path / "out"
    labelled = ("label.by=model", "label.model={model: labeller}", "label.drop_unlabelled=true")
    built(out, settings, *labelled, scripts={"labeller": label})
    rows, rejected = read_rows(out, "train"), read_rows(out, "rejected")
    assert {(row["answer"], row["answer_source"]) for row in rows} == {("1", "labeller")}
    unlabelled = [row["detail"] for row in rejected if row["phase"] == "label"]
    assert set(unlabelled) == {"no final answer in 1 of 1: unboxed"}
    assert len(rows) + len(unlabelled) == 24
    numbers = json.loads((out / "manifest.json").read_text())["numbers"]
    agreeing = sum(row["majority_answer"] == "1" for row in rows)
    card = (out / "README.md").read_text()
    assert re.search(rf"agrees with the teacher's majority on {agreeing}\s+of the {len(rows)} for which", card), numbers


def test_what_cannot_be_read_is_named_and_the_rest_is_kept(
    tmp_path: Path, settings: dict, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    settings["seeds"]["public"] |= {"omni_math": {"path": str(tmp_path / "none.jsonl")}, "scalequest": {"rows": 10}}
    wrong = write(tmp_path / "wrong.jsonl", [{"text": "no statement here"}])
    settings["decontaminate"]["benchmarks"]["gsm8k"] = {"path": str(wrong)}
    settings["decontaminate"]["skip"].remove("gsm8k")
    config = tmp_path / "c.yaml"
    model = {"model": "pocket:teacher"}
    config.write_text(yaml.safe_dump({**settings, "evolve": {"enabled": False}, "teacher": model}))
    out = tmp_path / "out"
    assert main(["--config", str(config), "--out", str(out)]) == 1
    text = " ".join(capsys.readouterr().err.split())
    assert "Traceback" not in text
    assert f"seeds.public.omni_math.path = {tmp_path / 'none.jsonl'}: there is no such file" in text
    assert "seeds.public.scalequest: dyyyyyyyy/ScaleQuest-Math" in text
    assert "give a local copy with seeds.public.scalequest.path=FILE_OR_FOLDER" in text
    assert (
        f"decontaminate.benchmarks.gsm8k.path = {wrong}: expected a statement in the column problem or question" in text
    )
    assert "the columns are text" in text and "leave it out with decontaminate.skip=[gsm8k]" in text
    assert "2 others were read and are kept" in text
    kept = {path.parent.name for path in (out / ".build" / "shards").glob("*/done.json")}
    assert kept == {"seeds-math", "benchmark-math500"}


def test_the_remedy_of_an_error_can_be_followed(tmp_path: Path, settings: dict, capsys: pytest.CaptureFixture) -> None:
    """A folder with nothing but inputs is not another build: the mended command goes on in it."""
    settings["decontaminate"]["benchmarks"]["gsm8k"] = {"path": str(tmp_path / "none.jsonl")}
    settings["decontaminate"]["skip"].remove("gsm8k")
    config, out = tmp_path / "c.yaml", tmp_path / "out"
    models = {"evolve": {"enabled": False}, "teacher": {"model": "pocket:teacher"}}
    pocket = {"prompts": "pocket", "sample": {"num_samples": 2, "max_new_tokens": 4}, "seeds": settings["seeds"]}
    config.write_text(yaml.safe_dump({**settings, **models, **pocket}))
    assert main(["--config", str(config), "--out", str(out)]) == 1
    assert "none.jsonl: there is no such file" in " ".join(capsys.readouterr().err.split())
    assert main(["--config", str(config), "--out", str(out), "decontaminate.skip=all"]) == 0


def test_a_column_that_says_what_is_no_seed_must_be_there(tmp_path: Path, settings: dict) -> None:
    rows = write(tmp_path / "n.jsonl", [{"problem": "What is 1 + 1?", "solution": r"\boxed{2}"}])
    settings["seeds"]["public"] = {"numina_cot": {"path": str(rows)}}
    with pytest.raises(
        InputError, match=r"expected the column source too, which says which rows cannot be used as seeds; the"
    ):
        built(tmp_path / "out", settings)


def test_an_option_that_makes_another_model_asks_again(tmp_path: Path) -> None:
    problems = write(tmp_path / "p.jsonl", [{"problem": f"What is {number}?"} for number in range(3)])
    models = Scripted()
    out, seeds = tmp_path / "out", f"seeds.path={problems}"
    run(out, seeds, load=models)
    assert models.asked() == 27
    run(out, seeds, "teacher.engine_options={gpu_memory_utilization: 0.5}", load=models)
    assert models.asked() == 0
    run(out, seeds, "teacher.engine_options={quantization: fp8}", load=models)
    assert models.asked() == 27


@pytest.mark.slow
def test_real_seeds_reach_the_published_folder(tmp_path: Path, realdata: Path) -> None:
    config = load_config("default", overrides(realdata, share=0.06, samples=2))
    results = build_real(config, tmp_path / "out", Console(file=io.StringIO()))
    assert set(results["sources"]) == {
        "scalequest", "math", "omni_math", "olympiadbench", "aimo_aime", "aimo_amc", "hmmt_feb25"
    }  # fmt: skip
    assert len(results["benchmarks"]) == 7
    phases = {line["phase"]: line for line in results["funnel"]}
    # HMMT February 2025 is a benchmark, and a part of the MATH rows is MATH-500.
    assert phases["screen"]["dropped"]["overlap"] >= results["sources"]["hmmt_feb25"]
    assert results["rows"]["train"] == phases["sample"]["kept"] > 0
    assert results["rows"]["samples"] == results["rows"]["train"] * 3
