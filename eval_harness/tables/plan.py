"""Read the plan of the tables: which result belongs to which row, from YAML files or from labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from eval_harness.records import ResultError
from sure_math.command_line.yaml_text import read_yaml
from uopd.method_names import CONTROLS, PAPER_METHODS

METHODS: Mapping[str, str] = {"base": "Base", "teacher": "Teacher", **PAPER_METHODS}
"""Rows of Table 1, in the order of Sec. 4.2."""
WEIGHTINGS: Mapping[str, str] = {
    "uniform": "Uniform (w = 1)",
    "filter-0.3": "Binary filter (τ = 0.3)",
    "filter-0.5": "Binary filter (τ = 0.5)",
    "soft": "Soft weighting (UOPD)",
}
"""Rows of Table 2."""
ABLATIONS: Mapping[str, Sequence[str]] = {
    "samples": ("2", "4", "8", "16"),
    "topk": ("128", "512", "2048", "full"),
    "rollouts": ("1", "2", "4", "8"),
}
"""Rows of the ablations over N, k and K. A plan may add other numbers."""
BENCHMARK_TITLES: Mapping[str, str] = {
    "math500": "MATH-500",
    "aime25": "AIME 2025",
    "amo_bench": "AMO-Bench",
    "sure_math": "SURE-Math",
    "aime24": "AIME 2024",
    "hmmt_feb25": "HMMT Feb 2025",
    "hmmt_nov25": "HMMT Nov 2025",
    "gsm8k": "GSM8K",
    "sure_math_pocket": "SURE-Math pocket",
}
PAPER_BENCHMARKS = ("math500", "aime25", "amo_bench", "sure_math")
"""Columns of the paper's tables."""
PAPER_PAIRS = (("Qwen3-1.7B", "Qwen3-8B"), ("Qwen3-4B", "Qwen3-8B"), ("Qwen3-8B", "Qwen3-30B"))
"""Student and teacher of each block of the paper's Table 1."""


class RowFiles(BaseModel):
    """The files from which one row is made."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    results: tuple[Path, ...] = ()
    """Result files of lm-eval, or folders whose newest result file is read."""
    run: Path | None = None
    """Folder of `uopd.train`, for peak memory and time, and to check that the row has the right label."""


class ModelPair(BaseModel):
    """A student and its teacher: one block of Table 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    student: str
    teacher: str
    rows: dict[str, RowFiles] = Field(default_factory=dict)

    @field_validator("rows", mode="before")
    @classmethod
    def _row_files(cls, value: Any) -> Any:
        return _as_row_files_by_name(value)

    @field_validator("rows")
    @classmethod
    def _known(cls, rows: dict[str, RowFiles]) -> dict[str, RowFiles]:
        return _checked(rows, lambda name: name in METHODS, f"one of {', '.join(METHODS)}")


class TablePlan(BaseModel):
    """The plan of all tables. Every part may be missing."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    benchmarks: tuple[str, ...] | None = None
    pairs: tuple[ModelPair, ...] = ()
    weighting: dict[str, RowFiles] = Field(default_factory=dict)
    samples: dict[str, RowFiles] = Field(default_factory=dict)
    topk: dict[str, RowFiles] = Field(default_factory=dict)
    rollouts: dict[str, RowFiles] = Field(default_factory=dict)
    convergence: dict[str, Path] = Field(default_factory=dict)
    results: dict[str, RowFiles] = Field(default_factory=dict)
    """Results that belong to no table, by their path."""

    @field_validator("benchmarks")
    @classmethod
    def _known_benchmarks(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in names or ():
            if name not in BENCHMARK_TITLES:
                raise ValueError(f"{name!r} is not a benchmark; expected names out of {', '.join(BENCHMARK_TITLES)}")
        return names

    @field_validator("weighting", "samples", "topk", "rollouts", "results", mode="before")
    @classmethod
    def _row_files(cls, value: Any) -> Any:
        return _as_row_files_by_name(value)

    @field_validator("weighting")
    @classmethod
    def _weightings(cls, rows: dict[str, RowFiles]) -> dict[str, RowFiles]:
        known = (*WEIGHTINGS, *CONTROLS)
        return _checked(rows, lambda name: name in known or tau_of(name) is not None, f"{', '.join(known)}, filter-TAU")

    @field_validator("samples", "rollouts")
    @classmethod
    def _numbers(cls, rows: dict[str, RowFiles]) -> dict[str, RowFiles]:
        return _checked(rows, str.isdigit, "a whole number")

    @field_validator("topk")
    @classmethod
    def _numbers_or_full(cls, rows: dict[str, RowFiles]) -> dict[str, RowFiles]:
        return _checked(rows, lambda name: name.isdigit() or name == "full", "a whole number or full")


def tau_of(name: str) -> float | None:
    """Return the threshold of a row `filter-TAU`; None for other rows.

    >>> tau_of("filter-0.3"), tau_of("soft")
    (0.3, None)
    """
    match = re.fullmatch(r"filter-(\d+(?:\.\d+)?)", name)
    return float(match[1]) if match else None


def read_plan(arguments: Sequence[str]) -> TablePlan:
    """Merge the command's arguments, plan files, labelled results and results without a label, into one plan.

    Raises:
        ResultError: an argument is none of these, or the merged plan is not valid.

    >>> read_plan(["weighting/soft=results/uopd"]).weighting["soft"].results
    (PosixPath('results/uopd'),)
    """
    merged: dict[str, Any] = {}
    for argument in arguments:
        path = Path(argument)
        if path.suffix in (".yaml", ".yml") and path.is_file():
            _merge(merged, _plan_file(path), argument)
        elif path.exists():
            merged.setdefault("results", {}).setdefault(argument, []).append(argument)
        elif "=" in argument:
            label, _, result = argument.partition("=")
            _merge(merged, _labelled(label, result), argument)
        else:
            raise ResultError(
                f"{argument}: there is no such file or folder; give a results_*.json, a folder that contains one, a "
                "plan (*.yaml) or LABEL=PATH (--help shows examples)"
            )
    try:
        return TablePlan.model_validate(merged)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors())
        raise ResultError(f"the plan cannot be used: {problems}") from None


def _plan_file(path: Path) -> dict[str, Any]:
    try:
        content = read_yaml(path.read_text(encoding="utf-8-sig")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ResultError(f"{path}: is not YAML in UTF-8 ({error})") from None
    if not isinstance(content, dict):
        raise ResultError(f"{path}: must be a mapping with keys such as pairs, weighting and topk; see --help")
    return {key: _with_paths_below(path.parent, key, value) for key, value in content.items()}


def _with_paths_below(folder: Path, key: str, value: Any) -> Any:
    """Put the plan's folder before its relative paths. The names of benchmarks and models are not paths."""
    if key == "benchmarks" or (key == "pairs" and not isinstance(value, list)):
        return value
    if key == "pairs":
        return [
            {**pair, "rows": _below(folder, pair.get("rows") or {})} if isinstance(pair, dict) else pair
            for pair in value
        ]
    return _below(folder, value)


