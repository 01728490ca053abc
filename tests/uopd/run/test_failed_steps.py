"""Steps that cannot be taken, in runs of the pocket models in one process.

Pins: whatever the data of a step make fail (a NaN loss or gradient, a teacher's logits, a token that
the teacher does not have, memory), the step is left out with its reason, the weights are as before it, and the steps
after it are those of a run without it; too many such steps end the run with a checkpoint, and its remedy works; a step
that ends a process is not tried again by a resumed run; a defect of the program still ends the run; the second of two
updates on one step's rollouts may fail.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.helpers.short_training_runs import TIMES, metrics_of, short_config, train_run, write_dataset
from uopd.model.errors import DeviceLost, StepFailed, StudentError, step_failures
from uopd.rows import Scores, Share, TrainingRow, UpdateReport
from uopd.run.folder import FATAL_STEPS, RunError
from uopd.student import reference
from uopd.student.reference import ReferenceStudent, iterate
from uopd.teacher.scorer import TransformersScorer

pytestmark = pytest.mark.usefixtures("one_thread")

STEPS = 4
BAD = 1
"""The step that fails."""
SETTINGS = (f"run.steps={STEPS}", "data.prompts_per_step=3", "checkpoint.every=1", "checkpoint.keep=9")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("failed") / "data", weights=(1.0, 0.75, 0.5))


@contextmanager
def scoring(change: Callable[[int, Sequence[TrainingRow], Scores], Scores]) -> Iterator[list[int]]:
    """Change what the teacher says: of the `number`-th scoring, from 0; those of the check at the start are not
    counted.
    """
    calls: list[int] = []
    score, repeat_difference = TransformersScorer.score, TransformersScorer.repeat_difference

    def changed(scorer: TransformersScorer, rows: Sequence[TrainingRow]) -> Scores:
        calls.append(len(calls))
        return change(calls[-1], rows, score(scorer, rows))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransformersScorer, "score", changed)
        patch.setattr(TransformersScorer, "repeat_difference", lambda scorer, rows: 0.0)
        yield calls
    assert TransformersScorer.repeat_difference is repeat_difference


def fails(error: BaseException, *steps: int) -> Any:
    """The teacher raises an error in these steps."""

    def change(number: int, rows: Sequence[TrainingRow], scores: Scores) -> Scores:
        if number in steps:
            raise error
        return scores

    return scoring(change)


def says(value: float, *steps: int) -> Any:
    """The teacher's log-probabilities have this value in these steps."""

    def change(number: int, rows: Sequence[TrainingRow], scores: Scores) -> Scores:
        return replace(scores, logprobs=torch.full_like(scores.logprobs, value)) if number in steps else scores

    return scoring(change)


def weights_after(out: Path, steps: int) -> dict[str, torch.Tensor]:
    return load_file(out / "checkpoints" / f"step-{steps:06d}" / "student" / "student.safetensors")


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


