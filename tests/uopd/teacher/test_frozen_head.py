"""Pins of `uopd/teacher/frozen_head.py`: a head is read from its model's folder, and nothing else of it.

- tied, untied and with a bias, in one file and in several, in folders from which every other tensor has been taken
  away: the head is the one of the model that transformers loads, in the dtype asked for;
- where a tied model's files hold a head of its own too, it is that one, as in transformers;
- what is refused: no such tensor, one that transformers renames as it loads (GPT-NeoX), another vocabulary, a file that
  is damaged, an index that names other folders' files, quantised weights.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, GPTNeoXConfig, PhiConfig, Qwen3Config

from sure_math.models.engines import EngineUnavailable
from sure_math.models.engines.weight_files import INDEX, SINGLE_FILE
from tests.helpers.tiny_model import VOCABULARY
from tests.uopd.model.test_causal_model import SMALL, save_random
from uopd.model.causal_model import HeadWeights, head_of
from uopd.model.errors import StudentError
from uopd.teacher.frozen_head import HeadSpec, load_head

CPU = torch.device("cpu")
MODELS: dict[str, tuple[Any, set[str]]] = {
    "tied": (Qwen3Config(**SMALL, head_dim=16, tie_word_embeddings=True), {"model.embed_tokens.weight"}),
    "untied": (Qwen3Config(**SMALL, head_dim=16), {"lm_head.weight"}),
    "a bias": (PhiConfig(**SMALL), {"lm_head.weight", "lm_head.bias"}),
}


def spec_of(folder: Path, **changes: Any) -> HeadSpec:
    return HeadSpec(
        **({"model": str(folder), "revision": None, "dtype": "float32", "device": "cpu", "top_k": 8} | changes)
    )


def read(folder: Path, **changes: Any) -> HeadWeights:
    return load_head(spec_of(folder, **changes), VOCABULARY, CPU)


def tensors_of(folder: Path) -> dict[str, torch.Tensor]:
    return {name: tensor for path in folder.glob("*.safetensors") for name, tensor in load_file(path).items()}


def cut_down(folder: Path, names: set[str]) -> None:
    """Leave nothing but these tensors in the folder's files, and no file without them."""
    for path in folder.glob("*.safetensors"):
        kept = {name: tensor for name, tensor in load_file(path).items() if name in names}
        path.unlink()
        if kept:
            save_file(kept, path)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("files", ["one", "several"])
@pytest.mark.parametrize(("config", "names"), MODELS.values(), ids=MODELS)
def test_a_head_is_read_without_its_model(tmp_path: Path, config: Any, names: set[str], files: str, dtype: str) -> None:
    folder = save_random(tmp_path / "model", config)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype))
    if files == "several":
        (folder / SINGLE_FILE).unlink()
        model.float().save_pretrained(folder, max_shard_size="8KB")
        model = model.to(getattr(torch, dtype))
        assert (folder / INDEX).is_file() and not (folder / SINGLE_FILE).exists()
    expected = head_of(model)
    cut_down(folder, names)
    assert set(tensors_of(folder)) == names
    result = read(folder, dtype=dtype)
    assert result.weight_VD.dtype == getattr(torch, dtype)
    assert torch.equal(result.weight_VD, expected.weight_VD)
    assert (result.bias_V is None) is (expected.bias_V is None)
    if expected.bias_V is not None and result.bias_V is not None:
        assert torch.equal(result.bias_V, expected.bias_V) and result.bias_V.dtype == getattr(torch, dtype)


def test_auto_is_what_it_is_for_the_scorer(tiny_model: Path) -> None:
    assert read(tiny_model, dtype="auto").weight_VD.dtype == torch.float32


