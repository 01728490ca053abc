"""Pins of `uopd/losses/cross_entropy.py` and `uopd/losses/lm_head.py` (`test_policy.py` and `test_teacher_topk.py`
have the rest):

- `topk_cross_entropy` against Eq. 7 with the whole softmax: loss, every diagnostic and the three gradients, 1e-10 in
  float64 and 1e-5 in float32 (gradients in norm), over shapes, k, teacher dtypes, chunk sizes, weights of 0, bias,
  repeated ids and probability 0; a looser bound in bfloat16, and float32 sums that make the gradient better there;
- `gradcheck`; the gradient of the logits at student = teacher, its L1 norm 2(1 - m), and 0 for k = V;
- weight 0 gives exactly 0 even from a token that is not finite; upstream factors; tied embeddings; what needs no
  gradient gets none; no second backward after a scaled one, no double backward;
- a vocabulary of 151,936 in float32, autocast, float16;
- KL >= -log(student mass) >= 0, and -log m at student = teacher;
- Eq. 8 and 9 over ragged responses, from one call and from any split of it;
- memory: no [T, V] matrix; errors that name the field and the row.
"""

import subprocess
import sys
from dataclasses import fields

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.helpers.loss_cases import EXACT, FP32, Case, bytes_of, leaves, make_case, replace, with_zeros, worst
from uopd.losses import TopkLoss, selected_logprobs, topk, topk_cross_entropy
from uopd.losses.lm_head import chunk_rows
from uopd.losses.reference import reference_cross_entropy, reference_objective

UNHURRIED = settings(deadline=None, max_examples=60)
DIAGNOSTICS = [field.name for field in fields(TopkLoss) if field.name not in ("loss", "teacher_sampled_logprob_T")]


def reference_gradients(case: Case, *, bias: bool, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """Loss and gradients of Eq. 7, in float64 from inputs rounded to `dtype`."""
    inputs = leaves(*(tensor.to(dtype) for tensor in (case.head if bias else case.head[:2])))
    bias_V = inputs[2] if bias else None
    losses_T = reference_cross_entropy(inputs[0], inputs[1], case.ids_TK, case.logprobs_TK, bias_V=bias_V)
    loss = (case.weights_T * losses_T).sum()
    return [loss.detach(), *torch.autograd.grad(loss, inputs)]


def our_gradients(case: Case, *, bias: bool, dtype: torch.dtype = torch.float64, **options) -> list[Tensor]:
    inputs = leaves(*(case.head if bias else case.head[:2]), dtype=dtype)
    bias_V = inputs[2] if bias else None
    loss = topk_cross_entropy(inputs[0], inputs[1], *case.teacher, bias_V=bias_V, **options).loss
    return [loss.detach(), *torch.autograd.grad(loss, inputs)]


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 6, 12, 100])
@pytest.mark.parametrize("k", [1, 6, 23])
@pytest.mark.parametrize("bias", [False, True])
def test_float64_equals_the_plain_equation(rows: int, k: int, bias: bool) -> None:
    for case in (make_case(12, k=k), with_zeros(make_case(12, k=k), 3)):
        result = our_gradients(case, bias=bias, chunk_bytes=bytes_of(rows, case))
        assert worst(result, reference_gradients(case, bias=bias)) < EXACT


@UNHURRIED
@given(
    tokens=st.integers(0, 9),
    width=st.integers(1, 6),
    vocabulary=st.integers(1, 40),
    rows=st.integers(1, 12),
    teacher=st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64]),
    wide_ids=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    data=st.data(),
)
def test_any_shape(tokens, width, vocabulary, rows, teacher, wide_ids, dtype, data) -> None:
    case = make_case(tokens, width, vocabulary, data.draw(st.integers(1, vocabulary), label="k"), seed=tokens)
    case = replace(
        case, logprobs_TK=case.logprobs_TK.to(teacher), ids_TK=case.ids_TK.long() if wide_ids else case.ids_TK
    )
    if data.draw(st.booleans(), label="zeros"):
        case = with_zeros(case, 2)
    result = our_gradients(case, bias=True, dtype=dtype, chunk_bytes=bytes_of(rows, case, dtype))
    expected = reference_gradients(case, bias=True, dtype=dtype)
    scale = torch.tensor(1e-6 if dtype == torch.float32 else 1e-15, dtype=torch.float64)
    # With one token of vocabulary everything is 0, up to the rounding of the logits.
    for a, b in zip(result, expected, strict=True):
        assert (a.double() - b).norm() <= (FP32 if dtype == torch.float32 else EXACT) * b.norm() + scale


