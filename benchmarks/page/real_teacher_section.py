"""Make the section on a real teacher, from the results file."""

from __future__ import annotations

from typing import Any

from benchmarks.page.parts import Figure, Result, Section, table

SETS = {"gsm8k": "GSM8K, test", "curated": "curated problems, test"}
MODELS = {
    "qwen2.5-coder-1.5b": "Qwen2.5-Coder-1.5B-Instruct (official Q4_K_M file, as bfloat16)",
    "qwen2.5-coder-0.5b": "Qwen2.5-Coder-0.5B-Instruct (official Q4_K_M file, as bfloat16)",
}


def section(result: Result) -> Section:
    """Make the section: one block of tables for every model and set of problems that were sampled."""
    blocks: list[str | Figure] = [
        Figure(name="real_teacher_accuracy", alt="Accuracy of the real teacher against semantic entropy, GSM8K")
    ]
    for name, title in SETS.items():
        for model, words in MODELS.items():
            if model in result.get(name, {}):
                blocks += [f"### {words}: {title}", *_model(result[name][model])]
    return Section(
        title="Entropy and the errors of a real teacher",
        what="Phase 1 with real models under vLLM on two cores: 8 samples at temperature 0.7, and the greedy answer, "
        "whose errors the scores are to find. The replies are in `results/real_teacher.parquet`, and the command takes "
        "them from there.",
        command="python -m benchmarks.real_teacher --models DIR --realdata DIR --work DIR",
        blocks=blocks,
    )


def _model(found: dict[str, Any]) -> list[str]:
    unanimous = found["unanimous"]
    return [
        f"{found['problems']:,} problems, {found['accuracy']:.1%} of the greedy answers right; {found['responses']:,} "
        f"responses of {found['generated_tokens'] / found['responses']:.0f} tokens. {unanimous['problems']:,} problems "
        f"have all answers in one cluster, and {unanimous['wrong']:,} of these are wrong.",
        table(["score", "AUROC [95 %]"], [[score["score"], _area(score)] for score in found["scores"]]),
        table(["N", "AUROC of the entropy [95 %]"], [[part["num_samples"], _area(part)] for part in found["nested"]]),
        table(
            ["H / log N", "problems", "accuracy"],
            [[f"{part['low']:.2f} to {part['high']:.2f}", part["problems"], _percent(part)] for part in found["bins"]],
        ),
    ]


def _area(score: dict[str, Any]) -> str:
    return f"{score['value']:.3f} [{score['low']:.3f}, {score['high']:.3f}]"


def _percent(part: dict[str, Any]) -> str:
    return f"{part['accuracy']:.1%} ± {part['standard_error']:.1%}"
