"""The HTML page of one run, from its result file and its log of samples."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from eval_harness.grade import OUTCOMES
from eval_harness.page import mathml
from eval_harness.results import ResultError, ResultFile
from sure_math.cluster import AnswerSet, cluster_shard
from sure_math.publication.card import environment

TEMPLATE, SCRIPT = "results_page.html.j2", "results_page.js"
MEGABYTES = 30.0
LENGTHS = (8_000, 2_000, 500, 120)
"""Characters of a response that are shown, from the first choice to the last."""
MAX_STATEMENT, MAX_ANSWER = 6_000, 300
MARKUP = 420
"""Bytes of the page for one response beside its text and its answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownResponse:
    """One response as the page shows it."""

    name: str
    outcome: str
    answer: Markup
    cluster: int | None
    """From 1, the largest first; None without an answer."""
    tokens: int | None
    finish: str
    text: Markup
    same_as: str | None
    """The earlier response with the same text."""

    @property
    def correct(self) -> bool:
        return self.outcome == "correct"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownProblem:
    """One problem and its responses, the greedy one first."""

    id: str
    statement: Markup
    gold: Markup
    responses: tuple[ShownResponse, ...]
    right: int
    """Sampled responses that are right."""
    clusters: int
    sizes: str
    distinct: int
    mean_tokens: int | None


def render_page(run: ResultFile, *, megabytes: float = MEGABYTES) -> str:
    """The page of a run.

    Raises:
        ResultError: its log of samples is not there or is not of this run.
    """
    logs = {name: _log_of(run, name) for name in run.tasks}
    share = int(megabytes * 1e6 / max(1, sum(map(len, logs.values()))))
    tasks = [_task(name, summary, logs[name], share) for name, summary in run.tasks.items()]
    templates = environment().overlay(autoescape=True)
    script = templates.loader.get_source(templates, SCRIPT)[0]  # type: ignore[union-attr]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return templates.get_template(TEMPLATE).render(
        model=run.model,
        file=run.path.name,
        limit=run.limit,
        versions=run.versions,
        notes=run.notes,
        renders=mathml.available(),
        outcomes=OUTCOMES,
        tasks=tasks,
        script=Markup(script),
        script_hash=f"sha256-{digest}",
    )


def _log_of(run: ResultFile, task: str) -> list[dict[str, Any]]:
    """The lines of a task's log of samples, in the order they were asked."""
    stamp = re.search(r"\d{4}-\d\d-\d\dT[\d.-]+$", run.path.stem)
    file = run.path.with_name(f"samples_{task}_{stamp[0] if stamp else run.path.stem.removeprefix('results_')}.jsonl")
    if not file.is_file():
        raise ResultError(
            f"{file}: there is no log of samples beside {run.path.name}; evaluate again with --log_samples (with the "
            "same --use_cache nothing is generated anew)"
        )
    try:
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        asked = {line["responses"]["problem_id"] for line in lines}
    except (ValueError, KeyError, TypeError) as error:
        raise ResultError(f"{file}: a line is not one that this package's tasks log ({error!r})") from None
    if asked != set(run.tasks[task]["per_problem"]):
        raise ResultError(f"{file}: its problems are not those of {run.path.name}; they are not of one run")
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
    """The cluster of every response of every problem, -1 without an answer; descriptions are compared as texts."""
    found: dict[int, list[int]] = {}
    described = [line["doc"]["grading"] == "judge" for line in log]
    for equivalence in ("math", "string"):
        places = [place for place, text in enumerate(described) if text == (equivalence == "string")]
        sets = [
            AnswerSet(
                problem=log[place]["doc"]["problem"],
                answers=tuple(graded["answer"] for graded in log[place]["responses"]["graded"]),
            )
            for place in places
        ]
        results = cluster_shard(sets, None, missing="exclude", equivalence=equivalence) if sets else []
        found |= {place: result.ids for place, result in zip(places, results, strict=True)}
    return [found[place] for place in range(len(log))]


def _problem(line: Mapping[str, Any], ids: Sequence[int], share: int) -> ShownProblem:
    graded, texts = line["responses"]["graded"], [str(each[0]) for each in line["resps"]]
    sizes = Counter(one for one in ids if one >= 0)
    ranks = {one: rank for rank, (one, _) in enumerate(sizes.most_common(), start=1)}
    tokens = [each["token_count"] for each in graded if each["token_count"] is not None]
    names = ["greedy", *(f"sample {number}" for number in range(1, len(graded)))]
    first = {text: name for name, text in reversed(list(zip(names, texts, strict=True)))}
    answers = [_answer(each["answer"]) for each in graded]
    statement, gold = _shown(line["doc"]["problem"], MAX_STATEMENT, formulas=True), _answer(line["doc"]["answer"])
    spent = len(statement) + len(gold) + sum(len(answer) + MARKUP for answer in answers)
    bodies = _bodies(list(first), share - spent)
    return ShownProblem(
        id=line["doc"]["problem_id"],
        statement=statement,
        gold=gold,
        responses=tuple(
            ShownResponse(
                name=name,
                outcome=each["outcome"].replace("_", " "),
                answer=answer,
                cluster=ranks.get(one),
                tokens=each["token_count"],
                finish=each["finish_reason"],
                text=bodies[text],
                same_as=None if first[text] == name else first[text],
            )
            for name, each, answer, one, text in zip(names, graded, answers, ids, texts, strict=True)
        ),
        right=sum(each["outcome"] == "correct" for each in graded[1:]),
        clusters=len(sizes),
        sizes=" + ".join(str(size) for _, size in sizes.most_common()),
        distinct=len(first),
        mean_tokens=round(sum(tokens) / len(tokens)) if tokens else None,
    )


def _bodies(texts: Sequence[str], room: int) -> dict[str, Markup]:
    """Text -> what is shown of it: the fullest form that fits, else the shortest."""
    bodies: dict[str, Markup] = {}
    for length in LENGTHS:
        for formulas in (True, False):
            if formulas and sum(min(len(text), length) for text in texts) > room:
                continue  # with formulas it is longer still
            bodies = {text: _shown(text, length, formulas=formulas) for text in texts}
            if sum(len(body.encode()) for body in bodies.values()) <= room:
                return bodies
    return bodies


def _shown(text: str, length: int, *, formulas: bool) -> Markup:
    """A text without its middle where it is longer than `length`: the answer of a response is at its end."""
    form = mathml.rendered if formulas else escape
    if len(text) <= length:
        return form(text)
    head, tail = length // 3, length - length // 3
    note = Markup('<span class="cut"> [{} characters left out] </span>').format(f"{len(text) - length:,}")
    return form(text[:head]) + note + form(text[-tail:])


def _answer(answer: str | None) -> Markup:
    if answer is None:
        return Markup('<span class="grey">none</span>')
    if len(answer) > MAX_ANSWER:
        return _shown(answer, MAX_ANSWER, formulas=False)
    bare = answer.strip().strip("$")
    return mathml.formula(bare) if re.search(r"[\\^_]", bare) else escape(answer)
