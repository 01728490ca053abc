"""The commands that are killed, and whose folders are damaged: what each is given, and how to read what it has made."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.measuring.journals import read_journal
from sure_math.identity import digest
from sure_math.pocket.world import draw_core, to_problem
from sure_math.storage.output_folder import WORK
from tests.helpers.evaluations import CompletionsServer, benchmark_file
from tests.helpers.scripted_endpoint import NAME, ScriptedEndpoint
from tests.helpers.short_training_runs import SHORT, TIMES, computed, metrics_of, write_dataset
from tests.helpers.tiny_model import save_tiny_model
from tests.helpers.whole_build import BATCH_SIZE, logged, published, write_build
from uopd.run.folder import EVALUATIONS, MODEL, read_lines

TABLES = ("train", "test", "samples", "rejected")
DELAY = 0.01
"""Seconds that a scripted server takes to answer, so that kills find requests in flight."""
QUESTION = "What is"
"""Is in every problem of the scripted endpoint."""
VLLM_PROBLEMS = 40
CONCURRENT = 4
"""Requests that are in flight to a scripted server."""
LOGS = ("metrics", "evaluations")
"""What a training has made that are lines of a log."""
LOCAL_STEPS, RAY_STEPS = 6, 3


@dataclass(frozen=True, kw_only=True)
class Work:
    """A command that goes on when it is repeated."""

    name: str
    module: str
    """Run as `python -m module`."""
    arguments: Sequence[str]
    """All but the output folder."""
    out_option: str
    made: Callable[[Path], dict[str, Any]]
    """Reads what the command has made in its output folder: name -> rows, numbers or bytes."""
    made_of_damaged: Callable[[Path], dict[str, Any]]
    """The same of a folder that was damaged, without what no later step reads again."""
    asked: Callable[[Path], list[str]] = lambda out: []
    """Keys of the requests that were asked since the folder is there, in order."""
    forget: Callable[[], None] = lambda: None
    """Called before the command is given a new folder: a server forgets what it was asked."""
    stored: Callable[[Path], set[str]] = lambda out: set()
    """Keys of the requests whose answers are on the disk, of those in `asked`."""
    samples_alike: bool = True
    """Whether what is sampled again is sampled alike."""
    environment: Mapping[str, str] = field(default_factory=dict)
    close: Callable[[], None] = lambda: None

    def command(self, out: Path) -> list[str]:
        """The arguments of the command, with its output folder."""
        return [*self.arguments, self.out_option, str(out)]


def _tables(out: Path) -> dict[str, Any]:
    return {table: published(out, table) for table in TABLES}


def build_of_all_phases(folder: Path) -> Work:
    """A build of all phases with a tiny model under transformers; its call log counts the requests."""
    config = write_build(folder, save_tiny_model(folder / "tiny"))
    return Work(
        name="build, models in the process",
        module="sure_math.build",
        arguments=["--config", str(config)],
        out_option="--out",
        made=_tables,
        made_of_damaged=_tables,
        asked=lambda out: [key for _, key in logged(out)],
        stored=lambda out: {key.hex() for key, _, _ in read_journal(out / WORK / "journal.sqlite")},
    )


def named_in(replies: Sequence[str]) -> set[str]:
    """Return the keys of the requests that are named in replies."""
    return {key for reply in replies for key in re.findall(r"[0-9a-f]{64}", reply)}


def boxed_reply(body: dict[str, Any], answer: dict[str, Any]) -> None:
    """Let the scripted endpoint answer with one of three numbers, by the request alone, and name the request."""
    time.sleep(DELAY)
    key = _chat_key(body)
    answer["choices"][0]["message"]["content"] = rf"Request {key}: it is \boxed{{{int(key[:4], 16) % 3}}}."


def _chat_key(body: Mapping[str, Any]) -> str:
    return digest([body["messages"], body["seed"]])


def endpoint() -> ScriptedEndpoint:
    """A scripted endpoint for chats."""
    server = ScriptedEndpoint(lambda text: [ord(sign) % 50 for sign in text][:20])
    server.models = {"object": "list", "data": [{"id": NAME, "max_model_len": 100_000}]}
    server.change = boxed_reply
    return server


def served_settings(url: str, seeds: Path) -> list[str]:
    """Settings of a build whose teacher is behind the scripted endpoint."""
    return [
        *("--config", "annotate", f"seeds.path={seeds}", "teacher.model=scripted", "teacher.engine=server"),
        *(f"teacher.server.url={url}", "teacher.server.api=chat", f"teacher.server.served_name={NAME}"),
        *("teacher.server.patience=0", f"teacher.server.max_concurrency={CONCURRENT}", "decontaminate.skip=all"),
        *("sample.num_samples=4", "sample.max_new_tokens=64", "run.shard_size=4", f"run.batch_size={BATCH_SIZE}"),
    ]


def write_seeds(folder: Path) -> Path:
    """Write twelve problems."""
    rows = [{"problem": f"{QUESTION} {number} + {number % 7}?", "answer": str(number % 3)} for number in range(12)]
    seeds = folder / "seeds.jsonl"
    seeds.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return seeds


def served_build(folder: Path) -> Work:
    """A build whose teacher is behind an HTTP endpoint of this process, which counts the requests."""
    seeds, server = write_seeds(folder), endpoint()

    def asked(out: Path) -> list[str]:
        tries = [(body["messages"][-1]["content"], body) for body in list(server.tries)]
        # Each start asks a few requests more, to see how the server answers.
        return [_chat_key(body) for text, body in tries if QUESTION in text]

    return Work(
        name="build, models behind a server",
        module="sure_math.build",
        arguments=served_settings(server.url, seeds),
        out_option="--out",
        made=_tables,
        made_of_damaged=_tables,
        asked=asked,
        stored=lambda out: named_in([reply for _, reply, _ in read_journal(out / WORK / "journal.sqlite")]),
        forget=server.tries.clear,
        close=server.close,
    )


def vllm_build(folder: Path) -> Work:
    """A build whose teacher runs under vLLM in processes of its own; its call log counts the requests.

    vLLM may sample another text when a sample is asked again beside others, so the rows are known by their ids.
    """
    problems = [to_problem(draw_core(Random(f"vllm/{number}"), 1), "easy").problem for number in range(VLLM_PROBLEMS)]
    seeds = folder / "seeds.jsonl"
    seeds.write_text("".join(json.dumps({"problem": text}) + "\n" for text in dict.fromkeys(problems)), "utf-8")
    engine = "{enforce_eager: true, max_num_seqs: 16, kv_cache_memory_bytes: 134217728}"
    return Work(
        name="build, models under vLLM",
        module="sure_math.build",
        arguments=[
            *("--config", "annotate", f"seeds.path={seeds}", "prompts=pocket", "decontaminate.skip=all"),
            *("teacher.model=pocket:teacher", "teacher.engine=vllm", f"teacher.engine_options={engine}"),
            *("teacher.dtype=float32", "sample.num_samples=8", "sample.max_new_tokens=96", "run.shard_size=10"),
        ],
        out_option="--out",
        made=_ids,
        made_of_damaged=_ids,
        asked=lambda out: [key for _, key in logged(out)],
        stored=lambda out: {key.hex() for key, _, _ in read_journal(out / WORK / "journal.sqlite")},
        environment={"TORCH_COMPILE_DISABLE": "1"},
    )


def _ids(out: Path) -> dict[str, Any]:
    """Read the ids of the rows of every table, in their order."""
    names = ("problem_id", "sample_index")
    return {
        table: [{name: row[name] for name in names if name in row} for row in rows]
        for table, rows in _tables(out).items()
    }


def _trained(out: Path) -> dict[str, Any]:
    """Read the logs and the weights of a training, but not the rollouts and checkpoints of its steps."""
    weights = out / MODEL / "model.safetensors"
    return {
        "metrics": [{key: line[key] for key in line.keys() - TIMES} for line in metrics_of(out)],
        "evaluations": read_lines(out / EVALUATIONS),
        "weights": weights.read_bytes() if weights.is_file() else None,
    }


def local_training(folder: Path) -> Work:
    """A training of one process, on the pocket models."""
    data = write_dataset(folder / "data")
    settings = [f"run.steps={LOCAL_STEPS}", "checkpoint.every=2", "eval.every=4", "data.prompts_per_step=3"]
    return Work(
        name="training in one process",
        module="uopd.train",
        arguments=["--config", "pocket-local", *SHORT, f"data.path={data}", *settings],
        out_option="--out",
        made=computed,
        made_of_damaged=_trained,
    )


def ray_training(folder: Path) -> Work:
    """A training with everything real: the student under DeepSpeed, the teacher and a vLLM engine, in Ray actors.

    vLLM may sample other responses when a step is sampled again, so only what was learnt from the same responses can be
    compared: the steps, each once, and the rollouts that were logged before a kill.
    """
    data = write_dataset(folder / "data")
    settings = [f"run.steps={RAY_STEPS}", "checkpoint.every=1", "checkpoint.keep=3", "sync.tolerance_nats=1e-4"]
    memory = "rollouts.engine_options.kv_cache_memory_bytes=134217728"
    return Work(
        name="training with Ray, vLLM and DeepSpeed",
        module="uopd.train",
        arguments=["--config", "pocket", *SHORT, f"data.path={data}", *settings, memory],
        out_option="--out",
        made=computed,
        made_of_damaged=_trained,
        samples_alike=False,
        environment={"TORCH_COMPILE_DISABLE": "1"},
    )


def evaluation(folder: Path) -> Work:
    """An evaluation of a model behind a completions server of this process, which counts the requests."""
    model = save_tiny_model(folder / "tiny")
    rows = [{"id": f"p{number}", "problem": f"w{9 + number} w{10 + number}", "answer": "1"} for number in range(20)]
    exam = benchmark_file(folder, rows)

    def key_of(body: Mapping[str, Any]) -> str:
        return digest([body["prompt"], body["seed"], body["temperature"]])

    def reply(body: dict[str, Any]) -> str:
        key = key_of(body)
        return rf"Request {key}: it is \boxed{{{int(key[:4], 16) % 3}}}."

    server = CompletionsServer(reply, delay=DELAY)
    arguments = f"model=served,base_url={server.url},tokenizer={model},tokenizer_backend=huggingface"

    def asked(out: Path) -> list[str]:
        return [key_of(body) for body in list(server.bodies)]

    def stored(out: Path) -> set[str]:
        return named_in([reply for path in out.rglob("*.responses.db") for _, reply, _ in read_journal(path)])

    return Work(
        name="evaluation",
        module="eval_harness",
        arguments=[
            *("run", "--model", "local-completions", "--tasks", "math500", "--log_samples"),
            *("--model_args", f"{arguments},num_concurrent={CONCURRENT},max_length=512"),
            *("--metadata", json.dumps({"data": str(exam), "samples": 4}), "--gen_kwargs", "max_gen_toks=100"),
        ],
        out_option="--output_path",
        made=evaluated,
        made_of_damaged=evaluated,
        asked=asked,
        forget=server.bodies.clear,
        stored=stored,
        environment={"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"},
        close=server.close,
    )


def evaluated(out: Path) -> dict[str, Any]:
    """Read the newest results of an evaluation: its numbers, and each response with its grade."""
    results = sorted(out.rglob("results_*.json"))
    if not results:
        return {}
    found = json.loads(results[-1].read_text(encoding="utf-8"))
    samples = sorted(results[-1].parent.glob("samples_*.jsonl"))[-1:]
    rows = [row for path in samples for row in read_lines(path)]
    return {
        "results": found["results"],
        "samples": sorted(([row["doc_id"], row["resps"]] for row in rows), key=lambda row: row[0]),
    }


def differences(expected: Any, found: Any, tolerance: float, place: str = "") -> list[str]:
    """Name the places where two results differ; numbers may differ by `tolerance`.

    >>> differences({"a": [1.0, 2]}, {"a": [1.0 + 1e-9, 3]}, 1e-6)
    ['a/1']
    """
    parts: list[tuple[object, Any, Any]]
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        parts = [(name, expected.get(name), found.get(name)) for name in sorted({*expected, *found}, key=str)]
    elif isinstance(expected, (list, tuple)) and isinstance(found, (list, tuple)):
        if len(expected) != len(found):
            return [f"{place}: {len(expected)} became {len(found)}"]
        parts = [(number, *both) for number, both in enumerate(zip(expected, found, strict=True))]
    elif isinstance(expected, float) and isinstance(found, (float, int)):
        return [] if expected == found or abs(expected - found) <= tolerance else [place]
    else:
        return [] if expected == found else [place]
    inner = f"{place}/" if place else ""
    return [name for part, one, other in parts for name in differences(one, other, tolerance, f"{inner}{part}")]
