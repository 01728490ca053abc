"""What was tried and what came of it, one line per trial in a file of a work folder: a stopped run continues there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from uopd.run.folder import append_line, read_lines, write_lines

Row = dict[str, Any]


class Trials:
    """The trials of one part, by name. What was done is not done again."""

    def __init__(self, folder: Path, part: str, settings: Row) -> None:
        """Open the file of a part. Trials of other settings are forgotten."""
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{part}.jsonl"
        rows = read_lines(self._path)
        kept = rows if rows and rows[0] == settings else [settings]
        write_lines(self._path, kept)
        self._done = {row["trial"]: row for row in kept[1:]}

    def each(self, names: Sequence[str], attempt: Callable[[str], Row]) -> Iterator[Row]:
        """Yield a row for each name, in order: the stored row, or a new one, which is stored."""
        for name in names:
            if name not in self._done:
                row = {"trial": name, **attempt(name)}
                append_line(self._path, json.loads(json.dumps(row)))
                self._done[name] = row
            yield self._done[name]
