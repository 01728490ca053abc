"""Does semantic entropy predict the teacher's errors? `python -m sure_math.validate DIR|FILE`.

    python -m sure_math.validate sure-math
    python -m sure_math.validate graded.jsonl --label majority
    python -m sure_math.validate sure-math --student student.jsonl

`validation/from_dataset.py` reads a published folder, `validation/from_file.py` reads any file of graded answers.
`validation/labels.py` says what counts as the teacher's answer, `validation/report.py` what is reported. If there are
samples of a student, `validation/headroom.py` compares the two models by the weight.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from sure_math.command_line.arguments import output_path
from sure_math.command_line.terminal import prepare_output, say
from sure_math.problems.sources.limits import Limits, limits_from
from sure_math.problems.sources.table_files import InputError
from sure_math.publication.published import VALIDATION
from sure_math.storage.files import explain_os_error
from sure_math.storage.output_folder import OutputError, check_report_folder, kept_line, refuse_links
from sure_math.validation.from_dataset import read_dataset
from sure_math.validation.from_file import read_file
from sure_math.validation.graded_answers import GradedAnswers, ValidationInputError
from sure_math.validation.headroom import make_headroom
from sure_math.validation.labels import LABELS, judge_problems
from sure_math.validation.report import REPORT_FILES, ReportSettings, make_report, render_report, write_report
from sure_math.validation.student import StudentAnswers, read_student


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Returns 0, or 2 after a message if the input cannot be used."""
    prepare_output()
    options = _parser().parse_args(arguments)
    out = options.out or _default_out(options.input, options.label)
    try:
        if options.out is None:
            refuse_links(options.input, [VALIDATION], "DIR")
        check_report_folder(out, REPORT_FILES, "report of this command")
        answers = _read(options)
        label = options.label or ("greedy" if answers.has_greedy else "majority")
        settings = ReportSettings(label=label, seed=options.seed, resamples=options.resamples)
        student = _read_student(options)
        report = make_report(answers, settings)
        if student is not None:
            report["headroom"] = make_headroom(answers, student, settings)
        kept = write_report(report, judge_problems(answers, settings.label, settings.seed), out)
    except (ValidationInputError, OutputError) as error:
        say(f"validate: {error}", stderr=True)
        return 2
    except OSError as error:
        say(f"validate: {explain_os_error(error, out) or error}", stderr=True)
        return 2
    if kept:
        say(kept_line(out, kept), stderr=True)
    say(render_report(report, examples=False))
    figures = "histogram, accuracy, roc, risk_coverage" + (", headroom" if report["headroom"] else "")
    say(f"Written: {out}/report.md, report.json, and the figures {figures} (PNG, SVG)")
    return 0


def _read(options: argparse.Namespace) -> GradedAnswers:
    columns = _columns(options.column)
    if options.input.is_dir():
        if columns:
            raise ValidationInputError("--column is for files; a dataset folder has its columns")
        return read_dataset(options.input, _limits(options))
    if not options.input.is_file():
        raise ValidationInputError(f"{options.input} is neither a dataset folder nor a file")
    return read_file(
        options.input, columns, equivalence=options.equivalence, missing=options.missing, limits=_limits(options)
    )


def _read_student(options: argparse.Namespace) -> StudentAnswers | None:
    if options.student is None:
        if options.student_column:
            raise ValidationInputError("--student-column is for the file of --student; name the file as well")
        return None
    return read_student(options.student, _columns(options.student_column), _limits(options))


def _limits(options: argparse.Namespace) -> Limits:
    try:
        return limits_from(_columns(options.limit), "--limit", "give --limit NAME=VALUE")
    except InputError as error:
        raise ValidationInputError(str(error)) from None


def _columns(pairs: Sequence[str]) -> dict[str, str]:
    return dict(pair.partition("=")[::2] for pair in pairs)


def _default_out(source: Path, label: str | None) -> Path:
    """`DIR/validation`, or beside the user in `STEM-validation` for a file; a label that was asked for has its own."""
    base = source / VALIDATION if source.is_dir() else Path(f"{source.stem}-validation")
    return base / label if label else base


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sure_math.validate", description="Does semantic entropy predict the teacher's errors?"
    )
    parser.add_argument(
        "input",
        type=Path,
        metavar="DIR|FILE",
        help="a built dataset, or a file with graded answers",
    )
    parser.add_argument(
        "--student",
        type=Path,
        metavar="DIR|FILE",
        help="samples of a student on the same problems: report where the teacher is better, by the weight",
    )
    parser.add_argument(
        "--student-column", action="append", default=[], metavar="ROLE=NAME", help="file of --student: column of a role"
    )
    parser.add_argument(
        "--out", type=output_path, help="folder of the report (default: DIR/validation, or STEM-validation)"
    )
    parser.add_argument("--label", choices=LABELS, help="default: greedy if it is stored, else majority")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap, the held-out sample and the examples")
    parser.add_argument("--resamples", type=int, default=1000, help="of the bootstrap (default: 1000)")
    parser.add_argument("--column", action="append", default=[], metavar="ROLE=NAME", help="file: column of a role")
    parser.add_argument("--equivalence", choices=("math", "string"), default="math", help="file: how answers compare")
    parser.add_argument("--missing", choices=("own", "shared", "exclude"), default="own", help="file: missing answers")
    parser.add_argument(
        "--limit", action="append", default=[], metavar="NAME=NUMBER", help="raise a limit, as text_characters"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
