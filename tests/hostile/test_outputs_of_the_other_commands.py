"""`validate`, `export`, `page`, `tables`, `curated.generate` and the pocket commands touch nothing of the user either.

Pins, for each command with an output: a folder or file that is not ours is refused in one line and stays as it is; a
repeated command replaces its own files; a file of ours that was changed by hand is kept or refused; a place where no
output can be is refused in one line, before anything is computed.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from eval_harness.page import command as page_command
from eval_harness.tables import command as tables_command
from sure_math import export as export_module
from sure_math import validate
from sure_math.curated import generate
from sure_math.pocket.train import check_folder
from sure_math.publication.publish import publish
from sure_math.publication.published import open_dataset
from sure_math.publication.upload import push
from sure_math.storage.output_folder import LIST, OutputError
from tests.eval_harness.test_page import PROBLEMS, run_of
from tests.eval_harness.test_tables import result
from tests.helpers.small_published_run import a_problem, a_shard, an_uncertainty, some_facts
from tests.hostile.test_folders_of_the_user import RecordingHub, tree


def problems(count: int = 6) -> list:
    return [
        a_shard(a_problem(f"p{n}"), ("4", "4"), (0, 0), an_uncertainty(f"p{n}"), correct=n % 2 == 0)
        for n in range(count)
    ]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    publish(problems(), some_facts(), tmp_path / "d")
    return tmp_path / "d"


def one_line(capsys: pytest.CaptureFixture) -> str:
    text: str = capsys.readouterr().err.strip()
    assert len(text.splitlines()) == 1, text
    return text


COMMANDS: dict[str, Callable[[Path, Path], int]] = {
    "validate": lambda dataset, out: validate.main([str(dataset), f"--out={out}", "--resamples", "10"]),
    "export": lambda dataset, out: export_module.main([str(dataset), "--to=trl", f"--out={out}"]),
    "tables": lambda dataset, out: tables_command.main([str(result(dataset.parent, "one", 3)), f"--out={out}"]),
}


@pytest.mark.parametrize("run", COMMANDS.values(), ids=COMMANDS)
def test_a_folder_with_content_of_the_user_is_refused(
    tmp_path: Path, dataset: Path, capsys: pytest.CaptureFixture, run: Callable
) -> None:
    out = tmp_path / "mine"
    (out / "deep").mkdir(parents=True)
    (out / "deep" / "precious").write_text("x")
    (out / "README.md").write_text("mine")
    before = tree(out)
    assert run(dataset, out) in (1, 2)
    assert f"--out {out}: " in one_line(capsys)
    assert tree(out) == before


@pytest.mark.parametrize("run", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("place", ["file", "file/below", "x" * 256, "broken", "broken/x"])
def test_a_place_where_no_folder_can_be(
    tmp_path: Path, dataset: Path, capsys: pytest.CaptureFixture, run: Callable, place: str
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "broken").symlink_to("nowhere")
    assert run(dataset, tmp_path / place) in (1, 2)
    assert str(tmp_path / place.split("/")[0]) in one_line(capsys)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("run", COMMANDS.values(), ids=COMMANDS)
def test_an_empty_folder_and_a_link_to_one_are_fine(
    tmp_path: Path, dataset: Path, capsys: pytest.CaptureFixture, run: Callable
) -> None:
    for name in ("[bold]*", "empty", "link"):
        (tmp_path / "target").mkdir(exist_ok=True)
        (tmp_path / name).symlink_to("target") if name == "link" else (tmp_path / name).mkdir()
        assert run(dataset, tmp_path / name) == 0
        assert len(os.listdir(tmp_path / name)) >= 3
        assert not any(path.name.startswith(".sure-math") for path in tmp_path.rglob("*"))
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["validate", "tables"])
def test_a_repeated_command_replaces_its_files_and_keeps_the_rest(
    tmp_path: Path, dataset: Path, capsys: pytest.CaptureFixture, name: str
) -> None:
    out, run = tmp_path / "out", COMMANDS[name]
    assert run(dataset, out) == 0
    first = tree(out)
    changed = next(path for path in sorted(out.iterdir()) if path.suffix == ".md")
    changed.write_text("changed by hand")
    (out / "notes.txt").write_text("mine")
    capsys.readouterr()
    assert run(dataset, out) == 0
    assert f"{changed.name} is now {changed.name}.kept" in one_line(capsys)
    after = tree(out)
    assert after.pop(f"{changed.name}.kept") == b"changed by hand" and after.pop("notes.txt") == b"mine"
    assert after == first


@pytest.mark.parametrize("name", ["validate", "tables"])
def test_files_of_an_early_version_without_a_list_are_replaced(tmp_path: Path, dataset: Path, name: str) -> None:
    out, run = tmp_path / "out", COMMANDS[name]
    assert run(dataset, out) == 0
    first = tree(out)
    (out / LIST).unlink()
    assert run(dataset, out) == 0
    assert tree(out) == first


def test_reports_in_a_dataset_are_uploaded_while_they_are_as_written(tmp_path: Path, dataset: Path) -> None:
    for label in ((), ("--label", "majority")):
        assert validate.main([str(dataset), "--resamples", "10", *label]) == 0
    (dataset / "validation" / "private.md").write_text("mine")
    (dataset / "validation" / "report.md").write_text("changed by hand")
    hub = RecordingHub()
    push(dataset, "me/x", api=hub)
    reports = [name for name in hub.files if name.startswith("validation/")]
    assert {"validation/report.json", "validation/majority/report.md"} < set(reports)
    assert not {"validation/private.md", "validation/report.md", f"validation/{LIST}"} & set(reports)


def test_reports_about_old_rows_go_and_what_is_not_ours_stays(dataset: Path) -> None:
    for label in ((), ("--label", "majority")):
        assert validate.main([str(dataset), "--resamples", "10", *label]) == 0
    (dataset / "validation" / "private.md").write_text("mine")
    (dataset / "validation" / "report.md").write_text("changed by hand")
    publish(problems(5), some_facts(), dataset)
    assert sorted(tree(dataset / "validation")) == ["private.md", "report.md"]
    open_dataset(dataset).check_files()


def test_no_report_goes_through_a_link_in_the_dataset(
    tmp_path: Path, dataset: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (dataset / "validation").symlink_to(tmp_path / "elsewhere")
    assert validate.main([str(dataset)]) == 2
    assert "validation is a symbolic link" in one_line(capsys)
    assert not os.listdir(tmp_path / "elsewhere")


def test_a_page_replaces_only_itself(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    arguments = [str(run_of(tmp_path, PROBLEMS)), "--out", str(tmp_path / "[page]*.html")]
    out = Path(arguments[-1])
    assert [page_command.main(arguments) for _ in range(2)] == [0, 0]
    out.write_text("<h1>mine</h1>")
    assert page_command.main(arguments) == 2
    assert f"--out {out}: exists already, and is not as this command wrote it" in one_line(capsys)
    assert out.read_text() == "<h1>mine</h1>"
    for place in ("x" * 256, f"{out.name}/below.html"):
        assert page_command.main([*arguments[:2], str(tmp_path / place)]) == 2
        one_line(capsys)


def test_the_curated_problems_replace_only_themselves(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generate, "rows", lambda settings: iter([{"problem": "x"}]))
    out = tmp_path / "c.jsonl"
    for _ in range(2):
        assert generate.main(["--file", str(out)]) == 0
    out.write_text("mine")
    assert generate.main(["--file", str(out)]) == 1
    assert f"--file {out}: exists already" in one_line(capsys) and out.read_text() == "mine"
    (tmp_path / "link").symlink_to(out)
    assert generate.main(["--file", str(tmp_path / "link")]) == 1
    assert generate.main(["--file", str(tmp_path)]) == 1
    assert "is a folder; name a file" in capsys.readouterr().err


def test_pocket_models_are_trained_in_a_folder_of_their_own(tmp_path: Path) -> None:
    check_folder(tmp_path / "new")
    (tmp_path / "teacher").mkdir()
    (tmp_path / "teacher" / "config.json").write_text("mine")
    with pytest.raises(OutputError, match="holds teacher, and no training of pocket models"):
        check_folder(tmp_path)
    (tmp_path / "teacher.jsonl").touch()
    check_folder(tmp_path)


@pytest.mark.parametrize("run", COMMANDS.values(), ids=COMMANDS)
def test_a_name_that_the_shell_did_not_replace_is_refused(
    tmp_path: Path, dataset: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, run: Callable
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        run(dataset, Path("~/out"))
    assert "the shell has not replaced ~" in capsys.readouterr().err
    assert not (tmp_path / "~").exists()
