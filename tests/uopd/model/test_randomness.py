"""Pins of `uopd/model/randomness.py`: a student is trained without dropout, whatever its configuration says.

- of nine architectures with dropout, layer dropout or noise in their router, each loses all of it and reads a text the
  same in training as in evaluation; each of them read it in another way before;
- GPT-2's ratio is 1 at learning rate 0, through two updates of GRPO, and the file that is exported keeps its dropout;
- a model that draws random numbers which no setting names is refused;
- the mode of a model, its gradients and settings that are no numbers stay as they are.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor, nn

from tests.helpers.tiny_model import VOCABULARY, save_tiny_model
from tests.uopd.student.test_reference import GRPO, plain_logprobs, spec_of, step_rows
from uopd.model.errors import StudentError
from uopd.model.randomness import without_randomness
from uopd.rows import Share
from uopd.student.reference import ReferenceStudent, load_student

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
WIDE = {"intermediate_size": 64, "num_key_value_heads": 2}
GPT2: dict[str, Any] = {"vocab_size": VOCABULARY, "n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64}
GPT2 |= {"bos_token_id": 1, "eos_token_id": 2}

ARCHITECTURES: dict[str, Callable[[], Any]] = {
    "attention": lambda: transformers.Qwen3Config(**SMALL, **WIDE, head_dim=16, attention_dropout=0.1),
    "GPT-2's own 0.1": lambda: transformers.GPT2Config(**GPT2),
    "layer dropout": lambda: transformers.OPTConfig(
        **SMALL, ffn_dim=64, word_embed_proj_dim=32, dropout=0.0, layerdrop=0.5
    ),
    "hidden states": lambda: transformers.FalconConfig(**SMALL, hidden_dropout=0.3),
    "residual": lambda: transformers.PhiConfig(**SMALL, **WIDE, resid_pdrop=0.2),
    "embedding": lambda: transformers.Phi3Config(**SMALL, **WIDE, embd_pdrop=0.2, resid_pdrop=0.2),
    "whole numbers": lambda: transformers.MptConfig(vocab_size=VOCABULARY, d_model=32, n_layers=2, n_heads=2),
    "router": lambda: transformers.MixtralConfig(
        **SMALL, **WIDE, head_dim=16, num_local_experts=4, router_jitter_noise=0.5
    ),
    "activation": lambda: transformers.BioGptConfig(**SMALL, intermediate_size=64, activation_dropout=0.3),
}
WITHOUT = {"whole numbers"}
"""Architectures that have no dropout in the first place."""


def hidden(model: Any) -> Tensor:
    states: Tensor = model.base_model(input_ids=torch.arange(3, 40)[None], use_cache=False).last_hidden_state.detach()
    return states


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_training_mode_reads_as_evaluation_mode(name: str) -> None:
    torch.manual_seed(1)
    model = transformers.AutoModelForCausalLM.from_config(ARCHITECTURES[name]())
    model.train()
    expected = hidden(model.eval())
    assert torch.equal(hidden(model.train()), expected) == (name in WITHOUT)
    assert without_randomness(model, name) is model and model.training
    assert torch.equal(hidden(model), expected) and torch.equal(hidden(model), expected)


def save_gpt2(folder: Path) -> Path:
    """A random GPT-2 with the tiny model's tokenizer, and GPT-2's own dropout of 0.1."""
    save_tiny_model(folder)
    torch.manual_seed(0)
    transformers.GPT2LMHeadModel(transformers.GPT2Config(**GPT2)).save_pretrained(folder)
    return folder


def test_grpos_ratio_is_1_at_learning_rate_0(tmp_path: Path) -> None:
    folder, rows = save_gpt2(tmp_path / "model"), step_rows(1)
    student = load_student(spec_of(folder, objective=replace(GRPO, kl_coefficient=0.0, clip_low=1e-6, clip_high=1e-6)))
    report = student.update(Share(rows=rows, scores=None), 0.0)
    assert report.sums["clipped"] == 0 and report.gradient_norm > 0
    text = (*rows[0].prompt_ids, *rows[0].response_ids)
    assert student.logprobs(text) == student.logprobs(text)
    expected_TV = plain_logprobs(transformers.AutoModelForCausalLM.from_pretrained(folder), text[:1], text[1:])
    expected_T = expected_TV.gather(1, torch.tensor(text[1:])[:, None])[:, 0]
    assert student.logprobs(text) == pytest.approx(expected_T.tolist(), abs=1e-5)
    student.export(tmp_path / "export")
    kept = json.loads((tmp_path / "export/config.json").read_text())
    assert (kept["resid_pdrop"], kept["attn_pdrop"], kept["embd_pdrop"]) == (0.1, 0.1, 0.1)


class Noisy(nn.Module):
    """Draws numbers that no setting names."""

    def forward(self, states: Tensor) -> Tensor:
        return nn.functional.dropout(states, p=0.2, training=self.training)


def test_a_model_that_draws_numbers_of_its_own_is_refused(tiny_model: Path) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(tiny_model).train()
    model.base_model.norm = nn.Sequential(model.base_model.norm, Noisy())
    with pytest.raises(StudentError, match=r"student\.model = noisy: in training mode its hidden states differ by 0"):
        without_randomness(model, "noisy")
    assert model.training


def test_a_model_without_dropout_is_left_alone(tiny_model: Path) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(tiny_model).eval()
    before = model.config.to_dict()
    model.config.drops_nothing = True
    assert without_randomness(model, "tiny").config.to_dict() == before | {"drops_nothing": True}
    assert not model.training
    assert isinstance(load_student(spec_of(tiny_model)), ReferenceStudent)
