"""Prompts. Every prompt is a text file, and a set of prompts is a folder of such files.

| module | what it holds |
|---|---|
| `*.txt` | the set `default` |
| `pocket/` | the set `pocket` |
| `template` | from a text with placeholders to the messages of a request |
| `yes_or_no` | how the reply to a yes-or-no question is read |
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

SETS = ("default", "pocket")


class PromptError(ValueError):
    """A prompt file is missing or lacks a part. The message names the file and the remedy."""


def load_prompt(prompts: str, name: str) -> str:
    """Load the text of the prompt `name` from a set: `default`, `pocket`, or a folder.

    If the set has no such prompt, it comes from the default set.

    Raises:
        PromptError: neither set has the prompt, there is no such folder, or the file is not UTF-8.

    >>> load_prompt("pocket", "harder")
    'Make it harder.'
    """
    packaged = resources.files(__name__)
    if prompts not in SETS and not Path(prompts).is_dir():
        raise PromptError(f"prompts = {prompts}: is not a folder and not one of {', '.join(SETS)}; choose one of these")
    folder = {"default": packaged, "pocket": packaged / "pocket"}.get(prompts, Path(prompts))
    for candidate in (folder, packaged):
        file = candidate / f"{name}.txt"
        if file.is_file():
            try:
                return file.read_text(encoding="utf-8-sig").rstrip("\n")
            except UnicodeDecodeError as error:
                raise PromptError(f"prompts = {prompts}: {name}.txt is not UTF-8 ({error}); save it as UTF-8") from None
    raise PromptError(
        f"prompts = {prompts}: has no {name}.txt, and the prompts of the package have none either; write {name}.txt"
    )
