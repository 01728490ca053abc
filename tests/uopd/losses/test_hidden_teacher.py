"""Pins of `uopd/losses/hidden_teacher.py`:

- against Eq. 7 in float64 with the teacher's whole softmax, or its exact top-k: loss, gradients, every diagnostic, over
  k, chunk sizes, biases, weights of 0, widths that differ, dtypes that differ;
- the same as `topk_cross_entropy` of `topk`; `gradcheck`; student = teacher gives loss = entropy and no gradient;
- no [T, V] matrix; a teacher's logit that is not finite is refused by the number of its token; refusals.
"""

import subprocess
import sys
from dataclasses import fields

import pytest
import torch
from torch import Tensor

from tests.helpers.loss_cases import EXACT, FP32, Case, bytes_of, leaves, make_case, with_zeros, worst
from uopd.losses import TopkLoss, hidden_cross_entropy, topk, topk_cross_entropy
from uopd.losses.reference import reference_cross_entropy

WIDTH = 4


def make_teacher(case: Case, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """Hidden states, weight and bias of another width than the student's."""
    generator = torch.Generator().manual_seed(7)
    shapes = (len(case.hidden_TD), WIDTH), (len(case.weight_VD), WIDTH), (len(case.weight_VD),)
    hidden_TE, weight_VE, bias_V = (torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in shapes)
    return hidden_TE.to(dtype), weight_VE.to(dtype), bias_V.to(dtype)


def exact_topk(teacher: tuple[Tensor, Tensor, Tensor], k: int) -> tuple[Tensor, Tensor, Tensor]:
    """Ids, log-probabilities, and the whole log-softmax, float64."""
    hidden_TE, weight_VE, bias_V = (tensor.double() for tensor in teacher)
    full_TV = (hidden_TE @ weight_VE.t() + bias_V).log_softmax(dim=-1)
    values_TK, ids_TK = full_TV.topk(k, dim=-1)
    return ids_TK, values_TK, full_TV


def expected_gradients(case: Case, teacher: tuple[Tensor, Tensor, Tensor], k: int) -> list[Tensor]:
    inputs = leaves(*case.head)
    ids_TK, values_TK, _ = exact_topk(teacher, k)
    losses_T = reference_cross_entropy(inputs[0], inputs[1], ids_TK, values_TK, bias_V=inputs[2])
    loss = (case.weights_T * losses_T).sum()
    return [loss.detach(), *torch.autograd.grad(loss, inputs)]


def our_gradients(
    case: Case, teacher: tuple[Tensor, Tensor, Tensor], dtype: torch.dtype = torch.float64, **options
) -> list[Tensor]:
    inputs = leaves(*case.head, dtype=dtype)
    loss = hidden_cross_entropy(
        inputs[0], inputs[1], *teacher[:2], case.weights_T, bias_V=inputs[2], teacher_bias_V=teacher[2], **options
    ).loss
    return [loss.detach(), *torch.autograd.grad(loss, inputs)]


@pytest.mark.parametrize("k", [1, 2, 6, 22, 23, None])
@pytest.mark.parametrize("rows", [1, 2, 5, 100])
def test_float64_equals_the_plain_equation(k: int | None, rows: int) -> None:
    for case in (make_case(12), with_zeros(make_case(12), 3)):
        teacher = make_teacher(case)
        result = our_gradients(case, teacher, k=k, chunk_bytes=2 * bytes_of(rows, case))
        assert worst(result, expected_gradients(case, teacher, k or 23)) < EXACT


@pytest.mark.parametrize(
    ("k", "teacher_dtype"),
    [(16, torch.float32), (None, torch.float32), (None, torch.bfloat16)],  # the 16th of bfloat16 logits has equals
)
@pytest.mark.parametrize("rows", [3, 100])
def test_float32_is_within_1e_5(k: int | None, teacher_dtype: torch.dtype, rows: int) -> None:
    case = with_zeros(make_case(24, 32, 500, 16), 5)
    rounded = [tensor.float().double() for tensor in (case.hidden_TD, case.weight_VD, case.bias_V)]
    case = Case(**{**_fields(case), "hidden_TD": rounded[0], "weight_VD": rounded[1], "bias_V": rounded[2]})
    teacher = make_teacher(case, teacher_dtype)
    if teacher_dtype == torch.bfloat16:  # a CPU rounds these logits, so the identity is the head
        logits_TV = (teacher[0].double() @ teacher[1].double().t()).bfloat16()
        teacher = (logits_TV, torch.eye(500, dtype=torch.bfloat16), torch.zeros(500, dtype=torch.bfloat16))
    result = our_gradients(case, teacher, torch.float32, k=k, chunk_bytes=2 * bytes_of(rows, case, torch.float32))
    assert [tensor.dtype for tensor in result] == [torch.float32] * 4
    assert worst(result, expected_gradients(case, teacher, k or 500)) < FP32


def _fields(case: Case) -> dict[str, Tensor]:
    return {field.name: getattr(case, field.name) for field in fields(case)}


@pytest.mark.parametrize("k", [5, 23])
def test_diagnostics_equal_those_of_the_topk_and_name_the_teachers_own(k: int) -> None:
    case = make_case(11)
    teacher = make_teacher(case)
    result = hidden_cross_entropy(
        *case.head[:2],
        *teacher[:2],
        case.weights_T,
        k=k,
        teacher_bias_V=teacher[2],
        sampled_ids_T=case.sampled_T,
        chunk_bytes=2 * bytes_of(3, case),
    )
    scored = topk(*teacher[:2], k, bias_V=teacher[2], ids_T=case.sampled_T, value_dtype=torch.float64)
    expected = topk_cross_entropy(
        *case.head[:2], scored.ids_TK, scored.logprobs_TK, case.weights_T, sampled_ids_T=case.sampled_T
    )
    for field in fields(TopkLoss):
        wanted = getattr(expected, field.name)
        if field.name == "teacher_sampled_logprob_T":
            assert wanted is None
            wanted = scored.sampled_logprob_T
        torch.testing.assert_close(getattr(result, field.name), wanted, rtol=EXACT, atol=EXACT, msg=field.name)
    without = hidden_cross_entropy(*case.head[:2], *teacher[:2], case.weights_T, k=k)
    assert without.sampled_logprob_T is None and without.teacher_sampled_logprob_T is None


def test_gradcheck() -> None:
    case = with_zeros(make_case(5, 3, 9, 4), 3)
    teacher = make_teacher(case)
    for k in (4, None):
        assert torch.autograd.gradcheck(
            lambda h, w, b, k=k: (
                hidden_cross_entropy(
                    h, w, *teacher[:2], case.weights_T, k=k, bias_V=b, chunk_bytes=2 * bytes_of(2, case)
                ).loss
            ),
            leaves(*case.head),
        )


def test_a_student_that_is_the_teacher_learns_nothing() -> None:
    case = make_case(8)
    hidden_TD, weight_VD, _ = leaves(*case.head)
    result = hidden_cross_entropy(hidden_TD, weight_VD, hidden_TD.detach(), weight_VD.detach(), torch.ones(8))
    gradients = torch.autograd.grad(result.loss, [hidden_TD, weight_VD])
    assert max(float(gradient.abs().max()) for gradient in gradients) < 1e-14
    torch.testing.assert_close(result.cross_entropy_T, result.teacher_entropy_T, rtol=1e-13, atol=1e-13)
    assert result.agreement_T.all()


@pytest.mark.parametrize("k", [3, None])
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_a_teacher_that_is_not_finite_is_refused_by_its_token(value: float, k: int | None) -> None:
    case = make_case(9)
    hidden_TE, weight_VE, bias_V = make_teacher(case)
    hidden_TE[6, 0] = value
    with pytest.raises(FloatingPointError, match=r"token 6.*1 such tokens of 9"):
        hidden_cross_entropy(*case.head[:2], hidden_TE, weight_VE, case.weights_T, k=k)
    bias_V[4] = value
    with pytest.raises(FloatingPointError, match=r"token 0.*9 such"):
        hidden_cross_entropy(
            *case.head[:2], make_teacher(case)[0], weight_VE, case.weights_T, k=k, teacher_bias_V=bias_V
        )


@pytest.mark.parametrize(
    ("place", "changed", "options", "message"),
    [
        (0, torch.zeros(6, WIDTH, dtype=torch.float64), {}, r"teacher_hidden_TE is \(6, 4\).*7 tokens"),
        (1, torch.zeros(24, WIDTH, dtype=torch.float64), {}, "vocabulary of 23"),
        (0, torch.zeros(7, 3, dtype=torch.float64), {}, "the same last dimension"),
        (0, torch.zeros(7, WIDTH, dtype=torch.float64, requires_grad=True), {}, "detach"),
        (None, None, {"k": 0}, "k is 0"),
        (None, None, {"k": 24}, "k is 24"),
        (None, None, {"teacher_bias_V": torch.zeros(22)}, r"bias_V is \(22,\)"),
    ],
)
def test_refusals(place: int | None, changed: Tensor | None, options: dict, message: str) -> None:
    case = make_case()
    hidden_TE, weight_VE, _ = make_teacher(case)
    if changed is not None:
        hidden_TE, weight_VE = (changed, weight_VE) if place == 0 else (hidden_TE, changed)
    with pytest.raises(ValueError, match=message):
        hidden_cross_entropy(*case.head[:2], hidden_TE, weight_VE, case.weights_T, **options)


PEAK = """
import resource, torch
from uopd.losses.hidden_teacher import hidden_cross_entropy


def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

T, D, V = 4096, 256, 32768
hidden = torch.randn(T, D).requires_grad_()
weight = torch.randn(V, D).requires_grad_()
weight.grad = torch.ones(V, D)
(hidden[:8] @ weight.t()).sum().item()  # what the first product keeps
before = peak()
budget = 32 * 2**20
for k in (None, 64):
    result = hidden_cross_entropy(
        hidden, weight, hidden.detach().clone(), weight.detach(), torch.full((T,), 1e-3), k=k, chunk_bytes=budget
    )
    (result.loss / 3).backward()
print((peak() - before - weight.numel() * 4) / (T * V * 4))
"""


@pytest.mark.slow
def test_no_matrix_of_tokens_by_vocabulary_exists() -> None:
    """Peak of a process beyond inputs and the weight's gradient, over the float32 logits matrix (512 MiB)."""
    result = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)
    assert float(result.stdout) < 0.2
