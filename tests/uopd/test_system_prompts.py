"""The system prompt of a seed, from a file of conversations to a trained student.

Five rows, of which two have one text and other system prompts: they are two problems in the dataset, in both exports,
in training, in the exam of the trainer, and in an evaluation of the dataset.
"""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from sure_math.export import export
from sure_math.models.engines.files import fingerprint_of
from sure_math.models.engines.pocket_files import pocket_folder
from sure_math.prompts.template import solve_messages
from sure_math.publication.published import open_dataset
from tests.helpers.evaluations import WrittenModel, evaluate
from tests.helpers.scripted_build import Scripted, run
from tests.helpers.short_training_runs import pocket_chat, short_config, train_run
from uopd.dataset import load_dataset_folder
from uopd.run.folder import EVALUATIONS, METRICS, read_lines

TEACHER = "pocket:teacher"
TEXT = "What is 3 + 9?"
ROWS: list[tuple[str | None, str, str, str]] = [
    ("Answer in base 8.", TEXT, "14", "train"),
    ("Answer in base 10.", TEXT, "12", "train"),
    (None, "What is 4 + 4?", "8", "train"),
    ("Answer in base 8.", "What is 5 + 5?", "12", "test"),
    (None, "What is 7 + 7?", "14", "test"),
]
"""System prompt, text, answer, split."""
INSTRUCTION = "Please reason step by step, and put your final answer within \\boxed{}."


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset, made by a whole build whose models answer by a script."""
    folder = tmp_path_factory.mktemp("system")
    lines = []
    for system, text, answer, split in ROWS:
        turns = [{"role": "user", "content": text}]
        if system is not None:
            turns.insert(0, {"role": "system", "content": system})
        lines.append(json.dumps({"messages": turns, "answer": answer, "split": split}))
    seeds = folder / "conversations.jsonl"
    seeds.write_text("\n".join(lines) + "\n")
    models = Scripted(
        scripts={TEACHER: lambda question, seed: r"so \boxed{14}"}, fingerprint=fingerprint_of(pocket_folder(TEACHER))
    )
    run(folder / "sure-math", f"seeds.path={seeds}", f"teacher.model={TEACHER}", load=models)
    asked = {tuple(turn.content for turn in question.messages) for question in models.responders[TEACHER].asked}
    assert asked == {
        tuple(part for part in (system, f"{text}\n\n{INSTRUCTION}") if part is not None) for system, text, _, _ in ROWS
    }
    return folder / "sure-math"


def test_each_row_is_a_problem_with_its_system_prompt(built: Path) -> None:
    dataset = open_dataset(built)
    rows = list(dataset.problems(("train", "test"), ["problem_id", "system", "problem", "answer"]))
    assert [(row["system"], row["problem"], row["answer"], split) for split, row in rows] == ROWS
    samples = list(dataset.rows("samples", ["problem_id"]))
    assert {row["problem_id"] for _, row in rows} == {sample["problem_id"] for sample in samples}
    assert "- 3 of 5 problems come with a **system prompt**" in (built / "README.md").read_text()


@pytest.mark.parametrize("to", ["trl", "verl"])
def test_an_export_asks_with_it(built: Path, tmp_path: Path, to: str) -> None:
    folder = export(built, to, tmp_path / to).folder
    prompts = pq.read_table(folder / "train.parquet")["prompt"].to_pylist()
    assert [[turn["content"] for turn in prompt] for prompt in prompts] == [
        [part for part in (system, f"{text}\n\n{INSTRUCTION}") if part is not None]
        for system, text, _, split in ROWS
        if split == "train"
    ]


def test_the_student_is_trained_and_examined_with_it(built: Path, tmp_path: Path) -> None:
    settings = ("run.steps=1", "data.samples=12", "data.prompts_per_step=12", "eval.every=1", "eval.problems=2")
    config = short_config(built, *settings, "prompts=default")
    train_run(config, tmp_path / "run")
    assert read_lines(tmp_path / "run" / METRICS)[0]["response_tokens"] > 0
    assert [line["problems"] for line in read_lines(tmp_path / "run" / EVALUATIONS)] == [2, 2]
    ids = {row.problem_id for row in load_dataset_folder(built).train}
    (file,) = (tmp_path / "run" / "rollouts").glob("step-*.parquet")
    assert set(pq.read_table(file)["problem_id"].to_pylist()) == ids


def test_an_evaluation_of_the_dataset_asks_with_it(built: Path) -> None:
    answers = {f"{system}{text}": answer for system, text, answer, split in ROWS if split == "test"}
    asked: list[str] = []

    def answer(prompt: str, settings: dict[str, Any], number: int) -> str:
        asked.append(prompt)
        return r"\boxed{12}" if "base 8" in prompt else r"\boxed{14}"

    results = evaluate(WrittenModel(answer), "sure_math", metadata={"data": str(built)}, apply_chat_template=True)
    assert results["results"]["sure_math"]["pass@1,none"] == 1 and len(answers) == 2
    assert sum(prompt.startswith("<|system|>Answer in base 8.<|user|>") for prompt in asked) == len(asked) // 2


def test_prompts_with_other_system_prompts_are_other_tokens(built: Path) -> None:
    rows = load_dataset_folder(built).train
    chat = pocket_chat()
    assert len({chat.encode(solve_messages(row.problem, row.system, "{problem}")) for row in rows}) == 3
