"""The worker's side of the symbolic check: Math-Verify in both directions, then numbers.

A worker reads one JSON array [first, second, seconds] per line. It writes one line before each part of the work, which
names the text that it is about to read (`first`, `second`, or `both`), and at last `equal` or `undecided`. Math-Verify
alone merges answers that differ (1/2^99 and 1/2^98), and reads parts of texts. Therefore both answers are also
evaluated at fixed points, and the pair is equal only if the values agree and every symbol of both texts was read
(`coverage.py`). The verdict is never `different`: only texts that our own parser could not read come here.

As a program, this module is the process that starts the workers (`starter.py`).
"""

import json
import random
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from sure_math.equivalence import starter
from sure_math.equivalence.coverage import changed_texts

FIRST, SECOND, BOTH = "first", "second", "both"
_DIGITS = 40
_POINTS = 3

Report = Callable[[str], None]
"""Is told what comes next: `FIRST`, `SECOND` or `BOTH`."""


def _to_nobody(part: str) -> None:
    pass


@lru_cache(maxsize=2048)
def _parsed(latex: str) -> tuple[Any, ...]:
    from math_verify import parse
    from math_verify.parser import LatexExtractionConfig

    return tuple(parse(f"${latex}$", (LatexExtractionConfig(),), parsing_timeout=None))


def verdict(first: str, second: str, report: Report = _to_nobody) -> str:
    """Return `equal` if Math-Verify says so in both directions, the numbers agree and both texts were read as a whole.

    Otherwise return `undecided`.
    """
    from math_verify import verify

    report(FIRST)
    a = list(_parsed(first))
    report(SECOND)
    b = list(_parsed(second))
    if not a or not b or isinstance(a[0], str) or isinstance(b[0], str):
        return "undecided"
    numbers = _numbers_agree(a[0], b[0], report)
    report(BOTH)
    if not numbers:
        return "undecided"
    both = all(verify(x, y, float_rounding=12, numeric_precision=40, timeout_seconds=None) for x, y in ((a, b), (b, a)))
    return "equal" if both and _read_whole(first) and _read_whole(second) else "undecided"


@lru_cache(maxsize=512)
def _read_whole(latex: str) -> bool:
    """Whether each symbol of the text was read: with another symbol in its place, the parse is another one or fails."""
    read = _expression(latex)
    return read is not None and all(_expression(changed) != read for changed in changed_texts(latex))


def _expression(latex: str) -> Any:
    """Return the expression that Math-Verify parses; None if it fails or returns only text."""
    try:
        parsed = _parsed(latex)
    except Exception:
        return None
    return parsed[0] if parsed and not isinstance(parsed[0], str) else None


def _numbers_agree(a: Any, b: Any, report: Report) -> bool | None:
    """Whether two sympy objects agree at all points; None if they cannot be compared by numbers."""
    from sympy import Expr, FiniteSet, Interval, MatrixBase, Tuple
    from sympy.core.relational import Relational
    from sympy.sets.sets import Union

    if isinstance(a, Relational) and isinstance(b, Relational):
        return None
    if isinstance(a, Expr) and isinstance(b, Expr):
        return _same_values(a, b, report)
    containers = (FiniteSet, Tuple, MatrixBase, Interval, Union)
    if isinstance(a, containers) and type(a) is type(b):
        parts = list(zip(a.args, b.args, strict=False))
        if isinstance(a, Tuple | Interval) and len(a.args) == len(b.args):
            verdicts = [_numbers_agree(x, y, report) if isinstance(x, Expr) else x == y for x, y in parts]
            return False if False in verdicts else None if None in verdicts else True
        return True if a == b else None
    return None


def _same_values(a: Any, b: Any, report: Report) -> bool | None:
    for substitution in _points(a.free_symbols | b.free_symbols):
        report(FIRST)
        x = a.subs(substitution).evalf(_DIGITS)
        report(SECOND)
        y = b.subs(substitution).evalf(_DIGITS)
        if not (x.is_number and y.is_number and x.is_finite and y.is_finite):
            return None
        size = max(abs(x), abs(y))
        if size and abs(x - y) > size * 10 ** (-_DIGITS // 2):
            return False
    return True


def _points(names: set[Any]) -> Iterator[dict[Any, Any]]:
    from sympy import Rational

    for seed in range(_POINTS if names else 1):
        source = random.Random(seed)
        yield {name: Rational(source.randint(300, 2300), 1000) for name in sorted(names, key=str)}


def serve(connection: socket.socket) -> None:
    """Answer the requests of a connection until it ends."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    for line in connection.makefile("rb"):
        first, second, seconds = json.loads(line)
        starter.limit_cpu(seconds)
        signal.setitimer(signal.ITIMER_PROF, seconds)  # ends this process, also in the middle of a long computation
        try:
            reply = verdict(first, second, lambda part: _send(connection, part))
        except (Exception, MemoryError):
            reply = "undecided"
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        _send(connection, reply)


def _send(connection: socket.socket, word: str) -> None:
    connection.sendall(word.encode() + b"\n")


def main(arguments: Sequence[str]) -> None:
    """Load sympy, then start workers for the process that gave the descriptor of a socket and its own process id.

    Without arguments, only say whether the modules can be loaded.
    """
    from math_verify import parse, verify

    verify(parse("$1$", parsing_timeout=None), parse("$1$", parsing_timeout=None), timeout_seconds=None)
    if not arguments:
        print("ready")
        return
    descriptor, parent = map(int, arguments)
    starter.run(socket.socket(fileno=descriptor), parent, serve)


if __name__ == "__main__":
    main(sys.argv[1:])
