"""The samples of a student on the problems of a validated dataset or file: reading, matching, grading.

A student's file needs neither grades nor reference answers: the reference answers of the teacher's problems are used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sure_math.equivalence import against_gold
from sure_math.problems.sources.limits import DEFAULT, Limits
from sure_math.validation.from_dataset import read_dataset
from sure_math.validation.from_file import read_problems
from sure_math.validation.graded_answers import GradedAnswers, SampledProblem, ValidationInputError


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentProblem:
    """One problem with the student's samples; `answers` and `grades` have one entry per sample."""

    problem_id: str | None
    """None if the input names no id."""
    problem: str
    gold: str | None
    answers: tuple[str | None, ...]
    grades: tuple[bool, ...] | None
    system: str | None = None
    """System prompt of the problem; None if it has none, or if the input names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentAnswers:
    """What was read of a student."""

    name: str
    """Of the file or folder, without its path."""
    origin: str
    problems: list[StudentProblem]
    names_systems: bool = True
    """Whether the input says which system prompt a problem has; a file without any may have left them out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """Which problem of the teacher each problem of the student is."""

    pairs: list[tuple[SampledProblem, list[StudentProblem]]]
    """In the order of the teacher's problems; rows of the student for the same problem stand together."""
    by_id: int
    """Rows of the student."""
    by_text: int
    unmatched: int
    other_text: int
    """Unmatched rows whose id is that of a problem with another text."""


def read_student(path: Path, columns: Mapping[str, str], limits: Limits = DEFAULT) -> StudentAnswers:
    """Read the student's samples: a built dataset, or a file in any form that `validate` reads.

    >>> read_student(Path("student.jsonl"), {}).problems[0].answers  # doctest: +SKIP
    ('4', '5', None)

    Args:
        columns: names of columns that the user gave with `--student-column`.

    Raises:
        ValidationInputError: naming `--student` and what cannot be read.
    """
    try:
        if path.is_dir():
            if columns:
                raise ValidationInputError("--column is for files; a dataset folder has its columns")
            answers = read_dataset(path, limits)
            return StudentAnswers(
                name=path.resolve().name, origin=answers.origin, problems=[_of_dataset(row) for row in answers.problems]
            )
        if not path.is_file():
            raise ValidationInputError(f"{path} is neither a dataset folder nor a file")
        rows, origin = read_problems(path, columns, labelled=False, limits=limits)
    except ValidationInputError as error:
        raise ValidationInputError("--student: " + str(error).replace("--column", "--student-column")) from None
    problems = [
        StudentProblem(
            problem_id=row["id"],
            problem=row["problem"] or "",
            gold=row["gold"],
            answers=tuple(row["answers"]),
            grades=row["correct"],
            system=row["system"],
        )
        for row in rows
        if row["answers"]
    ]
    names_systems = any(problem.system is not None for problem in problems)
    return StudentAnswers(name=path.name, origin=origin, problems=problems, names_systems=names_systems)


def _of_dataset(row: SampledProblem) -> StudentProblem:
    return StudentProblem(
        problem_id=row.problem_id,
        problem=row.problem,
        gold=row.gold,
        answers=row.answers,
        grades=None,
        system=row.system,
    )


def match_problems(teacher: GradedAnswers, student: StudentAnswers) -> Matched:
    """Match the student's problems with the teacher's: by id, else by text.

    An id counts if the texts agree, if one contains the other (a prompt around the problem), or if one is missing.
    Two files that merely count their rows from 0 are thus not matched by these numbers. Problems with one text and
    other system prompts are two problems. If the student's file names no system prompt at all, a text is matched if all
    of the teacher's problems with this text have one system prompt.

    Raises:
        ValidationInputError: no problem matches.
    """
    by_id = {row.problem_id: row for row in teacher.problems if row.has_id}
    by_text: dict[str, list[SampledProblem]] = {}
    for row in teacher.problems:
        by_text.setdefault(_plain(row.problem), []).append(row)
    by_text.pop("", None)
    counts = dict.fromkeys(("by_id", "by_text", "unmatched", "other_text"), 0)
    found: dict[str, list[StudentProblem]] = {}
    for candidate in student.problems:
        same_id = by_id.get(candidate.problem_id or "")
        same_text = _same_text(by_text.get(_plain(candidate.problem), []), candidate, student.names_systems)
        if same_id is not None and _may_be_same(same_id, candidate, student.names_systems):
            counts["by_id"] += 1
            found.setdefault(same_id.problem_id, []).append(candidate)
        elif same_text is not None:
            counts["by_text"] += 1
            found.setdefault(same_text.problem_id, []).append(candidate)
        else:
            counts["unmatched"] += 1
            counts["other_text"] += same_id is not None
    if not found:
        raise ValidationInputError(_no_match(teacher, student, counts["other_text"]))
    pairs = [(row, found[row.problem_id]) for row in teacher.problems if row.problem_id in found]
    return Matched(pairs=pairs, **counts)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _may_be_same(row: SampledProblem, candidate: StudentProblem, names_systems: bool) -> bool:
    if names_systems and _system(row.system) != _system(candidate.system):
        return False
    one, other = _plain(row.problem), _plain(candidate.problem)
    return one in other or other in one


def _same_text(rows: Sequence[SampledProblem], candidate: StudentProblem, names_systems: bool) -> SampledProblem | None:
    """Choose among the teacher's problems with the candidate's text."""
    if not names_systems:
        systems = {_system(row.system) for row in rows}
        return rows[0] if len(systems) == 1 else None
    return next((row for row in rows if _system(row.system) == _system(candidate.system)), None)


def _system(text: str | None) -> str | None:
    return None if text is None else _plain(text)


def _no_match(teacher: GradedAnswers, student: StudentAnswers, other_text: int) -> str:
    theirs = teacher.problems[0].problem_id if teacher.problems and teacher.problems[0].has_id else None
    ours = student.problems[0].problem_id if student.problems else None
    ids = f"ids are such as {ours or 'none'!r} here and {theirs or 'none'!r} there"
    same = f"; {other_text:,} have the id of a problem with another text" if other_text else ""
    return (
        f"--student {student.name}: none of its {len(student.problems):,} problems is one of the "
        f"{len(teacher.problems):,} validated problems ({ids}{same}). Give both the same ids or the same texts of the "
        "problems; for a file, name its columns with --student-column id=NAME or --student-column problem=NAME"
    )


def right_samples(
    answers: Sequence[str | None], grades: Sequence[bool] | None, gold: str | None, problem: str, equivalence: str
) -> list[bool] | None:
    """Grade each sample: by its grade, else against the reference answer; None if there is neither.

    >>> right_samples(["1/2", "3", None], None, "0.5", "What is a half?", "math")
    [True, False, False]

    Args:
        equivalence: `string` compares texts. All others, `judge` too, compare as mathematics.
    """
    if grades is not None:
        return list(grades)
    if gold is None:
        return None
    distinct = _in_order(answer for answer in answers if answer is not None)
    if equivalence == "string":
        right = {answer: answer.strip() == gold.strip() for answer in distinct}
    else:
        verdicts = against_gold(gold, distinct, problem or None)
        right = {answer: verdict == "equal" for answer, verdict in zip(distinct, verdicts, strict=True)}
    return [answer is not None and right[answer] for answer in answers]


def _in_order(answers: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(answers))
