"""Does semantic entropy predict the teacher's errors? `python -m sure_math.validate DIR|FILE`.

Positive: the teacher's answer is wrong. Score: H / log N. What counts as the teacher's answer is the label, and the
output names it:

`greedy`    the answer at temperature 0, which takes no part in the entropy (the paper's Sec. 4.6);
`majority`  the most frequent of the N samples; it comes from the same samples as the entropy. A tie goes to the first
            in sorted order, as everywhere in this package; the report repeats the figure with the first sampled one;
`held-out`  one of the N samples, drawn by the problem's id, against the entropy of the other N - 1. The other samples
            keep the clusters that all N were put into.
"""

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sure_math.entropy import UNANIMOUS
from sure_math.reporting.auroc import (
    auroc,
    bins,
    estimate_auroc,
    estimate_difference,
    largest_rise,
    risk_coverage,
)
from sure_math.reporting.templates import environment
from sure_math.validation.from_dataset import read_dataset
from sure_math.validation.from_file import read_file
from sure_math.validation.graded_answers import (
    GradedAnswers,
    Measures,
    SampledProblem,
    ValidationInputError,
    measure,
)

LABELS = ("greedy", "majority", "held-out")
LOW, HIGH = 0.1, 0.9  # the ends that Sec. 4.6 of the paper quotes
GROUP_MINIMUM = 10  # positives, and negatives, that a slice needs before its AUROC is worth printing
EXAMPLES = 5
COVERAGES = (0.25, 0.5, 0.75, 1.0)
REPORT = "validation_report.md.j2"

SCORES: Mapping[str, Callable[[Measures], float | None]] = {
    "semantic entropy": lambda measures: measures.entropy,
    "discrete entropy": lambda measures: measures.discrete_entropy,
    "1 - majority share": lambda measures: 1 - measures.majority_share,
    "- mean log-probability": lambda measures: None if measures.mean_logprob is None else -measures.mean_logprob,
    "mean answer length": lambda measures: measures.mean_tokens,
}
"""The score under test and its competitors; higher means less certain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One problem with the answer that was judged and what was known before."""

    problem: SampledProblem
    measures: Measures
    judged_answer: str | None
    wrong: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSettings:
    """What shapes the report."""

    label: str
    seed: int = 0
    resamples: int = 1000


def validate(read: GradedAnswers, settings: ReportSettings) -> dict[str, Any]:
    """The report as JSON types: AUROC and its rivals, accuracy per bin, risk-coverage, slices, examples.

    Raises:
        ValidationInputError: no problem has this label.
    """
    judged = judge_all(read, settings)
    complete = [row for row in judged if not row.problem.incomplete]
    wrong = [row.wrong for row in judged]
    entropies = [row.measures.entropy for row in judged]
    table = bins(entropies, wrong)
    return {
        "label": settings.label,
        "seed": settings.seed,
        "resamples": settings.resamples,
        "origin": read.origin,
        "equivalence": read.equivalence,
        "problems": len(judged),
        "unlabelled": len(read.problems) - len(judged),
        "too_few_samples": read.too_few,
        "incomplete": len(judged) - len(complete),
        "num_samples": _counted(len(row.problem.answers) for row in judged),
        "weight_kind": _counted(row.measures.weight_kind for row in judged),
        "accuracy": 1 - sum(wrong) / len(wrong),
        "scores": _compare(judged, settings),
        "tied_majorities": _tied_majorities(read, settings) if settings.label == "majority" else None,
        "complete_only": _compare(complete, settings) if complete else None,
        "bins": [asdict(row) for row in table],
        "largest_rise": largest_rise(table),
        "ends": {
            "low": _end(judged, lambda entropy: entropy < LOW),
            "high": _end(judged, lambda entropy: entropy > HIGH),
        },
        "risk_coverage": _risk(entropies, wrong),
        "unanimous": _unanimous(judged, settings),
        "slices": _slices(judged),
        "examples": _examples(judged, settings),
    }


