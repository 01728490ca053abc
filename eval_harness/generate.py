"""Generate responses: a model of lm-eval, with a journal of the responses that are already there.

The key of a response is made from the model, the prompt, the settings that were sent, the problem and the number of the
sample. lm-eval's own cache uses neither the model nor the number, and skips sampled requests. A response is written to
the journal as soon as the back end reports it: a server reports every response, Transformers every batch, and vLLM
every `VLLM_CHUNK` requests. A run that is killed has to repeat only the requests that were unanswered at that moment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
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
from sure_math.batched import batched
from sure_math.escaping import whole_characters
from sure_math.identity import digest
from sure_math.models.engines.spec import VLLM_SPEED_OPTIONS
from sure_math.models.responders.chat import Reply
from sure_math.models.responders.journal import Journal
from sure_math.thoughts import opened_thought

VLLM_CHUNK = 512
"""Requests of one call of vLLM, which reports nothing until all of them are done."""
SPEED_ARGUMENTS = VLLM_SPEED_OPTIONS | frozenset(
    {"batch_size", "max_batch_size", "device", "num_concurrent", "timeout", "max_retries", "verify_certificate"}
    | {"auth_token", "token", "use_auth_token", "api_key", "header", "ca_cert_path", "parallelize"}
)
"""Model arguments that affect only speed or authentication, not the text of a response.

They are not written into this package's section of the results. `eval_harness.secrets` refuses those that are secrets.
"""


class GenerationError(RuntimeError):
    """The model cannot be asked as the task requires. The message says what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """A request of one of our tasks."""

    instance: Any
    """The request as lm-eval represents it."""
    prompt: str
    settings: GenerationSettings
    """The settings that are sent."""
    key: bytes
    """Key of the response in the journal."""


@dataclass(slots=True, kw_only=True)
class Usage:
    """What happened to the requests of one run."""

    generated: int = 0
    from_journal: int = 0
    prompts: dict[str, str] = field(default_factory=dict)
    """Task -> its first prompt as sent."""
    settings: dict[str, dict[str, GenerationSettings]] = field(default_factory=dict)
    """Task -> `greedy` or `sampled` -> the settings that were sent with the task's first problem."""
    open_thoughts: set[str] = field(default_factory=set)
    """Tasks whose prompts open a thought."""


class RecordedModel:
    """A model of lm-eval that answers requests of our tasks through the journal, and passes on all other calls."""

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
        """Whether the model's tokenizer has a chat template; False if the back end has no tokenizer in this process."""
        return kind_of(self._model) != "other" and bool(getattr(self._model.tokenizer, "chat_template", None))

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """Return one response per request, in order. lm-eval may repeat a request to fill its batches."""
        ours = {id(request) for request in requests if request.task_name in self._tasks}
        others = [request for request in requests if id(request) not in ours]
        answers = dict(zip(map(id, others), self._lm.generate_until(others) if others else [], strict=True))
        recorded = {id(request): self._recorded(request) for request in requests if id(request) in ours}
        if recorded:
            self._check_lengths(recorded.values())
            responses = self._answer(list(recorded.values()))
            answers |= {number: responses[request.key] for number, request in recorded.items()}
        return [answers[id(request)] for request in requests]

    def _recorded(self, instance: Any) -> RecordedRequest:
        context, task_settings = instance.arguments
        prompt = _as_text(context)
        settings = settings_for(self._model, task_settings, prompt=prompt, index=instance.idx)
        instance.arguments = (context, settings)  # so that the log of samples shows the settings that were sent
        kind = "sampled" if settings["do_sample"] else "greedy"
        self.usage.prompts.setdefault(instance.task_name, prompt)
        self.usage.settings.setdefault(instance.task_name, {}).setdefault(kind, settings)
        if opens_thought(prompt):
            self.usage.open_thoughts.add(instance.task_name)
        content = [self.identity, prompt, settings, instance.doc["problem_id"], instance.idx]
        return RecordedRequest(instance=instance, prompt=prompt, settings=settings, key=bytes.fromhex(digest(content)))

    def _check_lengths(self, requests: Collection[RecordedRequest]) -> None:
        """Refuse requests whose prompt lm-eval would cut to make room for the response."""
        limit = prompt_limit(self._model)
        if limit is None:
            return
        lengths = {prompt: prompt_length(self._model, prompt) for prompt in {request.prompt for request in requests}}
        longest = max(requests, key=lambda request: lengths[request.prompt] + request.settings["max_gen_toks"])
        budget, length = longest.settings["max_gen_toks"], lengths[longest.prompt]
        if length + budget > limit:
            raise GenerationError(
                f"{longest.instance.task_name}: a prompt of {length} tokens and max_gen_toks = {budget} do not fit "
                f"into the {limit} positions that lm-eval gives this model, so lm-eval would cut the prompt. Set "
                f"--gen_kwargs max_gen_toks={max(1, limit - length)} or less, or raise max_length=... (vLLM: "
                "max_model_len=...) in --model_args if the model has more positions"
            )

    def _answer(self, requests: Sequence[RecordedRequest]) -> dict[bytes, Response]:
        """Return the response to each request by its key: from the journal, or generated now."""
        known = {} if self._journal is None else self._journal.find([request.key for request in requests])
        replies = {key: reply for key, reply in known.items() if isinstance(reply, Reply)}
        missing = list({request.key: request for request in requests if request.key not in replies}.values())
        self.usage.from_journal += len(replies)
        self.usage.generated += len(missing)
        tag = closing_tag_of(self._model)
        for chunk in self._chunks(missing):
            replies |= self._generate(chunk)
        return {
            request.key: Response(
                replies[request.key].text,
                finish_reason=replies[request.key].finish_reason,
                token_count=replies[request.key].token_count or None,
                in_thought=opens_thought(request.prompt),
                closing_tag=tag,
            )
            for request in requests
        }

    def _chunks(self, missing: Sequence[RecordedRequest]) -> Iterator[Sequence[RecordedRequest]]:
        size = VLLM_CHUNK if kind_of(self._model) == "vllm" else len(missing)
        return batched(missing, max(1, size))

    def _generate(self, chunk: Sequence[RecordedRequest]) -> dict[bytes, Reply]:
        """Ask the model for these responses, and write them to the journal."""
        endings: dict[str, Ending] = {}
        hook = _JournalHook(chunk, endings, self._journal)
        if kind_of(self._model) == "transformers":
            _seed_torch(chunk)
        own_hook = self._model.cache_hook
        self._model.set_cache_hook(hook)
        try:
            with observed(self._model, endings):
                texts = self._model.generate_until([request.instance for request in chunk])
        finally:
            self._model.set_cache_hook(own_hook)
        if len(texts) != len(chunk):
            raise GenerationError(
                f"the model returned {len(texts)} responses to {len(chunk)} requests, so that no response can be "
                "matched with its request; repeat the command, or use another back end"
            )
        rest = {
            request.key: _reply(text, endings)
            for request, text in zip(chunk, texts, strict=True)
            if request.key not in hook.replies
        }
        if self._journal is not None and rest:
            self._journal.add(rest)
        return {**hook.replies, **rest}