FAILURES: dict[str, tuple[Any, str]] = {
    "NaN scores": (says(float("nan"), BAD), r"^update 2: ValueError: .* has no finite largest value"),
    "a teacher's logits": (fails(FloatingPointError("a logit is inf"), BAD), r"^scoring: a logit is inf$"),
    "a token that the teacher does not have": (
        fails(IndexError("index out of range in self"), BAD),
        r"^scoring: IndexError: index out of range in self$",
    ),
    "a text that is too long": (fails(ValueError("row 3: 4,097 tokens"), BAD), r"^scoring: ValueError: row 3: 4,097"),
    "no memory": (fails(torch.OutOfMemoryError("tried to allocate 2 GiB"), BAD), r"OutOfMemoryError: tried to all"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_a_step_that_cannot_be_taken_is_left_out(data: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / "out"
    failing, reason = FAILURES[kind]
    with failing:
        printed = train_run(short_config(data, *SETTINGS), out)
    lines = metrics_of(out)
    assert [line["step"] for line in lines] == list(range(STEPS))
    assert ["failed" in line for line in lines] == [step == BAD for step in range(STEPS)]
    assert [line["version"] for line in lines] == [1, 1, 2, 3], "a step without an update makes no new policy"
    assert [line.get("staleness", 0) for line in lines] == [0] * STEPS
    assert re.search(reason, lines[BAD]["failed"]), lines[BAD]["failed"]
    assert f"step {BAD} was left out: {lines[BAD]['failed'][:40]}" in printed
    assert same(weights_after(out, BAD), weights_after(out, BAD + 1)), "moments and weights are those before the step"
    assert not same(weights_after(out, BAD + 1), weights_after(out, BAD + 2))
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["steps"], [failed["step"] for failed in summary["failed_steps"]]) == (STEPS - 1, [BAD])
    assert "3 steps and 1 that could not be taken" in printed and f"- step {BAD}:" in (out / "summary.md").read_text()


def test_the_steps_after_it_are_those_of_a_run_without_it(data: Path, tmp_path: Path) -> None:
    """Whether scoring or the update fails, and whether the run was stopped in between."""
    with fails(FloatingPointError("a logit is nan"), BAD):
        train_run(short_config(data, *SETTINGS), tmp_path / "scoring")
    with says(float("nan"), BAD):
        train_run(short_config(data, *SETTINGS), tmp_path / "update")
    with (
        fails(FloatingPointError("a logit is nan"), BAD),
        fails(KeyboardInterrupt(), BAD + 1),
        pytest.raises(KeyboardInterrupt),
    ):
        train_run(short_config(data, *SETTINGS), tmp_path / "resumed")
    with fails(KeyError("nothing more fails"), 99):
        train_run(short_config(data, *SETTINGS), tmp_path / "resumed")
    final = [weights_after(tmp_path / name, STEPS) for name in ("scoring", "update", "resumed")]
    assert same(final[0], final[1]) and same(final[0], final[2])
    measured = [
        [{key: line[key] for key in line.keys() - TIMES - {"failed"}} for line in metrics_of(tmp_path / name)]
        for name in ("scoring", "update", "resumed")
    ]
    assert measured[0] == measured[1] == measured[2]


def test_too_many_such_steps_end_the_run_and_the_remedy_works(data: Path, tmp_path: Path) -> None:
    config = short_config(data, *SETTINGS, "run.max_failed_steps=1", "checkpoint.every=0")
    with fails(FloatingPointError("a logit is nan"), 1, 2), pytest.raises(RunError) as ended:
        train_run(config, tmp_path / "out")
    message = str(ended.value)
    assert message.startswith("run.max_failed_steps = 1: 2 steps could not be taken, the last one, step 2, because of ")
    assert "scoring: a logit is nan" in message and "larger run.max_failed_steps" in message
    with fails(FloatingPointError("again"), 99) as calls:
        train_run(short_config(data, *SETTINGS, "run.max_failed_steps=2", "checkpoint.every=0"), tmp_path / "out")
    assert calls == [0], "the run goes on behind the step that ended it"
    assert ["failed" in line for line in metrics_of(tmp_path / "out")] == [False, True, True, False]


def test_a_step_that_ended_a_process_is_not_tried_again(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    error = torch.AcceleratorError("CUDA error: device-side assert triggered\nCUDA kernel errors might be reported")
    with fails(error, BAD), pytest.raises(RunError, match=r"step 1 has made the GPU unusable .* Repeat the command"):
        train_run(short_config(data, *SETTINGS), out)
    with fails(error, 99) as calls:
        train_run(short_config(data, *SETTINGS), out)
    assert len(calls) == STEPS - 2, "the steps 2 and 3"
    lines = metrics_of(out)
    assert [line["step"] for line in lines if "failed" in line] == [BAD]
    assert lines[BAD]["failed"] == "scoring: AcceleratorError: CUDA error: device-side assert triggered"
    assert (out / FATAL_STEPS).is_file()


@pytest.mark.parametrize("error", [TypeError("a defect"), AttributeError("a defect"), KeyError("a defect")])
def test_a_defect_ends_the_run(data: Path, tmp_path: Path, error: Exception) -> None:
    with fails(error, BAD), pytest.raises(type(error), match="a defect"):
        train_run(short_config(data, *SETTINGS), tmp_path / "out")


def test_the_second_of_two_updates_may_fail(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = 0

    def finite_norm(norm: float, update: str) -> float:
        nonlocal steps
        steps += 1
        if steps == 2:
            raise StepFailed("the gradient's norm is inf")
        return norm

    monkeypatch.setattr(reference, "finite_norm", finite_norm)
    grpo = ("method=grpo", "grpo.iterations=2", "run.steps=2")
    train_run(short_config(data, *SETTINGS, *grpo), tmp_path / "out")
    lines = metrics_of(tmp_path / "out")
    assert [(line["version"], line["iterations"]) for line in lines] == [(1, 1), (2, 2)]


def test_updates_before_a_failed_one_count() -> None:
    def fail(error: Exception) -> Callable[[], int]:
        results = iter([1, 2])

        def once() -> int:
            for result in results:
                return result
            raise error

        return once

    assert iterate(fail(StepFailed("x")), 5) == [1, 2]
    with pytest.raises(DeviceLost):
        iterate(fail(DeviceLost("x")), 5)
    with pytest.raises(StudentError):
        iterate(fail(StudentError("x")), 5)


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (OverflowError("too large"), StepFailed, "score: OverflowError: too large"),
        (MemoryError(), StepFailed, "score: MemoryError: "),
        (
            RuntimeError("CUDA error: an illegal memory access\nmore"),
            DeviceLost,
            "RuntimeError: CUDA error: an illegal",
        ),
        (StudentError("as it is"), StudentError, "^as it is$"),
    ],
)
def test_errors_that_data_can_cause(error: Exception, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message) as raised, step_failures("score"):
        raise error
    assert type(raised.value) is kind


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"response_ids": (10**6,)}, "update 2: IndexError: index out of range in self"),
        ({"token_weight": float("nan")}, "update 2: the loss is nan"),
        ({"token_weight": 1e30}, "update 2: the gradient's norm is inf"),
    ],
    ids=["a token that it does not have", "a NaN loss", "an infinite gradient"],
)
def test_a_student_goes_on_after_a_row_that_it_cannot_learn_from(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], reason: str
) -> None:
    update, changed = ReferenceStudent.update, list[int]()

    def with_a_bad_row(student: ReferenceStudent, share: Share, learning_rate: float) -> UpdateReport:
        if student.version == BAD and not changed:
            row = share.rows[0]
            ids = change.get("response_ids", ()) + row.response_ids[len(change.get("response_ids", ())) :]
            changed.append(BAD)
            share = replace(share, rows=(replace(row, **(change | {"response_ids": ids})), *share.rows[1:]))
        return update(student, share, learning_rate)

    monkeypatch.setattr(ReferenceStudent, "update", with_a_bad_row)
    train_run(short_config(data, *SETTINGS), tmp_path / "out")
    lines = metrics_of(tmp_path / "out")
    assert [line.get("failed") for line in lines] == [None, reason, None, None]
    assert same(weights_after(tmp_path / "out", BAD), weights_after(tmp_path / "out", BAD + 1))
