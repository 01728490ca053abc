"""What the seam in lm-eval and the summary of a run know of a task of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from eval_harness.benchmarks import Benchmark, LoadedBenchmark
from eval_harness.judge import NamedJudge


class OurTask(Protocol):
    """A task of one benchmark, after lm-eval has loaded it; `task.SureTask` is the only implementation."""

    name: str
    """The task as `--tasks` names it."""
    benchmark_name: str
    """A key of `BENCHMARKS`."""
    options: Mapping[str, Any]
    """What the user set in `--metadata`."""
    model_arguments: Mapping[str, Any]
    """What lm-eval hands a task of `--model_args`."""
    judge: NamedJudge | None
    loaded: LoadedBenchmark
    fingerprint: str
    """Digest of the problems, the prompts and the way of grading."""

    @property
    def benchmark(self) -> Benchmark:
        """The row of `BENCHMARKS`."""

    @property
    def budget(self) -> int:
        """New tokens per response."""
