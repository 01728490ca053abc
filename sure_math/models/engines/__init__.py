"""Engines: tokens in; tokens and log-probabilities out.

A phase does not use an engine directly: it asks a `Responder` (`sure_math/models/responders/chat.py`), which owns the
tokenizer and the chat template. An engine is a stream: it takes requests when it has room, and hands over each
completion as soon as it has finished. A request that it cannot serve gets a `Refusal`, so that a bad row does not stop
the others. `generate` is for callers that have all requests at once and want all answers.

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
| `leading_rows` | the rows of a head that stand for tokens, in vLLM's workers |
| `chunks` | the requests of a call in chunks |
| `files`, `pocket_files` | the files of a model on this disk, and of the models in the package |
"""

import dataclasses
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from sure_math.rows import LogprobMode

T = TypeVar("T")


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

    >>> Request(token_ids=(5, 6, 7), seeds=(1, 2), sampling=Sampling(max_new_tokens=8, temperature=1.0)).seeds
    (1, 2)
    """

    token_ids: tuple[int, ...]
    seeds: tuple[int, ...]
    """Each in [0, 2**63). Seeds follow from identity: run seed, problem id, sample index."""
    sampling: Sampling
    number: int = 0
    """The caller's own, by which it knows the request again when an answer comes."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The answer to one seed of a request. A refused request gives one refusal per seed."""

    request: Request
    """The request, or a part of it that holds this seed."""
    seed: int
    answer: Completion | Refusal


FinishedStream = Generator[Sequence[Finished], None, None]
"""Completions as they finish; closing it ends what is running."""
RequestResult = tuple[Completion, ...] | Refusal
"""All answers to one request: one completion per seed, in order, or the first refusal among them."""


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


def refuse(request: Request, max_length: int) -> Refusal | None:
    """Refuse a request that a model of `max_length` positions cannot serve; None if it can.

    Every engine calls this function first, so that all engines refuse the same requests in the same words.

    >>> refuse(Request(token_ids=(), seeds=(1,), sampling=Sampling(max_new_tokens=8, temperature=0.0)), 2048).reason
    'empty_prompt'
    """
    prompt, new = len(request.token_ids), request.sampling.max_new_tokens
    if prompt == 0:
        return Refusal(reason="empty_prompt", detail="the prompt has no tokens")
    if prompt + new > max_length:
        detail = f"{prompt} prompt tokens + {new} new tokens > {max_length} positions of the model"
        return Refusal(reason="prompt_too_long", detail=detail)
    return None


def refused(request: Request, refusal: Refusal) -> list[Finished]:
    """Return the answers to a request that is refused, one per seed.

    >>> request = Request(token_ids=(), seeds=(1, 2), sampling=Sampling(max_new_tokens=8, temperature=0.0))
    >>> [answer.seed for answer in refused(request, Refusal(reason="empty_prompt", detail="the prompt has no tokens"))]
    [1, 2]
    """
    return [Finished(request=request, seed=seed, answer=refusal) for seed in request.seeds]


class Engine(Protocol):
    """A model that continues token sequences."""

    @property
    def identity(self) -> ModelIdentity: ...

    def stream(self, batches: Iterable[Sequence[Request]]) -> FinishedStream:
        """Answer every seed of every request once, in the order in which they finish.

        The engine takes a batch when it has room for more. An empty batch says that no request waits now and that more
        may come later; the end of `batches` says that no more come. Answers that are handed over together belong
        together: the caller stores all of them or none. `transformers` computes each batch by itself and hands over its
        answers together, so that the floats of a batch depend on this batch alone. The other engines do not care how
        requests are cut into batches.

        When the engine has nothing to do, it hands over an empty list, so that the caller can act. A continuous engine
        also does so about once a second while nothing finishes. A caller that closes the iterator ends what is running;
        the engine can be used again.

        Raises:
            EngineUnavailable: the model cannot go on. Everything that had finished has been handed over before.
        """
        ...

    def close(self) -> None:
        """Give back memory and devices. The engine is not used afterwards."""
        ...


def generate(engine: Engine, requests: Sequence[Request]) -> list[RequestResult]:
    """Wait for all answers: one entry per request, in order. The numbers of the requests are not used.

    >>> from sure_math.models.engines.load import load_engine
    >>> from sure_math.models.engines.spec import ModelSpec
    >>> engine = load_engine(ModelSpec(model="pocket:teacher"))
    >>> request = Request(token_ids=(5, 6, 7), seeds=(1, 2), sampling=Sampling(max_new_tokens=8, temperature=1.0))
    >>> [len(answer) for answer in generate(engine, [request])]
    [2]
    """
    numbered = [dataclasses.replace(request, number=number) for number, request in enumerate(requests)]
    return gathered(requests, (finished for group in engine.stream([numbered]) for finished in group))


def gathered(requests: Sequence[Request], answers: Iterable[Finished]) -> list[RequestResult]:
    """Put the answers to all requests in order: one entry per request. The numbers of the requests count from 0.

    >>> request = Request(token_ids=(5,), seeds=(1, 2), sampling=Sampling(max_new_tokens=8, temperature=1.0))
    >>> completions = [Completion(token_ids=(seed,), sum_logprob=-1.0, finish_reason="length") for seed in (2, 1)]
    >>> answers = [Finished(request=request, seed=item.token_ids[0], answer=item) for item in completions]
    >>> [[item.token_ids for item in answer] for answer in gathered([request], answers)]
    [[(1,), (2,)]]
    """
    by_seed: list[dict[int, Completion | Refusal]] = [{} for _ in requests]
    for finished in answers:
        by_seed[finished.request.number][finished.seed] = finished.answer
    return [
        whole_answer([answers_of[seed] for seed in request.seeds])
        for request, answers_of in zip(requests, by_seed, strict=True)
    ]


def whole_answer(answers: Sequence[T | Refusal]) -> tuple[T, ...] | Refusal:
    """Return the answers to one request or question, or the first refusal among them.

    >>> whole_answer(["4", Refusal(reason="no_completion", detail="a refusal of the second seed"), "4"]).detail
    'a refusal of the second seed'
    """
    given: list[T] = []
    for answer in answers:
        if isinstance(answer, Refusal):
            return answer
        given.append(answer)
    return tuple(given)
