"""Answers: the phase `extract`, which reads the final answer of every sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sure_math.config import BuildConfig
from sure_math.extract import final_answer
from sure_math.problems.sources.sample_values import SampleKind, extracted_answer
from sure_math.problems.sources.stored_samples import kind_of
from sure_math.rows import Answer, Output, Sample
from sure_math.storage.phase import Phase

VERSION = 3
"""Raise it with every change of this file, of `sure_math/extract.py` or of `sure_math/thoughts.py` that makes other
rows of the same inputs.
"""


def extract_phase(config: BuildConfig) -> Phase[Answer]:
    """Read the final answer of every sample."""
    tags = config.extract.model_dump()
    kind: SampleKind = kind_of(config.samples, config.limits.plain()) if config.samples.path is not None else "text"

    def run(samples: Sequence[Sample]) -> Output[Answer]:
        return Output(rows=extract(samples, kind, tags))

    return Phase(name="extract", makes=Answer, run=run, settings={**tags, "kind": kind, "version": VERSION})


def extract(samples: Sequence[Sample], kind: SampleKind, tags: Mapping[str, str]) -> list[Answer]:
    """Make one `Answer` per sample, in order.

    Args:
        tags: `opening_tag` and `closing_tag` of a thinking model, beside those of `sure_math/thoughts.py`.
    """
    return [_stored_answer(row) if kind == "answer" else _final_answer(row, tags) for row in samples]


def _stored_answer(row: Sample) -> Answer:
    answer = extracted_answer(row.text)
    return Answer(
        problem_id=row.problem_id,
        sample_index=row.sample_index,
        answer=answer,
        missing=None if answer else "empty",
    )


def _final_answer(row: Sample, tags: Mapping[str, str]) -> Answer:
    final = final_answer(row.text, row.finish_reason, opening_tag=tags["opening_tag"], closing_tag=tags["closing_tag"])
    return Answer(problem_id=row.problem_id, sample_index=row.sample_index, answer=final.answer, missing=final.missing)
