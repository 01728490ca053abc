"""Show a run problem by problem: `python -m eval_harness.page RESULTS [--out FILE.html]`.

Writes one HTML file that needs no network. It shows statement, gold, responses, extracted answers, outcomes and
clusters of every problem, sortable, with formulas as MathML. It is made from a result file and the log of samples
beside it (`--log_samples`). All text of models and datasets is escaped, and the page allows no script but its own. The
file is about `--megabytes` large at most. If the responses to a problem need more than their share of the file, their
formulas stay LaTeX; if they are still too long, their middles are left out, and the page says so.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from eval_harness.page.page import MEGABYTES, render_page
from eval_harness.results import ResultError, read_result_file
from sure_math.command_line.terminal import prepare_output, say
from sure_math.escaping import file_bytes
from sure_math.storage.files import write_whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code: 0, or 2 if an argument or a file cannot be used."""
    parser = argparse.ArgumentParser(
        prog="python -m eval_harness.page",
        description=__doc__.partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("results", type=Path, help="a results_*.json, or a folder that contains one")
    parser.add_argument("--out", type=Path, help="the file to write (default: page_*.html beside the results)")
    parser.add_argument("--megabytes", type=float, default=MEGABYTES, help=f"size of the file (default {MEGABYTES:g})")
    prepare_output()
    options = parser.parse_args(arguments)
    try:
        result = read_result_file(options.results)
        text = render_page(result, megabytes=options.megabytes)
    except ResultError as error:
        say(f"page: {error}", stderr=True)
        return 2
    out = options.out or result.path.with_name(f"page_{result.path.stem.removeprefix('results_')}.html")
    out.parent.mkdir(parents=True, exist_ok=True)
    content = file_bytes(text)
    write_whole(out, content)
    say(f"{out}: {len(content) / 1e6:.1f} MB")
    return 0
