"""Check the settings that a user may change in a task, and name the metrics that a task reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

RESPONSES = "responses"
"""Name of the metric in which lm-eval carries a problem's graded responses from every rank to the summary."""
_BUDGETS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
"""Names that lm-eval's back ends accept for the number of new tokens."""


class OptionError(ValueError):
    """A setting of a task cannot be used. The message names the setting and says what to do."""


def budget_of(task: str, settings: Mapping[str, Any]) -> int:
    """Return the token budget in lm-eval's `--gen_kwargs`, which must set nothing else.

    Raises:
        OptionError: the settings contain another setting, which would change what the task measures, or the budget
            is not a positive whole number.

    >>> budget_of("math500", {"max_gen_toks": 8192, "until": []})
    8192
    """
    budgets = [settings[name] for name in reversed(_BUDGETS) if name in settings]
    others = {name: value for name, value in settings.items() if name not in (*_BUDGETS, "until") or value is None}
    if others or settings.get("until"):
        shown = ", ".join(f"{name}={value}" for name, value in {**others, **_until(settings)}.items())
        raise OptionError(
            f"{task}: --gen_kwargs {shown}: this task fixes its sampling (pass@1 greedy, avg@16 at temperature 1.2 and "
            "top-p 0.95) and its stop strings; only max_gen_toks=N may be set"
        )
    # The task sets its default as max_gen_toks. Any other name must come from the user, so it takes precedence.
    budget = budgets[0]
    if not isinstance(budget, int) or isinstance(budget, bool) or budget < 1:
        raise OptionError(f"{task}: max_gen_toks = {budget!r}: must be a whole number of tokens, at least 1")
    return budget


def metric_directions(samples: int) -> dict[str, bool]:
    """Return the metrics of a task, and for each whether higher is better in lm-eval's table.

    Args:
        samples: sampled responses per problem, beside the greedy response.

    >>> metric_directions(0)
    {'pass@1': True, 'truncated@1': False, 'unboxed@1': False, 'timed_out@1': False}
    """
    names = {"pass@1": True, "truncated@1": False, "unboxed@1": False, "timed_out@1": False}
    if samples:
        names |= {f"avg@{samples}": True, f"distinct@{samples}": True}
        names |= {f"{name}@{samples}": False for name in ("truncated", "unboxed", "timed_out")}
    return names


def _until(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {"until": settings["until"]} if settings.get("until") else {}
