"""The responder for endpoints that take text only: `/chat/completions`, with the server's tokenizer and template."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

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
    served_model,
    served_name,
    shared_body,
)
from sure_math.models.engines.spec import ModelSpec
from sure_math.models.responders.chat import ChatResponder, Message, Question, Reply, Responder


class ServerResponder:
    """A `Responder` on `/chat/completions`, one request per seed.

    It differs from `ChatResponder` on the server engine, because the tokens stay behind the server:

    1. `Reply.token_count` is the number of log-probabilities in the answer. vLLM lists the stop token among them; a
       server that does not counts one token fewer.
    2. The stop tokens are the server's own, and so is the treatment of special tokens: a model whose tags around its
       thinking are special tokens loses them in the text.
    3. A problem that holds the model's control tokens can end its turn, where the server's template lets it.
    4. A prompt that is too long shows only in an answer: `usage.prompt_tokens` against `max_length`.
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

    def ask(self, questions: Sequence[Question], sampling: Sampling) -> list[tuple[Reply, ...] | Refusal]:
        """One entry per question, in order; a question whose user turns are all blank is refused.

        Raises:
            Interrupted: the server is gone for longer than `patience`; with every reply so far.
        """
        if sampling.top_k and not self._extended:
            raise EngineUnavailable(
                f"top_k={sampling.top_k}: not sent with engine_options.extensions=false; set it to 0"
            )
        groups = [
            Refusal(reason="empty_prompt", detail="nothing is asked")
            if not any(message.content.strip() for message in question.messages if message.role == "user")
            else [self._call(question.messages, seed, sampling) for seed in question.seeds]
            for question in questions
        ]
        return self._endpoint.ask(groups, partial(self._reply, sampling))

    def close(self) -> None:
        self._endpoint.close()

    def check(self) -> None:
        """Ask twice for the same greedy text: log-probabilities come back, and are what the config says they are."""
        greedy = Sampling(max_new_tokens=PROBE_TOKENS, temperature=0.0)
        message = (Message(role="user", content=PROBE_TEXT),)
        answers = []
        for sampling in (greedy, NARROW):
            answer = self._endpoint.ask_one(self._call(message, 0, sampling), _probed)
            if isinstance(answer, Refusal):
                raise EngineUnavailable(
                    f"server {self._endpoint.url}: cannot be used with server.api=chat ({answer.detail}), which needs "
                    "`logprobs`; if it accepts only the fields of OpenAI's own protocol, set "
                    "engine_options.extensions=false"
                )
            answers.append(answer)
        check_mode(self._endpoint.url, self._identity, *answers)

    def _call(self, messages: Sequence[Message], seed: int, sampling: Sampling) -> Call:
        body = shared_body(self._served_name, seed, sampling) | {
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "max_completion_tokens": sampling.max_new_tokens,
            "logprobs": True,
        }
        if self._extended:
            body |= extensions(sampling) | {"chat_template_kwargs": {"enable_thinking": self._enable_thinking}}
        return Call(path="/chat/completions", body=body)

    def _reply(self, sampling: Sampling, answer: Any) -> Reply | Refusal:
        choice = only_choice(answer)
        logprobs = [value for _, value in _tokens(choice)]
        return (
            self._too_long(answer, sampling)
            or refuse_cut_answer(len(logprobs), choice["finish_reason"], sampling)
            or Reply(
                text=_text(choice),
                token_count=len(logprobs),
                sum_logprob=math.fsum(logprobs),
                finish_reason=choice["finish_reason"],
                logprob_mode=self._identity.logprob_mode,
            )
        )

    def _too_long(self, answer: Any, sampling: Sampling) -> Refusal | None:
        """vLLM shortens what does not fit, for chosen samples only those that are long: none of them may count."""
        usage = answer.get("usage")
        prompt = usage.get("prompt_tokens") if isinstance(usage, dict) else None
        if self._max_length is None or type(prompt) is not int:
            return None
        if prompt + sampling.max_new_tokens <= self._max_length:
            return None
        detail = f"{prompt} prompt tokens + {sampling.max_new_tokens} new tokens > {self._max_length} positions"
        return Refusal(reason="prompt_too_long", detail=f"{detail} of the model")


def load_served(spec: ModelSpec, *, enable_thinking: bool) -> Responder:
    """Reach the server of `spec` through the protocol it names; EngineUnavailable where its answers are not enough."""
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
    """Each token as the server writes it, with its log-probability."""
    logprobs = choice.get("logprobs")
    entries = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Incomplete("no log-probabilities in an answer")
    values = checked_logprobs([entry.get("logprob") for entry in entries])
    return list(zip([str(entry.get("token")) for entry in entries], values, strict=True))


def _text(choice: dict[str, Any]) -> str:
    """The text of a message; one cut before its answer began (by a server that takes the thinking out) has none."""
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if content is None and choice["finish_reason"] == "length":
        return ""
    if not isinstance(content, str):
        raise Incomplete("no text in an answer")
    return content
