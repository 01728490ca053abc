"""The table of public sources: where each one is, what its columns are, and how a row becomes a problem.

Both seeds and the benchmarks that seeds are compared with come from this table. If a source needs more than the names
of its columns, its entry names a rule of `row_rules.py`.

To add a source, add an entry to `SOURCES`; if it is an evaluation set, add its name to `BENCHMARKS`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from sure_math.problems.sources.cells import text_of, without_half_characters
from sure_math.problems.sources.row_rules import (
    Rule,
    Unusable,
    after_hashes,
    answerable,
    any_row,
    as_it_is,
    before_hashes,
    box_or_said,
    box_or_text,
    first_listed,
    integer,
    last_box,
    listed,
    not_in_benchmarks,
    plain,
    valid_numina,
    why_unusable,
    with_context,
    without_format,
    without_instruction,
)
from sure_math.problems.sources.table_files import Row
from sure_math.rows import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicSource:
    """One public source.

    If several columns are named, the first is the Hub's and the others are those of copies in circulation. The first
    column that a row has is read.
    """

    dataset: str
    """Name on the Hub."""
    revision: str | None
    """Commit that this entry was written for. None if no commit is known; the first contact then pins the newest."""
    subsets: tuple[str, ...] = ()
    """Configurations to read by default; empty if the dataset has only one."""
    splits: tuple[str, ...]
    license: str
    tier: Tier
    problem: tuple[str, ...]
    """Columns of the statement."""
    answers: Mapping[str, Rule]
    """Columns of the answer, each with its rule."""
    solutions: Mapping[str, Rule] = field(default_factory=dict)
    row_id: str | None = None
    """Column with the source's own id, unique within a split; None if there is no such column."""
    statement: Callable[[Row, str], str] = as_it_is
    unusable: Callable[[Row], Unusable | None] = any_row
    needs: tuple[str, ...] = ()
    """Columns that `unusable` reads. If one is missing, the source is refused."""
    published_rows: Mapping[str, int] = field(default_factory=dict)
    """Rows per split, or per subset if the source has several; not all of them can be used. Empty if not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceColumns:
    """The columns of one stream that are read."""

    problem: str | None
    answer: str | None
    solution: str | None
    row_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """One row of a source, read by its rules."""

    text: str
    answer: str | None
    solution: str | None
    row_id: str | None
    unusable: Unusable | None
    """Why the row cannot be used as a seed; None if it can."""


def columns_of(source: PublicSource, present: Collection[str]) -> SourceColumns:
    """Choose the columns to read among those of a stream.

    >>> columns_of(SOURCES["gsm8k"], ["question", "answer"]).answer
    'answer'
    """

    def first(names: Iterable[str]) -> str | None:
        return next((name for name in names if name in present), None)

    return SourceColumns(
        problem=first(source.problem),
        answer=first(source.answers),
        solution=first(source.solutions),
        row_id=first((source.row_id,) if source.row_id else ()),
    )


def read_row(source: PublicSource, columns: SourceColumns, row: Row, text: str) -> SourceRow:
    """Read a row; `text` is its statement as the row has it."""
    statement = source.statement(row, without_half_characters(text)).strip()
    answer = source.answers[columns.answer](row.get(columns.answer)) if columns.answer else None
    solution = source.solutions[columns.solution](row.get(columns.solution)) if columns.solution else None
    return SourceRow(
        text=statement,
        answer=answer,
        solution=solution,
        row_id=text_of(row, columns.row_id),
        unusable=why_unusable(source.unusable, row, statement, answer),
    )


PROBLEM = ("problem", "question")
AIME_ANSWERS: Mapping[str, Rule] = {"answer": integer, "expected_answer": integer, "solution": integer}
PLAIN: Mapping[str, Rule] = {"answer": plain}
SOLUTION: Mapping[str, Rule] = {"solution": plain, "reference_solution": plain}

# Commits are those that public code pins: HELM for Omni-MATH, inspect_evals for AIME 2024 and 2025, and published
# evaluation scripts for the others; OlympiadBench's is named on the Hub's page of its files. None was found for
# ScaleQuest-Math.
SOURCES: Mapping[str, PublicSource] = {
    # About a million synthetic problems in one file of 1.5 GB: streamed. Its answers are a model's, and not verified.
    "scalequest": PublicSource(
        dataset="dyyyyyyyy/ScaleQuest-Math",
        revision=None,
        splits=("train",),
        license="apache-2.0",
        tier="easy",
        problem=("query", *PROBLEM),
        answers={"response": box_or_said, **PLAIN},
        solutions={"response": plain},
    ),
    # The licence was cc-by-nc-4.0 before July 2024: the commit matters.
    "numina_cot": PublicSource(
        dataset="AI-MO/NuminaMath-CoT",
        revision="9d8d210c9f6a36c8f3cd84045668c9b7800ef517",
        splits=("train",),
        license="apache-2.0",
        tier="medium",
        problem=PROBLEM,
        answers={"solution": last_box},
        solutions={"solution": plain},
        unusable=not_in_benchmarks,
        needs=("source",),
        published_rows={"train": 859_494},
    ),
    # Not the paper's: the later edition of the row above, with an answer column and flags of validity.
    "numina_15": PublicSource(
        dataset="AI-MO/NuminaMath-1.5",
        revision="1b05109f9e5c1ad06c0663519502416c30b300f8",
        splits=("train",),
        license="apache-2.0",
        tier="medium",
        problem=PROBLEM,
        answers=PLAIN,
        solutions={"solution": plain},
        unusable=valid_numina,
        needs=("source", "question_type", "problem_is_valid", "solution_is_valid"),
        published_rows={"train": 896_215},
    ),
    # The Hub has no configuration with all subjects. 7,500 train and 5,000 test rows make the paper's 12.5K; MATH-500
    # is part of test, so that the default is train only. hendrycks/competition_math and lighteval/MATH are taken down,
    # and the 12,000-row `train` of other copies holds 4,500 of the test rows.
    "math": PublicSource(
        dataset="EleutherAI/hendrycks_math",
        revision="21a5633873b6a120296cce3e2df9d5550074f4a3",
        subsets=(
            "algebra",
            "counting_and_probability",
            "geometry",
            "intermediate_algebra",
            "number_theory",
            "prealgebra",
            "precalculus",
        ),
        splits=("train",),
        license="mit",
        tier="medium",
        problem=PROBLEM,
        answers={"solution": last_box, **PLAIN},
        solutions={"solution": plain},
        published_rows={"train": 7_500, "test": 5_000},
    ),
    # The only split is called test. Used as seeds, it can no longer be an evaluation set.
    "omni_math": PublicSource(
        dataset="KbsdJames/Omni-MATH",
        revision="40ba231d8f16e29ecd40e6407e2c8640145a8f62",
        splits=("test",),
        license="apache-2.0",
        tier="hard",
        problem=PROBLEM,
        answers=PLAIN,
        solutions=SOLUTION,
        published_rows={"test": 4_428},
    ),
    # 18 configurations, all with the split train, 8,476 rows. Text-only, open-ended mathematics: OE_TO_maths_en_COMP
    # (674), _zh_COMP (408) and _zh_CEE (1,240). With images: OE_MM_maths_en_COMP (150), _zh_COMP (56), _zh_CEE (1,910).
    # Theorem proofs of mathematics: TP_TO_maths_ and TP_MM_maths_ en_COMP, zh_COMP and zh_CEE, 1,704 rows. Physics: six
    # more, 2,334 rows. No choice of them gives the paper's 5K usable seeds: mathematics with an answer and without an
    # image is 2,322 rows in all, 674 of them in English.
    "olympiadbench": PublicSource(
        dataset="Hothan/OlympiadBench",
        revision="3b426ee1d587c71b495146dde9f3e995ee7ac59f",
        subsets=("OE_TO_maths_en_COMP",),
        splits=("train",),
        license="apache-2.0",
        tier="hard",
        problem=("question",),
        answers={"final_answer": listed},
        solutions={"solution": first_listed},
        row_id="id",
        statement=with_context,
        unusable=answerable,
        needs=("error",),
        published_rows={
            "OE_TO_maths_en_COMP": 674,
            "OE_TO_maths_zh_COMP": 408,
            "OE_TO_maths_zh_CEE": 1_240,
            "OE_MM_maths_en_COMP": 150,
            "OE_MM_maths_zh_COMP": 56,
            "OE_MM_maths_zh_CEE": 1_910,
            "OE_TO_physics_en_COMP": 236,
            "OE_TO_physics_zh_CEE": 115,
            "OE_MM_physics_en_COMP": 456,
            "OE_MM_physics_zh_CEE": 1_483,
            "TP_TO_maths_en_COMP": 503,
            "TP_TO_maths_zh_COMP": 199,
            "TP_TO_maths_zh_CEE": 207,
            "TP_TO_physics_en_COMP": 25,
            "TP_MM_maths_en_COMP": 62,
            "TP_MM_maths_zh_COMP": 81,
            "TP_MM_maths_zh_CEE": 652,
            "TP_MM_physics_en_COMP": 19,
        },
    ),
    # This copy states a licence and has corrected three statements; HuggingFaceH4/aime_2024 states none.
    "aime24": PublicSource(
        dataset="Maxwell-Jia/AIME_2024",
        revision="8d88b2876a82a080e2f172cc9b25d0d9d2cb4792",
        splits=("train",),
        license="mit",
        tier="competition",
        problem=("Problem", *PROBLEM),
        answers={"Answer": integer, **AIME_ANSWERS},
        solutions={"Solution": plain, **SOLUTION},
        row_id="ID",
        published_rows={"train": 30},
    ),
    # MathArena's copy is cc-by-nc-sa-4.0, this one apache-2.0; opencompass/AIME2025 needs two configurations.
    "aime25": PublicSource(
        dataset="math-ai/aime25",
        revision="563bb8404243c5f09de6ec262f2db674fe5bce9b",
        splits=("test",),
        license="apache-2.0",
        tier="competition",
        problem=PROBLEM,
        answers=AIME_ANSWERS,
        solutions=SOLUTION,
        published_rows={"test": 30},
    ),
    # MathArena lets pandas choose the type of `answer`: integers if all answers of a contest are integers.
    "hmmt_feb25": PublicSource(
        dataset="MathArena/hmmt_feb_2025",
        revision="6fdc4277120810ff75aa22d2d5489b91f7a262a1",
        splits=("train",),
        license="cc-by-nc-sa-4.0",
        tier="competition",
        problem=PROBLEM,
        answers=PLAIN,
        row_id="problem_idx",
        statement=without_instruction,
        published_rows={"train": 30},
    ),
    "hmmt_nov25": PublicSource(
        dataset="MathArena/hmmt_nov_2025",
        revision="118dbfb45c4c9467c672268ed55166642897aa46",
        splits=("train",),
        license="cc-by-nc-sa-4.0",
        tier="competition",
        problem=PROBLEM,
        answers=PLAIN,
        row_id="problem_idx",
        statement=without_instruction,
        published_rows={"train": 30},
    ),
    # 39 of its 50 answers can be compared by a parser; the other 11 are descriptions.
    "amo_bench": PublicSource(
        dataset="meituan-longcat/AMO-Bench",
        revision="2f422616c25d862984408fbbfaed63a961e8e025",
        splits=("test",),
        license="mit",
        tier="competition",
        problem=("prompt", *PROBLEM),
        answers={"answer": box_or_text},
        solutions=SOLUTION,
        row_id="question_id",
        statement=without_format,
        published_rows={"test": 50},
    ),
    # Not the paper's: AIME 2022-2024 with a permissive licence. 30 of its 90 rows are those of `aime24`.
    "aimo_aime": PublicSource(
        dataset="AI-MO/aimo-validation-aime",
        revision="13f9e12f613e720c2a2b2f345dd04b998a29494d",
        splits=("train",),
        license="apache-2.0",
        tier="competition",
        problem=PROBLEM,
        answers=AIME_ANSWERS,
        solutions=SOLUTION,
        row_id="id",
        published_rows={"train": 90},
    ),
    # Not the paper's either: AMC 12 of 2022 and 2023. Answers are floating-point numbers there, and `id` starts again
    # with each contest: 49 different values in 83 rows.
    "aimo_amc": PublicSource(
        dataset="AI-MO/aimo-validation-amc",
        revision="69d78a4a2c840e82d69af6bc742bda09005f6316",
        splits=("train",),
        license="apache-2.0",
        tier="competition",
        problem=PROBLEM,
        answers=PLAIN,
        solutions=SOLUTION,
        published_rows={"train": 83},
    ),
    # States no licence of its own; the MATH rows it is taken from are MIT.
    "math500": PublicSource(
        dataset="HuggingFaceH4/MATH-500",
        revision="6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be",
        splits=("test",),
        license="mit",
        tier="medium",
        problem=(*PROBLEM, "prompt"),
        answers={**PLAIN, "final_answer": plain},
        solutions=SOLUTION,
        row_id="unique_id",
        published_rows={"test": 500},
    ),
    "gsm8k": PublicSource(
        dataset="openai/gsm8k",
        revision="740312add88f781978c0658806c59bc2815b9866",
        subsets=("main",),
        splits=("test",),
        license="mit",
        tier="easy",
        problem=PROBLEM,
        answers={"answer": after_hashes},
        solutions={"answer": before_hashes},
        published_rows={"train": 7_473, "test": 1_319},
    ),
}
BENCHMARKS: tuple[str, ...] = ("math500", "aime24", "aime25", "amo_bench", "hmmt_feb25", "hmmt_nov25", "gsm8k")
"""Sources that are evaluation sets: what decontamination compares with."""
