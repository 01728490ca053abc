"""The server engine: a model behind an OpenAI-compatible endpoint that takes and gives tokens, as vLLM's server does.

Every setting that shapes the distribution is sent with each request, because vLLM's server takes a missing setting from
the model's `generation_config.json`. A request cannot set the tokenizer, the form of the log-probabilities, and whether
a token stops the answer. These three are tested when the engine starts, see `_check`.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any, TypeVar

from sure_math.models.engines import (
    Completion,
    EngineUnavailable,
    Finished,
    FinishedStream,
    ModelIdentity,
    Refusal,
    Request,
    Sampling,
    refuse,
)
from sure_math.models.engines.endpoint import Call, Endpoint, Incomplete, Unanswered
from sure_math.models.engines.files import load_tokenizer
from sure_math.models.engines.spec import ModelFiles, ModelSpec, ServerSpec
from sure_math.rows import LogprobMode

T = TypeVar("T")
SAMPLED_TOKEN_ONLY = 0
"""`logprobs=0` returns the log-probability of the sampled token and no alternatives."""
PROBE_TEXT = "If $x^2 = \\frac{12}{35}$ and y is"
"""Digits, LaTeX and words, broken off: many continuations are likely, so log-probabilities differ from 0."""
PROBE_TOKENS = 8
NARROW = Sampling(max_new_tokens=PROBE_TOKENS, temperature=0.5, top_p=1e-6)
"""Greedy by truncation: only the most probable token is left, and its probability after truncation is 1."""
SAME_MODE = 0.2
"""Relative difference of two sums: rounding in 16 bits stays below it, truncation to one token exceeds it."""
CERTAIN = 0.01
"""Nats over the probe. Below it the model is so certain that raw and processed values cannot be told apart."""
LEAST_LOGPROB = -1e5
"""Nats. vLLM writes -9999 for a probability of 0."""
TOKEN_CHARACTERS = 1024
"""The most characters of a text per token. The longest tokens of usual vocabularies are runs of blanks or dashes of the
order of 100 characters: no text of real tokens comes near this bound, and 32 tokens cannot store megabytes."""
OPTIONS: dict[str, Any] = {"logprob_mode": "raw", "extensions": True}
"""`logprob_mode`: the mode that the server was started with; the start fails if the probes show another mode.
`extensions`: False leaves out fields that OpenAI's own chat protocol does not have, for endpoints that reject them."""


