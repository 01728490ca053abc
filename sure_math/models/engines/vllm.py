"""The vLLM engine; the only module of `sure_math` that imports vLLM.

Every setting that shapes the distribution is given explicitly, and the model's own `generation_config.json` is
ignored: otherwise vLLM would take top_k = 20 and top_p = 0.95 from it for Qwen3. Each seed is a request of its own,
because `n` > 1 derives its seeds in a way that the journal cannot name, and vLLM refuses `n` > 1 at temperature 0. The
seeds of a prompt follow each other, so that vLLM's cache of prefixes, which is on, computes the prompt once.
"""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from vllm import LLM, SamplingParams
from vllm.inputs import TokensPrompt
from vllm.platforms import current_platform
from vllm.sampling_params import RequestOutputKind
from vllm.v1.engine.exceptions import EngineDeadError

from sure_math.models.engines import (
    Completion,
    EngineUnavailable,
    Finished,
    FinishedStream,
    ModelIdentity,
    Request,
    Sampling,
    refuse,
    refused,
)
from sure_math.models.engines.checked_load import check_tensors
from sure_math.models.engines.cpu_memory import CHOSEN_BY_USER, cache_bytes, free_memory
from sure_math.models.engines.files import text_config
from sure_math.models.engines.leading_rows import EXTENSION
from sure_math.models.engines.processes import watched_start
from sure_math.models.engines.spec import ModelFiles, ModelSpec
from sure_math.models.engines.weight_files import INDEX, named, weight_files

SAMPLED_TOKEN_ONLY = 0
"""`logprobs=0` returns the log-probability of the sampled token and no alternatives."""
LEAST_WINDOW = 256
"""Sequences that vLLM has at a time, at least, unless fewer are asked for."""


class VllmEngine:
    """An `Engine` on vLLM's offline `LLM`, started with raw log-probabilities.

    The same seeds repeat a sample in the same batch; batching may change it by rounding, as vLLM documents.
    """

    def __init__(self, llm: LLM, *, identity: ModelIdentity, stop_token_ids: Sequence[int], max_length: int) -> None:
        self._llm: Any = llm
        self._identity = identity
        self._stop_token_ids = list(stop_token_ids)
        self._max_length = max_length
        self._window = max(2 * self._llm.llm_engine.vllm_config.scheduler_config.max_num_seqs, LEAST_WINDOW)

    @property
    def identity(self) -> ModelIdentity:
        return self._identity

    def stream(self, batches: Iterable[Sequence[Request]]) -> FinishedStream:
        """Do what `LLM.generate` does, step by step, and give vLLM new requests between two steps.

        vLLM computes `max_num_seqs` sequences at a time; as many again wait inside it, so that it never waits for us.

        Raises:
            EngineUnavailable: the process in which vLLM computes has ended.
        """
        waiting = iter(batches)
        running: dict[str, tuple[Request, int]] = {}
        more = True
        try:
            while more or running:
                finished: list[Finished] = []
                while more and len(running) < self._window:
                    batch = next(waiting, None)
                    more = batch is not None
                    if not batch:
                        break
                    finished += self._begin(batch, running)
                if running:
                    finished += self._step(running)
                yield finished
        except EngineDeadError as error:
            raise EngineUnavailable(
                f"model {self._identity.name!r}: vLLM's engine died; what it printed says why. Is there memory for it "
                "(gpu_memory_utilization, kv_cache_memory_bytes, max_num_seqs in engine_options)? Repeat the command: "
                "what is answered is kept"
            ) from error
        finally:
            if running:
                with suppress(EngineDeadError):
                    self._llm.llm_engine.abort_request(list(running))

    def close(self) -> None:
        self._llm.llm_engine.engine_core.shutdown()
        self._llm = None

    def _begin(self, batch: Sequence[Request], running: dict[str, tuple[Request, int]]) -> list[Finished]:
        """Give the seeds of a batch to vLLM; return the answers to refused requests, which vLLM would stop at."""
        finished: list[Finished] = []
        for request in batch:
            refusal = refuse(request, self._max_length)
            if refusal is not None:
                finished += refused(request, refusal)
                continue
            ids = self._llm.enqueue(
                [TokensPrompt(prompt_token_ids=list(request.token_ids)) for _ in request.seeds],
                [sampling_parameters(seed, request.sampling, self._stop_token_ids) for seed in request.seeds],
                use_tqdm=False,
            )
            # vLLM appends random letters to the number of a request, and leaves them out of the output.
            running |= {name.partition("-")[0]: (request, seed) for name, seed in zip(ids, request.seeds, strict=True)}
        return finished

    def _step(self, running: dict[str, tuple[Request, int]]) -> list[Finished]:
        finished = []
        for output in self._llm.llm_engine.step():
            if output.finished:
                request, seed = running.pop(output.request_id)
                finished.append(Finished(request=request, seed=seed, answer=_completion(request.token_ids, output)))
        return finished


