"""The protocol of a task: what `attach` and `summary` need to know of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from eval_harness.benchmarks import Benchmark, LoadedBenchmark
from eval_harness.judge import NamedJudge


class OurTask(Protocol):
    """A task of one benchmark, after lm-eval has loaded it. `task.SureTask` is the only implementation."""

    name: str
    """Name of the task in `--tasks`."""
    benchmark_name: str
    """A key of `BENCHMARKS`."""
    options: Mapping[str, Any]
    """Options that the user set in `--metadata`."""
    model_arguments: Mapping[str, Any]
    """Arguments of the model that lm-eval passes on to a task from `--model_args`."""
    judge: NamedJudge | None
    """Compares answers that are descriptions; None if the user names no judge."""
    loaded: LoadedBenchmark
    """The problems that the task asks."""
    fingerprint: str
    """Digest of the problems, the prompts, the golds and the ways of grading."""

    @property
    def benchmark(self) -> Benchmark:
        """The entry of `BENCHMARKS`."""

    @property
    def budget(self) -> int:
        """New tokens per response, at most."""
