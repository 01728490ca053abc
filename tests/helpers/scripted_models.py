"""Scripted stand-ins for a model, at the two protocols a phase can meet; nothing else is ever faked.

`ScriptedEngine` passes the contract tests of the real engines (`tests/sure_math/models/engines/test_engines.py`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from sure_math.models.engines import (
    Completion,
    Engine,
    Finished,
    FinishedStream,
    ModelIdentity,
    Refusal,
    Request,
    Sampling,
    refuse,
    refused,
)
from sure_math.models.responders.chat import Question, Replied, Reply, ReplyStream, StreamingResponder, ask

IDENTITY = ModelIdentity(name="scripted", fingerprint="0" * 64, engine="scripted 0", logprob_mode="raw")
LOGPROB_PER_TOKEN = -0.5


@dataclass(kw_only=True)
class ScriptedEngine:
    """Continues a prompt with what `script(prompt, seed)` returns; the seed is 0 at temperature 0."""

    script: Callable[[tuple[int, ...], int], Sequence[int]]
    stop_token_id: int
    max_length: int
    identity: ModelIdentity = IDENTITY
    requests: list[Request] = field(default_factory=list)
    """Every request that was served, in order."""

    def stream(self, batches: Iterable[Sequence[Request]]) -> FinishedStream:
        for batch in batches:
            yield [finished for request in batch for finished in self._answers(request)]

    def close(self) -> None:
        pass

    def _answers(self, request: Request) -> list[Finished]:
        refusal = refuse(request, self.max_length)
        if refusal is not None:
            return refused(request, refusal)
        self.requests.append(request)
        return [Finished(request=request, seed=seed, answer=self._complete(request, seed)) for seed in request.seeds]

    def _complete(self, request: Request, seed: int) -> Completion:
        sampling = request.sampling
        tokens = tuple(self.script(request.token_ids, seed if sampling.temperature else 0))[: sampling.max_new_tokens]
        if self.stop_token_id in tokens:
            tokens = tokens[: tokens.index(self.stop_token_id) + 1]
        return Completion(
            token_ids=tokens,
            sum_logprob=LOGPROB_PER_TOKEN * len(tokens),
            finish_reason="stop" if tokens[-1] == self.stop_token_id else "length",
        )


@dataclass(kw_only=True)
class ScriptedResponder:
    """Answers with the text that `script(question, seed)` returns, or with the refusal it returns, batch by batch."""

    script: Callable[[Question, int], str | Refusal]
    identity: ModelIdentity = IDENTITY
    asked: list[Question] = field(default_factory=list)
    """Every question, in order."""
    closed: bool = False

    def stream(self, batches: Iterable[Sequence[Question]]) -> ReplyStream:
        for batch in batches:
            self.asked += batch
            yield [
                Replied(number=question.number, seed=seed, answer=self._answer(question, seed))
                for question in batch
                for seed in question.seeds
            ]

    def ask(self, questions: Sequence[Question]) -> list[tuple[Reply, ...] | Refusal]:
        return ask(self, questions)

    def close(self) -> None:
        self.closed = True

    def _answer(self, question: Question, seed: int) -> Reply | Refusal:
        text = self.script(question, seed)
        return text if isinstance(text, Refusal) else _reply(text, question.sampling)


def _reply(text: str, sampling: Sampling) -> Reply:
    """One token per word and one for the stop; cut at `max_new_tokens` like a model's."""
    words = text.split(" ")
    whole = len(words) < sampling.max_new_tokens
    count = len(words) + 1 if whole else sampling.max_new_tokens
    return Reply(
        text=text if whole else " ".join(words[:count]),
        token_count=count,
        sum_logprob=LOGPROB_PER_TOKEN * count,
        finish_reason="stop" if whole else "length",
        logprob_mode="raw",
    )


def last_user_text(question: Question) -> str:
    """What the question asks, for scripts that look at it."""
    return [message.content for message in question.messages if message.role == "user"][-1]


def holds_protocols(engine: ScriptedEngine, responder: ScriptedResponder) -> tuple[Engine, StreamingResponder]:
    """Never called: the type checker proves here that the fakes satisfy the protocols."""
    return engine, responder
