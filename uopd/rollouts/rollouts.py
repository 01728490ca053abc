"""Rollouts: K responses of the student to every prompt of a step, their rewards, and the log that a resume replays.

Seeds follow from the run's seed, the slot's number in the run and the sample's index, so that a response does not
depend on which engine or batch it came from (up to rounding).

With `overlap` the responses of step t + 1 are sampled, from the weights after step t - 1, while step t is scored and
trained. One thread does that: `Overlapped.__call__` starts it and the next call waits for it; `pause` waits for it
before the weights of the engines change, and nothing else touches them meanwhile.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from sure_math.identity import random_seed
from sure_math.models.engines import EngineUnavailable, Refusal, Request, Sampling
from sure_math.models.engines.transformers import Budget, TransformersEngine
from sure_math.models.responders.chat import Chat
from uopd.methods import rewards
from uopd.rollouts.prompt_pool import PromptPool
from uopd.rows import Prompt, Rollout, Sampler
from uopd.student.reference import ReferenceStudent

LOG_SCHEMA = pa.schema(
    [
        pa.field("slot", pa.int64(), nullable=False),
        pa.field("sample_index", pa.int64(), nullable=False),
        pa.field("problem_id", pa.string(), nullable=False),
        pa.field("response_ids", pa.list_(pa.int32()), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("finish_reason", pa.string(), nullable=False),
        pa.field("sum_logprob", pa.float64(), nullable=False),
        pa.field("policy_version", pa.int64(), nullable=False),
        pa.field("weight", pa.float64(), nullable=False),
        pa.field("reward", pa.float64()),
    ]
)
"""One row per response; a file per step."""


class Source(Protocol):
    """Where a step's rollouts come from."""

    def __call__(self, step: int) -> list[Rollout]: ...

    def pause(self) -> None:
        """Return when nothing is being sampled."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RollOut:
    """Samples the responses of a step; a `Source`."""

    pool: PromptPool
    sampler: Sampler
    chat: Chat
    sampling: Sampling
    per_prompt: int

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
            )
            for slot, prompt in enumerate(prompts)
        ]
        answers = self.sampler.generate(requests, self.sampling)
        version = self.sampler.version  # afterwards: an engine that had to be replaced came with the current weights
        return self._graded(_rollouts(prompts, answers, self.per_prompt, version))

    def pause(self) -> None:
        return None

    def _graded(self, rollouts: Sequence[Rollout]) -> list[Rollout]:
        texts = [self.chat.decode(item.response_ids) for item in rollouts]
        given = rewards(texts, [item.prompt.answer for item in rollouts])
        return [dataclasses.replace(item, reward=reward) for item, reward in zip(rollouts, given, strict=True)]


def _rollouts(prompts: Sequence[Prompt], answers: Sequence[Any], per_prompt: int, version: int) -> list[Rollout]:
    found = []
    for slot, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        for index in range(per_prompt):
            completion = None if isinstance(answer, Refusal) else answer[index]
            found.append(
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
    return found


class Overlapped:
    """A `Source` that samples one step ahead; `staleness` is at most 1."""

    def __init__(self, source: Source, last: int) -> None:
        """`last`: number of the run's last step, after which nothing is sampled."""
        self._source, self._last = source, last
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="rollouts")
        self._next: tuple[int, Future[list[Rollout]]] | None = None

    def __call__(self, step: int) -> list[Rollout]:
        waiting, self._next = self._next, None
        rollouts = waiting[1].result() if waiting is not None and waiting[0] == step else self._source(step)
        if step < self._last:
            self._next = (step + 1, self._pool.submit(self._source, step + 1))
        return rollouts

    def pause(self) -> None:
        if self._next is not None:
            self._next[1].exception()  # waits; the error itself is raised where the rollouts are asked for

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)


