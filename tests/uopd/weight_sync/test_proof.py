"""Pins of the proof that a sync arrived, without an engine: `digest`, `held`, `in_step` of `uopd/weight_sync`.

- one flipped bit in one of 1,000 tensors is named, wherever it is in its bucket;
- of 1,000 parameters one that is stale by an update of 3e-6 is named, for fused, packed, plain and tied layers, in
  float32 and bfloat16; a parameter that was left out is named, a part of a fused layer too; layers of another form are
  passed over;
- a student that has moved by one update of 3e-6: an engine that kept its weights is refused, one that has the new ones
  is accepted; 400 checks of an engine with the noise of bfloat16 refuse nothing; an engine that stays behind for long
  is refused as soon as the student has moved by more than the noise.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.uopd.student.test_reference import share_for, spec_of
from uopd.student.reference import load_student
from uopd.weight_sync.buckets import TensorDescription, cut_into_buckets, empty_bucket
from uopd.weight_sync.digest import as_message, bucket_digests, check_received, digest_of
from uopd.weight_sync.held import READ_COLUMNS, HeldCheck
from uopd.weight_sync.in_step import KEPT, OutOfStep, StepCheck

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("size", [1, 7, 64, 8191, 8192, 8193, 100_000])
def test_a_digest_changes_with_every_byte(size: int) -> None:
    data = torch.randint(0, 256, (size,), generator=torch.Generator().manual_seed(size), dtype=torch.uint8)
    digests = {digest_of(data)}
    for place in sorted({0, size // 3, size // 2, size - 1}):
        changed = data.clone()
        changed[place] ^= 1
        digests.add(digest_of(changed))
    assert len(digests) == 1 + len({0, size // 3, size // 2, size - 1})
    assert digest_of(data.clone()) in digests


def test_a_flipped_bit_in_one_of_1000_tensors_is_named() -> None:
    generator = torch.Generator().manual_seed(0)
    tensors = [torch.randn(3, 5 + index % 7, generator=generator) for index in range(1000)]
    names = [f"layers.{index}.weight" for index in range(1000)]
    shapes = [
        TensorDescription(name=name, dtype=tensor.dtype, shape=tuple(tensor.shape))
        for name, tensor in zip(names, tensors, strict=True)
    ]
    sent: list[int] = []
    received: list[int] = []
    left = iter(tensors)
    for slots in cut_into_buckets(shapes, 4096):
        bucket = empty_bucket(slots)
        for slot in slots:
            slot.view_in(bucket).copy_(next(left))
        sent += bucket_digests(bucket, slots)
        for slot in slots:
            if slot.name == names[777]:
                bucket[slot.end - 1] ^= 1
        received += bucket_digests(bucket, slots)
    check_received(names, sent, as_message(sent))
    with pytest.raises(
        ValueError, match=rf"1 of 1,000 tensors were not received as they were sent, such as {names[777]}"
    ):
        check_received(names, received, as_message(sent))


class Packed(nn.Module):
    """A layer whose plain weight is gone, as vLLM's CPU kernels leave it."""

    def __init__(self, weight_OI: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(0, dtype=weight_OI.dtype), requires_grad=False)
        self.input_size_per_partition = weight_OI.shape[1]
        self._packed = weight_OI.clone()

    def cpu_linear(self, states: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return nn.functional.linear(states, self._packed, bias)


class Plain(nn.Module):
    """A layer with parameters as they are."""

    def __init__(self, **parameters: Tensor) -> None:
        super().__init__()
        for name, value in parameters.items():
            self.register_parameter(name, nn.Parameter(value.clone(), requires_grad=False))


class TiedHead(Packed):
    """A tied head of a CPU: the plain weight of the embedding, and a packed copy."""

    def __init__(self, weight_OI: Tensor) -> None:
        super().__init__(weight_OI)
        self.weight = nn.Parameter(weight_OI.clone(), requires_grad=False)


FUSED = {"qkv_proj": ["q_proj", "k_proj", "v_proj"], "gate_up_proj": ["gate_proj", "up_proj"]}
LAYERS, WIDTH = 125, 96
"""Eight parameters a layer: 1,000 parameters."""


def checkpoint(dtype: torch.dtype, layers: int = LAYERS) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (30, WIDTH), "model.norm.weight": (WIDTH,)}
    for layer in range(layers):
        prefix = f"model.layers.{layer}"
        for name, rows in (("q_proj", 16), ("k_proj", 8), ("v_proj", 8)):
            shapes[f"{prefix}.self_attn.{name}.weight"] = (rows, WIDTH)
        shapes[f"{prefix}.self_attn.q_proj.bias"] = (16,)
        shapes[f"{prefix}.self_attn.k_proj.bias"] = (8,)
        shapes[f"{prefix}.self_attn.v_proj.bias"] = (8,)
        shapes[f"{prefix}.mlp.down_proj.weight"] = (WIDTH, 24)
        shapes[f"{prefix}.input_layernorm.weight"] = (WIDTH,)
    return {name: (0.1 * torch.randn(shape, generator=generator)).to(dtype) for name, shape in shapes.items()}


