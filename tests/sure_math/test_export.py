"""Rows for other trainers, and the recipes beside them.

Pins: every column of both formats, row by row; the prompt is the one of the dataset; what happens to rows without an
answer; more rows than one batch; the files read back as TRL and verl read them; every error, and that none leaves a
folder behind; nothing is left half written. The code of the README and the recipe is what runs here: TRL's own trainer
for two steps, its gradient equal to the weighted mean of the rows' gradients for any split into batches, exactly zero
for weight 0, and for weight 1 that of TRL's trainer without weights; verl's reward on right and wrong answers.
"""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow.parquet as pq
import pytest

from sure_math.export import BATCH_ROWS, ExportError, export, main
from sure_math.publication.facts import RunFacts
from sure_math.publication.publish import publish
from sure_math.publication.published import DatasetError
from sure_math.storage.files import file_digest
from tests.helpers.small_published_run import a_problem, a_shard, an_uncertainty, some_facts

WEIGHTS = (1.0, 0.5, 0.25, 0.0)
PROMPT = "\n\nPlease reason step by step."


def dataset(folder: Path, *, weights: tuple[float, ...] = WEIGHTS, facts: RunFacts | None = None, **changes) -> Path:
    """A published dataset with one training problem per weight, the last without an answer, and one of the test."""
    shards = []
    for number, weight in enumerate(weights):
        open_ = number == len(weights) - 1
        problem = a_problem(
            f"p{number}",
            **{
                "answer": None if open_ else str(number),
                "answer_source": None if open_ else "source",
                "solution": None if open_ else f"so {number}",
                "source": "math",
                "overlaps": ("aime25",) if number == 1 else (),
                **changes,
            },
        )
        uncertainty = an_uncertainty(f"p{number}", weight=weight, semantic_entropy=round(0.6931 * (1 - weight), 4))
        shards.append(a_shard(problem, ("4", "4"), (0, 0), uncertainty, correct=None if open_ else True))
    held_out = a_problem("t", split="test")
    shards.append(a_shard(held_out, ("4", "4"), (0, 0), an_uncertainty("t")))
    publish(shards, facts or some_facts(), folder)
    return folder


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dataset(tmp_path_factory.mktemp("published") / "sure-math")