def judge_all(read: GradedAnswers, settings: ReportSettings) -> list[Judged]:
    """The problems that have the label, each with its verdict."""
    if settings.label == "greedy" and not read.has_greedy:
        raise ValidationInputError(
            "label 'greedy': no greedy answers are stored here; choose --label majority or --label held-out"
        )
    rule = {"greedy": _greedy, "majority": _majority, "held-out": _held_out}[settings.label]
    judged = [verdict for row in read.problems if (verdict := rule(row, read.equivalence, settings.seed)) is not None]
    if not judged:
        raise ValidationInputError(
            f"none of the {len(read.problems)} problems has a reference answer or a grade for the label "
            f"{settings.label!r}: whether the teacher is right is not known, so there is nothing to validate"
        )
    return judged


def _greedy(row: SampledProblem, equivalence: str, seed: int) -> Judged | None:
    if row.greedy_correct is None:
        return None
    return Judged(problem=row, measures=row.measures, judged_answer=row.greedy_answer, wrong=not row.greedy_correct)


def _majority(row: SampledProblem, equivalence: str, seed: int) -> Judged | None:
    index = row.answers.index(row.majority) if row.majority is not None else None
    right = _sample_is_right(row, index, equivalence)
    if right is None:
        return None
    return Judged(problem=row, measures=row.measures, judged_answer=row.majority, wrong=not right)


def _first_majority(row: SampledProblem, equivalence: str, seed: int) -> Judged | None:
    """As `_majority`, but a tie goes to the cluster, and to the string in it, that was sampled first."""
    answered = [index for index, answer in enumerate(row.answers) if answer is not None and row.cluster_ids[index] >= 0]
    sizes = Counter(row.cluster_ids[index] for index in answered)  # counts keep the order of first appearance
    inside = [index for index in answered if row.cluster_ids[index] == max(sizes, key=lambda one: sizes[one])]
    strings = Counter(row.answers[index] for index in inside)
    index = row.answers.index(max(strings, key=lambda one: strings[one])) if inside else None
    right = _sample_is_right(row, index, equivalence)
    if right is None:
        return None
    judged = None if index is None else row.answers[index]
    return Judged(problem=row, measures=row.measures, judged_answer=judged, wrong=not right)


def _held_out(row: SampledProblem, equivalence: str, seed: int) -> Judged | None:
    size = len(row.answers)
    if size < 3:
        return None  # one sample would be left, which has no entropy
    digest = hashlib.sha256(f"{seed}/held-out/{row.problem_id}".encode()).digest()
    index = int.from_bytes(digest[:8], "big") % size
    right = _sample_is_right(row, index, equivalence)
    if right is None:
        return None
    rest = [other for other in range(size) if other != index]
    measures = measure(
        [row.cluster_ids[other] for other in rest],
        [row.answers[other] for other in rest],
        None if row.sum_logprobs is None else [row.sum_logprobs[other] for other in rest],
        None if row.token_counts is None else [row.token_counts[other] for other in rest],
    )
    return Judged(problem=row, measures=measures, judged_answer=row.answers[index], wrong=not right)


def _sample_is_right(row: SampledProblem, index: int | None, equivalence: str) -> bool | None:
    """Whether a sample is right: its grade if there is one, else its answer against the reference; None: not known.

    No answer (`index` None, or an answer of None) is wrong wherever it is known what is right.
    """
    if index is not None and row.grades is not None:
        return row.grades[index]
    if row.gold is None and row.grades is None:
        return None
    answer = None if index is None else row.answers[index]
    if answer is None or row.gold is None:
        return False
    if equivalence == "string":
        return answer.strip() == row.gold.strip()
    if equivalence == "judge":
        raise ValidationInputError(
            "this dataset's answers were compared by a judge model, and only its greedy verdicts are stored: "
            "choose --label greedy"
        )
    from sure_math.equivalence import same_answer

    return same_answer(row.gold, answer, row.problem or None) == "equal"


