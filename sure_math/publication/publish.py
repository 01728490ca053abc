"""Publish: write the rows of a run as a folder that `load_dataset("sure-math")` opens.

`publish` reads the shards once, in order, and writes row groups while it reads, so its memory does not grow with the
number of problems. Everything is written to a staging folder, opened with `datasets`, compared with the rows that were
written, and then renamed into place. The manifest comes last: a folder without `manifest.json` is not finished.

`datasets` cannot open a split without rows. A split or configuration without rows is therefore left out of the card's
metadata; the manifest counts it as 0 and the card says so.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from sure_math.identity import digest
from sure_math.publication.card import render_card
from sure_math.publication.card_numbers import CardNumbers
from sure_math.publication.facts import RunFacts
from sure_math.publication.published import (
    DATA,
    MANIFEST,
    MANIFEST_FORMAT,
    WORK,
    DatasetError,
    PublishedDataset,
    PublishError,
    open_dataset,
)
from sure_math.publication.read_back import check_readable
from sure_math.publication.shard_rows import ShardRows, joined_problems
from sure_math.publication.tables import SCHEMAS, TableFiles, published_row, published_samples
from sure_math.storage.files import file_digest


def publish(shards: Iterable[ShardRows], facts: RunFacts, folder: Path) -> PublishedDataset:
    """Write `folder` (data, card, figures, manifest) from the rows of a run; an older dataset in it is replaced.

    >>> dataset = publish(tables.shards(), facts, Path("sure-math"))  # doctest: +SKIP
    >>> dataset.row_counts["train"]  # doctest: +SKIP
    800

    Raises:
        PublishError: a problem has neither an uncertainty nor a dropped row, no problem is left, or the written files
            do not read back as they were written.
    """
    staging = folder / WORK / "publish"
    shutil.rmtree(staging, ignore_errors=True)
    (staging / DATA).mkdir(parents=True)
    teacher = next((model.name for model in facts.models if model.role == "teacher"), None)
    numbers = CardNumbers()
    with TableFiles(staging / DATA) as tables:
        for shard in shards:
            _write_shard(shard, teacher, tables, numbers)
    rows = dict(tables.rows)
    if rows["train"] + rows["test"] == 0:
        raise PublishError(
            f"no problem is left to publish; dropped rows by phase and reason: {numbers.dropped_summary()}"
        )
    files = {path.name: file_digest(path) for path in sorted((staging / DATA).iterdir())}
    manifest = _manifest(facts, numbers, rows, files)
    _write_card(manifest, staging)
    check_readable(staging, rows)
    (staging / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    _move_into_place(staging, folder, manifest["dataset"]["fingerprint"])
    return open_dataset(folder)


def _write_shard(shard: ShardRows, teacher: str | None, tables: TableFiles, numbers: CardNumbers) -> None:
    problems = list(joined_problems(shard))
    for split in ("train", "test"):
        tables.add(split, [published_row(row, teacher) for row in problems if row.problem.split == split])
    for row in problems:
        tables.add("samples", list(published_samples(row)))
        numbers.add(row)
    tables.add("rejected", shard.dropped)
    for dropped in shard.dropped:
        numbers.add_dropped(dropped)


def _manifest(facts: RunFacts, numbers: CardNumbers, rows: Mapping[str, int], files: Mapping[str, str]) -> dict:
    return {
        "format": MANIFEST_FORMAT,
        "dataset": {"fingerprint": digest(files), "rows": dict(rows), "files": dict(files)},
        "config_name": facts.config_name,
        "command": facts.command,
        "config": dict(facts.config),
        "versions": dict(facts.versions),
        "models": [asdict(model) for model in facts.models],
        "sources": [asdict(source) for source in facts.sources],
        "funnel": [{**asdict(phase), "dropped": dict(sorted(phase.dropped.items()))} for phase in facts.funnel],
        "prompts": {
            name: {"sha256": hashlib.sha256(text.encode()).hexdigest(), "text": text}
            for name, text in sorted(facts.prompts.items())
        },
        "numbers": numbers.numbers(),
    }


def _write_card(manifest: Mapping, staging: Path) -> None:
    from sure_math.reporting.figures import draw_histogram  # imports matplotlib: a second that a dry run does not need

    figures = staging / "figures"
    figures.mkdir()
    draw_histogram(manifest["numbers"]["entropy_histogram"], figures / "entropy_histogram")
    (staging / "README.md").write_text(render_card(manifest, SCHEMAS), encoding="utf-8")


def _move_into_place(staging: Path, folder: Path, fingerprint: str) -> None:
    """Rename the staged files into the folder. In between, the folder has no manifest and counts as unfinished."""
    if _fingerprint(folder) != fingerprint:
        shutil.rmtree(folder / "validation", ignore_errors=True)  # it describes the old rows
    (folder / MANIFEST).unlink(missing_ok=True)
    for name in (DATA, "figures"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in (DATA, "figures", "README.md", MANIFEST):
        (staging / name).rename(folder / name)
    shutil.rmtree(staging)


def _fingerprint(folder: Path) -> str | None:
    """Fingerprint of the dataset in `folder`; None if there is no finished dataset."""
    try:
        return open_dataset(folder).fingerprint
    except (DatasetError, KeyError, TypeError):  # a manifest of another shape is of no dataset that could be kept
        return None
