"""What travels between the processes of a run.

Pinned: how seeds are divided among engines, and put together again in order; scores of every type are unpacked as they
were packed.
"""

from typing import Any, cast

import pytest
import torch

from sure_math.models.engines import Completion, Finished, Request, Sampling, gathered
from uopd.rows import HiddenScores, Scores
from uopd.runtime.ray.messages import pack, split_among_engines, unpack


def request_of(seeds: int) -> Request:
    sampling = Sampling(max_new_tokens=1, temperature=1.0)
    return Request(token_ids=(1,), seeds=tuple(range(seeds)), sampling=sampling)


@pytest.mark.parametrize(
    ("seeds", "engines", "expected"),
    [
        ([4, 4], 2, [[(0, (0, 1)), (1, (0, 1))], [(0, (2, 3)), (1, (2, 3))]]),
        ([4], 1, [[(0, (0, 1, 2, 3))]]),
        ([1, 1, 1], 2, [[(1, (0,))], [(0, (0,)), (2, (0,))]]),
        ([3, 3], 2, [[(0, (0,)), (1, (1, 2))], [(0, (1, 2)), (1, (0,))]]),
        ([0], 2, [[], []]),
        ([], 3, [[], [], []]),
    ],
)
def test_seeds_are_divided_among_engines(seeds: list[int], engines: int, expected: list[Any]) -> None:
    requests = [request_of(count) for count in seeds]
    parts = split_among_engines(requests, engines)
    assert [[(part.number, part.seeds) for part in engine] for engine in parts] == expected
    answers = [
        Finished(request=part, seed=seed, answer=Completion(token_ids=(seed,), sum_logprob=0.0, finish_reason="stop"))
        for engine in reversed(parts)
        for part in engine
        for seed in part.seeds
    ]
    merged = gathered(requests, answers)
    order = [[completion.token_ids[0] for completion in cast(Any, answer)] for answer in merged]
    assert order == [list(range(count)) for count in seeds]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_scores_are_unpacked_as_they_were_packed(dtype: torch.dtype) -> None:
    scores = Scores(
        ids=torch.arange(12, dtype=torch.int32).reshape(4, 3),
        logprobs=torch.randn(3, 4).to(dtype).t(),
        sampled=torch.randn(4),
    )
    again = unpack(pack(scores))
    assert again.logprobs.dtype == dtype
    assert all(torch.equal(getattr(again, name), getattr(scores, name)) for name in ("ids", "logprobs", "sampled"))
    hidden = HiddenScores(hidden=torch.randn(3, 4).to(dtype).t())
    assert torch.equal(unpack(pack(hidden)).hidden, hidden.hidden) and unpack(pack(hidden)).hidden.dtype == dtype
    nothing = Scores(
        ids=torch.empty(0, 3, dtype=torch.int32), logprobs=torch.empty(0, 3, dtype=dtype), sampled=torch.empty(0)
    )
    assert unpack(pack(nothing)).logprobs.shape == (0, 3)