class ServerEngine:
    """An `Engine` on `/completions`, one request per seed.

    It needs an endpoint that takes prompts as token ids and returns `token_ids` (vLLM 0.10.2 and later). `logprob_mode`
    comes from the config and is tested at the start. Nothing can verify which weights answer: see `served_fingerprint`.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        served_name: str,
        identity: ModelIdentity,
        stop_token_ids: Sequence[int],
        max_length: int,
    ) -> None:
        self._endpoint = endpoint
        self._served_name = served_name
        self._identity = identity
        self._stop_token_ids = list(stop_token_ids)
        self._max_length = max_length

    @property
    def identity(self) -> ModelIdentity:
        return self._identity

    def stream(self, batches: Iterable[Sequence[Request]]) -> FinishedStream:
        """Keep `max_concurrency` requests open. A missing answer is a refusal, whose `detail` says why.

        Raises:
            EngineUnavailable: no answer for longer than `patience`.
        """
        calls = ([asked for request in batch for asked in self._calls(request)] for batch in batches)
        with closing(self._endpoint.stream(calls)) as stream:
            for answers in stream:
                yield [Finished(request=request, seed=seed, answer=answer) for (request, seed), answer in answers]

    def close(self) -> None:
        self._endpoint.close()

    def _calls(self, request: Request) -> Iterator[tuple[tuple[Request, int], Call[Completion] | Refusal]]:
        refusal, sampling = refuse(request, self._max_length), request.sampling
        read = partial(_completion, sampling)
        for seed in request.seeds:
            yield (
                (request, seed),
                refusal
                or completion_call(self._served_name, request.token_ids, seed, sampling, self._stop_token_ids, read),
            )


def start_server(spec: ModelSpec, files: ModelFiles) -> ServerEngine:
    """Connect to the server of `spec` and test its answers; EngineUnavailable if they cannot be used."""
    server = spec.server
    if server is None or server.api != "completions":
        raise EngineUnavailable("server.api=chat gives text, not tokens; an engine needs server.api=completions")
    check_options(spec)
    endpoint = Endpoint(server)
    try:
        served_length = served_model(endpoint, served_name(spec, server))
        engine = ServerEngine(
            endpoint,
            served_name=served_name(spec, server),
            identity=files.identity,
            stop_token_ids=files.stop_token_ids,
            max_length=length_limit(spec, served_length) or files.max_length,
        )
        _check(endpoint, served_name(spec, server), load_tokenizer(files.folder), files)
    except BaseException:
        endpoint.close()
        raise
    return engine


def completion_call(
    name: str,
    prompt: Sequence[int] | str,
    seed: int,
    sampling: Sampling,
    stop_token_ids: Sequence[int],
    read: Callable[[Any], T | Refusal],
) -> Call[T]:
    """Return the request to `/completions` for one seed, whose answer is read by `read`."""
    body = shared_body(name, seed, sampling) | {
        **extensions(sampling),
        "prompt": prompt if isinstance(prompt, str) else list(prompt),
        "max_tokens": sampling.max_new_tokens,
        "logprobs": SAMPLED_TOKEN_ONLY,
        "echo": False,
        "min_tokens": 0,
        "ignore_eos": False,
        "stop_token_ids": list(stop_token_ids),
        "add_special_tokens": False,
        "skip_special_tokens": False,
        "return_token_ids": True,
    }
    return Call(path="/completions", body=body, read=read)


def shared_body(name: str, seed: int, sampling: Sampling) -> dict[str, Any]:
    """Return the fields that both protocols have."""
    return {
        "model": name,
        "n": 1,
        "stream": False,
        "seed": seed,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
    }


def extensions(sampling: Sampling) -> dict[str, Any]:
    """Return the settings of the distribution that OpenAI's protocol does not have, but vLLM and others do."""
    return {"top_k": sampling.top_k, "min_p": 0.0, "repetition_penalty": 1.0}


# ---- reading an answer ----------------------------------------------------------------------------------------------


def only_choice(answer: Any) -> dict[str, Any]:
    """Return the only choice of an answer, which must have stopped or reached its length.

    Raises:
        Incomplete: no choice, several choices, or another end.
        Unanswered: the server broke the answer off.
    """
    choices = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        count = len(choices) if isinstance(choices, list) else "no"
        raise Incomplete(f"{count} choices in an answer, where 1 was asked for")
    choice: dict[str, Any] = choices[0]
    ended = choice.get("finish_reason")
    if ended in ("abort", "error"):  # vLLM's words for an answer that was not finished when the server stopped
        raise Unanswered(f"an answer broken off by the server (finish_reason {ended!r})")
    if ended not in ("stop", "length"):
        raise Incomplete(f"finish_reason {ended!r}, where only 'stop' and 'length' end an answer")
    return choice


def checked_logprobs(values: Any) -> list[float]:
    """Return log-probabilities, one per token; `Incomplete` if they are missing or out of range."""
    if not isinstance(values, list) or not values:
        raise Incomplete("no log-probabilities in an answer")
    for value in values:
        if not isinstance(value, int | float) or not LEAST_LOGPROB <= value <= 1e-6:
            raise Incomplete(f"a log-probability of {value!r}")
    return [float(value) for value in values]


def refuse_cut_answer(count: int, ended: str, sampling: Sampling) -> Refusal | None:
    """Refuse an answer that a limit of the server has cut: it is neither complete nor as long as was asked for.

    None for any other answer; `Incomplete` for an answer that is longer than was asked for.
    """
    if count > sampling.max_new_tokens:
        raise Incomplete(f"{count} tokens, where at most {sampling.max_new_tokens} were asked for")
    if ended == "length" and count < sampling.max_new_tokens:
        detail = (
            f"cut after {count} of {sampling.max_new_tokens} tokens by a limit of the server; start it with a larger "
            "max_model_len (and no max_new_tokens of its own), or ask for fewer tokens"
        )
        return Refusal(reason="no_completion", detail=detail)
    return None


