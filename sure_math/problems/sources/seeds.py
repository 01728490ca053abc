"""Read seeds from a user's file, a dataset on the Hub or the pocket world, and the curated problems of the package.

Seeds are streamed, never held in memory as a whole. The public sources of `public.py` use the same rows, ids and
checks.

The id of a seed is the source's own, if the source has a column of ids. Otherwise it is a digest of the source's name
and the text, so that rows added to a file do not change the id of any other row.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from sure_math.config import TIERS, BuildConfig, SeedsConfig
from sure_math.curated.problems import LICENSE, curated_digest, curated_problems
from sure_math.identity import digest, same_problem_key, short_id
from sure_math.problems.sources import columns as usual
from sure_math.problems.sources.cells import conversation, known_word, reading, text_of
from sure_math.problems.sources.columns import choose_column
from sure_math.problems.sources.hub import HubSplit, commit_at, open_split
from sure_math.problems.sources.reference_answers import reference_of
from sure_math.problems.sources.table_files import InputError, Rows, open_rows, stem_of
from sure_math.rows import CURATED, Dropped, Problem, Split
from sure_math.storage.files import digest_if_file
from sure_math.storage.seen import Seen


def read_seeds(config: BuildConfig) -> Iterator[tuple[list[Problem | Dropped]]]:
    """Yield the curated problems, if they are wanted, then those of a file, the Hub or the pocket world.

    >>> config = load_config("annotate", ["seeds.path=my.jsonl", "teacher.model=pocket:teacher"])  # doctest: +SKIP
    >>> [row.problem for (rows,) in read_seeds(config) for row in rows]  # doctest: +SKIP
    ['What is 1 + 1?']

    Raises:
        InputError: the source does not exist, is empty, lacks a column, or has an id twice.
    """
    seeds = config.seeds
    others = iter(()) if seeds.curated_alone else _limited(READERS[seeds.source](config), seeds.limit)
    return check_seeds(others, curated_seeds(seeds))


def check_seeds(
    problems: Iterator[Problem | Dropped], curated: Sequence[Problem] = ()
) -> Iterator[tuple[list[Problem | Dropped]]]:
    """Yield the problems one at a time; a repeated or empty text becomes a dropped row. Dropped rows pass unchanged.

    Args:
        curated: problems that come before the others and do not count as rows of the source.

    Raises:
        InputError: an id stands for two different problems.
    """
    with contextlib.closing(Seen()) as seen:
        for count, problem in enumerate(chain(curated, problems), start=1 - len(curated)):
            if isinstance(problem, Dropped):
                yield ([problem],)
                continue
            if not problem.problem.strip():
                yield ([dropped_seed(problem, count, "empty", "the row has no text")],)
                continue
            content = same_problem_key(problem.problem, problem.system)
            before = seen.first(problem.problem_id, content)
            if before is None:
                yield ([problem],)
            elif before == content:
                yield ([dropped_seed(problem, count, "duplicate", f"the same problem as {problem.problem_id}")],)
            else:
                raise InputError(
                    f"seeds: the id {problem.problem_id!r} stands for two different problems (again at row {count}); "
                    "make the ids unique, or choose another column with seeds.columns.id=..."
                )


def source_fingerprint(config: BuildConfig) -> str:
    """Digest where the seeds come from: the settings, and the file's content or the commit on the Hub."""
    seeds = config.seeds
    content = {"file": lambda: digest_if_file(seeds.path), "hub": lambda: commit_at(_hub_place(seeds))}.get(
        seeds.source
    )
    curated = curated_digest() if seeds.curated else None
    return digest(["seeds", 3, config.run.seed, seeds.model_dump(mode="json"), content() if content else None, curated])


def curated_seeds(seeds: SeedsConfig) -> list[Problem]:
    """Return the curated problems as rows, the held-out problems first; none if the configuration does not want them.

    They are read before all others, so a problem that evolves into one of them is dropped as the duplicate.
    """
    if not seeds.curated:
        return []
    held_out = [problem for problem in curated_problems() if problem.split == "test"]
    train = [problem for problem in curated_problems() if problem.split == "train"]
    return [
        seed_problem(
            problem.problem_id,
            problem.problem,
            source=CURATED,
            license=LICENSE,
            tier=problem.tier,
            answer=problem.answer,
            answer_source=CURATED,
            solution=problem.solution,
            split=problem.split,
        )
        for problem in (*held_out, *train[: seeds.limit if seeds.curated_alone else None])
    ]


