"""Load benchmarks: which problems a task asks, with which prompt, and how an answer is graded.

A benchmark is read from a public source (`sure_math.problems.sources.catalogue`: the Hub, or a copy that the task's
metadata names), from the curated problems in the package, from the pocket world, or from a built dataset folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import datasets

from sure_math.curated.problems import curated_problems
from sure_math.identity import short_id
from sure_math.problems.sources import columns as usual
from sure_math.problems.sources.catalogue import SOURCES, PublicSource, columns_of, read_row
from sure_math.problems.sources.cells import conversation, reading, text_of
from sure_math.problems.sources.columns import choose_column
from sure_math.problems.sources.hub import HubSplit, open_split
from sure_math.problems.sources.limits import DEFAULT, Limits
from sure_math.problems.sources.reference_answers import reference_of
from sure_math.problems.sources.table_files import InputError, Row, Rows, open_rows, peek_columns, plain_list
from sure_math.prompts import load_prompt
from sure_math.prompts.template import fill

Grading = Literal["boxed", "number", "judge"]
"""How answers are compared with the gold.

`boxed`: the last box; `number`: the last number (B.2); `judge`: a model compares descriptions (AMO-Bench).
"""

SAMPLES = 16
"""Sampled responses per problem (Sec. 4.3)."""
POCKET_PROBLEMS = 200
"""Number of held-out problems in the paper, and in the test split of the pocket build."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """How a benchmark is read, asked and graded: an entry of `BENCHMARKS`."""

    source: str
    """A key of `SOURCES`, `curated` or `pocket-world`."""
    prompts: str = "default"
    """The prompt set whose `solve` prompt is used."""
    own_prompt: bool = False
    """The statement in the source says how to answer, so it is sent without a prompt of ours."""
    samples: int = SAMPLES
    """Sampled responses per problem, beside the greedy response."""
    grading: Grading = "boxed"


BENCHMARKS: Mapping[str, Benchmark] = {
    "sure_math": Benchmark(source="curated"),
    "sure_math_pocket": Benchmark(source="pocket-world", prompts="pocket"),
    "math500": Benchmark(source="math500"),
    "aime24": Benchmark(source="aime24"),
    "aime25": Benchmark(source="aime25"),
    "hmmt_feb25": Benchmark(source="hmmt_feb25"),
    "hmmt_nov25": Benchmark(source="hmmt_nov25"),
    "amo_bench": Benchmark(source="amo_bench", own_prompt=True),
    "gsm8k": Benchmark(source="gsm8k", samples=0, grading="number"),  # B.2: greedy only
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkProblem:
    """One problem of a benchmark, with its prompt and the way its answers are graded."""

    problem_id: str
    problem: str
    system: str
    """System prompt of the problem; empty if it has none."""
    prompt: str
    answer: str
    grading: Grading


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedBenchmark:
    """The problems that a task asks."""

    problems: tuple[BenchmarkProblem, ...]
    origin: str
    """Where the problems come from, in words and without a path of this machine."""
    left_out: int
    """Problems of the benchmark that are not asked: AMO-Bench's descriptions, if no judge is named."""


def load_benchmark(
    name: str, *, task: str = "", data: str | None = None, everything: bool = False, limits: Limits = DEFAULT
) -> LoadedBenchmark:
    """Load the problems of a benchmark.

    Args:
        name: a key of `BENCHMARKS`.
        task: the task that needs the problems, for messages.
        data: a file or folder to read instead of the benchmark's source.
        everything: include the problems that only a judge can grade.
        limits: of the file, folder or dataset that is read.

    Raises:
        InputError: the source cannot be found, is empty, or lacks an answer. The message says what to do.

    >>> load_benchmark("sure_math_pocket").problems[0].grading
    'boxed'
    """
    benchmark = BENCHMARKS[name]
    template = load_prompt(benchmark.prompts, "solve")
    problems, seen = [], set()
    for number, statement in enumerate(_statements(name, task or name, data, limits), start=1):
        if not statement.answer:
            raise InputError(f"{statement.where}: the answer is empty; every problem of an evaluation needs an answer")
        row_id = statement.row_id
        problem_id = row_id if row_id and row_id not in seen else f"{name}-{number}"
        seen.add(problem_id)
        text = statement.text
        problems.append(
            BenchmarkProblem(
                problem_id=problem_id,
                problem=text,
                system=statement.system,
                prompt=text if benchmark.own_prompt else fill(template, problem=text),
                answer=statement.answer,
                grading="judge" if statement.description else benchmark.grading,
            )
        )
    kept = tuple(problem for problem in problems if everything or problem.grading != "judge")
    return LoadedBenchmark(problems=kept, origin=_origin(benchmark, data), left_out=len(problems) - len(kept))


def fingerprint(loaded: LoadedBenchmark) -> str:
    """Return a digest of the problems, the prompts and the golds. Results can be compared only if it is the same.

    >>> fingerprint(LoadedBenchmark(problems=(), origin="a copy", left_out=0))
    '4f53cda18c2baa0c'
    """
    return short_id([_content(problem) for problem in loaded.problems])


def _content(problem: BenchmarkProblem) -> list[str]:
    """What a result depends on. The digest of problems without system prompts is that of earlier versions."""
    content = [problem.problem_id, problem.prompt, problem.answer, problem.grading]
    return [*content, problem.system] if problem.system else content


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statement:
    """The content of one row of a source."""

    where: str
    """The row, for messages."""
    row_id: str | None
    text: str
    answer: str | None
    system: str = ""
    description: bool = False


