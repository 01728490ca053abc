"""The table of public sources, and how they are read.

Pins: every known trap of a source's rows gives the named problem or the named reason; the real loader on folders laid
out as on the Hub; `spread` takes the same rows whatever their order, `first` stops reading; what a fingerprint follows;
the message for a source that is gated, missing, not reachable or has other columns; counts of rows and reasons on real
files.
"""

import http.server
import json
import os
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sure_math.config import CopyConfig, SourceConfig
from sure_math.problems.sources.catalogue import BENCHMARKS, SOURCES
from sure_math.problems.sources.hub import HubSplit, open_split
from sure_math.problems.sources.public import commit_of, read_benchmark, read_source, source_digest
from sure_math.problems.sources.seeds import check_seeds
from sure_math.problems.sources.table_files import InputError
from sure_math.rows import Dropped, Problem

Found = list[Problem | Dropped]

# A row in the source's exact schema, and the expected problem, answer and solution, or why it is not a seed.
Q = "What is $1 + 1$?"
NUMINA = {"source": "olympiads", "problem": Q, "solution": r"So $\boxed{2}$.", "messages": [{"role": "user"}]}
NUMINA_15 = {
    **{"problem": Q, "solution": "It is 2.", "answer": "2", "problem_type": "Algebra", "source": "cn_contest"},
    **{"question_type": "math-word-problem", "problem_is_valid": "Yes", "solution_is_valid": "Yes", "synthetic": False},
}
MATH = {
    "problem": Q,
    "level": "Level 5",
    "type": "Algebra",
    "solution": r"First \boxed{1}, then $\boxed{\frac{1}{2}}$.",
}
OMNI = {"domain": ["Algebra"], "difficulty": 4.5, "problem": Q, "solution": "Two.", "answer": "2", "source": "imo"}
OLYMPIAD: dict[str, Any] = {
    **{"id": 1606, "question": Q, "solution": ["First way.", "Second way."], "final_answer": ["$2$"], "context": None},
    **{f"image_{number}": None for number in range(1, 10)},
    **{"modality": "Text-only", "difficulty": "Competition", "is_multiple_answer": False, "unit": None},
    **{"answer_type": "Numerical", "error": None, "question_type": "Open-ended", "subfield": "Algebra"},
    **{"subject": "Math", "language": "English"},
}
MATHARENA = {"problem_idx": 7, "problem": Q, "answer": 2, "problem_type": ["Algebra"]}
SUFFIX = (
    "\nAfter solving the above problem, please output your final answer in the following format:\n"
    "### The final answer is: $\\boxed{<your answer>}$\nExample:\n### The final answer is: $\\boxed{123}$\n"
)
AMO = {"question_id": 5, "prompt": Q + SUFFIX, "solution": "s", "answer": r"$$\boxed{\{1, 2\}}$$", "answer_type": "set"}
BOXED = "\nPlease reason step by step, and put your final answer within \\boxed{}."
GSM8K = {"question": Q, "answer": "He has 3*400=<<3*400=1200>>1200.\n#### $1,200"}
TRAPS: dict[str, tuple[str, dict[str, Any], str | tuple[str, str | None, str | None]]] = {
    "scalequest, boxed": ("scalequest", {"query": Q, "response": r"So \boxed{2}."}, (Q, "2", r"So \boxed{2}.")),
    "scalequest, said": (
        "scalequest",
        {"query": Q, "response": "The answer is 3? No.\nThe answer is: $\\frac{1}{2}$."},
        (Q, r"\frac{1}{2}", "The answer is 3? No.\nThe answer is: $\\frac{1}{2}$."),
    ),
    "scalequest, box cut off": ("scalequest", {"query": Q, "response": r"The answer is \boxed{2"}, "no_answer"),
    "scalequest, none": ("scalequest", {"query": Q, "response": "Hard to say."}, "no_answer"),
    "numina": ("numina_cot", NUMINA, (Q, "2", r"So $\boxed{2}$.")),
    "numina, proof": ("numina_cot", {**NUMINA, "problem": "Prove that 1 < 2.", "solution": "Clear."}, "proof"),
    "numina, unboxed": ("numina_cot", {**NUMINA, "solution": "It is 2."}, "no_answer"),
    "numina, picture": ("numina_cot", {**NUMINA, "problem": Q + " ![](https://cdn.example/1.jpg)"}, "has_figure"),
    "numina, MATH": ("numina_cot", {**NUMINA, "source": "math"}, "excluded_subset"),
    "numina, GSM8K": ("numina_cot", {**NUMINA, "source": "gsm8k"}, "excluded_subset"),
    "numina, AMC and AIME": ("numina_cot", {**NUMINA, "source": "amc_aime"}, "excluded_subset"),
    "numina, written after MATH": ("numina_cot", {**NUMINA, "source": "synthetic_math"}, (Q, "2", r"So $\boxed{2}$.")),
    "numina 1.5": ("numina_15", NUMINA_15, (Q, "2", "It is 2.")),
    "numina 1.5, answer proof": ("numina_15", {**NUMINA_15, "answer": "proof"}, "proof"),
    "numina 1.5, type proof": ("numina_15", {**NUMINA_15, "question_type": "proof"}, "proof"),
    "numina 1.5, not found": ("numina_15", {**NUMINA_15, "answer": "notfound"}, "no_answer"),
    "numina 1.5, bad statement": ("numina_15", {**NUMINA_15, "problem_is_valid": "Incomplete"}, "invalid"),
    "numina 1.5, bad solution": ("numina_15", {**NUMINA_15, "solution_is_valid": "No"}, "invalid"),
    "numina 1.5, AIME": ("numina_15", {**NUMINA_15, "source": "amc_aime"}, "excluded_subset"),
    "math, last box": ("math", MATH, (Q, r"\frac{1}{2}", MATH["solution"])),
    "math, level unknown": ("math", {**MATH, "level": "Level ?"}, (Q, r"\frac{1}{2}", MATH["solution"])),
    "math, figure as code": (
        "math",
        {**MATH, "problem": Q + " [asy] draw((0,0)--(1,1)); [/asy]"},
        (Q + " [asy] draw((0,0)--(1,1)); [/asy]", r"\frac{1}{2}", MATH["solution"]),
    ),
    "math, no text": ("math", {**MATH, "problem": " \n"}, "empty"),
    "math, copy with answers": ("math", {"problem": Q, "answer": "2", "difficulty": 3.0}, (Q, "2", None)),
    "math, copy without one": ("math", {"problem": Q, "answer": None, "difficulty": 3.0}, "no_answer"),
    "omni": ("omni_math", OMNI, (Q, "2", "Two.")),
    "olympiadbench": ("olympiadbench", OLYMPIAD, (Q, "2", "First way.")),
    "olympiadbench, several in one": (
        "olympiadbench",
        {**OLYMPIAD, "final_answer": ["$69$,$84$"], "is_multiple_answer": True},
        (Q, "69,84", "First way."),
    ),
    "olympiadbench, prose": (
        "olympiadbench",
        {**OLYMPIAD, "final_answer": ["$a x$, where $a$ is even"]},
        (Q, "$a x$, where $a$ is even", "First way."),
    ),
    "olympiadbench, stray dollar": (
        "olympiadbench",
        {**OLYMPIAD, "final_answer": ["$221,$8$"]},
        (Q, "221,8", "First way."),
    ),
    "olympiadbench, full stop": (
        "olympiadbench",
        {**OLYMPIAD, "final_answer": ["$(0, 1)$."]},
        (Q, "(0, 1)", "First way."),
    ),
    "olympiadbench, context": (
        "olympiadbench",
        {**OLYMPIAD, "context": "Let $x = 1$."},
        (f"Let $x = 1$.\n\n{Q}", "2", "First way."),
    ),
    "olympiadbench, tolerance": ("olympiadbench", {**OLYMPIAD, "error": "1e-1", "unit": "%"}, "tolerance"),
    "olympiadbench, proof": (
        "olympiadbench",
        {**OLYMPIAD, "question_type": "Theorem proof", "final_answer": None},
        "proof",
    ),
    "olympiadbench, image": ("olympiadbench", {**OLYMPIAD, "image_1": {"bytes": "x"}}, "has_figure"),
    "olympiadbench, multimodal": ("olympiadbench", {**OLYMPIAD, "modality": "Multimodal"}, "has_figure"),
    "olympiadbench, placeholder": (
        "olympiadbench",
        {**OLYMPIAD, "question": "See <image_1>. What is x?"},
        "has_figure",
    ),
    "olympiadbench, physics": ("olympiadbench", {**OLYMPIAD, "subject": "Physics"}, "not_maths"),
    "olympiadbench, no answer": ("olympiadbench", {**OLYMPIAD, "final_answer": []}, "no_answer"),
    "aime24": ("aime24", {"ID": "2024-II-4", "Problem": Q, "Solution": "s", "Answer": 33}, (Q, "33", "s")),
    "aime24, leading zero": (
        "aime24",
        {"id": 65, "problem": Q, "solution": "s", "answer": "025", "url": "u", "year": "2024"},
        (Q, "25", "s"),
    ),
    "aime24, boxed copy": (
        "aime24",
        {"id": 1, "problem": Q, "solution": r"\boxed{204}", "url": "u"},
        (Q, "204", r"\boxed{204}"),
    ),
    "aime24, problem_idx copy": ("aime24", MATHARENA, (Q, "2", None)),
    "aime25": ("aime25", {"problem": Q, "answer": "70", "id": "0"}, (Q, "70", None)),
    "aime25, question": ("aime25", {"question": Q, "answer": "070"}, (Q, "70", None)),
    "aime25, empty solution": (
        "aime25",
        {"id": "I-1", "problem": Q, "solution": "", "answer": "70", "url": ""},
        (Q, "70", None),
    ),
    "hmmt, LaTeX": ("hmmt_feb25", {**MATHARENA, "answer": r"\frac{1}{576}"}, (Q, r"\frac{1}{576}", None)),
    "hmmt, integers": ("hmmt_nov25", MATHARENA, (Q, "2", None)),
    "hmmt, instruction": ("hmmt_nov25", {"problem": Q + "\n" + BOXED, "answer": "3"}, (Q, "3", None)),
    "amo_bench, set": ("amo_bench", AMO, (Q, r"\{1, 2\}", "s")),
    "amo_bench, description": (
        "amo_bench",
        {**AMO, "answer": "The union of two sets.", "answer_type": "description"},
        (Q, "The union of two sets.", "s"),
    ),
    "aimo_aime": ("aimo_aime", {"id": 3, "problem": Q, "solution": "s", "answer": "045", "url": "u"}, (Q, "45", "s")),
    "aimo_amc, float": ("aimo_amc", {"id": 0, "problem": Q, "answer": 142.0, "url": "u"}, (Q, "142", None)),
    "math500": (
        "math500",
        {**MATH, "answer": r"\frac{1}{2}", "subject": "Algebra", "level": 5, "unique_id": "test/algebra/1.json"},
        (Q, r"\frac{1}{2}", MATH["solution"]),
    ),
    "math500, messages": (
        "math500",
        {"prompt": [{"from": "user", "value": Q}], "final_answer": "p - q"},
        (Q, "p - q", None),
    ),
    "gsm8k": ("gsm8k", GSM8K, (Q, "1200", "He has 3*400=1200.")),
    "gsm8k, no hashes": ("gsm8k", {**GSM8K, "answer": "1200"}, "no_answer"),
}


