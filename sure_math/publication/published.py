"""Read a finished dataset folder: its manifest, its rows, and whether its files are still those that were published.

`publish` writes such a folder, with the manifest last. `validate`, `export`, the upload and the trainer read it here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sure_math.problems.sources.encoded_text import InputError
from sure_math.problems.sources.limits import Limits
from sure_math.problems.sources.parquet_rows import refuse_long_texts, rows_per_batch, small_parts, text_columns
from sure_math.publication.tables import ADDED_LATER, SCHEMAS
from sure_math.storage.files import file_digest
from sure_math.storage.output_folder import (
    LIST,
    WORK,
    as_written,
    check_place,
    foreign_names,
    is_plain,
    own_files,
    read_list,
    refuse_foreign,
    refuse_links,
)

MANIFEST = "manifest.json"
MANIFEST_FORMAT = 1
DATA = "data"
"""Folder of the Parquet files; a table is stored in `data/TABLE-*.parquet`."""
FIGURES, CARD, VALIDATION = "figures", "README.md", "validation"
OWN_NAMES = (DATA, FIGURES, CARD, MANIFEST)
"""Names in a dataset folder that a build writes; `WORK` is beside them and is not part of the dataset."""
SPLITS = ("train", "test")
"""Tables that hold problems; the other two are `samples` and `rejected`."""

_KEYS = frozenset({"dataset", "config", "models", "prompts", "numbers"})
"""Keys of a manifest that its readers rely on."""
LIMITS = Limits(remedy="build the dataset again without this text")
"""What is read of a dataset, which may come from a stranger: the limits of the files of a build."""
MANIFEST_BYTES = 64 * 2**20
"""A manifest has a few hundred bytes for each data file, and the settings and prompts of the build."""
_EARLY_FILES = (CARD, f"{FIGURES}/entropy_histogram.png", f"{FIGURES}/entropy_histogram.svg")
"""Files beside the data. The manifests of early versions do not list them."""


class DatasetError(ValueError):
    """A folder holds no finished dataset, or another one than its manifest says; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedDataset:
    """A finished dataset folder."""

    folder: Path
    manifest: Mapping[str, Any]
    """As `publish` writes it."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the names and digests of the data files."""
        return str(self.manifest["dataset"]["fingerprint"])

    @property
    def row_counts(self) -> Mapping[str, int]:
        """Table (`train`, `test`, `samples`, `rejected`) -> number of rows."""
        counts: Mapping[str, int] = self.manifest["dataset"]["rows"]
        return counts

    @property
    def splits(self) -> list[str]:
        """The splits that hold problems."""
        return [name for name in SPLITS if self.row_counts.get(name)]

    @property
    def teacher(self) -> Mapping[str, Any]:
        """Name, fingerprint, engine and log-probability mode of the model that was sampled; empty if none is named."""
        return next((model for model in self.manifest["models"] if model["role"] == "teacher"), {})

    @property
    def enable_thinking(self) -> bool | None:
        """Whether the teacher was asked with `enable_thinking`; None if the dataset does not say so."""
        value = _section(self.manifest["config"], "teacher").get("enable_thinking")
        return value if isinstance(value, bool) else None

    @property
    def thought_tags(self) -> tuple[str, str]:
        """Opening and closing tag of a thought, beside those of `sure_math/thoughts.py`; empty if none is named."""
        settings = _section(self.manifest["config"], "extract")
        tags = [settings.get(name) for name in ("opening_tag", "closing_tag")]
        opening, closing = (tag if isinstance(tag, str) else "" for tag in tags)
        return opening, closing

    def prompt(self, name: str) -> Mapping[str, str]:
        """`text` and `sha256` of a prompt of the run; empty if the run did not use it."""
        prompts: Mapping[str, Mapping[str, str]] = self.manifest["prompts"]
        return prompts.get(name, {})

    def files(self, table: str) -> list[Path]:
        """The Parquet files of a table, in the order of its rows."""
        names = sorted(name for name in self._digests if name.startswith(f"{table}-"))
        return [self.folder / DATA / name for name in names]

    def rows(self, table: str, columns: Sequence[str], limits: Limits = LIMITS) -> Iterator[dict[str, Any]]:
        """The rows of a table one after the other, as mappings with the named columns.

        A column that early versions did not write (`ADDED_LATER`) is null where a file lacks it.

        What a file says of its size is compared with the limits before a page is unpacked.

        Raises:
            DatasetError: a file of the table is missing, is damaged, lacks a column, or is larger than a limit.
        """
        for path in self.files(table):
            if not path.is_file():
                raise DatasetError(_damaged([path]))
            try:
                texts = set(text_columns(pq.read_schema(path))).intersection(columns)
                with pq.ParquetFile(path, read_dictionary=sorted(texts)) as file:
                    present = [name for name in columns if name in file.schema_arrow.names]
                    lacking = [name for name in columns if name not in present and name not in ADDED_LATER]
                    if lacking:
                        raise DatasetError(
                            f"{path} lacks the column {lacking[0]}; a published dataset has the columns that "
                            "`python -m sure_math.build` writes"
                        )
                    types = pa.schema([SCHEMAS[table].field(name).with_nullable(True) for name in present])
                    size = rows_per_batch(file, str(path), limits, present)
                    absent = dict.fromkeys(name for name in columns if name not in present)
                    for batch in file.iter_batches(batch_size=size, columns=present):
                        for name in batch.schema.names:
                            refuse_long_texts(batch.column(name), str(path), name, limits)
                        for part in small_parts(batch):
                            for row in pa.table(part).select(present).cast(types).to_pylist():
                                yield row | absent
            except (pa.ArrowException, OSError, UnicodeDecodeError):
                raise DatasetError(_damaged([path])) from None
            except InputError as error:
                raise DatasetError(str(error)) from None

    def problems(
        self, splits: Sequence[str], columns: Sequence[str], limits: Limits = LIMITS
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """The problems of the splits one after the other: the split, and the named columns with `problem_id`.

        Raises:
            DatasetError: as `rows`; a problem has no `problem_id`, or the `problem_id` of an earlier problem.
        """
        first: dict[str, str] = {}
        for split in splits:
            for number, row in enumerate(self.rows(split, columns, limits), start=1):
                name, place = row["problem_id"], f"row {number:,} of the split {split}"
                if not name:
                    raise DatasetError(
                        f"{self.folder}: {place} has no problem_id; leave the row out, or build the dataset again"
                    )
                if name in first:
                    raise DatasetError(
                        f"{self.folder}: {first[name]} and {place} have the same problem_id {name:.100}; leave out one "
                        "of these rows, or download or build the dataset again"
                    )
                first[name] = place
                yield split, row

    def check_files(self, table: str | None = None) -> None:
        """Compare the data files with the digests of the manifest: those of one table, or all and no others.

        Raises:
            DatasetError: naming every file that is missing, was changed, or is not in the manifest.
        """
        paths = set(self.files(table)) if table else {self.folder / DATA / name for name in self._digests}
        if table is None and (self.folder / DATA).is_dir():
            # A reader could take these for rows of the dataset. Other files of the user do no harm here.
            paths |= set((self.folder / DATA).glob("*.parquet"))
        damaged = [path for path in sorted(paths) if not self._is_as_published(path)]
        if damaged:
            raise DatasetError(_damaged(damaged))

    def changed_files(self, tables: Sequence[str]) -> dict[str, str]:
        """Return the digests of the tables' files that are not as the manifest says, by name."""
        digests = {path.name: file_digest(path) for table in tables for path in self.files(table) if path.is_file()}
        return {name: digest for name, digest in digests.items() if digest != self._digests.get(name)}

    def _is_as_published(self, path: Path) -> bool:
        return path.is_file() and file_digest(path) == self._digests.get(path.name)

    def written_files(self) -> dict[str, frozenset[str]]:
        """Path in the folder -> digests, of what the build wrote; without the manifest, which holds this list.

        The manifests of early versions list the data files only.
        """
        listed = own_files(self.manifest.get("files"), OWN_NAMES)
        data = own_files({f"{DATA}/{name}": digest for name, digest in self._digests.items()}, [DATA])
        return {**data, **listed}

    def upload_list(self) -> list[str]:
        """The paths that an upload takes: what the build wrote, its manifest, and the reports of `validate` about it.

        Raises:
            DatasetError: naming every file of the build that is missing or was changed.
        """
        self.check_files()
        card = {} if "files" in self.manifest else dict.fromkeys(_EARLY_FILES)
        listed = {**card, **self.written_files()}
        damaged = [
            self.folder / name
            for name, digests in listed.items()
            if digests and not as_written(self.folder / name, digests)
        ]
        if damaged:
            raise DatasetError(_damaged(damaged))
        plain = [name for name, digests in listed.items() if digests or _is_plain_file(self.folder / name)]
        return sorted([*plain, MANIFEST, *self._reports()])

    def _reports(self) -> list[str]:
        """The files that `validate` wrote and nobody has changed."""
        root = self.folder / VALIDATION
        if root.is_symlink() or not root.is_dir():
            return []
        folders = [root, *(path for path in sorted(root.iterdir()) if path.is_dir() and not path.is_symlink())]
        return [
            str((folder / name).relative_to(self.folder))
            for folder in folders
            for name, digests in read_list(folder / LIST).items()
            if as_written(folder / name, digests)
        ]

    @property
    def _digests(self) -> Mapping[str, str]:
        """File name -> SHA-256."""
        digests: Mapping[str, str] = self.manifest["dataset"]["files"]
        return digests


def open_dataset(folder: Path, name: str | None = None) -> PublishedDataset:
    """Open a folder that `publish` wrote; only its manifest is read.

    >>> dataset = open_dataset(Path("sure-math"))  # doctest: +SKIP
    >>> [row["weight"] for row in dataset.rows("train", ["weight"])]  # doctest: +SKIP
    [1.0, 0.25]

    Args:
        name: how messages call the folder, such as `data.path = sure-math`; its path by default.

    Raises:
        DatasetError: the folder has no manifest, or a manifest that this version cannot read.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise DatasetError(
            f"{name or folder} has no {MANIFEST}: it is not a finished dataset; run `python -m sure_math.build` to its "
            "end first, or name another folder"
        )
    if (size := path.stat().st_size) > MANIFEST_BYTES:
        raise DatasetError(
            f"{path}: has {size:,} bytes, and at most {MANIFEST_BYTES:,} are read: this is no manifest of a "
            "dataset; build or download the dataset again"
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        manifest = None
    if not isinstance(manifest, dict) or not manifest.keys() >= _KEYS or not _has_dataset(manifest):
        raise DatasetError(f"{path} is not the manifest of a dataset; build the dataset again")
    if manifest.get("format") != MANIFEST_FORMAT:
        raise DatasetError(
            f"{path}: has the format {manifest.get('format')}, and this version of sure-math reads {MANIFEST_FORMAT}; "
            "install the version that wrote the dataset, or build it again"
        )
    return PublishedDataset(folder=folder, manifest=manifest)


def published_names() -> list[str]:
    """The names of the files that a build publishes; a table is in one file or more.

    >>> published_names()[0]
    'data/train-*.parquet'
    """
    data = [f"{DATA}/{table}-*.parquet" for table in (*SPLITS, "samples", "rejected")]
    return [*data, *_EARLY_FILES[1:], CARD, MANIFEST]


def check_dataset_folder(folder: Path, option: str = "--out") -> None:
    """Refuse a folder in which no build may write; nothing in it is touched.

    A build may write into a folder that is missing or empty, that a build began, or that holds a finished dataset.

    Raises:
        OutputError: the folder cannot be used, or holds something else.
    """
    check_place(folder, option)
    refuse_links(folder, (WORK, *OWN_NAMES, VALIDATION), option)
    work = folder / WORK
    if any((work / name).is_file() for name in ("lock", "config.json", "journal.sqlite")):
        return
    try:
        open_dataset(folder)
    except DatasetError:
        names = foreign_names(folder, [WORK] if work.is_dir() and not any(work.iterdir()) else [])
        refuse_foreign(folder, names, "dataset of this package", option)


def _has_dataset(manifest: Mapping[str, Any]) -> bool:
    """Whether the parts of a manifest that name files and rows have the right shape, and no file leaves the folder."""
    dataset = manifest["dataset"]
    models, parts = manifest["models"], [manifest[name] for name in ("config", "numbers", "prompts")]
    if not isinstance(models, list) or not all(isinstance(part, dict) for part in (dataset, *models, *parts)):
        return False
    if not all("role" in model for model in models) or not all(
        isinstance(prompt, dict) for prompt in manifest["prompts"].values()
    ):
        return False
    files, rows = dataset.get("files"), dataset.get("rows")
    if not isinstance(files, dict) or not isinstance(rows, dict) or "fingerprint" not in dataset:
        return False
    return all(is_plain(name) and "/" not in name and isinstance(files[name], str) for name in files) and all(
        isinstance(count, int) for count in rows.values()
    )


def _section(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = config.get(name)
    return section if isinstance(section, dict) else {}


def _is_plain_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _damaged(paths: Sequence[Path]) -> str:
    names = ", ".join(str(path) for path in paths)
    return f"{names}: missing or not as published; run the build again, or download the dataset again"
