"""The report of a validation: AUROC and its rivals, accuracy per bin, risk against coverage, slices, examples.

Positive: the teacher's answer is wrong. Score: H / log N.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sure_math.entropy import UNANIMOUS
from sure_math.escaping import file_bytes
from sure_math.reporting.auroc import (
    auroc,
    bins,
    estimate_auroc,
    estimate_difference,
    largest_rise,
    risk_coverage,
)
from sure_math.reporting.templates import environment
from sure_math.storage.output_folder import LIST, fresh_staging, install, read_list
from sure_math.validation.graded_answers import GradedAnswers, Measures
from sure_math.validation.labels import JudgedProblem, is_tied, judge_first_majorities, judge_problems

LOW, HIGH = 0.1, 0.9  # the ends that the paper quotes in Sec. 4.6
GROUP_MINIMUM = 10  # positives, and negatives, that a slice needs for its AUROC to be printed
EXAMPLES = 5
COVERAGES = (0.25, 0.5, 0.75, 1.0)
REPORT = "validation_report.md.j2"
REPORT_FILES = (
    *("report.json", "report.md"),
    *(
        f"{name}.{ending}"
        for name in ("histogram", "accuracy", "roc", "risk_coverage", "headroom")
        for ending in ("png", "svg")
    ),
)
"""What `write_report` writes."""

SCORES: Mapping[str, Callable[[Measures], float | None]] = {
    "semantic entropy": lambda measures: measures.entropy,
    "discrete entropy": lambda measures: measures.discrete_entropy,
    "1 - majority share": lambda measures: 1 - measures.majority_share,
    "- mean log-probability": lambda measures: None if measures.mean_logprob is None else -measures.mean_logprob,
    "mean answer length": lambda measures: measures.mean_tokens,
}
"""The score under test and its competitors; higher means less certain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSettings:
    """What shapes the report."""

    label: str
    seed: int = 0
    resamples: int = 1000


def make_report(answers: GradedAnswers, settings: ReportSettings) -> dict[str, Any]:
    """Make the report as JSON types: AUROC and its rivals, accuracy per bin, risk-coverage, slices, examples.

    `headroom` is None; `headroom.py` makes this part if there are samples of a student.

    >>> report = make_report(read_dataset(Path("sure-math")), ReportSettings(label="greedy"))  # doctest: +SKIP
    >>> report["scores"][0]["value"]  # doctest: +SKIP
    0.87

    Raises:
        ValidationInputError: no problem has this label.
    """
    judged = judge_problems(answers, settings.label, settings.seed)
    complete = [row for row in judged if not row.sampled.incomplete]
    wrong = [row.wrong for row in judged]
    entropies = [row.measures.entropy for row in judged]
    table = bins(entropies, wrong)
    return {
        "label": settings.label,
        "seed": settings.seed,
        "resamples": settings.resamples,
        "origin": answers.origin,
        "equivalence": answers.equivalence,
        "problems": len(judged),
        "unlabelled": len(answers.problems) - len(judged),
        "too_few_samples": answers.too_few,
        "incomplete": len(judged) - len(complete),
        "num_samples": _counted(len(row.sampled.answers) for row in judged),
        "weight_kind": _counted(row.measures.weight_kind for row in judged),
        "accuracy": 1 - sum(wrong) / len(wrong),
        "scores": _compare(judged, settings),
        "tied_majorities": _tied_majorities(answers, settings) if settings.label == "majority" else None,
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
        "headroom": None,
    }


def _compare(judged: Sequence[JudgedProblem], settings: ReportSettings) -> list[dict[str, object]]:
    """AUROC of every score on the problems for which it is known, with its difference from semantic entropy."""
    rows: list[dict[str, object]] = []
    bootstrap = {"resamples": settings.resamples, "seed": settings.seed}
    for name, score in SCORES.items():
        known = [(row, value) for row in judged if (value := score(row.measures)) is not None]
        values, wrong = [value for _, value in known], [row.wrong for row, _ in known]
        row: dict[str, object] = {"score": name, **asdict(estimate_auroc(values, wrong, **bootstrap))}
        if name != "semantic entropy":
            entropies = [judged_row.measures.entropy for judged_row, _ in known]
            row["difference_low"], row["difference_high"] = (
                estimate_difference(entropies, values, wrong, **bootstrap) if known else (None, None)
            )
            row["entropy_on_the_same"] = auroc(entropies, wrong) if known else None
        rows.append(row)
    return rows


