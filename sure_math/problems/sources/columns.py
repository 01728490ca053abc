"""The usual names of the columns in a user's file, and which column is read if a file has several of them.

`build`, `validate` and the evaluation tasks all look here, so they read the same file by the same rules:

1. A column that the user names is read, whatever it is called.
2. Otherwise the first name of the list is read that the file has. A list begins with the names that can mean one thing
   only (`gold` is always a reference answer) and ends with those that can mean several (`answer` may be the reference
   answer, or the answer of a sample).
3. What is in a file is told from its first rows. Capital letters in a usual name do not matter.
4. A name with dots is a part of a mapping: `reward_model.ground_truth`.
5. If every row is one sample, rows belong to the same problem if they have the same `problem_id` (or the same value
   in the column that the user named), else if they have the same text and the same system prompt. A column such as
   `id` may number the samples, so it is used only if there is no text. One id for two texts is refused.

The two commands differ in two points:

1. If a file has both completions and the answers that somebody extracted from them, `build` reads the completions,
   because it publishes them. `validate` reads the answers, because the grades are about them.
2. `validate` holds the whole file, so it also groups rows by a column such as `id` if its ids repeat and have one text
   each. `build` streams the file and cannot know that.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sure_math.problems.sources.table_files import InputError, Rows, plain_list

PROBLEM = ("problem", "question", "query", "prompt", "instruction", "input")
MESSAGES = ("messages", "conversations")
"""A conversation whose user turn is the problem."""
SYSTEM = ("system", "system_prompt")
"""The system prompt in front of the problem, if the problem is no conversation that has it."""
ANSWER_UNMISTAKABLE = (
    *("gold", "gt", "gold_answer", "expected_answer", "reference_answer"),
    *("ground_truth", "target", "reward_model.ground_truth"),
)
ANSWER_AMBIGUOUS = ("answer", "final_answer")
"""The reference answer, unless something else in the file says that they are the answers of samples."""
ANSWER = (*ANSWER_UNMISTAKABLE, *ANSWER_AMBIGUOUS)
"""The reference answer."""
SOLUTION = ("solution", "reference_solution", "gt_cot")
ID = ("problem_id", "id", "unique_id", "uid", "question_id", "idx", "index")
TIER = ("tier",)
LICENSE = ("license", "licence")
SPLIT = ("split",)

COMPLETIONS = (
    *("samples", "responses", "response", "generations", "generation", "completions", "completion"),
    *("outputs", "output", "model_outputs"),
)
"""Whole texts of samples."""
EXTRACTED = (
    *("answers", "predictions", "prediction", "preds", "pred"),
    *("predicted_answers", "predicted_answer", "extracted_answers"),
)
"""Final answers of samples, extracted by somebody else."""
TEXT = ("text",)
"""A completion, if no column has a clearer name."""

COMPLETION_FIELDS = ("text", "content", "response", "generation", "completion", "output", "message.content")
EXTRACTED_FIELDS = ("answer", "prediction", "pred")
"""Keys of a sample that is a mapping."""


def choose_column(
    rows: Rows, key: str, named: str | None, usual: Sequence[str], *, required: bool = False
) -> str | None:
    """Choose the column to read: the named one, else the first usual name that the file has; None if it has neither.

    >>> rows = Rows("seeds.path = my.jsonl", ("question", "answer", "gold"), iter(()))
    >>> choose_column(rows, "seeds.columns.answer", None, ANSWER)
    'gold'

    Args:
        key: the setting that names the column, for messages.

    Raises:
        InputError: the named column, or every usual name of a required one, is missing; it lists the columns there are.
    """
    its_columns = f"the columns are {plain_list(rows.columns)}"
    if named is not None:
        if not has_column(rows, named):
            raise InputError(f"{key} = {named}: {rows.name} has no such column; {its_columns}{_parts_of(rows, named)}")
        return named
    column = usual_column(usual, (*rows.columns, *rows.parts))
    if column is None and required:
        raise InputError(f"{rows.name}: none of the columns {', '.join(usual)}; set {key}=... ({its_columns})")
    return column


def has_column(rows: Rows, name: str) -> bool:
    """Return whether a file has a column, or a mapping with a part, of that name.

    >>> has_column(Rows("my.jsonl", ("prompt", "extra"), iter(()), ("extra.gold",)), "extra.gold")
    True
    """
    return name in rows.columns or name in rows.parts


def usual_column(usual: Sequence[str], present: Collection[str]) -> str | None:
    """Choose the first usual name that is present, in capital letters or not; None if none is.

    >>> usual_column(("gold", "answer"), ["Problem", "Answer"])
    'Answer'
    """
    exact = next((name for name in usual if name in present), None)
    if exact is not None:
        return exact
    folded = {name.casefold(): name for name in reversed(list(present))}
    return next((folded[name] for name in usual if name in folded), None)


def _parts_of(rows: Rows, named: str) -> str:
    """The parts of the mapping that a name with dots begins with, for a message."""
    head = f"{named.partition('.')[0]}."
    parts = [part for part in rows.parts if part.startswith(head)] if "." in named else []
    return f"; its parts are {plain_list(parts)}" if parts else ""


def column_of_problem(chosen: str | None, named: str | None) -> str | None:
    """Return, for files with one row per sample, the column that groups rows by problem; None to group by text.

    >>> column_of_problem("id", None)
    >>> column_of_problem("problem_id", None)
    'problem_id'

    Args:
        chosen: the column of ids that was chosen.
        named: the column of ids that the user named.
    """
    return named or (chosen if chosen == "problem_id" else None)