def _compare(judged: Sequence[Judged], settings: ReportSettings) -> list[dict[str, object]]:
    """AUROC of every score on the problems where it is known, with the difference from semantic entropy."""
    rows: list[dict[str, object]] = []
    bootstrap = {"resamples": settings.resamples, "seed": settings.seed}
    for name, score in SCORES.items():
        known = [(row, value) for row in judged if (value := score(row.measures)) is not None]
        values, wrong = [value for _, value in known], [row.wrong for row, _ in known]
        row: dict[str, object] = {"score": name, **asdict(estimate_auroc(values, wrong, **bootstrap))}
        if name != "semantic entropy":
            entropies = [each.measures.entropy for each, _ in known]
            row["difference_low"], row["difference_high"] = (
                estimate_difference(entropies, values, wrong, **bootstrap) if known else (None, None)
            )
            row["entropy_on_the_same"] = auroc(entropies, wrong) if known else None
        rows.append(row)
    return rows


def _tied_majorities(read: GradedAnswers, settings: ReportSettings) -> dict[str, object]:
    """How much hangs on the order of tied answers: how many problems have a tie, and the figure in the other order."""
    judged = [row for each in read.problems if (row := _first_majority(each, read.equivalence, settings.seed))]
    ties = sum(_is_tied(row.problem) for row in judged)
    entropies, wrong = [row.measures.entropy for row in judged], [row.wrong for row in judged]
    first = estimate_auroc(entropies, wrong, resamples=settings.resamples, seed=settings.seed)
    return {"problems": ties, "first_sampled": asdict(first)}


def _is_tied(row: SampledProblem) -> bool:
    sizes = Counter(
        one for one, answer in zip(row.cluster_ids, row.answers, strict=True) if answer is not None and one >= 0
    )
    return list(sizes.values()).count(max(sizes.values(), default=0)) > 1


def _end(judged: Sequence[Judged], inside: Callable[[float], bool]) -> dict[str, object]:
    rows = [row for row in judged if inside(row.measures.entropy)]
    correct = sum(not row.wrong for row in rows)
    return {"problems": len(rows), "correct": correct, "accuracy": correct / len(rows) if rows else None}


def _risk(entropies: Sequence[float], wrong: Sequence[bool]) -> dict[str, object]:
    curve = risk_coverage(entropies, wrong)
    chosen = [max(1, round(share * len(wrong))) for share in COVERAGES]
    return {
        "area": curve.area,
        "area_at_best": curve.area_at_best,
        "area_at_random": curve.area_at_random,
        "points": [{"coverage": count / len(wrong), "risk": curve.risk[count - 1]} for count in chosen],
    }


def _unanimous(judged: Sequence[Judged], settings: ReportSettings) -> dict[str, object]:
    """The blind spot: every sample gives the same answer, and it is wrong."""
    rows = [row for row in judged if row.measures.entropy < UNANIMOUS]
    wrong = [row for row in rows if row.wrong]
    return {
        "problems": len(rows),
        "wrong": len(wrong),
        "errors": sum(row.wrong for row in judged),
        "examples": [_example(row) for row in _drawn(wrong, settings.seed)[:EXAMPLES]],
    }


def _slices(judged: Sequence[Judged]) -> dict[str, list[dict[str, object]]]:
    """AUROC by split, tier and strategy, where a slice has enough of both classes."""
    found: dict[str, list[dict[str, object]]] = {}
    for field in ("split", "tier", "strategy"):
        groups: dict[str, list[Judged]] = {}
        for row in judged:
            if (value := getattr(row.problem, field)) is not None:
                groups.setdefault(value, []).append(row)
        if len(groups) > 1:
            found[field] = [_slice(name, rows) for name, rows in sorted(groups.items())]
    return found


def _slice(name: str, rows: Sequence[Judged]) -> dict[str, object]:
    wrong = [row.wrong for row in rows]
    positives = sum(wrong)
    enough = min(positives, len(rows) - positives) >= GROUP_MINIMUM
    return {
        "name": name,
        "problems": len(rows),
        "positives": positives,
        "accuracy": 1 - positives / len(rows),
        "auroc": auroc([row.measures.entropy for row in rows], wrong) if enough else None,
    }


