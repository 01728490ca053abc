"""The figures of Phase 1 with real models, made with the pocket models in their place."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks import real_teacher
from sure_math.models.engines.files import model_folder
from tests.helpers.short_training_runs import world_problems

POCKET = model_folder("pocket:teacher").parent
PROBLEMS = 12


def test_figures_of_a_pair_and_again_from_the_kept_replies_alone(tmp_path: Path) -> None:
    rows = [{"question": row.problem, "answer": f"#### {row.answer}"} for row in world_problems(PROBLEMS, "test")]
    (tmp_path / "gsm8k").mkdir()
    (tmp_path / "gsm8k" / "test.jsonl").write_text("\n".join(map(json.dumps, rows)))

    def figures(work: Path) -> dict[str, Any]:
        results = work / "figures.json"
        work.mkdir()
        options = {
            "--models": POCKET,
            "--teacher": "teacher",
            "--student": "student",
            "--engine": "transformers",
            "--positions": 256,
            "--sets": "gsm8k",
            "--problems": PROBLEMS,
            "--realdata": tmp_path,
            "--work": work,
            "--replies": tmp_path / "replies.parquet",
            "--results": results,
        }
        words = [str(word) for option in options.items() for word in option]
        code = real_teacher.main([*words, "prompts=pocket", "sample.max_new_tokens=96"])
        assert code == 0
        made: dict[str, Any] = json.loads(results.read_text())
        return made

    first = figures(tmp_path / "first")
    teacher, student = first["gsm8k"]["teacher"], first["gsm8k"]["student"]
    assert teacher["problems"] == student["problems"] == PROBLEMS
    assert teacher["responses"] == 9 * PROBLEMS, "8 samples and the greedy answer of each problem"
    assert [row["num_samples"] for row in teacher["nested"]] == [2, 4, 8]
    assert teacher["nested"][-1]["value"] == teacher["scores"][0]["value"], "8 of 8 samples: the entropy of the report"
    assert first["gsm8k"]["headroom"]["problems"] == PROBLEMS
    assert set(first["judge"]) == {"equal", "different"}
    kept = pq.read_table(tmp_path / "replies.parquet").num_rows

    shutil.rmtree(tmp_path / "first")
    assert figures(tmp_path / "second") == first
    assert (tmp_path / "second" / "gsm8k-teacher" / ".build" / "calls.jsonl").read_text() == "", "no model was asked"
    assert pq.read_table(tmp_path / "replies.parquet").num_rows == kept
