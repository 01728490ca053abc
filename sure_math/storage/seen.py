"""A dictionary on disk that remembers the first value of each key."""

import errno
import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


class Seen:
    """A dictionary that remembers the first value of each key. It is on disk, so memory does not grow with its size.

    >>> seen = Seen()
    >>> seen.first("What is 1 + 1?", "p1"), seen.first("What is 1 + 1?", "p2")
    (None, 'p1')
    """

    def __init__(self) -> None:
        with _disk_errors():
            self._connection = sqlite3.connect("", isolation_level=None)  # "": a temporary file of SQLite's own
            self._connection.execute("PRAGMA journal_mode=OFF")
            self._connection.execute("CREATE TABLE seen (key BLOB PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")

    def first(self, key: str, value: str) -> str | None:
        """Return the value that this key came with first. If the key is new, remember `value` and return None."""
        name = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()[:16]
        with _disk_errors():
            if self._connection.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (name, value)).rowcount:
                return None
            return str(self._connection.execute("SELECT value FROM seen WHERE key = ?", (name,)).fetchone()[0])

    def close(self) -> None:
        self._connection.close()


@contextmanager
def _disk_errors() -> Iterator[None]:
    """Turn a full or failing disk into an `OSError` that names the folder of temporary files, which is another disk."""
    try:
        yield
    except sqlite3.OperationalError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
            raise
        number = errno.ENOSPC if code == sqlite3.SQLITE_FULL else errno.EIO
        folder = os.environ.get("SQLITE_TMPDIR") or tempfile.gettempdir()
        raise OSError(number, os.strerror(number), folder) from None
