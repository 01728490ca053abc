"""The log of a run: one line per step, one per evaluation, a progress bar, TensorBoard and Weights & Biases.

The log also holds the folder of the run: no second process can write there, and no run of another configuration.
"""

from __future__ import annotations

import json
import re
import secrets
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sure_math.command_line.progress import Lines, duration
from sure_math.models.engines.spec import SPEED_OPTIONS
from sure_math.storage.claimed_folder import ClaimedFolder, FolderInUse, RecordDamaged, changed_settings
from uopd.config import TrainConfig
from uopd.rows import Rollout
from uopd.run.boards import Board, TensorBoard, WeightsAndBiases
from uopd.run.evaluation import Evaluation
from uopd.run.folder import (
    CHECKPOINTS,
    EVALUATIONS,
    FATAL_STEPS,
    LOCK,
    METRICS,
    ROLLOUTS,
    RUN,
    RunError,
    append_line,
    check_run_folder,
    read_lines,
    write_lines,
)

HARMLESS = re.compile(
    r"^((log|checkpoint|sync|runtime)\..*|eval\.every|data\.path|rollouts\.replay|run\.max_failed_steps"
    r"|(student|teacher|reference|rollouts)\.num_[cg]pus|(batch|teacher)\.max_tokens|student\.gradient_checkpointing"
    r"|rollouts\.engines"
    rf"|(teacher|rollouts)\.engine_options\.({'|'.join(sorted(SPEED_OPTIONS))}))$"
)
"""Keys of settings that may change when a run goes on, since they shape no update, or only its last digits."""
_ID = re.compile(r"[0-9a-f]{16}")
"""Id of a run, in `run.json`: random, so that two runs in folders of one name are two runs at W&B."""
SHOWN = ("loss", "kl", "reward", "agreement", "mean_response_tokens")
"""Metrics beside the progress bar."""
SPEED_SECONDS = 3600.0
"""The time that is left follows from the steps of this time. A step may take minutes."""


