"""The one definition of "the same answer" in the project.

A pair goes through three layers. Each layer is asked only if the layer before it cannot decide:
1. equal strings after `canonical`, which removes nothing but spelling;
2. our own reading of both answers, and exact or high-precision comparison (`forms`, `compare`);
3. Math-Verify in killable worker processes, asked in both directions and checked numerically (`worker`).
A pair that no layer decides is `undecided`: the verdict depends on the problem, or an answer cannot be read. A judge
has to decide it.

Every call is symmetric, deterministic, bounded in time and memory, and safe in threads and after a fork. Layer 3 blocks
for up to `worker.TIMEOUT` seconds per pair, and for the answers to one problem as long as their budget allows
(`budget.py`). A pair that is given up is `undecided`; `was_stopped` says so, and a later call asks again. Asynchronous
callers use `asyncio.to_thread`.

| module | what it holds |
|---|---|
| this file | the functions that others call: `same_answer`, `is_correct` and their kin |
| `text`, `glyphs` | the small notation in which every answer has one spelling |
| `unseen` | characters that nobody sees |
| `read`, `relations`, `lists`, `systems` | from the text of an answer to a form |
| `labels`, `connectors` | names in front of an answer, and words between answers |
| `coverage` | what of a text its form holds: a part that was not read is never part of an "equal" |
| `forms` | the forms: number, tuple, set, intervals, equation, word |
| `algebra`, `values`, `numbers` | formulas as trees, their values, the comparison of values |
| `intervals`, `ratios`, `residues` | regions of the real line, ratios, residues |
| `units` | units, scale words and currencies beside a number |
| `number_words` | numbers that are written as words |
| `decimal_comma` | the other reading of `1,5` |
| `compare` | the rules by which two forms are the same answer |
| `worker`, `symbolic` | Math-Verify in processes that can be killed: the parent's side and the worker's side |
| `starter` | the process that starts the workers |
| `budget` | how long the symbolic check may take for the answers to one problem |
| `explanation` | why two answers are, or are not, the same, for people |
| `percentages` | when a bare number counts as a percentage |
| `response` | the answer in a response without a box, for `is_correct` only |
"""

import re
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Literal

from sure_math.equivalence import worker
from sure_math.equivalence.budget import Budget
from sure_math.equivalence.compare import compare_forms
from sure_math.equivalence.coverage import formula
from sure_math.equivalence.decimal_comma import other_groupings, with_decimal_points
from sure_math.equivalence.explanation import Explanation, Layer, reading
from sure_math.equivalence.forms import Empty, Opaque
from sure_math.equivalence.numbers import Verdict
from sure_math.equivalence.percentages import as_bare_numbers, asks_for_percentage, is_percentage, one_hundredfold
from sure_math.equivalence.read import MAX_LENGTH, read_form
from sure_math.equivalence.response import stated_answer
from sure_math.equivalence.text import canonical
from sure_math.extract import BOX, TAGGED_BOX, box_content, boxed_answer, with_backslashes

__all__ = [
    "Explanation",
    "Verdict",
    "against_gold",
    "canonical",
    "explain",
    "is_correct",
    "same_answer",
    "same_answers",
    "was_stopped",
]


def same_answer(a: str, b: str, problem: str | None = None) -> Verdict:
    """Say whether two answers to one problem are the same: `equal`, `different` (shown to differ) or `undecided`.

    An empty answer is not equal to any answer, not even to another empty answer. One rule looks at `problem`: if it
    asks for a percentage, a bare number counts as one (`percentages.py`). Any other pair whose verdict depends on the
    problem is `undecided`.

    >>> same_answer(r"\\frac{1}{2}", "0.5"), same_answer("10 cm", "10 m"), same_answer("50", "50%")
    ('equal', 'different', 'undecided')
    >>> same_answer("50", "50%", "What percentage of the balls is red?")
    'equal'
    """
    return same_answers([(a, b)], [problem])[0]


