"""Which tests need a back end, and which tests one worker of `pytest --numprocesses 2 --dist loadgroup` runs.

One worker runs all tests of a group, one after another, so that what they share is started once: vLLM, its server, Ray,
the fixtures of a file. The tests with the marker `ray` are a group, those with `vllm` are another, and the other tests
of a file are a group. The longest groups begin first. Many short groups are left for the end, so that the workers end
at the same time.
"""

from collections.abc import Iterable

import pytest

STARTS = {"vllm_engine": "vllm", "vllm_server": "vllm"}
"""Fixtures of `conftest.py` that start a back end, and the marker of a test that asks for them."""
SHARED = ("ray", "vllm")
"""Markers whose tests are one group; a test with both belongs to the first."""
SECONDS = {"slow": 10.0, "ray": 5.0, "vllm": 3.0, "deepspeed": 1.0}
"""How long a test with this marker is taken to last. Only the order of the groups depends on it."""
OTHERWISE = 0.05


def mark_back_ends(items: Iterable[pytest.Item]) -> None:
    """Give a test that asks for a back end by a fixture the marker of the back end."""
    for item in items:
        for fixture in STARTS.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(STARTS[fixture])


def put_in_groups(items: list[pytest.Item]) -> None:
    """Name the group of every test, and put the groups that last longest first."""
    seconds: dict[str, float] = {}
    groups: dict[pytest.Item, str] = {}
    for item in items:
        shared = (name for name in SHARED if item.get_closest_marker(name))
        groups[item] = next(shared, item.nodeid.partition("::")[0])
        item.add_marker(pytest.mark.xdist_group(groups[item]))
        seconds[groups[item]] = seconds.get(groups[item], 0.0) + expected_seconds(item)
    items.sort(key=lambda item: (-seconds[groups[item]], groups[item]))


def expected_seconds(item: pytest.Item) -> float:
    """How long a test is taken to last, from its markers."""
    return max((SECONDS[mark.name] for mark in item.iter_markers() if mark.name in SECONDS), default=OTHERWISE)


def without_group(nodeid: str) -> str:
    """Name of a test without the `@group` that `--dist loadgroup` appends.

    >>> without_group("tests/test_a.py::test_b[c@d]@tests/test_a.py")
    'tests/test_a.py::test_b[c@d]'
    >>> without_group("tests/test_a.py::test_b[c@d]")
    'tests/test_a.py::test_b[c@d]'
    """
    name, _, group = nodeid.rpartition("@")
    return name if name and "]" not in group else nodeid
