"""Pins of `uopd/methods.py` and of what its rows become (`student/objectives.py`, `model/micro_batches.py`):

- every row of the table: who scores, what it needs, how prompts are drawn, the weights of a small pool by hand;
- `shuffled` keeps the multiset of weights and permutes by the seed; `filter` in both readings of tau;
- factors of Eq. 8 and 9 per token, empty responses among K; GRPO's three normalisers; advantages by hand;
- `sampled`: its expected gradient over all draws of a small pool is that of `uopd` under uniform draws, to 1e-10;
- one whole step of every method has the gradient of the closed form: to 1e-10 in float64, and in a model of
  transformers to the float32 of its norms (`opsd` with its scorer's own prompt before the same response).
"""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from sure_math.models.engines.files import load_tokenizer
from sure_math.models.responders.chat import Chat, Message
from tests.helpers.short_training_runs import a_row
from tests.helpers.tiny_model import SPECIAL, VOCABULARY
from uopd.config import load_config
from uopd.dataset import PoolRow, trainable_rows
from uopd.losses.reference import reference_cross_entropy, reference_objective
from uopd.method_names import CONTROLS, PAPER_METHODS, MethodName
from uopd.methods import METHODS, Method, RewardRule, group_advantages, make_method, training_rows
from uopd.rollouts.prompt_pool import PromptPool, prompt_pool
from uopd.rows import Prompt, Rollout, Scores
from uopd.student.reference import Passes
from uopd.teacher.scorer import ScorerSpec, TransformersScorer

EXACT = 1e-10
POOL = (
    a_row("w1", weight=1.0, majority_share=1.0, solution="w30 w31"),
    a_row("w2 w3", weight=0.5, majority_share=0.75, solution="w32"),
    a_row("w4", weight=0.0, majority_share=0.125, solution="w33 w34 w35"),
    a_row("w5 w6 w7", weight=0.25, majority_share=0.5, solution="w36"),
)


