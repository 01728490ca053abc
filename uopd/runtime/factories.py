"""How the components of a run are made under Ray: from the configuration to callables that travel to the actors.

Nothing here imports vLLM or DeepSpeed before a component is made, so the driver needs neither.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, TypeVar

from sure_math.models.engines.files import pin_model
from sure_math.models.engines.spec import ModelSpec
from uopd.config import StudentConfig, TeacherConfig, TrainConfig
from uopd.methods import Method
from uopd.protocols import Engine, Rank, Scorer
from uopd.runtime.specs import SharedTokens, scorer_spec, student_spec
from uopd.student.reference import StudentSpec, load_student
from uopd.teacher.scorer import load_scorer

ModelSection = TypeVar("ModelSection", StudentConfig, TeacherConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class Factories:
    """How the components are made, each in its actor; every factory can be pickled."""

    student: Callable[[int, int, str, int], Rank]
    """Called with the rank, the number of ranks, and the address and port at which the ranks meet."""
    engine: Callable[[], Engine]
    teacher: Callable[[], Scorer] | None = None
    reference: Callable[[], Scorer] | None = None
    """The frozen initial student."""
    scorer: Literal["teacher", "reference"] | None = None
    """Which of the two scores. In the paper's placement the other occupies memory but is never called."""


def make_factories(config: TrainConfig, method: Method, tokens: SharedTokens | None = None) -> Factories:
    """Choose the factories that the method needs, for the models and engines that the configuration names.

    Without `tokens`, each model uses all rows of its head, and responses end at the student's end tokens.
    """
    config = _pin_models(config, teacher=method.scorer == "teacher")
    load_rank = _load_deepspeed_rank if config.student.engine == "deepspeed" else _load_only_rank
    factories = Factories(
        student=partial(load_rank, student_spec(config, method, tokens)),
        engine=partial(_start_engine, _engine_spec(config), config.sync.backend, tokens),
    )
    if method.scorer == "teacher":
        factories = replace(factories, teacher=_scorer_factory(config, method, tokens), scorer="teacher")
    if method.scorer == "initial" or config.reference.load == "always":
        reference = _scorer_factory(config, replace(method, scorer="initial"), tokens)
        factories = replace(factories, reference=reference)
    return replace(factories, scorer="reference") if method.scorer == "initial" else factories


def _pin_models(config: TrainConfig, *, teacher: bool) -> TrainConfig:
    """Name the models so that every machine finds the same ones; the teacher's files are needed only if it scores."""
    update: dict[str, object] = {"student": _pin(config.student)}
    if teacher:
        update["teacher"] = _pin(config.teacher)
    return config.model_copy(update=update)


def _pin(section: ModelSection) -> ModelSection:
    pinned = pin_model(section.model, section.revision)
    return section.model_copy(update={"model": pinned.model, "revision": pinned.revision})


def _engine_spec(config: TrainConfig) -> ModelSpec:
    student = config.student
    return ModelSpec(
        model=student.model,
        revision=student.revision,
        engine="vllm",
        dtype=student.dtype,
        options=dict(config.rollouts.engine_options),
    )


def _scorer_factory(config: TrainConfig, method: Method, tokens: SharedTokens | None) -> Callable[[], Scorer]:
    spec = scorer_spec(config, method, tokens)
    assert spec is not None, "the method has a scorer"
    if method.scorer == "initial" or config.teacher.engine == "transformers":
        return partial(load_scorer, spec)
    options = dict(config.teacher.engine_options)
    # The dtype of a teacher comes from the configuration, whose values are those of `ModelSpec`.
    model = ModelSpec(
        model=spec.model, revision=spec.revision, engine="vllm", dtype=config.teacher.dtype, options=options
    )
    return partial(
        _start_vllm_scorer,
        model,
        top_k=spec.top_k,
        values=spec.values,
        max_tokens=spec.max_tokens,
        used_rows=spec.used_rows,
    )


def _load_only_rank(spec: StudentSpec, rank: int, world: int, address: str, port: int) -> Rank:
    """The reference student is one process, which meets nobody."""
    return load_student(spec)


def _load_deepspeed_rank(spec: StudentSpec, rank: int, world: int, address: str, port: int) -> Rank:
    from uopd.student.deepspeed import load_deepspeed_student

    return load_deepspeed_student(spec, rank, world, address, port)


def _start_engine(spec: ModelSpec, backend: str, tokens: SharedTokens | None) -> Engine:
    # First, since its error says which vLLM is needed if vLLM is missing or has another interface.
    from uopd.weight_sync import gloo

    gloo.register()
    from uopd.runtime.vllm.rollout_engine import start_rollout_engine

    return start_rollout_engine(spec, backend, tokens)


def _start_vllm_scorer(spec: ModelSpec, *, top_k: int, values: str, max_tokens: int, used_rows: int | None) -> Scorer:
    from uopd.runtime.vllm.scorer import start_scorer

    return start_scorer(spec, top_k=top_k, values=values, max_tokens=max_tokens, used_rows=used_rows)
