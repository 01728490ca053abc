"""Measure how fast answers are clustered, beside Math-Verify on all pairs, and list the pairs on which the two
disagree.

    python benchmarks/equivalence_speed.py --realdata DIR [--problems 50] [--slow-problems 5] [--out FILE]

Input: `model_outputs/zeroeval_math_l5_answers.jsonl` in the folder of real data, with the answers of 43 models to each
problem. The problems with the most answers are taken, ties in file order. Three ways compare the same answers, one way
after another:
1. ours: one canonical string per answer, then `same_answers` on all pairs of distinct strings. Caches are empty; the
   start of the worker processes is timed separately;
2. Math-Verify: every answer is parsed once per problem, then `verify` is called on all pairs of answers;
3. Math-Verify: both answers are parsed for every pair, on the first `--slow-problems` problems only (it takes minutes).
Every pair on which 1 and 2 differ is printed; the results file keeps its problem.
"""

import argparse
import json
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from rich.table import Table

from sure_math.command_line.terminal import prepare_output, terminal_console
from sure_math.equivalence import canonical, same_answers
from sure_math.equivalence.read import read_form
from sure_math.equivalence.worker import symbolic_verdict
from sure_math.escaping import file_bytes
from sure_math.storage.files import write_whole

Pair = tuple[str, str]
RESULTS = Path(__file__).parent / "results" / "equivalence_speed.json"


@dataclass(frozen=True, slots=True)
class Problem:
    id: int
    answers: tuple[str, ...]


def load(realdata: Path, count: int) -> list[Problem]:
    """Load the `count` problems with the most answers, without the models that gave no answer."""
    lines = (realdata / "model_outputs" / "zeroeval_math_l5_answers.jsonl").read_text(encoding="utf-8").splitlines()
    problems = []
    for line in lines:
        row = json.loads(line)
        answers = tuple(str(item["answer"]) for item in row["answers"] if str(item["answer"] or "").strip())
        problems.append(Problem(row["id"], answers))
    return sorted(problems, key=lambda problem: -len(problem.answers))[:count]


def ours(problem: Problem) -> dict[Pair, bool]:
    """Compare each pair of distinct answers as the clustering does."""
    forms = {answer: canonical(answer) for answer in problem.answers}
    first_of = {form: answer for answer, form in sorted(forms.items(), reverse=True)}
    keys = list(combinations(sorted(first_of), 2))
    verdicts = same_answers([(first_of[a], first_of[b]) for a, b in keys])
    equal = {key: verdict == "equal" for key, verdict in zip(keys, verdicts, strict=True)}
    verdict_of = {}
    for a, b in combinations(sorted(set(problem.answers)), 2):
        x, y = sorted((forms[a], forms[b]))
        verdict_of[a, b] = x == y or equal[x, y]
    return verdict_of


def _parse(answer: str) -> list[Any]:
    from math_verify import parse

    return list(parse(answer if "$" in answer else f"${answer}$"))


def math_verify_cached(problem: Problem) -> dict[Pair, bool]:
    """Call `verify` on every pair of answers, in the order of the models. Each answer is parsed once."""
    from math_verify import verify

    parsed = {answer: _parse(answer) for answer in set(problem.answers)}
    verdict_of = {}
    for a, b in combinations(problem.answers, 2):
        verdict = verify(parsed[a], parsed[b])
        if a != b:
            verdict_of[min(a, b), max(a, b)] = verdict
    return verdict_of


def math_verify_plain(problem: Problem) -> dict[Pair, bool]:
    """Call `verify(parse(a), parse(b))` on every pair, as in Math-Verify's introduction."""
    from math_verify import verify

    return {(min(a, b), max(a, b)): verify(_parse(a), _parse(b)) for a, b in combinations(problem.answers, 2)}


def timed(
    way: Callable[[Problem], dict[Pair, bool]], problems: list[Problem]
) -> tuple[list[float], list[dict[Pair, bool]]]:
    """Return the seconds of each problem, by the wall clock, and the verdicts."""
    seconds, verdicts = [], []
    for problem in problems:
        started = time.perf_counter()
        verdicts.append(way(problem))
        seconds.append(time.perf_counter() - started)
    return seconds, verdicts


