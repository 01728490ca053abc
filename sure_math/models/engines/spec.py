"""A model as plain values: which model, how an engine runs it, and what its files say.

The defaults of these classes are the defaults of the configuration too (`sure_math.config` takes them from here).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from sure_math.models.engines import ModelIdentity

EngineName = Literal["transformers", "vllm", "server"]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]
DTYPES: tuple[Dtype, ...] = get_args(Dtype)

VLLM_SPEED_OPTIONS = frozenset(
    {"tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size"}
    | {"gpu_memory_utilization", "max_num_seqs", "enforce_eager", "swap_space"}
)
"""Options of vLLM that change how fast an answer comes, but not the answer; no journal key holds them."""
SPEED_OPTIONS = VLLM_SPEED_OPTIONS | frozenset(
    {"max_num_batched_tokens", "kv_cache_memory_bytes"}
    | {"max_batch_sequences", "max_batch_tokens", "cpu_threads"}  # of the engine `transformers`
    | {"extensions", "logprob_mode"}  # of the engine `server`; `logprob_mode` is part of the model's identity
)
"""Options of our engines that no journal key holds: they change how fast a reply comes, but not the reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSpec:
    """An endpoint that speaks the OpenAI protocol. Nothing here is part of a model's identity."""

    url: str
    """Up to and including the version: `http://host:8000/v1`."""
    api: Literal["completions", "chat"] = "completions"
    """`completions`: tokens in and out, with our chat template; `chat`: text in and out, with the server's template."""
    served_name: str | None = None
    """The name under which the server offers the model; None: `ModelSpec.model`."""
    key_variable: str = "OPENAI_API_KEY"
    """Environment variable that may hold the key. The key itself is stored nowhere."""
    max_concurrency: int = 256
    """Requests open at the same time."""
    timeout: float = 1800
    """Seconds one try may take."""
    patience: float = 900
    """Seconds without any answer, counted from the first failure on, until the model counts as unavailable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicasSpec:
    """Copies of an engine in Ray actors, on this machine or on a Ray cluster."""

    min: int = 1
    """Replicas that are always there."""
    max: int = 1
    """Replicas while there is work for them; at least `min`."""
    num_cpus: float = 1
    """CPUs that Ray reserves for a replica."""
    num_gpus: float = 0
    """GPUs that Ray reserves for a replica. A fraction is a share of one GPU; with 0 the replica sees no GPU."""
    address: str | None = None
    """`HOST:PORT` of a Ray cluster, or `auto` for the running cluster; None starts Ray on this machine."""
    chunk: int = 64
    """Sequences of one task, which is what a lost replica has to repeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """Which model, and how an engine runs it.

    >>> ModelSpec(model="Qwen/Qwen3-1.7B", engine="vllm", options={"max_num_seqs": 512}).dtype
    'auto'
    """

    model: str
    """A folder, a Hub id, or `pocket:ROLE`."""
    engine: EngineName = "transformers"
    """A key of the table `sure_math.models.engines.load.ENGINES`."""
    dtype: Dtype = "auto"
    """`auto` is float32 on a CPU, and on a GPU the type in which the checkpoint is stored."""
    device: str = "auto"
    """`cpu`, `cuda`, `cuda:1`; `auto` is the GPU if there is one. vLLM chooses its device itself."""
    revision: str | None = None
    """Branch, tag or commit of a Hub model."""
    max_model_len: int | None = None
    """Positions to use at most; None uses all positions of the model."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further settings of the engine, which must not change what is sampled."""
    server: ServerSpec | None = None
    """The endpoint of the model, for the engine `server`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFiles:
    """A model on this disk, and what is read from its files before an engine starts."""

    folder: Path
    identity: ModelIdentity
    stop_token_ids: tuple[int, ...]
    """The tokenizer's end token and those of `generation_config.json`, ascending: all that is taken from that file. If
    that file names none, those of `config.json`."""
    max_length: int
    """Positions of prompt and completion together."""
    vocabulary: int | None = None
    """Ids that are sampled: those below this number. The rows of the head behind them only pad it. None: all rows."""
