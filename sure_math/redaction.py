r"""Keep secrets out of what is written and printed: one list of names, one list of the parts of an address.

A name such as `token`, `api_key`, `password` or `Authorization` has a secret as its value (`is_secret_name`). An
address may hold one in its user name, password, query and fragment. The environment holds more, under such names.

- `secrets_in` finds secrets in settings. A run does not start with one, because a run writes its settings down.
- `hidden` removes secrets from a text that goes out: an error, a server's reply, a log line.
- `without_secrets` removes only the secrets that it is given.
- `hidden_values` does the same for a tree of JSON that others made, such as the results of lm-eval.
"""

from __future__ import annotations

import base64
import functools
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

HIDDEN = "[secret]"
"""What stands in the place of a secret."""
LONG = 12
"""Characters of the shortest secret that is also looked for in other spellings."""
SHORTEST = 6
"""Characters of the shortest value of the environment that counts as a secret: `KEY=1` must not change every 1."""

_WHOLE_NAMES = frozenset(
    "token auth authorization authentication bearer cookie cookies credential credentials jwt key passphrase passwd "
    "password pat pwd secret secrets".split()
)
_LAST_WORDS = frozenset(
    "apikey accesskey authtoken accesstoken auth authorization cookie cookies credential credentials jwt passphrase "
    "passwd password passwords pat pwd secret secrets".split()
)
_KEYS = frozenset(
    "access account api app auth client consumer deploy encryption host hub master private secret server service "
    "shared signing ssh storage subscription token wandb openai anthropic azure aws hf openrouter gemini google "
    "mistral together groq deepseek".split()
)
"""Words before `key` that make it a secret. `sort_key` and `answer_key` are none."""
_TOKENS_OF_LANGUAGE = frozenset(
    "add bos begin bot cls decoder end eos eot eom fim first forced generation image last mask max min new next num "
    "oov pad per prefix sep special start stop suffix think tool unk user video assistant system".split()
)
"""Words before `token` that say it is a token of a model's vocabulary."""
_HEADERS = frozenset({"header", "headers"})
"""Mappings of which every value is a secret, because any header may carry one."""
_FLAGS = frozenset({"", "0", "1", "true", "false", "yes", "no", "none", "null", "auto"})

_ADDRESS = re.compile(r"\b(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>[^\s\"'<>\\^`{|}]*)")
_SHAPES = re.compile(
    r"\bhf_[A-Za-z0-9]{6,}|\bsk-[\w-]{12,}|\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}|\bAKIA[A-Z0-9]{16}\b"
    r"|\beyJ[\w-]{10,}\.[\w-]{6,}\.[\w-]*"
)
"""Keys that say by their beginning what they are."""
_SCHEME = re.compile(r"(?i)\b(bearer|basic)[ \t]+[\w.~+/=-]{6,}")
_PAIR = re.compile(
    r"""(?P<name>[A-Za-z][\w.-]*)(?P<between>["']?\s*[=:]\s*)(?P<value>"[^"]*"|'[^']*'|[^\s,;&)}\]"']+)"""
)


def is_secret_name(name: str) -> bool:
    """Tell whether the value of a setting, an argument, a header or a variable of this name is a secret.

    >>> [is_secret_name(name) for name in ("HF_TOKEN", "api_key", "X-Api-Key", "db.password", "Authorization")]
    [True, True, True, True, True]
    >>> [is_secret_name(name) for name in ("eos_token", "max_tokens", "key_variable", "tokenizer", "answer_key")]
    [False, False, False, False, False]
    """
    words = _words(name)
    if not words:
        return False
    *before, last = words
    if not before:
        return last in _WHOLE_NAMES | _LAST_WORDS
    if last == "token":
        return not _TOKENS_OF_LANGUAGE & set(before)
    if last in ("key", "keys"):
        return bool(_KEYS & set(before))
    if last == "tokens":
        return bool({"access", "api", "auth", "bearer", "hf", "refresh", "secret"} & set(before))
    return last in _LAST_WORDS


def address_without_secrets(address: str) -> str:
    """Return an address without user name, password, query and fragment.

    >>> address_without_secrets("https://me:pw@host:8000/v1?key=k#f")
    'https://host:8000/v1'
    """
    return _ADDRESS.sub(_plain_address, address)


