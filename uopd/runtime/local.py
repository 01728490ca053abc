"""The components of a run in one process: student, scorer and sampler with torch and transformers alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sure_math.models.engines.load import model_files
from sure_math.models.engines.spec import ModelSpec
from uopd.config import TrainConfig
from uopd.methods import Method
from uopd.protocols import Components, Rank, Student
from uopd.rollouts.student_sampler import student_sampler
from uopd.rows import Share, UpdateReport
from uopd.runtime.specs import SharedTokens, scorer_spec, student_spec
from uopd.student.reference import load_student
from uopd.teacher.scorer import load_scorer


class LocalStudent:
    """A `Student` whose only rank is in this process; the rank does everything."""

    ranks = 1

    def __init__(self, rank: Rank) -> None:
        self._rank = rank

    @property
    def version(self) -> int:
        return self._rank.version

    def update(self, shares: Sequence[Share], learning_rate: float) -> UpdateReport:
        """Make one optimizer step; there is one rank, so there is one share."""
        (share,) = shares
        return self._rank.update(share, learning_rate)

    def logprobs(self, token_ids: Sequence[int]) -> list[float]:
        return self._rank.logprobs(token_ids)

    def save(self, folder: Path) -> None:
        self._rank.save(folder)

    def load(self, folder: Path) -> None:
        self._rank.load(folder)

    def export(self, folder: Path) -> None:
        self._rank.export(folder)

    def close(self) -> None:
        self._rank.close()


class NothingToSend:
    """A `Sync` for a sampler that generates with the student's own weights."""

    def __init__(self, student: Student) -> None:
        self._student = student

    def __call__(self) -> int:
        """Return the student's version: the sampler always has it."""
        return self._student.version


def start_local(config: TrainConfig, method: Method, tokens: SharedTokens | None = None) -> Components:
    """Load the components of a run in this process."""
    rank = load_student(student_spec(config, method, tokens))
    student = LocalStudent(rank)
    spec = scorer_spec(config, method, tokens)
    scorer = None if spec is None else load_scorer(spec)
    files = model_files(ModelSpec(model=config.student.model, revision=config.student.revision))
    if tokens is not None:
        files = replace(files, vocabulary=tokens.used_rows, stop_token_ids=tokens.stop_token_ids)
    sampler = student_sampler(rank, files, dict(config.rollouts.engine_options))
    return Components(student=student, scorer=scorer, sampler=sampler, sync=NothingToSend(student))
