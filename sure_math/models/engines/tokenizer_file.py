"""Refuse a `tokenizer.json` that would make one text into a very long one.

The library of tokenizers carries out what the file says, with no limit: a chain of replacements that each write 16
letters for one needs all memory for a sentence. The time of its regular expressions is not bounded here.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sure_math.models.engines import EngineUnavailable
from sure_math.models.engines.weight_files import read_json_object

MAX_GROWTH = 256
"""By how much the replacements of a file may lengthen a text. Known models write 1 to 4 characters for one."""
MAX_ADDED = 4_096
"""Characters, or tokens, that a file may put before and behind a text."""


def check_tokenizer_file(path: Path) -> None:
    """Look at what a tokenizer puts before a text, and at what it writes in place of its parts.

    Raises:
        EngineUnavailable: the file is damaged, or its replacements lengthen a text too much.
    """
    content = read_json_object(path)
    for name in ("normalizer", "pre_tokenizer", "decoder"):
        growth = 1
        for part in _steps(content.get(name)):
            growth *= _growth(part)
            added = str(part.get("prepend") or "")
            if growth > MAX_GROWTH or len(added) > MAX_ADDED:
                raise EngineUnavailable(
                    f"{path}: its {name} makes a text more than {MAX_GROWTH} times as long, or puts more than "
                    f"{MAX_ADDED:,} characters before it; download the file again, or use another model"
                )
    template = content.get("post_processor")
    for part in _steps(template):
        lists = [value for value in part.values() if isinstance(value, list)]
        if any(len(items) > MAX_ADDED for items in lists):
            raise EngineUnavailable(
                f"{path}: its post_processor adds more than {MAX_ADDED:,} tokens; download the file again, or use "
                "another model"
            )


def _steps(value: object) -> Iterator[Mapping[str, Any]]:
    """Yield the steps of a part of the file: itself, or the steps of a sequence of any depth."""
    if isinstance(value, Mapping):
        yield value
        for name in ("normalizers", "pretokenizers", "decoders", "processors"):
            steps = value.get(name)
            for step in steps if isinstance(steps, list) else ():
                yield from _steps(step)


def _growth(step: Mapping[str, Any]) -> int:
    """By how much a step may lengthen a text: the characters that it writes for one, and that one."""
    content = step.get("content")
    if step.get("type") != "Replace" or not isinstance(content, str):
        return 1
    pattern = step.get("pattern")
    replaced = pattern.get("String") if isinstance(pattern, Mapping) else None
    if isinstance(replaced, str) and replaced:
        return max(1, -(-len(content) // len(replaced)))
    return 1 + len(content)
