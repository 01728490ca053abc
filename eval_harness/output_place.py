"""Where an evaluation writes: checked before a model is loaded, because lm-eval finds out after the last response.

lm-eval makes new files with the date in their names, so a folder with other content is fine. Two files are written in
place if they are there: lm-eval's cache (`NAME_rank0.db`) and the journal of responses (`NAME.responses.db`). They must
be files that an evaluation wrote.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval_harness.generate import journal_path
from eval_harness.options import OptionError
from sure_math.storage.files import explain_os_error
from sure_math.storage.output_folder import OutputError, check_place

OUTPUT, CACHE = "--output_path", "--use_cache"
_DATE = "2000-01-01T00-00-00.000000"
"""What lm-eval puts into the names of its files."""
_PROBE = bytes(1 << 20)
"""Is written and removed again: the results of a short run need about as much room."""
_TABLES = frozenset({"unnamed", "replies"})
"""Of lm-eval's cache, and of the journal."""
_HEADER = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputPlace:
    """Where a run writes; `run_output` reads it from the words of the command."""

    output: str | None
    """As the user gave it: a folder, or a file that ends in `.json`."""
    cache: str | None
    """lm-eval's `--use_cache`, if the user gave it."""

    @property
    def folder(self) -> Path | None:
        """The folder of the results; None if the run writes none."""
        if self.output is None:
            return None
        return Path(self.output).parent if self.output.endswith(".json") else Path(self.output)

    @property
    def responses(self) -> str | None:
        """What `--use_cache` is or becomes."""
        return str(self.folder / "responses") if self.cache is None and self.folder is not None else self.cache


def run_output(words: Sequence[str]) -> OutputPlace:
    """Read the paths of a command of lm-eval, as lm-eval does: from its arguments or from the file of `--config`.

    >>> run_output(["run", "--tasks", "math500", "--output_path", "out"]).responses
    'out/responses'
    """
    from lm_eval._cli import HarnessCLI

    settings = vars(HarnessCLI()._parser.parse_args(list(words)))
    if settings.get("config"):
        from lm_eval.config.evaluate_config import EvaluatorConfig

        with contextlib.suppress(OSError, ValueError, TypeError):  # lm-eval says what is wrong with the file
            stored = EvaluatorConfig.load_yaml_config(settings["config"])
            settings = {**stored, **{name: value for name, value in settings.items() if value or value == 0}}
    paths = {name: settings.get(name) for name in ("output_path", "use_cache")}
    for option, value in zip((OUTPUT, CACHE), paths.values(), strict=True):
        if value == "":
            raise OptionError(f"{option}: is empty; name a folder, such as out, or . for the one you are in")
    return OutputPlace(
        output=None if paths["output_path"] is None else str(paths["output_path"]),
        cache=None if paths["use_cache"] is None else str(paths["use_cache"]),
    )


def check_output(place: OutputPlace, model_arguments: Mapping[str, Any]) -> None:
    """Refuse a place where lm-eval could not write at the end of a run; nothing of the user is touched.

    The folder is made if it is missing.

    Raises:
        OutputError: the message names the option, what is wrong and what to do.
    """
    if place.output is not None and place.folder is not None:
        check_place(place.folder, OUTPUT)
        with _explained(OUTPUT, place.folder):
            _try_to_write(place.folder)
            _check_results(place, model_arguments)
    if place.responses is not None:
        option = CACHE if place.cache is not None else OUTPUT
        folder = Path(place.responses).parent
        check_place(folder, option)
        with _explained(option, folder):
            _try_to_write(folder)
            _check_databases(place.responses, option)


def result_files(place: OutputPlace) -> set[Path]:
    """Find the result files that are there."""
    folder = place.folder
    if folder is None or not folder.is_dir():
        return set()
    stem = Path(str(place.output)).stem
    named = {path for path in folder.iterdir() if path.name.startswith(f"{stem}_") and path.suffix == ".json"}
    return {*folder.rglob("results_*.json"), *named}


