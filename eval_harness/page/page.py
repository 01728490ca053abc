"""Render the HTML page of one run, from its result file and its log of samples."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from eval_harness.grade import OUTCOMES
from eval_harness.page import mathml
from eval_harness.records import ResultError, read_log
from eval_harness.results import ResultFile
from sure_math.cluster import AnswerSet, cluster_shard
from sure_math.escaping import visible
from sure_math.identity import statement
from sure_math.reporting.templates import environment

TEMPLATE, SCRIPT = "results_page.html.j2", "results_page.js"
MEGABYTES = 30.0
"""Size of the page, about, unless the user says otherwise."""
LENGTHS = (8_000, 2_000, 500, 120)
"""How many characters of a response are shown: the first length that fits, tried in this order."""
MAX_STATEMENT, MAX_ANSWER = 6_000, 300
"""Characters of a statement and of an answer that are shown."""
MARKUP = 420
"""Bytes that a response takes on the page, beside its text and its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownResponse:
    """One response as the page shows it."""

    name: str
    """`greedy`, or `sample` and its number."""
    outcome: str
    answer: Markup
    cluster: int | None
    """Number of its cluster, counted from 1, the largest cluster first; None if the response has no answer."""
    tokens: int | None
    finish: str
    text: Markup
    same_as: str | None
    """Name of an earlier response with the same text; None if there is none."""

    @property
    def correct(self) -> bool:
        return self.outcome == "correct"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownProblem:
    """One problem and its responses as the page shows them, the greedy response first."""

    id: str
    statement: Markup
    gold: Markup
    responses: tuple[ShownResponse, ...]
    right: int
    """Sampled responses that are right."""
    clusters: int
    sizes: str
    """Sizes of the clusters, the largest first: `12 + 3 + 1`."""
    distinct: int
    """Distinct texts among the responses."""
    mean_tokens: int | None


def render_page(result: ResultFile, *, megabytes: float = MEGABYTES) -> str:
    """Return the page of a run as HTML.

    Args:
        megabytes: size of the page, at most about.

    Raises:
        ResultError: the log of samples is missing, or belongs to another run.
    """
    logs = {name: _read_log(result, name) for name in result.tasks}
    share = int(megabytes * 1e6 / max(1, sum(map(len, logs.values()))))
    tasks = [_task(name, summary, logs[name], share) for name, summary in result.tasks.items()]
    templates = environment().overlay(autoescape=True, finalize=_finished)
    script = templates.loader.get_source(templates, SCRIPT)[0]  # type: ignore[union-attr]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return templates.get_template(TEMPLATE).render(
        model=result.model,
        file=result.path.name,
        limit=result.limit,
        versions=result.versions,
        notes=result.notes,
        renders=mathml.available(),
        outcomes=OUTCOMES,
        tasks=tasks,
        script=Markup(script),
        script_hash=f"sha256-{digest}",
    )


def _finished(value: object) -> object:
    """Show control characters as escapes, also in text that is HTML already; Jinja escapes all other text."""
    if isinstance(value, Markup):
        return Markup(visible(value))
    return visible(value) if isinstance(value, str) else value


def _read_log(result: ResultFile, task: str) -> list[dict[str, Any]]:
    """Read a task's log of samples, in the order of the problems."""
    stamp = re.search(r"\d{4}-\d\d-\d\dT[\d.-]+$", result.path.stem)
    file = result.path.with_name(
        f"samples_{task}_{stamp[0] if stamp else result.path.stem.removeprefix('results_')}.jsonl"
    )
    if not file.is_file():
        raise ResultError(
            f"{file}: there is no log of samples beside {result.path.name}; evaluate again with --log_samples (with "
            "the same --use_cache no response is generated again)"
        )
    lines = read_log(file)
    problem_ids = {line["responses"]["problem_id"] for line in lines}
    if problem_ids != set(result.tasks[task]["per_problem"]):
        raise ResultError(
            f"{file}: has other problems than {result.path.name}, so the two files do not belong to one run; put the "
            "log of the run beside its results"
        )
    return sorted(lines, key=lambda line: line["doc_id"])


def _task(name: str, summary: Mapping[str, Any], log: Sequence[Mapping[str, Any]], share: int) -> dict[str, Any]:
    samples = summary["samples"]
    metrics = ["pass@1", *([f"avg@{samples}"] if samples else [])]
    clusters = _clusters(log)
    return {
        "name": name,
        "origin": summary["origin"],
        "samples": samples,
        "metrics": [(metric, *_percent(summary[metric])) for metric in metrics],
        "kinds": [
            (kind, counts, ", ".join(f"{key}={value}" for key, value in summary["sent"].get(kind, {}).items()))
            for kind, counts in summary["outcomes"].items()
        ],
        "problems": [_problem(line, ids, share) for line, ids in zip(log, clusters, strict=True)],
    }


