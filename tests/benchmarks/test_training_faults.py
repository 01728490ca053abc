"""Pins of `benchmarks/training_faults/`: what counts as a wrong ending, what fails inside a run, and the committed
results, in which every run has ended as it should.
"""

import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.hostile.kills import Undisturbed
from benchmarks.hostile.works import Work
from benchmarks.training_faults import __main__ as training_faults
from benchmarks.training_faults import inside
from benchmarks.training_faults.attempt import judge
from benchmarks.training_faults.faults import FAULTS, KINDS, Act
from uopd.rows import Scores, TrainingRow
from uopd.run.folder import METRICS, append_line

REFERENCE = Undisturbed(made={"metrics": [{"step": 0}]}, asked=[], seconds=1.0, passed={})
FAILED = {"step": 1, "failed": "scoring: a logit is inf"}


def work(made: dict[str, Any]) -> Work:
    return Work(
        name="w", module="m", arguments=[], out_option="--out", made=lambda out: made, made_of_damaged=lambda out: made
    )


@pytest.mark.parametrize(
    ("act", "status", "text", "lines", "made", "wrong"),
    [
        (Act(ends="the same result"), 0, "", [], REFERENCE.made, []),
        (Act(ends="the same result"), 0, "", [], {"metrics": []}, ["metrics: 1 became 0"]),
        (Act(ends="the same result"), 1, "", [], REFERENCE.made, ["exit status 1"]),
        (Act(ends="the same result"), 0, "", [FAILED], REFERENCE.made, [f"left out: {[FAILED]}"]),
        (Act(ends="left out", says="logit"), 0, "", [FAILED], {}, []),
        (Act(ends="left out", says="logit"), 0, "", [], {}, ["left out: []"]),
        (Act(ends="left out", says="loss"), 0, "", [FAILED], {}, [f"left out: ['{FAILED['failed']}']"]),
        (Act(ends="a message", says="repeat"), 1, "x\nerror: repeat\n\n", [], {}, []),
        (Act(ends="a message", says="repeat"), 1, "repeat\nerror: x", [], {}, ["the last line is ['error: x']"]),
        (
            Act(ends="a message", says="x"),
            1,
            "Traceback (most recent call last)\nx",
            [],
            {},
            ["exit status 1, a traceback"],
        ),
        (Act(ends="interrupted", says="repeat"), 130, "interrupted: repeat", [], {}, []),
        (Act(ends="interrupted", says="repeat"), 0, "interrupted: repeat", [], {}, ["exit status 0"]),
        (Act(ends="killed"), -9, "", [], {}, []),
        (Act(ends="killed"), 0, "", [], {}, ["it ended well, and was to be killed"]),
    ],
)
def test_what_counts_as_a_wrong_ending(
    tmp_path: Path,
    act: Act,
    status: int,
    text: str,
    lines: Sequence[dict[str, Any]],
    made: dict[str, Any],
    wrong: list[str],
) -> None:
    for line in lines:
        append_line(tmp_path / METRICS, line)
    assert judge(act, status, text, REFERENCE, work(made), tmp_path) == wrong


class Teacher:
    def score(self, rows: Sequence[TrainingRow]) -> Scores:
        return Scores(ids=torch.zeros(1, 1), logprobs=torch.zeros(1, 1), sampled=torch.zeros(1))

    def close(self) -> None: ...


@pytest.mark.parametrize("kind", inside.ERRORS)
def test_a_scorer_fails_once(kind: str) -> None:
    scorer = inside.FailingScorer(Teacher(), kind, 1)
    assert scorer.score([]).sampled.tolist() == [0.0]
    with pytest.raises(type(inside.ERRORS[kind]), match=re.escape(str(inside.ERRORS[kind]))):
        scorer.score([])
    assert scorer.score([]).sampled.tolist() == [0.0]


def test_the_clock_jumps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    inside.jump(-2)
    assert time.time() == 1000.0 - 2 * inside.DAY_SECONDS


def test_every_fault_has_a_name_and_ends_with_a_result() -> None:
    trials = [(kind, fault.name) for fault in FAULTS for kind in fault.kinds]
    assert len(set(trials)) == len(trials) and len({name for _, name in trials}) >= 30
    assert all(fault.acts[-1].ends in ("the same result", "left out") for fault in FAULTS)
    assert {kind for fault in FAULTS for kind in fault.kinds} == set(KINDS)


@pytest.mark.slow
def test_a_fault_in_a_run(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    arguments = ["--kinds", "local", "--only", "more failed steps", "--work", str(tmp_path / "work")]
    assert training_faults.main([*arguments, "--out", str(results)]) == 0
    assert not results.exists(), "a part of the list is no result"


def test_in_the_committed_results_every_run_has_ended_as_it_should() -> None:
    results = json.loads(training_faults.RESULTS.read_text(encoding="utf-8"))
    assert set(results) <= set(KINDS)
    for kind, section in results.items():
        expected = [fault.name for fault in FAULTS if kind in fault.kinds]
        assert [row["fault"] for row in section["faults"]] == expected
        assert [row for row in section["faults"] if row["wrong"]] == []
