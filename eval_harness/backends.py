"""Adapt lm-eval's back ends: the samples of a problem are independent, and each response says how it ended.

1. Defaults of a model or a server (`generation_config.json`) must not change the sampling that the task fixes. Every
   setting that a back end would fill in by itself is therefore sent with the request. Transformers would fill in any
   field of the file, so while our requests run, the model has no defaults but its token ids.
2. lm-eval sends all requests to a server with the same seed. Here each request has its own seed, made from its prompt
   and its number. lm-eval sends requests in groups of equal settings, and would send requests with different seeds one
   by one. So the request carries its number as the seed, and the prompt is mixed in when the payload is made.
3. Back ends return text only. Whether a response was cut off, and how many tokens it has, is recorded inside the back
   end, because only the back end still knows it.
4. lm-eval cuts a text at the closing thinking tag. After that an unfinished thought looks like an answer. While our
   requests run, the tag stays in the text.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval_harness.grade import Response
from sure_math.identity import random_seed
from sure_math.rows import FinishReason

GenerationSettings = dict[str, Any]
"""Keyword arguments of one request, as lm-eval's back ends take them."""

# Settings that the paper does not name are switched off: no top-k, no penalty.
_SERVER = {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}
_TRANSFORMERS = {"repetition_penalty": 1.0}
_TRANSFORMERS_SAMPLED = {"top_k": 0, "min_p": 0.0, "typical_p": 1.0, "epsilon_cutoff": 0.0, "eta_cutoff": 0.0}


_TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")
"""Fields of `generation_config.json` that a model needs: where a text begins and ends."""


class ServerError(RuntimeError):
    """A server did not answer a request as asked. The message says what the server returned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How one response ended."""

    finish_reason: FinishReason
    token_count: int | None
    """Tokens of the response; None if the back end does not report the number."""


def kind_of(lm: object) -> str:
    """Return `server`, `transformers`, `vllm` or `other`, by the names of the back end's classes.

    >>> kind_of(object())
    'other'
    """
    names = {cls.__name__ for cls in type(lm).__mro__}
    kinds = {"TemplateAPI": "server", "HFLM": "transformers", "VLLM": "vllm"}
    return next((kind for name, kind in kinds.items() if name in names), "other")


def settings_for(lm: object, task_settings: Mapping[str, Any], *, prompt: str, index: int) -> GenerationSettings:
    """Return the settings to send with one request: the task's, and those that the back end would fill in by itself."""
    kind, sampled = kind_of(lm), bool(task_settings["do_sample"])
    settings = dict(task_settings)
    if kind == "server":
        switched_off = {} if "openai.com" in str(getattr(lm, "base_url", "")) else _SERVER
        return {**settings, **switched_off, "seed": index}
    if kind == "transformers":
        return {**settings, **_TRANSFORMERS, **(_TRANSFORMERS_SAMPLED if sampled else {})}
    if kind == "vllm":
        return {**settings, "seed": seed_of(prompt, index)}
    return settings


def seed_of(prompt: object, index: int) -> int:
    """Return the seed of one sample, made from the prompt as sent and the sample's number.

    The seed has 31 bits, which every server accepts.

    >>> seed_of("What is 2 + 2?", 1) == seed_of("What is 2 + 2?", 2)
    False
    """
    return random_seed(0, "evaluate", json.dumps(prompt, ensure_ascii=False), index) & 0x7FFF_FFFF


@contextlib.contextmanager
def observed(lm: Any, endings: dict[str, Ending]) -> Iterator[None]:
    """Change the back end while the context lasts, and restore it afterwards.

    Thinking tags stay in the text, no default of the model changes the sampling, each request to a server gets its own
    seed, and `endings` is filled: text -> how the text ended.
    """
    kind, replaced = kind_of(lm), {}
    if kind == "server":
        replaced = {"_create_payload": _seeded(lm._create_payload), "parse_generations": _checked(lm, endings)}
    elif kind == "vllm":
        replaced = {"_model_generate": _recording_vllm(lm._model_generate, endings)}
    elif kind == "transformers":
        replaced = {"_model_generate": _recording_transformers(lm, endings)}
    if getattr(lm, "think_end_token", None) is not None:
        replaced["think_end_token"] = None
    defaults = _without_defaults(lm.model) if kind == "transformers" else contextlib.nullcontext()
    before = {name: vars(lm)[name] for name in replaced if name in vars(lm)}
    vars(lm).update(replaced)
    try:
        with defaults:
            yield
    finally:
        for name in replaced:
            del vars(lm)[name]
        vars(lm).update(before)


