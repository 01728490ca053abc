"""Graded answers of anyone's file: JSON lines, CSV, Parquet, or a JSON array.

A file holds a row per problem with lists (`answers`, `score`, ...), or a row per sample. Columns are found by their
usual names and rows are grouped as `problems/sources/columns.py` says, or columns are named by the user. Completions
go through `sure_math.extract`; answers without grades are graded against the reference answer if there is one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.progress import track

from sure_math.cluster import EQUIVALENCES, AnswerSet, cluster_shard
from sure_math.command_line.terminal import terminal_console
from sure_math.entropy import majority_answer
from sure_math.extract import final_answer
from sure_math.identity import same_problem_key, statement
from sure_math.problems.sources import columns as usual
from sure_math.problems.sources.cells import CellError, cell, conversation, is_missing, raw_text, reading, text_of
from sure_math.problems.sources.columns import column_of_problem, has_column, usual_column
from sure_math.problems.sources.limits import DEFAULT, Limits
from sure_math.problems.sources.reference_answers import reference_of
from sure_math.problems.sources.sample_values import (
    LOOKED_AT,
    extracted_answer,
    holds_lists,
    is_list,
    kind_of_texts,
    samples_in,
    text_of_sample,
)
from sure_math.problems.sources.table_files import InputError, Row, Rows, open_rows, plain_list
from sure_math.validation.graded_answers import GradedAnswers, SampledProblem, ValidationInputError, measure

NAMES: Mapping[str, tuple[str, ...]] = {
    "id": usual.ID,
    "problem": (*usual.PROBLEM, *usual.MESSAGES),
    "gold": usual.ANSWER,
    "solution": usual.SOLUTION,
    "answers": usual.EXTRACTED,
    "texts": (*usual.COMPLETIONS, *usual.TEXT),
    "correct": ("correct", "is_correct", "correctness", "scores", "score", "grades", "symbolic_correct", "labels"),
    "sum_logprob": ("sum_logprob", "sum_logprobs", "cumulative_logprob", "cumulative_logprobs"),
    "token_count": ("token_count", "token_counts", "num_tokens", "completion_tokens", "output_tokens"),
    "finish_reason": ("finish_reason", "finish_reasons"),
    "tier": (*usual.TIER, "level", "difficulty"),
    "strategy": ("strategy", "source", "subject", "type"),
    "system": usual.SYSTEM,
}
"""What `validate` looks for in a file -> usual names, the first that the file has wins."""

PER_SAMPLE = ("answers", "texts", "correct", "sum_logprob", "token_count", "finish_reason")
FIELDS: Mapping[str, tuple[str, ...]] = {
    "answers": (*usual.EXTRACTED_FIELDS, *usual.COMPLETION_FIELDS),
    "texts": (*usual.COMPLETION_FIELDS, *usual.EXTRACTED_FIELDS),
}
"""Keys of a sample that is a mapping."""
GRADES = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
CLUSTERED_AT_ONCE = 16

Columns = Mapping[str, str]
"""What is looked for -> the column it is read from."""


def read_file(
    path: Path,
    columns: Mapping[str, str],
    *,
    equivalence: str = "math",
    missing: str = "own",
    limits: Limits = DEFAULT,
) -> GradedAnswers:
    """Read the problems of a file and cluster their answers.

    >>> read_file(Path("graded.jsonl"), {"answers": "tries"}).origin  # doctest: +SKIP
    'columns answers = tries, correct = score, problem = question'

    Args:
        columns: names of columns (keys of `NAMES`) that the user gave; the others are looked for.

    Raises:
        ValidationInputError: the file cannot be read, has no column of answers, has neither grades nor reference
            answers, or has lists that differ in length.
    """
    problems, origin = read_problems(path, columns, labelled=True, limits=limits)
    numbered = [row | {"number": str(number)} for number, row in enumerate(problems)]
    usable = [problem for problem in numbered if len(problem["answers"]) >= 2]
    if not usable:
        raise ValidationInputError(
            f"{path}: no problem has two answers or more, so there is no entropy; rows of the same problem need the "
            f"same problem_id or the same text, or their answers in a list; name a column of ids with --column id=NAME"
        )
    graded: list[SampledProblem] = []
    starts = range(0, len(usable), CLUSTERED_AT_ONCE)
    for start in track(starts, "clustering answers", console=terminal_console(stderr=True), transient=True):
        part = usable[start : start + CLUSTERED_AT_ONCE]
        sets = [
            AnswerSet(problem=statement(row["problem"], row["system"]) or None, answers=tuple(row["answers"]))
            for row in part
        ]
        results = cluster_shard(sets, None, equivalence=equivalence, missing=missing)  # type: ignore[arg-type]
        graded += [_graded(row, result.ids, equivalence) for row, result in zip(part, results, strict=True)]
    return GradedAnswers(
        problems=graded,
        equivalence=equivalence,
        has_greedy=False,
        too_few=len(problems) - len(usable),
        origin=origin,
    )


def read_problems(
    path: Path, columns: Mapping[str, str], *, labelled: bool, limits: Limits = DEFAULT
) -> tuple[list[dict[str, Any]], str]:
    """Read the problems of a file with their samples, without clustering the answers.

    >>> read_problems(Path("rollouts.jsonl"), {}, labelled=False)[0][0]["answers"]  # doctest: +SKIP
    ['4', '5', None]

    Args:
        labelled: the file must have grades or reference answers.

    Returns:
        The problems (`id`, None if the file names none; `problem`, `gold`, `answers`, `correct`, ...), and how the
        columns were read.

    Raises:
        ValidationInputError: the file cannot be read, or has no column of answers.
    """
    try:
        opened = open_rows(path, "input", limits)
        rows = list(opened.stream)
        with reading(str(path)):
            chosen = _find_columns(path, opened, rows, columns, labelled=labelled)
            wide = holds_lists(rows, _samples_column(chosen))
            problems = _wide(path, rows, chosen) if wide else _long(path, rows, chosen, columns.get("id"))
    except InputError as error:
        raise ValidationInputError(str(error)) from None
    return problems, "columns " + ", ".join(f"{role} = {name}" for role, name in chosen.items())


def _graded(row: Mapping, ids: Sequence[int], equivalence: str) -> SampledProblem:
    return SampledProblem(
        problem_id=row["id"] or row["number"],
        has_id=row["id"] is not None,
        problem=row["problem"],
        system=row["system"],
        split=None,
        tier=row["tier"],
        strategy=row["strategy"],
        gold=row["gold"],
        answers=tuple(row["answers"]),
        cluster_ids=tuple(ids),
        grades=row["correct"],
        sum_logprobs=row["sum_logprob"],
        token_counts=row["token_count"],
        incomplete=None in row["answers"] or "length" in (row["finish_reason"] or ()),
        majority=majority_answer(ids, row["answers"], EQUIVALENCES[equivalence].canonical),
        measures=measure(ids, row["answers"], row["sum_logprob"], row["token_count"]),
    )


def _find_columns(path: Path, opened: Rows, rows: Sequence[Row], named: Columns, *, labelled: bool) -> dict[str, str]:
    """Choose the columns. A named column must exist; the others are looked for under their usual names."""
    there_are = f"there are: {plain_list(opened.columns)}"
    for role, name in named.items():
        if role not in NAMES:
            raise ValidationInputError(f"--column {role}={name}: no such role; roles are {', '.join(NAMES)}")
        if not has_column(opened, name):
            raise ValidationInputError(f"{path}: column {name!r} (for {role}) is not there; {there_are}")
    chosen = dict(named)
    for role in NAMES:
        taken = set(chosen.values())
        guess = usual_column(NAMES[role], [name for name in (*opened.columns, *opened.parts) if name not in taken])
        if role not in chosen and guess is not None:
            chosen[role] = guess
    _read_ambiguous_answers(chosen, named)
    _prefer_a_list(rows, chosen, named)
    messages = usual_column(usual.MESSAGES, opened.columns)
    if "answers" not in chosen and "texts" not in chosen and messages is not None:
        chosen["texts"] = messages
    if "answers" not in chosen and "texts" not in chosen:
        raise ValidationInputError(
            f"{path}: no column of answers or completions; {there_are}. Name it: --column answers=NAME"
        )
    if labelled and not chosen.keys() & {"correct", "gold", "solution"}:
        raise ValidationInputError(
            f"{path}: neither grades nor reference answers; {there_are}. "
            "Name one: --column correct=NAME or --column gold=NAME"
        )
    return chosen


def _read_ambiguous_answers(chosen: dict[str, str], named: Columns) -> None:
    """A row per sample with a grade and no other answer: its `answer` is the sample's, not the reference answer."""
    graded_only = "answers" not in chosen and "texts" not in chosen and "correct" in chosen
    if graded_only and "gold" not in named and chosen.get("gold") in usual.ANSWER_AMBIGUOUS:
        chosen["answers"] = chosen.pop("gold")


