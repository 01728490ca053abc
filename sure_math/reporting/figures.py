"""The figures of a dataset and of its validation, as PNG and SVG. The same numbers give the same bytes."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

matplotlib.use("Agg")  # writes files only; needs no display

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from sure_math.reporting.auroc import risk_coverage as risk_coverage_of
from sure_math.reporting.auroc import roc_band, roc_curve
from sure_math.reporting.histogram import BINS, bin_of

# Okabe and Ito's palette: its colours differ for any kind of colour vision.
BLUE, ORANGE, GREEN, RED, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#7F7F7F"

STYLE = {
    "figure.figsize": (6.0, 3.8),
    "figure.dpi": 150,
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11.0,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "svg.hashsalt": "sure-math",  # the ids inside an SVG would differ from run to run
    "svg.fonttype": "none",
}

ENTROPY_LABEL = "Semantic entropy of the teacher, H / log N (0: agrees with itself, 1: never)"

# Colour and dash of each score; the dashes keep them apart in grey.
LINES: Mapping[str, tuple[str, str]] = {
    "semantic entropy": (BLUE, "-"),
    "discrete entropy": (ORANGE, "--"),
    "1 - majority share": (GREEN, "-."),
    "- mean log-probability": (RED, ":"),
    "mean answer length": (PURPLE, (0, (6, 2, 1, 2, 1, 2))),  # type: ignore[dict-item]  # matplotlib's dash tuples
}


@contextmanager
def panels(stem: Path, rows: int, columns: int) -> Iterator[list[Axes]]:
    """Draw axes side by side in the project's style, row by row; on leaving, written as PNG and SVG."""
    with plt.rc_context({**STYLE, "figure.figsize": (4.8 * columns, 3.2 * rows)}):
        figure, axes = plt.subplots(rows, columns, squeeze=False, layout="constrained")
        yield list(axes.flat)
        _save(figure, stem)


def draw_histogram(histogram: Mapping, stem: Path) -> None:
    """Draw the problems per bin of H / log N.

    Args:
        histogram: `counts`, one per equal bin over [0, 1].
        stem: path without ending; `.png` and `.svg` are written.
    """
    counts = histogram["counts"]
    with _figure(stem) as axes:
        _bars(axes, np.asarray(counts), BLUE)
        axes.set(xlabel=ENTROPY_LABEL, ylabel="Problems", xlim=(0, 1), title=f"{sum(counts):,} problems")
        _whole_numbers(axes)


def draw_validation(
    report: Mapping, *, scores: Mapping[str, Sequence[float | None]], wrong: Sequence[bool], folder: Path
) -> None:
    """Draw `histogram`, `accuracy`, `roc` and `risk_coverage` of a validation report.

    Args:
        report: as `validate` returns it.
        scores: name -> one value per problem, None if it is not known.
        wrong: one per problem, the positives.
    """
    entropies = [value for value in scores["semantic entropy"] if value is not None]
    _draw_split_histogram(entropies, wrong, folder / "histogram")
    _draw_accuracy(report, folder / "accuracy")
    _draw_roc(report, scores, wrong, folder / "roc")
    _draw_risk(report, scores, wrong, folder / "risk_coverage")


def draw_headroom(headroom: Mapping, stem: Path) -> None:
    """Draw the accuracies of teacher and student by the weight, and their difference.

    Args:
        headroom: as `make_headroom` returns it.
        stem: path without ending; `.png` and `.svg` are written.
    """
    table = headroom["bins"]
    with panels(stem, 1, 2) as (both, difference):
        for name, color, dash in (("teacher", BLUE, "-"), ("student", ORANGE, "--")):
            _draw_intervals(both, table, name, color, dash)
        _draw_intervals(difference, table, "difference", GREEN, "-")
        both.set(ylabel="Right samples (%)", ylim=(-3, 103), title=f"{headroom['problems']:,} problems of both")
        both.legend(loc="best")
        difference.axhline(0, color=GREY, linewidth=0.8)
        difference.set(ylabel="Teacher minus student (points)", title="Bars: 95 % interval over problems")
        for axes in (both, difference):
            axes.set(xlabel="Weight (mean of the bin)", xlim=(-0.03, 1.03))


def _draw_intervals(axes: Axes, table: Sequence[Mapping], name: str, color: str, dash: str) -> None:
    values = np.asarray([[row[name]["low"], row[name]["value"], row[name]["high"]] for row in table], dtype=float) * 100
    low, value, high = values.T
    # A percentile interval of few problems need not hold the value.
    errors = np.clip([value - low, high - value], 0, None)
    places = [row["mean"] for row in table]
    axes.errorbar(places, value, yerr=errors, fmt="o", linestyle=dash, color=color, capsize=3, markersize=5, label=name)


def _draw_split_histogram(entropies: Sequence[float], wrong: Sequence[bool], stem: Path) -> None:
    positions = np.asarray([bin_of(entropy) for entropy in entropies], dtype=int)
    is_wrong = np.asarray(wrong, dtype=bool)
    right = np.bincount(positions[~is_wrong], minlength=BINS)
    with _figure(stem) as axes:
        _bars(axes, right, BLUE, label="teacher right")
        _bars(axes, np.bincount(positions[is_wrong], minlength=BINS), ORANGE, right, label="teacher wrong")
        axes.set(xlabel=ENTROPY_LABEL, ylabel="Problems", xlim=(0, 1), title=f"{len(wrong):,} problems with a label")
        _whole_numbers(axes)
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2)


