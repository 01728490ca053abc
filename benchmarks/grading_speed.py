r"""How fast responses are graded, against the grading functions of lm-eval's `minerva_math` on the same responses.

    python benchmarks/grading_speed.py --realdata DIR [--python PYTHON] [--answers 8000] [--out FILE]

Input, from the folder of real data: the 950 full responses of `nemo_skills_output_rs*.jsonl` and
`qwen25_math_cot_100x8.jsonl`, and the first `--answers` answers of `zeroeval_math_l5_answers.jsonl`, each in a box.
Both sides get one process and the responses in the same order. Ours runs its symbolic checks in two worker processes;
caches are cold, and the start of the workers is apart. Theirs is `process_results` of
`lm_eval/tasks/minerva_math/utils.py` as it is: string comparison, then Math-Verify on the whole solution and the whole
response.

`minerva_math` asserts antlr 4.11, which nothing else here does: PYTHON is an interpreter of an environment of its own,

    python -m venv minerva && minerva/bin/pip install antlr4-python3-runtime==4.11 math-verify==0.9.0

Without it, or with `--python none`, only ours is measured.
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

FULL, BOXED = "full responses", "boxed answers"
RESULTS = Path(__file__).parent / "results" / "grading_speed.json"


@dataclass(frozen=True, slots=True)
class Case:
    kind: str
    gold: str
    solution: str
    response: str


def load(realdata: Path, answers: int) -> list[Case]:
    """The cases, in file order."""
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
    """Seconds and outcome per response, one call per response."""
    from eval_harness.grade import grade_boxed

    seconds, outcomes = [], []
    for case in cases:
        started = time.perf_counter()
        [graded] = grade_boxed(case.gold, [case.response])
        seconds.append(time.perf_counter() - started)
        outcomes.append(graded.outcome)
    return seconds, outcomes


def theirs(cases: list[Case], utils: str) -> tuple[list[float], list[Any]]:
    """The same with lm-eval's functions, in the process that imports them."""
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
        except Exception as error:  # a response it cannot grade would end lm-eval's run
            outcomes.append(type(error).__name__)
        seconds.append(time.perf_counter() - started)
    return seconds, outcomes


def in_their_environment(python: str, realdata: Path, answers: int) -> dict[str, Any]:
    """Run `theirs` there; this file's path and the one of lm-eval's functions are all it needs of ours."""
    spec = importlib.util.find_spec("lm_eval")
    assert spec is not None and spec.origin is not None, "lm-eval is installed here"
    utils = Path(spec.origin).parent / "tasks" / "minerva_math" / "utils.py"
    command = [python, __file__, "--realdata", str(realdata), "--answers", str(answers), "--theirs", str(utils)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def figures(cases: list[Case], seconds: list[float]) -> dict[str, dict[str, float]]:
    """Responses per second and the slowest one, by kind."""
    found = {}
    for kind in (FULL, BOXED):
        some = [each for case, each in zip(cases, seconds, strict=True) if case.kind == kind]
        found[kind] = {
            "responses": len(some),
            "seconds": sum(some),
            "per_second": len(some) / sum(some),
            "median_ms": 1000 * statistics.median(some),
            "slowest_s": max(some),
        }
    return found


def main() -> None:
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
            kind: dict(Counter(each for case, each in zip(cases, outcomes, strict=True) if case.kind == kind))
            for kind in (FULL, BOXED)
        },
        "versions": versions(),
    }
    if options.python != "none":
        other = in_their_environment(options.python, options.realdata, options.answers)
        result["minerva_math"] = figures(cases, other["seconds"])
        result["errors_of_minerva_math"] = dict(Counter(each for each in other["outcomes"] if isinstance(each, str)))
        result["times_as_fast"] = {
            kind: result["ours"][kind]["per_second"] / result["minerva_math"][kind]["per_second"]
            for kind in (FULL, BOXED)
        }
        total = {"ours": sum(seconds), "minerva_math": sum(other["seconds"])}
        result["times_as_fast"]["all"] = total["minerva_math"] / total["ours"]
        result["math_verify_agrees"] = _agreement(cases, outcomes, other["outcomes"])
    options.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1, ensure_ascii=False))


def _agreement(cases: list[Case], mine: list[Any], other: list[Any]) -> dict[str, Any]:
    """How often ours and their `math_verify` say the same, and which responses only one of them accepts, by number."""
    names = {(True, True): "both", (False, False): "neither", (True, False): "only_ours", (False, True): "only_theirs"}
    found: dict[str, Any] = {"both": 0, "neither": 0, "only_ours": [], "only_theirs": []}
    for number, (outcome, verdict) in enumerate(zip(mine, other, strict=True)):
        name = names[outcome == "correct", isinstance(verdict, dict) and bool(verdict["math_verify"])]
        if isinstance(found[name], int):
            found[name] += 1
        else:
            found[name].append(number)
            print(f"{name} {number}: {cases[number].gold!r} against {cases[number].response[-200:]!r}", file=sys.stderr)
    return found


if __name__ == "__main__":
    main()
