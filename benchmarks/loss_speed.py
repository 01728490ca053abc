"""Measure what the loss costs, forward and backward: ours beside other ways, in one run.

    python -m benchmarks.loss_speed [--quick] [--gpu [--tokens 2048 8192]] [--rounds 3] [--threads N] [--out FILE]

Every way starts from hidden states and the head's weight, and ends with the loss and both gradients. The numbers are
random; the teacher's hidden states are the student's plus noise. The ways take turns `--rounds` times, and the fastest
round of each counts, by the wall clock and by the CPU time of the process. With `--threads 1`, read the CPU time if
other processes use the machine.
1. floor: only the three matrix products of the head, with memory for the whole logits matrix;
2. ours: `uopd.losses.topk_cross_entropy`, default chunks;
3. plain: PyTorch with log_softmax over [tokens, vocabulary], gather, autograd;
4. loop: appendix A.2, token by token over the rows of the logits matrix, on the first few tokens only, with the time
   scaled up in proportion. This underestimates its cost: the backward pass of each row writes a gradient as large as
   the whole matrix;
5. TRL: the chunked loss of its DistillationTrainer, forward KL over the full vocabulary. It takes the teacher's hidden
   states, so it also computes the teacher's logits; `ours with scoring` is ours with `uopd.losses.teacher_topk` before
   it. TRL has no top-k, so it is measured for every k;
6. on the full vocabulary: `ours, hidden states` and `plain, hidden states`, which compute the teacher's logits as TRL
   does; and on a GPU three ways of Liger, if it is installed (`benchmarks/compared/loss_ways.py` says what they
   are).

Peak memory is measured in a separate process for each way: the rise of the highest resident memory (on a GPU, of the
highest allocated memory), without the weight's gradient, divided by the size of the float32 logits matrix. This
underestimates a way whose peak comes before the gradient exists, as that of `plain` does. The error is that of the
weight's gradient, in norm, against float64.

`--gpu` measures the shapes of a GPU in bfloat16 instead, each shape in a separate process; without CUDA the result says
that it was not measured. Its rows have the floor's share of each way's time: a way with share 1 is as fast as the
products alone. A way on the full vocabulary needs at least a fourth product, for the teacher. A shape that does not fit
is "out of memory". `ours, PyTorch` is ours without Triton's kernels. Then the goals of
`benchmarks/measuring/loss_goals.py` are checked and printed, and the exit code is 1 if a goal is missed. Other people's
ways are compared with `ours with scoring`, which starts from the same inputs.

The results file has a section for each number of threads and one for the GPU; a run replaces its own section. On a GPU
the file is written after every shape. `--tokens` measures only some shapes and keeps the other results, so that a GPU
that is available for minutes can be used.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import psutil
import torch
from rich.table import Table

from benchmarks.compared.loss_ways import (
    FEW_TOKENS,
    ON_ALL,
    ON_TOP_K,
    OTHERS,
    QWEN_VOCABULARY,
    WAYS,
    Shape,
    make_batch,
    products,
    run_way,
)
from benchmarks.measuring.clock_and_memory import MEGABYTE, Taken, machine, peak_bytes, reset_peak, timed
from benchmarks.measuring.loss_goals import GOAL_K, goals, missed
from benchmarks.measuring.results_files import NO_GPU, Result, read_results, results_file, write_section
from sure_math.command_line.terminal import prepare_output, say, terminal_console
from uopd.losses.reference import reference_cross_entropy

PLAIN_VALUES, PLAIN_ENTRY_VALUES = 3, 7
"""Values of four bytes that `plain` holds at its peak, for each logit and each entry of the teacher, with inputs."""
GPU_TOKENS = (2_048, 8_192, 32_768)
PACKAGES = ("torch", "triton", "trl", "liger-kernel")
OUT_OF_MEMORY = "out of memory"


def ways_of(shape: Shape) -> tuple[str, ...]:
    """Return the ways that are timed at a shape. On a GPU no way takes the full vocabulary as k = V entries."""
    if shape.device == "cpu":
        return ("ours", "plain", "loop", "TRL", "ours, hidden states" if shape.full else "ours with scoring")
    if shape.full:
        return ON_ALL
    return (*ON_TOP_K, *OTHERS) if shape.k == GOAL_K else ON_TOP_K


def gradient_errors(shape: Shape) -> dict[str, float]:
    """Return each way's relative error of the weight gradient, in norm, against float64, on `FEW_TOKENS` tokens."""
    batch = make_batch(replace(shape, tokens=FEW_TOKENS), entries="own")
    weight_VD = batch.weight_VD.detach().double().requires_grad_()
    losses_T = reference_cross_entropy(batch.hidden_TD.detach(), weight_VD, batch.ids_TK, batch.logprobs_TK)
    (exact_VD,) = torch.autograd.grad((batch.weights_T * losses_T).sum(), weight_VD)
    errors = {}
    for name in ON_ALL if shape.full and shape.device == "cuda" else ("ours", "plain"):
        try:
            run_way(WAYS[name], batch)
        except Exception:  # `time_shape` runs the way again and records the reason
            continue
        assert batch.weight_VD.grad is not None
        errors[name] = float((batch.weight_VD.grad - exact_VD).norm() / exact_VD.norm())
    return errors