def _prefer_a_list(rows: Sequence[Row], chosen: dict[str, str], named: Columns) -> None:
    """If one per-sample column holds lists, the others that hold single values belong to the problem: not used."""
    lists = {role: is_list(_first_value(rows, chosen[role])) for role in PER_SAMPLE if role in chosen}
    if any(lists.values()):
        for role, has_lists in lists.items():
            if not has_lists and role not in named:
                del chosen[role]


def _first_value(rows: Sequence[Row], name: str) -> object:
    return next((value for row in rows if not is_missing(value := cell(row, name))), None)


def _wide(path: Path, rows: Sequence[Row], chosen: Columns) -> list[dict[str, Any]]:
    """Problems of rows that hold all samples of a problem."""
    read = []
    for number, row in enumerate(rows, start=1):
        with reading(f"{path}, row {number}"):
            values = {role: samples_in(cell(row, chosen[role])) for role in PER_SAMPLE if role in chosen}
            if values[_samples_role(chosen)] is None:
                what = "missing" if is_missing(cell(row, _samples_column(chosen))) else "no list"
                raise CellError(f"its answers are {what}; a list is needed, as in other rows")
            lengths = {chosen[role]: len(value) for role, value in values.items() if value is not None}
            if len(set(lengths.values())) > 1:
                raise CellError(f"lists of different lengths: {lengths}")
            texts = [_sample_text(value, chosen) for value in values[_samples_role(chosen)] or ()]
            read.append((row, values, texts))
    kind = _kind([text for _, _, texts in read[:LOOKED_AT] for text in texts], chosen)
    problems = []
    for number, (row, values, texts) in enumerate(read, start=1):
        with reading(f"{path}, row {number}"):
            row_id = text_of(row, chosen.get("id"))
            problems.append(_problem(row, row_id, texts, values, chosen, kind))
    return problems


