"""The server engine beside the contract of `test_engines.py`, against an endpoint that makes mistakes.

Pinned: which mistakes are tried again and how often, which refuse one request, which end the batch and with what in
hand; what the start-up probe refuses; every setting that is sent; that the key and secrets in an address show nowhere;
bounded concurrency; identity without a server.
"""

import asyncio
import json
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from sure_math.config import ModelConfig, ServerConfig
from sure_math.models.engines import Completion, EngineUnavailable, Finished, Refusal, Request, Sampling, generate
from sure_math.models.engines.endpoint import INTERNAL_ERRORS, Endpoint
from sure_math.models.engines.load import load_engine, model_identity
from sure_math.models.engines.server import ServerEngine
from sure_math.models.engines.spec import ServerSpec
from sure_math.models.responders.chat import Reply
from sure_math.models.responders.journal import CallLog, Journal
from sure_math.models.responders.recorded import RecordedResponder
from sure_math.models.responders.roles import resolve_model
from sure_math.models.responders.server_chat import load_served
from tests.helpers.scripted_endpoint import NAME, Fault, ScriptedEndpoint, continuation
from tests.helpers.scripted_models import LOGPROB_PER_TOKEN
from tests.helpers.served_models import choice_with, model_spec, question, server_spec
from tests.helpers.tiny_model import END, POSITIONS, SECOND_END

SAMPLED = Sampling(max_new_tokens=12, temperature=0.7, top_p=0.9, top_k=20)
PROMPT = (10, 20, 30)
KEY = "sk-not-to-be-seen-1234567890"


@pytest.fixture
def engine(tiny_model: Path, endpoint: ScriptedEndpoint) -> Iterator[ServerEngine]:
    """Started on the scripted endpoint, and trying again without long pauses."""
    spec = model_spec(tiny_model, server_spec(endpoint))
    load_engine(spec).close()
    endpoint.tries.clear()
    patient = Endpoint(server_spec(endpoint), longest_pause=0.05)
    running = ServerEngine(
        patient,
        served_name=NAME,
        identity=model_identity(spec),
        stop_token_ids=(END, SECOND_END),
        max_length=POSITIONS,
    )
    yield running
    running.close()


def completion(seed: int, prompt: Sequence[int] = PROMPT, sampling: Sampling = SAMPLED) -> Completion:
    """What the scripted model answers."""
    tokens, ended = continuation(prompt, seed, sampling.max_new_tokens, [END, SECOND_END])
    total = LOGPROB_PER_TOKEN * len(tokens)
    return Completion(token_ids=tuple(tokens), sum_logprob=total, finish_reason=ended)  # type: ignore[arg-type]


# ---- one request that goes wrong ------------------------------------------------------------------------------------


BROKEN = b"<html>being updated</html>"


