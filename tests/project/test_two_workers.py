"""How two workers share the tests: what starts the same thing is one group, and long groups begin first."""

from pathlib import Path

import pytest

from tests.helpers.two_workers import group_of, mark_back_ends, put_in_order

FILES = {
    "a.py": "def test_0(): ...",
    "b.py": "def test_served(vllm_server): ...",
    "c.py": "pytestmark = [pytest.mark.vllm, pytest.mark.ray]",
    "d.py": "@pytest.mark.slow",
    "e.py": "@pytest.mark.vllm",
    "f.py": "pytestmark = pytest.mark.ray",
}


class Item:
    """As much of a test as the order depends on."""

    def __init__(self, nodeid: str, *markers: str, fixtures: tuple[str, ...] = ()) -> None:
        self.nodeid, self.fixturenames = nodeid, fixtures
        self.markers = list(markers)

    def add_marker(self, marker: str) -> None:
        self.markers.append(marker)

    def iter_markers(self) -> list[pytest.Mark]:
        return [getattr(pytest.mark, name).mark for name in self.markers]


def test_groups_and_their_order(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    items = [
        *(Item(f"a.py::test_{number}") for number in range(9)),
        Item("b.py::test_other"),
        Item("b.py::test_served", fixtures=("tiny_model", "vllm_server")),
        Item("c.py::test_cluster", "ray", "vllm"),
        Item("d.py::test_long[a::b]", "slow"),
        Item("e.py::test_engine", "vllm"),
        Item("f.py::test_replica", "ray"),
        Item("f.py::test_build", "ray", "slow"),
    ]
    mark_back_ends(items)  # type: ignore[arg-type]
    put_in_order(items, tmp_path)  # type: ignore[arg-type]
    assert [(item.nodeid, group_of(item.nodeid, tmp_path)) for item in items] == [
        ("c.py::test_cluster", "ray"),
        ("f.py::test_replica", "ray"),
        ("f.py::test_build", "ray"),
        ("d.py::test_long[a::b]", "d.py"),
        ("b.py::test_other", "vllm"),
        ("b.py::test_served", "vllm"),
        ("e.py::test_engine", "vllm"),
        *((f"a.py::test_{number}", "a.py") for number in range(9)),
    ]