@contextlib.contextmanager
def _without_defaults(model: Any) -> Iterator[None]:
    """Take every default of sampling from a model while the context lasts, also those of `generation_config.json`."""
    from transformers import GenerationConfig

    own = model.generation_config
    model.generation_config = GenerationConfig(**{name: getattr(own, name, None) for name in _TOKENS})
    try:
        yield
    finally:
        model.generation_config = own


def closing_tag_of(lm: Any) -> str:
    """Return the tag that ends a thought: the tag that the user names to lm-eval, or `</think>`."""
    tag = getattr(lm, "think_end_token", None)
    if isinstance(tag, int):
        return str(lm.tok_decode([tag], skip_special_tokens=False))
    return str(tag or "</think>")


def prompt_limit(lm: Any) -> int | None:
    """Return how many tokens of prompt and response the model can hold; None if lm-eval never cuts the prompt."""
    kind = kind_of(lm)
    if kind in ("transformers", "vllm") or (kind == "server" and getattr(lm, "tokenized_requests", False)):
        return int(lm.max_length)
    return None


def prompt_length(lm: Any, prompt: str) -> int:
    """Return the number of tokens of a prompt, as the back end counts them."""
    encoded = lm.tok_encode(prompt)
    return len(encoded[0]) if encoded and isinstance(encoded[0], (list, tuple)) else len(encoded)


def _seeded(create: Any) -> Any:
    def create_payload(*arguments: Any, **named: Any) -> dict[str, Any]:
        payload: dict[str, Any] = create(*arguments, **named)
        if named.get("generate", True) and "seed" in payload:
            payload["seed"] = seed_of(payload.get("prompt", payload.get("messages")), int(payload["seed"]))
        return payload

    return create_payload


def _checked(lm: Any, endings: dict[str, Ending]) -> Any:
    parse = lm.parse_generations

    def parse_generations(outputs: Any, **named: Any) -> list[str]:
        replies = outputs if isinstance(outputs, list) else [outputs]
        choices = [choice for reply in replies for choice in _choices(reply)]
        wanted = len(named["contexts"]) if named.get("contexts") else 1
        if len(choices) < wanted:
            raise ServerError(
                f"the server at {lm.base_url} returned {len(choices)} of {wanted} samples that were requested: "
                f"{json.dumps(replies, default=str)[:300]}. Missing samples are not counted as wrong; repair the "
                "server, or send fewer requests at once with num_concurrent=... in --model_args, and repeat the command"
            )
        texts = parse(outputs=outputs, **named)
        responses = []
        for text, choice in zip(texts, choices, strict=True):
            # If the server has a reasoning parser, an unfinished thought has no content at all.
            response = Response(text or "", finish_reason=_reason(choice.get("finish_reason")))
            response.token_count = _tokens(replies) if len(choices) == 1 else None
            responses.append(response)
        return list(responses)

    return parse_generations


def _choices(reply: Any) -> list[dict[str, Any]]:
    choices = reply.get("choices") if isinstance(reply, dict) else None
    return sorted(choices or [], key=lambda choice: choice.get("index") or 0)


def _tokens(replies: Sequence[Any]) -> int | None:
    count = (replies[0].get("usage") or {}).get("completion_tokens")
    return int(count) if count is not None else None


def _reason(reported: object) -> FinishReason:
    return {"length": "length", "stop": "stop"}.get(str(reported), "unknown")  # type: ignore[return-value]


def _recording_vllm(generate: Any, endings: dict[str, Ending]) -> Any:
    def model_generate(*arguments: Any, **named: Any) -> Any:
        outputs = generate(*arguments, **named)
        for output in outputs:
            completion = output.outputs[0]
            endings[completion.text] = Ending(
                finish_reason=_reason(completion.finish_reason), token_count=len(completion.token_ids)
            )
        return outputs

    return model_generate


def _recording_transformers(lm: Any, endings: dict[str, Ending]) -> Any:
    generate = lm._model_generate

    def model_generate(context: Any, **named: Any) -> Any:
        tokens = generate(context=context, **named)
        stops = _stop_tokens(lm)
        for row in tokens[:, context.shape[1] :].tolist():
            end = next((position for position, token in enumerate(row) if token in stops), None)
            ending = Ending(
                finish_reason="length" if end is None else "stop", token_count=len(row) if end is None else end + 1
            )
            endings[lm.tok_decode(row)] = ending
        return tokens

    return model_generate


def _stop_tokens(lm: Any) -> set[int]:
    configured = getattr(lm.model.generation_config, "eos_token_id", None)
    end_tokens = configured if isinstance(configured, (list, tuple)) else [configured]
    return {int(token) for token in (*end_tokens, lm.eot_token_id) if token is not None}
