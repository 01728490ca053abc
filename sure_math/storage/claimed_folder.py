"""A folder that belongs to one configuration, and in which one process at a time writes."""

from __future__ import annotations

import fcntl
import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sure_math.command_line.settings import differing_keys
from sure_math.storage.files import write_synced


class FolderInUse(RuntimeError):
    """Another process holds the folder."""


class RecordDamaged(ValueError):
    """The file that says whose folder it is cannot be read; the message names it and the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedSetting:
    """A setting that differs from the one with which the folder was begun."""

    key: str
    before: object
    after: object


class ClaimedFolder:
    """The lock of a folder and the file with the configuration that the folder belongs to.

    A build (`.build/lock`, `.build/config.json`) and a training run (`.lock`, `run.json`) each have one. They decide
    themselves what a changed setting means.
    """

    def __init__(self, *, lock: Path, record: Path) -> None:
        """Hold the folder until `close`; the lock also ends with the process.

        Args:
            lock: file that is locked.
            record: file in JSON that says whose folder it is.

        Raises:
            FolderInUse: another process holds the lock.
            OSError: the lock cannot be opened, for example because it is a symbolic link.
        """
        self._record, self._path = record, lock
        # Nothing is cut off and no link is followed: somebody else may have put a link to another file here.
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        self._lock = os.fdopen(os.open(lock, flags, 0o666), "r+b", buffering=0)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise FolderInUse(str(lock)) from None

    def record(self) -> dict[str, Any] | None:
        """What the folder was claimed with; None if nobody has claimed it.

        Raises:
            RecordDamaged: the file is empty, cut off, or not a mapping in JSON.
        """
        if not self._record.is_file():
            return None
        try:
            record = json.loads(self._record.read_bytes())
        except (ValueError, RecursionError) as error:
            raise RecordDamaged(f"{self._record}: is damaged ({error or 'nested too deep'})") from None
        if not isinstance(record, dict):
            raise RecordDamaged(f"{self._record}: is damaged (a {type(record).__name__}, not a mapping)")
        return record

    def claim(self, record: str) -> None:
        """Write down whose folder it is from now on, as JSON. The file survives a power cut."""
        write_synced(self._record, record.encode())

    def in_place(self) -> bool:
        """Return whether the folder is still where it was: nobody has moved or deleted it since."""
        try:
            there = self._path.stat(follow_symlinks=False)
        except OSError:
            return False
        return stat.S_ISREG(there.st_mode) and os.path.samestat(there, os.fstat(self._lock.fileno()))

    def close(self) -> None:
        """Let another process have the folder."""
        self._lock.close()


def changed_settings(
    before: Mapping[str, Any], after: Mapping[str, Any], *, harmless: re.Pattern[str]
) -> list[ChangedSetting]:
    """Return the settings that differ between two resolved configurations, without those that change no result.

    Args:
        harmless: is searched in each dotted key.

    >>> changed_settings({"a": {"b": 1, "c": 2}}, {"a": {"b": 3, "c": 4}}, harmless=re.compile(r"a[.]b$"))
    [ChangedSetting(key='a.c', before=2, after=4)]
    """
    return [
        ChangedSetting(key=key, before=old, after=new)
        for key, old, new in differing_keys(before, after)
        if not harmless.search(key)
    ]
