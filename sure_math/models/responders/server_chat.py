"""The responder for endpoints that take only text: `/chat/completions`, with the server's tokenizer and template."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import Any, TypeVar

from sure_math.escaping import whole_characters
from sure_math.models.engines import EngineUnavailable, ModelIdentity, Refusal, Sampling
from sure_math.models.engines.endpoint import Call, Endpoint, Incomplete
from sure_math.models.engines.files import load_tokenizer
from sure_math.models.engines.load import load_engine, model_files, model_identity
from sure_math.models.engines.server import (
    NARROW,
    OPTIONS,
    PROBE_TEXT,
    PROBE_TOKENS,
    check_mode,
    check_options,
    checked_logprobs,
    extensions,
    length_limit,
    only_choice,
    refuse_cut_answer,
    refuse_long_text,
    served_model,
    served_name,
    shared_body,
)
from sure_math.models.engines.spec import ModelSpec
from sure_math.models.responders.chat import (
    ChatResponder,
    Message,
    Question,
    Replied,
    Reply,
    ReplyStream,
    StreamingResponder,
    ask,
)

T = TypeVar("T")


class ServerResponder:
    """A `StreamingResponder` on `/chat/completions`, one request per seed.

    It differs from `ChatResponder` on the server engine, because the server does not show the tokens:

    1. `Reply.token_count` is the number of log-probabilities in the answer. vLLM lists the stop token among them; for a
       server that does not, the count is one smaller.
    2. The server decides on stop tokens and special tokens. If the tags around a model's thinking are special tokens,
       they are missing in the text.
    3. A problem that holds the model's control tokens can end its turn, if the server's template allows it.
    4. Only the answer shows that a prompt was too long: `usage.prompt_tokens` against `max_length`.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        served_name: str,
        identity: ModelIdentity,
        max_length: int | None,
        enable_thinking: bool,
        extended: bool,
    ) -> None:
        """`max_length` None leaves the limit to the server; `extended` sends fields OpenAI's protocol does not have."""
        self._endpoint = endpoint
        self._served_name = served_name
        self._identity = identity
        self._max_length = max_length
        self._enable_thinking = enable_thinking
        self._extended = extended

    @property
    def identity(self) -> ModelIdentity:
        return self._identity

    def stream(self, batches: Iterable[Sequence[Question]]) -> ReplyStream:
        """Answer conversations; a question whose user turns are all blank is refused.

        Raises:
            EngineUnavailable: no answer for longer than `patience`.
        """
        calls = ([asked for question in batch for asked in self._calls(question)] for batch in batches)
        with closing(self._endpoint.stream(calls)) as stream:
            for answers in stream:
                yield [Replied(number=number, seed=seed, answer=answer) for (number, seed), answer in answers]

    def ask(self, questions: Sequence[Question]) -> list[tuple[Reply, ...] | Refusal]:
        return ask(self, questions)

    def close(self) -> None:
        self._endpoint.close()

    def check(self) -> None:
        """Ask twice for the same greedy text: log-probabilities must come back, in the mode that the config says."""
        greedy = Sampling(max_new_tokens=PROBE_TOKENS, temperature=0.0)
        message = (Message(role="user", content=PROBE_TEXT),)
        answers = []
        for sampling in (greedy, NARROW):
            answer = self._endpoint.ask_one(self._call(message, 0, sampling, _probed))
            if isinstance(answer, Refusal):
                fields = "if it accepts only the fields of OpenAI's own protocol, set engine_options.extensions=false"
                raise EngineUnavailable(
                    f"server {self._endpoint.url}: cannot be used with server.api=chat ({answer.detail}), which needs "
                    f"`logprobs`; {fields if self._extended else 'use a server that sends them for each token'}"
                )
            answers.append(answer)
        check_mode(self._endpoint.url, self._identity, *answers)

    def _calls(self, question: Question) -> Iterator[tuple[tuple[int, int], Call[Reply] | Refusal]]:
        sampling = question.sampling
        if sampling.top_k and not self._extended:
            raise EngineUnavailable(
                f"top_k={sampling.top_k}: not sent with engine_options.extensions=false; set it to 0"
            )
        asked = any(message.content.strip() for message in question.messages if message.role == "user")
        for seed in question.seeds:
            if asked:
                call: Call[Reply] | Refusal = self._call(
                    question.messages, seed, sampling, partial(self._reply, sampling)
                )
            else:
                call = Refusal(reason="empty_prompt", detail="nothing is asked")
            yield (question.number, seed), call

    def _call(
        self, messages: Sequence[Message], seed: int, sampling: Sampling, read: Callable[[Any], T | Refusal]
    ) -> Call[T]:
        body = shared_body(self._served_name, seed, sampling) | {
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "max_completion_tokens": sampling.max_new_tokens,
            "logprobs": True,
        }
        if self._extended:
            body |= extensions(sampling) | {"chat_template_kwargs": {"enable_thinking": self._enable_thinking}}
        return Call(path="/chat/completions", body=body, read=read)

    def _reply(self, sampling: Sampling, answer: Any) -> Reply | Refusal:
        choice = only_choice(answer)
        logprobs = [value for _, value in _tokens(choice)]
        text = _text(choice)
        return (
            self._too_long(answer, sampling)
            or refuse_cut_answer(len(logprobs), choice["finish_reason"], sampling)
            or refuse_long_text(text, len(logprobs))
            or Reply(
                text=text,
                token_count=len(logprobs),
                sum_logprob=math.fsum(logprobs),
                finish_reason=choice["finish_reason"],
                logprob_mode=self._identity.logprob_mode,
            )
        )

    def _too_long(self, answer: Any, sampling: Sampling) -> Refusal | None:
        """Refuse an answer if prompt and `max_new_tokens` do not fit: vLLM silently shortens only the long samples."""
        usage = answer.get("usage")
        prompt = usage.get("prompt_tokens") if isinstance(usage, dict) else None
        if self._max_length is None or type(prompt) is not int:
            return None
        if prompt + sampling.max_new_tokens <= self._max_length:
            return None
        detail = f"{prompt} prompt tokens + {sampling.max_new_tokens} new tokens > {self._max_length} positions"
        return Refusal(reason="prompt_too_long", detail=f"{detail} of the model")