class RunLog:
    """Writes the log of one run; a context manager that holds the folder of the run until it exits."""

    def __init__(self, folder: Path, config: TrainConfig, facts: Mapping[str, Any], console: Console) -> None:
        """Claim the folder.

        Args:
            facts: dataset, models and versions, for `run.json`.

        Raises:
            OutputError: the folder holds something of the user, or no folder can be there.
            RunError: another process writes here, or the folder holds a run of another configuration or dataset.
        """
        self.folder, self.console = folder, console
        self._config, self._facts = config, dict(facts)
        check_run_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._remarked: set[str] = set()
        try:
            self._claimed = ClaimedFolder(lock=folder / LOCK, record=folder / RUN)
        except FolderInUse:
            raise RunError(f"{folder}: another process trains here; wait for it, or give another --out") from None
        try:
            self._claim()
            self._wandb = WeightsAndBiases(config, folder, self._id) if config.log.wandb else None
        except BaseException:
            self._claimed.close()
            raise
        board = _tensorboard(folder, console) if config.log.tensorboard else None
        self._boards: list[Board] = [one for one in (board, self._wandb) if one is not None]
        self._done = 0
        self._repeated: dict[int, dict[str, Any]] = {}
        self._bar = Progress(
            TextColumn("step"),
            MofNCompleteColumn(),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=console,
            speed_estimate_period=SPEED_SECONDS,
        )
        self._lines = Lines(console, self._line)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, *error: object) -> None:
        self._lines.stop()
        self._bar.stop()
        for board in self._boards:
            board.close(finished=self._done >= self._config.steps)
        self._claimed.close()

    def begin(self, done: int) -> None:
        """Forget what was logged after the `done` steps of the checkpoint, since those steps are repeated."""
        logged = {name: read_lines(self.folder / name) for name in (METRICS, EVALUATIONS)}
        kept = {
            name: [line for line in logged[name] if _step_of(line) <= last]
            for name, last in ((METRICS, done - 1), (EVALUATIONS, done))
        }
        for name, lines in kept.items():
            write_lines(self.folder / name, lines)
        self._done = done
        self._repeated = {line["step"]: line for line in logged[METRICS] if done <= _step_of(line) < float("inf")}
        rows: dict[int, dict[str, float]] = {}
        for line in kept[METRICS]:
            rows.setdefault(line["step"], {}).update(_numbers(line))
        for line in kept[EVALUATIONS]:
            rows.setdefault(line["step"], {}).update(_evaluated(line))
        for board in self._boards:
            board.begin(done, rows)
        self._task = self._bar.add_task("steps", total=self._config.steps, completed=done, note="")
        self._bar.start()
        self._lines.start()

    def step(self, metrics: Mapping[str, Any]) -> None:
        """Log a step that is done."""
        append_line(self.folder / METRICS, metrics)
        self._show(metrics)
        shown = [f"{name} {metrics[name]:.3g}" for name in SHOWN if metrics.get(name) is not None]
        note = f"{metrics['tokens_per_second']:,.0f} tokens/s  {'  '.join(shown)}"
        self._bar.update(self._task, advance=1, note=note)

    def left_out(self, step: int, version: int, reason: str, rollouts: Sequence[Rollout] = ()) -> None:
        """Log a step that could not be taken."""
        tokens = sum(len(rollout.response_ids) for rollout in rollouts)
        line = {
            "step": step,
            "version": version,
            "failed": reason,
            "responses": len(rollouts),
            "response_tokens": tokens,
        }
        append_line(self.folder / METRICS, line)
        self._show(line)
        self.say(f"step {step} was left out: {reason}")
        self._bar.update(self._task, advance=1)

    def failed_steps(self) -> int:
        """Count the steps that could not be taken."""
        return sum("failed" in line for line in read_lines(self.folder / METRICS))

    def ends_the_process(self, step: int, reason: str) -> None:
        """Note that a step ends this process, so that a resumed run does not try it again."""
        append_line(self.folder / FATAL_STEPS, {"step": step, "reason": reason})

    def ended_a_process(self, step: int) -> str | None:
        """Return why a step ended an earlier process; None if it did not."""
        lines = read_lines(self.folder / FATAL_STEPS)
        return next((str(line.get("reason")) for line in lines if line.get("step") == step), None)

    def evaluation(self, steps: int, result: Evaluation) -> None:
        """Log an evaluation of the student after `steps` steps."""
        line = {
            "step": steps,
            "accuracy": result.accuracy,
            "problems": len(result.correct),
            "truncated": result.truncated,
            "mean_tokens": result.mean_tokens,
            "correct": [int(value) for value in result.correct],
        }
        append_line(self.folder / EVALUATIONS, line)
        for board in self._boards:
            board.add(steps, _evaluated(line), complete=False)
        self.say(f"after {steps} steps: {100 * result.accuracy:.1f} % of {len(result.correct)} held-out problems right")

    def evaluated(self, steps: int) -> bool:
        """Whether an evaluation after that many steps is in the log."""
        return any(_step_of(line) == steps for line in read_lines(self.folder / EVALUATIONS))

    def _line(self) -> str:
        """Say what the bar shows in one line, for a pipe or a file."""
        task = self._bar.tasks[0]
        left = task.time_remaining
        parts = (f"step {task.completed:.0f}/{task.total:.0f}", " ".join(task.fields["note"].split()))
        return ", ".join(part for part in (*parts, "" if not left else f"{duration(left)} left") if part)

    def say(self, text: str) -> None:
        """Print a line, in which nothing counts as markup."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def remark(self, kind: str, text: str) -> None:
        """Print a remark, unless another one of its kind was printed before."""
        if kind not in self._remarked:
            self.say(f"{text} (said once)")
        self._remarked.add(kind)

    def _show(self, line: Mapping[str, Any]) -> None:
        """Show a line of `metrics.jsonl` on the boards."""
        for board in self._boards:
            board.add(line["step"], _numbers(line), complete=True)
        self._compare(line)
        self._done = line["step"] + 1

    def _compare(self, metrics: Mapping[str, Any]) -> None:
        """Say so if a step was repeated with other results, and W&B has those of the first time."""
        before = self._repeated.get(metrics["step"])
        if self._wandb is None or before is None or metrics["step"] >= self._wandb.first:
            return
        if any(before.get(name) != metrics.get(name) for name in ("failed", *SHOWN)):
            self.remark(
                "wandb",
                f"step {metrics['step']} was repeated with other results than before the run was stopped; W&B takes no "
                f"step back and shows the first ones up to step {self._wandb.first - 1}; {METRICS} and TensorBoard "
                "show those that the student was trained with",
            )

    def _begun(self) -> bool:
        """Whether the folder has steps that another configuration would not have made."""
        return any(any((self.folder / name).glob("step-*")) for name in (ROLLOUTS, CHECKPOINTS)) or bool(
            read_lines(self.folder / METRICS)
        )

    def _claim(self) -> None:
        """Make the folder this run's; RunError if it holds steps of another configuration, dataset or model."""
        record = {"config": self._config.model_dump(mode="json"), **self._facts}
        self._id = secrets.token_hex(8)
        before = None
        try:
            before = self._claimed.record()
            changed = [] if before is None else list(_changes(before, record))
        except (RecordDamaged, KeyError, TypeError, AttributeError) as error:
            if self._begun():
                damaged = self.folder / RUN
                raise RunError(
                    f"{damaged}: is damaged or of another version ({type(error).__name__}), so it cannot tell whether "
                    f"this is the same run. If it is, move the file away (mv {shlex.quote(str(damaged))} "
                    f"{shlex.quote(f'{damaged}.damaged')}) and repeat the command; if not, give another --out"
                ) from None
            changed = []
        if changed and self._begun():
            raise RunError(
                f"{self.folder}: it holds another run: {'; '.join(changed[:5])}; give another --out, or undo the change"
            )
        if changed:
            (self.folder / EVALUATIONS).unlink(missing_ok=True)  # of a student that may be another
        known = None if before is None or changed else before.get("id")
        if isinstance(known, str) and _ID.fullmatch(known):
            self._id = known
        self._claimed.claim(f"{json.dumps({'id': self._id, **record}, indent=1)}\n")