def _examples(judged: Sequence[Judged], settings: ReportSettings) -> dict[str, list[dict[str, object]]]:
    """The ends of the ranking; ties are drawn by the problem's id, so that nothing is picked by hand."""
    ordered = sorted(_drawn(judged, settings.seed), key=lambda row: round(row.measures.entropy, 9))
    half = min(EXAMPLES, (len(ordered) + 1) // 2)
    return {
        "low": [_example(row) for row in ordered[:half]],
        "high": [_example(row) for row in ordered[half:][::-1][:EXAMPLES]],
    }


def _drawn(rows: Sequence[Judged], seed: int) -> list[Judged]:
    return sorted(rows, key=lambda row: hashlib.sha256(f"{seed}/example/{row.problem.problem_id}".encode()).digest())


def _example(row: Judged) -> dict[str, object]:
    return {
        "problem_id": row.problem.problem_id,
        "problem": row.problem.problem,
        "answers": [[answer, count] for answer, count in Counter(row.problem.answers).most_common()],
        "judged_answer": row.judged_answer,
        "gold": row.problem.gold,
        "wrong": row.wrong,
        "entropy": row.measures.entropy,
    }


def _counted(values: Iterable[int | str]) -> dict[str, int]:
    return {str(value): number for value, number in sorted(Counter(values).items())}


def write_report(report: Mapping, judged: Sequence[Judged], out: Path) -> None:
    """`report.json`, `report.md` and the figures (PNG and SVG) in `out`."""
    from sure_math.reporting.figures import draw_validation

    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (out / "report.md").write_text(render_report(report, examples=True), encoding="utf-8")
    draw_validation(
        report,
        scores={name: [score(row.measures) for row in judged] for name, score in SCORES.items()},
        wrong=[row.wrong for row in judged],
        folder=out,
    )


def render_report(report: Mapping, *, examples: bool) -> str:
    """The report as Markdown; without the examples it is what the command prints."""
    return environment().get_template(REPORT).render(**report, show_examples=examples, low_end=LOW, high_end=HIGH)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code: 2 where the input cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        read = _read(options)
        label = options.label or ("greedy" if read.has_greedy else "majority")
        settings = ReportSettings(label=label, seed=options.seed, resamples=options.resamples)
        report = validate(read, settings)
    except (ValidationInputError, OSError) as error:
        print(f"validate: {error}", file=sys.stderr)
        return 2
    out = options.out or _default_out(options.input, options.label)
    write_report(report, judge_all(read, settings), out)
    print(render_report(report, examples=False))
    print(f"Written: {out}/report.md, report.json, and the figures histogram, accuracy, roc, risk_coverage (PNG, SVG)")
    return 0


def _read(options: argparse.Namespace) -> GradedAnswers:
    columns = dict(pair.partition("=")[::2] for pair in options.column)
    if options.input.is_dir():
        if columns:
            raise ValidationInputError("--column is for files; a dataset folder has its columns")
        return read_dataset(options.input)
    if not options.input.is_file():
        raise ValidationInputError(f"{options.input} is neither a dataset folder nor a file")
    return read_file(options.input, columns, equivalence=options.equivalence, missing=options.missing)


def _default_out(given: Path, label: str | None) -> Path:
    """`DIR/validation`, or beside the user in `STEM-validation` for a file; a label that was asked for has its own."""
    base = given / "validation" if given.is_dir() else Path(f"{given.stem}-validation")
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
    parser.add_argument("--out", type=Path, help="folder of the report (default: DIR/validation, or STEM-validation)")
    parser.add_argument("--label", choices=LABELS, help="default: greedy where it is stored, else majority")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap, the held-out sample and the examples")
    parser.add_argument("--resamples", type=int, default=1000, help="of the bootstrap (default: 1000)")
    parser.add_argument("--column", action="append", default=[], metavar="ROLE=NAME", help="file: column of a role")
    parser.add_argument("--equivalence", choices=("math", "string"), default="math", help="file: how answers compare")
    parser.add_argument("--missing", choices=("own", "shared", "exclude"), default="own", help="file: missing answers")
    return parser


if __name__ == "__main__":
    sys.exit(main())
