"""What a plan assumes: named numbers with their reasons and ranges, any of which `--assume NAME=VALUE` sets.

The plans of a build (`sure_math/dry_run/cost.py`) and of a training run (`uopd/dry_run/memory.py`) each have a subclass
of `Assumptions` that lists their numbers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

from rich.table import Table

from sure_math.command_line.arguments import plan_part
from sure_math.command_line.settings import ConfigError

Range = Literal["above 0", "0 or more", "a share"]
"""`a share` is above 0 and at most 1."""


def assumed(value: float, reason: str, must_be: Range = "above 0") -> float:
    """Declare a number that a plan assumes: its default, why that is a fair guess, and its range."""
    declared: float = field(default=value, metadata={"reason": reason, "range": must_be})
    return declared


@dataclass(frozen=True, slots=True, kw_only=True)
class AssumptionRow:
    """One assumption as a plan prints it."""

    name: str
    value: float
    reason: str
    """Why the default is a fair guess; for a number that the user has set, what is assumed otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """Numbers that nobody knows before a run; every field of a subclass is declared with `assumed`."""

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            value, must_be = getattr(self, item.name), item.metadata["range"]
            if not _inside(value, must_be):
                wanted = "is a share, above 0 and at most 1" if must_be == "a share" else f"must be {must_be}"
                raise ConfigError(f"--assume {item.name}={value:g}: {wanted}")

    @classmethod
    def with_settings(cls, settings: Sequence[str]) -> Self:
        """The defaults with `name=value` on top.

        Raises:
            ConfigError: an unknown name, a value that is not a number, or a number out of range.

        Example:
            >>> from sure_math.dry_run.cost import BuildAssumptions
            >>> BuildAssumptions.with_settings(["survival=0.5"]).survival
            0.5
        """
        known = {item.name for item in dataclasses.fields(cls)}
        values = {}
        for setting in settings:
            name, _, text = setting.partition("=")
            if name not in known:
                raise ConfigError(f"--assume {setting}: {name!r} is not one of {', '.join(sorted(known))}")
            try:
                values[name] = float(text)
            except ValueError:
                raise ConfigError(f"--assume {setting}: {text!r} is not a number") from None
        return cls(**values)

    def rows(self) -> list[AssumptionRow]:
        """Every assumption with its value and its reason."""
        return [
            AssumptionRow(name=item.name, value=value, reason=_reason(item, value))
            for item in dataclasses.fields(self)
            for value in [getattr(self, item.name)]
        ]


def assumptions_table(assumptions: Assumptions) -> Table:
    """Print every assumption with its value and its reason."""
    table = plan_part("Assumptions (--assume NAME=VALUE)", "name", "value", "why", right=("value",))
    for row in assumptions.rows():
        table.add_row(row.name, f"{row.value:g}", row.reason)
    return table


def _inside(value: float, must_be: Range) -> bool:
    """Whether the value is in its range; NaN is in none."""
    most = 1.0 if must_be == "a share" else float("inf")
    if value == 0:
        return must_be == "0 or more"
    return 0 < value <= most and value < float("inf")


def _reason(item: dataclasses.Field, value: float) -> str:
    return str(item.metadata["reason"]) if value == item.default else f"set; {item.default:g} is assumed otherwise"
