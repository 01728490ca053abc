"""The environment variables of a Ray actor that runs a model."""

import os
from collections.abc import Mapping


def actor_environment(*, threads: int, gpu: bool, inherited: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables that an actor needs, which must be set before it imports torch or vLLM.

    Args:
        threads: of one operation on a CPU; a smaller OMP_NUM_THREADS of the environment is kept.
        gpu: whether the actor has reserved a GPU, or a share of one.
        inherited: the environment that the actor starts from.

    >>> actor_environment(threads=4, gpu=True, inherited={"OMP_NUM_THREADS": "2"})
    {'OMP_NUM_THREADS': '2', 'VLLM_ENABLE_V1_MULTIPROCESSING': '0'}
    """
    limit = inherited.get("OMP_NUM_THREADS", "")
    if limit.isdigit() and int(limit):
        threads = min(threads, int(limit))
    # vLLM's core runs in the actor's process and not in a child: if the actor is killed, nothing stays behind.
    variables = {
        "OMP_NUM_THREADS": str(threads),
        "VLLM_ENABLE_V1_MULTIPROCESSING": inherited.get("VLLM_ENABLE_V1_MULTIPROCESSING", "0"),
    }
    if not gpu:  # Ray leaves all GPUs visible to an actor that reserved none
        variables["CUDA_VISIBLE_DEVICES"] = ""
    return variables
