"""What each part of a run reserves, and which parts share a machine or a GPU; the plan and Ray both ask here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sure_math.models.engines import EngineUnavailable
from uopd.config import TrainConfig

ROUNDING = 1e-6
"""Shares of a GPU that sum to 1 up to this much make a whole GPU, such as 0.8 + 0.2."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """The CPUs and GPUs of one actor."""

    part: str
    """`student 0`, `reference`, `teacher` or `engine 0`; a number if there may be several."""
    num_cpus: float
    num_gpus: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Actors that are placed together: on one machine, and on one GPU if they reserve shares of a GPU."""

    reservations: tuple[Reservation, ...]

    @property
    def num_cpus(self) -> float:
        """CPUs of all its actors."""
        return sum(reservation.num_cpus for reservation in self.reservations)

    @property
    def num_gpus(self) -> float:
        """GPUs of all its actors."""
        return sum(reservation.num_gpus for reservation in self.reservations)


def place(config: TrainConfig, *, teacher: bool, reference: bool) -> tuple[Bundle, ...]:
    """Place the parts as the paper does (A.1): each on its own, but the reference beside the student's first rank.

    With `sync.backend = ipc` the engines are beside the first rank too, since memory of one GPU is handed over.

    Args:
        teacher: whether the run has a teacher.
        reference: whether the run has a frozen copy of the initial student.

    Example:
        >>> from uopd.config import load_config
        >>> bundles = place(load_config("paper-8b"), teacher=True, reference=True)
        >>> [[reservation.part for reservation in bundle.reservations] for bundle in bundles]
        [['student 0', 'reference'], ['teacher'], ['engine 0'], ['engine 1']]
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
        first.append(
            Reservation(part="reference", num_cpus=config.reference.num_cpus, num_gpus=config.reference.num_gpus)
        )
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
    """Check that the parts fit on that many GPUs. A part uses whole GPUs or a share of one, never both.

    Raises:
        EngineUnavailable: they do not fit, or shares that are placed together do not make whole GPUs.
    """
    for bundle in bundles:
        if bundle.num_gpus > 1 and abs(bundle.num_gpus - round(bundle.num_gpus)) > ROUNDING:
            raise EngineUnavailable(
                f"{_listed(bundle.reservations, 'num_gpus')} are placed together and make {bundle.num_gpus:g} GPUs: "
                "let them sum to at most 1, as student.num_gpus=0.8 reference.num_gpus=0.2 do, or to a whole number"
            )
    gpus = _gpus_for([bundle.num_gpus for bundle in bundles])
    if gpus > available + ROUNDING:
        raise EngineUnavailable(
            f"the run asks for {gpus:g} GPUs ({_listed(_reservations(bundles), 'num_gpus')}), and there "
            f"are {available:g}: give the parts smaller shares (num_gpus=0.5) so that some share one (0 is the CPU), "
            "use fewer engines (rollouts.engines), or a larger machine or cluster (runtime.address)"
        )


def check_cpus(bundles: Sequence[Bundle], available: float, *, together: bool) -> None:
    """Check that parts that work at the same time have enough CPUs.

    On a machine that only this run uses, the student, the scorer and the engines take turns, so each may use all CPUs.

    Args:
        together: whether all parts count at the same time: engines sample while the others work, or the CPUs belong to
            a cluster.

    Raises:
        EngineUnavailable: they ask for more CPUs than `available`.
    """
    reservations = _reservations(bundles)
    kinds = {reservation.part.split()[0] for reservation in reservations}
    turns = (
        [reservations]
        if together
        else [[reservation for reservation in reservations if reservation.part.split()[0] == kind] for kind in kinds]
    )
    worst = max(turns, key=lambda turn: sum(reservation.num_cpus for reservation in turn))
    cpus = sum(reservation.num_cpus for reservation in worst)
    if cpus > available + ROUNDING:
        raise EngineUnavailable(
            f"the run asks for {cpus:g} CPUs at the same time ({_listed(worst, 'num_cpus')}), and there are "
            f"{available:g}: lower student.num_cpus, teacher.num_cpus, reference.num_cpus or rollouts.num_cpus "
            "(0.5 is one thread), or rollouts.engines"
        )


def _gpus_for(amounts: Sequence[float]) -> float:
    """How many GPUs hold all bundles, if no bundle has shares of two GPUs: first fit, the largest bundle first."""
    whole = sum(math.floor(amount + ROUNDING) for amount in amounts if amount >= 1 - ROUNDING)
    left: list[float] = []
    for share in sorted((amount for amount in amounts if 0 < amount < 1 - ROUNDING), reverse=True):
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
