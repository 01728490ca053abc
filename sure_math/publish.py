"""Publish: the rows of a run as a folder that `load_dataset("sure-math")` opens, and its upload.

`publish` reads the shards once, in order, and writes row groups as it goes, so its memory does not grow with the
number of problems. Everything is written to a staging folder, opened with `datasets` and compared with what was
written, and then renamed into place, the manifest last: a folder without `manifest.json` is not finished.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sure_math.rows import Answer, Cluster, Dropped, Problem, Sample, Uncertainty, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardRows:
    """All rows of one shard. `problems` may hold problems that a later phase dropped; they need a `Dropped` row."""

    problems: Sequence[Problem]
    samples: Sequence[Sample]
    answers: Sequence[Answer]
    clusters: Sequence[Cluster]
    uncertainties: Sequence[Uncertainty]
    verdicts: Sequence[Verdict]
    dropped: Sequence[Dropped]
    """Dropped rows of every phase of this shard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """One model of the run, for the card."""

    role: str
    """`author`, `teacher`, `judge` or `labeller`."""
    name: str
    fingerprint: str
    engine: str
    """Engine and version."""
    logprob_mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseCount:
    """One line of the funnel; all counts are problems."""

    phase: str
    rows_in: int
    kept: int
    dropped: Mapping[str, int]
    """Reason -> problems."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What the card says about the run and the rows cannot tell. Same facts, same rows: same bytes."""

    config_name: str
    """`pocket`, `annotate`, ... or the stem of the user's file."""
    command: str
    """The command that repeats the run, without paths of this machine where that is possible."""
    config: Mapping[str, object]
    """The resolved configuration, as JSON types."""
    versions: Mapping[str, str]
    """Package -> version."""
    models: tuple[ModelFacts, ...]
    funnel: tuple[PhaseCount, ...]
    """In the order of the phases."""
    prompts: Mapping[str, str]
    """Name -> text of every prompt the run used; `solve` is printed on the card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What was written."""

    folder: Path
    rows: Mapping[str, int]
    """Table (`train`, `test`, `samples`, `rejected`) -> rows."""
    fingerprint: str
    """sha256 over the names and digests of the data files."""


def publish(shards: Iterable[ShardRows], facts: RunFacts, folder: Path) -> Published:
    """Write `folder` (data, card, figures, manifest) from the rows of a run; an older version in it is replaced.

    Raises:
        ValueError: a problem has neither an uncertainty nor a dropped row, or the written files do not read back.
    """
    raise NotImplementedError


def push(folder: Path, repo: str, *, private: bool = True) -> str:
    """Upload a published folder to the Hub as a dataset, resumable; returns the address.

    `.build/` is never uploaded. A repository that has to be made is private unless `private=False`; the visibility of
    one that exists is left as it is.
    """
    raise NotImplementedError
