r"""Grade responses: compare each response to a problem with the gold, and say what the response came to.

Answers are compared by `sure_math.equivalence`, the project's only definition of "the same answer". A response is not
compared if it has no complete last box, or if its thought is unfinished, even when the thought contains boxes. Every
comparison has a time limit; comparisons that were stopped by it are counted separately.
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
"""What a response can come to. Only `correct` scores. `undecided`: no layer could tell whether it equals the gold."""


class Response(str):
    """The text of a response, with what the back end reported about it as attributes."""

    __slots__ = ("closing_tag", "finish_reason", "in_thought", "token_count")
    finish_reason: FinishReason
    token_count: int | None
    in_thought: bool
    """The prompt itself opened a thought, so the whole text is a thought if it has no closing tag."""
    closing_tag: str
    """The tag that ends a thought."""

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
    """The final answer as extracted from the response; None if it has none."""
    outcome: Outcome
    thought: bool
    """Whether the response contains a thought between tags, finished or not."""
    finish_reason: FinishReason
    token_count: int | None

    @property
    def correct(self) -> bool:
        return self.outcome == "correct"


def grade_boxed(gold: str, responses: Sequence[str]) -> list[GradedResponse]:
    r"""Compare the last box of each response with the gold. A response without a box is wrong.

    >>> [graded.outcome for graded in grade_boxed("1/2", [r"so \boxed{0.5}", r"so \boxed{2}", "I give up"])]
    ['correct', 'wrong', 'unboxed']
    """
    return _grade(gold, [_final_answer(response, extract_answer) for response in responses], responses)


def grade_number(gold: str, responses: Sequence[str]) -> list[GradedResponse]:
    """Compare the final number of each response, found by a regular expression, with the gold (GSM8K, B.2).

    >>> [graded.outcome for graded in grade_number("18", ["She makes 9 * 2 = $18.00 a day.", "It is 17."])]
    ['correct', 'wrong']
    """
    return _grade(gold, [_final_answer(response, final_number) for response in responses], responses)


def grade_judged(problem: str, gold: str, responses: Sequence[str], judge: PairCheck) -> list[GradedResponse]:
    """Let a judge compare each response's text after the last answer line with the gold (AMO-Bench's descriptions).

    Args:
        judge: compares pairs of answers; it is asked once per distinct answer.
    """
    final_answers = [_final_answer(response, described_answer) for response in responses]
    answers = sorted({answer for answer, _ in final_answers if answer is not None})
    ordered = [sorted((gold, answer)) for answer in answers]
    pairs = [Pair(problem=problem, first=first, second=second) for first, second in ordered]
    verdicts = dict(zip(answers, judge(pairs) if pairs else [], strict=True))
    return [
        _graded(answer, missing or _OUTCOME_OF[verdicts[answer or ""]], response)
        for (answer, missing), response in zip(final_answers, responses, strict=True)
    ]


def final_number(text: str) -> str | None:
    r"""Return the last number of the last box, or of the text if there is no box.

    Thousands separators and a currency sign are dropped. If the box holds a fraction, a root or a power, the whole
    content of the box is returned.

    >>> final_number("The total is $1,250.")
    '1250'
    >>> final_number(r"\boxed{\frac{1}{2}}")
    '\\frac{1}{2}'
    """
    boxed = extract_answer(text)
    if boxed and re.search(r"\\[dt]?frac|\\sqrt|\^", boxed):
        return boxed
    numbers = _NUMBER.findall((boxed or text).replace(r"\!", ""))
    if not numbers:
        return boxed or None
    return re.sub(r"[,\s]", "", str(numbers[-1]))


def described_answer(text: str) -> str | None:
    """Return the text after the last line `### The final answer is`, which AMO-Bench's prompts ask for.

    Without such a line, return the content of the last box.

    >>> described_answer("Easy.\\n### The final answer is: all odd n")
    'all odd n'
    """
    lines = list(_ANSWER_LINE.finditer(text))
    return text[lines[-1].end() :].strip() or None if lines else extract_answer(text)


_OPENING_TAG = "<think>"
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?|-?\.\d+")
_ANSWER_LINE = re.compile(r"the final answer is\s*:?\**", re.IGNORECASE)
_OUTCOME_OF: dict[Verdict, Outcome] = {"equal": "correct", "different": "wrong", "undecided": "undecided"}


def _final_answer(response: str, extract: Callable[[str], str | None]) -> tuple[str | None, Missing | None]:
    """Return the answer of a response, and why it has none if it has none."""
    known = _with_report(response)
    text = f"{_OPENING_TAG}{known}" if known.in_thought else str(known)
    missing = final_answer(text, known.finish_reason, opening_tag=_OPENING_TAG, closing_tag=known.closing_tag).missing
    if missing == "truncated":
        return None, missing
    answer = extract(text.rpartition(known.closing_tag)[2])
    return (answer, None) if answer else (None, missing or "unboxed")


def _grade(
    gold: str, final_answers: Sequence[tuple[str | None, Missing | None]], responses: Sequence[str]
) -> list[GradedResponse]:
    answers = sorted({answer for answer, _ in final_answers if answer is not None})
    verdicts = dict(zip(answers, against_gold(gold, answers), strict=True))
    return [
        _graded(answer, missing or _outcome(gold, answer or "", verdicts[answer or ""]), response)
        for (answer, missing), response in zip(final_answers, responses, strict=True)
    ]


def _outcome(gold: str, answer: str, verdict: Verdict) -> Outcome:
    if verdict == "undecided" and was_stopped(gold, answer):
        return "timed_out"
    return _OUTCOME_OF[verdict]


def _graded(answer: str | None, outcome: Outcome, response: str) -> GradedResponse:
    known = _with_report(response)
    return GradedResponse(
        answer=answer,
        outcome=outcome,
        thought=known.in_thought or _OPENING_TAG in known or known.closing_tag in known,
        finish_reason=known.finish_reason,
        token_count=known.token_count,
    )


def _with_report(response: str) -> Response:
    """Return the response with the attributes of `Response`: their defaults if it is a plain string."""
    return response if isinstance(response, Response) else Response(response)
