"""Engines: tokens in; tokens and log-probabilities out.

A phase does not use an engine directly: it asks a `Responder` (`sure_math/models/responders/chat.py`), which owns the
tokenizer and the chat template. An engine keeps the order of its requests, gives one completion per seed, and answers a
request that it cannot serve with a `Refusal`, so that a bad row does not stop a batch.

| module | what it holds |
|---|---|
| this file | the protocol `Engine`, and what goes in and comes out |
| `load` | the table of engines by name; a new engine is added here |
| `spec` | which model an engine runs, and how, as plain values |
| `transformers`, `vllm` | the engines in this process |
| `server`, `endpoint` | the engine behind an OpenAI-compatible endpoint, and the client of any such endpoint |
| `ray_replicas/` | copies of an engine in Ray actors |
| `processes`, `watchdog` | engines' processes, which end with the process that started them |
| `engine_output`, `start_failures` | what engines print, and why one did not start |
| `cpu_memory` | the memory of vLLM's cache on a CPU |
| `chunks` | the requests of a call in chunks |
| `files`, `pocket_files` | the files of a model on this disk, and of the models in the package |
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from sure_math.rows import LogprobMode


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Everything that shapes the distribution. An engine adds no settings of its own.

    >>> Sampling(max_new_tokens=1024, temperature=0.7).top_p
    1.0
    """

    max_new_tokens: int
    temperature: float
    """0 is greedy."""
    top_p: float = 1.0
    top_k: int = 0
    """0 keeps every token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A prompt that is continued once per seed.

    >>> Request(token_ids=(5, 6, 7), seeds=(1, 2)).seeds
    (1, 2)
    """

    token_ids: tuple[int, ...]
    seeds: tuple[int, ...]
    """Each in [0, 2**63). Seeds follow from identity: run seed, problem id, sample index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One continuation of a prompt."""

    token_ids: tuple[int, ...]
    """Generated tokens, the stop token included."""
    sum_logprob: float
    """Sum of the log-probabilities of `token_ids` in nats, in the engine's `logprob_mode`."""
    finish_reason: Literal["stop", "length"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """The answer to a request that the engine cannot serve."""

    reason: Literal["empty_prompt", "prompt_too_long", "no_completion"]
    """`no_completion`: a server gave fewer answers than it was asked for; `detail` says why."""
    detail: str


RequestResult = tuple[Completion, ...] | Refusal
"""What an engine gives for one request: one completion per seed, in order, or a refusal of the whole request."""
PartialResult = tuple[Completion | None, ...] | Refusal
"""A `RequestResult` with None for each completion that is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelIdentity:
    """The model that a completion came from. It is part of the key of every stored reply."""

    name: str
    """The name of the model in the configuration."""
    fingerprint: str
    """Digest of the weights and the tokenizer (local folder), or the resolved revision (Hub)."""
    engine: str
    """Engine and version, for the dataset card. Not part of the key."""
    logprob_mode: LogprobMode


class EngineUnavailable(RuntimeError):
    """A model or a back end of the configuration cannot be loaded. The message says what to do."""


class Interrupted(EngineUnavailable):
    """A model stopped in the middle of a batch. The error carries the answers so far, which are kept."""

    def __init__(self, message: str, answers: Sequence[tuple[Any, ...] | Refusal]) -> None:
        """`answers`: one entry per request, with one completion or reply per seed, and None for each missing one."""
        super().__init__(message)
        self.answers = answers


def refuse(request: Request, sampling: Sampling, max_length: int) -> Refusal | None:
    """Refuse a request that a model of `max_length` positions cannot serve; None if it can.

    Every engine calls this function first, so that all engines refuse the same requests in the same words.

    >>> refuse(Request(token_ids=(), seeds=(1,)), Sampling(max_new_tokens=8, temperature=0.0), 2048).reason
    'empty_prompt'
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
        """Return one entry per request, in order. A served request has one completion per seed, in order."""
        ...

    def close(self) -> None:
        """Give back memory and devices. The engine is not used afterwards."""
        ...
