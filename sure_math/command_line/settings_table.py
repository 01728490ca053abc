"""The table of settings that `--dry-run` prints, made from the configuration's own models.

The keys, the values and the descriptions come from the pydantic models, so a new field is in the table at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from rich.table import Table
from rich.text import Text

from sure_math.command_line.arguments import plan_part


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingRow:
    """One setting of a resolved configuration."""

    key: str
    """Dotted, as in an override: `optimizer.learning_rate`."""
    value: str
    """As YAML on one line: `key=value` is an override that sets the same value again."""
    description: str
    """What the field's description says; empty if the field has none."""
    changed: bool
    """Whether the value differs from the default."""


def setting_rows(config: BaseModel) -> Iterator[SettingRow]:
    """Yield every setting of a configuration, section by section, in the order of the fields.

    A section that is left out (`judge: null`) is one row. So is a mapping of sections (`seeds.public`): its value names
    of each entry what differs from the default.

    Example:
        >>> from sure_math.config import SampleConfig
        >>> next(setting_rows(SampleConfig(num_samples=16)))
        SettingRow(key='num_samples', value='16', description='N of Eq. 6; one sample has no entropy.', changed=True)
    """
    yield from _rows(config, default=None, prefix="")


def settings_table(config: BaseModel, title: str = "Settings") -> Table:
    """List every setting of a configuration; a value that differs from its default is bold."""
    table = plan_part(title, "key", "value", "meaning")
    for row in setting_rows(config):
        # `Text`: a value or a description may hold what rich takes for markup.
        table.add_row(row.key, Text(row.value, style="bold" if row.changed else ""), Text(row.description, style="dim"))
    return table


def _rows(section: BaseModel, *, default: BaseModel | None, prefix: str) -> Iterator[SettingRow]:
    """`default`: the section as it is if the configuration does not mention it; None if it has to be mentioned."""
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        usual = field.get_default(call_default_factory=True) if default is None else getattr(default, name)
        if isinstance(value, BaseModel):
            below = usual if isinstance(usual, type(value)) else None
            yield from _rows(value, default=below, prefix=f"{prefix}{name}.")
        else:
            yield SettingRow(
                key=f"{prefix}{name}",
                value=_as_yaml(section, name, value),
                description=_description(field),
                changed=value != usual,
            )


def _as_yaml(section: BaseModel, name: str, value: object) -> str:
    plain: Any
    if isinstance(value, Mapping) and any(isinstance(entry, BaseModel) for entry in value.values()):
        plain = {key: entry.model_dump(mode="json", exclude_defaults=True) for key, entry in value.items()}
    else:
        plain = section.model_dump(mode="json", include={name})[name]
    line = yaml.safe_dump([plain], default_flow_style=True, sort_keys=False, allow_unicode=True, width=float("inf"))
    return line.strip()[1:-1]


def _description(field: FieldInfo) -> str:
    """The field's description, or what the section that the field holds says of itself."""
    if field.description:
        return field.description
    for member in (field.annotation, *getattr(field.annotation, "__args__", ())):
        if isinstance(member, type) and issubclass(member, BaseModel) and member.__doc__:
            return member.__doc__.splitlines()[0]
    return ""
