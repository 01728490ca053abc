"""Build the tables of a plan: which rows each table has, and how it is drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval_harness.records import ResultError, read_object
from eval_harness.results import read_result_file
from eval_harness.tables.cells import (
    METRICS,
    Block,
    Cell,
    TableRow,
    benchmarks_of,
    cells_of,
    check_columns,
    notes_of,
    read_row,
)
from eval_harness.tables.figures import draw_ablation, draw_blocks, draw_convergence
from eval_harness.tables.plan import (
    ABLATIONS,
    BENCHMARK_TITLES,
    CONTROLS,
    METHODS,
    PAPER_BENCHMARKS,
    PAPER_PAIRS,
    WEIGHTINGS,
    ModelPair,
    RowFiles,
    TablePlan,
    tau_of,
)
from eval_harness.tables.text import Grid
from sure_math.reporting.accuracy import mean_over_problems
from uopd.run.folder import EVALUATIONS, RUN, read_lines
from uopd.run.folder import METRICS as METRICS_FILE

SYMBOLS = {"samples": "N", "topk": "k", "rollouts": "K"}
CAPTIONS = {
    "samples": "Ablation over N, the teacher's samples per problem that semantic entropy is computed from",
    "topk": "Ablation over k, the teacher's logits per position",
    "rollouts": "Ablation over K, the student's rollouts per prompt",
}
FACTS: Mapping[str, tuple[str, ...]] = {"topk": ("Student's peak memory (GiB)",), "rollouts": ("Seconds per step",)}
"""Further columns of an ablation, beside the accuracies."""
IN_PERCENT = "% correct, ± the standard error over problems"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltTable:
    """A table, ready to be written and drawn."""

    grid: Grid
    draw: Callable[[Path], None]
    """Draws the table; called with a path without ending."""


def build_tables(plan: TablePlan) -> list[BuiltTable]:
    """Build every table of a plan. A plan that has only results without labels gives one table of these.

    Raises:
        ResultError: a file cannot be read, a row's run has another configuration than the row needs, or results in one
            column cannot be compared.
    """
    built = []
    only_results = plan.results and plan == TablePlan(results=plan.results)
    if plan.results:
        rows = [_unlabelled_row(files) for files in plan.results.values()]
        built.append(_of_blocks("Results", "results", "Model", [Block(title=None, rows=tuple(rows))], plan))
    if only_results:
        return built
    pairs = plan.pairs or [ModelPair(student=student, teacher=teacher) for student, teacher in PAPER_PAIRS]
    built.append(_of_blocks("Table 1: main results", "table1", "Method", [_pair(pair) for pair in pairs], plan))
    names = {**WEIGHTINGS, **{name: title for name, title in CONTROLS.items() if name in plan.weighting}}
    filters = sorted((name for name in plan.weighting if name not in names), key=lambda name: tau_of(name) or 0.0)
    names |= {name: f"Binary filter (τ = {tau_of(name):g})" for name in filters}
    rows = [_row(title, name, plan.weighting, _weighting_settings(name)) for name, title in names.items()]
    block = Block(title=None, rows=tuple(rows))
    built.append(_of_blocks("Table 2: uncertainty weighting", "table2", "Weighting", [block], plan))
    built += [_ablation(name, plan) for name in ABLATIONS]
    if plan.convergence:
        built.append(_convergence(plan.convergence))
    return built


def _unlabelled_row(files: RowFiles) -> TableRow:
    return read_row(read_result_file(files.results[0]).model, files.results, student_sized=False)


def _pair(pair: ModelPair) -> Block:
    sizes = {"base": pair.student, "teacher": pair.teacher}
    rows = [
        _row(
            f"{title} ({sizes[name]})" if name in sizes else title,
            name,
            pair.rows,
            {"method": name} if name not in sizes else {},
            student_sized=name != "teacher",
        )
        for name, title in METHODS.items()
    ]
    return Block(title=f"Student: {pair.student}, teacher: {pair.teacher}", rows=tuple(rows))


def _weighting_settings(name: str) -> dict[str, Any]:
    """Return the settings that the run of a row of Table 2 must have."""
    tau = tau_of(name)
    if tau is not None:
        return {"method": "filter", "filter.tau": tau, "filter.unit": "normalised"}
    return {"method": {"uniform": "opd", "soft": "uopd"}.get(name, name)}


def _ablation(name: str, plan: TablePlan) -> BuiltTable:
    files_of: Mapping[str, RowFiles] = getattr(plan, name)
    settings = sorted(
        {*ABLATIONS[name], *files_of}, key=lambda setting: int(setting) if setting.isdigit() else math.inf
    )
    key = {"topk": "teacher.top_k", "rollouts": "rollouts.per_prompt"}.get(name)
    titles = FACTS.get(name, ())
    measured = [_measured(files_of[setting], name) if setting in files_of else None for setting in settings]
    rows = [
        _row(
            "full vocabulary" if setting == "full" else setting,
            setting,
            files_of,
            {key: int(setting)} if key and setting.isdigit() else {},
            facts=(_shown(value),) if titles else (),
        )
        for setting, value in zip(settings, measured, strict=True)
    ]
    block = Block(title=None, rows=tuple(rows))
    symbol = SYMBOLS[name]
    table = _of_blocks(CAPTIONS[name], f"ablation_{name}", symbol, [block], plan, titles)
    columns = _columns([block], plan)
    facts = dict.fromkeys(titles, measured)
    return BuiltTable(grid=table.grid, draw=lambda stem: draw_ablation(block, columns, symbol, facts, stem))


def _row(
    title: str,
    name: str,
    files_of: Mapping[str, RowFiles],
    expected: Mapping[str, Any],
    *,
    student_sized: bool = True,
    facts: tuple[str | None, ...] = (),
) -> TableRow:
    files = files_of.get(name, RowFiles())
    if files.run is not None:
        _check_run(title, files.run, expected)
    return read_row(title, files.results, student_sized=student_sized, facts=facts)


def _of_blocks(
    caption: str, label: str, head: str, blocks: Sequence[Block], plan: TablePlan, facts: tuple[str, ...] = ()
) -> BuiltTable:
    columns = _columns(blocks, plan)
    check_columns(caption, blocks, list(columns))
    kinds = [(name, metric) for name in columns for metric in METRICS]
    grid = Grid(
        caption=f"{caption} ({IN_PERCENT})",
        label=label,
        columns=(head, *(metric for _, metric in kinds), *facts),
        groups=(*((title, len(METRICS)) for title in columns.values()), *(("", 1) for _ in facts)),
        blocks=tuple((block.title, _values(block, kinds)) for block in blocks),
        notes=tuple(notes_of(blocks, list(columns))),
    )
    return BuiltTable(grid=grid, draw=lambda stem: draw_blocks(blocks, columns, stem))


def _values(block: Block, kinds: Sequence[tuple[str, str]]) -> tuple[tuple[Cell | str | None, ...], ...]:
    columns = [cells_of(block, benchmark, metric) for benchmark, metric in kinds]
    return tuple(
        (row.title, *(column[index] for column in columns), *row.facts) for index, row in enumerate(block.rows)
    )


def _columns(blocks: Sequence[Block], plan: TablePlan) -> dict[str, str]:
    """Return the benchmarks of the columns, and the title of each."""
    with_results = benchmarks_of(blocks)
    unlabelled = blocks[0].title is None and all(not row.student_sized for row in blocks[0].rows)
    names = plan.benchmarks or (with_results if unlabelled else [*PAPER_BENCHMARKS, *with_results])
    return {name: BENCHMARK_TITLES.get(name, name) for name in names}


def _measured(files: RowFiles, table: str) -> float | None:
    """Return a run's peak memory in GiB (`topk`) or its seconds per step; None if the plan names no run."""
    if files.run is None:
        return None
    _read_run_config(files.run)
    lines = read_lines(files.run / METRICS_FILE)
    if not lines:
        raise ResultError(f"{files.run}: has no step in {METRICS_FILE}; train it, or leave the run out of the plan")
    if table == "topk":
        peaks = [_of_run(files.run, METRICS_FILE, line, "peak_bytes") for line in lines]
        return max(_numbers(files.run, METRICS_FILE, peaks)) / 2**30
    parts = [_of_run(files.run, METRICS_FILE, line, "seconds") for line in lines]
    seconds = [part for line in parts for part in (line.values() if isinstance(line, Mapping) else [line])]
    return sum(_numbers(files.run, METRICS_FILE, seconds)) / len(lines)


