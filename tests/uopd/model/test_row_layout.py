"""Pins of `uopd/model/row_layout.py`: a model is packed only if it reads packed rows as it reads each row alone.

- random models of 14 architectures, in float32 and bfloat16: those that may be packed, and those that read rows into
  each other when packed (linear attention, state spaces, convolutions, positions of their own); padded, all of
  them are right;
- what the layout of the configuration makes of it: `auto` pads with a warning, `packed` is refused with what to set;
- a Qwen3.5 student's update is the same from a layout `auto` that would pack and from padded rows; so are its scores;
- weights that are not finite are left to those who name them.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from tests.helpers.tiny_model import VOCABULARY
from tests.uopd.student.test_reference import (
    GRADIENT,
    RATE,
    gradients_after_first,
    relative,
    scorer_spec,
    share_for,
    spec_of,
    state_of,
    step_rows,
)
from uopd.model.errors import StudentError
from uopd.model.row_layout import usable_layout
from uopd.rows import Scores
from uopd.student.reference import load_student
from uopd.teacher.scorer import load_scorer

pytestmark = pytest.mark.usefixtures("one_thread")

IDS: dict[str, Any] = {"vocab_size": VOCABULARY, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
SMALL = IDS | {"num_hidden_layers": 4, "hidden_size": 32, "num_attention_heads": 2}
WIDE = {"intermediate_size": 64, "num_key_value_heads": 2}
HEADS = {"head_dim": 16}
LINEAR = {
    "linear_num_value_heads": 2,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 16,
    "linear_value_head_dim": 16,
}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}

PACKED: dict[str, Callable[[], Any]] = {
    "qwen3": lambda: transformers.Qwen3Config(**SMALL, **WIDE, **HEADS),
    "qwen3_moe": lambda: transformers.Qwen3MoeConfig(**SMALL, **WIDE, **HEADS, **EXPERTS),
    "gemma3, window of 4": lambda: transformers.Gemma3TextConfig(**SMALL, **WIDE, **HEADS, sliding_window=4),
    "gpt2": lambda: transformers.GPT2Config(n_embd=32, n_layer=2, n_head=2, **IDS),
    "gptj": lambda: transformers.GPTJConfig(n_embd=32, n_layer=2, n_head=2, rotary_dim=8, **IDS),
}
NOT_PACKED: dict[str, Callable[[], Any]] = {
    "qwen3_5": lambda: transformers.Qwen3_5TextConfig(**SMALL, **WIDE, **HEADS, **LINEAR),
    "qwen3_next": lambda: transformers.Qwen3NextConfig(
        **SMALL, **WIDE, **HEADS, **LINEAR, **EXPERTS, shared_expert_intermediate_size=32
    ),
    "mamba2": lambda: transformers.Mamba2Config(
        hidden_size=32, num_hidden_layers=2, num_heads=4, head_dim=16, n_groups=1, state_size=8, **IDS
    ),
    "lfm2": lambda: transformers.Lfm2Config(**SMALL, **WIDE, layer_types=["conv", "full_attention"] * 2),
    "falcon_h1": lambda: transformers.FalconH1Config(
        **SMALL, **WIDE, mamba_d_ssm=32, mamba_n_heads=2, mamba_d_head=16, mamba_d_state=8
    ),
    "opt": lambda: transformers.OPTConfig(**SMALL, ffn_dim=64, word_embed_proj_dim=32),
    "bloom": lambda: transformers.BloomConfig(hidden_size=32, n_layer=2, n_head=2, **IDS),
    "mpt": lambda: transformers.MptConfig(d_model=32, n_layers=2, n_heads=2, **IDS),
    "falcon": lambda: transformers.FalconConfig(**SMALL),
}


def a_model(make: Callable[[], Any], dtype: torch.dtype = torch.float32) -> Any:
    """A random model with weights that are large enough for its layers to matter."""
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(make())
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(4)
    return model.to(dtype).eval()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", PACKED)
def test_models_that_may_be_packed(name: str, dtype: torch.dtype) -> None:
    model = a_model(PACKED[name], dtype)
    for layout in ("packed", "padded"):
        assert usable_layout(model, name, layout, auto=False) == layout


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", NOT_PACKED)
def test_models_that_read_packed_rows_into_each_other(
    name: str, dtype: torch.dtype, caplog: pytest.LogCaptureFixture
) -> None:
    model = a_model(NOT_PACKED[name], dtype)
    assert usable_layout(model, name, "padded", auto=False) == "padded"
    with pytest.raises(StudentError, match=r"batch\.layout = packed: .* of their norm .*; set batch\.layout=padded"):
        usable_layout(model, name, "packed", auto=False)
    with caplog.at_level(logging.WARNING):
        assert usable_layout(model, name, "packed", auto=True) == "padded"
    assert f"{name}: " in caplog.text and "its rows are padded" in caplog.text


def test_a_model_that_misreads_padded_rows_is_refused() -> None:
    model = a_model(PACKED["qwen3"])
    forward = model.base_model.forward
    model.base_model.forward = lambda **inputs: forward(
        **(inputs | {"position_ids": inputs["position_ids"] + len(inputs["input_ids"])})
        if len(inputs["input_ids"]) == 1
        else inputs | {"input_ids": inputs["input_ids"].flip(0)}
    )
    with pytest.raises(StudentError, match=r"model x \(qwen3\), batch\.layout = padded: .*; choose another model"):
        usable_layout(model, "x", "padded", auto=False)


def test_weights_that_are_not_finite_are_left_to_the_losses() -> None:
    model = a_model(PACKED["qwen3"])
    with torch.no_grad():
        model.base_model.norm.weight[0] = torch.nan
    assert usable_layout(model, "x", "packed", auto=False) == "packed"


@pytest.fixture(scope="module")
def hybrid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hybrid") / "model"
    a_model(NOT_PACKED["qwen3_5"]).save_pretrained(folder)
    return folder


def test_a_hybrid_student_learns_and_scores_from_rows_of_its_own(hybrid: Path, tmp_path: Path) -> None:
    states = []
    for number, layout in enumerate(("packed", "padded")):
        student = load_student(spec_of(hybrid, layout=layout, auto_layout=layout == "packed", max_tokens=200))
        student.update(share_for(2), RATE)
        states.append(state_of(student, tmp_path / f"{number}"))
    assert relative(*(gradients_after_first(state).values() for state in states)) < GRADIENT
    with pytest.raises(StudentError, match=r"set batch\.layout=padded"):
        load_student(spec_of(hybrid, layout="packed"))
    rows = step_rows(3)
    scores = [
        load_scorer(scorer_spec(hybrid, layout=layout, auto_layout=layout == "packed")).score(rows)
        for layout in ("packed", "padded")
    ]
    first, second = (part for part in scores if isinstance(part, Scores))
    assert torch.allclose(first.sampled, second.sampled, atol=2e-5)
    with pytest.raises(StudentError, match=r"set batch\.layout=padded"):
        load_scorer(scorer_spec(hybrid, layout="packed"))