@pytest.mark.parametrize("rows", [1, 4, 100])
def test_float32_is_within_1e_5(rows: int) -> None:
    case = with_zeros(make_case(24, 32, 500, 16), 5)
    result = our_gradients(case, bias=True, dtype=torch.float32, chunk_bytes=bytes_of(rows, case, torch.float32))
    assert [tensor.dtype for tensor in result] == [torch.float32] * 4
    assert worst(result, reference_gradients(case, bias=True, dtype=torch.float32)) < FP32


def test_bfloat16_follows_the_float64_gradient_and_float32_sums_follow_it_better() -> None:
    case = make_case(96, 32, 300, 16)
    expected = reference_gradients(case, bias=True, dtype=torch.bfloat16)
    errors = {}
    for fp32 in (False, True):
        result = our_gradients(
            case, bias=True, dtype=torch.bfloat16, accumulate_fp32=fp32, chunk_bytes=bytes_of(2, case, torch.bfloat16)
        )
        assert [tensor.dtype for tensor in result] == [torch.float32] + [torch.bfloat16] * 3
        assert worst(result, expected) < 0.03
        errors[fp32] = worst([result[2]], [expected[2]])
    assert errors[True] < errors[False]


def test_diagnostics_equal_their_definitions() -> None:
    case = with_zeros(make_case(11, k=4), 2)
    student_TV = (case.hidden_TD @ case.weight_VD.t()).log_softmax(dim=-1)
    ids_TK = case.ids_TK.long()
    p_TK = case.logprobs_TK.softmax(dim=-1)
    expected = {
        "cross_entropy_T": reference_cross_entropy(*case.head[:2], *case.teacher[:2]),
        "teacher_entropy_T": -(p_TK * p_TK.log()).sum(dim=-1),
        "teacher_mass_T": case.logprobs_TK.exp().sum(dim=-1),
        "student_mass_T": student_TV.exp().gather(-1, ids_TK).sum(dim=-1),
        "agreement_T": ids_TK[:, 0] == student_TV.argmax(dim=-1),
        "sampled_logprob_T": student_TV.gather(-1, case.sampled_T[:, None]).squeeze(-1),
    }
    assert list(expected) == DIAGNOSTICS
    shuffled = torch.randperm(4, generator=torch.Generator().manual_seed(1))
    for order in (torch.arange(4), shuffled):
        hidden_TD, weight_VD = case.hidden_TD.clone().requires_grad_(), case.weight_VD
        result = topk_cross_entropy(
            hidden_TD,
            weight_VD,
            case.ids_TK[:, order],
            case.logprobs_TK[:, order],
            case.weights_T,
            sampled_ids_T=case.sampled_T,
            chunk_bytes=bytes_of(3, case),
        )
        for name, value in expected.items():
            actual = getattr(result, name)
            assert not actual.requires_grad, name
            torch.testing.assert_close(actual, value, rtol=EXACT, atol=EXACT, msg=name)
    assert result.agreement_T.any() or not expected["agreement_T"].any()
    assert topk_cross_entropy(*case.head[:2], *case.teacher).sampled_logprob_T is None