def explain(a: str, b: str, problem: str | None = None) -> Explanation:
    """Say whether two answers are the same, as `same_answer` does, and why: how each was read, and what decided.

    >>> print(explain("x = 5 + 6 = 11", "11"))
    equal: decided by the reading of both answers
      'x = 5 + 6 = 11'
        read as   x is: number 11
        left out  '5 + 6 =' (restates the value)
      '11'
        read as   number 11
    """
    verdict = same_answer(a, b, problem)
    layer: Layer = "reading"
    if same_answer(a, b) != verdict:
        layer = "problem"
    elif verdict == "equal" and canonical(a) == canonical(b):
        layer = "spelling"
    elif _cheap_verdict(a, b) is None:
        layer = "symbolic check"
    first, second = (reading(side, read_form(_content(side))) for side in (a, b))
    return Explanation(verdict, layer, first, second)


def same_answers(pairs: Sequence[tuple[str, str]], problems: Sequence[str | None] | None = None) -> list[Verdict]:
    """Decide many pairs as `same_answer` does: each distinct pair once, the symbolic checks side by side.

    The symbolic checks of one problem share a budget of time (`budget.py`). Without `problems`, all pairs share one.

    Args:
        problems: the problem of each pair.

    >>> same_answers([("x = 3", "3"), ("(1, 2)", "(2, 1)")])
    ['equal', 'different']
    """
    for pair in pairs:
        _check_texts(*pair)
    in_percent = [problem is not None and asks_for_percentage(problem) for problem in problems or ()]
    return _decided(pairs, in_percent, problems or [None] * len(pairs))


def _check_texts(*answers: object) -> None:
    """Refuse what is no text: a number would be compared as Python compares it, and not as an answer."""
    for answer in answers:
        if not isinstance(answer, str):
            kind = type(answer).__name__
            raise TypeError(f"an answer is {answer!r:.100} ({kind}) and must be a text; pass str(answer)")


def _decided(
    pairs: Sequence[tuple[str, str]], in_percent: Sequence[bool], problems: Sequence[str | None]
) -> list[Verdict]:
    """Decide every pair; `in_percent` says for each pair, or is empty, whether a bare number counts as a percentage."""
    verdicts = _plain_verdicts(pairs, problems)
    for number in (index for index, asked in enumerate(in_percent) if asked and verdicts[index] != "equal"):
        verdicts[number] = _in_percent(pairs[number], verdicts[number])
    return verdicts


def _in_percent(pair: tuple[str, str], verdict: Verdict) -> Verdict:
    """Return the verdict on a pair of answers to a question for a percentage, which plainly are not equal."""
    bare = as_bare_numbers(*pair)
    if bare is not None:
        return "equal" if _plain_verdicts([bare]) == ["equal"] else verdict
    readings = one_hundredfold(*pair) if verdict == "different" else None
    return "undecided" if readings and "equal" in _plain_verdicts(readings) else verdict


def _plain_verdicts(pairs: Sequence[tuple[str, str]], problems: Sequence[str | None] = ()) -> list[Verdict]:
    ordered = [(min(pair), max(pair)) for pair in pairs]
    verdicts: dict[tuple[str, str], Verdict | None] = {pair: _cheap_verdict(*pair) for pair in set(ordered)}
    open_pairs = sorted(pair for pair, verdict in verdicts.items() if verdict is None)
    problem_of = dict(zip(ordered, problems, strict=True)) if problems else dict.fromkeys(ordered)
    count = Counter(problem_of[pair] for pair in open_pairs)
    budgets = {problem: Budget(number) for problem, number in count.items()}

    def decide(pair: tuple[str, str]) -> Verdict:
        return _symbolic(pair, budgets[problem_of[pair]])

    if len(open_pairs) == 1:
        verdicts[open_pairs[0]] = decide(open_pairs[0])
    elif open_pairs:
        with ThreadPoolExecutor(worker.WORKERS) as threads:
            verdicts.update(zip(open_pairs, threads.map(decide, open_pairs), strict=True))
    return [verdicts[pair] or "undecided" for pair in ordered]


