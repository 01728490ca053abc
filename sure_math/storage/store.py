"""The disk of a build: shards, manifests, resume. Work files live in `OUT/.build/`.

A shard is a set of whole problems. `Store.map` turns every shard of its input tables into one file of rows and one file
of dropped rows. The shard's manifest is written last. It holds the digests of both files and of everything they were
made from.

A shard is made again if its manifest is missing, if its files do not match the manifest, or if its inputs changed.
Every other shard is left byte for byte as it is. The replies of models are in the journal
(`models/responders/journal.py`), so making a shard again asks nothing twice.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

import pyarrow as pa
import pyarrow.parquet as pq

from sure_math.batched import batched
from sure_math.command_line.progress import Progress
from sure_math.identity import digest
from sure_math.rows import Dropped, Output, RowT, read_rows, to_table
from sure_math.storage.claimed_folder import ClaimedFolder, FolderInUse, RecordDamaged, changed_settings
from sure_math.storage.files import file_digest, strange_files, write_synced, write_whole
from sure_math.storage.output_folder import WORK, check_place
from sure_math.storage.phase import Phase

FORMAT = 1
"""Version of the work files; part of every fingerprint."""
_SHARDS = "shards"
_INPUT = re.compile(r"(seeds|benchmark)([.-]|$)")
"""Names of the tables of inputs: `seeds`, `seeds.1`, `seeds-math`, `benchmark-gsm8k`."""


class StoreError(RuntimeError):
    """The output folder cannot be used as asked. The message says how to go on."""


@dataclass(frozen=True, slots=True)
class Table(Generic[RowT]):
    """The rows of one phase on disk, read a shard at a time."""

    name: str
    makes: type[RowT]
    folder: Path
    digests: tuple[str, ...]
    """SHA-256 of the rows of each shard."""
    kept: int
    """Problems with rows here."""
    dropped: Mapping[str, int]
    """Reason -> problems dropped by this phase."""

    def rows(self, shard: int) -> list[RowT]:
        return read_rows(self.makes, self.folder / _rows_file(shard))

    def all_rows(self) -> Iterator[RowT]:
        """Yield every row, with one shard in memory at a time."""
        for shard in range(len(self.digests)):
            yield from self.rows(shard)

    def dropped_rows(self, shard: int) -> list[Dropped]:
        path = self.folder / _dropped_file(shard)
        return read_rows(Dropped, path) if path.is_file() else []


@dataclass(frozen=True, slots=True)
class _Manifest:
    """The record of a finished shard."""

    fingerprint: str
    files: Mapping[str, str]
    """File name -> SHA-256."""
    kept: int
    dropped: Mapping[str, int]


class Store:
    """The work files of one output folder. Only one build at a time can hold it."""

    def __init__(self, out: Path, progress: Progress) -> None:
        """Make the folder of work files, or open the one that is there, and hold it until `close`.

        Raises:
            OutputError: no folder can be there.
            StoreError: another build holds it, or something in it is not ours.
        """
        self.folder = out / WORK
        self._mapped: list[Table[Any]] = []
        self._progress = progress
        check_place(out)
        if self.folder.is_symlink() or (self.folder.exists() and not self.folder.is_dir()):
            raise StoreError(f"--out {out}: {self.folder} is not a folder; move it away, or choose another --out")
        self.folder.mkdir(parents=True, exist_ok=True)
        strange = next(strange_files(self.folder), None)
        if strange is not None:
            raise StoreError(
                f"--out {out}: {strange} is a link or a special file, and a build makes plain files only; remove it, "
                "or choose another --out"
            )
        try:
            self._claimed = ClaimedFolder(lock=self.folder / "lock", record=self.folder / "config.json")
        except FolderInUse:
            raise StoreError(
                f"--out {out}: another build is running there; wait for it or choose another --out"
            ) from None
        (self.folder / _SHARDS).mkdir(exist_ok=True)

    def check_in_place(self) -> None:
        """Refuse to write into a folder that has appeared where the folder of this build was.

        Raises:
            StoreError: the folder was moved or deleted since it was opened.
        """
        if not self._claimed.in_place():
            raise StoreError(
                f"--out {self.folder.parent}: was moved or deleted while the build was running; repeat the command "
                "with its new place as --out, and everything that is finished is found there"
            )

    def claim(self, config: Mapping[str, Any], *, update: bool, harmless: re.Pattern[str]) -> None:
        """Make this the folder of `config`, a resolved configuration in JSON types.

        Args:
            update: keep the folder although the configuration has changed.
            harmless: matches the keys of settings that may change, because they change no row.

        Raises:
            StoreError: the folder belongs to another configuration and `update` is False.
        """
        # A folder with nothing but inputs holds no results yet: a first command with a typo can be corrected.
        worked = any(not _INPUT.match(shard.parts[-2]) for shard in (self.folder / _SHARDS).glob("*/[0-9]*.json"))
        try:
            before = self._claimed.record()
        except RecordDamaged:  # every shard carries a digest of its settings, so this file is made again
            before = None
        if before is not None and worked and not update:
            changed = [
                f"  {setting.key}: {setting.before!r} -> {setting.after!r}"
                for setting in changed_settings(before, config, harmless=harmless)
            ]
            if changed:
                raise StoreError(
                    f"--out {self.folder.parent}: holds a build of another configuration. These keys differ:\n"
                    + "\n".join(changed)
                    + "\nGo on with --update (everything that does not depend on them is kept), or choose another --out"
                )
        self._claimed.claim(json.dumps(config, indent=2))

    def split(
        self, name: str, makes: Sequence[type], items: Iterable[Sequence[Any]], *, size: int, source: str
    ) -> list[Table[Any]]:
        """Cut a stream into shards of `size` items, and make one table for each type of rows in `makes`.

        An item holds one list of rows for each table. The first table is called `name`, the others `name.1`, ...
        Shards that are already there with the same contents stay untouched.

        Args:
            source: a fingerprint of the stream. A finished split of an unchanged source is not read again.
        """
        names = [name, *(f"{name}.{index}" for index in range(1, len(makes)))]
        done = self.folder / _SHARDS / name / "done.json"
        fingerprint = digest([FORMAT, name, size, source])
        with self._progress.phase(name, None) as bar:
            shards = self._finished_split(done, names, fingerprint)
            if not shards:
                self.check_in_place()
                done.unlink(missing_ok=True)
                for shard, batch in enumerate(batched(items, size)):
                    shards.append(self._write_tables(names, makes, shard, fingerprint, batch))
                    bar.advance(len(batch))
                done.parent.mkdir(exist_ok=True)
                write_synced(done, json.dumps({"fingerprint": fingerprint, "shards": len(shards)}).encode())
        return [
            self._table(table, row_type, [manifests[index] for manifests in shards])
            for index, (table, row_type) in enumerate(zip(names, makes, strict=True))
        ]

    def pin(self, name: str, resolve: Callable[[], str | None]) -> str | None:
        """Return what `resolve` gave when `name` was first pinned here: a build keeps the commits it began with."""
        path = self.folder / "pins.json"
        pins = _mapping_in(path)
        if not isinstance(pins.get(name, 0), str | None):
            pins[name] = resolve()
            self.check_in_place()
            write_synced(path, json.dumps(pins, indent=1, sort_keys=True).encode())
        pinned: str | None = pins[name]
        return pinned

    def map(self, phase: Phase[RowT] | None, *inputs: Table[Any]) -> Table[RowT]:
        """Run a phase over all shards of its inputs. Shards that are finished and still valid are not made again.

        If the configuration leaves the phase out, it is None and the first input is passed on.
        """
        if phase is None:
            return inputs[0]
        manifests = []
        fingerprints = _fingerprints(phase, inputs)
        shards = len(fingerprints)
        with self._progress.phase(phase.name, inputs[0].kept) as bar:
            phase.look_ahead(
                [table.rows(shard) for table in inputs]
                for shard in range(shards)
                if self._finished(phase.name, shard, fingerprints[shard]) is None
            )
            for shard, fingerprint in enumerate(fingerprints):
                problems = round(inputs[0].kept * (shard + 1) / shards) - round(inputs[0].kept * shard / shards)
                bar.begin(problems)
                manifest = self._finished(phase.name, shard, fingerprint)
                if manifest is None or phase.ordered:
                    output = phase.run(*(table.rows(shard) for table in inputs))
                if manifest is None:
                    manifest = self._write_shard(phase.name, phase.makes, shard, fingerprint, output)
                manifests.append(manifest)
                bar.advance(problems)
            phase.close()
        table = self._table(phase.name, phase.makes, manifests)
        self._mapped.append(table)
        return table

    @property
    def mapped(self) -> tuple[Table[Any], ...]:
        """The tables that `map` made, in order. A phase that was left out has none."""
        return tuple(self._mapped)

    def close(self) -> None:
        self._claimed.close()

    def _table(self, name: str, makes: type[RowT], manifests: Sequence[_Manifest]) -> Table[RowT]:
        dropped: Counter[str] = Counter()
        for manifest in manifests:
            dropped.update(manifest.dropped)
        return Table(
            name=name,
            makes=makes,
            folder=self.folder / _SHARDS / name,
            digests=tuple(manifest.files[_rows_file(shard)] for shard, manifest in enumerate(manifests)),
            kept=sum(manifest.kept for manifest in manifests),
            dropped=dict(dropped),
        )

    def _finished_split(self, done: Path, names: Sequence[str], fingerprint: str) -> list[list[_Manifest]]:
        """The manifests of a finished split, a list of one per table for every shard; empty if any is not valid."""
        known = _mapping_in(done)
        if known.get("fingerprint") != fingerprint or not isinstance(known.get("shards"), int):
            return []
        shards = []
        for shard in range(known["shards"]):
            manifests = [self._finished(name, shard, fingerprint) for name in names]
            finished = [manifest for manifest in manifests if manifest is not None]
            if len(finished) < len(names):
                return []
            shards.append(finished)
        return shards

    def _finished(self, name: str, shard: int, fingerprint: str) -> _Manifest | None:
        folder = self.folder / _SHARDS / name
        manifest = _manifest_of(_mapping_in(folder / f"{shard:05d}.json"), shard)
        if manifest is None or manifest.fingerprint != fingerprint:
            return None
        try:
            whole = all(file_digest(folder / file) == sha256 for file, sha256 in manifest.files.items())
        except (FileNotFoundError, IsADirectoryError):
            return None
        return manifest if whole else None

    def _write_tables(
        self, names: Sequence[str], makes: Sequence[type], shard: int, fingerprint: str, batch: Sequence[Sequence[Any]]
    ) -> list[_Manifest]:
        """Write one shard of every table of a split."""
        return [
            self._write_shard(name, row_type, shard, fingerprint, _separated(item[index] for item in batch))
            for index, (name, row_type) in enumerate(zip(names, makes, strict=True))
        ]

    def _write_shard(
        self, name: str, makes: type[RowT], shard: int, fingerprint: str, output: Output[RowT]
    ) -> _Manifest:
        self.check_in_place()
        folder = self.folder / _SHARDS / name
        folder.mkdir(exist_ok=True)
        contents = {_rows_file(shard): _parquet(makes, output.rows)}
        if output.dropped:
            contents[_dropped_file(shard)] = _parquet(Dropped, output.dropped)
        else:
            (folder / _dropped_file(shard)).unlink(missing_ok=True)
        files = {file: hashlib.sha256(content).hexdigest() for file, content in contents.items()}
        manifest = _Manifest(
            fingerprint=fingerprint,
            files=files,
            kept=len({row.problem_id for row in output.rows}),  # type: ignore[attr-defined]
            dropped=dict(Counter(row.reason for row in output.dropped)),
        )
        for file, content in contents.items():
            if not (folder / file).is_file() or file_digest(folder / file) != files[file]:
                write_whole(folder / file, content)
        # Not synced: the digests find files that a power cut tore, and the journal, which is synced, has the replies.
        write_whole(folder / f"{shard:05d}.json", json.dumps(dataclasses.asdict(manifest)).encode())
        return manifest


def _mapping_in(path: Path) -> dict[str, Any]:
    """The mapping that a work file holds in JSON; empty if the file is missing, empty, damaged or of another kind."""
    try:
        stored = json.loads(path.read_bytes())
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, ValueError, RecursionError):
        return {}
    return stored if isinstance(stored, dict) else {}


def _manifest_of(stored: Mapping[str, Any], shard: int) -> _Manifest | None:
    """The record of a shard, from what its file holds; None if a field is missing or is not what it should be."""
    files, dropped = stored.get("files"), stored.get("dropped")
    if not isinstance(files, dict) or not isinstance(dropped, dict) or _rows_file(shard) not in files:
        return None
    if not {*files} <= {_rows_file(shard), _dropped_file(shard)}:
        return None
    if not isinstance(stored.get("fingerprint"), str) or not _is_count(stored.get("kept")):
        return None
    if not all(_is_count(count) for count in dropped.values()):
        return None
    return _Manifest(fingerprint=stored["fingerprint"], files=files, kept=stored["kept"], dropped=dropped)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _fingerprints(phase: Phase[Any], inputs: Sequence[Table[Any]]) -> list[str]:
    """Return for each shard a digest of what it is made from."""
    settings = digest([FORMAT, phase.name, phase.settings])
    fingerprints = []
    for shard in range(len(inputs[0].digests)):
        fingerprints.append(digest([settings, *(table.digests[shard] for table in inputs)]))
        if phase.ordered:
            settings = fingerprints[-1]  # every later shard depends on this one
    return fingerprints


def _rows_file(shard: int) -> str:
    return f"{shard:05d}.parquet"


def _dropped_file(shard: int) -> str:
    return f"{shard:05d}.dropped.parquet"


def _separated(items: Iterable[Sequence[Any]]) -> Output[Any]:
    """The rows of all items, without and with the dropped rows among them."""
    rows = [row for item in items for row in item]
    return Output(
        rows=[row for row in rows if not isinstance(row, Dropped)],
        dropped=[row for row in rows if isinstance(row, Dropped)],
    )


def _parquet(row_type: type, rows: Sequence[object]) -> memoryview:
    sink = pa.BufferOutputStream()
    pq.write_table(to_table(row_type, rows), sink, compression="zstd")
    return memoryview(sink.getvalue())
