"""Prompts of a run: the pool of a method as tokens, drawn step by step.

The student sees what the teacher saw in Phase 1: one problem prompt everywhere. `opsd` shows its scorer the solution in
a system message (`solution.txt`); the response is read at the same positions, because only its tokens are scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from sure_math.annotation.sample import solve_messages
from sure_math.models.responders.chat import Chat, Message
from uopd.dataset import DataError, PoolRow, draw
from uopd.methods import Method
from uopd.rows import Prompt

SOLUTION_PROMPT = "solution.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptPool:
    """The prompts of a run and the plan of its draws."""

    prompts: tuple[Prompt, ...]
    too_long: int
    """Problems left out for their length."""
    probabilities: tuple[float, ...] | None
    """In proportion to which prompts are drawn; None draws uniformly."""
    seed: int
    samples: int
    """Prompts of the whole run."""
    per_step: int

    def batch(self, step: int) -> list[Prompt]:
        """The prompts of a step, by slot; the last step may have fewer."""
        slots = range(step * self.per_step, min((step + 1) * self.per_step, self.samples))
        chosen = draw(len(self.prompts), self.probabilities, seed=self.seed, slots=slots)
        return [self.prompts[index] for index in chosen]


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
    """The pool of `rows`, each with the weight that the method gives it.

    Args:
        student, scorer: chat templates of the two models; None where nobody scores.
        prompt: text with `{problem}`.
        max_tokens: of the student's prompt; longer ones are left out.

    Raises:
        DataError: all of them are longer, or the method gives every one the weight 0.
    """
    asked = [(row, solve_messages(row.problem, None, prompt)) for row in rows]
    encoded = [(row, messages, student.encode(messages)) for row, messages in asked]
    kept = [one for one in encoded if 0 < len(one[2]) <= max_tokens]
    if not kept:
        raise DataError(
            f"data.max_prompt_tokens = {max_tokens}: every one of the {len(rows):,} prompts is longer; raise it"
        )
    left = [row for row, _, _ in kept]
    # Weights are given to what is drawn from, so that their mean and their multiset are those of the pool.
    weights = method.weights(left, seed)
    if not any(weights):
        raise DataError(
            f"data.path: method={method.name} gives every training problem the weight 0, so that there is nothing to "
            "learn: the teacher never agreed with itself; look at its samples (load_dataset(..., 'samples')), or use "
            "method=opd"
        )
    made = []
    for (row, messages, token_ids), weight in zip(kept, weights, strict=True):
        shown = (_solution_message(row), *messages) if method.shows_solution else messages
        made.append(
            Prompt(
                problem_id=row.problem_id,
                token_ids=token_ids,
                scorer_ids=token_ids if scorer is None else scorer.encode(shown),
                weight=weight,
                answer=row.answer,
            )
        )
    return PromptPool(
        prompts=tuple(made),
        too_long=len(rows) - len(kept),
        probabilities=tuple(row.weight for row in left) if method.proportional else None,
        seed=seed,
        samples=samples,
        per_step=per_step,
    )


def _solution_message(row: PoolRow) -> Message:
    text = resources.files(__package__).joinpath(SOLUTION_PROMPT).read_text(encoding="utf-8").rstrip("\n")
    return Message(role="system", content=text.replace("{solution}", row.solution or ""))
