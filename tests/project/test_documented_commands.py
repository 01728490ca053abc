"""Every command in the README, in CONTRIBUTING and on the pages of docs/ is known here.

Pinned: a command is run by a test that exists, is checked here (its settings are accepted), or is named as not run with
the reason; a command that is not in the table fails, and so does an entry of the table that no page shows.
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

import sure_math.config
import uopd.config
from tests.helpers.repository import ROOT

PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
FENCE = re.compile(r"^ *```bash\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:python|pip|make|lm_eval|pre-commit) [^`]+)`")
CONFIGS = {"sure_math.build": sure_math.config.load_config, "uopd.train": uopd.config.load_config}


@dataclass(frozen=True, slots=True)
class RunBy:
    """A test runs the command, perhaps with smaller settings or on another file."""

    test: str


@dataclass(frozen=True, slots=True)
class Checked:
    """Checked here: the configuration exists and accepts every setting. `why` the command is not run to its end."""

    why: str


@dataclass(frozen=True, slots=True)
class NotRun:
    """Run by no test."""

    why: str


INSTALLS = NotRun("installs packages; the tests run in an environment that has them")
MEASURES = NotRun("measures for minutes to hours; its last results lie in benchmarks/results/")
DEVELOPS = NotRun("runs the tests or the tools themselves: continuous integration calls it or what is below it")
LARGE = Checked("needs a GPU, or a model that only the Hub has")
WHEEL = "tests/project/test_wheel.py::test_the_wheel_builds_and_validates_in_an_empty_directory"
HELP = "tests/project/test_public_names.py::test_a_command_answers_at_its_address"
EVALUATION = "tests/eval_harness/test_command.py"

COMMANDS: dict[str, RunBy | Checked | NotRun] = {
    "make demo": NotRun("creates an environment; the test of the wheel runs the two commands in it"),
    "make check": DEVELOPS,
    "make test": DEVELOPS,
    "make docs": DEVELOPS,
    "make lint": DEVELOPS,
    "make types": DEVELOPS,
    "pip install": INSTALLS,
    "python scripts/install_test_requirements.py": RunBy("tests/project/test_install_test_requirements.py"),
    "source .venv/bin/activate": NotRun("changes the shell of the user; the tests name the interpreter instead"),
    "pre-commit install": INSTALLS,
    "python -m pytest": DEVELOPS,
    "python -m sure_math.build --config pocket": RunBy(WHEEL),
    "python -m sure_math.build --config annotate samples.path=": RunBy("tests/sure_math/test_build.py"),
    "python -m sure_math.build --config annotate seeds.path=": LARGE,
    "python -m sure_math.build --config annotate seeds.curated=true": LARGE,
    "python -m sure_math.build --config default": LARGE,
    "python -m sure_math.build --config small": LARGE,
    "python -m sure_math.build --config paper --dry-run": RunBy("tests/sure_math/dry_run/test_plan.py"),
    "python -m sure_math.validate sure-math": RunBy(WHEEL),
    "python -m sure_math.validate graded.jsonl": RunBy("tests/sure_math/test_validate.py"),
    "python -m sure_math.export": RunBy("tests/sure_math/test_export.py"),
    "python -m sure_math.equivalence": RunBy("tests/sure_math/equivalence/test_explanation.py"),
    "python -m sure_math.curated.generate": RunBy("tests/sure_math/curated/test_file.py"),
    "python -m sure_math.pocket.train": NotRun("trains four models for hours; the models are in the package"),
    "python -m sure_math.pocket.evaluate": RunBy("tests/sure_math/pocket/test_models.py"),
    "python -m uopd.train --config pocket": RunBy("tests/uopd/test_train_ray.py::test_a_run_with_everything_real"),
    "python -m uopd.train --config pocket-local": RunBy("tests/uopd/test_train.py"),
    "python -m uopd.train --config single-gpu": LARGE,
    "python -m uopd.train --config small": LARGE,
    "python -m uopd.train --config paper-1.7b": LARGE,
    "lm_eval --model vllm": NotRun("needs a GPU and a model of the Hub"),
    "lm_eval --tasks sure_math": RunBy(EVALUATION),
    "python -m eval_harness": RunBy(HELP),
    "python -m eval_harness run": RunBy(EVALUATION),
    "python -m eval_harness doctor": RunBy(EVALUATION),
    "python -m eval_harness summary": RunBy(EVALUATION),
    "python -m eval_harness compare": RunBy(EVALUATION),
    "python -m eval_harness tables": RunBy("tests/eval_harness/test_tables.py"),
    "python -m eval_harness.tables": RunBy(HELP),
    "python -m eval_harness page": RunBy("tests/eval_harness/test_page.py"),
    "python -m eval_harness.page": RunBy(HELP),
    "python -m sure_math.build": RunBy(HELP),
    "python -m sure_math.validate": RunBy(HELP),
    "python -m uopd.train": RunBy(HELP),
    "python -m benchmarks.": MEASURES,
    "python benchmarks/": MEASURES,
}
"""By the beginning of a command; the longest beginning counts."""


def commands_of(page: Path) -> list[str]:
    """Commands of a page, in blocks of bash and in the text, with continued lines joined and comments left out."""
    text = page.read_text(encoding="utf-8")
    lines = [line for block in FENCE.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    blocks = [" ".join(shlex.split(line, comments=True)) for line in lines]
    return [command for command in (*blocks, *INLINE.findall(text)) if command]


DOCUMENTED = [(str(page.relative_to(ROOT)), command) for page in PAGES for command in commands_of(page)]


def entry_of(command: str) -> str | None:
    """The longest key of `COMMANDS` that the command begins with; a key that ends in a letter ends a whole word."""
    fitting = [key for key in COMMANDS if command == key or command.startswith(key if key[-1] in "=./" else f"{key} ")]
    return max(fitting, key=len, default=None)


@pytest.mark.parametrize(("page", "command"), DOCUMENTED)
def test_a_documented_command_is_known(page: str, command: str) -> None:
    entry = entry_of(command)
    assert entry is not None, f"{page}: say in COMMANDS who runs: {command}"


def test_the_table_names_no_command_that_is_gone() -> None:
    assert {entry_of(command) for _, command in DOCUMENTED} == set(COMMANDS)


@pytest.mark.parametrize("test", sorted({entry.test for entry in COMMANDS.values() if isinstance(entry, RunBy)}))
def test_the_test_that_runs_a_command_exists(test: str) -> None:
    file, _, name = test.partition("::")
    assert (ROOT / file).is_file()
    assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8") if name else True


@pytest.mark.parametrize(
    "command",
    sorted({command for _, command in DOCUMENTED if command.startswith("python -m ") and "--config" in command}),
)
def test_a_configuration_accepts_the_settings_of_a_command(command: str) -> None:
    module, words = command.split()[2], shlex.split(command)[3:]
    name = words[words.index("--config") + 1]
    settings = re.findall(r"(?<= )([a-z][\w.]*=(?:\{.*?\}|\S+))", command)
    CONFIGS[module](name, settings)  # ConfigError if a setting is unknown


@pytest.mark.parametrize(
    "module", sorted({c.split()[2] for _, c in DOCUMENTED if c.startswith("python -m benchmarks.")})
)
def test_a_script_that_measures_exists(module: str) -> None:
    place = ROOT / module.replace(".", "/")
    assert place.with_suffix(".py").is_file() or (place / "__main__.py").is_file()
