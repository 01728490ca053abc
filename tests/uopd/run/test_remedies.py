"""Every remedy that an error of the trainer names, by reading the messages in its source.

Pins: each `section.field` that a message names is a setting, and each `section.field=value` is one that the settings
take; a message that says to repeat the command with another setting names one that may change when a run goes on, or
says to give another `--out`.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import uopd
from sure_math.command_line.settings import ConfigError
from uopd.config import SETTINGS, TrainConfig
from uopd.run.log import HARMLESS

SETTING = re.compile(rf"\b((?:{'|'.join(TrainConfig.model_fields)})\.[a-z_]+(?:\.[a-z_]+)*)(?:=([\w.\-:/]+))?")
GOES_ON = re.compile(r"repeat the command|resume from|go on from")
NEW_RUN = re.compile(r"another --out|undo the change")
NO_SETTINGS = {"checkpoint.json", "run.json", "student.json"}
"""Names of files that look like settings."""


@dataclass(frozen=True)
class Message:
    place: str
    text: str
    """With `{}` for what is put in."""

    def __str__(self) -> str:
        return self.place


def text_of(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    if isinstance(node, ast.BinOp):
        return text_of(node.left) + text_of(node.right)
    return ""


def messages() -> Iterator[Message]:
    """All texts of errors, and of functions that make an error or a remark for others."""
    folder = Path(inspect.getfile(uopd)).parent
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Raise | ast.Return | ast.Yield):
                continue
            strings = [part for part in ast.walk(node) if isinstance(part, ast.JoinedStr | ast.Constant)]
            texts = {text for text in map(text_of, strings) if SETTING.search(text)}
            for text in texts:
                if not any(text in other and text != other for other in texts):
                    yield Message(f"{path.relative_to(folder)}:{node.lineno}", text)


MESSAGES = list(messages())


def field_of(key: str) -> object:
    """The field of a setting; KeyError if there is none. What is below a mapping is free."""
    section, name, *_ = key.split(".")
    annotation = TrainConfig.model_fields[section].annotation
    assert annotation is not None
    return annotation.model_fields[name]


def test_there_are_messages() -> None:
    assert len(MESSAGES) > 20


@pytest.mark.parametrize("message", MESSAGES, ids=str)
def test_a_message_names_settings_that_are_there(message: Message) -> None:
    for key, value in SETTING.findall(message.text):
        if key in NO_SETTINGS:
            continue
        field_of(key)
        if value:
            assert "" in (refusals := [refusal(name, f"{key}={value}") for name in ("pocket", "pocket-local")]), (
                refusals
            )


def refusal(name: str, override: str) -> str:
    """Why a configuration does not take a setting; empty if it does."""
    try:
        SETTINGS.load(name, [override])
    except ConfigError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("message", [message for message in MESSAGES if GOES_ON.search(message.text)], ids=str)
def test_a_run_that_goes_on_takes_the_setting_of_the_message(message: Message) -> None:
    keys = {key for key, _ in SETTING.findall(message.text)} - NO_SETTINGS
    refused = {key for key in keys if not HARMLESS.fullmatch(key)}
    assert not refused or NEW_RUN.search(message.text), f"{refused} may not change when a run goes on"
