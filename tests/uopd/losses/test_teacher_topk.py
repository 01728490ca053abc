"""Pins of `uopd/losses/teacher_topk.py`:

- against `torch.topk` of the whole log-softmax in float64, k from 0 to V, every chunk size, bias, chosen ids;
- candidates are looked for in parts that keep to a share of the budget;
- equal logits give distinct ids; 16-bit inputs and values; no tokens;
- a logit that is not finite is refused by the number of its token; k and ids out of range.
"""

import pytest
import torch

from tests.helpers.loss_cases import EXACT, bytes_of, make_case
from uopd.losses.lm_head import ENTRY_SHARE
from uopd.losses.teacher_topk import candidate_bytes, largest, largest_in_parts, topk


@pytest.mark.parametrize("k", [0, 1, 2, 16, 100, 337])
@pytest.mark.parametrize("rows", [1, 4, 100])
def test_topk_equals_the_full_log_softmax(k: int, rows: int) -> None:
    case = make_case(9, 6, 337, 1, seed=k)
    full_TV = (case.hidden_TD @ case.weight_VD.t() + case.bias_V).log_softmax(dim=-1)
    expected = full_TV.topk(k, dim=-1)
    result = topk(
        case.hidden_TD,
        case.weight_VD,
        k,
        bias_V=case.bias_V,
        ids_T=case.sampled_T,
        chunk_bytes=bytes_of(rows, case),
        value_dtype=torch.float64,
    )
    assert result.ids_TK.dtype == torch.int32 and torch.equal(result.ids_TK.long(), expected.indices)
    torch.testing.assert_close(result.logprobs_TK, expected.values, rtol=EXACT, atol=EXACT)
    assert result.sampled_logprob_T is not None
    sampled_T = full_TV.gather(-1, case.sampled_T[:, None]).squeeze(-1)
    torch.testing.assert_close(result.sampled_logprob_T, sampled_T, rtol=EXACT, atol=EXACT)


def test_topk_of_equal_logits_of_narrow_dtypes_and_of_nothing() -> None:
    case = make_case(5, 6, 64, 1)
    equal = topk(torch.zeros(5, 6), torch.ones(64, 6), 9)
    assert all(len(set(row)) == 9 for row in equal.ids_TK.tolist())
    torch.testing.assert_close(equal.logprobs_TK, -torch.full((5, 9), 64.0).log())
    assert equal.sampled_logprob_T is None
    rounded = topk(case.hidden_TD.bfloat16(), case.weight_VD.bfloat16(), 9, value_dtype=torch.float16)
    plain_TV = (case.hidden_TD.bfloat16() @ case.weight_VD.bfloat16().t()).float().log_softmax(dim=-1)
    assert rounded.logprobs_TK.dtype == torch.float16
    torch.testing.assert_close(rounded.logprobs_TK, plain_TV.topk(9).values.half(), rtol=1e-3, atol=1e-3)
    assert topk(torch.zeros(0, 6), torch.ones(64, 6), 9).ids_TK.shape == (0, 9)


def test_candidates_keep_to_their_share_of_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    case = make_case(9, 6, 337, 1)
    logits_TV = case.hidden_TD @ case.weight_VD.t()
    for k in (1, 20, 200):
        rows: list[int] = []

        def counted(logits_PV: torch.Tensor, k: int, rows: list[int] = rows) -> tuple[torch.Tensor, torch.Tensor]:
            rows.append(len(logits_PV))
            return largest(logits_PV, k)

        monkeypatch.setattr("uopd.losses.teacher_topk.largest", counted)
        result = largest_in_parts(logits_TV, k, 2 * ENTRY_SHARE * candidate_bytes(337, k))
        assert rows == [2, 2, 2, 2, 1]
        for values, expected in zip(result, logits_TV.topk(k, dim=-1), strict=True):
            assert torch.equal(values, expected)
    assert candidate_bytes(151_936, 512) < 151_936 * 4 / 2


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_topk_refuses_logits_that_are_not_finite(value: float) -> None:
    case = make_case(9)
    bias_V = case.bias_V.clone()
    hidden_TD = case.hidden_TD.clone()
    hidden_TD[6, 0] = value
    with pytest.raises(FloatingPointError, match="token 6"):
        topk(hidden_TD, case.weight_VD, 3, chunk_bytes=bytes_of(2, case))
    bias_V[4] = value
    with pytest.raises(FloatingPointError, match=r"token 0.*9 such"):
        topk(case.hidden_TD, case.weight_VD, 3, bias_V=bias_V)


def test_refusals() -> None:
    case = make_case()
    with pytest.raises(ValueError, match="k is 24"):
        topk(case.hidden_TD, case.weight_VD, 24)
    with pytest.raises(ValueError, match=r"ids_T is \(3,\)"):
        topk(case.hidden_TD, case.weight_VD, 2, ids_T=torch.zeros(3, dtype=torch.int32))
