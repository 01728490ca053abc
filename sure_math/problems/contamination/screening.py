"""Screening: the benchmarks of one run, ready for every problem of it to be compared with."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

from sure_math.config import DecontaminateConfig, OverlapCheckConfig
from sure_math.identity import digest
from sure_math.models.responders.chat import Responder
from sure_math.problems.contamination.decontaminate import TEST_SPLIT, SecondLook, decontaminate
from sure_math.problems.contamination.overlap_index import BenchmarkIndex, Entry
from sure_math.problems.sources.inputs import Inputs
from sure_math.rows import Output, Problem

VERSION = 2
"""Raise it with every change of `math_tokens.py`, `overlap_index.py`, `second_look.py` or `decontaminate.py` that
finds others."""


class Screening:
    """What the seeds and their descendants are compared with; indexes and encoder are made with the first shard."""

    def __init__(
        self, config: DecontaminateConfig, inputs: Inputs, inspector: Responder | None = None, prompt: str | None = None
    ) -> None:
        """`inspector` and `prompt` are those of the second look, where the config has one."""
        self._config, self._inspector, self._prompt = config, inspector, prompt
        self._benchmarks = inputs.benchmarks
        held_out = inputs.seeds.all_rows() if config.test_split else iter(())
        self._held_out = [
            Entry(benchmark=TEST_SPLIT, problem_id=row.problem_id, text=row.problem)
            for row in held_out
            if row.split == "test"
        ]

    def __bool__(self) -> bool:
        """Whether there is anything to compare with."""
        return bool(self._benchmarks or self._held_out)

    def settings(self) -> Mapping[str, Any]:
        """What a shard's overlaps depend on beside its rows."""
        config = self._config
        return {
            **config.model_dump(mode="json", include={"mode", "ngram", "containment"}),
            "screening": VERSION,
            "benchmarks": {name: table.digests for name, table in self._benchmarks.items()},
            "held_out": digest([[entry.problem_id, entry.text] for entry in self._held_out]),
            "check": None if config.check is None else _check_settings(config.check, self._prompt),
        }

    def __call__(
        self, phase: Literal["screen", "decontaminate"], problems: Sequence[Problem], ancestors: Sequence[Problem] = ()
    ) -> Output[Problem]:
        """One shard; `ancestors` are rows of its lineages that an earlier phase dropped."""
        output = decontaminate(
            problems,
            self._index,
            mode=self._config.mode,
            test_index=self._test_index,
            look=self._look,
            ancestors=ancestors,
        )
        return Output(rows=output.rows, dropped=[dataclasses.replace(row, phase=phase) for row in output.dropped])

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
        from sure_math.problems.contamination.second_look import NearestCheck, OverlapPrompt, load_encoder

        assert self._inspector is not None and self._prompt is not None, "a check has a model"
        return NearestCheck(
            load_encoder(check.embedding, check.revision),
            (*self._entries, *self._held_out),
            self._inspector,
            OverlapPrompt.parse(self._prompt),
            top_k=check.top_k,
            min_similarity=check.min_similarity,
        )


def _check_settings(check: OverlapCheckConfig, prompt: str | None) -> dict[str, Any]:
    from sure_math.problems.contamination.second_look import encoder_fingerprint

    return {
        "encoder": encoder_fingerprint(check.embedding, check.revision),
        "top_k": check.top_k,
        "min_similarity": check.min_similarity,
        "prompt": prompt,
    }
