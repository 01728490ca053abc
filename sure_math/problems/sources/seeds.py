"""Seeds from a user's file, a dataset on the Hub or the pocket world, streamed and never held whole, and the curated
problems of the package.

The public sources of `public.py` share the rows, ids and checks here.

The id of a seed is the source's own, where it has a column of ids, else a digest of the source's name and the text, so
that rows added to a file change no other row.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from sure_math.config import TIERS, BuildConfig, SeedsConfig
from sure_math.curated.problems import LICENSE, curated_digest, curated_problems
from sure_math.identity import digest, normalised, short_id
from sure_math.problems.sources.hub import Place, commit_at, stream
from sure_math.problems.sources.table_files import InputError, Row, Rows, choose, open_rows, text_of, whole
from sure_math.rows import CURATED, Dropped, Problem, Split
from sure_math.storage.files import digest_if_file
from sure_math.storage.seen import Seen

PROBLEM_NAMES = ("problem", "question", "query", "prompt", "instruction", "input")
MESSAGES_NAMES = ("messages", "conversations")
ANSWER_NAMES = ("gold", "gt", "expected_answer", "answer", "final_answer", "ground_truth", "target", "reference_answer")
SOLUTION_NAMES = ("solution", "reference_solution", "gt_cot")
ID_NAMES = ("problem_id", "id", "unique_id", "uid", "question_id", "idx", "index")


def read_seeds(config: BuildConfig) -> Iterator[tuple[list[Problem | Dropped]]]:
    """The curated problems, where they are asked for, then a file, the Hub or the pocket world, see `checked`.

    Raises:
        InputError: the source is not there, is empty, lacks a column, or has an id twice.
    """
    seeds = config.seeds
    others = iter(()) if seeds.curated_alone else _limited(READERS[seeds.source](config), seeds.limit)
    return checked(others, curated_seeds(seeds))


def checked(
    problems: Iterator[Problem | Dropped], curated: Sequence[Problem] = ()
) -> Iterator[tuple[list[Problem | Dropped]]]:
    """The problems one at a time, with each repeated or empty text replaced by a dropped row; dropped rows pass.

    Args:
        curated: come before the others and are no rows of their source.

    Raises:
        InputError: an id stands for two different problems.
    """
    with contextlib.closing(Seen()) as seen:
        for count, problem in enumerate(chain(curated, problems), start=1 - len(curated)):
            if isinstance(problem, Dropped):
                yield ([problem],)
                continue
            if not problem.problem.strip():
                yield ([left_out(problem, count, "empty", "the row has no text")],)
                continue
            before = seen.first(problem.problem_id, normalised(problem.problem))
            if before is None:
                yield ([problem],)
            elif before == normalised(problem.problem):
                yield ([left_out(problem, count, "duplicate", f"the same problem as {problem.problem_id}")],)
            else:
                raise InputError(
                    f"seeds: the id {problem.problem_id!r} stands for two different problems (again at row {count}); "
                    "make the ids unique, or choose another column with seeds.columns.id=..."
                )


def source_fingerprint(config: BuildConfig) -> str:
    """A digest of where the seeds come from: the settings, and the content of a file or the commit on the Hub."""
    seeds = config.seeds
    content = {"file": lambda: digest_if_file(seeds.path), "hub": lambda: commit_at(_hub_place(seeds))}.get(
        seeds.source
    )
    curated = curated_digest() if seeds.curated else None
    return digest(["seeds", 1, config.run.seed, seeds.model_dump(mode="json"), content() if content else None, curated])


def curated_seeds(seeds: SeedsConfig) -> list[Problem]:
    """The curated problems as rows, the held-out ones first; none where they are not asked for.

    Whatever evolves into one of them is the duplicate, since they are read before all others.
    """
    if not seeds.curated:
        return []
    held_out = [each for each in curated_problems() if each.split == "test"]
    train = [each for each in curated_problems() if each.split == "train"]
    return [
        seed_problem(
            each.problem_id,
            each.problem,
            source=CURATED,
            license=LICENSE,
            tier=each.tier,
            answer=each.answer,
            answer_source=CURATED,
            solution=each.solution,
            split=each.split,
        )
        for each in (*held_out, *train[: seeds.limit if seeds.curated_alone else None])
    ]


def seed_problem(row_id: str | None, text: str, *, source: str, license: str, tier: str, **fields: Any) -> Problem:
    """A seed row; `row_id` is the source's own id."""
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


