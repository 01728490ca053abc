"""Pins of GRPO's gradient, by exact enumeration of policies that are trees: it is that of the policy that sampled.

- 3 tokens, length 6, every one of 729 responses with its probability: the expected gradient of the objective is that of
  the expected reward (cosine 1.000, relative difference 1e-12), at temperatures 0.5 to 2; with log-probabilities at
  temperature 1 the cosine is 0.99 and less, and no scale mends it;
- pairs of responses with their mean reward as baseline: (1 - 1/K) of the gradient, through `training_rows`;
- the KL divergence to a reference is that of the tempered policies;
- a student at learning rate 0 has ratio 1 at any temperature, and the scorer of the initial student has it as well;
- rollouts with top-p or top-k are refused for GRPO, and for no other method.
"""

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import torch
from torch import Tensor

from sure_math.command_line.settings import ConfigError
from tests.uopd.student.test_reference import GRPO, scorer_spec, spec_of, step_rows
from uopd.config import load_config
from uopd.methods import make_method, training_rows
from uopd.model.causal_model import HeadWeights
from uopd.model.micro_batches import MicroBatch
from uopd.rows import Prompt, Rollout, Scores, Share
from uopd.runtime.specs import scorer_spec as configured_scorer
from uopd.runtime.specs import student_spec
from uopd.student.objectives import PolicyGradient
from uopd.student.reference import load_student
from uopd.teacher.scorer import load_scorer

pytestmark = pytest.mark.usefixtures("one_thread")

TOKENS, LENGTH = 3, 6
Response = tuple[int, ...]


