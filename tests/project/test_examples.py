"""Every example in a docstring gives what it says: they are what users read first, and the reference shows them.

Examples that need files, minutes or a model are marked with `# doctest: +SKIP`, which the reference does not show.
Every function on the pages of docs/reference/ has an example.
"""

import doctest
import importlib
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

from tests.helpers.repository import ROOT

OPTIONAL = {"vllm", "ray", "deepspeed", "trl", "lm_eval"}
"""A module that needs one of these is tested on a machine that has it."""


def modules_with_examples() -> list[str]:
    paths = [path for package in ("sure_math", "uopd", "eval_harness") for path in (ROOT / package).rglob("*.py")]
    with_examples = sorted(path for path in paths if ">>> " in path.read_text(encoding="utf-8"))
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in with_examples]
    return [name.removesuffix(".__init__") for name in names]


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples(name: str) -> None:
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in OPTIONAL:
            raise
        pytest.skip(f"{error.name} is not installed")
    result = doctest.testmod(module)
    assert result.failed == 0, "the output above shows the examples that fail"


def shown_functions() -> list[str]:
    """List the functions that the reference shows: those it names, and the public functions of the modules it names.

    The modules are read as text, so that none of them is imported before a test runs.
    """
    functions = []
    for page in sorted((ROOT / "docs" / "reference").glob("*.md")):
        for address in re.findall(r"^::: (\S+)", page.read_text(encoding="utf-8"), re.MULTILINE):
            path = ROOT / Path(*address.split("."))
            file = next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)
            if file is None:
                functions.append(address)
                continue
            names = re.findall(r"^def ([a-z]\w*)", file.read_text(encoding="utf-8"), re.MULTILINE)
            functions += [f"{address}.{name}" for name in names]
    return functions


@pytest.mark.parametrize("address", sorted(set(shown_functions())))
def test_a_function_of_the_reference_has_an_example(address: str) -> None:
    module_name, _, name = address.rpartition(".")
    try:
        module: ModuleType = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in OPTIONAL:
            raise
        pytest.skip(f"{error.name} is not installed")
    shown = getattr(module, name)
    if inspect.isfunction(shown):
        assert ">>> " in (shown.__doc__ or ""), f"write an example into the docstring of {address}"
