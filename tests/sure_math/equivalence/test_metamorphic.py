r"""Changed answers are never called equal, the same answer in another notation is never called different.

Thousands of pairs are made from golds by a seeded generator, which shares no code with the package and proves that its
pairs differ (`tests/helpers/answer_changes`). `python -m benchmarks.equivalence_changes` tries more of them.

Pinned: no changed answer is equal; at least 90 % of the rewritten answers are equal and none is different; hostile
strings raise nothing, are symmetric and are decided in bounded time.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from sure_math.equivalence import same_answer, same_answers
from tests.helpers.answer_changes import Change, differing, respelled
from tests.helpers.answer_changes.golds import OWN, load
from tests.helpers.answer_changes.hostile import hostile_pairs

DIFFERING, RESPELLED, HOSTILE = 2_000, 800, 500
SEED = 20
EQUAL_SHARE = 0.9
SECONDS = 20
"""The largest time for one hostile pair on a machine that is busy. On an idle one it is a tenth of it."""


def _golds_of_the_public_sets(realdata: Path) -> list[str]:
    golds = load(realdata)
    assert len(golds) > 4_000
    return golds


@pytest.fixture(params=["own golds", "golds of the public sets"])
def golds(request: pytest.FixtureRequest) -> list[str]:
    if request.param == "own golds":
        return OWN
    return _golds_of_the_public_sets(request.getfixturevalue("realdata"))


def _shown(changes: Sequence[Change]) -> list[str]:
    return [f"{change.kind}: {change.first!r} and {change.second!r}" for change in changes]


def test_no_changed_answer_is_called_equal(golds: list[str]) -> None:
    changes = differing(golds, DIFFERING, SEED)
    assert len(changes) == DIFFERING
    verdicts = same_answers([(change.first, change.second) for change in changes])
    merged = [change for change, verdict in zip(changes, verdicts, strict=True) if verdict == "equal"]
    assert _shown(merged) == []


def test_the_same_answer_in_another_notation_is_equal(golds: list[str]) -> None:
    changes = respelled(golds, RESPELLED, SEED)
    verdicts = same_answers([(change.first, change.second) for change in changes])
    missed = [change for change, verdict in zip(changes, verdicts, strict=True) if verdict == "different"]
    assert _shown(missed) == []
    assert verdicts.count("equal") >= EQUAL_SHARE * len(verdicts)


def test_hostile_strings_are_decided_symmetrically_and_soon() -> None:
    pairs = hostile_pairs(HOSTILE, SEED)
    slow = []
    for first, second in pairs:
        started = time.perf_counter()
        verdict = same_answer(first, second)
        if time.perf_counter() - started > SECONDS:
            slow.append((first, second))
        assert verdict in ("equal", "different", "undecided")
        assert same_answer(second, first) == verdict
    assert slow == []


def test_generator_is_seeded() -> None:
    assert differing(OWN, 300, 1) == differing(OWN, 300, 1) != differing(OWN, 300, 2)
    assert respelled(OWN, 300, 1) == respelled(OWN, 300, 1)
