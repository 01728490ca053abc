"""A training run touches nothing of the user, and finds its own damaged files.

Pins: a folder with content that is not a run is refused; a copy of a checkpoint is not the run's; a damaged checkpoint
is named and passed over, also if a single bit has changed; if no other is left, the run stops before it forgets a step;
a damaged `run.json` is one line with a remedy; damaged lines of a log are left out; a file of the
finished run that was changed by hand is kept.
"""

import json
import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sure_math.storage.output_folder import LIST, STAGING, OutputError
from tests.helpers.short_training_runs import short_config
from tests.hostile.test_folders_of_the_user import CONTENTS, tree
from tests.uopd.test_resume import FACTS, Saved
from uopd.run.checkpoints import Checkpoints
from uopd.run.folder import METRICS, MODEL, RUN, RunError, read_lines
from uopd.run.log import RunLog
from uopd.run.summary import write_summary


def claim(out: Path) -> RunLog:
    return RunLog(out, short_config(out), FACTS, Console(file=StringIO()))


@pytest.mark.parametrize("name", ["notes.txt", "model/weights", "checkpoints/mine", ".env", "rollouts/x"])
def test_a_folder_of_the_user_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    before = tree(tmp_path)
    with pytest.raises(OutputError, match=r"and no run of uopd\.train; name a new or empty folder"):
        claim(tmp_path)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("name", [".lock", "run.json", "metrics.jsonl", "model", "checkpoints", "rollouts"])
def test_no_link_is_followed(tmp_path: Path, name: str) -> None:
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).symlink_to(tmp_path / "victim")
    with pytest.raises(OutputError, match="is a symbolic link, and nothing is written through a link"):
        claim(tmp_path / "out")
    assert (tmp_path / "victim").read_text() == "mine"


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_a_damaged_record_of_the_run(tmp_path: Path, content: bytes) -> None:
    claim(tmp_path).__exit__()
    (tmp_path / RUN).write_bytes(content)
    claim(tmp_path).__exit__()
    assert json.loads((tmp_path / RUN).read_text())["config"], "no step was made: the record is written again"
    (tmp_path / METRICS).write_text('{"step": 0}\n')
    (tmp_path / RUN).write_bytes(content)
    with pytest.raises(
        RunError, match=r"run\.json: is damaged or of another version .* move the file away \(mv "
    ) as error:
        claim(tmp_path)
    assert len(str(error.value).splitlines()) == 1
    (tmp_path / RUN).rename(tmp_path / "run.json.damaged")
    claim(tmp_path).__exit__()


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_damaged_lines_of_a_log(tmp_path: Path, content: bytes) -> None:
    (tmp_path / METRICS).write_bytes(b'{"step": 0}\n' + content + b'\n{"step": 1}\n')
    assert read_lines(tmp_path / METRICS)[0] == {"step": 0}
    log = claim(tmp_path)
    log.begin(1)
    log.__exit__()
    assert read_lines(tmp_path / METRICS) == [{"step": 0}]


def saved(tmp_path: Path, keep: int = 2) -> tuple[Checkpoints, Any]:
    checkpoints, student = Checkpoints(tmp_path / "checkpoints", keep=keep), Saved()
    for steps in (5, 10):
        student.value = steps
        checkpoints.save(student, steps)  # type: ignore[arg-type]
    return checkpoints, student


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
@pytest.mark.parametrize("name", ["checkpoint.json", "student/value"])
def test_a_damaged_checkpoint_is_named_and_passed_over(tmp_path: Path, name: str, content: bytes) -> None:
    checkpoints, student = saved(tmp_path)
    damaged, said = tmp_path / "checkpoints/step-000010" / name, list[str]()
    damaged.write_bytes(content + b"   ")
    assert (checkpoints.restore(student, said.append), student.value) == (5, 5)
    assert len(said) == 1 and said[0].startswith(f"{damaged}: ")
    assert said[0].endswith("; the checkpoint is damaged and is passed over")


def test_a_pipe_in_the_place_of_a_record_is_passed_over(tmp_path: Path) -> None:
    checkpoints, student = saved(tmp_path)
    record, said = tmp_path / "checkpoints/step-000010/checkpoint.json", list[str]()
    record.unlink()
    os.mkfifo(record)
    assert (checkpoints.restore(student, said.append), student.value) == (5, 5)
    assert said == [f"{record}: is no plain file; the checkpoint is damaged and is passed over"]


def test_a_bit_that_has_changed_is_noticed(tmp_path: Path) -> None:
    checkpoints, student = saved(tmp_path)
    file, said = tmp_path / "checkpoints/step-000010/student/value", list[str]()
    assert file.read_bytes() == b"10"
    file.write_bytes(b"90")
    assert (checkpoints.restore(student, said.append), student.value) == (5, 5)
    assert said == [f"{file}: its content is not what was written; the checkpoint is damaged and is passed over"]


def test_a_checkpoint_with_a_file_missing_is_passed_over(tmp_path: Path) -> None:
    checkpoints, student = saved(tmp_path)
    file, said = tmp_path / "checkpoints/step-000010/student/value", list[str]()
    file.unlink()
    assert (checkpoints.restore(student, said.append), student.value) == (5, 5)
    assert said == [f"{file}: is missing; the checkpoint is damaged and is passed over"]


