"""What a user has in a folder is never lost and never uploaded.

Pins: a folder with content that is not ours is refused by name and stays byte for byte as it is; a rebuild replaces
only files that a build wrote, and keeps the others, those changed by hand too; an upload takes the listed files; a
manifest of a stranger cannot name a file outside; any path works or is refused in one line; no link is written
through; every state of a work file is made again or refused in one line.
"""

import errno
import fnmatch
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from sure_math import build as build_module
from sure_math.build import main
from sure_math.publication.publish import publish
from sure_math.publication.published import open_dataset
from sure_math.publication.shard_rows import PublishError
from sure_math.publication.upload import push
from sure_math.storage.files import explain_os_error, write_synced
from sure_math.storage.output_folder import OutputError, check_place
from sure_math.storage.store import StoreError
from tests.helpers.scripted_build import Scripted, run_phases, shard_files, write_problems
from tests.helpers.small_published_run import a_problem, a_shard, an_uncertainty, some_facts

SHARD = a_shard(a_problem("p1"), ("4", "4"), (0, 0), an_uncertainty("p1"))
OTHER = a_shard(a_problem("p2"), ("4", "4"), (0, 0), an_uncertainty("p2"))


class RecordingHub:
    """Stands in for `HfApi` and remembers which files of the folder an upload would take."""

    def __init__(self) -> None:
        self.files: list[str] = []

    def create_repo(self, repo_id: str, *, repo_type: str, private: bool, exist_ok: bool) -> None: ...

    def upload_folder(
        self, *, repo_id: str, folder_path: str, repo_type: str, allow_patterns: list[str], commit_message: str
    ) -> None:
        names = [str(path.relative_to(folder_path)) for path in Path(folder_path).rglob("*") if path.is_file()]
        self.files = sorted(name for name in names if any(fnmatch.fnmatch(name, pattern) for pattern in allow_patterns))


def tree(folder: Path) -> dict[str, bytes | None]:
    """Every name below a folder, with the bytes of files."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture
def samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of stored samples; the test runs in an empty folder beside it."""
    path = tmp_path / "st.jsonl"
    path.write_text('{"problem": "What is 1 + 1?", "id": "a", "samples": ["2", "3"]}\n')
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return path


def command(samples: Path, out: str, *more: str) -> list[str]:
    settings = (f"samples.path={samples}", "decontaminate.skip=all", "cluster.equivalence=string")
    return ["--config", "annotate", f"--out={out}", *settings, *more]


