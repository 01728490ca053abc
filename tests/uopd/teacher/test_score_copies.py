"""Pins of `uopd/teacher/score_copies.py` and `MicroBatch.spans`, in both layouts and over any cut into micro-batches:

- spans are the places of a micro-batch's tokens, as few as there are, and together every token once;
- what is put in place and taken back is the same, of both kinds of scores, in the memory that the scorer prepared;
- on a CPU nothing is pinned; on a GPU what is prepared is, and what comes back from there too.
"""

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.uopd.student.test_reference import step_rows
from uopd.model.micro_batches import Layout, micro_batches
from uopd.rows import HiddenScores, Scores
from uopd.teacher.score_copies import copy_to_device, copy_to_host, host_buffer, wait_for_copies

CPU = torch.device("cpu")
ROWS = (*step_rows(0), *step_rows(1))
TOKENS = 64
CUTS: list[tuple[Layout, int]] = [("packed", 1), ("packed", 30), ("packed", 10_000), ("padded", 40), ("padded", 10_000)]


def hidden_scores() -> HiddenScores:
    return HiddenScores(hidden=torch.randn(TOKENS, 6).bfloat16())


def topk_scores() -> Scores:
    return Scores(
        ids=torch.randint(99, (TOKENS, 3), dtype=torch.int32),
        logprobs=torch.randn(TOKENS, 3).half(),
        sampled=torch.randn(TOKENS),
    )


@pytest.mark.parametrize(("layout", "max_tokens"), CUTS)
def test_spans_are_the_places_of_the_tokens(layout: Layout, max_tokens: int) -> None:
    seen: list[int] = []
    for micro in micro_batches(ROWS, layout=layout, max_tokens=max_tokens):
        places = torch.full_like(micro.source_T, -1)
        for in_micro, in_rows in micro.spans:
            places[in_micro] = torch.arange(in_rows.start, in_rows.stop)
        assert torch.equal(places, micro.source_T)
        assert all(a[1].stop != b[1].start for a, b in zip(micro.spans, micro.spans[1:], strict=False)), (
            "as few as can be"
        )
        seen += places.tolist()
    assert sorted(seen) == list(range(TOKENS))
    (whole,) = micro_batches(ROWS, layout="packed", max_tokens=10_000)
    assert whole.spans == [(slice(0, TOKENS), slice(0, TOKENS))], "an empty response between others breaks no span"


def round_trip(scores: Any, layout: Layout, max_tokens: int, device: torch.device) -> list[Tensor]:
    """Tensors that went to the device with each micro-batch, and came back from there into prepared memory."""
    names = [name for name in ("ids", "logprobs", "sampled", "hidden") if hasattr(scores, name)]
    tensors = {name: getattr(scores, name) for name in names}
    kept = type(scores)(**{name: host_buffer(tensor.shape, tensor.dtype, device) for name, tensor in tensors.items()})
    for micro in micro_batches(ROWS, layout=layout, max_tokens=max_tokens):
        part = copy_to_device(scores, micro.spans, device)
        for name in names:
            assert getattr(part, name).device.type == device.type
            assert torch.equal(getattr(part, name).cpu(), tensors[name][micro.source_T])
        copy_to_host(part, kept, micro.spans)
    wait_for_copies(device)
    return [getattr(kept, name) for name in names]


@pytest.mark.parametrize("scores", [topk_scores(), hidden_scores()], ids=["topk", "hidden"])
@pytest.mark.parametrize(("layout", "max_tokens"), CUTS)
def test_what_is_put_in_place_is_taken_back(scores: Scores | HiddenScores, layout: Layout, max_tokens: int) -> None:
    result = round_trip(scores, layout, max_tokens, CPU)
    expected = [scores.hidden] if isinstance(scores, HiddenScores) else [scores.ids, scores.logprobs, scores.sampled]
    assert all(
        torch.equal(copy, tensor) and copy.dtype == tensor.dtype for copy, tensor in zip(result, expected, strict=True)
    )
    assert not any(copy.is_pinned() for copy in result)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("layout", "max_tokens"), CUTS)
def test_the_hosts_side_of_a_gpu_is_pinned(layout: Layout, max_tokens: int) -> None:
    scores = hidden_scores()
    (result,) = round_trip(scores, layout, max_tokens, torch.device("cuda"))
    assert torch.equal(result, scores.hidden) and result.is_pinned()


def test_nothing_of_nothing() -> None:
    empty = HiddenScores(hidden=torch.empty(0, 4))
    assert copy_to_device(empty, [], CPU).hidden.shape == (0, 4)
    copy_to_host(empty, empty, [])
