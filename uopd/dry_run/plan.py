"""Plan a training run (`--dry-run`): its steps, where its parts go, and whether they fit.

No model is loaded and no network is used. `layout.py` gives every part its GPUs, as Ray does. Memory is an estimate:
`memory.py` computes what a part holds, and `model_shapes.py` how large a model is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sure_math.dry_run.machine import Machine, memory_bytes, this_machine
from sure_math.publication.published import DatasetError, open_dataset
from uopd.config import TrainConfig
from uopd.dry_run.cpu_time import StepTime, step_time
from uopd.dry_run.layout import PlacedPart, placed_parts
from uopd.dry_run.memory import (
    GIB,
    MemoryItem,
    MemoryLoad,
    PartSettings,
    SentScores,
    TrainingAssumptions,
    engine_fit,
    idle_load,
    most_tokens,
    rollout_items,
    scorer_load,
    sent_scores,
    student_load,
    total,
)
from uopd.dry_run.model_shapes import shape_of
from uopd.dry_run.syncable import sync_problem
from uopd.methods import Method, make_method

HOST = "host"
"""Name of the machine's own memory among the devices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One model of the run, where it runs and what it holds."""

    name: str
    """`student 0`, `reference`, `teacher`, `engine 0`, ...; in one process `student`, `teacher`."""
    model: str
    how: str
    """What runs it."""
    devices: tuple[str, ...]
    """`GPU 0`, ..., or `host`; several GPUs if it is spread over them."""
    share: float
    """Of a GPU, reserved from Ray; 0 if nothing is reserved."""
    load: MemoryLoad | None
    """None if the size of its model is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A GPU, or the host, and what the run holds in its memory."""

    name: str
    bytes: float
    """Bytes of its memory."""
    items: tuple[tuple[str, MemoryItem], ...]
    """Each with the name of its part."""

    @property
    def needed(self) -> float:
        """Bytes that the run holds here at the worst moment."""
        return total([item for _, item in self.items])

    @property
    def excess(self) -> float:
        """Bytes that are too many; negative if there is room."""
        return self.needed - self.bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """What a training run would do and hold."""

    config: TrainConfig
    assumptions: TrainingAssumptions
    method: Method
    parts: tuple[Part, ...]
    devices: tuple[Device, ...]
    overfull: tuple[str, ...]
    """Why the layout does not fit, each with its remedy."""
    unknown: tuple[str, ...]
    """Messages about parts whose size is not known, so that nobody can say whether they fit."""
    missing: tuple[str, ...]
    """What the run needs and is not there yet."""
    refused: str | None
    """Why the run would be refused though it fits; None if it would not."""
    sent: SentScores
    """What the scorer sends for each position."""
    machine: Machine
    """Where the plan was made."""
    step_time: StepTime | None
    """Without a GPU, and if the sizes of student and scorer are known; None otherwise."""

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the run does not fit, or may not fit."""
        return self.overfull + self.unknown

    @property
    def fits(self) -> bool:
        """Whether every part has a known size and enough memory."""
        return not self.problems

    @property
    def ready(self) -> bool:
        """Whether the run could be started on a machine as it is assumed."""
        return self.fits and not self.missing and self.refused is None

    @property
    def gpus(self) -> int:
        """How many GPUs the run uses."""
        return sum(device.name != HOST for device in self.devices)

    @property
    def prompts_of_last_step(self) -> int:
        """Prompts of the last step: fewer than in the other steps if the samples do not divide."""
        data, before = self.config.data, self.config.steps - 1
        return min(data.prompts_per_step, data.samples - before * data.prompts_per_step)

    @property
    def prompts(self) -> int:
        """Prompts of the whole run."""
        return (self.config.steps - 1) * self.config.data.prompts_per_step + self.prompts_of_last_step

    @property
    def rollouts(self) -> int:
        """Responses of the whole run."""
        return self.prompts * self.config.rollouts.per_prompt


def make_plan(config: TrainConfig, assumptions: TrainingAssumptions | None = None) -> TrainingPlan:
    """Make the plan of a run; of a model that is here only its `config.json` is read.

    Example:
        >>> from uopd.config import load_config
        >>> make_plan(load_config("paper-8b-fit")).fits
        True
    """
    assumptions, method = assumptions or TrainingAssumptions(), make_method(config)
    placed = placed_parts(config, method)
    sent = _sent(placed, config, method)
    machine = this_machine()
    parts = tuple(_part(part, config, method, assumptions, sent) for part in placed)
    devices = tuple(_devices(parts, config, method, assumptions, sent))
    return TrainingPlan(
        config=config,
        assumptions=assumptions,
        method=method,
        parts=parts,
        devices=devices,
        overfull=tuple(_overfull(parts, devices, config, assumptions)),
        unknown=tuple(_unknown(parts)),
        missing=tuple(_missing(config)),
        refused=sync_problem(config),
        sent=sent,
        machine=machine,
        step_time=None if any(part.gpus for part in placed) else _time(config, method, machine, assumptions),
    )


def _time(config: TrainConfig, method: Method, machine: Machine, assumptions: TrainingAssumptions) -> StepTime | None:
    student = shape_of(config.student.model)
    scorer = shape_of(config.teacher.model) if method.scorer == "teacher" else student
    if student is None or scorer is None:
        return None
    return step_time(config, student, None if method.scorer is None else scorer, machine, assumptions)


def _sent(placed: Sequence[PlacedPart], config: TrainConfig, method: Method) -> SentScores:
    top_k = config.teacher.top_k if method.objective.needs_support else 0
    part = "teacher" if method.scorer == "teacher" else "reference"
    on_gpu = any(other.gpus for other in placed if other.part == part)
    model = config.teacher if method.scorer == "teacher" else config.student
    return sent_scores(config, top_k, shape_of(model.model), _itemsize(model.dtype, on_gpu=on_gpu))


def _part(
    placed: PlacedPart,
    config: TrainConfig,
    method: Method,
    assumptions: TrainingAssumptions,
    sent: SentScores,
) -> Part:
    kind, gpus = placed.part.split()[0], placed.gpus
    teacher = kind == "teacher"
    model, dtype = (
        (config.teacher.model, config.teacher.dtype) if teacher else (config.student.model, config.student.dtype)
    )
    if kind == "engine":
        dtype = "auto"
    shape = shape_of(model)
    itemsize = _itemsize(dtype, on_gpu=bool(gpus))
    load = None
    if shape is not None:
        part = PartSettings(config=config, assumptions=assumptions, shape=shape, itemsize=itemsize, on_gpu=bool(gpus))
        load = _load(kind, part, method, len(gpus), sent)
    return Part(
        name=placed.part,
        model=model,
        how=_how(kind, config, method),
        devices=tuple(f"GPU {number}" for number in gpus) or (HOST,),
        share=placed.share,
        load=load,
    )


def _itemsize(dtype: str, *, on_gpu: bool) -> int:
    return 4 if dtype == "float32" or (dtype == "auto" and not on_gpu) else 2


def _load(kind: str, part: PartSettings, method: Method, gpus: int, sent: SentScores) -> MemoryLoad:
    config = part.config
    if kind == "engine":
        return engine_fit(part, config.rollouts.engine_options, gpus, section="rollouts").load
    if kind == "teacher" and config.teacher.engine == "vllm":
        return engine_fit(part, config.teacher.engine_options, gpus, section="teacher").load
    if kind == "teacher" or (kind == "reference" and method.scorer == "initial"):
        return scorer_load(part, sent)
    return idle_load(part) if kind == "reference" else student_load(part, sent)


def _how(kind: str, config: TrainConfig, method: Method) -> str:
    student, scores = config.student, method.scorer == "initial"
    checkpointing = ", gradient checkpointing" if student.gradient_checkpointing else ""
    offload = ", optimizer on the host" if student.offload_optimizer else ""
    zero = f"DeepSpeed ZeRO-1{offload}" if student.engine == "deepspeed" else "plain torch"
    samples = "; samples its own responses" if config.rollouts.engine == "transformers" else ""
    return {
        "student": f"{zero}, {student.attention}{checkpointing}{samples}",
        "reference": f"frozen, {'scores' if scores else f'never asked by {config.method}'}",
        "teacher": f"{config.teacher.engine}, {config.teacher.attention}",
        "engine": f"vLLM, {config.rollouts.per_prompt // config.rollouts.engines} responses of every prompt",
    }[kind]


def _devices(
    parts: Sequence[Part], config: TrainConfig, method: Method, assumptions: TrainingAssumptions, sent: SentScores
) -> Iterator[Device]:
    local = config.runtime.kind == "local"
    names = sorted({name for part in parts for name in part.devices if name != HOST})
    for name in names:
        parts_here = [part for part in parts if name in part.devices]
        items = list(_together(parts_here, config, assumptions) if local else _apart(parts_here))
        processes = 1 if local else sum(not _is_vllm(part) for part in parts_here)
        if processes:
            why = f"process_gib, {processes} process{'es' if processes > 1 else ''}"
            items.append(("", MemoryItem(name="processes", bytes=processes * assumptions.process_gib * GIB, why=why)))
        yield Device(name=name, bytes=assumptions.gpu_memory_gib * GIB, items=tuple(items))
    memory = assumptions.host_memory_gib * GIB if names else memory_bytes()
    yield Device(name=HOST, bytes=memory, items=tuple(_host(parts, config, method, assumptions, sent)))


def _is_vllm(part: Part) -> bool:
    return part.how.lower().startswith("vllm")


def _apart(parts: Sequence[Part]) -> Iterator[tuple[str, MemoryItem]]:
    """Every part is a process and needs the memory of its worst moment."""
    for part in parts:
        for item in part.load.items if part.load else ():
            yield part.name, MemoryItem(name=item.name, bytes=item.bytes / len(part.devices), why=item.why)


def _together(
    parts: Sequence[Part], config: TrainConfig, assumptions: TrainingAssumptions
) -> Iterator[tuple[str, MemoryItem]]:
    """All parts are in one process: what they keep, and the worst phase of any part."""
    known = [(part.name, part.load) for part in parts if part.load]
    phases: list[tuple[str, tuple[MemoryItem, ...]]] = []
    for name, load in known:
        yield from ((name, item) for item in load.keeps)
        phases += [(name, items) for items in load.phases.values()]
    student = next((part for part in parts if part.name == "student"), None)
    shape = None if student is None else shape_of(student.model)
    if student is not None and shape is not None and config.rollouts.engine == "transformers":
        on_gpu = student.devices != (HOST,)
        itemsize = _itemsize(config.student.dtype, on_gpu=on_gpu)
        part = PartSettings(config=config, assumptions=assumptions, shape=shape, itemsize=itemsize, on_gpu=on_gpu)
        phases.append(("rollouts", rollout_items(part)))
    if phases:
        name, items = max(phases, key=lambda phase: total(phase[1]))
        yield from ((name, item) for item in items)


def _host(
    parts: Sequence[Part], config: TrainConfig, method: Method, assumptions: TrainingAssumptions, sent: SentScores
) -> Iterator[tuple[str, MemoryItem]]:
    on_host = [part for part in parts if part.devices == (HOST,)]
    yield from _together(on_host, config, assumptions) if config.runtime.kind == "local" else _apart(on_host)
    for part in parts:
        yield from ((part.name, item) for item in (part.load.host if part.load else ()))
    if config.runtime.kind == "ray" and method.scorer is not None:
        stored = sent.position * most_tokens(config)
        yield "", MemoryItem(name="object store", bytes=stored, why="scores of a step, at most")
    processes = 1 if config.runtime.kind == "local" else 1 + len(parts)
    why = f"host_process_gib, {processes} process{'es' if processes > 1 else ''}"
    yield "", MemoryItem(name="processes", bytes=processes * assumptions.host_process_gib * GIB, why=why)


def _overfull(
    parts: Sequence[Part], devices: Sequence[Device], config: TrainConfig, assumptions: TrainingAssumptions
) -> Iterator[str]:
    for device in devices:
        if device.excess > 0:
            yield (
                f"{device.name}: {device.needed / GIB:.1f} GiB are needed and {device.bytes / GIB:.1f} GiB are there, "
                f"{device.excess / GIB:.1f} GiB too much: {_remedy(device, config)}"
            )
    fits: Mapping[str, tuple[str, Mapping[str, object]]] = {
        "engine": ("rollouts", config.rollouts.engine_options),
        "teacher": ("teacher", config.teacher.engine_options),
    }
    reported = set()
    for part in parts:
        shape, kind = shape_of(part.model), part.name.split()[0]
        if shape is None or not _is_vllm(part) or part.devices == (HOST,) or kind in reported:
            continue
        section, options = fits[kind]
        setting = PartSettings(config=config, assumptions=assumptions, shape=shape, itemsize=2, on_gpu=True)
        problem = engine_fit(setting, options, len(part.devices), section=section).problem
        if problem is not None:
            reported.add(kind)
            yield problem


def _unknown(parts: Sequence[Part]) -> Iterator[str]:
    for part in parts:
        if part.load is None:
            yield (
                f"{part.name}: the size of {part.model} is not known; give the path of its folder, whose config.json "
                "says it"
            )


def _remedy(device: Device, config: TrainConfig) -> str:
    """Name the settings that would make room on the device, without those that are set already."""
    names, student, settings = {part.split()[0] for part, _ in device.items if part}, config.student, []
    if "student" in names and device.name != HOST:
        if student.engine == "deepspeed" and not student.offload_optimizer:
            settings.append("student.offload_optimizer=true")
        if not student.gradient_checkpointing:
            settings.append("student.gradient_checkpointing=true")
        if any(item.name == "activations" for _, item in device.items):
            settings.append("a smaller batch.max_tokens")
        if any(item.name == "the scorer's head" for _, item in device.items):
            settings.append("teacher.sends=topk")
    if "reference" in names and config.reference.load == "always":
        settings.append("reference.load=when_used")
    if "teacher" in names:
        settings.append("a smaller teacher.max_tokens")
    if "rollouts" in names:
        settings.append("rollouts.engine_options.max_batch_tokens=32768")
    return "set " + ", ".join(settings) if settings else "a machine with more memory, or smaller models"


def _missing(config: TrainConfig) -> Iterator[str]:
    try:
        open_dataset(config.data.path, f"data.path = {config.data.path}")
    except DatasetError as error:
        yield str(error)
