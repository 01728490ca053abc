"""Read stored samples: a file of a teacher's answers takes the place of the teacher.

A file has one row per problem with a list of samples, or one row per sample. Rows of one sample each are grouped as
`columns.py` says; the rows of a problem may be anywhere in the file. N of a problem is the number of its samples. With
`samples.num_samples`, the first N samples of each problem are used and problems with fewer are dropped.
"""

from __future__ import annotations

import dataclasses
import json
import pickle
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any

from sure_math.config import TIERS, BuildConfig, SamplesConfig
from sure_math.identity import digest, same_problem_key
from sure_math.problems.sources import columns as usual
from sure_math.problems.sources.cells import CellError, cell, conversation, is_missing, known_word, reading, text_of
from sure_math.problems.sources.columns import choose_column, column_of_problem
from sure_math.problems.sources.limits import DEFAULT, Limits
from sure_math.problems.sources.reference_answers import reference_of
from sure_math.problems.sources.sample_values import (
    SampleKind,
    holds_lists,
    is_list,
    kind_of_texts,
    samples_in,
    text_of_sample,
)
from sure_math.problems.sources.seeds import dropped_seed, seed_problem
from sure_math.problems.sources.table_files import InputError, Row, Rows, open_rows, stem_of
from sure_math.rows import Dropped, LogprobMode, Problem, Sample
from sure_math.storage.files import digest_if_file
from sure_math.storage.seen import Seen

SAMPLES = (*usual.COMPLETIONS, *usual.EXTRACTED, *usual.TEXT, *usual.MESSAGES)
"""Columns of samples; completions before extracted answers, a conversation last."""
FIELDS = (*usual.COMPLETION_FIELDS, *usual.EXTRACTED_FIELDS)
"""Keys of a sample that is a mapping, beside the names of columns."""

_ROUNDING = 1e-3
"""A sum of log-probabilities may be above 0 by so much, from rounding."""
_LARGEST = 2**31
"""Above this a count or a log-probability is an error of the file."""

PROBLEM = (*usual.PROBLEM, *usual.MESSAGES)
"""Columns of the problem."""

