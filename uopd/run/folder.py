"""The files in the folder of a run, by name, and how lines are read and written.

```
OUT/run.json            resolved configuration, dataset, models, versions
OUT/metrics.jsonl       one line per step                OUT/evaluations.jsonl   one line per evaluation
OUT/rollouts/           responses of every step          OUT/checkpoints/        to go on from
OUT/model/              the trained student              OUT/summary.md, summary.json, curves.png
```
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sure_math.storage.files import write_whole

RUN, METRICS, EVALUATIONS = "run.json", "metrics.jsonl", "evaluations.jsonl"
ROLLOUTS, CHECKPOINTS, MODEL = "rollouts", "checkpoints", "model"


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read the lines of a JSONL file. A missing file has no lines, and a last line that was cut off is left out.

    Example:
        >>> read_lines(Path("uopd-run") / METRICS)[-1]["loss"]  # doctest: +SKIP
    """
    if not path.is_file():
        return []
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            break
    return lines


def append_line(path: Path, line: Mapping[str, Any]) -> None:
    """Write one more line of a JSONL file."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def write_lines(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Replace the whole JSONL file."""
    write_whole(path, "".join(json.dumps(line) + "\n" for line in lines).encode())
