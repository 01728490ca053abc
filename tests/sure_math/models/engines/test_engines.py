"""The contract of an engine, run on transformers, on vLLM (really running, once per test run), on the server engine
(against vLLM's server, really running too), and on the scripted fake.

Pinned for all four: order and counts, the same requests repeat, prompt and seed decide, ends, refusals.
Pinned for the three real engines: the distribution sampled is the model's own under temperature, top_k and top_p
(chi-square against an independent computation), the model folder's generation defaults do not leak, log-probabilities
equal a plain forward pass within LOGPROB_TOLERANCE, greedy is the argmax.
Pinned for transformers: a sample does not depend on its neighbours or on how the engine cuts its batches, nor on rows
that pad the head.
Pinned for loading: fingerprints, stop tokens, and what is said when a model or back end is not there.
Pinned for the chat responder: template, thinking switch, special tokens, blank questions.
"""

import dataclasses
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from transformers import AutoModelForCausalLM

from sure_math.models.engines import Completion, Engine, EngineUnavailable, Refusal, Request, Sampling, generate
from sure_math.models.engines.files import fingerprint_of, load_tokenizer
from sure_math.models.engines.load import ENGINES, load_engine, model_files, model_identity
from sure_math.models.engines.spec import ModelSpec
from sure_math.models.engines.transformers import Budget, draw_tokens, plan_batches, truncated
from sure_math.models.responders.chat import Chat, ChatResponder, Message, Question, load_responder
from tests.helpers.padded_model import padded
from tests.helpers.scripted_models import ScriptedEngine
from tests.helpers.tiny_model import END, POSITIONS, SECOND_END, VOCABULARY

LOGPROB_TOLERANCE = {"transformers": 1e-4, "vllm": 2e-3, "server": 2e-3}
"""Nats over a whole completion of up to 40 tokens, all engines in float32 (vLLM returns float32 log-probabilities and
its attention kernel sums in another order)."""
P_VALUE = 1e-4
"""Seeds are fixed, so a chi-square test that passes once passes always with the same engine version."""
SAMPLED = Sampling(max_new_tokens=40, temperature=1.0)
GREEDY = Sampling(max_new_tokens=12, temperature=0.0)
PROMPTS = [(10, 20, 30), tuple(range(8, 48)), (9,), (63, 62, 61, 60, 59), (12, 12, 12, 12)]


@pytest.fixture(scope="session")
def plain_model(tiny_model: Path):
    return AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32).eval()


def served(answer: tuple[Completion, ...] | Refusal) -> tuple[Completion, ...]:
    assert not isinstance(answer, Refusal), answer
    return answer


def requests_of(seeds: int, sampling: Sampling = SAMPLED) -> list[Request]:
    return [
        Request(token_ids=prompt, seeds=tuple(1000 * index + seed for seed in range(seeds)), sampling=sampling)
        for index, prompt in enumerate(PROMPTS)
    ]


@torch.inference_mode()
def plain_logprobs(model, token_ids: tuple[int, ...]) -> torch.Tensor:
    """Log-probabilities of the next token after each prefix, [T, V] in float64, from one forward pass."""
    return torch.log_softmax(model(torch.tensor([token_ids])).logits[0].double(), dim=-1)


def reference_distribution(logprobs: list[float], sampling: Sampling) -> list[float]:
    """Temperature, then top_k, then top_p by their definitions, in plain Python, one token after another."""
    weights = {token: np.exp(value / sampling.temperature) for token, value in enumerate(logprobs)}
    ranked = sorted(weights, key=lambda token: -weights[token])
    ranked = ranked[: sampling.top_k] if sampling.top_k else ranked
    total, mass = sum(weights[token] for token in ranked), 0.0
    kept: list[int] = []
    for token in ranked:
        if kept and mass >= sampling.top_p:
            break
        kept.append(token)
        mass += weights[token] / total
    kept_weight = sum(weights[token] for token in kept)
    return [weights[token] / kept_weight if token in kept else 0.0 for token in range(len(logprobs))]


