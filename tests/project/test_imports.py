"""What the packages may import, as far as the contracts of import-linter in pyproject.toml do not say it.

Pinned: no file imports itself through others; every module that does not itself import vLLM, Ray, DeepSpeed or TRL at
its top, or through the folder of a back end, is imported in a process that has none of the four; every package that is
imported is one that the project declares.
"""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

from tests.helpers.repository import ROOT

PACKAGES = ("sure_math", "uopd", "eval_harness")
BACK_ENDS = {"vllm", "ray", "deepspeed", "trl"}
EDGES = ("sure_math.models.engines.ray_replicas.", "uopd.runtime.ray.", "uopd.runtime.vllm.", "uopd.weight_sync.")
"""Folders whose modules may need a back end through one another; no other module needs a back end to be imported."""
DISTRIBUTION_OF = {"yaml": "pyyaml", "sklearn": "scikit-learn", "jinja2": "jinja2", "lm_eval": "lm-eval"}
"""Distributions whose name differs from the package that they provide."""

IMPORT_ALL = """
import importlib, importlib.util, sys

ABSENT = ("vllm", "ray", "deepspeed", "trl")

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"{name} is not installed in this process", name=name)

sys.meta_path.insert(0, Absent())
# Libraries ask whether a package is there, which is not an import: what is absent has no spec.
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name.split(".")[0] in ABSENT else find_spec(name, package)
for module in sys.argv[1:]:
    importlib.import_module(module)
"""


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules() -> dict[str, ast.Module]:
    paths = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return {module_name(path): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def imported(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Every module that these parts of a file import."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def tops(tree: ast.Module) -> set[str]:
    """Packages that a file imports, at its top or inside a function."""
    return {name.split(".")[0] for name in imported(ast.walk(tree))}


def tops_at_once(tree: ast.Module) -> set[str]:
    """Packages that are imported as soon as the file is."""
    return {name.split(".")[0] for name in imported(tree.body)}


def needing_a_back_end() -> set[str]:
    """Modules that import a back end as soon as they are imported: at their top, or through a module of an edge."""
    trees = modules()
    needing = {name for name, tree in trees.items() if tops_at_once(tree) & BACK_ENDS}
    while True:
        more = {
            name
            for name, tree in trees.items()
            if name.startswith(EDGES) and name not in needing and needing & set(imported(tree.body))
        }
        if not more:
            return needing
        needing |= more


def test_no_file_imports_itself_through_others() -> None:
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True, cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    TopologicalSorter(imports).prepare()  # raises CycleError, which names the files of a circle


@pytest.mark.slow
def test_everything_else_is_imported_without_the_back_ends() -> None:
    # A `__main__` runs when it is imported; whatever it imports is in the list itself.
    excepted = needing_a_back_end()
    names = [name for name in modules() if name not in excepted and not name.endswith("__main__")]
    result = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *names], cwd=ROOT, capture_output=True, text=True, timeout=1200, check=False
    )
    assert result.returncode == 0, result.stderr


def test_the_modules_at_the_edge_are_what_the_block_holds_back() -> None:
    """The test above would pass without its block; this one would not."""
    result = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, "sure_math.models.engines.vllm"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert "vllm is not installed in this process" in result.stderr


def test_every_package_imported_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = [
        *project["dependencies"],
        *(item for extra in project["optional-dependencies"].values() for item in extra),
    ]
    declared = {requirement.split(">")[0].split("=")[0].split("[")[0].lower() for requirement in requirements}
    used = {top for tree in modules().values() for top in tops(tree)} - set(sys.stdlib_module_names) - set(PACKAGES)
    assert {DISTRIBUTION_OF.get(top, top.replace("_", "-")) for top in used} <= declared