@pytest.mark.parametrize(
    "faults",
    [
        [Fault(status=429, headers={"Retry-After": "0"})] * 3,
        [Fault(status=500, body=b'{"error": {"message": "no memory"}}')],
        [Fault(status=502, body=BROKEN), Fault(status=503, body=b""), Fault(status=504), Fault(status=408)],
        [Fault(status=409), Fault(status=429, headers={"Retry-After": "soon"})],
        [Fault(cut=True)] * 2,
        [Fault(body=b'{"choices": [')],
        [Fault(body=BROKEN)] * 5,
        [Fault(body=b"[" * 100_000)],
        [Fault(change=choice_with(finish_reason="abort"))] * 3,
        [Fault(change=lambda answer: answer["choices"].clear())],
        [Fault(change=choice_with(logprobs=None)), Fault(status=500)],
    ],
)
def test_what_may_pass_is_tried_again(engine: ServerEngine, endpoint: ScriptedEndpoint, faults: list[Fault]) -> None:
    endpoint.faults[7] = list(faults)
    [answer] = generate(engine, [Request(token_ids=PROMPT, seeds=(6, 7, 8), sampling=SAMPLED)])
    assert answer == (completion(6), completion(7), completion(8))
    assert sorted(endpoint.seeds()) == [6, *[7] * (len(faults) + 1), 8]


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        (lambda answer: answer["choices"].clear(), "0 choices"),
        (lambda answer: answer["choices"].append(answer["choices"][0]), "2 choices"),
        (lambda answer: answer.pop("choices"), "no choices"),
        (choice_with(finish_reason="content_filter"), "'content_filter'"),
        (choice_with(finish_reason=None), "None"),
        (choice_with(logprobs=None), "no log-probabilities"),
        (choice_with(logprobs={"token_logprobs": []}), "no log-probabilities"),
        (choice_with(logprobs={"token_logprobs": [-0.5]}), "tokens with 1 log-probabilities"),
        (choice_with(logprobs={"token_logprobs": [None] * 12}), "a log-probability of None"),
        (choice_with(logprobs={"token_logprobs": [float("nan")] * 12}), "a log-probability of nan"),
        (choice_with(logprobs={"token_logprobs": [-(10**400)]}), "a log-probability of -1000"),
        (choice_with(logprobs={"token_logprobs": [3.25]}), "a log-probability of 3.25"),
        (choice_with(token_ids=None), "no token_ids"),
        (choice_with(token_ids=["w1"]), "no token_ids"),
        (choice_with(token_ids=[9] * 13, logprobs={"token_logprobs": [-1] * 13}), "13 tokens, where at most 12"),
    ],
)
def test_an_answer_that_lacks_something_is_asked_for_once_more_and_then_a_named_shortfall(
    engine: ServerEngine, endpoint: ScriptedEndpoint, change: Callable[[dict[str, Any]], None], detail: str
) -> None:
    endpoint.faults[7] = [Fault(change=change)] * 2
    requests = [Request(token_ids=PROMPT, seeds=seeds, sampling=SAMPLED) for seeds in ((6, 7), (8,))]
    refused, served = generate(engine, requests)
    assert isinstance(refused, Refusal) and refused.reason == "no_completion"
    assert detail in refused.detail and len(refused.detail) < 400
    assert served == (completion(8),)
    assert sorted(endpoint.seeds()) == [6, 7, 7, 8]


@pytest.mark.parametrize(
    ("fault", "reason", "detail"),
    [
        (Fault(status=400, body=b'{"error": {"message": "bad prompt"}}'), "no_completion", "HTTP 400: bad prompt"),
        (Fault(status=422, body=b'{"detail": "no"}'), "no_completion", "HTTP 422"),
        (
            Fault(status=400, body=b'{"error": {"message": "maximum context length is 128 tokens"}}'),
            "prompt_too_long",
            "128 tokens",
        ),
        (Fault(status=400, body=b'{"error": {"code": "context_length_exceeded"}}'), "prompt_too_long", "HTTP 400"),
        (Fault(status=413, body=BROKEN), "prompt_too_long", "HTTP 413"),
        (
            Fault(change=choice_with(finish_reason="length", token_ids=[9, 9], logprobs={"token_logprobs": [-1, -1]})),
            "no_completion",
            "cut after 2 of 12 tokens",
        ),
    ],
)
def test_a_request_the_server_will_not_serve_is_refused_at_once(
    engine: ServerEngine, endpoint: ScriptedEndpoint, fault: Fault, reason: str, detail: str
) -> None:
    endpoint.faults[7] = [fault]
    refused, served = generate(engine, [Request(token_ids=PROMPT, seeds=(seed,), sampling=SAMPLED) for seed in (7, 8)])
    assert isinstance(refused, Refusal) and (refused.reason, detail in refused.detail) == (reason, True)
    assert served == (completion(8),)
    assert sorted(endpoint.seeds()) == [7, 8]


