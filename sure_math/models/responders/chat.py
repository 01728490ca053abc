"""Text in, text out: an engine with its tokenizer, chat template and prompt settings.

The phases ask a `Responder` and get all replies at once. A `StreamingResponder` runs a model and hands over each reply
as it finishes; `ChatResponder` does so over an engine. `RecordedResponder` (`recorded.py`), which the phases ask, puts
the journal of answered requests in front of it.
"""

import dataclasses
import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from sure_math.models.engines import (
    Completion,
    Engine,
    EngineUnavailable,
    Finished,
    ModelIdentity,
    Refusal,
    Request,
    Sampling,
    whole_answer,
)
from sure_math.models.engines.files import load_tokenizer, model_folder
from sure_math.models.engines.load import load_engine
from sure_math.models.engines.spec import ModelSpec
from sure_math.models.engines.weight_files import in_one_line
from sure_math.models.responders.templates import TemplateFailure, apply_chat_template
from sure_math.rows import LogprobMode
from sure_math.thoughts import TAG_TOKENS, opened_thought


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A conversation that is answered once per seed.

    >>> message = Message(role="user", content="What is 2 + 2?")
    >>> Question(messages=(message,), seeds=(1, 2), sampling=Sampling(max_new_tokens=64, temperature=0.7)).seeds
    (1, 2)
    """

    messages: tuple[Message, ...]
    seeds: tuple[int, ...]
    sampling: Sampling
    number: int = 0
    """The caller's own, by which it knows the question again when a reply comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer to a question, as text."""

    text: str
    token_count: int
    """Generated tokens, the stop token included."""
    sum_logprob: float
    """Sum of the log-probabilities of the generated tokens in nats, in `logprob_mode`."""
    finish_reason: Literal["stop", "length"]
    logprob_mode: LogprobMode


@dataclass(frozen=True, slots=True, kw_only=True)
class Replied:
    """The answer to one seed of a question. A refused question gives one refusal per seed."""

    number: int
    """The question's."""
    seed: int
    answer: Reply | Refusal


ReplyStream = Generator[Sequence[Replied], None, None]
"""Replies as they finish; closing it ends what is running."""


class Responder(Protocol):
    """Answers conversations."""

    @property
    def identity(self) -> ModelIdentity: ...

    def ask(self, questions: Sequence[Question]) -> list[tuple[Reply, ...] | Refusal]:
        """Return one entry per question, in order: one reply per seed, or a refusal of the question."""
        ...

    def close(self) -> None:
        """Give back memory, devices and connections."""
        ...


class StreamingResponder(Responder, Protocol):
    """A model that hands over each reply as it finishes."""

    def stream(self, batches: Iterable[Sequence[Question]]) -> ReplyStream:
        """Answer every seed of every question once; the rules are those of `Engine.stream`."""
        ...


def ask(responder: StreamingResponder, questions: Sequence[Question]) -> list[tuple[Reply, ...] | Refusal]:
    """Wait for all replies: one entry per question, in order. The numbers of the questions are not used."""
    numbered = [dataclasses.replace(question, number=number) for number, question in enumerate(questions)]
    answers: list[dict[int, Reply | Refusal]] = [{} for _ in questions]
    for group in responder.stream([numbered]):
        for replied in group:
            answers[replied.number][replied.seed] = replied.answer
    return [
        whole_answer([by_seed[seed] for seed in question.seeds])
        for question, by_seed in zip(questions, answers, strict=True)
    ]


_HALF = re.compile("[\ud800-\udfff]")
_TAG_LENGTH = 32
"""Tokens at the end of a prompt, enough for an opening tag and the blanks behind it."""


