"""The dataset of a run: the pool of prompts, what it must have, and which prompts a step draws.

Prompts are drawn with replacement (Sec. 4.2). What a slot draws follows from the run's seed and the slot's number in
the run, so that a resumed run draws what an uninterrupted one would have drawn.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from sure_math.identity import digest

MANIFEST = "manifest.json"
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
    manifest = _manifest(folder)
    teacher: dict[str, Any] = next((model for model in manifest["models"] if model["role"] == "teacher"), {})
    return Dataset(
        train=_rows(folder, "train"),
        test=_rows(folder, "test"),
        fingerprint=manifest["dataset"]["fingerprint"],
        teacher=teacher.get("name"),
        teacher_fingerprint=teacher.get("fingerprint"),
        prompt_sha256=manifest.get("prompts", {}).get("solve", {}).get("sha256"),
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
    found = []
    for slot in slots:
        # 53 bits of a digest are a uniform number in [0, 1), the same on every machine.
        uniform = (int(digest([seed, "draw", slot])[:16], 16) >> 11) / 2**53
        found.append(min(bisect_right(ends, uniform * ends[-1]), count - 1))
    return found


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise DataError(
            f"data.path = {folder}: there is no finished dataset ({MANIFEST} is missing); make one with `python -m "
            "sure_math.build --config pocket`, or name another folder"
        )
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return manifest


def _rows(folder: Path, split: str) -> tuple[PoolRow, ...]:
    files = sorted((folder / "data").glob(f"{split}-*.parquet"))
    rows = [row for file in files for row in _table(file).to_pylist()]
    lacking = [row["problem_id"] for row in rows if row["weight"] is None or not 0 <= row["weight"] <= 1]
    if lacking:
        raise DataError(
            f"data.path = {folder}: {len(lacking):,} of {len(rows):,} problems of the split {split} have no weight in "
            f"[0, 1] (the first is {lacking[0]}); annotate them with `python -m sure_math.build`"
        )
    return tuple(PoolRow(**row) for row in rows)


def _table(file: Path) -> Any:
    present = pq.read_schema(file).names
    if missing := [name for name in COLUMNS if name not in present]:
        raise DataError(
            f"{file}: lacks the column {missing[0]}; a dataset to train on has the columns that `python -m "
            "sure_math.build` writes"
        )
    return pq.read_table(file, columns=list(COLUMNS))
