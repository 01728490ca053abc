"""Kill -9 of a training run with everything real, at several moments: Ray, DeepSpeed, a teacher and a vLLM engine.

Pins: after ten seconds no process of the run is left, whether Ray was starting, models were loading or a step was under
way; the repeated command goes on from the last checkpoint to the end.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.helpers.process_trees import Family, described, has, left_by_kill_9, running
from tests.helpers.short_training_runs import SHORT, metrics_of, write_dataset
from uopd.train import main

pytestmark = [pytest.mark.vllm, pytest.mark.ray, pytest.mark.deepspeed, pytest.mark.slow]

SETTINGS = (*SHORT, "run.steps=3", "checkpoint.every=1", "rollouts.engine_options.kv_cache_memory_bytes=134217728")


@pytest.mark.timeout(2400)  # four starts of a whole run
def test_killed_at_several_moments_leaves_no_process_and_goes_on(tmp_path: Path) -> None:
    data, out = write_dataset(tmp_path / "data"), tmp_path / "out"
    command = ["--config", "pocket", "--out", str(out), f"data.path={data}", *SETTINGS]
    moments: dict[str, Callable[[Family], bool]] = {
        "Ray was just started": has("raylet"),
        "models are loading": has("ray::EngineActor.start"),
        "the first step is done": lambda family: len(metrics_of(out)) > 0,
    }
    for number, (name, moment) in enumerate(moments.items()):
        seen: list[str] = []

        def noted(family: Family, moment: Callable[[Family], bool] = moment, seen: list[str] = seen) -> bool:
            seen[:] = [described(process) for process in running(family.seen)]
            return moment(family)

        assert left_by_kill_9(["uopd.train", *command], tmp_path / f"log-{number}", noted) == [], name
        assert any("raylet" in words for words in seen), name
    done = len(metrics_of(out))
    assert done >= 1
    assert main(command) == 0
    assert [line["step"] for line in metrics_of(out)] == [0, 1, 2]
    assert not (out / ".engines.json").exists()
