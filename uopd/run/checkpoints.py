"""Checkpoints: a student's state and the step it belongs to, complete or not there.

All other state of a run follows from its configuration and the step: which prompts are drawn, every seed of sampling,
the learning rate. So a run that was stopped goes on from its newest checkpoint as if it had not been.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from sure_math.storage.files import write_whole
from uopd.protocols import Student

DONE = "checkpoint.json"
STUDENT = "student"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """One that is complete."""

    folder: Path
    steps: int
    """Steps that were done when it was written."""


class Checkpoints:
    """The checkpoints of a run, newest last."""

    def __init__(self, folder: Path, keep: int) -> None:
        self._folder, self._keep = folder, keep

    def save(self, student: Student, steps: int) -> None:
        """Write one after `steps` steps, then remove the oldest beyond `keep`."""
        folder = self._folder / f"step-{steps:06d}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        student.save(folder / STUDENT)
        write_whole(folder / DONE, json.dumps({"steps": steps}).encode())
        for old in self.all()[: -self._keep]:
            shutil.rmtree(old.folder)

    def restore(self, student: Student) -> int:
        """Load the newest one; the number of steps done, 0 where there is none."""
        newest = self.newest()
        if newest is None:
            return 0
        student.load(newest.folder / STUDENT)
        return newest.steps

    def newest(self) -> Checkpoint | None:
        found = self.all()
        return found[-1] if found else None

    def all(self) -> list[Checkpoint]:
        """By steps; folders that were not finished are passed over."""
        found = []
        for path in sorted(self._folder.glob("step-*")):
            if (path / DONE).is_file():
                steps = json.loads((path / DONE).read_text(encoding="utf-8"))["steps"]
                found.append(Checkpoint(folder=path, steps=steps))
        return found
