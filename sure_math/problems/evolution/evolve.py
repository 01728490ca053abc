"""Evolve: six strategies, rounds by tier, lineage, elimination (Sec. 4.1).

How this differs from the paper:
1. If the text is not a problem, the lineage ends. A text that repeats an ancestor is dropped; the next round starts
   from it. A trivially changed text is dropped; the next round starts from its parent, so that the next child has a
   kept row for its parent.
2. The strategy of a round follows from the run's seed and the seed problem, so that no other problem changes it.
3. Held-out problems (`split: test`) and curated problems never evolve.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from sure_math.config import FOLLOW_UPS, BuildConfig, Elimination, Strategy
from sure_math.identity import normalised, random_seed, request_digest, short_id, uniform
from sure_math.models.engines import Refusal, Sampling
from sure_math.models.responders.chat import Message, Question, Reply, Responder
from sure_math.models.responders.roles import Models
from sure_math.problems.evolution.eliminate import REASONS, Child, check_language, eliminated
from sure_math.problems.evolution.problem_in_reply import read_problem
from sure_math.prompts import load_prompt
from sure_math.rows import Dropped, Output, Problem, Tier
from sure_math.storage.phase import Phase

VERSION = 3
"""Raise it with every change of this file, `eliminate.py`, `prose.py` or `problem_in_reply.py` that makes other rows of
the same inputs."""


def evolve_runs(config: BuildConfig) -> bool:
    """Return whether the configuration evolves problems."""
    return config.evolve.enabled


def evolve_phase(config: BuildConfig, models: Models) -> Phase[Problem] | None:
    """Make new problems from the seeds."""
    if not evolve_runs(config):
        return None
    evolution, author, prompts = config.evolve, models["author"], evolution_prompts(config)
    if "language" in evolution.eliminate:
        check_language(evolution.language)
    rules = EvolutionRules(
        run_seed=config.run.seed,
        rounds=evolution.rounds,
        weights=evolution.weights,
        min_chars=evolution.min_chars,
        max_chars=evolution.max_chars,
        eliminate=evolution.eliminate,
        language=evolution.language,
        keep_seeds=evolution.keep_seeds,
    )
    sampling = Sampling(
        max_new_tokens=evolution.max_new_tokens, temperature=evolution.temperature, top_p=evolution.top_p
    )

    def run(seeds: Sequence[Problem]) -> Output[Problem]:
        return evolve(seeds, author, prompts, sampling, rules)

    def look_ahead(shards: Iterator[Sequence[Sequence[Problem]]]) -> None:
        name = author.identity.name
        author.look_ahead(
            [child.question for child in _children(_first(seeds), 1, name, prompts, sampling, rules)]
            for (seeds,) in shards
        )

    settings = {
        **evolution.model_dump(mode="json", exclude={"author", "keep"}),
        "seed": config.run.seed,
        "prompts": prompts,
        "version": VERSION,
    }
    phase = Phase(name="evolve", makes=Problem, run=run, look_ahead=look_ahead, settings=settings)
    return models.asked_in(phase, "author")


def evolution_prompts(config: BuildConfig) -> dict[str, str]:
    """Load the system message of every strategy that has a weight. Raises PromptError if a prompt file is missing."""
    used = {name for weights in config.evolve.weights.values() for name, weight in weights.items() if weight > 0}
    return {name: load_prompt(config.prompts, name) for name in get_args(Strategy) if name in used}


@dataclass(frozen=True, slots=True, kw_only=True)
class EvolutionRules:
    """The settings that shape the children, as plain values."""

    run_seed: int
    rounds: Mapping[Tier, int]
    weights: Mapping[Tier, Mapping[Strategy, float]]
    min_chars: int
    max_chars: int
    eliminate: tuple[Elimination, ...]
    language: str
    """ISO 639-1 code, for the check `language`."""
    keep_seeds: bool


@dataclass(frozen=True, slots=True)
class _Lineage:
    """The state of one seed's evolution: the problem that the next round starts from, and the texts up to it."""

    last: Problem
    texts: tuple[str, ...]
    strategy: str


@dataclass(frozen=True, slots=True)
class _Child:
    """A child before it has a text, and the question that gives the text."""

    lineage: _Lineage
    problem: Problem
    question: Question


