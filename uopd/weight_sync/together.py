"""Calls that are made at the same time, with one timeout for all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from threading import Thread
from typing import TypeVar

AFTERMATH_SECONDS = 3.0
"""After the first failure, time for the other calls to fail as well, and to say what they know of the cause."""

T = TypeVar("T")


def together(calls: Sequence[Callable[[], T]], timeout: float) -> list[T]:
    """Make the calls at the same time and return their results in the order of the calls.

    After the first failure the other calls have `AFTERMATH_SECONDS` to end. Then an error is raised. A ConnectionError
    is raised only if every error is one: a member that closed its connection has a reason, and its own call raises it.
    Each call has a thread that dies with the process, so a call that hangs is left behind and blocks nobody.

    Raises:
        TimeoutError: a call takes longer than `timeout` seconds.

    Example:
        >>> together([lambda: 1, lambda: 2], timeout=5)
        [1, 2]
    """
    ended: list[Future[T]] = []
    futures = [_start_thread(call) for call in calls]
    for future in futures:
        future.add_done_callback(ended.append)
    done, pending = wait(futures, timeout=timeout, return_when=FIRST_EXCEPTION)
    if any(future.exception() is not None for future in done):
        wait(pending, timeout=AFTERMATH_SECONDS)
        errors = [error for future in ended if (error := future.exception()) is not None]
        raise next((error for error in errors if not isinstance(error, ConnectionError)), errors[0])
    if pending:
        raise TimeoutError(f"{len(pending)} of {len(futures)} did not answer in {timeout:g} seconds")
    return [future.result() for future in futures]


def _start_thread(call: Callable[[], T]) -> Future[T]:
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, daemon=True, name="weight-sync").start()
    return future