def test_a_request_that_breaks_a_working_server_is_refused_in_the_end(
    engine: ServerEngine, endpoint: ScriptedEndpoint
) -> None:
    endpoint.faults[7] = [Fault(status=500, body=b'{"error": "nan in logits"}')] * 100
    endpoint.faults[8] = [Fault(delay=0.3)]
    refused, served = generate(engine, [Request(token_ids=PROMPT, seeds=(seed,), sampling=SAMPLED) for seed in (7, 8)])
    assert isinstance(refused, Refusal) and refused.reason == "no_completion" and "nan in logits" in refused.detail
    assert served == (completion(8),)
    assert endpoint.seeds().count(7) >= INTERNAL_ERRORS


@pytest.mark.parametrize("wait", ["1", "Mon, 01 Jan 2035 00:00:00 GMT"])
def test_a_server_that_asks_to_wait_is_not_asked_before(
    tiny_model: Path, endpoint: ScriptedEndpoint, wait: str
) -> None:
    engine = load_engine(model_spec(tiny_model, server_spec(endpoint, patience=2)))
    endpoint.faults[7] = [Fault(status=429, headers={"Retry-After": wait})]
    before = time.monotonic()
    assert generate(engine, [Request(token_ids=PROMPT, seeds=(7,), sampling=SAMPLED)]) == [(completion(7),)]
    assert time.monotonic() - before > (1 if wait == "1" else 1.9), "a wait beyond all patience ends with it"
    engine.close()


def test_a_slow_answer_is_given_up_and_asked_for_again(tiny_model: Path, endpoint: ScriptedEndpoint) -> None:
    engine = load_engine(model_spec(tiny_model, server_spec(endpoint, timeout=0.5)))
    endpoint.faults[7] = [Fault(delay=30)]
    before = time.monotonic()
    assert generate(engine, [Request(token_ids=PROMPT, seeds=(7,), sampling=SAMPLED)]) == [(completion(7),)]
    assert time.monotonic() - before < 10
    engine.close()


# ---- the batch ends -------------------------------------------------------------------------------------------------


def test_when_patience_ends_all_answers_come_with_the_error(tiny_model: Path, endpoint: ScriptedEndpoint) -> None:
    engine = load_engine(model_spec(tiny_model, server_spec(endpoint, patience=1)))
    endpoint.faults[7] = [Fault(status=503, body=b'{"error": {"message": "shutting down"}}')] * 1000
    requests = [
        Request(token_ids=prompt, seeds=seeds, sampling=SAMPLED)
        for prompt, seeds in ((PROMPT, (6, 7)), ((), (1,)), (PROMPT, (8,)))
    ]
    before = time.monotonic()
    finished: list[Finished] = []
    with pytest.raises(EngineUnavailable, match=r"server\.patience=1 s.*HTTP 503: shutting down.*repeat the command"):
        for group in engine.stream([requests]):
            finished += group
    answers = {item.seed: item.answer for item in finished}
    assert (answers[6], answers[8], len(answers)) == (completion(6), completion(8), 3)
    assert isinstance(answers[1], Refusal) and answers[1].reason == "empty_prompt"
    assert 1 <= time.monotonic() - before < 5
    assert generate(engine, [Request(token_ids=PROMPT, seeds=(9,), sampling=SAMPLED)]) == [(completion(9),)], (
        "still usable"
    )
    engine.close()