def test_a_head_beside_the_embedding_is_the_head(tmp_path: Path, tiny_model: Path) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    head_VD = torch.randn(VOCABULARY, 32)
    save_file(tensors_of(folder) | {"lm_head.weight": head_VD}, folder / SINGLE_FILE, metadata={"format": "pt"})
    assert torch.equal(read(folder).weight_VD, head_VD)
    assert torch.equal(head_of(AutoModelForCausalLM.from_pretrained(folder)).weight_VD, head_VD)


def test_a_folder_of_the_base_model_has_names_without_its_prefix(tmp_path: Path, tiny_model: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    model.model.save_pretrained(tmp_path / "model")
    config = json.loads((tiny_model / "config.json").read_text())
    (tmp_path / "model" / "config.json").write_text(json.dumps(config))
    with safe_open(tmp_path / "model" / SINGLE_FILE, "pt") as file:
        assert "embed_tokens.weight" in file.keys()  # noqa: SIM118, no mapping
    assert torch.equal(read(tmp_path / "model").weight_VD, head_of(model).weight_VD)


def _without_head(folder: Path) -> None:
    cut_down(folder, {"model.norm.weight"})


def _renamed(folder: Path) -> None:
    shutil.rmtree(folder)
    save_random(folder, GPTNeoXConfig(**SMALL, rotary_pct=0.5))
    assert "embed_out.weight" in tensors_of(folder)


def _truncated(folder: Path) -> None:
    (folder / SINGLE_FILE).write_bytes((folder / SINGLE_FILE).read_bytes()[:-100])


def _quantised(folder: Path) -> None:
    save_file({"lm_head.weight": torch.ones(VOCABULARY, 64, dtype=torch.int8)}, folder / SINGLE_FILE)


def _flat(folder: Path) -> None:
    save_file({"lm_head.weight": torch.ones(VOCABULARY)}, folder / SINGLE_FILE)


def _index(text: str) -> Callable[[Path], None]:
    """In place of the file, an index of that text beside it."""

    def write(folder: Path) -> None:
        (folder / SINGLE_FILE).rename(folder / "other.safetensors")
        (folder / INDEX).write_text(text)

    return write


def _file_missing(folder: Path) -> None:
    (folder / SINGLE_FILE).rename(folder / "other.safetensors")


REFUSED: dict[str, tuple[Callable[[Path], None], int, str]] = {
    "no head": (_without_head, VOCABULARY, r"no tensor lm_head.weight .*: set teacher.sends=topk"),
    "renamed": (_renamed, VOCABULARY, r"no tensor lm_head.weight .*: set teacher.sends=topk"),
    "another vocabulary": (
        lambda folder: None,
        72,
        r"its head has 64 rows and the student's 72; .* teacher.sends=topk",
    ),
    "truncated": (_truncated, VOCABULARY, "files are incomplete or damaged"),
    "no file": (_file_missing, VOCABULARY, "files are incomplete or damaged"),
    "quantised": (_quantised, VOCABULARY, r"lm_head.weight is torch.int8, .*: set teacher.sends=topk"),
    "no matrix": (_flat, VOCABULARY, r"its head is \(64,\)"),
    **{
        f"index {number}": (_index(text), VOCABULARY, said)
        for number, (text, said) in enumerate(
            {
                "{": "is not JSON",
                "{}": "weight_map must name",
                '{"weight_map": [1]}': "weight_map must name",
                '{"weight_map": {"lm_head.weight": 7}}': "is in '7'",
                '{"weight_map": {"lm_head.weight": "../model/other.safetensors"}}': "must be in a safetensors file",
                '{"weight_map": {"lm_head.weight": "absent.safetensors"}}': "absent.safetensors: is not there",
            }.items()
        )
    },
}


@pytest.mark.parametrize(("breaks", "vocabulary", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(
    tmp_path: Path, tiny_model: Path, breaks: Callable[[Path], None], vocabulary: int, message: str
) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    breaks(folder)
    with pytest.raises((StudentError, EngineUnavailable), match=message):
        load_head(spec_of(folder), vocabulary, CPU)
