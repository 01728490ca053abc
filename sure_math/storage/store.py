"""The disk of a build: shards, manifests, resume. Work files live in `OUT/.build/`.

A shard is a set of whole problems. `Store.map` turns every shard of its input tables into one shard of rows and one of
dropped rows; the shard's manifest is written last and holds the digests of both and of everything they were made from.
A shard whose manifest is missing, whose files do not match it, or whose inputs changed is made again; every other one
is left byte for byte as it is. What a model has answered is in the journal (`journal.py`), so making a shard again
asks nothing twice.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic

import pyarrow as pa
import pyarrow.parquet as pq

from sure_math.command_line.progress import Progress
from sure_math.rows import Dropped, Output, RowT, read_rows, to_table
from sure_math.storage.claimed_folder import ClaimedFolder, FolderInUse, changed_settings
from sure_math.storage.files import file_digest, write_whole
from sure_math.storage.phase import Phase

FORMAT = 1
"""Version of the work files; part of every fingerprint."""


_INPUT = re.compile(r"(seeds|benchmark)([.-]|$)")
"""Names of the tables of inputs: `seeds`, `seeds.1`, `seeds-math`, `benchmark-gsm8k`."""


class StoreError(RuntimeError):
    """The output folder cannot be used as asked; the message says how to go on."""


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
        return read_rows(self.makes, self.folder / f"{shard:05d}.parquet")

    def all_rows(self) -> Iterator[RowT]:
        """Every row, one shard in memory at a time."""
        for shard in range(len(self.digests)):
            yield from self.rows(shard)

    def dropped_rows(self, shard: int) -> list[Dropped]:
        path = self.folder / f"{shard:05d}.dropped.parquet"
        return read_rows(Dropped, path) if path.is_file() else []


@dataclass(frozen=True, slots=True)
class _Manifest:
    """What is known of a finished shard."""

    fingerprint: str
    files: Mapping[str, str]
    """File name -> SHA-256."""
    kept: int
    dropped: Mapping[str, int]


@dataclass(slots=True)
class _Tally:
    """Sums over the shards of a table."""

    digests: list[str] = field(default_factory=list)
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    def add(self, rows_file: str, manifest: _Manifest) -> None:
        self.digests.append(manifest.files[rows_file])
        self.kept += manifest.kept
        self.dropped.update(manifest.dropped)


class Store:
    """The work files of one output folder; one build at a time holds it."""

    def __init__(self, out: Path, progress: Progress) -> None:
        self.folder = out / ".build"
        self._mapped: list[Table[Any]] = []
        self._progress = progress
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise StoreError(f"--out {out}: is a file; name a folder") from None
        try:
            self._claimed = ClaimedFolder(lock=self.folder / "lock", record=self.folder / "config.json")
        except FolderInUse:
            raise StoreError(
                f"--out {out}: another build is running there; wait for it or choose another --out"
            ) from None

    def claim(self, config: Mapping[str, Any], *, update: bool, harmless: re.Pattern[str]) -> None:
        """Make this folder the one of `config`, a resolved configuration in JSON types.

        Args:
            update: keep the folder though the configuration has changed.
            harmless: keys of settings that may change, since they change no row.

        Raises:
            StoreError: it belongs to another configuration and `update` is False.
        """
        # A folder with nothing but inputs holds nobody's work: a first command with a typo can be mended.
        worked = any(not _INPUT.match(shard.parts[-2]) for shard in self.folder.glob("shards/*/[0-9]*.json"))
        before = self._claimed.record()
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
        """Cut a stream into shards of `size` items; an item is one row or a tuple of rows for each table in `makes`.

        The first table is called `name` and takes the dropped rows; the others are `name.1`, ... Shards that are
        already there with these contents stay untouched. `source` is a fingerprint of the stream: with an unchanged
        one a finished split is not read again.
        """
        names = [name, *(f"{name}.{index}" for index in range(1, len(makes)))]
        tallies = [_Tally() for _ in names]
        done = self.folder / "shards" / name / "done.json"
        fingerprint = _digest([FORMAT, name, size, source])
        known = json.loads(done.read_bytes()) if done.is_file() else {}
        shards = known.get("shards", 0) if known.get("fingerprint") == fingerprint else 0
        with self._progress.phase(name, None) as bar:
            reused = [self._finished(each, shard, fingerprint) for shard in range(shards) for each in names]
            if shards and all(reused):
                for index, manifest in enumerate(reused):
                    tallies[index % len(names)].add(f"{index // len(names):05d}.parquet", manifest)  # type: ignore[arg-type]
            else:
                done.unlink(missing_ok=True)
                for shard, some in enumerate(_chunks(items, size)):
                    for index, (each, row_type) in enumerate(zip(names, makes, strict=True)):
                        rows = [row for item in some for row in item[index]]
                        kept = [row for row in rows if not isinstance(row, Dropped)]
                        output = Output(rows=kept, dropped=[row for row in rows if isinstance(row, Dropped)])
                        manifest = self._write_shard(each, row_type, shard, fingerprint, output)
                        tallies[index].add(f"{shard:05d}.parquet", manifest)
                    bar.advance(len(some))
                write_whole(done, json.dumps({"fingerprint": fingerprint, "shards": len(tallies[0].digests)}).encode())
        return [self._table(each, row_type, tally) for each, row_type, tally in zip(names, makes, tallies, strict=True)]

    def pin(self, name: str, resolve: Callable[[], str | None]) -> str | None:
        """What `resolve` gave when it was first asked for `name` here: a build stays with the commits it began with."""
        path = self.folder / "pins.json"
        pins = json.loads(path.read_bytes()) if path.is_file() else {}
        if name not in pins:
            pins[name] = resolve()
            write_whole(path, json.dumps(pins, indent=1, sort_keys=True).encode())
        return pins[name]

    def map(self, phase: Phase[RowT] | None, *inputs: Table[Any]) -> Table[RowT]:
        """Run a phase over all shards of its inputs; shards that are finished and still valid are not made again.

        A phase the configuration leaves out is None: its first input goes through.
        """
        if phase is None:
            return inputs[0]
        tally = _Tally()
        settings = _digest([FORMAT, phase.name, phase.settings])
        shards = len(inputs[0].digests)
        with self._progress.phase(phase.name, inputs[0].kept) as bar:
            for shard in range(shards):
                fingerprint = _digest([settings, *(table.digests[shard] for table in inputs)])
                if phase.ordered:
                    settings = fingerprint  # every later shard depends on this one
                manifest = self._finished(phase.name, shard, fingerprint)
                if manifest is None or phase.ordered:
                    output = phase.run(*(table.rows(shard) for table in inputs))
                if manifest is None:
                    manifest = self._write_shard(phase.name, phase.makes, shard, fingerprint, output)
                tally.add(f"{shard:05d}.parquet", manifest)
                bar.advance(round(inputs[0].kept * (shard + 1) / shards) - round(inputs[0].kept * shard / shards))
            phase.close()
        table = self._table(phase.name, phase.makes, tally)
        self._mapped.append(table)
        return table

    @property
    def mapped(self) -> tuple[Table[Any], ...]:
        """The tables that `map` made, in order. A phase that was left out has none."""
        return tuple(self._mapped)

    def close(self) -> None:
        self._claimed.close()

    def _table(self, name: str, makes: type[RowT], tally: _Tally) -> Table[RowT]:
        folder = self.folder / "shards" / name
        return Table(name, makes, folder, tuple(tally.digests), tally.kept, dict(tally.dropped))

    def _finished(self, name: str, shard: int, fingerprint: str) -> _Manifest | None:
        folder = self.folder / "shards" / name
        try:
            manifest = _Manifest(**json.loads((folder / f"{shard:05d}.json").read_bytes()))
            whole = all(file_digest(folder / file) == digest for file, digest in manifest.files.items())
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return manifest if whole and manifest.fingerprint == fingerprint else None

    def _write_shard(
        self, name: str, makes: type[RowT], shard: int, fingerprint: str, output: Output[RowT]
    ) -> _Manifest:
        folder = self.folder / "shards" / name
        folder.mkdir(parents=True, exist_ok=True)
        contents = {f"{shard:05d}.parquet": _parquet(makes, output.rows)}
        if output.dropped:
            contents[f"{shard:05d}.dropped.parquet"] = _parquet(Dropped, output.dropped)
        else:
            (folder / f"{shard:05d}.dropped.parquet").unlink(missing_ok=True)
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
        # No fsync: what a power cut tears, the digests find, and the journal, which is synced, gives the rows back.
        write_whole(folder / f"{shard:05d}.json", json.dumps(dataclasses.asdict(manifest)).encode())
        return manifest


def _chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    chunk = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _parquet(row_type: type, rows: Sequence[object]) -> memoryview:
    sink = pa.BufferOutputStream()
    pq.write_table(to_table(row_type, rows), sink, compression="zstd")
    return memoryview(sink.getvalue())


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
