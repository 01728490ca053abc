"""Pins of `uopd/rollouts/sources.py` and `uopd/rollouts/rollout_log.py`, and of what a step remarks on
(`checks.remarks`):

- requests, seeds and versions of a step; the rollouts of refused requests are empty; rewards by the boxed answer;
- the log of a step: written and read back as it was, replayed or not, of another draw refused, no half file left, a
  place where no file can be named;
- overlap: in order, one step ahead and no further, staleness 1, `pause` waits, an error comes with its step.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from sure_math.identity import random_seed
from sure_math.models.engines import Completion, Refusal, Request, Sampling
from sure_math.models.engines.files import load_tokenizer
from sure_math.models.engines.pocket_files import pocket_folder
from tests.helpers.short_training_runs import pocket_chat
from uopd.config import load_config
from uopd.methods import make_method
from uopd.protocols import Sampler
from uopd.rollouts.prompt_pool import PromptPool
from uopd.rollouts.rollout_log import LOG_SCHEMA, LoggedRollouts, write_rollouts
from uopd.rollouts.sources import OverlappedRollouts, RolloutSource, SampledRollouts
from uopd.rows import Prompt, Rollout
from uopd.run.checks import remarks

CHAT, TOKENIZER = pocket_chat(), load_tokenizer(pocket_folder("student"))
SAMPLING = Sampling(max_new_tokens=16, temperature=1.0)


def tokens(text: str) -> tuple[int, ...]:
    return tuple(TOKENIZER(text)["input_ids"])


def a_prompt(name: str, weight: float = 1.0) -> Prompt:
    return Prompt(problem_id=name, token_ids=tokens(name), scorer_ids=tokens(name), weight=weight, answer="4")


def a_pool(*names: str, samples: int = 12, per_step: int = 3) -> PromptPool:
    return PromptPool(
        prompts=tuple(a_prompt(name) for name in names),
        too_long=0,
        probabilities=None,
        seed=4,
        samples=samples,
        per_step=per_step,
    )


class BoxingSampler:
    """A `Sampler` that boxes the last digit of the seed, and has no room for the problem `long`."""

    def __init__(self) -> None:
        self.version = 0
        self.requests: list[Request] = []

    def generate(self, requests: Sequence[Request]) -> list[Any]:
        self.requests += requests
        return [self._answer(request) for request in requests]

    def logprobs(self, token_ids: Sequence[int]) -> list[list[float]]:
        return []

    def close(self) -> None:
        pass

    @staticmethod
    def _answer(request: Request) -> Any:
        if request.token_ids == tokens("long"):
            return Refusal(reason="prompt_too_long", detail="")
        return tuple(
            Completion(
                token_ids=tokens(rf"\boxed{{{seed % 10}}}"),
                sum_logprob=-float(seed % 10),
                finish_reason="length" if seed % 2 else "stop",
            )
            for seed in request.seeds
        )


def roll_out(pool: PromptPool, sampler: Sampler) -> SampledRollouts:
    return SampledRollouts(pool=pool, sampler=sampler, chat=CHAT, sampling=SAMPLING, per_prompt=4)


def test_a_step_of_rollouts() -> None:
    pool, sampler = a_pool("a", "long"), BoxingSampler()
    sampler.version = 5
    rollouts = roll_out(pool, sampler)(2)
    drawn = [prompt.problem_id for prompt in pool.batch(2)]
    assert set(drawn) == {"a", "long"}
    assert [(rollout.slot, rollout.sample_index) for rollout in rollouts] == [
        (slot, index) for slot in range(3) for index in range(4)
    ]
    for rollout in rollouts:
        assert rollout.prompt.problem_id == drawn[rollout.slot] and rollout.policy_version == 5
        # The slot's number in the run (2 * 3 + slot) makes two draws of one prompt two questions.
        seed = random_seed(4, "rollout", f"{6 + rollout.slot}/{rollout.prompt.problem_id}", rollout.sample_index)
        if rollout.prompt.problem_id == "long":
            assert (rollout.response_ids, rollout.finish_reason) == ((), "refused")
            assert (rollout.sum_logprob, rollout.reward) == (0.0, 0.0)
            continue
        assert rollout.response_ids == tokens(rf"\boxed{{{seed % 10}}}")
        assert (rollout.sum_logprob, rollout.reward) == (-float(seed % 10), float(seed % 10 == 4))
        assert rollout.finish_reason == ("length" if seed % 2 else "stop")
    assert len({request.seeds for request in sampler.requests}) == 3


def test_a_log_reads_back_as_it_was_written(tmp_path: Path) -> None:
    pool, sampler = a_pool("a", "long"), BoxingSampler()
    logged = LoggedRollouts(roll_out(pool, sampler), tmp_path, pool, CHAT, replay=True)
    first = logged(2)
    count = len(sampler.requests)
    assert logged(2) == first and len(sampler.requests) == count == 3
    table = pq.read_table(tmp_path / "step-000002.parquet")
    assert table.schema == LOG_SCHEMA
    texts = [row["text"] for row in table.to_pylist()]
    assert texts == [CHAT.decode(rollout.response_ids) for rollout in first] and "" in texts
    again = LoggedRollouts(roll_out(pool, sampler), tmp_path, pool, CHAT, replay=False)
    sampler.version = 9
    assert again(2) == [replace(rollout, policy_version=9) for rollout in first] and len(sampler.requests) == 6
    assert LoggedRollouts(roll_out(pool, sampler), tmp_path, pool, CHAT, replay=True)(2)[0].policy_version == 9
    assert [path.name for path in tmp_path.iterdir()] == ["step-000002.parquet"]


def test_a_log_that_cannot_be_written_is_named() -> None:
    """Arrow's errors of the disk name no file."""
    path = Path("/proc/self/step-000000.parquet")  # no file can be there
    with pytest.raises(OSError) as error:
        write_rollouts(path, [], CHAT)
    assert error.value.filename == "/proc/self/step-000000.tmp"


