"""vLLM as a teacher that scores the student's responses.

Shapes: T response tokens of all rows, in the rows' order; K entries.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from sure_math.models.engines.load import model_files
from sure_math.models.engines.spec import ModelSpec
from uopd.rows import Scores, TrainingRow
from uopd.runtime.vllm.prompt_logprobs import entries_of, read_prompts
from uopd.runtime.vllm.start import start_vllm
from uopd.teacher.scorer import difference_of_repeats


class VllmScorer:
    """A `Scorer` on vLLM's log-probabilities of a prompt.

    vLLM gives Python numbers, one by one. If many entries are asked for, a transformers forward (`teacher/scorer.py`)
    is faster.
    """

    def __init__(
        self, llm: Any, *, max_length: int, top_k: int, values: str, max_tokens: int, used_rows: int | None = None
    ) -> None:
        """Wrap an engine that allows `top_k` log-probabilities (`max_logprobs`).

        Args:
            values: type of the log-probabilities that are handed on, such as `bfloat16`.
            max_tokens: tokens of all texts of one call of vLLM.
            used_rows: ids that have a probability, with which `llm` was started; None: all.
        """
        self._llm, self._max_length = llm, max_length
        vocabulary = llm.llm_engine.vllm_config.model_config.get_vocab_size()
        self._k = min(top_k, vocabulary, used_rows or vocabulary)
        self._values, self._max_tokens = values, max_tokens

    def score(self, rows: Sequence[TrainingRow]) -> Scores:
        """Score all response tokens.

        Raises:
            ValueError: a text is longer than the model reads, or a response has no token in front of it.
            FloatingPointError: a log-probability is not a number.
        """
        tokens = sum(len(row.response_ids) for row in rows)
        ids, logprobs = np.empty((tokens, self._k), np.int32), np.empty((tokens, self._k), np.float32)
        sampled = np.empty(tokens, np.float32)
        done = 0
        for index, output in self._outputs(rows):
            row = rows[index]
            if not row.scorer_ids:
                raise ValueError(f"row {index}: a response needs at least one token in front of it to be scored")
            of_row = slice(done, done + len(row.response_ids))
            entry_ids, values = entries_of(output, len(row.scorer_ids), self._k + 1)
            if np.isnan(values).any():
                raise FloatingPointError(f"row {index}: the scorer's log-probabilities are not numbers")
            # vLLM gives the text's own token first and then the K most probable ones, which may include it again.
            ids[of_row], logprobs[of_row], sampled[of_row] = entry_ids[:, 1:], values[:, 1:], values[:, 0]
            done += len(row.response_ids)
        return Scores(
            ids=torch.from_numpy(ids),
            logprobs=torch.from_numpy(logprobs).to(getattr(torch, self._values)),
            sampled=torch.from_numpy(sampled),
        )

    def repeat_difference(self, rows: Sequence[TrainingRow]) -> float:
        """Mean absolute difference, in nats, of the sampled tokens' log-probabilities between two scorings."""
        return difference_of_repeats(self.score, rows)

    def close(self) -> None:
        """Give back memory and devices."""
        self._llm.llm_engine.engine_core.shutdown()
        self._llm = None

    def _outputs(self, rows: Sequence[TrainingRow]) -> Iterator[tuple[int, Any]]:
        """Yield the index of each row that has a response, and vLLM's output for it.

        One call of vLLM has at most `max_tokens` tokens, or a single row.
        """
        waiting: list[int] = []
        texts = [(*row.scorer_ids, *row.response_ids) for row in rows]
        for index, row in enumerate(rows):
            if not row.response_ids:
                continue
            if waiting and sum(len(texts[other]) for other in (*waiting, index)) > self._max_tokens:
                yield from self._call(waiting, texts)
                waiting = []
            waiting.append(index)
        yield from self._call(waiting, texts)

    def _call(self, indices: Sequence[int], texts: Sequence[Sequence[int]]) -> Iterator[tuple[int, Any]]:
        outputs = read_prompts(self._llm, [texts[index] for index in indices], self._k, self._max_length)
        return zip(indices, outputs, strict=True)


def start_scorer(
    spec: ModelSpec, *, top_k: int, values: str, max_tokens: int, used_rows: int | None = None
) -> VllmScorer:
    """Start vLLM on the teacher of `spec`; ids from `used_rows` on have the probability 0."""
    files = model_files(spec)
    if used_rows is not None:
        files = replace(files, vocabulary=used_rows)
    # -1 allows the whole vocabulary, for a `top_k` of any size.
    llm = start_vllm(spec, files, max_logprobs=-1)
    return VllmScorer(
        llm,
        max_length=files.max_length,
        top_k=top_k,
        values=values,
        max_tokens=max_tokens,
        used_rows=files.vocabulary,
    )