class Tree:
    """A policy with logits of its own behind every prefix, in float64."""

    def __init__(self, seed: int, length: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.responses: list[Response] = list(product(range(TOKENS), repeat=length))
        self.prefixes = [prefix for size in range(length) for prefix in product(range(TOKENS), repeat=size)]
        self.index = {prefix: number for number, prefix in enumerate(self.prefixes)}
        self.logits_PV = torch.randn(len(self.prefixes), TOKENS, generator=generator, dtype=torch.float64)
        self.rewards = torch.rand(len(self.responses), generator=generator, dtype=torch.float64)

    def rows_of(self, response: Response) -> list[int]:
        """Numbers of the prefixes that a response goes through."""
        return [self.index[response[:size]] for size in range(len(response))]

    def logprobs_RT(self, logits_PV: Tensor, temperature: float) -> Tensor:
        """Log-probability of every token of every response."""
        logprobs_PV = (logits_PV / temperature).log_softmax(dim=-1)
        prefixes = torch.tensor([self.rows_of(response) for response in self.responses])
        return logprobs_PV[prefixes].gather(-1, torch.tensor(self.responses)[..., None])[..., 0]

    def micro(self, responses: list[Response], weights: Tensor, advantages: Tensor) -> MicroBatch:
        """Responses as a micro-batch whose hidden states are the logits of their prefixes."""
        length = len(responses[0])
        size = len(responses) * length
        return MicroBatch(
            input_ids=torch.zeros(1, size, dtype=torch.int64),
            position_ids=torch.zeros(1, size, dtype=torch.int64),
            attention_mask=None,
            predicts_T=torch.arange(size),
            response_ids_T=torch.tensor(responses).flatten(),
            token_weights_T=weights.repeat_interleave(length),
            advantages_T=advantages.repeat_interleave(length),
            source_T=torch.arange(size),
            row_ids=tuple(range(len(responses))),
        )

    def gradient(
        self, objective: PolicyGradient, responses: list[Response], weights: Tensor, advantages: Tensor
    ) -> Tensor:
        """Gradient of the logits by the objective's own loss; the sum over responses weighs each token."""
        leaf_PV = self.logits_PV.clone().requires_grad_()
        hidden_TD = leaf_PV[[row for response in responses for row in self.rows_of(response)]]
        head = HeadWeights(weight_VD=torch.eye(TOKENS, dtype=torch.float64), bias_V=None)
        objective(hidden_TD, head, self.micro(responses, weights, advantages), None, None).loss.backward()
        assert leaf_PV.grad is not None
        return leaf_PV.grad

    def expected_reward_gradient(self, temperature: float) -> Tensor:
        """Of -E[R] under the tempered policy, by autograd."""
        leaf_PV = self.logits_PV.clone().requires_grad_()
        (-(self.logprobs_RT(leaf_PV, temperature).sum(dim=-1).exp() * self.rewards).sum()).backward()
        assert leaf_PV.grad is not None
        return leaf_PV.grad


def cosine(first: Tensor, second: Tensor) -> float:
    return float((first * second).sum() / first.norm() / second.norm())


def grpo(temperature: float) -> PolicyGradient:
    return replace(GRPO, kl_coefficient=0.0, iterations=1, temperature=temperature)


@pytest.mark.parametrize("temperature", [0.5, 0.6, 1.0, 2.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_expected_gradient_is_that_of_the_expected_reward(seed: int, temperature: float) -> None:
    tree = Tree(seed, LENGTH)
    probabilities = tree.logprobs_RT(tree.logits_PV, temperature).sum(dim=-1).exp()
    assert len(tree.responses) == 729 and float(probabilities.sum()) == pytest.approx(1)
    expected = tree.expected_reward_gradient(temperature)
    gradient = tree.gradient(grpo(temperature), tree.responses, probabilities, tree.rewards)
    assert float((gradient - expected).norm() / expected.norm()) < 1e-12
    assert cosine(gradient, expected) == pytest.approx(1, abs=1e-12)
    plain = tree.gradient(grpo(1.0), tree.responses, probabilities, tree.rewards)
    assert (cosine(plain, expected) < 0.995) == (temperature != 1)


def test_groups_of_two_have_half_of_the_gradient() -> None:
    """A response's own reward is in its group's mean, which takes 1/K of the gradient away and turns nothing."""
    tree, temperature = Tree(3, length=2), 0.6
    config = load_config("pocket", ["method=grpo", f"rollouts.temperature={temperature}", "grpo.scale_rewards=false"])
    method = make_method(config)
    probabilities = tree.logprobs_RT(tree.logits_PV, temperature).sum(dim=-1).exp()
    prompt = Prompt(problem_id="p", token_ids=(1,), scorer_ids=(1,), weight=1.0, answer="4")
    gradient = torch.zeros_like(tree.logits_PV)
    assert isinstance(method.objective, PolicyGradient) and method.objective.temperature == temperature
    for pair in product(range(len(tree.responses)), repeat=2):
        responses = [tree.responses[index] for index in pair]
        rollouts = [
            Rollout(
                slot=0,
                sample_index=number,
                prompt=prompt,
                response_ids=tree.responses[index],
                finish_reason="stop",
                sum_logprob=0.0,
                policy_version=0,
                reward=float(tree.rewards[index]),
            )
            for number, index in enumerate(pair)
        ]
        rows = training_rows(rollouts, method)
        weights = torch.tensor([row.token_weight for row in rows], dtype=torch.float64)
        advantages = torch.tensor([row.advantage for row in rows], dtype=torch.float64)
        share = float(probabilities[list(pair)].prod())
        gradient += share * tree.gradient(method.objective, responses, weights, advantages)
    expected = tree.expected_reward_gradient(temperature) / 2  # divided by |y| = 2
    assert cosine(gradient, expected) == pytest.approx(1, abs=1e-12)
    assert float((gradient - expected / 2).norm() / expected.norm()) < 1e-12


def test_the_kl_divergence_is_that_of_the_tempered_policies() -> None:
    tree, reference, temperature = Tree(4, LENGTH), Tree(5, LENGTH), 0.6
    logprobs_RT = tree.logprobs_RT(tree.logits_PV, temperature)
    other_RT = reference.logprobs_RT(reference.logits_PV, temperature)
    probabilities = logprobs_RT.sum(dim=-1).exp()
    hidden_TD = tree.logits_PV[[row for response in tree.responses for row in tree.rows_of(response)]]
    scores = Scores(ids=torch.zeros(0), logprobs=torch.zeros(0), sampled=other_RT.flatten())
    head = HeadWeights(weight_VD=torch.eye(TOKENS, dtype=torch.float64), bias_V=None)
    micro = tree.micro(tree.responses, probabilities, torch.zeros_like(probabilities))
    loss = replace(grpo(temperature), kl_coefficient=1.0)(hidden_TD, head, micro, scores, None).loss
    expected = float((probabilities * (logprobs_RT - other_RT).sum(dim=-1)).sum())
    assert float(loss) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.5])
def test_a_student_and_its_initial_copy_agree_at_learning_rate_0(tiny_model: Path, temperature: float) -> None:
    rows = step_rows(1)
    scores = load_scorer(scorer_spec(tiny_model, top_k=0, temperature=temperature)).score(rows)
    student = load_student(spec_of(tiny_model, objective=replace(GRPO, temperature=temperature, clip_low=1e-4)))
    report = student.update(Share(rows=rows, scores=scores), 0.0)
    assert report.sums["clipped"] == 0 and report.sums["reference_kl"] < 1e-6
    assert isinstance(scores, Scores)
    assert report.sums["student_logprob"] == pytest.approx(float(scores.sampled.sum()), rel=1e-5)
    plain = load_scorer(scorer_spec(tiny_model, top_k=0)).score(rows)
    assert isinstance(plain, Scores) and torch.equal(plain.sampled, scores.sampled) == (temperature == 1)


def test_the_temperature_of_the_rollouts_is_that_of_student_and_initial_student() -> None:
    for method, expected in (("grpo", 0.7), ("uopd", 1.0)):
        changes = [f"method={method}", "rollouts.temperature=0.7", "grpo.kl_coefficient=0.1"]
        config = load_config("pocket", changes)
        scorer = configured_scorer(config, make_method(config))
        assert scorer is not None and scorer.temperature == expected
        assert student_spec(config, make_method(config)).objective.temperature == expected


@pytest.mark.parametrize("change", ["rollouts.top_p=0.9", "rollouts.top_k=20"])
def test_truncated_rollouts_are_refused_for_grpo_alone(change: str) -> None:
    with pytest.raises(ConfigError, match=r"set rollouts\.top_p=1 rollouts\.top_k=0 \(a lower rollouts\.temperature"):
        load_config("pocket-local", ["method=grpo", change])
    load_config("pocket-local", ["method=uopd", change])
    load_config("pocket-local", ["method=grpo", change, "rollouts.top_p=1", "rollouts.top_k=0"])
