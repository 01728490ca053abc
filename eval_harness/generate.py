"""Generation: a model of lm-eval behind a journal of what it has answered.

The key of a response is its content: the model, the prompt, the settings that were sent, the problem, and the number of
the sample. lm-eval's own cache knows neither the model nor the number, and skips sampled requests. A response is in the
journal as soon as the back end reports it: each one from a server, each batch from Transformers, each `VLLM_CHUNK` from
vLLM. A killed run repeats what was on its way at that moment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lm_eval.api.model import CachingLM

from eval_harness.backends import (
    Ending,
    GenerationSettings,
    closing_tag_of,
    kind_of,
    observed,
    prompt_length,
    prompt_limit,
    settings_for,
)
from eval_harness.grade import Response
from sure_math.identity import digest
from sure_math.models.engines.spec import VLLM_SPEED_OPTIONS
from sure_math.models.responders.chat import Reply
from sure_math.models.responders.journal import Journal

VLLM_CHUNK = 512
"""Requests of one call of vLLM, which reports nothing before all of them are done."""
SPEED_ARGUMENTS = VLLM_SPEED_OPTIONS | frozenset(
    {"batch_size", "max_batch_size", "device", "num_concurrent", "timeout", "max_retries", "verify_certificate"}
    | {"auth_token", "token", "use_auth_token", "api_key", "header", "ca_cert_path", "parallelize"}
)
"""Model arguments that change how fast a response comes, or who may ask for it, but not what it is.

They are in no result: secrets are among them.
"""


class GenerationError(RuntimeError):
    """The model cannot be asked as the task wants; the message says what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """One request of ours."""

    instance: Any
    """lm-eval's."""
    prompt: str
    settings: GenerationSettings
    key: bytes


@dataclass(slots=True, kw_only=True)
class Usage:
    """What became of the requests of one run."""

    generated: int = 0
    from_journal: int = 0
    prompts: dict[str, str] = field(default_factory=dict)
    """Task -> its first prompt as it was sent."""
    settings: dict[str, dict[str, GenerationSettings]] = field(default_factory=dict)
    """Task -> `greedy` and `sampled` -> the settings that were sent with its first problem."""
    open_thoughts: set[str] = field(default_factory=set)
    """Tasks with prompts that open a thought."""


class RecordedModel:
    """A model of lm-eval that answers our requests through the journal, and everything else as it is."""

    def __init__(self, lm: Any, *, tasks: Sequence[str], journal: Journal | None, identity: Mapping[str, Any]) -> None:
        self._lm = lm
        self._model = lm.lm if isinstance(lm, CachingLM) else lm
        self._tasks = frozenset(tasks)
        self._journal = journal
        self.identity = dict(identity)
        self.usage = Usage()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lm, name)

    @property
    def has_template(self) -> bool:
        """Whether the model's tokenizer, where the back end has one here, knows a chat template."""
        return kind_of(self._model) != "other" and bool(getattr(self._model.tokenizer, "chat_template", None))

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """One response per request, in order; lm-eval may ask for one twice to fill its batches."""
        ours = {id(request) for request in requests if request.task_name in self._tasks}
        others = [request for request in requests if id(request) not in ours]
        answers = dict(zip(map(id, others), self._lm.generate_until(others) if others else [], strict=True))
        asked = {id(request): self._asked(request) for request in requests if id(request) in ours}
        if asked:
            self._check_lengths(asked.values())
            responses = self._answer(list(asked.values()))
            answers |= {number: responses[request.key] for number, request in asked.items()}
        return [answers[id(request)] for request in requests]

    def _asked(self, instance: Any) -> RecordedRequest:
        context, task_settings = instance.arguments
        prompt = _as_text(context)
        settings = settings_for(self._model, task_settings, prompt=prompt, index=instance.idx)
        instance.arguments = (context, settings)  # what the log of samples shows is what was sent
        kind = "sampled" if settings["do_sample"] else "greedy"
        self.usage.prompts.setdefault(instance.task_name, prompt)
        self.usage.settings.setdefault(instance.task_name, {}).setdefault(kind, settings)
        if opens_thought(prompt):
            self.usage.open_thoughts.add(instance.task_name)
        content = [self.identity, prompt, settings, instance.doc["problem_id"], instance.idx]
        return RecordedRequest(instance=instance, prompt=prompt, settings=settings, key=bytes.fromhex(digest(content)))

    def _check_lengths(self, asked: Any) -> None:
        limit = prompt_limit(self._model)
        if limit is None:
            return
        lengths = {prompt: prompt_length(self._model, prompt) for prompt in {each.prompt for each in asked}}
        longest = max(asked, key=lambda each: lengths[each.prompt] + each.settings["max_gen_toks"])
        budget, length = longest.settings["max_gen_toks"], lengths[longest.prompt]
        if length + budget > limit:
            raise GenerationError(
                f"{longest.instance.task_name}: a prompt of {length} tokens and max_gen_toks = {budget} do not fit "
                f"into the {limit} positions that lm-eval gives this model, and it would cut the prompt. Set "
                f"--gen_kwargs max_gen_toks={max(1, limit - length)} or less, or raise max_length=... (vLLM: "
                "max_model_len=...) in --model_args if the model has more positions"
            )

    def _answer(self, asked: Sequence[RecordedRequest]) -> dict[bytes, Response]:
        known = {} if self._journal is None else self._journal.find([each.key for each in asked])
        replies = {key: reply for key, reply in known.items() if isinstance(reply, Reply)}
        missing = list({each.key: each for each in asked if each.key not in replies}.values())
        self.usage.from_journal += len(replies)
        self.usage.generated += len(missing)
        tag = closing_tag_of(self._model)
        for chunk in self._chunks(missing):
            replies |= self._ask(chunk)
        return {
            each.key: Response(
                replies[each.key].text,
                finish_reason=replies[each.key].finish_reason,
                token_count=replies[each.key].token_count or None,
                in_thought=opens_thought(each.prompt),
                closing_tag=tag,
            )
            for each in asked
        }

    def _chunks(self, missing: Sequence[RecordedRequest]) -> Iterator[Sequence[RecordedRequest]]:
        size = VLLM_CHUNK if kind_of(self._model) == "vllm" else len(missing)
        for start in range(0, len(missing), max(1, size)):
            yield missing[start : start + size]

    def _ask(self, chunk: Sequence[RecordedRequest]) -> dict[bytes, Reply]:
        endings: dict[str, Ending] = {}
        hook = _Hook(chunk, endings, self._journal)
        if kind_of(self._model) == "transformers":
            _seed_torch(chunk)
        before = self._model.cache_hook
        self._model.set_cache_hook(hook)
        try:
            with observed(self._model, endings):
                texts = self._model.generate_until([each.instance for each in chunk])
        finally:
            self._model.set_cache_hook(before)
        if len(texts) != len(chunk):
            raise GenerationError(f"the model gave {len(texts)} responses to {len(chunk)} requests; none is counted")
        rest = {
            each.key: _reply(text, endings)
            for each, text in zip(chunk, texts, strict=True)
            if each.key not in hook.replies
        }
        if self._journal is not None and rest:
            self._journal.add(rest)
        return {**hook.replies, **rest}


