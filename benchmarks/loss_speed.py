"""What a training step's loss costs, forward and backward: ours beside other ways, as ratios in one run.

    python -m benchmarks.loss_speed [--quick] [--gpu] [--rounds 3] [--threads N] [--out FILE]

From hidden states and the head's weight to the loss and both gradients; random numbers, the teacher a perturbed
student. The ways take turns, `--rounds` times, and the fastest round of each counts, by the wall clock and by
the process's own time on the CPU (with `--threads 1` the one to read on a machine that others use too):
1. floor: the three matrix products of the head alone, with room for the whole logits matrix;
2. ours: `uopd.losses.topk_cross_entropy`, default chunks;
3. plain: PyTorch with log_softmax over [tokens, vocabulary], gather, autograd;
4. loop: appendix A.2, token by token over the rows of the logits matrix, on the first few tokens only and scaled up in
   proportion. That flatters it: the backward of each row writes a gradient of the size of the whole matrix;
5. TRL: the chunked loss of its DistillationTrainer, forward KL over the full vocabulary. It takes the teacher's hidden
   states, so it also computes the teacher's logits; `ours with scoring` is ours with `uopd.losses.topk` before it.
   TRL has no top-k, so its numbers stand beside both k.

Peak memory is measured in a process of its own for each way: what the highest resident memory rises by (on a GPU, the
highest allocated), less the weight's gradient, over the float32 logits matrix. That flatters a way whose peak comes
before this gradient exists, as plain's does. The error is the weight's gradient's, in norm, against float64.

`--gpu` measures the shapes of a GPU in bfloat16 instead; without CUDA the result says that it was not measured. The
results file keeps a section for each number of threads and one for the GPU; a run replaces its own.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from uopd.losses import topk, topk_cross_entropy
from uopd.losses_reference import reference_cross_entropy

QWEN_VOCABULARY = 151_936
PLAIN_VALUES, PLAIN_ENTRY_VALUES = 3, 7
"""Of four bytes, that `plain` holds at its peak for each logit and each entry of the teacher, inputs included."""
FEW_TOKENS = 16
"""Of the loop, and of the comparison with float64."""
PERTURBATION = 0.3
"""Of the teacher's hidden states, standard deviation; the student's have 1."""
Result = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    tokens: int
    hidden: int
    vocabulary: int
    k: int
    dtype: str = "float32"
    device: str = "cpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """T tokens with a head; the teacher has the student's weight and other hidden states."""

    hidden_TD: Tensor
    weight_VD: Tensor
    teacher_hidden_TD: Tensor
    ids_TK: Tensor
    logprobs_TK: Tensor
    weights_T: Tensor


Way = Callable[[Batch], Tensor]


def make_batch(shape: Shape, *, scored: bool) -> Batch:
    """`scored`: the teacher's top-k is its own; otherwise any ids, which needs no memory beyond the batch."""
    torch.manual_seed(0)
    options: Any = {"device": shape.device, "dtype": getattr(torch, shape.dtype)}
    hidden_TD = torch.randn(shape.tokens, shape.hidden, **options)
    weight_VD = torch.randn(shape.vocabulary, shape.hidden, **options).mul_(3 * shape.hidden**-0.5)
    teacher_hidden_TD = hidden_TD + PERTURBATION * torch.randn_like(hidden_TD)
    if scored:
        ids_TK, logprobs_TK, _ = topk(teacher_hidden_TD, weight_VD, shape.k)
    else:
        ids_TK = torch.randint(shape.vocabulary, (shape.tokens, shape.k), dtype=torch.int32, device=shape.device)
        logprobs_TK = torch.full((shape.tokens, shape.k), -9.0, device=shape.device)
    return Batch(
        hidden_TD=hidden_TD.requires_grad_(),
        weight_VD=weight_VD.requires_grad_(),
        teacher_hidden_TD=teacher_hidden_TD,
        ids_TK=ids_TK,
        logprobs_TK=logprobs_TK,
        weights_T=torch.full((shape.tokens,), 1 / shape.tokens, device=shape.device),
    )


def ours(batch: Batch) -> Tensor:
    return topk_cross_entropy(batch.hidden_TD, batch.weight_VD, batch.ids_TK, batch.logprobs_TK, batch.weights_T).loss


