"""Sample: the phase that asks the teacher for N answers to each problem, and for its greedy answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sure_math.config import BuildConfig
from sure_math.identity import random_seed
from sure_math.models.engines import Refusal, Sampling
from sure_math.models.responders.chat import Question, Reply, Responder
from sure_math.models.responders.roles import Models
from sure_math.prompts import load_prompt
from sure_math.prompts.template import solve_messages
from sure_math.rows import Dropped, Output, Problem, Sample
from sure_math.storage.phase import Phase

VERSION = 1
"""Raise it with every change that makes other rows of the same inputs."""

GREEDY = -1
"""Sample index of the greedy answer, which takes no part in the entropy."""


def sample_phase(config: BuildConfig, models: Models) -> Phase[Sample]:
    """Ask the teacher, or take the stored samples of the problems that are left."""
    if config.samples.path is not None:
        return Phase(name="sample", makes=Sample, run=_stored_of, settings={"version": VERSION})
    settings, seed = config.sample, config.run.seed
    teacher, prompt = models["teacher"], load_prompt(config.prompts, "solve")
    asking = Asking(
        prompt=prompt,
        sampling=Sampling(
            max_new_tokens=settings.max_new_tokens,
            temperature=settings.temperature,
            top_p=settings.top_p,
            top_k=settings.top_k,
        ),
        num_samples=settings.num_samples,
        greedy=settings.greedy,
        run_seed=seed,
    )

    def run(problems: Sequence[Problem]) -> Output[Sample]:
        return sample(problems, teacher, asking)

    def look_ahead(shards: Iterator[Sequence[Sequence[Problem]]]) -> None:
        teacher.look_ahead(questions(problems, asking) for (problems,) in shards)

    depends = {**settings.model_dump(), "seed": seed, "prompt": prompt, "version": VERSION}
    phase = Phase(name="sample", makes=Sample, run=run, look_ahead=look_ahead, settings=depends)
    return models.asked_in(phase, "teacher")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How the teacher is asked."""

    prompt: str
    sampling: Sampling
    num_samples: int
    """Samples of a problem, with the indices 0 to `num_samples` - 1."""
    greedy: bool
    """Whether the greedy answer is asked for too. It has the index -1."""
    run_seed: int


def questions(problems: Sequence[Problem], asking: Asking) -> list[Question]:
    """Return the questions of a shard: those for the samples of each problem, then those for the greedy answers."""
    at_zero = Sampling(max_new_tokens=asking.sampling.max_new_tokens, temperature=0.0)
    sampled = [_question(problem, asking, range(asking.num_samples), asking.sampling) for problem in problems]
    return sampled + [_question(problem, asking, (GREEDY,), at_zero) for problem in problems if asking.greedy]


def sample(problems: Sequence[Problem], teacher: Responder, asking: Asking) -> Output[Sample]:
    """Ask for the samples of each problem. A problem that the engine refuses is dropped with the engine's reason."""
    answers = teacher.ask(questions(problems, asking))
    samples, greedy = answers[: len(problems)], answers[len(problems) :] or [()] * len(problems)
    rows, dropped = [], []
    for problem, replies, best in zip(problems, samples, greedy, strict=True):
        refusal = next((result for result in (replies, best) if isinstance(result, Refusal)), None)
        if refusal is not None:
            dropped.append(Dropped.of(problem, phase="sample", reason=refusal.reason, detail=refusal.detail))
            continue
        assert not isinstance(replies, Refusal) and not isinstance(best, Refusal)
        rows += [_row(problem, GREEDY, reply) for reply in best]
        rows += [_row(problem, index, reply) for index, reply in enumerate(replies)]
    return Output(rows=rows, dropped=dropped)


def _stored_of(problems: Sequence[Problem], stored: Sequence[Sample]) -> Output[Sample]:
    kept = {problem.problem_id for problem in problems}
    return Output(rows=[row for row in stored if row.problem_id in kept])


def _question(problem: Problem, asking: Asking, indices: Sequence[int], sampling: Sampling) -> Question:
    seeds = tuple(random_seed(asking.run_seed, "sample", problem.problem_id, index) for index in indices)
    messages = solve_messages(problem.problem, problem.system, asking.prompt)
    return Question(messages=messages, seeds=seeds, sampling=sampling)


def _row(problem: Problem, index: int, reply: Reply) -> Sample:
    return Sample(
        problem_id=problem.problem_id,
        sample_index=index,
        text=reply.text,
        token_count=reply.token_count,
        sum_logprob=reply.sum_logprob,
        finish_reason=reply.finish_reason,
        logprob_mode=reply.logprob_mode,
    )
