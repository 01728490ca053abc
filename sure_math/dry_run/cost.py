"""The cost of a build: tokens per request, problems that survive, and how fast a GPU is. Every number has its reason.

GPU time is counted in operations: a token costs 2 operations per active parameter, whether it is read or written, and a
GPU reaches a share of its peak that is high for prompts and low for generated tokens, which wait for memory. Such a
count is independent of how many GPUs share the work, and right within a factor of about two.

On a machine without a GPU the plan also says how long that machine needs. A generated token costs the larger of two
times: its operations on all cores, and its share of reading all weights once for every sequence that is generated at
the same time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sure_math.config import ModelConfig
from sure_math.dry_run.assumptions import Assumptions, assumed
from sure_math.dry_run.machine import Machine
from sure_math.models.engines import EngineUnavailable
from sure_math.models.engines.files import local_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildAssumptions(Assumptions):
    """What the plan of a build assumes."""

    survival: float = assumed(
        0.8,
        "share of an author's texts that are left after elimination, duplicates and decontamination, in every round; a "
        "guess: the funnel of a first run has the real one. 1 makes every count an upper bound",
        "a share",
    )
    problem_tokens: float = assumed(120, "a problem of 300 to 500 characters, as competition problems have")
    evolved_tokens: float = assumed(200, "what an author writes: a problem and some words around it")
    answer_tokens: float = assumed(
        1000,
        "a worked solution without thinking: between the hundreds of tokens an easy problem takes and the thousands of "
        "a competition problem; `mean tokens per answer` on the card of a first run is the real one",
    )
    judge_pairs: float = assumed(
        1.5,
        "pairs of answers per problem that only a judge can decide; most problems have none, and N (N - 1) / 2 is most",
    )
    judge_tokens: float = assumed(8, "a judge's yes or no, with some words around it")
    template_tokens: float = assumed(20, "the chat template around a conversation")
    chars_per_token: float = assumed(3.5, "mathematical English with LaTeX; digits are tokens of their own")
    peak_tflops: float = assumed(989, "an H100 SXM in bfloat16, without sparsity (NVIDIA's data sheet)")
    gpu_gigabytes: float = assumed(80, "memory of an H100")
    prompt_share: float = assumed(
        0.4, "share of the peak that reading a prompt reaches: large matrix products", "a share"
    )
    generated_share: float = assumed(
        0.1, "share of the peak that generation reaches with hundreds of sequences at once: bound by memory", "a share"
    )
    core_gflops: float = assumed(
        80,
        "of a core without a GPU, in bfloat16 with AVX-512: a 1.5B model under vLLM generated about 55 tokens per "
        "second on two cores; tokens per second of a first run x 2 x parameters / cores / 1e9 is the real one",
    )
    memory_gb_per_second: float = assumed(20, "at which a machine without a GPU reads weights from its memory")


SMALLEST = 1e8
"""Parameters of a model below which its time is not a matter of operations; such a model runs on a CPU."""


CPU_SEQUENCES = 64
"""Sequences that a CPU generates at the same time; they share the reading of the weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Size of a model."""

    total: float
    active: float
    """Parameters that a token passes through; fewer than `total` in a mixture of experts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelWork:
    """The work of a model in one phase; None: not known."""

    requests: int | None
    prompt_tokens: int | None
    generated_tokens: int | None
    gpu_hours: float | None
    gpus: int
    """That work on it at the same time; 0 for a server, whose machines are its own, and for a model that needs none."""

    @property
    def hours(self) -> float | None:
        """Of wall-clock time."""
        return None if self.gpu_hours is None or not self.gpus else self.gpu_hours / self.gpus


