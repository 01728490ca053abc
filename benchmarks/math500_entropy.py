"""Annotate MATH-500 with the pocket teacher.

    python -m benchmarks.math500_entropy --realdata DIR --pocket DIR [--engine vllm]

Annotates the 500 problems of MATH-500 with the pocket teacher, which was not trained for such problems, and prints the
histogram of H / log N beside that of a pocket dataset, for whose problems the teacher was trained.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.measuring.results_files import results_file
from sure_math.command_line.terminal import prepare_output, say, terminal_console
from sure_math.publication.published import open_dataset
from sure_math.storage.files import write_whole

RESULTS = results_file(__file__)
TENTHS = 10
BAR = 30
"""Characters of the longest bar of a histogram."""


def annotate(realdata: Path, out: Path, engine: str, overrides: list[str]) -> float:
    """Run the build and return its seconds."""
    command = [sys.executable, "-m", "sure_math.build", "--config", "annotate", "--out", str(out)]
    settings = [
        f"seeds.path={realdata / 'math500' / 'test.jsonl'}",
        "teacher.model=pocket:teacher",
        f"teacher.engine={engine}",
        "sample.max_new_tokens=128",
        "run.batch_size=512",
        "decontaminate.skip=all",
    ]
    start = time.perf_counter()
    subprocess.run([*command, *settings, *overrides], check=True)
    return time.perf_counter() - start


def histogram(folder: Path) -> dict[str, Any]:
    """Count the problems in each tenth of H / log N, and collect the other numbers that are reported."""
    numbers = open_dataset(folder).manifest["numbers"]
    counts = numbers["entropy_histogram"]["counts"]
    step = len(counts) // TENTHS
    return {
        "problems": numbers["problems"],
        "counts": [sum(counts[start : start + step]) for start in range(0, len(counts), step)],
        "accuracy": numbers["accuracy"],
        "mean_normalised_entropy": numbers["mean_normalised_entropy"],
        "unanimous": numbers["unanimous"],
        "problems_with_missing": numbers["problems_with_missing"],
        "problems_with_truncated": numbers["problems_with_truncated"],
        "dropped": numbers["dropped"],
    }


def beside(first: dict[str, Any], second: dict[str, Any]) -> Table:
    """Make a table with two histograms. A bar is as long as its share of the largest count of its histogram."""
    table = Table(title="Problems by H / log N of the pocket teacher")
    for column in ("H / log N", "pocket", "", "MATH-500", ""):
        table.add_column(column, min_width=BAR if not column else None)
    for tenth in range(TENTHS):
        cells = []
        for numbers in (first, second):
            count = numbers["counts"][tenth]
            cells += [str(count), "█" * round(BAR * count / max(numbers["counts"]))]
        table.add_row(f"{tenth / TENTHS:.1f} to {(tenth + 1) / TENTHS:.1f}", *cells)
    return table


def main() -> None:
    """Run the command line."""
    prepare_output()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--realdata", type=Path, required=True, help="folder with math500/test.jsonl")
    parser.add_argument("--pocket", type=Path, required=True, help="a built pocket dataset")
    parser.add_argument("--out", type=Path, default=Path("sure-math-math500"))
    parser.add_argument("--engine", default="vllm")
    parser.add_argument("overrides", nargs="*", help="further key=value of the build")
    options = parser.parse_args()
    seconds = annotate(options.realdata, options.out, options.engine, options.overrides)
    first, second = histogram(options.pocket), histogram(options.out)
    terminal_console().print(beside(first, second))
    for name, numbers in (("pocket", first), ("MATH-500", second)):
        say(
            f"{name}: {numbers['problems']} problems, teacher right on {100 * numbers['accuracy']:.1f} %, mean "
            f"H / log N {numbers['mean_normalised_entropy']:.3f}, unanimous {numbers['unanimous']}, with an "
            f"unanswered sample {numbers['problems_with_missing']}"
        )
    results = {"engine": options.engine, "seconds": round(seconds), "pocket": first, "math500": second}
    write_whole(RESULTS, (json.dumps(results, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
