"""The prompts of a run: the pool of a method as tokens, drawn step by step.

The student sees the same prompt that the teacher saw in Phase 1, with the problem's own system prompt if it has one.
With `opsd` the scorer also sees the solution, in a system message (`solution.txt`). Only the tokens of the response are
scored, so both read the same response.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from sure_math.identity import statement
from sure_math.models.responders.chat import Chat, Message
from sure_math.prompts.template import fill, solve_messages
from uopd.dataset import DataError, PoolRow, draw_prompts
from uopd.methods import Method
from uopd.rows import Prompt

SOLUTION_PROMPT = "solution.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptPool:
    """The prompts of a run, and how they are drawn."""

    prompts: tuple[Prompt, ...]
    too_long: int
    """Problems left out because their prompts are too long."""
    probabilities: tuple[float, ...] | None
    """Prompts are drawn in proportion to these numbers; None draws uniformly."""
    seed: int
    samples: int
    """Prompts drawn in the whole run."""
    per_step: int
    """Prompts drawn in a step, |B|."""

    def batch(self, step: int) -> list[Prompt]:
        """Draw the prompts of a step, by slot; the last step may have fewer."""
        slots = range(step * self.per_step, min((step + 1) * self.per_step, self.samples))
        indices = draw_prompts(len(self.prompts), self.probabilities, seed=self.seed, slots=slots)
        return [self.prompts[index] for index in indices]


def prompt_pool(
    rows: Sequence[PoolRow],
    method: Method,
    *,
    student: Chat,
    scorer: Chat | None,
    prompt: str,
    seed: int,
    samples: int,
    per_step: int,
    max_tokens: int,
) -> PromptPool:
    """Make the pool of `rows`, each with the weight that the method gives it.

    Args:
        student, scorer: chat templates of the two models; None if the method has no scorer.
        prompt: text with `{problem}`.
        seed, samples, per_step: as in `PromptPool`.
        max_tokens: length of the student's prompt; longer prompts are left out.

    Raises:
        DataError: all prompts are too long, or the method gives each of them the weight 0.
    """
    questions = [(row, solve_messages(row.problem, row.system, prompt)) for row in rows]
    encoded = [(row, messages, student.encode(messages)) for row, messages in questions]
    kept = [(row, messages, ids) for row, messages, ids in encoded if 0 < len(ids) <= max_tokens]
    if not kept:
        raise DataError(f"data.max_prompt_tokens = {max_tokens}: each of the {len(rows):,} prompts is longer; raise it")
    pool = [row for row, _, _ in kept]
    # Weights are computed after long prompts were left out: their mean and their multiset are those of the pool.
    weights = method.weights(pool, seed)
    if not any(weights):
        raise DataError(
            f"data.path: method={method.name} gives every training problem the weight 0, so that there is nothing to "
            "learn: the teacher never agreed with itself; look at its samples (load_dataset(..., 'samples')), or use "
            "method=opd"
        )
    prompts = []
    for (row, messages, token_ids), weight in zip(kept, weights, strict=True):
        scorer_messages = _with_solution(row, messages) if method.shows_solution else messages
        prompts.append(
            Prompt(
                problem_id=row.problem_id,
                token_ids=token_ids,
                scorer_ids=token_ids if scorer is None else scorer.encode(scorer_messages),
                weight=weight,
                answer=row.answer,
                problem=row.statement,
            )
        )
    return PromptPool(
        prompts=tuple(prompts),
        too_long=len(rows) - len(kept),
        probabilities=tuple(row.weight for row in pool) if method.proportional else None,
        seed=seed,
        samples=samples,
        per_step=per_step,
    )


def _with_solution(row: PoolRow, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The conversation with the solution in its system message, behind the problem's own system prompt if it has one.

    Many chat templates refuse a second system message.
    """
    text = resources.files(__package__).joinpath(SOLUTION_PROMPT).read_text(encoding="utf-8").rstrip("\n")
    content = statement(fill(text, solution=row.solution or ""), row.system)
    turns = tuple(message for message in messages if message.role != "system")
    return (Message(role="system", content=content), *turns)
