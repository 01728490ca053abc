"""A finished dataset of pocket-world problems and short local runs on it, for the tests of the trainer.

python -m tests.helpers.short_training_runs    writes `short_runs.json` again: say in the commit why
"""

import io
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from sure_math.identity import digest
from sure_math.models.engines.files import fingerprint_of, load_tokenizer
from sure_math.models.engines.pocket_files import pocket_folder
from sure_math.models.responders.chat import Chat
from sure_math.pocket.world import WorldProblem, draw_core, is_held_out, to_problem
from sure_math.publication.facts import ModelFacts
from sure_math.publication.publish import publish
from sure_math.publication.shard_rows import ShardRows
from sure_math.publication.tables import SCHEMAS
from sure_math.rows import Split
from tests.helpers.small_published_run import a_problem, a_shard, an_uncertainty, some_facts
from uopd.config import TrainConfig, load_config
from uopd.dataset import PoolRow
from uopd.run.folder import EVALUATIONS, METRICS, read_lines
from uopd.run.open_run import open_run
from uopd.train import train

SHORT = (
    "run.steps=3",
    "data.samples=1920",
    "data.prompts_per_step=4",
    "data.drop_unlabelled=false",
    "rollouts.per_prompt=2",
    "rollouts.max_new_tokens=32",
    "teacher.top_k=64",
    "optimizer.learning_rate=3e-4",
    "batch.max_tokens=4096",
    "eval.every=0",
    "checkpoint.every=0",
    "log.tensorboard=false",
)
"""Three steps of eight short responses of the pocket student, in this process."""
WEIGHTS = (1.0, 0.75, 0.5, 0.25, 0.0)
"""Of training problems, in turn."""
SAMPLES = 8
"""N of every problem."""
RECORDED = {"uopd": 4, "filter": 1, "grpo": 2, "opsd": 1, "sampled": 1}
"""Steps of the runs in `short_runs.json`."""
COMPARED = (
    *("loss", "cross_entropy", "kl", "truncation_floor", "student_mass", "agreement", "student_logprob"),
    *("teacher_logprob", "clipped", "gradient_norm", "mean_weight", "effective_prompts", "learning_rate", "reward"),
    *("response_tokens", "truncated"),
)
SHORT_RUNS = Path(__file__).parent / "short_runs.json"
"""Written by `python -m tests.helpers.short_training_runs`."""
TRAIN_FILE = "data/train-00000.parquet"
TIMES = {"seconds", "tokens_per_second", "peak_bytes"}
"""Metrics that two equal runs need not share."""


def world_problems(count: int, split: Split, families: frozenset[str] = frozenset()) -> list[WorldProblem]:
    """Distinct easy problems, of some families or (none named) of all."""
    problems: dict[str, WorldProblem] = {}
    index = 0
    while len(problems) < count:
        instance = draw_core(Random(f"tests/{split}/{index}"), 1)
        index += 1
        if is_held_out(instance) == (split == "test") and instance.family in (families or {instance.family}):
            problem = to_problem(instance, "easy")
            problems.setdefault(problem.problem, problem)
    return list(problems.values())


def write_dataset(
    folder: Path,
    *,
    train: int = 12,
    test: int = 4,
    families: frozenset[str] = frozenset(),
    weights: Sequence[float] = WEIGHTS,
    teacher: str = "pocket:teacher",
    fingerprint: str | None = None,
) -> Path:
    """A finished dataset as the build writes it, labelled and solved; the teacher's fingerprint is its real one."""
    shards: list[ShardRows] = []
    counts: dict[Split, int] = {"train": train, "test": test}
    for split, count in counts.items():
        for index, problem in enumerate(world_problems(count, split, families)):
            name = f"{split}-{index}"
            weight = weights[index % len(weights)]
            row = a_problem(
                name, problem=problem.problem, answer=problem.answer, solution=problem.solution, split=split
            )
            uncertain = an_uncertainty(
                name, weight=weight, majority_share=(1 + 7 * weight) / SAMPLES, num_samples=SAMPLES
            )
            shards.append(a_shard(row, (problem.answer,) * SAMPLES, (0,) * SAMPLES, uncertain, greedy=problem.answer))
    model = ModelFacts(
        role="teacher",
        name=teacher,
        fingerprint=fingerprint_of(pocket_folder("teacher")) if fingerprint is None else fingerprint,
        engine="transformers 5",
        logprob_mode="raw",
    )
    publish(shards, replace(some_facts(), models=(model,)), folder)
    return folder


def short_config(data: Path, *overrides: str) -> TrainConfig:
    """A short local run on a dataset."""
    return load_config("pocket-local", [*SHORT, f"data.path={data}", *overrides])


def train_run(config: TrainConfig, out: Path) -> str:
    """A whole run in this process; what it printed."""
    stream = io.StringIO()
    with open_run(config, out, Console(file=stream, width=200)) as run:
        train(run)
    return stream.getvalue()


def metrics_of(out: Path) -> list[dict[str, Any]]:
    return read_lines(out / METRICS)


def computed(out: Path) -> dict[str, Any]:
    """All that a run computed."""
    files = [*out.glob("model/*.safetensors"), *out.glob("rollouts/*"), *out.glob("checkpoints/*/student/*")]
    return {
        "metrics": [{key: line[key] for key in line.keys() - TIMES} for line in metrics_of(out)],
        "evaluations": read_lines(out / EVALUATIONS),
        **{str(path.relative_to(out)): path.read_bytes() for path in files},
    }


def change_rows(dataset: Path, change: Callable[[int, dict[str, Any]], dict[str, Any]]) -> None:
    """Rewrite the training problems of a dataset; every column may then be null."""
    path = dataset / TRAIN_FILE
    rows = [change(index, row) for index, row in enumerate(pq.read_table(path).to_pylist())]
    schema = pa.schema([field.with_nullable(True) for field in SCHEMAS["train"] if field.name in rows[0]])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)


def a_student(folder: Path, **changes: Any) -> Path:
    """The pocket student with another configuration."""
    shutil.copytree(pocket_folder("student"), folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))
    return folder


def a_row(name: str, **changes: Any) -> PoolRow:
    """One problem of a pool."""
    values: dict[str, Any] = {
        "problem_id": name,
        "problem": f"What is {name}?",
        "answer": "4",
        "solution": "It is \\boxed{4}.",
        "tier": "easy",
        "weight": 1.0,
        "majority_share": 1.0,
        "num_samples": SAMPLES,
    }
    return PoolRow(**(values | changes))


def pocket_chat() -> Chat:
    """The chat template of the pocket models."""
    return Chat(load_tokenizer(pocket_folder("student")), name="pocket:student", template_options={})


def short_runs(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Per method the numbers of a run of `RECORDED` steps, with a digest of the responses."""
    data = write_dataset(folder / "data")
    numbers: dict[str, list[dict[str, Any]]] = {}
    for method, steps in RECORDED.items():
        out = folder / method
        config = short_config(data, f"method={method}", f"run.steps={steps}", "rollouts.per_prompt=3")
        train_run(config, out)
        numbers[method] = [
            {
                "responses": digest(pq.read_table(path, columns=["response_ids"]).to_pylist()),
                **{name: line[name] for name in COMPARED if name in line},
            }
            for path, line in zip(sorted((out / "rollouts").iterdir()), metrics_of(out), strict=True)
        ]
    return numbers


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        SHORT_RUNS.write_text(json.dumps(short_runs(Path(temporary)), indent=1) + "\n", encoding="utf-8")
