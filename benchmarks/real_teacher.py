"""Phase 1 with real models: does entropy find a real teacher's errors, and can weights help a real pair?

    python -m benchmarks.real_teacher --models DIR --realdata DIR --work DIR [--sets gsm8k curated] [--problems 200]

Builds a dataset for each model and set of problems, N = 8 at T = 0.7 and the greedy answer. The report has the AUROC of
the entropy beside its competitors, the accuracy per bin, the entropy of the first 2, 4 and 8 samples, the problems
whose samples agree on a wrong answer, how often the small model as judge agrees with the symbolic verdicts, and the
headroom of the pair: teacher minus student by the teacher's weight.

A repeated command continues. The replies of the models are kept in a Parquet file (`--replies`), so that a machine with
the same model files repeats the figures without asking the models; `--save-replies` only brings that file up to date,
also while a build is running.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measuring.journals import read_journal
from benchmarks.measuring.results_files import figure_file, results_file
from sure_math.annotation.judge import LlmJudge, judge_prompt
from sure_math.build import main as build_command
from sure_math.cluster import Pair
from sure_math.command_line.terminal import say
from sure_math.curated.problems import curated_problems
from sure_math.equivalence import same_answers
from sure_math.identity import digest
from sure_math.models.engines.spec import ModelSpec
from sure_math.models.responders.chat import load_responder
from sure_math.models.responders.journal import Journal
from sure_math.prompts import load_prompt
from sure_math.publication.published import open_dataset
from sure_math.reporting.auroc import estimate_auroc
from sure_math.storage.output_folder import WORK
from sure_math.validate import main as validate_command
from sure_math.validation.from_dataset import read_dataset
from sure_math.validation.graded_answers import SampledProblem, measure
from sure_math.validation.labels import judge_problems

TEACHER, STUDENT = "qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b"
"""Folders of Qwen2.5-Coder-Instruct models in `--models`."""
SETS = ("gsm8k", "curated")
ROLES = ("teacher", "student")
NESTED = (2, 4, 8)
JUDGED = 100
"""Pairs of answers of each symbolic verdict that the judge is asked about."""
RESULTS = results_file(__file__)
REPLIES = RESULTS.with_suffix(".parquet")
FIGURE = figure_file(__file__, "real_teacher_accuracy")
ENGINE_OPTIONS = {"vllm": "{enforce_eager: true, max_num_seqs: 48}", "transformers": "{}"}


def write_problems(name: str, realdata: Path, count: int, path: Path) -> None:
    """Write the first `count` problems of the test split of GSM8K, or of the held-out curated problems."""
    if name == "gsm8k":
        with (realdata / "gsm8k" / "test.jsonl").open(encoding="utf-8") as lines:
            rows = [json.loads(line) for _, line in zip(range(count), lines, strict=False)]
        problems = [(row["question"], row["answer"].rpartition("####")[2].strip()) for row in rows]
    else:
        held_out = [problem for problem in curated_problems() if problem.split == "test"]
        problems = [(problem.problem, problem.answer) for problem in held_out[:count]]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for index, (problem, answer) in enumerate(problems):
            file.write(json.dumps({"id": f"{name}-test-{index}", "problem": problem, "answer": answer}) + "\n")


def build(model: str, name: str, options: argparse.Namespace) -> Path:
    """Annotate a set of problems with a model, and validate the dataset; return its folder."""
    out, problems = options.work / f"{name}-{model}", options.work / f"{name}.jsonl"
    write_problems(name, options.realdata, options.problems, problems)
    if not (out / WORK / "journal.sqlite").exists():
        add_replies(options.replies, out)
    settings = [f"seeds.path={problems}", "decontaminate.skip=all", "sample.max_new_tokens=1024"]
    for role, folder in (("teacher", model), ("judge", options.student)):
        settings += [f"{role}.model={options.models / folder}", f"{role}.engine={options.engine}"]
        settings += [
            f"{role}.engine_options={ENGINE_OPTIONS[options.engine]}",
            f"{role}.max_model_len={options.positions}",
        ]
    run(build_command, "--config", "annotate", "--out", str(out), *settings, *options.override)
    run(validate_command, str(out))
    return out


def run(command: Callable[[Sequence[str]], int], *arguments: str) -> None:
    """Run a command of the package; SystemExit if it fails."""
    if (code := command(arguments)) != 0:
        raise SystemExit(code)


# ---- the replies of the models --------------------------------------------------------------------------------------


def add_replies(file: Path, out: Path) -> None:
    """Put the kept replies into the journal of a new build. The build finds those that are its own by their keys."""
    if not file.exists():
        return
    (out / WORK).mkdir(parents=True, exist_ok=True)
    Journal(out / WORK / "journal.sqlite").close()  # makes the table
    rows = pq.read_table(file).to_pylist()
    with sqlite3.connect(out / WORK / "journal.sqlite") as journal:
        journal.executemany("INSERT OR IGNORE INTO replies VALUES (:key, :reply, :checksum)", rows)


def save_replies(folders: Iterable[Path], file: Path) -> int:
    """Add the replies in the journals of some builds to the file of kept replies; return how many it then has."""
    rows: dict[bytes, dict[str, Any]] = {}
    if file.exists():
        rows = {row["key"]: row for row in pq.read_table(file).to_pylist()}
    for folder in folders:
        for key, reply, checksum in read_journal(folder / WORK / "journal.sqlite"):
            rows[key] = {"key": key, "reply": reply, "checksum": checksum}
    schema = pa.schema([("key", pa.binary()), ("reply", pa.string()), ("checksum", pa.binary())])
    table = pa.Table.from_pylist([rows[key] for key in sorted(rows)], schema=schema)
    pq.write_table(table, file, compression="zstd", compression_level=19)
    return len(rows)


# ---- the report -----------------------------------------------------------------------------------------------------


def report(folder: Path) -> dict[str, Any]:
    """Collect what `validate` found for a dataset, the entropy of fewer samples, and what the samples cost."""
    found = json.loads((folder / "validation" / "report.json").read_text(encoding="utf-8"))
    taken = ("label", "problems", "accuracy", "scores", "bins", "unanimous", "incomplete")
    rows = list(open_dataset(folder).rows("samples", ["token_count"]))
    return {
        **{key: found[key] for key in taken},
        "nested": nested(folder),
        "responses": len(rows),
        "generated_tokens": sum(row["token_count"] for row in rows),
    }


def nested(folder: Path) -> list[dict[str, Any]]:
    """Return the AUROC of the entropy of the first n samples, against the same labels."""
    answers = read_dataset(folder)
    rows = []
    for count in NESTED:
        scores, wrong = [], []
        for judged in judge_problems(answers, "greedy"):
            scores.append(first_entropy(judged.sampled, count))
            wrong.append(judged.wrong)
        estimate = estimate_auroc(scores, wrong, resamples=1000, seed=0)
        rows.append({"num_samples": count, "value": estimate.value, "low": estimate.low, "high": estimate.high})
    return rows


def first_entropy(problem: SampledProblem, count: int) -> float:
    """Return H / log n of the first n samples of a problem."""
    sums, tokens = problem.sum_logprobs, problem.token_counts
    return measure(
        problem.cluster_ids[:count],
        problem.answers[:count],
        None if sums is None else sums[:count],
        None if tokens is None else tokens[:count],
    ).entropy


def judge_against_symbolic(folders: Sequence[Path], spec: ModelSpec) -> dict[str, Any]:
    """Ask a model about pairs of answers that the symbolic check has decided; count where they agree."""
    pairs: dict[str, list[Pair]] = {"equal": [], "different": []}
    for folder in folders:
        for problem in read_dataset(folder).problems:
            texts = sorted({answer for answer in problem.answers if answer})
            both = [Pair(problem=problem.problem, first=a, second=b) for a, b in combinations(texts, 2)]
            verdicts = same_answers([(pair.first, pair.second) for pair in both], [problem.problem] * len(both))
            for pair, verdict in zip(both, verdicts, strict=True):
                if verdict != "undecided":
                    pairs[verdict].append(pair)
    drawn = {
        verdict: sorted(of_kind, key=lambda pair: digest([pair.problem, pair.first, pair.second]))[:JUDGED]
        for verdict, of_kind in pairs.items()
    }
    responder = load_responder(spec)
    try:
        judge = LlmJudge(responder, judge_prompt(load_prompt("default", "judge")))
        return {verdict: counted(judge(of_kind)) for verdict, of_kind in drawn.items()}
    finally:
        responder.close()


def counted(verdicts: Sequence[str]) -> Mapping[str, int]:
    """Count the verdicts of the judge."""
    return {name: list(verdicts).count(name) for name in ("equal", "different", "undecided")}


def headroom(teacher: Path, student: Path, out: Path) -> dict[str, Any]:
    """Compare the two models by the weight of the teacher; return that part of the report."""
    run(validate_command, str(teacher), "--student", str(student), "--out", str(out))
    part: dict[str, Any] = json.loads((out / "report.json").read_text(encoding="utf-8"))["headroom"]
    return part


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--models", type=Path, required=True, help="folder that holds the models")
    parser.add_argument("--teacher", default=TEACHER, help="folder of the teacher in it")
    parser.add_argument("--student", default=STUDENT, help="folder of the student in it, which is also the judge")
    parser.add_argument("--engine", choices=tuple(ENGINE_OPTIONS), default="vllm")
    parser.add_argument("--realdata", type=Path, required=True, help="folder with gsm8k/test.jsonl")
    parser.add_argument("--work", type=Path, required=True, help="folder of the datasets, outside the repository")
    parser.add_argument("--replies", type=Path, default=REPLIES, help="file of the kept replies")
    parser.add_argument("--positions", type=int, default=4096, help="of a prompt and its response together")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--problems", type=int, default=200, help="problems of each set")
    parser.add_argument(
        "--roles", nargs="+", choices=ROLES, default=list(ROLES), help="`teacher` alone leaves the student for later"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="file of the figures")
    parser.add_argument("--save-replies", action="store_true", help="only add new replies to the file")
    parser.add_argument("override", nargs="*", help="further key=value of the builds")
    options = parser.parse_intermixed_args(arguments)
    models = (options.teacher, options.student)
    folders = {(name, model): options.work / f"{name}-{model}" for name in options.sets for model in models}
    if options.save_replies:
        say(f"{options.replies}: {save_replies(folders.values(), options.replies):,} replies")
        return 0
    results = json.loads(options.results.read_text(encoding="utf-8")) if options.results.exists() else {}
    for name in options.sets:
        for role, model in zip(ROLES, models, strict=True):
            if role not in options.roles:
                continue
            build(model, name, options)
            save_replies([folders[name, model]], options.replies)
            results.setdefault(name, {})[model] = report(folders[name, model])
            write_results(results, options.results)
        teacher, student = (folders[name, model] for model in models)
        if options.results == RESULTS and name == SETS[0]:
            shutil.copy(teacher / "validation" / "accuracy.png", FIGURE)
        if len(options.roles) == len(ROLES):
            results[name]["headroom"] = headroom(teacher, student, options.work / f"{name}-headroom")
            write_results(results, options.results)
    if len(options.roles) < len(ROLES):
        return 0
    spec = ModelSpec(
        model=str(options.models / options.student), engine=options.engine, max_model_len=options.positions
    )
    results["judge"] = judge_against_symbolic(list(folders.values()), spec)
    write_results(results, options.results)
    return 0


def write_results(results: Mapping[str, Any], file: Path) -> None:
    """Write what has been found so far."""
    file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    say(f"written: {file}")


if __name__ == "__main__":
    sys.exit(main())
