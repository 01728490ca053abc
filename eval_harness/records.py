"""Read the files that an evaluation left: its results and its log of samples. Both may come from a stranger.

A file must be a plain file of bounded size, JSON of bounded nesting, and must hold the fields that `summary.py` and
lm-eval write, with their types. Then tables, pages and comparisons may use it without looking again.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictInt, TypeAdapter, ValidationError

LARGEST = 4 * 2**30
"""Bytes of the largest file that is read. The log of a large evaluation has hundreds of megabytes."""
_REMEDY = "evaluate again, or name another result"
_Count = Annotated[StrictInt, Field(ge=0)]
_Number = Annotated[float, Field(allow_inf_nan=False)]
_Model = TypeVar("_Model", bound=BaseModel)


class ResultError(ValueError):
    """A result file cannot be used. The message names the file and the reason."""


class _Recorded(BaseModel):
    """A part of a file. Fields that nobody reads are not checked."""

    model_config = ConfigDict(extra="allow", strict=True, protected_namespaces=())


class _Estimate(_Recorded):
    value: _Number
    stderr: _Number | None


class _Marks(_Recorded):
    greedy: Annotated[str, Field(min_length=1, max_length=1)]
    samples: str


class _Task(_Recorded):
    """What `summary.summary_of` writes of a task, with the conditions of the run."""

    problems: _Count
    samples: _Count
    outcomes: dict[str, dict[str, _Count]]
    per_problem: Annotated[dict[str, _Marks], Field(min_length=1)]
    benchmark: str
    origin: str
    fingerprint: str
    left_out: _Count
    judge: str | dict[str, Any] | None
    max_gen_toks: _Count | None
    sent: dict[str, dict[str, Any]]
    chat_template: Any
    removable_share: _Number | None = None


class _Section(_Recorded):
    tasks: dict[str, _Task]
    versions: dict[str, str]
    notes: list[str]


class _Results(_Recorded):
    model_name: str | None = None
    config: dict[str, Any]


class _Document(_Recorded):
    problem_id: str
    problem: str
    system: str | None = None
    answer: str | None
    grading: str


class _Graded(_Recorded):
    answer: str | None
    outcome: str
    finish_reason: str | None
    token_count: _Count | None


class _Responses(_Recorded):
    problem_id: str
    graded: Annotated[list[_Graded], Field(min_length=1)]


class _Line(_Recorded):
    """A line of the log of samples: one problem."""

    doc_id: StrictInt
    doc: _Document
    resps: list[Annotated[list[str], Field(min_length=1)]]
    responses: _Responses


def read_object(file: Path) -> dict[str, Any]:
    """Read a JSON file that holds an object, without looking into it.

    Raises:
        ResultError: it cannot be read, or holds something else.
    """
    content = _json(file, _text(file), "")
    if not isinstance(content, dict):
        raise ResultError(f"{file}: must hold a JSON object; {_REMEDY}")
    return content


def checked_section(file: Path, results: Mapping[str, Any], section: object) -> dict[str, Any]:
    """Return the section that `summary.py` wrote into the results; ResultError if a field is missing or no such field.

    Args:
        file: the result file, for messages.
    """
    _check(_Results, results, f"{file}: ")
    checked = _check(_Section, section, f"{file}: sure_math.")
    for name, task in checked.tasks.items():
        _check_task(f"{file}: sure_math.tasks.{name}", task)
    return section if isinstance(section, dict) else {}


def read_log(file: Path) -> list[dict[str, Any]]:
    """Read a log of samples: one mapping per problem, in the order of the file.

    Raises:
        ResultError: it cannot be read, or a line is not what a task of this package logs.
    """
    lines = []
    for number, text in enumerate(_text(file).split("\n"), start=1):  # a response may hold U+2028, which ends no line
        if not text.strip():
            continue
        line = _json(file, text, f", line {number}")
        checked = _check(_Line, line, f"{file}, line {number}: ")
        if len(checked.resps) != len(checked.responses.graded):
            counts = f"{len(checked.resps)} responses and grades {len(checked.responses.graded)}"
            raise ResultError(f"{file}, line {number}: has {counts}; {_REMEDY}")
        lines.append(line)
    return lines


def _check_task(name: str, task: _Task) -> None:
    if any(len(marks.samples) != task.samples for marks in task.per_problem.values()):
        raise ResultError(f"{name}.per_problem: a problem has another number of marks than {task.samples}; {_REMEDY}")
    extra = task.model_extra or {}
    for metric, kind in [("pass@1", "greedy"), *([(f"avg@{task.samples}", "sampled")] if task.samples else [])]:
        _check(_Estimate, extra.get(metric), f"{name}.{metric}.")
        missing = {"truncated", "unboxed", "empty", "timed_out"} - set(task.outcomes.get(kind, {}))
        if missing:
            raise ResultError(f"{name}.outcomes.{kind}: has no {', '.join(sorted(missing))}; {_REMEDY}")


def _check(model: type[_Model], value: object, place: str) -> _Model:
    try:
        return TypeAdapter(model).validate_python(value)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        field = f"{place}{'.'.join(map(str, detail['loc']))}".rstrip(".: ")
        raise ResultError(f"{field}: {detail['msg'].lower()}; {_REMEDY}") from None


def _text(file: Path) -> str:
    try:
        if not file.is_file():
            raise ResultError(f"{file}: is no plain file; name a results_*.json, or a folder that contains one")
        if file.stat().st_size > LARGEST:
            raise ResultError(f"{file}: has more than {LARGEST:,} bytes; evaluate in parts with lm-eval's --limit")
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ResultError(f"{file}: is not UTF-8 (byte {error.start}); {_REMEDY}") from None
    except OSError as error:
        raise ResultError(f"{file}: cannot be read ({error.strerror}); check the rights of the file") from None


def _json(file: Path, text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ResultError(f"{file}{place}: is nested too deeply; {_REMEDY}") from None
    except ValueError as error:
        raise ResultError(f"{file}{place}: is not JSON ({error!s:.120}); {_REMEDY}") from None


def newest_results(folder: Path) -> Path:
    """Return the newest result file in a folder or below it; ResultError if there is none."""
    files = sorted(_plain_files(folder), key=lambda file: file.name)
    if not files:
        raise ResultError(f"{folder}: has no results_*.json in it or below it; run lm_eval with --output_path {folder}")
    return files[-1]


def _plain_files(folder: Path) -> Iterator[Path]:
    yield from (file for file in folder.rglob("results_*.json") if file.is_file())
