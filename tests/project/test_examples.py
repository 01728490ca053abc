"""Every example in a docstring gives what it says: they are what users read first, and the reference shows them.

Examples that need files, minutes or a model are marked with `# doctest: +SKIP`, which the reference does not show.
"""

import doctest
import importlib

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