def _long(path: Path, rows: Sequence[Row], chosen: Columns, named_id: str | None) -> list[dict[str, Any]]:
    """Problems of rows of one sample each, wherever in the file they are."""
    id_column, text_column = chosen.get("id"), chosen.get("problem")
    key_column = column_of_problem(id_column, named_id) if text_column else id_column
    if key_column is None and text_column is None:
        raise ValidationInputError(
            f"{path}: a row per sample needs a column that tells the problems apart; "
            f"there are: {plain_list(rows[0])}. Name it: --column id=NAME"
        )
    read = []
    for number, row in enumerate(rows, start=1):
        with reading(f"{path}, row {number}"):
            value = cell(row, _samples_column(chosen))
            if is_list(value):
                raise CellError(f"{_samples_column(chosen)} must hold one sample as in the first row, not a list")
            content = json.dumps(conversation(row, text_column, chosen.get("system")))
            read.append(_SampleRow(row, text_of(row, id_column), content, _sample_text(value, chosen)))
    if key_column is None and id_column is not None and _tells_problems_apart(read):
        key_column = id_column
    kind = _kind([row.text for row in read[:LOOKED_AT]], chosen)
    groups: dict[str, list[_SampleRow]] = {}
    for number, sample in enumerate(read, start=1):
        key = (key_column and text_of(sample.row, key_column)) or sample.statement
        group = groups.setdefault(key, [])
        if group and sample.problem_key != group[0].problem_key:
            raise ValidationInputError(
                f"{path}, row {number}: the id {key[:80]!r} stands for two different problems: an earlier row with it "
                "has another text or another system prompt; make the ids unique, or name another column with --column "
                "id=NAME"
            )
        group.append(sample)
    problems = []
    for number, group in enumerate(groups.values(), start=1):
        with reading(f"{path}, problem {number}"):
            values = {role: [cell(row.row, chosen[role]) for row in group] for role in PER_SAMPLE if role in chosen}
            ids = {row.row_id for row in group}
            # An id that differs within a problem names the samples.
            row_id = ids.pop() if len(ids) == 1 else None
            problems.append(_problem(group[0].row, row_id, [row.text for row in group], values, chosen, kind))
    return problems


