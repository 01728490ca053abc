"""A resumed run does not ask again for responses that it already has.

Pinned: a run killed after 900 of 1,003 responses repeats at most the requests that were unanswered at that moment; a
response is known by model, prompt, settings, problem and number, so only a change of these asks again; a resumed run of
Transformers draws other random numbers than the first run; the scores are those of a run that was never killed.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from sure_math.identity import digest
from tests.helpers.evaluations import CompletionsServer, WrittenModel, benchmark_file, evaluate
from tests.helpers.repository import ROOT

CONCURRENT = 8
RUN = """
import sys
from tests.helpers.evaluations import evaluate
url, tokenizer, exam, cache, concurrent = sys.argv[1:]
arguments = {"model": "served", "base_url": url, "tokenizer": tokenizer, "tokenizer_backend": "huggingface"}
result = evaluate(
    "local-completions",
    "sure_math",
    metadata={"data": exam},
    model_args={**arguments, "num_concurrent": int(concurrent), "max_length": 512},
    gen_kwargs={"max_gen_toks": 100},
    use_cache=cache,
)
print(result["sure_math"]["responses"], result["results"]["sure_math"]["avg@16,none"])
"""


def start(server: CompletionsServer, model: Path, problems_file: Path, cache: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RUN, server.url, str(model), str(problems_file), str(cache), str(CONCURRENT)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.slow
def test_a_killed_run_repeats_at_most_what_was_on_its_way(tiny_model: Path, tmp_path: Path) -> None:
    rows = [
        {"id": f"p{number}", "problem": f"w{9 + number // 8} w{9 + number % 8}", "answer": "1"} for number in range(59)
    ]
    problems_file, total = benchmark_file(tmp_path, rows), 59 * 17
    server = CompletionsServer(
        lambda body: rf"\boxed{{{int(digest([body['prompt'], body['seed']])[:2], 16) % 3}}}", delay=0.01
    )
    try:
        first = start(server, tiny_model, problems_file, tmp_path / "cache")
        while server.answered < 900:
            assert first.poll() is None, first.communicate()
            time.sleep(0.005)
        first.send_signal(signal.SIGKILL)
        first.wait()
        requests_before = len(server.bodies)
        assert 900 <= requests_before < total - CONCURRENT, "killed in the middle"
        second = start(server, tiny_model, problems_file, tmp_path / "cache")
        output, errors = second.communicate(timeout=300)
        assert second.returncode == 0, errors
        repeated = len(server.bodies) - total
        assert 0 <= repeated <= CONCURRENT, repeated
        texts = {json.dumps(body): server.text(body) for body in server.bodies if body["temperature"] == 1.2}
        expected = sum(text == r"\boxed{1}" for text in texts.values()) / (59 * 16)
        assert len(texts) == 59 * 16 and float(output.split()[-1]) == pytest.approx(expected)
    finally:
        server.close()


def numbered(prompt: str, settings: dict[str, Any], number: int) -> str:
    return rf"{number}: \boxed{{{number % 2}}}"


def test_a_response_is_known_by_everything_it_depends_on(tmp_path: Path) -> None:
    problems_file = str(benchmark_file(tmp_path, [{"id": "a", "problem": "one", "answer": "1"}]))
    cache = str(tmp_path / "cache")

    def responses_of(*tasks: str, name: str = "m", data: str = problems_file, **named: Any) -> dict[str, int]:
        model = WrittenModel(numbered)
        model.model = name
        tasks = tasks or ("sure_math",)
        results = evaluate(model, *tasks, metadata={"data": data}, use_cache=cache, **named)
        assert len(model.asked) == results["sure_math"]["responses"]["generated"]
        return dict(results["sure_math"]["responses"])

    assert responses_of() == {"generated": 17, "from_journal": 0}
    assert responses_of() == {"generated": 0, "from_journal": 17}
    assert responses_of(gen_kwargs={"max_gen_toks": 99})["generated"] == 17
    assert responses_of(name="another")["generated"] == 17
    assert responses_of(system_instruction="Be brief.")["generated"] == 17
    longer = [{"id": "a", "problem": "one", "answer": "1"}, {"id": "b", "problem": "two", "answer": "0"}]
    assert responses_of(data=str(benchmark_file(tmp_path, longer, "longer.jsonl"))) == {
        "generated": 17,
        "from_journal": 17,
    }


LONG = 3
"""Two random samples of so many words, out of a vocabulary of 64, are not equal by chance."""


def test_a_resumed_run_of_transformers_draws_new_random_numbers(tiny_model: Path, tmp_path: Path) -> None:
    """lm-eval seeds torch with the same number at every start: samples 8 to 15 would repeat samples 0 to 7."""
    problems_file = str(benchmark_file(tmp_path, [{"id": "a", "problem": "w9 w10", "answer": "1"}]))
    arguments = {"pretrained": str(tiny_model), "dtype": "float32"}

    def run(cache: Path) -> dict[str, Any]:
        return evaluate(
            "hf",
            "sure_math",
            metadata={"data": problems_file},
            model_args=arguments,
            gen_kwargs={"max_gen_toks": 8},
            use_cache=str(cache),
            device="cpu",
            batch_size=4,
        )

    def samples(results: dict[str, Any]) -> list[str]:
        return [response for [response] in results["samples"]["sure_math"][0]["resps"][1:]]

    whole = samples(run(tmp_path / "whole"))
    with sqlite3.connect(tmp_path / "whole.responses.db") as journal:
        journal.execute("DELETE FROM replies WHERE key IN (SELECT key FROM replies LIMIT 8)")
    resumed = run(tmp_path / "whole")
    assert resumed["sure_math"]["responses"] == {"generated": 8, "from_journal": 9}
    # This model ends some samples early, and short samples can be equal by chance. Longer samples are not.
    for texts in (whole, samples(resumed)):
        long = [text for text in texts if len(text.split()) >= LONG]
        assert len(long) == len(set(long)) >= 2
    assert samples(run(tmp_path / "again")) == whole, "the same command gives the same samples"
    endings = [graded["finish_reason"] for graded in resumed["samples"]["sure_math"][0]["responses"]["graded"]]
    assert set(endings) == {"length", "stop"}
