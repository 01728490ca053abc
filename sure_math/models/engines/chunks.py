"""The requests of one call, cut into chunks of sequences, and the results of the chunks put together again."""

import dataclasses
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from sure_math.models.engines import Completion, Finished, Refusal, Request, RequestResult, whole_answer

T = TypeVar("T")


class ChunkedCall:
    """The chunks of one call: which wait for an engine, how often an engine has lost each, and which are answered."""

    def __init__(self, requests: Sequence[Request], size: int) -> None:
        self._chunks = cut_requests(requests, size)
        self._answers: dict[int, Sequence[Finished]] = {}
        self._losses: Counter[int] = Counter()
        self.waiting = deque(range(len(self._chunks)))
        """Numbers of the chunks that no replica has."""

    @property
    def unanswered(self) -> int:
        """How many chunks have no answer yet."""
        return len(self._chunks) - len(self._answers)

    def take(self) -> int:
        """Take the next waiting chunk."""
        return self.waiting.popleft()

    def give_back(self, chunk: int) -> int:
        """Let a lost chunk wait again, before all others; return how often it has been lost."""
        self.waiting.appendleft(chunk)
        self._losses[chunk] += 1
        return self._losses[chunk]

    def requests_of(self, chunk: int) -> list[Request]:
        return self._chunks[chunk]

    def answer(self, chunk: int, answers: Sequence[Finished]) -> None:
        """Record all answers to a chunk."""
        self._answers[chunk] = answers

    def answers(self) -> list[Finished]:
        """Return what is answered, in the order of the chunks."""
        return [finished for chunk in sorted(self._answers) for finished in self._answers[chunk]]


def cut_requests(requests: Sequence[Request], size: int) -> list[list[Request]]:
    """Cut requests into chunks of at most `size` sequences, in order; a request with more seeds is cut too."""
    pieces = (
        dataclasses.replace(request, seeds=request.seeds[start : start + size])
        for request in requests
        for start in range(0, len(request.seeds), size)
    )
    return group_requests(pieces, size)


def group_requests(requests: Iterable[Request], size: int) -> list[list[Request]]:
    """Group requests, in order, into chunks of at most `size` sequences; a larger request is a chunk of its own."""
    return list(group_by_sequences(requests, size, lambda request: len(request.seeds)))


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


def merge_results(requests: Sequence[Request], pieces: Iterable[tuple[Request, RequestResult]]) -> list[RequestResult]:
    """Put the results of pieces of requests together: one entry per request, completions in the order of its seeds.

    Args:
        requests: numbered from 0.
        pieces: parts of the requests, which have their numbers and some of their seeds, with the result of each part.
    """
    answers: list[dict[int, Completion | Refusal]] = [{} for _ in requests]
    for piece, result in pieces:
        by_seed = [result] * len(piece.seeds) if isinstance(result, Refusal) else result
        answers[piece.number] |= dict(zip(piece.seeds, by_seed, strict=True))
    return [
        whole_answer([by_seed[seed] for seed in request.seeds])
        for request, by_seed in zip(requests, answers, strict=True)
    ]