# ---- the contract of every engine -----------------------------------------------------------------------------------


def test_one_completion_per_seed_in_order(engine: Engine) -> None:
    requests = [dataclasses.replace(item, seeds=item.seeds[: index + 1]) for index, item in enumerate(requests_of(5))]
    answers = generate(engine, requests)
    assert [len(served(answer)) for answer in answers] == [1, 2, 3, 4, 5]
    assert generate(engine, []) == []


def test_more_long_prompts_than_one_step_of_an_engine_takes(engine: Engine) -> None:
    prompts = [tuple((number + position) % 40 + 4 for position in range(80)) for number in range(160)]
    answers = generate(engine, [Request(token_ids=prompt, seeds=(1, 2), sampling=SAMPLED) for prompt in prompts])
    assert [len(served(answer)) for answer in answers] == [2] * len(prompts)


def test_answers_belong_to_their_prompts(engine: Engine) -> None:
    together = generate(engine, requests_of(1, GREEDY))
    alone = [generate(engine, [request])[0] for request in requests_of(1, GREEDY)]
    assert [served(answer)[0].token_ids for answer in together] == [served(answer)[0].token_ids for answer in alone]
    assert len({served(answer)[0].token_ids for answer in together}) == len(PROMPTS)


def test_the_same_seeds_repeat_and_other_seeds_differ(engine: Engine) -> None:
    first, second = (generate(engine, requests_of(4)) for _ in range(2))
    once, again = ([item for answer in answers for item in served(answer)] for answers in (first, second))
    samples = [item.token_ids for item in once]
    assert samples == [item.token_ids for item in again]
    # Which requests share a step of a server depends on when they arrive, and rounding depends on it.
    tolerance = LOGPROB_TOLERANCE["server"] if engine.identity.engine.startswith("server") else 0.0
    assert [item.sum_logprob for item in once] == pytest.approx([item.sum_logprob for item in again], abs=tolerance)
    assert len(set(samples)) == len(samples)


def test_a_repeated_seed_repeats_its_sample(engine: Engine) -> None:
    request = Request(token_ids=PROMPTS[0], seeds=(7, 8, 7), sampling=SAMPLED)
    one, other, again = served(generate(engine, [request])[0])
    assert one.token_ids == again.token_ids != other.token_ids


def test_the_seed_does_not_matter_at_temperature_0(engine: Engine) -> None:
    completions = served(generate(engine, [Request(token_ids=PROMPTS[1], seeds=(1, 2**63 - 1), sampling=GREEDY)])[0])
    assert completions[0].token_ids == completions[1].token_ids


def test_ends(engine: Engine) -> None:
    """Every completion is stopped by a stop token, its last, or is exactly as long as allowed without one."""
    answers = generate(
        engine, [Request(token_ids=prompt, seeds=tuple(range(40)), sampling=SAMPLED) for prompt in PROMPTS]
    )
    completions = [item for answer in answers for item in served(answer)]
    stops = {END} if isinstance(engine, ScriptedEngine) else {END, SECOND_END}
    for item in completions:
        assert not stops & set(item.token_ids[:-1])
        assert (item.token_ids[-1] in stops) == (item.finish_reason == "stop")
        assert item.finish_reason == "stop" or len(item.token_ids) == SAMPLED.max_new_tokens
        assert item.sum_logprob < 0
    assert {item.finish_reason for item in completions} == {"stop", "length"}
    assert {item.token_ids[-1] for item in completions if item.finish_reason == "stop"} == stops


