"""Measure the pocket models on held-out problems: `python -m sure_math.pocket.evaluate --out FILE`.

- Teacher and student: greedy accuracy on seeds and on evolved problems whose cores no model was trained on.
- Judge: share of right verdicts on held-out pairs of answers, half of them near misses, by kind.
- Author: share of evolved problems that do what their strategy promises, by strategy.
"""

import argparse
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from rich.table import Table

from sure_math.batched import batched
from sure_math.command_line.arguments import output_path
from sure_math.command_line.terminal import prepare_output, say, terminal_console
from sure_math.equivalence import is_correct
from sure_math.models.engines import Refusal, Sampling
from sure_math.models.engines.spec import ModelSpec
from sure_math.models.responders.chat import Message, Question, Reply, Responder, load_responder
from sure_math.pocket.lessons import author_messages, draw_problem, held_pair, judge_messages, solve_prompt
from sure_math.pocket.world import Instance, render, to_problem
from sure_math.pocket.world.evolution import STRATEGIES, check_child
from sure_math.prompts.yes_or_no import MAX_REPLY_TOKENS, says_yes
from sure_math.storage.files import write_whole
from sure_math.storage.output_folder import OutputError, check_new_file

AUTHOR_TEMPERATURE = 0.7
"""As in `configs/pocket.yaml`."""
_BATCH = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """A share of right outcomes, in all and by group."""

    name: str
    right: int
    total: int
    groups: dict[str, tuple[int, int]]
    """Number of right outcomes and of all outcomes, per group."""
    defects: dict[str, int] = field(default_factory=dict)
    """How often each reason made an outcome wrong, if reasons are known."""

    @property
    def share(self) -> float:
        return self.right / self.total


def held_out_instances(kind: str, rounds: int | None, count: int, seed: int) -> list[Instance]:
    """Draw problems whose cores no model was trained on: seeds (`rounds` 0), or evolved as a build does it (None)."""
    rngs = [Random(f"pocket-evaluation/{seed}/{kind}/{index}") for index in range(count)]
    return [draw_problem(rng, rounds=rounds, held_out=True) for rng in rngs]


def solver_accuracy(role: str, responder: Responder, count: int, seed: int) -> list[Accuracy]:
    """Measure greedy accuracy on `count` held-out seeds, and on as many held-out problems that have been evolved."""
    accuracies = []
    for kind, rounds in (("seeds", 0), ("evolved", None)):
        instances = held_out_instances(kind, rounds, count, seed)
        problems = [to_problem(instance, "easy") for instance in instances]
        messages = [(Message(role="user", content=solve_prompt(problem.problem)),) for problem in problems]
        replies = _ask(responder, messages, Sampling(max_new_tokens=256, temperature=0.0))
        right = [is_correct(p.answer, r.text, unboxed="reject") for p, r in zip(problems, replies, strict=True)]
        by = [p.family for p in problems] if rounds == 0 else [f"{len(i.steps)} steps appended" for i in instances]
        accuracies.append(_accuracy(f"{role}: greedy accuracy, held-out {kind}", right, by))
    return accuracies


def judge_accuracy(responder: Responder, count: int, seed: int) -> Accuracy:
    """Measure the share of right verdicts on `count` held-out pairs, by kind.

    A reply that is neither yes nor no is wrong.
    """
    pairs = [held_pair(Random(f"pocket-evaluation/{seed}/pair/{index}"), held_out=True) for index in range(count)]
    messages = [judge_messages(pair.problem, *sorted((pair.first, pair.second))) for pair in pairs]
    replies = _ask(responder, messages, Sampling(max_new_tokens=MAX_REPLY_TOKENS, temperature=0.0))
    right = [says_yes(reply.text) is pair.equal for pair, reply in zip(pairs, replies, strict=True)]
    return _accuracy("judge: right verdicts, held-out pairs", right, [pair.kind for pair in pairs])


