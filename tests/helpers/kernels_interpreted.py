"""What `tests/uopd/losses/test_kernels.py` runs with TRITON_INTERPRET=1, so that Triton's interpreter runs the kernels
on CPU tensors."""

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.helpers.loss_cases import FP32, Case, bytes_of, leaves, make_case, replace, with_zeros, worst
from uopd.losses import hidden_cross_entropy, kernels, selected_logprobs, topk, topk_cross_entropy
from uopd.losses.reference import reference_cross_entropy

BFLOAT16 = 0.02


def repeated(case: Case) -> Case:
    """With an id twice in each row."""
    ids_TK = case.ids_TK.clone()
    ids_TK[:, 3] = ids_TK[:, 1]
    return replace(case, ids_TK=ids_TK)


def gradients(case: Case, dtype: torch.dtype, rows: int, **options) -> list[Tensor]:
    inputs = leaves(*case.head, dtype=dtype)
    result = topk_cross_entropy(
        inputs[0],
        inputs[1],
        *case.teacher,
        bias_V=inputs[2],
        sampled_ids_T=case.sampled_T,
        chunk_bytes=bytes_of(rows, case, dtype),
        **options,
    )
    assert result.sampled_logprob_T is not None
    diagnostics = [result.cross_entropy_T, result.teacher_entropy_T, result.student_mass_T, result.sampled_logprob_T]
    return [result.loss.detach(), *torch.autograd.grad(result.loss, inputs), *diagnostics]


