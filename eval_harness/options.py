"""What a user may set of a task, and the names of what it reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RESPONSES = "responses"
"""Key under which a problem's graded responses travel through lm-eval, rank by rank, to the summary."""
_BUDGETS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")


class OptionError(ValueError):
    """A setting of a task cannot be used; the message says which and what to do."""


def budget_of(task: str, settings: Mapping[str, Any]) -> int:
    """The token budget in lm-eval's `--gen_kwargs`, which must set nothing else.

    Raises:
        OptionError: another setting is there, which would change what the task measures, or no usable budget.
    """
    given = [settings[name] for name in reversed(_BUDGETS) if name in settings]
    others = {name: value for name, value in settings.items() if name not in (*_BUDGETS, "until") or value is None}
    if others or settings.get("until"):
        shown = ", ".join(f"{name}={value}" for name, value in {**others, **_until(settings)}.items())
        raise OptionError(
            f"{task}: --gen_kwargs {shown}: this task fixes its sampling (pass@1 greedy, avg@16 at temperature 1.2 and "
            "top-p 0.95) and its stop strings; only max_gen_toks=N may be set"
        )
    # The task's own default comes as max_gen_toks; another name in --gen_kwargs is the user's and wins.
    budget = given[0]
    if not isinstance(budget, int) or isinstance(budget, bool) or budget < 1:
        raise OptionError(f"{task}: max_gen_toks = {budget!r}: must be a whole number of tokens, at least 1")
    return budget


def metric_directions(samples: int) -> dict[str, bool]:
    """Metric -> whether higher is better, in lm-eval's table."""
    names = {"pass@1": True, "truncated@1": False, "unboxed@1": False, "timed_out@1": False}
    if samples:
        names |= {f"avg@{samples}": True, f"distinct@{samples}": True}
        names |= {f"{name}@{samples}": False for name in ("truncated", "unboxed", "timed_out")}
    return names


def _until(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {"until": settings["until"]} if settings.get("until") else {}
