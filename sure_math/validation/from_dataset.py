"""Graded answers of a published dataset, with its stored clusters, weights and verdicts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from sure_math.problems.sources.limits import Limits
from sure_math.publication.published import LIMITS, DatasetError, PublishedDataset, open_dataset
from sure_math.validation.graded_answers import GradedAnswers, SampledProblem, ValidationInputError, measure

PROBLEM_COLUMNS = (
    *("problem_id", "problem", "system", "answer", "tier", "strategy", "num_samples", "weight", "weight_kind"),
    *("majority_answer", "num_missing", "num_truncated", "teacher_answer", "teacher_correct"),
)
SAMPLE_COLUMNS = ("problem_id", "sample_index", "answer", "cluster_id", "sum_logprob", "token_count")
"""Columns of a published dataset that are read; not the texts of the samples, which are most of its bytes."""


def read_dataset(folder: Path, limits: Limits = LIMITS) -> GradedAnswers:
    """Read the problems of a folder that `publish` wrote.

    >>> read_dataset(Path("sure-math")).has_greedy  # doctest: +SKIP
    True

    Raises:
        ValidationInputError: the folder is not a finished dataset, its tables do not belong together, or two problems
            have the same `problem_id`.
    """
    try:
        dataset = open_dataset(folder)
        return _graded(dataset, _samples_by_problem(dataset, limits), limits)
    except DatasetError as error:
        raise ValidationInputError(str(error)) from None


def _graded(dataset: PublishedDataset, samples: Mapping[str, Sequence[Mapping]], limits: Limits) -> GradedAnswers:
    problems, too_few = [], 0
    for split, row in dataset.problems(dataset.splits, PROBLEM_COLUMNS, limits):
        if row["num_samples"] < 2:
            too_few += 1
        else:
            problems.append(_problem(row, split, samples.get(row["problem_id"], ())))
    return GradedAnswers(
        problems=problems,
        equivalence=dataset.manifest["config"].get("cluster", {}).get("equivalence", "math"),
        has_greedy=dataset.manifest["numbers"]["kinds"]["verdict"].get("greedy", 0) > 0,
        too_few=too_few,
        origin=f"dataset {dataset.fingerprint[:12]}",
    )


def _samples_by_problem(dataset: PublishedDataset, limits: Limits) -> dict[str, list[dict]]:
    """The samples of each problem by index; a sample that is there twice would count twice."""
    samples: dict[str, list[dict]] = {}
    for row in dataset.rows("samples", SAMPLE_COLUMNS, limits):
        samples.setdefault(row["problem_id"], []).append(row)
    for name, rows in samples.items():
        rows.sort(key=lambda row: row["sample_index"])
        for row, following in pairwise(rows):
            if row["sample_index"] == following["sample_index"]:
                raise ValidationInputError(
                    f"{dataset.folder}: the problem {name:.100} has two samples with the sample_index "
                    f"{row['sample_index']}; leave out one of them, or download or build the dataset again"
                )
    return samples


def _problem(row: Mapping, split: str, samples: Sequence[Mapping]) -> SampledProblem:
    inside = [sample for sample in samples if sample["sample_index"] >= 0]
    if len(inside) < 2:
        raise ValidationInputError(
            f"problem {row['problem_id']}: has {len(inside)} samples, and num_samples is {row['num_samples']}; the "
            "tables do not belong together, build again"
        )
    answers = tuple(sample["answer"] for sample in inside)
    ids = tuple(sample["cluster_id"] for sample in inside)
    weighted = row["weight_kind"] == "weighted"
    logprobs = tuple(sample["sum_logprob"] for sample in inside) if weighted else None
    counts = tuple(sample["token_count"] for sample in inside)
    measures = measure(ids, answers, logprobs, counts)
    if not math.isclose(1 - measures.entropy, row["weight"], abs_tol=1e-9):
        raise ValidationInputError(
            f"problem {row['problem_id']}: its samples give the weight {1 - measures.entropy}, the dataset has "
            f"{row['weight']}; the tables do not belong together, build again"
        )
    greedy = any(sample["sample_index"] < 0 for sample in samples)
    return SampledProblem(
        problem_id=row["problem_id"],
        problem=row["problem"],
        system=row["system"],
        split=split,
        tier=row["tier"],
        strategy=row["strategy"],
        gold=row["answer"],
        answers=answers,
        cluster_ids=ids,
        grades=None,
        sum_logprobs=logprobs,
        token_counts=counts,
        incomplete=row["num_missing"] > 0 or row["num_truncated"] > 0,
        majority=row["majority_answer"],
        measures=measures,
        greedy_answer=row["teacher_answer"] if greedy else None,
        greedy_correct=row["teacher_correct"] if greedy else None,
    )
