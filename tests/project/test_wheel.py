"""The wheel, installed in another folder, builds and validates a dataset in an empty directory.

Pinned: the wheel contains templates, configurations, prompts and model weights; nothing is read from the repository;
the public names and the commands of the README are found in it.
"""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.helpers.repository import ROOT
from tests.project.test_public_names import COMMANDS, NAMES

SMALL = ("seeds.limit=8", "seeds.test_limit=4")
PROBE = """
import importlib, pathlib, runpy, sys

names, commands = (argument.split(",") for argument in sys.argv[1:])
for name in names:
    module, attribute = name.split(":")
    getattr(importlib.import_module(module), attribute)
for command in commands:
    sys.argv = [command, "--help"]
    try:
        runpy.run_module(command, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        assert not end.code, command
imported = (sys.modules[name].__file__ for name in ("sure_math", "uopd", "eval_harness"))
print(*{pathlib.Path(file).parents[1] for file in imported})
"""
"""Imports every public name and runs every command with `--help` in one process, then prints where the packages are."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        str(ROOT),
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(folder),
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert result.returncode == 0, result.stderr
    [path] = folder.glob("sure_math-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into a folder. Its dependencies are those of this Python."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--quiet", "--target", str(target), str(wheel)]
    subprocess.run(command, check=True, timeout=600)
    return target


def run(installed: Path, cwd: Path, *arguments: str) -> str:
    """Run a module of the installed wheel in `cwd`. With -P neither the repository nor `cwd` is on the path."""
    environment = os.environ | {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        [sys.executable, "-P", "-m", *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert result.returncode == 0, f"{' '.join(arguments)}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def test_the_wheel_holds_the_package_data_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"sure_math", "uopd", "eval_harness", "lm_eval"}
    # lm-eval looks for tasks below its own folder. The wheel puts our tasks there, and no file that lm-eval has.
    tasks = {f"lm_eval/tasks/sure_math/{path.name}" for path in (ROOT / "eval_harness" / "tasks").glob("*.yaml")}
    assert tasks and {name for name in names if name.startswith("lm_eval/")} == tasks
    for folder, suffix in [("configs", ".yaml"), ("prompts", ".txt"), ("cards", ".j2")]:
        source = ROOT / folder if folder == "cards" else ROOT / "sure_math" / folder
        expected = {f"sure_math/{folder}/{path.relative_to(source)}" for path in source.rglob(f"*{suffix}")}
        assert expected and expected <= set(names)
    assert "sure_math/curated/curated.jsonl" in names
    assert {f"{package}/py.typed" for package in ("sure_math", "uopd", "eval_harness")} <= set(names)
    roles = ("author", "teacher", "student", "judge")
    assert {f"sure_math/pocket/models/{role}/model.safetensors" for role in roles} <= set(names)


@pytest.mark.slow
def test_public_names_and_commands_work_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-P", "-c", PROBE, ",".join(NAMES), ",".join(COMMANDS)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.lower().count("usage:") == len(COMMANDS)
    assert result.stdout.splitlines()[-1] == str(installed)


@pytest.mark.slow
def test_the_wheel_builds_and_validates_in_an_empty_directory(installed: Path, tmp_path: Path) -> None:
    usage = run(installed, tmp_path, "sure_math.build", "--help")
    assert "--config" in usage
    run(installed, tmp_path, "sure_math.build", "--config", "pocket", *SMALL)
    run(installed, tmp_path, "sure_math.validate", "sure-math")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sure-math"]
    assert (tmp_path / "sure-math" / "README.md").is_file()
    assert list((tmp_path / "sure-math").rglob("*.parquet"))
