"""A Gloo group to broadcast buckets in; torch alone, beside whatever groups a process has."""

from __future__ import annotations

from datetime import timedelta
from threading import Thread
from typing import Any

from torch import Tensor
from torch.distributed import PrefixStore, ProcessGroupGloo, TCPStore


class BroadcastGroup:
    """Membership in one transfer group. The sender is rank 0."""

    def __init__(self, store: TCPStore, rank: int, world: int, timeout: float) -> None:
        """Block until all `world` members are in the group; `timeout` is in seconds."""
        self._store: TCPStore | None = store  # the group needs the store for as long as it lives
        self._group: Any = ProcessGroupGloo(PrefixStore("weights", store), rank, world, timedelta(seconds=timeout))

    @classmethod
    def join(cls, *, host: str, port: int, rank: int, world: int, timeout: float) -> BroadcastGroup:
        """Join the group whose sender listens at that address."""
        store = TCPStore(host, port, world, False, timeout=timedelta(seconds=timeout))
        return cls(store, rank, world, timeout)

    def broadcast(self, bucket: Tensor) -> None:
        """Copy rank 0's bucket into the bucket of every other member.

        Raises:
            ConnectionError: a member has left the group, or takes longer than the timeout.
        """
        if self._group is None:
            raise ConnectionError("the transfer group is closed")
        try:
            self._group.broadcast(bucket, 0).wait()
        except RuntimeError as error:
            raise ConnectionError(f"transfer group: {error}") from error

    def close(self) -> None:
        """Close the connections, which makes the broadcasts of all other members fail.

        Gloo's destructor waits for a broadcast that is still going on, and that broadcast may hang. A thread runs the
        destructor, so that `close` returns at once.
        """
        members = [self._group, self._store]
        self._group = self._store = None
        Thread(target=members.clear, daemon=True, name="weight-sync-close").start()
