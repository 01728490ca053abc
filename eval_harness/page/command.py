"""Show a run problem by problem: `python -m eval_harness.page RESULTS [--out FILE.html]`.

Writes one HTML file that needs no network. It shows statement, gold, responses, extracted answers, outcomes and
clusters of every problem, sortable, with formulas as MathML. It is made from a result file and the log of samples
beside it (`--log_samples`). All text of models and datasets is escaped, and the page allows no script but its own. The
file is about `--megabytes` large at most. If the responses to a problem need more than their share of the file, their
formulas stay LaTeX; if they are still too long, their middles are left out, and the page says so. A file that is
there already and holds anything else than this page is refused, also a page that was changed by hand.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from eval_harness.page.page import MEGABYTES, render_page
from eval_harness.records import ResultError
from eval_harness.results import read_result_file
from sure_math.command_line.arguments import output_path
from sure_math.command_line.terminal import prepare_output, say
from sure_math.escaping import file_bytes
from sure_math.storage.files import explain_os_error, write_whole
from sure_math.storage.output_folder import OutputError, check_new_file, check_place


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code: 0, or 2 if an argument or a file cannot be used."""
    parser = argparse.ArgumentParser(
        prog="python -m eval_harness.page",
        description=__doc__.partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("results", type=Path, help="a results_*.json, or a folder that contains one")
    parser.add_argument("--out", type=output_path, help="the file to write (default: page_*.html beside the results)")
    parser.add_argument("--megabytes", type=float, default=MEGABYTES, help=f"size of the file (default {MEGABYTES:g})")
    prepare_output()
    options = parser.parse_args(arguments)
    try:
        result = read_result_file(options.results)
        out = options.out or result.path.with_name(f"page_{result.path.stem.removeprefix('results_')}.html")
        check_place(out.parent)
        content = file_bytes(render_page(result, megabytes=options.megabytes))
        check_new_file(out, ours=out.is_file() and out.read_bytes() == content)
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, content)
    except (ResultError, OutputError) as error:
        say(f"page: {error}", stderr=True)
        return 2
    except OSError as error:
        line = explain_os_error(error, options.out or options.results)
        if line is None:
            raise
        say(f"page: {line}", stderr=True)
        return 2
    say(f"{out}: {len(content) / 1e6:.1f} MB")
    return 0
