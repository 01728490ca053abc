"""Choose: which seeds evolve, and which children stay, where there are more than are wanted.

The choice is by a digest of the run's seed and the problem's id: every problem has the same chance, and a longer file
of seeds moves few of those that were chosen before.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence

from sure_math.curated.problems import is_curated
from sure_math.identity import digest
from sure_math.rows import Dropped, Output, Problem, Tier


def drawn_seeds(seeds: Iterable[Problem], per_tier: Mapping[Tier, int], run_seed: int) -> frozenset[str]:
    """Ids of the training seeds that evolve: at most `per_tier[tier]` of each tier; one that is not named gives all."""
    pools: dict[Tier, list[str]] = {}
    for seed in seeds:
        if evolves(seed):
            pools.setdefault(seed.tier, []).append(seed.problem_id)
    return frozenset(
        name for tier, pool in pools.items() for name in _lowest(pool, per_tier.get(tier, len(pool)), "draw", run_seed)
    )


def evolves(seed: Problem) -> bool:
    """Whether a seed is one to evolve from: the curated problems are part of the dataset as they are."""
    return seed.split == "train" and not is_curated(seed)


def kept_children(problems: Iterable[Problem], limit: int, run_seed: int) -> frozenset[str]:
    """Ids of the at most `limit` evolved problems that stay."""
    children = [problem.problem_id for problem in problems if problem.round > 0]
    return frozenset(_lowest(children, limit, "keep", run_seed))


def choose(problems: Sequence[Problem], chosen: frozenset[str], *, phase: str, reason: str) -> Output[Problem]:
    """Drop what `phase` could have chosen and did not: seeds that evolve for `draw`, evolved problems for `choose`."""
    rows, dropped = [], []
    for problem in problems:
        eligible = evolves(problem) if phase == "draw" else problem.round > 0
        if problem.problem_id in chosen or not eligible:
            rows.append(problem)
        else:
            dropped.append(
                Dropped(
                    problem_id=problem.problem_id,
                    phase=phase,
                    reason=reason,
                    detail=f"{len(chosen)} others were chosen",
                    problem=problem.problem,
                    source=problem.source,
                    strategy=problem.strategy,
                )
            )
    return Output(rows=rows, dropped=dropped)


def _lowest(ids: Sequence[str], count: int, role: str, run_seed: int) -> list[str]:
    return heapq.nsmallest(count, ids, key=lambda name: digest([run_seed, role, name]))