def _percent(estimate: Mapping[str, float | None]) -> tuple[str, str | None]:
    value, error = estimate["value"], estimate["stderr"]
    return f"{100 * (value or 0.0):.1f}", None if error is None else f"{100 * error:.1f}"


def _clusters(log: Sequence[Mapping[str, Any]]) -> list[list[int]]:
    """Return the cluster of every response to every problem; -1 if a response has no answer.

    Answers that are descriptions are compared as texts.
    """
    clusters_of: dict[int, list[int]] = {}
    described = [line["doc"]["grading"] == "judge" for line in log]
    for equivalence in ("math", "string"):
        indices = [index for index, is_text in enumerate(described) if is_text == (equivalence == "string")]
        sets = [
            AnswerSet(
                problem=_statement(log[index]["doc"]),
                answers=tuple(graded["answer"] for graded in log[index]["responses"]["graded"]),
            )
            for index in indices
        ]
        clusterings = cluster_shard(sets, None, missing="exclude", equivalence=equivalence) if sets else []
        clusters_of |= {index: clustering.ids for index, clustering in zip(indices, clusterings, strict=True)}
    return [clusters_of[index] for index in range(len(log))]


def _statement(doc: Mapping[str, Any]) -> str:
    """The problem with its system prompt; a log of an early version has none."""
    return statement(doc["problem"], doc.get("system"))


def _problem(line: Mapping[str, Any], ids: Sequence[int], share: int) -> ShownProblem:
    graded_responses, texts = line["responses"]["graded"], [str(response[0]) for response in line["resps"]]
    sizes = Counter(cluster for cluster in ids if cluster >= 0)
    ranks = {cluster: rank for rank, (cluster, _) in enumerate(sizes.most_common(), start=1)}
    tokens = [graded["token_count"] for graded in graded_responses if graded["token_count"] is not None]
    names = ["greedy", *(f"sample {number}" for number in range(1, len(graded_responses)))]
    first_with = {text: name for name, text in reversed(list(zip(names, texts, strict=True)))}
    answers = [_answer(graded["answer"]) for graded in graded_responses]
    statement, gold = _shown(_statement(line["doc"]), MAX_STATEMENT, formulas=True), _answer(line["doc"]["answer"])
    spent = len(statement) + len(gold) + sum(len(answer) + MARKUP for answer in answers)
    bodies = _bodies(list(first_with), share - spent)
    return ShownProblem(
        id=line["doc"]["problem_id"],
        statement=statement,
        gold=gold,
        responses=tuple(
            ShownResponse(
                name=name,
                outcome=graded["outcome"].replace("_", " "),
                answer=answer,
                cluster=ranks.get(cluster),
                tokens=graded["token_count"],
                finish=graded["finish_reason"],
                text=bodies[text],
                same_as=None if first_with[text] == name else first_with[text],
            )
            for name, graded, answer, cluster, text in zip(names, graded_responses, answers, ids, texts, strict=True)
        ),
        right=sum(graded["outcome"] == "correct" for graded in graded_responses[1:]),
        clusters=len(sizes),
        sizes=" + ".join(str(size) for _, size in sizes.most_common()),
        distinct=len(first_with),
        mean_tokens=round(sum(tokens) / len(tokens)) if tokens else None,
    )


def _bodies(texts: Sequence[str], max_bytes: int) -> dict[str, Markup]:
    """Return what is shown of each text: the fullest form that fits into `max_bytes`, or the shortest form."""
    bodies: dict[str, Markup] = {}
    for length in LENGTHS:
        for formulas in (True, False):
            if formulas and sum(min(len(text), length) for text in texts) > max_bytes:
                continue  # formulas make the text longer
            bodies = {text: _shown(text, length, formulas=formulas) for text in texts}
            if sum(len(body.encode()) for body in bodies.values()) <= max_bytes:
                return bodies
    return bodies


def _shown(text: str, length: int, *, formulas: bool) -> Markup:
    """Return a text, without its middle if it is longer than `length`: a response has its answer at the end."""
    form = mathml.rendered if formulas else escape
    text = visible(text.replace("\r\n", "\n"))
    if len(text) <= length:
        return form(text)
    head, tail = length // 3, length - length // 3
    note = Markup('<span class="cut"> [{} characters left out] </span>').format(f"{len(text) - length:,}")
    return form(text[:head]) + note + form(text[-tail:])


def _answer(answer: str | None) -> Markup:
    if answer is None:
        return Markup('<span class="grey">none</span>')
    answer = visible(answer)
    if len(answer) > MAX_ANSWER:
        return _shown(answer, MAX_ANSWER, formulas=False)
    bare = answer.strip().strip("$")
    return mathml.formula(bare) if re.search(r"[\\^_]", bare) else escape(answer)