StoredItem = tuple[list[Problem | Dropped], list[Sample]]
"""A problem, or the dropped row in its place, and its samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Columns:
    problem: str
    samples: str
    system: str | None
    id: str | None
    answer: str | None
    solution: str | None
    tier: str | None
    license: str | None
    unit: str = "row"
    """What messages count: rows, or problems if the samples of one are in several rows."""


def read_stored(config: BuildConfig) -> Iterator[StoredItem]:
    """Yield each problem of `samples.path` with its samples.

    Raises:
        InputError: the file does not exist, is empty, lacks a column, or has an id twice.
    """
    rows = _open(config.samples, config.limits.plain())
    columns = _columns(rows, config.samples)
    with reading(rows.name):
        lists = holds_lists(rows.first, columns.samples)
    groups = _listed(rows, columns) if lists else _grouped(rows, columns, config)
    seen = Seen()
    columns = dataclasses.replace(columns, unit="row" if lists else "problem")
    for number, (row, values) in enumerate(islice(groups, config.seeds.limit), start=1):
        yield _item(row, values, columns, config.samples, seen, number)
    seen.close()


def stored_fingerprint(config: BuildConfig) -> str:
    """Digest the file and the settings that say how it is read."""
    return digest(
        ["samples", 3, config.samples.model_dump(mode="json"), config.seeds.limit, digest_if_file(config.samples.path)]
    )


def kind_of(samples: SamplesConfig, limits: Limits = DEFAULT) -> SampleKind:
    """Tell whether samples are completions or extracted answers; `auto` looks at the first rows."""
    if samples.kind != "auto":
        return samples.kind
    rows = _open(samples, limits)
    column = _columns(rows, samples).samples
    texts = []
    for number, row in enumerate(rows.first, start=1):
        with reading(f"{rows.name}, row {number}"):
            value = cell(row, column)
            texts += [_read(item, samples, column)[0] for item in (value if is_list(value) else [value])]
    return kind_of_texts(texts)


def _open(samples: SamplesConfig, limits: Limits) -> Rows:
    assert samples.path is not None, "the caller checks it"
    return open_rows(samples.path, "samples.path", limits)


def _columns(rows: Rows, samples: SamplesConfig) -> _Columns:
    names = samples.columns
    texts = choose_column(rows, "samples.columns.samples", names.samples, SAMPLES, required=True)
    problem = choose_column(rows, "samples.columns.problem", names.problem, PROBLEM, required=True)
    others = tuple(name for name in usual.ANSWER if name != texts)
    assert texts is not None and problem is not None, "they are required"
    return _Columns(
        problem=problem,
        samples=texts,
        system=choose_column(rows, "samples.columns.system", names.system, usual.SYSTEM),
        id=choose_column(rows, "samples.columns.id", names.id, usual.ID),
        answer=choose_column(rows, "samples.columns.answer", names.answer, others),
        solution=choose_column(rows, "samples.columns.solution", names.solution, usual.SOLUTION),
        tier=choose_column(rows, "samples.columns.tier", names.tier, usual.TIER),
        license=choose_column(rows, "samples.columns.license", names.license, usual.LICENSE),
    )


def _listed(rows: Rows, columns: _Columns) -> Iterator[tuple[Row, Sequence[Any]]]:
    for number, row in enumerate(rows.stream, start=1):
        with reading(f"{rows.name}, row {number}"):
            values = cell(row, columns.samples)
            values = [] if is_missing(values) else samples_in(values)
            if values is None:
                raise CellError(
                    f"{columns.samples} must be a list as in the first row, not {cell(row, columns.samples)!r:.80}"
                )
        yield row, values


def _grouped(rows: Rows, columns: _Columns, config: BuildConfig) -> Iterator[tuple[Row, Sequence[Any]]]:
    """Rows of single samples, gathered by problem on disk, in the order in which the problems first appear."""
    key_column = column_of_problem(columns.id, config.samples.columns.id)
    database = sqlite3.connect("", isolation_level=None)
    database.execute("PRAGMA journal_mode=OFF")
    database.execute("CREATE TABLE numbers (key TEXT PRIMARY KEY, number INTEGER, content TEXT) WITHOUT ROWID")
    database.execute(
        "CREATE TABLE rows (number INTEGER, place INTEGER, row BLOB, PRIMARY KEY (number, place)) WITHOUT ROWID"
    )
    for place, row in enumerate(rows.stream):
        with reading(f"{rows.name}, row {place + 1}"):
            system, text = conversation(row, columns.problem, columns.system)
            key = text_of(row, key_column) or json.dumps([system, text])
            if is_list(cell(row, columns.samples)):
                raise CellError(f"{columns.samples} must hold one sample as in the first row, not a list")
            sample = cell(row, columns.samples)
            _read({columns.samples: sample}, config.samples, columns.samples)  # an error names its row
            content = same_problem_key(text, system)
            database.execute("INSERT OR IGNORE INTO numbers VALUES (?, ?, ?)", (key, place, content))
            (first,) = database.execute("SELECT content FROM numbers WHERE key = ?", (key,)).fetchone()
            if text.strip() and first != content:
                raise CellError(
                    f"the id {key[:80]!r} stands for two different problems: an earlier row with it has another text "
                    "or another system prompt; make the ids unique, or choose another column with "
                    "samples.columns.id=..."
                )
        # A row's id numbers the samples, unless the user named its column or it is called `problem_id`.
        kept = {name: value for name, value in row.items() if key_column or name != columns.id}
        kept[columns.samples] = sample
        database.execute(
            "INSERT INTO rows SELECT number, ?, ? FROM numbers WHERE key = ?",
            (place, pickle.dumps(kept), key),
        )
    cursor = database.execute("SELECT number, row FROM rows ORDER BY number, place")
    current: int | None = None
    group: list[Row] = []
    for number, stored in cursor:
        if group and number != current:
            yield group[0], group
            group = []
        current = number
        group.append(pickle.loads(stored))  # rows that this function wrote, in a file of its own
    if group:
        yield group[0], group
    database.close()


def _item(
    row: Row, values: Sequence[Any], columns: _Columns, samples: SamplesConfig, seen: Seen, number: int
) -> StoredItem:
    assert samples.path is not None
    where = f"samples.path = {samples.path}, {columns.unit} {number}"
    with reading(where):
        system, text = conversation(row, columns.problem, columns.system)
        reference = reference_of(row, columns.answer, columns.solution)
        problem = seed_problem(
            text_of(row, columns.id),
            text,
            source=samples.name or stem_of(samples.path),
            license=text_of(row, columns.license) or samples.license,
            tier=known_word(row, columns.tier, TIERS) or samples.tier,
            system=system,
            answer=reference.answer,
            answer_source=None if reference.answer is None else "source",
            solution=reference.solution,
        )
        rows = _samples(problem.problem_id, values, samples, columns.samples)
    wanted = samples.num_samples
    count = sum(sample.sample_index >= 0 for sample in rows)
    if not text.strip():
        return [dropped_seed(problem, number, "empty", "the row has no text")], []
    if seen.first(problem.problem_id, "") is not None:
        raise InputError(
            f"{where}: the id {problem.problem_id!r} occurs twice; make the ids unique, or choose another column "
            "with samples.columns.id=..."
        )
    if count < (wanted or 1):
        detail = f"{count} samples, {wanted or 1} needed"
        return [dropped_seed(problem, number, "too_few_samples" if count else "no_samples", detail)], []
    return [problem], [sample for sample in rows if wanted is None or sample.sample_index < wanted]


def _samples(problem_id: str, values: Sequence[Any], samples: SamplesConfig, column: str) -> list[Sample]:
    rows, index = [], 0
    for value in values:
        text, facts = _read(value, samples, column)
        greedy = facts.get("sample_index") == -1
        rows.append(_sample(problem_id, -1 if greedy else index, text, facts))
        index += not greedy
    return rows


def _sample(problem_id: str, index: int, text: str, facts: Mapping[str, Any]) -> Sample:
    logprob, count = _logprob(facts.get("sum_logprob")), _count(facts.get("token_count"))
    known = logprob is not None and count is not None
    mode: LogprobMode = "processed" if facts.get("logprob_mode") == "processed" else "raw"
    reason = facts.get("finish_reason")
    return Sample(
        problem_id=problem_id,
        sample_index=index,
        text=text,
        token_count=count or 0,
        sum_logprob=logprob if known else None,
        finish_reason=reason if reason in ("stop", "length") else "unknown",
        logprob_mode=mode if known else "none",
    )


def _logprob(value: Any) -> float | None:
    """A sum of log-probabilities; None if there is none, or if it is a text.

    Raises:
        CellError: it is positive or infinite, as no sum of log-probabilities is.
    """
    if not isinstance(value, (int, float, Decimal)) or isinstance(value, bool) or is_missing(value):
        return None
    if not -_LARGEST < value <= _ROUNDING:
        raise CellError(
            f"sum_logprob = {str(value)[:40]} must be the logarithm of a probability, at most 0; mend it, or leave the "
            "column out"
        )
    return min(float(value), 0.0)


def _count(value: Any) -> int | None:
    """A number of tokens; None if there is none, if it is 0, or if it is a text.

    A table of pandas holds it as 12.0 if another row has none.

    Raises:
        CellError: it is negative, infinite, no whole number, or too large.
    """
    if not isinstance(value, (int, float, Decimal)) or isinstance(value, bool) or is_missing(value):
        return None
    if not 0 <= value < _LARGEST or value != int(value):
        raise CellError(
            f"token_count = {str(value)[:40]} must be a whole number of tokens, 0 or more; mend it, or leave the "
            "column out"
        )
    return int(value) or None


def _read(value: Any, samples: SamplesConfig, column: str) -> tuple[str, Mapping[str, Any]]:
    """Text of one sample, and what else is known of it if it is a mapping, such as a row of one sample."""
    facts = value if isinstance(value, Mapping) else {}
    if column in facts:
        value = facts[column]
        facts = {**facts, **value} if isinstance(value, Mapping) else facts
    fields = [samples.columns.field] if samples.columns.field else [*SAMPLES, *FIELDS]
    return text_of_sample(value, fields, "set samples.columns.field=..."), facts