@pytest.mark.slow
def test_a_server_that_answers_others_keeps_a_request_hoping(tiny_model: Path, endpoint: ScriptedEndpoint) -> None:
    """Patience counts from the last answer of any request, so a busy server is not taken for a dead one."""
    engine = load_engine(model_spec(tiny_model, server_spec(endpoint, patience=1.0, max_concurrency=2)))
    endpoint.faults[7] = [Fault(status=429)] * 3  # the third comes 1.75 s after the first, at the earliest
    for seed in range(10, 20):
        endpoint.faults[seed] = [Fault(delay=0.4)]
    [answer] = generate(engine, [Request(token_ids=PROMPT, seeds=(7, *range(10, 20)), sampling=SAMPLED)])
    assert answer == (completion(7), *(completion(seed) for seed in range(10, 20)))
    engine.close()


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "SURE_MATH_TEST_KEY .*is set, but not a key"),
        (403, "SURE_MATH_TEST_KEY"),
        (404, r"server\.url must end with the version.*server\.served_name"),
        (302, "check server.url"),
        (402, "HTTP 402: no credit"),
    ],
)
def test_what_no_further_try_can_mend_ends_the_batch_at_once_and_the_key_shows_nowhere(
    tiny_model: Path,
    endpoint: ScriptedEndpoint,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    status: int,
    message: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("SURE_MATH_TEST_KEY", f" {KEY}\n")
    spec = model_spec(tiny_model, server_spec(endpoint, key_variable="SURE_MATH_TEST_KEY", patience=60))
    engine = load_engine(spec)
    body = json.dumps({"error": {"message": f"no credit for {KEY}"}}).encode()
    endpoint.faults[7] = [Fault(status=status, body=body, delay=0.3)]
    before = time.monotonic()
    finished: list[Finished] = []
    with pytest.raises(EngineUnavailable, match=message) as error:
        for group in engine.stream([[Request(token_ids=PROMPT, seeds=(6, 7), sampling=SAMPLED)]]):
            finished += group
    assert time.monotonic() - before < 5
    assert [(item.seed, item.answer) for item in finished] == [(6, completion(6))]
    assert endpoint.keys == {f"Bearer {KEY}"}
    seen = [str(error.value), repr(error.value.__dict__), caplog.text, repr(engine.identity), repr(spec)]
    assert not any(KEY in text for text in seen)
    engine.close()


def test_without_a_key_none_is_sent(
    tiny_model: Path, endpoint: ScriptedEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SURE_MATH_TEST_KEY", raising=False)
    load_engine(model_spec(tiny_model, server_spec(endpoint, key_variable="SURE_MATH_TEST_KEY"))).close()
    assert endpoint.keys == {None}


def test_a_server_that_is_not_there_says_so(tiny_model: Path, endpoint: ScriptedEndpoint) -> None:
    spec = model_spec(tiny_model, server_spec(endpoint, patience=0.5))
    endpoint.close()
    with pytest.raises(EngineUnavailable, match=f"{endpoint.url}.*patience=0.5 s.*ConnectError"):
        load_engine(spec)


@pytest.mark.slow
def test_a_server_that_comes_back_is_waited_for(tiny_model: Path, endpoint: ScriptedEndpoint) -> None:
    engine = load_engine(model_spec(tiny_model, server_spec(endpoint)))
    endpoint.close()
    again: list[ScriptedEndpoint] = []
    timer = threading.Timer(1.0, lambda: again.append(ScriptedEndpoint(endpoint.encode, port=endpoint.port)))
    timer.start()
    [answer] = generate(engine, [Request(token_ids=PROMPT, seeds=(1, 2, 3), sampling=SAMPLED)])
    assert answer == (completion(1), completion(2), completion(3))
    engine.close()
    again[0].close()


def test_the_journal_keeps_what_was_answered_before_the_end(
    tiny_model: Path, endpoint: ScriptedEndpoint, tmp_path: Path
) -> None:
    journal, log = Journal(tmp_path / "journal"), CallLog(tmp_path / "calls.jsonl")
    responder = load_served(model_spec(tiny_model, server_spec(endpoint, patience=0.5)), enable_thinking=False)
    recorded = RecordedResponder(responder, role="teacher", journal=journal, log=log, batch_size=100, settings={})
    questions = [question("w1 w2", SAMPLED, seeds=(1, 2, 3)), question("w3", SAMPLED, seeds=(4, 5))]
    endpoint.faults[5] = [Fault(status=503)] * 100
    with pytest.raises(EngineUnavailable):
        recorded.ask(questions)
    assert len((tmp_path / "calls.jsonl").read_text().splitlines()) == 4
    endpoint.faults.clear()
    endpoint.tries.clear()
    assert [len(answer) for answer in recorded.ask(questions) if not isinstance(answer, Refusal)] == [3, 2]
    assert endpoint.seeds() == [5]
    recorded.close()


# ---- what is sent ---------------------------------------------------------------------------------------------------


def test_every_setting_of_a_completion_is_sent(engine: ServerEngine, endpoint: ScriptedEndpoint) -> None:
    """A field that is left out is filled in by the server, from the model's own generation config."""
    generate(engine, [Request(token_ids=PROMPT, seeds=(2**63 - 1,), sampling=SAMPLED)])
    assert endpoint.tries == [
        {
            "model": NAME,
            "prompt": list(PROMPT),
            "n": 1,
            "stream": False,
            "echo": False,
            "seed": 2**63 - 1,
            "max_tokens": 12,
            "min_tokens": 0,
            "temperature": 0.7,
            "top_p": 0.9,
            "top_k": 20,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "stop_token_ids": [END, SECOND_END],
            "ignore_eos": False,
            "add_special_tokens": False,
            "skip_special_tokens": False,
            "logprobs": 0,
            "return_token_ids": True,
        }
    ]


def test_requests_are_open_together_and_no_more_than_allowed(tiny_model: Path, endpoint: ScriptedEndpoint) -> None:
    engine = load_engine(model_spec(tiny_model, server_spec(endpoint, max_concurrency=7)))
    for seed in range(40):
        endpoint.faults[seed] = [Fault(delay=0.1)]
    [answer] = generate(engine, [Request(token_ids=PROMPT, seeds=tuple(range(40)), sampling=SAMPLED)])
    assert answer == tuple(completion(seed) for seed in range(40))
    assert endpoint.most_open == 7
    engine.close()


def test_it_works_inside_a_running_event_loop_and_from_several_threads(
    engine: ServerEngine, endpoint: ScriptedEndpoint
) -> None:
    def ask(seed: int) -> list[tuple[Completion, ...] | Refusal]:
        return generate(engine, [Request(token_ids=PROMPT, seeds=(seed,), sampling=SAMPLED)])

    async def inside() -> list[tuple[Completion, ...] | Refusal]:
        others = [asyncio.to_thread(ask, seed) for seed in range(2, 6)]
        return [*ask(1), *(answer for answers in await asyncio.gather(*others) for answer in answers)]

    assert asyncio.run(inside()) == [(completion(seed),) for seed in range(1, 6)]


def test_closing_ends_the_thread(tiny_model: Path, endpoint: ScriptedEndpoint) -> None:
    def threads() -> list[int | None]:
        return [thread.ident for thread in threading.enumerate() if thread.name == "endpoint"]

    before = threads()  # engines of other tests
    engine = load_engine(model_spec(tiny_model, server_spec(endpoint)))
    assert len(threads()) == len(before) + 1
    engine.close()
    engine.close()
    with pytest.raises(EngineUnavailable):
        load_engine(model_spec(tiny_model, server_spec(endpoint, served_name="other")))
    assert threads() == before


# ---- the start ------------------------------------------------------------------------------------------------------


def processed(body: dict[str, Any], answer: dict[str, Any]) -> None:
    """Log-probabilities after truncation: only one token is possible where top_p is tiny."""
    if body["top_p"] < 0.5:
        choice = answer["choices"][0]
        choice["logprobs"] = {"token_logprobs": [0.0] * len(choice["token_ids"])}


def certain(body: dict[str, Any], answer: dict[str, Any]) -> None:
    choice = answer["choices"][0]
    choice["logprobs"] = {"token_logprobs": [-1e-5] * len(choice["token_ids"])}


def without(name: str) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    return lambda body, answer: answer["choices"][0].pop(name)


def beginning(body: dict[str, Any], answer: dict[str, Any]) -> None:
    """A server that puts a begin token before prompts of tokens too."""
    if not isinstance(body["prompt"], str):
        answer["choices"][0]["prompt_token_ids"].insert(0, 3)


def never_stopping(body: dict[str, Any], answer: dict[str, Any]) -> None:
    answer["choices"][0]["finish_reason"] = "length"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("logprobs"), "no log-probabilities.*vLLM 0.10.2 or later.*server.api=chat"),
        (without("token_ids"), "no token_ids.*return_token_ids"),
        (without("prompt_token_ids"), "no token_ids.*return_token_ids"),
        (processed, "are processed, not raw; start it with --logprobs-mode raw_logprobs.*logprob_mode=processed"),
        (beginning, "changes a prompt of tokens"),
        (never_stopping, "does not stop at stop_token_ids"),
        (lambda body, answer: answer["choices"].clear(), "0 choices"),
    ],
)
def test_a_server_whose_answers_are_not_enough_is_refused_at_the_start(
    tiny_model: Path,
    endpoint: ScriptedEndpoint,
    change: Callable[[dict[str, Any], dict[str, Any]], None],
    message: str,
) -> None:
    endpoint.change = change
    with pytest.raises(EngineUnavailable, match=f"server {endpoint.url}: .*{message}"):
        load_engine(model_spec(tiny_model, server_spec(endpoint)))


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ({"data": [{"id": "a"}, {"id": "b"}]}, "no model 'scripted'; it serves a, b: set server.served_name"),
        ({"data": []}, "it serves none"),
        ({"models": []}, "gives no list"),
        ([], "gives no list"),
        (None, "HTTP 404.*must end with the version"),
    ],
)
def test_a_model_that_is_not_served_is_refused_at_the_start(
    tiny_model: Path, endpoint: ScriptedEndpoint, models: Any, message: str
) -> None:
    endpoint.models = models
    for api in ("completions", "chat"):
        with pytest.raises(EngineUnavailable, match=message):
            load_served(model_spec(tiny_model, server_spec(endpoint, api=api)), enable_thinking=False)


