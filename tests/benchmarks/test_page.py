"""Pins of `benchmarks/page/`:

- the committed page is what the command writes from the committed results, and its figures exist;
- a section of a GPU, with made-up numbers, gets tables, figures and goals; without such a section the page says so;
- a way that failed or did not fit is in a table, not in a bar; a bar stands beside its name.
"""

import json
import shutil
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from benchmarks.page.parts import bars, machine_line, stacked, table
from benchmarks.page.write import FOLDER, SECTIONS, page_text, read_sections, write_page
from tests.helpers.made_up_gpu_results import LOSS, MACHINE, SCORING, STEP

TRAINING = {"loss_speed": LOSS, "teacher_scoring": SCORING, "step_speed": STEP}


def test_the_committed_page_is_what_the_committed_results_give() -> None:
    sections = read_sections(FOLDER)
    assert len(sections) == len(SECTIONS)
    assert page_text(sections) == (FOLDER / "README.md").read_text(encoding="utf-8"), "run python -m benchmarks.page"
    for figure in (figure for section in sections for figure in section.figures):
        assert (FOLDER / "figures" / f"{figure.name}.png").stat().st_size > 5_000


def test_every_results_file_has_a_section() -> None:
    assert {path.stem for path in (FOLDER / "results").glob("*.json")} == set(SECTIONS)


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    """A folder with the committed results of training, and made-up results of a GPU beside them."""
    results_folder = tmp_path / "results"
    results_folder.mkdir()
    for name, gpu in TRAINING.items():
        results = json.loads((FOLDER / "results" / f"{name}.json").read_text(encoding="utf-8"))
        (results_folder / f"{name}.json").write_text(json.dumps({**results, "gpu": gpu}), encoding="utf-8")
    return tmp_path


def test_a_gpu_gets_its_tables_figures_and_goals(measured: Path) -> None:
    (measured / "figures").mkdir()
    (measured / "figures" / "stale.png").touch()
    written = write_page(measured)
    page = (measured / "README.md").read_text(encoding="utf-8")
    assert "Not measured" not in page
    assert page.count("Made-up GPU, x86_64, 16 cores") == 3
    names = {path.name for path in written}
    assert {"loss_time_gpu.png", "loss_memory_gpu.png", "step_gpu.png"} < names and "stale.png" not in names
    assert {path.name for path in (measured / "figures").iterdir()} == names - {"README.md"}
    rows = [line for line in page.splitlines() if line.startswith("| 32,768 | 4,096 |")]
    assert "| out of memory |" in rows[0] and rows[1].startswith("| 32,768 | 4,096 | full | out of memory |")
    assert "| 8,192 | 4,096 | 512 | 80 ms (0.80×) | 0.1 s (1.00×) | 0.14 s (1.40×) |" in page
    assert "- ours, times the floor: met, 1.25 of at most 1.3" in page
    assert (
        "| gpu | 36 layers × 4,096, vocabulary 151,936 | 24,576 | 2 s | 2.1 s | 1.05× | 4,096 / 3,072 | 3.0 µs |"
        in page
    )
    assert "| ours, top-k | 512 | 2 s | 4 s | 6 s | 1.00× | 4,096 | 52,000 MB |" in page
    assert "| TRL, float32 student | OutOfMemoryError: CUDA out of memory |" in page


def test_without_a_gpu_the_page_says_so(measured: Path) -> None:
    for name in TRAINING:
        path = measured / "results" / f"{name}.json"
        results = {**json.loads(path.read_text(encoding="utf-8")), "gpu": "not measured: no CUDA device"}
        path.write_text(json.dumps(results), encoding="utf-8")
    page = page_text(read_sections(measured))
    assert page.count("Not measured: no CUDA device.") == 3 and "_gpu.png" not in page


def test_a_page_of_few_results(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    shutil.copy(FOLDER / "results" / "build_memory.json", tmp_path / "results")
    assert [section.title for section in read_sections(tmp_path)] == ["Memory of a build"]


def test_a_bar_stands_where_its_name_does() -> None:
    _, (plain, stack) = plt.subplots(1, 2)
    bars(plain, {"ours": 1.0, "theirs": 3.0}, str, title="t", xlabel="x")
    stacked(stack, {"a": {"ours": 1.0}, "b": {"ours": 2.0}, "c": {"theirs": 5.0}}, str, title="t", xlabel="x")
    for axis, ends in ((plain, {"ours": 1.0, "theirs": 3.0}), (stack, {"ours": 3.0, "theirs": 5.0})):
        names = [label.get_text() for label in axis.get_yticklabels()]
        assert names == ["theirs", "ours"]
        reach = dict.fromkeys(names, 0.0)
        for bar in axis.patches:
            name = names[round(bar.get_y() + bar.get_height() / 2)]
            reach[name] = max(reach[name], bar.get_x() + bar.get_width())
        assert reach == ends
        assert {text.get_text().strip() for text in axis.texts} == {str(end) for end in ends.values()}
    plt.close("all")


def test_parts() -> None:
    assert table(["a", "b"], [["x", 1]]) == "| a | b |\n| --- | ---: |\n| x | 1 |"
    assert machine_line(None) == "Machine: not recorded."
    assert machine_line({**MACHINE, "versions": {"torch": "2"}}) == (
        "Machine: Made-up GPU, x86_64, 16 cores, 16 threads, load 0.1 before, torch 2."
    )