def test_a_run_with_damaged_checkpoints_only_stops_and_loses_nothing(tmp_path: Path) -> None:
    checkpoints, student = saved(tmp_path)
    for steps in (5, 10):
        (tmp_path / f"checkpoints/step-{steps:06d}/student/value").write_bytes(b"7" * len(str(steps)))
    before = tree(tmp_path)
    with pytest.raises(
        RunError, match=r"no checkpoint is as it was written .*step-000010.*step-000005.* move "
    ) as error:
        checkpoints.restore(student, print)
    assert len(str(error.value).splitlines()) == 1 and tree(tmp_path) == before


def test_a_damaged_checkpoint_of_later_steps_takes_no_ones_place(tmp_path: Path) -> None:
    """The run went back to 5 steps and saves more often from now on; it is stopped again before step 10."""
    checkpoints, student = saved(tmp_path)
    (tmp_path / "checkpoints/step-000010/student/value").write_bytes(b"90")
    assert checkpoints.restore(student, print) == 5
    checkpoints = Checkpoints(tmp_path / "checkpoints", keep=1)
    for steps in (6, 7):
        student.value = steps
        checkpoints.save(student, steps)
    assert (checkpoints.restore(student, print), student.value) == (7, 7)


def test_copies_and_notes_of_the_user_stay(tmp_path: Path) -> None:
    import shutil

    checkpoints, student = saved(tmp_path)
    folder = tmp_path / "checkpoints"
    for copy in ("step-000005-good", "step-000005.bak", "step-final"):
        shutil.copytree(folder / "step-000005", folder / copy)
    (folder / "step-000005" / "notes.txt").write_text("mine")
    (folder / "step-000005" / "student" / "notes.txt").write_text("mine")
    (folder / "step-000015" / "student.tmp").mkdir(parents=True)  # a run that was killed has left it
    (folder / "step-000015" / "student.tmp" / "student-0-of-1.safetensors").write_text("half")
    (folder / "step-000015" / "student.tmp" / "notes.txt").write_text("mine")
    for steps in (15, 20):
        checkpoints.save(student, steps)
    assert [checkpoint.steps for checkpoint in checkpoints.all()] == [15, 20]
    assert tree(folder / "step-000005") == {
        "notes.txt": b"mine",
        "student.kept": None,
        "student.kept/notes.txt": b"mine",
    }
    assert os.listdir(folder / "step-000015" / "student.tmp.kept") == ["notes.txt"]
    assert (folder / "step-000005-good/student/value").read_text() == "5"
    assert (folder / "step-final/student/value").is_file() and not (folder / "step-000010").exists()


@pytest.mark.parametrize("record", ['{"steps": 10}', '{"steps": 10, "files": {"value": 2}}'])
def test_an_early_checkpoint_is_loaded(tmp_path: Path, record: str) -> None:
    checkpoints, student = saved(tmp_path)
    (tmp_path / "checkpoints/step-000010/checkpoint.json").write_text(record)
    assert (checkpoints.restore(student, print), student.value) == (10, 10)


class Exported:
    """The part of a `Student` that the summary touches."""

    def export(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"weights")


def test_the_end_of_a_run_keeps_what_was_changed_by_hand(tmp_path: Path) -> None:
    with claim(tmp_path):
        said: list[str] = []
        record = json.loads((tmp_path / RUN).read_text())
        facts = {"learns_from": "pocket:teacher", "prompt": "{problem}", "versions": {}}
        dataset = {"teacher": "t", "teacher_fingerprint": "f" * 64, "train": 1, "test": 1, **record["dataset"]}
        student = {"student": {"name": "pocket:student", "fingerprint": "s" * 64}}
        models = {**student, **record["models"]}
        (tmp_path / RUN).write_text(json.dumps({**record, **facts, "dataset": dataset, "models": models}))
        write_summary(tmp_path, short_config(tmp_path), Exported(), said.append)  # type: ignore[arg-type]
        (tmp_path / MODEL / "README.md").write_text("my card")
        # A run that was killed here has left its work, and the user has put a file there.
        work = tmp_path / STAGING
        (work / "model.tmp").mkdir(parents=True)
        for name in (
            "summary.md",
            "model.tmp/model.safetensors",
            "model.tmp/tokenizer_config.json",
            "model.tmp/mine.csv",
        ):
            (work / name).write_text(name)
        (tmp_path / MODEL / "mine.txt").write_text("mine")
        write_summary(tmp_path, short_config(tmp_path), Exported(), said.append)  # type: ignore[arg-type]
    assert (tmp_path / MODEL / "README.md.kept").read_text() == "my card"
    assert (tmp_path / MODEL / "mine.txt").read_text() == "mine"
    assert (tmp_path / MODEL / "model.safetensors").read_bytes() == b"weights"
    assert any("model/README.md is now model/README.md.kept" in line for line in said)
    assert (tmp_path / LIST).is_file() and not (tmp_path / STAGING).exists()
    assert [str(path) for path in tree(tmp_path / f"{STAGING}.kept")] == ["model.tmp", "model.tmp/mine.csv"]