def test_without_gradients_only_values_are_computed() -> None:
    case = make_case()
    hidden_TD, weight_VD, bias_V = leaves(*case.head)
    trained = topk_cross_entropy(hidden_TD, weight_VD, *case.teacher, bias_V=bias_V)
    with torch.no_grad():
        result = topk_cross_entropy(hidden_TD, weight_VD, *case.teacher, bias_V=bias_V)
    with torch.inference_mode():
        again = topk_cross_entropy(hidden_TD, weight_VD, *case.teacher, bias_V=bias_V)
    assert not result.loss.requires_grad and trained.loss.requires_grad
    assert torch.equal(result.loss, trained.loss) and torch.equal(again.loss, trained.loss)
    assert torch.equal(result.cross_entropy_T, trained.cross_entropy_T)


@pytest.mark.parametrize("needs", [(True, False, False), (False, True, False), (False, False, True)])
def test_an_input_that_needs_no_gradient_gets_none(needs: tuple[bool, ...]) -> None:
    case = make_case()
    inputs = [tensor.clone().requires_grad_(need) for tensor, need in zip(case.head, needs, strict=True)]
    topk_cross_entropy(inputs[0], inputs[1], *case.teacher, bias_V=inputs[2]).loss.backward()
    expected = reference_gradients(case, bias=True)[1:]
    for tensor, need, gradient in zip(inputs, needs, expected, strict=True):
        if need:
            torch.testing.assert_close(tensor.grad, gradient, rtol=EXACT, atol=EXACT)
        else:
            assert tensor.grad is None


def test_gradcheck() -> None:
    case = with_zeros(make_case(5, 3, 9, 4), 3)
    inputs = leaves(*case.head)
    assert torch.autograd.gradcheck(
        lambda h, w, b: topk_cross_entropy(h, w, *case.teacher, bias_V=b, chunk_bytes=bytes_of(2, case)).loss, inputs
    )
    assert torch.autograd.gradcheck(
        lambda h, w, b: selected_logprobs(h, w, case.sampled_T, bias_V=b, chunk_bytes=bytes_of(2, case)), inputs
    )


def test_the_same_gradient_for_every_chunk_size() -> None:
    case = with_zeros(make_case(13, k=5), 4)
    first, *others = [our_gradients(case, bias=True, chunk_bytes=bytes_of(rows, case)) for rows in range(1, 15)]
    assert max(worst(other, first) for other in others) < 1e-14


def test_a_token_of_weight_0_gives_exactly_nothing() -> None:
    case = with_zeros(make_case(9), 3)
    hidden_TD = case.hidden_TD.clone()
    hidden_TD[0] = torch.inf
    hidden_TD[3] = torch.nan
    without = case.weights_T != 0
    kept = replace(
        case,
        **{
            name: getattr(case, name)[without]
            for name in ("hidden_TD", "ids_TK", "logprobs_TK", "weights_T", "sampled_T")
        },
    )
    loss, hidden_grad, *rest = our_gradients(replace(case, hidden_TD=hidden_TD), bias=True)
    kept_loss, kept_hidden_grad, *kept_rest = our_gradients(kept, bias=True)
    assert torch.equal(loss, kept_loss) or abs(loss - kept_loss) < 1e-14
    assert torch.equal(hidden_grad[~without], torch.zeros(3, 5, dtype=torch.float64))
    assert torch.equal(hidden_grad[without], kept_hidden_grad)
    assert all(torch.equal(a, b) for a, b in zip(rest, kept_rest, strict=True))


def test_all_weights_0_and_no_tokens() -> None:
    for case in (replace(make_case(), weights_T=torch.zeros(7, dtype=torch.float64)), make_case(0)):
        loss, *gradients = our_gradients(case, bias=True)
        assert loss == 0
        assert all(torch.equal(gradient, torch.zeros_like(gradient)) for gradient in gradients)