def ours_with_scoring(batch: Batch) -> Tensor:
    ids_TK, logprobs_TK, _ = topk(batch.teacher_hidden_TD, batch.weight_VD, batch.ids_TK.shape[1])
    return topk_cross_entropy(batch.hidden_TD, batch.weight_VD, ids_TK, logprobs_TK, batch.weights_T).loss


def plain(batch: Batch) -> Tensor:
    student_TV = (batch.hidden_TD @ batch.weight_VD.t()).float().log_softmax(dim=-1)
    renormalised_TK = batch.logprobs_TK.softmax(dim=-1)
    losses_T = -(renormalised_TK * student_TV.gather(-1, batch.ids_TK.long())).sum(dim=-1)
    return (batch.weights_T * losses_T).sum()


def loop(batch: Batch) -> Tensor:
    """A.2 on the first `FEW_TOKENS` tokens."""
    logits_TV = batch.hidden_TD[:FEW_TOKENS] @ batch.weight_VD.t()
    total = logits_TV.new_zeros(())
    for t in range(len(logits_TV)):
        teacher_K = batch.logprobs_TK[t].softmax(dim=-1)
        student_V = logits_TV[t].log_softmax(dim=-1)
        total = total - batch.weights_T[t] * (teacher_K * student_V.gather(-1, batch.ids_TK[t].long())).sum(dim=-1)
    return total


def trl(batch: Batch) -> Tensor:
    from trl.trainer.distillation_trainer import _chunked_divergence_loss

    weight_VD = batch.weight_VD
    mask = torch.ones((1, len(batch.hidden_TD)), device=batch.hidden_TD.device)
    hidden, teacher = batch.hidden_TD[None], batch.teacher_hidden_TD[None]
    return _chunked_divergence_loss(hidden, teacher, weight_VD, weight_VD.detach(), mask, beta=0.0)[0]


def liger(batch: Batch) -> Tensor:
    module = importlib.import_module("liger_kernel.transformers.fused_linear_jsd")
    weight_VD = batch.weight_VD
    return module.LigerFusedLinearJSD(jsd_beta=0.0)(
        batch.hidden_TD, weight_VD, batch.teacher_hidden_TD, weight_VD.detach(), None
    )


def products(batch: Batch) -> Callable[[], None]:
    """The three products of the head, into memory that is there before."""
    hidden_TD, weight_VD = batch.hidden_TD.detach(), batch.weight_VD.detach()
    logits_TV = hidden_TD.new_empty(len(hidden_TD), len(weight_VD))
    grad_TD, grad_VD = torch.empty_like(hidden_TD), torch.empty_like(weight_VD)

    def multiply() -> None:
        torch.mm(hidden_TD, weight_VD.t(), out=logits_TV)
        torch.mm(logits_TV, weight_VD, out=grad_TD)
        torch.mm(logits_TV.t(), hidden_TD, out=grad_VD)

    return multiply


WAYS: dict[str, Way] = {
    "ours": ours,
    "plain": plain,
    "loop": loop,
    "ours with scoring": ours_with_scoring,
    "TRL": trl,
    "Liger JSD": liger,
}
ON_CPU = ("ours", "plain", "loop", "ours with scoring", "TRL")
ON_GPU = ("ours", "plain", "ours with scoring", "TRL", "Liger JSD")


@dataclass(frozen=True, slots=True)
class Taken:
    wall: float
    """Seconds."""
    cpu: float
    """Seconds of the process on all its threads: what counts on a CPU that others use too."""

    def least(self, other: Taken | None) -> Taken:
        return self if other is None else Taken(min(self.wall, other.wall), min(self.cpu, other.cpu))


def timed(work: Callable[[], object], device: str) -> Taken:
    """One call, a GPU's queue drained before and after."""
    if device == "cuda":
        torch.cuda.synchronize()
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return Taken(time.perf_counter() - wall, time.process_time() - cpu)


def run_way(way: Way, batch: Batch) -> None:
    batch.hidden_TD.grad = batch.weight_VD.grad = None
    way(batch).backward()


