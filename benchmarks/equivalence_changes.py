r"""Compare changed answers, the same answers in another notation, and hostile strings; count the verdicts by kind.

    python -m benchmarks.equivalence_changes --realdata DIR [--differing 20000] [--respelled 5000] [--hostile 10000]

The golds of the public sets in the folder of real data, and a list of our own, are changed by a seeded generator
(`tests/helpers/answer_changes`), so the command runs in a checkout. Three parts:
1. pairs that are different answers: how many are called equal, different, undecided;
2. pairs that are one answer in two notations: the same counts;
3. pairs of hostile strings, one after another on warm workers: exceptions, verdicts that depend on the order, the time
   of each verdict.
The results file has the counts of every kind, and the pairs that are decided wrongly: pairs of part 1 that are called
equal, and pairs of part 2 that are called different. The command exits with 1 if it calls a pair of part 1 equal.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.measuring.results_files import results_file
from sure_math.command_line.terminal import prepare_output, say
from sure_math.equivalence import same_answer, same_answers
from sure_math.equivalence.worker import symbolic_verdict
from sure_math.storage.files import write_whole
from tests.helpers.answer_changes import Change, differing, respelled
from tests.helpers.answer_changes.golds import load
from tests.helpers.answer_changes.hostile import hostile_pairs

SEED = 0
SLOWEST = 20
SHOWN = 100
"""Characters of a hostile string that the results file keeps."""


def compare(changes: Sequence[Change], wrong: str) -> dict[str, Any]:
    """Count the verdicts by kind, and list the pairs with the verdict `wrong`."""
    started = time.perf_counter()
    verdicts = same_answers([(change.first, change.second) for change in changes])
    seconds = time.perf_counter() - started
    kinds: dict[str, Counter[str]] = {}
    for change, verdict in zip(changes, verdicts, strict=True):
        kinds.setdefault(change.kind, Counter())[verdict] += 1
    return {
        "pairs": len(changes),
        "seconds": round(seconds, 1),
        "verdicts": dict(sorted(Counter(verdicts).items())),
        "wrong": [
            [change.kind, change.first, change.second]
            for change, verdict in zip(changes, verdicts, strict=True)
            if verdict == wrong
        ],
        "kinds": {kind: dict(sorted(counts.items())) for kind, counts in sorted(kinds.items())},
    }


def endure(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Decide hostile pairs in both orders, and time the first verdict of each."""
    symbolic_verdict("1", "1", timeout=60.0)
    times, failures, asymmetric = [], [], 0
    for first, second in pairs:
        started = time.perf_counter()
        try:
            verdict = same_answer(first, second)
            seconds = time.perf_counter() - started
            asymmetric += same_answer(second, first) != verdict
        except Exception as error:
            failures.append([type(error).__name__, *_shown(first, second)])
            continue
        times.append((seconds, verdict, first, second))
    times.sort(reverse=True)
    return {
        "pairs": len(pairs),
        "exceptions": failures,
        "asymmetric": asymmetric,
        "verdicts": dict(sorted(Counter(verdict for _, verdict, _, _ in times).items())),
        "seconds": round(sum(seconds for seconds, *_ in times), 1),
        "slowest": [
            [round(seconds, 2), verdict, *_shown(first, second)] for seconds, verdict, first, second in times[:SLOWEST]
        ],
    }


def _shown(*texts: str) -> list[str]:
    """Shorten texts, and write lone surrogates as escapes, which no file can hold."""
    return [text[:SHOWN].encode("utf-8", "backslashreplace").decode("utf-8") for text in texts]


def main() -> int:
    """Run the command line."""
    prepare_output()
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.equivalence_changes", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--realdata", type=Path, required=True, help="folder with the benchmark files")
    parser.add_argument("--differing", type=int, default=20_000)
    parser.add_argument("--respelled", type=int, default=5_000)
    parser.add_argument("--hostile", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=results_file(__file__))
    options = parser.parse_args()
    golds = load(options.realdata)
    result = {
        "machine": {
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "versions": {"python": platform.python_version(), "math-verify": version("math-verify")},
        },
        "seed": options.seed,
        "golds": len(golds),
        "differing": compare(differing(golds, options.differing, options.seed), "equal"),
        "respelled": compare(respelled(golds, options.respelled, options.seed), "different"),
        "hostile": endure(hostile_pairs(options.hostile, options.seed)),
    }
    write_whole(options.out, (json.dumps(result, indent=1, ensure_ascii=False) + "\n").encode())
    for part in ("differing", "respelled", "hostile"):
        say(f"{part}: {result[part]['verdicts']}")
    for wrong in (*result["differing"]["wrong"], *result["respelled"]["wrong"], *result["hostile"]["exceptions"]):
        say(wrong)
    return 1 if result["differing"]["wrong"] or result["hostile"]["exceptions"] else 0


if __name__ == "__main__":
    sys.exit(main())
