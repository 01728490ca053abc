"""The LLM judge: are two answers to a problem the same answer?

Each pair is asked once, greedily, with the answers in sorted order, so the verdict does not depend on which answer came
first. Asking in the other order too would reveal a judge that prefers a position, but takes twice the calls. Instead,
the partition in `sure_math/cluster.py` guards against single wrong verdicts.

Problems and answers are untrusted. A placeholder inside them stays text, and a long text is shortened and says so. A
reply that is not plainly yes or no is `undecided`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sure_math.cluster import Pair
from sure_math.config import BuildConfig
from sure_math.equivalence import Verdict
from sure_math.models.engines import Refusal, Sampling
from sure_math.models.responders.chat import Message, Question, Reply, Responder
from sure_math.models.responders.roles import Models
from sure_math.prompts import load_prompt
from sure_math.prompts.template import PromptTemplate, as_data
from sure_math.prompts.yes_or_no import MAX_REPLY_TOKENS, says_yes

MAX_ANSWER_CHARACTERS = 2000
MAX_PROBLEM_CHARACTERS = 8000
NO_PROBLEM = "(not given)"


def judge_of(config: BuildConfig, models: Models) -> LlmJudge | None:
    """Make the judge of a build; None if the build asks no judge."""
    if "judge" not in models:
        return None
    return LlmJudge(models["judge"], judge_prompt(load_prompt(config.prompts, "judge")))


def judge_settings(config: BuildConfig, models: Models) -> dict[str, Any]:
    """Return what a phase that asks the judge depends on beside the model."""
    return {"prompt": load_prompt(config.prompts, "judge")} if "judge" in models else {}


def judge_prompt(text: str) -> PromptTemplate:
    """Read the prompt file `judge.txt`, with the placeholders {first}, {second} and, if wanted, {problem}.

    Raises:
        PromptError: {first} or {second} is missing from the user message.
    """
    return PromptTemplate.parse(text, name="judge", needs=("first", "second"))


def judge_messages(prompt: PromptTemplate, pair: Pair) -> tuple[Message, ...]:
    """Ask about a pair, its answers in sorted order and long texts shortened."""
    first, second = sorted((pair.first, pair.second))
    return prompt.messages(
        problem=NO_PROBLEM if pair.problem is None else as_data(pair.problem, MAX_PROBLEM_CHARACTERS),
        first=as_data(first, MAX_ANSWER_CHARACTERS),
        second=as_data(second, MAX_ANSWER_CHARACTERS),
    )


class LlmJudge:
    """A `PairCheck` that asks a model.

    A pair is undecided if the reply is neither yes nor no, if the engine refuses the question as too long, or if the
    two answers look the same once they are cut; such a pair is not asked.
    """

    def __init__(self, responder: Responder, prompt: PromptTemplate) -> None:
        self._responder = responder
        self._prompt = prompt

    def __call__(self, pairs: Sequence[Pair], /) -> list[Verdict]:
        readable = [pair for pair in pairs if _look_different(pair)]
        # Greedy: the seed changes nothing, and a constant one lets the same question be found in the journal.
        greedy = Sampling(max_new_tokens=MAX_REPLY_TOKENS, temperature=0.0)
        questions = [
            Question(messages=judge_messages(self._prompt, pair), seeds=(0,), sampling=greedy) for pair in readable
        ]
        replies = iter(self._responder.ask(questions) if questions else [])
        return [_verdict(next(replies)) if _look_different(pair) else "undecided" for pair in pairs]


def _verdict(replies: tuple[Reply, ...] | Refusal) -> Verdict:
    equal = None if isinstance(replies, Refusal) else says_yes(replies[0].text)
    return "undecided" if equal is None else ("different", "equal")[equal]


def _look_different(pair: Pair) -> bool:
    return as_data(pair.first, MAX_ANSWER_CHARACTERS) != as_data(pair.second, MAX_ANSWER_CHARACTERS)
