"""Result files: reading the summaries of runs, and comparing two of them problem by problem."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval_harness.summary import FORMAT, SECTION
from sure_math.reporting.accuracy import Difference, paired_difference


class ResultError(ValueError):
    """A result file cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFile:
    """One result file of lm-eval with our section."""

    path: Path
    model: str
    """The model as it was named to lm-eval."""
    tasks: Mapping[str, Mapping[str, Any]]
    """Task -> its summary (`eval_harness.summary.summary_of` and `_asked`)."""
    versions: Mapping[str, str]
    notes: tuple[str, ...]
    limit: float | None
    """lm-eval's `--limit`: with one the numbers are of a part of the problems."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Second minus first on the same problems of one task."""

    task: str
    metric: str
    problems: int
    first: float
    second: float
    difference: Difference

    @property
    def settled(self) -> bool:
        """Whether the interval excludes 0."""
        return self.difference.low > 0 or self.difference.high < 0


def read_result_file(path: Path) -> ResultFile:
    """The run of a result file, or the newest one below a folder.

    Raises:
        ResultError: there is none, or it has no section of ours.
    """
    file = path if path.is_file() else _newest(path)
    try:
        results = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ResultError(f"{file}: is not JSON ({error})") from None
    section = results.get(SECTION) if isinstance(results, dict) else None
    if not section:
        raise ResultError(f"{file}: has no section {SECTION!r}: no task of this package took part in that run")
    if section["format"] != FORMAT:
        raise ResultError(f"{file}: its format is {section['format']}, this version reads {FORMAT}; evaluate again")
    return ResultFile(
        path=file,
        model=str(results.get("model_name") or results["config"].get("model")),
        tasks=section["tasks"],
        versions=section["versions"],
        notes=tuple(section["notes"]),
        limit=results["config"].get("limit"),
    )


def compare_results(first: ResultFile, second: ResultFile) -> list[Comparison]:
    """Every metric of every task that both have.

    Raises:
        ResultError: they have no task in common, or a task's problems differ.
    """
    shared = [task for task in first.tasks if task in second.tasks]
    if not shared:
        raise ResultError(
            f"{first.path.name} has {', '.join(first.tasks)} and {second.path.name} has {', '.join(second.tasks)}: "
            "no task in common"
        )
    found = []
    for task in shared:
        one, other = first.tasks[task], second.tasks[task]
        if one["fingerprint"] != other["fingerprint"] or set(one["per_problem"]) != set(other["per_problem"]):
            raise ResultError(
                f"{task}: the two runs asked different problems ({one['problems']} of {one['origin']}; "
                f"{other['problems']} of {other['origin']}); a paired comparison needs the same ones"
            )
        samples = {one["samples"], other["samples"]}
        metrics = ["pass@1", *(f"avg@{count}" for count in samples if len(samples) == 1 and count)]
        found += [_compared(task, metric, one, other) for metric in metrics]
    return found


def scores(summary: Mapping[str, Any], metric: str) -> dict[str, float]:
    """Problem -> its score: 0 or 1 for `pass@1`, the share of right samples for `avg@N`."""
    if metric == "pass@1":
        return {name: float(marks["greedy"] == "1") for name, marks in summary["per_problem"].items()}
    return {name: marks["samples"].count("1") / len(marks["samples"]) for name, marks in summary["per_problem"].items()}


def _compared(task: str, metric: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> Comparison:
    before, after = scores(one, metric), scores(other, metric)
    names = sorted(before)
    return Comparison(
        task=task,
        metric=metric,
        problems=len(names),
        first=one[metric]["value"],
        second=other[metric]["value"],
        difference=paired_difference([before[name] for name in names], [after[name] for name in names]),
    )


def _newest(folder: Path) -> Path:
    files = sorted(folder.rglob("results_*.json"), key=lambda file: file.name)
    if not files:
        raise ResultError(f"{folder}: no results_*.json in it or below; run lm_eval with --output_path {folder}")
    return files[-1]
