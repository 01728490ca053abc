"""`python -m eval_harness run --output_path`: any place works or is refused in one line before a model is loaded.

- a file, a place below a file, links, names that are too long, a read-only folder, an empty name: refused;
- a folder with content of the user, brackets, blanks: works, and the content stays as it is;
- a file of the user at the name of a file of responses is refused, not written into;
- `--output_path` from the file of `--config`, abbreviated, or given twice is the one that lm-eval uses;
- a damaged cache of lm-eval is named, with what to do;
- a disk that is full, before the run and at its end, is told in one line.
"""

import errno
import json
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import pytest

from eval_harness.command import main
from eval_harness.output_place import OutputPlace, check_output, run_output
from sure_math.storage.output_folder import OutputError
from tests.helpers.evaluations import benchmark_file
from tests.helpers.repository import ROOT
from tests.hostile.test_folders_of_the_user import tree

STUDENT = f"pretrained={ROOT / 'sure_math' / 'pocket' / 'models' / 'student'},dtype=float32"


def words(tmp_path: Path, *output: str) -> list[str]:
    data = benchmark_file(tmp_path, [{"question": "Compute 2 + 3.", "answer": "#### 5"}])
    return [
        *("run", "--model", "hf", "--model_args", STUDENT, "--device", "cpu", "--batch_size", "17"),
        *("--tasks", "sure_gsm8k", "--metadata", json.dumps({"data": str(data)}), "--gen_kwargs", "max_gen_toks=4"),
        *output,
    ]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tests run in a folder that holds content of the user."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    Path("file").write_text("mine")
    Path("nothing").symlink_to("nowhere")
    Path("loop").symlink_to("loop")
    for name in ("model-file", "model-link"):
        Path(name).mkdir()
    model = "__".join(STUDENT.partition("=")[2].partition(",")[0].split("/"))
    (Path("model-file") / model).write_text("mine")
    (Path("model-link") / model).symlink_to("../file")
    for name, content in (("cache", "_rank0.db"), ("journal", ".responses.db")):
        Path(name).mkdir()
        (Path(name) / f"responses{content}").write_text("mine")
    Path("database").mkdir()
    with sqlite3.connect("database/responses.responses.db") as connection:
        connection.execute("CREATE TABLE users (name TEXT)")
    connection.close()
    Path("links").mkdir()
    Path("links/responses.responses.db-wal").symlink_to("../file")
    Path("folders").mkdir()
    Path("folders/responses_rank0.db").mkdir()
    return folder


REFUSED = {
    "a file": ("file", "is a file; name a folder"),
    "below a file": ("file/x", "file is a file"),
    "below a device": ("/dev/null/x", "is a file"),
    "link to nothing": ("nothing", "is a symbolic link to nothing"),
    "a loop": ("loop/x", "symbolic links"),
    "too long": ("x" * 256, "file name too long; name a shorter path"),
    "path too long": ("/".join(["x" * 200] * 30), "file name too long; name a shorter path"),
    "file too long": ("x" * 240 + ".json", "file name too long; name a shorter path"),
    "a file in a file": ("file/x.json", "is a file"),
    "empty": ("", "is empty; name a folder"),
    "not ours to write": ("/proc/x", "--output_path /proc"),
    "the model's folder is a file": ("model-file", "is a file, where the folder of the model's results must be"),
    "the model's folder is a link": ("model-link", "is a symbolic link, where the folder"),
    "a text as the cache": ("cache", "responses_rank0.db is not as an evaluation wrote it"),
    "a text as the journal": ("journal", "responses.responses.db is not as an evaluation wrote it"),
    "another database": ("database", "responses.responses.db is not as an evaluation wrote it"),
    "a link at the journal's log": ("links", "responses.responses.db-wal is no plain file"),
    "a folder as the cache": ("folders", "responses_rank0.db is no plain file"),
}


