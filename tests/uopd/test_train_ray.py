"""A whole run with everything real: the student under DeepSpeed, the teacher and a vLLM engine, all in Ray actors.

Pins: what a run logs and leaves; a run that goes on from a checkpoint ends with the weights, bit for bit, of the one
that was not stopped, its rollouts replayed from the log; with overlap each step's rollouts are one version old, and no
more; the exported student is what vLLM samples from.
"""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file

from tests.helpers.short_training_runs import SHORT, metrics_of, write_dataset
from uopd.train import main

pytestmark = [pytest.mark.vllm, pytest.mark.ray, pytest.mark.deepspeed, pytest.mark.slow]

STEPS = 3
SETTINGS = (
    *SHORT,
    f"run.steps={STEPS}",
    "checkpoint.every=1",
    "checkpoint.keep=3",
    "eval.every=3",
    "eval.problems=4",
    "rollouts.engine_options.kv_cache_memory_bytes=134217728",
    "sync.tolerance_nats=1e-4",
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data") / "sure-math")


def run(data: Path, out: Path, *overrides: str) -> None:
    """`python -m uopd.train --config pocket` with a short run's settings, in this process."""
    arguments = ["--config", "pocket", "--out", str(out), f"data.path={data}", *SETTINGS, *overrides]
    assert main(arguments) == 0


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was not stopped."""
    out = tmp_path_factory.mktemp("whole") / "run"
    run(data, out)
    return out


def versions(out: Path) -> list[set[int]]:
    """Policy versions of each step's rollouts."""
    files = sorted((out / "rollouts").glob("step-*.parquet"))
    return [set(pq.read_table(file)["policy_version"].to_pylist()) for file in files]


def test_a_run_with_everything_real(whole: Path) -> None:
    lines = metrics_of(whole)
    assert [line["version"] for line in lines] == [1, 2, 3] and {line["staleness"] for line in lines} == {0}
    assert versions(whole) == [{0}, {1}, {2}]
    assert all(line["seconds"][part] > 0 for line in lines for part in ("rollout", "score", "update", "sync"))
    assert lines[0]["kl"] > lines[0]["truncation_floor"] > 0
    assert len((whole / "evaluations.jsonl").read_text().splitlines()) == 2
    summary = json.loads((whole / "summary.json").read_text())
    assert summary["steps"] == STEPS and abs(sum(summary["shares"].values()) - 1) < 1e-9


def test_resumed_is_never_stopped(data: Path, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(whole, out)
    for step in (2, 3):
        shutil.rmtree(out / "checkpoints" / f"step-{step:06d}")
    shutil.rmtree(out / "model")
    run(data, out)
    for file in ("model/model.safetensors", f"checkpoints/step-{STEPS:06d}/student/student-0-of-1.safetensors"):
        before, after = load_file(whole / file), load_file(out / file)
        assert before.keys() == after.keys() and all(before[name].equal(after[name]) for name in before)
    assert [line["loss"] for line in metrics_of(out)] == [line["loss"] for line in metrics_of(whole)]


def test_overlap_is_one_version_late_and_no_more(data: Path, tmp_path: Path) -> None:
    # Everything at the same time: two CPUs are enough for three parts of a thread each.
    shared = ("student.num_cpus=0.5", "teacher.num_cpus=0.5")
    run(data, tmp_path / "run", "rollouts.overlap=true", "eval.every=0", *shared)
    assert versions(tmp_path / "run") == [{0}, {0}, {1}]
    assert [line["staleness"] for line in metrics_of(tmp_path / "run")] == [0, 1, 1]
