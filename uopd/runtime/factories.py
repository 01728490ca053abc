"""How the parts of a run are made, each in a process of its own: from the configuration to callables that travel.

Nothing here imports vLLM or DeepSpeed before a part is made, so that the driver needs neither.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from torch import Tensor

from sure_math.models.engines import Request, RequestResult, Sampling
from sure_math.models.engines.files import fingerprint_of, model_folder
from sure_math.models.engines.pocket_files import is_pocket
from sure_math.models.engines.spec import ModelSpec
from uopd.config import StudentConfig, TeacherConfig, TrainConfig
from uopd.methods import Method
from uopd.rows import Scorer, Share, UpdateReport
from uopd.runtime.specs import scorer_spec, student_spec
from uopd.student.reference import ReferenceStudent, StudentSpec, load_student
from uopd.teacher.scorer import load_scorer

ModelSection = TypeVar("ModelSection", StudentConfig, TeacherConfig)


class Rank(Protocol):
    """One process of the student, inside its actor."""

    @property
    def version(self) -> int: ...

    def parameters(self) -> Iterable[tuple[str, Tensor]]:
        """Whole tensors, under the names of the checkpoint."""
        ...

    def update(self, share: Share, learning_rate: float) -> UpdateReport:
        """Its part of one step; the report is of all ranks."""
        ...

    def logprobs(self, token_ids: Sequence[int]) -> list[float]: ...

    def save(self, folder: Path) -> None: ...

    def load(self, folder: Path) -> None: ...

    def export(self, folder: Path) -> None: ...

    def close(self) -> None: ...


class Engine(Protocol):
    """One sampling engine, inside its actor: `sure_math.models.engines.Engine`, and a receiver of weights."""

    @property
    def version(self) -> int: ...

    @property
    def workers(self) -> int: ...

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[RequestResult]: ...

    def logprobs(self, token_ids: Sequence[int]) -> list[float]: ...

    def init_transfer(self, info: Mapping[str, object]) -> None: ...

    def start_update(self) -> None: ...

    def receive(self, info: Mapping[str, object]) -> None: ...

    def finish_update(self, version: int) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Makers:
    """How the parts are made, each in its actor; what can be pickled."""

    student: Callable[[int, int, str, int], Rank]
    """Called with rank, number of ranks, and the address and port where they meet."""
    engine: Callable[[], Engine]
    teacher: Callable[[], Scorer] | None = None
    reference: Callable[[], Scorer] | None = None
    """The frozen initial student."""
    scorer: Literal["teacher", "reference"] | None = None
    """Which of the two is asked; one that is not asked is only there, as in the paper's placement."""


def makers_of(config: TrainConfig, method: Method) -> Makers:
    """The parts that the method needs, of the models and engines that the configuration names."""
    config = everywhere(config, teacher=method.scorer == "teacher")
    spec = student_spec(config, method)
    makers = Makers(
        student=partial(_deepspeed if config.student.engine == "deepspeed" else _alone, spec),
        engine=partial(_engine, _engine_spec(config), config.sync.backend),
    )
    if method.scorer == "teacher":
        makers = replace(makers, teacher=_scorer(config, method), scorer="teacher")
    if method.scorer == "initial" or config.reference.load == "always":
        makers = replace(makers, reference=_scorer(config, replace(method, scorer="initial")))
    return replace(makers, scorer="reference") if method.scorer == "initial" else makers


def everywhere(config: TrainConfig, *, teacher: bool) -> TrainConfig:
    """The same models on every machine: a folder by its full path, a Hub model at the commit this machine has."""
    update: dict[str, Any] = {"student": _pinned(config.student)}
    if teacher:
        update["teacher"] = _pinned(config.teacher)
    return config.model_copy(update=update)


def _pinned(section: ModelSection) -> ModelSection:
    if is_pocket(section.model):
        return section
    folder = Path(section.model).expanduser()
    if folder.is_dir():
        return section.model_copy(update={"model": str(folder.resolve())})
    return section.model_copy(update={"revision": fingerprint_of(model_folder(section.model, section.revision))})


def _engine_spec(config: TrainConfig) -> ModelSpec:
    student = config.student
    return ModelSpec(
        model=student.model,
        revision=student.revision,
        engine="vllm",
        dtype=student.dtype,
        options=dict(config.rollouts.engine_options),
    )


def _scorer(config: TrainConfig, method: Method) -> Callable[[], Scorer]:
    spec = scorer_spec(config, method)
    assert spec is not None, "the method has a scorer"
    if method.scorer == "initial" or config.teacher.engine == "transformers":
        return partial(load_scorer, spec)
    options = dict(config.teacher.engine_options)
    model = ModelSpec(
        model=spec.model,
        revision=spec.revision,
        engine="vllm",
        dtype=config.teacher.dtype,
        options=options,
    )
    return partial(_vllm_scorer, model, top_k=spec.top_k, values=spec.values, max_tokens=spec.max_tokens)


def _alone(spec: StudentSpec, rank: int, world: int, address: str, port: int) -> Rank:
    return OneRank(load_student(spec))


def _deepspeed(spec: StudentSpec, rank: int, world: int, address: str, port: int) -> Rank:
    from uopd.student.deepspeed import load_deepspeed_student

    return load_deepspeed_student(spec, rank, world, address, port)


def _engine(spec: ModelSpec, backend: str) -> Engine:
    # First, since its error says which vLLM is needed if vLLM is missing or has another interface.
    from uopd.weight_sync import gloo

    gloo.register()
    from uopd.runtime.vllm.engine import start_rollout_engine

    return start_rollout_engine(spec, backend)


def _vllm_scorer(spec: ModelSpec, *, top_k: int, values: str, max_tokens: int) -> Scorer:
    from uopd.runtime.vllm.engine import start_scorer

    return start_scorer(spec, top_k=top_k, values=values, max_tokens=max_tokens)


class OneRank:
    """A student of one process as the only rank."""

    def __init__(self, student: ReferenceStudent) -> None:
        self._student = student

    @property
    def version(self) -> int:
        return self._student.version

    def parameters(self) -> Iterable[tuple[str, Tensor]]:
        return self._student.parameters()

    def update(self, share: Share, learning_rate: float) -> UpdateReport:
        return self._student.update([share], learning_rate)

    def logprobs(self, token_ids: Sequence[int]) -> list[float]:
        return self._student.logprobs(token_ids)

    def save(self, folder: Path) -> None:
        self._student.save(folder)

    def load(self, folder: Path) -> None:
        self._student.load(folder)

    def export(self, folder: Path) -> None:
        self._student.export(folder)

    def close(self) -> None:
        self._student.close()
