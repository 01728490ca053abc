"""A phase of a build: a function of one shard's rows, with everything that its result depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
    look_ahead: Callable[[Iterator[Sequence[Any]]], None] = lambda shards: None
    """Called before the first shard with what `run` will get: for each shard that is to be made, in order, the rows
    from each input table. A phase that asks a model tells the model what it will be asked, and takes one shard after
    the other from the iterator when the model has room."""
    close: Callable[[], None] = lambda: None
    """Called after the last shard; gives back what the phase holds, such as a model."""