def sampling_parameters(seed: int, sampling: Sampling, stop_token_ids: Sequence[int]) -> SamplingParams:
    """Return every setting of one sequence that vLLM would otherwise choose."""
    return SamplingParams(
        n=1,
        seed=seed,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        min_p=0.0,
        repetition_penalty=1.0,
        presence_penalty=0.0,
        frequency_penalty=0.0,
        max_tokens=sampling.max_new_tokens,
        min_tokens=0,
        ignore_eos=False,
        stop_token_ids=list(stop_token_ids),
        logprobs=SAMPLED_TOKEN_ONLY,
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )


def _completion(prompt: tuple[int, ...], output: Any) -> Completion:
    """Check that `output` answers `prompt` and is complete; RuntimeError if vLLM mixed up its requests."""
    if tuple(output.prompt_token_ids) != prompt or len(output.outputs) != 1:
        raise RuntimeError(
            f"vLLM returned request {output.request_id} for another prompt or with {len(output.outputs)} outputs"
        )
    generated = output.outputs[0]
    if generated.finish_reason not in ("stop", "length") or generated.cumulative_logprob is None:
        raise RuntimeError(
            f"vLLM request {output.request_id} ended with {generated.finish_reason!r}, without an answer"
        )
    return Completion(
        token_ids=tuple(generated.token_ids),
        sum_logprob=float(generated.cumulative_logprob),
        finish_reason=generated.finish_reason,
    )


def start_vllm(spec: ModelSpec, files: ModelFiles) -> VllmEngine:
    """Start vLLM on the model's files."""
    return engine_of(start_llm(spec, files), files)


def engine_of(llm: LLM, files: ModelFiles) -> VllmEngine:
    """Return the engine on an `LLM` that `start_llm` has started."""
    return VllmEngine(llm, identity=files.identity, stop_token_ids=files.stop_token_ids, max_length=files.max_length)


def start_llm(spec: ModelSpec, files: ModelFiles, **arguments: Any) -> LLM:
    """Start vLLM alone.

    Args:
        spec: its `options` are `LLM` arguments (`enforce_eager`, `max_num_seqs`, ...).
        arguments: further `LLM` arguments, which come from the caller and not from the config. A `worker_extension_cls`
            must have the methods of `leading_rows.LeadingRows`.
    """
    fixed: dict[str, Any] = {
        "model": str(files.folder),
        "skip_tokenizer_init": True,
        "generation_config": "vllm",
        "logprobs_mode": "raw_logprobs",
        "trust_remote_code": False,
        "load_format": "safetensors",
        "max_model_len": files.max_length,
        "dtype": spec.dtype,
    }
    if current_platform.is_cpu():
        # With prompts prefilled in chunks, vLLM rewinds the request's random generator, which a CPU generator cannot.
        fixed |= {"enable_chunked_prefill": False, "max_num_batched_tokens": max(files.max_length, 4096)}
    fixed |= arguments
    padded = files.vocabulary is not None and files.vocabulary < getattr(text_config(files.folder), "vocab_size", 0)
    if padded:
        fixed.setdefault("worker_extension_cls", EXTENSION)
    clash = sorted(set(spec.options) & (set(fixed) | {"override_generation_config", "hf_overrides", "tokenizer"}))
    if clash:
        raise EngineUnavailable(f"engine option {clash[0]!r} is set by the config's own fields or must not be changed")
    check_tensors(files.folder)
    _refuse_other_weights(files.folder)
    if current_platform.is_cpu() and not _memory_is_set(spec):
        fixed["kv_cache_memory_bytes"] = cache_bytes(spec, files, free_memory())
    with watched_start():
        llm = LLM(**fixed, **spec.options)
    if padded and not any(llm.collective_rpc("use_leading_rows", args=(files.vocabulary,))):
        raise EngineUnavailable(
            f"model {spec.model!r}: its head has more rows than its tokenizer has tokens, and vLLM's model of it has "
            "no layer of logits in which the others can be left out; use engine=transformers"
        )
    return llm


def _memory_is_set(spec: ModelSpec) -> bool:
    """Return whether the user has set how much memory vLLM takes."""
    return any(name in spec.options for name in CHOSEN_BY_USER) or bool(os.environ.get("VLLM_CPU_KVCACHE_SPACE"))


def _refuse_other_weights(folder: Path) -> None:
    """Refuse safetensors files beside the weights if there is no index: vLLM would load them as well."""
    others = {path.name for path in folder.glob("*.safetensors")} - {path.name for path in weight_files(folder)}
    if others and not (folder / INDEX).exists():
        raise EngineUnavailable(
            f"model folder {folder}: vLLM would load {named(sorted(others))} beside the weights; move "
            f"{'this file' if len(others) == 1 else 'these files'} to another folder"
        )
