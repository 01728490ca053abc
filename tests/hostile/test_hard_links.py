"""A file in an output folder may be a hard link of a file of the user: what is written into ours is not in his.

Pins: a copy made by `cp -al` of a build, a training run or an evaluation stays as it is while the original goes on.
Written in place are: the journal with SQLite's log, the log of calls, the lines of metrics.
"""

import os
from pathlib import Path

import pytest

from sure_math.build import main
from sure_math.models.engines import Refusal
from sure_math.models.responders.journal import CallLog, Journal
from sure_math.storage.files import unshare
from tests.helpers.short_training_runs import short_config, train_run, write_dataset
from tests.hostile.test_folders_of_the_user import command, samples, tree
from uopd.run.folder import append_line, read_lines

__all__ = ["samples"]  # a fixture


def linked_copy(folder: Path, copy: Path) -> None:
    """Copy a folder as `cp -al` and some backups do: each file of the copy is a hard link of the original."""
    for path in sorted(folder.rglob("*")):
        place = copy / path.relative_to(folder)
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, place)


def test_a_copy_of_hard_links_stays_as_it_is(tmp_path: Path, samples: Path) -> None:
    out, copy = tmp_path / "out", tmp_path / "copy"
    assert main(command(samples, str(out))) == 0
    linked_copy(out, copy)
    before = tree(copy)
    assert main(command(samples, str(out), "--update", "run.seed=7")) == 0
    journal = Journal(out / ".build/journal.sqlite")
    journal.add({b"k": Refusal(reason="empty_prompt", detail="")})
    journal.close()
    log = CallLog(out / ".build/calls.jsonl")
    log.add("teacher", [b"k"])
    log.close()
    assert tree(copy) == before and (copy / ".build/journal.sqlite").read_bytes() == before[".build/journal.sqlite"]
    journal = Journal(out / ".build/journal.sqlite")
    assert list(journal.find([b"k"])) == [b"k"]
    journal.close()


def test_a_journal_in_use_is_copied_with_its_log(tmp_path: Path) -> None:
    """The newest rows are in SQLite's log while a build runs, and in the copy's after the build was killed."""
    stored = {b"k": Refusal(reason="empty_prompt", detail="x")}
    (tmp_path / "out").mkdir()
    running = Journal(tmp_path / "out/journal.sqlite")
    running.add(stored)
    linked_copy(tmp_path / "out", tmp_path / "copy")
    before = tree(tmp_path / "out")
    copied = Journal(tmp_path / "copy/journal.sqlite")
    assert copied.find([b"k"]) == stored
    copied.add({b"l": Refusal(reason="empty_prompt", detail="y")})
    copied.close()
    assert tree(tmp_path / "out") == before and running.find([b"k", b"l"]) == stored
    running.close()


def test_a_file_is_given_a_copy_of_its_own(tmp_path: Path) -> None:
    ours, users = tmp_path / "ours", tmp_path / "users"
    users.write_bytes(b"text")
    users.chmod(0o640)
    os.link(users, ours)
    unshare(ours)
    with ours.open("ab") as file:
        file.write(b" and more")
    assert users.read_bytes() == b"text" and ours.read_bytes() == b"text and more"
    assert ours.stat().st_mode == users.stat().st_mode and sorted(os.listdir(tmp_path)) == ["ours", "users"]
    inode = ours.stat().st_ino
    unshare(ours)
    assert ours.stat().st_ino == inode, "a file with one name stays"
    (tmp_path / "link").symlink_to("users")
    unshare(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()


def test_a_line_of_metrics_is_written_into_our_file_alone(tmp_path: Path) -> None:
    append_line(tmp_path / "metrics.jsonl", {"step": 0})
    os.link(tmp_path / "metrics.jsonl", tmp_path / "users")
    append_line(tmp_path / "metrics.jsonl", {"step": 1})
    assert read_lines(tmp_path / "users") == [{"step": 0}]
    assert read_lines(tmp_path / "metrics.jsonl") == [{"step": 0}, {"step": 1}]


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_a_copy_of_a_training_run_stays_as_it_is(tmp_path: Path) -> None:
    data, out, copy = write_dataset(tmp_path / "data"), tmp_path / "out", tmp_path / "copy"
    settings = ("run.steps=2", "checkpoint.every=1", "eval.every=1", "data.prompts_per_step=2", "checkpoint.keep=1")
    train_run(short_config(data, *settings), out)
    for path in out.glob("checkpoints/*/checkpoint.json"):
        path.unlink()  # so that all steps are made again
    linked_copy(out, copy)
    (copy / "rollouts/step-000000.tmp").write_bytes(b"users")
    os.link(copy / "rollouts/step-000000.tmp", out / "rollouts/step-000000.tmp")
    before = tree(copy)
    train_run(short_config(data, *settings, "rollouts.replay=false"), out)
    assert tree(copy) == before and len(read_lines(out / "metrics.jsonl")) == 2