def refused(capsys: pytest.CaptureFixture, arguments: list[str]) -> str:
    assert main(arguments) == 1
    text = capsys.readouterr().err.strip()
    lines = [line for line in text.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and lines[0] == text.splitlines()[-1], text
    return lines[0]


FOREIGN: dict[str, Callable[[Path], object]] = {
    "one file": lambda folder: (folder / "notes.txt").touch(),
    "hidden": lambda folder: (folder / ".env").write_text("KEY=1"),
    "our names": lambda folder: [
        (folder / name).mkdir(parents=True) or (folder / name / "precious").write_text("x")  # type: ignore[func-returns-value]
        for name in ("data", "figures", "validation")
    ],
    "README": lambda folder: (folder / "README.md").write_text("mine"),
    "manifest of others": lambda folder: (folder / "manifest.json").write_text('{"name": "an app"}'),
    "empty manifest": lambda folder: (folder / "manifest.json").touch(),
    "work folder of others": lambda folder: (folder / ".build" / "debug").mkdir(parents=True),
    "a repository": lambda folder: (folder / ".git").mkdir(),
}


@pytest.mark.parametrize("fill", FOREIGN.values(), ids=FOREIGN)
def test_a_folder_with_content_of_the_user_is_refused(
    samples: Path, capsys: pytest.CaptureFixture, fill: Callable[[Path], object]
) -> None:
    Path("P").mkdir()
    fill(Path("P"))
    before = tree(Path("P"))
    name = sorted(os.listdir("P"))[0]
    for option in ((), ("--update",), ("--dry-run",)):
        line = refused(capsys, command(samples, "P", *option))
        assert "--out P: holds" in line and name in line and "name a new or empty folder" in line
    assert tree(Path("P")) == before


PLACES = {
    "a file": ("../st.jsonl", "is a file; name a folder"),
    "below a file": ("../st.jsonl/x/y", "st.jsonl is a file"),
    "the root": ("/", "--out /: holds"),
    "the folder above": ("..", "--out ..: holds here, loop, nothing, st.jsonl"),
    "too long": ("x" * 256, "file name too long; name a shorter path"),
    "path too long": ("/".join(["x" * 200] * 30), "file name too long; name a shorter path"),
    "not UTF-8": ("a\udcff", r"is not UTF-8; name another folder"),
    "link to nothing": ("nothing", "is a symbolic link to nothing"),
    "below a link to nothing": ("nothing/x", "is a symbolic link to nothing"),
    "a loop": ("loop/x", "symbolic links"),
}


@pytest.mark.parametrize(("out", "message"), PLACES.values(), ids=PLACES)
def test_a_place_where_no_folder_can_be(samples: Path, capsys: pytest.CaptureFixture, out: str, message: str) -> None:
    Path("../nothing").symlink_to("nowhere")
    Path("../loop").symlink_to("loop")
    os.chdir("..") if out.startswith(("nothing", "loop")) else None
    assert message in refused(capsys, command(samples, out))


def test_an_empty_name_is_refused(samples: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main(command(samples, ""))
    assert "argument --out: is empty; name a folder" in capsys.readouterr().err


STRANGE_NAMES = ("[/red]", "[bold]x", "*?", "a b", "%s", "-lead", "ü\u202e", "x\ny", "{0}", ":smile:", "y" * 255, ".")


@pytest.mark.slow
@pytest.mark.parametrize("out", STRANGE_NAMES)
def test_any_name_works(samples: Path, capsys: pytest.CaptureFixture, out: str) -> None:
    """Twice: the second build finds the first; and neighbours that a pattern would match are not read."""
    if out != ".":
        for neighbour in ("data", "xy"):
            (Path(neighbour) / "data").mkdir(parents=True)
            (Path(neighbour) / "data" / "train-00000.parquet").write_bytes(b"of another")
    for _ in range(2):
        assert main(command(samples, out)) == 0
        assert "Traceback" not in capsys.readouterr().err
    assert open_dataset(Path(out)).row_counts["train"] == 1


def test_a_plan_shows_paths_that_look_like_markup(samples: Path, capsys: pytest.CaptureFixture) -> None:
    shutil.copy(samples, "[red]x.jsonl")
    assert main(command(Path("[red]x.jsonl"), "[bold]y", "--dry-run", "--push", "me/x")) == 0
    text = capsys.readouterr().out
    assert "[red]x.jsonl" in text and "[bold]y" in text
    assert "data/train-*.parquet" in text and "me/x: the written files" in text
    assert not Path("[bold]y").exists()


def test_a_plan_of_an_upload_lists_the_files(tmp_path: Path, samples: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "d"
    publish([SHARD], some_facts(), out)
    (out / ".env").write_text("KEY=1")
    assert main(command(samples, str(out), "--dry-run", "--push", "me/x")) == 0
    text = "".join(capsys.readouterr().out.split())
    assert "README.md,data/samples-00000.parquet,data/train-00000.parquet,figures/entropy_histogram.png" in text
    assert ".env" not in text


def test_a_rebuild_keeps_what_it_did_not_write(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    publish([SHARD], some_facts(), folder)
    mine = {
        "data/precious.csv": b"1",
        "figures/mine.png": b"2",
        "validation/notes.md": b"3",
        ".env": b"4",
        "data/inner/data/train-00000.parquet": b"a dataset inside",
        "README.md.kept": b"an earlier one",
    }
    for name, content in mine.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / "README.md").write_text("changed by hand")
    said: list[str] = []
    publish([OTHER], some_facts(), folder, said.append)
    assert {name: (folder / name).read_bytes() for name in mine} == mine
    assert (folder / "README.md.kept-2").read_text() == "changed by hand"
    assert said == [f"{folder}: kept what was not as written here: README.md is now README.md.kept-2"]
    assert [row["problem_id"] for row in open_dataset(folder).rows("train", ["problem_id"])] == ["p2"]


def test_what_a_user_has_put_into_the_work_of_a_killed_build_is_kept(tmp_path: Path) -> None:
    for kept in ("publish.kept", "publish.kept-2"):
        for name in ("notes.txt", "data/train-00000.parquet", "data/mine.parquet", "figures/entropy_histogram.png"):
            (tmp_path / ".build/publish" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / ".build/publish" / name).write_text(name)
        publish([SHARD], some_facts(), tmp_path)
        assert {name: content for name, content in tree(tmp_path / ".build" / kept).items() if content} == {
            "notes.txt": b"notes.txt",
            "data/mine.parquet": b"data/mine.parquet",
        }
        assert not (tmp_path / ".build/publish").exists()


def test_a_file_that_has_no_successor_goes_and_a_changed_one_stays(tmp_path: Path) -> None:
    dropped = a_shard(a_problem("p3", split="test"), ("4", "4"), (0, 0), an_uncertainty("p3"))
    publish([SHARD, dropped], some_facts(), tmp_path)
    assert (tmp_path / "data/test-00000.parquet").is_file()
    publish([SHARD], some_facts(), tmp_path)
    assert sorted(os.listdir(tmp_path / "data")) == ["samples-00000.parquet", "train-00000.parquet"]
    publish([SHARD, dropped], some_facts(), tmp_path)
    (tmp_path / "data/test-00000.parquet").write_bytes(b"mine now")
    publish([SHARD], some_facts(), tmp_path)
    assert (tmp_path / "data/test-00000.parquet.kept").read_bytes() == b"mine now"
    push(tmp_path, "me/x", api=RecordingHub())


def test_a_file_where_a_folder_must_be_is_kept(tmp_path: Path) -> None:
    publish([SHARD], some_facts(), tmp_path)
    shutil.rmtree(tmp_path / "figures")
    (tmp_path / "figures").write_text("mine")
    (tmp_path / "README.md").unlink()
    (tmp_path / "README.md").mkdir()
    (tmp_path / "README.md" / "note").write_text("mine too")
    publish([OTHER], some_facts(), tmp_path)
    assert (tmp_path / "figures.kept").read_text() == "mine"
    assert (tmp_path / "README.md.kept" / "note").read_text() == "mine too"
    assert (tmp_path / "figures/entropy_histogram.png").is_file() and (tmp_path / "README.md").is_file()


def test_a_folder_of_an_early_version_is_rebuilt(tmp_path: Path) -> None:
    """Its manifest lists the data only, and no list is in `.build`."""
    publish([SHARD], some_facts(), tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    del manifest["files"]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / ".build/written.json").unlink()
    hub = RecordingHub()
    push(tmp_path, "me/x", api=hub)
    assert "README.md" in hub.files and "data/train-00000.parquet" in hub.files
    publish([OTHER], some_facts(), tmp_path)
    assert [row["problem_id"] for row in open_dataset(tmp_path).rows("train", ["problem_id"])] == ["p2"]
    assert not list(tmp_path.glob("data/*.kept")) and not (tmp_path / "manifest.json.kept").exists()


@pytest.mark.parametrize("step", range(14))
def test_a_publish_that_is_killed_while_it_moves_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Whatever was in place, the next one knows its own files and keeps nothing of them as a file of the user."""
    publish([SHARD], some_facts(), tmp_path)
    moves = [step]

    def dying(original: Callable) -> Callable:
        def move(self: Path, *arguments: object, **options: object) -> object:
            if ".build" not in self.parts or "publish" in self.parts:
                moves[0] -= 1
                if moves[0] < 0:
                    raise KeyboardInterrupt
            return original(self, *arguments, **options)

        return move

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", dying(Path.rename))
        patch.setattr(Path, "unlink", dying(Path.unlink))
        try:
            publish([OTHER], some_facts(), tmp_path)
        except KeyboardInterrupt:
            assert not (tmp_path / "manifest.json").exists() or moves[0] < 0
    publish([OTHER], some_facts(), tmp_path)
    assert not list(tmp_path.rglob("*.kept"))
    open_dataset(tmp_path).check_files()


def test_an_upload_takes_what_was_written_and_nothing_else(tmp_path: Path) -> None:
    publish([SHARD], some_facts(), tmp_path)
    for name in (".env", "notes.txt", "data/precious.csv", "figures/mine.png", ".git/config", "validation/private.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("secret")
    hub = RecordingHub()
    push(tmp_path, "me/x", api=hub)
    assert hub.files == [
        "README.md",
        "data/samples-00000.parquet",
        "data/train-00000.parquet",
        "figures/entropy_histogram.png",
        "figures/entropy_histogram.svg",
        "manifest.json",
    ]


def test_a_listed_file_that_was_replaced_is_not_uploaded(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    publish([SHARD], some_facts(), folder)
    (tmp_path / "id_rsa").write_text("secret")
    (folder / "figures/entropy_histogram.png").unlink()
    (folder / "figures/entropy_histogram.png").symlink_to(tmp_path / "id_rsa")
    with pytest.raises(PublishError, match=r"entropy_histogram\.png: missing or not as published"):
        push(folder, "me/x", api=RecordingHub())


@pytest.mark.parametrize("name", ["../victim", "/tmp/victim", "data/../../victim", "notes.txt", ".build/../../victim"])
def test_a_manifest_of_a_stranger_names_no_file_outside(tmp_path: Path, name: str) -> None:
    from sure_math.storage.files import file_digest

    folder = tmp_path / "d"
    publish([SHARD], some_facts(), folder)
    for path in (tmp_path / "victim", folder / "notes.txt"):
        path.write_text("mine")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = file_digest(folder / "notes.txt")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    shutil.rmtree(folder / ".build")
    hub = RecordingHub()
    push(folder, "me/x", api=hub)
    assert "notes.txt" not in hub.files
    publish([OTHER], some_facts(), folder)
    assert (tmp_path / "victim").read_text() == (folder / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["data", "figures", "validation", "README.md", "manifest.json", ".build"])
def test_nothing_is_written_through_a_link_in_the_folder(
    tmp_path: Path, samples: Path, capsys: pytest.CaptureFixture, name: str
) -> None:
    out, target = tmp_path / "out", tmp_path / "target"
    out.mkdir()
    target.mkdir()
    (target / "precious").write_text("mine")
    (out / name).symlink_to(target)
    line = refused(capsys, command(samples, str(out)))
    assert str(out / name) in line
    assert os.listdir(target) == ["precious"] and os.listdir(out) == [name]


@pytest.mark.parametrize(
    "name",
    ["lock", "config.json", "config.json.tmp", "journal.sqlite", "calls.jsonl", "shards", "publish", "pins.json"],
)
def test_nothing_is_written_through_a_link_among_the_work_files(
    tmp_path: Path, samples: Path, capsys: pytest.CaptureFixture, name: str
) -> None:
    work, victim = tmp_path / "out" / ".build", tmp_path / "victim"
    work.mkdir(parents=True)
    victim.write_text("mine")
    (work / "lock").touch()
    (work / name).unlink(missing_ok=True)
    (work / name).symlink_to(victim)
    (work / "config.json").touch() if name != "config.json" else None
    assert f"{work / name} is a link or a special file" in refused(capsys, command(samples, str(tmp_path / "out")))
    assert victim.read_text() == "mine"


def test_a_pipe_among_the_work_files_does_not_hang(
    tmp_path: Path, samples: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "out/.build").mkdir(parents=True)
    (tmp_path / "out/.build/config.json").touch()
    os.mkfifo(tmp_path / "out/.build/calls.jsonl")
    assert "is a link or a special file" in refused(capsys, command(samples, str(tmp_path / "out")))


def test_writing_a_file_replaces_a_link_and_does_not_follow_it(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "a.tmp").symlink_to(tmp_path / "victim")
    (tmp_path / "a").symlink_to(tmp_path / "victim")
    write_synced(tmp_path / "a", b"new")
    assert (tmp_path / "victim").read_text() == "mine" and not (tmp_path / "a").is_symlink()


def test_a_link_as_the_folder_is_fine(tmp_path: Path, samples: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert main(command(samples, str(tmp_path / "link"))) == 0
    assert open_dataset(tmp_path / "real").row_counts["train"] == 1


def test_a_place_in_the_work_folder_of_a_build(tmp_path: Path) -> None:
    (tmp_path / ".build").mkdir()
    (tmp_path / ".build/lock").touch()
    for name in (".build", ".build/x", ".build/shards/y"):
        with pytest.raises(OutputError, match="the work folder of a build; name another folder"):
            check_place(tmp_path / name)


def test_a_folder_that_is_moved_meanwhile(tmp_path: Path) -> None:
    """The build stops with a line, makes nothing at the old place, and goes on at the new place."""
    problems = write_problems(tmp_path / "p.jsonl", 8)
    models = Scripted()
    solve = models.scripts["teacher"]
    moved: list[Path] = []

    def moving(question, seed):
        if not moved:
            moved.append((tmp_path / "out").rename(tmp_path / "new"))
        return solve(question, seed)

    models.scripts["teacher"] = moving
    with pytest.raises(StoreError, match="was moved or deleted while the build was running; repeat the command"):
        run_phases(tmp_path / "out", f"seeds.path={problems}", load=models)
    assert not (tmp_path / "out").exists()
    first = models.asked()
    run_phases(tmp_path / "new", f"seeds.path={problems}", load=models)
    assert first + models.asked() == 8 * 9


def test_a_folder_that_is_deleted_meanwhile(tmp_path: Path) -> None:
    problems = write_problems(tmp_path / "p.jsonl", 8)
    models = Scripted()
    solve = models.scripts["teacher"]

    def deleting(question, seed):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        return solve(question, seed)

    models.scripts["teacher"] = deleting
    with pytest.raises(build_module.EXPECTED):
        run_phases(tmp_path / "out", f"seeds.path={problems}", load=models)
    assert not (tmp_path / "out").exists()


CONTENTS = {
    "empty": b"",
    "list": b"[]",
    "null": b"null",
    "number": b"7",
    "text": b'"x"',
    "cut": b'{"fingerprint": "ab", "fi',
    "bad UTF-8": b'{"\xff": 1}',
    "zeros": bytes(4096),
    "other keys": b'{"version": 9, "shards": {}, "files": [], "kept": null}',
    "other types": b'{"fingerprint": [], "shards": "3", "files": {"00000.parquet": 3}, "kept": -1}',
    "deep": b"[" * 100_000,
}
WORK_FILES = (
    "shards/seeds/done.json",
    "config.json",
    "pins.json",
    "written.json",
    "shards/sample/00000.json",
    "shards/seeds/00001.json",
    "shards/verdict/00001.json",
    "shards/cluster/00000.parquet",
    "calls.jsonl",
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    folder = tmp_path_factory.mktemp("finished")
    problems = write_problems(folder / "p.jsonl", 8)
    run_phases(folder / "out", f"seeds.path={problems}", load=Scripted())
    yield folder / "out", problems


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_damaged_work_files_are_made_again(tmp_path: Path, finished: tuple[Path, Path], content: bytes) -> None:
    done, problems = finished
    for name in WORK_FILES:
        out = tmp_path / name.replace("/", "-")
        shutil.copytree(done, out)
        (out / ".build" / name).write_bytes(content)
        models = Scripted()
        run_phases(out, f"seeds.path={problems}", load=models)
        assert models.asked() == 0, name
        assert shard_files(out) == shard_files(done), name


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_a_damaged_manifest_is_kept_and_written_again(tmp_path: Path, content: bytes) -> None:
    publish([SHARD], some_facts(), tmp_path)
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(PublishError):
        push(tmp_path, "me/x", api=RecordingHub())
    publish([SHARD], some_facts(), tmp_path)
    assert (tmp_path / "manifest.json.kept").read_bytes() == content
    open_dataset(tmp_path).check_files()


MANIFESTS: dict[str, object] = {
    "no dataset": {"dataset": None},
    "a list": {"dataset": []},
    "no files": {"dataset": {"fingerprint": "a", "rows": {}, "files": None}},
    "a path": {"dataset": {"fingerprint": "a", "rows": {}, "files": {"../../x": "0"}}},
    "rows": {"dataset": {"fingerprint": "a", "rows": [], "files": {}}},
    "models": {"models": None},
}


@pytest.mark.parametrize("change", MANIFESTS.values(), ids=MANIFESTS)
def test_a_manifest_of_another_shape_is_one_line(tmp_path: Path, change: dict) -> None:
    publish([SHARD], some_facts(), tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, **change}))
    with pytest.raises(PublishError, match="is not the manifest of a dataset"):
        push(tmp_path, "me/x", api=RecordingHub())
    publish([SHARD], some_facts(), tmp_path)


ERRORS = {
    errno.ENOSPC: "no space left on the disk of /disk/x: free some and repeat the command; what is computed",
    errno.EDQUOT: "no space left on the disk of /disk/x",
    errno.EROFS: "/disk/x: read-only file system; name a folder on a disk that can be written",
    errno.EACCES: "/disk/x: permission denied; give yourself the right",
    errno.ENAMETOOLONG: "/disk/x: file name too long; name a shorter path",
    errno.EIO: "/disk/x: input/output error; the disk has failed",
    errno.ENOENT: "/disk/x: no such file or directory; it was moved or deleted",
}


@pytest.mark.parametrize(("number", "message"), ERRORS.items(), ids=errno.errorcode.get)
def test_an_error_of_the_disk_is_one_line(
    samples: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, number: int, message: str
) -> None:
    def failing(*arguments: object, **options: object) -> None:
        raise OSError(number, os.strerror(number), "/disk/x")

    monkeypatch.setattr(build_module, "publish", failing)
    assert message in refused(capsys, command(samples, "out"))


def test_an_error_of_the_network_keeps_its_traceback() -> None:
    assert explain_os_error(ConnectionResetError(errno.ECONNRESET, "reset"), Path("out")) is None
    assert explain_os_error(OSError("of a library"), Path("out")) is None


def test_a_build_prints_paths_as_they_are(tmp_path: Path, samples: Path) -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=80)
    build_module._say(console, "[/red]: train 1")
    assert stream.getvalue() == "[/red]: train 1\n"