def known_secrets(environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the values of the environment that are secrets by their names, the longest first.

    >>> known_secrets({"HF_TOKEN": "hf_abcdef", "HOME": "/home/me", "PROXY": "http://me:hunter2@proxy"})
    ('hf_abcdef', 'hunter2')
    """
    variables = os.environ if environment is None else environment
    values = {value.strip() for name, value in variables.items() if is_secret_name(name) and _counts(value)}
    for value in variables.values():
        values |= set(re.findall(r"://[^/\s:@]*:([^/\s@]{6,})@", value))
    return tuple(sorted(values, key=lambda value: (-len(value), value)))


def hidden(text: object, secrets: Sequence[str] | None = None) -> str:
    """Remove the secrets from a text that goes out.

    Args:
        secrets: further texts to remove; None: those of the environment.

    >>> hidden("https://me:pw@host/v1?key=k rejects Bearer abcdef123, password='x y'", [])
    'https://host/v1 rejects Bearer [secret], password=[secret]'
    """
    shown = str(text)
    shown = without_secrets(shown, known_secrets() if secrets is None else secrets)
    shown = _ADDRESS.sub(_plain_address, shown)
    shown = _SCHEME.sub(rf"\1 {HIDDEN}", _SHAPES.sub(HIDDEN, shown))
    return _PAIR.sub(_plain_pair, shown)


def without_secrets(text: str, secrets: Sequence[str]) -> str:
    """Remove only the given secrets from a text: for a help text, whose `key=val` is an example and no secret.

    >>> without_secrets("--model_args key=val (default: token=hf_abcdef)", ["hf_abcdef"])
    '--model_args key=val (default: token=[secret])'
    """
    for secret in secrets:
        text = _without(secret, text)
    return text


def _without(secret: str, text: str) -> str:
    return text.replace(secret, HIDDEN) if len(secret) < LONG else _spellings(secret).sub(HIDDEN, text)


@functools.lru_cache(maxsize=64)
def _spellings(secret: str) -> re.Pattern[str]:
    """Match a secret and what a server may make of it: other capitals, hexadecimal digits, base64, percent signs."""
    content = secret.encode("utf-8", "replace")
    coded = [encode(content).decode().rstrip("=") for encode in (base64.b64encode, base64.urlsafe_b64encode)]
    forms = {secret, content.hex(), content.hex("%"), quote(secret, safe=""), json.dumps(secret)[1:-1], *coded}
    return re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)), re.IGNORECASE)


def hidden_values(tree: Any, secrets: Sequence[str] | None = None) -> Any:
    """Return a tree of JSON types without secrets: values of secret names, and secrets inside other texts.

    >>> hidden_values({"token": "abc", "url": "http://u:p@host/?k=v", "eos_token": "</s>"}, [])
    {'token': '[secret]', 'url': 'http://host/', 'eos_token': '</s>'}
    """
    known = known_secrets() if secrets is None else tuple(secrets)
    return _hidden(tree, known, below_secret=False)


def secrets_in(tree: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Iterator[tuple[str, str]]:
    """Yield the dotted key of every setting that holds a secret, and what kind of secret, in words without its value.

    >>> list(secrets_in({"engine_options": {"hf_token": "abc"}, "url": "http://host/v1#frag"}, {}))
    [('engine_options.hf_token', 'a secret by its name'), ('url', 'an address with a fragment')]
    """
    known = known_secrets(environment)
    for key, value, secret_name in _leaves(tree, "", below_secret=False):
        if secret_name and _counts_as_setting(value):
            yield key, "a secret by its name"
        elif isinstance(value, str):
            part = _secret_part(value)
            if part is not None:
                yield key, f"an address with a {part}"
            elif any(secret in value for secret in known):
                yield key, "the value of an environment variable that is a secret by its name"
            elif _SHAPES.search(value):
                yield key, "a secret by its form"


def _words(name: str) -> list[str]:
    split = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name.rsplit(".", 1)[-1])
    return [word for word in re.split(r"[\W_]+", split.lower()) if word]


def _counts(value: str) -> bool:
    """Whether a value of the environment can be a secret: not short, no flag, no path of a file."""
    value = value.strip()
    return len(value) >= SHORTEST and value.lower() not in _FLAGS and not value.startswith(("/", "~", "./"))


def _counts_as_setting(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().lower() not in _FLAGS
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _secret_part(text: str) -> str | None:
    for match in _ADDRESS.finditer(text):
        rest = match["rest"]
        host = re.split(r"[/?#]", rest, maxsplit=1)[0]
        if "@" in host:
            return "user name or password"
        if "?" in rest.partition("#")[0]:
            return "query"
        if "#" in rest:
            return "fragment"
    return None


def _plain_address(match: re.Match[str]) -> str:
    host, mark, path = re.match(r"([^/?#]*)([/?#]?)(.*)", match["rest"], re.DOTALL).groups()  # type: ignore[union-attr]
    path = "" if mark in ("?", "#") else mark + re.split(r"[?#]", path, maxsplit=1)[0]
    return f"{match['scheme']}://{host.rpartition('@')[2]}{path}"


def _plain_pair(match: re.Match[str]) -> str:
    value = match["value"].strip("\"'")
    if not is_secret_name(match["name"]) or value.lower() in _FLAGS | {"bearer", "basic"}:
        return match[0]
    if match["between"].strip() == ":" and match["name"].isalpha() and match["name"].islower():
        return match[0]  # prose: "the key: it is not set"
    return f"{match['name']}{match['between']}{HIDDEN}"


def _hidden(value: Any, known: Sequence[str], *, below_secret: bool) -> Any:
    if isinstance(value, Mapping):
        return {
            name: _hidden(below, known, below_secret=below_secret or _is_secret_place(name))
            for name, below in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_hidden(below, known, below_secret=below_secret) for below in value]
    if below_secret and _counts_as_setting(value):
        return HIDDEN
    return hidden(value, known) if isinstance(value, str) else value


def _leaves(value: Any, key: str, *, below_secret: bool) -> Iterator[tuple[str, object, bool]]:
    if isinstance(value, Mapping):
        for name, below in value.items():
            path = f"{key}.{name}" if key else str(name)
            yield from _leaves(below, path, below_secret=below_secret or _is_secret_place(name))
    elif isinstance(value, (list, tuple)):
        for number, below in enumerate(value):
            yield from _leaves(below, f"{key}.{number}", below_secret=below_secret)
    else:
        yield key, value, below_secret


def _is_secret_place(name: object) -> bool:
    return is_secret_name(str(name)) or ((words := _words(str(name))) != [] and words[-1] in _HEADERS)