def _step_of(line: Mapping[str, Any]) -> float:
    """The step of a line of a log; a line without one comes after every step."""
    step = line.get("step")
    return step if isinstance(step, int) else float("inf")


def _changes(before: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[str]:
    """What differs between two records of a run and shapes its updates."""
    for setting in changed_settings(before["config"], record["config"], harmless=HARMLESS):
        yield f"{setting.key} was {setting.before!r} and is {setting.after!r}"
    if before["dataset"]["fingerprint"] != record["dataset"]["fingerprint"]:
        yield "the dataset's content has changed"
    for role, model in before["models"].items():
        if model["fingerprint"] != record["models"].get(role, model)["fingerprint"]:
            yield f"the content of {role}.model = {model['name']} has changed"


def _numbers(line: Mapping[str, Any]) -> dict[str, float]:
    """What the boards show of a line of `metrics.jsonl`; of a step that was left out, that it was."""
    if "failed" in line:
        return {"failed": 1}
    plain = {name: value for name, value in line.items() if isinstance(value, (int, float))}
    seconds = line.get("seconds")
    return plain | {f"seconds/{name}": value for name, value in (seconds if isinstance(seconds, dict) else {}).items()}


def _evaluated(line: Mapping[str, Any]) -> dict[str, float]:
    """What the boards show of a line of `evaluations.jsonl`."""
    accuracy = line.get("accuracy")
    return {"eval/accuracy": accuracy} if isinstance(accuracy, (int, float)) else {}


def _tensorboard(folder: Path, console: Console) -> TensorBoard | None:
    try:
        return TensorBoard(folder / "tensorboard")
    except ImportError:
        console.print("no TensorBoard: pip install 'sure-math[train]', or log.tensorboard=false; metrics.jsonl has all")
        return None
