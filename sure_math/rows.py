"""The rows that travel between the phases, and the Arrow schema of each table.

Phases exchange frozen rows. `storage/store.py` writes them with explicit schemas, which are made from the dataclasses.
An empty column or a null thus never changes a type. `problems/sources/columns.py` has the names of the columns in a
user's file.
"""

import dataclasses
import types
import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import pyarrow as pa
import pyarrow.parquet as pq

from sure_math.identity import statement

Tier = Literal["easy", "medium", "hard", "competition"]
Split = Literal["train", "test"]
FinishReason = Literal["stop", "length", "unknown"]
LogprobMode = Literal["raw", "processed", "none"]
Missing = Literal["truncated", "unboxed", "empty"]
WeightKind = Literal["weighted", "discrete"]
RowT = typing.TypeVar("RowT")
CURATED = "curated"
"""`source` and `answer_source` of the curated problems that come with the package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem, seed or evolved, with its lineage."""

    problem_id: str
    """Made from lineage (source row, or parent, strategy and round), never from generated text."""
    problem: str
    system: str | None
    """System prompt that came with the seed and is kept in front of the problem; None if there was none."""
    answer: str | None
    answer_source: str | None
    """Who gave `answer`: `source` (the seed file), `pocket-world`, `curated`, or the labelling model; None: nobody."""
    solution: str | None
    source: str
    tier: Tier
    strategy: str
    """`seed`, or the evolution strategy that made this row from its parent."""
    round: int
    """0 for a seed, the evolution round (from 1) for a child."""
    seed_id: str
    parent_id: str | None
    author: str | None
    license: str
    split: Split
    overlaps: tuple[str, ...]
    """Names of the benchmarks this problem, or an ancestor of it, overlaps with."""

    @property
    def statement(self) -> str:
        """All that says what is asked: the system prompt, if there is one, and the problem."""
        return statement(self.problem, self.system)

    @property
    def is_curated(self) -> bool:
        """Whether this is a curated problem of the package. A user's file named `curated` has another answer source."""
        return self.source == CURATED and self.answer_source == CURATED

    @property
    def may_evolve(self) -> bool:
        """Whether new problems may be made from this seed. Held-out and curated problems stay as they are."""
        return self.split == "train" and not self.is_curated


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One answer of the teacher to one problem."""

    problem_id: str
    sample_index: int
    """0..N-1; -1 is the greedy answer, which takes no part in the entropy."""
    text: str
    token_count: int
    """Generated tokens, the stop token included; 0 if the samples came without a count."""
    sum_logprob: float | None
    """Sum over the generated tokens of the log-probability in nats; None if it is not known."""
    finish_reason: FinishReason
    logprob_mode: LogprobMode
    """`raw`: the model's own, before temperature and truncation; `processed`: after them; `none`: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The final answer read from one sample, or why there is none."""

    problem_id: str
    sample_index: int
    answer: str | None
    missing: Missing | None
    """None exactly if `answer` is not None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The partition of one problem's N answers by meaning."""

    problem_id: str
    cluster_ids: tuple[int, ...]
    """One id per sample index, numbered by first appearance from 0; -1 for a sample left out (`missing: exclude`)."""
    judge_calls: int
    undecided: int
    """Judge replies that were neither yes nor no."""
    conflicts: int
    """Merges refused because a pair across the clusters differs; in `paper`, pairs judged different but merged."""
    uncompared: int = 0
    """Distinct answers that were too many to be compared; each is a cluster of its own. 0 in shards of builds that did
    not keep this number yet."""
    stopped: int = 0
    """Pairs of answers whose symbolic check took too long and was given up. 0 in shards of builds that did not keep
    this number yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncertainty:
    """The teacher's uncertainty on one problem (Eq. 4-6) and what it was computed from."""

    problem_id: str
    num_samples: int
    semantic_entropy: float
    """Nats, Eq. 5 with the weights of Eq. 4, or with equal weights if `weight_kind` is `discrete`."""
    weight: float
    """1 - H / log N in [0, 1], Eq. 6; 0 if fewer than two samples have an answer."""
    weight_kind: WeightKind
    discrete_entropy: float
    intra_cluster_entropy: float
    """Sum over clusters of p_c times the entropy of exact strings within c, in nats."""
    majority_answer: str | None
    majority_share: float
    """Size of the largest answered cluster over N."""
    num_clusters: int
    num_missing: int
    num_truncated: int
    mean_tokens: float
    mean_logprob: float | None
    """Mean over the samples of the mean log-probability per token, in nats; None without log-probabilities."""
    note: str | None
    """Why a weight is not the plain Eq. 6 (for example `fewer than two answered samples`); None otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """Whether the teacher's own answer is right, if the problem has a label."""

    problem_id: str
    teacher_answer: str | None
    teacher_correct: bool | None
    """None if the problem has no reference answer."""
    majority_correct: bool | None
    """Whether the majority answer of the samples is right; None without a majority or without a reference answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """A problem that left the pipeline, with the phase and the reason."""

    problem_id: str
    phase: str
    reason: str
    """Short and countable, snake_case: `too_long`, `duplicate`, `empty_prompt`."""
    detail: str
    problem: str
    source: str
    strategy: str
    system: str | None = None
    """System prompt of the problem. None also in shards of builds that did not keep it yet."""

    @classmethod
    def of(cls, problem: Problem, *, phase: str, reason: str, detail: str) -> Self:
        """Make the dropped row of a problem."""
        return cls(
            problem_id=problem.problem_id,
            phase=phase,
            reason=reason,
            detail=detail,
            problem=problem.problem,
            source=problem.source,
            strategy=problem.strategy,
            system=problem.system,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Output(typing.Generic[RowT]):
    """The rows that a phase makes of one shard."""

    rows: Sequence[RowT]
    dropped: Sequence[Dropped] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """A public source the run read (seeds, or a benchmark it was compared with), or the package's curated problems."""

    name: str
    role: Literal["seeds", "benchmark"]
    dataset: str
    """Name on the Hub, also if a local copy was read; or a file of the package."""
    revision: str | None
    """Commit on the Hub; None for a local copy; SHA-256 of a file of the package."""
    license: str
    problems: int


