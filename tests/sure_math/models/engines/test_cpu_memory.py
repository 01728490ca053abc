"""The memory that vLLM's cache gets on a CPU.

Pinned: the bytes of a position by the published shapes; a part of what is free, and no more than the engine can fill;
a model that does not fit is refused with free and wanted memory and a length that fits; a container's limit counts.
"""

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from sure_math.models.engines import EngineUnavailable
from sure_math.models.engines.cpu_memory import (
    GIB,
    PROCESS_BYTES,
    cache_bytes,
    check_weights,
    free_memory,
    position_bytes,
    weight_bytes,
)
from sure_math.models.engines.load import model_files
from sure_math.models.engines.spec import ModelSpec

SHAPES = [
    # Qwen2.5-0.5B: 24 layers, 2 of 14 heads, 896 wide, no head_dim
    ({"num_hidden_layers": 24, "num_key_value_heads": 2, "num_attention_heads": 14, "hidden_size": 896}, 12_288),
    # Qwen3-8B: 36 layers, 8 heads of 128
    ({"num_hidden_layers": 36, "num_key_value_heads": 8, "num_attention_heads": 32, "head_dim": 128}, 147_456),
    # one without grouped heads: 12 layers, 12 heads, 768 wide
    ({"num_hidden_layers": 12, "num_attention_heads": 12, "hidden_size": 768}, 36_864),
]


@pytest.mark.parametrize(("shape", "expected"), SHAPES)
def test_a_position_takes_its_keys_and_values_in_all_layers(shape: dict[str, int], expected: int) -> None:
    assert position_bytes(SimpleNamespace(**shape), 2) == expected
    assert position_bytes(SimpleNamespace(**shape), 4) == 2 * expected


def test_the_cache_takes_a_part_of_what_is_free_and_no_more_than_it_can_fill() -> None:
    spec = ModelSpec(model="pocket:teacher", engine="vllm", dtype="float32", options={"max_num_seqs": 4})
    files = model_files(spec)
    weights = (files.folder / "model.safetensors").stat().st_size
    room = 2 * GIB
    few = cache_bytes(spec, files, 1 << 50)
    assert few == cache_bytes(spec, files, weights + PROCESS_BYTES + room) < 0.5 * room
    many = ModelSpec(model="pocket:teacher", engine="vllm", dtype="float32", options={"max_num_seqs": 1 << 20})
    assert cache_bytes(many, files, weights * 2 + PROCESS_BYTES + room) == pytest.approx(0.5 * room, rel=0.05)
    assert cache_bytes(many, files, 1 << 50) == 4 * GIB
    two = ModelSpec(
        model="pocket:teacher", engine="vllm", dtype="float32", options={"max_num_seqs": 4, "tensor_parallel_size": 2}
    )
    assert cache_bytes(two, files, 1 << 50) == few // 2


def test_a_model_that_does_not_fit_is_refused_with_a_length_that_does() -> None:
    spec = ModelSpec(model="pocket:teacher", engine="vllm", dtype="float32")
    files = model_files(spec)
    free = next(
        free
        for free in range(PROCESS_BYTES, PROCESS_BYTES + GIB, 1 << 20)
        if "max_model_len" in _refusal(spec, files, free)
    )
    message = _refusal(spec, files, free)
    length = int(message.partition("max_model_len=")[2].partition(",")[0])
    assert 0 < length < files.max_length == 2048
    assert "2.0 GiB are free" in message and "2048 positions" in message
    shorter = model_files(ModelSpec(model="pocket:teacher", engine="vllm", dtype="float32", max_model_len=length))
    assert cache_bytes(spec, shorter, free) > 0
    assert "max_model_len" not in _refusal(spec, files, GIB)
    assert "1.0 GiB are free" in _refusal(spec, files, GIB)


def test_weights_larger_than_the_memory_are_refused() -> None:
    folder = model_files(ModelSpec(model="pocket:teacher")).folder
    stored = (folder / "model.safetensors").stat().st_size
    wanted = weight_bytes(folder, 4)
    assert wanted in (stored, 2 * stored) and weight_bytes(folder, 2) == stored
    check_weights("a model", folder, 4, wanted)
    with pytest.raises(
        EngineUnavailable, match=r"model 'a model': not enough memory: 0\.0 GiB are free .* dtype=bfloat16"
    ):
        check_weights("a model", folder, 4, wanted - 1)


def _refusal(spec: ModelSpec, files, free: int) -> str:
    try:
        cache_bytes(spec, files, free)
    except EngineUnavailable as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({}, None),
        ({"memory.max": "max", "memory.current": "5"}, None),
        ({"memory.max": "3000000", "memory.current": "1000000"}, 2_000_000),
        (
            {"memory.max": "3000000", "memory.current": "1000000", "memory.stat": "anon 7\ninactive_file 300000\n"},
            2_300_000,
        ),
        ({"memory.max": "3000000", "memory.current": "4000000"}, 0),
        ({"memory/memory.limit_in_bytes": "5000000", "memory/memory.usage_in_bytes": "2000000"}, 3_000_000),
        ({"memory/memory.limit_in_bytes": "9223372036854771712", "memory/memory.usage_in_bytes": "2000000"}, None),
    ],
)
def test_the_limit_of_a_container_counts(tmp_path: Path, written: dict[str, str], expected: int | None) -> None:
    for name, text in written.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    found = free_memory(tmp_path)
    if expected is None:
        assert found == pytest.approx(psutil.virtual_memory().available, rel=0.5)
    else:
        assert found == expected
