"""Read the public sources of `catalogue.py`, from the Hub or from a copy, as seeds or as benchmarks."""

from __future__ import annotations

import dataclasses
import heapq
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sure_math.config import CopyConfig, SourceConfig
from sure_math.identity import digest, same_problem_key, short_id
from sure_math.problems.sources.catalogue import SOURCES, SourceColumns, columns_of, read_row
from sure_math.problems.sources.cells import conversation, reading
from sure_math.problems.sources.hub import HubSplit, commit_at, open_split
from sure_math.problems.sources.limits import DEFAULT, Limits
from sure_math.problems.sources.row_rules import VERSION, Unusable
from sure_math.problems.sources.seeds import dropped_seed, seed_problem
from sure_math.problems.sources.table_files import InputError, Rows, open_rows, plain_list
from sure_math.rows import Dropped, Problem
from sure_math.storage.files import digest_if_file, file_digest


def read_source(
    name: str, config: SourceConfig, *, run_seed: int, commit: str | None, limits: Limits = DEFAULT
) -> Iterator[Problem | Dropped]:
    """Yield the seeds of one public source, and a dropped row with its reason for each row that cannot be used as one.

    With `pick: spread`, yields the `rows` problems of lowest rank, sorted by rank; the order of the stream does not
    matter. A rank is a digest of the run's seed and the row's id. Memory is of the order of `rows`. Rows with a
    higher rank than the last problem are ignored and not reported as dropped.

    Args:
        commit: what `commit_of` returned; None for a local copy.

    Raises:
        InputError: the source is gated, does not exist, cannot be reached, is empty, or lacks a column.
    """
    candidates = _candidates(name, config, commit, limits)
    if config.rows is None or config.pick == "first":
        return _first(candidates, config.rows)
    return _spread(candidates, config.rows, run_seed)


def read_benchmark(
    name: str, config: CopyConfig, commit: str | None, limits: Limits = DEFAULT
) -> Iterator[Problem | Dropped]:
    """Yield every problem of an evaluation set, with or without an answer; a row without text is dropped.

    Raises:
        InputError: as `read_source`.
    """
    for number, candidate in enumerate(_candidates(name, config, commit, limits), start=1):
        if candidate.problem.problem:
            yield candidate.problem
        else:
            yield dropped_seed(candidate.problem, number, "empty", "the row has no text")


def commit_of(name: str, config: SourceConfig | CopyConfig) -> str | None:
    """Return the commit at which a public source is read: the named commit or else the newest; None for a copy.

    Raises:
        InputError: the dataset is gated, does not exist, or cannot be reached.
    """
    return None if config.path is not None else commit_at(_place(name, config, None, None, _revision(name, config)))


def source_digest(name: str, config: SourceConfig | CopyConfig, run_seed: int, commit: str | None) -> str:
    """Digest what `read_source` or `read_benchmark` yields: the settings, and the commit or the copy."""
    source, by_rank = SOURCES[name], isinstance(config, SourceConfig) and config.rows and config.pick == "spread"
    settings = config.model_dump(mode="json", exclude={"path", "revision"})
    content = commit if config.path is None else _content_digest(config.path)
    where = [source.dataset, source.license, source.tier, *_extent(name, config)]
    return digest(["source", VERSION, name, where, settings, run_seed if by_rank else None, content])


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A row of a public source, and why it cannot be used as a seed (None if it can)."""

    problem: Problem
    unusable: Unusable | None


def _candidates(
    name: str, config: SourceConfig | CopyConfig, commit: str | None, limits: Limits
) -> Iterator[_Candidate]:
    source = SOURCES[name]
    for parts, rows in _streams(name, config, commit, limits):
        columns = _columns(name, config, rows)
        for number, row in enumerate(rows.stream, start=1):
            with reading(f"{rows.name}, row {number}"):
                system, text = conversation(row, columns.problem)
                read = read_row(source, columns, row, text)
            row_id = "-".join([*parts, read.row_id or short_id(_identity(name, read.text, system))])
            problem = seed_problem(
                row_id,
                read.text,
                source=name,
                license=source.license,
                tier=source.tier,
                system=system,
                answer=read.answer,
                answer_source=None if read.answer is None else "source",
                solution=read.solution,
            )
            yield _Candidate(problem, read.unusable)


def _identity(name: str, text: str, system: str | None) -> list[str]:
    """What names a row without an id; a row without a system prompt keeps the name that it has always had."""
    return [name, text] if system is None else [name, text, system]


def _streams(
    name: str, config: SourceConfig | CopyConfig, commit: str | None, limits: Limits
) -> Iterator[tuple[tuple[str, ...], Rows]]:
    """Each part of a source that is read, with the beginning of its rows' ids."""
    if config.path is not None and not config.path.is_dir():
        yield (name,), open_rows(config.path, f"{_key(name, config)}.path", limits)
        return
    subsets, splits = _extent(name, config)
    for subset, split in itertools.product(subsets or (None,), splits):
        yield (
            tuple(part for part in (name, subset, split) if part),
            open_split(_place(name, config, subset, split, commit), limits),
        )


