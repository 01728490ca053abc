"""The LLM judge: are two answers to a problem the same answer?

Each pair is asked once, greedily, with the answers in sorted order, so that the verdict does not depend on which answer
came first. Asking the other orientation too would show a judge that prefers a position, at twice the calls; the
partition in `cluster.py` guards against single wrong verdicts instead.

Problems and answers are untrusted: a placeholder inside them stays text, a long one is cut and says so. A reply that is
not plainly yes or no is `undecided`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sure_math.cluster import Pair
from sure_math.config import BuildConfig
from sure_math.equivalence import Verdict
from sure_math.models.engines import Refusal, Sampling
from sure_math.models.responders.chat import Message, Question, Reply, Responder
from sure_math.models.responders.roles import Models
from sure_math.prompts import load_prompt

MAX_REPLY_TOKENS = 64
"""Room for "The answer is: **Yes**.", an empty thinking block, or both answers restated before the verdict."""
MAX_ANSWER_CHARACTERS = 2000
MAX_PROBLEM_CHARACTERS = 8000
NO_PROBLEM = "(not given)"
SYSTEM_SEPARATOR = re.compile(r"^---[ \t]*\n", re.MULTILINE)
PLACEHOLDERS = ("{problem}", "{first}", "{second}")
_PLACEHOLDER = re.compile("|".join(map(re.escape, PLACEHOLDERS)))
_WORDS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_LABELS = frozenset({"answer", "final", "my", "reply", "response", "result", "the", "verdict", "is", "assistant"})
"""Words that may stand before the verdict: "Answer: yes", "The final answer is No."."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgePrompt:
    """The two messages of a judge call, with the placeholders {problem}, {first} and {second}."""

    system: str | None
    user: str

    @classmethod
    def parse(cls, template: str) -> JudgePrompt:
        """A prompt file: the user message, or the system message, a line `---`, and the user message.

        Raises ValueError where {first} or {second} is missing from the user message.
        """
        system, separator, user = _partition(template)
        prompt = cls(system=system.strip() if separator else None, user=user.strip())
        for placeholder in ("{first}", "{second}"):
            if placeholder not in prompt.user:
                raise ValueError(f"the judge prompt has no {placeholder} in its user message: {prompt.user[:80]!r}")
        return prompt

    def messages(self, pair: Pair) -> tuple[Message, ...]:
        """The conversation about a pair, its answers in sorted order and long texts cut."""
        first, second = sorted((pair.first, pair.second))
        values = {
            "{problem}": NO_PROBLEM if pair.problem is None else _shown(pair.problem, MAX_PROBLEM_CHARACTERS),
            "{first}": _shown(first, MAX_ANSWER_CHARACTERS),
            "{second}": _shown(second, MAX_ANSWER_CHARACTERS),
        }
        # One pass over the template: what is filled in is never searched for placeholders.
        user = _PLACEHOLDER.sub(lambda match: values[match.group()], self.user)
        system = () if self.system is None else (Message(role="system", content=self.system),)
        return (*system, Message(role="user", content=user))


def judge_of(config: BuildConfig, models: Models) -> LlmJudge | None:
    """Make the judge of a build; None if the build asks no judge."""
    if "judge" not in models:
        return None
    return LlmJudge(models["judge"], JudgePrompt.parse(load_prompt(config.prompts, "judge")))


def judge_settings(config: BuildConfig, models: Models) -> dict[str, Any]:
    """What a phase that asks the judge depends on beside the model."""
    return {"prompt": load_prompt(config.prompts, "judge")} if "judge" in models else {}


class LlmJudge:
    """A `PairCheck` that asks a model.

    A pair is undecided if the reply is neither yes nor no, if the engine refuses the question as too long, or if the
    two answers look the same once they are cut; such a pair is not asked.
    """

    def __init__(self, responder: Responder, prompt: JudgePrompt) -> None:
        self._responder = responder
        self._prompt = prompt

    def __call__(self, pairs: Sequence[Pair], /) -> list[Verdict]:
        readable = [pair for pair in pairs if _look_different(pair)]
        # Greedy: the seed changes nothing, and a constant one lets the same question be found in the journal.
        questions = [Question(messages=self._prompt.messages(pair), seeds=(0,)) for pair in readable]
        sampling = Sampling(max_new_tokens=MAX_REPLY_TOKENS, temperature=0.0)
        replies = iter(self._responder.ask(questions, sampling) if questions else [])
        return [_relation(next(replies)) if _look_different(pair) else "undecided" for pair in pairs]


def parse_verdict(reply: str) -> bool | None:
    """Whether a judge's reply says yes; None where it says neither, or both.

    The verdict must be the last word (`3/4 | 75% | no`), or the first but for a label before it ("Answer: yes"). Case,
    punctuation and a reason do not matter, unless the reason contains the other verdict. Reasoning up to a closing
    `</think>` is not read.
    """
    words = _WORDS.findall(reply.rpartition("</think>")[2].casefold())
    verdicts = {"yes", "no"}.intersection(words)
    start = next((word for word in words if word not in _LABELS), None)
    if len(verdicts) != 1 or verdicts.isdisjoint({start, words[-1]}):
        return None
    return verdicts == {"yes"}


def cut(text: str, limit: int) -> str:
    """The text, or its two ends with the number of characters left out between them."""
    if len(text) <= limit:
        return text
    head, tail = limit - limit // 4, limit // 4
    return f"{text[:head]} [... {len(text) - limit} characters left out ...] {text[-tail:]}"


def _shown(text: str, limit: int) -> str:
    """The text as the judge reads it: cut, and with no control token of a ChatML tokenizer left whole.

    A tokenizer would take `<|im_end|>` in an answer for the end of the message. The space means nothing in 0 <|x| < 1.
    """
    return cut(text, limit).replace("<|", "< |")


def _relation(replies: tuple[Reply, ...] | Refusal) -> Verdict:
    verdict = None if isinstance(replies, Refusal) else parse_verdict(replies[0].text)
    return "undecided" if verdict is None else ("different", "equal")[verdict]


def _look_different(pair: Pair) -> bool:
    return _shown(pair.first, MAX_ANSWER_CHARACTERS) != _shown(pair.second, MAX_ANSWER_CHARACTERS)


def _partition(template: str) -> tuple[str, bool, str]:
    match = SYSTEM_SEPARATOR.search(template)
    return (template[: match.start()], True, template[match.end() :]) if match else ("", False, template)
