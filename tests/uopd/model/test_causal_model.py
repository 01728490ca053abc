"""Pins of `uopd/model/causal_model.py`: heads with a bias, and models whose logits are more than their head's product.

- a model with a bias in its head is distilled, trained by rewards and scored as its own logits say: one update's
  gradient is that of autograd through the model's own forward pass, the bias's included, and it moves the bias;
- random models whose logits are capped, scaled, or divided are refused by name, and so is one that scales what its
  head reads; others are not, in float32 and in bfloat16, and neither is one whose weights are not finite.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    CohereConfig,
    Gemma2Config,
    GPTNeoXConfig,
    GraniteConfig,
    MiniCPM3Config,
    PhiConfig,
    Qwen3Config,
)

from tests.helpers.tiny_model import VOCABULARY
from tests.uopd.student.test_reference import (
    GRADIENT,
    GRPO,
    RATE,
    gradients_after_first,
    grpo_by_hand,
    plain_logprobs,
    relative,
    scorer_spec,
    scores_for,
    spec_of,
    state_of,
    step_rows,
)
from uopd.model.causal_model import head_of, load_model
from uopd.model.errors import StudentError
from uopd.rows import Scores, Share
from uopd.student.reference import load_student
from uopd.teacher.scorer import load_scorer

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def save_random(folder: Path, config: Any) -> Path:
    """A random model of a configuration, its biases too."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(".bias"):
                parameter.normal_()
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def biased(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random(tmp_path_factory.mktemp("biased") / "model", PhiConfig(**SMALL))


def test_a_head_with_a_bias_is_distilled_with_it(biased: Path, tmp_path: Path) -> None:
    rows = step_rows(0)
    scores = scores_for(rows, 0)
    student = load_student(spec_of(biased))
    before = {name: tensor.clone() for name, tensor in student.parameters()}
    report = student.update(Share(rows=rows, scores=scores), RATE)

    model = AutoModelForCausalLM.from_pretrained(biased, dtype=torch.float64)
    loss, start = torch.zeros((), dtype=torch.float64), 0
    for row in rows:
        if not row.response_ids:
            continue
        tokens = slice(start, start := start + len(row.response_ids))
        logprobs_TV = plain_logprobs(model, row.prompt_ids, row.response_ids)
        teacher_TK = scores.logprobs[tokens].double().softmax(dim=-1)
        loss = loss - row.token_weight * (teacher_TK * logprobs_TV.gather(-1, scores.ids[tokens].long())).sum()
    loss.backward()
    assert report.sums["loss"] == pytest.approx(float(loss.detach()), rel=1e-6)
    result = gradients_after_first(state_of(student, tmp_path / "state"))
    # A key's bias moves all of a softmax alike: its gradient is a rounding error.
    expected = {
        name: parameter.grad for name, parameter in model.named_parameters() if not name.endswith("k_proj.bias")
    }
    assert relative((result[name] for name in expected), expected.values()) < GRADIENT
    moved = dict(student.parameters())["lm_head.bias"] - before["lm_head.bias"]
    assert moved.abs().max() > RATE / 10


def test_a_head_with_a_bias_learns_from_rewards_with_it(biased: Path) -> None:
    rows, rate = step_rows(1), 0.02
    scores = scores_for(rows, 1)
    student = load_student(spec_of(biased, objective=replace(GRPO, iterations=2)))
    report = student.update(Share(rows=rows, scores=scores), rate)
    model = AutoModelForCausalLM.from_pretrained(biased, dtype=torch.float64)
    losses = grpo_by_hand(model, rows, scores.sampled, 2, rate)
    assert report.sums["loss"] == pytest.approx(losses[-1], rel=1e-5)
    text = [9, 30, 41, 8, 63]
    expected_TV = plain_logprobs(student.model, text[:1], text[1:])
    assert student.logprobs(text) == pytest.approx(
        expected_TV.gather(-1, torch.tensor(text[1:])[:, None]).squeeze(-1).tolist(), abs=1e-5
    )


def test_a_head_with_a_bias_scores_with_it(biased: Path) -> None:
    rows = [row for row in step_rows(2) if row.response_ids]
    result = load_scorer(scorer_spec(biased)).score(rows)
    assert isinstance(result, Scores)
    model = AutoModelForCausalLM.from_pretrained(biased, dtype=torch.float32)
    with torch.no_grad():
        expected_TV = torch.cat([plain_logprobs(model, row.scorer_ids, row.response_ids) for row in rows])
    assert torch.allclose(result.logprobs, expected_TV.gather(-1, result.ids.long()), atol=2e-5)
    responses_T = torch.tensor([token for row in rows for token in row.response_ids])
    assert torch.allclose(result.sampled, expected_TV.gather(-1, responses_T[:, None]).squeeze(-1), atol=2e-5)


MORE_THAN_A_PRODUCT = {
    "capped": Gemma2Config(**SMALL, head_dim=16, final_logit_softcapping=30.0),
    "scaled": CohereConfig(**SMALL, logit_scale=0.0625),
    "divided": GraniteConfig(**SMALL, logits_scaling=2.0),
    "scaled before its head": MiniCPM3Config(
        **SMALL,
        dim_model_base=16,
        kv_lora_rank=8,
        q_lora_rank=8,
        qk_nope_head_dim=8,
        qk_rope_head_dim=8,
        v_head_dim=8,
        head_dim=8,
    ),
}
PRODUCTS = {
    "plain": Qwen3Config(**SMALL, head_dim=16),
    "tied": Qwen3Config(**SMALL, head_dim=16, tie_word_embeddings=True),
    "a bias": PhiConfig(**SMALL),
    "another name": GPTNeoXConfig(**SMALL, rotary_pct=0.5),
    "not capped": Gemma2Config(**SMALL, head_dim=16, final_logit_softcapping=None),
    "scaled by 1": CohereConfig(**SMALL, logit_scale=1.0),
}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("config", MORE_THAN_A_PRODUCT.values(), ids=MORE_THAN_A_PRODUCT)
def test_logits_that_are_no_product_are_refused(tmp_path: Path, config: Any, dtype: str) -> None:
    folder = save_random(tmp_path / "model", config)
    with pytest.raises(StudentError, match=rf"model '{folder}': its logits are not its head's product"):
        load_student(spec_of(folder, dtype=dtype))
    with pytest.raises(StudentError, match="choose another model"):
        load_scorer(scorer_spec(folder, dtype=dtype))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("config", PRODUCTS.values(), ids=PRODUCTS)
def test_logits_that_are_a_product_are_not(tmp_path: Path, config: Any, dtype: str) -> None:
    model = load_model(str(save_random(tmp_path / "model", config)), None, dtype, "cpu", "sdpa")
    assert head_of(model).weight_VD.shape == (VOCABULARY, 32)
    assert (head_of(model).bias_V is None) is not isinstance(config, PhiConfig)


def test_weights_that_are_not_finite_are_for_the_scorer_to_name(tmp_path: Path) -> None:
    folder = save_random(tmp_path / "model", PRODUCTS["plain"])
    model = AutoModelForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        model.lm_head.weight[40] = torch.inf
    model.save_pretrained(folder)
    with pytest.raises(FloatingPointError, match="look at its weights for NaN"):
        load_scorer(scorer_spec(folder)).score(step_rows(3))
