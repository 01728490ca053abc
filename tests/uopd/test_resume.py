"""Kill -9 at random moments of a training run, resumed each time; and what a resume refuses.

Pins: with the one-process student and rollouts by transformers in float32, the final weights, moments, metrics (without
times), evaluations and rollouts are bit for bit those of a run that nothing interrupted, also if no rollouts are
replayed; a step that was sampled before is taken from the log; a folder of another configuration, dataset or teacher is
refused with the keys, and keys that shape no update may change; one process per folder; a checkpoint that is not whole
is passed over.
"""

import json
import multiprocessing
import random
import time
from io import StringIO
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from tests.helpers.short_training_runs import TIMES, computed, metrics_of, short_config, train_run, write_dataset
from uopd.config import TrainConfig
from uopd.run.checkpoints import Checkpoints
from uopd.run.folder import EVALUATIONS, METRICS, RUN, RunError, read_lines
from uopd.run.log import RunLog

STEPS = 6
SETTINGS = (f"run.steps={STEPS}", "checkpoint.every=2", "eval.every=4", "data.prompts_per_step=3")
KILLS = 4
PATIENCE = 300.0


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("resume") / "data")


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nothing interrupts."""
    out = tmp_path_factory.mktemp("whole") / "out"
    train_run(short_config(data, *SETTINGS), out)
    return out


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Processes that begin with torch and the trainer imported, which takes longer than the runs."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.helpers.short_training_runs"])
    return context


def run_in_process(config: TrainConfig, out: Path) -> None:
    torch.set_num_threads(1)
    train_run(config, out)


def start(processes: ForkServerContext, config: TrainConfig, out: Path) -> ForkServerProcess:
    process = processes.Process(target=run_in_process, args=(config, out))
    process.start()
    return process


def kill_at(processes: ForkServerContext, config: TrainConfig, out: Path, threshold: int, delay: float) -> None:
    """SIGKILL a run `delay` seconds after `threshold` steps were logged."""
    process = start(processes, config, out)
    end = time.monotonic() + PATIENCE
    while len(metrics_of(out)) < threshold:
        assert process.is_alive() and time.monotonic() < end, f"{len(metrics_of(out))} of {threshold} steps"
        time.sleep(0.005)
    process.join(delay)
    process.kill()
    process.join()


@pytest.mark.slow
@pytest.mark.parametrize("replay", [True, False])
def test_killed_and_resumed_is_never_killed(
    data: Path, whole: Path, processes: ForkServerContext, tmp_path: Path, replay: bool
) -> None:
    config = short_config(data, *SETTINGS, f"rollouts.replay={replay}")
    draw = random.Random(f"kills/{replay}")
    out = tmp_path / "out"
    for _ in range(KILLS):
        kill_at(processes, config, out, draw.randrange(STEPS), draw.random())
    last = start(processes, config, out)
    last.join(PATIENCE)
    assert last.exitcode == 0
    expected, resumed = computed(whole), computed(out)
    assert resumed["metrics"] == expected["metrics"] and len(resumed["metrics"]) == STEPS
    assert [line["step"] for line in resumed["evaluations"]] == [0, 4, 6]
    assert resumed.keys() == expected.keys() and len(resumed) > STEPS + 3
    assert [name for name in expected if resumed[name] != expected[name]] == []


def test_a_step_that_was_sampled_is_replayed_from_the_log(data: Path, whole: Path, tmp_path: Path) -> None:
    """With vLLM a step cannot be sampled twice alike; what is in the log is what is learnt."""
    out = tmp_path / "out"
    rollouts = {name: value for name, value in computed(whole).items() if name.startswith("rollouts/")}
    (out / "rollouts").mkdir(parents=True)
    # Sampled at another temperature than this run would.
    other = short_config(data, *SETTINGS, "run.steps=2", "rollouts.temperature=0.5")
    for name in ("rollouts/step-000000.parquet", "rollouts/step-000001.parquet"):
        (out / name).write_bytes(rollouts[name])
    train_run(other, out)
    lines = [{key: line[key] for key in line.keys() - TIMES} for line in metrics_of(out)]
    expected = computed(whole)["metrics"][:2]
    assert [line["response_tokens"] for line in lines] == [line["response_tokens"] for line in expected]
    assert lines[0]["loss"] == expected[0]["loss"]


def test_a_finished_run_is_not_trained_again(data: Path, whole: Path) -> None:
    before = computed(whole)
    printed = train_run(short_config(data, *SETTINGS), whole)
    assert f"going on after {STEPS} steps" in printed and computed(whole) == before


FACTS: dict[str, Any] = {
    "dataset": {"fingerprint": "d" * 64},
    "models": {"teacher": {"name": "pocket:teacher", "fingerprint": "t" * 64}},
}
REFUSED = {
    "seed": (("run.seed=1",), {}, "run.seed was 0 and is 1"),
    "two keys": (
        ("optimizer.learning_rate=1e-3", "rollouts.per_prompt=4"),
        {},
        "optimizer.learning_rate was 0.0003 and is 0.001; rollouts.per_prompt was 2 and is 4",
    ),
    "method": (("method=opd",), {}, "method was 'uopd' and is 'opd'"),
    "batch": (("data.prompts_per_step=8",), {}, "data.prompts_per_step was 4 and is 8"),
    "scores": (("teacher.sends=hidden",), {}, "teacher.sends was 'topk' and is 'hidden'"),
    "length": (("run.steps=4",), {}, "run.steps was 3 and is 4"),
    "dataset": ((), {"dataset": {"fingerprint": "e" * 64}}, "the dataset's content has changed"),
    "teacher": (
        (),
        {"models": {"teacher": {"name": "pocket:teacher", "fingerprint": "u" * 64}}},
        "the content of teacher.model = pocket:teacher has changed",
    ),
}


def claim(out: Path, config: TrainConfig, facts: dict[str, Any]) -> RunLog:
    return RunLog(out, config, facts, Console(file=StringIO()))


@pytest.mark.parametrize(("overrides", "facts", "message"), REFUSED.values(), ids=REFUSED)
def test_a_folder_of_another_run_is_refused(
    tmp_path: Path, overrides: tuple[str, ...], facts: dict[str, Any], message: str
) -> None:
    with claim(tmp_path, short_config(tmp_path), FACTS):
        (tmp_path / "metrics.jsonl").write_text('{"step": 0}\n')
    before = (tmp_path / RUN).read_text()
    with pytest.raises(RunError) as error:
        claim(tmp_path, short_config(tmp_path, *overrides), FACTS | facts)
    expected = f"{tmp_path}: it holds another run: {message}; give another --out, or undo the change"
    assert str(error.value) == expected and (tmp_path / RUN).read_text() == before


def test_a_folder_in_which_no_step_was_made_takes_another_run(tmp_path: Path) -> None:
    """The first command failed for want of memory, say, and the second one names another setting."""
    for overrides in ((), ("rollouts.per_prompt=4",)):
        with claim(tmp_path, short_config(tmp_path, *overrides), FACTS):
            if not overrides:
                (tmp_path / "evaluations.jsonl").write_text('{"step": 0}\n')
    assert json.loads((tmp_path / RUN).read_text())["config"]["rollouts"]["per_prompt"] == 4
    assert not (tmp_path / "evaluations.jsonl").exists()


HARMLESS = (
    *("log.rollouts=false", "checkpoint.every=5", "checkpoint.keep=7", "eval.every=3", "rollouts.replay=false"),
    *(
        "sync.check_every=0",
        "runtime.address=auto",
        "student.num_cpus=2.0",
        "teacher.num_gpus=0.5",
        "rollouts.num_cpus=3.0",
    ),
)


@pytest.mark.parametrize("override", HARMLESS)
def test_what_shapes_no_update_may_change(tmp_path: Path, override: str) -> None:
    for overrides in ((), (override,)):
        with claim(tmp_path, short_config(tmp_path, *overrides), FACTS):
            (tmp_path / METRICS).write_text('{"step": 0}\n')
    key, _, value = override.partition("=")
    section, _, name = key.partition(".")
    assert str(json.loads((tmp_path / RUN).read_text())["config"][section][name]).lower() == value


def test_one_process_per_folder(tmp_path: Path) -> None:
    config = short_config(tmp_path)
    with (
        claim(tmp_path, config, FACTS),
        pytest.raises(RunError, match=r"another process trains here; wait for it, or give another --out"),
    ):
        claim(tmp_path, config, FACTS)
    with claim(tmp_path, config, FACTS):
        pass


class Saved:
    """The part of a `Student` that checkpoints touch."""

    def __init__(self) -> None:
        self.value = 0

    def save(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "value").write_text(str(self.value))

    def load(self, folder: Path) -> None:
        self.value = int((folder / "value").read_text())


def test_checkpoints_are_whole_and_the_newest_stay(tmp_path: Path) -> None:
    checkpoints, student = Checkpoints(tmp_path / "checkpoints", keep=2), Saved()
    assert checkpoints.restore(student, print) == 0  # type: ignore[arg-type]
    for steps in (5, 10, 15):
        student.value = steps
        checkpoints.save(student, steps)  # type: ignore[arg-type]
    assert [checkpoint.steps for checkpoint in checkpoints.all()] == [10, 15]
    # One that was killed before its last file.
    (tmp_path / "checkpoints" / "step-000020" / "student").mkdir(parents=True)
    student.value = 0
    assert (checkpoints.restore(student, print), student.value) == (15, 15)  # type: ignore[arg-type]
    student.value = 20
    checkpoints.save(student, 20)  # type: ignore[arg-type]
    assert [checkpoint.steps for checkpoint in checkpoints.all()] == [15, 20]
    assert (checkpoints.restore(student, print), student.value) == (20, 20)  # type: ignore[arg-type]


def test_what_was_logged_after_the_checkpoint_is_forgotten(tmp_path: Path) -> None:
    lines = [{"step": step} for step in range(5)]
    for name in (METRICS, EVALUATIONS):
        (tmp_path / name).write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"step": 5, "lo')
    with claim(tmp_path, short_config(tmp_path), FACTS) as log:
        log.begin(2)
    assert [line["step"] for line in read_lines(tmp_path / METRICS)] == [0, 1]
    assert [line["step"] for line in read_lines(tmp_path / EVALUATIONS)] == [0, 1, 2], "the exam after two steps"