def refuse_long_text(text: str, count: int) -> Refusal | None:
    """Refuse a text that is longer than its tokens can be: it is not the text of these tokens.

    >>> refuse_long_text("x" * 20_000_000, 32).detail
    'a text of 20,000,000 characters for 32 tokens, where at most 1,024 characters a token are stored; the server does not return the text of its tokens: update it, or use another server'

    Args:
        count: tokens of the answer.
    """  # noqa: E501, the detail is one line
    if len(text) <= count * TOKEN_CHARACTERS:
        return None
    detail = (
        f"a text of {len(text):,} characters for {count:,} tokens, where at most {TOKEN_CHARACTERS:,} characters a "
        "token are stored; the server does not return the text of its tokens: update it, or use another server"
    )
    return Refusal(reason="no_completion", detail=detail)


def _completion(sampling: Sampling, answer: Any) -> Completion | Refusal:
    choice = only_choice(answer)
    token_ids = _token_ids(choice.get("token_ids"))
    logprobs = _logprobs(choice)
    if len(token_ids) != len(logprobs):
        raise Incomplete(f"{len(token_ids)} tokens with {len(logprobs)} log-probabilities")
    return refuse_cut_answer(len(token_ids), choice["finish_reason"], sampling) or Completion(
        token_ids=token_ids, sum_logprob=math.fsum(logprobs), finish_reason=choice["finish_reason"]
    )


def _token_ids(values: Any) -> tuple[int, ...]:
    if not isinstance(values, list) or not values or not all(type(value) is int and value >= 0 for value in values):
        raise Incomplete("no token_ids in an answer")
    return tuple(values)


def _logprobs(choice: Mapping[str, Any]) -> list[float]:
    logprobs = choice.get("logprobs")
    return checked_logprobs(logprobs.get("token_logprobs") if isinstance(logprobs, dict) else None)


# ---- testing a server -----------------------------------------------------------------------------------------------


def served_name(spec: ModelSpec, server: ServerSpec) -> str:
    """Return the name of the model on the server."""
    return server.served_name or spec.model


def check_options(spec: ModelSpec) -> None:
    """Raise EngineUnavailable for an option that the server engine does not have."""
    unknown = sorted(set(spec.options) - set(OPTIONS))
    if unknown:
        raise EngineUnavailable(f"engine option {unknown[0]!r}: the server engine has {', '.join(OPTIONS)}")


def served_model(endpoint: Endpoint, name: str) -> int | None:
    """Return the positions of the model `name` on the server; None if the server does not say.

    EngineUnavailable if the server does not have the model.
    """
    models = endpoint.ask_one(Call(path="/models", read=_model_list))
    if isinstance(models, Refusal):
        raise EngineUnavailable(f"server {endpoint.url}: its list of models cannot be read ({models.detail})")
    if name not in models:
        raise EngineUnavailable(
            f"server {endpoint.url} has no model {name!r}; "
            + (
                f"it serves {', '.join(sorted(models))}: set server.served_name to one of them"
                if models
                else "it serves none: start it with a model, or name another server.url"
            )
        )
    return models[name]


def _model_list(answer: Any) -> dict[str, int | None]:
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list):
        raise Incomplete("/models gives no list `data`")
    lengths = {}
    for model in data:
        if isinstance(model, dict) and isinstance(model.get("id"), str):
            length = model.get("max_model_len")
            lengths[model["id"]] = length if type(length) is int and length > 0 else None
    return lengths


def length_limit(spec: ModelSpec, served: int | None) -> int | None:
    """Return the positions to use: those of the config, else those of the server; None if neither names any."""
    if spec.max_model_len is not None and served is not None and spec.max_model_len > served:
        raise EngineUnavailable(f"max_model_len {spec.max_model_len}: the server has only {served}; give at most that")
    return spec.max_model_len or served


