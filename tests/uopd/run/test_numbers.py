"""Pins, each by hand: the learning rate of every step (`student/learning_rate.py`), what is logged of a step
(`run/metrics.py`), the paired difference of two evaluations and the evaluator (`run/evaluation.py`), and the numbers
at the end (`run/summary.py`).
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from sure_math.models.engines import Completion, Refusal, Request, Sampling
from sure_math.models.engines.files import load_tokenizer
from sure_math.models.engines.pocket_files import pocket_folder
from sure_math.reporting.accuracy import paired_difference
from tests.helpers.short_training_runs import a_row, pocket_chat
from uopd.config import OptimizerConfig
from uopd.methods import RewardSignal, reward_signal
from uopd.protocols import Sampler
from uopd.rows import Prompt, Rollout, UpdateReport
from uopd.run.evaluation import Evaluation, Evaluator
from uopd.run.metrics import Stopwatch, step_metrics
from uopd.run.summary import summarise
from uopd.student.learning_rate import learning_rate

CHAT, TOKENIZER = pocket_chat(), load_tokenizer(pocket_folder("student"))


def rates(steps: int, **changes: Any) -> list[float]:
    config = OptimizerConfig(learning_rate=1.0, **changes)
    return [learning_rate(step, steps, config) for step in range(steps)]


def test_warm_up_and_cosine() -> None:
    learning_rates = rates(20, warmup=0.2)
    assert learning_rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert learning_rates[4:] == pytest.approx([0.5 * (1 + math.cos(math.pi * step / 16)) for step in range(16)])
    assert learning_rates[4] == 1.0 and learning_rates[12] == pytest.approx(0.5) and 0 < learning_rates[-1] < 0.01


def test_the_papers_schedule() -> None:
    learning_rates = rates(391)
    assert (
        learning_rates[0] == pytest.approx(1 / 20) and learning_rates[19] == learning_rates[20] == 1.0
    )  # 5 % of 391 steps are 20
    assert learning_rates[390] == pytest.approx(0.5 * (1 + math.cos(math.pi * 370 / 371)))
    assert all(later < earlier for earlier, later in pairwise(learning_rates[20:]))


@pytest.mark.parametrize(
    ("steps", "changes", "expected"),
    [
        (1, {}, [1.0]),
        (4, {"warmup": 0.0}, [1.0, 0.5 + 0.5**1.5, 0.5, 0.5 - 0.5**1.5]),
        (4, {"warmup": 0.5, "schedule": "constant"}, [0.5, 1.0, 1.0, 1.0]),
        (4, {"warmup": 1.0}, [0.25, 0.5, 0.75, 1.0]),
    ],
)
def test_short_schedules(steps: int, changes: dict[str, Any], expected: list[float]) -> None:
    assert rates(steps, **changes) == pytest.approx(expected)


def a_rollout(slot: int, index: int, weight: float, length: int, **changes: Any) -> Rollout:
    prompt = Prompt(problem_id=f"p{slot}", token_ids=(1,), scorer_ids=(1,), weight=weight, answer="4")
    values: dict[str, Any] = {
        "slot": slot,
        "sample_index": index,
        "prompt": prompt,
        "response_ids": (5,) * length,
        "finish_reason": "stop",
        "sum_logprob": -1.0,
        "policy_version": 7,
    }
    return Rollout(**(values | changes))


def test_what_is_logged_of_a_step() -> None:
    rollouts = [
        a_rollout(0, 0, 1.0, 4, reward=1.0),
        a_rollout(0, 1, 1.0, 10, reward=0.0, finish_reason="length"),
        a_rollout(1, 0, 0.5, 6, reward=None),
        a_rollout(1, 1, 0.5, 0, reward=0.0, finish_reason="refused", policy_version=6),
    ]
    sums = {
        "tokens": 20.0,
        "rows": 3.0,
        "loss": 0.75,
        "cross_entropy": 10.0,
        "kl": 4.0,
        "truncation_floor": 1.0,
        "teacher_mass": 19.0,
        "student_mass": 18.0,
        "agreement": 15.0,
        "student_logprob": -30.0,
        "teacher_logprob": -40.0,
    }
    watch = Stopwatch(seconds={"rollout": 2.0, "score": 1.0, "update": 1.5, "sync": 0.5})
    report = UpdateReport(sums=sums, gradient_norm=2.5, seconds=1.4, peak_bytes=123)
    assert step_metrics(7, rollouts, report, watch, learning_rate=1e-4, version=8) == {
        "step": 7,
        "version": 8,
        "loss": 0.75,
        "cross_entropy": 0.5,
        "kl": 0.2,
        "truncation_floor": 0.05,
        "teacher_mass": 0.95,
        "student_mass": 0.9,
        "agreement": 0.75,
        "student_logprob": -1.5,
        "teacher_logprob": -2.0,
        "mean_weight": 0.75,
        "effective_prompts": 1.5**2 / 1.25,
        "prompts": 2,
        "responses": 4,
        "response_tokens": 20,
        "mean_response_tokens": 5.0,
        "truncated": 0.25,
        "empty": 0.25,
        "reward": 1 / 3,
        "staleness": 1,
        "gradient_norm": 2.5,
        "iterations": 1,
        "learning_rate": 1e-4,
        "tokens_per_second": 4.0,
        "seconds": {"rollout": 2.0, "score": 1.0, "update": 1.5, "sync": 0.5},
        "peak_bytes": 123,
    }


def test_groups_without_a_signal_are_logged_if_the_method_has_rewards() -> None:
    rewards = [(1.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.0, None, 0.0), (None, 1.0, 0.0)]
    rollouts = [
        a_rollout(slot, index, 1.0, 0 if (slot, index) == (3, 2) else 4, reward=reward)
        for slot, group in enumerate(rewards)
        for index, reward in enumerate(group)
    ]
    signal = reward_signal(rollouts)
    assert signal == RewardSignal(groups=4, equal_groups=2, effective_responses=5)
    sums = {"tokens": 20.0, "rows": 3.0, "loss": 0.75, "clipped": 5.0}
    report = UpdateReport(sums=sums, gradient_norm=2.5, seconds=1.4, peak_bytes=123)
    metrics = step_metrics(7, rollouts, report, Stopwatch(), learning_rate=1e-4, version=8, signal=signal)
    assert (metrics["equal_groups"], metrics["effective_responses"], metrics["clipped"]) == (0.5, 5, 0.25)
    assert "equal_groups" not in step_metrics(7, rollouts, report, Stopwatch(), learning_rate=1e-4, version=8)


def test_a_step_that_taught_nothing_is_logged() -> None:
    rollouts = [a_rollout(0, 0, 0.0, 0, finish_reason="refused")]
    report = UpdateReport(sums={}, gradient_norm=0.0, seconds=0.0, peak_bytes=0)
    metrics = step_metrics(7, rollouts, report, Stopwatch(), learning_rate=1e-4, version=8)
    assert (metrics["loss"], metrics["mean_weight"], metrics["effective_prompts"], metrics["reward"]) == (
        0.0,
        0.0,
        0.0,
        None,
    )
    assert "kl" not in metrics and metrics["tokens_per_second"] == 0.0


def test_seconds_are_added_up_by_part() -> None:
    watch = Stopwatch()
    for _ in range(2):
        with watch.part("score"):
            sum(range(1000))
    assert watch.seconds["score"] > 0
    assert {name: value for name, value in watch.seconds.items() if name != "score"} == {
        "rollout": 0.0,
        "update": 0.0,
        "sync": 0.0,
    }


DIFFERENCES = {
    "better": ([0] * 60 + [1] * 40, [1] * 30 + [0] * 30 + [1] * 40, 0.3),
    "better and worse": ([1, 0] * 50, [0, 1] * 20 + [1, 1] * 30, 0.3),
    "none": ([1, 0, 1], [1, 0, 1], 0.0),
    "all": ([0, 0, 0], [1, 1, 1], 1.0),
    "one problem": ([1], [0], -1.0),
}


@pytest.mark.parametrize(("before", "after", "value"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_paired_differences(before: list[int], after: list[int], value: float) -> None:
    difference = paired_difference([bool(value) for value in before], [bool(value) for value in after])
    changes = [second - first for first, second in zip(before, after, strict=True)]
    assert difference.value == pytest.approx(value)
    variance = sum((change - value) ** 2 for change in changes) / len(changes)
    # The percentile interval is close to the normal one for a hundred problems.
    assert (difference.low, difference.high) == pytest.approx(
        (value - 1.96 * (variance / len(changes)) ** 0.5, value + 1.96 * (variance / len(changes)) ** 0.5), abs=0.02
    )
    assert difference == paired_difference([bool(value) for value in before], [bool(value) for value in after])


class ScriptedSampler:
    """A `Sampler` that answers the requests in turn."""

    version = 0

    def __init__(self, answers: Sequence[str | None]) -> None:
        self._answers = answers
        self.requests: list[Request] = []

    def generate(self, requests: Sequence[Request]) -> list[Any]:
        self.requests += requests
        return [self._answer(text) for text in self._answers]

    def logprobs(self, token_ids: Sequence[int]) -> list[list[float]]:
        return []

    def close(self) -> None:
        pass

    @staticmethod
    def _answer(text: str | None) -> Any:
        if text is None:
            return Refusal(reason="prompt_too_long", detail="")
        ids = TOKENIZER(text)["input_ids"]
        return (Completion(token_ids=tuple(ids), sum_logprob=-1.0, finish_reason="length" if len(ids) > 9 else "stop"),)


def test_the_evaluator_grades_greedy_answers_of_labelled_problems() -> None:
    problems = [a_row(name, answer="4" if name != "c" else None) for name in "abcdef"]
    sampler = ScriptedSampler(
        [r"So \boxed{4}", r"\boxed{5}", "It is 4", None, r"2 + 2 = 4, so the answer is \boxed{4}"]
    )
    evaluator = Evaluator(problems, CHAT, "{problem}", 64)
    checked: Sampler = sampler
    evaluation = evaluator(checked)
    assert len(evaluator) == 5
    assert evaluation.correct == (True, False, False, False, True)
    assert (evaluation.accuracy, evaluation.truncated) == (0.4, 1)
    assert {(request.seeds, request.sampling) for request in sampler.requests} == {
        ((0,), Sampling(max_new_tokens=64, temperature=0.0))
    }
    assert [CHAT.decode(request.token_ids) for request in sampler.requests] == [f"What is {name}?" for name in "abdef"]


def a_line(step: int, **changes: Any) -> dict[str, Any]:
    line: dict[str, Any] = {"step": step, "loss": float(step), "response_tokens": 100, "peak_bytes": 10 * step}
    seconds = {"rollout": 2.0, "score": 0.5, "update": 1.0, "sync": 0.5}
    return {**line, "seconds": seconds, "reward": None if step % 2 else 0.5, **changes}


def test_a_summary_adds_up() -> None:
    metrics = [a_line(step) for step in range(25)]
    first = Evaluation(correct=(True, False, False, True), truncated=0, mean_tokens=5.0)
    evaluations = [
        {"step": step, "accuracy": sum(correct) / 4, "problems": 4, "correct": correct}
        for step, correct in ((0, [int(value) for value in first.correct]), (20, [1, 1, 0, 0]), (25, [1, 1, 0, 1]))
    ]
    summary = summarise(metrics, evaluations)
    assert (summary["steps"], summary["response_tokens"], summary["peak_bytes"]) == (25, 2500, 240)
    assert summary["seconds"] == {"rollout": 50.0, "score": 12.5, "update": 25.0, "sync": 12.5}
    assert summary["shares"] == {"rollout": 0.5, "score": 0.125, "update": 0.25, "sync": 0.125}
    assert summary["tokens_per_second"] == 25.0
    assert (summary["window"], summary["first"]["loss"], summary["last"]["loss"]) == (10, 4.5, 19.5)
    assert (summary["first"]["reward"], summary["first"]["kl"]) == (0.5, None)
    evaluation = summary["evaluation"]
    assert (evaluation["before"], evaluation["before_step"], evaluation["after"], evaluation["after_step"]) == (
        0.5,
        0,
        0.75,
        25,
    )
    assert (evaluation["problems"], evaluation["difference"]) == (4, 0.25) and evaluation["low"] <= 0.25 <= evaluation[
        "high"
    ]


def test_a_run_that_was_evaluated_once_has_no_difference() -> None:
    evaluation = {"step": 0, "accuracy": 1.0, "problems": 1, "correct": [1]}
    assert summarise([a_line(0)], [evaluation])["evaluation"] is None
    assert summarise([a_line(0)], [])["evaluation"] is None
