"""Write the end of a run: the trained model with its card, curves, and where the time and the memory went (B.3)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from sure_math.escaping import file_bytes
from sure_math.reporting.accuracy import paired_difference
from sure_math.reporting.figures import BLUE, GREEN, GREY, ORANGE, RED, panels
from sure_math.reporting.templates import environment
from sure_math.storage.output_folder import LIST, fresh_staging, install, kept_line, read_list
from uopd.config import TrainConfig
from uopd.protocols import Student
from uopd.run.folder import EVALUATIONS, METRICS, MODEL, RUN, read_lines
from uopd.run.metrics import PARTS

MODEL_CARD, REPORT = "model_card.md.j2", "training_report.md.j2"
_STAGED = re.compile(
    rf"summary\.(json|md)|curves\.(png|svg)|{MODEL}(\.tmp)?/(README\.md|model(-\d+-of-\d+)?\.safetensors(\.index\.json)?|"
    r"[\w.-]+\.(model|jinja)|[\w.-]*(config|token|vocab|merges)[\w.-]*\.(json|txt))"
)
"""Files that are made before they are moved into place. In the model's folder transformers chooses the names."""
WINDOW = 10
"""A report compares the means of the first and of the last so many steps."""
COMPARED = ("loss", "kl", "agreement", "reward", "mean_response_tokens", "truncated", "gradient_norm")


def write_summary(folder: Path, config: TrainConfig, student: Student, say: Callable[[str], None]) -> None:
    """Write `model/` with its card, `summary.json`, `summary.md` and `curves.png` into the folder of a finished run.

    A file that was changed by hand since an earlier call is kept under another name.
    """
    run = json.loads((folder / RUN).read_text(encoding="utf-8"))
    summary = summarise(read_lines(folder / METRICS), read_lines(folder / EVALUATIONS))
    staging = fresh_staging(folder, _STAGED.fullmatch)
    (staging / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    draw_curves(read_lines(folder / METRICS), read_lines(folder / EVALUATIONS), staging / "curves")
    facts = {**run, "summary": summary, "method": config.method}
    templates = environment()
    (staging / "summary.md").write_bytes(file_bytes(templates.get_template(REPORT).render(**facts)))
    student.export(staging / MODEL)
    (staging / MODEL / "README.md").write_bytes(file_bytes(templates.get_template(MODEL_CARD).render(**facts)))
    kept = install(staging, folder, written=read_list(folder / LIST), list_path=folder / LIST)
    if kept:
        say(kept_line(folder, kept))
    say(_closing_line(folder, summary))


def summarise(metrics: Sequence[Mapping[str, Any]], evaluations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Sum up a run in numbers, from the lines of its log."""
    failed = [line for line in metrics if "failed" in line]
    metrics = [line for line in metrics if "failed" not in line]
    seconds = {part: sum(line["seconds"][part] for line in metrics) for part in PARTS}
    total = sum(seconds.values())
    first, last = metrics[:WINDOW], metrics[-WINDOW:]
    return {
        "steps": len(metrics),
        "failed_steps": [{"step": line["step"], "reason": line["failed"]} for line in failed],
        "response_tokens": sum(line["response_tokens"] for line in metrics),
        "seconds": {part: round(value, 2) for part, value in seconds.items()},
        "shares": {part: value / total if total else 0.0 for part, value in seconds.items()},
        "tokens_per_second": sum(line["response_tokens"] for line in metrics) / total if total else 0.0,
        "peak_bytes": max((line["peak_bytes"] for line in metrics), default=0),
        "window": WINDOW,
        "first": _means(first),
        "last": _means(last),
        "evaluation": _evaluation(evaluations),
    }


def draw_curves(metrics: Sequence[Mapping[str, Any]], evaluations: Sequence[Mapping[str, Any]], stem: Path) -> None:
    """Draw four panels over the steps: loss; KL and its floor; reward and held-out accuracy; response length."""
    with panels(stem, 2, 2) as axes:
        _line(axes[0], metrics, "loss", BLUE, "Loss (Eq. 9)")
        _line(axes[1], metrics, "kl", BLUE, "KL to the teacher, nats per token")
        _line(axes[1], metrics, "truncation_floor", GREY, "floor: -log of the teacher's mass on its top-k")
        _line(axes[2], metrics, "reward", ORANGE, "Share of right rollouts")
        if evaluations:
            steps = [line["step"] for line in evaluations]
            axes[2].plot(steps, [line["accuracy"] for line in evaluations], "o-", color=GREEN, label="held out, greedy")
        _line(axes[3], metrics, "mean_response_tokens", RED, "Tokens per response")
        for axis in axes:
            axis.set_xlabel("step")
            if axis.get_legend_handles_labels()[0]:
                axis.legend()


def _line(axis: Any, metrics: Sequence[Mapping[str, Any]], name: str, color: str, label: str) -> None:
    points = [(line["step"], line[name]) for line in metrics if line.get(name) is not None]
    if points:
        axis.plot(*zip(*points, strict=True), color=color, label=label, linewidth=1.2)


def _means(lines: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    means: dict[str, float | None] = {}
    for name in COMPARED:
        values = [line[name] for line in lines if line.get(name) is not None]
        means[name] = fmean(values) if values else None
    return means


def _evaluation(evaluations: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Accuracy before and after, and their paired difference; None if there are fewer than two evaluations."""
    if len(evaluations) < 2:
        return None
    before, after = evaluations[0], evaluations[-1]
    difference = paired_difference(before["correct"], after["correct"])
    return {
        "problems": after["problems"],
        "before": before["accuracy"],
        "before_step": before["step"],
        "after": after["accuracy"],
        "after_step": after["step"],
        "difference": difference.value,
        "low": difference.low,
        "high": difference.high,
    }


def _closing_line(folder: Path, summary: Mapping[str, Any]) -> str:
    shares = ", ".join(f"{part} {100 * share:.0f} %" for part, share in summary["shares"].items())
    failed = f" and {len(summary['failed_steps'])} that could not be taken" if summary["failed_steps"] else ""
    line = f"{folder}: {summary['steps']} steps{failed}, {sum(summary['seconds'].values()):,.0f} s ({shares})"
    evaluation = summary["evaluation"]
    if evaluation is None:
        return line
    before, after = 100 * evaluation["before"], 100 * evaluation["after"]
    difference, low, high = (100 * evaluation[name] for name in ("difference", "low", "high"))
    return (
        f"{line}; held-out accuracy {before:.1f} % -> {after:.1f} %, difference {difference:+.1f} points "
        f"[{low:+.1f}, {high:+.1f}]"
    )
