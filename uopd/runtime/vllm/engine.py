"""vLLM as the engine that samples the student's responses, and as a teacher that scores them.

Both run the model as `sure_math` does (`engines/vllm.py`): every setting that shapes a distribution is explicit.

Shapes: T response tokens of all rows, in the rows' order; K entries.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from vllm import SamplingParams
from vllm.inputs import TokensPrompt
from vllm.platforms import current_platform

from sure_math.models.engines import Completion, EngineUnavailable, ModelIdentity, Refusal, Request, Sampling
from sure_math.models.engines.load import model_files
from sure_math.models.engines.spec import ModelFiles, ModelSpec
from sure_math.models.engines.vllm import VllmEngine, engine_of, start_llm
from uopd.rows import Scores, TrainingRow
from uopd.teacher.scorer import difference_of_repeats
from uopd.weight_sync.gloo import transfer_options
from uopd.weight_sync.vllm_api import ENGINE_API, check_vllm


class RolloutEngine:
    """An `Engine` whose weights change; a `Receiver` of them (`uopd/protocols.py`).

    Not for two threads at once: weights change only where nothing is being sampled.
    """

    def __init__(self, llm: Any, engine: VllmEngine, max_length: int) -> None:
        self._llm, self._engine, self._max_length = llm, engine, max_length
        self._version = 0
        self._updating = False
        """Whether the weights are in pieces."""
        self._open = False
        """Whether vLLM is in an update; a broken one is over for vLLM, and the weights are in pieces still."""

    @property
    def identity(self) -> ModelIdentity:
        return self._engine.identity

    @property
    def version(self) -> int:
        """Updates the weights have seen; those of the initial model are version 0."""
        return self._version

    @property
    def workers(self) -> int:
        """Processes that hold the model."""
        return int(self._llm.llm_engine.vllm_config.parallel_config.world_size)

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[tuple[Completion, ...] | Refusal]:
        self._ready()
        return self._engine.generate(requests, sampling)

    def logprobs(self, token_ids: Sequence[int]) -> list[float]:
        """Log-probability (nats) of every token of a text but the first; ValueError where it is too long."""
        self._ready()
        (output,) = _read(self._llm, [token_ids], 0, self._max_length)
        return _entries(output, 1, 1)[1][:, 0].tolist()

    def init_transfer(self, info: Mapping[str, object]) -> None:
        self._llm.init_weight_transfer_engine({"init_info": info})

    def start_update(self) -> None:
        """From here on the weights are in pieces; nothing is computed with them until `finish_update`."""
        if self._open:
            self._llm.finish_weight_update()
        self._updating = True
        self._llm.start_weight_update()
        self._open = True

    def receive(self, info: Mapping[str, object]) -> None:
        try:
            self._llm.update_weights({"update_info": info})
        except BaseException:
            self._open = False
            with suppress(Exception):  # leaves the group, so that whoever waits for this engine fails too
                self._llm.shutdown_weight_transfer_engine()
            raise

    def finish_update(self, version: int) -> None:
        """RuntimeError where the cache of prompts, computed with the old weights, cannot be emptied."""
        self._llm.finish_weight_update(weight_version=str(version))
        self._open = False
        if not self._llm.reset_prefix_cache():
            raise RuntimeError(
                f"policy version {version}: vLLM keeps cached prompts of the old weights, since a request still uses "
                "them; weights are sent while nothing is being sampled"
            )
        self._version, self._updating = version, False

    def close(self) -> None:
        self._engine.close()
        self._llm = None

    def _ready(self) -> None:
        if self._updating:
            raise RuntimeError("the weights are half updated: a sync broke off; sync again first")


def start_rollout_engine(spec: ModelSpec, backend: str) -> RolloutEngine:
    """vLLM on the initial model of `spec`, ready to receive weights by `backend`."""
    check_vllm(ENGINE_API)
    files = model_files(spec)
    llm = _start(spec, files, **transfer_options(backend))
    return RolloutEngine(llm, engine_of(llm, files), files.max_length)


class VllmScorer:
    """A `Scorer` on vLLM's log-probabilities of a prompt.

    They come as Python numbers, one by one: a transformers forward (`teacher/scorer.py`) hands on more entries faster.
    """

    def __init__(
        self, llm: Any, *, fingerprint: str, max_length: int, top_k: int, values: str, max_tokens: int
    ) -> None:
        """`values`: type of the log-probabilities that are handed on; `max_tokens`: of the texts of one call of vLLM.

        The engine must allow `top_k` log-probabilities (`max_logprobs`).
        """
        self._llm, self._fingerprint, self._max_length = llm, fingerprint, max_length
        vocabulary = llm.llm_engine.vllm_config.model_config.get_vocab_size()
        self._k, self._values, self._max_tokens = min(top_k, vocabulary), values, max_tokens

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    def score(self, rows: Sequence[TrainingRow]) -> Scores:
        """Scores of all response tokens.

        Raises:
            ValueError: a text is longer than the model reads, or a response has no token in front of it.
            FloatingPointError: a log-probability is not a number.
        """
        tokens = sum(len(row.response_ids) for row in rows)
        ids, logprobs = np.empty((tokens, self._k), np.int32), np.empty((tokens, self._k), np.float32)
        sampled = np.empty(tokens, np.float32)
        done = 0
        for index, output in self._outputs(rows):
            row = rows[index]
            if not row.scorer_ids:
                raise ValueError(f"row {index}: a response needs at least one token in front of it to be scored")
            of_row = slice(done, done + len(row.response_ids))
            found, values = _entries(output, len(row.scorer_ids), self._k + 1)
            if np.isnan(values).any():
                raise FloatingPointError(f"row {index}: the scorer's log-probabilities are not numbers")
            # vLLM names the text's own token first and then the K most probable ones, which may hold it again.
            ids[of_row], logprobs[of_row], sampled[of_row] = found[:, 1:], values[:, 1:], values[:, 0]
            done += len(row.response_ids)
        return Scores(
            ids=torch.from_numpy(ids),
            logprobs=torch.from_numpy(logprobs).to(getattr(torch, self._values)),
            sampled=torch.from_numpy(sampled),
        )

    def repeat_difference(self, rows: Sequence[TrainingRow]) -> float:
        return difference_of_repeats(self.score, rows)

    def close(self) -> None:
        self._llm.llm_engine.engine_core.shutdown()
        self._llm = None

    def _outputs(self, rows: Sequence[TrainingRow]) -> Iterator[tuple[int, Any]]:
        """Each row that has a response, and vLLM's output for it; a call holds at most `max_tokens` or one row."""
        waiting: list[int] = []
        texts = [(*row.scorer_ids, *row.response_ids) for row in rows]
        for index, row in enumerate(rows):
            if not row.response_ids:
                continue
            if waiting and sum(len(texts[other]) for other in (*waiting, index)) > self._max_tokens:
                yield from self._call(waiting, texts)
                waiting = []
            waiting.append(index)
        yield from self._call(waiting, texts)

    def _call(self, indices: Sequence[int], texts: Sequence[Sequence[int]]) -> Iterator[tuple[int, Any]]:
        outputs = _read(self._llm, [texts[index] for index in indices], self._k, self._max_length)
        return zip(indices, outputs, strict=True)


