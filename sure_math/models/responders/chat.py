"""Text in, text out: an engine with its tokenizer, chat template and prompt settings.

The phases ask a `Responder`. `ChatResponder` is the one that runs a model; `store.RecordedResponder` puts the
journal of answered requests in front of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from sure_math.models.engines import (
    Completion,
    Engine,
    EngineUnavailable,
    Interrupted,
    ModelIdentity,
    Refusal,
    Request,
    Sampling,
)
from sure_math.models.engines.files import load_tokenizer, model_folder
from sure_math.models.engines.load import load_engine
from sure_math.models.engines.spec import ModelSpec
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


class Chat:
    """A tokenizer with its chat template: conversations to tokens, completions to text.

    `template_options` go to the template as they are (Qwen3: `enable_thinking`); a template that does not know one
    ignores it. Special tokens are left out of the text, except `kept_tokens`: some tokenizers mark the tags around a
    model's thinking as special, and without them the answer cannot be told from the thinking.
    """

    def __init__(
        self,
        tokenizer: Any,
        *,
        name: str,
        template_options: Mapping[str, object],
        kept_tokens: tuple[str, ...] = ("<think>", "</think>"),
    ) -> None:
        if not tokenizer.chat_template:
            raise EngineUnavailable(
                f"model {name!r}: its tokenizer has no chat template; use a model trained for conversation, or put a "
                "chat_template.jinja into its folder"
            )
        self._tokenizer = tokenizer
        self._template_options = dict(template_options)
        self._hidden = set(tokenizer.all_special_ids) - {tokenizer.convert_tokens_to_ids(tag) for tag in kept_tokens}

    def encode(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """Tokens of the conversation and of the header of the reply; none where nothing is asked."""
        if not any(message.content.strip() for message in messages if message.role == "user"):
            return ()
        text = self._tokenizer.apply_chat_template(
            [{"role": message.role, "content": self._as_text(message.content)} for message in messages],
            tokenize=False,
            add_generation_prompt=True,
            **self._template_options,
        )
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of generated tokens."""
        visible = [token for token in token_ids if token not in self._hidden]
        return str(self._tokenizer.decode(visible, clean_up_tokenization_spaces=False))

    def _as_text(self, content: str) -> str:
        """The content with no control token left whole: problems are untrusted, and one of them could end its turn."""
        for token in self._tokenizer.all_special_tokens:
            content = content.replace(token, f"{token[0]} {token[1:]}")
        return content


class ChatResponder:
    """A `Responder` that puts conversations through the model's chat template."""

    def __init__(self, engine: Engine, tokenizer: Any, *, template_options: Mapping[str, object]) -> None:
        self._engine = engine
        self._chat = Chat(tokenizer, name=engine.identity.name, template_options=template_options)

    @property
    def identity(self) -> ModelIdentity:
        return self._engine.identity

    def ask(self, questions: Sequence[Question], sampling: Sampling) -> list[tuple[Reply, ...] | Refusal]:
        """One entry per question, in order; a question whose user turns are all blank is refused."""
        requests = [
            Request(token_ids=self._chat.encode(question.messages), seeds=question.seeds) for question in questions
        ]
        try:
            answers = self._engine.generate(requests, sampling)
        except Interrupted as stopped:
            raise Interrupted(str(stopped), [self._kept(answer) for answer in stopped.answers]) from stopped
        return [answer if isinstance(answer, Refusal) else self._replies(answer) for answer in answers]

    def close(self) -> None:
        self._engine.close()

    def _kept(self, answer: tuple[Completion | None, ...] | Refusal) -> tuple[Reply | None, ...] | Refusal:
        if isinstance(answer, Refusal):
            return answer
        return tuple(None if item is None else self._replies((item,))[0] for item in answer)

    def _replies(self, completions: tuple[Completion, ...]) -> tuple[Reply, ...]:
        return tuple(
            Reply(
                text=self._chat.decode(item.token_ids),
                token_count=len(item.token_ids),
                sum_logprob=item.sum_logprob,
                finish_reason=item.finish_reason,
                logprob_mode=self.identity.logprob_mode,
            )
            for item in completions
        )


def load_responder(spec: ModelSpec, *, enable_thinking: bool = False) -> ChatResponder:
    """Start the model of `spec` with its own chat template; EngineUnavailable where it cannot be loaded."""
    tokenizer = load_tokenizer(model_folder(spec.model, spec.revision))
    return ChatResponder(load_engine(spec), tokenizer, template_options={"enable_thinking": enable_thinking})
