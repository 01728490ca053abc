"""The one definition of "the same answer" in the project.

A pair goes through three layers. Each layer is asked only if the layer before it cannot decide:
1. equal strings after `canonical`, which removes nothing but spelling;
2. our own reading of both answers, and exact or high-precision comparison (`forms`, `compare`);
3. Math-Verify in killable worker processes, asked in both directions and checked numerically (`worker`).
A pair that no layer decides is `undecided`: the verdict depends on the problem, or an answer cannot be read. A judge
has to decide it.

Every call is symmetric, deterministic, bounded in time and memory, and safe in threads. Layer 3 blocks for up to
`worker.TIMEOUT` seconds per pair; asynchronous callers use `asyncio.to_thread`.

| module | what it holds |
|---|---|
| this file | the functions that others call: `same_answer`, `is_correct` and their kin |
| `text`, `glyphs` | the small notation in which every answer has one spelling |
| `read`, `labels` | from the text of an answer to a form |
| `forms` | the forms: number, tuple, set, intervals, equation, word |
| `algebra`, `values`, `numbers` | formulas as trees, their values, the comparison of values |
| `intervals`, `units` | regions of the real line, units |
| `compare` | the rules by which two forms are the same answer |
| `worker`, `symbolic` | Math-Verify in processes that can be killed: the parent's side and the worker's side |
| `response` | the answer in a response, for `is_correct` only |
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Literal

from sure_math.equivalence.compare import compare_forms
from sure_math.equivalence.forms import Empty, Opaque
from sure_math.equivalence.numbers import Verdict
from sure_math.equivalence.read import MAX_LENGTH, read_form
from sure_math.equivalence.response import boxed_answer, stated_answer
from sure_math.equivalence.text import canonical
from sure_math.equivalence.worker import WORKERS, symbolic_verdict, was_stopped

__all__ = ["Verdict", "against_gold", "canonical", "is_correct", "same_answer", "same_answers", "was_stopped"]


def same_answer(a: str, b: str, problem: str | None = None) -> Verdict:
    """Say whether two answers to one problem are the same: `equal`, `different` (shown to differ) or `undecided`.

    An empty answer is not equal to any answer, not even to another empty answer. No rule looks at `problem`: a pair
    whose verdict depends on the problem is `undecided`. The argument exists so that callers need not know this.

    >>> same_answer(r"\\frac{1}{2}", "0.5"), same_answer("10 cm", "10 m"), same_answer("50", "50%")
    ('equal', 'different', 'undecided')
    """
    return same_answers([(a, b)])[0]


def same_answers(pairs: Sequence[tuple[str, str]]) -> list[Verdict]:
    """Decide many pairs as `same_answer` does: each distinct pair once, the symbolic checks side by side.

    >>> same_answers([("x = 3", "3"), ("(1, 2)", "(2, 1)")])
    ['equal', 'different']
    """
    ordered = [(min(pair), max(pair)) for pair in pairs]
    verdicts: dict[tuple[str, str], Verdict | None] = {pair: _cheap_verdict(*pair) for pair in set(ordered)}
    open_pairs = sorted(pair for pair, verdict in verdicts.items() if verdict is None)
    if len(open_pairs) == 1:
        verdicts[open_pairs[0]] = _symbolic(open_pairs[0])
    elif open_pairs:
        with ThreadPoolExecutor(WORKERS) as threads:
            verdicts.update(zip(open_pairs, threads.map(_symbolic, open_pairs), strict=True))
    return [verdicts[pair] or "undecided" for pair in ordered]


@lru_cache(maxsize=65_536)
def _cached_symbolic(first: str, second: str) -> Verdict:
    return symbolic_verdict(first, second)


def _symbolic(pair: tuple[str, str]) -> Verdict:
    return _cached_symbolic(*pair)


def _cheap_verdict(a: str, b: str) -> Verdict | None:
    """Return the verdict of layers 1 and 2; None if only the symbolic check can decide."""
    first, second = canonical(a), canonical(b)
    if isinstance(read_form(a), Empty) or isinstance(read_form(b), Empty):
        return "different"
    if first == second:
        return "equal"
    a, b = (boxed_answer(side) or side for side in (a, b))
    if max(len(a), len(b)) > MAX_LENGTH:
        return "undecided"
    verdict = compare_forms(read_form(a), read_form(b))
    if verdict is None and _is_hopeless(a, b):
        return "undecided"
    return verdict


def _is_hopeless(a: str, b: str) -> bool:
    """Whether an answer has dots for missing terms, which the symbolic check reads wrongly."""
    return any(isinstance(form := read_form(side), Opaque) and "…" in form.text for side in (a, b))


def is_correct(gold: str, response: str, *, unboxed: Literal["parse", "reject"] | str = "parse") -> bool:
    """Return whether a response gives the gold answer. `undecided` counts as wrong.

    Args:
        gold: a bare answer, an answer in `$...$`, or a solution that ends in a box.
        unboxed: with `reject`, only the content of the response's last complete box counts (lm-eval, rewards, labels).
            With `parse`, a response without a box is searched for the answer that it states (`response.py`).
            ValueError for any other value.

    >>> is_correct("7", "The sum is 3 + 4 = 7."), is_correct("7", "The sum is 7.", unboxed="reject")
    (True, False)
    """
    if unboxed not in ("parse", "reject"):
        raise ValueError(f"unboxed={unboxed!r} is not known; use 'parse' or 'reject'")
    answer = stated_answer(response, is_gold=False, unboxed=unboxed, choice=_is_choice(_stated(gold)))
    return answer is not None and against_gold(gold, [answer])[0] == "equal"


def against_gold(gold: str, answers: Sequence[str]) -> list[Verdict]:
    """Compare each answer with the gold, which is read as in `is_correct`; symbolic checks run side by side.

    An answer is equal if it is equal to the gold as it is written, or to the answer that the gold states.

    >>> against_gold(r"So the answer is $\\boxed{12}$.", ["12", "13"])
    ['equal', 'different']
    """
    golds = (gold, _stated(gold))
    verdicts = same_answers([(form, answer) for answer in answers for form in golds])
    return [
        "equal" if "equal" in (as_written, as_stated) else as_stated
        for as_written, as_stated in zip(verdicts[::2], verdicts[1::2], strict=True)
    ]


def _stated(gold: str) -> str:
    return stated_answer(gold, is_gold=True, unboxed="parse") or gold


def _is_choice(gold: str) -> bool:
    letter = canonical(gold).strip("()")
    return len(letter) == 1 and letter.isupper()
