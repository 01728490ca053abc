r"""Grade responses: compare each response to a problem with the gold, and say what the response came to.

Answers are compared by `sure_math.equivalence`, the project's only definition of "the same answer". A response is not
compared if it has no complete last box, or if its thought is unfinished, even when the thought contains boxes:
`sure_math.extract` says what the answer of a response is. Every comparison has a time limit; comparisons that were
stopped by it are counted separately.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from sure_math.cluster import Pair, PairCheck
from sure_math.equivalence import Verdict, against_gold, was_stopped
from sure_math.equivalence.forms import Form, Labelled, Quantity
from sure_math.equivalence.glyphs import DASHES
from sure_math.equivalence.read import read_form
from sure_math.equivalence.units import parse_unit
from sure_math.extract import boxed_answer, final_answer
from sure_math.rows import FinishReason, Missing
from sure_math.thoughts import visible_text

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
    """The tag that ends a thought, beside those of `sure_math/thoughts.py`."""

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


def grade_boxed(gold: str, responses: Sequence[str], problem: str | None = None) -> list[GradedResponse]:
    r"""Compare the last box, or boxes, of each response with the gold. A response without a box is wrong.

    Args:
        problem: if it asks for a percentage, or if the gold is a percentage, a bare number counts as one.

    >>> [graded.outcome for graded in grade_boxed("1/2", [r"so \boxed{0.5}", r"so \boxed{2}", "I give up"])]
    ['correct', 'wrong', 'unboxed']
    """
    return _grade(gold, [_final_answer(response, boxed_answer) for response in responses], responses, problem)


def grade_number(gold: str, responses: Sequence[str], problem: str | None = None) -> list[GradedResponse]:
    """Compare the final number of each response with the gold (GSM8K, B.2).

    >>> [graded.outcome for graded in grade_number("18", ["She makes 9 * 2 = $18.00 a day.", "It is 17."])]
    ['correct', 'wrong']
    """
    return _grade(gold, [_final_answer(response, final_number) for response in responses], responses, problem)


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
    r"""Return the number in the last box, or the last number of the text if there is no box.

    A box that holds one number is read as every answer is: each of `1{,}250`, `1.5e3` and `\frac{1}{2}` is one number.
    From other text the last number is taken, with its sign, its separators of thousands, its fraction and its scale
    word. Separators, a currency sign and a percent sign are dropped.

    >>> final_number("The total is $1,250."), final_number(r"\boxed{\$1{,}250}"), final_number("It is 1/2")
    ('1250', '1250', '1/2')
    >>> final_number(r"\boxed{\frac{1}{2}}")
    '\\frac{1}{2}'
    """
    boxed = boxed_answer(text)
    if boxed:
        number = _number_in(read_form(boxed), boxed)
        if number is not None:
            return number
    numbers = list(_NUMBER.finditer(_plain_number(boxed or text)))
    if not numbers:
        return boxed or None
    last, scale = numbers[-1], numbers[-1].group("scale") or ""
    sign = "-" if last.group("sign") else ""
    return sign + re.sub(r"(?<=\d)[,\s]+(?=\d{3})|,$", "", last.group("number")).rstrip(",") + scale


def described_answer(text: str) -> str | None:
    """Return the text after the last line `### The final answer is`, which AMO-Bench's prompts ask for.

    Without such a line, return the content of the last box.

    >>> described_answer("Easy.\\n### The final answer is: all odd n")
    'all odd n'
    """
    lines = list(_ANSWER_LINE.finditer(text))
    return text[lines[-1].end() :].strip() or None if lines else boxed_answer(text)


_SCALES = r"hundred|thousand|million|billion|trillion|dozen"
_NUMBER = re.compile(
    # A dash behind a digit or a bracket is a subtraction or a range.
    r"(?:(?<![\d)\]}%.])(?<![\d)\]}%] )(?P<sign>-)\s?)?(?:\$\s?)?"
    r"(?P<number>(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:e[-+]?\d{1,4}\b)?(?:\s?/\s?\d+)?|\.\d+)"
    rf"(?P<scale>\s?(?:{_SCALES})\b)?",
    re.IGNORECASE,
)
_DASHES = str.maketrans(dict.fromkeys(DASHES, "-"))
_GROUPED = re.compile(r"(?<=\d)(?:\{,\}|,?\\[,;:! ]|~|[\u00a0\u2009\u202f])(?=\d{3}(?!\d))")
"""What separates thousands, beside the comma."""
_TEXT = re.compile(r"\\(?:text|mathrm|mbox|textrm)\s?\{([^{}]{0,200})\}")
_ANSWER_LINE = re.compile(r"the final answer is\s*:?\**", re.IGNORECASE)
_OUTCOME_OF: dict[Verdict, Outcome] = {"equal": "correct", "different": "wrong", "undecided": "undecided"}


def _plain_number(text: str) -> str:
    """Write minus signs, separators of thousands and `\\text{}` plainly."""
    return _TEXT.sub(r" \1 ", _GROUPED.sub(",", text.translate(_DASHES))).replace(r"\$", "$")


def _number_in(form: Form, written: str) -> str | None:
    """Return the number of an answer that is one number, with its unit unless this is a currency or a percent sign."""
    if isinstance(form, Labelled):
        form, written = form.form, written.partition("=")[2].strip()
    if not isinstance(form, Quantity) or form.value.symbols:
        return None
    bare = form.unit is None or form.unit.names in _LEFT_OUT
    return form.value.text if bare and form.value.exact is not None else written


_LEFT_OUT = tuple(unit.names for name in ("percent", "dollars") if (unit := parse_unit(name)) is not None)
"""Units that a number of GSM8K is given without."""


def _final_answer(response: str, extract: Callable[[str], str | None]) -> tuple[str | None, Missing | None]:
    """Return the answer of a response, and why it has none if it has none."""
    known = _with_report(response)
    closing, in_thought = known.closing_tag, known.in_thought
    missing = final_answer(known, known.finish_reason, closing_tag=closing, in_thought=in_thought).missing
    visible = visible_text(known, tags=("", closing), in_thought=in_thought)
    if missing == "truncated" or visible is None:
        return None, "truncated"
    answer = extract(visible)
    return (answer, None) if answer else (None, missing or "unboxed")


def _grade(
    gold: str,
    final_answers: Sequence[tuple[str | None, Missing | None]],
    responses: Sequence[str],
    problem: str | None,
) -> list[GradedResponse]:
    answers = sorted({answer for answer, _ in final_answers if answer is not None})
    verdicts = dict(zip(answers, against_gold(gold, answers, problem), strict=True))
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
        thought=known.in_thought or visible_text(known, tags=("", known.closing_tag)) != known,
        finish_reason=known.finish_reason,
        token_count=known.token_count,
    )


def _with_report(response: str) -> Response:
    """Return the response with the attributes of `Response`: their defaults if it is a plain string."""
    return response if isinstance(response, Response) else Response(response)
