r"""The 200 curated test rows, graded: each answer in five other spellings is right, each of five near misses is wrong.

The spellings: another fraction command, a decimal that is exact, another order of a set or of terms, text without
LaTeX, an inequality for an interval, a percent sign behind the box, and others that fit the answer. The near misses: a
digit, a sign, a member that is dropped, a swapped tuple, a closed bracket for an open one, a percent sign too many or a
degree sign for it, and others. `tests/helpers/answer_changes` proves that a near miss is another answer.
"""

import random
import re
from collections.abc import Iterator

import pytest

from eval_harness.grade import grade_boxed
from sure_math.curated.problems import CuratedProblem, curated_problems
from sure_math.equivalence import is_correct
from tests.helpers.answer_changes.edits import EDITS
from tests.helpers.answer_changes.evaluate import Unproven
from tests.helpers.answer_changes.notation import RESPELLINGS
from tests.helpers.answer_changes.structure import proven_to_differ, split, tidy

ROWS = [row for row in curated_problems() if row.split == "test"]
SPELLINGS = NEAR_MISSES = 5
_BRACKETS = (("(", ")"), ("[", "]"), (r"\{", r"\}"), ("", ""))
_OF_MEMBERS = ("decimal of a fraction", "fraction of a decimal", "fraction with a slash", "fraction enlarged")
_OF_WHOLES = (
    *("plain text", "order of members", "interval as inequality", "fraction command", "order of terms", "spacing"),
    *("thousands", "number split", "root of a product", "order of factors", "Unicode", "big brackets"),
)
_WRAPPED = (r"\displaystyle *", r"\left. * \right.", "$*$", "{*}", "*.", r"\,*\,")


def _members_changed(answer: str, kind: str, source: random.Random) -> str | None:
    """Write each member of a tuple, a set or a list otherwise."""
    answer = tidy(answer)
    for opening, closing in _BRACKETS:
        if answer.startswith(opening) and answer.endswith(closing) and r"\cup" not in answer:
            try:
                members = split(answer[len(opening) : len(answer) - len(closing)])
            except Unproven:  # (n - 2)(n - 3)
                continue
            changed = [RESPELLINGS[kind](member, source) or member for member in members]
            return None if changed == members else f"{opening}{', '.join(changed)}{closing}"
    return None


def _spellings(answer: str, source: random.Random) -> Iterator[str]:
    """Yield responses that end in a box with the answer in another spelling."""
    if number := re.fullmatch(r"([\d.]+)\\%", answer):
        percent = number.group(1)
        yield rf"So it is $\boxed{{{percent}}}\%$."
        yield rf"So it is \boxed{{{percent}}} \%."
        yield rf"\boxed{{{percent}}}"
        yield rf"\boxed{{{percent}\text{{ percent}}}}"
        yield rf"\boxed{{{percent} %}}"
    for kind in _OF_WHOLES:
        if changed := RESPELLINGS[kind](answer, source):
            yield rf"Hence \boxed{{{changed}}}"
    for kind in _OF_MEMBERS:
        if "%" not in answer and (changed := _members_changed(answer, kind, source)):
            yield rf"Therefore $\boxed{{{changed}}}$"
    for wrapping in _WRAPPED:
        yield rf"\boxed{{{wrapping.replace('*', answer)}}}"


def _near_misses(answer: str, source: random.Random) -> Iterator[str]:
    """Yield other answers: as many kinds of changes as the answer has places for, then more of the first kinds."""
    if answer.endswith(r"\%"):
        yield answer.replace(r"\%", r"^\circ")
    elif answer[0] not in "([{" and "," not in answer:
        yield rf"{answer}\%"
    for _ in range(20):
        for edit in EDITS.values():
            changed = edit(answer, source)
            if changed and changed != answer and proven_to_differ(answer, changed):
                yield changed


def _distinct(found: Iterator[str], count: int) -> list[str]:
    kept: dict[str, None] = {}
    for text in found:
        kept[text] = None
        if len(kept) == count:
            break
    return list(kept)


def _verdicts(row: CuratedProblem, responses: list[str]) -> list[str]:
    """Return the responses that some of the ways of grading call right, and those that some call wrong."""
    graded = grade_boxed(row.answer, responses)
    return [
        "".join("+" if right else "-" for right in (one.correct, is_correct(row.answer, text), _rejecting(row, text)))
        for one, text in zip(graded, responses, strict=True)
    ]


def _rejecting(row: CuratedProblem, response: str) -> bool:
    return is_correct(row.answer, response, unboxed="reject")


@pytest.mark.parametrize("row", ROWS, ids=[f"{index}-{row.template}" for index, row in enumerate(ROWS)])
def test_other_spellings_are_right_and_near_misses_are_wrong(row: CuratedProblem) -> None:
    source = random.Random(row.problem)
    spelled = _distinct(_spellings(row.answer, source), SPELLINGS)
    missed = _distinct((rf"So $\boxed{{{text}}}$" for text in _near_misses(row.answer, source)), NEAR_MISSES)
    assert (len(spelled), len(missed)) == (SPELLINGS, NEAR_MISSES)
    for responses, right in ((spelled, "+++"), (missed, "---")):
        verdicts = _verdicts(row, responses)
        assert [(text, one) for text, one in zip(responses, verdicts, strict=True) if one != right] == []
