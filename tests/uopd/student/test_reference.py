"""Pins of `uopd/student/reference.py` and `uopd/teacher/scorer.py`, on a random model of 30,000 parameters:

- one update's gradient is that of Eq. 7-9 by float64 autograd through the whole [T, V] softmax, row by row, to 1e-5;
- GRPO's updates, one and two on the same rollouts, are those of the formula by plain autograd;
- the gradient is the same from any micro-batch size, packed or padded (1e-5 relative);
- rows of weight 0 and empty responses give exactly no gradient; a step without a token counts as an update;
- saved and loaded = never stopped, bit for bit; every broken or foreign folder has its message;
- an exported folder loads in transformers with the same weights, names, dtype and tokenizer as the initial one;
- float32 masters of 16-bit weights move by steps that the weights' own rounding would swallow;
- a loss or gradient that is not a number is an error which leaves the weights and the next update as they were;
- a scorer's ids and log-probabilities are those of a plain forward pass, whatever it packs together, and behind another
  prompt than the student's; logits that are not finite are refused.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.helpers.tiny_model import SPECIAL, VOCABULARY
from uopd.losses.reference import reference_cross_entropy, reference_objective
from uopd.model.causal_model import load_model
from uopd.model.errors import StudentError
from uopd.rows import Scores, Share, TrainingRow
from uopd.student.files import STATE, WEIGHTS
from uopd.student.objectives import Distillation, PolicyGradient
from uopd.student.reference import AdamW, ReferenceStudent, StudentSpec, load_student
from uopd.teacher.scorer import ScorerSpec, TransformersScorer, load_scorer

TOP_K = 8
PROMPTS, PER_PROMPT = 3, 2
LENGTHS = [(5, 11), (0, 2), (7, 7)]
"""Response tokens by prompt; one response is empty."""
RATE = 1e-3
GRADIENT = 1e-5
"""Relative, in norm."""
SMOOTH = AdamW(beta1=0.9, beta2=0.95, epsilon=1e-3, weight_decay=0.01, clip=1e9)
"""Without clipping, and with an epsilon that keeps an update a smooth function of the gradient: with the usual 1e-8 the
first step is the gradient's sign, and rounding decides the sign of a zero."""
GRPO = PolicyGradient(clip_low=0.2, clip_high=0.3, kl_coefficient=0.1, iterations=2)


pytestmark = pytest.mark.usefixtures("one_thread")


def spec_of(folder: Path, **changes: Any) -> StudentSpec:
    spec = StudentSpec(
        model=str(folder),
        revision=None,
        dtype="float32",
        device="cpu",
        attention="sdpa",
        gradient_checkpointing=False,
        objective=Distillation(),
        optimizer=SMOOTH,
        layout="packed",
        max_tokens=40,
        threads=1,
    )
    return replace(spec, **changes)


def step_rows(seed: int, weights: Sequence[float] = (1.0, 0.25, 0.6)) -> tuple[TrainingRow, ...]:
    """A step's rows: `PER_PROMPT` responses to each of `PROMPTS` prompts, of `LENGTHS`."""
    generator = torch.Generator().manual_seed(seed)

    def tokens(count: int) -> tuple[int, ...]:
        return tuple(torch.randint(len(SPECIAL), VOCABULARY, (count,), generator=generator).tolist())

    result: list[TrainingRow] = []
    for weight, lengths in zip(weights, LENGTHS, strict=True):
        prompt = tokens(3 + len(result))
        for length in lengths:
            result.append(
                TrainingRow(
                    prompt_ids=prompt,
                    response_ids=tokens(length),
                    scorer_ids=prompt,
                    token_weight=weight / length / PER_PROMPT / PROMPTS if length else 0.0,
                    advantage=float(torch.randn((), generator=generator)),
                )
            )
    return tuple(result)


