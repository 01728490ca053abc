"""Seeds: the table of sources and their adapters. Each streams problems; none holds them all.

The id of a seed is the source's own, where it has a column of ids, else a digest of the source's name and the text, so
that rows added to a file change no other row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sure_math.config import TIERS, BuildConfig, SeedsConfig
from sure_math.identity import Seen, digest, normalised, short_id
from sure_math.rows import Dropped, Problem, Split
from sure_math.tabular import InputError, Row, Rows, choose, open_rows, peeked, text_of, whole

PROBLEM_NAMES = ("problem", "question", "query", "prompt", "instruction", "input")
MESSAGES_NAMES = ("messages", "conversations")
ANSWER_NAMES = ("gold", "gt", "expected_answer", "answer", "final_answer", "ground_truth", "target", "reference_answer")
SOLUTION_NAMES = ("solution", "reference_solution", "gt_cot")
ID_NAMES = ("problem_id", "id", "unique_id", "uid", "question_id", "idx", "index")


def read_seeds(config: BuildConfig) -> Iterator[tuple[list[Problem | Dropped]]]:
    """The seeds of a run, one at a time, with each repeated text replaced by a dropped row.

    Raises:
        InputError: the source is not there, is empty, lacks a column, or has an id twice.
    """
    seen, count = Seen(), 0
    for problem in _limited(_source(config.seeds)(config), config.seeds.limit):
        count += 1
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
                f"seeds: the id {problem.problem_id!r} stands for two different problems (again at row {count}); make "
                "the ids unique, or choose another column with seeds.columns.id=..."
            )
    seen.close()


def source_fingerprint(config: BuildConfig) -> str:
    """A digest of where the seeds come from: the settings, and the content of a file or the commit on the Hub."""
    seeds = config.seeds
    content = {"file": lambda: file_digest(seeds.path), "hub": lambda: _hub_commit(seeds)}.get(seeds.source)
    return digest(["seeds", 1, config.run.seed, seeds.model_dump(mode="json"), content() if content else None])


def file_digest(path: Path | None) -> str | None:
    """SHA-256 of a file; None where it is not there (reading it gives the message)."""
    if path is None or not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
    return Dropped(
        problem_id=f"{problem.problem_id}~{row}",
        phase="seeds",
        reason=reason,
        detail=detail,
        problem=problem.problem,
        source=problem.source,
        strategy="seed",
    )


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


def _source(seeds: SeedsConfig) -> Callable[[BuildConfig], Iterator[Problem]]:
    if seeds.source not in SOURCES:
        raise InputError(
            f"seeds.source = {seeds.source}: the table of the paper's public sources is not part of this version; use "
            "seeds.source=file seeds.path=... or seeds.source=hub seeds.dataset=..."
        )
    return SOURCES[seeds.source]


def missing_source(config: BuildConfig) -> str | None:
    """Why the source cannot be read, as far as that can be told without reading it."""
    try:
        _source(config.seeds)
        if config.seeds.source == "file" and config.seeds.path is not None:
            open_rows(config.seeds.path, "seeds.path")
    except InputError as error:
        return str(error)
    return None


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
    import datasets

    seeds = config.seeds
    name = f"seeds.dataset = {seeds.dataset}"
    try:
        stream = datasets.load_dataset(
            seeds.dataset, seeds.subset, split=seeds.rows, revision=seeds.revision, streaming=True
        )
        rows = peeked(name, iter(stream))
    except InputError:
        raise
    except Exception as error:  # the Hub client, its HTTP library and the readers each raise their own
        raise InputError(f"{name} (split {seeds.rows}): cannot be read: {type(error).__name__}: {error}") from error
    return _from_rows(rows, seeds, seeds.name or str(seeds.dataset))


def _hub_commit(seeds: SeedsConfig) -> str:
    from huggingface_hub import HfApi

    try:
        return str(HfApi().dataset_info(str(seeds.dataset), revision=seeds.revision).sha)
    except Exception as error:  # as above
        raise InputError(
            f"seeds.dataset = {seeds.dataset}: cannot be found: {type(error).__name__}: {error}"
        ) from error


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


SOURCES: dict[str, Callable[[BuildConfig], Iterator[Problem]]] = {
    "file": _from_file,
    "hub": _from_hub,
    "pocket-world": _from_pocket_world,
}