def evolve(
    seeds: Sequence[Problem], author: Responder, prompts: Mapping[str, str], sampling: Sampling, rules: EvolutionRules
) -> Output[Problem]:
    """Make the children of a shard's seeds, round after round. Every usable child is a row and the parent of the next.

    Args:
        prompts: system message of each strategy.
    """
    rows = [seed for seed in seeds if rules.keep_seeds or not seed.may_evolve]
    evolving = [seed for seed in seeds if seed.may_evolve]
    dropped = []
    if not rules.keep_seeds:
        dropped += [_dropped(seed, "seed_only", "the parent of evolved problems") for seed in evolving]
    lineages = _first(seeds)
    for number in range(1, max(rules.rounds.values()) + 1):
        children = _children(lineages, number, author.identity.name, prompts, sampling, rules)
        replies = author.ask([child.question for child in children]) if children else []
        continued = []
        for child, reply in zip(children, replies, strict=True):
            text = "" if isinstance(reply, Refusal) else read_problem(reply[0].text)
            problem = dataclasses.replace(child.problem, problem=text)
            failure = _failure(text, reply, child.lineage, rules)
            if failure is None:
                rows.append(problem)
            else:
                dropped.append(_dropped(problem, *failure))
            continued.append(_continued(child.lineage, problem, None if failure is None else failure[0]))
        lineages = [lineage for lineage in continued if lineage is not None]
    return Output(rows=rows, dropped=dropped)


def _first(seeds: Sequence[Problem]) -> list[_Lineage]:
    """The lineages of a shard before the first round."""
    return [_Lineage(seed, (seed.problem,), "seed") for seed in seeds if seed.may_evolve]


def _children(
    lineages: Sequence[_Lineage],
    number: int,
    author: str,
    prompts: Mapping[str, str],
    sampling: Sampling,
    rules: EvolutionRules,
) -> list[_Child]:
    """Plan the children of a round; lineages whose tier has fewer rounds get none."""
    children = []
    for lineage in lineages:
        if rules.rounds[lineage.last.tier] >= number:
            problem = _plan(lineage, number, author, rules)
            seeds = (random_seed(rules.run_seed, "evolve", problem.problem_id, 0),)
            system = Message(role="system", content=prompts[problem.strategy])
            messages = (system, Message(role="user", content=lineage.last.problem))
            children.append(_Child(lineage, problem, Question(messages=messages, seeds=seeds, sampling=sampling)))
    return children


def strategy_for(run_seed: int, seed_id: str, tier: Tier, number: int, previous: str, rules: EvolutionRules) -> str:
    """Choose the strategy of a round, weighted by tier; after the first round, another of `FOLLOW_UPS` than before."""
    weights = {
        name: weight
        for name, weight in sorted(rules.weights[tier].items())
        if weight > 0 and (number == 1 or (name in FOLLOW_UPS and name != previous))
    }
    point = uniform(request_digest(run_seed, "strategy", seed_id, number)) * sum(weights.values())
    for name, weight in weights.items():
        point -= weight
        if point < 0:
            return name
    return next(reversed(weights))  # rounding left the point on the upper end


def _plan(lineage: _Lineage, number: int, author: str, rules: EvolutionRules) -> Problem:
    """Make the child of a round before it has a text."""
    parent = lineage.last
    strategy = strategy_for(rules.run_seed, parent.seed_id, parent.tier, number, lineage.strategy, rules)
    return dataclasses.replace(
        parent,
        problem_id=short_id([parent.problem_id, strategy, number, 0]),
        problem="",
        answer=None,
        answer_source=None,
        solution=None,
        strategy=strategy,
        round=number,
        parent_id=parent.problem_id,
        author=author,
    )


def _continued(lineage: _Lineage, child: Problem, reason: str | None) -> _Lineage | None:
    """The lineage after a child that was kept (`reason` None) or dropped; None if the lineage ends."""
    if reason is None or reason == "unchanged":
        return _Lineage(child, (*lineage.texts, child.problem), child.strategy)
    return lineage if reason == REASONS["trivial"] else None


def _failure(
    text: str, reply: tuple[Reply, ...] | Refusal, lineage: _Lineage, rules: EvolutionRules
) -> tuple[str, str] | None:
    """Reason and detail if a child is not kept, because it cannot be a problem or repeats an ancestor; else None."""
    if isinstance(reply, Refusal):
        return reply.reason, reply.detail
    lengths = {
        "empty": not text,
        "truncated": reply[0].finish_reason == "length",
        "too_short": len(text) < rules.min_chars,
        "too_long": len(text) > rules.max_chars,
    }
    if unfit := next((name for name, failed in lengths.items() if failed), None):
        return unfit, f"{len(text)} characters"
    failed_check = eliminated(Child(text=text, ancestors=lineage.texts, language=rules.language), rules.eliminate)
    if failed_check is not None and failed_check[0] != REASONS["trivial"]:
        return failed_check
    if normalised(text) in map(normalised, lineage.texts):
        return "unchanged", "the same text as its parent or an older ancestor"
    return failed_check


def _dropped(problem: Problem, reason: str, detail: str) -> Dropped:
    return Dropped.of(problem, phase="evolve", reason=reason, detail=detail)
