"""vLLM's log-probabilities of texts that it only reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vllm import SamplingParams
from vllm.inputs import TokensPrompt


def read_prompts(llm: Any, texts: Sequence[Sequence[int]], k: int, max_length: int) -> list[Any]:
    """Let vLLM read texts: every token but the first gets its own log-probability and those of the K best tokens.

    Raises:
        ValueError: a text is too long for the model, or shorter than two tokens.
    """
    for text in texts:
        # vLLM reads a prompt only to continue it by at least one token.
        if not 2 <= len(text) < max_length:
            raise ValueError(
                f"a text of {len(text)} tokens: vLLM scores 2 to {max_length - 1} with this model; lower "
                "rollouts.max_new_tokens, or score with teacher.engine=transformers"
            )
    parameters = SamplingParams(max_tokens=1, temperature=0.0, prompt_logprobs=k, flat_logprobs=True, detokenize=False)
    prompts = [TokensPrompt(prompt_token_ids=list(text)) for text in texts]
    return list(llm.generate(prompts, parameters, use_tqdm=False)) if prompts else []


def entries_of(output: Any, begin: int, per_token: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the token ids and log-probabilities of a prompt, each of shape [positions from `begin` on,
    `per_token`]."""
    flat = output.prompt_logprobs
    start = flat.start_indices[begin]
    ids = np.array(flat.token_ids[start:], np.int32).reshape(-1, per_token)
    logprobs = np.array(flat.logprobs[start:], np.float32).reshape(-1, per_token)
    if len(ids) != len(output.prompt_token_ids) - begin or (ids[:, 0] != output.prompt_token_ids[begin:]).any():
        raise RuntimeError(f"vLLM's log-probabilities of request {output.request_id} are not those of its prompt")
    return ids, logprobs