class _JournalHook:
    """Writes every finished response to the journal. lm-eval's back ends call it in place of lm-eval's own cache.

    A response is matched with its request by prompt, seed and temperature. Transformers takes no seeds, so the samples
    of one prompt are interchangeable and get their numbers in the order in which they are reported.
    """

    def __init__(
        self, requests: Sequence[RecordedRequest], endings: dict[str, Ending], journal: Journal | None
    ) -> None:
        self._open: dict[tuple[Any, ...], list[bytes]] = {}
        for request in requests:
            self._open.setdefault(_matched_by(request.prompt, request.settings), []).append(request.key)
        self._endings, self._journal = endings, journal
        self.replies: dict[bytes, Reply] = {}

    def add_partial(self, attr: str, req: Sequence[Any], res: Any) -> None:
        """Record a response. The back end calls this in its own thread after each response or batch."""
        context, settings = req
        waiting = self._open.get(_matched_by(_as_text(context), settings))
        if attr != "generate_until" or not waiting or not isinstance(res, str):
            return
        reply = {waiting.pop(0): _reply(res, self._endings)}
        if self._journal is not None:
            self._journal.add(reply)
        self.replies |= reply


def _matched_by(prompt: str, settings: Mapping[str, Any]) -> tuple[Any, ...]:
    return prompt, settings.get("seed"), float(settings.get("temperature") or 0.0)


def _reply(text: str, endings: Mapping[str, Ending]) -> Reply:
    ending = endings.get(text)
    if isinstance(text, Response):
        ending = Ending(finish_reason=text.finish_reason, token_count=text.token_count)
    return Reply(
        text=whole_characters(str(text)),
        token_count=(ending.token_count if ending else None) or 0,
        sum_logprob=0.0,
        finish_reason="length" if ending and ending.finish_reason == "length" else "stop",
        logprob_mode="none",
    )


def _as_text(context: Any) -> str:
    """Return a prompt of lm-eval, a string or a conversation for a chat server, as text."""
    if isinstance(context, str):
        return context
    return str(context.prompt) if hasattr(context, "prompt") else json.dumps(context, ensure_ascii=False)


def opens_thought(prompt: str) -> bool:
    """Return whether the prompt ends with an open thought, which the model is to continue.

    >>> opens_thought("<|assistant|>\\n<think>\\n")
    True
    """
    return bool(opened_thought(prompt))


def _seed_torch(chunk: Sequence[RecordedRequest]) -> None:
    """Seed torch from the requests: a resumed run has fewer of them and must not draw the first run's numbers again."""
    import torch

    torch.manual_seed(int(digest([request.key.hex() for request in chunk])[:15], 16))


def journal_path(cache_db: str) -> Path:
    """Return the path of the journal beside lm-eval's cache. All ranks share it: a key does not depend on the rank.

    >>> journal_path("out/cache_rank0.db").as_posix()
    'out/cache.responses.db'
    """
    path = Path(cache_db)
    return path.with_name(re.sub(r"(_rank\d+)?\.db$", "", path.name) + ".responses.db")


def model_identity(lm: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return what responses depend on beside the request: the back end, its arguments, the model's files or commit.

    A server cannot prove which weights it runs. Its address and the name of the model there stand for the weights.
    """
    model = lm.lm if isinstance(lm, CachingLM) else lm
    shaping = {name: str(value) for name, value in arguments.items() if name not in SPEED_ARGUMENTS}
    if not shaping:  # Python code passed a model as an object
        shaping = {"model": str(getattr(getattr(model, "config", None), "_name_or_path", getattr(model, "model", "")))}
    content = {name: _content(value, shaping.get("revision")) for name, value in shaping.items()}
    return {
        "backend": type(model).__name__,
        "arguments": shaping,
        "content": {name: identifier for name, identifier in content.items() if identifier},
    }


def _content(value: str, revision: str | None) -> str | None:
    """Return the digest of a folder's files, or the commit of a Hub model in the local cache, or None."""
    from sure_math.models.engines.files import folder_digest

    if Path(value).is_dir():
        return folder_digest(Path(value))
    if re.fullmatch(r"[\w.-]+/[\w.-]+", value):
        from huggingface_hub import try_to_load_from_cache

        cached = try_to_load_from_cache(value, "config.json", revision=revision)
        return Path(cached).parent.name if isinstance(cached, str) else None
    return None
