"""The requests of one call, cut into chunks of sequences, and the results of the chunks put together again."""

import dataclasses
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from sure_math.models.engines import Completion, PartialResult, Refusal, Request, RequestResult

T = TypeVar("T")
NumberedRequest = tuple[int, Request]
"""A request, or a part of its seeds, with the index of the request in the call."""


class ChunkedCall:
    """The chunks of one call: which wait for an engine, how often an engine has lost each, and which are answered."""

    def __init__(self, requests: Sequence[Request], size: int) -> None:
        self._requests = requests
        self._chunks = cut_requests(requests, size)
        self._results: dict[int, Sequence[RequestResult]] = {}
        self._losses: Counter[int] = Counter()
        self.waiting = deque(range(len(self._chunks)))
        """Numbers of the chunks that no replica has."""

    @property
    def unanswered(self) -> int:
        """How many chunks have no answer yet."""
        return len(self._chunks) - len(self._results)

    def take(self) -> int:
        """Take the next waiting chunk."""
        return self.waiting.popleft()

    def give_back(self, chunk: int) -> int:
        """Let a lost chunk wait again, before all others; return how often it has been lost."""
        self.waiting.appendleft(chunk)
        self._losses[chunk] += 1
        return self._losses[chunk]

    def requests_of(self, chunk: int) -> list[Request]:
        return [request for _, request in self._chunks[chunk]]

    def answer(self, chunk: int, results: Sequence[RequestResult]) -> None:
        """Record the results of a chunk, one per request of `requests_of`."""
        self._results[chunk] = results

    def results(self) -> list[PartialResult]:
        """Return one entry per request, in order, with None for each completion that is missing."""
        pieces = [
            (index, piece, result)
            for number, chunk in enumerate(self._chunks)
            if number in self._results
            for (index, piece), result in zip(chunk, self._results[number], strict=True)
        ]
        return merge_results(self._requests, pieces)


def cut_requests(requests: Sequence[Request], size: int) -> list[list[NumberedRequest]]:
    """Cut requests into chunks of at most `size` sequences, in order; a request with more seeds is cut too."""
    pieces = (
        (index, dataclasses.replace(request, seeds=request.seeds[start : start + size]))
        for index, request in enumerate(requests)
        for start in range(0, max(1, len(request.seeds)), size)
    )
    return group_requests(pieces, size)


def group_requests(requests: Iterable[NumberedRequest], size: int) -> list[list[NumberedRequest]]:
    """Group requests, in order, into chunks of at most `size` sequences; a larger request is a chunk of its own."""
    return list(group_by_sequences(requests, size, lambda numbered: len(numbered[1].seeds)))


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


def merge_results(
    requests: Sequence[Request], pieces: Iterable[tuple[int, Request, PartialResult]]
) -> list[PartialResult]:
    """Put the results of pieces of requests together: one entry per request, completions in the order of its seeds.

    Args:
        pieces: the index of a request, the piece of it that was asked (some of its seeds), and the result of the piece.
            A request is refused if one of its pieces is. A seed that no piece has answered has None.
    """
    completions: list[dict[int, Completion | None]] = [{} for _ in requests]
    refusals: dict[int, Refusal] = {}
    for index, piece, result in pieces:
        if isinstance(result, Refusal):
            refusals.setdefault(index, result)
        else:
            completions[index] |= dict(zip(piece.seeds, result, strict=True))
    return [
        refusals.get(index) or tuple(completions[index].get(seed) for seed in request.seeds)
        for index, request in enumerate(requests)
    ]
