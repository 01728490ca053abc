"""The figures of a dataset and of its validation, as PNG and SVG with the same bytes for the same numbers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # files only, whatever the display of the machine

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

# Okabe and Ito's palette: told apart with any kind of colour vision, and in grey.
BLUE, ORANGE, GREEN, RED, PURPLE, SKY, GREY = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#7F7F7F",
)  # fmt: skip

STYLE = {
    "figure.figsize": (6.0, 3.8),
    "figure.dpi": 150,
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11.0,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "svg.hashsalt": "sure-math",  # the ids inside an SVG would differ from run to run
    "svg.fonttype": "none",
}

ENTROPY_LABEL = "Semantic entropy of the teacher, H / log N (no unit)"


def draw_histogram(histogram: Mapping, stem: Path) -> None:
    """Problems per bin of H / log N.

    Args:
        histogram: `counts`, one per equal bin over [0, 1].
        stem: path without ending; `.png` and `.svg` are written.
    """
    counts = histogram["counts"]
    width = 1 / len(counts)
    total = sum(counts)
    with _figure(stem) as axes:
        axes.bar([index * width for index in range(len(counts))], counts, width=width * 0.94, align="edge", color=BLUE)
        axes.set(xlabel=ENTROPY_LABEL, ylabel="Problems", xlim=(0, 1), title=f"{total:,} problems")


@contextmanager
def _figure(stem: Path) -> Iterator[Axes]:
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(layout="constrained")
        yield axes
        figure.savefig(f"{stem}.png", metadata={"Software": None})
        figure.savefig(f"{stem}.svg", metadata={"Date": None, "Creator": None})
        plt.close(figure)
