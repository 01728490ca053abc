"""Publish: write the rows of a run as a folder that `load_dataset("sure-math")` opens.

`publish` reads the shards once, in order, and writes row groups while it reads, so its memory does not grow with the
number of problems. Everything is written to a staging folder, opened with `datasets`, compared with the rows that were
written, and then renamed into place. The manifest comes last: a folder without `manifest.json` is not finished.

Only files that an earlier build wrote are replaced. The manifest lists them with their digests (`files`), and
`.build/written.json` does so while they change. Any other file stays where it is, or gets the ending `.kept` if a new
file must have its place: a file of the user, or a file of ours that the user has changed by hand.

`datasets` cannot open a split without rows. A split or configuration without rows is therefore left out of the card's
metadata; the manifest counts it as 0 and the card says so.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from sure_math.escaping import file_bytes
from sure_math.identity import digest
from sure_math.publication.card import render_card
from sure_math.publication.card_numbers import CardNumbers
from sure_math.publication.facts import RunFacts
from sure_math.publication.published import (
    CARD,
    DATA,
    FIGURES,
    MANIFEST,
    MANIFEST_FORMAT,
    OWN_NAMES,
    VALIDATION,
    DatasetError,
    PublishedDataset,
    open_dataset,
)
from sure_math.publication.read_back import check_readable
from sure_math.publication.shard_rows import PublishError, ShardRows, joined_problems
from sure_math.publication.tables import SCHEMAS, TableFiles, published_row, published_samples
from sure_math.storage.files import file_digest, named_in_errors
from sure_math.storage.output_folder import (
    LIST,
    WORK,
    Written,
    clear_staging,
    install,
    kept_line,
    read_list,
    refuse_links,
    remove_written,
)

WRITTEN = "written.json"
"""In `.build`: what was written into the folder, also by a build that was killed while it moved files."""
_STAGED = re.compile(
    rf"{DATA}/({'|'.join(SCHEMAS)})-\d+\.parquet|{FIGURES}/entropy_histogram\.(png|svg)|{CARD}|{MANIFEST}"
)
"""Files that are made in `.build/publish` before they are moved into place."""


def publish(
    shards: Iterable[ShardRows], facts: RunFacts, folder: Path, say: Callable[[str], None] = lambda line: None
) -> PublishedDataset:
    """Write `folder` (data, card, figures, manifest) from the rows of a run; an older dataset in it is replaced.

    A file of the user in the place of a new file is kept under another name, which `say` is told.

    >>> dataset = publish(tables.shards(), facts, Path("sure-math"))  # doctest: +SKIP
    >>> dataset.row_counts["train"]  # doctest: +SKIP
    800

    Raises:
        PublishError: a problem has neither an uncertainty nor a dropped row, no problem is left, or the written files
            do not read back as they were written.
        OutputError: a link stands where a file must go.
    """
    refuse_links(folder, (WORK, *OWN_NAMES, VALIDATION), "folder")
    (folder / WORK).mkdir(parents=True, exist_ok=True)
    staging = folder / WORK / "publish"
    clear_staging(staging, _STAGED.fullmatch)
    staging.mkdir()
    (staging / DATA).mkdir()
    teacher = next((model.name for model in facts.models if model.role == "teacher"), None)
    numbers = CardNumbers()
    with named_in_errors(staging / DATA), TableFiles(staging / DATA) as tables:
        for shard in shards:
            _write_shard(shard, teacher, tables, numbers)
    rows = dict(tables.rows)
    if rows["train"] + rows["test"] == 0:
        raise PublishError(
            f"no problem is left to publish; dropped rows by phase and reason: {numbers.dropped_summary()}"
        )
    files = {path.name: file_digest(path) for path in sorted((staging / DATA).iterdir())}
    manifest = _manifest(facts, numbers, rows, files)
    with named_in_errors(staging):
        _write_card(manifest, staging)
        check_readable(staging, rows)
        manifest["files"] = {
            str(path.relative_to(staging)): file_digest(path) for path in sorted(staging.rglob("*")) if path.is_file()
        }
        text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
        # A word of the command line that is no UTF-8 becomes an escape, which JSON reads back.
        (staging / MANIFEST).write_text(text, encoding="utf-8", errors="backslashreplace")
    kept = _move_into_place(staging, folder, manifest["dataset"]["fingerprint"])
    if kept:
        say(kept_line(folder, kept))
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
            name: {"sha256": hashlib.sha256(file_bytes(text)).hexdigest(), "text": text}
            for name, text in sorted(facts.prompts.items())
        },
        "numbers": numbers.numbers(),
    }


def _write_card(manifest: Mapping, staging: Path) -> None:
    from sure_math.reporting.figures import draw_histogram  # imports matplotlib: a second that a dry run does not need

    figures = staging / FIGURES
    figures.mkdir()
    draw_histogram(manifest["numbers"]["entropy_histogram"], figures / "entropy_histogram")
    (staging / CARD).write_text(render_card(manifest, SCHEMAS), encoding="utf-8", errors="backslashreplace")


def _move_into_place(staging: Path, folder: Path, fingerprint: str) -> dict[str, str]:
    """Move the staged files into the folder; return which files of the user were kept, and under which names.

    In between, the folder has no manifest and counts as unfinished.
    """
    earlier = _earlier(folder)
    if earlier is None or earlier.fingerprint != fingerprint:
        _remove_reports(folder / VALIDATION)
    return install(staging, folder, written=_written(folder, earlier), list_path=folder / WORK / WRITTEN, last=MANIFEST)


def _written(folder: Path, earlier: PublishedDataset | None) -> Written:
    """What builds have written into the folder; the manifest counts as ours if no list says how it was written."""
    listed = read_list(folder / WORK / WRITTEN, OWN_NAMES)
    if earlier is None:
        return listed
    manifest = {} if MANIFEST in listed else {MANIFEST: frozenset({file_digest(folder / MANIFEST)})}
    return {**earlier.written_files(), **manifest, **listed}


def _remove_reports(validation: Path) -> None:
    """Remove what `validate` wrote about the old rows."""
    if validation.is_dir():
        folders = [path for path in sorted(validation.iterdir()) if path.is_dir() and not path.is_symlink()]
        for report in (*folders, validation):
            if (report / LIST).is_file():
                remove_written(report, read_list(report / LIST))


def _earlier(folder: Path) -> PublishedDataset | None:
    """The dataset in `folder`; None if there is no finished dataset."""
    try:
        return open_dataset(folder)
    except DatasetError:
        return None