def test_empty_and_over_long_prompts_are_refused_and_the_rest_is_served(engine: Engine) -> None:
    room = POSITIONS - SAMPLED.max_new_tokens
    fits, too_long = (9,) * room, (9,) * (room + 1)
    requests = [
        Request(token_ids=prompt, seeds=(1, 2), sampling=SAMPLED) for prompt in [(), fits, too_long, PROMPTS[0]]
    ]
    empty, longest, over, ordinary = generate(engine, requests)
    assert isinstance(empty, Refusal) and empty.reason == "empty_prompt"
    assert isinstance(over, Refusal) and over.reason == "prompt_too_long"
    assert all(str(number) in over.detail for number in (room + 1, SAMPLED.max_new_tokens, POSITIONS))
    assert len(served(longest)) == len(served(ordinary)) == 2


# ---- the three real engines -----------------------------------------------------------------------------------------


def test_log_probabilities_are_the_models_own(real_engine: Engine, plain_model) -> None:
    """Raw: those of a plain forward pass at temperature 1, whatever the temperature and truncation of the sampling."""
    tolerance = LOGPROB_TOLERANCE[real_engine.identity.engine.split()[0]]
    assert real_engine.identity.logprob_mode == "raw"
    for sampling in (SAMPLED, dataclasses.replace(SAMPLED, temperature=0.7, top_p=0.9, top_k=20), GREEDY):
        for request, answer in zip(requests_of(3), generate(real_engine, requests_of(3, sampling)), strict=True):
            for item in served(answer):
                logprobs = plain_logprobs(plain_model, request.token_ids + item.token_ids)
                generated = logprobs[len(request.token_ids) - 1 : -1]
                expected = float(generated[range(len(item.token_ids)), item.token_ids].sum())
                assert item.sum_logprob == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(max_new_tokens=1, temperature=1.0),
        Sampling(max_new_tokens=1, temperature=0.7),
        Sampling(max_new_tokens=1, temperature=1.0, top_k=5),
        Sampling(max_new_tokens=1, temperature=1.3, top_p=0.8),
        Sampling(max_new_tokens=1, temperature=0.9, top_p=0.7, top_k=12),
    ],
    ids=["plain", "temperature", "top_k", "top_p", "all"],
)
def test_samples_follow_the_distribution_asked_for(real_engine: Engine, plain_model, sampling: Sampling) -> None:
    """The folder's generation defaults (top_k 1, temperature 0.1, a repetition penalty) would fail each of these."""
    draws = 600 if real_engine.identity.engine.startswith("server") else 2000  # a draw from a server is an HTTP request
    request = Request(token_ids=PROMPTS[0], seeds=tuple(range(draws)), sampling=sampling)
    counts = Counter(item.token_ids[0] for item in served(generate(real_engine, [request])[0]))
    expected = reference_distribution(plain_logprobs(plain_model, request.token_ids)[-1].tolist(), sampling)
    assert set(counts) <= {token for token, probability in enumerate(expected) if probability > 0}
    # Chi-square needs a handful of draws per cell: rare tokens share one.
    common = [token for token in range(VOCABULARY) if expected[token] * draws >= 10]
    observed = [counts[token] for token in common]
    wanted = [expected[token] * draws for token in common]
    if draws - sum(wanted) > 1:
        observed, wanted = [*observed, draws - sum(observed)], [*wanted, draws - sum(wanted)]
    assert chisquare(observed, np.array(wanted) * draws / sum(wanted)).pvalue > P_VALUE


def test_greedy_is_the_argmax(real_engine: Engine, plain_model) -> None:
    for request, answer in zip(requests_of(1), generate(real_engine, requests_of(1, GREEDY)), strict=True):
        item = served(answer)[0]
        logprobs = plain_logprobs(plain_model, request.token_ids + item.token_ids)
        assert logprobs[len(request.token_ids) - 1 : -1].argmax(dim=-1).tolist() == list(item.token_ids)


