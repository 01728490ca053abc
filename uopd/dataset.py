"""The dataset of a run: the pool of prompts, what it must have, and which prompts a step draws.

Prompts are drawn with replacement (Sec. 4.2). What a slot draws follows from the run's seed and the slot's number in
the run, so that a resumed run draws what an uninterrupted one would have drawn.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from sure_math.identity import digest, uniform
from sure_math.publication.published import DatasetError, PublishedDataset, open_dataset

COLUMNS = (
    "problem_id",
    "problem",
    "answer",
    "solution",
    "tier",
    "weight",
    "majority_share",
    "num_samples",
)


class DataError(ValueError):
    """A dataset that this run cannot be trained on; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolRow:
    """One problem of the dataset."""

    problem_id: str
    problem: str
    answer: str | None
    solution: str | None
    tier: str
    weight: float
    """1 - H / log N in [0, 1] (Eq. 6)."""
    majority_share: float
    num_samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A folder that `python -m sure_math.build` wrote."""

    train: tuple[PoolRow, ...]
    test: tuple[PoolRow, ...]
    fingerprint: str
    """Digest of its data files."""
    teacher: str | None
    """Name of the model whose samples gave the weights."""
    teacher_fingerprint: str | None
    prompt_sha256: str | None
    """Of the prompt that asked the teacher."""


def load_dataset_folder(folder: Path) -> Dataset:
    """Read the problems of a finished dataset.

    Raises:
        DataError: the folder is missing, not finished, or lacks a column or a weight.
    """
    try:
        dataset = open_dataset(folder, f"data.path = {folder}")
        train, test = _rows(dataset, "train"), _rows(dataset, "test")
    except DatasetError as error:
        raise DataError(str(error)) from None
    return Dataset(
        train=train,
        test=test,
        fingerprint=dataset.fingerprint,
        teacher=dataset.teacher.get("name"),
        teacher_fingerprint=dataset.teacher.get("fingerprint"),
        prompt_sha256=dataset.prompt("solve").get("sha256"),
    )


def usable(
    pool: Sequence[PoolRow], keeps: Callable[[PoolRow], bool], needs: frozenset[str], *, drop_unlabelled: bool
) -> list[PoolRow]:
    """The rows a method trains on.

    Raises:
        DataError: rows lack what the method needs, or nothing is left.
    """
    for column in sorted(needs & {"answer", "solution"}):
        lacking = [row.problem_id for row in pool if getattr(row, column) is None]
        if lacking and not drop_unlabelled:
            raise DataError(
                f"data.path: {len(lacking):,} of {len(pool):,} training problems have no {column} (the first is "
                f"{lacking[0]}), which this method needs: build the dataset with label.by=model, or leave them out "
                "with data.drop_unlabelled=true"
            )
        pool = [row for row in pool if getattr(row, column) is not None]
    kept = [row for row in pool if keeps(row)]
    if not kept:
        raise DataError(
            "data.path: no training problem is left for this method; check the filter (filter.tau, filter.unit) and "
            "the labels of the dataset"
        )
    return kept


def draw(count: int, probabilities: Sequence[float] | None, *, seed: int, slots: range) -> list[int]:
    """Index of the prompt that each slot of the run draws, with replacement.

    Args:
        count: prompts in the pool.
        probabilities: in proportion to which they are drawn; None draws uniformly.
        slots: numbers of the slots, counted over the whole run.
    """
    ends = list(accumulate(probabilities if probabilities is not None else [1.0] * count))
    points = [uniform(digest([seed, "draw", slot])) * ends[-1] for slot in slots]
    return [min(bisect_right(ends, point), count - 1) for point in points]


def _rows(dataset: PublishedDataset, split: str) -> tuple[PoolRow, ...]:
    rows = list(dataset.rows(split, COLUMNS))
    lacking = [row["problem_id"] for row in rows if row["weight"] is None or not 0 <= row["weight"] <= 1]
    if lacking:
        raise DataError(
            f"data.path = {dataset.folder}: {len(lacking):,} of {len(rows):,} problems of the split {split} have no "
            f"weight in [0, 1] (the first is {lacking[0]}); annotate them with `python -m sure_math.build`"
        )
    return tuple(PoolRow(**row) for row in rows)
