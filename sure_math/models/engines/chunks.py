"""The requests of one call cut into chunks, and their answers put together again."""

import dataclasses
import itertools
from collections import Counter, deque
from collections.abc import Sequence
from typing import cast

from sure_math.models.engines import Completion, Refusal, Request

Answer = tuple[Completion, ...] | Refusal
Partial = tuple[Completion | None, ...] | Refusal
"""An answer with None for each completion that is not there."""


class Batch:
    """Which chunks of a call wait for an engine, which have been lost by one, and which are answered."""

    def __init__(self, requests: Sequence[Request], size: int) -> None:
        self._count = len(requests)
        self._chunks = cut(requests, size)
        self._answers: dict[int, Sequence[Answer]] = {}
        self._lost: Counter[int] = Counter()
        self.waiting = deque(range(len(self._chunks)))
        """Chunks no replica has."""

    @property
    def unanswered(self) -> int:
        return len(self._chunks) - len(self._answers)

    def take(self) -> int:
        return self.waiting.popleft()

    def give_back(self, chunk: int) -> int:
        """The chunk waits again, before all others; how often it has by now."""
        self.waiting.appendleft(chunk)
        self._lost[chunk] += 1
        return self._lost[chunk]

    def requests_of(self, chunk: int) -> list[Request]:
        return [request for _, request in self._chunks[chunk]]

    def answer(self, chunk: int, answers: Sequence[Answer]) -> None:
        self._answers[chunk] = answers

    def answers(self) -> list[Partial]:
        """One entry per request, in order, with None for each completion that is not there."""
        parts: list[list[Partial]] = [[] for _ in range(self._count)]
        for number, chunk in enumerate(self._chunks):
            missing: list[Partial] = [(None,) * len(request.seeds) for _, request in chunk]
            for (index, _), answer in zip(chunk, self._answers.get(number, missing), strict=True):
                parts[index].append(answer)
        return [_joined(some) for some in parts]


def cut(requests: Sequence[Request], size: int) -> list[list[tuple[int, Request]]]:
    """Chunks of at most `size` sequences: requests in order, each with its index; one with more seeds is cut too."""
    chunks: list[list[tuple[int, Request]]] = []
    room = 0
    for index, request in enumerate(requests):
        for start in range(0, max(1, len(request.seeds)), size):
            piece = dataclasses.replace(request, seeds=request.seeds[start : start + size])
            if not chunks or len(piece.seeds) > room:
                chunks.append([])
                room = size
            chunks[-1].append((index, piece))
            room -= len(piece.seeds)
    return chunks


def _joined(parts: Sequence[Partial]) -> Partial:
    for part in parts:
        if isinstance(part, Refusal):
            return part
    return tuple(itertools.chain.from_iterable(cast(Sequence[tuple[Completion | None, ...]], parts)))
