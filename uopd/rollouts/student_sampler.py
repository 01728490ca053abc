"""The sampler of a run in one process: it generates with the student's own model, so no weights have to be sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sure_math.models.engines import EngineUnavailable, Request, RequestResult, generate
from sure_math.models.engines.spec import ModelFiles
from sure_math.models.engines.transformers import Budget, TransformersEngine
from uopd.student.reference import ReferenceStudent

OPTIONS = {"max_batch_sequences": 256, "max_batch_tokens": 131_072}
"""The options of `rollouts.engine = transformers` with their defaults."""


class StudentSampler:
    """A `Sampler` on the weights of a student in the same process."""

    def __init__(self, student: ReferenceStudent, make: Callable[[Any], TransformersEngine]) -> None:
        """`make` builds the engine around the student's model.

        Raises:
            EngineUnavailable: the engine cannot sample from this architecture.
        """
        self._student = student
        self._engine = make(student.model)
        with self._evaluating():
            self._engine.check_architecture(
                "choose another student.model: vLLM does not load new weights of models with such layers either"
            )

    @property
    def version(self) -> int:
        return self._student.version

    def generate(self, requests: Sequence[Request]) -> list[RequestResult]:
        """Answer the requests with the student's current weights."""
        with self._evaluating():
            return generate(self._engine, requests)

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        """In training mode, gradient checkpointing would switch off the cache of keys and values."""
        self._student.model.eval()
        try:
            yield
        finally:
            self._student.model.train()

    def logprobs(self, token_ids: Sequence[int]) -> list[list[float]]:
        return [self._student.logprobs(token_ids)]

    def close(self) -> None:
        self._engine.close()


def student_sampler(student: ReferenceStudent, files: ModelFiles, options: dict[str, Any]) -> StudentSampler:
    """Return the sampler of a run in one process.

    Args:
        files: the initial model's, which name its end tokens, its length and the ids that are sampled.
        options: `rollouts.engine_options`.

    Raises:
        EngineUnavailable: `options` has a key that is not in `OPTIONS`, or the engine cannot sample from this model.
    """
    if unknown := sorted(set(options) - set(OPTIONS)):
        raise EngineUnavailable(
            f"rollouts.engine_options: {unknown[0]!r} is not an option of rollouts.engine=transformers, which has "
            f"{', '.join(OPTIONS)}; set rollouts.engine_options={{}}"
        )
    settings = OPTIONS | options
    budget = Budget(sequences=int(settings["max_batch_sequences"]), tokens=int(settings["max_batch_tokens"]))
    return StudentSampler(
        student,
        lambda model: TransformersEngine(
            model,
            identity=files.identity,
            stop_token_ids=files.stop_token_ids,
            max_length=files.max_length,
            budget=budget,
            vocabulary=files.vocabulary,
        ),
    )
