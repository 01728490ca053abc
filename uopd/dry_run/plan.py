"""The plan of a training run (`--dry-run`): its steps, where its parts go, and whether they fit, without a model and
without network.

Placement is `placement.py`'s, which Ray follows too. Memory is an estimate: `memory.py` says what a part holds,
`model_shapes.py` how large a model is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sure_math.command_line.settings import ConfigError
from sure_math.models.engines import EngineUnavailable
from sure_math.publication.published import DatasetError, open_dataset
from uopd.config import TrainConfig
from uopd.dry_run.memory import (
    GIB,
    Item,
    Load,
    Sent,
    Setting,
    TrainingAssumptions,
    engine_fit,
    idle_load,
    machine_bytes,
    most_tokens,
    rollout_items,
    scorer_load,
    sent,
    student_load,
    total,
)
from uopd.dry_run.model_shapes import shape_of
from uopd.methods import Method, make_method
from uopd.runtime.placement import ROUNDING, Bundle, Reservation, check_gpus, place

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
    """`GPU 0`, ..., or `host`; several where it is spread over them."""
    share: float
    """Of a GPU, reserved from Ray; 0 where nothing is reserved."""
    load: Load | None
    """None where the size of its model is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A GPU, or the host, and what is asked of its memory."""

    name: str
    bytes: float
    """What it has."""
    items: tuple[tuple[str, Item], ...]
    """With the part each belongs to."""

    @property
    def asked(self) -> float:
        return total([item for _, item in self.items])

    @property
    def excess(self) -> float:
        """Bytes that are too much; negative where there is room."""
        return self.asked - self.bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run would do and hold."""

    config: TrainConfig
    assumptions: TrainingAssumptions
    method: Method
    parts: tuple[Part, ...]
    devices: tuple[Device, ...]
    overfull: tuple[str, ...]
    """Why the layout does not fit, each with its remedy."""
    unknown: tuple[str, ...]
    """Parts whose size is not known, so that nobody can say whether they fit."""
    missing: tuple[str, ...]
    """What is not there yet."""
    sent: Sent
    """What is handed on of a scored position."""

    @property
    def problems(self) -> tuple[str, ...]:
        return self.overfull + self.unknown

    @property
    def fits(self) -> bool:
        return not self.problems

    @property
    def ready(self) -> bool:
        """Whether the run could be started on machines such as are assumed."""
        return self.fits and not self.missing

    @property
    def gpus(self) -> int:
        return sum(device.name != HOST for device in self.devices)

    @property
    def prompts_of_last_step(self) -> int:
        """Fewer than the others' where they do not divide the samples."""
        data, before = self.config.data, self.config.steps - 1
        return min(data.prompts_per_step, data.samples - before * data.prompts_per_step)

    @property
    def prompts(self) -> int:
        return (self.config.steps - 1) * self.config.data.prompts_per_step + self.prompts_of_last_step

    @property
    def rollouts(self) -> int:
        return self.prompts * self.config.rollouts.per_prompt


def make_plan(config: TrainConfig, assumptions: TrainingAssumptions | None = None) -> Plan:
    """Counts and estimates; reads nothing but a local model's `config.json`."""
    given, method = assumptions or TrainingAssumptions(), make_method(config)
    seats = _seats(config, method)
    each = _sent(seats, config, method)
    parts = tuple(_part(seat, gpus, config, method, given, each) for seat, gpus in seats)
    devices = tuple(_devices(parts, config, method, given, each))
    return Plan(
        config=config,
        assumptions=given,
        method=method,
        parts=parts,
        devices=devices,
        overfull=tuple(_overfull(parts, devices, config, given)),
        unknown=tuple(_unknown(parts)),
        missing=tuple(_missing(config)),
        sent=each,
    )


def refuse_layout(config: TrainConfig, gpus: float) -> None:
    """ConfigError where the run asks for more GPUs than the `gpus` there are, or for parts of them that do not pair."""
    if config.runtime.kind == "local":
        wants = [role for role, device in _local_devices(config) if device.startswith("cuda")]
        if wants and gpus < 1:
            raise ConfigError(
                f"{' and '.join(f'{role}.device = cuda' for role in wants)}: the run asks for 1 GPU, and there are "
                f"{gpus:g}: set them to cpu or auto"
            )
        return
    try:
        check_gpus(_bundles(config, make_method(config)), gpus)
    except EngineUnavailable as error:
        raise ConfigError(str(error)) from None


def _bundles(config: TrainConfig, method: Method) -> tuple[Bundle, ...]:
    reference = config.reference.load == "always" or method.scorer == "initial"
    return place(config, teacher=method.scorer == "teacher", reference=reference)


def _seats(config: TrainConfig, method: Method) -> list[tuple[Reservation, tuple[int, ...]]]:
    """Every part with the numbers of its GPUs (none: on the CPU), in the order in which bundles ask for them."""
    if config.runtime.kind == "local":
        return _local_seats(config, method)
    found: list[tuple[Reservation, tuple[int, ...]]] = []
    rooms: list[float] = []
    for bundle in _bundles(config, method):
        gpus = _take(bundle.num_gpus, rooms)
        found += [(seat, gpus if seat.num_gpus else ()) for seat in bundle.reservations]
    return found


