"""Measure how the peak memory of a build grows with its problems: `python -m benchmarks.build_memory`.

Builds 2,000 and 20,000 problems from stored samples (no model), each in a separate process, and compares the peaks of
resident memory, worker processes included. Exits with 1 if the larger build needs over 20 % more than the smaller.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.measuring.results_files import results_file
from sure_math.command_line.terminal import prepare_output, say
from sure_math.storage.files import write_whole

SIZES = (2_000, 20_000)
ALLOWED = 1.2
"""Largest ratio of the two peaks."""
NUM_SAMPLES = 8
RESULTS = results_file(__file__)


def write_samples(path: Path, problems: int) -> None:
    """Write one row per problem: a sum of two numbers, with eight worked answers, some wrong or written differently."""
    draw = random.Random(problems)
    with path.open("w") as file:
        for number in range(problems):
            first, second = number, draw.randrange(10**6)
            wrong = [draw.choice((0, 0, 0, 1, 10)) for _ in range(NUM_SAMPLES)]
            forms = [draw.choice(("{}", "{}.0", "x = {}")) for _ in range(NUM_SAMPLES)]
            samples = [
                f"We add {first} and {second} digit by digit. "
                + "Carry the one. " * 20
                + rf"\boxed{{{form.format(first + second + error)}}}"
                for error, form in zip(wrong, forms, strict=True)
            ]
            row = {"problem": f"What is {first} + {second}?", "samples": samples, "gold": str(first + second)}
            file.write(json.dumps(row) + "\n")


def peak_of(command: list[str]) -> tuple[float, float]:
    """Run a command. Return its peak memory in MB, summed over its processes, and its seconds."""
    start = time.perf_counter()
    process = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        try:
            family = [process, *process.children(recursive=True)]
            # Pages that several processes share are not counted: all workers map the same libraries.
            peak = max(peak, sum(member.memory_full_info().uss for member in family))
        except psutil.Error:
            pass
        time.sleep(0.2)
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return peak / 2**20, time.perf_counter() - start


def main() -> int:
    """Run the command line."""
    prepare_output()
    argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0]).parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for problems in SIZES:
            samples = Path(folder) / f"{problems}.jsonl"
            write_samples(samples, problems)
            command = [sys.executable, "-m", "sure_math.build", "--config", "annotate"]
            command += ["--out", f"{folder}/out-{problems}", f"samples.path={samples}", "decontaminate.skip=all"]
            peak, seconds = peak_of(command)
            results[problems] = {"peak_mb": round(peak, 1), "seconds": round(seconds, 1)}
            rate = problems / seconds
            say(f"{problems:>6,} problems: {peak:7.1f} MB peak, {seconds:6.1f} s, {rate:6.1f} problems/s")
    small, large = (results[size]["peak_mb"] for size in SIZES)
    ratio = large / small
    say(f"ratio {ratio:.3f} (at most {ALLOWED})")
    write_whole(RESULTS, (json.dumps({"sizes": results, "ratio": round(ratio, 3)}, indent=2) + "\n").encode())
    return int(ratio > ALLOWED)


if __name__ == "__main__":
    raise SystemExit(main())
