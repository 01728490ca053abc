"""The models of a build by role: each is started by its first question that the journal cannot answer.

A model is stopped after its phase. With `keep_loaded` it is stopped at the end of the build instead, so two engines
that share a GPU stay side by side.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sure_math.command_line.progress import Activity
from sure_math.config import BuildConfig, ModelConfig
from sure_math.models.engines import EngineUnavailable, ModelIdentity, Refusal
from sure_math.models.engines.files import load_tokenizer, model_folder
from sure_math.models.engines.load import model_identity
from sure_math.models.engines.spec import SPEED_OPTIONS, ModelSpec, ReplicasSpec, ServerSpec
from sure_math.models.responders.chat import (
    ChatResponder,
    Question,
    Reply,
    ReplyStream,
    StreamingResponder,
    ask,
    load_responder,
)
from sure_math.models.responders.journal import CallLog, Journal
from sure_math.models.responders.recorded import RecordedResponder
from sure_math.models.responders.server_chat import load_served
from sure_math.rows import RowT
from sure_math.storage.phase import Phase

Starter = Callable[[], StreamingResponder]
ModelResolver = Callable[[ModelConfig], tuple[ModelIdentity, Starter]]
"""From a section of the configuration to the identity of its model and to the function that starts the model."""


def resolve_model(config: ModelConfig) -> tuple[ModelIdentity, Starter]:
    """Return the identity of a model, known without starting it, and the function that starts it.

    Raises:
        EngineUnavailable: the model or its engine is not there.
    """
    spec = model_spec(config)
    identity = model_identity(spec)
    if config.replicas is not None:
        replicas = ReplicasSpec(**config.replicas.model_dump())
        return identity, _replicated(spec, identity, replicas, enable_thinking=config.enable_thinking)
    if spec.server is not None:
        return identity, lambda: load_served(spec, enable_thinking=config.enable_thinking)
    return identity, lambda: load_responder(spec, enable_thinking=config.enable_thinking)


def model_spec(config: ModelConfig) -> ModelSpec:
    """Return the model of the configuration as an engine takes it."""
    return ModelSpec(
        model=config.model,
        engine=config.engine,
        dtype=config.dtype,
        device=config.device,
        revision=config.revision,
        max_model_len=config.max_model_len,
        options=config.engine_options,
        server=None if config.server is None else ServerSpec(**config.server.model_dump()),
    )


def _replicated(spec: ModelSpec, identity: ModelIdentity, replicas: ReplicasSpec, *, enable_thinking: bool) -> Starter:
    if importlib.util.find_spec("ray") is None:
        raise EngineUnavailable(
            f"model {spec.model!r}: replicas need Ray, which is not installed; pip install 'sure-math[ray]', or leave "
            "replicas out"
        )

    def start() -> StreamingResponder:
        from sure_math.models.engines.ray_replicas.pool import RayReplicas  # Ray is optional

        tokenizer = load_tokenizer(model_folder(spec.model, spec.revision))
        engine = RayReplicas(spec, replicas, identity=identity)
        return ChatResponder(engine, tokenizer, template_options={"enable_thinking": enable_thinking})

    return start


class LazyResponder:
    """A responder whose model is started by its first question, and again by the first question after `close`.

    `close` ends a phase. With `keep_loaded` the model outlives it, until `stop`.
    """

    def __init__(self, identity: ModelIdentity, start: Starter, *, keep_loaded: bool = False) -> None:
        self.identity = identity
        self._start = start
        self._keep_loaded = keep_loaded
        self._running: StreamingResponder | None = None

    def stream(self, batches: Iterable[Sequence[Question]]) -> ReplyStream:
        if self._running is None:
            self._running = self._start()
        return self._running.stream(batches)

    def ask(self, questions: Sequence[Question]) -> list[tuple[Reply, ...] | Refusal]:
        return ask(self, questions)

    def close(self) -> None:
        if not self._keep_loaded:
            self.stop()

    def stop(self) -> None:
        if self._running is not None:
            self._running.close()
        self._running = None


class Models:
    """The recorded responders of a build, one per role of its configuration."""

    def __init__(
        self,
        config: BuildConfig,
        resolve: ModelResolver,
        journal: Journal,
        log: CallLog,
        report: Callable[[Activity], None],
    ) -> None:
        """Resolve every model first, so that a wrong name shows before hours of another model's work."""
        self._responders: dict[str, RecordedResponder] = {}
        self._models: list[LazyResponder] = []
        self._settings = {role: reply_settings(model) for role, model in models_by_role(config).items()}
        for role, model in models_by_role(config).items():
            self._models.append(LazyResponder(*resolve(model), keep_loaded=model.keep_loaded))
            self._responders[role] = RecordedResponder(
                self._models[-1],
                role=role,
                journal=journal,
                log=log,
                batch_size=config.run.batch_size,
                settings=self._settings[role],
                report=report,
            )

    def asked_in(self, phase: Phase[RowT], role: str) -> Phase[RowT]:
        """Add the model of `role` to what `phase` depends on, and stop that model when the phase ends.

        A build without this model gets the phase unchanged.
        """
        if role not in self:
            return phase
        responder = self[role]
        identity = responder.identity
        model = {
            "model": [identity.name, identity.fingerprint, identity.logprob_mode],
            "model_settings": self._settings[role],
        }

        def close() -> None:
            phase.close()
            responder.close()

        return dataclasses.replace(phase, settings={**phase.settings, **model}, close=close)

    def __getitem__(self, role: str) -> RecordedResponder:
        return self._responders[role]

    def __contains__(self, role: str) -> bool:
        return role in self._responders

    def identities(self) -> Mapping[str, ModelIdentity]:
        return {role: responder.identity for role, responder in self._responders.items()}

    def close(self) -> None:
        """Stop the models that still run, which are those with `keep_loaded`."""
        for model in self._models:
            model.stop()


def models_by_role(config: BuildConfig) -> dict[str, ModelConfig]:
    """Return the models that a build asks, in the order of its phases."""
    models = {
        "author": config.evolve.author if config.evolve.enabled else None,
        "inspector": config.decontaminate.check.model if config.decontaminate.check is not None else None,
        "labeller": config.label.model,
        "teacher": config.teacher if config.samples.path is None else None,
        "judge": config.judge if config.cluster.equivalence != "string" else None,
    }
    return {role: model for role, model in models.items() if model is not None}


def reply_settings(model: ModelConfig) -> dict[str, Any]:
    """Return the settings that shape a reply beside the model's files and the sampling; the journal's keys hold them.

    An option of the engine counts unless it is known to change nothing but speed: `quantization` makes another model.
    """
    settings = model.model_dump(mode="json", include={"dtype", "enable_thinking", "max_model_len"})
    shaping = {name: value for name, value in model.engine_options.items() if name not in SPEED_OPTIONS}
    return {**settings, "engine_options": shaping} if shaping else settings
