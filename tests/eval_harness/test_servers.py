r"""lm-eval's server back ends: a scripted endpoint, and vLLM's own on a CPU.

Pinned: each sample of a problem has its own seed, which is the same in every run; settings that the server would fill
in by itself are sent; it is known why a response ended; a server is caught that returns fewer samples, or equal
samples.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eval_harness.backends import ServerError
from eval_harness.generate import GenerationError
from sure_math.identity import digest
from tests.helpers.evaluations import CompletionsServer, benchmark_file, evaluate
from tests.helpers.vllm_server import SERVED_NAME, VllmServer

ROWS = [{"id": f"p{number}", "problem": f"w{number + 9} w{number + 20}", "answer": "1"} for number in range(3)]


@pytest.fixture
def server() -> Iterator[CompletionsServer]:
    """A server that uses seeds: its text depends on prompt and seed."""
    server = CompletionsServer(lambda body: rf"\boxed{{{digest([body['prompt'], body['seed']])[:12]}}}")
    yield server
    server.close()


@pytest.fixture
def problems_file(tmp_path: Path) -> Path:
    return benchmark_file(tmp_path, ROWS)


def ask(server: CompletionsServer, model: Path, problems_file: Path, **named: Any) -> dict[str, Any]:
    arguments = {"model": "served", "base_url": server.url, "tokenizer": str(model), "max_retries": 1}
    arguments |= {"tokenizer_backend": "huggingface", "num_concurrent": 8, "max_length": 512} | named.pop(
        "arguments", {}
    )
    named = {"gen_kwargs": {"max_gen_toks": 100}, **named}
    return evaluate(
        "local-completions", "sure_math", metadata={"data": str(problems_file)}, model_args=arguments, **named
    )


def test_every_sample_has_a_seed_of_its_own(server: CompletionsServer, tiny_model: Path, problems_file: Path) -> None:
    results = ask(server, tiny_model, problems_file)
    assert results["results"]["sure_math"]["distinct@16,none"] == 16
    assert len(server.bodies) == len({body["seed"] for body in server.bodies}) == 3 * 17
    first = sorted(body["seed"] for body in server.bodies)
    server.bodies.clear()
    ask(server, tiny_model, problems_file)
    assert sorted(body["seed"] for body in server.bodies) == first


def test_settings_a_server_would_fill_in_are_sent(
    server: CompletionsServer, tiny_model: Path, problems_file: Path
) -> None:
    results = ask(server, tiny_model, problems_file)
    sampled = [body for body in server.bodies if body["temperature"] == 1.2]
    assert len(sampled) == 48 and len(server.bodies) == 51
    for body in sampled:
        assert (body["top_p"], body["top_k"], body["min_p"], body["repetition_penalty"]) == (0.95, -1, 0.0, 1.0)
    assert {body["max_tokens"] for body in server.bodies} == {100}
    sent = results["sure_math"]["tasks"]["sure_math"]["sent"]["sampled"]
    assert (sent["temperature"], sent["top_p"], sent["top_k"]) == (1.2, 0.95, -1)


def test_why_a_response_ended_comes_from_the_server(
    server: CompletionsServer, tiny_model: Path, problems_file: Path
) -> None:
    server.text = lambda body: f"no box {body['seed']}"
    server.change = lambda reply: reply["choices"][0].update(finish_reason="length")
    summary = ask(server, tiny_model, problems_file)["sure_math"]["tasks"]["sure_math"]
    assert summary["outcomes"]["sampled"]["truncated"] == 48
    assert summary["mean_tokens"] == {"greedy": 7.0, "sampled": 7.0}


def test_a_server_that_ignores_seeds_is_reported(
    server: CompletionsServer, tiny_model: Path, problems_file: Path
) -> None:
    server.text = lambda body: r"\boxed{1}"
    notes = ask(server, tiny_model, problems_file)["sure_math"]["notes"]
    assert any("IDENTICAL SAMPLES" in note and "the server uses `seed`" in note for note in notes)


@pytest.mark.parametrize("concurrent", [1, 8])
def test_a_server_that_gives_fewer_samples_stops_the_run(
    server: CompletionsServer, tiny_model: Path, problems_file: Path, concurrent: int
) -> None:
    server.change = lambda reply: reply["choices"].clear()
    with pytest.raises(
        ServerError, match=r"returned 0 of 1 samples that were requested.* Missing samples are not counted"
    ):
        ask(server, tiny_model, problems_file, arguments={"num_concurrent": concurrent})


def test_lm_evals_short_default_length_is_refused(
    server: CompletionsServer, tiny_model: Path, problems_file: Path
) -> None:
    """By default lm-eval assumes that a server has 2,048 positions, and would cut the prompt to nothing."""
    with pytest.raises(
        GenerationError, match=r"max_gen_toks = 8192 do not fit into the 511 positions .* max_length=\.\.\."
    ):
        ask(server, tiny_model, problems_file, gen_kwargs={})
    assert server.bodies == []


@pytest.mark.vllm
@pytest.mark.parametrize("api", ["completions", "chat"])
def test_vllm_gives_sixteen_samples_of_every_problem_that_are_not_copies(
    api: str, tiny_model: Path, vllm_server: VllmServer, problems_file: Path, tmp_path: Path
) -> None:
    """The model's `generation_config.json` sets top-k 1, which would make every sample equal to the greedy response."""
    arguments: dict[str, Any] = {"model": SERVED_NAME, "num_concurrent": 16, "max_length": 128}
    if api == "completions":
        arguments |= {"base_url": f"{vllm_server.url}/completions", "tokenizer": str(tiny_model)}
        arguments |= {"tokenizer_backend": "huggingface"}
    else:
        arguments |= {"base_url": f"{vllm_server.url}/chat/completions"}
    results = evaluate(
        f"local-{'chat-' * (api == 'chat')}completions",
        "sure_math",
        metadata={"data": str(problems_file)},
        model_args=arguments,
        gen_kwargs={"max_gen_toks": 24},
        apply_chat_template=True,
        use_cache=str(tmp_path / "cache"),
    )
    logged = results["samples"]["sure_math"]
    for problem in logged:
        token_counts = [graded["token_count"] for graded in problem["responses"]["graded"]]
        samples = [response for [response] in problem["resps"][1:]]
        long = [sample for sample, count in zip(samples, token_counts[1:], strict=True) if count > 3]
        # This model ends one sample in ten at once, and such samples are equal: empty.
        assert len(long) == len(set(long)) >= 6 and len(set(samples)) >= 10, samples
        assert all(token_counts)
    distinct = [problem["responses"]["distinct"] for problem in logged]
    assert results["results"]["sure_math"]["distinct@16,none"] == pytest.approx(sum(distinct) / 3)
    endings = {graded["finish_reason"] for problem in logged for graded in problem["responses"]["graded"]}
    assert endings == {"length", "stop"}
    assert results["sure_math"]["responses"] == {"generated": 51, "from_journal": 0}
    json.dumps(results["sure_math"])