def the(name: str, *overrides: str) -> Method:
    return make_method(load_config("pocket", [f"method={name}", *overrides]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A row of the table of methods."""

    weights: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    scorer: str | None = "teacher"
    needs: str = ""
    proportional: bool = False
    shows_solution: bool = False


TABLE = {
    "uopd": Expected(weights=(1.0, 0.5, 0.0, 0.25), needs="weight"),
    "opd": Expected(),
    "filter": Expected(needs="weight"),
    "grpo": Expected(scorer=None, needs="answer"),
    "opsd": Expected(scorer="initial", needs="solution", shows_solution=True),
    "shuffled": Expected(weights=(0.25, 0.5, 0.0, 1.0), needs="weight"),
    "majority": Expected(weights=(1.0, 0.75, 0.125, 0.5), needs="weight"),
    "opd-scaled": Expected(weights=(0.4375,) * 4, needs="weight"),
    "sampled": Expected(weights=(0.4375,) * 4, needs="weight", proportional=True),
}
SEED = 0


def test_the_table_is_whole() -> None:
    assert set(TABLE) == set(METHODS) == set(get_args(MethodName))
    assert {*PAPER_METHODS, "filter", *CONTROLS} == set(METHODS), "every method has a row in the paper's tables"


@pytest.mark.parametrize("name", TABLE)
def test_every_row_of_the_table(name: str) -> None:
    method, expected = the(name), TABLE[name]
    assert method.name == name
    assert method.weights(POOL, SEED) == pytest.approx(expected.weights, abs=1e-15)
    assert (method.scorer, " ".join(method.needs)) == (expected.scorer, expected.needs)
    assert (method.proportional, method.shows_solution) == (expected.proportional, expected.shows_solution)
    assert (method.rewards is None) == (name != "grpo")


def test_settings_of_a_method() -> None:
    assert the("opsd", "opsd.teacher=pair").scorer == "teacher"
    grpo = the("grpo", "grpo.kl_coefficient=0.1", "grpo.clip_high=0.3", "grpo.iterations=2", "grpo.scale_rewards=false")
    objective: Any = grpo.objective
    assert (grpo.scorer, grpo.rewards) == ("initial", RewardRule(scale=False, normaliser="response", constant=256))
    assert (objective.kl_coefficient, objective.clip_low, objective.clip_high) == (0.1, 0.2, 0.3)
    assert (objective.iterations, objective.needs_old, objective.needs_support) == (2, True, False)
    rule = the("grpo", "grpo.normaliser=constant", "rollouts.max_new_tokens=99").rewards
    assert rule == RewardRule(scale=True, normaliser="constant", constant=99)


def test_shuffled_permutes_the_weights_by_the_seed() -> None:
    pool = [a_row(f"p{index}", weight=index / 63 if index % 2 else 0.5) for index in range(64)]
    weights = [row.weight for row in pool]
    result = [the("shuffled").weights(pool, seed) for seed in (0, 0, 1)]
    assert result[0] == result[1] != result[2]
    assert all(Counter(shuffled) == Counter(weights) and shuffled != weights for shuffled in result)
    # The permutation does not look at the weights: other weights move to the same places.
    numbers = [a_row(f"p{index}", weight=index / 64) for index in range(64)]
    order = [round(64 * weight) for weight in the("shuffled").weights(numbers, 0)]
    assert sorted(order) == list(range(64)) and [weights[index] for index in order] == result[0]


LOG8 = math.log(8)
FILTERS = {
    # tau, unit, weight, N, kept: H / log N = 1 - w, and H = (1 - w) log N with log 8 = 2.079
    "below": (0.5, "normalised", 0.6, 8, True),
    "above": (0.5, "normalised", 0.4, 8, False),
    "at tau": (0.5, "normalised", 0.5, 8, True),
    "at a tau that rounds": (0.3, "normalised", 0.7, 8, True),
    "just above": (0.3, "normalised", 0.7 - 1e-9, 8, False),
    "all": (1.0, "normalised", 0.0, 8, True),
    "certain alone": (0.0, "normalised", 1.0, 8, True),
    "nats below": (0.5, "nats", 0.8, 8, True),  # 0.416
    "nats above": (0.5, "nats", 0.7, 8, False),  # 0.624
    "nats at tau": (0.5, "nats", 1 - 0.5 / LOG8, 8, True),
    "nats of fewer samples": (0.5, "nats", 0.7, 4, True),  # 0.416 of log 4
    "nats of one sample": (5.0, "nats", 0.0, 1, False),
}


@pytest.mark.parametrize(("tau", "unit", "weight", "samples", "kept"), FILTERS.values(), ids=FILTERS)
def test_the_filter(tau: float, unit: str, weight: float, samples: int, kept: bool) -> None:
    method = the("filter", f"filter.tau={tau}", f"filter.unit={unit}")
    assert method.keeps(a_row("x", weight=weight, num_samples=samples)) is kept
    assert the("uopd").keeps(a_row("x", weight=weight, num_samples=samples)), "no other method leaves prompts out"


def a_prompt(weight: float, name: str = "x", prompt: tuple[int, ...] = (9,)) -> Prompt:
    return Prompt(problem_id=name, token_ids=prompt, scorer_ids=prompt, weight=weight, answer="4")


def a_rollout(
    slot: int, index: int, prompt: Prompt, response: Sequence[int] = (), reward: float | None = None
) -> Rollout:
    return Rollout(
        slot=slot,
        sample_index=index,
        prompt=prompt,
        response_ids=tuple(response),
        finish_reason="stop" if response else "refused",
        sum_logprob=-1.0,
        policy_version=0,
        reward=reward,
    )


def a_step() -> list[Rollout]:
    """|B| = 2 prompts of weight 0.5 and 0.25, K = 2 responses of 4, 0, 1 and 5 tokens; one is right."""
    prompts = (a_prompt(0.5, "x", (9, 8)), a_prompt(0.25, "y"))
    return [
        a_rollout(0, 0, prompts[0], (1, 2, 3, 4), 1.0),
        a_rollout(0, 1, prompts[0], (), 0.0),
        a_rollout(1, 0, prompts[1], (5,), 0.0),
        a_rollout(1, 1, prompts[1], (6,) * 5, 0.0),
    ]


def test_factors_of_eq_8_and_9() -> None:
    rows = training_rows(a_step(), the("uopd"))
    # w / (|y| |B| K): the empty response counts in K and has no token.
    assert [row.token_weight for row in rows] == [0.5 / 4 / 4, 0.0, 0.25 / 1 / 4, 0.25 / 5 / 4]
    assert [row.response_ids for row in rows] == [(1, 2, 3, 4), (), (5,), (6,) * 5]
    assert [(row.prompt_ids, row.scorer_ids, row.advantage) for row in rows[::2]] == [
        ((9, 8), (9, 8), 0.0),
        ((9,), (9,), 0.0),
    ]


NORMALISERS = {
    "response": [0.5 / (4 * 4), 0.0, 0.25 / 4, 0.25 / (5 * 4)],  # |y| |B| K
    "tokens": [0.5 / 10, 0.5 / 10, 0.25 / 10, 0.25 / 10],  # ten tokens in the step
    "constant": [0.5 / (7 * 4), 0.5 / (7 * 4), 0.25 / (7 * 4), 0.25 / (7 * 4)],  # max_new_tokens |B| K
}


@pytest.mark.parametrize(("normaliser", "expected"), NORMALISERS.items())
def test_normalisers_of_grpo(normaliser: str, expected: list[float]) -> None:
    method = the("grpo", f"grpo.normaliser={normaliser}", "rollouts.max_new_tokens=7")
    rows = training_rows(a_step(), method)
    assert [row.token_weight for row in rows] == pytest.approx(expected, abs=1e-15)
    assert [row.advantage for row in rows] == [1.0, -1.0, 0.0, 0.0]


ADVANTAGES = {
    # mean 1/4, population standard deviation sqrt(3)/4
    "one of four": ([1, 0, 0, 0], [3 / 3**0.5, *[-1 / 3**0.5] * 3], [0.75, -0.25, -0.25, -0.25]),
    "half": ([1, 0, 1, 0], [1, -1, 1, -1], [0.5, -0.5, 0.5, -0.5]),
    "all right": ([1, 1], [0, 0], [0, 0]),
    "all wrong": ([0, 0, 0], [0, 0, 0], [0, 0, 0]),
    "ungraded": ([None, None], [0, 0], [0, 0]),
}


@pytest.mark.parametrize(("rewards", "scaled", "centred"), ADVANTAGES.values(), ids=ADVANTAGES)
def test_advantages_within_a_group(rewards: list[float | None], scaled: list[float], centred: list[float]) -> None:
    group = [a_rollout(0, index, a_prompt(1.0), (1,), reward) for index, reward in enumerate(rewards)]
    # The same prompt in the next slot is another group.
    other = [a_rollout(1, index, a_prompt(1.0), (1,), 1 - index) for index in range(2)]
    assert group_advantages([*group, *other], scale=True) == pytest.approx([*scaled, 1, -1])
    assert group_advantages([*group, *other], scale=False) == pytest.approx([*centred, 0.5, -0.5])


# A whole step in float64, padded. Shapes: T tokens, D hidden, V vocabulary, K entries.

TOP_K = 8
PER_PROMPT = 2
LENGTHS = {"w1": (3, 6), "w2 w3": (0, 2), "w4": (4, 1), "w5 w6 w7": (5, 5)}
"""Response tokens by problem; one response is empty."""
GRADED = {"w1": (1.0, 0.0), "w2 w3": (0.0, 1.0), "w4": (0.0, 0.0), "w5 w6 w7": (0.0, 1.0)}
ASK = "w50 {problem} w51"


class Toy(torch.nn.Module):
    """A causal model in float64 throughout: those of transformers compute their norms in float32, a noise of 1e-7."""

    def __init__(self, noise: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(noise)

        def normal(*shape: int) -> torch.nn.Parameter:
            return torch.nn.Parameter(torch.randn(*shape, generator=generator, dtype=torch.float64) / 3)

        self.embedding, self.past = normal(VOCABULARY, 16), normal(16, 16)
        self.head = torch.nn.Linear(16, VOCABULARY, bias=False)
        self.head.weight = normal(VOCABULARY, 16)

    def base_model(self, *, input_ids: Tensor, **ignored: object) -> SimpleNamespace:
        """A token and the running mean of all up to it."""
        result = self.embedding[input_ids]
        counts = torch.arange(1, input_ids.shape[1] + 1)[None, :, None]
        return SimpleNamespace(last_hidden_state=(result + (result.cumsum(1) / counts) @ self.past).tanh())

    def get_output_embeddings(self) -> torch.nn.Module:
        return self.head


def a_toy(folder: Path, noise: int) -> Any:
    return Toy(noise)


def a_model(folder: Path, noise: int) -> Any:
    """The tiny model in float64, moved at random; `noise` 0 leaves it as it is."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64)
    generator = torch.Generator().manual_seed(noise)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += (noise > 0) * 0.05 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return model


MODELS: dict[str, tuple[Callable[[Path, int], Any], float]] = {"toy": (a_toy, EXACT), "qwen3": (a_model, 1e-5)}
"""Models, each with the relative error it is allowed."""


def a_scorer(model: Any, top_k: int) -> TransformersScorer:
    spec = ScorerSpec(
        model="tiny",
        revision=None,
        dtype="float64",
        device="cpu",
        attention="sdpa",
        top_k=top_k,
        values="float64",
        max_tokens=40,
        layout="padded",
        threads=1,
    )
    return TransformersScorer(model, spec)


def tiny_chat(folder: Path) -> Chat:
    return Chat(load_tokenizer(folder), name="tiny", template_options={})


def the_pool(folder: Path, method: Method, rows: Sequence[PoolRow]) -> PromptPool:
    chat = tiny_chat(folder)
    kept = trainable_rows(rows, method.keeps, method.needs, drop_unlabelled=False)
    return prompt_pool(
        kept,
        method,
        student=chat,
        scorer=chat,
        prompt=ASK,
        seed=SEED,
        samples=8,
        per_step=2,
        max_tokens=100,
    )


def responses_of(prompts: Sequence[Prompt]) -> list[Rollout]:
    """K responses of every prompt, which follow from the problem alone."""
    result = []
    for slot, prompt in enumerate(prompts):
        generator = torch.Generator().manual_seed(len(prompt.problem_id))
        for index, length in enumerate(LENGTHS[prompt.problem_id]):
            tokens = torch.randint(len(SPECIAL), VOCABULARY, (length,), generator=generator).tolist()
            result.append(a_rollout(slot, index, prompt, tokens, GRADED[prompt.problem_id][index]))
    return result


def step_gradient(model: Any, scorer: Any, method: Method, rollouts: Sequence[Rollout], max_tokens: int = 40) -> Tensor:
    """The gradient of a step by the trainer's own parts, flat."""
    rows = training_rows(rollouts, method)
    scores: Scores | None = None
    if method.scorer is not None:
        scores = a_scorer(scorer, TOP_K if method.objective.needs_support else 0).score(rows)
    passes = Passes(model, method.objective, layout="padded", max_tokens=max_tokens)
    model.zero_grad()
    passes.accumulate(passes.prepare(rows), scores, Tensor.backward)
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


def hidden_before(model: Any, prompt: Sequence[int], response: Sequence[int]) -> Tensor:
    """Hidden states [T, D] before each token of a response, of one sequence alone."""
    hidden_ND: Tensor = model.base_model(input_ids=torch.tensor([[*prompt, *response]])).last_hidden_state[0]
    return hidden_ND[len(prompt) - 1 : -1]


def logprobs_before(model: Any, prompt: Sequence[int], response: Sequence[int]) -> Tensor:
    """[T, V]"""
    head_VD = model.get_output_embeddings().weight
    return (hidden_before(model, prompt, response) @ head_VD.t()).log_softmax(dim=-1)


def distilled(
    model: Any, teacher: Any, rollouts: Sequence[Rollout], weights: Sequence[float], shown: Sequence[Sequence[int]]
) -> Tensor:
    """Eq. 9 literally; `weights` and the scorer's prompts `shown` by prompt."""
    losses: list[list[Tensor]] = [[] for _ in weights]
    for rollout in rollouts:
        if not rollout.response_ids:
            losses[rollout.slot].append(torch.zeros(0))
            continue
        with torch.no_grad():
            top = logprobs_before(teacher, shown[rollout.slot], rollout.response_ids).topk(TOP_K)
        hidden_TD = hidden_before(model, rollout.prompt.token_ids, rollout.response_ids)
        head_VD = model.get_output_embeddings().weight
        losses[rollout.slot].append(reference_cross_entropy(hidden_TD, head_VD, top.indices, top.values))
    return reference_objective(losses, weights)


def by_reward(model: Any, initial: Any, rollouts: Sequence[Rollout], coefficient: float) -> Tensor:
    """GRPO's formula literally, at the policy that sampled: 1/BK sum 1/|y| sum_t -(A ratio - beta k3)."""
    total = torch.zeros((), dtype=torch.float64)
    for rollout in rollouts:
        group = GRADED[rollout.prompt.problem_id]
        mean = sum(group) / len(group)
        spread = (sum((value - mean) ** 2 for value in group) / len(group)) ** 0.5
        advantage = (group[rollout.sample_index] - mean) / spread if spread else 0.0
        if not rollout.response_ids:
            continue
        ids_T1 = torch.tensor(rollout.response_ids)[:, None]
        where = rollout.prompt.token_ids, rollout.response_ids
        now_T = logprobs_before(model, *where).gather(-1, ids_T1)
        with torch.no_grad():
            first_T = logprobs_before(initial, *where).gather(-1, ids_T1)
        ratio_T = (now_T - now_T.detach()).exp()
        k3_T = (first_T - now_T).exp() - (first_T - now_T) - 1
        total = total - (ratio_T * advantage - coefficient * k3_T).mean()
    return total / len(rollouts)


def flat_gradient(loss: Tensor, model: Any) -> Tensor:
    return torch.cat([gradient.flatten() for gradient in torch.autograd.grad(loss, list(model.parameters()))])


def shown_to(name: str, chat: Chat, row: PoolRow) -> tuple[int, ...]:
    """The scorer's prompt of a problem."""
    question = Message(role="user", content=f"w50 {row.problem} w51")
    if name != "opsd":
        return chat.encode([question])
    text = (Path(__file__).parents[2] / "uopd" / "rollouts" / "solution.txt").read_text().strip()
    return chat.encode([Message(role="system", content=text.replace("{solution}", row.solution or "")), question])


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize(("make", "error"), MODELS.values(), ids=MODELS)
def test_a_step_has_the_gradient_of_the_closed_form(
    tiny_model: Path, name: str, make: Callable[[Path, int], Any], error: float
) -> None:
    method = the(name, "filter.tau=0.6", "grpo.kl_coefficient=0.3")
    model, initial, teacher = (make(tiny_model, noise) for noise in (1, 0, 2))
    rollouts = responses_of(the_pool(tiny_model, method, POOL).prompts)
    result = step_gradient(model, initial if method.scorer == "initial" else teacher, method, rollouts)

    kept = [(row, weight) for row, weight in zip(POOL, TABLE[name].weights, strict=True)]
    if name == "filter":
        kept = [pair for pair in kept if 1 - pair[0].weight <= 0.6]
    assert len(rollouts) == PER_PROMPT * len(kept)
    chat = tiny_chat(tiny_model)
    shown = [shown_to(name, chat, row) for row, _ in kept]
    if name == "grpo":
        loss = by_reward(model, initial, rollouts, 0.3)
    else:
        reader = initial if name == "opsd" else teacher
        loss = distilled(model, reader, rollouts, [weight for _, weight in kept], shown)
    expected = flat_gradient(loss, model)
    # The initial student's log-probabilities of the sampled tokens travel in float32.
    assert (result - expected).norm() / expected.norm() < (max(error, 1e-6) if name == "grpo" else error)
    if name == "opsd":
        questions = [chat.encode([Message(role="user", content=f"w50 {row.problem} w51")]) for row in POOL]
        blind = flat_gradient(distilled(model, initial, rollouts, [1.0] * 4, questions), model)
        assert (result - blind).norm() / expected.norm() > 0.01, "the solution is to matter"


def test_sampled_expects_the_gradient_of_uopd(tiny_model: Path) -> None:
    model, teacher = Toy(1), Toy(2)
    rows = [POOL[0], POOL[1], POOL[3]]
    expected, result = (torch.zeros(sum(p.numel() for p in model.parameters()), dtype=torch.float64) for _ in range(2))
    for total, name in ((expected, "uopd"), (result, "sampled")):
        method = the(name)
        pool = the_pool(tiny_model, method, rows)
        shares = pool.probabilities or (1.0,) * len(rows)
        # All draws of |B| = 2 prompts with replacement, each as likely as the product of its prompts' shares.
        for drawn in itertools.product(range(len(rows)), repeat=2):
            likelihood = math.prod(shares[index] / sum(shares) for index in drawn)
            rollouts = responses_of([pool.prompts[index] for index in drawn])
            total += likelihood * step_gradient(model, teacher, method, rollouts)
    assert (result - expected).norm() / expected.norm() < EXACT
    # Which is the mean over the pool of w(x) times the prompt's own gradient.
    prompts = the_pool(tiny_model, the("uopd"), rows).prompts
    loss = distilled(model, teacher, responses_of(prompts), [1.0, 0.5, 0.25], [prompt.token_ids for prompt in prompts])
    closed = flat_gradient(loss, model)
    assert (expected - closed).norm() / closed.norm() < EXACT
