"""What a build shows while it runs.

Pins: a phase with a model shows replies, tokens per second, running, waiting and the time that is left, per finished
sequence; what an earlier command has answered counts as done and not as speed; a pipe gets a plain line in its time,
and a terminal none.
"""

import io
import threading

import pytest
from rich.console import Console

from sure_math.command_line import progress as progress_module
from sure_math.command_line.progress import Activity, Lines, Progress


class Clock:
    """Seconds that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def activity(replies: int, share: float, *, running: int = 256, waiting: int = 320) -> Activity:
    return Activity(replies=replies, tokens=500 * replies, running=running, waiting=waiting, share=share)


def test_a_phase_with_a_model_says_what_the_model_does() -> None:
    clock = Clock()
    progress = Progress(Console(file=io.StringIO()), clock=clock)
    with progress.phase("sample", 1000) as bar:
        for _ in range(2):  # shards that an earlier command has made
            bar.begin(100)
            bar.advance(100)
        bar.begin(100)
        progress.replied(activity(0, 0.5))
        assert bar.line() == "sample: 250/1,000 problems, 0 replies, 256 running, 320 waiting"
        clock.now += 10
        progress.replied(activity(90, 0.6))
        assert bar.line() == (
            "sample: 260/1,000 problems, 90 replies, 4,500 tokens/s, 256 running, 320 waiting, 12 min left"
        )
        clock.now += 10
        progress.replied(activity(360, 1.0, running=0, waiting=0))
        bar.advance(100)
        assert bar.line() == "sample: 300/1,000 problems, 450 replies, 11,250 tokens/s, 5 min left"
        clock.now += 100
        progress.replied(activity(10, 0.0))
        assert bar.line().startswith("sample: 300/1,000 problems, 460 replies, 50 tokens/s"), "of the last minute"
    progress.stop()


def test_a_phase_without_a_model_and_one_of_unknown_length() -> None:
    clock = Clock()
    progress = Progress(Console(file=io.StringIO()), clock=clock)
    progress.replied(activity(1, 1.0))  # between two phases
    with progress.phase("extract", 20_000) as bar:
        bar.begin(5000)
        clock.now += 3600
        bar.advance(5000)
        assert bar.line() == "extract: 5,000/20,000 problems, 3.0 h left"
    with progress.phase("seeds", None) as bar:
        bar.advance(7)
        assert bar.line() == "seeds: 7 problems"
    progress.stop()


def test_several_questions_of_a_shard_never_move_the_bar_back() -> None:
    progress = Progress(Console(file=io.StringIO()))
    with progress.phase("evolve", 100) as bar:
        bar.begin(50)
        for share in (0.5, 1.0, 0.2):
            progress.replied(activity(1, share))
        assert bar.done == 50.0
        bar.advance(50)
        assert bar.done == 50.0
    progress.stop()


@pytest.mark.parametrize("terminal", [True, False])
def test_a_pipe_gets_plain_lines_and_a_terminal_none(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    monkeypatch.setattr(progress_module, "LINE_SECONDS", 0.01)
    stream, asked = io.StringIO(), threading.Event()
    texts = iter(["sample: [red] 1", None])

    def line() -> str | None:
        text = next(texts, None)
        if text is None:
            asked.set()
        return text

    lines = Lines(Console(file=stream, force_terminal=terminal), line)
    lines.start()
    assert asked.wait(0.2 if terminal else 60) is not terminal
    lines.stop()
    assert stream.getvalue() == ("" if terminal else "sample: [red] 1\n")
