"""Checkpoints: a student's state and the number of steps that were done. A checkpoint is complete or does not count.

All other state of a run follows from its configuration and the step: the prompts that are drawn, the seeds of sampling,
the learning rate. So a run that was stopped goes on from its newest checkpoint as if it had not been stopped.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from sure_math.storage.files import write_whole
from uopd.protocols import Student

DONE = "checkpoint.json"
"""Written last, so a folder without it is not complete."""
STUDENT = "student"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A complete checkpoint."""

    folder: Path
    steps: int
    """Steps that were done when it was written."""


class Checkpoints:
    """The checkpoints of a run, newest last."""

    def __init__(self, folder: Path, keep: int) -> None:
        self._folder, self._keep = folder, keep

    def save(self, student: Student, steps: int) -> None:
        """Write a checkpoint after `steps` steps, then remove the oldest ones beyond `keep`."""
        folder = self._folder / f"step-{steps:06d}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        student.save(folder / STUDENT)
        write_whole(folder / DONE, json.dumps({"steps": steps}).encode())
        for old in self.all()[: -self._keep]:
            shutil.rmtree(old.folder)

    def restore(self, student: Student) -> int:
        """Load the newest checkpoint into the student; return its number of steps, 0 if there is no checkpoint."""
        newest = self.newest()
        if newest is None:
            return 0
        student.load(newest.folder / STUDENT)
        return newest.steps

    def newest(self) -> Checkpoint | None:
        """The checkpoint with the most steps."""
        checkpoints = self.all()
        return checkpoints[-1] if checkpoints else None

    def all(self) -> list[Checkpoint]:
        """All complete checkpoints, by steps."""
        checkpoints = []
        for path in sorted(self._folder.glob("step-*")):
            if (path / DONE).is_file():
                steps = json.loads((path / DONE).read_text(encoding="utf-8"))["steps"]
                checkpoints.append(Checkpoint(folder=path, steps=steps))
        return checkpoints
