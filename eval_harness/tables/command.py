"""Write the paper's tables from result files: `python -m eval_harness.tables RESULTS... [--out DIR]`.

Writes Table 1 (methods by benchmarks), Table 2 (weighting), the ablations over N, k and K, and the convergence curve,
each as Markdown, LaTeX and a figure (PNG, SVG). RESULTS are plan files, labelled results, or results without a label,
which are put into a separate table. An empty cell is a dash. Values are in %, with the standard error over problems.
The best student-sized result of a block is bold only if the 95 % interval of its paired difference from the next best
result excludes 0. Results in one column must have the same data, sampling and grader versions; others are refused.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from eval_harness.records import ResultError
from eval_harness.tables.build import BuiltTable, build_tables
from eval_harness.tables.plan import read_plan
from eval_harness.tables.text import latex, markdown
from sure_math.command_line.arguments import output_path
from sure_math.command_line.terminal import prepare_output, say
from sure_math.escaping import file_bytes
from sure_math.storage.files import explain_os_error
from sure_math.storage.output_folder import (
    LIST,
    OutputError,
    check_place,
    check_report_folder,
    fresh_staging,
    install,
    kept_line,
    read_list,
)

EXAMPLE = """
example of a plan (paths are relative to its folder; every part may be missing):

  benchmarks: [math500, aime25, amo_bench, sure_math]   # columns; the default is these four and all others in results
  pairs:
    - student: Qwen3-1.7B
      teacher: Qwen3-8B
      rows:                                # base, teacher, opd, grpo, opsd, uopd
        base: results/base-1.7b            # a results_*.json, or a folder whose newest is read
        teacher: results/teacher-8b
        uopd: [results/uopd-public, results/uopd-sure-math]           # benchmarks evaluated separately
        opd: {results: results/opd, run: runs/opd}                    # uopd.train's folder: the row is checked
  weighting: {uniform: results/opd, filter-0.3: results/f3, filter-0.5: results/f5, soft: results/uopd-public}
  samples: {2: results/n2, 8: results/uopd-public}                    # N
  topk:                                                               # k; the run gives the peak memory
    128: {results: results/k128, run: runs/k128}
    full: {results: results/kfull, run: runs/kfull}
  rollouts: {1: results/K1, 4: {results: results/uopd-public, run: runs/uopd}}          # K
  convergence: {UOPD: runs/uopd, Standard OPD: runs/opd}              # folders of uopd.train

the same with labels instead of a plan:

  python -m eval_harness.tables Qwen3-1.7B:Qwen3-8B/base=results/base-1.7b weighting/soft=results/uopd \\
      topk/128=results/k128 convergence/UOPD=runs/uopd
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code: 0, or 2 if an argument or a file cannot be used."""
    parser = argparse.ArgumentParser(
        prog="python -m eval_harness.tables",
        description=__doc__.partition("\n\n")[2],
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "results", nargs="*", metavar="RESULTS", help="plan.yaml, LABEL=PATH, or a result without a label"
    )
    parser.add_argument("--out", type=output_path, default=Path("tables"), help="folder to write to (default: tables)")
    prepare_output()
    options = parser.parse_args(arguments)
    try:
        check_place(options.out)
        tables = build_tables(read_plan(options.results))
        own = [f"{table.grid.label}.{ending}" for table in tables for ending in ("md", "tex", "png", "svg")]
        check_report_folder(options.out, own, "tables of this command")
        staging = fresh_staging(options.out)
        texts = [_write(table, staging) for table in tables]
        kept = install(staging, options.out, written=read_list(options.out / LIST), list_path=options.out / LIST)
    except (ResultError, OutputError) as error:
        say(f"tables: {error}", stderr=True)
        return 2
    except OSError as error:
        line = explain_os_error(error, options.out)
        if line is None:
            raise
        say(f"tables: {line}", stderr=True)
        return 2
    if kept:
        say(kept_line(options.out, kept), stderr=True)
    for text in texts:
        say(text)
    say(f"Written: {options.out}/{{{','.join(table.grid.label for table in tables)}}}.{{md,tex,png,svg}}")
    return 0


def _write(table: BuiltTable, folder: Path) -> str:
    """Write a table as Markdown, LaTeX and figures, and return the Markdown."""
    stem = folder / table.grid.label
    text = markdown(table.grid)
    stem.with_suffix(".md").write_bytes(file_bytes(text))
    stem.with_suffix(".tex").write_bytes(file_bytes(latex(table.grid)))
    table.draw(stem)
    return text