def left_out(problem: Problem, row: int, reason: str, detail: str) -> Dropped:
    """The dropped row of a seed; the number of its row makes the id its own."""
    dropped = Dropped.of(problem, phase="seeds", reason=reason, detail=detail)
    return dataclasses.replace(dropped, problem_id=f"{problem.problem_id}~{row}")


def conversation(value: Any, where: str) -> tuple[str | None, str]:
    """System prompt and problem of a cell: plain text, or a list of messages with one user turn.

    Raises:
        InputError: the messages are not a system prompt (or none) and one user turn, with an answer or without.
    """
    if not isinstance(value, (list, tuple)):
        return None, whole(str(value))
    turns: dict[str, list[str]] = {}
    for message in value:
        if not isinstance(message, Mapping):
            raise InputError(f"{where}: a message must have a role and a content, not {message!r}")
        role = str(message.get("role", message.get("from")))
        content = message.get("content", message.get("value"))
        turns.setdefault(_ROLES.get(role, role), []).append("" if content is None else whole(str(content)))
    user, system = turns.get("user", []), turns.get("system", [])
    if len(user) != 1 or len(system) > 1 or set(turns) - {"system", "user", "assistant"}:
        roles = ", ".join(f"{len(texts)} {role}" for role, texts in turns.items())
        raise InputError(f"{where}: messages must be one user turn, with one system prompt at most; these are {roles}")
    return (system[0] if system else None), user[0]


_ROLES = {"human": "user", "gpt": "assistant"}


def _limited(problems: Iterator[Problem], limit: int | None) -> Iterator[Problem]:
    taken = 0
    for problem in problems:
        taken += problem.split == "train"
        if limit is not None and taken > limit:
            return
        yield problem


def _from_file(config: BuildConfig) -> Iterator[Problem]:
    path = config.seeds.path
    assert path is not None, "the config sees to it"
    return _from_rows(open_rows(path, "seeds.path"), config.seeds, config.seeds.name or path.stem)


def _from_hub(config: BuildConfig) -> Iterator[Problem]:
    seeds = config.seeds
    return _from_rows(stream(_hub_place(seeds)), seeds, seeds.name or str(seeds.dataset))


def _hub_place(seeds: SeedsConfig) -> Place:
    return Place(
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
    messages = choose(rows, "seeds.columns.messages", names.messages, () if names.problem else MESSAGES_NAMES)
    problem = messages or choose(rows, "seeds.columns.problem", names.problem, PROBLEM_NAMES, required=True)
    answer = choose(rows, "seeds.columns.answer", names.answer, ANSWER_NAMES)
    solution = choose(rows, "seeds.columns.solution", names.solution, SOLUTION_NAMES)
    row_id = choose(rows, "seeds.columns.id", names.id, ID_NAMES)
    tier = choose(rows, "seeds.columns.tier", names.tier, ("tier",))
    license_ = choose(rows, "seeds.columns.license", names.license, ("license", "licence"))
    split = choose(rows, "seeds.columns.split", names.split, ("split",))
    for number, row in enumerate(rows.stream, start=1):
        where = f"{rows.name}, row {number}"
        system, text = conversation(row.get(problem or "") or "", where)
        gold = text_of(row, answer)
        yield seed_problem(
            text_of(row, row_id),
            text,
            source=source,
            license=text_of(row, license_) or seeds.license,
            tier=one_of(row, tier, TIERS, where) or seeds.tier,
            system=system,
            answer=gold,
            answer_source=None if gold is None else "source",
            solution=text_of(row, solution),
            split=one_of(row, split, ("train", "test"), where) or "train",
        )


def one_of(row: Row, column: str | None, known: tuple[str, ...], where: str) -> str | None:
    """A cell that must hold one of the known words, or nothing."""
    value = text_of(row, column)
    if value is not None and value not in known:
        raise InputError(f"{where}: {column} = {value!r} must be one of {', '.join(known)}")
    return value


def _from_pocket_world(config: BuildConfig) -> Iterator[Problem]:
    from sure_math.pocket import world

    seeds = config.seeds
    # The held-out problems come first: whatever evolves later into one of them is the duplicate.
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
