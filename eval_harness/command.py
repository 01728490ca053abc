"""The command line: `python -m eval_harness run|ls|validate|doctor|summary|compare|tables|page ...`.

`run`, `ls` and `validate` are lm-eval's commands with all of its options, and find the tasks in every installation.
`run` also keeps responses beside the results (`--use_cache`), so that the command repeated resumes, and writes the
summary as a file of its own.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from eval_harness.doctor import TASKS, is_registered, lm_eval_folder, report
from eval_harness.results import Comparison, ResultError, ResultFile, compare_results, read_result_file

LM_EVAL = ("run", "ls", "validate")
OWN_MODULES = {
    "tables": "the paper's tables and ablations from result files, as Markdown, LaTeX and figures",
    "page": "one run problem by problem, as an HTML file",
}
"""Commands that are also modules, `python -m eval_harness.tables`, with options of their own."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, or 2 where something cannot be used as asked."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in LM_EVAL:
        return _lm_eval(given)
    if given and given[0] in OWN_MODULES:
        return importlib.import_module(f"eval_harness.{given[0]}.command").main(given[1:])
    parser = argparse.ArgumentParser(prog="python -m eval_harness", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in LM_EVAL:
        commands.add_parser(name, help=f"lm-eval's `{name}`, with all of its options")
    for name, said in OWN_MODULES.items():
        commands.add_parser(name, help=said)
    commands.add_parser("doctor", help="which call works in this installation, and the versions that grade")
    shown = commands.add_parser("summary", help="the numbers of a result file")
    shown.add_argument("results", type=Path, help="a results_*.json, or a folder with one")
    both = commands.add_parser("compare", help="two result files, problem by problem")
    both.add_argument("first", type=Path)
    both.add_argument("second", type=Path)
    options = parser.parse_args(given)
    try:
        if options.command == "doctor":
            print(report())
        elif options.command == "summary":
            _show(read_result_file(options.results))
        else:
            _show_comparisons(compare_results(read_result_file(options.first), read_result_file(options.second)))
    except ResultError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def lm_eval_arguments(given: Sequence[str]) -> list[str]:
    """lm-eval's own arguments: where the tasks are, unless it knows, and where responses are kept.

    ValueError for an `--include_path` of the user's where ours is needed: lm-eval takes one.
    """
    command, *rest = given
    added: list[str] = []
    if not is_registered():
        if _value(rest, "--include_path") is not None:
            raise ValueError(
                "--include_path: lm-eval takes one folder, and this installation needs it for the package's own tasks "
                "(python -m eval_harness doctor says why); put links to these tasks into your folder and call lm_eval"
            )
        added += ["--include_path", str(TASKS)]
    output = _value(rest, "--output_path", "-o")
    if command == "run" and output is not None and _value(rest, "--use_cache", "-c") is None:
        folder = Path(output).parent if output.endswith(".json") else Path(output)
        added += ["--use_cache", str(folder / "responses")]
    return [command, *rest, *added]


def _lm_eval(given: Sequence[str]) -> int:
    if lm_eval_folder() is None:
        print("lm-eval is not installed: pip install 'sure-math[eval]'", file=sys.stderr)
        return 2
    from lm_eval.__main__ import cli_evaluate

    from eval_harness.backends import ServerError
    from eval_harness.generate import GenerationError
    from eval_harness.options import OptionError
    from sure_math.models.engines import EngineUnavailable
    from sure_math.models.responders.journal import JournalError
    from sure_math.problems.sources.table_files import InputError

    try:
        arguments = lm_eval_arguments(given)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    output = _value(arguments, "--output_path", "-o") if given[0] == "run" else None
    before = _result_files(output)
    sys.argv = ["lm_eval", *arguments]
    try:
        cli_evaluate()
    except (OptionError, GenerationError, ServerError, InputError, EngineUnavailable, JournalError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 2
    for file in sorted(_result_files(output) - before):
        _write_summary(file)
    return 0


def _write_summary(file: Path) -> None:
    try:
        run = read_result_file(file)
    except ResultError:  # a run without a task of ours
        return
    section = json.loads(file.read_text(encoding="utf-8"))["sure_math"]
    summary = file.with_name(file.name.replace("results_", "summary_", 1))
    summary.write_text(json.dumps({"model": run.model, **section}, indent=1, ensure_ascii=False) + "\n", "utf-8")
    _show(run)
    print(f"summary: {summary}")


def _result_files(output: str | None) -> set[Path]:
    if output is None:
        return set()
    path = Path(output)
    folder = path.parent if path.suffix == ".json" else path
    return {*folder.rglob("results_*.json"), *folder.glob(f"{path.stem}_*.json")} if folder.is_dir() else set()


def _value(arguments: Sequence[str], *names: str) -> str | None:
    """The value of an option, as `--name value` or `--name=value`."""
    for place, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name in names:
            return value if equals else next(iter(arguments[place + 1 :]), None)
    return None


def _show(run: ResultFile) -> None:
    table = Table(title=f"{run.model}" + (f" (limit {run.limit:g}: a part of the problems)" if run.limit else ""))
    for column in ("task", "metric", "%", "± s.e.", "truncated", "no box", "timed out", "of", "removable by samples"):
        table.add_column(column)
    for task, summary in run.tasks.items():
        kinds = [("pass@1", "greedy"), *([(f"avg@{summary['samples']}", "sampled")] if summary["samples"] else [])]
        for metric, kind in kinds:
            estimate, counts = summary[metric], summary["outcomes"][kind]
            share = summary.get("removable_share") if kind == "sampled" else None
            table.add_row(
                task,
                metric,
                f"{100 * estimate['value']:.1f}",
                "-" if estimate["stderr"] is None else f"{100 * estimate['stderr']:.1f}",
                str(counts["truncated"]),
                str(counts["unboxed"] + counts["empty"]),
                str(counts["timed_out"]),
                str(sum(counts.values())),
                "-" if share is None else f"{100 * share:.0f} % of the variance",
            )
    console = _console()
    console.print(table)
    for note in run.notes:
        console.print(note, markup=False)


def _show_comparisons(found: Sequence[Comparison]) -> None:
    table = Table(title="second minus first, paired by problem, 95 % bootstrap interval")
    for column in ("task", "metric", "problems", "first %", "second %", "difference", "interval", ""):
        table.add_column(column)
    for each in found:
        low, high = 100 * each.difference.low, 100 * each.difference.high
        table.add_row(
            each.task,
            each.metric,
            str(each.problems),
            f"{100 * each.first:.1f}",
            f"{100 * each.second:.1f}",
            f"{100 * each.difference.value:+.1f}",
            f"{low:+.1f} to {high:+.1f}",
            "excludes 0" if each.settled else "",
        )
    _console().print(table)


def _console() -> Console:
    """As wide as the terminal; wide enough for the tables in a file or a pipe."""
    console = Console()
    return console if console.is_terminal else Console(width=160)
