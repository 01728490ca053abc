"""Estimate what the parts of a run hold in memory, from the shapes of their models and the way our code is written.

Peak = what is always held + the largest phase. If several processes share a device, their peaks add up even
when they fall in different phases: PyTorch does not return cached memory.

Bytes of the student per parameter, over r ranks, with 16-bit weights:

| | weights | gradients | masters and moments | of one update |
|---|---|---|---|---|
| reference | 2 | 4 | 12 | `update_bytes` |
| deepspeed | 2 | 4 | 12 / r | `update_bytes` / r |
| deepspeed, offload_optimizer | 2 | 4, or 4 + 4 / r if r > 1 | the host's 18 / r | the host's 8 / r |

All add 16-bit gradients to float32 gradients as soon as they are there, so 16-bit gradients exist for one tensor at a
time. The DeepSpeed rows match measurements on a CPU (DeepSpeed 0.19.8, 1 and 2 ranks); there `update_bytes` is 8.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sure_math.dry_run.assumptions import Assumptions, assumed
from uopd.config import TrainConfig
from uopd.dry_run.model_shapes import Shape
from uopd.losses.lm_head import CHUNK_BYTES, ENTRY_SHARE

GIB = 2**30
VLLM_UTILIZATION = 0.92
"""The default of `gpu_memory_utilization` in vLLM 0.32."""
BUCKET = 500_000_000
"""Elements of the buffer through which DeepSpeed's ZeroOptimizer passes gradients; DeepSpeed's default."""
HOST_UPDATE = 8
"""Bytes per value of the tensor whose AdamW step runs on a CPU: the root of the second moments, and the quotient."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingAssumptions(Assumptions):
    """What the plan of a training run assumes."""

    gpu_memory_gib: float = assumed(79.1, "what programs get of an H100 of 80 GB")
    host_memory_gib: float = assumed(
        512, "of a machine with GPUs; a run without one is compared with the memory of this machine"
    )
    process_gib: float = assumed(
        1.0, "of each process on a GPU: CUDA context, workspaces of libraries, fragments of the allocator"
    )
    host_process_gib: float = assumed(1.5, "of each process in the host's memory: Python, torch, Ray, vLLM")
    update_bytes: float = assumed(
        0,
        "per parameter while AdamW steps on a GPU: its fused kernel works in place (4 with torch's default)",
        "0 or more",
    )
    vllm_gib: float = assumed(3.0, "of an engine's share, beside weights and cache: activations and CUDA graphs")
    cpu_cache_gib: float = assumed(4.0, "cache of an engine on a CPU whose options do not name kv_cache_memory_bytes")
    response_tokens: float = assumed(
        1000, "mean length of a response; memory is counted for the longest that rollouts.max_new_tokens allows"
    )
    prompt_tokens: float = assumed(150, "mean length of a prompt with its template; for the time without a GPU")
    core_gflops: float = assumed(
        80,
        "of a core without a GPU, in bfloat16 with AVX-512: a step of 8 responses of 128 tokens of a 0.5B student with "
        "a 1.5B teacher took about 95 s on two cores",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryItem:
    """One thing in memory, such as the weights of a model."""

    name: str
    bytes: float
    why: str
    """How the bytes were computed, for the reader of the plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLoad:
    """What one part holds on its device, and in addition in the host's memory."""

    keeps: tuple[MemoryItem, ...]
    phases: Mapping[str, tuple[MemoryItem, ...]]
    """What each phase needs on top of `keeps`."""
    host: tuple[MemoryItem, ...] = ()

    @property
    def phase(self) -> str | None:
        """The phase that needs most; None if there are no phases."""
        return max(self.phases, key=lambda name: total(self.phases[name]), default=None)

    @property
    def items(self) -> tuple[MemoryItem, ...]:
        """Everything on the device at the worst moment."""
        return self.keeps + (() if self.phase is None else self.phases[self.phase])

    @property
    def peak(self) -> float:
        """Bytes at the worst moment."""
        return total(self.items)


def total(items: Sequence[MemoryItem]) -> float:
    """Return the bytes of all items."""
    return sum(item.bytes for item in items)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSettings:
    """What the estimate of one part depends on."""

    config: TrainConfig
    assumptions: TrainingAssumptions
    shape: Shape
    itemsize: int
    """Bytes of a weight."""
    on_gpu: bool

    @property
    def weights(self) -> MemoryItem:
        """The model's weights."""
        size = self.shape.parameters
        count = f"{size / 1e9:.2f} billion" if size >= 1e8 else f"{size / 1e6:.2f} million"
        return MemoryItem(name="weights", bytes=size * self.itemsize, why=f"{count} parameters x {self.itemsize} B")

    @property
    def chunk(self) -> MemoryItem:
        """The logits of a few positions, which the loss computes at a time."""
        bytes_ = CHUNK_BYTES["cuda" if self.on_gpu else "cpu"] * (1 + 1 / ENTRY_SHARE)
        return MemoryItem(name="logits of a chunk", bytes=bytes_, why="and its entries, at most (lm_head.py)")

    @property
    def row(self) -> int:
        """Positions of the longest row: the longest prompt and the longest response."""
        return self.config.data.max_prompt_tokens + self.config.rollouts.max_new_tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class SentScores:
    """What a scorer sends for each position, and what the student's process needs to read it."""

    top_k: int
    """Entries; 0 means the response's own token alone."""
    tensors: tuple[int, ...]
    """Bytes of a position in each tensor that is sent."""
    head: MemoryItem | None = None
    """The scorer's head, on the device of every rank; None if the scorer sends its top-k."""

    @property
    def position(self) -> int:
        """Bytes of a position in all tensors."""
        return sum(self.tensors)

    def host_bytes(self, tokens: float, *, pinned: bool) -> float:
        """Bytes of the host's memory for so many positions; pinned memory is allocated in powers of two."""
        sizes = [size * tokens for size in self.tensors]
        return sum(2.0 ** math.ceil(math.log2(size)) if pinned and size >= 1 else size for size in sizes)


def sent_scores(config: TrainConfig, top_k: int, scorer: Shape | None, itemsize: int) -> SentScores:
    """Count the bytes that a scorer sends for a position.

    They are int32 ids, log-probabilities and a float32 log-probability of the response's own token, or hidden states.

    Args:
        scorer: shape of the scorer; None if it is not known, and then hidden states count as nothing.
        itemsize: bytes of one of the scorer's weights.
    """
    if not top_k or config.teacher.sends == "topk":
        values = 4 if config.teacher.values == "float32" else 2
        return SentScores(top_k=top_k, tensors=(4 * top_k, values * top_k, 4))
    if scorer is None:
        return SentScores(top_k=top_k, tensors=())
    why = f"{scorer.vocabulary:,} x {scorer.hidden:,} of {itemsize} B (teacher.sends=hidden)"
    head = MemoryItem(name="the scorer's head", bytes=scorer.head * itemsize, why=why)
    return SentScores(top_k=top_k, tensors=(scorer.hidden * itemsize,), head=head)


def student_load(part: PartSettings, sent: SentScores) -> MemoryLoad:
    """Estimate one rank of the student, with the scores that it receives."""
    optimizer_and_head = (*_optimizer(part), *(() if sent.head is None else (sent.head,)))
    # Otherwise gradients are dropped after each update.
    lasting = part.config.student.engine == "deepspeed" and not part.config.student.offload_optimizer
    gradients = tuple(_gradients(part))
    phases = {"training": tuple(_training(part, sent)), "update": tuple(_update(part))}
    if not lasting:
        phases = {name: gradients + items for name, items in phases.items()}
    keeps = (part.weights, *(gradients if lasting else ()), *optimizer_and_head)
    return MemoryLoad(keeps=keeps, phases=phases, host=tuple(_offloaded(part)))


def _gradients(part: PartSettings) -> Iterator[MemoryItem]:
    student, size = part.config.student, part.shape.parameters
    yield MemoryItem(name="gradients", bytes=4 * size, why="4 B each: micro-batches are added up in float32")
    if student.offload_optimizer and student.ranks > 1 and part.itemsize < 4:
        why = f"4 B each{_over(student.ranks)}: the sum over ranks, on its way to the host"
        yield MemoryItem(name="summed gradients", bytes=4 * size / student.ranks, why=why)


def _optimizer(part: PartSettings) -> Iterator[MemoryItem]:
    """What the optimizer holds on the device: masters, moments, buffers."""
    student, size = part.config.student, part.shape.parameters
    if student.offload_optimizer:
        # With one rank, stage 2 passes on 16-bit gradients and sums them in float32. Stage 1 passes on float32.
        width = 2 if student.ranks == 1 and part.itemsize == 2 else 4
        largest = max(part.shape.head, min(BUCKET, size))
        buffers = BUCKET * width + largest * (8 - width) + part.shape.head * part.itemsize
        yield MemoryItem(
            name="buffers of ZeRO", bytes=buffers, why="a bucket of gradients, its copies, the largest tensor"
        )
        return
    own_masters = part.itemsize == 4 and student.engine == "reference"
    per = 8 if own_masters else 12
    what = "AdamW's moments" if own_masters else "float32 masters and AdamW's moments"
    alone = "; ZeRO-1 on one rank shards nothing" if student.engine == "deepspeed" and student.ranks == 1 else ""
    yield MemoryItem(
        name="optimizer states",
        bytes=per * size / student.ranks,
        why=f"{what}: {per} B each{_over(student.ranks)}{alone}",
    )


def _update(part: PartSettings) -> Iterator[MemoryItem]:
    student, size = part.config.student, part.shape.parameters
    if student.offload_optimizer:
        return
    if not part.on_gpu and student.engine == "reference":
        yield MemoryItem(
            name="of the update", bytes=HOST_UPDATE * part.shape.head, why="of the largest tensor, on a CPU"
        )
        return
    # With float32 weights ZeRO flattens its part of the gradients, and drops the other gradients before AdamW.
    flat = 4 if part.itemsize == 4 and student.engine == "deepspeed" else 0
    per = max(flat, part.assumptions.update_bytes if part.on_gpu else HOST_UPDATE)
    why = f"{per:g} B each{_over(student.ranks)} ({'update_bytes' if part.on_gpu else 'AdamW on a CPU'})"
    yield MemoryItem(name="of the update", bytes=per * size / student.ranks, why=why)


def _offloaded(part: PartSettings) -> Iterator[MemoryItem]:
    student, size = part.config.student, part.shape.parameters
    if student.offload_optimizer:
        # Masters, moments and gradients in float32, and the weights on their way back.
        bytes_each = 16 + part.itemsize
        why = f"{bytes_each} B each{_over(student.ranks)}, and {HOST_UPDATE} B in the update"
        yield MemoryItem(
            name="optimizer states and gradients", bytes=(bytes_each + HOST_UPDATE) * size / student.ranks, why=why
        )


def _training(part: PartSettings, sent: SentScores) -> Iterator[MemoryItem]:
    """Forward and backward pass of one micro-batch."""
    shape, size = part.shape, part.itemsize
    positions = max(part.config.batch.max_tokens, part.row)
    checkpointing = part.config.student.gradient_checkpointing
    layer = layer_bytes(shape, size, flash=part.config.student.attention == "flash_attention_2")
    saved = shape.layers * shape.hidden * size + layer if checkpointing else shape.layers * layer
    how = "inputs of the layers and one layer" if checkpointing else f"{shape.layers} layers of {layer:,} B"
    yield MemoryItem(name="activations", bytes=positions * saved, why=f"{positions:,} positions, {how}")
    # Gradients of one layer's values, and those of the final norm and of the hidden states the loss reads.
    working = 8 * shape.hidden * 2 + 4 * size * shape.active_intermediate + (8 + 4 * size) * shape.hidden
    yield MemoryItem(name="of the backward pass", bytes=positions * working, why=f"{positions:,} positions, one layer")
    yield part.chunk
    yield MemoryItem(name="scores of a pass", bytes=positions * sent.position, why=f"{positions:,} positions")
    yield MemoryItem(
        name="gradient of the head", bytes=2 * shape.head * size, why="of one micro-batch, before it is added up"
    )


def layer_bytes(shape: Shape, itemsize: int, *, flash: bool = True) -> int:
    """Count the bytes that autograd keeps for one position in one layer of transformers' Qwen3.

    RMSNorm keeps its input and its result, once in float32 and once in the weights' type. A projection keeps its input.
    Attention keeps queries, keys, values and its output. The gated layer keeps four values of its width.
    """
    norm = 4 + itemsize
    hidden = 2 * (norm + itemsize) * shape.hidden
    attention = norm * (shape.query + shape.key) + 2 * itemsize * (shape.query + shape.key)
    # Without FlashAttention keys and values are repeated for every head.
    repeated = 0 if flash else 2 * itemsize * (shape.query - shape.key)
    return hidden + attention + repeated + 4 * itemsize * shape.active_intermediate


def scorer_load(part: PartSettings, sent: SentScores) -> MemoryLoad:
    """Estimate a frozen model that scores; the scores of a share collect in the host's memory."""
    teacher, shape = part.config.teacher, part.shape
    positions = max(teacher.max_tokens, part.row)
    routed = 4 * part.itemsize * shape.hidden * shape.active_experts
    working = (8 + 4 * part.itemsize) * shape.hidden + 3 * part.itemsize * shape.active_intermediate + routed
    ranks = part.config.student.ranks
    scores = sent.host_bytes(most_tokens(part.config) / ranks, pinned=part.on_gpu)
    phase = (
        MemoryItem(name="forward pass", bytes=positions * working, why=f"{positions:,} positions, one layer"),
        part.chunk,
        MemoryItem(name="scores of a pass", bytes=positions * sent.position, why=f"{positions:,} positions"),
    )
    pinned = ", pinned" if part.on_gpu else ""
    gathered = MemoryItem(name="scores", bytes=scores, why=f"of a step at most{_over(ranks)}{pinned}")
    return MemoryLoad(keeps=(part.weights,), phases={"scoring": phase}, host=(gathered,))


def idle_load(part: PartSettings) -> MemoryLoad:
    """Estimate a frozen model that occupies memory but is never called."""
    return MemoryLoad(keeps=(part.weights,), phases={})


def rollout_items(part: PartSettings) -> tuple[MemoryItem, ...]:
    """Estimate what sampling in the student's process (`engines/transformers.py`) needs on top of the weights."""
    options = part.config.rollouts.engine_options
    budget = int(options.get("max_batch_tokens", 131_072))
    rows = min(int(options.get("max_batch_sequences", 256)), max(1, budget // part.row))
    cache = max(budget, part.row) * part.shape.cache_bytes(part.itemsize)
    logits = rows * part.shape.vocabulary * 4 * 4
    return (
        MemoryItem(name="cache of keys and values", bytes=cache, why=f"{budget:,} positions (max_batch_tokens)"),
        MemoryItem(
            name="distributions", bytes=logits, why=f"float32, of {rows} sequences, four of them while one is drawn"
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFit:
    """What a vLLM engine holds, and whether its share of the GPUs is large enough."""

    load: MemoryLoad
    problem: str | None
    """Why it is too small, with the remedy; None if it is large enough."""


def engine_fit(part: PartSettings, options: Mapping[str, object], gpus: int, *, section: str) -> EngineFit:
    """Estimate a vLLM engine on so many GPUs (0 means on the CPU); the bytes are those of all its GPUs together."""
    if not gpus:
        cache = float(str(options.get("kv_cache_memory_bytes") or part.assumptions.cpu_cache_gib * GIB))
        kept = MemoryItem(name="cache of keys and values", bytes=cache, why="kv_cache_memory_bytes, or cpu_cache_gib")
        return EngineFit(load=MemoryLoad(keeps=(part.weights, kept), phases={}), problem=None)
    utilization = float(str(options.get("gpu_memory_utilization", VLLM_UTILIZATION)))
    share = utilization * part.assumptions.gpu_memory_gib * GIB * gpus
    per_position = part.shape.cache_bytes(part.itemsize)
    rest = share - part.weights.bytes - part.assumptions.vllm_gib * GIB * gpus
    problem = None
    if rest < part.row * per_position:
        problem = (
            f"{section}: its share of {share / GIB:.1f} GiB (gpu_memory_utilization {utilization:g}) holds weights of "
            f"{part.weights.bytes / GIB:.1f} GiB and no cache for one row of {part.row:,} positions "
            f"({part.row * per_position / GIB:.1f} GiB): raise gpu_memory_utilization or {section}.num_gpus"
        )
    why = (
        f"gpu_memory_utilization {utilization:g} of gpu_memory_gib, of which weights {part.weights.bytes / GIB:.1f} GiB"
    )
    item = MemoryItem(name="vLLM", bytes=share, why=f"{why}, cache {max(rest, 0) / GIB:.1f} GiB")
    return EngineFit(load=MemoryLoad(keeps=(item,), phases={}), problem=problem)


def most_tokens(config: TrainConfig) -> int:
    """Return the largest number of response tokens of one step."""
    return config.data.prompts_per_step * config.rollouts.per_prompt * config.rollouts.max_new_tokens


def _over(ranks: int) -> str:
    return f" / {ranks} ranks" if ranks > 1 else ""
