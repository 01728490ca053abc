"""Make the section and the page of the documentation on published accuracies, from their results file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from benchmarks.page.parts import Result, Section, machine_line, table

COMMAND = "python -m benchmarks.published_accuracy --realdata DIR [--outputs DIR]"
NOTABLE_POINTS = 1.0
SOURCES = {
    "box": "the output ends in a box, which ZeroEval reads; the file has no answer",
    "later field, empty": "several answer fields; ZeroEval reads the first, the file has a later, empty one",
    "later field": "several answer fields; ZeroEval reads the first, the file has another",
    "spelling": "the same answer, with other escapes",
    "another text": "another text of the output",
}
"""How an answer that ZeroEval reads can differ from the stored answer, in words."""
SHOWN = 3
"""Answers of a problem that the page shows."""


def section(result: Result) -> Section:
    """Make the section on published accuracies."""
    return Section(
        title="Published accuracies, graded again",
        what=_what(result["summary"]) + " `docs/published_accuracies.md` has all models and problems.",
        command=COMMAND,
        blocks=[machine_line({"versions": result["versions"]}), _explained(result["models"]), _reasons(result)],
    )


def docs_page(result: Result) -> str:
    """Write the page of the documentation."""
    numbers = result["summary"]
    blocks = [
        "# Published accuracies, graded again",
        f"The numbers come from `{COMMAND}`; they are in `benchmarks/results/published_accuracy.json`.",
        _what(numbers),
        "ZeroEval's rule: dollar signs and commas are removed, arithmetic with `/` is evaluated, and an answer is "
        "right if its first decimal number is the first decimal number of the gold. `6\\sqrt{2}` is right for the gold "
        "6, `128 - 24 + 2 = 106` is wrong for 106. Our rule is `against_gold`; `undecided` counts as wrong.",
        "## Models that differ by more than one point",
        "A difference has two parts. *Other answers*: ZeroEval graded other answers than the stored ones. "
        "*Judged differently*: the two rules differ on the same answer.",
        _explained(result["models"]),
        _proof(numbers),
        "## Answers that the two rules judge differently",
        _offset(numbers),
        _reasons(result),
        _problems(result["judged_differently"]),
        _golds(numbers["incomplete_golds"]),
        "## All models",
        "Accuracies in percent, differences in points, the rest in answers.",
        _models(result["models"]),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _what(numbers: Result) -> str:
    return (
        f"The {numbers['answers']:,} stored answers of {numbers['models']} models to problems of MATH (level 5) are "
        "graded again, beside the accuracies that ZeroEval published. No model runs. Our accuracy is within one point "
        f"of the published one for {numbers['within_one_point']} models; the median difference is "
        f"{numbers['median_difference']:+.2f} points."
    )


def _proof(numbers: Result) -> str:
    stored = (
        f"From the stored answers, ZeroEval's rule gives exactly the published count of right answers for "
        f"{numbers['reproduced_from_stored_answers']} of {numbers['models']} models. For these models our accuracy "
        f"differs by at most {numbers['largest_on_same_answers']:.2f} points."
    )
    if numbers["reproduced_from_outputs"] is None:
        return stored
    return (
        f"{stored} From the outputs of the models, which ZeroEval publishes, it gives the published count for "
        f"{numbers['reproduced_from_outputs']} of {numbers['models']}; on the answers that ZeroEval reads from the "
        f"outputs, ours differs by at most {numbers['largest_on_outputs']:.2f} points for any model. No `Total` is the "
        "cause: every model has as many stored answers as its `Total` says."
    )


def _explained(models: Sequence[Result]) -> str:
    rows = []
    for model in models:
        if abs(model["ours"] - model["published"]) <= NOTABLE_POINTS:
            continue
        sources = [
            f"{count}: {SOURCES[source]}"
            for source, count in (model["read_from_outputs"] or {}).items()
            if source != "spelling"
        ]
        problems = ", ".join(str(problem) for problem in model["problems_judged_differently"])
        why = "; ".join(sources) if model["other_answers"] else f"judged differently: problems {problems}"
        counts = [f"{model['other_answers']:+d}", f"{model['judged_differently']:+d}"]
        rows.append([model["model"], f"{model['ours'] - model['published']:+.2f}", *counts, why])
    return table(["model", "points", "other answers", "judged differently", "why"], rows, text={"why"})


def _offset(numbers: Result) -> str:
    most = list(numbers["by_problem"].items())[:8]
    named = ", ".join(f"{problem} ({count:+d})" for problem, count in most)
    return (
        f"Over all models, our rule accepts {numbers['judged_differently']} answers fewer than ZeroEval's rule, of the "
        f"same {numbers['answers']:,} answers. This is the common offset. The problems that cost most: {named}."
    )


def _reasons(result: Result) -> str:
    examples: dict[str, Result] = {}
    for row in result["judged_differently"]:
        examples.setdefault(row["why"], row)
    rows = [
        [why, _code(examples[why]["answer"]), _code(examples[why]["gold"]), f"{count:+d}"]
        for why, count in result["summary"]["by_reason"].items()
    ]
    return table(["the answer", "example", "gold", "ours less ZeroEval's"], rows, text={"example", "gold"})


def _problems(judged: Sequence[Result]) -> str:
    of_problem: dict[int, list[Result]] = defaultdict(list)
    for row in judged:
        of_problem[row["problem"]].append(row)
    rows = []
    for number, found in of_problem.items():
        found.sort(key=lambda row: (-row["models"], row["answer"]))
        shown = ", ".join(f"{_code(row['answer'])} ({row['models']})" for row in found[:SHOWN])
        more = f", {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        verdicts = ", ".join(sorted({row["verdict"] for row in found}))
        rows.append([number, _code(found[0]["gold"]), shown + more, verdicts, sum(row["models"] for row in found)])
    rows.sort(key=lambda row: (-row[-1], row[0]))
    columns = ["problem", "gold", "answers (models)", "ours", "answers"]
    return table(columns, rows, text={"gold", "answers (models)", "ours"})


def _golds(golds: dict[str, str]) -> str:
    named = ", ".join(f"{number} (`{values}`)" for number, values in golds.items())
    return (
        "Two golds of the file lack a value, because the reference solution has a box for each value and the file has "
        f"the last: problems {named}."
    )


def _models(models: Sequence[Result]) -> str:
    rows: list[list[Any]] = []
    for model in models:
        on_outputs = "-" if model["ours_on_outputs"] is None else f"{model['ours_on_outputs']:.2f}"
        missing = f"{model['missing']} ({model['published_missing']})"
        accuracies = [f"{model['published']:.2f}", f"{model['ours']:.2f}", f"{model['ours'] - model['published']:+.2f}"]
        parts = [f"{model['other_answers']:+d}", f"{model['judged_differently']:+d}"]
        rows.append([model["model"], model["problems"], *accuracies, *parts, missing, model["undecided"], on_outputs])
    columns = [
        "model",
        "problems",
        "published",
        "ours",
        "points",
        "other answers",
        "judged differently",
        "no answer (published)",
        "undecided",
        "ours, answers as ZeroEval reads them",
    ]
    return table(columns, rows)


def _code(text: str) -> str:
    """Write an answer in a table of Markdown; a long answer is cut."""
    plain = " ".join("".join(sign if sign.isprintable() else "�" for sign in text).split())
    short = plain if len(plain) <= 60 else plain[:57] + "..."
    return f"`{short}`" if "|" not in short and "`" not in short else short.replace("|", "\\|")
