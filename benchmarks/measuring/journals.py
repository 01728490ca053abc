"""The rows of a journal of answered requests, read while a build may be writing it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

JournalRow = tuple[bytes, str, bytes]
"""The key of a request, its reply as JSON, and the checksum of both."""


def read_journal(path: Path) -> list[JournalRow]:
    """Return all rows of a journal; an empty list if the file, or its table, is not there yet."""
    if not path.is_file():
        return []
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as journal:
        if not journal.execute("SELECT 1 FROM sqlite_master WHERE name = 'replies'").fetchall():
            return []
        return journal.execute("SELECT key, reply, checksum FROM replies").fetchall()
