"""A whole build with scripted models.

Pins: the number of requests asked by a first run, a repeated one, after a changed shard size, with more samples, with
new problems, with a changed prompt, model or fingerprint; finished shards are left byte for byte; keys are complete
without doubles; the published rows; the number of answers that were not compared; the plan of --dry-run; stored
samples of real models.
"""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from sure_math.build import main
from sure_math.cluster import MAX_DISTINCT_ANSWERS
from sure_math.equivalence import budget
from tests.helpers.scripted_build import Scripted, evolve, run, run_phases, shard_files, solve, write_problems

NUM_PROBLEMS = 10
EACH = 9  # eight samples and the greedy answer


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    return write_problems(tmp_path / "problems.jsonl", NUM_PROBLEMS)


def sample_keys(out: Path) -> list[tuple[str, int]]:
    rows = [row for path in sorted((out / "data").glob("samples-*.parquet")) for row in pq.read_table(path).to_pylist()]
    return [(row["problem_id"], row["sample_index"]) for row in rows]


def test_every_request_is_asked_once(tmp_path: Path, problems: Path) -> None:
    models, out = Scripted(), tmp_path / "out"
    run(out, f"seeds.path={problems}", load=models)
    assert models.asked() == NUM_PROBLEMS * EACH
    before = shard_files(out)
    run(out, f"seeds.path={problems}", load=models)
    assert models.asked() == 0
    assert shard_files(out) == before
    keys = sample_keys(out)
    assert len(keys) == len(set(keys)) == NUM_PROBLEMS * EACH
    assert {index for _, index in keys} == {-1, *range(8)}


CHANGES = {
    "shard size": (("run.shard_size=3",), 0),
    "batch size": (("run.batch_size=5",), 0),
    "clustering": (("cluster.missing=shared",), 0),
    "more samples": (("sample.num_samples=16",), NUM_PROBLEMS * 8),
    "fewer samples": (("sample.num_samples=4",), 0),
    "no greedy answer": (("sample.greedy=false",), 0),
    "temperature": (("sample.temperature=0.8",), NUM_PROBLEMS * 8),
    "length": (("sample.max_new_tokens=100",), NUM_PROBLEMS * EACH),
    "thinking": (("teacher.enable_thinking=true",), NUM_PROBLEMS * EACH),
    "run seed": (("run.seed=1",), NUM_PROBLEMS * EACH),
}


@pytest.mark.parametrize(("overrides", "expected"), CHANGES.values(), ids=CHANGES)
def test_a_change_asks_what_depends_on_it(
    tmp_path: Path, problems: Path, overrides: tuple[str, ...], expected: int
) -> None:
    models, out = Scripted(), tmp_path / "out"
    run_phases(out, f"seeds.path={problems}", load=models)
    models.asked()
    run_phases(out, f"seeds.path={problems}", *overrides, load=models)
    assert models.asked() == expected


def test_other_weights_under_the_same_name_are_another_model(tmp_path: Path, problems: Path) -> None:
    models, out = Scripted(), tmp_path / "out"
    run_phases(out, f"seeds.path={problems}", load=models)
    models.asked()
    models.fingerprint = "1" * 64
    run_phases(out, f"seeds.path={problems}", load=models)
    assert models.asked() == NUM_PROBLEMS * EACH


def test_a_changed_prompt_asks_the_teacher_but_not_the_author(tmp_path: Path, problems: Path) -> None:
    models, out, prompts = Scripted(), tmp_path / "out", tmp_path / "prompts"
    prompts.mkdir()
    for name in ("harder", "competition", "compose"):
        (prompts / f"{name}.txt").write_text(f"Make it {name}.")
    evolving = (f"seeds.path={problems}", "evolve.enabled=true", "evolve.author.model=author", f"prompts={prompts}")
    run(out, *evolving, load=models)
    assert models.asked("author") == NUM_PROBLEMS * 2
    assert models.asked() == NUM_PROBLEMS * 2 * EACH
    (prompts / "solve.txt").write_text("{problem} Answer in a box.")
    run(out, *evolving, load=models)
    assert models.asked("author") == 0
    assert models.asked() == NUM_PROBLEMS * 2 * EACH
    # Another wording of one strategy redoes its children, and the children of those.
    (prompts / "harder.txt").write_text("Make it much harder.")
    rows = load_dataset(str(out), "default", cache_dir=str(tmp_path / "cache"))["train"]
    by_id = {row["problem_id"]: row for row in rows}
    changed = [
        row for row in rows if "harder" in (row["strategy"], by_id.get(row["parent_id"], {"strategy": ""})["strategy"])
    ]
    run(out, *evolving, load=models)
    assert models.asked("author") == len(changed)
    assert models.asked() == len(changed) * EACH


