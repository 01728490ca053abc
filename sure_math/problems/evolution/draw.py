"""Draw: the phase that picks which seeds evolve, if a tier has more seeds than are wanted.

The draw is by a digest of the run's seed and the problem's id. Every seed has the same chance, and a longer file of
seeds changes few of the earlier picks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sure_math.config import BuildConfig
from sure_math.identity import digest, lowest_by_digest
from sure_math.rows import Dropped, Output, Problem, Tier
from sure_math.storage.phase import Phase
from sure_math.storage.store import Table

VERSION = 1
"""Raise it with every change that makes other rows of the same inputs."""


def draw_runs(config: BuildConfig) -> bool:
    """Return whether the configuration limits the seeds per tier."""
    return config.seeds.per_tier is not None and config.evolve.enabled


def draw_phase(config: BuildConfig, seeds: Table[Problem]) -> Phase[Problem] | None:
    """Drop the seeds that are beyond the number wanted of their tier."""
    if not draw_runs(config):
        return None
    drawn = drawn_seeds(seeds.all_rows(), config.seeds.per_tier or {}, config.run.seed)

    def run(problems: Sequence[Problem]) -> Output[Problem]:
        return draw(problems, drawn)

    return Phase(name="draw", makes=Problem, run=run, settings={"chosen": digest(sorted(drawn)), "version": VERSION})


def drawn_seeds(seeds: Iterable[Problem], per_tier: Mapping[Tier, int], run_seed: int) -> frozenset[str]:
    """Pick the ids of the seeds that evolve: at most `per_tier[tier]` of each tier, all of a tier that is not named."""
    pools: dict[Tier, list[str]] = {}
    for seed in seeds:
        if seed.may_evolve:
            pools.setdefault(seed.tier, []).append(seed.problem_id)
    return frozenset(
        problem_id
        for tier, pool in pools.items()
        for problem_id in lowest_by_digest(pool, per_tier.get(tier, len(pool)), role="draw", run_seed=run_seed)
    )


def draw(seeds: Sequence[Problem], drawn: frozenset[str]) -> Output[Problem]:
    """Drop the seeds that could evolve and were not drawn. Held-out and curated problems always stay."""
    rows, dropped = [], []
    for seed in seeds:
        if seed.may_evolve and seed.problem_id not in drawn:
            detail = f"{len(drawn)} others were chosen"
            dropped.append(Dropped.of(seed, phase="draw", reason="not_drawn", detail=detail))
        else:
            rows.append(seed)
    return Output(rows=rows, dropped=dropped)