def _shown(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}"


def _check_run(title: str, folder: Path, expected: Mapping[str, Any]) -> None:
    """Refuse a row whose training run has other settings than the row says."""
    config = _of_run(folder, RUN, _read_run_config(folder), "config")
    for key, value in expected.items():
        setting = _of_run(folder, RUN, config, *key.split("."))
        if setting != value:
            raise ResultError(
                f"{title}: the run {folder} has {key} = {setting!r}, expected {value!r}; name the run of this row"
            )


def _read_run_config(folder: Path) -> dict[str, Any]:
    file = folder / RUN
    if not file.is_file():
        raise ResultError(f"{folder}: has no {RUN}; name a folder that python -m uopd.train wrote (its --out)")
    return read_object(file)


def _of_run(folder: Path, file: str, content: Any, *keys: str) -> Any:
    """Return what a file of a run holds under some keys; ResultError if it holds no such thing."""
    for key in keys:
        if not isinstance(content, Mapping) or key not in content:
            raise ResultError(
                f"{folder / file}: has no {'.'.join(keys)}: it is damaged or of another version; train again, or leave "
                "the run out of the plan"
            )
        content = content[key]
    return content


def _numbers(folder: Path, file: str, values: Sequence[Any]) -> list[float]:
    if not values or not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
        raise ResultError(
            f"{folder / file}: holds something else than numbers where a run writes numbers; train again, or leave the "
            "run out of the plan"
        )
    return list(values)


