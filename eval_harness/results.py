"""Read result files of lm-eval that have our section, and compare two of them problem by problem."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval_harness.records import ResultError, checked_section, newest_results, read_object
from eval_harness.summary import FORMAT, SECTION
from sure_math.reporting.accuracy import Difference, paired_difference


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFile:
    """A result file of lm-eval with the section that `eval_harness.summary` adds."""

    path: Path
    model: str
    """Name of the model, as given to lm-eval."""
    tasks: Mapping[str, Mapping[str, Any]]
    """Task -> its summary (`eval_harness.summary.summary_of` and the conditions of the run)."""
    versions: Mapping[str, str]
    """Library -> its installed version when the run was graded."""
    notes: tuple[str, ...]
    """What a reader of the numbers must know."""
    limit: float | None
    """lm-eval's `--limit`. If it is set, only a part of the problems was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The difference between two results of one task, second minus first, on the same problems."""

    task: str
    metric: str
    problems: int
    first: float
    """Score of the first result, in [0, 1]."""
    second: float
    difference: Difference
    """Second minus first, with its 95 % interval."""

    @property
    def settled(self) -> bool:
        """Whether the interval excludes 0."""
        return self.difference.low > 0 or self.difference.high < 0


def read_result_file(path: Path) -> ResultFile:
    """Read a result file, or the newest result file in a folder or below it.

    Raises:
        ResultError: there is no such file, or it has no section of this package.
    """
    file = newest_results(path) if path.is_dir() or not path.exists() else path
    results = read_object(file)
    section = results.get(SECTION)
    if not section:
        raise ResultError(
            f"{file}: has no section {SECTION!r}: no task of this package took part in that run; name a result of one"
        )
    if not isinstance(section, dict) or section.get("format") != FORMAT:
        written = section.get("format") if isinstance(section, dict) else section
        raise ResultError(
            f"{file}: its format is {written!r:.100}, but this version reads format {FORMAT}; evaluate again"
        )
    section = checked_section(file, results, section)
    limit = results["config"].get("limit")
    return ResultFile(
        path=file,
        model=str(results.get("model_name") or results["config"].get("model")),
        tasks=section["tasks"],
        versions=section["versions"],
        notes=tuple(section["notes"]),
        limit=float(limit) if isinstance(limit, int | float) else None,
    )


def compare_results(first: ResultFile, second: ResultFile) -> list[Comparison]:
    """Compare every metric of every task that both results have.

    Raises:
        ResultError: the results have no task in common, or asked different problems in a task.
    """
    shared = [task for task in first.tasks if task in second.tasks]
    if not shared:
        raise ResultError(
            f"{first.path.name} has {', '.join(first.tasks)} and {second.path.name} has {', '.join(second.tasks)}: "
            "no task in common"
        )
    comparisons = []
    for task in shared:
        before, after = first.tasks[task], second.tasks[task]
        if before["fingerprint"] != after["fingerprint"] or set(before["per_problem"]) != set(after["per_problem"]):
            raise ResultError(
                f"{task}: the two runs asked different problems ({before['problems']} of {before['origin']}; "
                f"{after['problems']} of {after['origin']}); a paired comparison needs the same problems"
            )
        samples = {before["samples"], after["samples"]}
        metrics = ["pass@1", *(f"avg@{count}" for count in samples if len(samples) == 1 and count)]
        comparisons += [_compared(task, metric, before, after) for metric in metrics]
    return comparisons


def scores(summary: Mapping[str, Any], metric: str) -> dict[str, float]:
    """Return the score of each problem by its id: 0 or 1 for `pass@1`, the share of right samples for `avg@N`.

    Args:
        summary: one task's summary in a result file.

    >>> summary = {"per_problem": {"a": {"greedy": "1", "samples": "1100"}}}
    >>> scores(summary, "pass@1"), scores(summary, "avg@4")
    ({'a': 1.0}, {'a': 0.5})
    """
    if metric == "pass@1":
        return {name: float(marks["greedy"] == "1") for name, marks in summary["per_problem"].items()}
    return {name: marks["samples"].count("1") / len(marks["samples"]) for name, marks in summary["per_problem"].items()}


def _compared(task: str, metric: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Comparison:
    first_scores, second_scores = scores(before, metric), scores(after, metric)
    names = sorted(first_scores)
    return Comparison(
        task=task,
        metric=metric,
        problems=len(names),
        first=before[metric]["value"],
        second=after[metric]["value"],
        difference=paired_difference([first_scores[name] for name in names], [second_scores[name] for name in names]),
    )