@pytest.mark.parametrize("factor", [3.0, -0.5, 0.0])
def test_upstream_factors(factor: float) -> None:
    case = make_case()
    hidden_TD, weight_VD, bias_V = leaves(*case.head)
    (topk_cross_entropy(hidden_TD, weight_VD, *case.teacher, bias_V=bias_V).loss * factor).backward()
    expected = [factor * gradient for gradient in reference_gradients(case, bias=True)[1:]]
    for result, wanted in zip((hidden_TD.grad, weight_VD.grad, bias_V.grad), expected, strict=True):
        torch.testing.assert_close(result, wanted, rtol=EXACT, atol=EXACT)


def test_a_mean_and_gradients_that_add_up_over_calls() -> None:
    case = make_case()
    weight_VD = case.weight_VD.clone().requires_grad_()
    for _ in range(2):
        (topk_cross_entropy(case.hidden_TD, weight_VD, *case.teacher).loss / 7).backward()
    torch.testing.assert_close(weight_VD.grad, reference_gradients(case, bias=False)[2] * 2 / 7, rtol=EXACT, atol=EXACT)


def test_no_second_backward_after_a_scaled_one_and_no_double_backward() -> None:
    case = make_case()
    weight_VD = case.weight_VD.clone().requires_grad_()
    loss = topk_cross_entropy(case.hidden_TD, weight_VD, *case.teacher).loss
    first, second = (torch.autograd.grad(loss, weight_VD, retain_graph=True)[0].clone() for _ in range(2))
    assert torch.equal(first, second)
    (held,) = torch.autograd.grad(loss, weight_VD, retain_graph=True)
    (doubled,) = torch.autograd.grad(loss * 2, weight_VD, retain_graph=True)
    assert torch.equal(held, first) and torch.equal(doubled, 2 * first), "what was handed out stays as it is"
    loss = topk_cross_entropy(case.hidden_TD, weight_VD, *case.teacher).loss
    torch.autograd.grad(loss * 2, weight_VD, retain_graph=True)
    with pytest.raises(RuntimeError, match="second backward"):
        torch.autograd.grad(loss * 2, weight_VD)
    loss = topk_cross_entropy(case.hidden_TD, weight_VD, *case.teacher).loss
    with pytest.raises(RuntimeError, match="topk_cross_entropy has no second derivative"):
        torch.autograd.grad(loss, weight_VD, create_graph=True)
    logprobs_T = selected_logprobs(case.hidden_TD, weight_VD, case.sampled_T)
    with pytest.raises(RuntimeError, match="selected_logprobs has no second derivative"):
        torch.autograd.grad(logprobs_T.sum(), weight_VD, create_graph=True)


def test_tied_embeddings() -> None:
    case = make_case()
    tokens_T = case.sampled_T

    def tied(weight_VD: Tensor, plain: bool) -> Tensor:
        hidden_TD = torch.tanh(weight_VD[tokens_T])
        if plain:
            return (case.weights_T * reference_cross_entropy(hidden_TD, weight_VD, *case.teacher[:2])).sum()
        return topk_cross_entropy(hidden_TD, weight_VD, *case.teacher, chunk_bytes=bytes_of(2, case)).loss * 2

    weight_VD = case.weight_VD.clone().requires_grad_()
    result, expected = (torch.autograd.grad(tied(weight_VD, plain), weight_VD)[0] for plain in (False, True))
    torch.testing.assert_close(result, 2 * expected, rtol=EXACT, atol=EXACT)


def test_repeated_ids_and_probability_0() -> None:
    case = make_case(4, k=6)
    ids_TK = case.ids_TK.clone()
    ids_TK[:, 3] = ids_TK[:, 0]
    logprobs_TK = case.logprobs_TK.clone()
    logprobs_TK[1, 2] = logprobs_TK[2, :5] = -torch.inf
    case = replace(case, ids_TK=ids_TK, logprobs_TK=logprobs_TK)
    assert worst(our_gradients(case, bias=True), reference_gradients(case, bias=True)) < EXACT


