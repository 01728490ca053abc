"""Configurations: frozen pydantic models, one small YAML file per run, `dotted.key=value` overrides on top.

Every error names the field, the value and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from sure_math.command_line.yaml_text import read_yaml
from sure_math.redaction import hidden, hidden_values, secrets_in


class ConfigError(ValueError):
    """The configuration cannot be used; the message says which field and what to do."""


class Section(BaseModel):
    """A part of the configuration: frozen, and strict about its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


ConfigT = TypeVar("ConfigT", bound=BaseModel)


class Settings(Generic[ConfigT]):
    """The configurations of one command: those that come with a package, and files of a user's own."""

    def __init__(self, model: type[ConfigT], package: str, *, sections: str, example: str) -> None:
        """`package` holds the YAML files; `sections` and `example` are for messages: some of its keys, an override."""
        self._model, self._package, self._sections, self._example = model, package, sections, example
        self._keys = dict(_keys(model))

    def load(self, name: str, overrides: Sequence[str] = ()) -> ConfigT:
        """The configuration of that name or file with the overrides on top.

        Raises:
            ConfigError: no such file, not YAML, an unknown key, or a value out of range.
        """
        tree = self._read(name)
        for override in overrides:
            self._set(tree, override)
        try:
            config = self._model.model_validate(tree)
        except ValidationError as error:
            raise ConfigError("\n".join(self._explain(detail) for detail in error.errors())) from None
        refuse_secrets(config)
        return config

    def names(self) -> list[str]:
        """The configurations that come with the package."""
        files = resources.files(self._package).iterdir()
        return sorted(Path(entry.name).stem for entry in files if entry.name.endswith(".yaml"))

    def _read(self, name: str) -> dict[str, Any]:
        path = Path(name)
        if path.suffix in (".yaml", ".yml"):
            if not path.is_file():
                raise ConfigError(f"--config {name}: there is no such file")
            try:
                text = path.read_text(encoding="utf-8-sig")
            except UnicodeDecodeError as error:
                raise ConfigError(f"--config {name}: is not UTF-8 ({error}); save the file as UTF-8") from None
        elif name in self.names():
            text = resources.files(self._package).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
        else:
            raise ConfigError(f"--config {name}: not a configuration ({', '.join(self.names())}) and not a .yaml file")
        try:
            tree = read_yaml(text) or {}
        except yaml.YAMLError as error:
            raise ConfigError(f"--config {name}: not valid YAML: {error}") from None
        if not isinstance(tree, dict):
            raise ConfigError(f"--config {name}: must hold sections ({self._sections}), not a {type(tree).__name__}")
        return tree

    def _set(self, tree: dict[str, Any], override: str) -> None:
        key, equals, text = override.partition("=")
        if not equals or not key:
            raise ConfigError(f"{hidden(override)!r}: an override looks like {self._example}")
        *parents, last = key.split(".")
        for name in parents:
            below = tree.setdefault(name, {})
            if below is None:
                below = tree[name] = {}
            if not isinstance(below, dict):
                raise ConfigError(f"{hidden(override)!r}: {name} is a value, not a section")
            tree = below
        try:
            tree[last] = read_yaml(text) if text else None
        except yaml.YAMLError:
            tree[last] = text

    def _explain(self, detail: Mapping[str, Any]) -> str:
        key = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "extra_forbidden":
            near = difflib.get_close_matches(key, self._keys, n=1, cutoff=0.0)
            return f"{key}: there is no such key; the nearest one is {near[0]}"
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "value_error":
            return f"{key}: {message}" if key else message
        if detail["type"] == "missing":
            return f"{key}: is missing{self._about(key)}"
        value = hidden_values({key: detail["input"]})[key]
        return f"{key} = {value!r}: {message[0].lower()}{message[1:]}{self._about(key)}"

    def _about(self, key: str) -> str:
        description = self._keys.get(key)
        return f". {description}" if description else ""


def refuse_secrets(config: BaseModel) -> None:
    """Refuse a configuration that holds a secret: every run writes its configuration beside its results.

    >>> from sure_math.config import SampleConfig
    >>> refuse_secrets(SampleConfig(num_samples=16))

    Raises:
        ConfigError: with the key and the kind of secret, never with its value.
    """
    for key, kind in secrets_in(config.model_dump(mode="json")):
        raise ConfigError(
            f"{key}: holds {kind}, and the configuration is written beside the results; leave it out and put the "
            "secret into an environment variable: HF_TOKEN for the Hub, for a server the one that "
            "server.key_variable names"
        )


def _keys(section: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str | None]]:
    for name, field in section.model_fields.items():
        yield f"{prefix}{name}", field.description
        for member in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(member, type) and issubclass(member, BaseModel):
                yield from _keys(member, f"{prefix}{name}.")


def differing_keys(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """List the dotted keys whose values differ between two resolved configurations, with both values."""
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from differing_keys(before, after, f"{prefix}{key}.")
        elif before != after:
            yield f"{prefix}{key}", before, after
