"""The models of a build by role: started by the first question the journal cannot answer, stopped after the phase."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sure_math.config import BuildConfig, ModelConfig
from sure_math.engines import ModelIdentity, Refusal, Sampling
from sure_math.journal import CallLog, Journal, RecordedResponder
from sure_math.responder import Question, Reply, Responder

Starter = Callable[[], Responder]
Loader = Callable[[ModelConfig], tuple[ModelIdentity, Starter]]
"""What a model is, known without starting it, and how to start it."""


def load_model(config: ModelConfig) -> tuple[ModelIdentity, Starter]:
    """The loader of real models; EngineUnavailable where the model or its engine is not there."""
    from sure_math.engines.load import ModelSpec, model_identity
    from sure_math.responder import load_responder

    spec = ModelSpec(
        model=config.model,
        engine=config.engine,
        dtype=config.dtype,
        device=config.device,
        revision=config.revision,
        max_model_len=config.max_model_len,
        options=config.engine_options,
    )
    return model_identity(spec), lambda: load_responder(spec, enable_thinking=config.enable_thinking)


class LazyResponder:
    """A responder whose model is started by its first question, and again by the first after `close`."""

    def __init__(self, identity: ModelIdentity, start: Starter) -> None:
        self.identity = identity
        self._start = start
        self._running: Responder | None = None

    def ask(self, questions: Sequence[Question], sampling: Sampling) -> list[tuple[Reply, ...] | Refusal]:
        if self._running is None:
            self._running = self._start()
        return self._running.ask(questions, sampling)

    def close(self) -> None:
        if self._running is not None:
            self._running.close()
        self._running = None


class Models:
    """The recorded responders of a build, one per role of its configuration."""

    def __init__(
        self, config: BuildConfig, load: Loader, journal: Journal, log: CallLog, on_batch: Callable[[int], None]
    ) -> None:
        """Resolves every model, so that a wrong name shows before hours of another model's work."""
        self._responders: dict[str, RecordedResponder] = {}
        for role, model in roles(config).items():
            self._responders[role] = RecordedResponder(
                LazyResponder(*load(model)),
                role=role,
                journal=journal,
                log=log,
                batch_size=config.run.batch_size,
                settings=reply_settings(model),
                on_batch=on_batch,
            )

    def __getitem__(self, role: str) -> RecordedResponder:
        return self._responders[role]

    def __contains__(self, role: str) -> bool:
        return role in self._responders

    def identities(self) -> Mapping[str, ModelIdentity]:
        return {role: responder.identity for role, responder in self._responders.items()}


def roles(config: BuildConfig) -> dict[str, ModelConfig]:
    """The models a build asks."""
    wanted = {
        "author": config.evolve.author if config.evolve.enabled else None,
        "teacher": config.teacher if config.samples.path is None else None,
        "judge": config.judge if config.cluster.equivalence != "string" else None,
    }
    return {role: model for role, model in wanted.items() if model is not None}


def reply_settings(model: ModelConfig) -> dict[str, Any]:
    """What shapes a reply beside the model's files and the sampling."""
    return model.model_dump(include={"dtype", "enable_thinking", "max_model_len"})
