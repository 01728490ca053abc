"""The configuration of a build: one frozen model per phase, read from a small YAML file and `key=value` overrides.

Every error names the field, the value and the remedy. The resolved configuration is saved with the outputs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from sure_math.command_line.settings import Section, Settings
from sure_math.models.engines.spec import Dtype, EngineName, ModelSpec, ReplicasSpec, ServerSpec
from sure_math.problems.sources.catalogue import BENCHMARKS, SOURCES
from sure_math.problems.sources.limits import DEFAULT, MOST_NESTING, Limits
from sure_math.rows import Tier

Strategy = Literal["harder", "rewrite", "algebraize", "apply", "compose", "competition"]
Weights = Mapping[Strategy, Annotated[float, Field(ge=0)]]

TIERS: tuple[Tier, ...] = ("easy", "medium", "hard", "competition")
Elimination = Literal[
    "trivial", "question", "several_questions", "answer_leaked", "missing_figure", "proof", "language"
]
ELIMINATIONS: tuple[Elimination, ...] = get_args(Elimination)
FOLLOW_UPS: tuple[Strategy, ...] = ("harder", "competition", "compose")
"""Sec. 4.1: the strategies of every round after the first."""

_MODEL, _SERVER, _REPLICAS = ModelSpec(model=""), ServerSpec(url=""), ReplicasSpec()
"""Specs that hold nothing but the defaults, which are written in `sure_math.models.engines.spec`."""


class RunConfig(Section):
    seed: int = Field(0, ge=0, description="All randomness follows from it and from the ids of the problems.")
    shard_size: int = Field(64, ge=1, description="Seed problems per shard.")
    batch_size: int = Field(
        128,
        ge=1,
        description="Sequences that the engine `transformers` computes together. The journal stores so many replies at "
        "a time, or those of a second.",
    )


class ColumnsConfig(Section):
    """Names of columns in a file of problems. None: the usual names are tried."""

    problem: str | None = None
    messages: str | None = None
    system: str | None = None
    answer: str | None = None
    solution: str | None = None
    id: str | None = None
    tier: str | None = None
    license: str | None = None
    split: str | None = None


class SourceConfig(Section):
    """How much of a public source is read, and where it is read if not from the Hub."""

    rows: int | None = Field(None, ge=1, description="Usable rows to take; None takes all.")
    pick: Literal["spread", "first"] = Field(
        "spread", description="`spread` reads the whole source and takes rows by a digest; `first` stops after them."
    )
    subsets: tuple[str, ...] | None = Field(None, description="Configurations on the Hub; None takes the table's.")
    splits: tuple[str, ...] | None = Field(None, description="Splits to read; None takes the table's.")
    revision: str | None = Field(None, description="Commit, tag or branch on the Hub; None takes the table's.")
    path: Path | None = Field(None, description="A local copy: a file, or a folder as it lies on the Hub.")


class SeedsConfig(Section):
    source: Literal["file", "hub", "pocket-world", "public"] = "file"
    public: Mapping[str, SourceConfig] = Field({}, description="For `source: public`, the sources by name.")
    per_tier: Mapping[Tier, Annotated[int, Field(ge=0)]] | None = Field(
        None, description="Training seeds of each tier that go on, drawn from all that are read; None takes all."
    )
    path: Path | None = Field(None, description="JSONL, CSV or Parquet file of `source: file`.")
    dataset: str | None = Field(None, description="Name of a dataset on the Hub, for `source: hub`.")
    subset: str | None = Field(None, description="Configuration of the Hub dataset.")
    revision: str | None = Field(None, description="Revision of the Hub dataset; the newest commit if it is left out.")
    rows: str = Field("train", description="Split of the Hub dataset to read.")
    columns: ColumnsConfig = ColumnsConfig()
    name: str | None = Field(None, description="Name of the source in the dataset; the file's stem if it is left out.")
    tier: Tier = Field("medium", description="Tier of problems that name none.")
    license: str = Field("unknown", description="Licence of problems that name none; a child's is its seed's.")
    limit: int | None = Field(
        None, ge=1, description="Training seeds to read; None reads all. Curated ones count if there are no others."
    )
    test_limit: int = Field(0, ge=0, description="Held-out problems of the pocket world.")
    curated: bool = Field(
        False,
        description="Add the 1,000 curated problems: 800 for training, which stay as they are, and 200 held out.",
    )

    @property
    def curated_alone(self) -> bool:
        """Whether there are no other problems than the curated ones."""
        return self.curated and self.source == "file" and self.path is None

    @field_validator("public")
    @classmethod
    def _known(cls, sources: Mapping[str, SourceConfig]) -> Mapping[str, SourceConfig]:
        unknown = sorted(set(sources) - set(SOURCES))
        if unknown:
            raise ValueError(f"{unknown[0]!r} is not one of {', '.join(SOURCES)}")
        return sources


class LimitsConfig(Section):
    """How large the parts of a file or dataset may be that is read. No row depends on it."""

    text_characters: int = Field(DEFAULT.text_characters, ge=1, description="Characters of one text in a cell.")
    row_characters: int = Field(DEFAULT.row_characters, ge=1, description="Characters of one row.")
    list_items: int = Field(DEFAULT.list_items, ge=1, description="Items of a list or mapping in a cell.")
    nesting: int = Field(DEFAULT.nesting, ge=1, le=MOST_NESTING, description="Lists and mappings inside each other.")
    json_characters: int = Field(
        DEFAULT.json_characters, ge=1, description="Characters of a file that is one JSON array or object."
    )
    rows: int = Field(DEFAULT.rows, ge=1, description="Rows of one file or split.")

    def plain(self) -> Limits:
        """Return the limits as plain values."""
        return Limits(**self.model_dump())


class SampleColumnsConfig(Section):
    """Names of columns in a file of stored samples. None: the usual names are tried."""

    problem: str | None = None
    system: str | None = None
    id: str | None = None
    samples: str | None = None
    answer: str | None = None
    solution: str | None = None
    tier: str | None = None
    license: str | None = None
    field: str | None = Field(None, description="Key of the text if a sample is a mapping.")


class SamplesConfig(Section):
    """Stored samples that take the place of the teacher."""

    path: Path | None = Field(None, description="JSONL, CSV or Parquet; a row per sample, or per problem with a list.")
    columns: SampleColumnsConfig = SampleColumnsConfig()
    kind: Literal["auto", "text", "answer"] = Field(
        "auto", description="`text`: completions to extract from; `answer`: final answers already extracted."
    )
    num_samples: int | None = Field(
        None, ge=2, description="Use the first N of each problem and drop problems with fewer; None uses all there are."
    )
    name: str | None = Field(None, description="Name of the source; the file's stem if it is left out.")
    teacher: str = Field("unknown", description="Who wrote the samples, for the dataset and its card.")
    license: str = Field("unknown", description="Licence of problems that name none.")
    tier: Tier = "medium"


class ServerConfig(Section):
    """An endpoint that speaks the OpenAI protocol, such as `vllm serve`."""

    url: str = Field(description="Address up to and including the version, such as http://host:8000/v1.")
    api: Literal["completions", "chat"] = Field(
        _SERVER.api, description="`completions`: tokens in, our own chat template; `chat`: the server's template."
    )
    served_name: str | None = Field(
        _SERVER.served_name, description="Name under which the server offers the model; None: `model`."
    )
    key_variable: str = Field(
        _SERVER.key_variable, description="Environment variable with the key; the key stays there."
    )
    max_concurrency: int = Field(_SERVER.max_concurrency, ge=1, description="Requests open at the same time.")
    timeout: float = Field(_SERVER.timeout, gt=0, description="Seconds one try of a request may take.")
    patience: float = Field(
        _SERVER.patience,
        ge=0,
        description="Seconds without any answer, from the first failure on, before the build stops.",
    )

    @field_validator("url")
    @classmethod
    def _no_secret(cls, url: str) -> str:
        if any(mark in url for mark in "@?#"):
            raise ValueError(
                "must hold no user name, password, query or fragment; the key goes into server.key_variable"
            )
        return url


class ReplicasConfig(Section):
    """Copies of the engine in Ray actors, on this machine or on a Ray cluster."""

    min: int = Field(_REPLICAS.min, ge=1, description="Replicas that are always there.")
    max: int = Field(_REPLICAS.max, ge=1, description="Replicas while there is work for them.")
    num_cpus: float = Field(_REPLICAS.num_cpus, ge=0, description="CPUs Ray reserves for one replica.")
    num_gpus: float = Field(
        _REPLICAS.num_gpus, ge=0, description="GPUs of one replica, may be a fraction; with 0 it sees none."
    )
    address: str | None = Field(
        _REPLICAS.address, description="Address of a Ray cluster, `auto` for the running one; None: here."
    )
    chunk: int = Field(_REPLICAS.chunk, ge=1, description="Sequences of one task: what a lost replica has to repeat.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min = {self.min} is above max = {self.max}")
        return self


class ModelConfig(Section):
    """A model and how to run it."""

    model: str = Field(description="A folder, a name on the Hub, or `pocket:ROLE`.")
    engine: EngineName = _MODEL.engine
    revision: str | None = Field(_MODEL.revision, description="Revision on the Hub.")
    dtype: Dtype = _MODEL.dtype
    device: str = Field(_MODEL.device, description="`auto`, `cpu`, `cuda`, `cuda:1`, ...")
    max_model_len: int | None = Field(_MODEL.max_model_len, ge=16, description="Prompt and answer together, in tokens.")
    enable_thinking: bool = Field(False, description="Passed to the chat template.")
    engine_options: Mapping[str, Any] = Field({}, description="Further options of the engine, passed on as they are.")
    server: ServerConfig | None = Field(None, description="Where the model is served, for `engine: server`.")
    replicas: ReplicasConfig | None = Field(None, description="Several copies of the engine through Ray; None: one.")
    keep_loaded: bool = Field(
        False,
        description="Keep the model from its first phase to the end of the build; else it stops after each phase.",
    )

    @model_validator(mode="after")
    def _served(self) -> Self:
        if (self.engine == "server") != (self.server is not None):
            raise ValueError(f"engine = {self.engine}: engine=server and server.url=... go together")
        if self.server is not None and self.replicas is not None:
            raise ValueError("replicas are for an engine of this build; a server scales behind its own address")
        return self


class EvolveConfig(Section):
    enabled: bool = True
    author: ModelConfig | None = None
    temperature: float = Field(0.7, ge=0, le=2)
    top_p: float = Field(1.0, gt=0, le=1)
    max_new_tokens: int = Field(1024, ge=1)
    rounds: Mapping[Tier, Annotated[int, Field(ge=0, le=20)]] = {"easy": 1, "medium": 2, "hard": 3, "competition": 5}
    weights: Mapping[Tier, Weights] = Field(
        {tier: {"harder": 1.0, "competition": 1.0, "compose": 1.0} for tier in TIERS},
        description="Per tier, the weight of each strategy in the first round; follow-ups renormalise their three.",
    )
    min_chars: int = Field(12, ge=0, description="Shorter children are dropped.")
    max_chars: int = Field(4000, ge=1, description="Longer children are dropped.")
    keep_seeds: bool = Field(False, description="Annotate the training seeds too, not only what evolved from them.")
    eliminate: tuple[Elimination, ...] = Field(
        ELIMINATIONS,
        description="Checks a child must pass after the checks of its length; an empty list takes none.",
    )
    language: str = Field("en", description="ISO 639-1 code for the check `language`.")
    keep: int | None = Field(None, ge=1, description="Evolved problems to keep at most, chosen by a digest.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.enabled and self.author is None:
            raise ValueError("has no author: set evolve.author.model=..., or evolve.enabled=false")
        for tier in TIERS:
            if tier not in self.rounds or tier not in self.weights:
                raise ValueError(f"rounds and weights need an entry for the tier {tier!r}")
            if self.rounds[tier] and not any(self.weights[tier].values()):
                raise ValueError(f"weights.{tier} are all 0: give one strategy a weight, or set rounds.{tier}=0")
            if self.rounds[tier] > 1 and sum(self.weights[tier].get(name, 0) > 0 for name in FOLLOW_UPS) < 2:
                raise ValueError(
                    f"weights.{tier} need two of {', '.join(FOLLOW_UPS)} above 0: a follow-up round takes a strategy "
                    f"other than the one before it; or set rounds.{tier}=1"
                )
        if self.min_chars > self.max_chars:
            raise ValueError(f"min_chars = {self.min_chars} is above max_chars = {self.max_chars}")
        return self


class CopyConfig(Section):
    """Where a benchmark is read, if not at the Hub's newest revision."""

    revision: str | None = Field(None, description="Commit, tag or branch on the Hub; None takes the table's.")
    path: Path | None = Field(None, description="A local copy: a file, or a folder as it lies on the Hub.")


