"""Evolve: six strategies, rounds by tier, lineage, elimination (Sec. 4.1).

How this differs from the paper:
1. A text that is no problem ends its lineage. One that only repeats an ancestor is dropped and the lineage goes on:
   after a trivially changed one from the parent, so that the next child has a kept row for its parent.
2. The strategy of a round follows from the run's seed and the seed problem, so that no other problem changes it.
3. Held-out problems (`split: test`) and curated ones never evolve.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sure_math.config import FOLLOW_UPS, Elimination, Strategy
from sure_math.identity import normalised, random_seed, short_id
from sure_math.models.engines import Refusal, Sampling
from sure_math.models.responders.chat import Message, Question, Reply, Responder
from sure_math.problems.evolution.draw import evolves
from sure_math.problems.evolution.eliminate import REASONS, Child, eliminated
from sure_math.problems.evolution.problem_in_reply import read_problem
from sure_math.rows import Dropped, Output, Problem, Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class EvolutionRules:
    """What shapes the children, as plain values."""

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
    """Where one seed's evolution stands: the problem the next round starts from, and the texts up to it."""

    last: Problem
    texts: tuple[str, ...]
    strategy: str


def evolve(
    seeds: Sequence[Problem], author: Responder, prompts: Mapping[str, str], sampling: Sampling, rules: EvolutionRules
) -> Output[Problem]:
    """The children of a shard's seeds, round after round; every usable child is a row, and the parent of the next.

    Args:
        prompts: system message of each strategy.
    """
    rows = [seed for seed in seeds if rules.keep_seeds or not evolves(seed)]
    evolving = [seed for seed in seeds if evolves(seed)]
    dropped = (
        [] if rules.keep_seeds else [_dropped(seed, "seed_only", "the parent of evolved problems") for seed in evolving]
    )
    lineages = [_Lineage(seed, (seed.problem,), "seed") for seed in evolving]
    for number in range(1, max(rules.rounds.values()) + 1):
        lineages = [lineage for lineage in lineages if rules.rounds[lineage.last.tier] >= number]
        planned = [_plan(lineage, number, author.identity.name, rules) for lineage in lineages]
        questions = [
            _question(prompts[child.strategy], lineage, child, rules)
            for lineage, child in zip(lineages, planned, strict=True)
        ]
        replies = author.ask(questions, sampling) if questions else []
        alive = []
        for lineage, child, reply in zip(lineages, planned, replies, strict=True):
            child = dataclasses.replace(
                child, problem="" if isinstance(reply, Refusal) else read_problem(reply[0].text)
            )
            failure = _failure(child.problem, reply, lineage, rules)
            if failure is None:
                rows.append(child)
            else:
                dropped.append(_dropped(child, *failure))
            if failure is None or failure[0] == "unchanged":
                alive.append(_Lineage(child, (*lineage.texts, child.problem), child.strategy))
            elif failure[0] == REASONS["trivial"]:
                alive.append(lineage)
        lineages = alive
    return Output(rows=rows, dropped=dropped)


def strategy_for(run_seed: int, seed_id: str, tier: Tier, number: int, previous: str, rules: EvolutionRules) -> str:
    """The strategy of a round: weighted by tier; from the second round on another one than before, of `FOLLOW_UPS`."""
    weights = {
        name: weight
        for name, weight in sorted(rules.weights[tier].items())
        if weight > 0 and (number == 1 or (name in FOLLOW_UPS and name != previous))
    }
    # 53 bits of a digest are a uniform number in [0, 1), the same on every machine.
    content = hashlib.sha256(f"{run_seed}/strategy/{seed_id}/{number}".encode("utf-8", "surrogatepass")).digest()
    point = (int.from_bytes(content[:8], "big") >> 11) / 2**53 * sum(weights.values())
    for name, weight in weights.items():
        point -= weight
        if point < 0:
            return name
    return next(reversed(weights))  # rounding left the point on the upper end


def _plan(lineage: _Lineage, number: int, author: str, rules: EvolutionRules) -> Problem:
    """The child of a round before it has a text."""
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


def _question(prompt: str, lineage: _Lineage, child: Problem, rules: EvolutionRules) -> Question:
    messages = (Message(role="system", content=prompt), Message(role="user", content=lineage.last.problem))
    return Question(messages=messages, seeds=(random_seed(rules.run_seed, "evolve", child.problem_id, 0),))


def _failure(
    text: str, reply: tuple[Reply, ...] | Refusal, lineage: _Lineage, rules: EvolutionRules
) -> tuple[str, str] | None:
    """Reason and detail where a child is not kept: it cannot be a problem, or it is an ancestor again."""
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
    found = eliminated(Child(text=text, ancestors=lineage.texts, language=rules.language), rules.eliminate)
    if found is not None and found[0] != REASONS["trivial"]:
        return found
    if normalised(text) in map(normalised, lineage.texts):
        return "unchanged", "the same text as its parent or an older ancestor"
    return found


def _dropped(problem: Problem, reason: str, detail: str) -> Dropped:
    return Dropped(
        problem_id=problem.problem_id,
        phase="evolve",
        reason=reason,
        detail=detail,
        problem=problem.problem,
        source=problem.source,
        strategy=problem.strategy,
    )
