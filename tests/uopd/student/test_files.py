"""Exports of checkpoints that are not of one dtype, or of which the student is a part.

Pinned: every tensor keeps the dtype that it has in the initial model's files, whatever the student is trained in, also
where a model's own tensors are merged from several of the files; the text part of a multimodal checkpoint is written as
a text model, whose configuration fits its tensors; a part that could not be loaded again is refused at the start.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    Emu3ForCausalLM,
    Emu3TextConfig,
    Qwen3_5Config,
    Qwen3_5ForConditionalGeneration,
    Qwen3MoeConfig,
    Qwen3MoeForCausalLM,
)

from sure_math.models.engines.checked_load import check_tensors, load_causal_model
from tests.helpers.tiny_model import SPECIAL, VOCABULARY
from uopd.model.errors import StudentError
from uopd.student.files import check_exportable, export_model

SHAPE: Mapping[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
}


def in_mixed_dtypes(model: Any, tokenizer: Path, folder: Path) -> Path:
    """Write a model in bfloat16 whose norms, routers and decays are in float32, as published checkpoints have them."""
    model.to(torch.bfloat16).save_pretrained(folder)
    file = folder / "model.safetensors"
    tensors = load_file(file)
    wide = [name for name in tensors if any(part in name for part in ("norm", "A_log", "mlp.gate.weight"))]
    assert wide and len(wide) < len(tensors)
    save_file(tensors | {name: tensors[name].float() for name in wide}, file, metadata={"format": "pt"})
    AutoTokenizer.from_pretrained(tokenizer).save_pretrained(folder)
    return folder


def dtypes_of(folder: Path) -> dict[str, torch.dtype]:
    return {name: tensor.dtype for name, tensor in load_file(folder / "model.safetensors").items()}


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(torch.arange(len(SPECIAL), 24)[None]).logits


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", ["dense", "experts"])
def test_every_tensor_keeps_its_dtype(tiny_model: Path, tmp_path: Path, kind: str, dtype: torch.dtype) -> None:
    if kind == "dense":
        model: Any = AutoModelForCausalLM.from_pretrained(tiny_model)
    else:
        model = Qwen3MoeForCausalLM(
            Qwen3MoeConfig(**SHAPE, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=16)
        )
    source = in_mixed_dtypes(model, tiny_model, tmp_path / "source")
    student = load_causal_model(source, dtype=dtype)
    export_model(student, source, tmp_path / "export")
    assert dtypes_of(tmp_path / "export") == dtypes_of(source)
    assert (tmp_path / "export/config.json").read_bytes() == (source / "config.json").read_bytes()
    exported = load_causal_model(tmp_path / "export", dtype=dtype)
    assert torch.equal(logits(exported), logits(student))


def multimodal(tokenizer: Path, folder: Path) -> Path:
    text = {
        **SHAPE,
        "layer_types": ["linear_attention", "full_attention"],
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 2,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
        "tie_word_embeddings": False,
    }
    vision = {
        "depth": 1,
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_heads": 2,
        "out_hidden_size": 32,
        "num_position_embeddings": 16,
        "patch_size": 4,
    }
    torch.manual_seed(0)
    model = Qwen3_5ForConditionalGeneration(Qwen3_5Config(text_config=text, vision_config=vision))
    return in_mixed_dtypes(model, tokenizer, folder)


def test_the_text_part_of_a_multimodal_checkpoint_is_a_text_model(tiny_model: Path, tmp_path: Path) -> None:
    source, export = multimodal(tiny_model, tmp_path / "source"), tmp_path / "export"
    student = load_causal_model(source, dtype=torch.float32)
    check_exportable(student, source)
    export_model(student, source, export)

    config = json.loads((export / "config.json").read_text())
    assert (config["model_type"], config["architectures"]) == ("qwen3_5_text", ["Qwen3_5ForCausalLM"])
    assert config["dtype"] == "bfloat16" and "vision_config" not in config
    initial = dtypes_of(source)
    whole = {name.replace("model.", "model.language_model.", 1): dtype for name, dtype in dtypes_of(export).items()}
    assert whole == {name: dtype for name, dtype in initial.items() if "visual" not in name}
    check_tensors(export)  # the tensors are exactly those of the configuration
    exported = load_causal_model(export, dtype=torch.float32)
    assert torch.equal(logits(exported), logits(student))
    # A second run may go on from the export.
    check_exportable(exported, export)
    export_model(exported, export, tmp_path / "again")
    assert dtypes_of(tmp_path / "again") == dtypes_of(export)


def test_a_part_that_could_not_be_loaded_again_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "emu3"}))
    model = Emu3ForCausalLM(Emu3TextConfig(**{**SHAPE, "pad_token_id": 0}))
    with pytest.raises(StudentError, match=r"a checkpoint of the kind emu3, .* part emu3_text_model; .* text model"):
        check_exportable(model, tmp_path)
