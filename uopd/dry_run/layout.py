"""Which GPU each part of a run gets, and the check that there are enough GPUs."""

from __future__ import annotations

from dataclasses import dataclass

from sure_math.command_line.settings import ConfigError
from sure_math.models.engines import EngineUnavailable
from uopd.config import TrainConfig
from uopd.methods import Method, make_method
from uopd.runtime.placement import ROUNDING, Bundle, check_gpus, place


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedPart:
    """A part of the run with its GPUs."""

    part: str
    """As in `Reservation`."""
    share: float
    """Of a GPU, reserved from Ray; 0 if nothing is reserved."""
    gpus: tuple[int, ...]
    """Numbers of its GPUs; none if it runs on the CPU."""


def refuse_layout(config: TrainConfig, gpus: float) -> None:
    """Check that a run finds its GPUs.

    Raises:
        ConfigError: the run needs more than `gpus` GPUs, or asks for fractions that cannot share one.
    """
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


def placed_parts(config: TrainConfig, method: Method) -> list[PlacedPart]:
    """Give every part its GPUs, in the order of the bundles.

    Example:
        >>> from uopd.config import load_config
        >>> config = load_config("paper-1.7b")
        >>> [(placed.part, placed.gpus) for placed in placed_parts(config, make_method(config))]
        [('student 0', (0,)), ('reference', (0,)), ('teacher', (1,)), ('engine 0', (2,)), ('engine 1', (3,))]
    """
    if config.runtime.kind == "local":
        return _local_parts(config, method)
    placed: list[PlacedPart] = []
    free: list[float] = []
    for bundle in _bundles(config, method):
        gpus = _take(bundle.num_gpus, free)
        placed += [
            PlacedPart(part=reservation.part, share=reservation.num_gpus, gpus=gpus if reservation.num_gpus else ())
            for reservation in bundle.reservations
        ]
    return placed


def _take(amount: float, free: list[float]) -> tuple[int, ...]:
    """Give a bundle its GPUs, by number. A share of a GPU comes from the first GPU that has it free.

    Args:
        free: the share of each GPU that is still free; it is changed.
    """
    if amount <= 0:
        return ()
    whole = amount >= 1 - ROUNDING
    if not whole:
        for number, share in enumerate(free):
            if share >= amount - ROUNDING:
                free[number] -= amount
                return (number,)
    first, count = len(free), max(1, round(amount)) if whole else 1
    free += [0.0 if whole else 1 - amount] * count
    return tuple(range(first, first + count))


def _local_parts(config: TrainConfig, method: Method) -> list[PlacedPart]:
    """One process for all parts, which reserves nothing."""
    scorer = {"teacher": ["teacher"], "initial": ["reference"], None: []}[method.scorer]
    devices = dict(_local_devices(config))
    devices["reference"] = devices["student"]
    return [
        PlacedPart(part=name, share=0, gpus=(0,) if devices[name].startswith("cuda") else ())
        for name in ["student", *scorer]
    ]


def _local_devices(config: TrainConfig) -> list[tuple[str, str]]:
    """The devices of student and teacher; `auto` is the GPU if this machine has one."""
    import torch

    automatic = "cuda" if torch.cuda.is_available() else "cpu"
    roles = (("student", config.student), ("teacher", config.teacher))
    return [(role, automatic if model.device == "auto" else model.device) for role, model in roles]
