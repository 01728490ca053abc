"""A real model, SmolLM2-135M-Instruct, through everything: chat template, vLLM, Phase 1, rewards, a step of training,
lm-eval. The other tests run on pocket models and random ones.

Pins: the conversation as the model's own template writes it; what the model is known to say; a build with `--config
small` and the model from a folder under vLLM, with greedy answers and log-probabilities of transformers; weights that
follow from the stored samples; rewards of real texts; a step of `--config small` in which the teacher is the student;
a task of lm-eval with its samples in the log.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from sure_math.entropy import semantic_entropy
from sure_math.models.engines import Refusal, Sampling
from sure_math.models.engines.files import load_tokenizer
from sure_math.models.engines.spec import ModelSpec
from sure_math.models.responders.chat import Chat, ChatResponder, Message, Question, Reply, load_responder
from tests.helpers.evaluations import benchmark_file
from tests.helpers.repository import ROOT
from uopd.rollouts.rewards import rewards
from uopd.run.folder import METRICS, read_lines

pytestmark = [pytest.mark.vllm, pytest.mark.slow]

ANSWERS = (5, 12, 31, 48)
SAMPLES = 12
"""Of a problem. The model puts the answer into a box, as it is told to, in about one of three."""
NEW_TOKENS = 24
LOGPROB_TOLERANCE = 0.02
"""Nats over a reply of up to 24 tokens, both engines in float32."""


def problem_of(answer: int) -> str:
    return rf"Copy this text: The answer is \boxed{{{answer}}}."


def run(folder: Path, module: str, *arguments: str) -> str:
    """Run a command of the package as a user does; return what it prints."""
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        # vLLM would compile two small functions of its sampler, which takes longer than these replies.
        "TORCH_COMPILE_DISABLE": "1",
    }
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=800, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-8000:]}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def responder(real_model: Path) -> ChatResponder:
    return load_responder(ModelSpec(model=str(real_model), dtype="float32"))


def greedy_replies(responder: ChatResponder, texts: Sequence[str]) -> list[Reply]:
    greedy = Sampling(max_new_tokens=NEW_TOKENS, temperature=0.0)
    questions = [
        Question(messages=(Message(role="user", content=text),), seeds=(0,), sampling=greedy) for text in texts
    ]
    answers = responder.ask(questions)
    return [answer[0] for answer in answers if not isinstance(answer, Refusal)]


@pytest.fixture(scope="module")
def built(real_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset of a build with `--config small`: every model is SmolLM2, the problems are ours, nothing evolves."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "prompts").mkdir()
    (folder / "prompts" / "solve.txt").write_text("{problem}")
    rows = [{"id": str(answer), "problem": problem_of(answer), "answer": str(answer)} for answer in ANSWERS]
    (folder / "problems.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = ["seeds.source=file", "seeds.path=problems.jsonl", "seeds.curated=false", "prompts=prompts"]
    settings += ["evolve.enabled=false", "decontaminate.skip=all"]
    settings += [f"sample.num_samples={SAMPLES}", f"sample.max_new_tokens={NEW_TOKENS}"]
    for role in ("teacher", "judge"):
        # Small enough for a machine on which other tests run; float32 as in the comparison below.
        settings += [f"{role}.model={real_model}", f"{role}.dtype=float32", f"{role}.max_model_len=512"]
        settings += [f"{role}.engine_options.kv_cache_memory_bytes=268435456"]
    run(folder, "sure_math.build", "--config", "small", "--out", "data", *settings)
    return folder


def rows_of(folder: Path, table: str) -> list[dict[str, Any]]:
    [file] = (folder / "data" / "data").glob(f"{table}-*.parquet")
    rows: list[dict[str, Any]] = pq.read_table(file).to_pylist()
    return rows


def samples_of(folder: Path) -> Mapping[str, list[dict[str, Any]]]:
    """Problem id -> its rows; the first one is greedy."""
    samples: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows_of(folder, "samples"), key=lambda row: row["sample_index"]):
        samples.setdefault(row["problem_id"], []).append(row)
    return samples


def test_the_conversation_is_that_of_the_models_template(real_model: Path) -> None:
    tokenizer = load_tokenizer(real_model)
    chat = Chat(tokenizer, name="smollm2", template_options={"enable_thinking": False})
    text = tokenizer.decode(chat.encode([Message(role="user", content="What is 2 + 3?")]))
    assert text == (
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\nWhat is 2 + 3?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_the_model_says_what_it_is_known_to_say(responder: ChatResponder) -> None:
    replies = greedy_replies(responder, ["What is 2 + 3?", "What is 10 divided by 2?"])
    assert [(reply.text, reply.finish_reason) for reply in replies] == [
        ("2 + 3 = 5", "stop"),
        ("10 divided by 2 is 5.", "stop"),
    ]


def test_vllm_gives_the_greedy_answers_and_log_probabilities_of_transformers(
    built: Path, responder: ChatResponder
) -> None:
    stored = {rows[0]["problem_id"]: rows[0] for rows in samples_of(built).values()}
    problems = {row["problem_id"]: row["problem"] for row in rows_of(built, "train")}
    assert stored.keys() == problems.keys() and len(problems) == len(ANSWERS)
    for problem_id, reply in zip(problems, greedy_replies(responder, list(problems.values())), strict=True):
        row = stored[problem_id]
        assert (row["sample_index"], row["text"], row["token_count"]) == (-1, reply.text, reply.token_count)
        assert row["sum_logprob"] == pytest.approx(reply.sum_logprob, abs=LOGPROB_TOLERANCE)


def test_weights_follow_from_the_samples(built: Path) -> None:
    samples = samples_of(built)
    weights = []
    for row in rows_of(built, "train"):
        inside = samples[row["problem_id"]][1:]
        assert [sample["sample_index"] for sample in inside] == list(range(SAMPLES))
        expected = semantic_entropy(
            [sample["cluster_id"] for sample in inside],
            [sample["sum_logprob"] for sample in inside],
            [sample["token_count"] for sample in inside],
            answers=[sample["answer"] for sample in inside],
        )
        assert row["weight"] == pytest.approx(expected.weight, abs=1e-9)
        weights.append(row["weight"])
    assert 0 < max(weights) < 1, "no problem has two boxed answers, or all samples of a problem agree"
    manifest = json.loads((built / "data" / "manifest.json").read_text())
    [teacher] = [model for model in manifest["models"] if model["role"] == "teacher"]
    assert teacher["engine"].startswith("vllm") and teacher["logprob_mode"] == "raw"


def test_rewards_of_real_texts(built: Path) -> None:
    rows = rows_of(built, "train")
    answers = {row["problem_id"]: row["answer"] for row in rows}
    texts = [(sample["text"], answers[key]) for key, samples in samples_of(built).items() for sample in samples]
    boxed = [float(rf"\boxed{{{answer}}}" in text) for text, answer in texts]
    assert rewards([text for text, _ in texts], [answer for _, answer in texts]) == boxed
    assert {0.0, 1.0} == set(boxed)


def test_a_step_of_training_with_the_student_as_its_own_teacher(built: Path, real_model: Path) -> None:
    settings = ["data.path=data", "prompts=prompts", f"student.model={real_model}", f"teacher.model={real_model}"]
    settings += [
        "run.steps=1",
        "data.prompts_per_step=4",
        "rollouts.per_prompt=2",
        "eval.every=0",
        "batch.max_tokens=512",
    ]
    settings += [f"rollouts.max_new_tokens={NEW_TOKENS}", "rollouts.engine_options.max_batch_tokens=4096"]
    run(built, "uopd.train", "--config", "small", "--out", "trained", *settings)
    [step] = read_lines(built / "trained" / METRICS)
    # Two models with the same weights differ by what rounding makes of other batches. What is left of the KL divergence
    # is the mass outside the teacher's top 512 of 49,152.
    assert step["kl"] == pytest.approx(step["truncation_floor"], abs=1e-3)
    assert step["student_mass"] == pytest.approx(step["teacher_mass"], abs=1e-3)
    assert step["student_logprob"] == pytest.approx(step["teacher_logprob"], abs=0.01)
    assert 0.8 < step["student_mass"] < 1 and step["agreement"] > 0.98
    assert step["gradient_norm"] > 0 and step["response_tokens"] > 8
    assert 0 < step["mean_weight"] < 1
    assert (built / "trained" / "model" / "config.json").is_file()


def test_a_task_of_lm_eval(real_model: Path, tmp_path: Path) -> None:
    rows = [{"id": str(answer), "problem": problem_of(answer), "answer": str(answer)} for answer in ANSWERS[:2]]
    data = benchmark_file(tmp_path, rows)
    model = f"pretrained={real_model},dtype=float32"
    arguments = ["--model", "hf", "--model_args", model, "--device", "cpu", "--batch_size", "17", "--limit", "2"]
    arguments += ["--tasks", "sure_math", "--apply_chat_template", "--gen_kwargs", f"max_gen_toks={NEW_TOKENS}"]
    arguments += ["--metadata", json.dumps({"data": {"sure_math": str(data)}})]
    arguments += ["--output_path", "out", "--log_samples", "--use_cache", "out/responses"]
    assert "|pass@1" in run(tmp_path, "eval_harness", "run", *arguments)
    [file] = (tmp_path / "out").rglob("samples_sure_math_*.jsonl")
    logged = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert [len(problem["resps"]) for problem in logged] == [17, 17]
    for problem in logged:
        assert "<|im_start|>user\n" in json.dumps(problem["arguments"]).replace("\\n", "\n")
        assert len({str(response) for response in problem["resps"]}) > 1
