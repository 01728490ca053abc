"""Check that a published folder opens with `datasets` and holds the rows that were written."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sure_math.publication.published import PublishError
from sure_math.publication.tables import CONFIGS, SCHEMAS


def check_readable(folder: Path, rows: Mapping[str, int]) -> None:
    """Open every configuration of a published folder with `datasets` and compare the numbers of rows.

    Raises:
        PublishError: a table has other rows or other columns than were written.
    """
    import datasets  # takes seconds to import

    with tempfile.TemporaryDirectory() as cache, _without_progress_bars():
        for config, splits in CONFIGS.items():
            present = {split: table for split, table in splits.items() if rows[table]}
            if not present:
                continue
            loaded = datasets.load_dataset(str(folder), config, cache_dir=cache)
            for split, table in present.items():
                if (loaded[split].num_rows, loaded[split].column_names) != (rows[table], SCHEMAS[table].names):
                    raise PublishError(
                        f"{folder}: configuration {config!r}, split {split!r} reads back with {loaded[split].num_rows} "
                        f"rows and columns {loaded[split].column_names}; written were {rows[table]} rows and columns "
                        f"{SCHEMAS[table].names}. Publish again; the shards are kept"
                    )
            del loaded


@contextmanager
def _without_progress_bars() -> Iterator[None]:
    """Switch the progress bars of `datasets` off, and back on only if they were on."""
    from datasets import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    were_off = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if not were_off:
            enable_progress_bars()
