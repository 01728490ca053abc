"""Whole runs with the pocket models in one process, and the command line.

Pins: the numbers of short runs of five methods, against `short_runs.json`; the mean reward of GRPO rises; what the
folder of a run holds, and that the exported student loads, with its numbers on its card; a batch of weight 0, responses
of length 0 and responses cut at the limit are remarked on and passed over; a command that is run twice computes the
same, also if its student has dropout; everything that is refused at the start; a text of log-probabilities that shows a
sync to have failed; `--dry-run`.
"""

import errno
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel

from sure_math.command_line.settings import ConfigError
from sure_math.models.engines.pocket_files import pocket_folder
from tests.helpers.short_training_runs import (
    RECORDED,
    SHORT,
    SHORT_RUNS,
    a_student,
    computed,
    metrics_of,
    short_config,
    short_runs,
    train_run,
    write_dataset,
)
from uopd.config import load_config
from uopd.run.checks import RefusedError, check_layout
from uopd.run.training_run import TrainingRun
from uopd.train import main
from uopd.weight_sync.in_step import OutOfStep, StepCheck

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("train") / "data")


@pytest.mark.slow
def test_short_runs_have_the_numbers_that_were_recorded(tmp_path: Path) -> None:
    runs, expected = short_runs(tmp_path), json.loads(SHORT_RUNS.read_text())
    assert runs.keys() == expected.keys() == RECORDED.keys()
    for method, lines in expected.items():
        for step, (line, recorded) in enumerate(zip(runs[method], lines, strict=True)):
            # Every token as it was; sums of float32 differ in the last bits from one kind of CPU to the next (up to
            # 3e-6 of a loss between AVX-512, AVX2 and none, and 5e-8 of a mass, which is all of a truncation floor).
            whole = {key: value for key, value in recorded.items() if isinstance(value, (int, str))}
            assert {key: line[key] for key in whole} == whole, (method, step)
            for key in recorded.keys() - whole.keys():
                assert line[key] == pytest.approx(recorded[key], rel=1e-5, abs=1e-7), (method, step, key)
            assert line.keys() == recorded.keys()


