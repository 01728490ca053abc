"""Kill -9 at 20 moments over all phases of a build with the transformers engine, resumed each time.

Pins, against a build that nothing interrupted: a request the engine answered is not asked again but for the batch in
flight (counted from the engine's call log); shards that were finished stay byte for byte; the keys (problem, sample)
are complete without doubles; texts, token counts, answers and clusters are equal, and log-probabilities to 1e-5.
"""

import itertools
import json
import random
import shutil
import time
from collections import Counter
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from sure_math.problems.sources.catalogue import BENCHMARKS
from tests.helpers.processes import start_module

KILLS = 20
BATCH_SIZE = 12
NUM_SAMPLES = 4
SHARDS = 3
PHASES = (
    *("seeds", "distinct", "screen", "draw", "evolve", "unique", "decontaminate", "choose", "label"),
    *("sample", "extract", "cluster", "entropy", "verdict"),
)
PATIENCE = 900.0


@pytest.fixture(scope="module")
def config(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build in which every phase works: some words of the tiny model are boxed answers, some ask a question."""
    folder = tmp_path_factory.mktemp("resume")
    model = shutil.copytree(tiny_model, folder / "model")
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    words = tokenizer["model"]["vocab"]
    for index in range(10, 50):
        words[rf";\boxed{{{index % 7}}}" + f";x{index}"] = words.pop(f"w{index}")
    (model / "tokenizer.json").write_text(json.dumps(tokenizer))
    prompts = folder / "prompts"
    prompts.mkdir()
    for name in ("harder", "rewrite", "compose"):
        (prompts / f"{name}.txt").write_text(name)
    seeds = folder / "seeds.jsonl"
    rows = [{"problem": f"w{first} w{second}?"} for first in range(1, 5) for second in range(1, 4)]
    seeds.write_text("".join(json.dumps(row) + "\n" for row in rows))
    benchmark = folder / "benchmark.jsonl"
    benchmark.write_text(json.dumps({"problem": "W1  W2", "answer": "3"}))
    model_config = {"model": str(model), "dtype": "float32", "device": "cpu"}
    path = folder / "resume.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "run": {"shard_size": len(rows) // SHARDS, "batch_size": BATCH_SIZE},
                "prompts": str(prompts),
                "seeds": {"path": str(seeds), "per_tier": {"medium": 11}},
                "decontaminate": {
                    "mode": "drop",
                    "benchmarks": {"math500": {"path": str(benchmark)}},
                    "skip": [name for name in BENCHMARKS if name != "math500"],
                    "near_duplicates": 1.0,
                },
                "label": {"by": "model", "model": model_config, "max_new_tokens": 16},
                "evolve": {
                    "author": model_config,
                    "weights": {
                        tier: {"harder": 1, "rewrite": 1, "compose": 1}
                        for tier in ("easy", "medium", "hard", "competition")
                    },
                    "max_new_tokens": 12,
                    "min_chars": 1,
                    "eliminate": [],
                    "keep": 18,
                },
                "teacher": model_config,
                "judge": model_config,
                "sample": {"num_samples": NUM_SAMPLES, "max_new_tokens": 16},
                "cluster": {"procedure": "paper", "equivalence": "judge"},
            }
        )
    )
    return path


def start(config: Path, out: Path) -> ForkServerProcess:
    return start_module("sure_math.build", "--config", str(config), "--out", str(out), log=out.parent / "log")


def finish(config: Path, out: Path) -> None:
    process = start(config, out)
    process.join(PATIENCE)
    assert process.exitcode == 0, (out.parent / "log").read_text()


def logged(out: Path) -> list[tuple[str, str]]:
    """Role and key of every answered request; a torn line was never answered as far as anybody knows."""
    path = out / ".build" / "calls.jsonl"
    lines = path.read_text().split("\n") if path.is_file() else []
    rows = [json.loads(line) for line in lines if line.endswith("}")]
    return [(row["role"], row["key"]) for row in rows]


def finished_shards(out: Path) -> dict[str, bytes]:
    """Contents of every shard that has its manifest."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for manifest in (out / ".build" / "shards").glob("*/[0-9]*.json")
        for path in manifest.parent.glob(f"{manifest.stem}*.parquet")
    }


