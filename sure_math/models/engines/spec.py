"""A model as plain values: which model, how an engine runs it, and what its files say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sure_math.models.engines import ModelIdentity

DTYPES = ("auto", "float32", "bfloat16", "float16")


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