def _statements(name: str, task: str, data: str | None, limits: Limits) -> Iterator[_Statement]:
    benchmark = BENCHMARKS[name]
    if data is None and benchmark.source == "curated":
        for problem in curated_problems():
            if problem.split == "test":
                row_id = problem.problem_id
                yield _Statement(where=row_id, row_id=row_id, text=problem.problem, answer=problem.answer)
    elif data is None and benchmark.source == "pocket-world":
        from sure_math.pocket.world import seed_problems

        for row in seed_problems(POCKET_PROBLEMS, split="test", run_seed=0):
            row_id = f"pocket-test-{short_id(row.problem)}"
            yield _Statement(where=row_id, row_id=row_id, text=row.problem, answer=row.answer)
    elif benchmark.source in SOURCES:
        yield from _from_source(name, task, data, limits)
    else:
        assert data is not None, "the cases without data are above"
        yield from _from_rows(_open_copy(task, data, "test", limits))


def _from_source(name: str, task: str, data: str | None, limits: Limits) -> Iterator[_Statement]:
    source = SOURCES[BENCHMARKS[name].source]
    split = source.splits[0]
    rows = _open_copy(task, data, split, limits) if data is not None else _open_on_hub(task, source, limits)
    columns = columns_of(source, rows.columns)
    if columns.problem is None or columns.answer is None:
        raise InputError(
            f"{rows.name}: expected a statement in the column {' or '.join(source.problem)} and an answer in "
            f"{' or '.join(source.answers)}; the columns are {plain_list(rows.columns)}; rename them or give another "
            "file"
        )
    for number, row in enumerate(rows.stream, start=1):
        where = f"{rows.name}, row {number}"
        with reading(where):
            system, text = conversation(row, columns.problem)
            read = read_row(source, columns, row, text)
            described = name == "amo_bench" and is_description(row, where)
        yield _Statement(
            where=where,
            row_id=read.row_id,
            text=text.strip() if name == "amo_bench" else read.text,
            answer=read.answer,
            system=system or "",
            description=described,
        )


def is_description(row: Row, where: str) -> bool:
    """Return whether the answer of an AMO-Bench row is a text that the parser of its authors does not compare.

    Raises:
        InputError: the row has no answer type, and its question number is not between 1 and 50.

    >>> is_description({"answer_type": "number"}, "row 1"), is_description({"answer_type": "description"}, "row 2")
    (False, True)
    """
    kind = text_of(row, "answer_type")
    if kind is not None:
        return kind == "description"
    number = text_of(row, "question_id") or ""
    if not (number.isdigit() and 1 <= int(number) <= 50):
        raise InputError(
            f"{where}: the column answer_type, or question_id from 1 to 50 (here {number!r}), says which answers of "
            "AMO-Bench are descriptions; add one of these columns"
        )
    return int(number) in DESCRIPTIONS


DESCRIPTIONS = frozenset({2, 24, 25, 26, 27, 38, 39, 40, 41, 42, 46})
"""Questions of AMO-Bench whose answers have the type `description`."""


def _from_rows(rows: Rows) -> Iterator[_Statement]:
    problem = choose_column(rows, "the column of the problem", None, usual.PROBLEM, required=True)
    answer = choose_column(rows, "the column of the answer", None, usual.ANSWER)
    row_id = choose_column(rows, "the column of the id", None, usual.ID)
    system_prompt = choose_column(rows, "the column of the system prompt", None, usual.SYSTEM)
    if answer is None:
        raise InputError(
            f"{rows.name}: no answer column; expected one of {', '.join(usual.ANSWER)}; the columns are "
            f"{plain_list(rows.columns)}; rename one, or give a file with answers"
        )
    for number, row in enumerate(rows.stream, start=1):
        where = f"{rows.name}, row {number}"
        with reading(where):
            system, text = conversation(row, problem, system_prompt)
            gold, own_id = reference_of(row, answer).answer, text_of(row, row_id)
        yield _Statement(where=where, row_id=own_id, text=text.strip(), answer=gold, system=system or "")


def _open_copy(task: str, data: str, split: str, limits: Limits) -> Rows:
    """Open a file, a copy of a Hub dataset, or a dataset folder that a build wrote."""
    key = f"metadata data of {task}"
    if not Path(data).is_dir():
        return open_rows(Path(data), key, limits)
    place = HubSplit(key=key, dataset=data, subset=None, split=split, revision=None, remedy=_remedy(task))
    return open_split(place, limits)


def _open_on_hub(task: str, source: PublicSource, limits: Limits) -> Rows:
    """Open a Hub dataset through the cache of `datasets`, which also works without a network."""
    place = HubSplit(
        key=task,
        dataset=source.dataset,
        subset=source.subsets[0] if source.subsets else None,
        split=source.splits[0],
        revision=source.revision,
        remedy=_remedy(task),
    )
    try:
        table = datasets.load_dataset(place.dataset, place.subset, split=place.split, revision=place.revision)
    except Exception:  # the Hub client, its HTTP library and the readers raise different errors; `stream` explains them
        return open_split(place, limits)
    return peek_columns(str(place), iter(table), limits)


def _remedy(task: str) -> str:
    return f'give a copy with --metadata \'{{"data": {{"{task}": "FILE_OR_FOLDER"}}}}\''


def _origin(benchmark: Benchmark, data: str | None) -> str:
    if data is not None:
        return f"a copy, {Path(data).name}"
    if benchmark.source in SOURCES:
        source = SOURCES[benchmark.source]
        return f"{source.dataset} at {source.revision or 'the newest revision'}"
    return {"curated": "the package's curated test problems", "pocket-world": "the pocket world"}[benchmark.source]