def test_another_tokenizer_is_refused_at_the_start(tiny_model: Path, endpoint: ScriptedEndpoint) -> None:
    other = ScriptedEndpoint(lambda text: [*endpoint.encode(text), 9])
    with pytest.raises(EngineUnavailable, match=r"another tokenizer.*name the model it serves"):
        load_engine(model_spec(tiny_model, server_spec(other)))
    other.close()


@pytest.mark.parametrize(
    ("change", "declared", "found"),
    [
        (processed, "processed", "processed"),
        (lambda body, answer: None, "raw", "raw"),
        (certain, "processed", "processed"),  # cannot be told apart, so the config's word stands
        (certain, "raw", "raw"),
        (processed, "raw", None),
        (lambda body, answer: None, "processed", None),
    ],
)
def test_the_mode_of_the_log_probabilities_is_the_one_declared(
    tiny_model: Path,
    endpoint: ScriptedEndpoint,
    change: Callable[[dict[str, Any], dict[str, Any]], None],
    declared: str,
    found: str | None,
) -> None:
    endpoint.change = change
    spec = model_spec(tiny_model, server_spec(endpoint), options={"logprob_mode": declared})
    if found is None:
        with pytest.raises(EngineUnavailable, match=f"not {declared}"):
            load_engine(spec)
        return
    engine = load_engine(spec)
    assert engine.identity.logprob_mode == model_identity(spec).logprob_mode == found
    engine.close()


