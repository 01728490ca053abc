"""What lm-eval's back ends need so that 16 samples are 16 samples, and say what each response ended with.

1. Defaults of a model's or a server's own (`generation_config.json`) must not shape what the task fixes: every setting
   that a back end would fill in is sent.
2. lm-eval sends every request to a server with the same seed. Here each one has its own, made from its prompt and its
   number; lm-eval would send requests with different seeds one after the other, so that what it groups by is the
   number, and the prompt comes in where the payload is made.
3. Back ends return text only. Whether a response was cut, and how many tokens it has, is noted where they still know.
4. lm-eval cuts a text at the closing thinking tag, after which an unfinished thought cannot be told from an answer:
   while our requests run, the tag is left in.
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

# What the paper does not name is off: no top-k, no penalty.
_SERVER = {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}
_TRANSFORMERS = {"repetition_penalty": 1.0}
_TRANSFORMERS_SAMPLED = {"top_k": 0, "min_p": 0.0, "typical_p": 1.0, "epsilon_cutoff": 0.0, "eta_cutoff": 0.0}


class ServerError(RuntimeError):
    """A server did not answer what it was asked; the message says what it gave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How one response ended."""

    finish_reason: FinishReason
    token_count: int | None


def kind_of(lm: object) -> str:
    """`server`, `transformers`, `vllm` or `other`, by the names of the classes a back end is made of."""
    names = {cls.__name__ for cls in type(lm).__mro__}
    kinds = {"TemplateAPI": "server", "HFLM": "transformers", "VLLM": "vllm"}
    return next((kind for name, kind in kinds.items() if name in names), "other")


def settings_for(lm: object, task_settings: Mapping[str, Any], *, prompt: str, index: int) -> GenerationSettings:
    """What is sent for one request: the task's settings, and what the back end would otherwise fill in itself."""
    kind, sampled = kind_of(lm), bool(task_settings["do_sample"])
    settings = dict(task_settings)
    if kind == "server":
        own = {} if "openai.com" in str(getattr(lm, "base_url", "")) else _SERVER
        return {**settings, **own, "seed": index}
    if kind == "transformers":
        return {**settings, **_TRANSFORMERS, **(_TRANSFORMERS_SAMPLED if sampled else {})}
    if kind == "vllm":
        return {**settings, "seed": seed_of(prompt, index)}
    return settings


def seed_of(prompt: object, index: int) -> int:
    """The seed of one sample, from the prompt as it is sent and its number; in 31 bits, which every server takes."""
    return random_seed(0, "evaluate", json.dumps(prompt, ensure_ascii=False), index) & 0x7FFF_FFFF


@contextlib.contextmanager
def observed(lm: Any, endings: dict[str, Ending]) -> Iterator[None]:
    """While it lasts, the back end leaves thinking tags in, gives each server request its seed, and notes in `endings`
    how each text ended.
    """
    kind, replaced = kind_of(lm), {}
    if kind == "server":
        replaced = {"_create_payload": _seeded(lm._create_payload), "parse_generations": _checked(lm, endings)}
    elif kind == "vllm":
        replaced = {"_model_generate": _noting_vllm(lm._model_generate, endings)}
    elif kind == "transformers":
        replaced = {"_model_generate": _noting_transformers(lm, endings)}
    if getattr(lm, "think_end_token", None) is not None:
        replaced["think_end_token"] = None
    before = {name: vars(lm)[name] for name in replaced if name in vars(lm)}
    vars(lm).update(replaced)
    try:
        yield
    finally:
        for name in replaced:
            del vars(lm)[name]
        vars(lm).update(before)


def closing_tag_of(lm: Any) -> str:
    """The tag that ends a thought: the one the user names to lm-eval, else `</think>`."""
    tag = getattr(lm, "think_end_token", None)
    if isinstance(tag, int):
        return str(lm.tok_decode([tag], skip_special_tokens=False))
    return str(tag or "</think>")


def prompt_limit(lm: Any) -> int | None:
    """Positions of the model for prompt and response together, where lm-eval would cut the prompt to make room."""
    kind = kind_of(lm)
    if kind in ("transformers", "vllm") or (kind == "server" and getattr(lm, "tokenized_requests", False)):
        return int(lm.max_length)
    return None


def prompt_length(lm: Any, prompt: str) -> int:
    """Tokens of a prompt, as the back end counts them."""
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
        asked = len(named["contexts"]) if named.get("contexts") else 1
        if len(choices) < asked:
            raise ServerError(
                f"the server at {lm.base_url} returned {len(choices)} of {asked} samples that were asked for: "
                f"{json.dumps(replies, default=str)[:300]}. Nothing is counted in their place; mend the server, or ask "
                "less of it at once with num_concurrent=... in --model_args, and repeat the command"
            )
        texts = parse(outputs=outputs, **named)
        responses = []
        for text, choice in zip(texts, choices, strict=True):
            # Behind a reasoning parser an unfinished thought has no content at all.
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


def _reason(said: object) -> FinishReason:
    return {"length": "length", "stop": "stop"}.get(str(said), "unknown")  # type: ignore[return-value]


def _noting_vllm(generate: Any, endings: dict[str, Ending]) -> Any:
    def model_generate(*arguments: Any, **named: Any) -> Any:
        outputs = generate(*arguments, **named)
        for output in outputs:
            found = output.outputs[0]
            endings[found.text] = Ending(finish_reason=_reason(found.finish_reason), token_count=len(found.token_ids))
        return outputs

    return model_generate


def _noting_transformers(lm: Any, endings: dict[str, Ending]) -> Any:
    generate = lm._model_generate

    def model_generate(context: Any, **named: Any) -> Any:
        tokens = generate(context=context, **named)
        stops = _stop_tokens(lm)
        for row in tokens[:, context.shape[1] :].tolist():
            end = next((place for place, token in enumerate(row) if token in stops), None)
            ending = Ending(
                finish_reason="length" if end is None else "stop", token_count=len(row) if end is None else end + 1
            )
            endings[lm.tok_decode(row)] = ending
        return tokens

    return model_generate


def _stop_tokens(lm: Any) -> set[int]:
    configured = getattr(lm.model.generation_config, "eos_token_id", None)
    several = configured if isinstance(configured, (list, tuple)) else [configured]
    return {int(token) for token in (*several, lm.eot_token_id) if token is not None}
