"""Does entropy predict the teacher's errors in the pocket world? `python -m benchmarks.pocket_validation`.

Builds the `pocket` dataset with run seeds 0, 1 and 2, as the demo does, validates each build, and reports the AUROC
with its interval, the accuracy per entropy bin and the judge calls. Exits with 1 if a seed misses a bound below.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks.measuring.results_files import figure_file, results_file
from sure_math.command_line.terminal import prepare_output, say, terminal_console
from sure_math.publication.published import open_dataset
from sure_math.storage.files import write_whole

SEEDS = (0, 1, 2)
LEAST_AUROC = 0.80
LEAST_EVOLVED = 400
LEAST_JUDGE_CALLS = 20
MOST_RISE = 2.0
"""Largest allowed rise of accuracy from a bin to one of higher entropy, in standard errors of the difference."""
RESULTS = results_file(__file__)
FIGURE = figure_file(__file__, "pocket_accuracy")
"""The figure of the first seed, which the README shows."""


def measure(seed: int, folder: Path) -> dict[str, Any]:
    """Build the dataset with one seed, validate it, and return the numbers that are reported."""
    out = folder / f"seed-{seed}"
    start = time.perf_counter()
    _run("sure_math.build", "--config", "pocket", "--out", str(out), f"run.seed={seed}")
    built = time.perf_counter()
    _run("sure_math.validate", str(out))
    report = json.loads((out / "validation" / "report.json").read_text(encoding="utf-8"))
    numbers = open_dataset(out).manifest["numbers"]
    if seed == SEEDS[0]:
        shutil.copy(out / "validation" / "accuracy.png", FIGURE)
    taken = ("label", "problems", "accuracy", "scores", "complete_only", "bins", "largest_rise", "unanimous")
    return {
        "seed": seed,
        "build_seconds": round(built - start),
        **{key: report[key] for key in taken},
        "evolved": numbers["evolved"],
        "judge_calls": numbers["judge_calls"],
        "judge_undecided": numbers["judge_undecided"],
        "conflicts": numbers["cluster_conflicts"],
    }


def shortfalls(result: dict[str, Any]) -> list[str]:
    """List the bounds that a result misses."""
    rise = result["largest_rise"]
    checks = {
        f"AUROC below {LEAST_AUROC}": result["scores"][0]["value"] < LEAST_AUROC,
        f"fewer than {LEAST_EVOLVED} evolved problems": result["evolved"] < LEAST_EVOLVED,
        f"fewer than {LEAST_JUDGE_CALLS} judge calls": result["judge_calls"] < LEAST_JUDGE_CALLS,
        "fewer than five bins of 30 problems": sum(row["problems"] >= 30 for row in result["bins"]) < 5,
        f"accuracy rises by more than {MOST_RISE} standard errors": rise is not None and rise > MOST_RISE,
    }
    return [f"seed {result['seed']}: {name}" for name, short in checks.items() if short]


def _run(module: str, *arguments: str) -> None:
    process = subprocess.run([sys.executable, "-m", module, *arguments], check=False, stdout=subprocess.DEVNULL)
    if process.returncode != 0:
        raise SystemExit(f"python -m {module} {' '.join(arguments)} ended with {process.returncode}")


def _table(results: list[dict[str, Any]]) -> Table:
    table = Table(title="pocket: H / log N against the teacher's errors")
    for column in ("seed", "problems", "evolved", "accuracy", "AUROC [95 %]", "accuracy per bin", "judge calls", "s"):
        table.add_column(column)
    for row in results:
        main = row["scores"][0]
        table.add_row(
            str(row["seed"]),
            str(row["problems"]),
            str(row["evolved"]),
            f"{100 * row['accuracy']:.1f} %",
            f"{main['value']:.3f} [{main['low']:.3f}, {main['high']:.3f}]",
            " ".join(f"{100 * bin_['accuracy']:.0f}" for bin_ in row["bins"]),
            str(row["judge_calls"]),
            str(row["build_seconds"]),
        )
    return table


def main() -> int:
    """Run the command line."""
    prepare_output()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--keep", type=Path, help="folder in which to keep the three datasets (default: a temporary folder)"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        results = [measure(seed, options.keep or Path(scratch)) for seed in SEEDS]
    terminal_console().print(_table(results))
    write_whole(RESULTS, (json.dumps(results, indent=1) + "\n").encode())
    short = [line for result in results for line in shortfalls(result)]
    say("\n".join(short) or "all bounds hold")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
