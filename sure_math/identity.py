"""Ids, seeds of randomness and fingerprints: everything here is a digest of what something is, never of when it ran."""

import hashlib
import json
import sqlite3
import unicodedata


def digest(value: object) -> str:
    """SHA-256 (hex) of a JSON value, the same whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def short_id(value: object) -> str:
    """The first 64 bits of `digest`, in hex: names a row among any number a dataset can have."""
    return digest(value)[:16]


def random_seed(run_seed: int, role: str, problem_id: str, index: int) -> int:
    """The seed of one request, in [0, 2**63): from the run, what is asked, of which problem, and which sample."""
    content = hashlib.sha256(f"{run_seed}/{role}/{problem_id}/{index}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(content[:8], "big") >> 1


def normalised(text: str) -> str:
    """The text without differences that make no other problem: Unicode forms, case, white space, a final stop."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).rstrip(" .?!")


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
