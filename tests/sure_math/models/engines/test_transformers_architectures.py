"""Pins of `TransformersEngine.check_architecture`: what the engine cannot sample is refused by name.

- random models with layers whose state is not in the cache of keys and values: those for which there is no cache
  that can be cut into rows, and those that would sample other distributions without an error;
- models of plain attention pass, and weights that are not finite are left to the sampling, which names them;
- a model that is refused is refused by its loader and in training, before anything is sampled.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers import AutoTokenizer

from sure_math.models.engines import EngineUnavailable, ModelIdentity
from sure_math.models.engines.load import load_engine, model_files
from sure_math.models.engines.spec import ModelSpec
from sure_math.models.engines.transformers import Budget, TransformersEngine
from tests.uopd.model.test_row_layout import IDS, NOT_PACKED, PACKED, SMALL, a_model
from tests.uopd.student.test_reference import spec_of
from uopd.rollouts.student_sampler import student_sampler
from uopd.student.reference import load_student

pytestmark = pytest.mark.usefixtures("one_thread")

UNSUITABLE: dict[str, tuple[Callable[[], Any], str]] = {
    **{name: (NOT_PACKED[name], "AttributeError") for name in ("qwen3_5", "qwen3_next", "mamba2", "lfm2")},
    "falcon_h1": (NOT_PACKED["falcon_h1"], "RuntimeError"),
    "recurrent_gemma": (
        lambda: transformers.RecurrentGemmaConfig(**SMALL, intermediate_size=64),
        "with its cache its logits differ by",
    ),
    "rwkv": (
        lambda: transformers.RwkvConfig(hidden_size=32, num_hidden_layers=2, attention_hidden_size=32, **IDS),
        "with its cache its logits differ by",
    ),
}
SUITABLE = {**PACKED, **{name: NOT_PACKED[name] for name in ("opt", "bloom", "mpt", "falcon")}}


def engine_of(model: Any) -> TransformersEngine:
    return TransformersEngine(
        model,
        identity=ModelIdentity(name="m", fingerprint="", engine="transformers", logprob_mode="raw"),
        stop_token_ids=(2,),
        max_length=64,
        budget=Budget(),
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", UNSUITABLE)
def test_an_architecture_that_cannot_be_sampled_is_named(name: str, dtype: torch.dtype) -> None:
    make, why = UNSUITABLE[name]
    with pytest.raises(EngineUnavailable) as refused:
        engine_of(a_model(make, dtype)).check_architecture("REMEDY")
    message = str(refused.value)
    assert (
        message.startswith(f"model 'm' ({make().model_type}): the transformers engine cannot sample") and why in message
    )
    assert message.endswith("; REMEDY")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", SUITABLE)
def test_other_architectures_pass(name: str, dtype: torch.dtype) -> None:
    engine_of(a_model(SUITABLE[name], dtype)).check_architecture("REMEDY")


def test_weights_that_are_not_finite_are_left_to_the_sampling() -> None:
    model = a_model(PACKED["qwen3"])
    with torch.no_grad():
        model.base_model.norm.weight[0] = torch.nan
    engine_of(model).check_architecture("REMEDY")


def test_a_loader_and_a_students_sampler_refuse_it(tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "hybrid"
    a_model(NOT_PACKED["qwen3_5"]).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(folder)
    spec = ModelSpec(model=str(folder), dtype="float32")
    with pytest.raises(EngineUnavailable, match=r"\(qwen3_5_text\): .* sample with vLLM: engine=vllm"):
        load_engine(spec)
    student = load_student(spec_of(folder, layout="padded"))
    with pytest.raises(EngineUnavailable, match=r"choose another student\.model: vLLM does not load"):
        student_sampler(student, model_files(spec), {})
    assert student.model.training
    student_sampler(load_student(spec_of(tiny_model)), model_files(ModelSpec(model=str(tiny_model))), {})