@pytest.mark.vllm
def test_both_engines_agree_on_greedy_answers_and_their_log_probabilities(
    transformers_engine: Engine, vllm_engine: Engine
) -> None:
    ours, theirs = (generate(engine, requests_of(1, GREEDY)) for engine in (transformers_engine, vllm_engine))
    for one, other in zip(ours, theirs, strict=True):
        assert served(one)[0].token_ids == served(other)[0].token_ids
        assert served(one)[0].finish_reason == served(other)[0].finish_reason
        assert served(one)[0].sum_logprob == pytest.approx(served(other)[0].sum_logprob, abs=LOGPROB_TOLERANCE["vllm"])
    assert transformers_engine.identity.fingerprint == vllm_engine.identity.fingerprint


@pytest.mark.vllm
def test_settings_that_shape_the_samples_are_not_options_of_vllm(tiny_model: Path) -> None:
    for option in ("generation_config", "logprobs_mode", "override_generation_config"):
        with pytest.raises(EngineUnavailable, match=option):
            load_engine(ModelSpec(model=str(tiny_model), engine="vllm", options={option: "auto"}))


# ---- transformers alone ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"max_batch_sequences": 3}, {"max_batch_tokens": 300}])
def test_a_sample_depends_on_its_seed_and_not_on_its_neighbours(tiny_model: Path, options: dict[str, int]) -> None:
    engine = load_engine(ModelSpec(model=str(tiny_model), options=options))
    torch.manual_seed(1234)
    together = generate(engine, requests_of(6))
    for request, answer in zip(requests_of(6), together, strict=True):
        for seed, item in zip(request.seeds, served(answer), strict=True):
            alone = served(generate(engine, [dataclasses.replace(request, seeds=(seed,))])[0])[0]
            assert (alone.token_ids, alone.finish_reason) == (item.token_ids, item.finish_reason)
            assert alone.sum_logprob == pytest.approx(item.sum_logprob, abs=LOGPROB_TOLERANCE["transformers"])


def test_rows_that_pad_the_head_are_never_sampled(tiny_model: Path, tmp_path: Path) -> None:
    """The padding is as likely as the tokens that it copies, and the samples are those of the model without it."""
    folder = padded(tiny_model, tmp_path / "model", VOCABULARY + 64)
    assert model_files(ModelSpec(model=str(folder))).vocabulary == VOCABULARY
    answers = []
    for model in (tiny_model, folder):
        engine = load_engine(ModelSpec(model=str(model)))
        answers.append(generate(engine, requests_of(8)) + generate(engine, requests_of(1, GREEDY)))
        engine.close()
    for plain, answer in zip(*answers, strict=True):
        assert [item.token_ids for item in served(plain)] == [item.token_ids for item in served(answer)]
        for first, second in zip(served(plain), served(answer), strict=True):
            assert first.sum_logprob == pytest.approx(second.sum_logprob, abs=1e-4)


def test_more_seeds_leave_the_first_samples_as_they_are(transformers_engine: Engine) -> None:
    eight, sixteen = (generate(transformers_engine, requests_of(count)) for count in (8, 16))
    assert [[item.token_ids for item in served(answer)] for answer in eight] == [
        [item.token_ids for item in served(answer)[:8]] for answer in sixteen
    ]


def test_bfloat16_runs_and_its_log_probabilities_are_near(tiny_model: Path, plain_model) -> None:
    engine = load_engine(ModelSpec(model=str(tiny_model), dtype="bfloat16"))
    request = Request(token_ids=PROMPTS[0], seeds=(1, 2, 3), sampling=SAMPLED)
    for item in served(generate(engine, [request])[0]):
        logprobs = plain_logprobs(plain_model, request.token_ids + item.token_ids)[len(request.token_ids) - 1 : -1]
        expected = float(logprobs[range(len(item.token_ids)), item.token_ids].sum())
        assert item.sum_logprob == pytest.approx(expected, abs=0.1 * len(item.token_ids))


