"""Build the tables of a plan: which rows each table has, and how it is drawn."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval_harness.results import ResultError, read_result_file
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
from uopd.run.log import EVALUATIONS, RUN, read_lines
from uopd.run.log import METRICS as METRICS_FILE

SYMBOLS = {"samples": "N", "topk": "k", "rollouts": "K"}
CAPTIONS = {
    "samples": "Ablation over N, the teacher's samples per problem that semantic entropy is computed from",
    "topk": "Ablation over k, the teacher's logits per position",
    "rollouts": "Ablation over K, the student's rollouts per prompt",
}
FACTS: Mapping[str, tuple[str, ...]] = {"topk": ("Student's peak memory (GiB)",), "rollouts": ("Seconds per step",)}
"""Columns of an ablation beside the accuracies."""
IN_PERCENT = "% correct, ± the standard error over problems"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltTable:
    """What one call makes: tables as text, and how to draw each."""

    grid: Grid
    draw: Any
    """Called with the path without its ending."""


def build_tables(plan: TablePlan) -> list[BuiltTable]:
    """Every table of a plan; without a plan only the plain one of the results that have no label.

    Raises:
        ResultError: a file cannot be read, a row is not what its run says, or a column does not compare.
    """
    made = []
    only_results = plan.results and plan == TablePlan(results=plan.results)
    if plan.results:
        rows = [_bare(entry) for entry in plan.results.values()]
        made.append(_of_blocks("Results", "results", "Model", [Block(title=None, rows=tuple(rows))], plan))
    if only_results:
        return made
    pairs = plan.pairs or [ModelPair(student=student, teacher=teacher) for student, teacher in PAPER_PAIRS]
    made.append(_of_blocks("Table 1: main results", "table1", "Method", [_pair(pair) for pair in pairs], plan))
    names = {**WEIGHTINGS, **{name: title for name, title in CONTROLS.items() if name in plan.weighting}}
    others = sorted((name for name in plan.weighting if name not in names), key=lambda name: tau_of(name) or 0.0)
    names |= {name: f"Binary filter (τ = {tau_of(name):g})" for name in others}
    rows = [_row(title, name, plan.weighting, _weighting_facts(name)) for name, title in names.items()]
    block = Block(title=None, rows=tuple(rows))
    made.append(_of_blocks("Table 2: uncertainty weighting", "table2", "Weighting", [block], plan))
    made += [_ablation(name, plan) for name in ABLATIONS]
    if plan.convergence:
        made.append(_convergence(plan.convergence))
    return made


def _bare(entry: RowFiles) -> TableRow:
    return read_row(read_result_file(entry.results[0]).model, entry.results, student_sized=False)


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


def _weighting_facts(name: str) -> dict[str, Any]:
    """What the run of a row of Table 2 must have in its configuration."""
    tau = tau_of(name)
    if tau is not None:
        return {"method": "filter", "filter.tau": tau, "filter.unit": "normalised"}
    return {"method": {"uniform": "opd", "soft": "uopd"}.get(name, name)}


def _ablation(name: str, plan: TablePlan) -> BuiltTable:
    entries: Mapping[str, RowFiles] = getattr(plan, name)
    settings = sorted({*ABLATIONS[name], *entries}, key=lambda each: int(each) if each.isdigit() else math.inf)
    key = {"topk": "teacher.top_k", "rollouts": "rollouts.per_prompt"}.get(name)
    titles = FACTS.get(name, ())
    measured = [_measured(entries[each], name) if each in entries else None for each in settings]
    rows = [
        _row(
            "full vocabulary" if each == "full" else each,
            each,
            entries,
            {key: int(each)} if key and each.isdigit() else {},
            facts=(_shown(value),) if titles else (),
        )
        for each, value in zip(settings, measured, strict=True)
    ]
    block = Block(title=None, rows=tuple(rows))
    symbol = SYMBOLS[name]
    made = _of_blocks(CAPTIONS[name], f"ablation_{name}", symbol, [block], plan, titles)
    columns = _columns([block], plan)
    facts = dict.fromkeys(titles, measured)
    return BuiltTable(grid=made.grid, draw=lambda stem: draw_ablation(block, columns, symbol, facts, stem))


def _row(
    title: str,
    name: str,
    entries: Mapping[str, RowFiles],
    expected: Mapping[str, Any],
    *,
    student_sized: bool = True,
    facts: tuple[str | None, ...] = (),
) -> TableRow:
    entry = entries.get(name, RowFiles())
    if entry.run is not None:
        _check_run(title, entry.run, expected)
    return read_row(title, entry.results, student_sized=student_sized, facts=facts)


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
        (row.title, *(column[place] for column in columns), *row.facts) for place, row in enumerate(block.rows)
    )


def _columns(blocks: Sequence[Block], plan: TablePlan) -> dict[str, str]:
    """Benchmark -> its title."""
    there = benchmarks_of(blocks)
    plain = blocks[0].title is None and all(not row.student_sized for row in blocks[0].rows)
    names = plan.benchmarks or (there if plain else [*PAPER_BENCHMARKS, *there])
    return {name: BENCHMARK_TITLES.get(name, name) for name in names}


def _measured(entry: RowFiles, table: str) -> float | None:
    """Peak memory in GiB, or seconds per step; None where the plan names no run."""
    if entry.run is None:
        return None
    _read_run_config(entry.run)
    lines = read_lines(entry.run / METRICS_FILE)
    if not lines:
        raise ResultError(f"{entry.run}: no step in {METRICS_FILE}; train it, or leave the run out of the plan")
    if table == "topk":
        return max(line["peak_bytes"] for line in lines) / 2**30
    return sum(sum(line["seconds"].values()) for line in lines) / len(lines)


def _shown(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}"


def _check_run(title: str, folder: Path, expected: Mapping[str, Any]) -> None:
    config = _read_run_config(folder)["config"]
    for key, value in expected.items():
        found: Any = config
        for part in key.split("."):
            found = found[part]
        if found != value:
            raise ResultError(f"{title}: the run {folder} has {key} = {found!r}, expected {value!r}; name its own run")


def _read_run_config(folder: Path) -> dict[str, Any]:
    file = folder / RUN
    if not file.is_file():
        raise ResultError(f"{folder}: no {RUN} in it; name a folder that python -m uopd.train wrote (its --out)")
    return json.loads(file.read_text(encoding="utf-8"))


def _convergence(runs: Mapping[str, Path]) -> BuiltTable:
    curves = {name: list(_curve(folder)) for name, folder in runs.items()}
    _check_curves(runs)
    steps = sorted({step for points in curves.values() for step, _ in points})
    known = [dict(points) for points in curves.values()]
    grid = Grid(
        caption=f"Convergence: greedy accuracy on held-out problems during training ({IN_PERCENT})",
        label="convergence",
        columns=("step", *curves),
        groups=(),
        blocks=((None, tuple((str(step), *(each.get(step) for each in known)) for step in steps)),),
    )
    return BuiltTable(grid=grid, draw=lambda stem: draw_convergence(curves, stem))


def _curve(folder: Path) -> Iterator[tuple[int, Cell]]:
    lines = read_lines(folder / EVALUATIONS)
    if not lines:
        raise ResultError(f"{folder}: no evaluation in {EVALUATIONS}; train with eval.every=STEPS")
    for line in lines:
        found = mean_over_problems(line["correct"])
        yield line["step"], Cell(value=found.value, error=found.error)


def _check_curves(runs: Mapping[str, Path]) -> None:
    """Curves of other held-out problems or other budgets do not share axes."""
    seen: dict[str, tuple[Any, ...]] = {}
    for name, folder in runs.items():
        run = _read_run_config(folder)
        config, evaluation = run["config"], run["config"]["eval"]
        problems = len(read_lines(folder / EVALUATIONS)[0]["correct"])
        budget = evaluation["max_new_tokens"] or config["rollouts"]["max_new_tokens"]
        seen[name] = (run["dataset"]["fingerprint"], problems, budget, run["versions"].get("math-verify"))
    first = next(iter(seen))
    fields = ("datasets", "numbers of problems", "token budgets", "versions of math-verify")
    for name, facts in seen.items():
        for field, ours, theirs in zip(fields, seen[first], facts, strict=True):
            if ours != theirs:
                raise ResultError(
                    f"convergence: {first} ({runs[first]}) and {name} ({runs[name]}) have other {field}: {ours} and "
                    f"{theirs}; draw them apart"
                )
