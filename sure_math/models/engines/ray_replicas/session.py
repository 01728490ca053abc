"""This process's connection to Ray: start Ray on this machine, or join a cluster."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from typing import Any

import ray
from ray.exceptions import RayError

from sure_math.models.engines import EngineUnavailable
from sure_math.models.engines.engine_output import kept_output, shown
from sure_math.models.engines.processes import watched_start

CONNECT_SECONDS = 10.0
OBJECT_STORE_BYTES = 256 * 2**20
"""Ray would take 30 % of the machine's memory; the tokens of a chunk are a few MB."""


class RaySession:
    """A connection that several users share.

    The first user makes it and the last one ends it. A connection that somebody else made is left as it is.
    """

    def __init__(self) -> None:
        self._users: set[object] = set()
        self._ours = False
        self._address: str | None = None

    @property
    def local(self) -> bool:
        """Whether Ray was started on this machine, for this process alone."""
        return self._ours and self._address is None

    def join(self, user: object, address: str | None) -> None:
        """Connect if no other user has. EngineUnavailable if another user is connected to another address."""
        if not ray.is_initialized():
            connect(address)
            self._ours, self._address = True, address
        elif self._ours and address != self._address:
            raise EngineUnavailable(
                f"replicas.address = {address!r}, but another model of the build uses {self._address!r}: give all of "
                "them the same"
            )
        self._users.add(user)

    def leave(self, user: object) -> None:
        """Disconnect after the last user. A user that never joined may leave too."""
        self._users.discard(user)
        if self._ours and not self._users:
            ray.shutdown()
            self._ours = False


def connect(address: str | None, *, field: str = "replicas.address", **settings: Any) -> None:
    """Start Ray on this machine, or join the cluster at `address`; EngineUnavailable if that is not possible.

    Args:
        field: the name of the address in the configuration, for messages.
        settings: arguments of `ray.init` for a Ray that is started here; they replace those of this module.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    options: dict[str, Any] = {"log_to_driver": shown(), "logging_level": logging.ERROR}
    if address is None:
        options |= {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES} | settings
    else:
        check_address(address, field)
    try:
        with kept_output("ray"), watched_start() if address is None else contextlib.nullcontext():
            ray.init(address="local" if address is None else address, **options)
    except (RayError, RuntimeError, ValueError, OSError) as error:  # ConnectionError is an OSError
        first = str(error).strip().partition("\n")[0]
        if address is None:
            raise EngineUnavailable(
                f"Ray could not be started on this machine: {first}; its files are in /tmp/ray, or in the folder that "
                "RAY_TMPDIR names"
            ) from error
        raise EngineUnavailable(f"{field} = {address!r}: {first} {_how_to_start(field)}") from error


def check_address(address: str, field: str = "replicas.address") -> None:
    """Raise EngineUnavailable if nothing answers at `address`: Ray itself waits for minutes, then ends the process."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        raise EngineUnavailable(f"{field} = {address!r}: give HOST:PORT of the cluster's head, or auto")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise EngineUnavailable(f"{field} = {address!r}: nobody answers ({error}); {_how_to_start(field)}") from error


def reason_of(error: RayError) -> str:
    """Say in a line what Ray's report of half a page says."""
    text = str(error)
    if "low on memory" in text:
        return "the machine ran low on memory"
    _, _, exit_detail = text.partition("Worker exit detail: ")
    if exit_detail:
        return exit_detail.partition(" Some common causes")[0].strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(error).__name__


def _how_to_start(field: str) -> str:
    return f"start a cluster with `ray start --head`, or leave {field} out to use this machine alone"