@pytest.mark.parametrize(
    ("changes", "server", "message"),
    [
        ({"max_model_len": POSITIONS + 1}, {}, "max_model_len 129: the server has only 128"),
        ({"options": {"max_num_seqs": 3}}, {}, "'max_num_seqs': the server engine has logprob_mode, extensions"),
        ({"options": {"logprob_mode": "none"}}, {}, "logprob_mode='none': use one of raw, processed"),
        ({}, {"url": "localhost:8000/v1"}, "it looks like http://host:8000/v1"),
        ({}, {"url": "http://"}, "it looks like http://host:8000/v1"),
        ({}, {"url": f"http://me:{KEY}@host/v1"}, "server.key_variable"),
        ({}, {"url": f"http://host/v1?key={KEY}"}, "server.key_variable"),
        ({"server": None}, {}, "engine=server and server.url=... go together"),
        ({"engine": "transformers"}, {}, "engine=server and server.url=... go together"),
    ],
)
def test_settings_that_cannot_be_used_say_why(
    tiny_model: Path, endpoint: ScriptedEndpoint, changes: dict[str, Any], server: dict[str, Any], message: str
) -> None:
    with pytest.raises(EngineUnavailable, match=message) as error:
        load_engine(model_spec(tiny_model, server_spec(endpoint, **server), **changes))
    assert KEY not in str(error.value)


