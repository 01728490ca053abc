"""Answers with grades, from a published dataset or from anyone's JSONL: the input of `validate`.

A JSONL file holds a row per problem with lists (`answers`, `score`, ...), or a row per sample with a problem id.
Columns are found by their usual names, or named by the user. Completions without a column of answers go through
`sure_math.extract`; answers without grades are graded against the reference answer where there is one.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track

from sure_math.cluster import EQUIVALENCES, AnswerSet, cluster_shard
from sure_math.entropy import majority_answer, semantic_entropy
from sure_math.extract import final_answer
from sure_math.publication.published import DatasetError, PublishedDataset, open_dataset

NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("problem_id", "id", "idx", "index", "uid", "question_id"),
    "problem": ("problem", "question", "query", "prompt", "input"),
    "gold": ("gold", "gt", "expected_answer", "reference_answer", "ground_truth", "target", "gold_answer", "answer"),
    "answers": (
        "answers",
        "preds",
        "pred",
        "predictions",
        "predicted_answers",
        "predicted_answer",
        "extracted_answers",
    ),
    "texts": (
        "responses",
        "response",
        "completions",
        "generations",
        "generation",
        "samples",
        "outputs",
        "output",
        "text",
    ),
    "correct": ("correct", "is_correct", "correctness", "scores", "score", "grades", "symbolic_correct", "labels"),
    "sum_logprob": ("sum_logprob", "sum_logprobs", "cumulative_logprob", "cumulative_logprobs"),
    "token_count": ("token_count", "token_counts", "num_tokens", "completion_tokens", "output_tokens"),
    "finish_reason": ("finish_reason", "finish_reasons"),
    "tier": ("tier", "level", "difficulty"),
    "strategy": ("strategy", "source", "subject", "type"),
}
"""What `validate` looks for in a JSONL file -> usual names, the first that fits wins."""

PER_SAMPLE = ("answers", "texts", "correct", "sum_logprob", "token_count", "finish_reason")
IN_MAPPING = ("answer", "pred", "text", "content", "output")
CLUSTERED_AT_ONCE = 16

PROBLEM_COLUMNS = (
    *("problem_id", "problem", "answer", "tier", "strategy", "num_samples", "weight", "weight_kind"),
    *("majority_answer", "num_missing", "num_truncated", "teacher_answer", "teacher_correct"),
)
SAMPLE_COLUMNS = (
    *("problem_id", "sample_index", "answer", "cluster_id", "sum_logprob", "token_count", "finish_reason"),
)
"""Columns of a published dataset that are read."""


class ValidationInputError(ValueError):
    """The input cannot be read as graded answers; the message says what is missing and what there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What is known about one problem's samples without knowing the right answer."""

    entropy: float
    """H / log N in [0, 1] (1 - weight): 1 where fewer than two samples have an answer."""
    discrete_entropy: float
    """The same with equal weights."""
    majority_share: float
    mean_logprob: float | None
    """Mean over the samples of the mean log-probability per token, nats."""
    mean_tokens: float | None
    num_clusters: int
    weight_kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollouts:
    """One problem with its N samples; every per-sample tuple has length N."""

    problem_id: str
    problem: str
    split: str | None
    tier: str | None
    strategy: str | None
    gold: str | None
    answers: tuple[str | None, ...]
    cluster_ids: tuple[int, ...]
    grades: tuple[bool, ...] | None
    """Whether each sample is right, where the input says so."""
    sum_logprobs: tuple[float, ...] | None
    token_counts: tuple[int, ...] | None
    incomplete: bool
    """Some sample has no final answer or was cut at the length limit."""
    majority: str | None
    measures: Measures
    greedy_answer: str | None = None
    greedy_correct: bool | None = None
    """The stored verdict of a published dataset; None without a reference answer, or without a greedy sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """Everything that was read."""

    rollouts: list[Rollouts]
    equivalence: str
    has_greedy: bool
    too_few: int
    """Problems with fewer than two samples; they have no entropy and are left out."""
    origin: str
    """Fingerprint of a dataset, or how the columns of a file were read."""


def read_dataset(folder: Path) -> Input:
    """The problems of a folder that `publish` wrote, with the stored clusters, weights and verdicts."""
    try:
        dataset = open_dataset(folder)
        samples = _samples_by_problem(dataset)
        rollouts, too_few = [], 0
        for split in dataset.splits:
            for row in dataset.rows(split, PROBLEM_COLUMNS):
                if row["num_samples"] < 2:
                    too_few += 1
                    continue
                rollouts.append(_published(row, split, samples[row["problem_id"]]))
    except DatasetError as error:
        raise ValidationInputError(str(error)) from None
    return Input(
        rollouts=rollouts,
        equivalence=dataset.manifest["config"].get("cluster", {}).get("equivalence", "math"),
        has_greedy=dataset.manifest["numbers"]["kinds"]["verdict"].get("greedy", 0) > 0,
        too_few=too_few,
        origin=f"dataset {dataset.fingerprint[:12]}",
    )


def read_jsonl(path: Path, columns: Mapping[str, str], *, equivalence: str = "math", missing: str = "own") -> Input:
    """The problems of a JSONL file, clustered here.

    Args:
        columns: names of columns (keys of `NAMES`) that the user gave; the others are looked for.

    Raises:
        ValidationInputError: not JSON, no column of answers, neither grades nor a reference answer, or lists that do
            not have the same length.
    """
    rows = _json_rows(path)
    found = _find_columns(path, rows, columns)
    problems = _wide(path, rows, found) if _is_wide(rows, found) else _long(path, rows, found)
    usable = [problem for problem in problems if len(problem["answers"]) >= 2]
    if not usable:
        raise ValidationInputError(
            f"{path}: no problem has two answers or more, so there is no entropy; rows of the same problem need the "
            f"same id (column {found.get('id', 'of ids: not found')!r}), or answers in a list"
        )
    rollouts: list[Rollouts] = []
    starts = range(0, len(usable), CLUSTERED_AT_ONCE)
    for start in track(starts, "clustering answers", console=Console(stderr=True), transient=True):
        part = usable[start : start + CLUSTERED_AT_ONCE]
        sets = [AnswerSet(problem=row["problem"] or None, answers=tuple(row["answers"])) for row in part]
        results = cluster_shard(sets, None, equivalence=equivalence, missing=missing)  # type: ignore[arg-type]
        rollouts += [_graded(row, result.ids, equivalence) for row, result in zip(part, results, strict=True)]
    return Input(
        rollouts=rollouts,
        equivalence=equivalence,
        has_greedy=False,
        too_few=len(problems) - len(usable),
        origin="columns " + ", ".join(f"{role} = {name}" for role, name in found.items()),
    )


def measure(
    ids: Sequence[int],
    answers: Sequence[str | None],
    sum_logprobs: Sequence[float] | None,
    token_counts: Sequence[int] | None,
) -> Measures:
    """Entropy, majority share, mean log-probability and mean length of n >= 2 samples."""
    known = sum_logprobs is not None and token_counts is not None
    result = semantic_entropy(ids, sum_logprobs if known else None, token_counts if known else None, answers=answers)
    ratios = (
        [total / count for total, count in zip(sum_logprobs or (), token_counts or (), strict=True)] if known else []
    )
    return Measures(
        entropy=1 - result.weight,
        discrete_entropy=1 - result.discrete_weight,
        majority_share=result.majority_share,
        mean_logprob=math.fsum(ratios) / len(ratios) if ratios else None,
        mean_tokens=math.fsum(token_counts) / len(token_counts) if token_counts and all(token_counts) else None,
        num_clusters=result.num_clusters,
        weight_kind=result.weight_kind,
    )


def _samples_by_problem(dataset: PublishedDataset) -> dict[str, list[dict]]:
    """The samples of each problem by index, without their texts."""
    samples: dict[str, list[dict]] = {}
    for row in dataset.rows("samples", SAMPLE_COLUMNS):
        samples.setdefault(row["problem_id"], []).append(row)
    for rows in samples.values():
        rows.sort(key=lambda row: row["sample_index"])
    return samples


def _published(row: Mapping, split: str, samples: Sequence[Mapping]) -> Rollouts:
    inside = [sample for sample in samples if sample["sample_index"] >= 0]
    answers = tuple(sample["answer"] for sample in inside)
    ids = tuple(sample["cluster_id"] for sample in inside)
    weighted = row["weight_kind"] == "weighted"
    logprobs = tuple(sample["sum_logprob"] for sample in inside) if weighted else None
    counts = tuple(sample["token_count"] for sample in inside)
    measures = measure(ids, answers, logprobs, counts)
    if not math.isclose(1 - measures.entropy, row["weight"], abs_tol=1e-9):
        raise ValidationInputError(
            f"problem {row['problem_id']}: its samples give the weight {1 - measures.entropy}, the dataset has "
            f"{row['weight']}; the tables do not belong together, build again"
        )
    greedy = any(sample["sample_index"] < 0 for sample in samples)
    return Rollouts(
        problem_id=row["problem_id"],
        problem=row["problem"],
        split=split,
        tier=row["tier"],
        strategy=row["strategy"],
        gold=row["answer"],
        answers=answers,
        cluster_ids=ids,
        grades=None,
        sum_logprobs=logprobs,
        token_counts=counts,
        incomplete=row["num_missing"] > 0 or row["num_truncated"] > 0,
        majority=row["majority_answer"],
        measures=measures,
        greedy_answer=row["teacher_answer"] if greedy else None,
        greedy_correct=row["teacher_correct"] if greedy else None,
    )


def _graded(row: Mapping, ids: Sequence[int], equivalence: str) -> Rollouts:
    return Rollouts(
        problem_id=row["id"],
        problem=row["problem"],
        split=None,
        tier=row["tier"],
        strategy=row["strategy"],
        gold=row["gold"],
        answers=tuple(row["answers"]),
        cluster_ids=tuple(ids),
        grades=row["correct"],
        sum_logprobs=row["sum_logprob"],
        token_counts=row["token_count"],
        incomplete=None in row["answers"] or "length" in (row["finish_reason"] or ()),
        majority=majority_answer(ids, row["answers"], EQUIVALENCES[equivalence].canonical),
        measures=measure(ids, row["answers"], row["sum_logprob"], row["token_count"]),
    )


def _json_rows(path: Path) -> list[dict]:
    rows = []
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise ValidationInputError(f"{path}, line {number} is not JSON: {error}") from None
            if not isinstance(row, dict):
                raise ValidationInputError(
                    f"{path}, line {number} is a {type(row).__name__}; each line must be an object"
                )
            rows.append(row)
    if not rows:
        raise ValidationInputError(f"{path} has no rows")
    return rows


def _find_columns(path: Path, rows: Sequence[Mapping], named: Mapping[str, str]) -> dict[str, str]:
    """Role -> column. A named column must exist; the others are looked for under their usual names."""
    present = list(dict.fromkeys(key for row in rows for key in row))
    there_are = f"there are: {', '.join(present)}"
    for role, name in named.items():
        if role not in NAMES:
            raise ValidationInputError(f"--column {role}={name}: no such role; roles are {', '.join(NAMES)}")
        if name not in present:
            raise ValidationInputError(f"{path}: column {name!r} (for {role}) is not there; {there_are}")
    found = dict(named)
    for role in NAMES:
        taken = set(found.values())
        guess = next((name for name in NAMES[role] if name in present and name not in taken), None)
        if role not in found and guess is not None:
            found[role] = guess
    if "answers" not in found and "texts" not in found and found.get("gold") == "answer" and "correct" in found:
        found["answers"] = found.pop("gold")  # a row per sample with its own grade: `answer` is the sample's
    _prefer_a_list(rows, found, named)
    if "answers" not in found and "texts" not in found:
        raise ValidationInputError(
            f"{path}: no column of answers or completions; {there_are}. Name it: --column answers=NAME"
        )
    if "correct" not in found and "gold" not in found:
        raise ValidationInputError(
            f"{path}: neither grades nor reference answers; {there_are}. "
            "Name one: --column correct=NAME or --column gold=NAME"
        )
    return found


def _prefer_a_list(rows: Sequence[Mapping], found: dict[str, str], named: Mapping[str, str]) -> None:
    """Where one per-sample column holds lists, the others that hold single values belong to the problem: not used."""
    kinds = {role: isinstance(_first(rows, found[role]), list) for role in PER_SAMPLE if role in found}
    if any(kinds.values()):
        for role, is_list in kinds.items():
            if not is_list and role not in named:
                del found[role]


def _first(rows: Sequence[Mapping], name: str) -> object:
    return next((row[name] for row in rows if row.get(name) is not None), None)


def _is_wide(rows: Sequence[Mapping], found: Mapping[str, str]) -> bool:
    name = found.get("answers", found.get("texts", ""))
    return isinstance(_first(rows, name), list)


def _wide(path: Path, rows: Sequence[Mapping], found: Mapping[str, str]) -> list[dict]:
    problems = []
    for number, row in enumerate(rows, start=1):
        columns = {role: row.get(found[role]) if role in found else None for role in NAMES}
        lengths = {found[role]: len(value) for role in PER_SAMPLE if isinstance(value := columns[role], list)}
        if len(set(lengths.values())) > 1:
            raise ValidationInputError(f"{path}, row {number}: lists of different lengths: {lengths}")
        problems.append(_problem(path, number, columns))
    return problems


def _long(path: Path, rows: Sequence[Mapping], found: Mapping[str, str]) -> list[dict]:
    """Rows of one sample each, put together by problem id, or by the text of the problem where there is no id."""
    key = found.get("id", found.get("problem"))
    if key is None:
        raise ValidationInputError(
            f"{path}: a row per sample needs a column that tells the problems apart; "
            f"there are: {', '.join(rows[0])}. Name it: --column id=NAME"
        )
    groups: dict[str, list[Mapping]] = {}
    for row in rows:
        groups.setdefault(str(row.get(key)), []).append(row)
    problems = []
    for number, (name, group) in enumerate(groups.items(), start=1):
        columns: dict = {role: group[0].get(found[role]) if role in found else None for role in NAMES}
        columns |= {role: [row.get(found[role]) for row in group] for role in PER_SAMPLE if role in found}
        problems.append(_problem(path, number, columns | {"id": name}))
    return problems


def _problem(path: Path, number: int, columns: Mapping) -> dict:
    where = f"{path}, problem {number}"
    reasons = columns["finish_reason"]
    values = columns["answers"] if columns["answers"] is not None else columns["texts"]
    if not isinstance(values, list):
        raise ValidationInputError(f"{where}: its answers are a {type(values).__name__}; a list is needed")
    given = [_one_answer(value, where) for value in values]
    if columns["answers"] is None:
        given = [
            final_answer(text or "", "length" if reasons and reasons[index] == "length" else "unknown").answer
            for index, text in enumerate(given)
        ]
    return {
        "id": str(columns["id"]) if columns["id"] is not None else str(number - 1),
        "problem": str(columns["problem"] or ""),
        "gold": None if columns["gold"] is None or isinstance(columns["gold"], list) else str(columns["gold"]),
        "tier": None if columns["tier"] is None else str(columns["tier"]),
        "strategy": None if columns["strategy"] is None else str(columns["strategy"]),
        "answers": given,
        "correct": _grades(columns["correct"], where),
        "sum_logprob": _numbers(columns["sum_logprob"], lambda value: math.isfinite(value) and value <= 0),
        "token_count": _numbers(columns["token_count"], lambda value: value >= 1),
        "finish_reason": reasons,
    }


def _one_answer(value: object, where: str) -> str | None:
    if isinstance(value, Mapping):
        key = next((name for name in IN_MAPPING if name in value), None)
        if key is None:
            raise ValidationInputError(
                f"{where}: an answer has the keys {', '.join(value)}; none of {', '.join(IN_MAPPING)}"
            )
        value = value[key]
    text = "" if value is None else str(value)
    return text if text.strip() else None


def _grades(values: object, where: str) -> tuple[bool, ...] | None:
    if not isinstance(values, list):
        return None
    for value in values:
        if value is not None and value not in (0, 1):
            raise ValidationInputError(
                f"{where}: grade {value!r} is neither true/false nor 0/1. Name another column: --column correct=NAME"
            )
    return None if None in values else tuple(bool(value) for value in values)


def _numbers(values: object, usable: Callable[[float], bool]) -> tuple | None:
    """A tuple of numbers; None where one is absent or of no use, for an average over some samples misleads."""
    if not isinstance(values, list) or not all(isinstance(value, int | float) and usable(value) for value in values):
        return None
    return tuple(values)
