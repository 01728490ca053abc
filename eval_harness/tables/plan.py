"""The plan of the tables: which result belongs to which row, as a YAML file or as labels says it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from eval_harness.results import ResultError
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
"""Rows of the ablations over N, k and K; a plan may have other numbers too."""
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
PAPER_PAIRS = (("Qwen3-1.7B", "Qwen3-8B"), ("Qwen3-4B", "Qwen3-8B"), ("Qwen3-8B", "Qwen3-30B"))


class RowFiles(BaseModel):
    """What one row is made from."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    results: tuple[Path, ...] = ()
    """Result files of lm-eval, or folders whose newest one is read."""
    run: Path | None = None
    """Folder of `uopd.train`: peak memory and time, and a check that the row is what it says."""


class ModelPair(BaseModel):
    """One block of Table 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    student: str
    teacher: str
    rows: dict[str, RowFiles] = Field(default_factory=dict)

    @field_validator("rows", mode="before")
    @classmethod
    def _entries(cls, value: Any) -> Any:
        return _as_entries(value)

    @field_validator("rows")
    @classmethod
    def _known(cls, rows: dict[str, RowFiles]) -> dict[str, RowFiles]:
        return _checked(rows, lambda name: name in METHODS, f"one of {', '.join(METHODS)}")


class TablePlan(BaseModel):
    """All of it; every part may be missing."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    benchmarks: tuple[str, ...] | None = None
    pairs: tuple[ModelPair, ...] = ()
    weighting: dict[str, RowFiles] = Field(default_factory=dict)
    samples: dict[str, RowFiles] = Field(default_factory=dict)
    topk: dict[str, RowFiles] = Field(default_factory=dict)
    rollouts: dict[str, RowFiles] = Field(default_factory=dict)
    convergence: dict[str, Path] = Field(default_factory=dict)
    results: dict[str, RowFiles] = Field(default_factory=dict)
    """Results without a place, by the name of their model."""

    @field_validator("benchmarks")
    @classmethod
    def _known_benchmarks(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in names or ():
            if name not in BENCHMARK_TITLES:
                raise ValueError(f"{name!r} is no benchmark; expected some of {', '.join(BENCHMARK_TITLES)}")
        return names

    @field_validator("weighting", "samples", "topk", "rollouts", "results", mode="before")
    @classmethod
    def _entries(cls, value: Any) -> Any:
        return _as_entries(value)

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
    """The threshold of a row `filter-TAU`; None for another row."""
    found = re.fullmatch(r"filter-(\d+(?:\.\d+)?)", name)
    return float(found[1]) if found else None


def read_plan(arguments: Sequence[str]) -> TablePlan:
    """The plan of the command's arguments: plan files, labelled results, results without a label.

    Raises:
        ResultError: an argument is neither, or says what no plan can.
    """
    said: dict[str, Any] = {}
    for argument in arguments:
        path = Path(argument)
        if path.suffix in (".yaml", ".yml") and path.is_file():
            _merge(said, _plan_file(path), argument)
        elif path.exists():
            said.setdefault("results", {}).setdefault(argument, []).append(argument)
        elif "=" in argument:
            label, _, place = argument.partition("=")
            _merge(said, _labelled(label, place), argument)
        else:
            raise ResultError(
                f"{argument}: there is no such file or folder; give a results_*.json, a folder with one, a plan "
                "(*.yaml) or LABEL=PATH (--help shows both)"
            )
    try:
        return TablePlan.model_validate(said)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ResultError(f"the plan cannot be used: {problems}") from None


def _plan_file(path: Path) -> dict[str, Any]:
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise ResultError(f"{path}: is not YAML ({error})") from None
    if not isinstance(said, dict):
        raise ResultError(f"{path}: must be a mapping with keys such as pairs, weighting and topk; see --help")
    return {key: _placed(path.parent, key, value) for key, value in said.items()}


def _placed(folder: Path, key: str, value: Any) -> Any:
    """Paths of a plan are relative to its folder; the names of benchmarks and models are no paths."""
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


def _labelled(label: str, place: str) -> dict[str, Any]:
    table, slash, row = label.rpartition("/")
    if slash and table in ("weighting", *ABLATIONS):
        return {table: {row: {"results": [place]}}}
    if slash and table == "convergence":
        return {table: {row: place}}
    student, colon, teacher = table.partition(":")
    if slash and colon:
        return {"pairs": [{"student": student, "teacher": teacher, "rows": {row: {"results": [place]}}}]}
    raise ResultError(
        f"{label}={place}: a label is STUDENT:TEACHER/METHOD ({', '.join(METHODS)}), or TABLE/ROW with the table "
        f"{', '.join(('weighting', *ABLATIONS, 'convergence'))}"
    )


def _merge(said: dict[str, Any], more: Mapping[str, Any], argument: str) -> None:
    for key, value in more.items():
        if key == "pairs" and isinstance(value, list):
            for pair in value:
                _merge_pair(said.setdefault(key, []), pair, argument)
        elif key in said and isinstance(value, dict):
            _merge_rows(said[key], value, argument)
        else:
            said[key] = value


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
            raise ResultError(f"{argument}: {name} is named twice")
        else:
            before, after = _as_entry(rows[name]), _as_entry(value)
            rows[name] = {**before, **after, "results": [*before.get("results", []), *after.get("results", [])]}


def _as_entries(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {str(name): _as_entry(entry) for name, entry in value.items() if entry is not None}


def _as_entry(value: Any) -> Any:
    """`PATH`, `[PATH, ...]` or `{results: ..., run: ...}`."""
    if isinstance(value, (str, list)):
        value = {"results": value}
    if isinstance(value, dict) and isinstance(value.get("results"), str):
        value = {**value, "results": [value["results"]]}
    return value


def _checked(rows: dict[str, RowFiles], known: Any, expected: str) -> dict[str, RowFiles]:
    for name in rows:
        if not known(name):
            raise ValueError(f"{name!r} is no row; expected {expected}")
    return rows
