"""The journal of answered requests: replies on disk, by the key of the request (`recorded.py` makes the keys).

One transaction holds one batch of the engine, so a killed run repeats at most the batch in flight.

A row whose checksum is wrong is asked again, alone and not with its batch. A batch of another size is padded in another
way: the text is the same with an engine that repeats itself, but the last digits of its log-probabilities may differ,
and with them the weight from about the ninth decimal on.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from sure_math.batched import batched
from sure_math.models.engines import Refusal
from sure_math.models.responders.chat import Reply

Answered = Reply | Refusal
_TABLE = """
CREATE TABLE IF NOT EXISTS replies (key BLOB PRIMARY KEY, reply TEXT NOT NULL, checksum BLOB NOT NULL) WITHOUT ROWID
"""
_KEYS_PER_QUERY = 500
"""The oldest builds of SQLite take at most 999 parameters."""


class JournalError(RuntimeError):
    """The journal cannot be read or written; the message says how to go on."""


class Journal:
    """Answered requests on disk (SQLite, write-ahead log). Memory is bounded by SQLite's page cache.

    >>> journal = Journal(Path("journal.sqlite"))  # doctest: +SKIP
    >>> journal.find([b"key of a request"])  # doctest: +SKIP
    {}
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged = 0
        """How many rows had a wrong checksum. Their requests are asked again."""
        with self._errors():
            self._connection = sqlite3.connect(path, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
            # A batch takes seconds and its sync milliseconds: what an engine has answered survives a power cut too.
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute(_TABLE)

    def find(self, keys: Sequence[bytes]) -> dict[bytes, Answered]:
        """Return the stored replies by key. A row whose checksum is wrong counts as not answered."""
        replies = {}
        with self._errors():
            for part in batched(keys, _KEYS_PER_QUERY):
                query = f"SELECT key, reply, checksum FROM replies WHERE key IN ({','.join('?' * len(part))})"
                for key, text, checksum in self._connection.execute(query, part):
                    if _checksum(key, text) == checksum:
                        replies[key] = _decode(text)
                    else:
                        self.damaged += 1
        return replies

    def add(self, replies: Mapping[bytes, Answered]) -> None:
        """Store one batch: all of it or, if the process dies, none of it."""
        rows = [(key, text, _checksum(key, text)) for key, text in ((key, _encode(r)) for key, r in replies.items())]
        with self._errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany("INSERT OR REPLACE INTO replies VALUES (?, ?, ?)", rows)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        self._connection.close()

    def _errors(self) -> _SqliteErrors:
        return _SqliteErrors(self.path)


@dataclasses.dataclass
class _SqliteErrors:
    """Turns SQLite's errors into a `JournalError` that says how to go on."""

    path: Path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, sqlite3.Error):
            return
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise JournalError(
                f"no space left on the disk of {self.path.parent}: free some and repeat the command; what is computed "
                "so far is kept"
            ) from error
        raise JournalError(
            f"the journal of answered requests {self.path} cannot be used ({error}). If it is damaged, move it away "
            f"(mv {self.path} {self.path}.damaged; rm -f {self.path}-wal {self.path}-shm) and repeat the command: "
            "finished shards are kept, the requests of unfinished ones are asked again"
        ) from error


class CallLog:
    """A file with one line per answered request, written before the journal's commit. Tests check resuming with it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab+", buffering=0)
        size = self._file.seek(0, os.SEEK_END)
        if size:
            self._file.seek(size - 1)
            if self._file.read(1) != b"\n":  # the line a killed process left half written
                self._file.write(b"\n")

    def add(self, role: str, keys: Sequence[bytes]) -> None:
        lines = "".join(f'{{"role": "{role}", "key": "{key.hex()}"}}\n' for key in keys)
        self._file.write(lines.encode())

    def close(self) -> None:
        self._file.close()


def _encode(answer: Answered) -> str:
    return canonical_json({"refused": isinstance(answer, Refusal), **dataclasses.asdict(answer)})


def _decode(text: str) -> Answered:
    fields = json.loads(text)
    return Refusal(**fields) if fields.pop("refused") else Reply(**fields)


def canonical_json(value: object) -> str:
    """Write a value as JSON in one canonical way, for keys and digests."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _checksum(key: bytes, text: str) -> bytes:
    return hashlib.blake2b(key + text.encode(), digest_size=8).digest()
