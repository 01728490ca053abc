"""Pins of `benchmarks/compared/loss_ways.py` and of what `benchmarks/loss_speed.py` makes of it:

- every way has the loss and the gradients of Eq. 7 in float64, up to the teacher's entropy: comparing the speed of
  different computations would be meaningless. Liger's ways are tested if it is installed (see the docstring there);
- a way that does not run is skipped with its reason and does not end the benchmark; out of memory is reported as such;
- the goals of the GPU: from which rows they are read, which goals count as missed, and their lines.
"""

import os
import warnings
from collections import Counter
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks import loss_speed
from benchmarks.compared.loss_ways import (
    FEW_TOKENS,
    ON_ALL,
    ON_TOP_K,
    WAYS,
    Batch,
    Shape,
    Way,
    liger_chunked,
    make_batch,
    run_way,
)
from benchmarks.loss_speed import (
    GPU_TOKENS,
    OUT_OF_MEMORY,
    attempt,
    gpu_section,
    gpu_shapes,
    ratios,
    time_shape,
    ways_of,
)
from benchmarks.measuring.clock_and_memory import Taken
from benchmarks.measuring.loss_goals import goals, missed
from benchmarks.measuring.results_files import NO_GPU, Result, read_results
from tests.helpers.made_up_gpu_results import LOSS
from uopd.losses.reference import reference_cross_entropy

FULL = Shape(tokens=FEW_TOKENS, hidden=12, vocabulary=40, k=40)
SOME = Shape(tokens=FEW_TOKENS, hidden=12, vocabulary=40, k=8)
LIGER = find_spec("liger_kernel") is not None and os.environ.get("TRITON_INTERPRET") == "1"


def case(name: str, way: Way | None = None) -> object:
    """Return a way as a test case, or `way` in its place; it is skipped if it cannot run here."""
    runs = LIGER if name.startswith("Liger") else True
    mark = pytest.mark.skipif(not runs, reason="not installed")
    return pytest.param(way or WAYS[name], name in ON_ALL, id=name, marks=mark)


def uncompiled(batch: Batch) -> Tensor:
    return liger_chunked(batch, compiled=False)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("way", "full"),
    [case(name, uncompiled if name == "Liger chunked JSD" else None) for name in WAYS],
)
def test_all_ways_have_the_loss_and_the_gradients_of_the_equation(way: Way, full: bool) -> None:
    for shape in (FULL,) if full else (FULL, SOME):
        batch = make_batch(shape, entries="own")
        hidden_TD, weight_VD = (
            tensor.detach().double().requires_grad_() for tensor in (batch.hidden_TD, batch.weight_VD)
        )
        losses_T = reference_cross_entropy(hidden_TD, weight_VD, batch.ids_TK, batch.logprobs_TK)
        loss = (batch.weights_T * losses_T).sum()
        exact = torch.autograd.grad(loss, (hidden_TD, weight_VD))
        run_way(way, batch)
        for gradient, expected in zip((batch.hidden_TD.grad, batch.weight_VD.grad), exact, strict=True):
            assert gradient is not None and (gradient - expected).norm() < 1e-5 * expected.norm()
        teacher = batch.logprobs_TK.double().log_softmax(dim=-1)
        entropy = -(teacher.exp() * teacher).sum(dim=-1).mean()
        value = way(batch).item()
        assert min(abs(value - loss.item()), abs(value + entropy.item() - loss.item())) < 1e-5


def test_a_batch_without_entries_still_has_the_teacher() -> None:
    batch = make_batch(FULL, entries="none")
    assert batch.ids_TK.shape == batch.logprobs_TK.shape == (FEW_TOKENS, 0)
    assert WAYS["plain, hidden states"](batch).item() > 0
    assert make_batch(SOME, entries="any").ids_TK.shape == (FEW_TOKENS, 8)


def test_what_cannot_run_is_skipped_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(batch: Batch) -> Tensor:
        raise KeyError("a kernel's own error")

    monkeypatch.setitem(WAYS, "Liger KL", fails)
    with warnings.catch_warnings(action="ignore"):
        row = time_shape(SOME, ("ours", "Liger KL", "ours with scoring"), rounds=1)
    assert row["skipped"] == {"Liger KL": 'KeyError: "a kernel\'s own error"'}
    assert set(row["wall_seconds"]) == {"ours", "ours with scoring", "floor"}
    assert row["wall_times_ours"]["ours"] == 1 and "floor_share" not in row