def gradient_of_logits(logits_TV: Tensor, ids_TK: Tensor, logprobs_TK: Tensor) -> tuple[Tensor, TopkLoss]:
    """With an identity for a head, the hidden states are the logits."""
    logits_TV = logits_TV.clone().requires_grad_()
    identity_VV = torch.eye(logits_TV.shape[1], dtype=logits_TV.dtype)
    result = topk_cross_entropy(logits_TV, identity_VV, ids_TK, logprobs_TK, torch.ones(len(logits_TV)))
    return torch.autograd.grad(result.loss, logits_TV)[0], result


@pytest.mark.parametrize("k", [1, 7, 29, 30])
def test_student_equals_teacher(k: int) -> None:
    logits_TV = 3 * torch.randn(8, 30, generator=torch.Generator().manual_seed(k), dtype=torch.float64)
    scored = topk(logits_TV, torch.eye(30, dtype=torch.float64), k, value_dtype=torch.float64)
    gradient_TV, result = gradient_of_logits(logits_TV, scored.ids_TK, scored.logprobs_TK)
    student_TV = logits_TV.softmax(dim=-1)
    teacher_TV = torch.zeros_like(student_TV).scatter(-1, scored.ids_TK.long(), scored.logprobs_TK.softmax(dim=-1))
    torch.testing.assert_close(gradient_TV, student_TV - teacher_TV, rtol=0, atol=1e-14)
    mass_T = scored.logprobs_TK.exp().sum(dim=-1)
    torch.testing.assert_close(gradient_TV.abs().sum(dim=-1), 2 * (1 - mass_T), rtol=0, atol=1e-13)
    if k == 30:
        assert gradient_TV.abs().max() < 1e-15
    kl_T = result.cross_entropy_T - result.teacher_entropy_T
    torch.testing.assert_close(kl_T, -result.teacher_mass_T.log(), rtol=0, atol=1e-13)
    torch.testing.assert_close(result.student_mass_T, result.teacher_mass_T, rtol=0, atol=1e-14)
    assert result.agreement_T.all()


@UNHURRIED
@given(seed=st.integers(0, 10**6), k=st.integers(1, 30), sharpness=st.sampled_from([0.1, 1.0, 10.0]))
def test_kl_is_at_least_minus_the_log_of_the_students_mass(seed: int, k: int, sharpness: float) -> None:
    case = make_case(6, 4, 30, k, seed=seed)
    result = topk_cross_entropy(case.hidden_TD * sharpness, case.weight_VD, *case.teacher)
    floor_T = -result.student_mass_T.log()
    assert (result.cross_entropy_T - result.teacher_entropy_T >= floor_T - 1e-12).all()
    assert (floor_T >= -1e-12).all()


def test_the_objective_over_ragged_responses() -> None:
    lengths, weights = [[3, 0, 2], [1, 4, 5]], [0.7, 0.2]
    case = make_case(15)
    token_weights_T = torch.tensor(
        [
            weight / length / (len(lengths) * len(row))
            for row, weight in zip(lengths, weights, strict=True)
            for length in row
            for _ in range(length)
        ],
        dtype=torch.float64,
    )
    inputs = leaves(*case.head[:2])
    hidden_TD, weight_VD = inputs
    pieces = reference_cross_entropy(hidden_TD, weight_VD, *case.teacher[:2]).split([n for row in lengths for n in row])
    expected = reference_objective([pieces[:3], pieces[3:]], weights)
    by_hand = sum(
        0.5 / 3 * weight * float(piece.detach().mean())
        for piece, weight in zip(pieces, [0.7] * 3 + [0.2] * 3, strict=True)
        if len(piece)
    )
    assert abs(float(expected.detach()) - by_hand) < 1e-14
    wanted = [expected.detach(), *torch.autograd.grad(expected, [hidden_TD, weight_VD])]
    for micro in (15, 4, 1):
        sums = [
            torch.zeros((), dtype=torch.float64),
            torch.zeros_like(case.hidden_TD),
            torch.zeros_like(case.weight_VD),
        ]
        for start in range(0, 15, micro):
            rows = slice(start, start + micro)
            part = replace(
                case,
                hidden_TD=case.hidden_TD[rows],
                ids_TK=case.ids_TK[rows],
                logprobs_TK=case.logprobs_TK[rows],
                weights_T=token_weights_T[rows],
            )
            loss, grad_TD, grad_VD = our_gradients(part, bias=False)
            sums[0], sums[2] = sums[0] + loss, sums[2] + grad_VD
            sums[1][rows] = grad_TD
        assert worst(sums, wanted) < EXACT


