"""Engines: tokens in; tokens and log-probabilities out.

A phase never sees an engine: it asks a `Responder` (`sure_math/models/responders/chat.py`), which owns the tokenizer
and the chat template. An engine keeps the order of its requests, gives one completion per seed, and answers a request
it cannot serve with a `Refusal`, so that one bad row never stops a batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from sure_math.rows import LogprobMode


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Everything that shapes the distribution; an engine adds nothing of its own to it."""

    max_new_tokens: int
    temperature: float
    """0 is greedy."""
    top_p: float = 1.0
    top_k: int = 0
    """0 keeps every token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One prompt, to be continued once per seed."""

    token_ids: tuple[int, ...]
    seeds: tuple[int, ...]
    """Each in [0, 2**63); they come from identity (run seed, problem id, sample index)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One continuation."""

    token_ids: tuple[int, ...]
    """Generated tokens, the stop token included."""
    sum_logprob: float
    """Sum of the log-probabilities of `token_ids` in nats, in the engine's `logprob_mode`."""
    finish_reason: Literal["stop", "length"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A request the engine cannot serve."""

    reason: Literal["empty_prompt", "prompt_too_long", "no_completion"]
    """`no_completion`: a server gave fewer answers than it was asked for, and says why in `detail`."""
    detail: str


RequestResult = tuple[Completion, ...] | Refusal
"""What an engine gives for one request: one completion per seed, in order, or a refusal of the whole request."""
PartialResult = tuple[Completion | None, ...] | Refusal
"""A `RequestResult` with None for each completion that is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelIdentity:
    """What a completion came from; part of the key of every stored reply."""

    name: str
    """The model as the config names it."""
    fingerprint: str
    """Digest of the weights and the tokenizer (local folder), or the resolved revision (Hub)."""
    engine: str
    """Engine and version, for the card; not part of the key."""
    logprob_mode: LogprobMode


class EngineUnavailable(RuntimeError):
    """A model or a back end that the config names cannot be loaded; the message says what to do about it."""


class Interrupted(EngineUnavailable):
    """A model that stopped in the middle of a batch; what it had answered comes with the error and is kept."""

    def __init__(self, message: str, answers: Sequence[tuple[Any, ...] | Refusal]) -> None:
        """`answers`: one entry per request, with one completion or reply per seed, None where there is none yet."""
        super().__init__(message)
        self.answers = answers


def refuse(request: Request, sampling: Sampling, max_length: int) -> Refusal | None:
    """Why a request cannot be served by a model of `max_length` positions; None where it can.

    Every engine asks here before it starts, so that all of them refuse the same requests in the same words.
    """
    prompt = len(request.token_ids)
    if prompt == 0:
        return Refusal(reason="empty_prompt", detail="the prompt has no tokens")
    if prompt + sampling.max_new_tokens > max_length:
        detail = f"{prompt} prompt tokens + {sampling.max_new_tokens} new tokens > {max_length} positions of the model"
        return Refusal(reason="prompt_too_long", detail=detail)
    return None


class Engine(Protocol):
    """A model that continues token sequences."""

    @property
    def identity(self) -> ModelIdentity: ...

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[RequestResult]:
        """One entry per request, in order; a served request has one completion per seed, in order."""
        ...

    def close(self) -> None:
        """Give back memory and devices; the engine is not used afterwards."""
        ...
