"""How many replicas fit into the CPUs and GPUs that Ray has."""

import math
from collections.abc import Mapping

from sure_math.models.engines import EngineUnavailable
from sure_math.models.engines.spec import ReplicasSpec


def check_capacity(replicas: ReplicasSpec, resources: Mapping[str, float]) -> None:
    """Raise EngineUnavailable if `replicas.min` do not fit: a Ray of this machine never gets more resources."""
    if replicas.min > capacity(replicas, resources):
        raise EngineUnavailable(f"replicas.min = {replicas.min} do not fit: {what_is_missing(replicas, resources)}")


def capacity(replicas: ReplicasSpec, resources: Mapping[str, float]) -> float:
    """Return how many replicas fit into the resources of one machine; a share of a GPU is a share of a single GPU.

    >>> capacity(ReplicasSpec(num_cpus=2), {"CPU": 8.0})
    4
    """
    fitting = math.inf
    rounding = 1e-9
    if replicas.num_cpus > 0:
        fitting = math.floor(resources.get("CPU", 0) / replicas.num_cpus + rounding)
    if 0 < replicas.num_gpus < 1:
        fitting = min(fitting, resources.get("GPU", 0) * math.floor(1 / replicas.num_gpus + rounding))
    elif replicas.num_gpus >= 1:
        fitting = min(fitting, math.floor(resources.get("GPU", 0) / replicas.num_gpus + rounding))
    return fitting


def what_is_missing(replicas: ReplicasSpec, resources: Mapping[str, float]) -> str:
    """Say what each replica asks for, what Ray has, and what to change."""
    return (
        f"each asks num_cpus = {replicas.num_cpus:g} and num_gpus = {replicas.num_gpus:g}, and Ray has "
        f"{resources.get('CPU', 0):g} CPUs and {resources.get('GPU', 0):g} GPUs in all; lower these or replicas.min, "
        "or use a larger cluster (replicas.address)"
    )