class Logged:
    """A `Source` that writes every step's rollouts, and with `replay` takes them from there if they are there."""

    def __init__(self, source: Source, folder: Path, pool: PromptPool, chat: Chat, *, replay: bool) -> None:
        self._source, self._folder = source, folder
        self._pool, self._chat, self._replay = pool, chat, replay
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, step: int) -> list[Rollout]:
        path = self._folder / f"step-{step:06d}.parquet"
        if self._replay and path.is_file():
            return read_rollouts(path, self._pool.batch(step))
        rollouts = self._source(step)
        write_rollouts(path, rollouts, self._chat)
        return rollouts

    def pause(self) -> None:
        self._source.pause()


def write_rollouts(path: Path, rollouts: Sequence[Rollout], chat: Chat) -> None:
    """One file, under a temporary name first."""
    rows = [
        {
            "slot": item.slot,
            "sample_index": item.sample_index,
            "problem_id": item.prompt.problem_id,
            "response_ids": list(item.response_ids),
            "text": chat.decode(item.response_ids),
            "finish_reason": item.finish_reason,
            "sum_logprob": item.sum_logprob,
            "policy_version": item.policy_version,
            "weight": item.prompt.weight,
            "reward": item.reward,
        }
        for item in rollouts
    ]
    temporary = path.with_suffix(".tmp")
    pq.write_table(pa.Table.from_pylist(rows, schema=LOG_SCHEMA), temporary, compression="zstd")
    os.replace(temporary, path)


def read_rollouts(path: Path, prompts: Sequence[Prompt]) -> list[Rollout]:
    """The rollouts of a file; ValueError where they are not of these prompts."""
    found = []
    for row in pq.read_table(path).to_pylist():
        prompt = prompts[row["slot"]]
        if prompt.problem_id != row["problem_id"]:
            raise ValueError(
                f"{path}: slot {row['slot']} holds a response to {row['problem_id']}, and this run draws "
                f"{prompt.problem_id}; delete the file, or set rollouts.replay=false"
            )
        found.append(
            Rollout(
                slot=row["slot"],
                sample_index=row["sample_index"],
                prompt=prompt,
                response_ids=tuple(row["response_ids"]),
                finish_reason=row["finish_reason"],
                sum_logprob=row["sum_logprob"],
                policy_version=row["policy_version"],
                reward=row["reward"],
            )
        )
    return found


class StudentSampler:
    """A `Sampler` on the student's own weights, in its process: there is nothing to send."""

    def __init__(self, student: ReferenceStudent, make: Callable[[Any], TransformersEngine]) -> None:
        self._student = student
        self._engine = make(student.model)

    @property
    def version(self) -> int:
        return self._student.version

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[Any]:
        self._student.model.eval()  # gradient checkpointing does without the cache of keys and values
        try:
            return self._engine.generate(requests, sampling)
        finally:
            self._student.model.train()

    def logprobs(self, token_ids: Sequence[int]) -> list[list[float]]:
        return [self._student.logprobs(token_ids)]

    def close(self) -> None:
        self._engine.close()


def student_sampler(student: ReferenceStudent, files: Any, options: dict[str, Any]) -> StudentSampler:
    """The sampler of a local run; `files` are the initial model's, for its end tokens and length.

    Raises:
        EngineUnavailable: an option that it does not know.
    """
    known = {"max_batch_sequences": 256, "max_batch_tokens": 131_072}
    if unknown := sorted(set(options) - set(known)):
        raise EngineUnavailable(
            f"rollouts.engine_options: {unknown[0]!r} is no option of rollouts.engine=transformers, which has "
            f"{', '.join(known)}; set rollouts.engine_options={{}}"
        )
    chosen = known | options
    budget = Budget(sequences=int(chosen["max_batch_sequences"]), tokens=int(chosen["max_batch_tokens"]))
    return StudentSampler(
        student,
        lambda model: TransformersEngine(
            model,
            identity=files.identity,
            stop_token_ids=files.stop_token_ids,
            max_length=files.max_length,
            budget=budget,
        ),
    )