def _below(folder: Path, value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _below(folder, inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_below(folder, inner) for inner in value]
    return str(folder / value) if isinstance(value, str) else value


def _labelled(label: str, result: str) -> dict[str, Any]:
    """Return the part of a plan that the argument LABEL=RESULT stands for."""
    table, slash, row = label.rpartition("/")
    if slash and table in ("weighting", *ABLATIONS):
        return {table: {row: {"results": [result]}}}
    if slash and table == "convergence":
        return {table: {row: result}}
    student, colon, teacher = table.partition(":")
    if slash and colon:
        return {"pairs": [{"student": student, "teacher": teacher, "rows": {row: {"results": [result]}}}]}
    raise ResultError(
        f"{label}={result}: a label is STUDENT:TEACHER/METHOD ({', '.join(METHODS)}), or TABLE/ROW with the table "
        f"{', '.join(('weighting', *ABLATIONS, 'convergence'))}"
    )


def _merge(merged: dict[str, Any], more: Mapping[str, Any], argument: str) -> None:
    for key, value in more.items():
        if key == "pairs" and isinstance(value, list):
            for pair in value:
                _merge_pair(merged.setdefault(key, []), pair, argument)
        elif key in merged and isinstance(value, dict):
            _merge_rows(merged[key], value, argument)
        else:
            merged[key] = value


def _merge_pair(pairs: list[Any], pair: Any, argument: str) -> None:
    for known in pairs:
        if isinstance(pair, dict) and all(known.get(name) == pair.get(name) for name in ("student", "teacher")):
            _merge_rows(known.setdefault("rows", {}), pair.get("rows") or {}, argument)
            return
    pairs.append(pair)


def _merge_rows(rows: dict[str, Any], more: Mapping[str, Any], argument: str) -> None:
    for name, value in more.items():
        if name not in rows:
            rows[name] = value
        elif isinstance(value, str):
            raise ResultError(f"{argument}: {name} is named twice; name it only once")
        else:
            before, after = _as_row_files(rows[name]), _as_row_files(value)
            rows[name] = {**before, **after, "results": [*before.get("results", []), *after.get("results", [])]}


def _as_row_files_by_name(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {str(name): _as_row_files(files) for name, files in value.items() if files is not None}


def _as_row_files(value: Any) -> Any:
    """Turn `PATH`, `[PATH, ...]` or `{results: ..., run: ...}` into the mapping form."""
    if isinstance(value, (str, list)):
        value = {"results": value}
    if isinstance(value, dict) and isinstance(value.get("results"), str):
        value = {**value, "results": [value["results"]]}
    return value


def _checked(rows: dict[str, RowFiles], known: Any, expected: str) -> dict[str, RowFiles]:
    for name in rows:
        if not known(name):
            raise ValueError(f"{name!r} is not a row of this table; expected {expected}")
    return rows
