"""A folder that belongs to one configuration.

Pins: a second process is refused until the first lets go; what a folder was claimed with is found again; which changed
settings count.
"""

import json
import re
from pathlib import Path

import pytest

from sure_math.storage.claimed_folder import ClaimedFolder, FolderInUse, changed_settings


def claimed(folder: Path) -> ClaimedFolder:
    return ClaimedFolder(lock=folder / "lock", record=folder / "record.json")


def test_one_at_a_time_and_its_record_stays(tmp_path: Path) -> None:
    first = claimed(tmp_path)
    assert first.record() is None
    first.claim(json.dumps({"seed": 1}))
    with pytest.raises(FolderInUse):
        claimed(tmp_path)
    first.close()
    second = claimed(tmp_path)
    assert second.record() == {"seed": 1}
    second.close()


def test_settings_that_change_no_result_may_change() -> None:
    before = {"run": {"seed": 1}, "log": {"every": 1}, "model": None}
    after = {"run": {"seed": 2}, "log": {"every": 2}, "model": {"name": "M"}}
    changed = changed_settings(before, after, harmless=re.compile(r"^log\."))
    assert [(setting.key, setting.before, setting.after) for setting in changed] == [
        ("model", None, {"name": "M"}),
        ("run.seed", 1, 2),
    ]
