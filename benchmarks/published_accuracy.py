r"""Grade stored answers of 43 models again and compare with the published accuracies, without running a model.

    python -m benchmarks.published_accuracy --realdata DIR [--outputs DIR] [--out FILE]

Input: `model_outputs/zeroeval_math_l5_answers.jsonl` in the folder of real data, with one greedy answer of 43 models to
each of 721 problems of MATH (level 5), and `zeroeval_math_l5_published.json`, their published accuracies. No grade of a
single answer was published. Two rules grade every answer: ours (`against_gold`; `undecided` counts as wrong), and
ZeroEval's own rule, written anew in `benchmarks/compared/first_number.py`.

The difference between our accuracy and the published one has two parts, both counted in answers:
1. `other_answers`: ZeroEval's rule on the stored answers, less the published count. The rule is the publisher's, so a
   difference means that ZeroEval graded other answers.
2. `judged_differently`: our rule less ZeroEval's on the same answers. Each of these is listed with its problem.

`--outputs` is the folder `result_dirs/math-l5` of WildEval/ZeroEval (commit 8c1485e), with the outputs of the models.
It proves part 1: the answer that ZeroEval reads from each output is compared with the stored answer, and ZeroEval's
rule must give the published accuracy. Without it these numbers are absent.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from rich.table import Table

import sure_math
from benchmarks.compared.first_number import answer_of, is_right
from benchmarks.measuring.results_files import results_file
from sure_math.command_line.terminal import prepare_output, terminal_console
from sure_math.equivalence import against_gold, same_answer
from sure_math.equivalence.numbers import Verdict
from sure_math.storage.files import write_whole
from sure_math.storage.package_versions import installed

RESULTS = results_file(__file__)
PUBLISHED_NAME = {"Meta-Llama-3.1-405B-Instruct@hyperbolic": "Llama-3.1-405B-Inst@hyperbolic"}
"""The one model whose published name is not that of its outputs."""
WITH_BOX = "Llama-3.1"
"""ZeroEval reads boxes of models with this in their name."""
INCOMPLETE_GOLDS = {378: "10879, -10879", 698: "2, -1"}
"""Problems whose gold in the file is the last box of a reference solution with a box for each value: id -> all values.
ZeroEval's rule accepts a complete answer only if it begins with the value that is the gold."""
BASE = re.compile(r"\d\s*_\s*\w$")
"""Digits with a base at the end of an answer."""
NOTABLE_POINTS = 1.0
"""A model whose accuracy differs by more than this is explained."""