@pytest.mark.parametrize(
    ("tokens", "limit", "rows"), [(0, 5, 1), (1, 5, 1), (5, 5, 5), (6, 5, 5), (512, 331, 256), (2048, 331, 320)]
)
def test_chunks_are_even(tokens: int, limit: int, rows: int) -> None:
    assert chunk_rows(tokens, 10, limit * 10 + 9) == rows
    assert chunk_rows(tokens, 10, 1) == 1


WIDE = 151_936


@pytest.mark.parametrize("k", [512, WIDE])
def test_float32_is_within_1e_5_over_a_real_vocabulary(k: int) -> None:
    """Sums over so many tokens, which small cases do not have."""
    generator = torch.Generator().manual_seed(2)
    hidden_TD, other_TD = (torch.randn(4, 64, generator=generator) for _ in range(2))
    weight_VD = torch.randn(WIDE, 64, generator=generator).mul_(0.4)
    scored = topk(other_TD.double(), weight_VD.double(), k, value_dtype=torch.float64)
    teacher = (scored.ids_TK, scored.logprobs_TK.float())
    inputs = leaves(hidden_TD, weight_VD, dtype=torch.float32)
    result = topk_cross_entropy(inputs[0], inputs[1], *teacher, torch.ones(4))
    wide = leaves(hidden_TD, weight_VD)
    losses_T = reference_cross_entropy(wide[0], wide[1], *teacher)
    renormalised_TK = teacher[1].double().softmax(dim=-1)
    entropy_T = -torch.special.xlogy(renormalised_TK, renormalised_TK).sum(dim=-1)
    ours = [result.cross_entropy_T, result.teacher_entropy_T, *torch.autograd.grad(result.loss, inputs)]
    exact = [losses_T.detach(), entropy_T, *torch.autograd.grad(losses_T.sum(), wide)]
    assert worst(ours, exact) < FP32


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autocast_changes_nothing(dtype: torch.dtype) -> None:
    case = make_case(9, 16, 60, 6)
    results = []
    for autocast in (False, True):
        inputs = leaves(*case.head, dtype=dtype)
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = topk_cross_entropy(inputs[0], inputs[1], *case.teacher, bias_V=inputs[2]).loss
            logprobs_T = selected_logprobs(inputs[0], inputs[1], case.sampled_T, bias_V=inputs[2])
            results.append([loss.detach(), *torch.autograd.grad(loss + logprobs_T.sum(), inputs)])
    assert all(torch.equal(plain, autocast) for plain, autocast in zip(*results, strict=True))


def test_float16_has_values_and_no_gradient() -> None:
    case = make_case()
    hidden_TD, weight_VD = (tensor.half() for tensor in case.head[:2])
    assert topk_cross_entropy(hidden_TD, weight_VD, *case.teacher).loss.isfinite()
    with pytest.raises(ValueError, match=r"torch.float16, in which .* train in bfloat16 or float32"):
        topk_cross_entropy(hidden_TD, weight_VD.requires_grad_(), *case.teacher)