def seed_problem(row_id: str | None, text: str, *, source: str, license: str, tier: str, **fields: Any) -> Problem:
    """Make a seed row; `row_id` is the source's own id."""
    problem_id = row_id or f"{source}-{short_id([source, fields.get('system'), text])}"
    defaults: dict[str, Any] = {
        "system": None,
        "answer": None,
        "answer_source": None,
        "solution": None,
        "split": "train",
    }
    return Problem(
        problem_id=problem_id,
        problem=text,
        source=source,
        tier=tier,  # type: ignore[arg-type]
        strategy="seed",
        round=0,
        seed_id=problem_id,
        parent_id=None,
        author=None,
        license=license,
        overlaps=(),
        **{**defaults, **fields},
    )


def dropped_seed(problem: Problem, row: int, reason: str, detail: str) -> Dropped:
    """Make the dropped row of a seed; the number of its row makes the id unique."""
    dropped = Dropped.of(problem, phase="seeds", reason=reason, detail=detail)
    return dataclasses.replace(dropped, problem_id=f"{problem.problem_id}~{row}")


def _limited(problems: Iterator[Problem], limit: int | None) -> Iterator[Problem]:
    taken = 0
    for problem in problems:
        taken += problem.split == "train"
        if limit is not None and taken > limit:
            return
        yield problem


def _from_file(config: BuildConfig) -> Iterator[Problem]:
    path = config.seeds.path
    assert path is not None, "the configuration checks it"
    return _from_rows(
        open_rows(path, "seeds.path", config.limits.plain()), config.seeds, config.seeds.name or stem_of(path)
    )


def _from_hub(config: BuildConfig) -> Iterator[Problem]:
    seeds = config.seeds
    return _from_rows(open_split(_hub_place(seeds), config.limits.plain()), seeds, seeds.name or str(seeds.dataset))


def _hub_place(seeds: SeedsConfig) -> HubSplit:
    return HubSplit(
        key="seeds.dataset",
        dataset=str(seeds.dataset),
        subset=seeds.subset,
        split=seeds.rows,
        revision=seeds.revision,
        remedy="see seeds.dataset, seeds.subset, seeds.rows and seeds.revision, or give a file with seeds.source=file "
        "seeds.path=...",
    )


def _from_rows(rows: Rows, seeds: SeedsConfig, source: str) -> Iterator[Problem]:
    names = seeds.columns
    messages = choose_column(rows, "seeds.columns.messages", names.messages, () if names.problem else usual.MESSAGES)
    problem = messages or choose_column(rows, "seeds.columns.problem", names.problem, usual.PROBLEM, required=True)
    system_prompt = choose_column(rows, "seeds.columns.system", names.system, usual.SYSTEM)
    answer = choose_column(rows, "seeds.columns.answer", names.answer, usual.ANSWER)
    solution = choose_column(rows, "seeds.columns.solution", names.solution, usual.SOLUTION)
    row_id = choose_column(rows, "seeds.columns.id", names.id, usual.ID)
    tier = choose_column(rows, "seeds.columns.tier", names.tier, usual.TIER)
    license_ = choose_column(rows, "seeds.columns.license", names.license, usual.LICENSE)
    split = choose_column(rows, "seeds.columns.split", names.split, usual.SPLIT)
    for number, row in enumerate(rows.stream, start=1):
        with reading(f"{rows.name}, row {number}"):
            system, text = conversation(row, problem, system_prompt)
            reference = reference_of(row, answer, solution)
            seed = seed_problem(
                text_of(row, row_id),
                text,
                source=source,
                license=text_of(row, license_) or seeds.license,
                tier=known_word(row, tier, TIERS) or seeds.tier,
                system=system,
                answer=reference.answer,
                answer_source=None if reference.answer is None else "source",
                solution=reference.solution,
                split=known_word(row, split, ("train", "test")) or "train",
            )
        yield seed


def _from_pocket_world(config: BuildConfig) -> Iterator[Problem]:
    from sure_math.pocket import world  # with all families of problems, which other builds do not need

    seeds = config.seeds
    # The held-out problems come first: a problem that evolves into one of them later is the duplicate.
    plan: tuple[tuple[Split, int], ...] = (("test", seeds.test_limit), ("train", seeds.limit or 0))
    for split, count in plan:
        for row in world.seed_problems(count, split=split, run_seed=config.run.seed):
            yield seed_problem(
                f"pocket-{split}-{short_id(row.problem)}",
                row.problem,
                source="pocket-world",
                license=seeds.license,
                tier=row.tier,
                answer=row.answer,
                answer_source="pocket-world",
                solution=row.solution,
                split=split,
            )


READERS: Mapping[str, Callable[[BuildConfig], Iterator[Problem]]] = {
    "file": _from_file,
    "hub": _from_hub,
    "pocket-world": _from_pocket_world,
}
