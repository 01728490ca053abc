"""Pins of `benchmarks/step_speed.py`, on a tiny shape:

- with the whole vocabulary, as a top-k or from the teacher's hidden states, our step and TRL's are the same: response
  tokens, loss, norm of the gradient and weights afterwards agree over two steps;
- as the docstring says, TRL's autocast does not reach the student's backbone in one process;
- the results file has every way with its times, its memory and its ratio to ours; without a GPU it says so, and the
  other section stays as it was.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import torch

from benchmarks import step_speed
from benchmarks.compared.step_ways import RATE, Shape, make_rows, ours, trl
from benchmarks.measuring.results_files import NO_GPU
from benchmarks.step_speed import FIRST, TINY, alone, in_turns

WHOLE = replace(TINY, k=TINY.vocabulary)


@pytest.mark.parametrize("sends", ["topk", "hidden"])
def test_with_the_whole_vocabulary_both_do_the_same_step(sends: Literal["topk", "hidden"]) -> None:
    ways = [ours(WHOLE if sends == "topk" else TINY, sends), trl(WHOLE)]
    assert all(way.student.is_gradient_checkpointing for way in ways)
    before = [parameter.detach().clone() for parameter in ways[0].student.parameters()]
    for _ in range(2):
        first, second = (way.step() for way in ways)
        assert first.tokens == second.tokens == TINY.tokens == 48
        assert second.kl == pytest.approx(first.kl, rel=1e-4) and first.kl > 0.01
        assert second.gradient_norm == pytest.approx(first.gradient_norm, rel=1e-4)
    weights = [list(way.student.parameters()) for way in ways]
    moved = [(a - b).abs().max() for a, b in zip(weights[0], before, strict=True)]
    assert all(RATE < distance < 3 * RATE for distance in moved)
    # A step of AdamW is near the sign of the gradient, which rounding may turn where the gradient is near 0.
    distances = torch.cat([(a - b).abs().flatten() for a, b in zip(*weights, strict=True)])
    assert (distances < 0.01 * RATE).float().mean() > 0.99


def test_a_top_k_is_another_loss_on_the_same_tokens() -> None:
    ways = in_turns(TINY, (FIRST, "TRL"), rounds=1)
    assert ways[FIRST]["k"] == 64 and ways["TRL"]["k"] == "full vocabulary"
    assert ways[FIRST]["tokens"] == ways["TRL"]["tokens"] == 48
    assert ways[FIRST]["kl"] > 10 * ways["TRL"]["kl"] > 0
    assert 0 < ways[FIRST]["scoring_seconds"] < ways[FIRST]["seconds"]
    assert ways["TRL"]["update_seconds"] is None and ways["TRL"]["tokens_per_second"] > 0


def test_autocast_does_not_reach_the_student_of_one_process() -> None:
    way = trl(replace(TINY, dtype="bfloat16"), "float32")
    way.step()
    assert way.facts == {"k": "full vocabulary", "student_dtype": "float32", "autocast": False}


def test_rows_of_one_prompt_share_it() -> None:
    rows = make_rows(TINY)
    assert [row.prompt_ids == rows[0].prompt_ids for row in rows] == [True, True, False, False]
    assert sum(row.token_weight * len(row.response_ids) for row in rows) == pytest.approx(1)


def test_memory_of_a_way() -> None:
    way = alone(FIRST, TINY, rounds=1)
    assert way["peak_megabytes"] > way["beyond_models_megabytes"] >= 0


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["step_speed", "--rounds", "1", "--threads", "1", *arguments])
    return step_speed.main()


def test_the_results_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    out = tmp_path / "step.json"

    def measured(shape: Shape, rounds: int) -> dict:
        return {"shape": {"tokens": 48}, "ways": {FIRST: {"failed": "killed"}}}

    monkeypatch.setattr(step_speed, "measure", measured)
    assert run(monkeypatch, "--out", str(out)) == 1  # a way that failed
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert run(monkeypatch, "--gpu", "--out", str(out)) == 0
    written = json.loads(out.read_text())
    assert written["gpu"] == NO_GPU and written["cpu"]["ways"] == {FIRST: {"failed": "killed"}}
    assert written["cpu"]["machine"]["threads"] == 1 and written["cpu"]["machine"]["versions"]["trl"] == "1.16.0"
    out.write_text(json.dumps({"gpu": {"ways": {}}}))
    assert run(monkeypatch, "--gpu", "--out", str(out)) == 0
    assert json.loads(out.read_text())["gpu"] == {"ways": {}}  # outlives a run without a GPU
    before = out.read_text()
    assert run(monkeypatch, "--gpu", "--quick", "--out", str(out)) == 0 and out.read_text() == before