@contextlib.contextmanager
def _explained(option: str, folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        line = explain_os_error(error, folder)
        if line is None:
            raise
        raise OutputError(f"{option} {line}") from None


def _try_to_write(folder: Path) -> None:
    """Make the folder, and write and remove a file without a name: is there room, and the right to write?"""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(_PROBE)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        error.filename = error.filename or str(folder)
        raise


def _check_results(place: OutputPlace, model_arguments: Mapping[str, Any]) -> None:
    """Refuse names of results that no file can have, and a file or link where the folder of the model must be."""
    assert place.output is not None and place.folder is not None
    if place.output.endswith(".json"):
        _look_at(place.folder / f"{Path(place.output).stem}_{_DATE}.json")
        return
    from lm_eval.loggers.evaluation_tracker import GeneralConfigTracker
    from lm_eval.utils import sanitize_model_name

    name = GeneralConfigTracker._get_model_name(dict(model_arguments))
    if name is None:
        return
    folder = place.folder / sanitize_model_name(name)
    try:
        _look_at(folder)
    except OSError:
        raise OutputError(
            f"{OUTPUT} {place.output}: the name of the model, {name[:100]}..., is too long for the folder of its "
            f"results; name a file, as in {OUTPUT} {Path(place.output) / 'run.json'}"
        ) from None
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        kind = "a symbolic link" if folder.is_symlink() else "a file"
        raise OutputError(
            f"{OUTPUT} {place.output}: {folder} is {kind}, where the folder of the model's results must be; move it "
            "away, or name another folder"
        )
    if folder.is_dir():
        _try_to_write(folder)
    _look_at(folder / f"results_{_DATE}.json")


def _look_at(path: Path) -> None:
    """Raise the `OSError` of a path that is too long; it need not be there."""
    with contextlib.suppress(FileNotFoundError):
        os.lstat(path)


def _check_databases(responses: str, option: str) -> None:
    """Refuse a cache or journal that is not one: it would be written in place."""
    cache = Path(f"{responses}_rank0.db")
    journal = journal_path(str(cache))
    for path in (cache, journal):
        _look_at(path)
        for name in (path, *(path.with_name(path.name + ending) for ending in ("-wal", "-shm", "-journal"))):
            if name.is_symlink() or (os.path.lexists(name) and not name.is_file()):
                raise OutputError(
                    f"{option} {responses}: {name} is no plain file, and a file of responses is written there; move it "
                    "away, or name another place"
                )
        if path.is_file() and not _is_ours(path):
            raise OutputError(
                f"{option} {responses}: {path} is not as an evaluation wrote it, and the "
                "responses would be written into it; move it away, or name another place"
            )
    # With a rollback journal beside it, of a run that was killed, SQLite mends the cache when it is opened.
    is_whole = cache.is_file() and not Path(f"{cache}-journal").is_file()
    damage = _damage_of_database(cache) if is_whole else None
    if damage is not None:
        raise OutputError(
            f"{option} {responses}: {cache}, lm-eval's cache of responses, is damaged ({damage}); move it away "
            f"({shlex.join(['mv', str(cache), f'{cache}.damaged'])}) and repeat the command: the responses of this "
            f"package's tasks are also in {journal}"
        )


def _is_ours(path: Path) -> bool:
    """Return whether a file is empty, or a database with no other table than that of a cache or journal.

    A damaged database is the journal's to mend or refuse.
    """
    with path.open("rb") as file:
        start = file.read(len(_HEADER))
    if start != _HEADER:
        return not start
    try:
        with _read_only(path) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.Error:
        return True
    return tables <= _TABLES


def _damage_of_database(path: Path) -> str | None:
    """Say what SQLite finds wrong with a database; None if it is sound."""
    try:
        with _read_only(path) as connection:
            [found] = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        return str(error)
    return None if found == "ok" else " ".join(str(found).split())


@contextlib.contextmanager
def _read_only(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        yield connection
