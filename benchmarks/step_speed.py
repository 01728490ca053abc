"""Measure a whole step of distillation on one device: ours beside TRL's DistillationTrainer, on the same batch.

    python -m benchmarks.step_speed [--gpu] [--quick] [--rounds 3] [--threads N] [--out FILE]

Both read the same prompts and responses (random ids of equal length, so that no way pads) with the same random Qwen3
student and teacher, `rows_at_once` rows per forward pass, gradient checkpointing, AdamW with the same constants, and
the gradient's norm clipped at 1. A step consists of the teacher's pass over the batch, the student's forward and
backward passes and the optimizer. It does not include sampling, the data loader, logging or checkpoints.
1. ours, top-k: `TransformersScorer.score`, then `ReferenceStudent.update` with Eq. 7 on the teacher's top-k;
2. ours, full vocabulary: `teacher.sends = hidden`. The teacher sends hidden states. The student's process has a copy of
   the teacher's head and computes the teacher's logits when it needs them, over the full vocabulary;
3. TRL: its `training_step` for each micro-batch, with the batch in place of its own samples, then clipping, optimizer
   and `zero_grad` as its loop calls them. Forward KL (`beta` 0) with its default chunked loss. TRL has no top-k: its
   loss is over the full vocabulary, from the teacher's hidden states, which stay inside the step. The time of scoring
   alone is not known, because the teacher runs inside the step.

Precision on a GPU: our weights are bfloat16 with float32 master weights, gradients and moments. TRL keeps all of them
in the student's type, and in one process its redirected forward pass is outside the trainer's autocast (`autocast` in
the results is what a hook on the student's backbone saw). Therefore TRL is measured twice. `TRL` has a bfloat16
student, which is favourable to TRL: weights, gradients and moments take 8 bytes per parameter instead of our 18, and
bfloat16 rounds away most steps of 1e-6. `TRL, float32 student` has the type in which TRL loads a student, and a
bfloat16 teacher.

On a CPU all numbers are float32, and TRL's loss runs in plain torch, because its Triton kernels need a GPU. The ways
take turns in one process; after a first round that does not count, the fastest of `--rounds` rounds counts. Memory is
measured in a separate process for each way: the rise of the highest resident memory after both models, and for 2 the
copy of the head, are loaded. On a GPU two copies of both models do not fit, so time and memory of each way are measured
in a separate process; memory is the highest that torch allocated, with models and optimizer. The GPU's shape is
Qwen3-1.7B and Qwen3-8B with 8 prompts x 4 responses of 256 + 768 tokens, 8 rows at once. With 18 bytes per parameter of
the student and 2 per parameter of the teacher, a pass over 8,192 positions still fits on a card of 80 GB.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import warnings
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch
from rich.table import Table

from benchmarks.compared.random_models import Sizes
from benchmarks.compared.step_ways import WAYS, Prepared, Shape, Step
from benchmarks.measuring.clock_and_memory import MEGABYTE, machine, peak_bytes, reset_peak, timed
from benchmarks.measuring.results_files import NO_GPU, Result, results_file, write_section
from sure_math.command_line.terminal import prepare_output, say, terminal_console

RESULTS = results_file(__file__)
PACKAGES = ("torch", "transformers", "trl", "accelerate", "triton")
FIRST = "ours, top-k"
ON_CPU, ON_GPU = (FIRST, "ours, full vocabulary", "TRL"), tuple(WAYS)

GPU = Shape(
    student=Sizes(hidden=2048, layers=28, intermediate=6144, heads=16),
    teacher=Sizes(hidden=4096, layers=36, intermediate=12_288, heads=32, tied=False),
    vocabulary=151_936,
    prompts=8,
    rollouts=4,
    prompt=256,
    response=768,
    rows_at_once=8,
    dtype="bfloat16",
    device="cuda",
)
CPU = Shape(
    student=Sizes(hidden=256, layers=4, intermediate=768, heads=4, key_value_heads=2, head_dim=64),
    teacher=Sizes(hidden=512, layers=6, intermediate=1536, heads=8, key_value_heads=4, head_dim=64, tied=False),
    vocabulary=32_768,
    prompts=2,
    rollouts=4,
    prompt=32,
    response=96,
    rows_at_once=4,
)
TINY = Shape(
    student=Sizes(hidden=32, layers=2, intermediate=64, heads=2, key_value_heads=1, head_dim=16),
    teacher=Sizes(hidden=48, layers=2, intermediate=64, heads=2, key_value_heads=1, head_dim=16, tied=False),
    vocabulary=512,
    prompts=2,
    rollouts=2,
    prompt=4,
    response=12,
    rows_at_once=2,
    k=64,
)


def one_round(way: Prepared, device: str) -> Result:
    """Take one step of a way. Return its seconds and what it did."""
    done: list[Step] = []
    taken = timed(lambda: done.append(way.step()), device)
    (step,) = done
    scoring = step.scoring_seconds
    return {
        "seconds": taken.wall,
        "cpu_seconds": taken.cpu,
        "scoring_seconds": scoring,
        "update_seconds": None if scoring is None else taken.wall - scoring,
        "tokens_per_second": step.tokens / taken.wall,
        **{name: value for name, value in asdict(step).items() if name != "scoring_seconds"},
    }


def fastest(rounds: Sequence[Result]) -> Result:
    """Return the fastest round that counts, with what the first step did: before it all ways have equal weights."""
    first, *counted = rounds
    best = min(counted, key=lambda round_: round_["seconds"])
    kept = {name: value for name, value in best.items() if name != "peak_bytes"}
    return {**kept, **{name: first[name] for name in ("tokens", "kl", "gradient_norm")}}


def in_turns(shape: Shape, names: Sequence[str], rounds: int) -> dict[str, Result]:
    """Measure all ways in this process, one after another in each round."""
    ways = {name: WAYS[name](shape) for name in names}
    rounds_of: dict[str, list[Result]] = {name: [] for name in names}
    for number in range(rounds + 1):
        for name, way in ways.items():
            say(f"round {number} of {rounds}: {name}", stderr=True)
            rounds_of[name].append(one_round(way, shape.device))
    return {name: {**ways[name].facts, **fastest(rows)} for name, rows in rounds_of.items()}


def alone(name: str, shape: Shape, rounds: int) -> Result:
    """Measure one way in this process, with its peak memory."""
    way = WAYS[name](shape)
    reset_peak(shape.device)
    before = peak_bytes(shape.device)
    measured = [one_round(way, shape.device) for _ in range(rounds + 1)]
    peak = max(round_["peak_bytes"] for round_ in measured)
    return {
        **way.facts,
        **fastest(measured),
        "peak_megabytes": peak / MEGABYTE,
        "beyond_models_megabytes": (peak - before) / MEGABYTE,
    }


def in_a_process(name: str, shape: Shape, rounds: int) -> Result:
    """Measure one way in a separate process; if the process fails, the result says why."""
    request = json.dumps({"name": name, "rounds": rounds, **asdict(shape)})
    threads = str(torch.get_num_threads())
    command = [sys.executable, "-m", "benchmarks.step_speed", "--alone", request, "--threads", threads]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        return {"failed": (done.stderr.strip().splitlines() or ["killed"])[-1][:200]}
    return json.loads(done.stdout.splitlines()[-1])


def measure(shape: Shape, rounds: int) -> Result:
    """Measure all ways at a shape: a section of the results, without its machine."""
    if shape.device == "cuda":
        ways = {name: in_a_process(name, shape, rounds) for name in ON_GPU}
    else:
        ways = in_turns(shape, ON_CPU, rounds)
        for name, way in ways.items():
            alone_ = in_a_process(name, shape, 1)
            memory = ("peak_megabytes", "beyond_models_megabytes", "failed")
            way.update({key: alone_[key] for key in memory if key in alone_})
    first = ways[FIRST].get("seconds")
    for way in ways.values():
        if first and "seconds" in way:
            way["times_ours"] = way["seconds"] / first
    return {"shape": {**asdict(shape), "tokens": shape.tokens}, "ways": ways}


def table(title: str, section: Result) -> Table:
    """Lay out the ways of a section as a table."""
    shown = Table(title=f"{title}: a step of {section['shape']['tokens']:,} response tokens")
    for column in ("way", "scoring, s", "update, s", "step, s", "tokens/s", "times ours", "memory, MB"):
        shown.add_column(column)
    for name, way in section["ways"].items():
        if "seconds" not in way:
            shown.add_row(name, way["failed"])
            continue
        parts = [f"{way[key]:.3g}" if way[key] else "-" for key in ("scoring_seconds", "update_seconds")]
        memory = way.get("peak_megabytes" if section["shape"]["device"] == "cuda" else "beyond_models_megabytes")
        shown.add_row(
            name,
            *parts,
            f"{way['seconds']:.3g}",
            f"{way['tokens_per_second']:,.0f}",
            f"{way['times_ours']:.2f}" if "times_ours" in way else "-",
            "-" if memory is None else f"{memory:,.0f}",
        )
    return shown


def parse() -> argparse.Namespace:
    """Parse the options."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--gpu", action="store_true", help="the shapes of Qwen3-1.7B and Qwen3-8B on a GPU")
    arguments.add_argument("--quick", action="store_true", help="tiny shapes, to check that it runs; writes no file")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments.add_argument("--out", type=Path, default=RESULTS)
    arguments.add_argument("--alone", help=argparse.SUPPRESS)
    return arguments.parse_args()


def main() -> int:
    """Run the command line."""
    prepare_output()
    options = parse()
    torch.set_num_threads(options.threads)
    warnings.filterwarnings("ignore")  # of TRL and what it imports, about versions of vLLM
    if options.alone:
        request = json.loads(options.alone)
        name, rounds = request.pop("name"), request.pop("rounds")
        sizes = {which: Sizes(**request.pop(which)) for which in ("student", "teacher")}
        print(json.dumps(alone(name, Shape(student=sizes["student"], teacher=sizes["teacher"], **request), rounds)))
        return 0
    where, shape = ("gpu", GPU) if options.gpu else ("cpu", CPU)
    if options.quick:
        shape = replace(TINY, dtype=shape.dtype, device=shape.device)
    missing = options.gpu and not torch.cuda.is_available()
    before = machine(PACKAGES, rounds=options.rounds)
    section: Result | str = NO_GPU if missing else {"machine": before, **measure(shape, options.rounds)}
    terminal_console(width=120).print(f"{where}: {section}" if isinstance(section, str) else table(where, section))
    if not options.quick:
        write_section(options.out, where, section)
    failed = [] if isinstance(section, str) else [name for name, way in section["ways"].items() if "failed" in way]
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