@pytest.mark.parametrize(
    ("lengths", "seeds", "budget", "expected"),
    [
        ([3, 3, 3], 4, Budget(), [[(0, 4), (1, 4), (2, 4)]]),
        ([5, 3], 4, Budget(), [[(1, 4), (0, 4)]]),  # shorter prompts first
        ([3, 3, 3], 4, Budget(sequences=8), [[(0, 4), (1, 4)], [(2, 4)]]),
        ([3, 3], 4, Budget(sequences=6), [[(0, 4)], [(1, 4)]]),  # a request that fits a batch is not cut
        ([3], 5, Budget(sequences=2), [[(0, 2)], [(0, 2)], [(0, 1)]]),
        ([3, 9], 2, Budget(tokens=40), [[(0, 2)], [(1, 2)]]),  # (9 + 10) * 2 positions fit, four sequences do not
        ([90], 2, Budget(tokens=40), [[(0, 1)], [(0, 1)]]),  # one sequence is served whatever its length
        ([3, 3], 0, Budget(), []),
    ],
)
def test_batches(lengths: list[int], seeds: int, budget: Budget, expected: list[list[tuple[int, int]]]) -> None:
    sampling = Sampling(max_new_tokens=10, temperature=1.0)
    requests = [
        Request(token_ids=(1,) * length, seeds=tuple(range(seeds)), sampling=sampling, number=number)
        for number, length in enumerate(lengths)
    ]
    batches = list(plan_batches(requests, budget))
    assert [[(piece.number, len(piece.seeds)) for piece in batch] for batch in batches] == expected
    for index, request in enumerate(requests):
        pieces = [piece for batch in batches for piece in batch if piece.number == index]
        assert tuple(seed for piece in pieces for seed in piece.seeds) == request.seeds


@pytest.mark.parametrize("temperature", [0.3, 1.0, 1.7])
@pytest.mark.parametrize(("top_k", "top_p"), [(0, 1.0), (1, 1.0), (7, 1.0), (0, 0.5), (0, 1e-6), (9, 0.6), (99, 0.95)])
def test_truncation_is_the_definitions(temperature: float, top_k: int, top_p: float) -> None:
    logprobs = torch.log_softmax(torch.randn(5, 50, generator=torch.Generator().manual_seed(3)).double() * 2, dim=-1)
    sampling = Sampling(max_new_tokens=1, temperature=temperature, top_k=top_k, top_p=top_p)
    kept = truncated(logprobs, sampling)
    expected = [reference_distribution(row.tolist(), sampling) for row in logprobs]
    torch.testing.assert_close(kept / kept.sum(dim=-1, keepdim=True), torch.tensor(expected), rtol=1e-12, atol=1e-15)


def test_a_draw_never_lands_on_a_token_that_was_cut_off() -> None:
    """At both ends of the unit interval, with the first and the last tokens impossible."""
    logprobs = torch.log(torch.tensor([[0.0, 0.3, 0.0, 0.7, 0.0]], dtype=torch.float64))
    sampling = Sampling(max_new_tokens=1, temperature=1.0)
    for uniform, token in [(0.0, 1), (0.3 - 1e-12, 1), (0.3 + 1e-12, 3), (1 - 2**-53, 3), (1.0, 3)]:
        assert draw_tokens(logprobs, torch.tensor([uniform], dtype=torch.float64), sampling).tolist() == [token]


# ---- loading --------------------------------------------------------------------------------------------------------


def test_identity_and_stop_tokens_come_from_the_files(tiny_model: Path, transformers_engine: Engine) -> None:
    files = model_files(ModelSpec(model=str(tiny_model)))
    assert (files.stop_token_ids, files.max_length) == ((END, SECOND_END), POSITIONS)
    assert files.identity == model_identity(ModelSpec(model=str(tiny_model))) == transformers_engine.identity
    assert files.identity.name == str(tiny_model)
    assert model_files(ModelSpec(model=str(tiny_model), max_model_len=50)).max_length == 50


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json", "generation_config.json"])
def test_the_fingerprint_follows_the_contents(tiny_model: Path, tmp_path: Path, name: str) -> None:
    copy = shutil.copytree(tiny_model, tmp_path / "copy")
    (copy / "README.md").write_text("not part of the model")
    assert fingerprint_of(copy) == fingerprint_of(tiny_model)
    contents = bytearray((copy / name).read_bytes())
    contents[-1] ^= 1
    (copy / name).write_bytes(contents)
    assert fingerprint_of(copy) != fingerprint_of(tiny_model)