@pytest.mark.slow
def test_the_reward_of_grpo_rises(tmp_path: Path) -> None:
    """Six problems that the student solves half of the time; each of four seeds went from 0.39-0.58 to 0.92-0.97."""
    data = write_dataset(tmp_path / "data", train=6, test=0, families=frozenset({"power_rule", "convert", "lcm"}))
    changes = ("method=grpo", "run.steps=6", "data.prompts_per_step=6", "rollouts.per_prompt=6")
    train_run(short_config(data, *changes, "optimizer.schedule=constant"), tmp_path / "out")
    rewards = [line["reward"] for line in metrics_of(tmp_path / "out")]
    assert fmean(rewards[-2:]) > rewards[0] + 0.2, rewards


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four steps, evaluated before and after, with everything it writes."""
    out = tmp_path_factory.mktemp("finished") / "out"
    changes = ("run.steps=4", "eval.every=3", "checkpoint.every=2", "checkpoint.keep=1", "log.tensorboard=true")
    printed = train_run(short_config(data, *changes), out)
    (out / "printed").write_text(printed)
    return out


def test_the_folder_of_a_run(finished: Path) -> None:
    names = {path.name for path in finished.iterdir()}
    assert names >= {"run.json", "metrics.jsonl", "evaluations.jsonl", "summary.json", "summary.md", "curves.png"}
    assert names >= {"rollouts", "checkpoints", "model", "tensorboard"}
    assert [line["step"] for line in metrics_of(finished)] == [0, 1, 2, 3]
    assert [line["version"] for line in metrics_of(finished)] == [1, 2, 3, 4]
    assert {line["staleness"] for line in metrics_of(finished)} == {0}
    assert [path.name for path in (finished / "checkpoints").iterdir()] == ["step-000004"]
    run = json.loads((finished / "run.json").read_text())
    assert run["dataset"]["teacher"] == "pocket:teacher" and len(run["dataset"]["fingerprint"]) == 64
    assert {"python", "torch", "transformers", "sure-math"} <= run["versions"].keys()
    assert run["config"]["run"]["steps"] == 4 and "{problem}" in run["prompt"]
    printed = (finished / "printed").read_text()
    assert "after 0 steps" in printed and "4 steps, " in printed and "held-out accuracy" in printed


def test_the_summary_is_of_what_was_logged(finished: Path) -> None:
    summary = json.loads((finished / "summary.json").read_text())
    lines = metrics_of(finished)
    assert summary["steps"] == 4
    assert summary["response_tokens"] == sum(line["response_tokens"] for line in lines)
    assert summary["first"]["loss"] == pytest.approx(fmean(line["loss"] for line in lines))
    assert sum(summary["shares"].values()) == pytest.approx(1)
    exams = [json.loads(line) for line in (finished / "evaluations.jsonl").read_text().splitlines()]
    assert [exam["step"] for exam in exams] == [0, 3, 4] and all(exam["problems"] == 4 for exam in exams)
    assert summary["evaluation"]["after"] == exams[-1]["accuracy"] == fmean(exams[-1]["correct"])


def test_the_exported_student_loads_with_its_numbers_on_the_card(finished: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(finished / "model", dtype="auto")
    tokenizer = AutoTokenizer.from_pretrained(finished / "model")
    masters = load_file(finished / "checkpoints/step-000004/student/student.safetensors")
    before = load_file(pocket_folder("student") / "model.safetensors")
    for name, tensor in model.named_parameters():
        assert torch.equal(tensor, masters[f"weight.{name}"].to(torch.bfloat16)), name
        # A norm's weight near 1 moves by less than bfloat16 can tell.
        assert tensor.dim() == 1 or not torch.equal(tensor, before[name]), name
    assert model.config.vocab_size == len(tokenizer) == 1024
    card = (finished / "model" / "README.md").read_text()
    front = yaml.safe_load(card.split("---")[1])
    assert (front["base_model"], front["library_name"]) == ("pocket:student", "transformers")
    summary = json.loads((finished / "summary.json").read_text())
    run = json.loads((finished / "run.json").read_text())
    assert f"for 4 steps ({summary['response_tokens']} response tokens)" in card
    assert run["dataset"]["fingerprint"] in card and run["prompt"].strip() in card
    exam = summary["evaluation"]
    assert f"{100 * exam['difference']:+.1f} points" in card and "4 held-out problems" in card
    assert "rollout" in (finished / "summary.md").read_text() and "curves.png" in (finished / "summary.md").read_text()


def with_dropout(folder: Path) -> Path:
    return a_student(folder, attention_dropout=0.1)


def random_gpt2(folder: Path) -> Path:
    """A random GPT-2, whose dropout is 0.1 by default, with the pocket student's tokenizer."""
    a_student(folder)
    torch.manual_seed(0)
    ids = {"pad_token_id": 0, "bos_token_id": None, "eos_token_id": 1}
    GPT2LMHeadModel(
        GPT2Config(vocab_size=1024, n_embd=32, n_layer=2, n_head=2, n_positions=256, **ids)
    ).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("make", [with_dropout, random_gpt2])
@pytest.mark.parametrize("method", ["uopd", "grpo"])
def test_a_command_gives_the_same_run_twice_though_its_student_has_dropout(
    data: Path, tmp_path: Path, make: Callable[[Path], Path], method: str
) -> None:
    changes = (f"student.model={make(tmp_path / 'student')}", f"method={method}", "run.steps=2")
    for out in ("first", "second"):
        train_run(short_config(data, *changes), tmp_path / out)
    first, second = (computed(tmp_path / out) for out in ("first", "second"))
    assert len(first["metrics"]) == 2 and first == second


LEARNS_FROM = {
    "uopd": ("with `pocket:teacher` as its teacher.", "learnt from `pocket:teacher`:", True),
    "opsd": ("with `pocket:student before training` as its teacher.", "from `pocket:student before training`:", False),
    "grpo": ("response tokens).", "learnt from rewards:", False),
}


@pytest.mark.parametrize(("method", "expected"), LEARNS_FROM.items(), ids=LEARNS_FROM)
def test_a_card_names_the_teacher_that_was_used(
    data: Path, tmp_path: Path, method: str, expected: tuple[str, str, bool]
) -> None:
    """And one that is not used need not be there."""
    card, report, used = expected
    changes = (f"method={method}", "run.steps=1", *(() if used else ("teacher.model=./nowhere",)))
    train_run(short_config(data, *changes), tmp_path / "out")
    text = (tmp_path / "out/model/README.md").read_text()
    assert card in text and ("\n| teacher | `pocket:teacher`, `" in text) is used
    assert "| student before | `" in text and "\n\n| responses" not in text, "the table is one"
    assert report in (tmp_path / "out/summary.md").read_text()


