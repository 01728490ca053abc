"""Everything in this process: one-process student, teacher and rollouts with torch and transformers alone."""

from __future__ import annotations

from sure_math.models.engines.load import model_files
from sure_math.models.engines.spec import ModelSpec
from uopd.config import TrainConfig
from uopd.methods import Method
from uopd.protocols import Parts
from uopd.rollouts.student_sampler import StudentSampler, student_sampler
from uopd.rows import Scorer
from uopd.runtime.specs import scorer_spec, student_spec
from uopd.student.reference import ReferenceStudent, load_student
from uopd.teacher.scorer import load_scorer


class NothingToSend:
    """A `Sync` for a sampler that has the student's own weights."""

    def __init__(self, student: ReferenceStudent) -> None:
        self._student = student

    def __call__(self) -> int:
        return self._student.version


def start_local(config: TrainConfig, method: Method) -> Parts:
    """The parts of a run in this process."""
    student = load_student(student_spec(config, method))
    spec = scorer_spec(config, method)
    scorer: Scorer | None = None if spec is None else load_scorer(spec)
    files = model_files(ModelSpec(model=config.student.model, revision=config.student.revision))
    sampler: StudentSampler = student_sampler(student, files, dict(config.rollouts.engine_options))
    return Parts(student=student, scorer=scorer, sampler=sampler, sync=NothingToSend(student))