def time_shape(shape: Shape, names: tuple[str, ...], rounds: int) -> Result:
    """Time each way, and return its fastest round. A first round, not counted, finds out which ways run."""
    on_gpu = shape.device == "cuda"
    result: Result = {"shape": asdict(shape), "gradient_errors": gradient_errors(shape), "skipped": {}}
    batch = make_batch(shape, entries="none" if on_gpu and shape.full else "own")
    works: dict[str, Callable[[], object]] = {name: partial(run_way, WAYS[name], batch) for name in names}
    if on_gpu or not shape.full:
        works["floor"] = products(batch)
    best: dict[str, Taken] = {}
    for number in range(rounds + 1):
        for name, work in list(works.items()):
            say(f"{shape.tokens} tokens, k {shape.k}, round {number} of {rounds}: {name}", stderr=True)
            taken = attempt(work, shape.device)
            if isinstance(taken, str):
                result["skipped"][name] = taken
                del works[name]
                batch.hidden_TD.grad = batch.weight_VD.grad = None
                torch.cuda.empty_cache()
            elif number:
                best[name] = taken.least(best.get(name))
    return {**result, **ratios(shape, best)}


def attempt(work: Callable[[], object], device: str) -> Taken | str:
    """Time a call, or return in one line why it failed. Its memory is free again afterwards."""
    try:
        return timed(work, device)
    except torch.OutOfMemoryError:
        return OUT_OF_MEMORY
    except Exception as error:  # other people's kernels may raise any error
        return f"{type(error).__name__}: {error}"[:200]


def ratios(shape: Shape, best: dict[str, Taken]) -> Result:
    """Return the seconds of each way, their ratio to ours, and on a GPU the floor's share of them."""
    result: Result = {}
    scale = {"loop": max(1.0, shape.tokens / FEW_TOKENS)}
    first = next((name for name in ("ours", "ours, hidden states") if name in best), None)
    for clock in ("wall", "cpu"):
        seconds = {name: getattr(taken, clock) * scale.get(name, 1.0) for name, taken in best.items()}
        result[f"{clock}_seconds"] = {name: round(value, 6) for name, value in seconds.items()}
        if first:
            result[f"{clock}_times_ours"] = {name: round(value / seconds[first], 3) for name, value in seconds.items()}
    if shape.device == "cuda" and "floor" in best:
        result["floor_share"] = {name: round(best["floor"].wall / taken.wall, 3) for name, taken in best.items()}
    return result


def measure_peak(name: str, shape: Shape) -> Result:
    """Measure a way's memory beyond inputs and weight gradient, in bytes and over the float32 logits.

    Needs a fresh process: the highest resident memory never falls.
    """
    batch = make_batch(shape, entries="none" if shape.device == "cuda" and shape.full else "any")
    reset_peak(shape.device)
    before = peak_bytes(shape.device)
    run_way(WAYS[name], batch)
    extra = peak_bytes(shape.device) - before - batch.weight_VD.nbytes
    return {
        "way": name,
        "shape": asdict(shape),
        "extra_megabytes": round(extra / MEGABYTE, 1),
        "of_fp32_logits": round(extra / (4 * shape.tokens * shape.vocabulary), 4),
    }