def test_a_batch_of_weight_0_teaches_nothing_and_the_run_goes_on(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data", train=6, test=0, weights=(0.0, 0.0, 1.0))
    printed = train_run(short_config(data, "data.prompts_per_step=1", "run.steps=4"), tmp_path / "out")
    lines = metrics_of(tmp_path / "out")
    assert [line["mean_weight"] for line in lines] == [0, 0, 1, 1], "the draws of this seed"
    assert [line["loss"] > 0 for line in lines] == [False, False, True, True]
    assert [line["gradient_norm"] > 0 for line in lines] == [False, False, True, True]
    assert "kl" in lines[0] and lines[0]["effective_prompts"] == 0
    assert printed.count("every prompt drawn has weight 0, so this step teaches nothing") == 1
    assert "step 0: every prompt drawn" in printed


def test_responses_cut_at_the_limit_are_trained_on_and_remarked_on(data: Path, tmp_path: Path) -> None:
    printed = train_run(short_config(data, "rollouts.max_new_tokens=3", "run.steps=1"), tmp_path / "out")
    (line,) = metrics_of(tmp_path / "out")
    assert (line["truncated"], line["mean_response_tokens"], line["reward"]) == (1.0, 3.0, 0.0)
    assert line["loss"] > 0 and line["gradient_norm"] > 0
    assert "step 0: 8 of 8 responses were cut at rollouts.max_new_tokens = 3; raise it" in printed


def test_responses_of_length_0_stay_in_k_and_are_remarked_on(data: Path, tmp_path: Path) -> None:
    student = a_student(tmp_path / "student", max_position_embeddings=57)
    changes = (f"student.model={student}", "rollouts.max_new_tokens=36", "run.steps=1", "data.prompts_per_step=8")
    printed = train_run(short_config(data, *changes), tmp_path / "out")
    (line,) = metrics_of(tmp_path / "out")
    assert 0 < line["empty"] < 1 and line["responses"] == 16 and line["gradient_norm"] > 0
    assert f"{round(16 * line['empty'])} of 16 responses are empty and teach nothing" in printed
    assert "rollouts.max_new_tokens = 36 more; lower it, or data.max_prompt_tokens" in printed


def test_a_teacher_with_infinities_is_an_error_with_a_message(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    teacher = Path(shutil.copytree(pocket_folder("teacher"), tmp_path / "teacher"))
    weights = load_file(teacher / "model.safetensors")
    weights["model.norm.weight"][0] = torch.inf
    save_file(weights, teacher / "model.safetensors", metadata={"format": "pt"})
    changes = [*SHORT, f"data.path={data}", f"teacher.model={teacher}", "data.allow_other_teacher=true"]
    assert main(["--config", "pocket-local", "--out", str(tmp_path / "out"), *changes]) == 1
    printed = capsys.readouterr().err
    assert "error: the logits of token" in printed and "look at its weights for NaN" in printed


REFUSED: dict[str, tuple[Callable[[Path], list[str]], str]] = {
    "no dataset": (lambda tiny: ["data.path=/nowhere"], "it is not a finished dataset"),
    "vocabulary": (lambda tiny: [f"teacher.model={tiny}", "method=opd"], "distillation by token needs one tokenizer"),
    "no such model": (lambda tiny: ["student.model=./nowhere"], "model folder './nowhere' is not there"),
    "no such role": (lambda tiny: ["teacher.model=pocket:master"], "pocket model 'master' does not exist"),
    "no such prompts": (lambda tiny: ["prompts=./nowhere"], "./nowhere"),
    "engine option": (lambda tiny: ["rollouts.engine_options.enforce_eager=true"], "'enforce_eager' is not an option"),
    "attention": (lambda tiny: ["student.attention=flash_attention_2"], "or set attention=sdpa"),
    "device": (lambda tiny: ["teacher.device=cuda"], "teacher.device = cuda: the run asks for 1 GPU, and there are 0"),
    "a key": (lambda tiny: ["rollout.engine=vllm"], "rollout: there is no such key; the nearest one is rollouts"),
}


@pytest.mark.parametrize(("changes", "message"), REFUSED.values(), ids=REFUSED)
def test_the_command_refuses_with_a_message(
    data: Path,
    tiny_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    changes: Callable[[Path], list[str]],
    message: str,
) -> None:
    settings = [*SHORT, f"data.path={data}", *changes(tiny_model)]
    assert main(["--config", "pocket-local", "--out", str(tmp_path / "out"), *settings]) == 1
    printed = capsys.readouterr().err
    assert "error: " in printed and message in printed and "Traceback" not in printed
    assert not (tmp_path / "out" / "metrics.jsonl").exists()


def test_a_full_disk_is_said_to_be_full(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def full(run: TrainingRun) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("uopd.train.train", full)
    arguments = ["--config", "pocket-local", "--out", str(tmp_path / "out"), *SHORT, f"data.path={data}"]
    assert main(arguments) == 1
    assert "error: no space left on the disk of " in capsys.readouterr().err
    monkeypatch.setattr("uopd.train.train", _unreadable)
    with pytest.raises(PermissionError):
        main(arguments)


def _unreadable(run: TrainingRun) -> None:
    raise PermissionError(errno.EACCES, "Permission denied")


def test_a_layout_that_does_not_fit_is_refused_with_the_excess(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two GiB of memory for what takes more; `runtime.check_memory=false` starts all the same."""
    monkeypatch.setattr("uopd.run.checks.memory_bytes", lambda: 2.0**31)
    monkeypatch.setattr("uopd.dry_run.plan.memory_bytes", lambda: 2.0**31)
    with pytest.raises(
        RefusedError, match=r"host: \d+\.\d GiB are needed and 2\.0 GiB are there, \d+\.\d GiB too much"
    ):
        check_layout(load_config("pocket"))
    check_layout(load_config("pocket", ["runtime.check_memory=false"]))


def test_more_gpus_than_there_are_are_refused() -> None:
    gpus = torch.cuda.device_count()
    with pytest.raises(ConfigError, match=rf"the run asks for {gpus + 1} GPUs .*, and there are {gpus}: give"):
        check_layout(load_config("pocket", [f"rollouts.num_gpus={gpus + 1}"]))


class Engines:
    """Stands for the student and for two engines with weights of their own."""

    def __init__(self, version: int, logprobs: list[list[float]]) -> None:
        self.version = version
        self._logprobs = logprobs

    def logprobs(self, token_ids: Sequence[int]) -> list[list[float]]:
        return self._logprobs


SYNCS = {
    "in step": (3, [[-1.0, -2.0], [-1.02, -2.02]], None),
    "old version": (2, [[-1.0, -2.0]], r"the engines hold policy version 2, the student is at 3"),
    "one engine": (3, [[-1.0, -2.0], [-1.0, -2.3]], r"engine 1 at policy version 3 differs from the student by 0.15"),
    "no number": (
        3,
        [[float("nan"), -2.0]],
        r"engine 0 .* differs .*sync.tolerance_nats = 0.05.* resume from the last",
    ),
}


@pytest.mark.parametrize(("version", "engine_logprobs", "message"), SYNCS.values(), ids=SYNCS)
def test_engines_with_other_weights_are_noticed(
    version: int, engine_logprobs: list[list[float]], message: str | None
) -> None:
    student: Any = Engines(3, [-1.0, -2.0])  # type: ignore[list-item]
    sampler: Any = Engines(version, engine_logprobs)
    if message is None:
        assert StepCheck([1, 2, 3], 0.05)(student, sampler) == pytest.approx(0.02)
        return
    with pytest.raises(OutOfStep, match=message):
        StepCheck([1, 2, 3], 0.05)(student, sampler)


def test_the_command_trains_and_dry_run_only_plans(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "out"
    arguments = ["--config", "pocket-local", "--out", str(out), *SHORT, f"data.path={data}", "run.steps=1"]
    assert main([*arguments, "--dry-run"]) == 0
    assert "pocket:student" in capsys.readouterr().out and not out.exists()
    assert main(arguments) == 0
    assert f"{out}: 1 steps" in capsys.readouterr().err
    assert main([*arguments, "run.seed=3"]) == 1
    assert "run.seed was 0 and is 3; give another --out" in capsys.readouterr().err
