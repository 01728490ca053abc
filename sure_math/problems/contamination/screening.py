"""Screening: the phases `screen` and `decontaminate`, which compare problems with benchmarks and the own test split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from sure_math.config import BuildConfig, DecontaminateConfig, OverlapCheckConfig
from sure_math.identity import digest
from sure_math.models.responders.chat import Responder
from sure_math.models.responders.roles import Models
from sure_math.problems.contamination.decontaminate import TEST_SPLIT, SecondLook, decontaminate
from sure_math.problems.contamination.overlap_index import BenchmarkIndex, Entry
from sure_math.problems.contamination.second_look import NearestCheck, encoder_fingerprint, load_encoder, overlap_prompt
from sure_math.problems.sources.inputs import Inputs
from sure_math.prompts import load_prompt
from sure_math.rows import Output, Problem
from sure_math.storage.phase import Phase

OVERLAPS_VERSION = 3
"""Raise it with every change of `math_tokens.py`, `overlap_index.py`, `second_look.py` or `decontaminate.py` that
finds other overlaps."""
VERSION = 1
"""Raise it with every other change that makes other rows of the same inputs."""


def screen_runs(config: BuildConfig) -> bool:
    """Return whether the configuration names anything to compare seeds with.

    The build still leaves the phase out if only the test split is named and no seed is held out.
    """
    settings = config.decontaminate
    return settings.test_split or any(name not in settings.skip for name in settings.benchmarks)


def screen_phase(config: BuildConfig, screening: Screening, models: Models) -> Phase[Problem] | None:
    """Compare the seeds with the benchmarks."""
    if not screen_runs(config) or not screening:
        return None

    def run(seeds: Sequence[Problem]) -> Output[Problem]:
        return screening(seeds, phase="screen")

    settings = {**screening.settings(), "version": VERSION}
    return models.asked_in(Phase(name="screen", makes=Problem, run=run, settings=settings), "inspector")


def decontaminate_runs(config: BuildConfig) -> bool:
    """Return whether evolved problems are compared with benchmarks."""
    return screen_runs(config) and config.evolve.enabled


def decontaminate_phase(config: BuildConfig, screening: Screening, models: Models) -> Phase[Problem] | None:
    """Compare the evolved problems with the benchmarks.

    The phase also takes the problems before `unique` dropped any, because a child inherits the overlaps of an ancestor
    that was dropped.
    """
    if not decontaminate_runs(config) or not screening:
        return None

    def run(problems: Sequence[Problem], evolved: Sequence[Problem]) -> Output[Problem]:
        return screening(problems, evolved, phase="decontaminate")

    settings = {**screening.settings(), "version": VERSION}
    return models.asked_in(Phase(name="decontaminate", makes=Problem, run=run, settings=settings), "inspector")


class Screening:
    """What the seeds and their descendants are compared with. The first shard makes the indexes and the encoder."""

    def __init__(
        self, config: DecontaminateConfig, inputs: Inputs, inspector: Responder | None = None, prompt: str | None = None
    ) -> None:
        """Remember what to compare with. `inspector` and `prompt` are needed if the config has a second look."""
        self._config, self._inspector, self._prompt = config, inspector, prompt
        self._benchmarks = inputs.benchmarks
        seeds = inputs.seeds.all_rows() if config.test_split else iter(())
        self._held_out = [
            Entry(
                benchmark=TEST_SPLIT,
                problem_id=row.problem_id,
                text=row.problem,
                system=row.system,
                answer=row.answer,
            )
            for row in seeds
            if row.split == "test"
        ]

    @classmethod
    def of(cls, config: BuildConfig, inputs: Inputs, models: Models) -> Screening:
        """Take the model and the prompt of the second look from the build, if the configuration has one."""
        if "inspector" not in models:
            return cls(config.decontaminate, inputs)
        return cls(config.decontaminate, inputs, models["inspector"], load_prompt(config.prompts, "overlap"))

    def __bool__(self) -> bool:
        """Whether there is anything to compare with."""
        return bool(self._benchmarks or self._held_out)

    def settings(self) -> Mapping[str, Any]:
        """What a shard's overlaps depend on beside its rows."""
        config = self._config
        return {
            **config.model_dump(mode="json", include={"mode", "ngram", "containment"}),
            "screening": OVERLAPS_VERSION,
            "benchmarks": {name: table.digests for name, table in self._benchmarks.items()},
            "held_out": digest(
                [[entry.problem_id, entry.text, entry.system, entry.answer] for entry in self._held_out]
            ),
            "check": None if config.check is None else _check_settings(config.check, self._prompt),
        }

    def __call__(
        self, problems: Sequence[Problem], ancestors: Sequence[Problem] = (), *, phase: str
    ) -> Output[Problem]:
        """Compare one shard. `ancestors` are rows of its lineages that an earlier phase may have dropped."""
        return decontaminate(
            problems,
            self._index,
            mode=self._config.mode,
            test_index=self._test_index,
            look=self._look,
            ancestors=ancestors,
            phase=phase,
        )

    @cached_property
    def _entries(self) -> tuple[Entry, ...]:
        return tuple(
            Entry(benchmark=name, problem_id=row.problem_id, text=row.problem)
            for name, table in self._benchmarks.items()
            for row in table.all_rows()
        )

    @cached_property
    def _index(self) -> BenchmarkIndex:
        return BenchmarkIndex(self._entries, ngram=self._config.ngram, containment=self._config.containment)

    @cached_property
    def _test_index(self) -> BenchmarkIndex | None:
        if not self._held_out:
            return None
        return BenchmarkIndex(self._held_out, ngram=self._config.ngram, containment=self._config.containment)

    @cached_property
    def _look(self) -> SecondLook | None:
        check = self._config.check
        if check is None:
            return None
        assert self._inspector is not None and self._prompt is not None, "a check has a model"
        return NearestCheck(
            load_encoder(check.embedding, check.revision),
            (*self._entries, *self._held_out),
            self._inspector,
            overlap_prompt(self._prompt),
            top_k=check.top_k,
            min_similarity=check.min_similarity,
        )


def _check_settings(check: OverlapCheckConfig, prompt: str | None) -> dict[str, Any]:
    return {
        "encoder": encoder_fingerprint(check.embedding, check.revision),
        "top_k": check.top_k,
        "min_similarity": check.min_similarity,
        "prompt": prompt,
    }