def test_a_log_of_another_draw_is_refused(tmp_path: Path) -> None:
    pool = a_pool("a", "b")
    LoggedRollouts(roll_out(pool, BoxingSampler()), tmp_path, pool, CHAT, replay=True)(0)
    other = a_pool("c", "d")
    with pytest.raises(ValueError, match=r"slot 0 holds a response to [ab], and this run draws [cd]; delete"):
        LoggedRollouts(roll_out(other, BoxingSampler()), tmp_path, other, CHAT, replay=True)(0)


def test_a_log_of_another_prompt_is_refused_and_one_of_an_early_version_is_not(tmp_path: Path) -> None:
    """The same problems asked with a system prompt: their ids are the same."""
    pool = a_pool("a", "b")
    rollouts = LoggedRollouts(roll_out(pool, BoxingSampler()), tmp_path, pool, CHAT, replay=True)(0)
    prompts = [replace(prompt, token_ids=(9, *prompt.token_ids)) for prompt in pool.prompts]
    other = replace(pool, prompts=tuple(prompts))
    with pytest.raises(ValueError, match=r"slot 0 holds a response to another prompt for [ab] than this run asks; del"):
        LoggedRollouts(roll_out(other, BoxingSampler()), tmp_path, other, CHAT, replay=True)(0)
    (file,) = tmp_path.iterdir()
    pq.write_table(pq.read_table(file).drop_columns(["prompt"]), file)
    assert LoggedRollouts(roll_out(pool, BoxingSampler()), tmp_path, pool, CHAT, replay=True)(0) == rollouts


class SlowSource:
    """A `RolloutSource` that records what it does, and takes as long as it is told to."""

    def __init__(self, fails_at: int = -1) -> None:
        self.version, self.fails_at = 0, fails_at
        self.begun: list[int] = []
        self.threads: set[str] = set()
        self.go_on = threading.Event()
        self.go_on.set()
        self.at_work = 0

    def __call__(self, step: int) -> list[Rollout]:
        version = self.version
        self.begun.append(step)
        self.threads.add(threading.current_thread().name)
        self.at_work += 1
        assert self.at_work == 1, "one step at a time"
        assert self.go_on.wait(10)
        self.at_work -= 1
        if step == self.fails_at:
            raise RuntimeError(f"step {step} failed")
        return [
            Rollout(
                slot=step,
                sample_index=0,
                prompt=a_prompt("a"),
                response_ids=(1,),
                finish_reason="stop",
                sum_logprob=0.0,
                policy_version=version,
            )
        ]

    def pause(self) -> None:
        return None


