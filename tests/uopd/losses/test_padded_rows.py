"""Rows behind `used_rows` only pad the head: every loss is that of a head without them.

Pins: values and gradients of the four losses against the same loss on the leading rows, at every chunk size, also where
the padded rows would be the likeliest; the padded rows get a gradient of exactly 0; ids and k out of the used rows are
refused.
"""

from collections.abc import Callable
from dataclasses import fields

import pytest
import torch
from torch import Tensor

from tests.helpers.loss_cases import EXACT, Case, bytes_of, leaves, make_case, replace, worst
from uopd.losses.cross_entropy import TopkLoss, topk_cross_entropy
from uopd.losses.hidden_teacher import hidden_cross_entropy
from uopd.losses.policy import selected_logprobs
from uopd.losses.teacher_topk import topk

ROWS, PADDED = 19, 23
CASE = make_case(vocabulary=ROWS)
FILLED = replace(
    CASE,
    # The padding is likelier than every token, and would be if it were read.
    weight_VD=torch.cat([CASE.weight_VD, 3 * CASE.weight_VD[: PADDED - ROWS]]),
    bias_V=torch.cat([CASE.bias_V, torch.full((PADDED - ROWS,), 50.0, dtype=torch.float64)]),
)
TEACHER = make_case(vocabulary=ROWS, seed=9)
TEACHER_FILLED = replace(
    TEACHER,
    weight_VD=torch.cat([TEACHER.weight_VD, TEACHER.weight_VD[: PADDED - ROWS]]),
    bias_V=torch.cat([TEACHER.bias_V, torch.full((PADDED - ROWS,), 60.0, dtype=torch.float64)]),
)

Losses = Callable[[Tensor, Tensor, Tensor, bool, int], tuple[Tensor, list[Tensor]]]
"""From hidden states, weight and bias, whether the head is padded, and the tokens of a chunk: a scalar, and values."""


def _of(result: TopkLoss) -> tuple[Tensor, list[Tensor]]:
    values = [getattr(result, field.name) for field in fields(result) if field.name != "loss"]
    return result.loss, [value.detach().double() for value in values if value is not None]


def _against_topk(hidden: Tensor, weight: Tensor, bias: Tensor, padded: bool, rows: int) -> tuple[Tensor, list[Tensor]]:
    return _of(
        topk_cross_entropy(
            hidden,
            weight,
            *CASE.teacher,
            bias_V=bias,
            sampled_ids_T=CASE.sampled_T,
            chunk_bytes=bytes_of(rows, FILLED),
            used_rows=ROWS if padded else None,
        )
    )


def _against_hidden(k: int | None) -> Losses:
    def losses(hidden: Tensor, weight: Tensor, bias: Tensor, padded: bool, rows: int) -> tuple[Tensor, list[Tensor]]:
        teacher = TEACHER_FILLED if padded else TEACHER
        result = hidden_cross_entropy(
            hidden,
            weight,
            teacher.hidden_TD,
            teacher.weight_VD,
            CASE.weights_T,
            k=k,
            bias_V=bias,
            teacher_bias_V=teacher.bias_V,
            sampled_ids_T=CASE.sampled_T,
            chunk_bytes=2 * bytes_of(rows, FILLED),
            used_rows=ROWS if padded else None,
        )
        return _of(result)

    return losses


def _selected(hidden: Tensor, weight: Tensor, bias: Tensor, padded: bool, rows: int) -> tuple[Tensor, list[Tensor]]:
    logprobs_T = selected_logprobs(
        hidden,
        weight,
        CASE.sampled_T,
        bias_V=bias,
        chunk_bytes=bytes_of(rows, FILLED),
        used_rows=ROWS if padded else None,
    )
    return (logprobs_T * CASE.weights_T).sum(), [logprobs_T.detach()]


LOSSES: dict[str, Losses] = {
    "topk": _against_topk,
    "hidden, k": _against_hidden(5),
    "hidden, nearly all": _against_hidden(ROWS - 1),
    "hidden, all": _against_hidden(None),
    "policy": _selected,
}


def _computed(losses: Losses, case: Case, padded: bool, rows: int) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """The loss, its values, and the gradients of the head's three inputs."""
    hidden_TD, weight_VD, bias_V = inputs = leaves(*case.head)
    loss, values = losses(hidden_TD, weight_VD, bias_V, padded, rows)
    loss.backward()
    gradients = [tensor.grad for tensor in inputs if tensor.grad is not None]
    return loss.detach(), values, gradients


@pytest.mark.parametrize("rows", [1, 3, 100])
@pytest.mark.parametrize("losses", LOSSES.values(), ids=LOSSES)
def test_a_loss_is_that_of_the_leading_rows(losses: Losses, rows: int) -> None:
    expected, expected_values, expected_gradients = _computed(losses, CASE, False, rows)
    loss, values, (hidden_TD, weight_VD, bias_V) = _computed(losses, FILLED, True, rows)
    assert worst([loss, *values], [expected, *expected_values]) < EXACT
    assert worst([hidden_TD, weight_VD[:ROWS], bias_V[:ROWS]], expected_gradients) < EXACT
    assert not weight_VD[ROWS:].any() and not bias_V[ROWS:].any()


@pytest.mark.parametrize("k", [0, 1, 5, ROWS])
def test_the_topk_of_a_teacher_is_that_of_the_leading_rows(k: int) -> None:
    expected = topk(TEACHER.hidden_TD, TEACHER.weight_VD, k, bias_V=TEACHER.bias_V, ids_T=TEACHER.sampled_T)
    bias_V = TEACHER_FILLED.bias_V
    result = topk(
        TEACHER.hidden_TD, TEACHER_FILLED.weight_VD, k, bias_V=bias_V, ids_T=TEACHER.sampled_T, used_rows=ROWS
    )
    assert torch.equal(result.ids_TK, expected.ids_TK)
    torch.testing.assert_close(result.logprobs_TK, expected.logprobs_TK)
    torch.testing.assert_close(result.sampled_logprob_T, expected.sampled_logprob_T, rtol=EXACT, atol=EXACT)


def test_refusals() -> None:
    hidden_TD, weight_VD, _ = FILLED.head
    ids_T = torch.full((len(hidden_TD),), ROWS)
    with pytest.raises(ValueError, match="used_rows is 24: give 1 to 23, the rows of the head, or None for all"):
        topk(hidden_TD, weight_VD, 1, used_rows=PADDED + 1)
    with pytest.raises(ValueError, match="k is 20: give a number from 0 to 19"):
        topk(hidden_TD, weight_VD, ROWS + 1, used_rows=ROWS)
    with pytest.raises(ValueError, match="ids_T has ids from 19 to 19 and the head has 19 rows"):
        selected_logprobs(hidden_TD, weight_VD, ids_T, used_rows=ROWS)
    with pytest.raises(ValueError, match="sampled_ids_T has ids from 19 to 19"):
        topk_cross_entropy(hidden_TD, weight_VD, *CASE.teacher, sampled_ids_T=ids_T, used_rows=ROWS)
    with pytest.raises(ValueError, match="teacher_ids_TK has ids from 19 to 19"):
        teacher = (ids_T[:, None], torch.zeros(len(ids_T), 1), CASE.weights_T)
        topk_cross_entropy(hidden_TD, weight_VD, *teacher, used_rows=ROWS)