class OverlapCheckConfig(Section):
    """The optional second look: a model compares each problem with benchmark problems near in meaning."""

    embedding: str = Field(description="Encoder model: a folder or a name on the Hub.")
    revision: str | None = Field(None, description="Revision of the encoder on the Hub.")
    top_k: int = Field(5, ge=1, description="Nearest benchmark problems that are shown to the model.")
    min_similarity: float = Field(0.5, ge=-1, le=1, description="Cosine below which a pair is not shown.")
    model: ModelConfig = Field(description="Who decides; a reply that is neither yes nor no counts as an overlap.")


class DecontaminateConfig(Section):
    mode: Literal["drop", "annotate"] = Field(
        "annotate", description="`drop` removes what overlaps a benchmark; `annotate` only fills the column `overlaps`."
    )
    benchmarks: Mapping[str, CopyConfig] = Field(
        {name: CopyConfig() for name in BENCHMARKS}, description="Benchmarks to compare with, by name."
    )
    skip: tuple[str, ...] | Literal["all"] = Field((), description="Benchmarks not compared with; the card names them.")
    test_split: bool = Field(True, description="Compare training problems with this run's own test split as well.")
    ngram: int = Field(8, ge=2, description="Tokens of an n-gram, after LaTeX is normalised.")
    containment: float = Field(
        0.6,
        gt=0,
        le=1,
        description="Share of a benchmark problem's n-grams that makes an overlap when found in a text.",
    )
    near_duplicates: float | None = Field(
        None, gt=0, le=1, description="Jaccard similarity at which a problem repeats an earlier one; None: equal only."
    )
    check: OverlapCheckConfig | None = None

    @field_validator("benchmarks")
    @classmethod
    def _known(cls, copies: Mapping[str, CopyConfig]) -> Mapping[str, CopyConfig]:
        """Add the benchmarks that are not named. Only `skip` leaves a benchmark out."""
        unknown = sorted(set(copies) - set(BENCHMARKS))
        if unknown:
            raise ValueError(f"{unknown[0]!r} is not one of {', '.join(BENCHMARKS)}")
        return {name: copies.get(name, CopyConfig()) for name in BENCHMARKS}

    @field_validator("skip")
    @classmethod
    def _skips(cls, names: tuple[str, ...] | Literal["all"]) -> tuple[str, ...]:
        unknown = sorted(set(names) - set(BENCHMARKS)) if names != "all" else []
        if unknown:
            raise ValueError(f"{unknown[0]!r} is not one of {', '.join(BENCHMARKS)}; `all` skips every one")
        return tuple(BENCHMARKS) if names == "all" else tuple(names)