def _convergence(runs: Mapping[str, Path]) -> BuiltTable:
    curves = {name: list(_curve(folder)) for name, folder in runs.items()}
    _check_curves(runs)
    steps = sorted({step for points in curves.values() for step, _ in points})
    cell_at = [dict(points) for points in curves.values()]
    grid = Grid(
        caption=f"Convergence: greedy accuracy on held-out problems during training ({IN_PERCENT})",
        label="convergence",
        columns=("step", *curves),
        groups=(),
        blocks=((None, tuple((str(step), *(cells.get(step) for cells in cell_at)) for step in steps)),),
    )
    return BuiltTable(grid=grid, draw=lambda stem: draw_convergence(curves, stem))


def _curve(folder: Path) -> Iterator[tuple[int, Cell]]:
    lines = read_lines(folder / EVALUATIONS)
    if not lines:
        raise ResultError(f"{folder}: has no evaluation in {EVALUATIONS}; train with eval.every=STEPS")
    for line in lines:
        correct, (step,) = (
            _numbers(folder, EVALUATIONS, values)
            for values in (_marks(folder, line), [_of_run(folder, EVALUATIONS, line, "step")])
        )
        estimate = mean_over_problems(correct)
        yield int(step), Cell(value=estimate.value, error=estimate.error)


def _marks(folder: Path, line: Any) -> list[Any]:
    marks = _of_run(folder, EVALUATIONS, line, "correct")
    return marks if isinstance(marks, list) else [None]


def _check_curves(runs: Mapping[str, Path]) -> None:
    """Refuse curves that cannot share axes: other held-out problems, token budgets or versions of the grader."""
    conditions: dict[str, tuple[Any, ...]] = {}
    for name, folder in runs.items():
        run = _read_run_config(folder)
        problems = len(_marks(folder, read_lines(folder / EVALUATIONS)[0]))
        budget = _of_run(folder, RUN, run, "config", "eval", "max_new_tokens") or _of_run(
            folder, RUN, run, "config", "rollouts", "max_new_tokens"
        )
        versions = _of_run(folder, RUN, run, "versions")
        grader = versions.get("math-verify") if isinstance(versions, Mapping) else None
        conditions[name] = (_of_run(folder, RUN, run, "dataset", "fingerprint"), problems, budget, grader)
    first = next(iter(conditions))
    fields = ("datasets", "numbers of problems", "token budgets", "versions of math-verify")
    for name, values in conditions.items():
        for field, expected, value in zip(fields, conditions[first], values, strict=True):
            if value != expected:
                raise ResultError(
                    f"convergence: {first} ({runs[first]}) and {name} ({runs[name]}) have different {field}: "
                    f"{expected} and {value}; draw them in separate figures"
                )
