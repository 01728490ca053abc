"""Checkpoints: a student's state and the number of steps that were done. A checkpoint is complete or does not count.

A checkpoint lists its files with their digests (SHA-256). Before it is loaded the digests are computed again, so bytes
that a disk or a copy has changed are noticed. This takes about 0.6 s per GB where the processor has instructions for
SHA-256, and 2 s where it has none; several files are read at the same time.

All other state of a run follows from its configuration and the step: the prompts that are drawn, the seeds of sampling,
the learning rate. So a run that was stopped goes on from its newest checkpoint as if it had not been stopped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sure_math.storage.files import file_digest, sync_tree, write_synced
from sure_math.storage.output_folder import clear_staging
from uopd.protocols import Student
from uopd.run.folder import RunError

DONE = "checkpoint.json"
"""Written last, so a folder without it is not complete."""
STUDENT = "student"
_NAME = re.compile(r"step-(\d{6,})")
"""Other names, such as a copy that the user has made, are no checkpoints of the run."""
_OWN_FILE = re.compile(r"student[\w-]*\.(json|safetensors)")
"""Files of a student that a killed run has left without a record."""
_READERS = 4
"""Files whose digests are computed at the same time."""


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
        files = sorted((folder / STUDENT).iterdir())
        record = {
            "steps": steps,
            "files": {path.name: path.stat().st_size for path in files},
            "sha256": dict(zip((path.name for path in files), _digests(files), strict=True)),
        }
        write_synced(folder / DONE, json.dumps(record).encode())
        # A checkpoint of more steps is left from before the run went back; it must not take the place of a good one.
        for old in [known for known in self.all() if known.steps <= steps][: -self._keep]:
            _remove(old.folder)

    def restore(self, student: Student, say: Callable[[str], None]) -> int:
        """Load the newest checkpoint that is as it was written; return its number of steps.

        Args:
            say: is told of each damaged checkpoint that is passed over.

        Returns:
            0 if no checkpoint was written to its end.

        Raises:
            RunError: all checkpoints are damaged.
        """
        damaged = []
        for folder, steps in reversed(self._folders()):
            damage = _damage(folder, steps, look_inside=True)
            if damage is None:
                student.load(folder / STUDENT)
                return steps
            if damage:
                damaged.append(damage)
                say(f"{damage}; the checkpoint is damaged and is passed over")
        if damaged:
            raise RunError(
                f"{self._folder}: no checkpoint is as it was written ({'; '.join(damaged)}); put a copy back, or move "
                f"{self._folder} away to train from the beginning"
            )
        return 0

    def all(self) -> list[Checkpoint]:
        """All complete checkpoints, by steps. Files are known by their sizes here."""
        return [
            Checkpoint(folder=folder, steps=steps)
            for folder, steps in self._folders()
            if _damage(folder, steps, look_inside=False) is None
        ]

    def _folders(self) -> list[tuple[Path, int]]:
        """List the folders with the name of a checkpoint, and the steps in their names, by steps."""
        paths = sorted(self._folder.iterdir()) if self._folder.is_dir() else []
        named = [(path, _NAME.fullmatch(path.name)) for path in paths]
        return sorted(((path, int(name[1])) for path, name in named if name), key=lambda one: one[1])


def _damage(folder: Path, steps: int, *, look_inside: bool) -> str | None:
    """Say what is wrong with a checkpoint: None if nothing is, empty if it was not written to its end.

    A checkpoint that an early version wrote lists no digests, or no files.

    Args:
        look_inside: compare digests, not sizes alone.
    """
    record = folder / DONE
    if not record.exists():
        return ""
    if not record.is_file():
        return f"{record}: is no plain file"
    try:
        done: Any = json.loads(record.read_bytes())
    except (OSError, ValueError, RecursionError):
        return f"{record}: cannot be read"
    if not isinstance(done, dict) or done.get("steps") != steps:
        return f"{record}: is not the record of {steps} steps"
    sizes, digests = done.get("files", {}), done.get("sha256", {})
    if not isinstance(sizes, dict) or not isinstance(digests, dict):
        return f"{record}: lists no files"
    student = folder / STUDENT
    if not student.is_dir():
        return f"{student}: is missing"
    for name, size in sizes.items():
        if not (student / name).is_file():
            return f"{student / name}: is missing"
        if (student / name).stat().st_size != size:
            return f"{student / name}: has {(student / name).stat().st_size:,} bytes and was written with {size:,}"
    if not look_inside:
        return None
    files = [student / name for name in sizes if name in digests]
    changed = [path for path, digest in zip(files, _digests(files), strict=True) if digest != digests[path.name]]
    return f"{changed[0]}: its content is not what was written" if changed else None


def _listed(record: Path) -> frozenset[str]:
    """The names of the student's files that a record lists; none if it is missing or damaged."""
    try:
        done = json.loads(record.read_bytes()) if record.is_file() else None
    except (OSError, ValueError, RecursionError):
        return frozenset()
    files = done.get("files") if isinstance(done, dict) else None
    return frozenset(files) if isinstance(files, dict) else frozenset()


def _digests(files: Sequence[Path]) -> list[str]:
    with ThreadPoolExecutor(_READERS) as readers:  # hashlib lets other threads run
        return list(readers.map(file_digest, files))


def _remove(folder: Path) -> None:
    """Remove a checkpoint, the record first. What a user has put into it stays."""
    if folder.is_symlink() or not folder.is_dir():
        return
    listed = _listed(folder / DONE)
    (folder / DONE).unlink(missing_ok=True)
    for name in (STUDENT, f"{STUDENT}.tmp"):
        if (folder / name).is_dir() and not (folder / name).is_symlink():
            clear_staging(folder / name, lambda file: file in listed or _OWN_FILE.fullmatch(file))
    if not any(folder.iterdir()):
        folder.rmdir()
