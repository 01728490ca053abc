"""A run problem by problem: `python -m eval_harness.page RESULTS [--out FILE.html]`.

One HTML file that needs no network: statement, gold, responses, extracted answers, verdicts and clusters of every
problem, sortable, with the formulas as MathML. It is made from a result file and the log of samples beside it
(`--log_samples`). Everything a model or a data set wrote is escaped, and the page allows no script but its own. The
file stays near `--megabytes` at most: where the responses of a problem would take more than their share of it, their
formulas stay LaTeX, and then their middles are left out, which the page says.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from eval_harness.page.page import MEGABYTES, render_page
from eval_harness.results import ResultError, read_result_file
from sure_math.storage.files import write_whole


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, or 2 where something cannot be used as asked."""
    parser = argparse.ArgumentParser(
        prog="python -m eval_harness.page",
        description=__doc__.partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("results", type=Path, help="a results_*.json, or a folder with one")
    parser.add_argument("--out", type=Path, help="the file to write (default: page_*.html beside the results)")
    parser.add_argument("--megabytes", type=float, default=MEGABYTES, help=f"size of the file (default {MEGABYTES:g})")
    options = parser.parse_args(arguments)
    try:
        run = read_result_file(options.results)
        text = render_page(run, megabytes=options.megabytes)
    except ResultError as error:
        print(f"page: {error}", file=sys.stderr)
        return 2
    out = options.out or run.path.with_name(f"page_{run.path.stem.removeprefix('results_')}.html")
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, text.encode())
    print(f"{out}: {len(text.encode()) / 1e6:.1f} MB")
    return 0
