"""The dataset of a run: its problems, which of them a method can train on, and which prompts a step draws.

Prompts are drawn with replacement (Sec. 4.2). The draw of a slot follows from the run's seed and the slot's number in
the run, so a resumed run draws the same prompts as an uninterrupted run.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from sure_math.identity import digest, statement, uniform
from sure_math.publication.published import SPLITS, DatasetError, open_dataset

COLUMNS = (
    "problem_id",
    "problem",
    "system",
    "answer",
    "solution",
    "tier",
    "weight",
    "majority_share",
    "num_samples",
)


class DataError(ValueError):
    """The run cannot be trained on this dataset; the message says why, and what to do."""


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
    system: str | None = None
    """System prompt of the problem; None if it has none, and in datasets that did not keep it."""

    @property
    def statement(self) -> str:
        """All that says what is asked: the system prompt, if there is one, and the problem."""
        return statement(self.problem, self.system)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A folder that `python -m sure_math.build` wrote."""

    train: tuple[PoolRow, ...]
    test: tuple[PoolRow, ...]
    fingerprint: str
    """Digest of the data files, as they are now."""
    changed_files: tuple[str, ...]
    """Names of the files that are not as the build wrote them."""
    teacher: str | None
    """Name of the model whose samples gave the weights."""
    teacher_fingerprint: str | None
    prompt_sha256: str | None
    """Digest of the prompt with which the teacher was asked."""
    enable_thinking: bool | None
    """Whether the teacher was asked with `enable_thinking`; None if the dataset does not say so."""
    thought_tags: tuple[str, str]
    """Opening and closing tag of a thought, beside those of `sure_math/thoughts.py`, with which answers were read."""


def load_dataset_folder(folder: Path) -> Dataset:
    """Read the problems of a finished dataset.

    >>> dataset = load_dataset_folder(Path("sure-math"))  # doctest: +SKIP
    >>> dataset.train[0].weight, dataset.teacher  # doctest: +SKIP
    (0.75, 'Qwen/Qwen3-8B')

    Raises:
        DataError: the folder is missing, the dataset is not finished, a column or a weight is missing, or two problems
            have the same `problem_id`.
    """
    try:
        dataset = open_dataset(folder, f"data.path = {folder}")
        rows: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
        for split, row in dataset.problems(SPLITS, COLUMNS):
            rows[split].append(row)
        changed = dataset.changed_files(SPLITS)
    except DatasetError as error:
        raise DataError(str(error)) from None
    train, test = (_with_weights(rows[split], split, folder) for split in SPLITS)
    return Dataset(
        train=train,
        test=test,
        fingerprint=digest([dataset.fingerprint, changed]) if changed else dataset.fingerprint,
        changed_files=tuple(sorted(changed)),
        teacher=dataset.teacher.get("name"),
        teacher_fingerprint=dataset.teacher.get("fingerprint"),
        prompt_sha256=dataset.prompt("solve").get("sha256"),
        enable_thinking=dataset.enable_thinking,
        thought_tags=dataset.thought_tags,
    )


def trainable_rows(
    pool: Sequence[PoolRow], keeps: Callable[[PoolRow], bool], needs: frozenset[str], *, drop_unlabelled: bool
) -> list[PoolRow]:
    """Select the rows that a method trains on.

    Args:
        keeps, needs: of the `Method`.
        drop_unlabelled: whether rows without an answer or solution that the method needs are left out.

    Raises:
        DataError: rows lack a column that the method needs, or no row is left.
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


def draw_prompts(count: int, probabilities: Sequence[float] | None, *, seed: int, slots: range) -> list[int]:
    """Draw the index of a prompt for each slot of the run, with replacement.

    >>> draw_prompts(1000, None, seed=0, slots=range(4))
    [297, 549, 880, 836]

    Args:
        count: prompts in the pool.
        probabilities: prompts are drawn in proportion to these numbers; None draws uniformly.
        slots: numbers of the slots, counted over the whole run.
    """
    ends = list(accumulate(probabilities if probabilities is not None else [1.0] * count))
    points = [uniform(digest([seed, "draw", slot])) * ends[-1] for slot in slots]
    return [min(bisect_right(ends, point), count - 1) for point in points]


def _with_weights(rows: Sequence[Mapping[str, Any]], split: str, folder: Path) -> tuple[PoolRow, ...]:
    lacking = [row["problem_id"] for row in rows if row["weight"] is None or not 0 <= row["weight"] <= 1]
    if lacking:
        raise DataError(
            f"data.path = {folder}: {len(lacking):,} of {len(rows):,} problems of the split {split} have no "
            f"weight in [0, 1] (the first is {lacking[0]}); annotate them with `python -m sure_math.build`"
        )
    return tuple(PoolRow(**row) for row in rows)
