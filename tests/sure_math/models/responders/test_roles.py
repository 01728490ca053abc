"""Models of a build by role.

Pins: a phase depends on the model that it asks, and at its end both the phase and the model are closed; a build without
such a model gets the phase as it is.
"""

from pathlib import Path

from sure_math.config import load_config
from sure_math.models.engines import Sampling
from sure_math.models.responders.chat import Message, Question
from sure_math.models.responders.journal import CallLog, Journal
from sure_math.models.responders.roles import Models
from sure_math.rows import Output, Problem
from sure_math.storage.phase import Phase
from tests.helpers.scripted_build import SCRIPTED, Scripted


def test_a_phase_depends_on_its_model_and_closes_it(tmp_path: Path) -> None:
    load = Scripted()
    journal, log = Journal(tmp_path / "journal.sqlite"), CallLog(tmp_path / "calls.jsonl")
    config = load_config("annotate", [*SCRIPTED, "seeds.path=problems.jsonl"])
    models = Models(config, load, journal, log, lambda replies: None)
    closed = []
    phase = Phase(
        name="sample",
        makes=Problem,
        run=lambda problems: Output(rows=problems),
        settings={"version": 1},
        close=lambda: closed.append("phase"),
    )
    assert models.asked_in(phase, "judge") is phase
    asking = models.asked_in(phase, "teacher")
    assert asking.settings == {
        "version": 1,
        "model": ["teacher", "0" * 64, "raw"],
        "model_settings": {"dtype": "auto", "enable_thinking": False, "max_model_len": None},
    }
    greedy = Sampling(max_new_tokens=10, temperature=0.0)
    question = Question(messages=(Message(role="user", content="1 + 1?"),), seeds=(0,), sampling=greedy)
    models["teacher"].ask([question])
    asking.close()
    assert closed == ["phase"] and load.responders["teacher"].closed