def gradient_errors(shape: Shape) -> dict[str, float]:
    """Relative error in norm of the weight's gradient against Eq. 7 in float64, on `FEW_TOKENS` tokens."""
    batch = make_batch(replace(shape, tokens=FEW_TOKENS), scored=True)
    weight_VD = batch.weight_VD.detach().double().requires_grad_()
    losses_T = reference_cross_entropy(batch.hidden_TD.detach(), weight_VD, batch.ids_TK, batch.logprobs_TK)
    (exact_VD,) = torch.autograd.grad((batch.weights_T * losses_T).sum(), weight_VD)
    errors = {}
    for name in ("ours", "plain"):
        run_way(WAYS[name], batch)
        assert batch.weight_VD.grad is not None
        errors[name] = float((batch.weight_VD.grad - exact_VD).norm() / exact_VD.norm())
    return errors


def time_shape(shape: Shape, names: tuple[str, ...], rounds: int) -> Result:
    """The fastest round of each way, after one that is not counted and that finds out which ways run."""
    result: Result = {"shape": asdict(shape), "gradient_errors": gradient_errors(shape), "skipped": {}}
    batch = make_batch(shape, scored=True)
    works: dict[str, Callable[[], object]] = {name: partial(run_way, WAYS[name], batch) for name in names}
    if shape.k < shape.vocabulary:
        works["floor"] = products(batch)
    else:
        works.pop("ours with scoring")  # it would time a sort of the vocabulary
    best: dict[str, Taken] = {}
    for number in range(rounds + 1):
        for name, work in list(works.items()):
            print(
                f"{shape.tokens} tokens, k {shape.k}, round {number} of {rounds}: {name}", file=sys.stderr, flush=True
            )
            try:
                taken = timed(work, shape.device)
            except (ImportError, RuntimeError, TypeError) as error:
                result["skipped"][name] = f"{type(error).__name__}: {error}"[:200]
                del works[name]
                continue
            if number:
                best[name] = taken.least(best.get(name))
    scale = {"loop": max(1.0, shape.tokens / FEW_TOKENS)}
    for clock in ("wall", "cpu"):
        seconds = {name: getattr(taken, clock) * scale.get(name, 1.0) for name, taken in best.items()}
        result[f"{clock}_seconds"] = {name: round(value, 4) for name, value in seconds.items()}
        result[f"{clock}_times_ours"] = {name: round(value / seconds["ours"], 3) for name, value in seconds.items()}
    return result


def peak_bytes(device: str) -> int:
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def reset_peak(device: str) -> None:
    """To what is in use now."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    else:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def measure_peak(name: str, shape: Shape) -> Result:
    """In a fresh process: memory beyond inputs and the weight's gradient, and its share of the float32 logits."""
    batch = make_batch(shape, scored=False)
    reset_peak(shape.device)
    before = peak_bytes(shape.device)
    run_way(WAYS[name], batch)
    extra = peak_bytes(shape.device) - before - batch.weight_VD.nbytes
    return {
        "way": name,
        "shape": asdict(shape),
        "extra_megabytes": round(extra / 2**20, 1),
        "of_fp32_logits": round(extra / (4 * shape.tokens * shape.vocabulary), 4),
    }


def peak_in_a_process(name: str, shape: Shape) -> Result:
    command = [sys.executable, "-m", "benchmarks.loss_speed", "--peak", json.dumps({"name": name, **asdict(shape)})]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        return {
            "way": name,
            "shape": asdict(shape),
            "failed": (done.stderr.strip().splitlines() or ["killed"])[-1][:200],
        }
    return json.loads(done.stdout.splitlines()[-1])


def fits(shape: Shape) -> bool:
    """Whether the largest way, plain, has room beside what else runs on this machine."""
    matrices, entries = shape.tokens * shape.vocabulary, shape.tokens * shape.k
    needed = 4 * (PLAIN_VALUES * matrices + PLAIN_ENTRY_VALUES * entries + 2 * shape.vocabulary * shape.hidden)
    return psutil.virtual_memory().available > needed


