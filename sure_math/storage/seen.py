"""A dictionary on disk that remembers the first value of each key."""

import hashlib
import sqlite3


class Seen:
    """A dictionary that remembers the first value of each key. It is on disk, so memory does not grow with its size.

    >>> seen = Seen()
    >>> seen.first("What is 1 + 1?", "p1"), seen.first("What is 1 + 1?", "p2")
    (None, 'p1')
    """

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)  # "": a temporary file of SQLite's own
        self._connection.execute("PRAGMA journal_mode=OFF")
        self._connection.execute("CREATE TABLE seen (key BLOB PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")

    def first(self, key: str, value: str) -> str | None:
        """Return the value that this key came with first. If the key is new, remember `value` and return None."""
        name = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()[:16]
        if self._connection.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (name, value)).rowcount:
            return None
        return str(self._connection.execute("SELECT value FROM seen WHERE key = ?", (name,)).fetchone()[0])

    def close(self) -> None:
        self._connection.close()