def load_served(spec: ModelSpec, *, enable_thinking: bool) -> StreamingResponder:
    """Connect to the server of `spec` by the protocol it names; EngineUnavailable if its answers cannot be used."""
    if spec.server is None or spec.server.api == "completions":
        engine = load_engine(spec)
        tokenizer = load_tokenizer(model_files(spec).folder)
        return ChatResponder(engine, tokenizer, template_options={"enable_thinking": enable_thinking})
    check_options(spec)
    identity = model_identity(spec)
    endpoint = Endpoint(spec.server)
    try:
        name = served_name(spec, spec.server)
        responder = ServerResponder(
            endpoint,
            served_name=name,
            identity=identity,
            max_length=length_limit(spec, served_model(endpoint, name)),
            enable_thinking=enable_thinking,
            extended=bool((OPTIONS | dict(spec.options))["extensions"]),
        )
        responder.check()
    except BaseException:
        endpoint.close()
        raise
    return responder


def _probed(answer: Any) -> list[tuple[str, float]]:
    return _tokens(only_choice(answer))


def _tokens(choice: dict[str, Any]) -> list[tuple[str, float]]:
    """Return each token as the server writes it, with its log-probability."""
    logprobs = choice.get("logprobs")
    entries = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Incomplete("no log-probabilities in an answer")
    values = checked_logprobs([entry.get("logprob") for entry in entries])
    return list(zip([str(entry.get("token")) for entry in entries], values, strict=True))


def _text(choice: dict[str, Any]) -> str:
    """Return the text of a message. Half a character, which no file can hold, is shown as its escape.

    It is empty if the answer was cut during the thinking and the server leaves the thinking out.
    """
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if content is None and choice["finish_reason"] == "length":
        return ""
    if not isinstance(content, str):
        raise Incomplete("no text in an answer")
    return whole_characters(content)
