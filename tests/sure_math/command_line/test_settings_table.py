"""The table of settings that `--dry-run` prints.

Pins: every field of both configurations is in the table, whatever sections are set; a printed `key=value` is an
override that gives the same configuration; what counts as changed; sections that are left out and mappings of sections.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from pydantic import BaseModel
from rich.console import Console

from sure_math.command_line.settings_table import SettingRow, setting_rows, settings_table
from sure_math.config import BuildConfig
from sure_math.config import load_config as load_build
from uopd.config import TrainConfig
from uopd.config import load_config as load_training

MODEL = (
    "{model: M-8B, engine: server, server: {url: 'http://host/v1'}}",
    "{model: M-8B, engine: vllm, replicas: {max: 2}}",
)
BUILD = (
    "seeds.source=public",
    "seeds.public={math: {splits: [train, test]}}",
    "evolve.enabled=true",
    f"evolve.author={MODEL[0]}",
    "decontaminate.check={embedding: Org/E, model: {model: M-7B}}",
    "label.by=model",
    f"label.model={MODEL[1]}",
    f"teacher={MODEL[1]}",
    f"judge={MODEL[0]}",
)
"""Settings with which every section of a build is there."""
CONFIGS: list[tuple[Callable[[str, Sequence[str]], BaseModel], str, Sequence[str]]] = [
    (load_build, "annotate", BUILD),
    (load_build, "paper", ()),
    (load_training, "paper-8b", ()),
]


def rows_of(config: BaseModel) -> dict[str, SettingRow]:
    return {row.key: row for row in setting_rows(config)}


def fields(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Keys of all fields that hold a value, by the classes alone; a mapping of sections is one of them."""
    for name, field in section.model_fields.items():
        members = (field.annotation, *getattr(field.annotation, "__args__", ()))
        sections = [member for member in members if isinstance(member, type) and issubclass(member, BaseModel)]
        if sections and "Mapping" not in str(field.annotation):
            yield from fields(sections[0], f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


@pytest.mark.parametrize(
    ("model", "config"),
    [(BuildConfig, load_build("annotate", BUILD)), (TrainConfig, load_training("pocket"))],
    ids=["build", "training"],
)
def test_every_field_is_in_the_table(model: type[BaseModel], config: BaseModel) -> None:
    # A model is answered by a server or by replicas, never by both, and each is one row where it is left out.
    missing = set(fields(model)) - set(rows_of(config))
    left_out = {key for key in missing if any(part in key for part in (".server.", ".replicas."))}
    assert missing == left_out
    assert {key.rpartition(".")[0] for key in left_out} <= set(rows_of(config))


@pytest.mark.parametrize(("load", "name", "settings"), CONFIGS, ids=["every section", "build", "training"])
def test_a_row_is_an_override(load: Callable[..., Any], name: str, settings: Sequence[str]) -> None:
    config = load(name, settings)
    assert load(name, [*settings, *(f"{row.key}={row.value}" for row in setting_rows(config))]) == config


def test_what_a_row_says() -> None:
    rows = rows_of(load_training("pocket", ["optimizer.learning_rate=1e-5", "rollouts.top_p=1"]))
    assert rows["optimizer.learning_rate"].value == "1.0e-05" and rows["optimizer.learning_rate"].changed
    assert not rows["rollouts.top_p"].changed
    assert rows["rollouts.top_k"].description == "0 keeps every token; GRPO needs 0."
    build = rows_of(load_build("annotate", [*BUILD, "judge=null"]))
    assert build["seeds.public"].value == "{math: {splits: [train, test]}}"
    assert (build["judge"].value, build["judge"].description) == ("null", "A model and how to run it.")
    # `evolve` is off if nothing is said of it, though its own default is on.
    assert not rows_of(load_build("annotate", ["seeds.path=p.jsonl", "teacher.model=M"]))["evolve.enabled"].changed


def test_what_is_printed_is_no_markup() -> None:
    console = Console(width=100, color_system=None)
    with console.capture() as capture:
        console.print(settings_table(load_training("pocket", ["data.path='[bold]x'"])))
    assert "[bold]x" in capture.get()
