"""The command line: `python -m eval_harness run|ls|validate|doctor|summary|compare|tables|page ...`.

`run`, `ls` and `validate` are lm-eval's commands with all of its options; they find the tasks in every installation.
`run` also keeps responses beside the results (`--use_cache`), so that repeating the command resumes a run, and writes
the summary as a separate file.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from eval_harness.doctor import TASKS, is_registered, lm_eval_folder, report
from eval_harness.options import OptionError
from eval_harness.records import ResultError, read_object
from eval_harness.results import Comparison, ResultFile, compare_results, read_result_file
from eval_harness.secrets import hidden_output, refuse_secret_words
from sure_math.command_line.terminal import prepare_output, say, terminal_console
from sure_math.escaping import file_bytes
from sure_math.storage.files import explain_os_error, write_whole
from sure_math.storage.output_folder import OutputError

LM_EVAL = ("run", "ls", "validate")
"""Commands that are passed on to lm-eval."""
OWN_MODULES = {
    "tables": "the paper's tables and ablations from result files, as Markdown, LaTeX and figures",
    "page": "one run, problem by problem, as an HTML file",
}
"""Commands that are also packages with options of their own, as in `python -m eval_harness.tables`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code: 0, or 2 if an argument or a file cannot be used."""
    prepare_output()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words and words[0] in LM_EVAL:
        return _lm_eval(words)
    if words and words[0] in OWN_MODULES:
        return importlib.import_module(f"eval_harness.{words[0]}.command").main(words[1:])
    parser = argparse.ArgumentParser(prog="python -m eval_harness", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in LM_EVAL:
        commands.add_parser(name, help=f"lm-eval's `{name}`, with all of its options")
    for name, description in OWN_MODULES.items():
        commands.add_parser(name, help=description)
    commands.add_parser("doctor", help="which command works in this installation, and the versions that grade")
    summary = commands.add_parser("summary", help="the numbers of a result file")
    summary.add_argument("results", type=Path, help="a results_*.json, or a folder that contains one")
    comparison = commands.add_parser("compare", help="two result files, problem by problem")
    comparison.add_argument("first", type=Path)
    comparison.add_argument("second", type=Path)
    options = parser.parse_args(words)
    try:
        if options.command == "doctor":
            say(report())
        elif options.command == "summary":
            _show(read_result_file(options.results))
        else:
            _show_comparisons(compare_results(read_result_file(options.first), read_result_file(options.second)))
    except ResultError as error:
        say(error, stderr=True)
        return 2
    return 0


def lm_eval_arguments(arguments: Sequence[str]) -> list[str]:
    """Return the arguments for lm-eval: the user's, the folder of the tasks if lm-eval needs it, and the cache.

    Raises:
        OptionError: an output has an empty name.
        ValueError: the user gives `--include_path`, but this installation needs it for our tasks. lm-eval accepts
            only one such folder.
    """
    from eval_harness.output_place import CACHE, run_output

    command, *rest = arguments
    added: list[str] = []
    if not is_registered():
        if _value(rest, "--include_path") is not None:
            raise ValueError(
                "--include_path: lm-eval accepts one folder, and this installation needs it for this package's tasks "
                "(python -m eval_harness doctor says why); put links to these tasks into your folder and call lm_eval"
            )
        added += ["--include_path", str(TASKS)]
    if command == "run":
        place = run_output(arguments)
        if place.cache is None and place.responses is not None:
            added += [CACHE, place.responses]
    return [command, *rest, *added]


def _lm_eval(words: Sequence[str]) -> int:
    """Run a command of lm-eval in this process, without a secret in its arguments or its output."""
    if lm_eval_folder() is None:
        say("lm-eval is not installed: pip install 'sure-math[eval]'", stderr=True)
        return 2
    try:
        refuse_secret_words(words)
    except OptionError as error:
        say(error, stderr=True)
        return 2
    with hidden_output(is_help=any(_is_help(word) for word in words)):
        return _run_lm_eval(words)


def _is_help(word: str) -> bool:
    """Whether lm-eval prints its help for this word; it takes `--he` for `--help`."""
    return word == "-h" or (len(word) > 2 and "--help".startswith(word))


def _run_lm_eval(words: Sequence[str]) -> int:
    from lm_eval.__main__ import cli_evaluate

    from eval_harness.backends import ServerError
    from eval_harness.generate import GenerationError
    from eval_harness.local_models import check_local_model, model_arguments
    from eval_harness.output_place import OUTPUT, OutputPlace, check_output, result_files, run_output
    from sure_math.models.engines import EngineUnavailable
    from sure_math.models.engines.processes import watched_start
    from sure_math.models.responders.journal import JournalError
    from sure_math.problems.sources.table_files import InputError

    try:
        arguments = lm_eval_arguments(words)
    except ValueError as error:
        say(error, stderr=True)
        return 2
    place = run_output(words) if words[0] == "run" else OutputPlace(output=None, cache=None)
    earlier_files: set[Path] = set()
    sys.argv = ["lm_eval", *arguments]
    refused = (OptionError, OutputError, GenerationError, ServerError, InputError, EngineUnavailable, JournalError)
    try:
        if words[0] == "run":
            settings = model_arguments(arguments)
            check_output(place, settings)
            earlier_files = result_files(place)
            check_local_model(settings)
            with watched_start():  # back ends that start processes: vLLM, and Ray for copies of it
                cli_evaluate()
        else:
            cli_evaluate()
        new_files = sorted(result_files(place) - earlier_files)
        for file in new_files:
            _write_summary(file)
    except refused as error:
        say(f"\n{error}", stderr=True)
        return 2
    except OSError as error:
        line = explain_os_error(error, place.folder or Path())
        if line is None:
            raise
        say(f"\n{line}", stderr=True)
        return 2
    if place.output is not None and not new_files and os.environ.get("RANK", "0") == "0":
        say(
            f"\n{OUTPUT} {place.output}: lm-eval could not write the results there (see its warning above). The "
            f"responses are kept in {place.responses}: mend the place, or make room on its disk, and repeat the "
            "command, which asks for none of them again",
            stderr=True,
        )
        return 2
    return 0


def _write_summary(file: Path) -> None:
    try:
        result = read_result_file(file)
    except ResultError:  # a run without tasks of this package
        return
    section = read_object(file)["sure_math"]
    summary = file.with_name(f"summary_{file.name.removeprefix('results_')}")
    text = json.dumps({"model": result.model, **section}, indent=1, ensure_ascii=False) + "\n"
    write_whole(summary, file_bytes(text))
    _show(result)
    say(f"summary: {summary}")


def _value(arguments: Sequence[str], *names: str) -> str | None:
    """Return the value of an option that is written `--name value` or `--name=value`; None if it is missing."""
    for index, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name in names:
            return value if equals else next(iter(arguments[index + 1 :]), None)
    return None


def _show(result: ResultFile) -> None:
    part = f" (limit {result.limit:g}: a part of the problems)" if result.limit else ""
    table = Table(title=f"{result.model}{part}")
    for column in ("task", "metric", "%", "± s.e.", "truncated", "no box", "timed out", "of", "removable by samples"):
        table.add_column(column)
    for task, summary in result.tasks.items():
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
    for note in result.notes:
        console.print(note, markup=False)


def _show_comparisons(comparisons: Sequence[Comparison]) -> None:
    table = Table(title="second minus first, paired by problem, 95 % bootstrap interval")
    for column in ("task", "metric", "problems", "first %", "second %", "difference", "interval", ""):
        table.add_column(column)
    for comparison in comparisons:
        low, high = 100 * comparison.difference.low, 100 * comparison.difference.high
        table.add_row(
            comparison.task,
            comparison.metric,
            str(comparison.problems),
            f"{100 * comparison.first:.1f}",
            f"{100 * comparison.second:.1f}",
            f"{100 * comparison.difference.value:+.1f}",
            f"{low:+.1f} to {high:+.1f}",
            "excludes 0" if comparison.settled else "",
        )
    _console().print(table)


def _console() -> Console:
    """Return a console as wide as the terminal, or wide enough for the tables if the output is a file or a pipe."""
    console = terminal_console()
    return console if console.is_terminal else terminal_console(width=160)
