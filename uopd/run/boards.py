"""TensorBoard and Weights & Biases: they show the numbers of `metrics.jsonl` and `evaluations.jsonl`.

A run that was killed goes on from its newest checkpoint and repeats the steps after it. The two files forget those
steps, and so does TensorBoard (`purge_step`). W&B takes no step back: it ignores what comes for a step that it already
has. It therefore keeps the values of the first time, and gets from the files what it lost when the run was killed.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from sure_math.redaction import hidden_values
from uopd.config import TrainConfig
from uopd.run.folder import RunError

Values = Mapping[str, float]
_EVENTS = "events.out.tfevents."
"""Beginning of the names of TensorBoard's files; the second in which a file was begun comes next."""


class Board(Protocol):
    """Shows the numbers of a run by step."""

    def begin(self, done: int, rows: Mapping[int, Values]) -> None:
        """Go on after `done` steps. `rows` holds what the run has logged of them: step -> name -> value."""
        ...

    def add(self, step: int, values: Values, *, complete: bool) -> None:
        """Show values of a step. `complete`: these are the metrics of the step, and not an evaluation before it."""
        ...

    def close(self, *, finished: bool) -> None:
        """Write what is left. `finished`: the run has done its last step."""
        ...


class TensorBoard:
    """Event files in the folder of the run."""

    def __init__(self, folder: Path) -> None:
        """Raise ImportError if TensorBoard is not installed."""
        from torch.utils.tensorboard import SummaryWriter

        self._folder, self._open = folder, SummaryWriter
        self._writer: Any = None

    def begin(self, done: int, rows: Mapping[int, Values]) -> None:
        """Hide the steps after `done`, which are repeated. Files that cannot be continued are written again.

        TensorBoard reads the files in the order of their names. A clock that was set back would put the new file in
        front of the old ones, whose steps then would not be hidden.
        """
        earlier = sorted(self._folder.glob(f"{_EVENTS}*"))
        again = not earlier or _begun(earlier[-1]) >= int(time.time())
        if again:
            for path in earlier:
                path.unlink()
        self._writer = self._open(str(self._folder), purge_step=None if again else done)
        for step, values in sorted(rows.items()):
            if again or step >= done:
                self.add(step, values, complete=True)

    def add(self, step: int, values: Values, *, complete: bool) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()  # a killed run keeps the steps before its checkpoint

    def close(self, *, finished: bool) -> None:
        if self._writer is not None:
            self._writer.close()


class WeightsAndBiases:
    """The run at W&B. Its name there is that of the folder; its id is the run's own, so no other run has it."""

    def __init__(self, config: TrainConfig, folder: Path, run_id: str) -> None:
        try:
            import wandb  # type: ignore[import-not-found]
        except ImportError:
            raise RunError("log.wandb: it is not installed; pip install wandb, or leave log.wandb out") from None
        settings = hidden_values(config.model_dump(mode="json"))
        self._run = wandb.init(
            project=config.log.wandb, dir=str(folder), config=settings, resume="allow", id=run_id, name=folder.name
        )
        self._waiting: dict[int, dict[str, float]] = {}
        self.first = 0

    def begin(self, done: int, rows: Mapping[int, Values]) -> None:
        """Send the steps that the run has logged and W&B does not have; `first` is the first step that it lacks."""
        self.first = int(getattr(self._run, "step", 0) or 0)
        for step, values in sorted(rows.items()):
            self.add(step, values, complete=step < done)

    def add(self, step: int, values: Values, *, complete: bool) -> None:
        """Send a step once it is complete: if the run ended before, W&B would take the rest of the step no more."""
        if step < self.first:
            return
        row = {**self._waiting.pop(step, {}), **values}
        if complete:
            self._run.log(row, step=step)
        else:
            self._waiting[step] = row

    def close(self, *, finished: bool) -> None:
        if finished:
            for step, values in sorted(self._waiting.items()):
                self._run.log(values, step=step)
        self._run.finish()


def _begun(path: Path) -> int:
    """The second in which an event file was begun, by its name; 0 if the name has none."""
    second = path.name.removeprefix(_EVENTS).partition(".")[0]
    return int(second) if second.isdigit() else 0
