"""TensorBoard and Weights & Biases beside the files of a run, over kills and resumes.

Pinned, with real event files and a stand-in for W&B that applies its documented rule (a step that is lower than the
last one is ignored, a row is sent when the next step begins):

- after kills, TensorBoard, W&B and `metrics.jsonl` have the same steps with the same values, none lost, none twice;
- an evaluation and the metrics of its step stay together over an interrupt between them;
- two runs in folders of one name are two runs at W&B, and a run keeps its id over a resume;
- boards that are switched on later, or lose their files, or are continued with a clock set back, show the whole run;
- a step that was repeated with other results is named, because W&B keeps the first ones.
"""

import json
import multiprocessing
import os
import sys
import types
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.helpers.short_training_runs import short_config
from tests.uopd.test_resume import FACTS
from uopd.run.evaluation import Evaluation
from uopd.run.folder import EVALUATIONS, METRICS, RUN, RunError, read_lines
from uopd.run.log import RunLog

BOARDS = ("log.tensorboard=true", "log.wandb=a-project", "run.steps=6")
RIGHT = Evaluation(correct=(True, False), truncated=0, mean_tokens=3.0)


class Service:
    """What W&B's server has of one run, in a file; a process that is killed loses the row that it had not sent."""

    def __init__(self, folder: Path, run_id: str) -> None:
        self._file = folder / f"{run_id}.json"
        self.rows: dict[int, dict[str, float]] = {}
        if self._file.is_file():
            self.rows = {int(step): row for step, row in json.loads(self._file.read_text()).items()}
        self.step = max(self.rows, default=-1) + 1
        self._row: dict[str, float] = {}

    def log(self, values: dict[str, float], step: int) -> None:
        if step < self.step:
            return
        if step > self.step:
            self._send()
        self.step = step
        self._row |= values

    def finish(self) -> None:
        self._send()

    def _send(self) -> None:
        if self._row:
            self.rows[self.step] = self._row
            self._file.write_text(json.dumps(self.rows))
        self._row = {}


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the stand-in in the place of the package; return the folder of its runs."""
    folder = tmp_path / "service"
    folder.mkdir()
    module = types.ModuleType("wandb")
    module.init = lambda *, id, **options: Service(folder, id)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", module)
    return folder


def metrics(step: int, loss: float | None = None) -> dict[str, Any]:
    return {
        "step": step,
        "loss": 1 / (step + 1) if loss is None else loss,
        "tokens_per_second": 100.0,
        "seconds": {"rollout": 1.0},
    }


def opened(out: Path, *overrides: str) -> RunLog:
    return RunLog(out, short_config(out.parent, *BOARDS, *overrides), FACTS, Console(file=StringIO()))


def killed(out: Path, work: Callable[[RunLog], None], *overrides: str) -> None:
    """Do `work` on the log of a run in a process that then ends as kill -9 ends it."""

    def run() -> None:
        work(opened(out, *overrides).__enter__())
        os._exit(9)

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join(120)
    assert process.exitcode == 9


def steps(log: RunLog, numbers: range, done: int, *, evaluate: tuple[int, ...] = ()) -> None:
    """Go on after `done` steps, and do the steps with these numbers."""
    log.begin(done)
    for step in numbers:
        if step in evaluate and not log.evaluated(step):
            log.evaluation(step, RIGHT)
        log.step(metrics(step))


def board_of(out: Path, name: str) -> list[tuple[int, float]]:
    """What TensorBoard shows."""
    board = EventAccumulator(str(out / "tensorboard"), size_guidance={"scalars": 0})
    board.Reload()
    return [(event.step, event.value) for event in board.Scalars(name)]


def history(service: Path, name: str) -> list[tuple[int, float]]:
    (file,) = service.iterdir()
    rows = {int(step): row for step, row in json.loads(file.read_text()).items()}
    return [(step, rows[step][name]) for step in sorted(rows) if name in rows[step]]


def check_agree(out: Path, service: Path, count: int, evaluated: tuple[int, ...] = ()) -> None:
    lines = [(line["step"], line["loss"]) for line in read_lines(out / METRICS)]
    assert lines == [(step, 1 / (step + 1)) for step in range(count)]
    assert history(service, "loss") == lines
    shown = board_of(out, "loss")
    assert [step for step, _ in shown] == list(range(count))
    assert [loss for _, loss in shown] == pytest.approx([loss for _, loss in lines])  # of 32 bits
    assert history(service, "seconds/rollout") == [(step, 1.0) for step in range(count)]
    assert [line["step"] for line in read_lines(out / EVALUATIONS)] == list(evaluated)
    if evaluated:
        assert history(service, "eval/accuracy") == [(step, 0.5) for step in evaluated]
        assert board_of(out, "eval/accuracy") == [(step, 0.5) for step in evaluated]


@pytest.mark.parametrize("checkpoint", [0, 2, 3])
def test_after_kills_all_three_have_the_same_steps(tmp_path: Path, service: Path, checkpoint: int) -> None:
    """Killed twice after three steps, with the newest checkpoint after none, two or all of them."""
    out = tmp_path / "run"
    killed(out, lambda log: steps(log, range(3), 0))
    killed(out, lambda log: steps(log, range(checkpoint, 3), checkpoint))
    with opened(out) as log:
        steps(log, range(checkpoint, 6), checkpoint)
    check_agree(out, service, 6)


def test_an_evaluation_stays_with_the_step_it_came_before(tmp_path: Path, service: Path) -> None:
    """Interrupted between the evaluation after two steps and the third step; the last one comes after all steps."""
    out = tmp_path / "run"
    with opened(out) as log:
        steps(log, range(2), 0, evaluate=(0,))
        log.evaluation(2, RIGHT)
    killed(out, lambda log: steps(log, range(2, 3), 2, evaluate=(2,)))
    with opened(out) as log:
        steps(log, range(2, 6), 2, evaluate=(2, 4))
        log.evaluation(6, RIGHT)
    check_agree(out, service, 6, evaluated=(0, 2, 4, 6))


def test_two_runs_in_folders_of_one_name_are_two_runs(tmp_path: Path, service: Path) -> None:
    outs = [tmp_path / name / "uopd-run" for name in "ab"]
    for out in outs:
        out.parent.mkdir()
        with opened(out) as log:
            steps(log, range(2), 0)
    ids = [json.loads((out / RUN).read_text())["id"] for out in outs]
    assert ids[0] != ids[1] and {path.stem for path in service.iterdir()} == set(ids)
    with opened(outs[0]) as log:
        steps(log, range(2, 6), 2)
    assert json.loads((outs[0] / RUN).read_text())["id"] == ids[0]
    rows = json.loads((service / f"{ids[0]}.json").read_text())
    assert [row["loss"] for row in rows.values()] == [1 / (step + 1) for step in range(6)]


def test_a_run_of_another_configuration_in_a_folder_without_steps_gets_another_id(tmp_path: Path) -> None:
    plain = ("log.tensorboard=false", "log.wandb=null")
    ids = []
    for overrides in ((), (), ("rollouts.per_prompt=4",)):
        with opened(tmp_path / "run", *plain, *overrides):
            ids.append(json.loads((tmp_path / "run" / RUN).read_text())["id"])
    assert ids[0] == ids[1] != ids[2]


def test_boards_that_are_switched_on_later_show_the_whole_run(tmp_path: Path, service: Path) -> None:
    out = tmp_path / "run"
    with opened(out, "log.tensorboard=false", "log.wandb=null") as log:
        steps(log, range(3), 0, evaluate=(0, 2))
    with opened(out) as log:
        steps(log, range(3, 6), 3)
    check_agree(out, service, 6, evaluated=(0, 2))


def test_a_clock_that_was_set_back_hides_no_step_and_shows_none_twice(tmp_path: Path, service: Path) -> None:
    out = tmp_path / "run"
    killed(out, lambda log: steps(log, range(4), 0))
    for path in (out / "tensorboard").iterdir():
        stamp = path.name.split(".")[3]
        path.rename(path.with_name(path.name.replace(stamp, f"{int(stamp) + 86400}")))
    with opened(out) as log:
        steps(log, range(2, 6), 2)
    check_agree(out, service, 6)


def test_a_step_repeated_with_other_results_is_named(tmp_path: Path, service: Path) -> None:
    out = tmp_path / "run"
    with opened(out) as log:
        steps(log, range(4), 0)
    screen = StringIO()
    with RunLog(out, short_config(tmp_path, *BOARDS), FACTS, Console(file=screen, width=400)) as log:
        log.begin(2)
        log.step(metrics(2, loss=7.0))
        log.step(metrics(3))
        log.step(metrics(4))
    assert "step 2 was repeated with other results" in screen.getvalue()
    assert "shows the first ones up to step 3; metrics.jsonl and TensorBoard" in screen.getvalue()
    assert board_of(out, "loss")[2] == (2, 7.0) and history(service, "loss")[2] == (2, 1 / 3)


def test_a_step_that_was_left_out_is_on_the_boards(tmp_path: Path, service: Path) -> None:
    out = tmp_path / "run"

    def two_steps(log: RunLog) -> None:
        log.begin(0)
        log.step(metrics(0))
        log.left_out(1, 1, "the loss is nan")

    killed(out, two_steps)
    with opened(out) as log:
        steps(log, range(2, 6), 2)
    assert history(service, "failed") == board_of(out, "failed") == [(1, 1.0)]
    assert [step for step, _ in history(service, "loss")] == [0, 2, 3, 4, 5]
    assert [step for step, _ in board_of(out, "loss")] == [0, 2, 3, 4, 5]


def test_a_run_without_the_package_lets_its_folder_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(
        RunError, match=r"log.wandb: it is not installed; pip install wandb, or leave log.wandb out"
    ) as kept:
        opened(tmp_path / "run")
    with opened(tmp_path / "run", "log.wandb=null"):
        assert kept.value  # the error, and with it the log that was not opened, is still there