def in_a_process(shape: Shape, *, way: str | None = None, rounds: int = 0) -> Result:
    """Measure in a separate process: the peak of `way`, or the times of a shape if `way` is None.

    If the process fails, the result says why.
    """
    request = json.dumps({"way": way, "rounds": rounds, "shape": asdict(shape)})
    command = [sys.executable, "-m", "benchmarks.loss_speed", "--part", request]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1])
    why = (done.stderr.strip().splitlines() or ["killed"])[-1][:200]
    why = OUT_OF_MEMORY if "OutOfMemoryError" in why else why
    return {"shape": asdict(shape), "failed": why, **({"way": way} if way else {})}


def part(request: Result) -> Result:
    """Measure in this process what `in_a_process` asked for."""
    shape = Shape(**request["shape"])
    if request["way"]:
        return measure_peak(request["way"], shape)
    return time_shape(shape, ways_of(shape), request["rounds"])


def fits(shape: Shape) -> bool:
    """Return whether the way that needs most memory, plain, fits into the memory that is free on this machine."""
    matrices, entries = shape.tokens * shape.vocabulary, shape.tokens * shape.k
    needed = 4 * (PLAIN_VALUES * matrices + PLAIN_ENTRY_VALUES * entries + 2 * shape.vocabulary * shape.hidden)
    return psutil.virtual_memory().available > needed


def cpu_section(quick: bool, rounds: int) -> Result:
    """Measure time and memory on a CPU."""
    hidden, vocabulary = (64, 4_096) if quick else (1_024, QWEN_VOCABULARY)
    tokens, many_tokens, some_tokens, k = ((32, 64), 512, 128, 32) if quick else ((512, 2_048), 4_096, 1_024, 512)
    shapes = [
        Shape(tokens=count, hidden=hidden, vocabulary=vocabulary, k=entries)
        for count in tokens
        for entries in (k, vocabulary)
    ]
    times, no_room = [], []
    for shape in shapes:
        if fits(shape):
            times.append(time_shape(shape, ways_of(shape), rounds))
        else:
            no_room.append(asdict(shape))
    peaks = [
        ("ours", many_tokens, k),
        ("ours", some_tokens, k),
        ("plain", some_tokens, k),
        ("TRL", some_tokens, k),
        ("ours", some_tokens, vocabulary),
    ]
    return {
        "time": times,
        "no_room_for": no_room,
        "memory": [
            in_a_process(Shape(tokens=count, hidden=hidden, vocabulary=vocabulary, k=entries), way=name)
            for name, count, entries in peaks
        ],
    }


def gpu_shapes(quick: bool, tokens: Sequence[int]) -> list[Shape]:
    """Return the shapes of a GPU for these numbers of tokens, a part of `GPU_TOKENS`."""
    return [
        Shape(tokens=count, hidden=hidden, vocabulary=QWEN_VOCABULARY, k=k, dtype="bfloat16", device="cuda")
        for count in (GPU_TOKENS[:1] if quick else tokens)
        for hidden in ([2_048] if quick else [2_048, 4_096])
        for k in ([GOAL_K, QWEN_VOCABULARY] if quick else [128, GOAL_K, 2_048, QWEN_VOCABULARY])
    ]


def gpu_section(shapes: Sequence[Shape], rounds: int, save: Callable[[Result], None]) -> Result:
    """Measure all shapes. Memory is measured at one k only: it does not depend on k for the ways without a top-k.

    Args:
        save: called after every shape with the section so far.
    """
    times: list[Result] = []
    memory: list[Result] = []
    section: Result = {"device": torch.cuda.get_device_name(), "time": times, "memory": memory}
    for shape in shapes:
        times.append(in_a_process(shape, rounds=rounds))
        names = ON_ALL if shape.full else ON_TOP_K if shape.k == GOAL_K else ("ours",)
        memory += [in_a_process(shape, way=name) for name in names]
        save(section)
    return section


def merged(before: Result | str | None, section: Result) -> Result:
    """Add to a section the rows of an earlier section of the same device whose shapes were not measured again."""
    if not isinstance(before, dict) or before["device"] != section["device"]:
        return section
    measured = [row["shape"] for row in section["time"]]
    kept = {
        key: [row for row in before[key] if row["shape"] not in measured] + section[key] for key in ("time", "memory")
    }

    def order(row: Result) -> tuple[int, int, int]:
        return row["shape"]["tokens"], row["shape"]["hidden"], row["shape"]["k"]

    return {**section, **{key: sorted(rows, key=order) for key, rows in kept.items()}}


