"""The chat responder, against an endpoint that makes mistakes and against vLLM's server.

Pinned: every setting that is sent; which questions and answers are refused; what the start-up probe refuses; chat and
completions of vLLM's server give the same replies.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sure_math.models.engines import EngineUnavailable, Refusal, Sampling
from sure_math.models.engines.spec import ServerSpec
from sure_math.models.responders.chat import Reply
from sure_math.models.responders.server_chat import load_served
from tests.helpers.scripted_endpoint import NAME, Fault, ScriptedEndpoint
from tests.helpers.served_models import choice_with, model_spec, question, server_spec
from tests.helpers.tiny_model import POSITIONS
from tests.helpers.vllm_server import SERVED_NAME, VllmServer

SAMPLED = Sampling(max_new_tokens=12, temperature=0.7, top_p=0.9, top_k=20)


@pytest.mark.parametrize("extensions", [True, False])
def test_every_setting_of_a_chat_is_sent(endpoint: ScriptedEndpoint, extensions: bool) -> None:
    spec = model_spec("any-name", server_spec(endpoint, api="chat"), options={"extensions": extensions})
    responder = load_served(spec, enable_thinking=True)
    endpoint.tries.clear()
    sampling = dataclasses.replace(SAMPLED, top_k=0)
    responder.ask([question("w1 w2", sampling, seeds=(5,))])
    own = {
        "model": NAME,
        "messages": [{"role": "user", "content": "w1 w2"}],
        "n": 1,
        "stream": False,
        "seed": 5,
        "max_completion_tokens": 12,
        "temperature": 0.7,
        "top_p": 0.9,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "logprobs": True,
    }
    further = {
        "top_k": 0,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "chat_template_kwargs": {"enable_thinking": True},
    }
    assert endpoint.tries == [own | further if extensions else own]
    if not extensions:
        with pytest.raises(EngineUnavailable, match="top_k=20"):
            responder.ask([question("w1 w2", SAMPLED)])
    responder.close()


def test_a_chat_refuses_what_it_cannot_answer(endpoint: ScriptedEndpoint) -> None:
    responder = load_served(model_spec("any-name", server_spec(endpoint, api="chat")), enable_thinking=False)
    long = "w1 " * (POSITIONS - SAMPLED.max_new_tokens)
    endpoint.faults[5] = [Fault(change=choice_with(message={"content": None}, finish_reason="stop"))] * 2
    endpoint.faults[6] = [Fault(change=choice_with(logprobs={"content": [{"token": "w1"}]}))] * 2
    blank, fits, over, silent, bare = responder.ask(
        [
            question(" ", SAMPLED),
            question(long, SAMPLED),
            question(long + "w2", SAMPLED),
            question("w1", SAMPLED, (5,)),
            question("w1", SAMPLED, (6,)),
        ]
    )
    assert isinstance(blank, Refusal) and blank.reason == "empty_prompt"
    assert not isinstance(fits, Refusal) and len(fits) == 1
    assert isinstance(over, Refusal) and over.reason == "prompt_too_long" and str(POSITIONS) in over.detail
    assert isinstance(silent, Refusal) and silent.detail == "no text in an answer"
    assert isinstance(bare, Refusal) and bare.detail == "a log-probability of None"
    responder.close()


@pytest.mark.parametrize(("characters", "stored"), [(1024, True), (1025, False), (20_000_000, False)])
def test_a_text_longer_than_its_tokens_can_be_is_not_stored(
    endpoint: ScriptedEndpoint, characters: int, stored: bool
) -> None:
    responder = load_served(model_spec("any-name", server_spec(endpoint, api="chat")), enable_thinking=False)
    long = choice_with(
        message={"content": "x" * characters},
        logprobs={"content": [{"token": "x", "logprob": -0.5}]},
        finish_reason="stop",
    )
    endpoint.faults[5] = [Fault(change=long)]
    [answer] = responder.ask([question("w1", SAMPLED, (5,))])
    responder.close()
    if stored:
        assert not isinstance(answer, Refusal) and [len(reply.text) for reply in answer] == [1024]
    else:
        assert isinstance(answer, Refusal) and answer.reason == "no_completion"
        assert f"a text of {characters:,} characters for 1 tokens, where at most 1,024" in answer.detail


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda body, answer: answer["choices"][0].pop("logprobs"), "server.api=chat.*no log-probabilities"),
        (
            lambda body, answer: [
                entry.update(logprob=-0.001 if body["top_p"] < 0.5 else -0.5)
                for entry in answer["choices"][0]["logprobs"]["content"]
            ],
            "are processed, not raw",
        ),
    ],
)
def test_a_chat_endpoint_whose_answers_are_not_enough_is_refused_at_the_start(
    endpoint: ScriptedEndpoint, change: Callable[[dict[str, Any], dict[str, Any]], None], message: str
) -> None:
    endpoint.change = change
    with pytest.raises(EngineUnavailable, match=message):
        load_served(model_spec("any-name", server_spec(endpoint, api="chat")), enable_thinking=False)


def test_a_chat_endpoint_of_openais_own_fields_says_what_to_set(endpoint: ScriptedEndpoint) -> None:
    endpoint.faults[0] = [Fault(status=400, body=b'{"error": {"message": "Unknown parameter: top_k"}}')]
    with pytest.raises(EngineUnavailable, match=r"Unknown parameter: top_k.*engine_options\.extensions=false"):
        load_served(model_spec("any-name", server_spec(endpoint, api="chat")), enable_thinking=False)


@pytest.mark.vllm
def test_chat_and_completions_give_the_same_replies(tiny_model: Path, vllm_server: VllmServer) -> None:
    """The server's template and tokenizer are the local ones, so only special tokens in the text may differ.

    Equal counts show that vLLM lists the stop token among the log-probabilities of a chat.
    """
    sampling = dataclasses.replace(SAMPLED, max_new_tokens=40, temperature=1.0)
    questions = [question(text, sampling, seeds=tuple(range(20))) for text in ("w1 w2", "w40 w3 w3")]
    server = ServerSpec(url=vllm_server.url, served_name=SERVED_NAME)
    answers = []
    for api in ("completions", "chat"):
        spec = model_spec(tiny_model, dataclasses.replace(server, api=api))
        responder = load_served(spec, enable_thinking=False)
        answers.append([reply for replies in responder.ask(questions) for reply in replies])  # type: ignore[union-attr]
        responder.close()
    for ours, theirs in zip(*answers, strict=True):
        assert isinstance(ours, Reply) and isinstance(theirs, Reply)
        assert (ours.token_count, ours.finish_reason) == (theirs.token_count, theirs.finish_reason)
        assert ours.sum_logprob == pytest.approx(theirs.sum_logprob, abs=2e-3)
        assert [word for word in ours.text.split() if "think>" not in word] == theirs.text.split()
    assert {reply.finish_reason for reply in answers[0]} == {"stop", "length"}


@pytest.mark.vllm
def test_vllm_refuses_a_chat_that_is_too_long(tiny_model: Path, vllm_server: VllmServer) -> None:
    """vLLM itself would shorten the answers to the first one without a word."""
    server = ServerSpec(url=vllm_server.url, served_name=SERVED_NAME, api="chat")
    responder = load_served(model_spec(tiny_model, server), enable_thinking=False)
    for words in (POSITIONS - 10, POSITIONS + 10):
        [refusal] = responder.ask([question("w1 " * words, SAMPLED, seeds=(1, 2))])
        assert isinstance(refusal, Refusal) and refusal.reason == "prompt_too_long"
    responder.close()
