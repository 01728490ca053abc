"""The pages about the repository say what is there.

Pinned: the tree of docs/architecture.md names every folder, and no other; the README has at most 150 lines; every
link to a file of the repository has a target, and so does every figure of a page; an equation becomes MathML and an
example becomes a block of code; the version of CITATION.cff is that of the package; the workflow builds the wheel for
the versions of Python in the classifiers.
"""

import importlib.util
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import sure_math
from tests.helpers.repository import ROOT

DATA_FOLDERS = {
    "sure_math/curated/heldout",
    "sure_math/curated/train",
    "sure_math/models",
    "sure_math/problems",
    "sure_math/prompts/pocket",
}
"""Folders that the tree does not name apart: parts of a folder that it names, or shown by what is in them."""
DEEPER = ("sure_math/pocket/", "sure_math/publication/", "sure_math/models/engines/", "tests/")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def tree_of(page: Path) -> set[str]:
    """Folders of the tree: a package at the beginning of a line, and below it paths with two spaces before them."""
    [block] = re.findall(r"```text\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    folders, top = set(), ""
    for line in block.splitlines():
        name = line.split()[0].rstrip("/")
        top = top if line.startswith(" ") else name
        folders.add(f"{top}/{name}" if line.startswith(" ") else name)
    return folders


def test_the_tree_names_every_folder() -> None:
    packages = {
        str(path.parent.relative_to(ROOT))
        for package in ("sure_math", "uopd", "eval_harness", "benchmarks")
        for path in (ROOT / package).rglob("*.*")
        if path.suffix in (".py", ".txt", ".yaml", ".png", ".json") and "__pycache__" not in path.parts
    }
    folders_to_name = {folder for folder in packages - DATA_FOLDERS if not folder.startswith(DEEPER)}
    named = tree_of(ROOT / "docs" / "architecture.md")
    assert folders_to_name <= named | {"sure_math/models/engines"}, (
        "docs/architecture.md: add a line for the new folder"
    )
    assert {folder for folder in named if not (ROOT / folder).is_dir()} == set()


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"])
def test_every_link_of_a_page_of_the_repository_has_a_target(name: str) -> None:
    links = LINK.findall((ROOT / name).read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_the_figures_of_a_page_are_in_the_repository() -> None:
    pages = {page: page.read_text(encoding="utf-8") for page in (ROOT / "docs").rglob("*.md")}
    figures = {(page, link) for page, text in pages.items() for link in LINK.findall(text) if link.endswith(".png")}
    assert figures and [link for page, link in figures if not (page.parent / link).is_file()] == []


def test_a_link_to_a_figure_becomes_a_link_of_the_site() -> None:
    pytest.importorskip("mkdocs", reason="pip install 'sure-math[docs]'")
    page = script("site_hooks").with_figures_of_site("![Accuracy](../../benchmarks/figures/accuracy.png)")
    assert page == "![Accuracy](../figures/accuracy.png)"


def test_an_equation_becomes_mathml() -> None:
    pytest.importorskip("mkdocs", reason="pip install 'sure-math[docs]'")
    page = script("site_hooks").with_mathml('<p>The weight <span class="arithmatex">\\(w &lt; 1\\)</span>.</p>')
    assert "<math" in page and "<mi>w</mi>" in page and "arithmatex" not in page


def test_an_example_becomes_a_block_of_code() -> None:
    pytest.importorskip("griffe", reason="pip install 'sure-math[docs]'")
    docstring = "Add.\n\n    >>> add(1, 2)  # doctest: +SKIP\n    3\n\nArgs:\n    a: a number."
    expected = "Add.\n\n    ```pycon\n    >>> add(1, 2)\n    3\n    ```\n\nArgs:\n    a: a number."
    assert script("docstring_examples").with_fences(docstring) == expected


def test_the_version_is_stated_once_and_cited() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["dynamic"] == ["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == sure_math.__version__


def test_the_wheel_is_built_for_the_versions_that_the_classifiers_name() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    classifiers = [name.rsplit(" ", 1)[1] for name in project["classifiers"] if re.search(r":: 3\.\d+$", name)]
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "wheel.yml").read_text(encoding="utf-8"))
    assert workflow["jobs"]["wheel"]["strategy"]["matrix"]["python-version"] == classifiers