Source = Literal["box", "later field, empty", "later field", "spelling", "another text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    id: int
    text: str
    gold: str
    answers: Mapping[str, str | None]
    """Model, by its published name -> answer. None: the stored file has no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Regraded:
    """One model, in numbers of answers; accuracies in percent."""

    model: str
    problems: int
    published: float
    published_right: int
    ours_right: int
    ours: float
    first_number_right: int
    """By ZeroEval's rule on the stored answers."""
    undecided: int
    missing: int
    """Stored answers that are null."""
    published_missing: int
    """Outputs without an answer, by the published `No answer`."""
    other_answers: int
    judged_differently: int
    problems_judged_differently: list[int]
    read_from_outputs: dict[str, int] | None = None
    """How the answers that ZeroEval reads differ from the stored ones: source -> count. None: without `--outputs`."""
    outputs_right: int | None = None
    """By ZeroEval's rule on the answers that it reads from the outputs. None: without `--outputs`."""
    ours_on_outputs: float | None = None
    """Our accuracy on the answers that ZeroEval reads from the outputs. None: without `--outputs`."""

    @property
    def difference(self) -> float:
        """Our accuracy less the published one, in points."""
        return self.ours - self.published


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An answer on which the two rules differ."""

    problem: int
    gold: str
    answer: str
    models: int
    verdict: Verdict
    """Ours. ZeroEval's is the opposite: right for `different` and `undecided`, wrong for `equal`."""
    why: str


def load(realdata: Path) -> tuple[list[Problem], dict[str, dict[str, Any]]]:
    """Load the problems, and the published row of each model."""
    folder = realdata / "model_outputs"
    published = json.loads((folder / "zeroeval_math_l5_published.json").read_text(encoding="utf-8"))
    problems = []
    for line in (folder / "zeroeval_math_l5_answers.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        answers = {PUBLISHED_NAME.get(item["model"], item["model"]): item["answer"] for item in row["answers"]}
        problems.append(Problem(id=row["id"], text=row["problem"], gold=row["gold"], answers=answers))
    return problems, {row["Model"]: row for row in published}


def our_verdicts(problem: Problem) -> dict[str, Verdict]:
    """Grade the distinct answers to a problem."""
    distinct = sorted({answer for answer in problem.answers.values() if answer is not None})
    return dict(zip(distinct, against_gold(problem.gold, distinct, problem.text), strict=True))


def regrade(
    problems: Sequence[Problem],
    published: Mapping[str, Mapping[str, Any]],
    verdicts: Mapping[int, Mapping[str, Verdict]],
) -> list[Regraded]:
    """Count the right answers of each model by both rules, in the order of the published table."""
    return [_regrade(name, row, problems, verdicts) for name, row in published.items()]


def _regrade(
    name: str,
    row: Mapping[str, Any],
    problems: Sequence[Problem],
    verdicts: Mapping[int, Mapping[str, Verdict]],
) -> Regraded:
    counts: Counter[str] = Counter()
    differently = []
    asked = [problem for problem in problems if name in problem.answers]
    for problem in asked:
        answer = problem.answers[name]
        verdict = "missing" if answer is None else verdicts[problem.id][answer]
        counts[verdict] += 1
        counts["first"] += is_right(problem.gold, answer)
        if is_right(problem.gold, answer) != (verdict == "equal"):
            differently.append(problem.id)
    published, total = float(row["Acc"]), int(row["Total"])
    published_right = round(published * total / 100)
    return Regraded(
        model=name,
        problems=len(asked),
        published=published,
        published_right=published_right,
        ours_right=counts["equal"],
        ours=100 * counts["equal"] / len(asked),
        first_number_right=counts["first"],
        undecided=counts["undecided"],
        missing=counts["missing"],
        published_missing=round(float(row["No answer"]) * total / 100),
        other_answers=counts["first"] - published_right,
        judged_differently=counts["equal"] - counts["first"],
        problems_judged_differently=differently,
    )


def judged_differently(problems: Sequence[Problem], verdicts: Mapping[int, Mapping[str, Verdict]]) -> list[Judged]:
    """List every distinct answer on which the two rules differ."""
    listed = []
    for problem in problems:
        for answer, models in sorted(Counter(filter(None, problem.answers.values())).items()):
            verdict, first = verdicts[problem.id][answer], is_right(problem.gold, answer)
            if (verdict == "equal") != first:
                why = reason(problem, answer, verdict)
                listed.append(
                    Judged(
                        problem=problem.id, gold=problem.gold, answer=answer, models=models, verdict=verdict, why=why
                    )
                )
    return listed


def reason(problem: Problem, answer: str, verdict: Verdict) -> str:
    """Say why the two rules differ on an answer."""
    if verdict == "equal":
        return "its value is the gold, its first number is not"
    if problem.id in INCOMPLETE_GOLDS and same_answer(INCOMPLETE_GOLDS[problem.id], answer) == "equal":
        return "the gold lacks a value that it has"
    if verdict == "different":
        return "its first number is the gold, its value is not"
    if BASE.search(problem.gold) or BASE.search(answer):
        return "only one of both names the base"
    if "%" in answer:
        return "it is a percentage, the gold a bare number"
    return "its first number is the gold; it is text"


def read_outputs(folder: Path, problems: Sequence[Problem]) -> dict[str, dict[str, Any]]:
    """Read the answers again from the outputs, as ZeroEval does: model -> counts for `Regraded`."""
    read = {}
    for path in sorted(folder.glob("*.json")):
        name = PUBLISHED_NAME.get(path.stem, path.stem)
        rows = json.loads(path.read_text(encoding="utf-8"))
        sources: Counter[Source] = Counter()
        counts: Counter[str] = Counter()
        by_id = {_number(row["id"]): row["output"][0] for row in rows}
        for problem in problems:
            if name not in problem.answers:
                continue
            output = by_id[problem.id]
            answer = answer_of(output, in_box=WITH_BOX in path.stem)
            counts["right"] += is_right(problem.gold, answer)
            counts["ours"] += answer is not None and against_gold(problem.gold, [answer], problem.text) == ["equal"]
            if answer != problem.answers[name]:
                sources[_source(answer, problem.answers[name], output)] += 1
        read[name] = {
            "read_from_outputs": dict(sources.most_common()),
            "outputs_right": counts["right"],
            "ours_on_outputs": 100 * counts["ours"] / len(rows),
        }
    return read


def _number(name: object) -> int:
    """Return the number of a problem from its name, such as `math-l5-test-#12`."""
    return int(re.findall(r"\d+", str(name))[-1])


def _source(read: str | None, stored: str | None, output: str) -> Source:
    """Say where the stored answer and the answer that ZeroEval reads part."""
    if stored is None and "boxed" in output[-40:]:
        return "box"
    if stored is not None and read is not None and _plain(stored) == _plain(read):
        return "spelling"
    if len(re.findall(r'answer"?\s*:', output)) > 1:
        return "later field" if re.search(r"[^\W_]", stored or "") else "later field, empty"
    return "another text"


def _plain(answer: str) -> str:
    """Undo what reading a backslash as the start of an escape, or not, changes in an answer."""
    for escape, sign in (("\\\\", "\\"), ("\f", "\\f"), ("\b", "\\b"), ("\t", "\\t"), ("\r", "\\r"), ("\n", "\\n")):
        answer = answer.replace(escape, sign)
    return "".join(answer.replace("\\n", "").split())


def summary(models: Sequence[Regraded], judged: Sequence[Judged]) -> dict[str, Any]:
    """Return the numbers that the page states."""
    same_answers = [model for model in models if model.other_answers == 0]
    from_outputs = [model.outputs_right == model.published_right for model in models if model.outputs_right is not None]
    gaps = [abs(model.ours_on_outputs - model.published) for model in models if model.ours_on_outputs is not None]
    by_problem: dict[int, int] = defaultdict(int)
    by_reason: dict[str, int] = defaultdict(int)
    for row in judged:
        sign = 1 if row.verdict == "equal" else -1
        by_problem[row.problem] += sign * row.models
        by_reason[row.why] += sign * row.models
    return {
        "models": len(models),
        "answers": sum(model.problems for model in models),
        "totals_agree": all(
            round(100 * model.published_right / model.problems, 2) == model.published for model in models
        ),
        "reproduced_from_stored_answers": len(same_answers),
        "reproduced_from_outputs": sum(from_outputs) if from_outputs else None,
        "median_difference": statistics.median(model.difference for model in models),
        "within_one_point": sum(abs(model.difference) <= NOTABLE_POINTS for model in models),
        "largest_on_same_answers": max((abs(model.difference) for model in same_answers), default=None),
        "largest_on_outputs": max(gaps, default=None),
        "judged_differently": -sum(by_problem.values()),
        "by_problem": dict(sorted(by_problem.items(), key=lambda item: (item[1], item[0]))),
        "by_reason": dict(sorted(by_reason.items(), key=lambda item: item[1])),
        "incomplete_golds": INCOMPLETE_GOLDS,
    }


def main() -> None:
    """Run the command line."""
    prepare_output()
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--realdata", type=Path, required=True, help="folder of real data")
    arguments.add_argument("--outputs", type=Path, help="folder result_dirs/math-l5 of ZeroEval")
    arguments.add_argument("--out", type=Path, default=RESULTS)
    options = arguments.parse_args()
    problems, published = load(options.realdata)
    verdicts = {problem.id: our_verdicts(problem) for problem in problems}
    models = regrade(problems, published, verdicts)
    if options.outputs:
        read = read_outputs(options.outputs, problems)
        models = [Regraded(**{**asdict(model), **read[model.model]}) for model in models]
    judged = judged_differently(problems, verdicts)
    numbers = summary(models, judged)
    result = {
        "versions": {"sure-math": sure_math.__version__, **installed(["math-verify", "sympy"])},
        "summary": numbers,
        "models": [asdict(model) for model in models],
        "judged_differently": [asdict(row) for row in judged],
    }
    write_whole(options.out, (json.dumps(result, indent=1, ensure_ascii=False) + "\n").encode())
    _print(models, numbers)


def _print(models: Sequence[Regraded], numbers: Mapping[str, Any]) -> None:
    table = Table(title="Accuracy in percent, and what makes the difference, in answers")
    for column in ("model", "published", "ours", "difference", "other answers", "judged differently"):
        table.add_column(column)
    for model in models:
        cells = [f"{model.published:.2f}", f"{model.ours:.2f}", f"{model.difference:+.2f}"]
        table.add_row(model.model, *cells, f"{model.other_answers:+d}", f"{model.judged_differently:+d}")
    console = terminal_console()
    console.print(table)
    console.print({name: value for name, value in numbers.items() if name != "by_problem"})


if __name__ == "__main__":
    main()
