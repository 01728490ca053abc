"""Requests cut into chunks of sequences, for replicas of an engine."""

import dataclasses
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sure_math.models.engines import Completion, Finished, Refusal, Request

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Chunk:
    """Requests that go to one replica together."""

    unanswered: dict[int, Request]
    """By a number that no other request of the stream has: each request with the seeds that have no answer yet."""
    losses: int = 0
    """Replicas that died over this chunk."""

    def requests(self) -> list[Request]:
        """What a replica is asked, under the numbers of this chunk."""
        return [dataclasses.replace(request, number=number) for number, request in self.unanswered.items()]

    def answer(self, number: int, seed: int, answer: Completion | Refusal) -> Finished:
        """Take an answer; return it as the caller knows its request."""
        request = self.unanswered.pop(number)
        index = request.seeds.index(seed)
        left = request.seeds[:index] + request.seeds[index + 1 :]
        if left:
            self.unanswered[number] = dataclasses.replace(request, seeds=left)
        return Finished(request=request, seed=seed, answer=answer)


class Chunks:
    """The chunks of a stream that wait for a replica, cut from its batches in order and by their requests alone."""

    def __init__(self, size: int) -> None:
        """`size`: most sequences of a chunk."""
        self._size = size
        self._numbers = itertools.count()
        self.waiting: deque[Chunk] = deque()

    def add(self, batch: Sequence[Request]) -> None:
        """Cut a batch. Its chunks wait behind the others."""
        self.waiting.extend(
            Chunk({next(self._numbers): request for request in requests})
            for requests in cut_requests(batch, self._size)
        )

    def give_back(self, chunk: Chunk) -> None:
        """Let what is left of a lost chunk wait again, before all others."""
        chunk.losses += 1
        self.waiting.appendleft(chunk)


def cut_requests(requests: Sequence[Request], size: int) -> list[list[Request]]:
    """Cut requests into chunks of at most `size` sequences, in order; a request with more seeds is cut too."""
    pieces = (
        dataclasses.replace(request, seeds=request.seeds[start : start + size])
        for request in requests
        for start in range(0, len(request.seeds), size)
    )
    return list(group_by_sequences(pieces, size, lambda piece: len(piece.seeds)))


def group_by_sequences(items: Iterable[T], size: int, sequences: Callable[[T], int]) -> Iterator[list[T]]:
    """Group consecutive items so that a group has at most `size` sequences. A larger item is a group of its own.

    Args:
        sequences: how many sequences an item has.

    >>> list(group_by_sequences(["ab", "c", "defg", "h"], 3, len))
    [['ab', 'c'], ['defg'], ['h']]
    """
    group: list[T] = []
    total = 0
    for item in items:
        count = sequences(item)
        if group and total + count > size:
            yield group
            group, total = [], 0
        group.append(item)
        total += count
    if group:
        yield group
