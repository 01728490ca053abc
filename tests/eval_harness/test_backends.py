"""Back ends of lm-eval with a model whose own defaults would change the sampling.

Pinned: no field of `generation_config.json` comes through the back end `hf`, neither in greedy nor in sampled
responses; the token ids that end a response do, and afterwards the model has its own defaults again.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from lm_eval.models.huggingface import HFLM
from transformers import GenerationConfig

from eval_harness.backends import observed, settings_for
from tests.helpers.tiny_model import END, SECOND_END, VOCABULARY

NEW_TOKENS = 24
SEED = 7
"""With which a sampled response ends before `NEW_TOKENS`."""
PROMPT = "<|user|> w1 w2 w3 <|assistant|>"
TASK: dict[bool, dict[str, Any]] = {
    False: {"do_sample": False, "temperature": 0.0},
    True: {"do_sample": True, "temperature": 1.2, "top_p": 0.95},
}
"""Settings of the task, by whether it samples."""
HOSTILE: dict[str, dict[str, Any]] = {
    "top_h": {"top_h": 0.1},
    "repeats": {"no_repeat_ngram_size": 1},
    "least tokens": {"min_new_tokens": NEW_TOKENS},
    "least length": {"min_length": 28},
    "suppressed": {"suppress_tokens": list(range(8, VOCABULARY, 2))},
    "suppressed first": {"begin_suppress_tokens": list(range(8, VOCABULARY, 2))},
    "decay": {"exponential_decay_length_penalty": [1, 3.0]},
    "bad words": {"bad_words_ids": [[token] for token in range(8, VOCABULARY, 2)]},
    "bias": {"sequence_bias": [[[9], 50.0]]},
    "forced end": {"forced_eos_token_id": 9},
    "penalty": {"repetition_penalty": 1.9},
    "guidance": {"guidance_scale": 3.0},
    "beams": {"num_beams": 3},
    "truncation": {"top_k": 1, "min_p": 0.9, "typical_p": 0.1, "epsilon_cutoff": 0.5, "eta_cutoff": 0.5},
}


@pytest.fixture(scope="module")
def lm(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The tiny model in lm-eval's own class, with all of the fields in its `generation_config.json`."""
    folder = tmp_path_factory.mktemp("hostile") / "model"
    shutil.copytree(tiny_model, folder)
    file = folder / "generation_config.json"
    fields: dict[str, Any] = {}
    for name in ("top_h", "repeats", "least tokens", "suppressed", "decay"):
        fields |= HOSTILE[name]
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield HFLM(pretrained=str(folder), dtype="float32", device="cpu", batch_size=1)
    torch.set_num_threads(threads)


def response(lm: Any, sampled: bool) -> list[int]:
    """The tokens of one response, as lm-eval generates it."""
    context = torch.tensor([lm.tok_encode(PROMPT)])
    torch.manual_seed(SEED)
    settings = settings_for(lm, TASK[sampled], prompt=PROMPT, index=int(sampled))
    tokens = lm._model_generate(context=context, max_length=context.shape[1] + NEW_TOKENS, stop=["never"], **settings)
    return tokens[0, context.shape[1] :].tolist()


def plain_defaults() -> GenerationConfig:
    return GenerationConfig(eos_token_id=[END, SECOND_END], pad_token_id=0)


@pytest.mark.parametrize("fields", HOSTILE.values(), ids=HOSTILE)
def test_no_default_of_a_model_comes_through(lm: Any, fields: dict[str, Any]) -> None:
    own, changed = lm.model.generation_config, []
    try:
        for sampled in TASK:
            lm.model.generation_config = plain_defaults()
            expected = response(lm, sampled)
            hostile = plain_defaults()
            hostile.update(**fields)
            lm.model.generation_config = hostile
            with observed(lm, {}):
                assert response(lm, sampled) == expected
            assert lm.model.generation_config is hostile
            changed.append(response(lm, sampled) != expected)
    finally:
        lm.model.generation_config = own
    # Those that are sent with every request do not come through in any case.
    assert any(changed) or fields.keys() & {"repetition_penalty", "top_k"}


@pytest.mark.parametrize("sampled", TASK)
def test_the_file_of_a_model_has_no_say(lm: Any, sampled: bool) -> None:
    own = lm.model.generation_config
    assert own.top_h == 0.1 and own.no_repeat_ngram_size == 1
    with observed(lm, {}):
        seen = response(lm, sampled)
    lm.model.generation_config = plain_defaults()
    try:
        assert seen == response(lm, sampled)
    finally:
        lm.model.generation_config = own
    assert seen != response(lm, sampled)