def _take(amount: float, rooms: list[float]) -> tuple[int, ...]:
    """GPUs for a bundle; `rooms` is what is left of each. A share goes to the first that has it."""
    if amount <= 0:
        return ()
    whole = amount >= 1 - ROUNDING
    if not whole:
        for number, room in enumerate(rooms):
            if room >= amount - ROUNDING:
                rooms[number] -= amount
                return (number,)
    first, count = len(rooms), max(1, round(amount)) if whole else 1
    rooms += [0.0 if whole else 1 - amount] * count
    return tuple(range(first, first + count))


def _local_seats(config: TrainConfig, method: Method) -> list[tuple[Reservation, tuple[int, ...]]]:
    scorer = {"teacher": ["teacher"], "initial": ["reference"], None: []}[method.scorer]
    devices = dict(_local_devices(config))
    devices["reference"] = devices["student"]
    return [
        (Reservation(part=name, num_cpus=0, num_gpus=0), (0,) if devices[name].startswith("cuda") else ())
        for name in ["student", *scorer]
    ]


def _local_devices(config: TrainConfig) -> list[tuple[str, str]]:
    """`auto` is the GPU where this machine has one."""
    import torch

    here = "cuda" if torch.cuda.is_available() else "cpu"
    roles = (("student", config.student), ("teacher", config.teacher))
    return [(role, here if model.device == "auto" else model.device) for role, model in roles]


def _sent(seats: Sequence[tuple[Reservation, tuple[int, ...]]], config: TrainConfig, method: Method) -> Sent:
    top_k = config.teacher.top_k if method.objective.needs_support else 0
    part = "teacher" if method.scorer == "teacher" else "reference"
    on_gpu = any(gpus for seat, gpus in seats if seat.part == part)
    model = config.teacher if method.scorer == "teacher" else config.student
    return sent(config, top_k, shape_of(model.model), _itemsize(model.dtype, on_gpu=on_gpu))


def _part(
    seat: Reservation,
    gpus: tuple[int, ...],
    config: TrainConfig,
    method: Method,
    given: TrainingAssumptions,
    each: Sent,
) -> Part:
    kind = seat.part.split()[0]
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
        part = Setting(config=config, given=given, shape=shape, itemsize=itemsize, on_gpu=bool(gpus))
        load = _load(kind, part, method, len(gpus), each)
    return Part(
        name=seat.part,
        model=model,
        how=_how(kind, config, method),
        devices=tuple(f"GPU {number}" for number in gpus) or (HOST,),
        share=seat.num_gpus,
        load=load,
    )


def _itemsize(dtype: str, *, on_gpu: bool) -> int:
    return 4 if dtype == "float32" or (dtype == "auto" and not on_gpu) else 2


def _load(kind: str, part: Setting, method: Method, gpus: int, each: Sent) -> Load:
    config = part.config
    if kind == "engine":
        return engine_fit(part, config.rollouts.engine_options, gpus, section="rollouts").load
    if kind == "teacher" and config.teacher.engine == "vllm":
        return engine_fit(part, config.teacher.engine_options, gpus, section="teacher").load
    if kind == "teacher" or (kind == "reference" and method.scorer == "initial"):
        return scorer_load(part, each)
    return idle_load(part) if kind == "reference" else student_load(part, each)


def _how(kind: str, config: TrainConfig, method: Method) -> str:
    student, asked = config.student, method.scorer == "initial"
    checkpointing = ", gradient checkpointing" if student.gradient_checkpointing else ""
    offload = ", optimizer on the host" if student.offload_optimizer else ""
    zero = f"DeepSpeed ZeRO-1{offload}" if student.engine == "deepspeed" else "plain torch"
    samples = "; samples its own responses" if config.rollouts.engine == "transformers" else ""
    return {
        "student": f"{zero}, {student.attention}{checkpointing}{samples}",
        "reference": f"frozen, {'scores' if asked else f'never asked by {config.method}'}",
        "teacher": f"{config.teacher.engine}, {config.teacher.attention}",
        "engine": f"vLLM, {config.rollouts.per_prompt // config.rollouts.engines} responses of every prompt",
    }[kind]


def _devices(
    parts: Sequence[Part], config: TrainConfig, method: Method, given: TrainingAssumptions, each: Sent
) -> Iterator[Device]:
    local = config.runtime.kind == "local"
    names = sorted({name for part in parts for name in part.devices if name != HOST})
    for name in names:
        there = [part for part in parts if name in part.devices]
        items = list(_together(there, config, given) if local else _apart(there))
        processes = 1 if local else sum(not _is_vllm(part) for part in there)
        if processes:
            why = f"process_gib, {processes} process{'es' if processes > 1 else ''}"
            items.append(("", Item(name="processes", bytes=processes * given.process_gib * GIB, why=why)))
        yield Device(name=name, bytes=given.gpu_memory_gib * GIB, items=tuple(items))
    memory = given.host_memory_gib * GIB if names else machine_bytes()
    yield Device(name=HOST, bytes=memory, items=tuple(_host(parts, config, method, given, each)))


