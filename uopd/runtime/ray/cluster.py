"""Start the components of a run in Ray actors, in what the run has reserved for them.

There is one actor per rank of the student, one for the teacher or the reference, and one per vLLM engine, placed as
`runtime/placement.py` says (A.1). `*_actor.py` run in them. `student.py`, `scorer.py` and `sampler.py` are what the
driver sees of them. The driver, which runs `uopd/train.py`, holds no model and no tensor. If a run ends, or its driver
is killed with -9, nothing is left behind (see `sure_math/models/engines/ray_replicas/pool.py`).
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
from sure_math.models.engines.ray_replicas.environment import actor_environment
from sure_math.models.engines.ray_replicas.session import connect
from uopd.config import TrainConfig
from uopd.methods import Method
from uopd.protocols import Components
from uopd.runtime.factories import Factories, make_factories
from uopd.runtime.placement import Bundle, Reservation, check_cpus, check_gpus, place
from uopd.runtime.ray.calls import ActorHandle, Reference, call, wait_for_start
from uopd.runtime.ray.engine_actor import EngineActor
from uopd.runtime.ray.rank_actor import RankActor
from uopd.runtime.ray.sampler import RemoteSampler, StartingEngine
from uopd.runtime.ray.scorer import RemoteScorer
from uopd.runtime.ray.scorer_actor import ScorerActor
from uopd.runtime.ray.student import RemoteStudent
from uopd.runtime.specs import SharedTokens

PLACEMENT_SECONDS = 120.0
"""Time for other users of a cluster to give back what the run needs."""
LEAST_CPUS = 0.001
"""For a bundle that asks for nothing: Ray refuses an empty one."""


def start_ray(config: TrainConfig, method: Method, tokens: SharedTokens | None = None) -> Components:
    """Start the components of a run in actors, and wait until their models are loaded.

    Raises:
        EngineUnavailable: no room, no cluster, a missing package, or a model that is not there; with what to do.
    """
    return start_components(config, make_factories(config, method, tokens))


def start_components(config: TrainConfig, factories: Factories) -> Components:
    """Start the components in Ray actors, with factories that the caller chooses."""
    bundles = place(config, teacher=factories.teacher is not None, reference=factories.reference is not None)
    group = ActorGroup(config, bundles)
    try:
        return _start(config, factories, group)
    except BaseException:
        group.release()
        raise


def _start(config: TrainConfig, factories: Factories, group: ActorGroup) -> Components:
    """Begin everything before waiting for anything, so that models load at the same time."""
    ranks = [group.new_actor(_RANK, f"student {rank}") for rank in range(config.student.ranks)]
    ((address, port),) = wait_for_start({"student 0": call(RankActor.meet).on(ranks[0])})
    started: dict[str, Reference[Any]] = {
        f"student {rank}": call(RankActor.start, factories.student, rank, len(ranks), address, port).on(actor)
        for rank, actor in enumerate(ranks)
    }
    scorers: dict[str, RemoteScorer] = {}
    for part, factory in (("teacher", factories.teacher), ("reference", factories.reference)):
        if factory is not None:
            actor = group.new_actor(_SCORER, part)
            started[part] = call(ScorerActor.start, factory).on(actor)
            scorers[part] = RemoteScorer(part, actor)

    def begin_engine(number: int) -> StartingEngine:
        actor = group.new_actor(_ENGINE, f"engine {number}")
        return StartingEngine(actor=actor, start=call(EngineActor.start, factories.engine).on(actor))

    engines = [begin_engine(number) for number in range(config.rollouts.engines)]
    version, *_ = wait_for_start(started)
    student = RemoteStudent(ranks, version)
    sampler = RemoteSampler(begin_engine, engines, student, config.sync)
    return Components(
        student=student,
        scorer=None if factories.scorer is None else scorers[factories.scorer],
        sampler=sampler,
        sync=sampler.sync,
        closing=(*(scorer.close for part, scorer in scorers.items() if part != factories.scorer), group.release),
    )


class ActorGroup:
    """What a run has reserved from Ray, in which its actors are made."""

    def __init__(self, config: TrainConfig, bundles: Sequence[Bundle]) -> None:
        """Start Ray or join it, and reserve.

        Raises:
            EngineUnavailable: there is no Ray, or it has too few CPUs or GPUs.
        """
        self._reservations: dict[str, tuple[int, Reservation]] = {
            reservation.part: (index, reservation)
            for index, bundle in enumerate(bundles)
            for reservation in bundle.reservations
        }
        self._placement: Any = None
        self._ours = not ray.is_initialized()
        address = config.runtime.address
        if self._ours and address is None:
            cpus = os.cpu_count() or 1
            check_cpus(bundles, cpus, together=config.rollouts.overlap)
            # Parts that take turns may ask for more CPUs than there are, and Ray only counts what is reserved.
            reserved = math.ceil(sum(bundle.num_cpus for bundle in bundles))
            connect(None, num_cpus=max(cpus, reserved), object_store_memory=None)
        elif self._ours:
            connect(address, field="runtime.address")
        try:
            resources = ray.cluster_resources()
            check_gpus(bundles, resources.get("GPU", 0.0))
            check_cpus(bundles, resources.get("CPU", 0.0), together=True)
            self._reserve(bundles)
        except BaseException:
            self.release()
            raise

    def new_actor(self, actor_class: Any, part: str) -> ActorHandle:
        """Make an actor with the CPUs and GPUs that are reserved for that part."""
        index, reservation = self._reservations[part]
        threads = max(1, math.floor(reservation.num_cpus))
        variables = actor_environment(threads=threads, gpu=reservation.num_gpus > 0)
        variables["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"  # whatever the driver inherited: an engine may be killed
        return actor_class.options(
            num_cpus=reservation.num_cpus,
            num_gpus=reservation.num_gpus,
            max_restarts=0,
            max_task_retries=0,
            runtime_env={"env_vars": variables},
            scheduling_strategy=PlacementGroupSchedulingStrategy(self._placement, placement_group_bundle_index=index),
        ).remote()

    def release(self) -> None:
        """Give everything back, with whatever actors are left."""
        if ray.is_initialized():
            if self._placement is not None:
                remove_placement_group(self._placement)
            if self._ours:
                ray.shutdown()
        self._placement = None

    def _reserve(self, bundles: Sequence[Bundle]) -> None:
        requests = []
        for bundle in bundles:
            resources = {"CPU": bundle.num_cpus or LEAST_CPUS}
            requests.append(resources | ({"GPU": round(bundle.num_gpus, 4)} if bundle.num_gpus else {}))
        self._placement = placement_group(requests, strategy="PACK")
        if not self._placement.wait(timeout_seconds=PLACEMENT_SECONDS):
            free = ray.available_resources()
            raise EngineUnavailable(
                f"Ray found no room in {PLACEMENT_SECONDS:g} seconds for {requests}: {free.get('CPU', 0):g} CPUs and "
                f"{free.get('GPU', 0):g} GPUs are free in all, and a bundle must fit on one machine; wait for other "
                "users of the cluster, or lower num_cpus and num_gpus of student, teacher, reference or rollouts"
            )


_RANK, _SCORER, _ENGINE = ray.remote(RankActor), ray.remote(ScorerActor), ray.remote(EngineActor)
