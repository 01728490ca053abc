"""The parts of a run in Ray actors: room for them, and their start.

One actor per rank of the student, for the teacher or the reference, and per vLLM engine, placed as `placement.py` says
(A.1): `actors.py` is what runs in them, `proxies.py` what the driver sees of them; nothing else of `uopd`
imports Ray. The driver, which runs `train.py`, holds no model and no tensor. When a run ends, or its driver is killed
with -9, nothing is left behind (see `sure_math/models/engines/ray_replicas/pool.py`).
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import ray
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from sure_math.models.engines import EngineUnavailable
from sure_math.models.engines.ray_replicas.session import connect
from uopd.config import TrainConfig
from uopd.methods import Method
from uopd.protocols import Parts
from uopd.runtime.factories import Makers, makers_of
from uopd.runtime.placement import Bundle, Seat, check_cpus, check_gpus, place
from uopd.runtime.ray.actors import EngineActor, RankActor, ScorerActor
from uopd.runtime.ray.proxies import RemoteSampler, RemoteScorer, RemoteStudent, started

PLACEMENT_SECONDS = 120.0
"""Time for other users of a cluster to give back what the run needs."""
LEAST_CPUS = 0.001
"""Of a bundle that asks for nothing; Ray refuses an empty one."""


def start_ray(config: TrainConfig, method: Method) -> Parts:
    """The parts of a run in actors, loaded and ready.

    Raises:
        EngineUnavailable: no room, no cluster, a missing package, or a model that is not there; with what to do.
    """
    return start(config, makers_of(config, method))


def start(config: TrainConfig, makers: Makers) -> Parts:
    """As `start_ray`, with other ways to make the parts."""
    bundles = place(config, teacher=makers.teacher is not None, reference=makers.reference is not None)
    room = Room(config, bundles)
    try:
        return _parts(config, makers, room)
    except BaseException:
        room.leave()
        raise


def _parts(config: TrainConfig, makers: Makers, room: Room) -> Parts:
    """Everything is begun before anything is waited for: models load at the same time."""
    ranks = [room.actor(_RANK, f"student {rank}") for rank in range(config.student.ranks)]
    address, port = started({"student 0": ranks[0].meet.remote()})[0]
    sent = {
        f"student {rank}": actor.start.remote(makers.student, rank, len(ranks), address, port)
        for rank, actor in enumerate(ranks)
    }
    scorers = {}
    for part, make in (("teacher", makers.teacher), ("reference", makers.reference)):
        if make is not None:
            scorers[part] = room.actor(_SCORER, part)
            sent[part] = scorers[part].start.remote(make)

    def begin(number: int) -> tuple[Any, Any]:
        actor = room.actor(_ENGINE, f"engine {number}")
        return actor, actor.start.remote(makers.engine)

    engines = [begin(number) for number in range(config.rollouts.engines)]
    found = dict(zip(sent, started(sent), strict=True))
    student = RemoteStudent(ranks, found["student 0"])
    proxies = {part: RemoteScorer(part, actor, found[part]) for part, actor in scorers.items()}
    sampler = RemoteSampler(begin, engines, student, config.sync)
    return Parts(
        student=student,
        scorer=None if makers.scorer is None else proxies[makers.scorer],
        sampler=sampler,
        sync=sampler.sync,
        closing=(*(proxy.close for part, proxy in proxies.items() if part != makers.scorer), room.leave),
    )


class Room:
    """What a run has reserved from Ray, and the actors in it."""

    def __init__(self, config: TrainConfig, bundles: Sequence[Bundle]) -> None:
        """Start Ray or join it, and reserve; EngineUnavailable where there is not enough."""
        self._seats: dict[str, tuple[int, Seat]] = {
            seat.part: (index, seat) for index, bundle in enumerate(bundles) for seat in bundle.seats
        }
        self._group: Any = None
        self._ours = not ray.is_initialized()
        address = config.runtime.address
        asked = sum(bundle.num_cpus for bundle in bundles)
        alone = self._ours and address is None
        if alone:
            own = os.cpu_count() or 1
            check_cpus(bundles, own, together=config.rollouts.overlap)
            # Parts that take turns are more than the CPUs; Ray only counts what is reserved.
            connect(None, num_cpus=max(own, math.ceil(asked)), object_store_memory=None)
        elif self._ours:
            connect(address, field="runtime.address")
        try:
            there = ray.cluster_resources()
            check_gpus(bundles, there.get("GPU", 0.0))
            check_cpus(bundles, there.get("CPU", 0.0), together=True)
            self._reserve(bundles)
        except BaseException:
            self.leave()
            raise

    def actor(self, actor_class: Any, part: str) -> Any:
        """A new actor in the seat of that part."""
        index, seat = self._seats[part]
        threads = max(1, math.floor(seat.num_cpus))
        inherited = os.environ.get("OMP_NUM_THREADS", "")
        if inherited.isdigit() and int(inherited):
            threads = min(threads, int(inherited))
        # vLLM's core in the actor's process and not in a child: when the actor is killed, nothing stays behind.
        variables = {"OMP_NUM_THREADS": str(threads), "VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
        if not seat.num_gpus:  # Ray leaves all GPUs visible to an actor that reserved none
            variables["CUDA_VISIBLE_DEVICES"] = ""
        return actor_class.options(
            num_cpus=seat.num_cpus,
            num_gpus=seat.num_gpus,
            max_restarts=0,
            max_task_retries=0,
            runtime_env={"env_vars": variables},
            scheduling_strategy=PlacementGroupSchedulingStrategy(self._group, placement_group_bundle_index=index),
        ).remote()

    def leave(self) -> None:
        """Give everything back, with whatever actors are left."""
        if ray.is_initialized():
            if self._group is not None:
                remove_placement_group(self._group)
            if self._ours:
                ray.shutdown()
        self._group = None

    def _reserve(self, bundles: Sequence[Bundle]) -> None:
        asked = []
        for bundle in bundles:
            resources = {"CPU": bundle.num_cpus or LEAST_CPUS}
            asked.append(resources | ({"GPU": round(bundle.num_gpus, 4)} if bundle.num_gpus else {}))
        self._group = placement_group(asked, strategy="PACK")
        if not self._group.wait(timeout_seconds=PLACEMENT_SECONDS):
            free = ray.available_resources()
            raise EngineUnavailable(
                f"Ray found no room in {PLACEMENT_SECONDS:g} seconds for {asked}: {free.get('CPU', 0):g} CPUs and "
                f"{free.get('GPU', 0):g} GPUs are free in all, and a bundle needs all of its own on one machine; wait "
                "for other users of the cluster, or lower num_cpus and num_gpus of student, teacher, reference or "
                "rollouts"
            )


_RANK, _SCORER, _ENGINE = ray.remote(RankActor), ray.remote(ScorerActor), ray.remote(EngineActor)
