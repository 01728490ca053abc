"""Overlap with benchmarks: an index of their problems that finds which of them a text repeats.

There are four kinds of overlap. The first three compare the tokens of `math_tokens.py`, so another notation does not
hide an overlap:
- `exact`: the same tokens, up to the names of variables;
- `contained`: enough of the benchmark problem's n-grams are in the text, whatever stands around them;
- `near`: the two texts are alike as a whole (Jaccard similarity of 3-grams), or the text has all numbers of the
  benchmark problem and many of its 3-grams, as a paraphrase does;
- `model`: a model says so (`second_look.py`).

How `near` differs from MinHash: benchmarks are small enough for an inverted index, which gives the exact similarity.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sure_math.problems.contamination.math_tokens import Wording, tokens, without_frame

SHINGLE = 3
"""Tokens of the n-grams by which whole texts are compared. They are short, so a changed word breaks few of them."""
NEAR = 0.6
"""Jaccard similarity of 3-grams from which two texts are alike."""
RETOLD, RETOLD_NUMBERS = 0.45, 4
"""Share of 3-grams that is enough if the text has all numbers of the benchmark problem, and how many these must be."""
MIN_INFORMATIVE = 4
"""A benchmark problem shorter than an n-gram counts inside a longer sentence only if it has this many tokens outside
`_COMMON`. With fewer ("Compute 3/20") it must be one to three whole sentences."""
_SENTENCE_END = re.compile(r"(?<=[.?!:;])[$)\]]*\s+|\n\s*|(?<=[\]$)])\s+(?=[A-Z])")
_MAX_SENTENCES = 3
_COMMON_WORDS = """
    what is are the of an find compute evaluate simplify determine calculate express write convert solve give value
    as in to and for if let all number how many following your answer be is that when does do it its
"""
_COMMON = frozenset(_COMMON_WORDS.split())

_Kind = Literal["exact", "contained", "near", "model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One problem of a benchmark."""

    benchmark: str
    problem_id: str
    text: str
    system: str | None = None
    answer: str | None = None
    """Of the run's own held-out problems: `decontaminate.py` tells two problems with one text apart by them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One benchmark problem that a text repeats."""

    benchmark: str
    problem_id: str
    kind: _Kind
    score: float
    """Share of n-grams for `contained`, of 3-grams for `near`, cosine for `model`; 1 for `exact`."""

    def __str__(self) -> str:
        return f"{self.benchmark} {self.problem_id} ({self.kind} {self.score:.2f})"