def an_engine(tensors: dict[str, Tensor]) -> nn.Module:
    """A model in the form of vLLM's on a CPU, which holds these tensors."""
    root = nn.Module()
    root.add_module("model", model := nn.Module())
    model.add_module("embed_tokens", Plain(weight=tensors["model.embed_tokens.weight"]))
    model.add_module("layers", layers := nn.ModuleList())
    for layer in range(sum(name.endswith("down_proj.weight") for name in tensors)):
        prefix = f"model.layers.{layer}"
        layers.append(block := nn.Module())
        block.add_module("self_attn", attention := nn.Module())
        parts = [
            [tensors[f"{prefix}.self_attn.{part}.{kind}"] for part in FUSED["qkv_proj"]] for kind in ("weight", "bias")
        ]
        fused = Packed(torch.cat(parts[0]))
        fused.bias = nn.Parameter(torch.cat(parts[1]), requires_grad=False)
        attention.add_module("qkv_proj", fused)
        block.add_module("mlp", mlp := nn.Module())
        mlp.add_module("down_proj", Packed(tensors[f"{prefix}.mlp.down_proj.weight"]))
        block.add_module("input_layernorm", Plain(weight=tensors[f"{prefix}.input_layernorm.weight"]))
    model.add_module("norm", Plain(weight=tensors["model.norm.weight"]))
    root.add_module("lm_head", TiedHead(tensors["model.embed_tokens.weight"]))
    return root


def wrong(engine: nn.Module, sent: dict[str, Tensor], number: int = 1) -> list[str]:
    check = HeldCheck(number=number, fused=FUSED)
    for name, tensor in sent.items():
        check.remember(name, tensor)
    return check.wrong_tensors(engine)


def updated(tensor: Tensor) -> Tensor:
    """One step of AdamW at a rate of 3e-6, on a float32 master."""
    signs = torch.randn(tensor.shape, generator=torch.Generator().manual_seed(2)).sign()
    return (tensor.float() + 3e-6 * signs).to(tensor.dtype)


STALE = ["model.norm.weight", "model.layers.124.input_layernorm.weight", "model.layers.60.mlp.down_proj.weight"]
STALE += [f"model.layers.99.self_attn.{part}.{kind}" for part in FUSED["qkv_proj"] for kind in ("weight", "bias")]


def test_one_stale_parameter_of_1000_is_named_after_one_update_of_the_papers_rate() -> None:
    old = checkpoint(torch.float32)
    sent = {name: updated(tensor) for name, tensor in old.items()}
    assert len(sent) == 1002 and wrong(an_engine(sent), sent) == []
    for name in STALE:
        named = wrong(an_engine(sent | {name: old[name]}), sent, number=3)
        assert name in named and len({part.rpartition(".")[0].rpartition(".")[0] for part in named}) == 1
    assert len(wrong(an_engine(old), sent)) == 1002 + 1, "and the tied head"


def test_bfloat16_is_compared_to_the_last_bit() -> None:
    sent = checkpoint(torch.bfloat16, layers=2)
    assert wrong(an_engine(sent), sent) == []
    for name in ("model.layers.1.mlp.down_proj.weight", "model.layers.0.self_attn.k_proj.weight"):
        other = sent[name].view(torch.int16) ^ 1  # the last bit of every value
        assert name in wrong(an_engine(sent | {name: other.view(torch.bfloat16)}), sent)


def test_other_columns_are_read_after_every_sync() -> None:
    sent = checkpoint(torch.float32, layers=1)
    stale = sent["model.layers.0.self_attn.q_proj.weight"].clone()
    stale[3, 50] += 1  # a single value, in a column that a sync may pass over
    engine = an_engine(sent | {"model.layers.0.self_attn.q_proj.weight": stale})
    found = [bool(wrong(engine, sent, number)) for number in range(12)]
    assert WIDTH > READ_COLUMNS and any(found) and not all(found)


def test_what_was_left_out_is_named() -> None:
    sent = checkpoint(torch.float32, layers=2)
    engine = an_engine(sent)
    for name, expected in (
        ("model.norm.weight", "model.norm.weight"),
        ("model.layers.1.self_attn.k_proj.weight", "model.layers.1.self_attn.k_proj.weight"),
        ("model.layers.0.mlp.down_proj.weight", "model.layers.0.mlp.down_proj.weight"),
    ):
        assert wrong(engine, {key: value for key, value in sent.items() if key != name}) == [expected]


def test_a_stale_tied_head_is_named() -> None:
    sent = checkpoint(torch.float32, layers=1)
    engine: Any = an_engine(sent)
    engine.lm_head._packed += 3e-6
    assert wrong(engine, sent) == ["lm_head.weight"]


def test_layers_of_another_form_are_passed_over() -> None:
    """Quantised weights, a weight of another shape, names that the model does not have."""
    sent = checkpoint(torch.float32, layers=1)
    engine: Any = an_engine(sent)
    engine.model.layers[0].mlp.down_proj = Plain(weight=torch.zeros(3, 3))
    engine.model.norm = nn.Module()
    engine.model.norm.register_buffer("weight", torch.zeros(WIDTH, dtype=torch.int8))
    assert wrong(engine, sent | {"visual.patch.weight": torch.zeros(2, 2)}) == []