def _is_vllm(part: Part) -> bool:
    return part.how.lower().startswith("vllm")


def _apart(parts: Sequence[Part]) -> Iterator[tuple[str, Item]]:
    """Processes of their own: each needs its worst moment."""
    for part in parts:
        for item in part.load.items if part.load else ():
            yield part.name, Item(name=item.name, bytes=item.bytes / len(part.devices), why=item.why)


def _together(parts: Sequence[Part], config: TrainConfig, given: TrainingAssumptions) -> Iterator[tuple[str, Item]]:
    """One process for all: what they keep, and the worst phase of any."""
    known = [(part.name, part.load) for part in parts if part.load]
    phases: list[tuple[str, tuple[Item, ...]]] = []
    for name, load in known:
        yield from ((name, item) for item in load.keeps)
        phases += [(name, items) for items in load.phases.values()]
    student = next((part for part in parts if part.name == "student"), None)
    shape = None if student is None else shape_of(student.model)
    if student is not None and shape is not None and config.rollouts.engine == "transformers":
        on_gpu = student.devices != (HOST,)
        itemsize = _itemsize(config.student.dtype, on_gpu=on_gpu)
        part = Setting(config=config, given=given, shape=shape, itemsize=itemsize, on_gpu=on_gpu)
        phases.append(("rollouts", rollout_items(part)))
    if phases:
        name, items = max(phases, key=lambda phase: total(phase[1]))
        yield from ((name, item) for item in items)


def _host(
    parts: Sequence[Part], config: TrainConfig, method: Method, given: TrainingAssumptions, each: Sent
) -> Iterator[tuple[str, Item]]:
    here = [part for part in parts if part.devices == (HOST,)]
    yield from _together(here, config, given) if config.runtime.kind == "local" else _apart(here)
    for part in parts:
        yield from ((part.name, item) for item in (part.load.host if part.load else ()))
    if config.runtime.kind == "ray" and method.scorer is not None:
        stored = each.position * most_tokens(config)
        yield "", Item(name="object store", bytes=stored, why="scores of a step, at most")
    processes = 1 if config.runtime.kind == "local" else 1 + len(parts)
    why = f"host_process_gib, {processes} process{'es' if processes > 1 else ''}"
    yield "", Item(name="processes", bytes=processes * given.host_process_gib * GIB, why=why)


def _overfull(
    parts: Sequence[Part], devices: Sequence[Device], config: TrainConfig, given: TrainingAssumptions
) -> Iterator[str]:
    for device in devices:
        if device.excess > 0:
            yield (
                f"{device.name}: {device.asked / GIB:.1f} GiB are needed and {device.bytes / GIB:.1f} GiB are there, "
                f"{device.excess / GIB:.1f} GiB too much: {_remedy(device, config)}"
            )
    fits: Mapping[str, tuple[str, Mapping[str, object]]] = {
        "engine": ("rollouts", config.rollouts.engine_options),
        "teacher": ("teacher", config.teacher.engine_options),
    }
    told = set()
    for part in parts:
        shape, kind = shape_of(part.model), part.name.split()[0]
        if shape is None or not _is_vllm(part) or part.devices == (HOST,) or kind in told:
            continue
        section, options = fits[kind]
        setting = Setting(config=config, given=given, shape=shape, itemsize=2, on_gpu=True)
        problem = engine_fit(setting, options, len(part.devices), section=section).problem
        if problem is not None:
            told.add(kind)
            yield problem


def _unknown(parts: Sequence[Part]) -> Iterator[str]:
    for part in parts:
        if part.load is None:
            yield (
                f"{part.name}: the size of {part.model} is not known; give the path of its folder, whose config.json "
                "says it"
            )


def _remedy(device: Device, config: TrainConfig) -> str:
    """Settings that make room where the device's parts have not got them yet."""
    names, student, found = {part.split()[0] for part, _ in device.items if part}, config.student, []
    if "student" in names and device.name != HOST:
        if student.engine == "deepspeed" and not student.offload_optimizer:
            found.append("student.offload_optimizer=true")
        if not student.gradient_checkpointing:
            found.append("student.gradient_checkpointing=true")
        if any(item.name == "activations" for _, item in device.items):
            found.append("a smaller batch.max_tokens")
        if any(item.name == "the scorer's head" for _, item in device.items):
            found.append("teacher.sends=topk")
    if "reference" in names and config.reference.load == "always":
        found.append("reference.load=when_used")
    if "teacher" in names:
        found.append("a smaller teacher.max_tokens")
    if "rollouts" in names:
        found.append("rollouts.engine_options.max_batch_tokens=32768")
    return "set " + ", ".join(found) if found else "a machine with more memory, or smaller models"


def _missing(config: TrainConfig) -> Iterator[str]:
    try:
        open_dataset(config.data.path, f"data.path = {config.data.path}")
    except DatasetError as error:
        yield str(error)