@pytest.fixture(scope="module")
def for_trl(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(published, "trl", tmp_path_factory.mktemp("trl") / "rows").folder


@pytest.fixture(scope="module")
def for_verl(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(published, "verl", tmp_path_factory.mktemp("verl") / "rows").folder


def test_two_rows_with_one_id_are_refused(tmp_path: Path) -> None:
    shards = [a_shard(a_problem("p"), ("4", "4"), (0, 0), an_uncertainty("p")) for _ in range(2)]
    publish(shards, some_facts(), tmp_path / "data")
    with pytest.raises(DatasetError, match=r"row 1 of the split train and row 2 .* have the same problem_id p; leave"):
        export(tmp_path / "data", "trl", tmp_path / "rows")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_rows_for_trl(for_trl: Path) -> None:
    rows = pq.read_table(for_trl / "train.parquet").to_pylist()
    assert [row["problem_id"] for row in rows] == ["p0", "p1", "p2", "p3"]
    assert rows[1] == {
        "problem_id": "p1",
        "prompt": [{"role": "user", "content": f"What is p1?{PROMPT}"}],
        "answer": "1",
        "solution": "so 1",
        "weight": 0.5,
        "semantic_entropy": 0.3466,
        "source": "math",
        "license": "apache-2.0",
        "overlaps": ["aime25"],
    }
    assert (rows[3]["answer"], rows[3]["solution"], rows[3]["weight"]) == (None, None, 0.0)


def test_rows_for_verl(for_verl: Path) -> None:
    rows = pq.read_table(for_verl / "train.parquet").to_pylist()
    # The row without an answer is left out: no rule can reward it.
    assert [row["extra_info"]["problem_id"] for row in rows] == ["p0", "p1", "p2"]
    assert rows[1] == {
        "data_source": "sure-math/math",
        "prompt": [{"role": "user", "content": f"What is p1?{PROMPT}"}],
        "ability": "math",
        "reward_model": {"style": "rule", "ground_truth": "1"},
        "extra_info": {
            "index": 1,
            "split": "train",
            "problem_id": "p1",
            "weight": 0.5,
            "semantic_entropy": 0.3466,
            "license": "apache-2.0",
            "overlaps": ["aime25"],
        },
    }


@pytest.mark.parametrize(("to", "unlabelled", "count"), [("trl", "drop", 3), ("trl", "keep", 4), ("verl", "keep", 4)])
def test_rows_without_an_answer(published: Path, tmp_path: Path, to: str, unlabelled: Any, count: int) -> None:
    made = export(published, to, tmp_path / "rows", unlabelled=unlabelled)
    rows = pq.read_table(made.folder / "train.parquet").to_pylist()
    assert made.rows == len(rows) == count
    assert ("without 1 rows" in made.readme) == (unlabelled == "drop")
    if to == "verl":
        assert [row["reward_model"]["ground_truth"] for row in rows] == ["0", "1", "2", ""]
        assert "**1 rows have no reference answer**" in made.readme


def test_the_test_split(published: Path, tmp_path: Path) -> None:
    made = export(published, "trl", tmp_path / "rows", split="test")
    assert [row["problem_id"] for row in pq.read_table(made.folder / "test.parquet").to_pylist()] == ["t"]
    assert sorted(path.name for path in made.folder.iterdir()) == [
        "README.md",
        "test.parquet",
        "weighted_distillation.py",
    ]


@pytest.mark.slow
def test_more_rows_than_a_batch(tmp_path: Path) -> None:
    count = 2 * BATCH_ROWS + 7
    folder = dataset(tmp_path / "sure-math", weights=tuple(number / count for number in range(count)))
    made = export(folder, "verl", tmp_path / "rows", unlabelled="keep")
    file = pq.ParquetFile(made.folder / "train.parquet")
    assert file.metadata.num_row_groups == 3
    infos = [row["extra_info"] for row in file.read(columns=["extra_info"]).to_pylist()]
    assert [info["index"] for info in infos] == list(range(count))
    assert [info["weight"] for info in infos] == [number / count for number in range(count)]


def test_stored_samples_leave_the_prompt_to_the_package(tmp_path: Path) -> None:
    import dataclasses

    folder = dataset(tmp_path / "sure-math", facts=dataclasses.replace(some_facts(), prompts={}))
    made = export(folder, "trl", tmp_path / "rows")
    (message,) = pq.read_table(made.folder / "train.parquet").to_pylist()[0]["prompt"]
    assert (
        message["content"] == "What is p0?\n\nPlease reason step by step, and put your final answer within \\boxed{}."
    )
    assert "does not say how they were asked for" in made.readme


def test_the_readme_names_what_is_in_the_rows(for_trl: Path, for_verl: Path) -> None:
    for folder, rows in ((for_trl, "4 rows of the split `train`"), (for_verl, "3 rows of the split `train`")):
        text = (folder / "README.md").read_text()
        assert rows in text and "`pocket:teacher`" in text and "1 rows overlap with a benchmark" in text


def test_command_line(published: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main([str(published), "--to", "trl", "--out", str(tmp_path / "rows")]) == 0
    printed = capsys.readouterr()
    assert printed.out.strip() == (tmp_path / "rows" / "README.md").read_text().strip()
    assert printed.err == f"{tmp_path / 'rows'}: 4 rows\n"
    assert main([str(published), "--to", "trl", "--out", str(tmp_path / "rows")]) == 1
    assert capsys.readouterr().err.startswith(f"error: --out {tmp_path / 'rows'}: exists already; remove it")


def test_default_folder_is_beside_the_dataset(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "sure-math")
    assert main([str(folder), "--to", "verl"]) == 0
    assert (tmp_path / "sure-math-verl" / "train.parquet").is_file()


def unfinished(folder: Path) -> dict:
    (folder / "manifest.json").unlink()
    return {}


def broken_manifest(folder: Path) -> dict:
    (folder / "manifest.json").write_text("[1]")
    return {}


def no_split(folder: Path) -> dict:
    return {"split": "validation"}


def changed_file(folder: Path) -> dict:
    path = folder / "data" / "train-00000.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    return {}


def missing_file(folder: Path) -> dict:
    (folder / "data" / "train-00000.parquet").unlink()
    return {}


ERRORS = {
    unfinished: "has no manifest.json: it is not a finished dataset; run `python -m sure_math.build` to its end first",
    broken_manifest: "manifest.json is not the manifest of a dataset; build the dataset again",
    no_split: "has no split 'validation': choose one of train, test",
    changed_file: "data/train-00000.parquet: missing or not as published",
    missing_file: "data/train-00000.parquet: missing or not as published",
}


@pytest.mark.parametrize(("spoil", "message"), ERRORS.items(), ids=[spoil.__name__ for spoil in ERRORS])
def test_errors_leave_nothing_behind(tmp_path: Path, spoil: Any, message: str) -> None:
    folder = dataset(tmp_path / "sure-math")
    settings = spoil(folder)
    with pytest.raises(ExportError) as error:
        export(folder, "trl", tmp_path / "rows", **settings)
    assert message in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["sure-math"]


def test_no_row_with_an_answer(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "sure-math", answer=None, answer_source=None)
    with pytest.raises(ExportError, match="no row of the split 'train' has a reference answer: use --unlabelled keep"):
        export(folder, "verl", tmp_path / "rows")
    assert [path.name for path in tmp_path.iterdir()] == ["sure-math"]
    assert export(folder, "verl", tmp_path / "rows", unlabelled="keep").rows == len(WEIGHTS)


def imported(path: Path) -> ModuleType:
    """The recipe beside the rows, as a user imports it."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_verl_reads_the_rows(for_verl: Path) -> None:
    """Restates what verl's RLHFDataset, collate_fn and NaiveRewardManager do with a row; verl itself is not run."""
    import datasets
    import numpy as np

    path = str(for_verl / "train.parquet")
    loaded = datasets.load_dataset("parquet", data_files=path)["train"]
    for row in loaded:
        assert [set(message) for message in row["prompt"]] == [{"role", "content"}]
        assert isinstance(row["extra_info"]["index"], int) and row["reward_model"]["style"] == "rule"
    columns = {name: [row[name] for row in loaded] for name in loaded.column_names}
    batch = {name: np.fromiter(values, dtype=object, count=len(loaded)) for name, values in columns.items()}
    compute_score = imported(for_verl / "weighted_reward.py").compute_score
    scores = []
    for place, response in enumerate((r"\boxed{0}", r"\boxed{\frac{2}{2}}", "2")):
        extra_info = batch["extra_info"][place]
        extra_info["num_turns"] = None
        scores.append(
            compute_score(
                data_source=batch["data_source"][place],
                solution_str=response,
                ground_truth=batch["reward_model"][place]["ground_truth"],
                extra_info=extra_info,
            )
        )
    # The last one is right and not in a box.
    assert scores == [{"score": 1.0, "acc": 1.0}, {"score": 0.5, "acc": 1.0}, {"score": 0.0, "acc": 0.0}]
    # Older versions read with pandas, where a list comes as an array.
    frame = pq.read_table(path).to_pandas()
    assert list(frame.columns) == ["data_source", "prompt", "ability", "reward_model", "extra_info"]
    assert [message["role"] for message in frame["prompt"][0]] == ["user"]


def test_a_verl_row_without_an_answer_is_never_right(for_verl: Path) -> None:
    compute_score = imported(for_verl / "weighted_reward.py").compute_score
    assert compute_score("sure-math/math", r"\boxed{}", "", {"weight": 1.0}) == {"score": 0.0, "acc": 0.0}


def pocket(role: str) -> str:
    from sure_math.models.engines.pocket_files import pocket_folder

    return str(pocket_folder(role))


@pytest.fixture
def trl_settings(tmp_path: Path) -> dict[str, Any]:
    """Settings of a TRL run on a CPU that takes one step and changes nothing: what counts is its gradient."""
    return {
        "output_dir": str(tmp_path / "student"),
        "beta": 0.0,
        "max_completion_length": 24,
        "top_k": 1,  # the same completions whatever the batch
        "max_grad_norm": 0.0,
        "learning_rate": 0.0,
        "max_steps": 1,
        "use_cpu": True,
        "bf16": False,
        "report_to": "none",
        "save_strategy": "no",
        "disable_tqdm": True,
        "gradient_checkpointing": False,
        "shuffle_dataset": False,
    }


def gradient(trainer_type: type, rows: Any, settings: dict[str, Any]) -> Any:
    """All parameters' gradients of one optimizer step, in one vector."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import DistillationConfig

    taken: list[Any] = []

    class Take(TrainerCallback):
        def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
            grads = [torch.zeros_like(item) if item.grad is None else item.grad for item in model.parameters()]
            taken.append(torch.cat([grad.detach().flatten().clone() for grad in grads]))

    student, teacher = (
        AutoModelForCausalLM.from_pretrained(pocket(role), dtype="float32") for role in ("student", "teacher")
    )
    trainer = trainer_type(
        model=student,
        teacher_model=teacher,
        args=DistillationConfig(**settings),
        train_dataset=rows,
        processing_class=AutoTokenizer.from_pretrained(pocket("student"), padding_side="left"),
        callbacks=[Take()],
    )
    trainer.train()
    (vector,) = taken
    return vector


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:TRL currently supports vLLM")
def test_trl_multiplies_the_loss_of_a_row_by_its_weight(for_trl: Path, trl_settings: dict[str, Any]) -> None:
    import datasets
    import torch
    from trl import DistillationTrainer

    weighted = imported(for_trl / "weighted_distillation.py").WeightedDistillationTrainer
    rows = datasets.load_dataset("parquet", data_files=str(for_trl / "train.parquet"), split="train")
    assert rows["weight"] == list(WEIGHTS)
    one_row = trl_settings | {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 1}
    # TRL's own trainer, which knows no weights, on each row alone.
    plain = [gradient(DistillationTrainer, rows.select([place]), one_row) for place in range(4)]
    assert min(vector.norm() for vector in plain) > 0
    torch.testing.assert_close(gradient(weighted, rows.select([0]), one_row), plain[0])
    assert not gradient(weighted, rows.select([3]), one_row).any()
    expected = sum(weight * vector for weight, vector in zip(WEIGHTS, plain, strict=True)) / len(WEIGHTS)
    for size, steps in ((4, 1), (2, 2), (1, 4)):
        split = trl_settings | {"per_device_train_batch_size": size, "gradient_accumulation_steps": steps}
        gradient_of_both = gradient(weighted, rows, split)
        assert (gradient_of_both - expected).norm() <= 1e-5 * expected.norm(), (size, steps)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:TRL currently supports vLLM")
def test_the_code_of_the_readme_trains(for_trl: Path, trl_settings: dict[str, Any], monkeypatch) -> None:
    """As it stands, but for the names of the models and settings of a machine without a GPU."""
    monkeypatch.chdir(for_trl)
    monkeypatch.syspath_prepend(str(for_trl))
    (code,) = re.findall(r"```python\n(.*?)```", (for_trl / "README.md").read_text(), re.DOTALL)
    code = code.replace("Qwen/Qwen3-1.7B", pocket("student")).replace('"pocket:teacher"', repr(pocket("teacher")))
    names = ("output_dir", "use_cpu", "bf16", "report_to", "save_strategy", "disable_tqdm")
    our_settings = "".join(f"    {name}={trl_settings[name]!r},\n" for name in names)
    code = code.replace('    output_dir="student",\n', our_settings + "    max_steps=2,\n")
    code = code.replace("max_completion_length=4096", "max_completion_length=24")
    code = code.replace("gradient_accumulation_steps=64", "gradient_accumulation_steps=2")
    namespace: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), namespace)
    trainer = namespace["trainer"]
    assert trainer.state.global_step == 2
    losses = [entry["train_loss"] for entry in trainer.state.log_history if "train_loss" in entry]
    assert len(losses) == 1 and 0 < losses[0] < 100


@pytest.mark.parametrize("to", ["trl", "verl"])
def test_the_system_prompt_is_in_the_prompt(tmp_path: Path, to: str) -> None:
    published = dataset(tmp_path / "data", system="Answer in base 8.")
    made = export(published, to, tmp_path / "rows", unlabelled="keep")
    prompts = pq.read_table(made.folder / "train.parquet")["prompt"].to_pylist()
    assert [[turn["role"] for turn in prompt] for prompt in prompts] == [["system", "user"]] * len(WEIGHTS)
    assert {prompt[0]["content"] for prompt in prompts} == {"Answer in base 8."}


def test_a_dataset_of_an_early_version_is_exported_without_system_prompts(tmp_path: Path) -> None:
    published = dataset(tmp_path / "data")
    (file,) = (published / "data").glob("train-*.parquet")
    pq.write_table(pq.read_table(file).drop_columns(["system"]), file)
    manifest = json.loads((published / "manifest.json").read_text())
    manifest["dataset"]["files"][file.name] = file_digest(file)
    (published / "manifest.json").write_text(json.dumps(manifest))
    made = export(published, "trl", tmp_path / "rows")
    roles = [
        [turn["role"] for turn in row] for row in pq.read_table(made.folder / "train.parquet")["prompt"].to_pylist()
    ]
    assert roles == [["user"]] * len(WEIGHTS)