BAD_ROWS = [torch.nan, torch.inf, -torch.inf]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("value", BAD_ROWS)
def test_a_row_of_the_teacher_that_says_nothing_is_named(value: float, dtype: torch.dtype) -> None:
    case = make_case()
    logprobs_TK = case.logprobs_TK.to(dtype, copy=True)
    logprobs_TK[4] = value
    with pytest.raises(ValueError, match=r"teacher_logprobs_TK\[4\].*1 such rows of 7"):
        topk_cross_entropy(*case.head[:2], case.ids_TK, logprobs_TK, case.weights_T)
    logprobs_TK[4] = case.logprobs_TK[4].to(dtype)
    logprobs_TK[5, 2] = torch.nan
    with pytest.raises(ValueError, match=r"teacher_logprobs_TK\[5\]"):
        topk_cross_entropy(*case.head[:2], case.ids_TK, logprobs_TK, case.weights_T)


def call(case: Case, **changes) -> TopkLoss:
    names = ("hidden_TD", "weight_VD", "ids_TK", "logprobs_TK", "weights_T")
    values = [changes.pop(name, getattr(case, name)) for name in names]
    return topk_cross_entropy(*values, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_TD": torch.zeros(7, 4, dtype=torch.float64)}, r"hidden_TD is \(7, 4\)"),
        ({"hidden_TD": torch.zeros(1, 7, 5, dtype=torch.float64)}, "two dimensions"),
        ({"hidden_TD": torch.zeros(7, 5)}, "float32 and lm_head_weight_VD torch.float64"),
        ({"ids_TK": torch.full((7, 6), 23)}, "ids from 23 to 23 and the head has 23 rows"),
        ({"ids_TK": torch.full((7, 6), -1)}, "ids from -1"),
        ({"ids_TK": torch.zeros(7, 6)}, "int32 or int64"),
        ({"ids_TK": torch.zeros(7, 5, dtype=torch.int32)}, r"teacher_ids_TK is \(7, 5\)"),
        ({"ids_TK": torch.zeros(7, 0, dtype=torch.int32), "logprobs_TK": torch.zeros(7, 0)}, "K from 1 to 23"),
        ({"ids_TK": torch.zeros(7, 24, dtype=torch.int32), "logprobs_TK": torch.zeros(7, 24)}, "K from 1 to 23"),
        ({"weights_T": torch.zeros(6)}, r"token_weights_T is \(6,\)"),
        ({"weights_T": torch.zeros(7, requires_grad=True)}, "detach"),
        ({"bias_V": torch.zeros(22, dtype=torch.float64)}, r"bias_V is \(22,\)"),
        ({"sampled_ids_T": torch.zeros(6, dtype=torch.int32)}, r"sampled_ids_T is \(6,\)"),
        ({"sampled_ids_T": torch.full((7,), 30)}, "sampled_ids_T has ids from 30"),
        ({"chunk_bytes": 0}, "chunk_bytes is 0"),
        ({"triton": True}, "triton is True: its kernels do not run on cpu for torch.float64"),
    ],
)
def test_refusals(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(make_case(), **changes)


PEAK = """
import resource, torch
from uopd.losses import selected_logprobs, topk, topk_cross_entropy


def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

T, D, V, K = 4096, 256, 32768, 64
hidden = torch.randn(T, D).requires_grad_()
weight = torch.randn(V, D).requires_grad_()
weight.grad = torch.ones(V, D)
ids = torch.randint(V, (T, K), dtype=torch.int32)
logprobs = torch.full((T, K), -5.0)
(hidden[:8] @ weight.t()).sum().item()  # what the first product keeps
before = peak()
gradient = weight.numel() * 4
budget = 32 * 2**20
topk(hidden.detach(), weight.detach(), 64, chunk_bytes=budget)
(topk_cross_entropy(hidden, weight, ids, logprobs, torch.full((T,), 1e-3), chunk_bytes=budget).loss / 3).backward()
selected_logprobs(hidden, weight, ids[:, 0], chunk_bytes=budget).sum().backward()
print((peak() - before - gradient) / (T * V * 4))
"""


@pytest.mark.slow
def test_no_matrix_of_tokens_by_vocabulary_exists() -> None:
    """Peak of a process beyond inputs and the weight's gradient, over the float32 logits matrix (512 MiB)."""
    result = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)
    assert float(result.stdout) < 0.2