def test_out_of_memory_is_named_so() -> None:
    def fills() -> None:
        raise torch.OutOfMemoryError("tried to allocate 20 GiB")

    assert attempt(fills, "cpu") == OUT_OF_MEMORY
    assert isinstance(attempt(lambda: None, "cpu"), Taken)


def test_what_is_measured_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    monkeypatch.setattr(loss_speed, "in_a_process", lambda shape, **how: {"shape": shape, **how})
    sizes: list[int] = []
    section = gpu_section(gpu_shapes(False, GPU_TOKENS), 1, lambda section: sizes.append(len(section["time"])))
    assert section["device"] == "a card" and sizes == list(range(1, 25))
    assert len({row["shape"] for row in section["time"]}) == 3 * 2 * 4
    ways = Counter(row["way"] for row in section["memory"])
    assert ways == {"ours": 18, **dict.fromkeys(ON_TOP_K[1:], 6), **dict.fromkeys(ON_ALL, 6)}
    assert all(row["shape"].full == (row["way"] in ON_ALL) for row in section["memory"])


def test_a_gpu_is_measured_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "results.json"
    arguments = ["loss_speed", "--gpu", "--rounds", "1", "--out", str(out)]
    monkeypatch.setattr("sys.argv", arguments)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert loss_speed.main() == 0 and read_results(out) == {"gpu": NO_GPU}

    def measured(shape: Shape, **how: Any) -> Result:
        return {"shape": asdict(shape), "failed": "no card", **how}

    monkeypatch.setattr(loss_speed, "in_a_process", measured)
    monkeypatch.setattr(loss_speed, "machine", lambda *_, **more: more)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    for tokens in (["8192"], ["2048", "32768"], ["8192"]):
        monkeypatch.setattr("sys.argv", [*arguments, "--tokens", *tokens])
        assert loss_speed.main() == 1, "nothing was met"
    section = read_results(out)["gpu"]
    assert [row["shape"]["tokens"] for row in section["time"]] == [2048] * 8 + [8192] * 8 + [32768] * 8
    assert len(section["memory"]) == 18 + 6 * (len(ON_TOP_K) - 1 + len(ON_ALL))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "another")
    assert loss_speed.main() == 1 and len(read_results(out)["gpu"]["time"]) == 8


def test_ways_and_shares_of_a_gpu() -> None:
    gpu = Shape(tokens=8, hidden=4, vocabulary=4096, k=512, device="cuda")
    assert ways_of(replace(gpu, k=4096)) == ON_ALL
    assert "TRL" in ways_of(gpu) and "TRL" not in ways_of(replace(gpu, k=128))
    assert "loop" in ways_of(SOME) and "ours with scoring" not in ways_of(FULL)
    row = ratios(gpu, {"floor": Taken(1.0, 0.1), "ours": Taken(1.25, 0.1), "TRL": Taken(4.0, 0.1)})
    assert row["floor_share"] == {"floor": 1.0, "ours": 0.8, "TRL": 0.25}
    assert row["wall_times_ours"]["TRL"] == 3.2


def test_goals() -> None:
    goal_of = {goal.what: goal for goal in goals(LOSS)}
    lines = {what: goal.line() for what, goal in goal_of.items()}
    assert lines["ours, times the floor"] == "ours, times the floor: met, 1.25 of at most 1.3"
    assert lines["ours, MB beyond"] == "ours, MB beyond: missed by 76, 1.1e+03 of at most 1.02e+03"
    assert goal_of["ours, seconds, beside plain"].met and goal_of["ours with scoring, seconds, beside TRL"].met
    assert "not measured (ImportError: no liger)" in lines["ours with scoring, seconds, beside Liger KL"]
    assert [what for what, goal in goal_of.items() if missed(goal)] == ["ours, MB beyond"]
    assert all(missed(goal) for goal in list(goals({"time": [], "memory": []}))[:2])
