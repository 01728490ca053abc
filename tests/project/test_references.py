"""Pins of references in prose: docstrings, comments, strings and Markdown name only what is there.

- a back-quoted path of a Python file is the end of a path in this repository;
- a back-quoted Python file without a folder, in a Python file, is in the same folder;
- a back-quoted `FILE.py::TEST` is a test in such a file;
- a back-quoted dotted name below one of our packages is a module, or a name that a module has.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.helpers.repository import ROOT

FOLDERS = (
    "sure_math",
    "uopd",
    "eval_harness",
    "benchmarks",
    "cards",
    "tests",
    "scripts",
    "docs",
    "examples",
    ".github",
)
ENDINGS = (".py", ".md", ".j2", ".yaml", ".yml", ".txt")
PACKAGES = ("sure_math", "uopd", "eval_harness", "benchmarks", "tests")
OTHER_FILES = {"sitecustomize.py", "minerva_math/utils.py", "weighted_distillation.py", "weighted_reward.py"}
"""Python files of other packages, and the recipes as an export names them."""
PATH = re.compile(r"`([\w./*-]+\.py)`")
TEST = re.compile(r"`([\w./]+\.py)::(test_\w+)`")
NAME = re.compile(rf"`((?:{'|'.join(PACKAGES)})(?:\.\w+)+)(?:\([^`]*\))?`")


def texts() -> Iterator[Path]:
    """Yield every file that holds prose."""
    for folder in FOLDERS:
        yield from sorted(path for path in (ROOT / folder).rglob("*") if path.suffix in ENDINGS)
    yield from sorted(ROOT.glob("*.md"))


@cache
def python_files() -> tuple[str, ...]:
    """Return the path of every Python file from the repository on, with a slash before it."""
    return tuple(f"/{path.relative_to(ROOT)}" for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


@cache
def names_in(path: Path) -> frozenset[str]:
    """Return the names a module has at its top level: definitions, assignments and imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return frozenset(names)


def exists(name: str) -> bool:
    """Whether a dotted name is a module or folder of ours, or a name that stands in one."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:count])
        rest = parts[count:]
        module = place.with_suffix(".py") if place.with_suffix(".py").is_file() else place / "__init__.py"
        if not rest and (place.is_dir() or module.is_file()):
            return True
        if rest and module.is_file():
            return set(rest) <= names_in(module)
    return False


def test_every_python_file_named_in_prose_exists() -> None:
    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in texts()
        for name in PATH.findall(path.read_text(encoding="utf-8"))
        if "*" not in name
        and name not in OTHER_FILES
        and not any(file.endswith(f"/{name.removeprefix('./')}") for file in python_files())
    ]
    assert not missing, "\n".join(missing)


def test_every_test_named_in_prose_exists() -> None:
    missing = [
        f"{path.relative_to(ROOT)}: {file}::{name}"
        for path in texts()
        for file, name in TEST.findall(path.read_text(encoding="utf-8"))
        if not any(name in names_in(ROOT / other[1:]) for other in python_files() if other.endswith(f"/{file}"))
    ]
    assert not missing, "\n".join(missing)


def test_a_file_named_without_its_folder_is_in_the_same_folder() -> None:
    elsewhere = [
        f"{path.relative_to(ROOT)}: {name}: write its folder too"
        for path in texts()
        if path.suffix == ".py"
        for name in PATH.findall(path.read_text(encoding="utf-8"))
        if not {"/", "*"} & set(name) and name not in OTHER_FILES and not (path.parent / name).is_file()
    ]
    assert not elsewhere, "\n".join(elsewhere)


def test_every_name_of_ours_in_prose_exists() -> None:
    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in texts()
        for name in NAME.findall(path.read_text(encoding="utf-8"))
        if not exists(name)
    ]
    assert not missing, "\n".join(missing)
