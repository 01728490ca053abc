"""Choose: the phase that picks which evolved problems stay, if there are more than are wanted.

The choice is by a digest of the run's seed and the problem's id, as in `draw.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sure_math.config import BuildConfig
from sure_math.identity import digest, lowest_by_digest
from sure_math.rows import Dropped, Output, Problem
from sure_math.storage.phase import Phase
from sure_math.storage.store import Table

VERSION = 1
"""Raise it with every change that makes other rows of the same inputs."""


def choose_runs(config: BuildConfig) -> bool:
    """Return whether the configuration limits the evolved problems."""
    return config.evolve.keep is not None and config.evolve.enabled


def choose_phase(config: BuildConfig, problems: Table[Problem]) -> Phase[Problem] | None:
    """Drop the evolved problems that are beyond the number wanted."""
    if not choose_runs(config):
        return None
    assert config.evolve.keep is not None, "choose_runs sees to it"
    chosen = chosen_children(problems.all_rows(), config.evolve.keep, config.run.seed)

    def run(problems: Sequence[Problem]) -> Output[Problem]:
        return choose(problems, chosen)

    return Phase(name="choose", makes=Problem, run=run, settings={"chosen": digest(sorted(chosen)), "version": VERSION})


def chosen_children(problems: Iterable[Problem], limit: int, run_seed: int) -> frozenset[str]:
    """Pick the ids of at most `limit` evolved problems."""
    children = [problem.problem_id for problem in problems if problem.round > 0]
    return frozenset(lowest_by_digest(children, limit, role="keep", run_seed=run_seed))


def choose(problems: Sequence[Problem], chosen: frozenset[str]) -> Output[Problem]:
    """Drop the evolved problems that were not chosen. Seeds always stay."""
    rows, dropped = [], []
    for problem in problems:
        if problem.round > 0 and problem.problem_id not in chosen:
            detail = f"{len(chosen)} others were chosen"
            dropped.append(Dropped.of(problem, phase="choose", reason="surplus", detail=detail))
        else:
            rows.append(problem)
    return Output(rows=rows, dropped=dropped)
