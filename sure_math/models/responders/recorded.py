"""A responder that answers from the journal and asks its model only for the rest.

The key of a request is its content: messages, model and its fingerprint, sampling settings, seed. A changed shard
size, another rank or a longer seed file therefore lose nothing. A changed prompt or model asks again for the replies
that depend on it, and for no others.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import time
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sure_math.command_line.progress import Activity
from sure_math.models.engines import ModelIdentity, Refusal, Sampling, whole_answer
from sure_math.models.engines.chunks import group_by_sequences
from sure_math.models.responders.chat import Question, Replied, Reply, ReplyStream, StreamingResponder
from sure_math.models.responders.journal import Answered, CallLog, Journal, canonical_json

COMMIT_SECONDS = 1.0
"""Replies are stored this often, or when there are `batch_size` of them: a commit waits for the disk."""

Batch = list[tuple[Question, list[bytes]]]
"""Questions with the keys of their seeds."""


class RecordedResponder:
    """A responder behind the journal: answers from the journal what it can and asks the model the rest.

    The model answers one stream of questions while a phase lasts. `ask` takes replies from the stream until its own are
    there; the replies to questions that `look_ahead` has named are stored as they come, for a later `ask`. A process
    that is killed loses what the model had not finished, and what finished in the last COMMIT_SECONDS.

    Batches of `batch_size` sequences are cut from the questions of each call before answered requests are removed, so
    they do not depend on what the journal already holds: a resumed run pads the same batches and gets the same floats.
    If a row of the journal is damaged, its request is asked without the others of its batch, and floats may differ in
    their last digits.
    """

    def __init__(
        self,
        responder: StreamingResponder,
        *,
        role: str,
        journal: Journal,
        log: CallLog,
        batch_size: int,
        settings: Mapping[str, Any],
        report: Callable[[Activity], None] = lambda activity: None,
    ) -> None:
        """Put the journal in front of `responder`.

        Args:
            settings: settings that shape a reply but are neither in the sampling nor in the identity of the model:
                template options, dtype. They are part of every key.
            report: is called when replies have finished, and about once a second while none finishes.
        """
        self._responder, self._role, self._journal, self._log = responder, role, journal, log
        self._batch_size, self._settings, self._report = batch_size, dict(settings), report
        self._later: Iterator[Sequence[Question]] = iter(())
        self._waiting: deque[list[Question]] = deque()
        """Batches that the model has not taken yet."""
        self._stream: ReplyStream | None = None
        self._numbers = itertools.count()
        self._keys: dict[int, dict[int, bytes]] = {}
        """By number of a question that waits or is being answered: the keys of its seeds without a reply."""
        self._open: set[bytes] = set()
        """All keys in `_keys`."""
        self._finished: dict[bytes, Answered] = {}
        """Replies that are not in the journal yet."""
        self._committed = self._reported = 0.0

    @property
    def identity(self) -> ModelIdentity:
        return self._responder.identity

    def look_ahead(self, later: Iterable[Sequence[Question]]) -> None:
        """Name the questions of later calls of `ask`, a list for each call, in order.

        The model gets them when it has room, so that it does not wait for the slowest reply of each call.
        """
        self._later = iter(later)

    def ask(self, questions: Sequence[Question]) -> list[tuple[Reply, ...] | Refusal]:
        """Return one entry per question, in order; every reply is in the journal when this returns."""
        batches = self._batches(questions)
        wanted = set(_keys_of(batches))
        while missing := wanted - (answered := self._journal.find(list(wanted))).keys():
            self._queue(batches, answered)
            self._wait_for(missing, len(wanted))
        return [whole_answer([answered[key] for key in keys]) for batch in batches for _, keys in batch]

    def close(self) -> None:
        """Store what has finished, end what is running, and close the model."""
        self._end_stream()
        self._responder.close()

    def _batches(self, questions: Sequence[Question]) -> list[Batch]:
        batches = group_by_sequences(questions, self._batch_size, lambda question: len(question.seeds))
        return [[(question, self._keys_for(question)) for question in batch] for batch in batches]

    def _keys_for(self, question: Question) -> list[bytes]:
        prefix = self._prefix(question.sampling)
        messages = canonical_json([[message.role, message.content] for message in question.messages])
        return [
            hashlib.sha256(f"{prefix}\n{messages}\n{seed}".encode("utf-8", "surrogatepass")).digest()
            for seed in question.seeds
        ]

    def _prefix(self, sampling: Sampling) -> str:
        identity = self.identity
        model = {"name": identity.name, "fingerprint": identity.fingerprint, "logprob_mode": identity.logprob_mode}
        return canonical_json({"model": model, "sampling": dataclasses.asdict(sampling), "settings": self._settings})

    def _queue(self, batches: Sequence[Batch], answered: Container[bytes]) -> None:
        """Let questions wait for the model, without what is answered and what it is asked already."""
        for batch in batches:
            waiting = []
            for question, keys in batch:
                unasked = {
                    seed: key
                    for seed, key in zip(question.seeds, keys, strict=True)
                    if key not in answered and key not in self._open and key not in self._finished
                }
                if unasked:
                    number = next(self._numbers)
                    self._keys[number] = unasked
                    self._open.update(unasked.values())
                    waiting.append(dataclasses.replace(question, seeds=tuple(unasked), number=number))
            if waiting:
                self._waiting.append(waiting)

    def _feed(self) -> Iterator[Sequence[Question]]:
        """Yield the batches that wait, then those of later calls; an empty batch when there is none."""
        while True:
            while not self._waiting and (questions := next(self._later, None)) is not None:
                batches = self._batches(questions)
                self._queue(batches, self._journal.find(_keys_of(batches)))
            yield self._waiting.popleft() if self._waiting else ()

    def _wait_for(self, keys: set[bytes], of: int) -> None:
        """Take replies from the model until none of the keys is open, and store them.

        Args:
            of: how many keys the call of `ask` has, with those that were answered before.
        """
        if self._stream is None:
            self._stream = self._responder.stream(self._feed())
        try:
            for group in self._stream:
                self._take(group)
                self._show(group, 1 - len(keys & self._open) / of)
                if keys.isdisjoint(self._open):
                    break
            else:
                raise RuntimeError(f"model {self.identity.name!r} ended its stream, but questions are open")
        except BaseException:
            self._end_stream()
            raise
        self._commit()

    def _take(self, group: Sequence[Replied]) -> None:
        for replied in group:
            keys = self._keys[replied.number]
            key = keys.pop(replied.seed)
            if not keys:
                del self._keys[replied.number]
            self._open.remove(key)
            self._finished[key] = replied.answer
        if len(self._finished) >= self._batch_size or time.monotonic() - self._committed >= COMMIT_SECONDS:
            self._commit()

    def _show(self, group: Sequence[Replied], share: float) -> None:
        """Report replies; without any, report at most once in COMMIT_SECONDS."""
        if not group and time.monotonic() - self._reported < COMMIT_SECONDS:
            return
        self._reported = time.monotonic()
        waiting = sum(len(question.seeds) for batch in self._waiting for question in batch)
        self._report(
            Activity(
                replies=len(group),
                tokens=sum(replied.answer.token_count for replied in group if isinstance(replied.answer, Reply)),
                running=len(self._open) - waiting,
                waiting=waiting,
                share=share,
            )
        )

    def _commit(self) -> None:
        if self._finished:
            self._log.add(self._role, list(self._finished))
            self._journal.add(self._finished)
        self._finished = {}
        self._committed = time.monotonic()

    def _end_stream(self) -> None:
        """Store what has finished, and forget everything else that was asked."""
        stream, self._stream = self._stream, None
        self._later = iter(())
        self._waiting.clear()
        self._keys.clear()
        self._open.clear()
        try:
            self._commit()
        finally:
            if stream is not None:
                stream.close()


def _keys_of(batches: Sequence[Batch]) -> list[bytes]:
    return [key for batch in batches for _, keys in batch for key in keys]