class _Hook:
    """What lm-eval's back ends call with every finished response, in place of its own cache.

    A response is told by its prompt, seed and temperature; without seeds (Transformers) the samples of one prompt are
    exchangeable, and take their numbers in the order they come.
    """

    def __init__(self, asked: Sequence[RecordedRequest], endings: dict[str, Ending], journal: Journal | None) -> None:
        self._open: dict[tuple[Any, ...], list[bytes]] = {}
        for each in asked:
            self._open.setdefault(_told_by(each.prompt, each.settings), []).append(each.key)
        self._endings, self._journal = endings, journal
        self.replies: dict[bytes, Reply] = {}

    def add_partial(self, attr: str, req: Sequence[Any], res: Any) -> None:
        """Called by the back end, in its thread, after each response (vLLM and Transformers: after each batch)."""
        context, settings = req
        waiting = self._open.get(_told_by(_as_text(context), settings))
        if attr != "generate_until" or not waiting or not isinstance(res, str):
            return
        reply = {waiting.pop(0): _reply(res, self._endings)}
        if self._journal is not None:
            self._journal.add(reply)
        self.replies |= reply


def _told_by(prompt: str, settings: Mapping[str, Any]) -> tuple[Any, ...]:
    return prompt, settings.get("seed"), float(settings.get("temperature") or 0.0)


def _reply(text: str, endings: Mapping[str, Ending]) -> Reply:
    ending = endings.get(text)
    if isinstance(text, Response):
        ending = Ending(finish_reason=text.finish_reason, token_count=text.token_count)
    return Reply(
        text=str(text),
        token_count=(ending.token_count if ending else None) or 0,
        sum_logprob=0.0,
        finish_reason="length" if ending and ending.finish_reason == "length" else "stop",
        logprob_mode="none",
    )


def _as_text(context: Any) -> str:
    """A prompt of lm-eval as text: a string, or a conversation for a chat server."""
    if isinstance(context, str):
        return context
    return str(context.prompt) if hasattr(context, "prompt") else json.dumps(context, ensure_ascii=False)


def opens_thought(prompt: str) -> bool:
    """Whether a chat template left a thought open for the model to go on with."""
    return prompt.rstrip().endswith("<think>")


def _seed_torch(chunk: Sequence[RecordedRequest]) -> None:
    """Random numbers from what is asked: a resumed run, which asks for less, must not draw those of the first again."""
    import torch

    torch.manual_seed(int(digest([each.key.hex() for each in chunk])[:15], 16))


def journal_path(cache_db: str) -> Path:
    """The journal beside lm-eval's own cache; one for all ranks, since a key does not depend on the rank."""
    path = Path(cache_db)
    return path.with_name(re.sub(r"(_rank\d+)?\.db$", "", path.name) + ".responses.db")


def model_identity(lm: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What responses depend on beside the request: the back end, its arguments, and the model's files or commit.

    Nothing a server says can prove which weights it runs: its address and the model's name there stand for them.
    """
    model = lm.lm if isinstance(lm, CachingLM) else lm
    shaping = {name: str(value) for name, value in arguments.items() if name not in SPEED_ARGUMENTS}
    if not shaping:  # an object that Python code handed over
        shaping = {"model": str(getattr(getattr(model, "config", None), "_name_or_path", getattr(model, "model", "")))}
    content = {name: _content(value, shaping.get("revision")) for name, value in shaping.items()}
    return {
        "backend": type(model).__name__,
        "arguments": shaping,
        "content": {name: found for name, found in content.items() if found},
    }


def _content(value: str, revision: str | None) -> str | None:
    """The digest of a folder's files, or the commit of a Hub model that is on this disk."""
    from sure_math.models.engines.files import fingerprint_of

    if Path(value).is_dir():
        return fingerprint_of(Path(value))
    if re.fullmatch(r"[\w.-]+/[\w.-]+", value):
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(value, "config.json", revision=revision)
        return Path(found).parent.name if isinstance(found, str) else None
    return None