def _check(endpoint: Endpoint, name: str, tokenizer: Any, files: ModelFiles) -> None:
    """Test with four requests whether the answers can be used; EngineUnavailable if not.

    1. A text: the server must cut it into the tokens that the tokenizer on this disk makes of it.
    2. Its tokens, greedy: they must come back unchanged, with generated tokens and their log-probabilities.
    3. The same tokens by truncation: the log-probabilities must be raw, or processed, as the config says.
    4. The first generated token as a stop token: it must end the answer, and be part of it.
    """
    prompt = tuple(tokenizer(PROBE_TEXT, add_special_tokens=False)["input_ids"])
    greedy = Sampling(max_new_tokens=PROBE_TOKENS, temperature=0.0)

    def probe(text: Sequence[int] | str, sampling: Sampling, stops: Sequence[int]) -> dict[str, Any]:
        answer = endpoint.ask_one(completion_call(name, text, 0, sampling, stops, _probed))
        if isinstance(answer, Refusal):
            raise EngineUnavailable(
                f"server {endpoint.url}: cannot be used with server.api=completions ({answer.detail}), which needs "
                "prompts as token ids, `return_token_ids` and `logprobs` (vLLM 0.10.2 or later); update it, or use "
                "server.api=chat"
            )
        return answer

    seen = tuple(probe(PROBE_TEXT, greedy, files.stop_token_ids)["prompt"])
    if seen != prompt:
        raise EngineUnavailable(
            f"server {endpoint.url}: {name!r} has another tokenizer than model={str(files.folder)!r} here ({seen[:8]} "
            f"against {prompt[:8]} for {PROBE_TEXT!r}); name the model it serves in `model`"
        )
    first = probe(prompt, greedy, files.stop_token_ids)
    if tuple(first["prompt"]) != prompt:
        raise EngineUnavailable(f"server {endpoint.url}: changes a prompt of tokens; use server.api=chat")
    narrow = probe(prompt, NARROW, files.stop_token_ids)
    check_mode(endpoint.url, files.identity, first["generated"], narrow["generated"])
    stop = first["generated"][0][0]
    stopped = probe(prompt, greedy, [stop])
    if stopped["ended"] != "stop" or [token for token, _ in stopped["generated"]] != [stop]:
        raise EngineUnavailable(f"server {endpoint.url}: does not stop at stop_token_ids; use vLLM 0.10.2 or later")


def _probed(answer: Any) -> dict[str, Any]:
    """Return the prompt tokens, the (token, log-probability) pairs and the end of an answer to a probe."""
    choice = only_choice(answer)
    pairs = list(zip(_token_ids(choice.get("token_ids")), _logprobs(choice), strict=False))
    return {"prompt": _token_ids(choice.get("prompt_token_ids")), "generated": pairs, "ended": choice["finish_reason"]}


def check_mode(
    url: str, identity: ModelIdentity, greedy: Sequence[tuple[Any, float]], narrow: Sequence[tuple[Any, float]]
) -> None:
    """Compare the log-probabilities of a text, without and with truncation, with the mode in the config.

    EngineUnavailable if they show another mode.
    """
    mode = mode_of(greedy, narrow)
    if mode is not None and mode != identity.logprob_mode:
        raise EngineUnavailable(
            f"server {url}: its log-probabilities are {mode}, not {identity.logprob_mode}; start it with "
            f"--logprobs-mode {identity.logprob_mode}_logprobs, or accept them with engine_options.logprob_mode={mode}"
        )


def mode_of(greedy: Sequence[tuple[Any, float]], narrow: Sequence[tuple[Any, float]]) -> LogprobMode | None:
    """Return `raw` if temperature and truncation do not change the values, else `processed`.

    None if the model is so certain that the two modes cannot be told apart.
    """
    plain = cut = 0.0
    for (token, value), (other, truncated) in zip(greedy, narrow, strict=False):
        if token != other:
            break
        plain, cut = plain + value, cut + truncated
    if abs(plain) < CERTAIN:
        return None
    return "raw" if abs(plain - cut) <= SAME_MODE * abs(plain) else "processed"
