"""Which part of a run reserves what, and which share a machine's device; the same for a plan and for Ray."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sure_math.models.engines import EngineUnavailable
from uopd.config import TrainConfig

ROUNDING = 1e-6
"""Shares of a GPU such as 0.8 + 0.2 are a whole one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """The CPUs and GPUs of one actor."""

    part: str
    """`student`, `reference`, `teacher` or `engine`, with its number where there may be several."""
    num_cpus: float
    num_gpus: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Actors that are placed together: on one machine, and shares of a GPU on the same one."""

    reservations: tuple[Reservation, ...]

    @property
    def num_cpus(self) -> float:
        return sum(reservation.num_cpus for reservation in self.reservations)

    @property
    def num_gpus(self) -> float:
        return sum(reservation.num_gpus for reservation in self.reservations)


def place(config: TrainConfig, *, teacher: bool, reference: bool) -> tuple[Bundle, ...]:
    """Where the paper (A.1) puts the parts: ranks of the student, the reference beside the first; teacher; engines.

    `sync.backend = ipc` hands over memory of one GPU, so the engines then join the first rank.
    """
    student, rollouts = config.student, config.rollouts
    ranks = [
        Reservation(part=f"student {rank}", num_cpus=student.num_cpus, num_gpus=student.num_gpus)
        for rank in range(student.ranks)
    ]
    engines = [
        Reservation(part=f"engine {engine}", num_cpus=rollouts.num_cpus, num_gpus=rollouts.num_gpus)
        for engine in range(rollouts.engines)
    ]
    first = [ranks[0]]
    if reference:
        held = config.reference
        first.append(Reservation(part="reference", num_cpus=held.num_cpus, num_gpus=held.num_gpus))
    if config.sync.backend == "ipc":
        first += engines
        engines = []
    alone = [*ranks[1:]]
    if teacher:
        alone.append(Reservation(part="teacher", num_cpus=config.teacher.num_cpus, num_gpus=config.teacher.num_gpus))
    return (
        Bundle(reservations=tuple(first)),
        *(Bundle(reservations=(reservation,)) for reservation in (*alone, *engines)),
    )


def check_gpus(bundles: Sequence[Bundle], available: float) -> None:
    """EngineUnavailable where the parts do not fit on that many GPUs; a part never spans a share of one and more."""
    for bundle in bundles:
        if bundle.num_gpus > 1 and abs(bundle.num_gpus - round(bundle.num_gpus)) > ROUNDING:
            raise EngineUnavailable(
                f"{_listed(bundle.reservations, 'num_gpus')} are placed together and make {bundle.num_gpus:g} GPUs: "
                "let them sum to at most 1, as student.num_gpus=0.8 reference.num_gpus=0.2 do, or to a whole number"
            )
    asked = [bundle.num_gpus for bundle in bundles]
    if _whole(asked) > available + ROUNDING:
        raise EngineUnavailable(
            f"the run asks for {_whole(asked):g} GPUs ({_listed(_reservations(bundles), 'num_gpus')}), and there are "
            f"{available:g}: give the parts smaller shares (num_gpus=0.5) so that some share one (0 is the CPU), use "
            "fewer engines (rollouts.engines), or a larger machine or cluster (runtime.address)"
        )


def check_cpus(bundles: Sequence[Bundle], available: float, *, together: bool) -> None:
    """EngineUnavailable where parts that work at the same time ask for more CPUs than there are.

    On a machine that is this run's alone the student, its scorer and the engines take turns, so that each may use all
    CPUs. `together` says that this is not so: engines sample while the others work, or the CPUs are a cluster's.
    """
    reservations = _reservations(bundles)
    kinds = {reservation.part.split()[0] for reservation in reservations}
    turns = (
        [reservations]
        if together
        else [[reservation for reservation in reservations if reservation.part.split()[0] == kind] for kind in kinds]
    )
    worst = max(turns, key=lambda turn: sum(reservation.num_cpus for reservation in turn))
    asked = sum(reservation.num_cpus for reservation in worst)
    if asked > available + ROUNDING:
        raise EngineUnavailable(
            f"the run asks for {asked:g} CPUs at the same time ({_listed(worst, 'num_cpus')}), and there are "
            f"{available:g}: lower student.num_cpus, teacher.num_cpus, reference.num_cpus or rollouts.num_cpus "
            "(0.5 is one thread), or rollouts.engines"
        )


def _whole(asked: Sequence[float]) -> float:
    """GPUs that hold all the bundles, none of them on parts of two: first fit, the largest first."""
    whole = sum(math.floor(amount + ROUNDING) for amount in asked if amount >= 1 - ROUNDING)
    left: list[float] = []
    for share in sorted((amount for amount in asked if 0 < amount < 1 - ROUNDING), reverse=True):
        index = next((index for index, free in enumerate(left) if free >= share - ROUNDING), None)
        if index is None:
            left.append(1 - share)
        else:
            left[index] -= share
    return whole + len(left)


def _reservations(bundles: Sequence[Bundle]) -> list[Reservation]:
    return [reservation for bundle in bundles for reservation in bundle.reservations]


def _listed(reservations: Sequence[Reservation], field: str) -> str:
    return ", ".join(
        f"{reservation.part} {getattr(reservation, field):g}"
        for reservation in reservations
        if getattr(reservation, field)
    )