def author_usability(responder: Responder, count: int, seed: int) -> Accuracy:
    """Measure the share of usable children of held-out parents, by strategy, and count the defects."""
    rngs = [Random(f"pocket-evaluation/{seed}/parent/{index}") for index in range(count)]
    parents = [render(draw_problem(rng, rounds=0, held_out=True)) for rng in rngs]
    strategies = [STRATEGIES[index % len(STRATEGIES)] for index in range(count)]
    messages = [author_messages(strategy, parent) for strategy, parent in zip(strategies, parents, strict=True)]
    replies = _ask(responder, messages, Sampling(max_new_tokens=256, temperature=AUTHOR_TEMPERATURE))
    reasons = [check_child(s, p, r.text) for s, p, r in zip(strategies, parents, replies, strict=True)]
    defects = Counter(reason.partition(":")[0] for reason in reasons if reason is not None)
    accuracy = _accuracy(
        "author: usable children of held-out seeds", [reason is None for reason in reasons], strategies
    )
    return replace(accuracy, defects=dict(defects))


def _ask(responder: Responder, messages: Sequence[tuple[Message, ...]], sampling: Sampling) -> list[Reply]:
    questions = [
        Question(messages=conversation, seeds=(number,), sampling=sampling)
        for number, conversation in enumerate(messages)
    ]
    replies: list[Reply] = []
    for batch in batched(questions, _BATCH):
        for answer in responder.ask(batch):
            if isinstance(answer, Refusal):
                raise ValueError(f"the model refused a problem of its own world: {answer.reason}, {answer.detail}")
            replies.append(answer[0])
    return replies


def _accuracy(name: str, right: Sequence[bool], groups: Sequence[str]) -> Accuracy:
    counts: dict[str, tuple[int, int]] = {}
    for outcome, group in zip(right, groups, strict=True):
        good, total = counts.get(group, (0, 0))
        counts[group] = (good + outcome, total + 1)
    return Accuracy(name=name, right=sum(right), total=len(right), groups=dict(sorted(counts.items())))


def _table(accuracy: Accuracy) -> Table:
    table = Table(title=f"{accuracy.name}: {accuracy.right}/{accuracy.total} = {100 * accuracy.share:.1f} %")
    for column in ("group", "right", "of", "%"):
        table.add_column(column)
    for group, (right, total) in accuracy.groups.items():
        table.add_row(group, str(right), str(total), f"{100 * right / total:.1f}")
    for reason, times in accuracy.defects.items():
        table.add_row(reason, "", str(times), "")
    return table


def _figures(accuracy: Accuracy) -> dict[str, object]:
    return {
        "right": accuracy.right,
        "total": accuracy.total,
        "groups": accuracy.groups,
        "defects": accuracy.defects,
    }


def main() -> None:
    """Run the command line."""
    prepare_output()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--models", type=Path, help="folder with one folder per role; the shipped models if left out")
    parser.add_argument("--out", type=output_path, help="JSON file for the figures")
    parser.add_argument("--count", type=int, default=600, help="problems, pairs (four times as many) and parents")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--roles", nargs="+", default=["teacher", "student", "judge", "author"])
    options = parser.parse_args()
    try:
        if options.out:
            check_new_file(options.out)
    except OutputError as error:
        say(f"error: {error}", stderr=True)
        raise SystemExit(1) from None
    measures: dict[str, Callable[[Responder], list[Accuracy]]] = {
        "teacher": lambda model: solver_accuracy("teacher", model, options.count, options.seed),
        "student": lambda model: solver_accuracy("student", model, options.count, options.seed),
        "judge": lambda model: [judge_accuracy(model, 4 * options.count, options.seed)],
        "author": lambda model: [author_usability(model, options.count, options.seed)],
    }
    accuracies: list[Accuracy] = []
    for role in options.roles:
        name = str(options.models / role) if options.models else f"pocket:{role}"
        responder = load_responder(ModelSpec(model=name, dtype="float32"))
        accuracies += measures[role](responder)
        responder.close()
    console = terminal_console()
    for accuracy in accuracies:
        console.print(_table(accuracy))
    if options.out:
        figures = {accuracy.name: _figures(accuracy) for accuracy in accuracies}
        write_whole(options.out, (json.dumps(figures, indent=2) + "\n").encode())


if __name__ == "__main__":
    main()
