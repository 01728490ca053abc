"""Where the parts of a run are placed, without Ray.

Pinned: which parts share a GPU; GPUs and CPUs that do not suffice are refused with the part and the remedy; with `ipc`
the engines are on the student's GPU; parts that take turns may each use all CPUs.
"""

from pathlib import Path
from typing import Any

import pytest

from sure_math.models.engines import EngineUnavailable
from tests.helpers.components_without_models import config_of
from uopd.runtime.placement import check_cpus, check_gpus, place


@pytest.mark.parametrize(
    ("overrides", "gpus", "message"),
    [
        ({"student": {"num_gpus": 1}, "rollouts": {"num_gpus": 0.5}}, 2, None),
        ({"student": {"num_gpus": 0.4}, "rollouts": {"num_gpus": 0.3}}, 1, None),
        ({"student": {"num_gpus": 0.6}, "rollouts": {"num_gpus": 0.6}}, 2, r"asks for 3 GPUs .*, and there are 2"),
        (
            {"student": {"num_gpus": 1}, "reference": {"num_gpus": 0.2}},
            4,
            r"student 0 1, reference 0\.2 are placed together",
        ),
        ({"teacher": {"num_gpus": 1}}, 0, r"asks for 1 GPUs \(teacher 1\), and there are 0"),
    ],
)
def test_gpus_that_do_not_fit_are_refused(tmp_path: Path, overrides: Any, gpus: float, message: str | None) -> None:
    bundles = place(config_of(tmp_path, None, **overrides), teacher=True, reference=True)
    if message is None:
        check_gpus(bundles, gpus)
        return
    with pytest.raises(EngineUnavailable, match=message):
        check_gpus(bundles, gpus)


def test_with_ipc_the_engines_are_on_the_students_device(tmp_path: Path) -> None:
    config = config_of(tmp_path, None, sync={"backend": "ipc"})
    bundles = place(config, teacher=True, reference=False)
    assert [[reservation.part for reservation in bundle.reservations] for bundle in bundles] == [
        ["student 0", "engine 0", "engine 1"],
        ["teacher"],
    ]


def test_parts_that_take_turns_may_all_use_the_whole_machine(tmp_path: Path) -> None:
    bundles = place(config_of(tmp_path, None, student={"num_cpus": 2}), teacher=True, reference=False)
    check_cpus(bundles, 2, together=False)
    with pytest.raises(
        EngineUnavailable, match=r"asks for 5 CPUs at the same time .*, and there are 2: lower student\.num"
    ):
        check_cpus(bundles, 2, together=True)
    bundles = place(config_of(tmp_path, None, rollouts={"num_cpus": 2}), teacher=True, reference=False)
    with pytest.raises(EngineUnavailable, match=r"4 CPUs at the same time \(engine 0 2, engine 1 2\)"):
        check_cpus(bundles, 2, together=False)
