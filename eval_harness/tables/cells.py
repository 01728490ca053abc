"""Turn results into cells: check which results can stand in one column, and find the value to print in bold.

A column belongs to one benchmark. Its results must come from the same problems, the same sampling settings and the same
versions of the grading libraries. Other results are refused, because the difference between two such numbers is not a
difference between the models.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval_harness.records import ResultError
from eval_harness.results import ResultFile, read_result_file, scores
from sure_math.reporting.accuracy import mean_over_problems, paired_difference

METRICS = ("pass@1", "avg@16")
GRADERS = ("sure-math", "math-verify", "latex2sympy2_extended", "sympy", "mpmath", "antlr4-python3-runtime")
# Values that mean the same as not sending a setting. Servers write top_k = 0 as a negative number.
NEUTRAL: Mapping[str, Any] = {
    "temperature": 1.0,
    "top_p": 1.0,
    "top_k": 0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "typical_p": 1.0,
    "epsilon_cutoff": 0.0,
    "eta_cutoff": 0.0,
}
UNCOMPARED = ("seed", "do_sample", "max_gen_toks")  # the token budget is compared once, for the task


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One accuracy in a table, in [0, 1]."""

    value: float
    error: float | None
    """Standard error, clustered by problem; None if there is only one problem."""
    bold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One row of a table: a model, or a setting of an ablation."""

    title: str
    student_sized: bool
    """Only rows of student-sized models compete for bold type."""
    summaries: Mapping[str, Mapping[str, Any]]
    """Benchmark -> its summary in the result file."""
    runs: Mapping[str, ResultFile]
    """Benchmark -> the result file that contains it."""
    facts: tuple[str | None, ...] = ()
    """Values of further columns, memory or time; None if no training run is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Rows that are compared with each other: a part of a table."""

    title: str | None
    rows: tuple[TableRow, ...]


def read_row(
    title: str, results: Sequence[Path], *, student_sized: bool, facts: tuple[str | None, ...] = ()
) -> TableRow:
    """Make a row from its result files.

    Raises:
        ResultError: a file cannot be read, or two files contain the same benchmark.
    """
    summaries: dict[str, Mapping[str, Any]] = {}
    runs: dict[str, ResultFile] = {}
    for path in results:
        result = read_result_file(path)
        for task, summary in result.tasks.items():
            benchmark = summary["benchmark"]
            if benchmark in runs:
                raise ResultError(
                    f"{title}: {benchmark} is in {runs[benchmark].path} and in {result.path} ({task}); "
                    "name only one of them"
                )
            summaries[benchmark], runs[benchmark] = summary, result
    return TableRow(title=title, student_sized=student_sized, summaries=summaries, runs=runs, facts=facts)


def check_columns(table: str, blocks: Sequence[Block], benchmarks: Sequence[str]) -> None:
    """Refuse a column whose results cannot be compared.

    Args:
        table: name of the table, for messages.

    Raises:
        ResultError: two results in a column differ in problems, settings or graders. The message lists all differences.
    """
    rows = [row for block in blocks for row in block.rows]
    for benchmark in benchmarks:
        rows_with_result = [row for row in rows if benchmark in row.summaries]
        for row in rows_with_result[1:]:
            first = rows_with_result[0]
            differences = list(_differences(first, row, benchmark))
            if differences:
                raise ResultError(
                    f"{table}, column {benchmark}: {first.title} ({first.runs[benchmark].path}) and {row.title} "
                    f"({row.runs[benchmark].path}) cannot be compared: {'; '.join(differences)}. Evaluate one of "
                    "them again in the same way as the other, or leave it out"
                )


def benchmarks_of(blocks: Sequence[Block]) -> list[str]:
    """List the benchmarks for which a row has a result, in order of appearance."""
    return list(dict.fromkeys(name for block in blocks for row in block.rows for name in row.summaries))


def cells_of(block: Block, benchmark: str, metric: str) -> list[Cell | None]:
    """Make one column of a block, with one cell per row; None if a row has no result."""
    row_scores = [_scores(row, benchmark, metric) for row in block.rows]
    cells = [None if problem_scores is None else _cell(problem_scores) for problem_scores in row_scores]
    best = _best(block, row_scores)
    return [
        cell if cell is None or index != best else dataclasses.replace(cell, bold=True)
        for index, cell in enumerate(cells)
    ]


def notes_of(blocks: Sequence[Block], benchmarks: Sequence[str]) -> list[str]:
    """List what a reader of the numbers must know."""
    notes: dict[str, None] = {}
    for benchmark in benchmarks:
        rows = [row for block in blocks for row in block.rows if benchmark in row.summaries]
        for row in rows:
            summary, limit = row.summaries[benchmark], row.runs[benchmark].limit
            if limit:
                notes[f"{benchmark}: a part of it, {summary['problems']} problems (lm-eval's limit)"] = None
            if summary["left_out"]:
                notes[f"{benchmark}: {summary['left_out']} problems that only a judge can grade are left out"] = None
            if summary["judge"]:
                notes[f"{benchmark}: descriptions are graded by the judge {summary['judge']}"] = None
        templated = {bool(row.summaries[benchmark]["chat_template"]) for row in rows}
        if len(templated) > 1:
            without = [row.title for row in rows if not row.summaries[benchmark]["chat_template"]]
            notes[f"{benchmark}: without a chat template, unlike the others: {', '.join(without)}"] = None
    return list(notes)


def _cell(problem_scores: Sequence[float]) -> Cell:
    estimate = mean_over_problems(problem_scores)
    return Cell(value=estimate.value, error=estimate.error)


def _scores(row: TableRow, benchmark: str, metric: str) -> list[float] | None:
    """Return one score per problem, sorted by the problem's id; None if the row does not have the metric."""
    summary = row.summaries.get(benchmark)
    if summary is None or metric not in summary:
        return None
    by_problem = scores(summary, metric)
    return [by_problem[name] for name in sorted(by_problem)]


