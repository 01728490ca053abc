"""What the shards of a build depend on, beside their rows.

Pins: the settings of every phase, with its version number, as a digest. A `.build` folder of an earlier version is
continued only as long as these stay the same. Whoever changes a number here on purpose makes all builds repeat that
phase and the phases after it.
"""

import io
from pathlib import Path

from rich.console import Console

from sure_math.annotation.answers import extract_phase
from sure_math.annotation.clusters import cluster_phase
from sure_math.annotation.grade import grade_phase
from sure_math.annotation.label import label_phase
from sure_math.annotation.sample import sample_phase
from sure_math.annotation.uncertainties import entropy_phase
from sure_math.command_line.progress import Progress
from sure_math.config import ModelConfig, load_config
from sure_math.identity import short_id
from sure_math.models.engines import ModelIdentity
from sure_math.models.responders.journal import CallLog, Journal
from sure_math.models.responders.roles import Models, Starter
from sure_math.problems.contamination.duplicates import distinct_phase, unique_phase
from sure_math.problems.contamination.screening import Screening, decontaminate_phase, screen_phase
from sure_math.problems.evolution.choose import choose_phase
from sure_math.problems.evolution.draw import draw_phase
from sure_math.problems.evolution.evolve import evolve_phase
from sure_math.problems.sources.inputs import Inputs
from sure_math.rows import Problem
from sure_math.storage.store import Store
from tests.helpers.problems import BAKER, BOAT, TOWER, child, other
from tests.helpers.scripted_models import ScriptedResponder

SETTINGS = (
    "run.seed=5",
    "seeds.per_tier={easy: 1}",
    "evolve.keep=1",
    "decontaminate.near_duplicates=0.8",
    "decontaminate.test_split=true",
    "label.by=model",
    "label.model.model=labeller",
    "label.num_samples=3",
    "judge.model=judge",
)
"""With these no phase is left out."""
DIGESTS = {
    "distinct": "160549185018f043",
    "screen": "ed89090080e5f5a8",
    "draw": "a11b4f55bf9a888d",
    "evolve": "4d8eb383b3ad5d80",
    "unique": "0a878a9d5faa896f",
    "decontaminate": "ed89090080e5f5a8",
    "choose": "a11b4f55bf9a888d",
    "label": "fccdbc334f6b609e",
    "sample": "c71acff214fe3b24",
    "extract": "f45d964dd25976b2",
    "cluster": "27c4cd9daca8585f",
    "entropy": "030bbb651b6e956f",
    "verdict": "36304b851f6f2318",
}


def known_model(config: ModelConfig) -> tuple[ModelIdentity, Starter]:
    """A model that is known by its name and never started."""
    identity = ModelIdentity(name=config.model, fingerprint="0" * 64, engine="scripted 0", logprob_mode="raw")
    return identity, lambda: ScriptedResponder(script=lambda question, seed: "")


def test_the_settings_of_every_phase_stay(tmp_path: Path) -> None:
    config = load_config("pocket", SETTINGS)
    store = Store(tmp_path, Progress(Console(file=io.StringIO())))
    journal, log = Journal(tmp_path / "journal.sqlite"), CallLog(tmp_path / "calls.jsonl")
    models = Models(config, known_model, journal, log, lambda replies: None)
    problems = [other("a", BAKER), other("b", BOAT), child(1, TOWER), child(2, BOAT), other("t", TOWER, split="test")]
    (seeds,) = store.split("seeds", (Problem,), [(problems,)], size=64, source="")
    screening = Screening.of(config, Inputs(seeds=seeds, stored=(), benchmarks={}, facts=()), models)
    phases = [
        distinct_phase(config),
        screen_phase(config, screening, models),
        draw_phase(config, seeds),
        evolve_phase(config, models),
        unique_phase(config),
        decontaminate_phase(config, screening, models),
        choose_phase(config, seeds),
        label_phase(config, models),
        sample_phase(config, models),
        extract_phase(config),
        cluster_phase(config, models),
        entropy_phase(config),
        grade_phase(config, models),
    ]
    assert {phase.name: short_id(phase.settings) for phase in phases if phase is not None} == DIGESTS
