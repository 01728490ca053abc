r"""Grading: a gold and the responses to one problem, to one verdict per response.

Every answer is compared by `sure_math.equivalence`, the one definition of "the same answer" in the project. What is no
answer is never compared: a response without a complete last box, and one whose thought was not finished, whatever boxes
the thought holds. Every comparison has a wall clock, and what it stopped is counted apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from sure_math.cluster import Pair, PairCheck
from sure_math.equivalence import Verdict, against_gold, was_stopped
from sure_math.extract import extract_answer, final_answer
from sure_math.rows import FinishReason, Missing

Outcome = Literal["correct", "wrong", "undecided", "timed_out", "truncated", "unboxed", "empty"]
OUTCOMES: tuple[Outcome, ...] = ("correct", "wrong", "undecided", "timed_out", "truncated", "unboxed", "empty")
"""What a response can come to; only the first scores. `undecided`: nobody could say that it equals the gold."""


class Response(str):
    """A response as text, and what a back end said about it beside the text."""

    __slots__ = ("closing_tag", "finish_reason", "in_thought", "token_count")
    finish_reason: FinishReason
    token_count: int | None
    in_thought: bool
    """The prompt itself opened a thought: without a closing tag all of the text is one."""
    closing_tag: str

    def __new__(
        cls,
        text: str,
        *,
        finish_reason: FinishReason = "unknown",
        token_count: int | None = None,
        in_thought: bool = False,
        closing_tag: str = "</think>",
    ) -> Response:
        response = super().__new__(cls, text)
        response.finish_reason = finish_reason
        response.token_count = token_count
        response.in_thought = in_thought
        response.closing_tag = closing_tag
        return response


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedResponse:
    """One response and what it came to."""

    answer: str | None
    """The final answer as extracted; None where there is none."""
    outcome: Outcome
    thought: bool
    """Whether the response thinks between tags, finished or not."""
    finish_reason: FinishReason
    token_count: int | None

    @property
    def correct(self) -> bool:
        return self.outcome == "correct"


def grade_boxed(gold: str, responses: Sequence[str]) -> list[GradedResponse]:
    """The last box of each response against the gold; a response without one is wrong."""
    return _grade(gold, [_final(response, extract_answer) for response in responses], responses)


def grade_number(gold: str, responses: Sequence[str]) -> list[GradedResponse]:
    """GSM8K as in B.2: the final number of each response, by a regular expression, against the gold's."""
    return _grade(gold, [_final(response, final_number) for response in responses], responses)


def grade_judged(problem: str, gold: str, responses: Sequence[str], judge: PairCheck) -> list[GradedResponse]:
    """AMO-Bench's descriptions: what stands behind the last answer line, as a judge compares it with the gold."""
    found = [_final(response, described_answer) for response in responses]
    answers = sorted({answer for answer, _ in found if answer is not None})
    ordered = [sorted((gold, answer)) for answer in answers]
    pairs = [Pair(problem=problem, first=first, second=second) for first, second in ordered]
    relations = dict(zip(answers, judge(pairs) if pairs else [], strict=True))
    outcomes: dict[str, Outcome] = {"equal": "correct", "different": "wrong", "undecided": "undecided"}
    return [
        _graded(answer, missing or outcomes[relations[answer or ""]], response)
        for (answer, missing), response in zip(found, responses, strict=True)
    ]


def final_number(text: str) -> str | None:
    r"""The last number of the last box, else of the text; thousands separators and a currency sign are dropped.

    A box that holds more than a number and its unit (`\frac{1}{2}`, `x = 3y`) is taken as it is.
    """
    boxed = extract_answer(text)
    if boxed and re.search(r"\\[dt]?frac|\\sqrt|\^", boxed):
        return boxed
    numbers = _NUMBER.findall((boxed or text).replace(r"\!", ""))
    if not numbers:
        return boxed or None
    return re.sub(r"[,\s]", "", str(numbers[-1]))


def described_answer(text: str) -> str | None:
    """What follows the last `### The final answer is` line of a response, as AMO-Bench's prompts ask for it."""
    lines = list(_ANSWER_LINE.finditer(text))
    return text[lines[-1].end() :].strip() or None if lines else extract_answer(text)


_OPENING_TAG = "<think>"
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?|-?\.\d+")
_ANSWER_LINE = re.compile(r"the final answer is\s*:?\**", re.IGNORECASE)


def _final(response: str, extract: Callable[[str], str | None]) -> tuple[str | None, Missing | None]:
    """The answer of a response, or why there is none."""
    said = response if isinstance(response, Response) else Response(response)
    text = f"{_OPENING_TAG}{said}" if said.in_thought else str(said)
    missing = final_answer(text, said.finish_reason, opening_tag=_OPENING_TAG, closing_tag=said.closing_tag).missing
    if missing == "truncated":
        return None, missing
    answer = extract(text.rpartition(said.closing_tag)[2])
    return (answer, None) if answer else (None, missing or "unboxed")


def _grade(
    gold: str, found: Sequence[tuple[str | None, Missing | None]], responses: Sequence[str]
) -> list[GradedResponse]:
    answers = sorted({answer for answer, _ in found if answer is not None})
    verdicts = dict(zip(answers, against_gold(gold, answers), strict=True))
    return [
        _graded(answer, missing or _outcome(gold, answer or "", verdicts[answer or ""]), response)
        for (answer, missing), response in zip(found, responses, strict=True)
    ]


def _outcome(gold: str, answer: str, verdict: Verdict) -> Outcome:
    if verdict == "undecided" and was_stopped(gold, answer):
        return "timed_out"
    return {"equal": "correct", "different": "wrong", "undecided": "undecided"}[verdict]  # type: ignore[return-value]


def _graded(answer: str | None, outcome: Outcome, response: str) -> GradedResponse:
    said = response if isinstance(response, Response) else Response(response)
    return GradedResponse(
        answer=answer,
        outcome=outcome,
        thought=said.in_thought or _OPENING_TAG in said or said.closing_tag in said,
        finish_reason=said.finish_reason,
        token_count=said.token_count,
    )