@pytest.mark.parametrize(("output", "message"), REFUSED.values(), ids=REFUSED)
def test_a_place_that_is_refused_stays_as_it_is(
    tmp_path: Path, output: str, message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def loaded(arguments: Any) -> None:
        raise AssertionError("a model is looked at")

    monkeypatch.setattr("eval_harness.local_models.check_local_model", loaded)
    before = tree(Path())
    assert main(words(tmp_path, f"--output_path={output}")) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("--output_path") and message in lines[0]
    assert tree(Path()) == before


def test_a_model_with_a_long_name_is_told_to_name_a_file(tmp_path: Path) -> None:
    place = OutputPlace(output=str(tmp_path / "out"), cache=None)
    with pytest.raises(OutputError, match=r"too long for the folder of its results; name a file, as in --output_path"):
        check_output(place, {"pretrained": "/models/" + "/".join(["x" * 90] * 4)})
    check_output(OutputPlace(output=str(tmp_path / "out/run.json"), cache=None), {"pretrained": "x" * 400})


PLACES = {
    "content of the user": "mine",
    "brackets": "[a]*?",
    "a blank and a line break": "a b\nc",
    "a file": "mine/run[1].json",
    "a link to a folder": "linked",
}


@pytest.mark.slow
@pytest.mark.parametrize("output", PLACES.values(), ids=PLACES)
def test_a_place_that_works(tmp_path: Path, output: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine").mkdir()
    for name in ("results_mine.json", "samples_mine.jsonl", "summary_mine.json", ".env", "run[1]_mine.json"):
        (Path("mine") / name).write_text("mine")
    Path("linked").symlink_to("mine")
    before = tree(Path())
    for generated in (1, 0) if output == "mine" else (1,):
        assert main(words(tmp_path, f"--output_path={output}", "--log_samples")) == 0
        printed = capsys.readouterr().out
        (file,) = [Path(line.removeprefix("summary: ")) for line in _summaries(printed)]
        written = "" if output.endswith(".json") else "results_"
        results = json.loads(file.with_name(file.name.replace("summary_", written, 1)).read_text())
        assert results["sure_math"]["responses"] == {"generated": generated, "from_journal": 1 - generated}
    after = tree(Path())
    assert {name: after.get(name) for name in before} == before


def _summaries(printed: str) -> list[str]:
    """The line of the summary; a line break in a path is printed as one."""
    start = printed.index("summary: ")
    return [printed[start:].rstrip("\n")]


def test_the_place_is_the_one_that_lm_eval_uses(tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text("output_path: from-file\nuse_cache: cached/x\ntasks: math500\n")
    assert run_output(["run", "--config", str(config)]) == OutputPlace(output="from-file", cache="cached/x")
    given = run_output(["run", "--config", str(config), "--output_path", "given"])
    assert given == OutputPlace(output="given", cache="cached/x")
    twice = run_output(["run", "--tasks", "x", "--output_path", "first", "--output_path=second"])
    assert (twice.output, twice.responses) == ("second", "second/responses")
    assert run_output(["run", "--tasks", "x", "--output_p", "short"]).output == "short"
    assert run_output(["run", "--tasks", "x"]) == OutputPlace(output=None, cache=None)


def test_a_cache_of_the_users_choice_is_checked_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = tree(Path())
    assert main(words(tmp_path, "--use_cache", "journal/responses")) == 2
    assert capsys.readouterr().err.strip().startswith("--use_cache journal/responses: journal/responses.responses.db ")
    assert tree(Path()) == before


class _FullDisk:
    def __init__(self, **named: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("first", [16, 4096])
def test_a_damaged_cache_of_lm_eval_is_told_in_one_line(
    tmp_path: Path, first: int, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = Path("out/responses_rank0.db")
    cache.parent.mkdir()
    with sqlite3.connect(cache) as connection:
        connection.execute("CREATE TABLE unnamed (key TEXT PRIMARY KEY, value BLOB)")
    connection.close()
    content = cache.read_bytes()
    cache.write_bytes(content[:first] + b"\xff" * (len(content) - first))
    assert main(words(tmp_path, "--output_path", "out")) == 2
    printed = capsys.readouterr().err
    assert "Traceback" not in printed
    last = printed.strip().splitlines()[-1]
    assert last.startswith(f"--output_path out/responses: {cache}, lm-eval's cache of responses, is damaged (")
    assert f"move it away (mv {cache} {cache}.damaged) and repeat the command" in last
    cache.rename(f"{cache}.damaged")
    place = OutputPlace(output="out", cache=None)
    check_output(place, {})
    Path("out/responses_rank0.db").write_bytes(content)
    check_output(place, {})


def test_a_full_disk_is_told_before_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", _FullDisk)
    assert main(words(tmp_path, "--output_path=out")) == 2
    line = capsys.readouterr().err.strip()
    assert line == "--output_path no space left on the disk of out: free some and repeat the command"


def test_a_disk_that_is_full_at_the_end_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """lm-eval itself logs a warning and ends as if all were well."""
    monkeypatch.setattr("lm_eval.__main__.cli_evaluate", lambda: None)
    assert main(words(tmp_path, "--output_path=out")) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("--output_path out: lm-eval could not write the results") and "out/responses" in line
