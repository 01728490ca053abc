"""Which tests need a back end, and which tests one worker of `pytest --numprocesses 2` runs.

One worker runs all tests of a group, one after another, so that what they share is started once: vLLM, its server, Ray,
the fixtures of a file. The files with tests of Ray are a group, the other files with tests of vLLM are another, and
every other file is a group of its own. The longest groups begin first. Many short groups are left for the end, so that
the workers end at the same time.
"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

STARTS = {"vllm_engine": "vllm", "vllm_server": "vllm"}
"""Fixtures of `tests/conftest.py` that start a back end, and the marker of a test that asks for them."""
SHARED = {"ray": ("mark.ray",), "vllm": ("mark.vllm", *STARTS)}
"""Groups of several files, and the words by which their files are known; a file with the words of two is in the first.

The process that divides the tests knows their names alone, and no markers.
"""
SECONDS = {"slow": 10.0, "ray": 5.0, "vllm": 3.0, "deepspeed": 1.0}
"""How long a test with this marker is taken to last. Only the order of the groups depends on it."""
OTHERWISE = 0.05


def mark_back_ends(items: Iterable[pytest.Item]) -> None:
    """Give a test that asks for a back end by a fixture the marker of the back end."""
    for item in items:
        for fixture in STARTS.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(STARTS[fixture])


def put_in_order(items: list[pytest.Item], root: Path) -> None:
    """Put the tests of a group together, and the groups that last longest first."""
    groups = {item: group_of(item.nodeid, root) for item in items}
    seconds = dict.fromkeys(groups.values(), 0.0)
    for item, group in groups.items():
        seconds[group] += expected_seconds(item)
    items.sort(key=lambda item: (-seconds[groups[item]], groups[item]))


def expected_seconds(item: pytest.Item) -> float:
    """How long a test is taken to last, from its markers."""
    return max((SECONDS[mark.name] for mark in item.iter_markers() if mark.name in SECONDS), default=OTHERWISE)


def group_of(nodeid: str, root: Path) -> str:
    """Name of the group of a test: `ray`, `vllm` or its file.

    >>> group_of("tests/uopd/test_config.py::test_packaged_configurations_load", root)  # doctest: +SKIP
    'tests/uopd/test_config.py'
    """
    return _group_of_file(root, nodeid.partition("::")[0])


@cache
def _group_of_file(root: Path, file: str) -> str:
    text = (root / file).read_text(encoding="utf-8")
    return next((group for group, words in SHARED.items() if any(word in text for word in words)), file)
