r"""Measure how fast responses are graded, beside the grading functions of lm-eval's `minerva_math`.

    python benchmarks/grading_speed.py --realdata DIR [--python PYTHON] [--answers 8000] [--out FILE]

Input, from the folder of real data: the 950 full responses of `nemo_skills_output_rs*.jsonl` and
`qwen25_math_cot_100x8.jsonl`, and the first `--answers` answers of `zeroeval_math_l5_answers.jsonl`, each in a box.
Both sides grade the same responses in the same order, each in one process. Our symbolic checks run in two worker
processes; caches are empty, and the start of the workers is timed separately. Their side is `process_results` of
lm-eval's `minerva_math/utils.py` without changes: it compares strings, then calls Math-Verify on the whole solution and
the whole response.

`minerva_math` asserts antlr 4.11, which conflicts with our version. PYTHON is the interpreter of an extra environment:

    python -m venv minerva && minerva/bin/pip install antlr4-python3-runtime==4.11 math-verify==0.9.0

Without `--python`, only our side is measured.
"""

import argparse
import importlib.util
import json
import platform
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sure_math.command_line.terminal import prepare_output, say
from sure_math.escaping import file_bytes
from sure_math.storage.files import write_whole

FULL, BOXED = "full responses", "boxed answers"
RESULTS = Path(__file__).parent / "results" / "grading_speed.json"


@dataclass(frozen=True, slots=True)
class Case:
    """A response to grade."""

    kind: str
    gold: str
    solution: str
    response: str


def load(realdata: Path, answers: int) -> list[Case]:
    """Load the cases, in file order."""
    return [*_full(realdata / "model_outputs"), *_boxed(realdata / "model_outputs", answers)]


def _full(folder: Path) -> Iterator[Case]:
    for name in ("rs0", "rs1", "rs2"):
        for row in _rows(folder / f"nemo_skills_output_{name}.jsonl"):
            yield Case(FULL, row["expected_answer"], row["reference_solution"], row["generation"])
    for row in _rows(folder / "qwen25_math_cot_100x8.jsonl"):
        for response in row["code"]:
            yield Case(FULL, row["gt"], row["solution"], response)


def _boxed(folder: Path, answers: int) -> Iterator[Case]:
    count = 0
    for row in _rows(folder / "zeroeval_math_l5_answers.jsonl"):
        for item in row["answers"]:
            answer = str(item["answer"] or "").strip()
            if answer and count < answers:
                count += 1
                yield Case(BOXED, row["gold"], rf"\boxed{{{row['gold']}}}", rf"\boxed{{{answer}}}")


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def ours(cases: list[Case]) -> tuple[list[float], list[Any]]:
    """Grade each response in a separate call. Return seconds and outcome per response."""
    from eval_harness.grade import grade_boxed

    seconds, outcomes = [], []
    for case in cases:
        started = time.perf_counter()
        [graded] = grade_boxed(case.gold, [case.response])
        seconds.append(time.perf_counter() - started)
        outcomes.append(graded.outcome)
    return seconds, outcomes


def theirs(cases: list[Case], utils: str) -> tuple[list[float], list[Any]]:
    """Grade each response with lm-eval's functions, which the file `utils` holds."""
    spec = importlib.util.spec_from_file_location("minerva_math_utils", utils)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    seconds, outcomes = [], []
    for case in cases:
        started = time.perf_counter()
        doc = {"solution": case.solution, "answer": module.normalize_final_answer(case.gold)}
        try:
            outcomes.append(module.process_results(doc, [case.response]))
        except Exception as error:  # a response that cannot be graded would end a run of lm-eval
            outcomes.append(type(error).__name__)
        seconds.append(time.perf_counter() - started)
    return seconds, outcomes


