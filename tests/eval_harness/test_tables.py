"""The paper's tables, from small result files and run folders written here.

Pinned: a result is in its cell, with its clustered error, and an empty cell is a dash in Markdown and LaTeX; bold type
needs a paired interval that excludes 0, and the teacher never competes for it; results that cannot be compared are
refused by name, and back ends that write the same sampling differently can be compared; memory and time come from run
folders, whose configuration must be that of the row; the same call writes the same bytes; a message names each mistake
in a plan.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from eval_harness.grade import OUTCOMES
from eval_harness.records import ResultError
from eval_harness.tables.build import build_tables
from eval_harness.tables.command import main
from eval_harness.tables.plan import read_plan
from eval_harness.tables.text import latex, markdown
from sure_math.reporting.accuracy import mean_over_problems

GREEDY = {"do_sample": False, "temperature": 0.0, "max_gen_toks": 64, "until": []}
SAMPLED = {"do_sample": True, "temperature": 1.2, "top_p": 0.95, "max_gen_toks": 64, "until": []}
VERSIONS = {"sure-math": "0.1.0", "math-verify": "0.9.0", "sympy": "1.14.0", "lm-eval": "0.4.13"}


def result(
    folder: Path, name: str, right: int, *, problems: int = 40, benchmark: str = "math500", **changed: Any
) -> Path:
    """Write the result of a model that is right on the first `right` problems, greedily and in half its samples."""
    marks = {
        f"p{n}": {"greedy": str(int(n < right)), "samples": str(int(n < right)) * 8 + "0" * 8} for n in range(problems)
    }
    shares = [marks[f"p{n}"]["samples"].count("1") / 16 for n in range(problems)]
    estimates = {
        metric: {"value": estimate.value, "stderr": estimate.error}
        for metric, estimate in (
            ("pass@1", mean_over_problems([n < right for n in range(problems)])),
            ("avg@16", mean_over_problems(shares)),
        )
    }
    summary = {
        **{"benchmark": benchmark, "problems": problems, "samples": 16, **estimates, "per_problem": marks},
        **{"fingerprint": "f", "origin": "a file", "left_out": 0, "judge": None, "max_gen_toks": 64},
        "outcomes": dict.fromkeys(("greedy", "sampled"), dict.fromkeys(OUTCOMES, 0)),
        **{"sent": {"greedy": GREEDY, "sampled": SAMPLED}, "chat_template": True},
        **{key: value for key, value in changed.items() if key not in ("versions", "limit")},
    }
    versions = VERSIONS | changed.get("versions", {})
    section = {"format": 1, "tasks": {benchmark: summary}, "versions": versions, "notes": []}
    written = {"model_name": name, "config": {"limit": changed.get("limit")}, "sure_math": section}
    path = folder / f"results_{name}_{benchmark}.json"
    path.write_text(json.dumps(written), encoding="utf-8")
    return path


def run_folder(folder: Path, name: str, *, correct: tuple[list[int], ...] = (), **config: Any) -> Path:
    """Make a folder as `uopd.train` leaves it, with the files that the tables read."""
    path = folder / name
    path.mkdir()
    settings = {
        "method": "uopd",
        "teacher": {"top_k": 512},
        "rollouts": {"per_prompt": 4, "max_new_tokens": 64},
        "filter": {"tau": 0.5, "unit": "normalised"},
        "eval": {"max_new_tokens": None},
        **config,
    }
    run = {"config": settings, "dataset": {"fingerprint": "d"}, "versions": {"math-verify": "0.9.0"}}
    (path / "run.json").write_text(json.dumps(run), encoding="utf-8")
    steps = [{"step": n, "peak_bytes": (n + 1) * 2**30, "seconds": {"rollout": 2.0, "update": 1.0}} for n in range(3)]
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in steps), encoding="utf-8")
    lines = [{"step": 5 * n, "correct": marks} for n, marks in enumerate(correct)]
    (path / "evaluations.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def plan_file(folder: Path, text: str) -> str:
    path = folder / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def written(*arguments: str) -> dict[str, str]:
    """Build the tables, and return the text of each file by its name."""
    tables = build_tables(read_plan(arguments))
    texts = {f"{table.grid.label}.md": markdown(table.grid) for table in tables}
    return texts | {f"{table.grid.label}.tex": latex(table.grid) for table in tables}


def line_of(text: str, start: str) -> str:
    [line] = [line for line in text.splitlines() if line.startswith(start)]
    return line


def test_table_1_from_a_plan(tmp_path: Path) -> None:
    for name, right in (("base", 8), ("opd", 20), ("uopd", 32), ("teacher", 38)):
        result(tmp_path, name, right)
    rows = ", ".join(f"{name}: results_{name}_math500.json" for name in ("base", "opd", "uopd", "teacher"))
    plan = plan_file(tmp_path, f"pairs: [{{student: Org/S_1, teacher: T, rows: {{{rows}}}}}]\nbenchmarks: [math500]")
    files = written(plan)
    table = files["table1.md"]
    assert line_of(table, "| Method") == "| Method | MATH-500 pass@1 | MATH-500 avg@16 |"
    assert line_of(table, "| Base (Org/S_1)") == "| Base (Org/S_1) | 20.0 ± 6.4 | 10.0 ± 3.2 |"
    assert line_of(table, "| UOPD") == "| UOPD (ours) | **80.0** ± 6.4 | **40.0** ± 3.2 |"
    assert line_of(table, "| Teacher") == "| Teacher (T) | 95.0 ± 3.5 | 47.5 ± 1.7 |"
    assert line_of(table, "| GRPO") == "| GRPO | – | – |"
    assert r"UOPD (ours) & \textbf{80.0} {\scriptsize$\pm$ 6.4} & \textbf{40.0}" in files["table1.tex"]
    assert r"Student: Org/S\_1, teacher: T" in files["table1.tex"] and r"GRPO & -- & -- \\" in files["table1.tex"]
    assert "–" in line_of(files["table2.md"], "| Soft")


def test_bold_needs_an_interval_that_excludes_zero(tmp_path: Path) -> None:
    first, second = result(tmp_path, "first", 20), result(tmp_path, "second", 21)
    files = written(f"weighting/uniform={first}", f"weighting/soft={second}")
    assert "52.5 ± 8.0" in line_of(files["table2.md"], "| Soft") and "**" not in line_of(files["table2.md"], "| Soft")
    third = result(tmp_path, "third", 32)
    files = written(f"weighting/uniform={first}", f"weighting/soft={third}", f"weighting/filter-0.7={second}")
    assert "**80.0** ± 6.4" in line_of(files["table2.md"], "| Soft")
    assert "52.5" in line_of(files["table2.md"], "| Binary filter (τ = 0.7)")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"fingerprint": "g"}, r"other data \(40 of a file; 40 of a file\)"),
        ({"problems": 30}, "another part of the problems"),
        ({"max_gen_toks": 128}, "max_gen_toks 64 and 128"),
        ({"judge": "a model"}, "judge None and a model"),
        ({"sent": {"greedy": GREEDY, "sampled": SAMPLED | {"temperature": 1.0}}}, "sampled temperature 1.2 and 1.0"),
        ({"sent": {"greedy": GREEDY, "sampled": SAMPLED | {"top_k": 20}}}, "sampled top_k 0 and 20"),
        ({"versions": {"sympy": "1.13.0"}}, "graded by sympy 1.14.0 and 1.13.0"),
    ],
)
def test_what_does_not_compare_is_refused(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    arguments = [
        f"weighting/uniform={result(tmp_path, 'one', 3)}",
        f"weighting/soft={result(tmp_path, 'two', 4, **changed)}",
    ]
    with pytest.raises(ResultError, match=f"column math500.*results_one.*results_two.*cannot be compared: .*{message}"):
        build_tables(read_plan(arguments))


def test_other_back_ends_and_other_versions_of_lm_eval_compare(tmp_path: Path) -> None:
    sampled = SAMPLED | {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0, "seed": 7}
    sent = {"greedy": GREEDY | {"seed": 0, "top_k": -1}, "sampled": sampled}
    first = result(tmp_path, "one", 3)
    two = result(tmp_path, "two", 4, sent=sent, versions={"lm-eval": "0.4.14"}, chat_template=False)
    made = written(f"weighting/uniform={first}", f"weighting/soft={two}")
    assert "- math500: without a chat template, unlike the others: Soft weighting (UOPD)" in made["table2.md"]


def test_ablations_with_memory_and_time_of_the_runs(tmp_path: Path) -> None:
    result(tmp_path, "a", 10), run_folder(tmp_path, "k128", teacher={"top_k": 128})
    run_folder(tmp_path, "eight", rollouts={"per_prompt": 8, "max_new_tokens": 64})
    made = written(
        plan_file(
            tmp_path,
            "samples: {8: results_a_math500.json}\n"
            "topk: {128: {results: results_a_math500.json, run: k128}, full: [results_a_math500.json]}\n"
            "rollouts: {8: {run: eight}}\n",
        ),
    )
    assert "25.0 ± 6.9" in line_of(made["ablation_samples.md"], "| 8 |")
    assert line_of(made["ablation_topk.md"], "| 128 |").endswith("| 3.00 |")
    assert "25.0 ± 6.9" in line_of(made["ablation_topk.md"], "| full vocabulary |")
    assert line_of(made["ablation_topk.md"], "| full vocabulary |").endswith("| – |")
    assert line_of(made["ablation_rollouts.md"], "| 8 |").endswith("| 3.00 |")


def test_a_run_that_is_not_what_the_row_says_is_refused(tmp_path: Path) -> None:
    run_folder(tmp_path, "run")
    for text, message in (
        ("topk: {128: {run: run}}", "teacher.top_k = 512, expected 128"),
        ("rollouts: {8: {run: run}}", "rollouts.per_prompt = 4, expected 8"),
        ("weighting: {uniform: {run: run}}", "method = 'uopd', expected 'opd'"),
        ("pairs: [{student: S, teacher: T, rows: {grpo: {run: run}}}]", "method = 'uopd', expected 'grpo'"),
    ):
        with pytest.raises(ResultError, match=message):
            build_tables(read_plan([plan_file(tmp_path, text)]))


def test_the_convergence_curve(tmp_path: Path) -> None:
    run_folder(tmp_path, "uopd", correct=([0, 0, 0, 1], [0, 0, 1, 1], [0, 1, 1, 1]))
    run_folder(tmp_path, "opd", correct=([0, 0, 0, 1], [0, 0, 0, 1]))
    text = "convergence: {UOPD: uopd, Standard OPD: opd}"
    files = written(plan_file(tmp_path, text))
    assert line_of(files["convergence.md"], "| step") == "| step | UOPD | Standard OPD |"
    assert line_of(files["convergence.md"], "| 5 ") == "| 5 | 50.0 ± 28.9 | 25.0 ± 25.0 |"
    assert line_of(files["convergence.md"], "| 10 ") == "| 10 | 75.0 ± 25.0 | – |"
    run_folder(tmp_path, "other", correct=([0, 1],))
    with pytest.raises(ResultError, match=r"UOPD .* and Other .* have different numbers of problems: 4 and 2"):
        build_tables(read_plan([plan_file(tmp_path, "convergence: {UOPD: uopd, Other: other}")]))
    run_folder(tmp_path, "none")
    with pytest.raises(ResultError, match=r"has no evaluation in evaluations.jsonl; train with eval.every=STEPS"):
        build_tables(read_plan([plan_file(tmp_path, "convergence: {UOPD: none}")]))


def test_results_without_a_label_get_a_plain_table(tmp_path: Path) -> None:
    first, second = result(tmp_path, "one", 10, limit=40), result(tmp_path, "two", 38)
    files = written(str(first), str(second))
    assert set(files) == {"results.md", "results.tex"}
    assert line_of(files["results.md"], "| two") == "| two | 95.0 ± 3.5 | 47.5 ± 1.7 |"
    assert "- math500: a part of it, 40 problems (lm-eval's limit)" in files["results.md"]


def test_the_same_call_writes_the_same_bytes(tmp_path: Path) -> None:
    result(tmp_path, "one", 10), result(tmp_path, "two", 38)
    run_folder(tmp_path, "run", correct=([0, 1], [1, 1]))
    rows = "{uniform: results_one_math500.json, soft: results_two_math500.json}"
    plan = plan_file(
        tmp_path,
        f"benchmarks: [math500]\npairs: [{{student: S, teacher: T}}]\nweighting: {rows}\nconvergence: {{UOPD: run}}\n"
        "topk: {512: {results: results_one_math500.json, run: run}}\n",
    )
    folders = []
    for name in ("a", "b"):
        assert main([plan, "--out", str(tmp_path / name)]) == 0
        folders.append({path.name: path.read_bytes() for path in sorted((tmp_path / name).iterdir())})
    names = ("table1", "table2", "ablation_samples", "ablation_topk", "ablation_rollouts", "convergence")
    assert folders[0] == folders[1]
    assert set(folders[0]) == {f"{name}.{ending}" for name in names for ending in ("md", "tex", "png", "svg")} | {
        ".written.json"
    }
    assert folders[0]["table2.png"].startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("weighting: {hard: x}", r"weighting: .*'hard' is not a row of this table; expected uniform, filter-0.3"),
        (
            "pairs: [{student: S, teacher: T, rows: {sft: x}}]",
            r"pairs.0.rows: .*'sft' is not a row of this table; expected one of base",
        ),
        ("topk: {all: x}", "'all' is not a row of this table; expected a whole number or full"),
        ("benchmarks: [aime]", "'aime' is not a benchmark"),
        ("tables: {}", "tables: Extra inputs are not permitted"),
        ("weighting: [", "is not YAML"),
        ("weighting: {soft: nowhere}", "nowhere: has no results_"),
    ],
)
def test_what_a_plan_gets_wrong_is_said(tmp_path: Path, text: str, message: str, capsys: Any) -> None:
    with pytest.raises(ResultError, match=message):
        build_tables(read_plan([plan_file(tmp_path, text)]))
    assert main([plan_file(tmp_path, text)]) == 2 and capsys.readouterr().err.startswith("tables: ")


def test_two_files_for_one_cell_and_unknown_arguments_are_refused(tmp_path: Path) -> None:
    first, second = result(tmp_path, "one", 3), result(tmp_path, "two", 4)
    with pytest.raises(ResultError, match=r"math500 is in .*one.* and in .*two.*; name only one of them"):
        build_tables(read_plan([f"weighting/soft={first}", f"weighting/soft={second}"]))
    with pytest.raises(ResultError, match="there is no such file or folder"):
        read_plan(["nothing"])
    with pytest.raises(ResultError, match="a label is STUDENT:TEACHER/METHOD"):
        read_plan([f"soft={first}"])
