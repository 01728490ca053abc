"""Evaluate the student: the accuracy of its greedy answers to a fixed slice of held-out problems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sure_math.models.engines import Refusal, Request, Sampling
from sure_math.models.responders.chat import Chat
from sure_math.prompts.template import solve_messages
from uopd.dataset import PoolRow
from uopd.protocols import Sampler
from uopd.rollouts.rewards import rewards


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The result of one evaluation."""

    correct: tuple[bool, ...]
    """Whether each answer is right, in the order of the problems."""
    truncated: int
    """Answers that reached the limit of new tokens."""
    mean_tokens: float
    """Of an answer."""

    @property
    def accuracy(self) -> float:
        """Share of right answers, in [0, 1]."""
        return sum(self.correct) / len(self.correct)


class Evaluator:
    """Asks the student held-out problems and grades its answers; an answer without a box is wrong."""

    def __init__(
        self,
        problems: Sequence[PoolRow],
        chat: Chat,
        prompt: str,
        max_new_tokens: int,
        *,
        tags: tuple[str, str] = ("", ""),
    ) -> None:
        """Prepare the requests; problems without an answer are left out. `tags` are those of `rewards`."""
        self._tags = tags
        self._problems = [problem for problem in problems if problem.answer is not None]
        self._chat = chat
        greedy = Sampling(max_new_tokens=max_new_tokens, temperature=0.0)
        self._requests = [
            Request(token_ids=chat.encode(solve_messages(row.problem, row.system, prompt)), seeds=(0,), sampling=greedy)
            for row in self._problems
        ]

    def __len__(self) -> int:
        """Problems that are asked."""
        return len(self._problems)

    def __call__(self, sampler: Sampler) -> Evaluation:
        """Ask all problems at once; a problem that the engine refuses counts as wrong."""
        results = sampler.generate(self._requests)
        completions = [None if isinstance(result, Refusal) else result[0] for result in results]
        texts = [
            "" if completion is None else self._chat.reply(request.token_ids, completion.token_ids)
            for request, completion in zip(self._requests, completions, strict=True)
        ]
        answers, problems = [row.answer for row in self._problems], [row.statement for row in self._problems]
        graded = rewards(texts, answers, problems, tags=self._tags)
        return Evaluation(
            correct=tuple(value == 1 for value in graded),
            truncated=sum(
                completion is not None and completion.finish_reason == "length" for completion in completions
            ),
            mean_tokens=float(
                np.mean([0 if completion is None else len(completion.token_ids) for completion in completions])
            ),
        )
