"""Publish: the rows of a run as a folder that `load_dataset("sure-math")` opens, and its upload.

`publish` reads the shards once, in order, and writes row groups as it goes, so its memory does not grow with the
number of problems. Everything is written to a staging folder, opened with `datasets` and compared with what was
written, and then renamed into place, the manifest last: a folder without `manifest.json` is not finished.

`datasets` cannot open a split without rows, so a split or configuration without rows is left out of the card's
metadata; the manifest counts it as 0 and the card says so.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from sure_math.publication.card import CONFIGS, render_card
from sure_math.publication.card_numbers import PublishedProblem, Tally
from sure_math.publication.published import MANIFEST, MANIFEST_FORMAT, DatasetError, open_dataset
from sure_math.rows import Answer, Cluster, Dropped, Grade, Problem, Sample, SourceFacts, Uncertainty, schema_of
from sure_math.storage.files import file_digest

WORK = ".build"

DEFAULT_SCHEMA = pa.schema(
    [
        pa.field("problem_id", pa.string(), nullable=False),
        pa.field("problem", pa.string(), nullable=False),
        pa.field("answer", pa.string()),
        pa.field("answer_source", pa.string()),
        pa.field("solution", pa.string()),
        pa.field("source", pa.string(), nullable=False),
        pa.field("tier", pa.string(), nullable=False),
        pa.field("strategy", pa.string(), nullable=False),
        pa.field("round", pa.int64(), nullable=False),
        pa.field("seed_id", pa.string(), nullable=False),
        pa.field("parent_id", pa.string()),
        pa.field("author", pa.string()),
        pa.field("num_samples", pa.int64(), nullable=False),
        pa.field("semantic_entropy", pa.float64(), nullable=False),
        pa.field("weight", pa.float64(), nullable=False),
        pa.field("weight_kind", pa.string(), nullable=False),
        pa.field("discrete_entropy", pa.float64(), nullable=False),
        pa.field("intra_cluster_entropy", pa.float64(), nullable=False),
        pa.field("majority_answer", pa.string()),
        pa.field("majority_share", pa.float64(), nullable=False),
        pa.field("num_clusters", pa.int64(), nullable=False),
        pa.field("num_missing", pa.int64(), nullable=False),
        pa.field("num_truncated", pa.int64(), nullable=False),
        pa.field("mean_tokens", pa.float64(), nullable=False),
        pa.field("teacher", pa.string()),
        pa.field("teacher_answer", pa.string()),
        pa.field("teacher_correct", pa.bool_()),
        pa.field("overlaps", pa.list_(pa.string()), nullable=False),
        pa.field("license", pa.string(), nullable=False),
    ]
)
"""One row per problem (configuration `default`)."""

SAMPLES_SCHEMA = pa.schema(
    [
        pa.field("problem_id", pa.string(), nullable=False),
        pa.field("sample_index", pa.int64(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("answer", pa.string()),
        pa.field("cluster_id", pa.int64()),
        pa.field("sum_logprob", pa.float64()),
        pa.field("token_count", pa.int64(), nullable=False),
        pa.field("finish_reason", pa.string(), nullable=False),
        pa.field("logprob_mode", pa.string(), nullable=False),
    ]
)
"""One row per sample (configuration `samples`); the greedy sample has index -1 and no cluster."""

REJECTED_SCHEMA = schema_of(Dropped)
"""One row per dropped problem (configuration `rejected`)."""

SCHEMAS: Mapping[str, pa.Schema] = {
    "train": DEFAULT_SCHEMA,
    "test": DEFAULT_SCHEMA,
    "samples": SAMPLES_SCHEMA,
    "rejected": REJECTED_SCHEMA,
}
"""Table -> schema. `train` and `test` are the splits of `default`; `samples` and `rejected` have one, `train`."""

ROW_GROUP_BYTES = 1 << 20  # of Arrow memory: with four open tables, what is buffered is what grows
FILE_BYTES = 512 << 20  # the Hub's viewer converts files of this size without splitting them


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardRows:
    """All rows of one shard. `problems` may hold problems that a later phase dropped; they need a `Dropped` row."""

    problems: Sequence[Problem]
    samples: Sequence[Sample]
    answers: Sequence[Answer]
    clusters: Sequence[Cluster]
    uncertainties: Sequence[Uncertainty]
    verdicts: Sequence[Grade]
    dropped: Sequence[Dropped]
    """Dropped rows of every phase of this shard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """One model of the run, for the card."""

    role: str
    """`author`, `teacher`, `judge` or `labeller`."""
    name: str
    fingerprint: str
    engine: str
    """Engine and version."""
    logprob_mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseCount:
    """One line of the funnel; all counts are problems."""

    phase: str
    rows_in: int
    kept: int
    dropped: Mapping[str, int]
    """Reason -> problems."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What the card says about the run and the rows cannot tell. Same facts, same rows: same bytes."""

    config_name: str
    """`pocket`, `annotate`, ... or the stem of the user's file."""
    command: str
    """The command that repeats the run, without paths of this machine where that is possible."""
    config: Mapping[str, object]
    """The resolved configuration, as JSON types."""
    versions: Mapping[str, str]
    """Package -> version."""
    models: tuple[ModelFacts, ...]
    funnel: tuple[PhaseCount, ...]
    """In the order of the phases."""
    prompts: Mapping[str, str]
    """Name -> text of every prompt the run used; `solve` is printed on the card."""
    sources: tuple[SourceFacts, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What was written."""

    folder: Path
    rows: Mapping[str, int]
    """Table (`train`, `test`, `samples`, `rejected`) -> rows."""
    fingerprint: str
    """sha256 over the names and digests of the data files."""


class PublishError(RuntimeError):
    """A dataset cannot be written or uploaded; the message says what to do, and never holds a token."""


def publish(shards: Iterable[ShardRows], facts: RunFacts, folder: Path) -> Published:
    """Write `folder` (data, card, figures, manifest) from the rows of a run; an older version in it is replaced.

    Raises:
        PublishError: a problem has neither an uncertainty nor a dropped row, no problem is left, or the written files
            do not read back as they were written.
    """
    staging = folder / WORK / "publish"
    shutil.rmtree(staging, ignore_errors=True)
    (staging / "data").mkdir(parents=True)
    teacher = next((model.name for model in facts.models if model.role == "teacher"), None)
    tally = Tally()
    with Tables(staging / "data") as tables:
        for shard in shards:
            _write_shard(shard, teacher, tables, tally)
    rows = dict(tables.rows)
    if rows["train"] + rows["test"] == 0:
        raise PublishError(
            f"no problem is left to publish; dropped rows by phase and reason: {tally.dropped_summary()}"
        )
    files = {path.name: file_digest(path) for path in sorted((staging / "data").iterdir())}
    manifest = _manifest(facts, tally, rows, files)
    _write_card(manifest, staging)
    check_readable(staging, rows)
    (staging / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    fingerprint = manifest["dataset"]["fingerprint"]
    _move_into_place(staging, folder, fingerprint)
    return Published(folder=folder, rows=rows, fingerprint=fingerprint)


class Tables:
    """The open Parquet files of the four tables; a context manager, so that footers are written."""

    def __init__(self, folder: Path) -> None:
        self.rows = dict.fromkeys(SCHEMAS, 0)
        self._writers = {name: _TableWriter(folder, name, schema) for name, schema in SCHEMAS.items()}

    def __enter__(self) -> Tables:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._writers.values():
            writer.close()

    def add(self, table: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Append rows, given as mappings with exactly the columns of the table's schema."""
        if rows:
            self.rows[table] += len(rows)
            self._writers[table].write(pa.Table.from_pylist(list(rows), schema=SCHEMAS[table]))


class _TableWriter:
    """Rows -> `NAME-00000.parquet`, `NAME-00001.parquet`, ...: cut by size, so that equal rows give equal files."""

    def __init__(self, folder: Path, name: str, schema: pa.Schema) -> None:
        self._folder, self._name, self._schema = folder, name, schema
        self._writer: pq.ParquetWriter | None = None
        self._pending: list[pa.Table] = []
        self._pending_bytes = self._file_bytes = self._files = 0

    def write(self, table: pa.Table) -> None:
        self._pending.append(table)
        self._pending_bytes += table.nbytes
        if self._pending_bytes >= ROW_GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._close_file()

    def _flush(self) -> None:
        if not self._pending:
            return
        if self._writer is None:
            path = self._folder / f"{self._name}-{self._files:05d}.parquet"
            self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
            self._files += 1
        self._writer.write_table(pa.concat_tables(self._pending))
        self._file_bytes += self._pending_bytes
        self._pending, self._pending_bytes = [], 0
        if self._file_bytes >= FILE_BYTES:
            self._close_file()

    def _close_file(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer, self._file_bytes = None, 0


def _write_shard(shard: ShardRows, teacher: str | None, tables: Tables, tally: Tally) -> None:
    joined = list(_joined(shard))
    for split in ("train", "test"):
        tables.add(split, [_default_row(row, teacher) for row in joined if row.problem.split == split])
    for row in joined:
        tables.add("samples", list(_sample_rows(row)))
        tally.add(row)
    tables.add("rejected", [asdict(row) for row in shard.dropped])
    for dropped in shard.dropped:
        tally.add_dropped(dropped)


def _joined(shard: ShardRows) -> Iterator[PublishedProblem]:
    """The published problems of a shard in their order, each with its rows; every other problem must be dropped."""
    uncertainties = {row.problem_id: row for row in shard.uncertainties}
    clusters = {row.problem_id: row for row in shard.clusters}
    verdicts = {row.problem_id: row for row in shard.verdicts}
    dropped = {row.problem_id for row in shard.dropped}
    answers = {(row.problem_id, row.sample_index): row for row in shard.answers}
    samples: dict[str, list[Sample]] = {}
    for sample in shard.samples:
        samples.setdefault(sample.problem_id, []).append(sample)
    for problem in shard.problems:
        name = problem.problem_id
        absent = [
            table
            for table, ids in (("uncertainty", uncertainties), ("cluster", clusters), ("verdict", verdicts))
            if name not in ids
        ]
        # A dropped row alone says nothing: a repeated problem id is dropped while the first one stays.
        if absent and name in dropped:
            continue
        if absent:
            raise PublishError(
                f"problem {name!r} has no {' and no '.join(absent)} row and no dropped row; "
                "the phase that left it out must give a reason"
            )
        ordered = sorted(samples.get(name, ()), key=lambda sample: sample.sample_index)
        yield PublishedProblem(
            problem=problem,
            uncertainty=uncertainties[name],
            cluster=clusters[name],
            verdict=verdicts[name],
            samples=tuple(ordered),
            answers=tuple(answers[name, sample.sample_index] for sample in ordered),
        )


def _default_row(row: PublishedProblem, teacher: str | None) -> dict[str, object]:
    parts = (row.problem, row.uncertainty, row.verdict)
    values: dict[str, object] = {"teacher": teacher}
    for part in parts:
        values |= asdict(part)
    return {name: values[name] for name in DEFAULT_SCHEMA.names}


def _sample_rows(row: PublishedProblem) -> Iterator[dict[str, object]]:
    for sample, answer in zip(row.samples, row.answers, strict=True):
        inside = sample.sample_index >= 0
        values = asdict(sample) | {
            "answer": answer.answer,
            "cluster_id": row.cluster.cluster_ids[sample.sample_index] if inside else None,
        }
        yield {name: values[name] for name in SAMPLES_SCHEMA.names}


def _manifest(facts: RunFacts, tally: Tally, rows: Mapping[str, int], files: Mapping[str, str]) -> dict:
    digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
    return {
        "format": MANIFEST_FORMAT,
        "dataset": {"fingerprint": digest, "rows": dict(rows), "files": dict(files)},
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
        "numbers": tally.numbers(),
    }


def _write_card(manifest: Mapping, staging: Path) -> None:
    from sure_math.reporting.figures import (
        draw_histogram,  # matplotlib takes a second to import; a dry run never gets here
    )

    figures = staging / "figures"
    figures.mkdir()
    draw_histogram(manifest["numbers"]["entropy_histogram"], figures / "entropy_histogram")
    (staging / "README.md").write_text(render_card(manifest, SCHEMAS), encoding="utf-8")


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
    """Switches the progress bars of `datasets` off, and back on only if they were on."""
    from datasets import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    were_off = are_progress_bars_disabled()
    disable_progress_bars()
    try:
        yield
    finally:
        if not were_off:
            enable_progress_bars()


def _move_into_place(staging: Path, folder: Path, fingerprint: str) -> None:
    """Rename the staged files into the folder. Without its manifest the folder counts as unfinished in between."""
    if _fingerprint(folder) != fingerprint:
        shutil.rmtree(folder / "validation", ignore_errors=True)  # it describes the rows that are replaced
    (folder / MANIFEST).unlink(missing_ok=True)
    for name in ("data", "figures"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("data", "figures", "README.md", MANIFEST):
        (staging / name).rename(folder / name)
    shutil.rmtree(staging)


def _fingerprint(folder: Path) -> str | None:
    """Fingerprint of the dataset in `folder`; None if there is no finished dataset."""
    try:
        return open_dataset(folder).fingerprint
    except DatasetError:
        return None


class HubApi(Protocol):
    """The two calls of `huggingface_hub.HfApi` that an upload needs."""

    def create_repo(self, repo_id: str, *, repo_type: str, private: bool, exist_ok: bool) -> object: ...

    def upload_folder(
        self, *, repo_id: str, folder_path: str, repo_type: str, ignore_patterns: list[str], commit_message: str
    ) -> object: ...


def push(folder: Path, repo: str, *, private: bool = True, api: HubApi | None = None) -> str:
    """Upload a published folder to the Hub as a dataset and return its address.

    `HfApi.upload_folder` commits large folders in parts and skips what is there already: after an interruption the
    same call goes on where it stopped. Work files (`.build/`) are never uploaded. A repository that has to be made is
    private unless `private=False`, because licences and benchmark overlaps deserve a look before the world sees
    them; the visibility of one that exists is left as it is. The token is the one of `hf auth login` or `HF_TOKEN`;
    it is no argument here and never part of a message.

    Raises:
        PublishError: the folder is not a finished dataset, its data files are not those of its manifest, or the Hub
            refused or could not be reached.
    """
    try:
        dataset = open_dataset(folder)
        dataset.check_files()
    except DatasetError as error:
        raise PublishError(str(error)) from None
    try:
        hub = api if api is not None else _hub()
        hub.create_repo(repo, repo_type="dataset", private=private, exist_ok=True)
        hub.upload_folder(
            repo_id=repo,
            folder_path=str(folder),
            repo_type="dataset",
            ignore_patterns=[f"{WORK}/**", f"{WORK}/*", WORK],
            commit_message=f"sure-math dataset {dataset.fingerprint[:12]}",
        )
    except Exception as error:  # network, authentication, quota: all end in one message without secrets
        reason = _without_token(f"{type(error).__name__}: {error}")
        raise PublishError(
            f"upload of {folder} to {repo!r} failed: {reason}\nLog in with `hf auth login` if the Hub refused you; "
            "the same command resumes the upload"
        ) from None
    return f"https://huggingface.co/datasets/{repo}"


def _hub() -> HubApi:
    from huggingface_hub import HfApi

    return HfApi(library_name="sure-math")


def _without_token(message: str) -> str:
    from huggingface_hub import get_token

    token = get_token()
    return message.replace(token, "[token]") if token else message
