"""The page of all benchmarks, `benchmarks/README.md`, and its figures: `python -m benchmarks.page`.

Every number on it comes from the JSON files beside it, which the benchmarks write; a benchmark without one has no
section. What was not measured on a GPU says so.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import page_data, page_training
from benchmarks.page_parts import FIGURES, Section
from sure_math.storage.files import write_whole

FOLDER = Path(__file__).parent
HEAD = """# Benchmarks

One script per claim, its last results beside it as JSON. This page is written from those files by
`python -m benchmarks.page`; `python -m benchmarks.gpu` measures everything that has a part for a GPU and writes it
again. A script's docstring says exactly what it does and does not measure."""
SECTIONS: Mapping[str, Callable[[Any], Section]] = {
    "loss_speed": page_training.loss,
    "teacher_scoring": page_training.scoring,
    "step_speed": page_training.step,
    "grading_speed": page_data.grading,
    "equivalence_speed": page_data.equivalence,
    "build_memory": page_data.build_memory,
    "decontamination": page_data.decontamination,
    "real_seeds": page_data.real_seeds,
    "pocket_validation": page_data.validation,
    "math500_entropy": page_data.entropy,
    "pocket_models": page_data.pocket_models,
    "pocket_training": page_data.pocket_training,
}


def sections(folder: Path) -> list[Section]:
    """One for each results file of the folder, in the page's order."""
    found = {name: folder / f"{name}.json" for name in SECTIONS}
    return [
        SECTIONS[name](json.loads(path.read_text(encoding="utf-8"))) for name, path in found.items() if path.exists()
    ]


def text(found: list[Section]) -> str:
    return "\n\n".join([HEAD, *(section.markdown() for section in found)]) + "\n"


def write(folder: Path) -> list[Path]:
    """Page and figures beside the results; the files written."""
    found = sections(folder)
    figures = folder / FIGURES
    figures.mkdir(exist_ok=True)
    written = []
    for figure in (figure for section in found for figure in section.figures):
        figure.draw(figures / figure.name)
        written.append(figures / f"{figure.name}.png")
    for stale in set(figures.glob("*.png")) - set(written):
        stale.unlink()
    page = folder / "README.md"
    write_whole(page, text(found).encode())
    return [page, *written]


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None).parse_args()
    for path in write(FOLDER):
        print(path.relative_to(FOLDER.parent))


if __name__ == "__main__":
    main()
