"""A dictionary on disk that remembers the first value of each key."""

import hashlib
import sqlite3


class Seen:
    """A dictionary that remembers the first value of each key, on disk: memory does not grow with its size."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)  # "": a temporary file of SQLite's own
        self._connection.execute("PRAGMA journal_mode=OFF")
        self._connection.execute("CREATE TABLE seen (key BLOB PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")

    def first(self, key: str, value: str) -> str | None:
        """The value this key came with before; None, and `value` is kept, where the key is new."""
        name = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()[:16]
        if self._connection.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (name, value)).rowcount:
            return None
        return str(self._connection.execute("SELECT value FROM seen WHERE key = ?", (name,)).fetchone()[0])

    def close(self) -> None:
        self._connection.close()