class BenchmarkIndex:
    """The problems of the benchmarks, arranged to find those that a text overlaps with.

    >>> entry = Entry(benchmark="math500", problem_id="17", text="Find the remainder when $2^{10}$ is divided by $7$.")
    >>> index = BenchmarkIndex([entry], ngram=8, containment=0.6)
    >>> [str(match) for match in index.overlaps("Find the remainder when 2^10 is divided by 7.")]
    ['math500 17 (exact 1.00)']
    """

    def __init__(self, entries: Iterable[Entry], *, ngram: int, containment: float) -> None:
        """Build the index.

        Args:
            ngram: tokens of an n-gram.
            containment: share of a benchmark problem's n-grams that makes an overlap.
        """
        self.entries = tuple(entries)
        self._ngram, self._containment = ngram, containment
        wordings = [Wording(without_frame(entry.text, 2 * ngram)) for entry in self.entries]
        self._exact: dict[int, list[int]] = defaultdict(list)
        for number, wording in enumerate(wordings):
            self._exact[wording.key()].append(number)
        self._long = np.array([len(wording) >= ngram for wording in wordings], bool)
        self._ngrams = _Postings([wording.ngrams(ngram) if len(wording) >= ngram else _NONE for wording in wordings])
        self._shingles = _Postings([wording.ngrams(SHINGLE) for wording in wordings])
        self._numbers = [wording.numbers() for wording in wordings]
        self._countable = np.array([len(numbers) >= RETOLD_NUMBERS for numbers in self._numbers], bool)
        self._short = {number: wordings[number] for number in np.flatnonzero(~self._long).tolist()}

    def overlaps(self, text: str) -> tuple[Match, ...]:
        """Find the benchmark problems that a text repeats, each with its strongest kind, in the order of the index."""
        if not self.entries:
            return ()
        matches = self._matches(text)
        bare = without_frame(text, 1)
        if bare != text:
            matches |= {
                number: match
                for number, match in self._matches(bare).items()
                if match[0] == "exact" or number not in matches
            }
        return tuple(
            Match(
                benchmark=self.entries[number].benchmark,
                problem_id=self.entries[number].problem_id,
                kind=kind,
                score=score,
            )
            for number, (kind, score) in sorted(matches.items())
        )

    def _matches(self, text: str) -> dict[int, tuple[_Kind, float]]:
        """Number of a benchmark problem -> its strongest kind of match, and the score of this kind."""
        wording = Wording(text)
        matches: dict[int, tuple[_Kind, float]] = {}
        shingles = np.unique(wording.ngrams(SHINGLE))
        shared = self._shingles.shared(shingles)
        similarity = shared / np.maximum(self._shingles.sizes + len(shingles) - shared, 1)
        share = shared / self._shingles.sizes
        numbers = wording.numbers()
        matches |= {
            number: ("near", float(share[number]))
            for number in np.flatnonzero((similarity >= NEAR) | (share >= RETOLD) & self._countable).tolist()
            if similarity[number] >= NEAR or self._numbers[number] <= numbers
        }
        if len(wording) >= self._ngram:
            share = self._ngrams.shared(np.unique(wording.ngrams(self._ngram))) / np.maximum(self._ngrams.sizes, 1)
            enough = np.flatnonzero(share >= self._containment).tolist()
            matches |= {number: ("contained", float(share[number])) for number in enough}
        whole = np.flatnonzero((shared == self._shingles.sizes) & ~self._long).tolist()
        matches |= {number: ("contained", 1.0) for number in whole if self._stands_in(number, wording, text)}
        return matches | dict.fromkeys(self._exact.get(wording.key(), []), ("exact", 1.0))

    def _stands_in(self, number: int, wording: Wording, text: str) -> bool:
        """Whether a benchmark problem shorter than an n-gram is, token by token, a part of the text."""
        short = self._short[number]
        if len(short) > len(wording) or short.ngrams(len(short))[0] not in wording.ngrams(len(short)):
            return False
        return _informative(self.entries[number].text) >= MIN_INFORMATIVE or short.key() in _sentence_keys(text)


_NONE = np.empty(0, np.uint64)


class _Postings:
    """An inverted index: hash -> the entries that have it."""

    def __init__(self, hashes: Sequence[np.ndarray]) -> None:
        """Build the index from the hashes of each entry, which may repeat."""
        distinct = [np.unique(entry) for entry in hashes]
        self.sizes = np.array([len(entry) for entry in distinct], np.int64)
        together = np.concatenate([_NONE, *distinct])
        order = np.argsort(together, kind="stable")
        self._owners = np.repeat(np.arange(len(distinct)), self.sizes)[order]
        self._hashes, starts = np.unique(together[order], return_index=True)
        self._starts = np.append(starts, len(together))

    def shared(self, hashes: np.ndarray) -> np.ndarray:
        """Count for every entry how many of these distinct hashes it has."""
        if not len(self._hashes):
            return np.zeros_like(self.sizes)
        places = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        places = places[self._hashes[places] == hashes]
        owners = [self._owners[self._starts[place] : self._starts[place + 1]] for place in places.tolist()]
        return np.bincount(np.concatenate(owners), minlength=len(self.sizes)) if owners else np.zeros_like(self.sizes)


def _informative(text: str) -> int:
    return sum(not token.startswith("$") and token not in _COMMON for token in tokens(text))


def _sentence_keys(text: str) -> set[int]:
    """Keys of all runs of up to `_MAX_SENTENCES` sentences or lines."""
    parts = _SENTENCE_END.split(text)
    runs = ((start, length) for start in range(len(parts)) for length in range(1, _MAX_SENTENCES + 1))
    return {Wording(run).key() for run in {"\n".join(parts[start : start + length]) for start, length in runs}}
