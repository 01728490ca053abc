"""Text in, text out: an engine with its tokenizer, chat template and prompt settings.

The phases ask a `Responder`. `ChatResponder` is the one that runs a model; `store.RecordedResponder` puts the
journal of answered requests in front of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from sure_math.engines import ModelIdentity, Refusal, Sampling
from sure_math.rows import LogprobMode


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A conversation to be answered once per seed."""

    messages: tuple[Message, ...]
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer."""

    text: str
    token_count: int
    """Generated tokens, the stop token included."""
    sum_logprob: float
    """Nats, in `logprob_mode`."""
    finish_reason: Literal["stop", "length"]
    logprob_mode: LogprobMode


class Responder(Protocol):
    """Answers conversations; order kept, one reply per seed."""

    @property
    def identity(self) -> ModelIdentity: ...

    def ask(self, questions: Sequence[Question], sampling: Sampling) -> list[tuple[Reply, ...] | Refusal]: ...

    def close(self) -> None: ...