def differences(
    problems: list[Problem], ours: list[dict[Pair, bool]], math_verify: list[dict[Pair, bool]]
) -> list[dict[str, object]]:
    """List every pair of distinct answers on which the two verdicts differ."""
    return [
        {"problem": problem.id, "a": pair[0], "b": pair[1], "ours": ours_equal, "math_verify": their_verdicts[pair]}
        for problem, our_verdicts, their_verdicts in zip(problems, ours, math_verify, strict=True)
        for pair, ours_equal in sorted(our_verdicts.items())
        if ours_equal != their_verdicts[pair]
    ]


def main() -> None:
    """Run the command line."""
    prepare_output()
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--realdata", type=Path, required=True, help="folder of real data")
    arguments.add_argument("--problems", type=int, default=50)
    arguments.add_argument("--slow-problems", type=int, default=5, help="problems on which every pair is parsed again")
    arguments.add_argument("--out", type=Path, default=RESULTS)
    options = arguments.parse_args()
    problems = load(options.realdata, options.problems)

    started = time.perf_counter()
    symbolic_verdict("1", "1", timeout=60.0)
    start_seconds = time.perf_counter() - started
    canonical.cache_clear()
    read_form.cache_clear()
    our_seconds, our_verdicts = timed(ours, problems)
    _parse("1")
    cached_seconds, math_verify_verdicts = timed(math_verify_cached, problems)
    slow = problems[: options.slow_problems]
    plain_seconds, _ = timed(math_verify_plain, slow)

    listed = differences(problems, our_verdicts, math_verify_verdicts)
    result = {
        "machine": platform.processor() or platform.machine(),
        "problems": len(problems),
        "answers": sum(len(problem.answers) for problem in problems),
        "pairs": sum(len(problem.answers) * (len(problem.answers) - 1) // 2 for problem in problems),
        "worker_start_seconds": start_seconds,
        "ours_seconds": sum(our_seconds),
        "math_verify_parsed_once_seconds": sum(cached_seconds),
        "ratio_parsed_once": sum(cached_seconds) / sum(our_seconds),
        "slow_problems": len(slow),
        "math_verify_parsed_per_pair_seconds": sum(plain_seconds),
        "ours_seconds_on_slow_problems": sum(our_seconds[: len(slow)]),
        "ratio_parsed_per_pair": sum(plain_seconds) / sum(our_seconds[: len(slow)]) if slow else None,
        "distinct_pairs": sum(len(verdicts) for verdicts in our_verdicts),
        "differences": [{key: pair[key] for key in ("problem", "ours", "math_verify")} for pair in listed],
    }
    write_whole(options.out, file_bytes(json.dumps(result, indent=1, ensure_ascii=False) + "\n"))
    _print(result, listed)


def _print(result: dict[str, Any], listed: list[dict[str, object]]) -> None:
    table = Table(
        title=f"Clustering {result['answers']} answers to {result['problems']} problems ({result['pairs']} pairs)"
    )
    for column in ("way", "problems", "seconds", "times ours"):
        table.add_column(column)
    table.add_row("ours", str(result["problems"]), f"{result['ours_seconds']:.2f}", "1")
    table.add_row("start of the workers, once", "", f"{result['worker_start_seconds']:.2f}", "")
    parsed_once, per_pair = result["math_verify_parsed_once_seconds"], result["math_verify_parsed_per_pair_seconds"]
    table.add_row(
        "Math-Verify, parsed once", str(result["problems"]), f"{parsed_once:.1f}", f"{result['ratio_parsed_once']:.0f}"
    )
    if result["slow_problems"]:
        table.add_row(
            "Math-Verify, parsed per pair",
            str(result["slow_problems"]),
            f"{per_pair:.1f}",
            f"{result['ratio_parsed_per_pair']:.0f}",
        )
    console = terminal_console()
    console.print(table)
    console.print(f"{len(listed)} of {result['distinct_pairs']} pairs of distinct answers differ:")
    for pair in listed:
        who = "only ours " if pair["ours"] else "only theirs"
        console.print(
            f"  {who} problem {pair['problem']}: {str(pair['a'])[:60]!r} = {str(pair['b'])[:60]!r}", markup=False
        )


if __name__ == "__main__":
    main()