def test_new_problems_ask_only_theirs(tmp_path: Path, problems: Path) -> None:
    models, out = Scripted(), tmp_path / "out"
    run_phases(out, f"seeds.path={problems}", load=models)
    models.asked()
    lines = problems.read_text().splitlines()
    new = json.dumps({"problem": "What is 7 times 7?"})
    problems.write_text("\n".join([*lines[:3], new, *lines[3:]]))
    run_phases(out, f"seeds.path={problems}", load=models)
    assert models.asked() == EACH


def test_published_rows(tmp_path: Path, problems: Path) -> None:
    out = tmp_path / "out"
    published = run(out, f"seeds.path={problems}")
    assert published.row_counts == {"train": NUM_PROBLEMS, "test": 0, "samples": NUM_PROBLEMS * EACH, "rejected": 0}
    rows = load_dataset(str(out), "default", cache_dir=str(tmp_path / "cache"))["train"]
    samples = load_dataset(str(out), "samples", cache_dir=str(tmp_path / "cache"))["train"]
    assert rows["problem"] == [f"What is {number} + 1?" for number in range(NUM_PROBLEMS)]
    for row in rows:
        texts = {sample["sample_index"]: sample for sample in samples if sample["problem_id"] == row["problem_id"]}
        assert row["num_clusters"] == len({texts[index]["answer"] for index in range(8)})
        assert row["teacher_answer"] == texts[-1]["answer"]
        assert row["teacher_correct"] == (row["answer"] == texts[-1]["answer"])
        assert (row["teacher"], row["weight_kind"], row["num_samples"]) == ("teacher", "weighted", 8)


