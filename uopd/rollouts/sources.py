"""Sources of rollouts: K responses of the student to every prompt of a step, sampled now or one step ahead.

A seed follows from the run's seed, the slot's number in the run and the sample's index. A response therefore does not
depend on the engine or the batch that it came from (up to rounding).

With `overlap` the responses of step t + 1 are sampled, from the weights after step t - 1, while step t is scored and
trained. One thread does the sampling: `OverlappedRollouts.__call__` starts the sampling and the next call waits for
the sampling. `pause` waits for the sampling before the weights of the engines change, and nothing else uses the
engines meanwhile.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from sure_math.identity import random_seed
from sure_math.models.engines import Refusal, Request, RequestResult, Sampling
from sure_math.models.responders.chat import Chat
from uopd.protocols import Sampler
from uopd.rollouts.prompt_pool import PromptPool
from uopd.rollouts.rewards import rewards
from uopd.rows import Prompt, Rollout


class RolloutSource(Protocol):
    """Gives the rollouts of a step."""

    def __call__(self, step: int) -> list[Rollout]: ...

    def pause(self) -> None:
        """Return as soon as nothing is being sampled."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledRollouts:
    """A `RolloutSource` that samples the responses of a step and grades them."""

    pool: PromptPool
    sampler: Sampler
    chat: Chat
    sampling: Sampling
    per_prompt: int
    """K, responses per prompt."""
    tags: tuple[str, str] = ("", "")
    """Opening and closing tag of a thought, beside those of `sure_math/thoughts.py`."""

    def __call__(self, step: int) -> list[Rollout]:
        prompts = self.pool.batch(step)
        first = step * self.pool.per_step
        requests = [
            Request(
                token_ids=prompt.token_ids,
                seeds=tuple(
                    random_seed(self.pool.seed, "rollout", f"{first + slot}/{prompt.problem_id}", index)
                    for index in range(self.per_prompt)
                ),
                sampling=self.sampling,
            )
            for slot, prompt in enumerate(prompts)
        ]
        answers = self.sampler.generate(requests)
        version = self.sampler.version  # afterwards: an engine that had to be replaced came with the current weights
        return self._graded(_rollouts(prompts, answers, self.per_prompt, version))

    def pause(self) -> None:
        return None

    def _graded(self, rollouts: Sequence[Rollout]) -> list[Rollout]:
        texts = [self.chat.reply(rollout.prompt.token_ids, rollout.response_ids) for rollout in rollouts]
        prompts = [rollout.prompt for rollout in rollouts]
        answers, problems = [prompt.answer for prompt in prompts], [prompt.problem for prompt in prompts]
        grades = rewards(texts, answers, problems, tags=self.tags)
        return [dataclasses.replace(rollout, reward=reward) for rollout, reward in zip(rollouts, grades, strict=True)]


def _rollouts(
    prompts: Sequence[Prompt], answers: Sequence[RequestResult], per_prompt: int, version: int
) -> list[Rollout]:
    rollouts = []
    for slot, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        for index in range(per_prompt):
            completion = None if isinstance(answer, Refusal) else answer[index]
            rollouts.append(
                Rollout(
                    slot=slot,
                    sample_index=index,
                    prompt=prompt,
                    response_ids=() if completion is None else completion.token_ids,
                    finish_reason="refused" if completion is None else completion.finish_reason,
                    sum_logprob=0.0 if completion is None else completion.sum_logprob,
                    policy_version=version,
                )
            )
    return rollouts


class OverlappedRollouts:
    """A `RolloutSource` that samples one step ahead; its rollouts are at most one update old."""

    def __init__(self, source: RolloutSource, last: int) -> None:
        """Sample from `source`, and sample nothing after the step with the number `last`."""
        self._source, self._last = source, last
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="rollouts")
        self._ahead: tuple[int, Future[list[Rollout]]] | None = None

    def __call__(self, step: int) -> list[Rollout]:
        ahead, self._ahead = self._ahead, None
        rollouts = ahead[1].result() if ahead is not None and ahead[0] == step else self._source(step)
        if step < self._last:
            self._ahead = (step + 1, self._thread.submit(self._source, step + 1))
        return rollouts

    def pause(self) -> None:
        if self._ahead is not None:
            self._ahead[1].exception()  # waits; `__call__` raises the error when it asks for the rollouts

    def close(self) -> None:
        """Wait for the step that is being sampled, and end the thread."""
        self._thread.shutdown(wait=True, cancel_futures=True)