def test_overlap_is_one_step_ahead_in_order() -> None:
    slow = SlowSource()
    source = OverlappedRollouts(slow, 3)
    result = []
    for step in range(4):
        (rollout,) = source(step)
        # An update, and a sync that waits until nothing is sampled.
        source.pause()
        slow.version += 1
        result.append((rollout.slot, step - rollout.policy_version))
        assert slow.begun == list(range(min(step + 2, 4)))
    source.close()
    assert result == [(0, 0), (1, 1), (2, 1), (3, 1)], "the step, and by how many updates its policy is behind"
    assert len(slow.threads) == 2, "the first step in the caller's thread, all others in one thread"


def test_the_next_step_is_sampled_while_this_one_is_trained() -> None:
    slow = SlowSource()
    source = OverlappedRollouts(slow, 3)
    source(0)
    source.pause()
    slow.go_on.clear()
    source(1)
    while len(slow.begun) < 3:
        time.sleep(0.001)
    assert slow.at_work == 1, "step 2 is being sampled, and the caller has step 1 in hand"
    waiting = threading.Thread(target=source.pause)
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive(), "a sync waits for it"
    slow.go_on.set()
    waiting.join(10)
    assert not waiting.is_alive() and slow.at_work == 0
    source.close()


def test_an_error_comes_where_the_rollouts_are_asked_for() -> None:
    source = OverlappedRollouts(SlowSource(fails_at=1), 3)
    source(0)
    source.pause()
    with pytest.raises(RuntimeError, match="step 1 failed"):
        source(1)
    source.close()


def holds_protocols(source: SlowSource, sampler: BoxingSampler) -> tuple[RolloutSource, Sampler]:
    """Never called: the type checker proves here that the fakes satisfy the protocols."""
    return source, sampler


KINDS: dict[str, dict[str, Any]] = {
    "weight": {"prompt": a_prompt("a", 0.0)},
    "empty": {"response_ids": (), "finish_reason": "refused"},
    "cut": {"finish_reason": "length"},
}
REMARKS = {
    "nothing": ([], []),
    "some weights 0": ([("weight", 0)], []),
    "all weights 0": (
        [("weight", 0), ("weight", 1), ("weight", 2), ("weight", 3)],
        ["every prompt drawn has weight 0, so this step teaches nothing"],
    ),
    "an empty response": (
        [("empty", 1)],
        ["1 of 4 responses are empty and teach nothing: the model has no room for the prompt and "],
    ),
    "few cut": ([("cut", 1)], []),
    "half of them cut": (
        [("cut", 1), ("cut", 3)],
        ["2 of 4 responses were cut at rollouts.max_new_tokens = 256; raise it"],
    ),
}


@pytest.mark.parametrize(("changes", "expected"), REMARKS.values(), ids=REMARKS)
def test_remarks(changes: list[tuple[str, int]], expected: list[str]) -> None:
    base = SlowSource()(0)[0]
    rollouts = [base] * 4
    for kind, index in changes:
        rollouts[index] = replace(base, **KINDS[kind])
    config = load_config("pocket", ["rollouts.max_new_tokens=256"])
    result = [text for _, text in remarks(rollouts, config, make_method(config))]
    assert len(result) == len(expected)
    assert all(text.startswith(start) for text, start in zip(result, expected, strict=True))


@pytest.mark.parametrize(
    ("by_slot", "expected"),
    [
        ([[0.0, 0.0], [1.0, 1.0]], "the responses of each prompt all have the same reward (mean 0.5)"),
        ([[0.0, None], [0.0, 0.0]], "the responses of each prompt all have the same reward (mean 0)"),
        ([[0.0, 1.0], [1.0, 1.0]], None),
    ],
)
def test_a_step_of_equal_groups_is_remarked_on_if_the_method_has_rewards(
    by_slot: list[list[float | None]], expected: str | None
) -> None:
    base = SlowSource()(0)[0]
    rollouts = [
        replace(base, slot=slot, sample_index=index, reward=reward)
        for slot, group in enumerate(by_slot)
        for index, reward in enumerate(group)
    ]
    for method in ("grpo", "uopd"):
        config = load_config("pocket", [f"method={method}"])
        result = [text for kind, text in remarks(rollouts, config, make_method(config)) if kind == "signal"]
        if expected is None or method == "uopd":
            assert result == []
        else:
            assert len(result) == 1 and result[0].startswith(expected) and "(rollouts.per_prompt)" in result[0]