class LabelConfig(Section):
    by: Literal["none", "pocket-world", "model"] = Field(
        "none", description="Who answers problems that came without one."
    )
    drop_unlabelled: bool = Field(False, description="Drop evolved problems that the labeller cannot solve.")
    model: ModelConfig | None = Field(None, description="The labelling model, for `by: model`.")
    num_samples: int = Field(1, ge=1, description="1: its greedy answer; more: the majority of that many samples.")
    temperature: float = Field(0.7, gt=0, le=2, description="Of several samples; a single one is greedy.")
    min_share: float = Field(0.5, ge=0, le=1, description="Least share of the samples that the majority must have.")
    max_new_tokens: int = Field(8192, ge=1)

    @model_validator(mode="after")
    def _by_model(self) -> Self:
        if (self.by == "model") != (self.model is not None):
            raise ValueError(f"by = {self.by}: by=model and model.model=... go together")
        return self


class SampleConfig(Section):
    num_samples: int = Field(8, ge=2, description="N of Eq. 6; one sample has no entropy.")
    temperature: float = Field(0.7, gt=0, le=2)
    top_p: float = Field(1.0, gt=0, le=1)
    top_k: int = Field(0, ge=0, description="0 keeps every token.")
    max_new_tokens: int = Field(8192, ge=1)
    greedy: bool = Field(True, description="One more answer at temperature 0, the teacher's own; not in the entropy.")