def progress(out: Path) -> int:
    return len({key for _, key in logged(out)}) + len(list((out / ".build" / "shards").glob("*/[0-9]*.json")))


def moments(reference: Path, draw: random.Random) -> list[int]:
    """When to kill, in units of `progress`: one moment in each part of the work up to clustering, which is nearly all
    of it; then as clustering starts, after its first request, and while the dataset is published.
    """
    requests = {key for role, key in logged(reference) if role != "judge"}
    clustering = len(requests) + SHARDS * PHASES.index("cluster") + 1  # the shard of the benchmark
    parts = KILLS - 3
    early = [int(clustering * (number + draw.random()) / parts) for number in range(parts)]
    return [*early, clustering, clustering + 1, progress(reference)]


def kill_at(config: Path, out: Path, threshold: int, delay: float) -> str:
    """SIGKILL a build `delay` seconds after it passed `threshold`; the phase it was in, the first that is not whole."""
    process = start(config, out)
    end = time.monotonic() + PATIENCE
    while progress(out) < threshold and not (out / ".build" / "publish").is_dir():
        assert process.exitcode is None, (out.parent / "log").read_text()
        assert time.monotonic() < end, f"no progress beyond {progress(out)} of {threshold}"
        time.sleep(0.001)
    time.sleep(delay)
    process.kill()
    process.join()
    unfinished = (name for name in PHASES if len(list((out / ".build" / "shards" / name).glob("[0-9]*.json"))) < SHARDS)
    return next(unfinished, "publish")


def published(out: Path, table: str) -> list[dict]:
    rows = [
        row for path in sorted((out / "data").glob(f"{table}-*.parquet")) for row in pq.read_table(path).to_pylist()
    ]
    return sorted(rows, key=lambda row: (row["problem_id"], row.get("sample_index", 0), row.get("reason", "")))


@pytest.mark.slow
def test_killed_twenty_times_is_never_killed(config: Path, tmp_path: Path) -> None:
    reference, out = tmp_path / "reference" / "out", tmp_path / "killed" / "out"
    reference.parent.mkdir()
    out.parent.mkdir()
    finish(config, reference)
    draw = random.Random(20)
    kept: dict[str, bytes] = {}
    phases, lengths = [], [0]
    for threshold in moments(reference, draw):
        phases.append(kill_at(config, out, threshold, draw.random() * 0.02))
        kept |= finished_shards(out)
        lengths.append(len(logged(out)))
    finish(config, out)

    calls = logged(out)
    lengths.append(len(calls))
    for begin, end in itertools.pairwise(lengths):
        again = {key for _, key in calls[:begin]} & {key for _, key in calls[begin:end]}
        assert len(again) <= BATCH_SIZE
        assert again <= {key for _, key in calls[max(0, begin - BATCH_SIZE) : begin]}, "more than the batch in flight"
        assert len(calls[begin:end]) == len({key for _, key in calls[begin:end]})
    assert set(calls) == set(logged(reference)), "the same requests, whoever answered them"
    assert set(Counter(role for role, _ in calls)) == {"author", "labeller", "teacher", "judge"}
    assert {"evolve", "sample", "cluster", "publish"} <= set(phases), phases

    final = finished_shards(out)
    assert {name: final[name] for name in kept} == kept

    samples, expected = published(out, "samples"), published(reference, "samples")
    keys = [(row["problem_id"], row["sample_index"]) for row in samples]
    problems = {row["problem_id"] for row in published(out, "train")}
    assert sorted(keys) == sorted((name, index) for name in problems for index in range(-1, NUM_SAMPLES))
    for row, other in zip(samples, expected, strict=True):
        assert row.pop("sum_logprob") == pytest.approx(other.pop("sum_logprob"), abs=1e-5)
        assert row == other
    for table in ("train", "rejected"):
        rows, others = published(out, table), published(reference, table)
        assert [(row["problem_id"], row["problem"]) for row in rows] == [
            (row["problem_id"], row["problem"]) for row in others
        ]
        for row, other in zip(rows, others, strict=True):
            assert row.get("weight") == pytest.approx(other.get("weight"), abs=1e-5)
