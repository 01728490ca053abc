"""Keep secrets out of an evaluation: out of lm-eval's arguments, its log lines and its output.

lm-eval writes its arguments into its results and prints them. An argument that holds a secret is therefore refused,
with the environment variable that lm-eval reads instead. A server may repeat a key in an error, which lm-eval logs:
secrets of the environment are removed from everything that is printed during a run.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import yaml

from eval_harness.options import OptionError
from sure_math.command_line.yaml_text import read_yaml
from sure_math.escaping import terminal
from sure_math.redaction import hidden, known_secrets, secrets_in, without_secrets


def refuse_secret_words(words: Sequence[str]) -> None:
    """Refuse a command whose arguments hold a secret, or name a configuration file that does.

    >>> refuse_secret_words(["run", "--model_args", "pretrained=Qwen/Qwen3-0.6B,dtype=float32"])

    Raises:
        OptionError: with the name of the argument and the environment variable, and without the secret.
    """
    for word in words:
        value = word.partition("=")[2] if word.startswith("-") else word
        refuse_secrets(_settings_in(value), "an argument")
        if value.endswith((".yaml", ".yml")) and Path(value).is_file():
            with contextlib.suppress(yaml.YAMLError, OSError, UnicodeDecodeError):
                content = read_yaml(Path(value).read_text(encoding="utf-8"))
                refuse_secrets(content if isinstance(content, dict) else {}, value)


def refuse_secrets(arguments: Mapping[str, Any], place: str = "--model_args") -> None:
    """Refuse arguments that hold a secret.

    >>> refuse_secrets({"pretrained": "Qwen/Qwen3-0.6B", "max_length": 4096})

    Raises:
        OptionError: with the name of the argument and the environment variable, and without the secret.
    """
    for key, kind in secrets_in(arguments):
        raise OptionError(
            f"{place}: {key or 'a value'} holds {kind}, which lm-eval would write into its results and its log; leave "
            "it out and set an environment variable before the command: HF_TOKEN for the Hub, OPENAI_API_KEY for a "
            "server of OpenAI's protocol, ANTHROPIC_API_KEY for Anthropic's"
        )


@contextlib.contextmanager
def hidden_output(*, is_help: bool = False) -> Iterator[None]:
    """Remove the secrets of the environment from what is printed and logged, and show control characters in the log.

    Args:
        is_help: lm-eval prints its help, whose `key=val` is an example. What only looks like a secret is then left.
    """
    made = logging.getLogRecordFactory()

    def record(*arguments: Any, **named: Any) -> logging.LogRecord:
        line = made(*arguments, **named)
        with contextlib.suppress(TypeError, ValueError):  # a line whose arguments do not fit: logging reports it
            line.msg, line.args = terminal(hidden(line.getMessage())), None
        return line

    secrets = known_secrets()
    remove = without_secrets if is_help else hidden
    logging.setLogRecordFactory(record)
    try:
        with (
            contextlib.redirect_stdout(_HidingStream(sys.stdout, secrets, remove)),
            contextlib.redirect_stderr(_HidingStream(sys.stderr, secrets, remove)),
        ):
            yield
    finally:
        logging.setLogRecordFactory(made)


class _HidingStream(io.TextIOBase):
    """Writes to a stream without the secrets. Progress bars keep their control characters."""

    def __init__(self, stream: TextIO, secrets: Sequence[str], remove: Callable[[str, Sequence[str]], str]) -> None:
        self._stream, self._secrets, self._remove = stream, secrets, remove

    def write(self, text: str) -> int:
        self._stream.write(self._remove(text, self._secrets) if len(text) > 5 else text)
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding


def _settings_in(value: str) -> dict[str, Any]:
    """Read `name=value,name=value` or a JSON object as lm-eval does; a value without a name has the name ''."""
    if value.lstrip().startswith("{"):
        with contextlib.suppress(yaml.YAMLError):
            content = read_yaml(value)
            return content if isinstance(content, dict) else {}
    settings: dict[str, Any] = {}
    for part in value.split(","):
        name, equals, text = part.partition("=")
        nested = "://" not in text and ("=" in text or text.lstrip().startswith("{"))
        settings[name.strip() if equals else ""] = (_settings_in(text) if nested else text) if equals else part
    return settings
