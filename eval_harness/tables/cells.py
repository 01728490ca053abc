"""From results to cells: what may stand in one column, and which value is printed in bold.

A column is one benchmark. Its results must have been asked the same problems, with the same settings of sampling, and
graded by the same versions of the same libraries; anything else is refused, since the difference of two such numbers
is not one between the models.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval_harness.results import ResultError, ResultFile, read_result_file, scores
from sure_math.reporting.accuracy import mean_over_problems, paired_difference

METRICS = ("pass@1", "avg@16")
GRADERS = ("sure-math", "math-verify", "latex2sympy2_extended", "sympy", "mpmath", "antlr4-python3-runtime")
# What a back end that does not send a setting does; a negative top_k is the servers' word for 0.
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
UNCOMPARED = ("seed", "do_sample", "max_gen_toks")  # the budget is compared once, as the task's


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One number of a table, a share in [0, 1]."""

    value: float
    error: float | None
    """Standard error clustered by problem; None for a single problem."""
    bold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One row: a model, or a setting of an ablation."""

    title: str
    student_sized: bool
    """Only these compete for bold type."""
    summaries: Mapping[str, Mapping[str, Any]]
    """Benchmark -> its summary."""
    runs: Mapping[str, ResultFile]
    """Benchmark -> the result file it is from."""
    facts: tuple[str | None, ...] = ()
    """Further columns: memory or time; None where no run is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Rows that are compared with each other."""

    title: str | None
    rows: tuple[TableRow, ...]


def read_row(
    title: str, results: Sequence[Path], *, student_sized: bool, facts: tuple[str | None, ...] = ()
) -> TableRow:
    """A row from its result files.

    Raises:
        ResultError: a file cannot be read, or two have the same benchmark.
    """
    summaries: dict[str, Mapping[str, Any]] = {}
    runs: dict[str, ResultFile] = {}
    for path in results:
        run = read_result_file(path)
        for task, summary in run.tasks.items():
            benchmark = summary["benchmark"]
            if benchmark in runs:
                raise ResultError(
                    f"{title}: {benchmark} is in {runs[benchmark].path} and in {run.path} ({task}); name one of them"
                )
            summaries[benchmark], runs[benchmark] = summary, run
    return TableRow(title=title, student_sized=student_sized, summaries=summaries, runs=runs, facts=facts)


def check_columns(table: str, blocks: Sequence[Block], benchmarks: Sequence[str]) -> None:
    """Refuse one of these columns whose numbers do not compare.

    Raises:
        ResultError: names the two results and everything they differ in.
    """
    rows = [row for block in blocks for row in block.rows]
    for benchmark in benchmarks:
        having = [row for row in rows if benchmark in row.summaries]
        for row in having[1:]:
            first = having[0]
            found = list(_differences(first, row, benchmark))
            if found:
                raise ResultError(
                    f"{table}, column {benchmark}: {first.title} ({first.runs[benchmark].path}) and {row.title} "
                    f"({row.runs[benchmark].path}) do not compare: {'; '.join(found)}. Evaluate one of them again as "
                    "the other was, or leave it out"
                )


def benchmarks_of(blocks: Sequence[Block]) -> list[str]:
    """Benchmarks that some row has a result of, in the order they come."""
    return list(dict.fromkeys(name for block in blocks for row in block.rows for name in row.summaries))


def cells_of(block: Block, benchmark: str, metric: str) -> list[Cell | None]:
    """One column of a block; None where there is no result."""
    marks = [_scores(row, benchmark, metric) for row in block.rows]
    cells = [None if each is None else _cell(each) for each in marks]
    best = _best(block, marks)
    return [
        cell if cell is None or index != best else dataclasses.replace(cell, bold=True)
        for index, cell in enumerate(cells)
    ]


def notes_of(blocks: Sequence[Block], benchmarks: Sequence[str]) -> list[str]:
    """What a reader must know of the numbers beside them."""
    found: dict[str, None] = {}
    for benchmark in benchmarks:
        rows = [row for block in blocks for row in block.rows if benchmark in row.summaries]
        for row in rows:
            summary, limit = row.summaries[benchmark], row.runs[benchmark].limit
            if limit:
                found[f"{benchmark}: a part of it, {summary['problems']} problems (lm-eval's limit)"] = None
            if summary["left_out"]:
                found[f"{benchmark}: {summary['left_out']} problems that only a judge can grade are left out"] = None
            if summary["judge"]:
                found[f"{benchmark}: descriptions are graded by the judge {summary['judge']}"] = None
        templated = {bool(row.summaries[benchmark]["chat_template"]) for row in rows}
        if len(templated) > 1:
            without = [row.title for row in rows if not row.summaries[benchmark]["chat_template"]]
            found[f"{benchmark}: without a chat template, unlike the others: {', '.join(without)}"] = None
    return list(found)


def _cell(marks: Sequence[float]) -> Cell:
    found = mean_over_problems(marks)
    return Cell(value=found.value, error=found.error)


def _scores(row: TableRow, benchmark: str, metric: str) -> list[float] | None:
    """One score per problem, sorted by the problem's id; None where the row has no such metric."""
    summary = row.summaries.get(benchmark)
    if summary is None or metric not in summary:
        return None
    found = scores(summary, metric)
    return [found[name] for name in sorted(found)]


def _best(block: Block, marks: Sequence[Sequence[float] | None]) -> int | None:
    """The row that is better than the next best one by more than the interval of their paired difference."""
    ranked = sorted(
        (
            (index, each)
            for index, (row, each) in enumerate(zip(block.rows, marks, strict=True))
            if row.student_sized and each is not None
        ),
        key=lambda item: -sum(item[1]) / len(item[1]),
    )
    if len(ranked) < 2:
        return None
    (index, best), (_, second) = ranked[:2]
    return index if paired_difference(second, best).low > 0 else None


def _differences(first: TableRow, second: TableRow, benchmark: str) -> Iterator[str]:
    one, other = first.summaries[benchmark], second.summaries[benchmark]
    if one["fingerprint"] != other["fingerprint"]:
        yield f"other data ({one['problems']} of {one['origin']}; {other['problems']} of {other['origin']})"
    elif set(one["per_problem"]) != set(other["per_problem"]):
        yield f"another part of the problems ({one['problems']} and {other['problems']}; was one run limited?)"
    for name in ("judge", "max_gen_toks", "samples"):
        if one[name] != other[name]:
            yield f"{name} {one[name]} and {other[name]}"
    for kind in ("greedy", "sampled"):
        before, after = _sampling(one, kind), _sampling(other, kind)
        for name in sorted({*before, *after}):
            if before.get(name) != after.get(name):
                yield f"{kind} {name} {before.get(name)} and {after.get(name)}"
    ours, theirs = first.runs[benchmark].versions, second.runs[benchmark].versions
    for name in GRADERS:
        if ours.get(name) != theirs.get(name):
            yield f"graded by {name} {ours.get(name)} and {theirs.get(name)}"


def _sampling(summary: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """What was sent, in one form for all back ends."""
    sent = summary["sent"].get(kind)
    if sent is None:
        return {}
    settings = {**NEUTRAL, **{name: value for name, value in sent.items() if name not in UNCOMPARED}}
    settings["top_k"] = max(0, settings["top_k"] or 0)
    return {**settings, **({"top_p": 1.0, "top_k": 0} if kind == "greedy" else {})}
