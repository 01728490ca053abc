"""The process in which an actor runs."""

from __future__ import annotations

import os
from dataclasses import dataclass

import ray
import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorProcess:
    """The process in which an actor runs."""

    node: str
    """Address of the machine."""
    pid: int
    gpus: tuple[int, ...]
    """Numbers of the GPUs of which it was given a share."""
    threads: int
    """Of torch."""


def this_process() -> ActorProcess:
    """Describe the process of the actor that calls this."""
    return ActorProcess(
        node=ray.util.get_node_ip_address(),
        pid=os.getpid(),
        gpus=tuple(int(gpu) for gpu in ray.get_gpu_ids()),
        threads=torch.get_num_threads(),
    )
