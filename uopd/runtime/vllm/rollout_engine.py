"""vLLM as the engine that samples the student's responses and receives its weights.

It runs the model as `sure_math` does (`models/engines/vllm.py`): every setting that shapes a distribution is explicit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from sure_math.models.engines import Finished, ModelIdentity, Request
from sure_math.models.engines.load import model_files
from sure_math.models.engines.spec import ModelSpec
from sure_math.models.engines.vllm import VllmEngine, engine_of
from uopd.runtime.specs import SharedTokens
from uopd.runtime.vllm.prompt_logprobs import entries_of, read_prompts
from uopd.runtime.vllm.start import start_vllm
from uopd.weight_sync.gloo import transfer_options
from uopd.weight_sync.vllm_api import ENGINE_API, check_vllm


class RolloutEngine:
    """An `Engine` of the trainer (`uopd/protocols.py`): it samples, and receives new weights.

    Two threads must not use it at the same time: weights change only while nothing is being sampled.
    """

    def __init__(self, llm: Any, engine: VllmEngine, max_length: int) -> None:
        self._llm, self._engine, self._max_length = llm, engine, max_length
        self._version = 0
        self._updating = False
        """Whether some of the weights are new and others old."""
        self._open = False
        """Whether vLLM is in an update. An update that broke off is over for vLLM, though the weights are not whole."""

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

    def generate(self, requests: Sequence[Request]) -> list[Finished]:
        """Answer the requests with the current weights, as one stream."""
        self._check_whole()
        return [finished for group in self._engine.stream([requests]) for finished in group]

    def logprobs(self, token_ids: Sequence[int]) -> list[float]:
        """Log-probability (nats) of every token of a text but the first; ValueError if the text is too long."""
        self._check_whole()
        (output,) = read_prompts(self._llm, [token_ids], 0, self._max_length)
        return entries_of(output, 1, 1)[1][:, 0].tolist()

    def init_transfer(self, info: Mapping[str, object]) -> None:
        """Join the sender's group."""
        self._llm.init_weight_transfer_engine({"init_info": info})

    def start_update(self) -> None:
        """Begin an update. The weights are then not whole, so nothing is computed until `finish_update`."""
        if self._open:
            self._llm.finish_weight_update()
        self._updating = True
        self._llm.start_weight_update()
        self._open = True

    def receive(self, info: Mapping[str, object]) -> None:
        """Receive the tensors that `info` describes; leave the group if that fails."""
        try:
            self._llm.update_weights({"update_info": info})
        except BaseException:
            self._open = False
            with suppress(Exception):  # leave the group, so that those who wait for this engine fail as well
                self._llm.shutdown_weight_transfer_engine()
            raise

    def finish_update(self, version: int) -> None:
        """Use the new weights, and empty the cache of prompts, which was computed with the old ones.

        Raises:
            RuntimeError: the cache cannot be emptied, since a request still uses it.
        """
        self._llm.finish_weight_update(weight_version=str(version))
        self._open = False
        if not self._llm.reset_prefix_cache():
            raise RuntimeError(
                f"policy version {version}: vLLM keeps cached prompts of the old weights, since a request still uses "
                "them; weights are sent while nothing is being sampled"
            )
        self._version, self._updating = version, False

    def close(self) -> None:
        """Give back memory and devices."""
        self._engine.close()
        self._llm = None

    def _check_whole(self) -> None:
        if self._updating:
            raise RuntimeError("the weights are half updated: a sync broke off; sync again first")


def start_rollout_engine(spec: ModelSpec, backend: str, tokens: SharedTokens | None = None) -> RolloutEngine:
    """Start vLLM on the initial model of `spec`, ready to receive weights by `backend`.

    Args:
        tokens: which ids are sampled and where a response ends; None: as the model's own files say.
    """
    check_vllm(ENGINE_API)
    files = model_files(spec)
    if tokens is not None:
        files = replace(files, vocabulary=tokens.used_rows, stop_token_ids=tokens.stop_token_ids)
    llm = start_vllm(spec, files, **transfer_options(backend))
    return RolloutEngine(llm, engine_of(llm, files), files.max_length)