@lru_cache(maxsize=65_536)
def _cached_symbolic(first: str, second: str) -> worker.Checked:
    """Ask the workers. A pair that is stopped raises `Stopped`, which is not cached."""
    return worker.check(first, second)


def _symbolic(pair: tuple[str, str], budget: Budget) -> Verdict:
    formulas = _formulas(*map(_content, pair))
    if formulas is None:
        return "undecided"
    if not budget.allows(formulas):
        worker.give_up(*formulas)
        return "undecided"
    try:
        checked = _cached_symbolic(*formulas)
    except worker.Stopped as stopped:
        budget.stopped(stopped.text, worker.TIMEOUT)
        return "undecided"
    budget.spent(checked.seconds)
    return checked.verdict


def _cheap_verdict(a: str, b: str) -> Verdict | None:
    """Return the verdict of layers 1 and 2; None if only the symbolic check can decide."""
    first, second = canonical(a), canonical(b)
    if isinstance(read_form(a), Empty) or isinstance(read_form(b), Empty):
        return "different"
    if first == second:
        return "equal"
    a, b = _content(a), _content(b)
    if max(len(a), len(b)) > MAX_LENGTH:
        return "undecided"
    verdict = compare_forms(read_form(a), read_form(b))
    if verdict == "different" and _same_with_decimal_points(a, b):
        return "undecided"
    return "undecided" if verdict is None and _formulas(a, b) is None else verdict


def _same_with_decimal_points(a: str, b: str) -> bool:
    """Whether two answers may be the same if a comma or point between digits separates otherwise than was read."""
    first, second = with_decimal_points(a), with_decimal_points(b)
    pairs = ((first, second), (first, b), (a, second))
    if any(
        x is not None and y is not None and compare_forms(read_form(x), read_form(y)) in ("equal", "undecided")
        for x, y in pairs
    ):
        return True
    grouped = [(x, b) for x in other_groupings(a)] + [(a, y) for y in other_groupings(b)]
    return any(compare_forms(read_form(x), read_form(y)) == "equal" for x, y in grouped)


def _content(answer: str) -> str:
    """Return what an answer says: the boxes in a text that is not read as a whole, such as `So it is \\boxed{5}.`"""
    if _TAGGED_BOX.fullmatch(answer):
        return boxed_answer(answer) or answer
    restored = with_backslashes(answer)
    boxes = list(BOX.finditer(restored))
    answer = restored if boxes else answer
    last = box_content(answer, boxes[-1].end()) if boxes else None
    if last is None or not isinstance(read_form(answer), Opaque):
        return answer
    is_alone = not _BEFORE.search(answer[: boxes[0].start()]) and not _BEHIND.search(answer[last[1] + 1 :])
    return (boxed_answer(answer) or answer) if is_alone else answer


_TAGGED_BOX = re.compile(rf"\s*{re.escape(TAGGED_BOX[0])}[^<]*{re.escape(TAGGED_BOX[1])}[\s.]*")
"""GLM's box and nothing beside it."""
_BEFORE = re.compile(
    r"\b(?:not|no|least|most|less|more|greater|fewer|than|half|twice|minus|negative)\b|[-+*/^_=<>]\s*$"
)
_BEHIND = re.compile(r"[^\s$.,;!)\]\\%]")
"""Text beside a box that changes what its content says, or may."""


def _formulas(a: str, b: str) -> tuple[str, str] | None:
    """Return what the symbolic check compares; None if an answer is no formula, or if their names differ."""
    first, second = formula(read_form(a)), formula(read_form(b))
    if first is None or second is None or (first.label and second.label and first.label != second.label):
        return None
    return min(first.latex, second.latex), max(first.latex, second.latex)