def test_a_system_prompt_is_kept(tmp_path: Path) -> None:
    rows = [
        {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 2 + 2?"}]},
        {"messages": [{"role": "user", "content": "What is 3 + 3?"}, {"role": "assistant", "content": "6"}]},
    ]
    path = tmp_path / "chat.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    models = Scripted()
    run_phases(tmp_path / "out", f"seeds.path={path}", load=models)
    conversations = {
        tuple((m.role, m.content) for m in question.messages) for question in models.responders["teacher"].asked
    }
    instruction = "Please reason step by step, and put your final answer within \\boxed{}."
    assert conversations == {
        (("system", "Be brief."), ("user", f"What is 2 + 2?\n\n{instruction}")),
        (("user", f"What is 3 + 3?\n\n{instruction}"),),
    }


def test_a_refused_request_is_a_dropped_row(tmp_path: Path, problems: Path) -> None:
    from sure_math.models.engines import Refusal

    def script(question, seed):
        refused = "What is 3 + 1?" in question.messages[-1].content
        return Refusal(reason="prompt_too_long", detail="12 tokens") if refused else solve(question, seed)

    models = Scripted(scripts={"teacher": script})
    published = run(tmp_path / "out", f"seeds.path={problems}", load=models)
    assert (published.row_counts["train"], published.row_counts["rejected"]) == (NUM_PROBLEMS - 1, 1)
    rejected = pq.read_table(next((tmp_path / "out" / "data").glob("rejected*"))).to_pylist()[0]
    assert (rejected["phase"], rejected["reason"]) == ("sample", "prompt_too_long")


def test_a_judge_that_answers_nonsense_leaves_pairs_undecided(tmp_path: Path, problems: Path) -> None:
    models = Scripted()
    overrides = (f"seeds.path={problems}", "judge.model=judge", "cluster.equivalence=judge")
    run(tmp_path / "out", *overrides, load=models)
    calls = models.asked("judge")
    manifest = (tmp_path / "out" / "manifest.json").read_text()
    clusters = [
        row
        for path in (tmp_path / "out/.build/shards/cluster").glob("*.parquet")
        for row in pq.read_table(path).to_pylist()
    ]
    pairs = sum(row["undecided"] for row in clusters)
    assert pairs == sum(row["judge_calls"] for row in clusters) > 0
    assert f'"judge_undecided": {pairs}' in manifest
    run(tmp_path / "out", *overrides, load=models)
    assert calls > 0 and models.asked("judge") == 0


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.mark.usefixtures("wide")
def test_dry_run_counts_without_a_model(tmp_path: Path, problems: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "out"
    arguments = [
        "--config",
        "annotate",
        "--dry-run",
        "--out",
        str(out),
        f"seeds.path={problems}",
        "teacher.model=nowhere",
    ]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert "nowhere" in text and " 90 " in text
    assert not out.exists()


def test_answers_that_were_not_compared_are_published(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    answers = [rf"\boxed{{{number}}}" for number in range(MAX_DISTINCT_ANSWERS + 6)]
    path.write_text(json.dumps({"problem": "Name a number.", "responses": answers}) + "\n")
    out = tmp_path / "out"
    run(out, f"samples.path={path}")
    assert json.loads((out / "manifest.json").read_text())["numbers"]["answers_uncompared"] == 6
    text = f"answers not compared, beyond the {MAX_DISTINCT_ANSWERS} most frequent distinct answers to a problem"
    assert f"| {text} | 6 |" in (out / "README.md").read_text()


def test_comparisons_that_were_given_up_are_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "SECONDS_STOPPED", 0.0)
    path = tmp_path / "samples.jsonl"
    answers = [r"\boxed{\sum_{k=1}^{10} k}", r"\boxed{55}", r"\boxed{\sum_{k=1}^{11} k}"]
    path.write_text(json.dumps({"problem": "Name a number.", "responses": answers}) + "\n")
    out = tmp_path / "out"
    run(out, f"samples.path={path}", "cluster.equivalence=math")
    assert json.loads((out / "manifest.json").read_text())["numbers"]["comparisons_stopped"] == 3
    text = "pairs of answers whose comparison by formulas took too long and was given up"
    assert f"| {text} | 3 |" in (out / "README.md").read_text()


REAL = {
    "qwen25_math_cot_100x8.jsonl": (100, 800, {8}),
    "zeroeval_math_l5_answers.jsonl": (721, 30692, {41, 42, 43}),
}


@pytest.mark.slow
@pytest.mark.parametrize(("file", "expected"), REAL.items(), ids=REAL)
def test_stored_samples_of_real_models(tmp_path: Path, realdata: Path, file: str, expected: tuple) -> None:
    problems, samples, sizes = expected
    path = realdata / "model_outputs" / file
    published = run(tmp_path / "out", f"samples.path={path}")
    assert (published.row_counts["train"], published.row_counts["samples"]) == (problems, samples)
    rows = load_dataset(str(tmp_path / "out"), "default", cache_dir=str(tmp_path / "cache"))["train"]
    assert set(rows["weight_kind"]) == {"discrete"}
    assert set(rows["num_samples"]) <= sizes
    assert None not in rows["teacher_correct"]


def test_children_go_to_the_author_and_tests_do_not(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    for name in ("harder", "competition", "compose"):
        (prompts / f"{name}.txt").write_text(name)
    path = tmp_path / "seeds.jsonl"
    rows = [{"problem": f"What is {n}?", "split": "test" if n < 2 else "train", "tier": "hard"} for n in range(5)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    models = Scripted(scripts={"author": evolve, "teacher": solve})
    published = run(
        tmp_path / "out",
        f"seeds.path={path}",
        "evolve.enabled=true",
        "evolve.author.model=author",
        f"prompts={prompts}",
        load=models,
    )
    assert models.asked("author") == 3 * 3
    assert (published.row_counts["test"], published.row_counts["train"], published.row_counts["rejected"]) == (2, 9, 3)
