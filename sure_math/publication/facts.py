"""What a card says about a run that the rows of the run cannot tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sure_math.rows import SourceFacts


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
    """Facts for the card that are in no row. The same facts and the same rows give the same bytes."""

    config_name: str
    """`pocket`, `annotate`, ... or the stem of the user's file."""
    command: str
    """The command that repeats the run, without paths of this machine if that is possible."""
    config: Mapping[str, object]
    """The resolved configuration, as JSON types."""
    versions: Mapping[str, str]
    """Package -> version."""
    models: tuple[ModelFacts, ...]
    funnel: tuple[PhaseCount, ...]
    """In the order of the phases."""
    prompts: Mapping[str, str]
    """Name -> text of every prompt the run used; `solve` is printed on the card."""
    sources: tuple[SourceFacts, ...] = ()