def write_jsonl(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(name: str, path: Path, run_seed: int = 0, **settings: Any) -> Found:
    return list(read_source(name, SourceConfig(path=path, **settings), run_seed=run_seed, commit=None))


def problems(rows: Found) -> list[Problem]:
    return [row for row in rows if isinstance(row, Problem)]


def reasons(rows: Found) -> dict[str, int]:
    return dict(Counter(row.reason for row in rows if isinstance(row, Dropped)))


@pytest.mark.parametrize(("name", "row", "expected"), TRAPS.values(), ids=TRAPS)
def test_traps(tmp_path: Path, name: str, row: dict[str, Any], expected: Any) -> None:
    (row_read,) = read(name, write_jsonl(tmp_path / "rows.jsonl", [row]))
    if isinstance(row_read, Dropped):
        assert (row_read.phase, row_read.reason, row_read.source) == ("seeds", expected, name)
        return
    assert (row_read.problem, row_read.answer, row_read.solution) == expected
    assert (row_read.source, row_read.tier, row_read.license) == (name, SOURCES[name].tier, SOURCES[name].license)
    assert (row_read.split, row_read.strategy, row_read.round, row_read.answer_source) == ("train", "seed", 0, "source")


def test_the_table() -> None:
    dead = {"hendrycks/competition_math", "lighteval/MATH", "lighteval/MATH-Hard"}
    assert not dead & {source.dataset for source in SOURCES.values()}
    assert set(BENCHMARKS) <= set(SOURCES)
    assert [name for name, source in SOURCES.items() if source.revision is None] == ["scalequest"]
    assert all(len(source.revision) == 40 for source in SOURCES.values() if source.revision)
    # The paper's sources by tier, Sec. 4.1.
    tiers = {name: source.tier for name, source in SOURCES.items()}
    assert {tiers[name] for name in ("numina_cot", "math")} == {"medium"}
    assert {tiers[name] for name in ("omni_math", "olympiadbench")} == {"hard"}
    assert tiers["scalequest"] == "easy"
    contests = ("aime24", "aime25", "hmmt_feb25", "hmmt_nov25", "amo_bench")
    assert {tiers[name] for name in contests} == {"competition"}
    closed = {name for name, source in SOURCES.items() if source.license not in ("apache-2.0", "mit")}
    assert closed == {"hmmt_feb25", "hmmt_nov25"}
    assert SOURCES["math"].splits == ("train",)


def hub_folder(
    folder: Path, files: Mapping[tuple[str, str], Sequence[Mapping[str, Any]]], schema: pa.Schema | None = None
) -> Path:
    """A folder as a dataset lies on the Hub: one Parquet file per (configuration, split), named in the README."""
    configs: dict[str, list[str]] = {}
    for (subset, split), rows in files.items():
        path = folder / subset / f"{split}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path)
        configs.setdefault(subset, []).append(f"      - split: {split}\n        path: {subset}/{split}-*\n")
    lines = "".join(
        f"  - config_name: {subset}\n    data_files:\n{''.join(parts)}" for subset, parts in configs.items()
    )
    (folder / "README.md").write_text(f"---\nconfigs:\n{lines}---\n# A copy\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def math_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {
        (subset, split): [{**MATH, "problem": f"What of {subset}, {split}, {number}?"} for number in range(3)]
        for subset in SOURCES["math"].subsets
        for split in ("train", "test")
    }
    return hub_folder(tmp_path_factory.mktemp("math"), files)


def test_math_is_all_subjects_and_train_only(math_folder: Path) -> None:
    rows_read = problems(read("math", math_folder))
    assert len(rows_read) == 21
    assert {row.problem.split(",")[1] for row in rows_read} == {" train"}
    assert rows_read[0].problem_id.startswith("math-algebra-train-")
    both = problems(read("math", math_folder, splits=("train", "test")))
    assert len({row.problem_id for row in both}) == 42
    assert {row.split for row in both} == {"train"}  # ours: a seed, whatever split it comes from
    assert {row.problem_id for row in rows_read} < {row.problem_id for row in both}
    (geometry,) = problems(read("math", math_folder, subsets=("geometry",), rows=1))
    assert geometry.problem_id.startswith("math-geometry-train-")


def test_olympiadbench_reads_one_configuration(tmp_path: Path) -> None:
    text, texts = datasets.Value("string"), datasets.List(datasets.Value("string"))
    types = {"id": datasets.Value("int64"), "is_multiple_answer": datasets.Value("bool"), "solution": texts}
    images = {name: datasets.Image() for name in OLYMPIAD if name.startswith("image_")}
    features = {name: {**types, **images, "final_answer": texts}.get(name, text) for name in OLYMPIAD}
    schema = datasets.Features(features).arrow_schema
    shown = {**OLYMPIAD, "id": 2, "image_1": {"bytes": b"not a picture", "path": "1.png"}}
    folder = hub_folder(
        tmp_path,
        {("OE_TO_maths_en_COMP", "train"): [OLYMPIAD], ("OE_MM_maths_en_COMP", "train"): [shown]},
        schema,
    )
    (row,) = read("olympiadbench", folder)
    assert isinstance(row, Problem)
    assert (row.problem_id, row.answer) == ("olympiadbench-OE_TO_maths_en_COMP-train-1606", "2")
    assert reasons(read("olympiadbench", folder, subsets=("OE_MM_maths_en_COMP",))) == {"has_figure": 1}


@pytest.mark.parametrize("lines", [True, False])
def test_scalequest_is_one_file_of_json(tmp_path: Path, lines: bool) -> None:
    rows = [{"query": f"What is {number}?", "response": rf"\boxed{{{number}}}"} for number in range(5)]
    text = "\n".join(json.dumps(row) for row in rows) if lines else json.dumps(rows)
    (tmp_path / "train.json").write_text(text, encoding="utf-8")
    rows_read = problems(read("scalequest", tmp_path))
    assert [row.answer for row in rows_read] == ["0", "1", "2", "3", "4"]
    assert all(row.problem_id.startswith("scalequest-train-") for row in rows_read)


def test_numina_has_nested_messages(tmp_path: Path) -> None:
    turns = [{"content": Q, "role": "user"}, {"content": "2", "role": "assistant"}]
    rows = [{**NUMINA, "messages": turns}, {**NUMINA, "source": "math", "messages": turns}]
    rows_read = read("numina_cot", hub_folder(tmp_path, {("default", "train"): rows, ("default", "test"): rows[:1]}))
    assert ([row.problem for row in problems(rows_read)], reasons(rows_read)) == ([Q], {"excluded_subset": 1})


def test_a_benchmark_gives_every_statement(tmp_path: Path) -> None:
    rows = [AMO, {**AMO, "question_id": 6, "answer": ""}, {**AMO, "question_id": 7, "prompt": ""}]
    folder = hub_folder(tmp_path, {("default", "test"): rows})
    rows_read = list(read_benchmark("amo_bench", CopyConfig(path=folder), None))
    assert [row.problem_id for row in problems(rows_read)] == ["amo_bench-test-5", "amo_bench-test-6"]
    assert [(row.problem, row.answer) for row in problems(rows_read)] == [(Q, r"\{1, 2\}"), (Q, None)]
    assert reasons(rows_read) == {"empty": 1}


def many(count: int) -> list[dict[str, Any]]:
    """Rows of NuminaMath: every fifth without an answer, every seventh a repetition with another solution."""
    rows = []
    for number in range(count):
        solution = "none" if number % 5 == 0 else rf"\boxed{{{number}}}"
        text = f"What is {number - 1 if number % 7 == 0 and number else number}?"
        rows.append({**NUMINA, "problem": text, "solution": solution})
    return rows


def test_spread_does_not_depend_on_the_order(tmp_path: Path) -> None:
    source_rows = many(200)
    orders = [random.Random(order).sample(source_rows, len(source_rows)) for order in range(3)]
    paths = [write_jsonl(tmp_path / f"{order}.jsonl", rows) for order, rows in enumerate(orders)]
    usable = {row["problem"] for row in source_rows if "box" in row["solution"]}
    for rows in (*range(1, 80), len(usable), 1000):
        first, *others = [read("numina_cot", path, rows=rows) for path in paths]
        assert others == [first, first]
        assert len(problems(first)) == min(rows, len(usable))
        assert len({row.problem_id for row in first}) == len(first)


def test_spread_takes_more_by_adding(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "rows.jsonl", many(200))
    ten, twenty, all_of_them = (read("numina_cot", path, rows=rows) for rows in (10, 20, 1000))
    assert problems(twenty)[:10] == problems(ten)
    assert problems(read("numina_cot", path, run_seed=1, rows=10)) != problems(ten)
    # Dropped rows stand for those that would have been taken: about as frequent as in the whole.
    assert set(reasons(all_of_them)) == {"no_answer", "duplicate"}
    assert sum(reasons(ten).values()) < 10 < sum(reasons(all_of_them).values())
    assert reasons(all_of_them)["no_answer"] == 40


def test_first_stops_reading(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "rows.jsonl", many(20))
    path.write_text(path.read_text() + "{oops\n", encoding="utf-8")
    rows_read = read("numina_cot", path, rows=3, pick="first")
    assert [row.answer for row in problems(rows_read)] == ["1", "2", "3"]
    assert reasons(rows_read) == {"no_answer": 1}
    with pytest.raises(InputError, match="line 21: is not JSON"):
        read("numina_cot", path, rows=3)


def test_ids_of_sources_do_not_meet(tmp_path: Path) -> None:
    aime = write_jsonl(tmp_path / "a.jsonl", [{"ID": "1", "Problem": Q, "Answer": 2}])
    hmmt = write_jsonl(tmp_path / "h.jsonl", [{**MATHARENA, "problem_idx": 1}])
    seeds = [*read("aime24", aime), *read("hmmt_feb25", hmmt), *read("hmmt_nov25", hmmt)]
    assert [row.problem_id for row in seeds] == ["aime24-1", "hmmt_feb25-1", "hmmt_nov25-1"]
    assert [row for (rows,) in check_seeds(iter(seeds)) for row in rows] == seeds


def test_dropped_rows_pass_the_check(tmp_path: Path) -> None:
    rows = [NUMINA, {**NUMINA, "source": "gsm8k"}, NUMINA]
    rows_read = [
        row
        for (batch,) in check_seeds(iter(read("numina_cot", write_jsonl(tmp_path / "n.jsonl", rows))))
        for row in batch
    ]
    assert [getattr(row, "reason", "kept") for row in rows_read] == ["kept", "excluded_subset", "duplicate"]


def test_what_a_fingerprint_follows(tmp_path: Path, math_folder: Path) -> None:
    path = write_jsonl(tmp_path / "rows.jsonl", many(5))
    config = SourceConfig(path=path, rows=3)
    before = source_digest("numina_cot", config, 0, None)
    moved = path.rename(tmp_path / "moved.jsonl")
    assert source_digest("numina_cot", config.model_copy(update={"path": moved}), 0, None) == before
    assert source_digest("numina_cot", config.model_copy(update={"path": moved, "rows": 4}), 0, None) != before
    assert source_digest("numina_cot", config.model_copy(update={"path": moved}), 1, None) != before
    write_jsonl(moved, many(6))
    assert source_digest("numina_cot", config.model_copy(update={"path": moved}), 0, None) != before
    pinned, other = SourceConfig(), "b" * 40
    assert source_digest("math", pinned, 0, "a" * 40) == source_digest("math", pinned, 1, "a" * 40)
    assert source_digest("math", pinned, 0, "a" * 40) != source_digest("math", pinned, 0, other)
    folder = CopyConfig(path=math_folder)
    whole = source_digest("math", folder, 0, None)
    more = math_folder / ".cache" / "huggingface" / "algebra.metadata"
    more.parent.mkdir(parents=True)
    more.write_text("when it was downloaded")
    assert source_digest("math", folder, 0, None) == whole
    (math_folder / "more.txt").write_text("more")
    assert source_digest("math", folder, 0, None) != whole
    inside = CopyConfig(path=write_jsonl(tmp_path / ".cache" / "hub" / "rows.jsonl", many(5)).parent)
    before = source_digest("gsm8k", inside, 0, None)
    write_jsonl(tmp_path / ".cache" / "hub" / "rows.jsonl", many(6))
    assert source_digest("gsm8k", inside, 0, None) != before


def test_a_commit_needs_no_network(tmp_path: Path) -> None:
    assert commit_of("math", SourceConfig()) == SOURCES["math"].revision
    assert commit_of("scalequest", SourceConfig(revision="c" * 40)) == "c" * 40
    assert commit_of("gsm8k", CopyConfig(path=tmp_path)) is None


def failing(name: str, config: SourceConfig | CopyConfig) -> str:
    with pytest.raises(InputError) as caught:
        if isinstance(config, SourceConfig):
            list(read_source(name, config, run_seed=0, commit=None))
        else:
            list(read_benchmark(name, config, None))
    return str(caught.value)


def test_columns_that_changed(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "rows.jsonl", [{"text": Q, "label": "2"}])
    message = failing("numina_cot", SourceConfig(path=path))
    assert message.startswith(
        f"seeds.public.numina_cot.path = {path}: expected a statement in the column problem or question"
    )
    assert (
        "an answer in solution; the columns are text, label; give a local copy with seeds.public.numina_cot.path="
        in message
    )
    folder = hub_folder(tmp_path / "hub", {("default", "test"): [{"text": Q}]})
    message = failing("math500", CopyConfig(path=folder))
    assert message.startswith(
        f"decontaminate.benchmarks.math500: {folder} (split test): expected a statement in the column"
    )
    assert "the columns are text" in message
    assert message.endswith("or leave it out with decontaminate.skip=[math500]")


FOLDERS = {
    "no such file": (None, {}, "seeds.public.math.path = {path}: there is no such file"),
    "no such subset": ("math", {"subsets": ("topology",)}, "BuilderConfig 'topology' not found"),
    "no such split": ("math", {"splits": ("validation",)}, "validation"),
    "nothing in it": ("empty", {}, "cannot be read"),
}


@pytest.mark.parametrize(("folder", "settings", "message"), FOLDERS.values(), ids=FOLDERS)
def test_copies_that_cannot_be_read(
    tmp_path: Path, math_folder: Path, folder: str | None, settings: dict[str, Any], message: str
) -> None:
    (tmp_path / "empty").mkdir()
    path = {"math": math_folder, "empty": tmp_path / "empty"}.get(folder or "", tmp_path / "none")
    text = failing("math", SourceConfig(path=path, **settings))
    assert text.startswith("seeds.public.math") and str(path) in text
    assert message.format(path=path) in text


class Hub(http.server.BaseHTTPRequestHandler):
    """Answers as the Hub does where a dataset cannot be had; one dataset has a newest commit."""

    def do_GET(self) -> None:
        code, error, body = 200, "", json.dumps({"id": "dyyyyyyyy/ScaleQuest-Math", "sha": "d" * 40}).encode()
        for dataset, refusal in REFUSED.items():
            if SOURCES[dataset].dataset in self.path:
                code, error, body = refusal[0], refusal[1], b""
        self.send_response(code)
        if error:
            self.send_header("X-Error-Code", error)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


REFUSED = {
    "math": (403, "GatedRepo", "it is gated: accept its terms on the Hub and log in with `hf auth login`"),
    "omni_math": (404, "RepoNotFound", "the Hub knows no such dataset, or it is private"),
    "olympiadbench": (404, "RevisionNotFound", "the revision does not exist"),
}
ASK = """
import json, sys
from sure_math.config import CopyConfig, SourceConfig
from sure_math.problems.sources.public import commit_of, read_benchmark, read_source
from sure_math.problems.sources.table_files import InputError

outcomes = {}
for name in sys.argv[1:]:
    try:
        outcomes[name] = commit = commit_of(name, SourceConfig())
        if name != "scalequest":
            list(read_source(name, SourceConfig(), run_seed=0, commit=commit))
    except InputError as error:
        outcomes[name] = str(error)
try:
    list(read_benchmark("math", CopyConfig(), "a" * 40))
except InputError as error:
    outcomes["benchmark"] = str(error)
print(json.dumps(outcomes))
"""


def ask(environment: dict[str, str], *names: str) -> dict[str, str]:
    """What another process says of these sources: the Hub's address is read when its client is imported."""
    variables = {**os.environ, "HF_TOKEN": "hf_ourownsecrettoken", **environment}
    answer = subprocess.run(
        [sys.executable, "-c", ASK, *names], env=variables, capture_output=True, text=True, timeout=300, check=True
    )
    assert "ourownsecret" not in answer.stdout + answer.stderr
    return dict(json.loads(answer.stdout))


@pytest.fixture
def hub() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_what_the_hub_refuses(hub: str) -> None:
    messages = ask({"HF_ENDPOINT": hub}, *REFUSED, "scalequest")
    assert messages["scalequest"] == "d" * 40
    for name, (_, _, words) in REFUSED.items():
        assert messages[name].startswith(
            f"seeds.public.{name}: {SOURCES[name].dataset} (revision {SOURCES[name].revision}, "
        )
        assert words in messages[name]
        assert f"give a local copy with seeds.public.{name}.path=FILE_OR_FOLDER" in messages[name]
    assert "(revision 21a5633873b6a120296cce3e2df9d5550074f4a3, subset algebra, split train)" in messages["math"]
    assert (
        messages["benchmark"].startswith("decontaminate.benchmarks.math: ")
        and REFUSED["math"][2] in messages["benchmark"]
    )
    assert messages["benchmark"].endswith("or leave it out with decontaminate.skip=[math]")


def test_a_hub_that_cannot_be_reached() -> None:
    messages = ask({"HF_HUB_OFFLINE": "1"}, "gsm8k", "scalequest")
    for name in ("gsm8k", "scalequest"):
        assert messages[name].startswith(f"seeds.public.{name}: {SOURCES[name].dataset}")
        assert "the Hub cannot be reached" in messages[name]
        assert f"seeds.public.{name}.path=FILE_OR_FOLDER" in messages[name]


def test_messages_keep_secrets(tmp_path: Path) -> None:
    """A signed address and a token in a reader's error are not repeated."""
    write_jsonl(tmp_path / "train.jsonl", [NUMINA])
    split = "https://cdn.example/x?Signature=abc hf_abcdefghijk"
    with pytest.raises(InputError) as caught:
        open_split(HubSplit(key="k", dataset=str(tmp_path), subset=None, split=split, revision=None, remedy="r"))
    message = str(caught.value).partition("cannot be read")[2]
    assert "https://cdn.example/x [token]" in message
    assert "Signature" not in message and "abcdefghijk" not in message


REAL = {
    "scalequest/samples.jsonl": ("scalequest", 100, {}),
    "math/tora_test.jsonl": ("math", 5000, {}),
    "math/rllm_train_math.json": ("math", 7470, {"no_answer": 4}),
    "omni_math/omni_math_rule.jsonl": ("omni_math", 2821, {}),
    "olympiadbench/OE_TO_maths_en_COMP.jsonl": ("olympiadbench", 674, {"tolerance": 1}),
    "aime24/qwen_test.jsonl": ("aime24", 30, {}),
    "aime24/matharena_aime_2024_I.jsonl": ("aime24", 15, {}),
    "aime24/matharena_aime_2024_II.jsonl": ("aime24", 15, {}),
    "aime25/matharena_aime_2025_I.jsonl": ("aime25", 15, {}),
    "aime25/matharena_aime_2025_II.jsonl": ("aime25", 15, {}),
    "hmmt_feb_2025/matharena.jsonl": ("hmmt_feb25", 30, {}),
    "hmmt_feb_2025/fire_opd_test.jsonl": ("hmmt_feb25", 30, {}),
    "hmmt_nov_2025/test.jsonl": ("hmmt_nov25", 30, {}),
    "amo_bench/prompts_one_per_type.jsonl": ("amo_bench", 4, {}),
    "aimo_validation/aimo-validation-aime.jsonl": ("aimo_aime", 90, {}),
    "aimo_validation/aimo-validation-amc.jsonl": ("aimo_amc", 83, {}),
    "math500/test.jsonl": ("math500", 500, {}),
    "math500/math500_open_reasoner_zero.json": ("math500", 500, {}),
    "gsm8k/test.jsonl": ("gsm8k", 1319, {}),
    "gsm8k/train_first3000.jsonl": ("gsm8k", 3000, {}),
}


@pytest.mark.parametrize("file", REAL)
def test_real_files(realdata: Path, file: str) -> None:
    name, count, dropped = REAL[file]
    rows_read = read(name, realdata / file)
    rows = problems(rows_read)
    assert (len(rows), reasons(rows_read)) == (count, dropped)
    assert all(row.problem.strip() and row.answer and row.answer.strip() for row in rows)
    assert not any("step by step, and put" in row.problem or "### The final answer" in row.problem for row in rows)
    if name.startswith("aim"):
        assert all(
            row.answer and (row.answer == str(float(row.answer)) or row.answer == str(int(row.answer))) for row in rows
        )
    # An id never stands for two problems, so that the check of all sources together passes.
    kept = [row for (batch,) in check_seeds(iter(rows_read)) for row in batch if isinstance(row, Problem)]
    assert len({row.problem_id for row in kept}) == len({row.problem for row in rows})
    everything = list(read_benchmark(name, CopyConfig(path=realdata / file), None))
    assert len(everything) == count + sum(dropped.values()) == len(problems(everything))


def test_two_copies_of_a_benchmark_agree(realdata: Path) -> None:
    """MATH-500 in two independent copies, HMMT with and without its instruction, AIME 2024 with and without zeros."""
    pairs = [
        ("math500", ["math500/test.jsonl"], ["math500/math500_open_reasoner_zero.json"]),
        ("hmmt_feb25", ["hmmt_feb_2025/matharena.jsonl"], ["hmmt_feb_2025/fire_opd_test.jsonl"]),
    ]
    for name, *copies in pairs:
        first, second = (
            [row.answer for file in files for row in problems(read(name, realdata / file))] for files in copies
        )
        assert first == second
    years = [f"aime24/matharena_aime_2024_{part}.jsonl" for part in ("I", "II")]
    known = Counter(row.answer for file in years for row in problems(read("aime24", realdata / file)))
    assert Counter(row.answer for row in problems(read("aime24", realdata / "aime24/qwen_test.jsonl"))) == known


def test_a_copy_with_system_prompts(tmp_path: Path) -> None:
    """Rows with one text and other system prompts are other problems; without one a row keeps the id it always had."""

    def row(system: str | None) -> dict[str, Any]:
        turns = [] if system is None else [{"role": "system", "content": system}]
        return {**NUMINA_15, "problem": [*turns, {"role": "user", "content": Q}]}

    path = write_jsonl(tmp_path / "copy.jsonl", [row("In base 8."), row("In base 10."), row(None), row("In base 8.")])
    choices: tuple[dict[str, Any], ...] = ({}, {"rows": 3, "pick": "spread"})
    for settings in choices:
        found = read("numina_15", path, **settings)
        kept = problems([row for (rows,) in check_seeds(iter(found)) for row in rows])
        assert sorted(str(problem.system) for problem in kept) == ["In base 10.", "In base 8.", "None"]
        assert len({problem.problem_id for problem in kept}) == 3
    (plain,) = problems(read("numina_15", write_jsonl(path, [NUMINA_15])))
    assert plain.problem_id in {problem.problem_id for problem in kept}