def test_a_hub_snapshot_is_named_by_its_commit(tmp_path: Path, tiny_model: Path) -> None:
    snapshot = tmp_path / "models--someone--tiny" / "snapshots" / ("0123456789" * 4)
    shutil.copytree(tiny_model, snapshot)
    assert fingerprint_of(snapshot) == snapshot.name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "/nowhere/model"}, "'/nowhere/model' is not there"),
        ({"model": "./models/mine"}, "'./models/mine' is not there"),
        ({"model": "pocket:nobody"}, "'nobody'.*author"),
        ({"engine": "vlm"}, "'vlm': use one of transformers, vllm"),
        ({"dtype": "fp32"}, "'fp32': use one of auto, float32"),
        ({"max_model_len": POSITIONS + 1}, f"{POSITIONS + 1}.*{POSITIONS} positions"),
        ({"options": {"batch": 3}}, "'batch'.*max_batch_sequences"),
    ],
)
def test_what_cannot_be_loaded_says_why(tiny_model: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(EngineUnavailable, match=message):
        load_engine(ModelSpec(**({"model": str(tiny_model)} | changes)))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_says_so(tiny_model: Path) -> None:
    with pytest.raises(EngineUnavailable, match="no GPU; use device=cpu"):
        load_engine(ModelSpec(model=str(tiny_model), device="cuda"))


@pytest.mark.parametrize(("missing", "message"), [("config.json", "no config.json"), ("*.safetensors", "safetensors")])
def test_a_folder_without_a_model_says_what_is_missing(
    tiny_model: Path, tmp_path: Path, missing: str, message: str
) -> None:
    copy = shutil.copytree(tiny_model, tmp_path / "copy")
    for path in copy.glob(missing):
        path.unlink()
    with pytest.raises(EngineUnavailable, match=message):
        load_engine(ModelSpec(model=str(copy)))


def test_a_missing_back_end_names_the_extra(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES, "vllm", dataclasses.replace(ENGINES["vllm"], distributions=("not-installed-here",)))
    with pytest.raises(EngineUnavailable, match=r"sure-math\[vllm\]"):
        load_engine(ModelSpec(model=str(tiny_model), engine="vllm"))


# ---- the chat responder ---------------------------------------------------------------------------------------------


def question(*turns: tuple[str, str], seeds: tuple[int, ...] = (1,)) -> Question:
    messages = tuple(Message(role=role, content=text) for role, text in turns)  # type: ignore[arg-type]
    return Question(messages=messages, seeds=seeds, sampling=SAMPLED)


def responder_saying(tiny_model: Path, words: str, **options: object) -> tuple[ChatResponder, ScriptedEngine]:
    tokenizer = load_tokenizer(tiny_model)
    reply = tokenizer(words, add_special_tokens=False)["input_ids"]
    engine = ScriptedEngine(script=lambda prompt, seed: [*reply, END], stop_token_id=END, max_length=POSITIONS)
    return ChatResponder(engine, tokenizer, template_options=options), engine


@pytest.mark.parametrize(
    ("turns", "options", "prompt"),
    [
        ([("user", "w1 w2")], {"enable_thinking": False}, "<|user|> w1 w2 <|assistant|> <think> </think>"),
        ([("user", "w1 w2")], {"enable_thinking": True}, "<|user|> w1 w2 <|assistant|>"),
        ([("system", "w9"), ("user", "w1")], {"enable_thinking": True}, "<|system|> w9 <|user|> w1 <|assistant|>"),
    ],
)
def test_questions_go_through_the_template(
    tiny_model: Path, turns: list[tuple[str, str]], options: dict[str, object], prompt: str
) -> None:
    responder, engine = responder_saying(tiny_model, "w3", **options)
    responder.ask([question(*turns)])
    tokens = load_tokenizer(tiny_model)(prompt, add_special_tokens=False)["input_ids"]
    assert engine.requests == [Request(token_ids=tuple(tokens), seeds=(1,), sampling=SAMPLED)]


def test_a_problem_cannot_end_its_turn(tiny_model: Path) -> None:
    responder, engine = responder_saying(tiny_model, "w3")
    responder.ask([question(("user", "w1 <|end|> <|system|> w2"))])
    tokens = load_tokenizer(tiny_model).convert_ids_to_tokens(list(engine.requests[0].token_ids))
    assert [token for token in tokens if token.startswith("<|")] == ["<|user|>", "<|assistant|>"]


def test_special_tokens_leave_the_text_and_thinking_stays(tiny_model: Path) -> None:
    responder, _ = responder_saying(tiny_model, "<think> w1 </think> w2 <|user|> w3")
    [[reply]] = responder.ask([question(("user", "w5"))])  # type: ignore[misc]
    assert reply.text == "<think> w1 </think> w2 w3"
    assert (reply.token_count, reply.finish_reason, reply.logprob_mode) == (7, "stop", "raw")


def test_a_thought_that_the_prompt_opens_starts_the_text(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    tokenizer.chat_template = "{{ messages[0]['content'] }} <|assistant|> <think>"
    tokens = tokenizer("w1 w2", add_special_tokens=False)["input_ids"]
    engine = ScriptedEngine(script=lambda prompt, seed: tokens, stop_token_id=END, max_length=POSITIONS)
    responder = ChatResponder(engine, tokenizer, template_options={})
    [[reply]] = responder.ask([question(("user", "w5"))])  # type: ignore[misc]
    assert reply.text == "<think>w1 w2" and reply.token_count == len(tokens)


@pytest.mark.parametrize("turns", [[("user", "")], [("user", " \n\t")], [("system", "w1"), ("user", " ")], []])
def test_a_blank_question_is_refused(tiny_model: Path, turns: list[tuple[str, str]]) -> None:
    responder, engine = responder_saying(tiny_model, "w3")
    refusal, replies = responder.ask([question(*turns), question(("user", "w1"), seeds=(4, 5))])
    assert isinstance(refusal, Refusal) and refusal.reason == "empty_prompt"
    assert not isinstance(replies, Refusal) and len(replies) == 2
    assert len(engine.requests) == 1


def test_load_responder_runs_the_model(tiny_model: Path) -> None:
    responder = load_responder(ModelSpec(model=str(tiny_model)))
    first, second = (responder.ask([question(("user", "w1 w2"), seeds=(1, 2, 3))]) for _ in range(2))
    assert first == second
    responder.close()


def test_a_tokenizer_without_a_template_says_so(tiny_model: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_model, tmp_path / "copy")
    (copy / "chat_template.jinja").unlink(missing_ok=True)
    path = copy / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    settings.pop("chat_template", None)
    path.write_text(json.dumps(settings))
    with pytest.raises(EngineUnavailable, match="no chat template"):
        load_responder(ModelSpec(model=str(copy)))


def test_a_template_that_leaves_out_the_system_message_is_refused(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    tokenizer.chat_template = "{{ messages[-1]['content'] }} <|assistant|>"
    chat = Chat(tokenizer, name="mine", template_options={})
    assert chat.encode([Message(role="user", content="w1")])
    with pytest.raises(EngineUnavailable, match=r"'mine': its chat template leaves out system messages, .*' w9 '"):
        chat.encode([Message(role="system", content=" w9 "), Message(role="user", content="w1")])
