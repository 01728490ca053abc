"""Greedy accuracy of the student on a fixed slice of held-out problems."""

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
    """Verdicts on the problems, in their order."""

    correct: tuple[bool, ...]
    truncated: int
    mean_tokens: float

    @property
    def accuracy(self) -> float:
        return sum(self.correct) / len(self.correct)


class Examiner:
    """Asks held-out problems; a response without a box is wrong."""

    def __init__(self, problems: Sequence[PoolRow], chat: Chat, prompt: str, max_new_tokens: int) -> None:
        self._problems = [problem for problem in problems if problem.answer is not None]
        self._chat = chat
        self._requests = [
            Request(token_ids=chat.encode(solve_messages(problem.problem, None, prompt)), seeds=(0,))
            for problem in self._problems
        ]
        self._sampling = Sampling(max_new_tokens=max_new_tokens, temperature=0.0)

    def __len__(self) -> int:
        return len(self._problems)

    def __call__(self, sampler: Sampler) -> Evaluation:
        answers = sampler.generate(self._requests, self._sampling)
        completions = [None if isinstance(answer, Refusal) else answer[0] for answer in answers]
        texts = ["" if item is None else self._chat.decode(item.token_ids) for item in completions]
        given = rewards(texts, [problem.answer for problem in self._problems])
        return Evaluation(
            correct=tuple(value == 1 for value in given),
            truncated=sum(item is not None and item.finish_reason == "length" for item in completions),
            mean_tokens=float(np.mean([0 if item is None else len(item.token_ids) for item in completions])),
        )
