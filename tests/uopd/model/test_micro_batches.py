"""Pins of `uopd/model/micro_batches.py`:

- a small batch of either layout, tensor by tensor;
- for any rows, packed or padded, behind the student's or the scorer's prompt: every response token is there once,
  predicted from exactly its prompt and the response before it, with its row's factors and its place among all tokens;
- a budget of tokens is kept, and used: a longer row comes alone, and no two neighbours would have fit together;
- shares of ranks hold every row once, differ by no more than the longest row, and follow from the rows alone.
"""

from collections.abc import Sequence
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from uopd.model.micro_batches import Layout, MicroBatch, micro_batches, rows_by_rank
from uopd.rows import TrainingRow

UNHURRIED = settings(deadline=None, max_examples=150)
LAYOUTS: tuple[Layout, ...] = ("packed", "padded")


def a_row(
    prompt: Sequence[int], response: Sequence[int], weight: float = 1.0, scorer: Sequence[int] | None = None
) -> TrainingRow:
    return TrainingRow(
        prompt_ids=tuple(prompt),
        response_ids=tuple(response),
        scorer_ids=tuple(prompt if scorer is None else scorer),
        token_weight=weight,
        advantage=-2 * weight,
    )


THREE = (a_row([1, 2], [3, 4], 0.5), a_row([5], [], 0.25), a_row([6, 7, 8], [9], 0.125))


def test_packed_by_hand() -> None:
    (result,) = micro_batches(THREE, layout="packed", max_tokens=8)
    assert result.input_ids.tolist() == [[1, 2, 3, 4, 6, 7, 8, 9]]
    assert result.position_ids.tolist() == [[0, 1, 2, 3, 0, 1, 2, 3]]
    assert result.attention_mask is None
    assert result.predicts_T.tolist() == [1, 2, 6]
    assert result.response_ids_T.tolist() == [3, 4, 9]
    assert result.token_weights_T.tolist() == [0.5, 0.5, 0.125]
    assert result.advantages_T.tolist() == [-1, -1, -0.25]
    assert (result.source_T.tolist(), result.row_ids) == ([0, 1, 2], (0, 2))


def test_padded_by_hand() -> None:
    rows = (a_row([1, 2, 0], [3, 4], 0.5), a_row([6], [9, 8], 0.125))
    (result,) = micro_batches(rows, layout="padded", max_tokens=10)
    assert result.input_ids.tolist() == [[6, 9, 8, 0, 0], [1, 2, 0, 3, 4]]
    assert result.position_ids.tolist() == [[0, 1, 2, 0, 0], [0, 1, 2, 3, 4]]
    assert result.attention_mask is not None
    assert result.attention_mask.tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
    assert result.predicts_T.tolist() == [0, 1, 7, 8]
    assert result.response_ids_T.tolist() == [9, 8, 3, 4]
    assert result.token_weights_T.tolist() == [0.125, 0.125, 0.5, 0.5]
    assert (result.source_T.tolist(), result.row_ids) == ([2, 3, 0, 1], (1, 0))


@st.composite
def any_rows(draw: st.DrawFn) -> list[TrainingRow]:
    count = draw(st.integers(0, 7))
    result = []
    for index in range(count):
        prompt, other, response = (draw(st.integers(low, 6)) for low in (1, 1, 0))
        first = 100 * index
        result.append(
            a_row(
                range(first, first + prompt),
                range(first + 20, first + 20 + response),
                draw(st.floats(0, 1)),
                range(first + 40, first + 40 + other),
            )
        )
    return result


def read_back(micro: MicroBatch, rows: Sequence[TrainingRow], scorer: bool) -> list[int]:
    """The places of a batch's response tokens, after each was checked against its row."""
    places = [(row, token) for row in rows for token in range(len(row.response_ids))]
    ids, positions = micro.input_ids.flatten().tolist(), micro.position_ids.flatten().tolist()
    for number, source in enumerate(micro.source_T.tolist()):
        row, token = places[source]
        last = int(micro.predicts_T[number])
        seen = ids[last - positions[last] : last + 1]
        prompt = row.scorer_ids if scorer else row.prompt_ids
        assert tuple(seen) == prompt + row.response_ids[:token]
        assert int(micro.response_ids_T[number]) == row.response_ids[token]
        assert float(micro.token_weights_T[number]) == row.token_weight
        assert float(micro.advantages_T[number]) == row.advantage
    if micro.attention_mask is None:
        assert micro.input_ids.shape[0] == 1
    else:
        kept = micro.attention_mask.flatten().tolist()
        assert all(kept[index] for index in micro.predicts_T.tolist())
    return list(micro.source_T.tolist())