def schema_of(row_type: type) -> pa.Schema:
    """Make the Arrow schema of a row dataclass. Optional fields are nullable, tuples are lists.

    >>> schema_of(Answer).field("missing").nullable
    True
    """
    hints = typing.get_type_hints(row_type)
    return pa.schema([_field(field.name, hints[field.name]) for field in dataclasses.fields(row_type)])


def to_table(row_type: type, rows: Iterable[object]) -> pa.Table:
    """Make an Arrow table of rows of one type, with the schema of this type.

    >>> answer = Answer(problem_id="p1", sample_index=0, answer="12", missing=None)
    >>> to_table(Answer, [answer]).column_names
    ['problem_id', 'sample_index', 'answer', 'missing']
    """
    schema = schema_of(row_type)
    materialised = list(rows)
    columns = {name: [getattr(row, name) for row in materialised] for name in schema.names}
    return pa.table({name: pa.array(columns[name], schema.field(name).type) for name in schema.names}, schema=schema)


def read_rows(row_type: type[RowT], path: Path) -> list[RowT]:
    """Read the rows of a Parquet file. A column that the file does not have takes the default of its field.

    Work files of an older build may lack a column that was added later.

    >>> read_rows(Answer, Path("answers.parquet"))[0].answer  # doctest: +SKIP
    '12'
    """
    present = set(pq.read_schema(path).names)
    schema = pa.schema([field for field in schema_of(row_type) if field.name in present])
    return from_table(row_type, pq.read_table(path, schema=schema))


def from_table(row_type: type[RowT], table: pa.Table) -> list[RowT]:
    """Make the rows of an Arrow table. Lists come back as tuples.

    >>> answer = Answer(problem_id="p1", sample_index=0, answer="12", missing=None)
    >>> from_table(Answer, to_table(Answer, [answer])) == [answer]
    True
    """
    return [
        row_type(**{key: tuple(value) if isinstance(value, list) else value for key, value in row.items()})
        for row in table.to_pylist()
    ]


_ARROW: dict[object, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
}


def _field(name: str, hint: object) -> pa.Field:
    nullable = False
    # `Literal | None` is a typing.Union, `str | None` a types.UnionType.
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        members = [member for member in typing.get_args(hint) if member is not type(None)]
        nullable, hint = True, members[0]
    if typing.get_origin(hint) is Literal:
        return pa.field(name, pa.string(), nullable=nullable)
    if typing.get_origin(hint) is tuple:
        return pa.field(name, pa.list_(_ARROW[typing.get_args(hint)[0]]), nullable=nullable)
    return pa.field(name, _ARROW[hint], nullable=nullable)
