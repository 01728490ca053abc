"""What a whole step of distillation costs on one device: ours beside TRL's DistillationTrainer, on the same batch.

    python -m benchmarks.step_speed [--gpu] [--quick] [--rounds 3] [--threads N] [--out FILE]

Both read the same prompts and responses (random ids, all of one length, so that neither pads) with the same random
Qwen3 student and teacher, `rows_at_once` rows to a forward pass, gradient checkpointing on, AdamW with the same
constants and the gradient's norm clipped at 1. A step is the teacher's reading of the batch, the student's forward and
backward passes and the optimizer. It is not the sampling of the responses, the data loader, logging or a checkpoint.
1. ours, top-k: `TransformersScorer.score`, then `ReferenceStudent.update` with Eq. 7 on the teacher's top-k;
2. ours, full vocabulary: `teacher.sends = hidden`. The teacher hands on hidden states and the student's process, which
   has a copy of the teacher's head, computes the teacher's logits as it needs them: nothing is cut off;
3. TRL: its own `training_step` for each micro-batch, with the batch in place of what it would have sampled, then
   clipping, optimizer and `zero_grad` as its loop calls them. Forward KL (`beta` 0) with its default chunked loss. TRL
   has no top-k: its loss is over the full vocabulary, from the teacher's hidden states, which never leave the step.
   There is no time of scoring alone, as the teacher reads inside the step.

Precision on a GPU: our weights are bfloat16 with float32 masters, gradients and moments. TRL keeps all of them in the
student's type, and in one process its redirected forward does not enter the trainer's autocast (`autocast` in the
results is what a hook on the student's backbone saw). So it is measured twice: `TRL` with a bfloat16 student, which
flatters it (weights, gradients and moments of 8 bytes a parameter where ours are 18, and steps of 1e-6 that bfloat16
mostly rounds away), and `TRL, float32 student`, the type in which TRL loads a student, beside a bfloat16 teacher.

On a CPU everything is float32, and TRL's loss runs in plain torch, since its Triton kernels need a GPU; the ways take
turns in one process, the fastest of `--rounds` counts after a first that does not, and the memory (what the highest
resident memory rises by once both models, and for 2 the copy of the head, are there) comes from a process of its own
for each way. On a GPU two copies of both models do not fit, so each way has a process of its own for time and memory:
the highest that torch allocated, models and optimizer included. The GPU's shape is Qwen3-1.7B and Qwen3-8B with 8
prompts x 4 responses of 256 + 768 tokens, 8 rows at once: beside 18 bytes for each parameter of the student and 2 for
the teacher's, 8,192 positions at a time leave room on a card of 80 GB.
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
from rich.console import Console
from rich.table import Table

from benchmarks.compared.random_models import Sizes
from benchmarks.compared.step_ways import WAYS, Prepared, Shape, Step
from benchmarks.measuring.clock_and_memory import MEGABYTE, machine, peak_bytes, reset_peak, timed
from benchmarks.measuring.results_files import NO_GPU, Result, results_file, write_section

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
    """A step of one way: its seconds and what it did."""
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


def fastest(found: Sequence[Result]) -> Result:
    """The fastest of the rounds that count, with what the first step did: the only one whose weights all ways share."""
    first, *counted = found
    best = min(counted, key=lambda one: one["seconds"])
    kept = {name: value for name, value in best.items() if name != "peak_bytes"}
    return {**kept, **{name: first[name] for name in ("tokens", "kl", "gradient_norm")}}


def in_turns(shape: Shape, names: Sequence[str], rounds: int) -> dict[str, Result]:
    """All ways in this process, one after another in each round."""
    ways = {name: WAYS[name](shape) for name in names}
    found: dict[str, list[Result]] = {name: [] for name in names}
    for number in range(rounds + 1):
        for name, way in ways.items():
            print(f"round {number} of {rounds}: {name}", file=sys.stderr, flush=True)
            found[name].append(one_round(way, shape.device))
    return {name: {**ways[name].facts, **fastest(rows)} for name, rows in found.items()}


def alone(name: str, shape: Shape, rounds: int) -> Result:
    """One way in this process, with its peak of memory."""
    way = WAYS[name](shape)
    reset_peak(shape.device)
    before = peak_bytes(shape.device)
    found = [one_round(way, shape.device) for _ in range(rounds + 1)]
    peak = max(one["peak_bytes"] for one in found)
    return {
        **way.facts,
        **fastest(found),
        "peak_megabytes": peak / MEGABYTE,
        "beyond_models_megabytes": (peak - before) / MEGABYTE,
    }


def in_a_process(name: str, shape: Shape, rounds: int) -> Result:
    asked = json.dumps({"name": name, "rounds": rounds, **asdict(shape)})
    threads = str(torch.get_num_threads())
    command = [sys.executable, "-m", "benchmarks.step_speed", "--alone", asked, "--threads", threads]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        return {"failed": (done.stderr.strip().splitlines() or ["killed"])[-1][:200]}
    return json.loads(done.stdout.splitlines()[-1])


def measure(shape: Shape, rounds: int) -> Result:
    """A section of the results but for its machine."""
    if shape.device == "cuda":
        ways = {name: in_a_process(name, shape, rounds) for name in ON_GPU}
    else:
        ways = in_turns(shape, ON_CPU, rounds)
        for name, found in ways.items():
            apart = in_a_process(name, shape, 1)
            memory = ("peak_megabytes", "beyond_models_megabytes", "failed")
            found.update({key: apart[key] for key in memory if key in apart})
    first = ways[FIRST].get("seconds")
    for found in ways.values():
        if first and "seconds" in found:
            found["times_ours"] = found["seconds"] / first
    return {"shape": {**asdict(shape), "tokens": shape.tokens}, "ways": ways}


def table(title: str, section: Result) -> Table:
    shown = Table(title=f"{title}: a step of {section['shape']['tokens']:,} response tokens")
    for column in ("way", "scoring, s", "update, s", "step, s", "tokens/s", "times ours", "memory, MB"):
        shown.add_column(column)
    for name, found in section["ways"].items():
        if "seconds" not in found:
            shown.add_row(name, found["failed"])
            continue
        parts = [f"{found[key]:.3g}" if found[key] else "-" for key in ("scoring_seconds", "update_seconds")]
        memory = found.get("peak_megabytes" if section["shape"]["device"] == "cuda" else "beyond_models_megabytes")
        shown.add_row(
            name,
            *parts,
            f"{found['seconds']:.3g}",
            f"{found['tokens_per_second']:,.0f}",
            f"{found['times_ours']:.2f}" if "times_ours" in found else "-",
            "-" if memory is None else f"{memory:,.0f}",
        )
    return shown


def parse() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--gpu", action="store_true", help="the shapes of Qwen3-1.7B and Qwen3-8B on a GPU")
    arguments.add_argument("--quick", action="store_true", help="tiny shapes, to see that it runs; writes no file")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments.add_argument("--out", type=Path, default=RESULTS)
    arguments.add_argument("--alone", help=argparse.SUPPRESS)
    return arguments.parse_args()


def main() -> int:
    options = parse()
    torch.set_num_threads(options.threads)
    warnings.filterwarnings("ignore")  # of TRL and what it imports, about versions of vLLM
    if options.alone:
        asked = json.loads(options.alone)
        name, rounds = asked.pop("name"), asked.pop("rounds")
        sizes = {which: Sizes(**asked.pop(which)) for which in ("student", "teacher")}
        print(json.dumps(alone(name, Shape(student=sizes["student"], teacher=sizes["teacher"], **asked), rounds)))
        return 0
    where, shape = ("gpu", GPU) if options.gpu else ("cpu", CPU)
    if options.quick:
        shape = replace(TINY, dtype=shape.dtype, device=shape.device)
    missing = options.gpu and not torch.cuda.is_available()
    before = machine(PACKAGES, rounds=options.rounds)
    section: Result | str = NO_GPU if missing else {"machine": before, **measure(shape, options.rounds)}
    Console(width=120).print(f"{where}: {section}" if isinstance(section, str) else table(where, section))
    if not options.quick:
        write_section(options.out, where, section)
    failed = [] if isinstance(section, str) else [name for name, way in section["ways"].items() if "failed" in way]
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