class ExtractConfig(Section):
    opening_tag: str = Field(
        "<think>", description="Opens a thought, beside the tags of the known families (`sure_math/thoughts.py`)."
    )
    closing_tag: str = Field(
        "</think>", min_length=1, description="Ends a thought, beside those of the known families."
    )


class ClusterConfig(Section):
    procedure: Literal["default", "paper"] = "default"
    equivalence: Literal["math", "string", "judge"] = "math"
    missing: Literal["own", "shared", "exclude"] = "own"


class PublishConfig(Section):
    name: str = Field("sure-math", min_length=1, description="Title of the dataset card.")
    private: bool = Field(True, description="Visibility of a repository that --push has to make.")


class BuildConfig(Section):
    """Everything one build depends on."""

    run: RunConfig = RunConfig()
    prompts: str = Field("default", description="`default`, `pocket`, or a folder of prompt files.")
    seeds: SeedsConfig = SeedsConfig()
    samples: SamplesConfig = SamplesConfig()
    limits: LimitsConfig = LimitsConfig()
    evolve: EvolveConfig = EvolveConfig(enabled=False)
    decontaminate: DecontaminateConfig = DecontaminateConfig()
    label: LabelConfig = LabelConfig()
    teacher: ModelConfig | None = None
    sample: SampleConfig = SampleConfig()
    extract: ExtractConfig = ExtractConfig()
    cluster: ClusterConfig = ClusterConfig()
    judge: ModelConfig | None = None
    publish: PublishConfig = PublishConfig()

    @model_validator(mode="after")
    def _inputs(self) -> Self:
        if self.samples.path is not None:
            if self.evolve.enabled:
                raise ValueError("samples.path starts after evolution: set evolve.enabled=false")
            if self.seeds.curated:
                raise ValueError("seeds.curated adds problems samples.path does not answer: set seeds.curated=false")
            return self
        if self.teacher is None:
            raise ValueError("nothing to annotate with: set teacher.model=..., or samples.path=... for stored samples")
        needed = {"file": "path", "hub": "dataset", "pocket-world": "limit", "public": "public"}[self.seeds.source]
        if not getattr(self.seeds, needed) and not self.seeds.curated_alone:
            raise ValueError(
                f"seeds.source = {self.seeds.source} needs seeds.{needed}=... (or samples.path=..., or "
                "seeds.source=file seeds.curated=true for the curated problems alone)"
            )
        return self

    @model_validator(mode="after")
    def _judge(self) -> Self:
        if self.judge is None and self.cluster.equivalence == "judge":
            raise ValueError("cluster.equivalence = judge needs judge.model=...")
        if self.judge is None and self.cluster.procedure == "paper":
            raise ValueError("cluster.procedure = paper asks a judge: set judge.model=..., or procedure=default")
        return self


SETTINGS = Settings(
    BuildConfig,
    "sure_math.configs",
    sections="`seeds:`, `teacher:`, ...",
    example="sample.num_samples=16",
)


def load_config(name: str, overrides: Sequence[str] = ()) -> BuildConfig:
    """Load the configuration of that name or file, with `dotted.key=value` overrides on top.

    Raises:
        ConfigError: there is no such file, it is not YAML, a key is unknown, or a value is out of range.

    >>> load_config("pocket", ["sample.num_samples=4"]).sample.num_samples
    4
    """
    return SETTINGS.load(name, overrides)


def config_names() -> list[str]:
    """List the configurations that come with the package.

    >>> "pocket" in config_names()
    True
    """
    return SETTINGS.names()


PLACEMENT = re.compile(
    r"(^limits\..+|server\.(url|max_concurrency|timeout|patience|key_variable)|replicas(\..+)?|keep_loaded)$"
)
"""Keys that set where and how fast a model answers, but not what, and how much is read at most. A build continues if
they change."""
