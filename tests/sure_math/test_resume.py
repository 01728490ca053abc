"""Kill -9 at 20 moments over all phases of a build with the transformers engine, resumed each time.

Pins, against a build that nothing interrupted: a request the engine answered is not asked again but for the batch in
flight (counted from the engine's call log); shards that were finished stay byte for byte; the keys (problem, sample)
are complete without doubles; texts, token counts, answers and clusters are equal, and log-probabilities to 1e-5.
"""

import itertools
import random
import time
from collections import Counter
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest

from tests.helpers.processes import start_module
from tests.helpers.whole_build import BATCH_SIZE, NUM_SAMPLES, SHARDS, finished_shards, logged, published, write_build

KILLS = 20
PHASES = (
    *("seeds", "distinct", "screen", "draw", "evolve", "unique", "decontaminate", "choose", "label"),
    *("sample", "extract", "cluster", "entropy", "verdict"),
)
PATIENCE = 900.0


@pytest.fixture(scope="module")
def config(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_build(tmp_path_factory.mktemp("resume"), tiny_model)


def start(config: Path, out: Path) -> ForkServerProcess:
    return start_module("sure_math.build", "--config", str(config), "--out", str(out), log=out.parent / "log")


def finish(config: Path, out: Path) -> None:
    process = start(config, out)
    process.join(PATIENCE)
    assert process.exitcode == 0, (out.parent / "log").read_text()


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
