"""How long the symbolic check may take for the answers to one problem.

The answers to a problem can make 2,016 pairs (`cluster.MAX_DISTINCT_ANSWERS`), and each pair may take
`worker.TIMEOUT` seconds. Therefore all pairs of a problem share a budget of seconds. A pair that finds it used up
is given up at once. An answer that takes up the time of a pair alone is not tried again with the other answers of the
problem: one such answer must not use up the budget of all.
"""

import threading
from collections.abc import Sequence

SECONDS_STOPPED = 20.0
"""Seconds that pairs may take which are stopped: ten pairs."""
SECONDS = 10.0
"""Seconds that the other pairs may take, however few they are."""
SECONDS_PER_PAIR = 0.1
"""Further seconds for each pair. The slowest of the real pairs takes 0.1 s; the mean is 0.002 s."""


class Budget:
    """The time that is left for the pairs of one problem, and the answers that are not tried again.

    >>> budget = Budget(pairs=1)
    >>> budget.stopped("x", seconds=2.0)
    >>> budget.allows(("x", "y")), budget.allows(("y", "z"))
    (False, True)
    """

    def __init__(self, pairs: int) -> None:
        self._for_stopped = SECONDS_STOPPED
        self._for_decided = SECONDS + SECONDS_PER_PAIR * pairs
        self._hanging: set[str] = set()
        self._lock = threading.Lock()

    def allows(self, formulas: Sequence[str]) -> bool:
        """Whether a pair may be asked."""
        with self._lock:
            return self._for_stopped > 0 and self._for_decided > 0 and self._hanging.isdisjoint(formulas)

    def spent(self, seconds: float) -> None:
        """Take the time of a pair that was decided off the budget."""
        with self._lock:
            self._for_decided -= seconds

    def stopped(self, formula: str | None, seconds: float) -> None:
        """Take the time of a pair that was stopped off the budget, and note the formula that took it alone, if any."""
        with self._lock:
            self._for_stopped -= seconds
            if formula is not None:
                self._hanging.add(formula)
