"""The tables of a dataset: their rows, their Arrow schemas, and the Parquet files they are written to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from sure_math.publication.shard_rows import PublishedProblem
from sure_math.rows import Dropped, FinishReason, LogprobMode, Tier, WeightKind, schema_of, to_table

ROW_GROUP_BYTES = 1 << 20  # of Arrow memory: with four open tables, what is buffered is what grows
FILE_BYTES = 512 << 20  # the Hub's viewer converts files of this size without splitting them


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """One problem (configuration `default`): the fields of `Problem`, `Uncertainty` and `Grade` that a user reads."""

    problem_id: str
    problem: str
    system: str | None
    """System prompt that came with the seed: the teacher was asked with it in front of the problem."""
    answer: str | None
    answer_source: str | None
    solution: str | None
    source: str
    tier: Tier
    strategy: str
    round: int
    seed_id: str
    parent_id: str | None
    author: str | None
    num_samples: int
    semantic_entropy: float
    weight: float
    weight_kind: WeightKind
    discrete_entropy: float
    intra_cluster_entropy: float
    majority_answer: str | None
    majority_share: float
    num_clusters: int
    num_missing: int
    num_truncated: int
    mean_tokens: float
    teacher: str | None
    """Name of the model that was sampled."""
    teacher_answer: str | None
    teacher_correct: bool | None
    overlaps: tuple[str, ...]
    license: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedSample:
    """One sample (configuration `samples`): fields of `Sample` and `Answer`."""

    problem_id: str
    sample_index: int
    text: str
    answer: str | None
    cluster_id: int | None
    """None for the greedy sample, whose index is -1; -1 for a sample that was left out of the clusters."""
    sum_logprob: float | None
    token_count: int
    finish_reason: FinishReason
    logprob_mode: LogprobMode


TABLES: Mapping[str, type] = {
    "train": PublishedRow,
    "test": PublishedRow,
    "samples": PublishedSample,
    "rejected": Dropped,
}
"""Table -> the type of its rows."""

CONFIGS: Mapping[str, Mapping[str, str]] = {
    "default": {"train": "train", "test": "test"},
    "samples": {"train": "samples"},
    "rejected": {"train": "rejected"},
}
"""Configuration -> split -> table."""

ADDED_LATER = frozenset({"system"})
"""Columns that early versions did not write. In their datasets the column counts as null."""

SCHEMAS: Mapping[str, pa.Schema] = {name: schema_of(row_type) for name, row_type in TABLES.items()}


def published_row(row: PublishedProblem, teacher: str | None) -> PublishedRow:
    """Return a problem as it is published; `teacher` is the name of the model that was sampled."""
    values = asdict(row.problem) | asdict(row.uncertainty) | asdict(row.grade) | {"teacher": teacher}
    return _only_fields(PublishedRow, values)


def published_samples(row: PublishedProblem) -> Iterator[PublishedSample]:
    """Yield the samples of a problem as they are published."""
    for sample, answer in zip(row.samples, row.answers, strict=True):
        in_entropy = sample.sample_index >= 0
        cluster_id = row.cluster.cluster_ids[sample.sample_index] if in_entropy else None
        values = asdict(sample) | {"answer": answer.answer, "cluster_id": cluster_id}
        yield _only_fields(PublishedSample, values)


RowT = TypeVar("RowT")


def _only_fields(row_type: type[RowT], values: Mapping[str, Any]) -> RowT:
    return row_type(**{field.name: values[field.name] for field in fields(row_type)})  # type: ignore[arg-type]


class TableFiles:
    """The open Parquet files of the four tables; leaving the context writes their footers."""

    def __init__(self, folder: Path) -> None:
        self.rows = dict.fromkeys(SCHEMAS, 0)
        self._writers = {name: _TableWriter(folder, name, schema) for name, schema in SCHEMAS.items()}

    def __enter__(self) -> TableFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._writers.values():
            writer.close()

    def add(self, table: str, rows: Sequence[object]) -> None:
        """Append rows of the table's type."""
        if rows:
            self.rows[table] += len(rows)
            self._writers[table].write(to_table(TABLES[table], rows))


class _TableWriter:
    """Writes rows to `NAME-00000.parquet`, `NAME-00001.parquet`, ..., cut by size: equal rows give equal files."""

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
