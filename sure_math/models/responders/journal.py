"""The journal of answered requests, and the responder that asks a model only for what is not in it.

The key of a request is its content: messages, model and its fingerprint, sampling settings, seed. A changed shard
size, another rank or a longer seed file therefore lose nothing, and a changed prompt or model asks anew what depends
on it. One transaction holds one batch of the engine, so a killed run repeats at most the batch in flight.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sure_math.models.engines import Interrupted, ModelIdentity, Refusal, Sampling
from sure_math.models.responders.chat import Question, Reply, Responder

Answered = Reply | Refusal
_TABLE = """
CREATE TABLE IF NOT EXISTS replies (key BLOB PRIMARY KEY, reply TEXT NOT NULL, checksum BLOB NOT NULL) WITHOUT ROWID
"""
_KEYS_PER_QUERY = 500  # SQLite takes at most 999 parameters in its oldest builds


class JournalError(RuntimeError):
    """The journal cannot be read or written; the message says how to go on."""


class Journal:
    """Answered requests on disk (SQLite, write-ahead log); memory is bounded by SQLite's page cache."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged = 0
        """Rows whose checksum was wrong; they are asked again."""
        with self._errors():
            self._connection = sqlite3.connect(path, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
            # A batch takes seconds and its sync milliseconds: what an engine has answered survives a power cut too.
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute(_TABLE)

    def find(self, keys: Sequence[bytes]) -> dict[bytes, Answered]:
        """The replies that are there; a row whose checksum is wrong counts as not answered."""
        found = {}
        with self._errors():
            for start in range(0, len(keys), _KEYS_PER_QUERY):
                some = keys[start : start + _KEYS_PER_QUERY]
                query = f"SELECT key, reply, checksum FROM replies WHERE key IN ({','.join('?' * len(some))})"
                for key, text, checksum in self._connection.execute(query, some):
                    if _checksum(key, text) == checksum:
                        found[key] = _decode(text)
                    else:
                        self.damaged += 1
        return found

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
    """Turns SQLite's errors into ones that say how to go on."""

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
    """One line per request an engine has answered, written before the journal's commit: what resuming is checked by."""

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


class RecordedResponder:
    """A responder behind the journal: asks the model for what is missing, in batches that do not depend on it.

    Batches are cut from the full list of requests, `batch_size` sequences each, before answered ones are taken out:
    a resumed run forms the batches of an uninterrupted one, and padding changes no float.
    """

    def __init__(
        self,
        responder: Responder,
        *,
        role: str,
        journal: Journal,
        log: CallLog,
        batch_size: int,
        settings: Mapping[str, Any],
        on_batch: Callable[[int], None] = lambda asked: None,
    ) -> None:
        """`settings` shape a reply and are in neither the sampling nor the identity: template options, dtype."""
        self._responder, self._role, self._journal, self._log = responder, role, journal, log
        self._batch_size, self._settings, self._on_batch = batch_size, dict(settings), on_batch

    @property
    def identity(self) -> ModelIdentity:
        return self._responder.identity

    def ask(self, questions: Sequence[Question], sampling: Sampling) -> list[tuple[Reply, ...] | Refusal]:
        """One entry per question, in order; every reply is in the journal when this returns."""
        prefix = self._prefix(sampling)
        return [
            answer
            for batch in _batches(questions, self._batch_size)
            for answer in self._ask_batch([(question, _keys(prefix, question)) for question in batch], sampling)
        ]

    def close(self) -> None:
        self._responder.close()

    def _prefix(self, sampling: Sampling) -> str:
        identity = self.identity
        model = {"name": identity.name, "fingerprint": identity.fingerprint, "logprob_mode": identity.logprob_mode}
        return _canonical({"model": model, "sampling": dataclasses.asdict(sampling), "settings": self._settings})

    def _ask_batch(
        self, batch: Sequence[tuple[Question, Sequence[bytes]]], sampling: Sampling
    ) -> list[tuple[Reply, ...] | Refusal]:
        known = self._journal.find([key for _, keys in batch for key in keys])
        missing = []
        taken = set(known)  # two equal requests of one batch are one request
        for question, keys in batch:
            open_keys = [key for key in keys if key not in taken]
            taken.update(open_keys)
            if open_keys:
                wanted = set(open_keys)
                seeds = tuple(seed for seed, key in zip(question.seeds, keys, strict=True) if key in wanted)
                missing.append((Question(messages=question.messages, seeds=seeds), open_keys))
        if missing:
            known |= self._ask_model(missing, sampling)
        return [_assemble([known[key] for key in keys]) for _, keys in batch]

    def _ask_model(
        self, missing: Sequence[tuple[Question, Sequence[bytes]]], sampling: Sampling
    ) -> dict[bytes, Answered]:
        try:
            answers = self._responder.ask([question for question, _ in missing], sampling)
        except Interrupted as stopped:
            self._keep([keys for _, keys in missing], stopped.answers)
            raise
        return self._keep([keys for _, keys in missing], answers)

    def _keep(
        self, keys: Sequence[Sequence[bytes]], answers: Sequence[tuple[Reply | None, ...] | Refusal]
    ) -> dict[bytes, Answered]:
        """Log and store what was answered: the whole batch, or as far as an interrupted model came."""
        replies: dict[bytes, Answered] = {}
        for some, answer in zip(keys, answers, strict=True):
            each = [answer] * len(some) if isinstance(answer, Refusal) else answer
            replies |= {key: reply for key, reply in zip(some, each, strict=True) if reply is not None}
        self._log.add(self._role, list(replies))
        self._journal.add(replies)
        self._on_batch(len(replies))
        return replies


def _batches(questions: Sequence[Question], size: int) -> Iterator[list[Question]]:
    """Consecutive questions of at most `size` sequences together; a question is never split."""
    batch: list[Question] = []
    sequences = 0
    for question in questions:
        if batch and sequences + len(question.seeds) > size:
            yield batch
            batch, sequences = [], 0
        batch.append(question)
        sequences += len(question.seeds)
    if batch:
        yield batch


def _keys(prefix: str, question: Question) -> list[bytes]:
    messages = _canonical([[message.role, message.content] for message in question.messages])
    return [
        hashlib.sha256(f"{prefix}\n{messages}\n{seed}".encode("utf-8", "surrogatepass")).digest()
        for seed in question.seeds
    ]


def _assemble(answers: Sequence[Answered]) -> tuple[Reply, ...] | Refusal:
    replies = []
    for answer in answers:
        if isinstance(answer, Refusal):
            return answer
        replies.append(answer)
    return tuple(replies)


def _encode(answer: Answered) -> str:
    return _canonical({"refused": isinstance(answer, Refusal), **dataclasses.asdict(answer)})


def _decode(text: str) -> Answered:
    fields = json.loads(text)
    return Refusal(**fields) if fields.pop("refused") else Reply(**fields)


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _checksum(key: bytes, text: str) -> bytes:
    return hashlib.blake2b(key + text.encode(), digest_size=8).digest()
