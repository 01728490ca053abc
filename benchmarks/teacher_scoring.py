"""Measure what the teacher's scores cost, beside the forward pass alone.

    python -m benchmarks.teacher_scoring [--gpu] [--quick] [--rounds 5] [--threads N] [--out FILE]

A Qwen3 with random weights reads the same rows in two ways, which take turns `--rounds` times. The fastest round of
each way counts:
1. forward: hidden states and the logits of every response token, in chunks that are discarded;
2. scores: `TransformersScorer.score`, exact top-k log-probabilities and those of the sampled tokens.
Then the transfer of the scores to the student is measured, as the actors of a run do it: packed, put into an object
store, read and unpacked. With `--gpu` only the shape of Qwen3-8B in bfloat16 is measured; without CUDA the result says
that it was not measured. The results file has a section for the CPU and a section for the GPU; a run replaces its own.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import ray
import torch
from rich.table import Table

from benchmarks.compared.random_models import Sizes, random_qwen3
from benchmarks.measuring.clock_and_memory import machine
from benchmarks.measuring.results_files import NO_GPU, Result, results_file, write_section
from sure_math.command_line.terminal import prepare_output, say, terminal_console
from uopd.losses.lm_head import chunks_of, compute_logits, workspace
from uopd.model.causal_model import hidden_states
from uopd.model.micro_batches import micro_batches
from uopd.rows import Scores, TrainingRow
from uopd.runtime.ray.messages import pack, unpack
from uopd.teacher.scorer import ScorerSpec, TransformersScorer

K = 512
MOST_ON_A_CPU, MOST_ON_A_GPU = 1.5, 1.1
"""Largest allowed time of the scores, as a multiple of the forward pass."""
MOST_BYTES = 4 * 1024
"""Largest allowed size of a position's K entries in the object store."""
RESULTS = results_file(__file__)
PACKAGES = ("torch", "transformers", "ray")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of the model and of the batch."""

    hidden: int
    layers: int
    intermediate: int
    heads: int
    key_value_heads: int
    vocabulary: int
    rows: int
    prompt: int
    response: int
    dtype: str
    device: str
    tied: bool = True


SMALL = Shape(
    hidden=512,
    layers=8,
    intermediate=1536,
    heads=8,
    key_value_heads=4,
    vocabulary=32_768,
    rows=16,
    prompt=32,
    response=96,
    dtype="float32",
    device="cpu",
)
QWEN3_8B = Shape(
    hidden=4096,
    layers=36,
    intermediate=12_288,
    heads=32,
    key_value_heads=8,
    vocabulary=151_936,
    rows=32,
    prompt=256,
    response=768,
    dtype="bfloat16",
    device="cuda",
    tied=False,
)
TINY = replace(SMALL, hidden=64, layers=2, intermediate=128, heads=2, key_value_heads=1, vocabulary=1024, rows=4)


def make(shape: Shape) -> tuple[TransformersScorer, Any]:
    """Make the scorer and its model."""
    sizes = Sizes(
        hidden=shape.hidden,
        layers=shape.layers,
        intermediate=shape.intermediate,
        heads=shape.heads,
        key_value_heads=shape.key_value_heads,
        head_dim=128 if shape.hidden >= 1024 else 64,
        tied=shape.tied,
    )
    model = random_qwen3(sizes, shape.vocabulary, shape.dtype, shape.device).eval()
    spec = ScorerSpec(
        model="random",
        revision=None,
        dtype=shape.dtype,
        device=shape.device,
        attention="sdpa",
        top_k=K,
        values="float32",
        max_tokens=8192,
        layout="padded",
        threads=0,
    )
    return TransformersScorer(model, spec), model


def rows_of(shape: Shape) -> list[TrainingRow]:
    """Make rows of random tokens."""
    pick = Random(0)

    def ids(count: int) -> tuple[int, ...]:
        return tuple(pick.randrange(shape.vocabulary) for _ in range(count))

    return [
        TrainingRow(prompt_ids=prompt, response_ids=ids(shape.response), scorer_ids=prompt, token_weight=1.0)
        for prompt in (ids(shape.prompt) for _ in range(shape.rows))
    ]


@torch.inference_mode()
def forward_only(model: Any, rows: Sequence[TrainingRow]) -> None:
    """Run the same passes and the same products with the head as the scorer, and discard the logits."""
    head_VD = model.get_output_embeddings().weight
    for micro in micro_batches(rows, layout="padded", max_tokens=8192, scorer=True):
        hidden_TD = hidden_states(model, micro.to(head_VD.device))
        work = workspace(head_VD, len(hidden_TD), None)
        for rows_C, _ in chunks_of(torch.ones(len(hidden_TD)), work.rows, separate=False):
            compute_logits(hidden_TD[rows_C.to(hidden_TD.device)], head_VD, None, work)


def seconds(work: Callable[[], Any], device: str) -> float:
    """Measure how long a piece of work takes."""
    started = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def measure(shape: Shape, rounds: int) -> dict[str, Any]:
    """Measure the forward pass alone and with the scores."""
    scorer, model = make(shape)
    rows = rows_of(shape)
    ways = {"forward": lambda: forward_only(model, rows), "scores": lambda: scorer.score(rows)}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):  # the first round warms up
        for name, work in ways.items():
            times[name].append(seconds(work, shape.device))
    best = {name: min(taken[1:]) for name, taken in times.items()}
    positions = shape.rows * shape.response
    return {
        "shape": asdict(shape),
        "k": K,
        "positions": positions,
        "seconds": best,
        "ratio": best["scores"] / best["forward"],
        **travel(scorer.score(rows), positions, rounds),
    }


def travel(scores: Scores, positions: int, rounds: int) -> dict[str, Any]:
    """Measure bytes and seconds per position from the teacher's process to the student's, for each type of values."""
    cost_of: dict[str, Any] = {}
    for name in ("float32", "bfloat16"):
        values = Scores(ids=scores.ids, logprobs=scores.logprobs.to(getattr(torch, name)), sampled=scores.sampled)
        taken = []
        for _ in range(rounds + 1):
            started = time.perf_counter()
            opened = unpack(ray.get(ray.put(pack(values))))
            taken.append(time.perf_counter() - started)
        tensors = (opened.ids, opened.logprobs, opened.sampled)
        cost_of[name] = {
            "bytes_per_position": sum(tensor.nbytes for tensor in tensors) / positions,
            "entry_bytes_per_position": (opened.ids.nbytes + opened.logprobs.nbytes) / positions,
            "microseconds_per_position": 1e6 * min(taken[1:]) / positions,
        }
    return {"travel": cost_of}


def table(where: str, section: Result) -> Table:
    """Lay out a section as a table."""
    shown = Table(title="Teacher scoring, k = 512")
    for column in ("where", "positions", "forward, s", "scores, s", "ratio", "bytes a position", "us a position"):
        shown.add_column(column)
    way = section["travel"]["float32"]
    shown.add_row(
        where,
        f"{section['positions']:,}",
        *(f"{section['seconds'][name]:.3f}" for name in ("forward", "scores")),
        f"{section['ratio']:.2f}",
        f"{way['bytes_per_position']:,.0f}",
        f"{way['microseconds_per_position']:.2f}",
    )
    return shown


def lacking(where: str, section: Result) -> list[str]:
    """List the bounds that a section misses."""
    most = {"cpu": MOST_ON_A_CPU, "gpu": MOST_ON_A_GPU}[where]
    entry_bytes = section["travel"]["float32"]["entry_bytes_per_position"]
    lines = {
        f"{where}: {section['ratio']:.2f} times the forward pass, more than {most}": section["ratio"] > most,
        f"{where}: {entry_bytes:.0f} bytes of entries a position": entry_bytes > MOST_BYTES,
    }
    return [line for line, fails in lines.items() if fails]


def parse() -> argparse.Namespace:
    """Parse the options."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--gpu", action="store_true", help="the shape of Qwen3-8B on a GPU instead")
    parser.add_argument("--quick", action="store_true", help="a tiny shape, to check that it runs; writes no file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args()


def main() -> int:
    """Run the command line."""
    prepare_output()
    options = parse()
    torch.set_num_threads(options.threads)
    where, shape = ("gpu", QWEN3_8B) if options.gpu else ("cpu", SMALL)
    if options.quick:
        shape = replace(TINY, dtype=shape.dtype, device=shape.device)
    if options.gpu and not torch.cuda.is_available():
        say(f"{where}: {NO_GPU}")
        if not options.quick:
            write_section(options.out, where, NO_GPU)
        return 0
    before = machine(PACKAGES, rounds=options.rounds)
    ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR", num_cpus=1)
    section = measure(shape, options.rounds)
    ray.shutdown()
    terminal_console(width=120).print(table(where, section))
    if options.quick:
        return 0
    write_section(options.out, where, {"machine": before, **section})
    lines = lacking(where, section)
    for line in lines:
        say(line, stderr=True)
    return 1 if lines else 0


if __name__ == "__main__":
    raise SystemExit(main())