def time_table(title: str, rows: list[Result], clock: str) -> Table:
    """Lay out the seconds of all ways as a table."""
    shown_names = [name for name in ("floor", *WAYS) if any(name in row[f"{clock}_seconds"] for row in rows)]
    table = Table(title=f"{title}: {clock} seconds of a forward and backward (times ours)")
    for column in ("tokens", "hidden", "k", *shown_names):
        table.add_column(column)
    for row in rows:
        shape, seconds, ratios_of = row["shape"], row[f"{clock}_seconds"], row.get(f"{clock}_times_ours", {})
        k = "full" if shape["k"] == shape["vocabulary"] else shape["k"]
        cells = [
            f"{seconds[name]:.3g} ({ratios_of.get(name, float('nan')):.2f})" if name in seconds else "-"
            for name in shown_names
        ]
        table.add_row(str(shape["tokens"]), str(shape["hidden"]), str(k), *cells)
    return table


def print_section(title: str, section: Result | str) -> None:
    """Print the tables of a section."""
    console = terminal_console(width=160)
    if isinstance(section, str):
        console.print(f"{title}: {section}")
        return
    done = [row for row in section["time"] if "failed" not in row]
    for clock in ("wall", "cpu"):
        console.print(time_table(title, done, clock))
    for row in section["time"]:
        at = f"{row['shape']['tokens']} tokens, hidden {row['shape']['hidden']}, k {row['shape']['k']}"
        if "failed" in row:
            console.print(f"{at}: {row['failed']}", markup=False)
            continue
        errors = ", ".join(f"{name} {error:.1e}" for name, error in row["gradient_errors"].items())
        console.print(f"error of the weight's gradient, {at}: {errors}")
        if "floor_share" in row:
            shares = ", ".join(f"{name} {share:.2f}" for name, share in row["floor_share"].items() if name != "floor")
            console.print(f"share of the products' rate, {at}: {shares}")
        for name, why in row["skipped"].items():
            console.print(f"{name} skipped at {at}: {why}", markup=False)
    for row in section["memory"]:
        what = row.get("failed") or f"{row['extra_megabytes']} MB, {row['of_fp32_logits']:.1%} of the fp32 logits"
        console.print(f"memory of {row['way']} at {row['shape']['tokens']} tokens, k {row['shape']['k']}: {what}")


def parse() -> argparse.Namespace:
    """Parse the options."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--quick", action="store_true", help="small shapes, to check that it runs; writes no file")
    arguments.add_argument("--gpu", action="store_true", help="the shapes of a GPU, and the goals")
    arguments.add_argument("--tokens", type=int, nargs="+", choices=GPU_TOKENS, default=GPU_TOKENS, help="of a GPU")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments.add_argument("--out", type=Path, default=results_file(__file__))
    arguments.add_argument("--part", type=json.loads, help=argparse.SUPPRESS)
    return arguments.parse_args()


def main() -> int:
    """Run the command line."""
    prepare_output()
    options = parse()
    torch.set_num_threads(options.threads)
    warnings.filterwarnings("ignore", module="trl")
    if options.part:
        print(json.dumps(part(options.part)))
        return 0
    before = machine(PACKAGES, rounds=options.rounds, loop_tokens=FEW_TOKENS)
    if options.gpu:
        return measure_on_gpu(options, before)
    name = f"cpu_{options.threads}_threads"
    section = cpu_section(options.quick, options.rounds)
    print_section(name, section)
    if not options.quick:
        write_section(options.out, name, {"machine": before, **section})
    return 0


def measure_on_gpu(options: argparse.Namespace, before: Result) -> int:
    """Measure on a GPU, and return the exit code: 1 if a goal is missed."""
    if not torch.cuda.is_available():
        print_section("gpu", NO_GPU)
        if not options.quick:
            write_section(options.out, "gpu", NO_GPU)
        return 0
    earlier = read_results(options.out).get("gpu")

    def save(section: Result) -> None:
        if not options.quick:
            write_section(options.out, "gpu", {"machine": before, **merged(earlier, section)})

    section_now = gpu_section(gpu_shapes(options.quick, options.tokens), options.rounds, save)
    if options.quick:
        print_section("gpu", section_now)
        return 0
    section = merged(earlier, section_now)
    print_section("gpu", section)
    wanted = list(goals(section))
    for goal in wanted:
        say(goal.line())
    return 1 if any(missed(goal) for goal in wanted) else 0


if __name__ == "__main__":
    raise SystemExit(main())