def was_stopped(a: str, b: str) -> bool:
    """Say whether this process gave up the symbolic check of two answers: it took too long, or its worker died."""
    if not worker.any_was_stopped():
        return False
    formulas = _formulas(_content(a), _content(b))
    return formulas is not None and worker.was_stopped(*formulas)


def is_correct(
    gold: str,
    response: str,
    *,
    unboxed: Literal["parse", "reject"] | str = "parse",
    problem: str | None = None,
) -> bool:
    """Return whether a response gives the gold answer. `undecided` counts as wrong.

    Thoughts hold no answer, and a response whose thought never ends is wrong (`sure_math/thoughts.py`).

    Args:
        gold: a bare answer, an answer in `$...$`, or a solution that ends in a box.
        unboxed: with `reject`, only the response's last complete box, or boxes, count (lm-eval, rewards, labels). With
            `parse`, a response without a box is searched for the answer that it states (`response.py`). ValueError for
            any other value.
        problem: if it asks for a percentage, or if the gold is a percentage, a bare number counts as one.

    >>> is_correct("7", "The sum is 3 + 4 = 7."), is_correct("7", "The sum is 7.", unboxed="reject")
    (True, False)
    >>> is_correct("7", r"<think>Perhaps \\boxed{7}"), is_correct(r"30\\%", r"So $\\boxed{30}$.")
    (False, True)
    """
    if unboxed not in ("parse", "reject"):
        raise ValueError(f"unboxed={unboxed!r} is not known; use 'parse' or 'reject'")
    _check_texts(gold, response)
    if unboxed == "parse" and canonical(response) == canonical(gold) and canonical(gold):
        return True
    answer = stated_answer(response, is_gold=False, unboxed=unboxed, choice=_is_choice(_stated(gold)))
    return answer is not None and against_gold(gold, [answer], problem)[0] == "equal"


def against_gold(gold: str, answers: Sequence[str], problem: str | None = None) -> list[Verdict]:
    """Compare each answer with the gold, which is read as in `is_correct`; symbolic checks run side by side.

    An answer is equal if it is equal to the gold as it is written, or to the answer that the gold states.

    >>> against_gold(r"So the answer is $\\boxed{12}$.", ["12", "13"])
    ['equal', 'different']
    """
    golds = (gold, _stated(gold))
    if _LETTERS.fullmatch(canonical(golds[1])):
        answers = [_letters_apart(answer) for answer in answers]
    in_percent = (problem is not None and asks_for_percentage(problem)) or is_percentage(golds[1])
    pairs = [(form, answer) for answer in answers for form in golds]
    verdicts = _decided(pairs, [in_percent] * len(pairs), [problem] * len(pairs))
    return [
        "equal" if "equal" in (as_written, as_stated) else as_stated
        for as_written, as_stated in zip(verdicts[::2], verdicts[1::2], strict=True)
    ]


def _stated(gold: str) -> str:
    if (named := _NAMED_CHOICES.match(gold)) is not None:
        return named.group(1)
    return stated_answer(gold, is_gold=True, unboxed="parse") or gold


_NAMED_CHOICES = re.compile(r"\s*([A-J])[ ).:]{1,3}[A-Z][a-z]+(?: [A-Za-z]+){0,5}\n[A-Za-z \n]{1,200}\Z")
"""A letter with the name that it stands for, and other names in the lines behind it."""


_LETTERS = re.compile(r"\(?[A-J]\)?(?:[,;]\(?[A-J]\)?)+")


def _letters_apart(answer: str) -> str:
    """Write `AC` as `A, C`: the gold is a list of the letters of choices."""
    letters = re.sub(r"\\text\{\(?([A-J]+)\)?\}", r"\1", canonical(answer))
    return ", ".join(letters) if re.fullmatch("[A-J]{2,10}", letters) and len(set(letters)) == len(letters) else answer


def _is_choice(gold: str) -> bool:
    letter = canonical(gold).strip("()")
    return len(letter) == 1 and letter.isupper()