@dataclass(frozen=True, slots=True)
class _SampleRow:
    """A row of one sample."""

    row: Row
    row_id: str | None
    statement: str
    """The system prompt and the problem, as one text."""
    text: str
    """Of the sample."""

    @property
    def problem_key(self) -> str:
        """What two rows share exactly if they are samples of one problem."""
        system, problem = json.loads(self.statement)
        return same_problem_key(problem, system)


def _tells_problems_apart(rows: Sequence[_SampleRow]) -> bool:
    """Whether ids repeat and rows with one id have one text: such ids are not those of samples."""
    texts: dict[str | None, set[str]] = {}
    for row in rows:
        texts.setdefault(row.row_id, set()).add(row.statement)
    return len(texts) < len(rows) and all(len(different) == 1 for different in texts.values())


def _samples_role(chosen: Columns) -> str:
    return "answers" if "answers" in chosen else "texts"


def _samples_column(chosen: Columns) -> str:
    return chosen[_samples_role(chosen)]


def _kind(texts: Sequence[str], chosen: Columns) -> str:
    """Whether the samples are completions or answers that somebody extracted.

    A column that is named as one of answers holds answers, however many of them stand in a box. What another column
    holds is told from the first texts, as `build` does.
    """
    return "answer" if "answers" in chosen else kind_of_texts(texts)


def _sample_text(value: object, chosen: Columns) -> str:
    fields = FIELDS[_samples_role(chosen)]
    return text_of_sample(value, fields, f"an answer needs one of the keys {', '.join(fields)}")


def _problem(
    row: Row, row_id: str | None, texts: Sequence[str], values: Mapping[str, Any], chosen: Columns, kind: str
) -> dict[str, Any]:
    """One problem; `texts` are its samples, `values` what else is known of them."""
    reasons = values.get("finish_reason")
    system, problem = conversation(row, chosen.get("problem"), chosen.get("system"))
    return {
        "id": row_id,
        "problem": problem,
        "system": system,
        "gold": reference_of(row, chosen.get("gold"), chosen.get("solution")).answer,
        "tier": text_of(row, chosen.get("tier")),
        "strategy": text_of(row, chosen.get("strategy")),
        "answers": [
            _answer(text, kind, "length" if reasons and reasons[index] == "length" else "unknown")
            for index, text in enumerate(texts)
        ],
        "correct": _grades(values.get("correct")),
        "sum_logprob": _numbers(values.get("sum_logprob"), lambda value: math.isfinite(value) and value <= 0),
        "token_count": _numbers(values.get("token_count"), lambda value: value >= 1),
        "finish_reason": reasons,
    }


def _answer(text: str, kind: str, finish_reason: Any) -> str | None:
    if kind == "text":
        return final_answer(text, finish_reason).answer
    return extracted_answer(text)


def _grades(values: object) -> tuple[bool, ...] | None:
    """Grades as truth values; None if one is not known."""
    if not isinstance(values, (list, tuple)):
        return None
    grades: list[bool | None] = []
    for value in values:
        word = (raw_text(value, "a grade") or "").strip().casefold()
        if word and word not in GRADES:
            raise CellError(
                f"grade {word[:40]!r} is neither true/false nor 0/1. Name another column: --column correct=NAME"
            )
        grades.append(GRADES.get(word))
    known = tuple(grade for grade in grades if grade is not None)
    return known if len(known) == len(grades) else None


def _numbers(values: object, usable: Callable[[float], bool]) -> tuple | None:
    """Numbers as a tuple; None if one is absent or of no use, since an average over some samples misleads."""
    if not isinstance(values, (list, tuple)):
        return None
    numbers = [_number(value) for value in values]
    return tuple(numbers) if all(number is not None and usable(number) for number in numbers) else None


def _number(value: object) -> float | None:
    """A number, or the text of one, as a CSV file holds it."""
    if isinstance(value, int | float):
        return value if abs(value) < 2**53 else None  # also NaN
    if not isinstance(value, str | Decimal):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return int(number) if number.is_integer() else number
