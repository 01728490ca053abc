"""A phase of a build: a function of one shard's rows, with everything that its result depends on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic

from sure_math.rows import Output, RowT


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase(Generic[RowT]):
    """One phase bound to its settings.

    A shard is made again when these settings or its input rows change.
    """

    name: str
    makes: type[RowT]
    run: Callable[..., Output[RowT]]
    """Takes the rows of the shard from each input table, in the order of the tables."""
    settings: Mapping[str, Any]
    """JSON values: everything beside the rows that shapes the output, with `version`, the number of the phase's code.
    Raise that number with every change of the code that makes other rows of the same inputs."""
    ordered: bool = False
    """`run` remembers earlier shards. It is called for every shard in order, finished or not."""
    close: Callable[[], None] = lambda: None
    """Called after the last shard; gives back what the phase holds, such as a model."""
