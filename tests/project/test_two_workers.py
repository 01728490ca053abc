"""How two workers share the tests: what starts the same thing is one group, and long groups begin first."""

import pytest

from tests.helpers.two_workers import mark_back_ends, put_in_groups, without_group


class Item:
    """As much of a test as the grouping looks at."""

    def __init__(self, nodeid: str, *markers: str, fixtures: tuple[str, ...] = ()) -> None:
        self.nodeid, self.fixturenames = nodeid, fixtures
        self.marks = [getattr(pytest.mark, name).mark for name in markers]

    def add_marker(self, marker: str | pytest.MarkDecorator) -> None:
        self.marks.append(getattr(pytest.mark, marker).mark if isinstance(marker, str) else marker.mark)

    def iter_markers(self, name: str | None = None) -> list[pytest.Mark]:
        return [mark for mark in self.marks if name in (None, mark.name)]

    def get_closest_marker(self, name: str) -> pytest.Mark | None:
        return next(iter(self.iter_markers(name)), None)


def test_groups() -> None:
    items = [
        *(Item(f"tests/a.py::test_{number}") for number in range(9)),
        Item("tests/b.py::test_other"),
        Item("tests/b.py::test_served", fixtures=("vllm_server",)),
        Item("tests/c.py::test_cluster", "ray", "vllm"),
        Item("tests/d.py::test_long", "slow"),
        Item("tests/e.py::test_engine", fixtures=("tiny_model", "vllm_engine")),
        Item("tests/f.py::test_replica", "ray"),
        Item("tests/f.py::test_build", "ray", "slow"),
    ]
    mark_back_ends(items)  # type: ignore[arg-type]
    put_in_groups(items)  # type: ignore[arg-type]
    groups = [(item.nodeid.removeprefix("tests/"), item.iter_markers("xdist_group")[0].args[0]) for item in items]
    assert groups == [
        ("c.py::test_cluster", "ray"),
        ("f.py::test_replica", "ray"),
        ("f.py::test_build", "ray"),
        ("d.py::test_long", "tests/d.py"),
        ("b.py::test_served", "vllm"),
        ("e.py::test_engine", "vllm"),
        *((f"a.py::test_{number}", "tests/a.py") for number in range(9)),
        ("b.py::test_other", "tests/b.py"),
    ]


@pytest.mark.parametrize("name", ["tests/a.py::test_b", "tests/a.py::test_b[c@d]", "tests/a.py::test_b[c]"])
def test_a_report_names_the_test_alone(name: str) -> None:
    assert without_group(f"{name}@tests/a.py") == without_group(name) == name
