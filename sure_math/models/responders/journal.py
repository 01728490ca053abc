"""The journal of answered requests: replies on disk, by the key of the request (`recorded.py` makes the keys).

One transaction holds one batch of the engine, so a killed run repeats at most the batch in flight.

A damaged row counts as not answered, whatever its damage: a wrong checksum, another type, text that is not UTF-8. If
pages of the file are damaged, the rows that can still be read are written into the file anew, and the others are gone.
An error ends the run if the first page is damaged, which says what the file is, or the page through which all rows are
found: SQLite's own tools can save more of such a file.

A damaged row is asked again, alone and not with its batch. A batch of another size is padded in another
way: the text is the same with an engine that repeats itself, but the last digits of its log-probabilities may differ,
and with them the weight from about the ninth decimal on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import os
import sqlite3
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from sure_math.batched import batched
from sure_math.models.engines import Refusal
from sure_math.models.responders.chat import Reply
from sure_math.storage.files import locked_folder, unshare

Answered = Reply | Refusal
_T = TypeVar("_T")
_TABLE = """
CREATE TABLE IF NOT EXISTS replies (key BLOB PRIMARY KEY, reply TEXT NOT NULL, checksum BLOB NOT NULL) WITHOUT ROWID
"""
_KEYS_PER_QUERY = 500
"""The oldest builds of SQLite take at most 999 parameters."""
_DAMAGES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_TOOBIG})
"""What SQLite says of a damaged page; a text of a gigabyte is a length that is damaged."""
_FEW_PAGES = 8
"""A file of so many pages may be written anew even if none of its replies can be read."""


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
        """How many damaged rows were found. Their requests are asked again."""
        self.kept: int | None = None
        """How many replies were still readable in a file with damaged pages; None if no page was damaged."""
        # The ranks of an evaluation open one journal: none may copy a file of it that another one has open already.
        with self._errors(), locked_folder(path.parent):
            for ending in ("", "-wal", "-shm"):
                unshare(path.with_name(path.name + ending))
            self._connection = sqlite3.connect(path, isolation_level=None)
            self._connection.text_factory = bytes  # a damaged text need not be UTF-8
            self._through_damage(self._prepare)

    def find(self, keys: Sequence[bytes]) -> dict[bytes, Answered]:
        """Return the stored replies by key. A damaged row counts as not answered."""
        replies: dict[bytes, Answered] = {}
        with self._errors():
            for part in batched(keys, _KEYS_PER_QUERY):
                replies |= self._through_damage(functools.partial(self._find, part))
        return replies

    def add(self, replies: Mapping[bytes, Answered]) -> None:
        """Store one batch: all of it or, if the process dies, none of it."""
        rows = [(key, text, _checksum(key, text)) for key, text in ((key, _encode(r)) for key, r in replies.items())]
        with self._errors():
            self._through_damage(functools.partial(self._add, rows))

    def damage(self) -> str | None:
        """Say in one line what was damaged; None if nothing was.

        >>> journal.damage()  # doctest: +SKIP
        'journal: 2 damaged rows were asked again'
        """
        if self.kept is not None:
            return (
                f"journal: pages of {self.path} were damaged; {self.kept:,} replies could be read and are kept, the "
                "others were asked again"
            )
        return f"journal: {self.damaged:,} damaged rows were asked again" if self.damaged else None

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA journal_mode=WAL")
        # A batch takes seconds and its sync milliseconds: what an engine has answered survives a power cut too.
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute(_TABLE)

    def _find(self, keys: Sequence[bytes]) -> dict[bytes, Answered]:
        replies: dict[bytes, Answered] = {}
        damaged = 0
        query = f"SELECT key, reply, checksum FROM replies WHERE key IN ({','.join('?' * len(keys))})"
        for key, text, checksum in self._connection.execute(query, keys):
            if _is_whole(key, text, checksum):
                replies[key] = _decode(text)
            else:
                damaged += 1
        self.damaged += damaged
        return replies

    def _add(self, rows: Sequence[tuple[bytes, str, bytes]]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany("INSERT OR REPLACE INTO replies VALUES (?, ?, ?)", rows)
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _through_damage(self, read_or_write: Callable[[], _T]) -> _T:
        """Do something with the file. If a page turns out to be damaged, write the file anew and do it again."""
        try:
            return read_or_write()
        except sqlite3.DatabaseError as error:
            if not _says_damage(error):
                raise
            self._write_anew(error)
            return read_or_write()

    def _write_anew(self, damage: sqlite3.DatabaseError) -> None:
        """Replace the content of the file by the rows that can be read. Other processes may have it open meanwhile.

        Raises:
            sqlite3.DatabaseError: `damage`, if nothing can be read of a file with many pages.
        """
        self._connection.execute("PRAGMA writable_schema=ON")  # reads a file that has fewer pages than it says
        ((pages,),) = self._connection.execute("PRAGMA page_count")
        ((size,),) = self._connection.execute("PRAGMA page_size")
        with (
            tempfile.TemporaryDirectory(prefix="journal-", dir=self.path.parent) as folder,
            contextlib.closing(sqlite3.connect(Path(folder) / "new", isolation_level=None)) as new,
        ):
            new.execute(f"PRAGMA page_size={size}")
            new.execute(_TABLE)
            new.execute("BEGIN")
            self._copy_range(new, b"", None, halvings=int(pages).bit_length() + 3)
            new.execute("COMMIT")
            ((kept,),) = new.execute("SELECT count(*) FROM replies")
            if not kept and pages > _FEW_PAGES:
                raise damage
            new.backup(self._connection)
        self._connection.execute("PRAGMA writable_schema=OFF")
        self.kept = int(kept)

    def _copy_range(self, new: sqlite3.Connection, low: bytes, high: bytes | None, *, halvings: int) -> None:
        """Copy the whole rows with keys from `low` to before `high`; a range that cannot be read is halved.

        Keys are digests, so they lie evenly, and a range of the last halving is smaller than a page.
        """
        if not self._copy_rows(new, low, high) and halvings:
            middle = _middle(low, high)
            self._copy_range(new, low, middle, halvings=halvings - 1)
            self._copy_range(new, middle, high, halvings=halvings - 1)

    def _copy_rows(self, new: sqlite3.Connection, low: bytes, high: bytes | None) -> bool:
        """Copy the whole rows of a range up to the first damaged page; return whether there was no such page."""
        query = f"SELECT key, reply, checksum FROM replies WHERE key >= ?{'' if high is None else ' AND key < ?'}"
        try:
            for key, text, checksum in self._connection.execute(query, (low,) if high is None else (low, high)):
                if _is_whole(key, text, checksum):
                    new.execute("INSERT OR IGNORE INTO replies VALUES (?, ?, ?)", (key, text.decode(), checksum))
        except sqlite3.DatabaseError as error:
            if not _says_damage(error):
                raise
            return False
        return True

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
        unshare(path)
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


def _decode(text: bytes) -> Answered:
    fields = json.loads(text)
    return Refusal(**fields) if fields.pop("refused") else Reply(**fields)


def _is_whole(key: object, text: object, checksum: object) -> bool:
    """Return whether a row is as it was written; a damaged row may hold values of any type."""
    return isinstance(key, bytes) and isinstance(text, bytes) and _digest(key + text) == checksum


def _says_damage(error: sqlite3.DatabaseError) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGES  # the lowest byte is the kind of error


def _middle(low: bytes, high: bytes | None) -> bytes:
    """Return a key halfway between two, by their first 8 bytes."""
    first = int.from_bytes(low.ljust(8, b"\0")[:8], "big")
    last = 1 << 64 if high is None else int.from_bytes(high.ljust(8, b"\0")[:8], "big")
    return ((first + last) // 2).to_bytes(8, "big")


def canonical_json(value: object) -> str:
    """Write a value as JSON in one canonical way, for keys and digests."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _checksum(key: bytes, text: str) -> bytes:
    return _digest(key + text.encode())


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=8).digest()