def work_of(
    model: ModelConfig,
    requests: int | None,
    prompt_tokens: float | None,
    generated_tokens: float,
    assumptions: BuildAssumptions,
) -> ModelWork:
    """Estimate the work of `requests` requests of so many tokens each; a prompt counts once per request."""
    size = parameters_of(model.model)
    prompts = round(requests * prompt_tokens) if requests is not None and prompt_tokens is not None else None
    generated = None if requests is None else round(requests * generated_tokens)
    hours = None
    if size is not None and size.total < SMALLEST:
        hours = 0.0
    elif size is not None and prompts is not None and generated is not None:
        reading = tokens_per_second(size, assumptions.prompt_share, assumptions)
        writing = tokens_per_second(size, assumptions.generated_share, assumptions)
        hours = (prompts / reading + generated / writing) / 3600
    return ModelWork(
        requests=requests, prompt_tokens=prompts, generated_tokens=generated, gpu_hours=hours, gpus=gpus_of(model)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuRates:
    """Tokens per second of a machine without a GPU."""

    prompt: float
    generated: float


def cpu_rates(model: ModelConfig, machine: Machine, assumptions: BuildAssumptions) -> CpuRates | None:
    """Estimate how fast a machine without a GPU runs a model; None if it has a GPU, or does not run the model itself.

    >>> machine = Machine(cores=2, memory=24e9, has_gpu=False)
    >>> model = ModelConfig(model="Qwen/Qwen2.5-1.5B-Instruct", dtype="bfloat16")
    >>> round(cpu_rates(model, machine, BuildAssumptions()).generated)
    53
    """
    size = parameters_of(model.model)
    if machine.has_gpu or size is None or model.engine == "server" or weight_bytes(model, size) > machine.memory:
        return None
    compute = machine.cores * assumptions.core_gflops * 1e9 / (2 * size.active)
    read = CPU_SEQUENCES * assumptions.memory_gb_per_second * 1e9 / weight_bytes(model, size)
    return CpuRates(prompt=compute, generated=min(compute, read))


def cpu_hours(model: ModelConfig, work: ModelWork, machine: Machine, assumptions: BuildAssumptions) -> float | None:
    """Estimate how long a machine without a GPU works; None if `cpu_rates` or the number of tokens is not known."""
    if work.gpu_hours == 0:
        return 0.0
    rates = cpu_rates(model, machine, assumptions)
    if rates is None or work.prompt_tokens is None or work.generated_tokens is None:
        return None
    return (work.prompt_tokens / rates.prompt + work.generated_tokens / rates.generated) / 3600


def weight_bytes(model: ModelConfig, size: Parameters) -> float:
    """Return the bytes of a model's weights on a CPU, where `auto` is float32 for transformers."""
    wide = model.dtype == "float32" or (model.dtype == "auto" and model.engine == "transformers")
    return (4 if wide else 2) * size.total


def tokens_per_second(size: Parameters, share: float, assumptions: BuildAssumptions) -> float:
    """Return the number of tokens per second of one GPU that reaches `share` of its peak."""
    return share * assumptions.peak_tflops * 1e12 / (2 * size.active)


def gpus_of(model: ModelConfig) -> int:
    """Return the number of GPUs a model works on: those of one engine times its replicas."""
    size = parameters_of(model.model)
    if model.engine == "server" or (size is not None and size.total < SMALLEST):
        return 0
    parallel = [model.engine_options.get(f"{kind}_parallel_size", 1) for kind in ("tensor", "pipeline")]
    return int(parallel[0]) * int(parallel[1]) * (model.replicas.max if model.replicas else 1)


def parameters_of(model: str) -> Parameters | None:
    """Return the size of a model: from the weights in its folder (2 bytes each), else from its name; None if neither
    tells.

    >>> parameters_of("Qwen/Qwen3-30B-A3B").active
    3000000000.0
    """
    try:
        folder = local_folder(model)
    except EngineUnavailable:
        return None
    if folder is not None:
        count = sum(path.stat().st_size for path in folder.glob("*.safetensors")) / 2
        return Parameters(total=count, active=count) if count else None
    sizes = _SIZE.findall(model.rpartition("/")[2])
    if not sizes:
        return None
    total, active = sizes[-1]
    return Parameters(total=float(total) * 1e9, active=float(active or total) * 1e9)


_SIZE = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)B(?:-A(\d+(?:\.\d+)?)B)?(?![A-Za-z])", re.IGNORECASE)
"""`72B`, `1.7B`, `30B-A3B`."""
