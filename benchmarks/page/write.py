"""Write the page of all benchmarks, `benchmarks/README.md`, and its figures; and pages of the documentation.

Every number on the page comes from the files in `benchmarks/results/`, which the benchmarks write. A benchmark without
a results file has no section. Where nothing was measured on a GPU, the page says so.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.page import (
    data_sections,
    faults_section,
    hostile_section,
    published_section,
    real_teacher_section,
    training_sections,
)
from benchmarks.page.parts import FIGURES, RESULTS, Section
from sure_math.storage.files import write_whole

FOLDER = Path(__file__).parents[1]
HEAD = """# Benchmarks

One script per claim; its last results are in `results/` as JSON. This page is written from those files by
`python -m benchmarks.page`; `python -m benchmarks.gpu` measures everything that has a part for a GPU and writes it
again. A script's docstring says exactly what it does and does not measure."""
SECTIONS: Mapping[str, Callable[[Any], Section]] = {
    "loss_speed": training_sections.loss,
    "teacher_scoring": training_sections.scoring,
    "step_speed": training_sections.step,
    "grading_speed": data_sections.grading,
    "equivalence_speed": data_sections.equivalence,
    "equivalence_changes": data_sections.changes,
    "published_accuracy": published_section.section,
    "hostile": hostile_section.section,
    "training_faults": faults_section.section,
    "build_memory": data_sections.build_memory,
    "sampling_stream": data_sections.sampling_stream,
    "decontamination": data_sections.decontamination,
    "real_seeds": data_sections.real_seeds,
    "real_teacher": real_teacher_section.section,
    "pocket_validation": data_sections.validation,
    "math500_entropy": data_sections.entropy,
    "pocket_models": data_sections.pocket_models,
    "pocket_training": data_sections.pocket_training,
}
"""Name of a benchmark's script -> its section, in the order of the page."""
DOCS: Mapping[str, tuple[str, Callable[[Any], str]]] = {
    "published_accuracy": ("published_accuracies.md", published_section.docs_page),
    "hostile": ("hostile_input.md", hostile_section.docs_page),
}
"""Name of a benchmark's script -> its page in `docs/`: the file, and the text from the results."""


def read_sections(folder: Path) -> list[Section]:
    """Make a section of each results file in `folder`, in the order of the page."""
    paths = {name: folder / RESULTS / f"{name}.json" for name in SECTIONS}
    return [
        SECTIONS[name](json.loads(path.read_text(encoding="utf-8"))) for name, path in paths.items() if path.exists()
    ]


def page_text(sections: Sequence[Section]) -> str:
    """Return the page as Markdown."""
    return "\n\n".join([HEAD, *(section.markdown() for section in sections)]) + "\n"


def docs_pages(folder: Path) -> dict[str, str]:
    """Return the pages of the documentation that are made from the results in `folder`: file name -> text."""
    return {
        page: text(json.loads((folder / RESULTS / f"{name}.json").read_text(encoding="utf-8")))
        for name, (page, text) in DOCS.items()
    }


def write_page(folder: Path) -> list[Path]:
    """Write the page and its figures into `folder`, and remove the figures that the page does not show.

    Returns:
        The files written, the page first.
    """
    sections = read_sections(folder)
    figures = [figure for section in sections for figure in section.figures]
    figure_folder = folder / FIGURES
    figure_folder.mkdir(exist_ok=True)
    written = []
    for figure in figures:
        if figure.draw is not None:
            figure.draw(figure_folder / figure.name)
            written.append(figure_folder / f"{figure.name}.png")
    for stale in set(figure_folder.glob("*.png")) - {figure_folder / f"{figure.name}.png" for figure in figures}:
        stale.unlink()
    page = folder / "README.md"
    write_whole(page, page_text(sections).encode())
    return [page, *written]


def main() -> None:
    """Run the command line."""
    argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__.splitlines()[0]).parse_args()
    for path in write_page(FOLDER):
        print(path.relative_to(FOLDER.parent))
    for name, text in docs_pages(FOLDER).items():
        write_whole(FOLDER.parent / "docs" / name, text.encode())
        print(f"docs/{name}")