def in_their_environment(python: str, realdata: Path, answers: int) -> dict[str, Any]:
    """Run `theirs` with another interpreter, whose environment needs only this file and lm-eval's functions."""
    spec = importlib.util.find_spec("lm_eval")
    assert spec is not None and spec.origin is not None, "lm-eval is installed here"
    utils = Path(spec.origin).parent / "tasks" / "minerva_math" / "utils.py"
    command = [python, __file__, "--realdata", str(realdata), "--answers", str(answers), "--theirs", str(utils)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def figures(cases: list[Case], seconds: list[float]) -> dict[str, dict[str, float]]:
    """Return the number of responses per second and the slowest response, for each kind."""
    figures_of = {}
    for kind in (FULL, BOXED):
        kind_seconds = [second for case, second in zip(cases, seconds, strict=True) if case.kind == kind]
        figures_of[kind] = {
            "responses": len(kind_seconds),
            "seconds": sum(kind_seconds),
            "per_second": len(kind_seconds) / sum(kind_seconds),
            "median_ms": 1000 * statistics.median(kind_seconds),
            "slowest_s": max(kind_seconds),
        }
    return figures_of


def main() -> None:
    """Run the command line."""
    prepare_output()
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--realdata", type=Path, required=True, help="folder of real data")
    arguments.add_argument("--answers", type=int, default=8000)
    arguments.add_argument("--python", default="none", help="interpreter of the environment with antlr 4.11")
    arguments.add_argument("--theirs", help=argparse.SUPPRESS)
    arguments.add_argument("--out", type=Path, default=RESULTS)
    options = arguments.parse_args()
    cases = load(options.realdata, options.answers)
    if options.theirs:
        seconds, outcomes = theirs(cases, options.theirs)
        json.dump({"seconds": seconds, "outcomes": outcomes}, sys.stdout)
        return
    from eval_harness.summary import versions
    from sure_math.equivalence.worker import TIMEOUT, symbolic_verdict

    started = time.perf_counter()
    symbolic_verdict("1", "1", timeout=60.0)
    start_seconds = time.perf_counter() - started
    seconds, outcomes = ours(cases)
    result: dict[str, Any] = {
        "machine": platform.processor() or platform.machine(),
        "clock_seconds": TIMEOUT,
        "worker_start_seconds": start_seconds,
        "ours": figures(cases, seconds),
        "outcomes": {
            kind: dict(Counter(outcome for case, outcome in zip(cases, outcomes, strict=True) if case.kind == kind))
            for kind in (FULL, BOXED)
        },
        "versions": versions(),
    }
    if options.python != "none":
        other = in_their_environment(options.python, options.realdata, options.answers)
        result["minerva_math"] = figures(cases, other["seconds"])
        result["errors_of_minerva_math"] = dict(
            Counter(outcome for outcome in other["outcomes"] if isinstance(outcome, str))
        )
        result["times_as_fast"] = {
            kind: result["ours"][kind]["per_second"] / result["minerva_math"][kind]["per_second"]
            for kind in (FULL, BOXED)
        }
        total = {"ours": sum(seconds), "minerva_math": sum(other["seconds"])}
        result["times_as_fast"]["all"] = total["minerva_math"] / total["ours"]
        result["math_verify_agrees"] = _agreement(cases, outcomes, other["outcomes"])
    write_whole(options.out, file_bytes(json.dumps(result, indent=1, ensure_ascii=False) + "\n"))
    say(json.dumps(result, indent=1, ensure_ascii=False))


def _agreement(cases: list[Case], our_outcomes: list[Any], their_outcomes: list[Any]) -> dict[str, Any]:
    """Count how often both sides agree, and list the numbers of the responses that only one side accepts."""
    names = {(True, True): "both", (False, False): "neither", (True, False): "only_ours", (False, True): "only_theirs"}
    agreement: dict[str, Any] = {"both": 0, "neither": 0, "only_ours": [], "only_theirs": []}
    for number, (outcome, verdict) in enumerate(zip(our_outcomes, their_outcomes, strict=True)):
        name = names[outcome == "correct", isinstance(verdict, dict) and bool(verdict["math_verify"])]
        if isinstance(agreement[name], int):
            agreement[name] += 1
        else:
            agreement[name].append(number)
            say(f"{name} {number}: {cases[number].gold!r} against {cases[number].response[-200:]!r}", stderr=True)
    return agreement


if __name__ == "__main__":
    main()