def _draw_accuracy(report: Mapping, stem: Path) -> None:
    table = report["bins"]
    means = [row["mean"] for row in table]
    with _figure(stem) as axes:
        axes.errorbar(
            means,
            [100 * row["accuracy"] for row in table],
            xerr=[[row["mean"] - row["low"] for row in table], [row["high"] - row["mean"] for row in table]],
            yerr=[100 * row["standard_error"] for row in table],
            fmt="o-",
            color=BLUE,
            ecolor=GREY,
            capsize=3,
            markersize=5,
        )
        # In two alternating rows: neighbouring bins can be closer than a number is wide.
        for index, (mean, row) in enumerate(zip(means, table, strict=True)):
            height = 1 if index % 2 else 6
            axes.text(mean, height, f"n={row['problems']:,}", ha="center", fontsize=7.5, color=GREY)
        axes.set(
            xlabel=ENTROPY_LABEL,
            ylabel="Accuracy of the teacher (%)",
            xlim=(-0.03, 1.03),
            ylim=(-3, 103),
            title=f"Label: {report['label']}. Bars: width of the bin, one standard error",
        )


def _draw_roc(report: Mapping, scores: Mapping, wrong: Sequence[bool], stem: Path) -> None:
    areas = {row["score"]: row for row in report["scores"]}
    main = areas["semantic entropy"]
    with _figure(stem, size=(5.2, 4.8)) as axes:
        axes.plot([0, 100], [0, 100], color=GREY, linewidth=0.8)
        if main["value"] is None:
            axes.text(50, 50, main["undefined"], ha="center", va="center", wrap=True)
        else:
            grid = np.linspace(0, 1, 101)
            low, high = roc_band(
                scores["semantic entropy"], wrong, grid, resamples=report["resamples"], seed=report["seed"]
            )
            axes.fill_between(100 * grid, 100 * low, 100 * high, color=BLUE, alpha=0.15, linewidth=0)
            for name, values, known_wrong in _known(scores, wrong):
                if areas[name]["value"] is not None:
                    color, dash = LINES[name]
                    width = 2.0 if name == "semantic entropy" else 1.2
                    false, true = roc_curve(values, known_wrong)
                    label = f"{name}: {areas[name]['value']:.3f}"
                    axes.plot(100 * false, 100 * true, color=color, linestyle=dash, linewidth=width, label=label)
            axes.legend(loc="lower right", title="AUROC", title_fontsize=8.5)
        axes.set(
            xlabel="Right answers flagged (%)",
            ylabel="Wrong answers flagged (%)",
            xlim=(0, 100),
            ylim=(0, 101),
            title=f"Label: {report['label']}, {main['positives']:,} wrong of {main['problems']:,}. Band: 95 %",
        )


def _draw_risk(report: Mapping, scores: Mapping, wrong: Sequence[bool], stem: Path) -> None:
    with _figure(stem) as axes:
        for name, values, known_wrong in _known(scores, wrong):
            color, dash = LINES[name]
            curve = risk_coverage_of(values, known_wrong)
            axes.plot(
                [100 * share for share in curve.coverage],
                [100 * risk for risk in curve.risk],
                color=color,
                linestyle=dash,
                linewidth=2.0 if name == "semantic entropy" else 1.2,
                label=f"{name}: {curve.area:.3f}",
            )
        axes.axhline(100 * report["risk_coverage"]["area_at_random"], color=GREY, linewidth=0.8)
        axes.set(
            xlabel="Coverage: most certain problems answered (%)",
            ylabel="Error rate among them (%)",
            xlim=(0, 100),
            title=f"Label: {report['label']}. Grey: error rate of all",
        )
        axes.set_ylim(bottom=0)
        axes.legend(title="Area under the curve", title_fontsize=8.5)


def _known(scores: Mapping, wrong: Sequence[bool]) -> Iterator[tuple[str, list[float], list[bool]]]:
    """Each score that is known for some problem, on the problems for which it is known.

    Without log-probabilities, semantic and discrete entropy are the same, and one line is drawn.
    """
    for name, values in scores.items():
        if name == "discrete entropy" and list(values) == list(scores["semantic entropy"]):
            continue
        pairs = [(value, label) for value, label in zip(values, wrong, strict=True) if value is not None]
        if pairs:
            yield name, [value for value, _ in pairs], [label for _, label in pairs]


def _bars(
    axes: Axes, counts: np.ndarray, color: str, bottom: np.ndarray | None = None, label: str | None = None
) -> None:
    width = 1 / len(counts)
    left = np.arange(len(counts)) * width + 0.03 * width
    axes.bar(left, counts, width=width * 0.94, align="edge", color=color, bottom=bottom, label=label)


def _whole_numbers(axes: Axes) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))


@contextmanager
def _figure(stem: Path, size: tuple[float, float] | None = None) -> Iterator[Axes]:
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(layout="constrained", figsize=size)
        yield axes
        _save(figure, stem)


def _save(figure: Any, stem: Path) -> None:
    figure.savefig(f"{stem}.png", metadata={"Software": None})
    figure.savefig(f"{stem}.svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
