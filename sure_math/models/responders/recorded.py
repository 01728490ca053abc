"""A responder that answers from the journal and asks its model only for the rest.

The key of a request is its content: messages, model and its fingerprint, sampling settings, seed. A changed shard
size, another rank or a longer seed file therefore lose nothing. A changed prompt or model asks again for the replies
that depend on it, and for no others.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sure_math.models.engines import Interrupted, ModelIdentity, Refusal, Sampling
from sure_math.models.engines.chunks import group_by_sequences
from sure_math.models.responders.chat import Question, Reply, Responder
from sure_math.models.responders.journal import Answered, CallLog, Journal, canonical_json


class RecordedResponder:
    """A responder behind the journal: answers from the journal what it can and asks the model the rest.

    Batches of `batch_size` sequences are cut before answered requests are removed, so they do not depend on what the
    journal already holds: a resumed run pads the same batches and gets the same floats. If a row of the journal
    is damaged, its request is asked without the others of its batch, and floats may differ in their last digits.
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
        """Put the journal in front of `responder`.

        Args:
            settings: settings that shape a reply but are neither in the sampling nor in the identity of the model:
                template options, dtype. They are part of every key.
            on_batch: is called after every batch with the number of replies that the model gave.
        """
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
            for batch in group_by_sequences(questions, self._batch_size, lambda question: len(question.seeds))
            for answer in self._ask_batch([(question, _keys(prefix, question)) for question in batch], sampling)
        ]

    def close(self) -> None:
        self._responder.close()

    def _prefix(self, sampling: Sampling) -> str:
        identity = self.identity
        model = {"name": identity.name, "fingerprint": identity.fingerprint, "logprob_mode": identity.logprob_mode}
        return canonical_json({"model": model, "sampling": dataclasses.asdict(sampling), "settings": self._settings})

    def _ask_batch(
        self, batch: Sequence[tuple[Question, Sequence[bytes]]], sampling: Sampling
    ) -> list[tuple[Reply, ...] | Refusal]:
        answered = self._journal.find([key for _, keys in batch for key in keys])
        missing = []
        taken = set(answered)  # two equal requests of one batch are one request
        for question, keys in batch:
            open_keys = [key for key in keys if key not in taken]
            taken.update(open_keys)
            if open_keys:
                open_set = set(open_keys)
                seeds = tuple(seed for seed, key in zip(question.seeds, keys, strict=True) if key in open_set)
                missing.append((Question(messages=question.messages, seeds=seeds), open_keys))
        if missing:
            answered |= self._ask_model(missing, sampling)
        return [_assemble([answered[key] for key in keys]) for _, keys in batch]

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
        """Log and store the replies: the whole batch, or the replies of an interrupted model so far."""
        replies: dict[bytes, Answered] = {}
        for question_keys, answer in zip(keys, answers, strict=True):
            by_seed = [answer] * len(question_keys) if isinstance(answer, Refusal) else answer
            replies |= {key: reply for key, reply in zip(question_keys, by_seed, strict=True) if reply is not None}
        self._log.add(self._role, list(replies))
        self._journal.add(replies)
        self._on_batch(len(replies))
        return replies


def _keys(prefix: str, question: Question) -> list[bytes]:
    messages = canonical_json([[message.role, message.content] for message in question.messages])
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