def _tied_majorities(answers: GradedAnswers, settings: ReportSettings) -> dict[str, object]:
    """How much depends on the order of tied answers: the number of ties, and the AUROC in the other order."""
    judged = judge_first_majorities(answers, settings.seed)
    ties = sum(is_tied(row.sampled) for row in judged)
    entropies, wrong = [row.measures.entropy for row in judged], [row.wrong for row in judged]
    first = estimate_auroc(entropies, wrong, resamples=settings.resamples, seed=settings.seed)
    return {"problems": ties, "first_sampled": asdict(first)}


def _end(judged: Sequence[JudgedProblem], inside: Callable[[float], bool]) -> dict[str, object]:
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


def _unanimous(judged: Sequence[JudgedProblem], settings: ReportSettings) -> dict[str, object]:
    """The blind spot: every sample gives the same answer, and it is wrong."""
    rows = [row for row in judged if row.measures.entropy < UNANIMOUS]
    wrong = [row for row in rows if row.wrong]
    return {
        "problems": len(rows),
        "wrong": len(wrong),
        "errors": sum(row.wrong for row in judged),
        "examples": [_example(row) for row in _drawn(wrong, settings.seed)[:EXAMPLES]],
    }


def _slices(judged: Sequence[JudgedProblem]) -> dict[str, list[dict[str, object]]]:
    """AUROC by split, tier and strategy, if a slice has enough problems of both classes."""
    slices: dict[str, list[dict[str, object]]] = {}
    for field in ("split", "tier", "strategy"):
        groups: dict[str, list[JudgedProblem]] = {}
        for row in judged:
            if (value := getattr(row.sampled, field)) is not None:
                groups.setdefault(value, []).append(row)
        if len(groups) > 1:
            slices[field] = [_slice(name, rows) for name, rows in sorted(groups.items())]
    return slices


def _slice(name: str, rows: Sequence[JudgedProblem]) -> dict[str, object]:
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


def _examples(judged: Sequence[JudgedProblem], settings: ReportSettings) -> dict[str, list[dict[str, object]]]:
    """The two ends of the ranking. A digest of the problem's id orders ties, so nobody picks examples by hand."""
    ordered = sorted(_drawn(judged, settings.seed), key=lambda row: round(row.measures.entropy, 9))
    half = min(EXAMPLES, (len(ordered) + 1) // 2)
    return {
        "low": [_example(row) for row in ordered[:half]],
        "high": [_example(row) for row in ordered[half:][::-1][:EXAMPLES]],
    }


def _drawn(rows: Sequence[JudgedProblem], seed: int) -> list[JudgedProblem]:
    return sorted(rows, key=lambda row: hashlib.sha256(file_bytes(f"{seed}/example/{row.sampled.problem_id}")).digest())


def _example(row: JudgedProblem) -> dict[str, object]:
    return {
        "problem_id": row.sampled.problem_id,
        "problem": row.sampled.statement,
        "answers": [[answer, count] for answer, count in Counter(row.sampled.answers).most_common()],
        "judged_answer": row.judged_answer,
        "gold": row.sampled.gold,
        "wrong": row.wrong,
        "entropy": row.measures.entropy,
    }


def _counted(values: Iterable[int | str]) -> dict[str, int]:
    return {str(value): number for value, number in sorted(Counter(values).items())}


def write_report(report: Mapping, judged: Sequence[JudgedProblem], out: Path) -> Mapping[str, str]:
    """Write `report.json`, `report.md` and the figures (PNG and SVG) to `out`.

    Returns:
        The files of the user that stood there and were kept: old name -> new name.
    """
    from sure_math.reporting.figures import (
        draw_headroom,
        draw_validation,
    )  # imports matplotlib, which `--help` does not need

    staging = fresh_staging(out)
    text = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
    (staging / "report.json").write_bytes(file_bytes(text))
    rendered = render_report(report, examples=True)
    (staging / "report.md").write_bytes(file_bytes(rendered))
    draw_validation(
        report,
        scores={name: [score(row.measures) for row in judged] for name, score in SCORES.items()},
        wrong=[row.wrong for row in judged],
        folder=staging,
    )
    if report["headroom"]:
        draw_headroom(report["headroom"], staging / "headroom")
    return install(staging, out, written=read_list(out / LIST, REPORT_FILES), list_path=out / LIST)


def render_report(report: Mapping, *, examples: bool) -> str:
    """Render the report as Markdown; the command prints it without the examples."""
    return environment().get_template(REPORT).render(**report, show_examples=examples, low_end=LOW, high_end=HIGH)
