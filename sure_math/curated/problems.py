"""The packaged problems as a build reads them, without the templates that made them."""

from __future__ import annotations

import functools
import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from importlib import resources

from sure_math.rows import Split, Tier

FILE = "curated.jsonl"
LICENSE = "apache-2.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class CuratedProblem:
    """One line of the file of curated problems."""

    problem_id: str
    """`curated-TEMPLATE-NUMBER`, counted from 1 within the template, so that new problems of other templates change no
    id."""
    problem: str
    answer: str
    solution: str
    split: Split
    tier: Tier
    topic: str
    template: str


@functools.cache
def curated_problems() -> tuple[CuratedProblem, ...]:
    """Return the 1,000 curated problems, in the order of the file.

    >>> curated_problems()[0].split
    'train'
    """
    numbers: Counter[str] = Counter()
    problems = []
    for line in _content().splitlines():
        row = json.loads(line)
        numbers[row["template"]] += 1
        problems.append(CuratedProblem(problem_id=f"curated-{row['template']}-{numbers[row['template']]}", **row))
    return tuple(problems)


def curated_digest() -> str:
    """Return the SHA-256 of the file of curated problems."""
    return hashlib.sha256(_content()).hexdigest()


@functools.cache
def _content() -> bytes:
    return resources.files(__package__).joinpath(FILE).read_bytes()
