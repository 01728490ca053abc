"""Run every benchmark that has a part for a GPU, then write the page: `python -m benchmarks.gpu [--quick]`.

The benchmarks run one after another, each in a separate process, so that each finds the whole memory of the GPU free.
If a benchmark fails or misses a bound, the next one runs all the same. Results measured on a CPU are kept. Needs one
card of 80 GB, the package with its extra `test`, and `liger-kernel` for the ways of Liger. `--quick` runs small shapes
and writes nothing. Exits with 1 if a benchmark did.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence

import torch

BENCHMARKS = ("loss_speed", "teacher_scoring", "step_speed")


def run(name: str, options: Sequence[str] = ()) -> int:
    """Run a benchmark in a separate process and return its exit code."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *options]
    started = time.monotonic()
    print(f"\n== {' '.join(command[1:])}", flush=True)
    code = subprocess.run(command).returncode
    print(f"== exit code {code} after {time.monotonic() - started:.0f} s", flush=True)
    return code


def main() -> int:
    """Run the command line."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--quick", action="store_true", help="small shapes, to check that all benchmarks run")
    quick = ["--quick"] if arguments.parse_args().quick else []
    codes = {name: run(name, ["--gpu", *quick]) for name in BENCHMARKS}
    if not quick:
        codes["page"] = run("page")
    failed = [name for name, code in codes.items() if code != 0]
    if not torch.cuda.is_available():
        print("\nno CUDA device: nothing was measured, and the results say so")
    else:
        print(f"\nfailed or missed a bound: {', '.join(failed)}" if failed else "\nall of them passed")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
