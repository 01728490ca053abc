"""Sample: N answers of the teacher to each problem, and its greedy one."""

from __future__ import annotations

from collections.abc import Sequence

from sure_math.identity import random_seed
from sure_math.models.engines import Refusal, Sampling
from sure_math.models.responders.chat import Message, Question, Reply, Responder
from sure_math.rows import Dropped, Output, Problem, Sample

GREEDY = -1
"""Sample index of the greedy answer, which takes no part in the entropy."""


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
    """The teacher's samples 0..num_samples-1 of each problem, and index -1 where `greedy`.

    A problem the engine refuses is dropped with the engine's reason.
    """
    indices = range(num_samples)
    drawn = teacher.ask([_question(problem, prompt, indices, run_seed) for problem in problems], sampling)
    best: list[tuple[Reply, ...] | Refusal] = [() for _ in problems]
    if greedy:
        at_zero = Sampling(max_new_tokens=sampling.max_new_tokens, temperature=0.0)
        best = teacher.ask([_question(problem, prompt, (GREEDY,), run_seed) for problem in problems], at_zero)
    rows, dropped = [], []
    for problem, replies, first in zip(problems, drawn, best, strict=True):
        refusal = next((each for each in (replies, first) if isinstance(each, Refusal)), None)
        if refusal is not None:
            dropped.append(_refused(problem, refusal))
            continue
        assert not isinstance(replies, Refusal) and not isinstance(first, Refusal)
        rows += [_row(problem, GREEDY, reply) for reply in first]
        rows += [_row(problem, index, reply) for index, reply in zip(indices, replies, strict=True)]
    return Output(rows=rows, dropped=dropped)


def solve_messages(problem: str, system: str | None, prompt: str) -> tuple[Message, ...]:
    """The conversation that asks for a solution; the problem's own system prompt stays in front."""
    user = Message(role="user", content=prompt.replace("{problem}", problem))
    return (user,) if system is None else (Message(role="system", content=system), user)


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


def _refused(problem: Problem, refusal: Refusal) -> Dropped:
    return Dropped(
        problem_id=problem.problem_id,
        phase="sample",
        reason=refusal.reason,
        detail=refusal.detail,
        problem=problem.problem,
        source=problem.source,
        strategy=problem.strategy,
    )