def _extent(name: str, config: SourceConfig | CopyConfig) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Subsets and splits to read."""
    source = SOURCES[name]
    subsets, splits = (config.subsets, config.splits) if isinstance(config, SourceConfig) else (None, None)
    return source.subsets if subsets is None else subsets, source.splits if splits is None else splits


def _columns(name: str, config: SourceConfig | CopyConfig, rows: Rows) -> SourceColumns:
    source, columns = SOURCES[name], columns_of(SOURCES[name], rows.columns)
    if columns.problem is None or (columns.answer is None and isinstance(config, SourceConfig)):
        raise InputError(
            f"{rows.name}: expected a statement in the column {' or '.join(source.problem)} and an answer in "
            f"{' or '.join(source.answers)}; the columns are {plain_list(rows.columns)}; {_remedy(name, config)}"
        )
    lacking = [column for column in source.needs if column not in rows.columns]
    if lacking and isinstance(config, SourceConfig):
        raise InputError(
            f"{rows.name}: expected the column {', '.join(lacking)} too, which says which rows cannot be used as "
            f"seeds; the columns are {plain_list(rows.columns)}; {_remedy(name, config)}"
        )
    return columns


def _place(
    name: str, config: SourceConfig | CopyConfig, subset: str | None, split: str | None, revision: str | None
) -> HubSplit:
    return HubSplit(
        key=_key(name, config),
        dataset=str(config.path or SOURCES[name].dataset),
        subset=subset,
        split=split,
        revision=revision,
        remedy=_remedy(name, config),
    )


def _key(name: str, config: SourceConfig | CopyConfig) -> str:
    return f"{'seeds.public' if isinstance(config, SourceConfig) else 'decontaminate.benchmarks'}.{name}"


def _remedy(name: str, config: SourceConfig | CopyConfig) -> str:
    key = _key(name, config)
    copy = f"give a local copy with {key}.path=FILE_OR_FOLDER (a folder as that of {SOURCES[name].dataset} on the Hub)"
    if isinstance(config, SourceConfig):
        return f"{copy}, or see {key}.subsets, {key}.splits and {key}.revision"
    return f"{copy}, or leave it out with decontaminate.skip=[{name}]"


def _revision(name: str, config: SourceConfig | CopyConfig) -> str | None:
    return config.revision or SOURCES[name].revision


def _content_digest(path: Path) -> str | None:
    """A digest of a file, or of every file below a folder with its name."""
    if not path.is_dir():
        return digest_if_file(path)
    files = {file.relative_to(path): file for file in sorted(path.rglob("*")) if file.is_file()}
    # The Hub's client keeps its own notes, with times, in a `.cache` of the folder it downloads to.
    return digest([[str(name), file_digest(file)] for name, file in files.items() if name.parts[0] != ".cache"])


def _first(candidates: Iterator[_Candidate], count: int | None) -> Iterator[Problem | Dropped]:
    """Rows in the order of the stream, up to the `count`-th that can be used."""
    taken = 0
    for number, candidate in enumerate(candidates, start=1):
        if candidate.unusable is not None:
            yield dropped_seed(candidate.problem, number, *candidate.unusable)
            continue
        yield candidate.problem
        taken += 1
        if taken == count:
            return


def _spread(candidates: Iterator[_Candidate], count: int, run_seed: int) -> Iterator[Problem | Dropped]:
    """Yield the `count` usable rows of lowest rank, and every unusable row that ranks no higher than the last of them.

    The rows are sorted by rank.
    """
    taken: dict[tuple[str, str], _Candidate] = {}
    top: list[tuple[int, tuple[str, str]]] = []  # the rows of `taken`, highest rank first: ranks are negated
    passed: list[tuple[int, int, _Candidate]] = []
    for number, candidate in enumerate(candidates):
        rank = _rank(run_seed, candidate)
        if len(taken) == count and rank > -top[0][0]:
            continue
        problem = candidate.problem
        key = (problem.problem_id, short_id(same_problem_key(problem.problem, problem.system)))
        if candidate.unusable is None and key in taken:
            # Which of two equal problems stays must not depend on which comes first.
            taken[key], candidate = _repeated(*sorted((taken[key], candidate), key=_content))
        if candidate.unusable is not None:
            heapq.heappush(passed, (-rank, number, candidate))
        else:
            taken[key] = candidate
            heapq.heappush(top, (-rank, key))
            if len(taken) > count:
                del taken[heapq.heappop(top)[1]]
        while len(taken) == count and passed and passed[0][0] < top[0][0]:
            heapq.heappop(passed)
    ranked = [*taken.values(), *(candidate for _, _, candidate in passed)]
    ranked.sort(key=lambda row: (_rank(run_seed, row), row.problem.problem_id, row.unusable is not None, _content(row)))
    numbers: Counter[str] = Counter()
    for candidate in ranked:
        if candidate.unusable is None:
            yield candidate.problem
        else:
            numbers[candidate.problem.problem_id] += 1
            yield dropped_seed(candidate.problem, numbers[candidate.problem.problem_id], *candidate.unusable)


def _repeated(stays: _Candidate, goes: _Candidate) -> tuple[_Candidate, _Candidate]:
    detail = f"the same problem as {stays.problem.problem_id}"
    return stays, dataclasses.replace(goes, unusable=("duplicate", detail))


def _rank(run_seed: int, candidate: _Candidate) -> int:
    return int(short_id([run_seed, "source", candidate.problem.problem_id]), 16)


def _content(candidate: _Candidate) -> tuple[str, str, str, str]:
    problem = candidate.problem
    return problem.problem, problem.system or "", problem.answer or "", problem.solution or ""
