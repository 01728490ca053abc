"""The one definition of "the same answer" in the project.

A pair goes through three layers, each asked only if the one before cannot say:
1. equal strings after `canonical` (nothing but spelling removed);
2. our own reading of both answers and exact or high-precision comparison (`forms`, `compare`);
3. Math-Verify in killable worker processes, asked in both directions and checked numerically (`worker`).
What is still open is `undecided`: it depends on the problem, or nobody can read it, and a judge has to say.

Every call is symmetric, deterministic, bounded in time and memory, and safe in threads. Layer 3 blocks for up to
`symbolic_timeout` seconds per pair; asynchronous callers use `asyncio.to_thread`.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Literal

from sure_math.equivalence.compare import compare_forms
from sure_math.equivalence.forms import Empty, Opaque
from sure_math.equivalence.numbers import Verdict
from sure_math.equivalence.read import MAX_LENGTH, read
from sure_math.equivalence.response import boxed_answer, stated_answer
from sure_math.equivalence.text import canonical
from sure_math.equivalence.worker import WORKERS, symbolic_verdict, was_stopped

__all__ = ["Verdict", "against_gold", "canonical", "is_correct", "same_answer", "same_answers", "was_stopped"]


def same_answer(a: str, b: str, problem: str | None = None) -> Verdict:
    """Whether two answers to one problem are the same: `equal`, `different` (shown to differ) or `undecided`.

    An empty answer is never equal to anything, not even to another empty one. `problem` is accepted so that callers
    need not know whether a rule looks at it; none does: what needs the problem is `undecided` and goes to the judge.
    """
    return same_answers([(a, b)])[0]


def same_answers(pairs: Sequence[tuple[str, str]]) -> list[Verdict]:
    """`same_answer` for many pairs: each distinct pair is decided once, symbolic checks run side by side in the
    workers.
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
    """Layers 1 and 2; None if only the symbolic check can say more."""
    first, second = canonical(a), canonical(b)
    if isinstance(read(a), Empty) or isinstance(read(b), Empty):
        return "different"
    if first == second:
        return "equal"
    a, b = (boxed_answer(side) or side for side in (a, b))
    if max(len(a), len(b)) > MAX_LENGTH:
        return "undecided"
    verdict = compare_forms(read(a), read(b))
    if verdict is None and _is_hopeless(a, b):
        return "undecided"
    return verdict


def _is_hopeless(a: str, b: str) -> bool:
    """Whether the symbolic check is known to read such answers wrongly: dots that stand for missing terms."""
    return any(isinstance(form := read(side), Opaque) and "…" in form.text for side in (a, b))


def is_correct(gold: str, response: str, *, unboxed: Literal["parse", "reject"] | str = "parse") -> bool:
    """Whether a response gives the gold answer. `undecided` counts as wrong.

    `gold` may be a bare answer, one in `$...$`, or a solution that ends in a box. With `unboxed="reject"` only the
    content of the response's last complete box counts (lm-eval, rewards, labels); with `"parse"` a response without one
    is searched for the answer it states (`response`). ValueError for any other `unboxed`.
    """
    if unboxed not in ("parse", "reject"):
        raise ValueError(f"unboxed={unboxed!r} is not known; use 'parse' or 'reject'")
    answer = stated_answer(response, is_gold=False, unboxed=unboxed, choice=_is_choice(_stated(gold)))
    return answer is not None and against_gold(gold, [answer])[0] == "equal"


def against_gold(gold: str, answers: Sequence[str]) -> list[Verdict]:
    """`same_answer` of a gold and each answer, where the gold is read as in `is_correct`; symbolic checks side by side.

    An answer is equal where it is equal to the gold as it stands or to the answer the gold states.
    """
    golds = (gold, _stated(gold))
    verdicts = same_answers([(form, answer) for answer in answers for form in golds])
    found: list[Verdict] = []
    for as_it_stands, stated in zip(verdicts[::2], verdicts[1::2], strict=True):
        found.append("equal" if "equal" in (as_it_stands, stated) else stated)
    return found


def _stated(gold: str) -> str:
    return stated_answer(gold, is_gold=True, unboxed="parse") or gold


def _is_choice(gold: str) -> bool:
    letter = canonical(gold).strip("()")
    return len(letter) == 1 and letter.isupper()
