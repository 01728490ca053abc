"""The log of a run's rollouts: one Parquet file per step, from which a resumed run replays the step."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sure_math.identity import short_id
from sure_math.models.responders.chat import Chat
from sure_math.storage.files import named_in_errors
from uopd.dataset import DataError
from uopd.rollouts.prompt_pool import PromptPool
from uopd.rollouts.sources import RolloutSource
from uopd.rows import Prompt, Rollout

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
        pa.field("prompt", pa.string()),
    ]
)
"""One row per response; the columns are those of `Rollout` and its `Prompt`. `prompt` is a digest of its tokens."""


class LoggedRollouts:
    """A `RolloutSource` that writes the rollouts of every step, and with `replay` reads a step that was written."""

    def __init__(self, source: RolloutSource, folder: Path, pool: PromptPool, chat: Chat, *, replay: bool) -> None:
        self._source, self._folder = source, folder
        self._pool, self._chat, self._replay = pool, chat, replay
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, step: int) -> list[Rollout]:
        path = self._folder / f"step-{step:06d}.parquet"
        if self._replay and path.is_file():
            try:
                return read_rollouts(path, self._pool.batch(step))
            except (pa.ArrowException, KeyError, IndexError, TypeError):
                pass  # a file that a power cut or a failing disk has damaged: the step is sampled again
        rollouts = self._source(step)
        write_rollouts(path, rollouts, self._chat)
        return rollouts

    def pause(self) -> None:
        self._source.pause()


def write_rollouts(path: Path, rollouts: Sequence[Rollout], chat: Chat) -> None:
    """Write the rollouts of a step to a temporary name, then rename the file to `path`."""
    rows = [
        {
            "slot": rollout.slot,
            "sample_index": rollout.sample_index,
            "problem_id": rollout.prompt.problem_id,
            "response_ids": list(rollout.response_ids),
            "text": chat.reply(rollout.prompt.token_ids, rollout.response_ids),
            "finish_reason": rollout.finish_reason,
            "sum_logprob": rollout.sum_logprob,
            "policy_version": rollout.policy_version,
            "weight": rollout.prompt.weight,
            "reward": rollout.reward,
            "prompt": short_id(rollout.prompt.token_ids),
        }
        for rollout in rollouts
    ]
    temporary = path.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    with named_in_errors(temporary):
        pq.write_table(pa.Table.from_pylist(rows, schema=LOG_SCHEMA), temporary, compression="zstd")
        os.replace(temporary, path)


def read_rollouts(path: Path, prompts: Sequence[Prompt]) -> list[Rollout]:
    """Read the rollouts that `write_rollouts` wrote.

    Args:
        prompts: of the step, by slot.

    Raises:
        DataError: the file has a response to another problem than the slot's, or to another prompt for it, such as one
            without the system prompt.
    """
    with named_in_errors(path):
        rows = pq.read_table(path).to_pylist()
    rollouts = []
    for row in rows:
        prompt = prompts[row["slot"]]
        if prompt.problem_id != row["problem_id"]:
            raise DataError(
                f"{path}: slot {row['slot']} holds a response to {row['problem_id']}, and this run draws "
                f"{prompt.problem_id}; delete the file, or set rollouts.replay=false"
            )
        # Files of early versions do not say which prompt they answer.
        if row.get("prompt") not in (None, short_id(prompt.token_ids)):
            raise DataError(
                f"{path}: slot {row['slot']} holds a response to another prompt for {prompt.problem_id} than this run "
                "asks; delete the file, or set rollouts.replay=false"
            )
        rollouts.append(
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
    return rollouts