def start_scorer(spec: ModelSpec, *, top_k: int, values: str, max_tokens: int) -> VllmScorer:
    """vLLM on the teacher of `spec`."""
    files = model_files(spec)
    # -1 allows the whole vocabulary, which is what a larger `top_k` comes to.
    llm = _start(spec, files, max_logprobs=-1)
    return VllmScorer(
        llm,
        fingerprint=files.identity.fingerprint,
        max_length=files.max_length,
        top_k=top_k,
        values=values,
        max_tokens=max_tokens,
    )


def _start(spec: ModelSpec, files: ModelFiles, **own: Any) -> Any:
    """vLLM with the model; EngineUnavailable in vLLM's words where it does not start."""
    try:
        return start_llm(_typed(spec), files, **own)
    except EngineUnavailable:
        raise
    except Exception as error:  # whatever vLLM, a kernel or a driver raises
        raise EngineUnavailable(
            f"model {spec.model!r}: vLLM did not start: {str(error).strip() or type(error).__name__} Its memory is set "
            "in engine_options: gpu_memory_utilization is a share of the device's (of the machine's, on a CPU), "
            "kv_cache_memory_bytes the cache alone, such as 536870912 for a small model"
        ) from error


def _typed(spec: ModelSpec) -> ModelSpec:
    """`auto` is here what it is for the student: float32 on a CPU, bfloat16 on a GPU."""
    if spec.dtype != "auto":
        return spec
    return dataclasses.replace(spec, dtype="float32" if current_platform.is_cpu() else "bfloat16")


def _read(llm: Any, texts: Sequence[Sequence[int]], k: int, max_length: int) -> list[Any]:
    """vLLM's outputs for texts whose every token but the first gets its log-probability and the K best ones'."""
    for text in texts:
        # vLLM reads a prompt only in order to continue it, by one token at least.
        if not 2 <= len(text) < max_length:
            raise ValueError(
                f"a text of {len(text)} tokens: vLLM scores 2 to {max_length - 1} with this model; lower "
                "rollouts.max_new_tokens, or score with teacher.engine=transformers"
            )
    parameters = SamplingParams(max_tokens=1, temperature=0.0, prompt_logprobs=k, flat_logprobs=True, detokenize=False)
    prompts = [TokensPrompt(prompt_token_ids=list(text)) for text in texts]
    return list(llm.generate(prompts, parameters, use_tqdm=False)) if prompts else []


def _entries(output: Any, begin: int, per_token: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Token ids and log-probabilities [positions from `begin` on, `per_token`] of a prompt."""
    flat = output.prompt_logprobs
    start = flat.start_indices[begin]
    ids = np.array(flat.token_ids[start:], np.int32).reshape(-1, per_token)
    logprobs = np.array(flat.logprobs[start:], np.float32).reshape(-1, per_token)
    if len(ids) != len(output.prompt_token_ids) - begin or (ids[:, 0] != output.prompt_token_ids[begin:]).any():
        raise RuntimeError(f"vLLM's log-probabilities of request {output.request_id} are not those of its prompt")
    return ids, logprobs