def scores_for(rows: Sequence[TrainingRow], seed: int) -> Scores:
    """What a random teacher says about the rows."""
    generator = torch.Generator().manual_seed(seed)
    tokens = sum(len(row.response_ids) for row in rows)
    logprobs_TV = (2 * torch.randn(tokens, VOCABULARY, generator=generator)).log_softmax(dim=-1)
    top = logprobs_TV.topk(TOP_K)
    return Scores(ids=top.indices.int(), logprobs=top.values, sampled=logprobs_TV[:, 0].contiguous())


def share_for(seed: int) -> Share:
    rows = step_rows(seed)
    return Share(rows=rows, scores=scores_for(rows, seed))


def state_of(student: ReferenceStudent, folder: Path) -> dict[str, Tensor]:
    """What `save` writes: `weight.NAME`, and AdamW's `step.NAME`, `exp_avg.NAME`, `exp_avg_sq.NAME`."""
    student.save(folder)
    return load_file(folder / WEIGHTS)


def gradients_after_first(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The gradient of the one update a student has had."""
    return {key.removeprefix("exp_avg."): value / 0.1 for key, value in state.items() if key.startswith("exp_avg.")}


def relative(result: Iterable[Tensor], expected: Iterable[Tensor]) -> float:
    """Largest relative difference of two lists of tensors, in norm."""
    pairs = [(a.detach(), b.detach()) for a, b in zip(result, expected, strict=True)]
    return max(float((a.double() - b.double()).norm() / b.double().norm()) for a, b in pairs)


def plain_hidden(model: Any, row: TrainingRow) -> Tensor:
    """Hidden states [T, D] that predict a row's response, of the row alone."""
    ids = torch.tensor([row.prompt_ids + row.response_ids])
    hidden_ND: Tensor = model.base_model(input_ids=ids).last_hidden_state[0]
    return hidden_ND[len(row.prompt_ids) - 1 : -1]


def plain_logprobs(model: Any, prompt: Sequence[int], response: Sequence[int]) -> Tensor:
    """[T, V] log-probabilities by the model's own forward pass."""
    logits_NV: Tensor = model(input_ids=torch.tensor([[*prompt, *response]])).logits[0]
    return logits_NV.log_softmax(dim=-1)[len(prompt) - 1 : -1]


def by_row(values: Tensor, rows: Sequence[TrainingRow]) -> list[Tensor]:
    return list(values.split([len(row.response_ids) for row in rows]))


def double(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64)


def test_an_update_has_the_gradient_of_eq_9(tiny_model: Path, tmp_path: Path) -> None:
    rows = step_rows(0)
    scores = scores_for(rows, 0)
    student = load_student(spec_of(tiny_model))
    report = student.update(Share(rows=rows, scores=scores), RATE)

    model = double(tiny_model)
    head_VD = model.get_output_embeddings().weight
    losses = [
        reference_cross_entropy(plain_hidden(model, row), head_VD, ids_TK, logprobs_TK) if row.response_ids else ids_TK
        for row, ids_TK, logprobs_TK in zip(rows, by_row(scores.ids, rows), by_row(scores.logprobs, rows), strict=True)
    ]
    grouped = [losses[start : start + PER_PROMPT] for start in range(0, len(losses), PER_PROMPT)]
    expected = reference_objective(grouped, [1.0, 0.25, 0.6])
    expected.backward()

    result = gradients_after_first(state_of(student, tmp_path / "state"))
    assert list(result) and set(result) == {name for name, _ in model.named_parameters()}
    assert all(relative([result[name]], [parameter.grad]) < GRADIENT for name, parameter in model.named_parameters())
    assert report.sums["loss"] == pytest.approx(float(expected.detach()), rel=1e-6)
    assert report.sums["tokens"] == 32 and report.sums["rows"] == 5
    norm = torch.cat([parameter.grad.flatten() for parameter in model.parameters()]).norm()
    assert report.gradient_norm == pytest.approx(float(norm), rel=1e-5)


def grpo_by_hand(
    model: Any, every_row: Sequence[TrainingRow], reference_T: Tensor, iterations: int, rate: float
) -> list[float]:
    """The losses of `iterations` updates of GRPO's formula, in the model's own precision."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.95), eps=1e-3, weight_decay=0.01)
    rows = [row for row in every_row if row.response_ids]
    reference = [values for values in by_row(reference_T, every_row) if len(values)]

    def logprobs(row: TrainingRow) -> Tensor:
        found_TV = plain_logprobs(model, row.prompt_ids, row.response_ids)
        return found_TV.gather(-1, torch.tensor(row.response_ids)[:, None]).squeeze(-1)

    with torch.no_grad():
        old = [logprobs(row) for row in rows]
    losses = []
    for _ in range(iterations):
        loss = torch.zeros((), dtype=torch.float64)
        for row, old_T, initial_T in zip(rows, old, reference, strict=True):
            new_T = logprobs(row)
            ratio_T = (new_T - old_T).exp()
            gain_T = torch.minimum(ratio_T * row.advantage, ratio_T.clamp(0.8, 1.3) * row.advantage)
            difference_T = initial_T - new_T
            loss = loss - row.token_weight * (gain_T - 0.1 * (difference_T.exp() - difference_T - 1)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


@pytest.mark.parametrize("iterations", [1, 2])
def test_updates_of_a_policy_gradient_are_those_of_the_formula(tiny_model: Path, iterations: int) -> None:
    rows, rate = step_rows(1), 0.02
    scores = scores_for(rows, 1)
    student = load_student(spec_of(tiny_model, objective=replace(GRPO, iterations=iterations)))
    report = student.update(Share(rows=rows, scores=scores), rate)
    model = double(tiny_model)
    losses = grpo_by_hand(model, rows, scores.sampled, iterations, rate)
    weights = dict(model.named_parameters())
    assert relative((tensor for _, tensor in student.parameters()), weights.values()) < GRADIENT
    assert report.sums["loss"] == pytest.approx(losses[-1], rel=1e-5)
    assert (report.sums["clipped"] > 0) == (iterations > 1), "the second update is to reach the bounds of the ratio"
    assert student.version == 1


@pytest.mark.parametrize("layout", ["packed", "padded"])
@pytest.mark.parametrize("max_tokens", [1, 20, 10_000])
def test_the_gradient_does_not_depend_on_micro_batches(
    tiny_model: Path, tmp_path: Path, layout: str, max_tokens: int
) -> None:
    result = []
    specs = [spec_of(tiny_model, layout=layout, max_tokens=max_tokens), spec_of(tiny_model, max_tokens=1)]
    for number, spec in enumerate(specs):
        student = load_student(spec)
        student.update(share_for(2), RATE)
        result.append(state_of(student, tmp_path / f"{number}"))
    assert relative(*(gradients_after_first(state).values() for state in result)) < GRADIENT


def test_checkpointed_activations_give_the_same_gradient(tiny_model: Path, tmp_path: Path) -> None:
    result = []
    for number, on in enumerate([False, True]):
        student = load_student(spec_of(tiny_model, gradient_checkpointing=on))
        student.update(share_for(2), RATE)
        result.append(state_of(student, tmp_path / f"{number}"))
    assert relative(*(gradients_after_first(state).values() for state in result)) < GRADIENT


def test_rows_of_weight_0_and_empty_responses_give_no_gradient(tiny_model: Path, tmp_path: Path) -> None:
    rows = step_rows(3)
    worthless = tuple(replace(row, token_weight=0.0) for row in step_rows(4))
    mixed = rows + worthless
    result = []
    for number, chosen in enumerate([rows, mixed]):
        student = load_student(spec_of(tiny_model, max_tokens=1))
        scores = scores_for(rows, 3)
        if chosen is mixed:
            more = scores_for(worthless, 4)
            scores = Scores(
                ids=torch.cat([scores.ids, more.ids]),
                logprobs=torch.cat([scores.logprobs, more.logprobs]),
                sampled=torch.cat([scores.sampled, more.sampled]),
            )
        student.update(Share(rows=chosen, scores=scores), RATE)
        result.append(state_of(student, tmp_path / f"{number}"))
    assert all(torch.equal(result[0][name], result[1][name]) for name in result[0])

    student = load_student(spec_of(tiny_model, optimizer=replace(SMOOTH, weight_decay=0.0)))
    before = {name: tensor.clone() for name, tensor in student.parameters()}
    report = student.update(Share(rows=worthless, scores=scores_for(worthless, 4)), RATE)
    assert report.gradient_norm == 0 and report.sums["loss"] == 0 and report.sums["tokens"] == 32
    assert all(torch.equal(before[name], tensor) for name, tensor in student.parameters())


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_step_without_a_token_is_an_update_of_the_momentum_alone(tiny_model: Path, dtype: str) -> None:
    empty = Share(rows=tuple(replace(row, response_ids=()) for row in step_rows(5)), scores=scores_for((), 5))
    student = load_student(spec_of(tiny_model, dtype=dtype, optimizer=replace(SMOOTH, weight_decay=0.0)))
    weights = [{name: tensor.clone() for name, tensor in student.parameters()}]
    for share in [empty, Share(rows=(), scores=None), share_for(5), empty]:
        report = student.update(share, 0.01)
        weights.append({name: tensor.clone() for name, tensor in student.parameters()})
    same = [all(torch.equal(a[name], b[name]) for name in a) for a, b in pairwise(weights)]
    assert same == [True, True, False, False]
    assert report.gradient_norm == 0 and "loss" not in report.sums and student.version == 4


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("before", [0, 2])
def test_saved_and_loaded_is_never_stopped(tiny_model: Path, tmp_path: Path, dtype: str, before: int) -> None:
    whole, stopped = (load_student(spec_of(tiny_model, dtype=dtype)) for _ in range(2))
    for step in range(4):
        whole.update(share_for(step), RATE)
    for step in range(before):
        stopped.update(share_for(step), RATE)
    stopped.save(tmp_path / "half")
    resumed = load_student(spec_of(tiny_model, dtype=dtype))
    resumed.update(share_for(9), RATE)
    resumed.load(tmp_path / "half")
    assert resumed.version == before
    for step in range(before, 4):
        resumed.update(share_for(step), RATE)
    expected, result = state_of(whole, tmp_path / "whole"), state_of(resumed, tmp_path / "resumed")
    assert set(result) == set(expected) and all(torch.equal(result[name], expected[name]) for name in expected)
    assert resumed.version == whole.version == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["half", "resumed", "whole"]


def _without_state(folder: Path) -> None:
    (folder / STATE).unlink()


def _garbled_state(folder: Path) -> None:
    (folder / STATE).write_text("{", encoding="utf-8")


def _truncated(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-100])


def _without_weights(folder: Path) -> None:
    (folder / WEIGHTS).unlink()


def _other_shape(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    save_file({**tensors, "weight.model.norm.weight": torch.zeros(7)}, folder / WEIGHTS)


def _other_names(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    del tensors["weight.model.norm.weight"]
    save_file(tensors, folder / WEIGHTS)


def _two_ranks(folder: Path) -> None:
    state = json.loads((folder / STATE).read_text(encoding="utf-8"))
    (folder / STATE).write_text(json.dumps({**state, "ranks": 2}), encoding="utf-8")


@pytest.mark.parametrize(
    ("breaks", "message"),
    [
        (_without_state, "holds no saved student"),
        (_garbled_state, "holds no saved student"),
        (_truncated, "the checkpoint is incomplete or damaged: load the one before it"),
        (_without_weights, "the checkpoint is incomplete or damaged: load the one before it"),
        (_other_shape, r"weight.model.norm.weight is \(7,\) and should be \(32,\): .* another student.model"),
        (_other_names, "weight.model.norm.weight is missing"),
        (_two_ranks, "was saved by student.ranks = 2 and is loaded by 1; set student.ranks=2"),
    ],
)
def test_a_broken_or_foreign_folder_is_named(tiny_model: Path, tmp_path: Path, breaks: Any, message: str) -> None:
    student = load_student(spec_of(tiny_model))
    student.save(tmp_path / "saved")
    breaks(tmp_path / "saved")
    before = {name: tensor.clone() for name, tensor in student.parameters()}
    with pytest.raises(StudentError, match=message):
        student.load(tmp_path / "saved")
    assert all(torch.equal(before[name], tensor) for name, tensor in student.parameters())


@pytest.mark.parametrize("own", ["float32", "bfloat16"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_an_export_is_a_folder_like_the_initial_one(tiny_model: Path, tmp_path: Path, own: str, dtype: str) -> None:
    source = tmp_path / "source"
    AutoModelForCausalLM.from_pretrained(tiny_model, dtype=getattr(torch, own)).save_pretrained(source)
    AutoTokenizer.from_pretrained(tiny_model).save_pretrained(source)
    student = load_student(spec_of(source, dtype=dtype))
    student.update(share_for(6), 0.01)
    student.export(tmp_path / "export")

    initial, exported = (load_file(folder / "model.safetensors") for folder in (source, tmp_path / "export"))
    assert {name: (tensor.shape, tensor.dtype) for name, tensor in exported.items()} == {
        name: (tensor.shape, tensor.dtype) for name, tensor in initial.items()
    }
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "export", dtype="auto")
    assert model.dtype == getattr(torch, own)
    for (name, result), (_, weight) in zip(model.named_parameters(), student.parameters(), strict=True):
        assert torch.equal(result, weight.to(result.dtype)), name
    old, new = (AutoTokenizer.from_pretrained(folder) for folder in (source, tmp_path / "export"))
    assert new.get_vocab() == old.get_vocab() and new.chat_template == old.chat_template
    assert new.encode("w1 w2 <|end|>") == old.encode("w1 w2 <|end|>")
    student.update(share_for(7), 0.01)


def test_masters_move_where_16_bits_would_stay(tiny_model: Path, tmp_path: Path) -> None:
    rate = 3e-6
    student = load_student(
        spec_of(tiny_model, dtype="bfloat16", optimizer=replace(SMOOTH, epsilon=1e-12, weight_decay=0.0))
    )
    before = {name: tensor.clone() for name, tensor in student.parameters()}
    student.update(share_for(8), rate)
    masters = state_of(student, tmp_path / "state")
    for name, tensor in student.parameters():
        # Half the distance to the next bfloat16 is over 1e-5 from 0.01 on.
        large = before[name].abs() > 0.01
        assert torch.equal(tensor[large], before[name][large])
        moved = (masters[f"weight.{name}"] - before[name].float())[large].abs()
        touched = masters[f"exp_avg.{name}"][large] != 0
        assert torch.allclose(moved[touched], torch.full_like(moved[touched], rate), rtol=0.05)


@pytest.mark.parametrize(
    ("token_weight", "message"),
    [(float("inf"), "the loss is inf"), (float("nan"), "the loss is nan"), (1e30, "the gradient's norm is inf")],
)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_step_that_is_no_number_is_an_error_and_leaves_no_trace(
    tiny_model: Path, tmp_path: Path, dtype: str, token_weight: float, message: str
) -> None:
    share = share_for(10)
    bad = replace(share, rows=(*share.rows[:1], replace(share.rows[1], token_weight=token_weight), *share.rows[2:]))
    student, other = (load_student(spec_of(tiny_model, dtype=dtype)) for _ in range(2))
    for learner in (student, other):
        learner.update(share_for(11), RATE)
    with pytest.raises(StudentError, match=f"update 2: {message}"):
        student.update(bad, RATE)
    for learner in (student, other):
        learner.update(share, RATE)
    result, expected = (state_of(learner, tmp_path / f"{learner is other}") for learner in (student, other))
    assert all(torch.equal(result[name], expected[name]) for name in expected)
    assert student.version == 2


def test_logprobs_are_those_of_the_current_weights(tiny_model: Path) -> None:
    student = load_student(spec_of(tiny_model, max_tokens=4))
    student.update(share_for(12), 0.01)
    text = [9, 30, 41, 8, 63, 12, 1]
    expected_TV = plain_logprobs(student.model, text[:1], text[1:])
    assert student.logprobs(text) == pytest.approx(
        expected_TV.gather(-1, torch.tensor(text[1:])[:, None]).squeeze(-1).tolist(), abs=1e-5
    )


def scorer_spec(folder: Path, **changes: Any) -> ScorerSpec:
    spec = ScorerSpec(
        model=str(folder),
        revision=None,
        dtype="float32",
        device="cpu",
        attention="sdpa",
        top_k=TOP_K,
        values="float32",
        layout="packed",
        max_tokens=10_000,
        threads=1,
    )
    return replace(spec, **changes)


def opsd_rows(seed: int) -> tuple[TrainingRow, ...]:
    """Rows whose scorer reads another, longer prompt in front of the same response."""
    return tuple(replace(row, scorer_ids=(9, 10, 11, *row.prompt_ids, 12)) for row in step_rows(seed))


@pytest.mark.parametrize("top_k", [0, 1, TOP_K, VOCABULARY, 1000])
@pytest.mark.parametrize(("layout", "max_tokens"), [("packed", 1), ("packed", 30), ("packed", 10_000), ("padded", 60)])
def test_scores_are_those_of_a_plain_forward_pass(tiny_model: Path, top_k: int, layout: str, max_tokens: int) -> None:
    rows = opsd_rows(13)
    scorer = load_scorer(scorer_spec(tiny_model, top_k=top_k, layout=layout, max_tokens=max_tokens))
    result = scorer.score(rows)
    assert isinstance(result, Scores)
    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    with torch.no_grad():
        expected_TV = torch.cat(
            [plain_logprobs(model, row.scorer_ids, row.response_ids) for row in rows if row.response_ids]
        )
    responses_T = torch.tensor([token for row in rows for token in row.response_ids])
    k = min(top_k, VOCABULARY)
    values = expected_TV.topk(k).values
    assert result.ids.shape == (32, k) and result.ids.dtype == torch.int32
    assert torch.allclose(result.logprobs, values, atol=2e-5)
    assert torch.allclose(expected_TV.gather(-1, result.ids.long()), values, atol=2e-5)
    assert torch.allclose(result.sampled, expected_TV.gather(-1, responses_T[:, None]).squeeze(-1), atol=2e-5)


def test_a_scorers_prompt_shifts_no_position(tiny_model: Path) -> None:
    rows = opsd_rows(14)
    scorer = load_scorer(scorer_spec(tiny_model))
    other = tuple(replace(row, scorer_ids=(7, *row.scorer_ids)) for row in rows)
    together, *alone = (cast(Scores, scorer.score(part)) for part in ((*rows, *other), rows, other))
    assert torch.equal(together.ids, torch.cat([part.ids for part in alone]))
    assert torch.allclose(together.sampled, torch.cat([part.sampled for part in alone]), atol=2e-5)
    assert not torch.allclose(alone[0].sampled, alone[1].sampled, atol=1e-2), "the prompts are to matter"

    # The student learns them behind its own prompt: full agreement with itself once the prompts are the same.
    plain = tuple(replace(row, scorer_ids=row.prompt_ids) for row in rows)
    student = load_student(spec_of(tiny_model))
    report = student.update(Share(rows=plain, scores=scorer.score(plain)), RATE)
    assert report.sums["agreement"] == 32
    assert report.sums["student_logprob"] == pytest.approx(report.sums["teacher_logprob"], abs=1e-3)
    assert report.sums["kl"] == pytest.approx(report.sums["truncation_floor"], rel=1e-4)


def test_two_scorings_agree(tiny_model: Path) -> None:
    assert load_scorer(scorer_spec(tiny_model, max_tokens=30)).repeat_difference(step_rows(15)) < 1e-5


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_logits_that_are_not_finite_are_refused(tiny_model: Path, value: float) -> None:
    spec = scorer_spec(tiny_model)
    model = load_model(spec.model, None, "float32", "cpu", "sdpa")
    with torch.no_grad():
        model.get_output_embeddings().weight[40] = value
    with pytest.raises(FloatingPointError, match="load the model in bfloat16 or float32"):
        TransformersScorer(model, spec).score(step_rows(16))