class Chat:
    """A tokenizer with its chat template: turns conversations into tokens, and generated tokens into text.

    `template_options` go to the template unchanged (Qwen3: `enable_thinking`). A template ignores options that it does
    not know. Special tokens are left out of the text, except `kept_tokens`: some tokenizers mark the tags around a
    model's thoughts as special, and without the tags the answer cannot be told from the thoughts.

    >>> tokenizer = load_tokenizer(model_folder("pocket:teacher"))
    >>> chat = Chat(tokenizer, name="pocket:teacher", template_options={})
    >>> chat.decode(chat.encode([Message(role="user", content="Compute 2 + 2.")])).splitlines()
    ['Compute 2 + 2.']
    """

    def __init__(
        self,
        tokenizer: Any,
        *,
        name: str,
        template_options: Mapping[str, object],
        kept_tokens: tuple[str, ...] = TAG_TOKENS,
    ) -> None:
        if not tokenizer.chat_template:
            raise EngineUnavailable(
                f"model {name!r}: its tokenizer has no chat template; use a model trained for conversation, or put a "
                "chat_template.jinja into its folder"
            )
        self._tokenizer, self._name = tokenizer, name
        self._template_options = dict(template_options)
        special = set(tokenizer.all_special_tokens)
        self._hidden = set(tokenizer.all_special_ids) - {
            tokenizer.convert_tokens_to_ids(tag) for tag in kept_tokens if tag in special
        }

    def encode(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """Return the tokens of the conversation and of the header of the reply; none if no user turn has text.

        Raises:
            EngineUnavailable: the chat template fails, takes too long or too much memory, or leaves out the system
                message.
        """
        if not any(message.content.strip() for message in messages if message.role == "user"):
            return ()
        turns = [{"role": message.role, "content": self._as_text(message.content)} for message in messages]
        try:
            text = apply_chat_template(self._tokenizer, turns, self._template_options)
        except TemplateFailure as error:
            raise EngineUnavailable(
                f"model {self._name!r}: its chat template {in_one_line(error)}; put another chat_template.jinja into "
                "its folder, or use another model"
            ) from None
        self._check_system(turns, text)
        if _HALF.search(text):
            raise EngineUnavailable(
                f"model {self._name!r}: its chat template writes half a character (a lone surrogate), which no "
                "tokenizer reads; put another chat_template.jinja into its folder, or use another model"
            )
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _check_system(self, turns: Sequence[Mapping[str, str]], text: str) -> None:
        """Refuse a template that leaves a system message out: the model would be asked another question."""
        for turn in turns:
            if turn["role"] == "system" and "".join(turn["content"].split()) not in "".join(text.split()):
                raise EngineUnavailable(
                    f"model {self._name!r}: its chat template leaves out system messages, and a conversation has one "
                    f"({turn['content'][:60]!r}); put a chat_template.jinja that writes them into its folder, or use "
                    "another model"
                )

    def decode(self, token_ids: Sequence[int]) -> str:
        """Return the text of generated tokens."""
        visible = [token for token in token_ids if token not in self._hidden]
        return str(self._tokenizer.decode(visible, clean_up_tokenization_spaces=False))

    def reply(self, prompt_ids: Sequence[int], token_ids: Sequence[int]) -> str:
        """Return the text of the tokens generated for a prompt.

        If the prompt ends with the opening tag of a thought, as the templates of some models do, the text starts with
        this tag: without it an unfinished thought would look like an answer.
        """
        end = str(self._tokenizer.decode(list(prompt_ids[-_TAG_LENGTH:]), clean_up_tokenization_spaces=False))
        return opened_thought(end) + self.decode(token_ids)

    def _as_text(self, content: str) -> str:
        """Break up the control tokens in a content: problems are untrusted, and a problem could end its own turn."""
        for token in self._tokenizer.all_special_tokens:
            content = content.replace(token, f"{token[0]} {token[1:]}")
        return content


class ChatResponder:
    """A `StreamingResponder` that puts conversations through the model's chat template."""

    def __init__(self, engine: Engine, tokenizer: Any, *, template_options: Mapping[str, object]) -> None:
        self._engine = engine
        self._chat = Chat(tokenizer, name=engine.identity.name, template_options=template_options)

    @property
    def identity(self) -> ModelIdentity:
        return self._engine.identity

    def stream(self, batches: Iterable[Sequence[Question]]) -> ReplyStream:
        """Answer conversations; a question whose user turns are all blank is refused."""
        requests = ([self._request(question) for question in batch] for batch in batches)
        with closing(self._engine.stream(requests)) as stream:
            for group in stream:
                yield [self._replied(finished) for finished in group]

    def ask(self, questions: Sequence[Question]) -> list[tuple[Reply, ...] | Refusal]:
        return ask(self, questions)

    def close(self) -> None:
        self._engine.close()

    def _request(self, question: Question) -> Request:
        return Request(
            token_ids=self._chat.encode(question.messages),
            seeds=question.seeds,
            sampling=question.sampling,
            number=question.number,
        )

    def _replied(self, finished: Finished) -> Replied:
        request, answer = finished.request, finished.answer
        reply = answer if isinstance(answer, Refusal) else self._reply(request, answer)
        return Replied(number=request.number, seed=finished.seed, answer=reply)

    def _reply(self, request: Request, completion: Completion) -> Reply:
        return Reply(
            text=self._chat.reply(request.token_ids, completion.token_ids),
            token_count=len(completion.token_ids),
            sum_logprob=completion.sum_logprob,
            finish_reason=completion.finish_reason,
            logprob_mode=self.identity.logprob_mode,
        )


def load_responder(spec: ModelSpec, *, enable_thinking: bool = False) -> ChatResponder:
    """Start the model of `spec` with its own chat template; EngineUnavailable if it cannot be loaded.

    >>> teacher = load_responder(ModelSpec(model="pocket:teacher"))
    >>> greedy = Sampling(max_new_tokens=64, temperature=0.0)
    >>> question = Question(messages=(Message(role="user", content="Compute 2 + 2."),), seeds=(1,), sampling=greedy)
    >>> [(reply,)] = teacher.ask([question])
    >>> reply.finish_reason
    'stop'
    """
    tokenizer = load_tokenizer(model_folder(spec.model, spec.revision))
    return ChatResponder(load_engine(spec), tokenizer, template_options={"enable_thinking": enable_thinking})
