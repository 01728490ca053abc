"""Read and write the results files of the benchmarks. Those of training have one section per kind of machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sure_math.storage.files import write_whole

Result = dict[str, Any]
NO_GPU = "not measured: no CUDA device"


def results_file(script: str) -> Path:
    """Return where a benchmark keeps its last results.

    >>> results_file("benchmarks/loss_speed.py").as_posix()
    'benchmarks/results/loss_speed.json'
    """
    path = Path(script)
    return path.parent / "results" / f"{path.stem}.json"


def figure_file(script: str, name: str) -> Path:
    """Return where a benchmark keeps a figure that it draws itself; `name` without its ending."""
    return Path(script).parent / "figures" / f"{name}.png"


def read_results(path: Path) -> Result:
    """Read the sections of a results file. If the file does not exist, return an empty mapping."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def write_section(path: Path, name: str, section: Result | str) -> None:
    """Replace one section of a results file. If nothing was measured on a GPU, the file says so.

    Results of a GPU are kept if the benchmark is run later on a machine without a GPU.
    """
    results = read_results(path)
    if not (isinstance(section, str) and isinstance(results.get(name), dict)):
        results[name] = section
    results.setdefault("gpu", "not measured")
    write_whole(path, (json.dumps(results, indent=1) + "\n").encode())