class Fixed:
    """A student, or a sampler of engines, with given log-probabilities."""

    def __init__(self, version: int, logprobs: Any) -> None:
        self.version, self._logprobs = version, logprobs

    def logprobs(self, token_ids: Sequence[int]) -> Any:
        return self._logprobs


def checked(check: StepCheck, version: int, student: Any, *engines: Any) -> float:
    first: Any = Fixed(version, list(student))
    second: Any = Fixed(version, [list(engine) for engine in engines])
    return check(first, second)


def test_stale_weights_are_refused_after_one_update_of_the_papers_rate(tiny_model: Path) -> None:
    student = load_student(spec_of(tiny_model))
    text = list(range(5, 60))
    generator = np.random.default_rng(0)

    def engine(values: list[float]) -> list[float]:
        """With the difference that two programs of a float32 model have."""
        return [value + 6e-6 * generator.standard_normal() for value in values]

    check = StepCheck(text, tolerance=0.05)
    initial = student.logprobs(text)
    assert checked(check, 0, initial, engine(initial)) < 1e-5
    student.update(share_for(1), 3e-6)
    moved = student.logprobs(text)
    assert 1e-5 < float(np.abs(np.array(moved) - np.array(initial)).mean()) < 0.05
    with pytest.raises(
        OutOfStep, match=r"engine 1 is nearer to the student of policy version 0 than to that of version 1"
    ):
        checked(check, 1, moved, engine(moved), engine(initial))
    assert checked(check, 1, moved, engine(moved), engine(moved)) < 1e-5


def walk(steps: int, size: float) -> list[Any]:
    """Log-probabilities of a text under a student that moves by `size` nats per step, mostly in one direction."""
    generator = np.random.default_rng(1)
    drift = generator.standard_normal(256)
    values = [generator.standard_normal(256) - 3]
    for _ in range(steps):
        values.append(values[-1] + size * (0.5 * drift + generator.standard_normal(256)))
    return values


@pytest.mark.parametrize("noise", [6e-6, 0.02])
def test_an_engine_that_is_up_to_date_is_never_refused(noise: float) -> None:
    """The noise is the same at every check, since engine and student differ in their kernels."""
    difference = noise * np.random.default_rng(2).standard_normal(256)
    check = StepCheck([1] * 257, tolerance=0.05)
    for version, values in enumerate(walk(400, 5e-4)):
        assert checked(check, version, values, values + difference) == pytest.approx(noise * 0.8, rel=0.2)
    assert len(check._earlier) <= KEPT + 1


@pytest.mark.parametrize(
    ("noise", "stays", "least", "most"), [(6e-6, 0, 1, 1), (6e-6, 7, 8, 8), (0.002, 0, 2, 40), (0.02, 100, 101, 300)]
)
def test_an_engine_that_stays_behind_is_refused_once_the_student_has_moved(
    noise: float, stays: int, least: int, most: int
) -> None:
    difference = noise * np.random.default_rng(3).standard_normal(256)
    check = StepCheck([1] * 257, tolerance=0.5)
    values = walk(400, 5e-4)
    refused = None
    for version, student in enumerate(values):
        try:
            checked(check, version, student, values[min(version, stays)] + difference)
        except OutOfStep as error:
            refused = version
            assert "is nearer to the student of policy version" in str(error)
            break
    assert refused is not None and least <= refused <= most


def test_a_matrix_that_the_engine_keeps_transposed_is_read() -> None:
    """As vLLM keeps those of GPT-2, square ones too; others are passed over."""
    for shape in ((96, 96), (96, 32)):
        tensor = torch.randn(shape, generator=torch.Generator().manual_seed(4))
        for held, right in ((tensor.t(), True), (tensor.t() + 3e-6, shape[0] != shape[1])):
            root = nn.Module()
            root.add_module("c_proj", Plain(weight=held.contiguous()))
            assert (wrong(root, {"c_proj.weight": tensor}) == []) == right


def test_names_that_the_engine_renames_find_their_layers() -> None:
    """vLLM's own mapping may add a prefix, and name the fused layer."""
    sent = {"language_model." + name: tensor for name, tensor in checkpoint(torch.float32, layers=1).items()}
    tensors = {name.removeprefix("language_model."): tensor for name, tensor in sent.items()}

    def rename(name: str) -> str:
        short = name.removeprefix("language_model.")
        for part in FUSED["qkv_proj"]:
            short = short.replace(part, "qkv_proj")
        return short

    for stale, expected in (({}, 0), ({"model.layers.0.self_attn.v_proj.weight": torch.zeros(8, WIDTH)}, 3)):
        check = HeldCheck(number=1, fused=FUSED, rename=rename)
        for name, tensor in sent.items():
            check.remember(name, tensor)
        assert len(check.wrong_tensors(an_engine(tensors | stale))) == expected