def cpu_section(quick: bool, rounds: int) -> Result:
    hidden, vocabulary = (64, 4_096) if quick else (1_024, QWEN_VOCABULARY)
    tokens, many, some, k = ((32, 64), 512, 128, 32) if quick else ((512, 2_048), 4_096, 1_024, 512)
    shapes = [
        Shape(tokens=count, hidden=hidden, vocabulary=vocabulary, k=entries)
        for count in tokens
        for entries in (k, vocabulary)
    ]
    times, no_room = [], []
    for shape in shapes:
        if fits(shape):
            times.append(time_shape(shape, ON_CPU, rounds))
        else:
            no_room.append(asdict(shape))
    peaks = [("ours", many, k), ("ours", some, k), ("plain", some, k), ("TRL", some, k), ("ours", some, vocabulary)]
    return {
        "time": times,
        "no_room_for": no_room,
        "memory": [
            peak_in_a_process(name, Shape(tokens=count, hidden=hidden, vocabulary=vocabulary, k=entries))
            for name, count, entries in peaks
        ],
    }


def gpu_section(quick: bool, rounds: int) -> Result | str:
    if not torch.cuda.is_available():
        return "not measured: no CUDA device"
    tokens, widths, some = (
        ((2_048,), (2_048,), (512,)) if quick else ((2_048, 8_192, 32_768), (2_048, 4_096), (128, 512, 2_048))
    )
    shapes = [
        Shape(tokens=count, hidden=width, vocabulary=QWEN_VOCABULARY, k=k, dtype="bfloat16", device="cuda")
        for count in tokens
        for width in widths
        for k in some
    ]
    return {
        "device": torch.cuda.get_device_name(),
        "time": [time_shape(shape, ON_GPU, rounds) for shape in shapes],
        "memory": [peak_in_a_process(name, shape) for shape in shapes for name in ON_GPU],
    }


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ("torch", "trl", "liger-kernel"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def print_section(title: str, section: Result | str) -> None:
    console = Console()
    if isinstance(section, str):
        console.print(f"{title}: {section}")
        return
    for clock in ("wall", "cpu"):
        names = ["floor", *(name for name in WAYS if any(name in row["wall_seconds"] for row in section["time"]))]
        table = Table(title=f"{title}: {clock} seconds of a forward and backward (times ours)")
        for column in ("tokens", "hidden", "k", *names):
            table.add_column(column)
        for row in section["time"]:
            shape, seconds, ratios = row["shape"], row[f"{clock}_seconds"], row[f"{clock}_times_ours"]
            k = "full" if shape["k"] == shape["vocabulary"] else shape["k"]
            cells = [f"{seconds[name]:.3g} ({ratios[name]:.2f})" if name in seconds else "-" for name in names]
            table.add_row(str(shape["tokens"]), str(shape["hidden"]), str(k), *cells)
        console.print(table)
    for row in section["time"]:
        errors = ", ".join(f"{name} {error:.1e}" for name, error in row["gradient_errors"].items())
        console.print(f"error of the weight's gradient, k {row['shape']['k']}: {errors}")
        for name, reason in row["skipped"].items():
            console.print(f"{name} skipped at {row['shape']['tokens']} tokens: {reason}", markup=False)
    for row in section["memory"]:
        what = row.get("failed") or f"{row['extra_megabytes']} MB, {row['of_fp32_logits']:.1%} of the fp32 logits"
        console.print(f"memory of {row['way']} at {row['shape']['tokens']} tokens, k {row['shape']['k']}: {what}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--quick", action="store_true", help="small shapes, to see that it runs; writes no file")
    arguments.add_argument("--gpu", action="store_true", help="the shapes of a GPU")
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    arguments.add_argument("--peak", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)
    warnings.filterwarnings("ignore", module="trl")
    if options.peak:
        asked = json.loads(options.peak)
        print(json.dumps(measure_peak(asked.pop("name"), Shape(**asked))))
        return
    result: Result = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else {}
    name = "gpu" if options.gpu else f"cpu_{options.threads}_threads"
    load = os.getloadavg()[0]
    section = (gpu_section if options.gpu else cpu_section)(options.quick, options.rounds)
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load_before": round(load, 2),
        "versions": versions(),
        "rounds": options.rounds,
        "loop_tokens": FEW_TOKENS,
    }
    result[name] = section if isinstance(section, str) else {"machine": machine, **section}
    result.setdefault("gpu", "not measured")
    print_section(name, section)
    if not options.quick:
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
