"""Pins of `selected_logprobs` and `clipped_policy_loss` of `uopd/losses/policy.py`:

- values and gradients against plain autograd, float64 and float32, every chunk size; an upstream gradient of 0 gives
  exactly 0; at a temperature too;
- the ratio clipped on both sides under both signs of the advantage, with and without the KL term; a token of weight 0
  gives exactly nothing, whatever its log-probabilities;
- errors that name the field and the value.
"""

import pytest
import torch
from torch import Tensor

from tests.helpers.loss_cases import EXACT, FP32, bytes_of, leaves, make_case, worst
from uopd.losses import clipped_policy_loss, selected_logprobs


@pytest.mark.parametrize("rows", [1, 4, 100])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_selected_logprobs_equal_plain_autograd(rows: int, dtype: torch.dtype, temperature: float) -> None:
    case = make_case(11)
    upstream_T = torch.randn(11, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    upstream_T[::4] = 0
    results = []
    for plain in (True, False):
        inputs = leaves(*(tensor.to(dtype) for tensor in case.head), dtype=torch.float64 if plain else dtype)
        hidden_TD, weight_VD, bias_V = inputs
        if plain:
            logits_TV = hidden_TD @ weight_VD.t() + bias_V
            logprobs_T = (logits_TV / temperature).log_softmax(dim=-1).gather(-1, case.sampled_T[:, None]).squeeze(-1)
        else:
            budget = bytes_of(rows, case, dtype)
            logprobs_T = selected_logprobs(
                hidden_TD, weight_VD, case.sampled_T, bias_V=bias_V, chunk_bytes=budget, temperature=temperature
            )
        gradients = torch.autograd.grad((logprobs_T * upstream_T).sum(), [hidden_TD, weight_VD, bias_V])
        results.append([logprobs_T.detach(), *gradients])
    expected, result = results
    assert {tensor.dtype for tensor in result} == {dtype}
    assert worst(result, expected) < (EXACT if dtype == torch.float64 else FP32)
    assert torch.equal(result[1][::4], torch.zeros_like(result[1][::4]))


def test_selected_logprobs_of_nothing() -> None:
    case = make_case(0)
    weight_VD = case.weight_VD.clone().requires_grad_()
    logprobs_T = selected_logprobs(case.hidden_TD, weight_VD, case.sampled_T)
    logprobs_T.sum().backward()
    assert logprobs_T.shape == (0,) and weight_VD.grad is not None and not weight_VD.grad.any()


RATIOS = [0.5, 0.79, 0.9, 1.0, 1.1, 1.29, 2.0]
"""Below, inside and above [0.8, 1.28]."""


def policy_inputs() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Every ratio with an advantage of each sign; the last token has weight 0 and a ratio that overflows."""
    ratios_T = torch.tensor(RATIOS + RATIOS + [1.0], dtype=torch.float64)
    old_T = torch.linspace(-3, -0.1, len(ratios_T), dtype=torch.float64)
    advantages_T = torch.tensor([1.5] * len(RATIOS) + [-0.7] * len(RATIOS) + [1.0], dtype=torch.float64)
    weights_T = torch.linspace(0.1, 1.0, len(ratios_T), dtype=torch.float64)
    weights_T[-1], old_T[-1] = 0, -1e6
    return old_T + ratios_T.log(), old_T, advantages_T, weights_T


def test_clipped_policy_loss_equals_plain_autograd() -> None:
    new_T, old_T, advantages_T, weights_T = policy_inputs()
    new_T[-1] = 0
    reference_T = old_T + 0.3 * torch.randn(len(old_T), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    new_T.requires_grad_()
    for coefficient in (0.0, 0.05):
        result = clipped_policy_loss(
            new_T,
            old_T,
            advantages_T,
            weights_T,
            reference_logprobs_T=reference_T,
            kl_coefficient=coefficient,
            clip_low=0.2,
            clip_high=0.28,
        )
        ratio_T = (new_T - old_T)[:-1].exp()
        unclipped_T, clipped_T = ratio_T * advantages_T[:-1], ratio_T.clamp(0.8, 1.28) * advantages_T[:-1]
        difference_T = (reference_T - new_T)[:-1]
        kl_T = difference_T.exp() - difference_T - 1
        expected = (weights_T[:-1] * (coefficient * kl_T - torch.minimum(unclipped_T, clipped_T))).sum()
        torch.testing.assert_close(result.loss, expected, rtol=EXACT, atol=EXACT)
        gradients = [torch.autograd.grad(loss, new_T)[0] for loss in (result.loss, expected)]
        torch.testing.assert_close(*gradients, rtol=EXACT, atol=EXACT)
        assert gradients[0][-1] == 0
        assert result.kl_T is not None and not result.kl_T.requires_grad
        torch.testing.assert_close(result.kl_T[:-1], kl_T.detach(), rtol=EXACT, atol=EXACT)
    held = [False] * 5 + [True] * 2 + [True] * 2 + [False] * 5 + [False]
    assert result.clipped_T.tolist() == held
    assert (int(result.clipped_count), int(result.token_count)) == (4, 14)
    plain = clipped_policy_loss(new_T, old_T, advantages_T, weights_T, clip_low=0.2, clip_high=0.28)
    gradient_T = torch.autograd.grad(plain.loss, new_T)[0]
    assert plain.kl_T is None
    assert (gradient_T == 0).tolist() == [*held[:-1], True]


def test_refusals() -> None:
    case = make_case()
    with pytest.raises(ValueError, match=r"ids_T is \(3,\)"):
        selected_logprobs(case.hidden_TD, case.weight_VD, torch.zeros(3, dtype=torch.int32))
    with pytest.raises(ValueError, match="temperature is 0: give a number above 0"):
        selected_logprobs(case.hidden_TD, case.weight_VD, case.sampled_T, temperature=0)
    some_T = torch.zeros(7)
    with pytest.raises(ValueError, match="without reference_logprobs_T"):
        clipped_policy_loss(some_T, some_T, some_T, some_T, clip_low=0.2, clip_high=0.2, kl_coefficient=0.1)
    with pytest.raises(ValueError, match=r"clip_low -0\.1"):
        clipped_policy_loss(some_T, some_T, some_T, some_T, clip_low=-0.1, clip_high=0.2)
    with pytest.raises(ValueError, match=r"advantages_T is \(6,\)"):
        clipped_policy_loss(some_T, some_T, some_T[:6], some_T, clip_low=0.2, clip_high=0.2)
