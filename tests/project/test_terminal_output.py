"""What models, files and servers wrote reaches the terminal through one function, in every command and benchmark.

Pins: no module prints by itself or makes a console of its own, but for `command_line/terminal.py`, processes that speak
through a pipe, and JSON in which every strange character is an escape.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.repository import ROOT

PIPES = {"sure_math/models/responders/template_worker.py", "sure_math/equivalence/symbolic.py"}
"""Each of these processes writes to the process that has started it."""
OWN_WORDS = {"benchmarks/gpu.py", "benchmarks/page/write.py"}
"""These print names and numbers of the package alone."""
ALLOWED = {"sure_math/command_line/terminal.py"} | PIPES | OWN_WORDS
MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("sure_math", "uopd", "eval_harness", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
)


def unescaped(source: str) -> Iterator[str]:
    """Yield the calls that write to the terminal past the function that escapes."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            function = ast.unparse(node.func)
            strange = function in ("Console", "sys.stdout.write", "sys.stderr.write")
            if strange or (function == "print" and not _is_safe(node)):
                yield ast.unparse(node)


def _is_safe(node: ast.Call) -> bool:
    """Whether one text is printed that `terminal` has escaped, or JSON with escapes."""
    (text, *more) = node.args
    if more or not isinstance(text, ast.Call):
        return False
    return ast.unparse(text.func) == "terminal" or (
        ast.unparse(text.func) == "json.dumps" and all(option.arg != "ensure_ascii" for option in text.keywords)
    )


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_printed_past_the_function_that_escapes(module: str) -> None:
    if module not in ALLOWED:
        assert list(unescaped(Path(ROOT / module).read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("print(x)", 1),
        ("print(json.dumps(x, ensure_ascii=False))", 1),
        ("print(json.dumps(x))", 0),
        ("Console().print(x)", 1),
        ("terminal_console().print(x)", 0),
        ("sys.stderr.write(x)", 1),
        ("say(x)", 0),
    ],
)
def test_the_rule_itself(source: str, found: int) -> None:
    assert len(list(unescaped(source))) == found
