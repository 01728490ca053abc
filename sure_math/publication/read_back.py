"""Check that a published folder opens with `datasets` and holds the rows that were written."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sure_math.publication.shard_rows import PublishError
from sure_math.publication.tables import CONFIGS, SCHEMAS
from sure_math.storage.files import explain_os_error, os_error_of
from sure_math.storage.output_folder import clear_staging


def check_readable(folder: Path, rows: Mapping[str, int]) -> None:
    """Open every configuration of a published folder with `datasets` and compare the numbers of rows.

    `datasets` takes some characters of a path for a pattern. It is given a folder of links to the files, whose path has
    no such characters. The copy that it makes is on the disk of the dataset.

    Raises:
        PublishError: a table has other rows or other columns than were written, or cannot be opened.
        OSError: of the disk.
    """
    import datasets  # takes seconds to import

    with tempfile.TemporaryDirectory(prefix="sure-math-") as plain, _without_progress_bars():
        links, cache = Path(plain) / "dataset", Path(plain) / "cache"
        for path in (*folder.glob("*.md"), *folder.glob("data/*")):
            link = links / path.relative_to(folder)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path.absolute())
        copy = folder.with_name(f"{folder.name}-copy")
        clear_staging(copy)
        copy.mkdir()
        cache.symlink_to(copy.absolute())
        for config, splits in CONFIGS.items():
            present = {split: table for split, table in splits.items() if rows[table]}
            if not present:
                continue
            try:
                loaded = datasets.load_dataset(str(links), config, cache_dir=str(cache))
            except Exception as error:
                behind = os_error_of(error)
                if behind is not None and explain_os_error(behind, folder) is not None:
                    raise behind from None
                raise PublishError(
                    f"{folder}: configuration {config!r} does not read back ({type(error).__name__}: {error}). Publish "
                    "again; the shards are kept"
                ) from error
            for split, table in present.items():
                if (loaded[split].num_rows, loaded[split].column_names) != (rows[table], SCHEMAS[table].names):
                    raise PublishError(
                        f"{folder}: configuration {config!r}, split {split!r} reads back with {loaded[split].num_rows} "
                        f"rows and columns {loaded[split].column_names}; written were {rows[table]} rows and columns "
                        f"{SCHEMAS[table].names}. Publish again; the shards are kept"
                    )
            del loaded
        clear_staging(copy)


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