@UNHURRIED
@given(rows=any_rows(), layout=st.sampled_from(LAYOUTS), budget=st.integers(1, 40), scorer=st.booleans())
def test_every_response_token_once_behind_its_own_context(
    rows: list[TrainingRow], layout: Layout, budget: int, scorer: bool
) -> None:
    batches = list(micro_batches(rows, layout=layout, max_tokens=budget, scorer=scorer))
    sources = [source for micro in batches for source in read_back(micro, rows, scorer)]
    assert sorted(sources) == list(range(sum(len(row.response_ids) for row in rows)))
    answered = [index for index, row in enumerate(rows) if row.response_ids]
    assert sorted(index for micro in batches for index in micro.row_ids) == answered
    if layout == "packed":
        assert [index for micro in batches for index in micro.row_ids] == answered, "the rows keep their order"
        assert sum(micro.input_ids.numel() for micro in batches) == sum(
            len(rows[index].scorer_ids if scorer else rows[index].prompt_ids) + len(rows[index].response_ids)
            for index in answered
        ), "no padding"


@UNHURRIED
@given(rows=any_rows(), layout=st.sampled_from(LAYOUTS), budget=st.integers(1, 40))
def test_a_budget_is_kept_and_used(rows: list[TrainingRow], layout: Layout, budget: int) -> None:
    batches = list(micro_batches(rows, layout=layout, max_tokens=budget))
    for micro in batches:
        assert micro.input_ids.numel() <= budget or len(micro.row_ids) == 1
    for micro, following in pairwise(batches):
        # With the first row of the next batch, which is as wide as any row before it where they are sorted.
        first = rows[following.row_ids[0]]
        width = len(first.prompt_ids) + len(first.response_ids)
        together = micro.input_ids.numel() + width if layout == "packed" else (len(micro.row_ids) + 1) * width
        assert together > budget


def test_a_row_longer_than_the_budget_comes_alone() -> None:
    rows = (a_row([1], [2]), a_row([3], [4] * 9), a_row([5], [6]), a_row([7], [8]))
    result = [micro.row_ids for micro in micro_batches(rows, layout="packed", max_tokens=4)]
    assert result == [(0,), (1,), (2, 3)]
    result = [micro.row_ids for micro in micro_batches(rows, layout="padded", max_tokens=4)]
    assert result == [(0, 2), (3,), (1,)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_nothing_to_learn_from_is_no_batch(layout: Layout) -> None:
    assert list(micro_batches([], layout=layout, max_tokens=8)) == []
    assert list(micro_batches([a_row([1], [])], layout=layout, max_tokens=8)) == []


def test_moving_a_batch_moves_every_tensor() -> None:
    (micro,) = micro_batches(THREE, layout="packed", max_tokens=8)
    moved = micro.to(torch.device("meta"))
    tensors = (
        "input_ids position_ids predicts_T response_ids_T token_weights_T advantages_T source_T"  # all but the mask
    )
    assert {name for name in tensors.split() if getattr(moved, name).device.type == "meta"} == set(tensors.split())
    assert (moved.row_ids, moved.attention_mask) == (micro.row_ids, None)


def test_shares_by_hand() -> None:
    rows = [a_row([1], [2] * length) for length in (3, 9, 1, 5, 0, 4)]  # loads 4, 10, 2, 6, none, 5
    assert rows_by_rank(rows, 1) == [[0, 1, 2, 3, 4, 5]]
    # 10 | 6; 5 to the second, 11; 4 to the first, 14; 2 to the second, 13; the empty one last, to the second.
    assert rows_by_rank(rows, 2) == [[0, 1], [2, 3, 4, 5]]
    assert rows_by_rank(rows[:1], 3) == [[0], [], []]


@UNHURRIED
@given(rows=any_rows(), ranks=st.integers(1, 5))
def test_shares_hold_every_row_once_and_are_balanced(rows: list[TrainingRow], ranks: int) -> None:
    result = rows_by_rank(rows, ranks)
    assert result == rows_by_rank(list(rows), ranks)
    assert len(result) == ranks and all(share == sorted(share) for share in result)
    assert sorted(index for share in result for index in share) == list(range(len(rows)))
    lengths = [len(row.prompt_ids) + len(row.response_ids) if row.response_ids else 0 for row in rows]
    loads = [sum(lengths[index] for index in share) for share in result]
    assert max(loads) - min(loads) <= max(lengths, default=0)