def _best(block: Block, row_scores: Sequence[Sequence[float] | None]) -> int | None:
    """Return the best row, if the interval of its paired difference from the next best row excludes 0."""
    ranked = sorted(
        (
            (index, problem_scores)
            for index, (row, problem_scores) in enumerate(zip(block.rows, row_scores, strict=True))
            if row.student_sized and problem_scores is not None
        ),
        key=lambda indexed: -sum(indexed[1]) / len(indexed[1]),
    )
    if len(ranked) < 2:
        return None
    (index, best), (_, second) = ranked[:2]
    return index if paired_difference(second, best).low > 0 else None


def _differences(first: TableRow, second: TableRow, benchmark: str) -> Iterator[str]:
    """Yield what makes two results of a benchmark impossible to compare."""
    before, after = first.summaries[benchmark], second.summaries[benchmark]
    if before["fingerprint"] != after["fingerprint"]:
        yield f"other data ({before['problems']} of {before['origin']}; {after['problems']} of {after['origin']})"
    elif set(before["per_problem"]) != set(after["per_problem"]):
        yield f"another part of the problems ({before['problems']} and {after['problems']}; was one run limited?)"
    for name in ("judge", "max_gen_toks", "samples"):
        if before[name] != after[name]:
            yield f"{name} {before[name]} and {after[name]}"
    for kind in ("greedy", "sampled"):
        settings, other_settings = _sampling(before, kind), _sampling(after, kind)
        for name in sorted({*settings, *other_settings}):
            if settings.get(name) != other_settings.get(name):
                yield f"{kind} {name} {settings.get(name)} and {other_settings.get(name)}"
    versions, other_versions = first.runs[benchmark].versions, second.runs[benchmark].versions
    for name in GRADERS:
        if versions.get(name) != other_versions.get(name):
            yield f"graded by {name} {versions.get(name)} and {other_versions.get(name)}"


def _sampling(summary: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return the sampling settings that were sent, written in the same way for all back ends."""
    sent = summary["sent"].get(kind)
    if sent is None:
        return {}
    settings = {**NEUTRAL, **{name: value for name, value in sent.items() if name not in UNCOMPARED}}
    settings["top_k"] = max(0, settings["top_k"] or 0)
    return {**settings, **({"top_p": 1.0, "top_k": 0} if kind == "greedy" else {})}