def expected(case: Case, dtype: torch.dtype) -> list[Tensor]:
    inputs = leaves(*(tensor.to(dtype) for tensor in case.head))
    losses_T = reference_cross_entropy(inputs[0], inputs[1], *case.teacher[:2], bias_V=inputs[2])
    loss = (case.weights_T * losses_T).sum()
    return [loss.detach(), *torch.autograd.grad(loss, inputs)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rows", [2, 100])
def test_topk_cross_entropy(dtype: torch.dtype, rows: int) -> None:
    case = repeated(with_zeros(make_case(11, 16, 200, 12), 4))
    result = gradients(case, dtype, rows, triton=True)
    assert worst(result[:4], expected(case, dtype)) < (FP32 if dtype == torch.float32 else BFLOAT16)
    plain = gradients(case, torch.float32, rows, triton=False) if dtype == torch.float32 else []
    for by_kernels, by_pytorch in zip(result, plain, strict=False):
        torch.testing.assert_close(by_kernels, by_pytorch, rtol=1e-5, atol=1e-6)


def test_a_vocabulary_of_several_blocks_and_float32_sums() -> None:
    case = repeated(make_case(5, 8, 2 * kernels.BLOCK + 48, 16))
    assert worst(gradients(case, torch.float32, 2, triton=True)[:4], expected(case, torch.float32)) < FP32
    errors = [
        worst(
            gradients(case, torch.bfloat16, 2, triton=True, accumulate_fp32=fp32)[2:3],
            expected(case, torch.bfloat16)[2:3],
        )
        for fp32 in (False, True)
    ]
    assert errors[1] < errors[0] < BFLOAT16


@pytest.mark.parametrize("k", [12, None])
@pytest.mark.parametrize("vocabulary", [200, 2 * kernels.PAIR_BLOCK + 48])
def test_hidden_states(k: int | None, vocabulary: int) -> None:
    case = with_zeros(make_case(6, 16, vocabulary, 12), 4)
    teacher = (torch.randn(6, 3), torch.randn(vocabulary, 3))
    both = []
    for triton in (True, False):
        inputs = leaves(*case.head, dtype=torch.float32)
        result = hidden_cross_entropy(
            inputs[0],
            inputs[1],
            *teacher,
            case.weights_T,
            k=k,
            bias_V=inputs[2],
            sampled_ids_T=case.sampled_T,
            chunk_bytes=bytes_of(4, case, torch.float32),
            triton=triton,
        )
        values = (
            result.cross_entropy_T,
            result.teacher_entropy_T,
            result.agreement_T,
            result.teacher_sampled_logprob_T,
        )
        both.append([result.loss.detach(), *torch.autograd.grad(result.loss, inputs), *values])
    for by_kernels, by_pytorch in zip(*both, strict=True):
        torch.testing.assert_close(by_kernels, by_pytorch, rtol=1e-5, atol=1e-5)
    hidden_TD, weight_VD = leaves(case.hidden_TD, case.weight_VD, dtype=torch.bfloat16)
    result = hidden_cross_entropy(hidden_TD, weight_VD, *teacher, case.weights_T, k=k, triton=True)
    grads = torch.autograd.grad(result.loss, (hidden_TD, weight_VD))
    result = hidden_cross_entropy(hidden_TD, weight_VD, *teacher, case.weights_T, k=k, triton=False)
    assert worst(list(grads), [g.double() for g in torch.autograd.grad(result.loss, (hidden_TD, weight_VD))]) < BFLOAT16


def test_policy_gradient_and_topk() -> None:
    case = make_case(9, 8, 300, 4)
    inputs = leaves(*case.head, dtype=torch.float32)
    logprobs_T = selected_logprobs(inputs[0], inputs[1], case.sampled_T, bias_V=inputs[2])
    weights_T = case.weights_T.float()
    wide = leaves(*case.head)
    plain_TV = (wide[0] @ wide[1].t() + wide[2]).log_softmax(dim=-1)
    plain_T = plain_TV.gather(-1, case.sampled_T[:, None]).squeeze(-1)
    result = [logprobs_T.detach(), *torch.autograd.grad((logprobs_T * weights_T).sum(), inputs)]
    wanted = [plain_T.detach(), *torch.autograd.grad((plain_T * case.weights_T).sum(), wide)]
    assert worst(result, wanted) < FP32
    hidden_TD, weight_VD, bias_V = (tensor.detach() for tensor in inputs)
    scored = topk(hidden_TD, weight_VD, 7, bias_V=bias_V, ids_T=case.sampled_T)
    best = plain_TV.detach().topk(7, dim=-1)
    assert torch.equal(scored.ids_TK.long(), best.indices)
    torch.testing.assert_close(scored.logprobs_TK, best.values.float())
    for value in (torch.nan, torch.inf, -torch.inf):
        bias_V[250] = value
        with pytest.raises(FloatingPointError, match="token 0"):
            topk(hidden_TD, weight_VD, 7, bias_V=bias_V)


def test_the_check_of_a_device_sees_what_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, write = torch.device("cpu"), kernels.write_pair_softmax
    assert kernels._difference(cpu, torch.bfloat16) < kernels.BFLOAT16_TOLERANCE

    def wrong(out_CV: Tensor, *arguments: Any) -> None:
        write(out_CV, *arguments)
        out_CV[3, 100] = torch.nan

    monkeypatch.setattr(kernels, "write_pair_softmax", wrong)
    assert not kernels._difference(cpu, torch.bfloat16) <= kernels.BFLOAT16_TOLERANCE
    kernels._agrees.cache_clear()
    with pytest.warns(UserWarning, match="differ from PyTorch by nan"):
        assert not kernels.usable(torch.zeros(2, 2, dtype=torch.bfloat16))
    kernels._agrees.cache_clear()


@pytest.mark.parametrize("shift", [0.0, 1000.0])
def test_a_small_difference_of_large_logits(shift: float) -> None:
    """A student almost the teacher: what is left of the means is small beside the logits."""
    generator = torch.Generator().manual_seed(3)
    logits_TV = 12 * torch.randn(4, 5000, generator=generator) + shift
    student_TV = logits_TV + 0.01 * torch.randn(4, 5000, generator=generator)
    identity_VV = torch.eye(5000)
    result = hidden_cross_entropy(student_TV, identity_VV, logits_TV, identity_VV, torch.ones(4), triton=True)
    log_p_TV, log_q_TV = logits_TV.double().log_softmax(dim=-1), student_TV.double().log_softmax(dim=-1)
    expected_T = (log_p_TV.exp() * (log_p_TV - log_q_TV)).sum(dim=-1)
    kl_T = result.cross_entropy_T - result.teacher_entropy_T
    torch.testing.assert_close(kl_T.double(), expected_T, rtol=0, atol=2e-6)
