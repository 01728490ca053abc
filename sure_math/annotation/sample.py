"""Sample: the phase that asks the teacher for N answers to each problem, and for its greedy answer."""

from __future__ import annotations

from collections.abc import Sequence

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
    sampling = Sampling(
        max_new_tokens=settings.max_new_tokens,
        temperature=settings.temperature,
        top_p=settings.top_p,
        top_k=settings.top_k,
    )

    def run(problems: Sequence[Problem]) -> Output[Sample]:
        return sample(
            problems,
            teacher,
            prompt,
            sampling,
            num_samples=settings.num_samples,
            greedy=settings.greedy,
            run_seed=seed,
        )

    depends = {**settings.model_dump(), "seed": seed, "prompt": prompt, "version": VERSION}
    return models.asked_in(Phase(name="sample", makes=Sample, run=run, settings=depends), "teacher")


def sample(
    problems: Sequence[Problem],
    teacher: Responder,
    prompt: str,
    sampling: Sampling,
    *,
    num_samples: int,
    greedy: bool,
    run_seed: int,
) -> Output[Sample]:
    """Ask for the teacher's samples 0..num_samples-1 of each problem, and for index -1 if `greedy`.

    A problem that the engine refuses is dropped with the engine's reason.
    """
    indices = range(num_samples)
    samples = teacher.ask([_question(problem, prompt, indices, run_seed) for problem in problems], sampling)
    greedy_replies: list[tuple[Reply, ...] | Refusal] = [() for _ in problems]
    if greedy:
        at_zero = Sampling(max_new_tokens=sampling.max_new_tokens, temperature=0.0)
        greedy_replies = teacher.ask([_question(problem, prompt, (GREEDY,), run_seed) for problem in problems], at_zero)
    rows, dropped = [], []
    for problem, replies, best in zip(problems, samples, greedy_replies, strict=True):
        refusal = next((result for result in (replies, best) if isinstance(result, Refusal)), None)
        if refusal is not None:
            dropped.append(Dropped.of(problem, phase="sample", reason=refusal.reason, detail=refusal.detail))
            continue
        assert not isinstance(replies, Refusal) and not isinstance(best, Refusal)
        rows += [_row(problem, GREEDY, reply) for reply in best]
        rows += [_row(problem, index, reply) for index, reply in zip(indices, replies, strict=True)]
    return Output(rows=rows, dropped=dropped)


def _stored_of(problems: Sequence[Problem], stored: Sequence[Sample]) -> Output[Sample]:
    kept = {problem.problem_id for problem in problems}
    return Output(rows=[row for row in stored if row.problem_id in kept])


def _question(problem: Problem, prompt: str, indices: Sequence[int], run_seed: int) -> Question:
    seeds = tuple(random_seed(run_seed, "sample", problem.problem_id, index) for index in indices)
    return Question(messages=solve_messages(problem.problem, problem.system, prompt), seeds=seeds)


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
