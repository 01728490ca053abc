"""Label: the phase that answers problems that came without an answer, by a rule of `LABELLERS` or by a model.

A model's label is its greedy answer, or the majority of several samples. The symbolic check alone groups the samples,
without a judge, so two answers count as one answer only if that is computed. Nobody verifies a label of a model. The
card says how often these labels agree with the teacher's majority.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sure_math.cluster import cluster_answers
from sure_math.config import BuildConfig
from sure_math.entropy import majority_answer
from sure_math.equivalence import canonical
from sure_math.extract import final_answer
from sure_math.identity import random_seed
from sure_math.models.engines import Refusal, Sampling
from sure_math.models.responders.chat import Question, Reply, Responder
from sure_math.models.responders.roles import Models
from sure_math.prompts import load_prompt
from sure_math.prompts.template import solve_messages
from sure_math.rows import Dropped, Output, Problem
from sure_math.storage.phase import Phase
from sure_math.thoughts import visible_text

VERSION = 5
"""Raise it with every change that makes other rows of the same inputs."""


def label_runs(config: BuildConfig) -> bool:
    """Return whether problems without an answer get one, or are dropped for the lack of one."""
    return config.label.by != "none" or config.label.drop_unlabelled


def label_phase(config: BuildConfig, models: Models) -> Phase[Problem] | None:
    """Answer the problems that came without an answer."""
    if not label_runs(config):
        return None
    labels, tags = config.label, config.extract.model_dump()
    settings = {**labels.model_dump(exclude={"model"}), "version": VERSION}
    labeller = None
    if labels.model is not None:
        prompt = load_prompt(config.prompts, "solve")
        settings |= {"prompt": prompt, "seed": config.run.seed, "tags": tags}
        labeller = model_labeller(
            models["labeller"],
            prompt,
            num_samples=labels.num_samples,
            temperature=labels.temperature,
            max_new_tokens=labels.max_new_tokens,
            min_share=labels.min_share,
            run_seed=config.run.seed,
            tags=tags,
        )

    def run(problems: Sequence[Problem]) -> Output[Problem]:
        return label(problems, by=labels.by, drop_unlabelled=labels.drop_unlabelled, labeller=labeller)

    def look_ahead(shards: Iterator[Sequence[Sequence[Problem]]]) -> None:
        if labeller is not None:
            models["labeller"].look_ahead(labeller.questions(_unanswered(problems)) for (problems,) in shards)

    phase = Phase(name="label", makes=Problem, run=run, look_ahead=look_ahead, settings=settings)
    return models.asked_in(phase, "labeller")


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """An answer and how to reach it."""

    answer: str
    solution: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlabelled:
    """Why a problem got no answer."""

    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Labeller:
    """Somebody who answers problems."""

    name: str
    """`answer_source` of the problems it answers."""
    answer: Callable[[Sequence[Problem]], Sequence[Label | Unlabelled]]
    """Returns one entry per problem, in order."""
    questions: Callable[[Sequence[Problem]], list[Question]] = lambda problems: []
    """What a model is asked about the problems; nothing if the labeller is no model."""


def label(
    problems: Sequence[Problem], *, by: str, drop_unlabelled: bool, labeller: Labeller | None = None
) -> Output[Problem]:
    """Answer the problems that have no answer, with `labeller` or with `by`, a key of `LABELLERS`.

    An answer that is there stays. Only evolved problems are dropped, because the seeds are the user's own.
    """
    labeller = labeller or LABELLERS[by]()
    open_problems = _unanswered(problems)
    outcomes = labeller.answer(open_problems)
    outcome_of = {problem.problem_id: outcome for problem, outcome in zip(open_problems, outcomes, strict=True)}
    rows, dropped = [], []
    for problem in problems:
        outcome = outcome_of.get(problem.problem_id)
        if isinstance(outcome, Label):
            problem = dataclasses.replace(
                problem, answer=outcome.answer, solution=outcome.solution, answer_source=labeller.name
            )
        if isinstance(outcome, Unlabelled) and problem.round and drop_unlabelled:
            dropped.append(Dropped.of(problem, phase="label", reason="unlabelled", detail=outcome.detail))
        else:
            rows.append(problem)
    return Output(rows=rows, dropped=dropped)


def _unanswered(problems: Sequence[Problem]) -> list[Problem]:
    return [problem for problem in problems if problem.answer is None]


def model_labeller(
    responder: Responder,
    prompt: str,
    *,
    num_samples: int,
    temperature: float,
    max_new_tokens: int,
    min_share: float,
    run_seed: int,
    tags: Mapping[str, str],
) -> Labeller:
    """Make a labeller of a model, which is asked with `prompt` as the teacher is.

    Args:
        num_samples: 1 takes the greedy answer, whatever `temperature` is. A larger number takes the majority.
        min_share: least share of all samples, answered or not, that the largest cluster must have.
        tags: `opening_tag` and `closing_tag` of a thinking model, beside those of `sure_math/thoughts.py`. Thoughts do
            not become part of the solution.
    """
    sampling = Sampling(max_new_tokens=max_new_tokens, temperature=temperature if num_samples > 1 else 0.0)

    def questions(problems: Sequence[Problem]) -> list[Question]:
        return [
            Question(
                messages=solve_messages(problem.problem, problem.system, prompt),
                seeds=tuple(random_seed(run_seed, "label", problem.problem_id, index) for index in range(num_samples)),
                sampling=sampling,
            )
            for problem in problems
        ]

    def answer(problems: Sequence[Problem]) -> list[Label | Unlabelled]:
        replies = responder.ask(questions(problems)) if problems else []
        return [
            _majority(problem.statement, reply, min_share, tags)
            for problem, reply in zip(problems, replies, strict=True)
        ]

    return Labeller(name=responder.identity.name, answer=answer, questions=questions)


def _majority(
    problem: str, replies: tuple[Reply, ...] | Refusal, min_share: float, tags: Mapping[str, str]
) -> Label | Unlabelled:
    if isinstance(replies, Refusal):
        return Unlabelled(detail=f"refused by the engine: {replies.reason}: {replies.detail}")
    opening, closing = tags["opening_tag"], tags["closing_tag"]
    finals = [
        final_answer(reply.text, reply.finish_reason, opening_tag=opening, closing_tag=closing) for reply in replies
    ]
    answers = [final.answer for final in finals]
    if all(answer is None for answer in answers):
        reasons = ", ".join(sorted({str(final.missing) for final in finals}))
        return Unlabelled(detail=f"no final answer in {len(answers)} of {len(answers)}: {reasons}")
    chosen, votes = _vote(problem, answers)
    if votes < min_share * len(answers):
        return Unlabelled(detail=f"share {votes} of {len(answers)} is below {min_share:g}")
    # The solution must end in the very string that became the label, not in another form of it.
    text = replies[answers.index(chosen)].text
    solution = visible_text(text, tags=(opening, closing))
    assert solution is not None, "a text with an answer has a visible part"
    return Label(answer=chosen, solution=solution.strip())


def _vote(problem: str, answers: Sequence[str | None]) -> tuple[str, int]:
    """Return the most frequent string of the largest cluster, and the size of that cluster."""
    if len(answers) == 1:
        assert answers[0] is not None, "the caller sees to it"
        return answers[0], 1
    ids = cluster_answers(answers, problem=problem).ids
    chosen = majority_answer(ids, answers, canonical)
    assert chosen is not None, "the caller sees to it"
    return chosen, ids.count(ids[answers.index(chosen)])


def _nobody() -> Labeller:
    return Labeller(name="none", answer=lambda problems: [Unlabelled(detail="label.by = none")] * len(problems))


def _pocket_world() -> Labeller:
    from sure_math.pocket import world  # only this labeller needs it

    def answer(problems: Sequence[Problem]) -> list[Label | Unlabelled]:
        # The world reads no system prompt, which may ask for another answer.
        solved = [None if problem.system else world.solve(problem.problem) for problem in problems]
        return [
            Unlabelled(detail="pocket-world cannot solve it")
            if worked is None
            else Label(answer=worked.answer, solution=worked.solution)
            for worked in solved
        ]

    return Labeller(name="pocket-world", answer=answer)


LABELLERS: dict[str, Callable[[], Labeller]] = {"none": _nobody, "pocket-world": _pocket_world}
"""Labellers that need no settings. `model_labeller` makes the labeller of `label.by: model`."""
