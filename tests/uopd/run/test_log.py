"""What a training run shows.

Pinned: where no bar can move, a line says the steps that are done, the numbers of the last step, and the time that is
left.
"""

import re
import threading
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sure_math.command_line import progress
from tests.helpers.short_training_runs import short_config
from tests.uopd.test_resume import FACTS
from uopd.run.log import RunLog


class Written(StringIO):
    """A file that says when a text has been written into it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.there = text, threading.Event()

    def write(self, piece: str) -> int:
        count = super().write(piece)
        if self.text in self.getvalue():
            self.there.set()
        return count


def test_a_pipe_gets_a_line_with_the_last_step_and_the_time_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.02)
    stream = Written("step 2/3")
    config = short_config(tmp_path)
    metrics: dict[str, Any] = {"tokens_per_second": 1234.0, "loss": 0.5, "kl": 0.25, "seconds": {"rollout": 1.0}}
    with RunLog(tmp_path / "run", config, FACTS, Console(file=stream)) as log:
        log.begin(0)
        for step in range(2):
            log.step({"step": step, **metrics})
        assert stream.there.wait(60)
    lines = re.findall(r"^step 2/3, 1,234 tokens/s loss 0\.5 kl 0\.25, \d+ s left$", stream.getvalue(), re.MULTILINE)
    assert lines or "step 2/3, 1,234 tokens/s loss 0.5 kl 0.25\n" in stream.getvalue()