def test_a_key_that_no_header_can_carry_is_not_shown(
    tiny_model: Path, endpoint: ScriptedEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\r\nHost: elsewhere")
    with pytest.raises(EngineUnavailable, match="OPENAI_API_KEY holds characters") as error:
        load_engine(model_spec(tiny_model, server_spec(endpoint)))
    assert KEY not in str(error.value)


@pytest.mark.parametrize(("models", "config", "positions"), [(40, None, 40), (None, None, POSITIONS), (100, 60, 60)])
def test_the_length_is_the_configs_else_the_servers_else_the_tokenizers_models(
    tiny_model: Path, endpoint: ScriptedEndpoint, models: int | None, config: int | None, positions: int
) -> None:
    endpoint.models["data"][0]["max_model_len"] = models
    engine = load_engine(model_spec(tiny_model, server_spec(endpoint), max_model_len=config))
    fits, over = (Request(token_ids=(9,) * (positions - 12 + more), seeds=(1,), sampling=SAMPLED) for more in (0, 1))
    served, refused = generate(engine, [fits, over])
    assert isinstance(refused, Refusal) and refused.reason == "prompt_too_long"
    assert served == (completion(1, prompt=fits.token_ids),)
    engine.close()


# ---- identity -------------------------------------------------------------------------------------------------------


def test_the_identity_needs_no_server_and_no_weights_and_not_the_address(tiny_model: Path, tmp_path: Path) -> None:
    tokenizer_only = shutil.copytree(tiny_model, tmp_path / "copy", ignore=shutil.ignore_patterns("*.safetensors"))

    def identity(folder: Path = tiny_model, revision: str | None = None, **server: Any) -> Any:
        address = {"url": "http://nowhere.invalid/v1", "served_name": "big"} | server
        return model_identity(model_spec(folder, ServerSpec(**address), revision=revision))

    first = identity()
    assert (first.name, first.engine.split()[0], first.logprob_mode) == (str(tiny_model), "server", "raw")
    same = [
        identity(url="http://elsewhere.invalid:9/v1", max_concurrency=1, key_variable="X", patience=0, timeout=1),
        identity(tokenizer_only),
    ]
    assert {item.fingerprint for item in same} == {first.fingerprint}
    (tokenizer_only / "chat_template.jinja").write_text("another")
    others = [identity(revision="v2"), identity(served_name="small"), identity(tokenizer_only), identity(api="chat")]
    assert len({item.fingerprint for item in [first, *others]}) == 5


@pytest.mark.parametrize("api", ["completions", "chat"])
def test_a_config_leads_to_the_model(tiny_model: Path, endpoint: ScriptedEndpoint, api: Any) -> None:
    server = ServerConfig(url=endpoint.url, api=api, served_name=NAME, patience=5)
    identity, starter = resolve_model(ModelConfig(model=str(tiny_model), engine="server", server=server))
    assert not endpoint.tries, "what was answered before needs no server"
    responder = starter()
    [[reply]] = responder.ask([question("w1 w2", SAMPLED)])  # type: ignore[misc]
    assert isinstance(reply, Reply) and reply.token_count * LOGPROB_PER_TOKEN == reply.sum_logprob
    assert responder.identity == identity
    responder.close()


def test_an_engine_needs_an_endpoint_of_tokens(tiny_model: Path, endpoint: ScriptedEndpoint) -> None:
    spec = model_spec(tiny_model, server_spec(endpoint, api="chat"))
    with pytest.raises(EngineUnavailable, match=r"needs server\.api=completions"):
        load_engine(spec)
