"""Checkpoints: a student's state and the number of steps that were done. A checkpoint is complete or does not count.

All other state of a run follows from its configuration and the step: the prompts that are drawn, the seeds of sampling,
the learning rate. So a run that was stopped goes on from its newest checkpoint as if it had not been stopped.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from sure_math.storage.files import sync_tree, write_synced
from uopd.protocols import Student

DONE = "checkpoint.json"
"""Written last, so a folder without it is not complete."""
STUDENT = "student"
_NAME = re.compile(r"step-(\d{6,})")
"""Other names, such as a copy that the user has made, are no checkpoints of the run."""


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
        _remove(folder)
        folder.mkdir(parents=True, exist_ok=True)
        student.save(folder / STUDENT)
        sync_tree(folder)
        files = {path.name: path.stat().st_size for path in sorted((folder / STUDENT).iterdir())}
        write_synced(folder / DONE, json.dumps({"steps": steps, "files": files}).encode())
        for old in self.all()[: -self._keep]:
            _remove(old.folder)

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
        for path in sorted(self._folder.iterdir()) if self._folder.is_dir() else ():
            name = _NAME.fullmatch(path.name)
            if name and _whole(path, int(name[1])):
                checkpoints.append(Checkpoint(folder=path, steps=int(name[1])))
        return sorted(checkpoints, key=lambda checkpoint: checkpoint.steps)


def _whole(folder: Path, steps: int) -> bool:
    """Whether a checkpoint was written to its end and its files still have their sizes.

    A checkpoint that an early version wrote does not list its files.
    """
    try:
        done = json.loads((folder / DONE).read_bytes())
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError, RecursionError):
        return False
    if not isinstance(done, dict) or done.get("steps") != steps or not (folder / STUDENT).is_dir():
        return False
    files = done.get("files", {})
    return isinstance(files, dict) and all(
        (folder / STUDENT / name).is_file() and (folder / STUDENT / name).stat().st_size == size
        for name, size in files.items()
    )


def _remove(folder: Path) -> None:
    """Remove a checkpoint, the record first. What a user has put beside the student stays."""
    if folder.is_symlink() or not folder.is_dir():
        return
    (folder / DONE).unlink(missing_ok=True)
    for name in (STUDENT, f"{STUDENT}.tmp"):
        if (folder / name).is_dir() and not (folder / name).is_symlink():
            shutil.rmtree(folder / name)
    if not any(folder.iterdir()):
        folder.rmdir()
