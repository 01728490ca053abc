"""The files in the folder of a run, by name, and how lines are read and written.

```
OUT/run.json            id, resolved configuration, dataset, models, versions
OUT/metrics.jsonl       one line per step                OUT/evaluations.jsonl   one line per evaluation
OUT/rollouts/           responses of every step          OUT/checkpoints/        to go on from
OUT/model/              the trained student              OUT/summary.md, summary.json, curves.png
OUT/logs/               what vLLM and Ray have printed   OUT/fatal_steps.jsonl   steps that ended a process
```
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sure_math.storage.files import unshare, write_whole
from sure_math.storage.output_folder import LIST, STAGING, check_place, foreign_names, refuse_foreign, refuse_links

RUN, METRICS, EVALUATIONS = "run.json", "metrics.jsonl", "evaluations.jsonl"
FATAL_STEPS = "fatal_steps.jsonl"
"""Steps after which a process could not use its GPU any more. A resumed run does not try them again."""
ROLLOUTS, CHECKPOINTS, MODEL = "rollouts", "checkpoints", "model"
LOCK, LOGS = ".lock", "logs"
ENGINES = ".engines.json"
"""The engines' processes that run, while they run."""


class RunError(RuntimeError):
    """A run cannot go on in this folder; the message says what to do."""


def check_run_folder(folder: Path) -> None:
    """Refuse a folder in which no run may write; nothing in it is touched.

    Raises:
        OutputError: the folder cannot be used, or holds something else than a run.
    """
    check_place(folder)
    refuse_links(
        folder,
        (
            *(LOCK, RUN, METRICS, EVALUATIONS, ROLLOUTS, CHECKPOINTS, MODEL, LIST, STAGING),
            *("tensorboard", ENGINES, LOGS, FATAL_STEPS),
        ),
    )
    if not (folder / LOCK).is_file() and not (folder / RUN).is_file():
        # The rollouts of another run may have been copied here, to be replayed.
        copied = [ROLLOUTS] if not foreign_names(folder / ROLLOUTS, _steps_in(folder / ROLLOUTS)) else []
        refuse_foreign(folder, foreign_names(folder, (METRICS, EVALUATIONS, *copied)), "run of uopd.train")


def _steps_in(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("step-*.parquet") if path.is_file() and not path.is_symlink()]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read the lines of a JSONL file. A missing file has no lines; a line that was cut off or is damaged, and what
    comes after it, is left out.

    Example:
        >>> read_lines(Path("uopd-run") / METRICS)[-1]["loss"]  # doctest: +SKIP
    """
    if not path.is_file():
        return []
    lines = []
    for text in path.read_bytes().split(b"\n"):
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            break
        if not isinstance(line, dict):
            break
        lines.append(line)
    return lines


def append_line(path: Path, line: Mapping[str, Any]) -> None:
    """Write one more line of a JSONL file."""
    unshare(path)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def write_lines(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Replace the whole JSONL file."""
    write_whole(path, "".join(json.dumps(line) + "\n" for line in lines).encode())
