"""Part 4: every secret is a sentinel, in a build, a training and an evaluation; every byte that came out is searched.

The commands run as a user runs them, with their secrets in the environment. The servers repeat every secret in their
errors and in the names of models. Commands whose arguments hold a secret have to be refused. Tables are also searched
as they are read, since Parquet compresses, and so is every file in base64.
"""

from __future__ import annotations

import base64
import gzip
import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.hostile import works
from benchmarks.hostile.trials import Row, Trials
from tests.helpers.repository import ROOT
from tests.helpers.scripted_endpoint import Fault
from tests.helpers.sentinels import ENVIRONMENT, REFUSED_MODEL_ARGUMENTS, REFUSED_OVERRIDES, SENTINEL

PATIENCE = 1800.0
STATUSES = (400, 401, 403, 429, 500)
"""HTTP statuses of the errors in which a server repeats the secrets."""


def _forms(sentinel: str) -> list[bytes]:
    """The bytes of a sentinel, and the part of its base64 that does not depend on what stands before it."""
    forms = [sentinel.encode(), sentinel.upper().encode(), sentinel[::-1].encode(), sentinel.encode("utf-16-le")]
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + sentinel.encode())
        forms.append(text[4 if shift else 0 : -4])
    return forms


FORMS = _forms(SENTINEL)


def found_in(content: bytes) -> bool:
    """Say whether bytes hold a sentinel in any of its forms.

    >>> found_in(b"x" + base64.b64encode(b"me:" + SENTINEL.encode())), found_in(b"nothing")
    (True, False)
    """
    return any(form in content for form in FORMS)


def files_with_sentinels(folder: Path) -> list[str]:
    """Name the files below a folder whose name or content holds a sentinel."""
    found = []
    for path in sorted(folder.rglob("*")):
        content = path.read_bytes() if path.is_file() else b""
        if found_in(str(path).encode()) or found_in(content) or found_in(_unpacked(path, content)):
            found.append(str(path.relative_to(folder)))
    return found


def _unpacked(path: Path, content: bytes) -> bytes:
    if content[:4] == b"PAR1":
        return json.dumps(pq.read_table(path).to_pylist(), default=str).encode()
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else b""


class _Searched:
    """Runs commands in a folder that begins empty, and searches what they print and write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def run(self, name: str, arguments: Sequence[str], expected: Sequence[int], **more: str) -> Row:
        """Run `python -m`, and search its output and its working folder.

        Args:
            expected: the exit statuses that are right.
            more: further variables.
        """
        place = self.folder / "place"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        packages = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": packages, "OMP_NUM_THREADS": "1", **more}
        environment |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "XDG_CACHE_HOME": str(place / "cache")}
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=place,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
        )
        files = files_with_sentinels(place)
        return {
            "name": name,
            "command": shlex.join(arguments).replace(SENTINEL, "..."),
            "status": done.returncode,
            "as_expected": done.returncode in expected,
            "printed": found_in(done.stdout),
            "traceback": b"Traceback (most recent call last)" in done.stdout,
            "files": files,
            "files_searched": sum(path.is_file() for path in place.rglob("*")),
            "bytes_searched": len(done.stdout) + sum(p.stat().st_size for p in place.rglob("*") if p.is_file()),
            "said": done.stdout.decode(errors="replace")[-800:].replace(SENTINEL, "[SENTINEL]"),
        }


def _echo() -> bytes:
    return json.dumps({"error": {"message": "\x1b[31mno: " + ", ".join(ENVIRONMENT.values())}}).encode()


def _build(searched: _Searched, inputs: Path, kind: str) -> Row:
    """A build with a server that answers, or that repeats every secret in an error."""
    server = works.endpoint()
    seeds = works.write_seeds(inputs)
    try:
        arguments = ["sure_math.build", *works.served_settings(server.url, seeds), "--out", "out"]
        if kind == "answers":
            return searched.run("build", arguments, [0])
        body = _echo()
        server.faults = defaultdict(lambda: [Fault(status=int(kind), body=body)] * 50)
        return searched.run(f"build, status {kind} that repeats the secrets", arguments, [1])
    finally:
        server.close()


def _evaluation(searched: _Searched, inputs: Path, kind: str) -> Row:
    """An evaluation of a server whose replies name every secret in fields that nobody asked for."""
    place = inputs / "evaluation"
    place.mkdir(exist_ok=True)
    work = works.evaluation(place)
    try:
        return searched.run("evaluation", [work.module, *work.command(Path("results"))], [0])
    finally:
        work.close()


def _training(searched: _Searched, inputs: Path, kind: str) -> Row:
    """A training that writes TensorBoard files, and files of Weights & Biases without a network."""
    place = inputs / f"training-{kind}"
    place.mkdir()
    work = works.local_training(place)
    settings = ["run.steps=2", "log.tensorboard=true", *(["log.wandb=hostile"] if kind == "wandb" else [])]
    arguments = [work.module, *work.command(Path("out")), *settings]
    return searched.run(f"training, {kind}", arguments, [0], WANDB_MODE="offline", WANDB_SILENT="true")


def _refused(searched: _Searched, inputs: Path, kind: str) -> Row:
    """A command whose arguments hold a secret."""
    where, _, number = kind.partition(" ")
    if where == "build":
        override = REFUSED_OVERRIDES[int(number)]
        words = ["sure_math.build", "--config", "annotate", "--out", "out", f"seeds.path={works.write_seeds(inputs)}"]
        words += ["teacher.model=pocket:teacher", *(["teacher.engine=server"] if "server" in override else [])]
        return searched.run("build with a secret in its settings", [*words, override], [1])
    if where == "training":
        option = (f"teacher.engine_options={{token: {SENTINEL}}}", f"teacher.model=https://u:{SENTINEL}@h/m")[
            int(number)
        ]
        return searched.run(
            "training with a secret in its settings", ["uopd.train", "--config", "pocket-local", option], [1]
        )
    words = ["eval_harness", "run", "--model", "hf", "--model_args", REFUSED_MODEL_ARGUMENTS[int(number)]]
    words += ["--tasks", "sure_math_pocket", "--output_path", "results"]
    return searched.run("evaluation with a secret in its arguments", words, [2])


Attempt = Callable[[_Searched, Path, str], Row]


def _attempts() -> dict[str, tuple[Attempt, str]]:
    attempts: dict[str, tuple[Attempt, str]] = {"build/answers": (_build, "answers")}
    attempts |= {f"build/{status}": (_build, str(status)) for status in STATUSES}
    attempts |= {"training/tensorboard": (_training, "tensorboard"), "evaluation": (_evaluation, "")}
    if importlib.util.find_spec("wandb") is not None:
        attempts["training/wandb"] = (_training, "wandb")
    refused: Mapping[str, int] = {
        "build": len(REFUSED_OVERRIDES),
        "training": 2,
        "evaluation": len(REFUSED_MODEL_ARGUMENTS),
    }
    for where, count in refused.items():
        attempts |= {f"refused/{where}/{number}": (_refused, f"{where} {number}") for number in range(count)}
    return attempts


def run(folder: Path, names: Sequence[str] | None, say: Callable[[str], None]) -> Row:
    """Run every command with its secrets, or those that are named; return what was found."""
    attempts = _attempts()
    trials = Trials(folder, "secrets", {"commands": sorted(attempts)})
    inputs = folder / "secrets-inputs"
    shutil.rmtree(inputs, ignore_errors=True)
    inputs.mkdir(parents=True)
    searched = _Searched(folder / "secrets")

    def attempt(name: str) -> Row:
        make, kind = attempts[name]
        return make(searched, inputs, kind)

    rows = []
    for row in trials.each(names or list(attempts), attempt):
        rows.append(row)
        say(f"secrets, {row['trial']}: status {row['status']}, printed {row['printed']}, in files {row['files']}")
    return summary(rows)


def summary(rows: Sequence[Row]) -> Row:
    """Add up what was searched and found."""
    wrong = [row for row in rows if row["printed"] or row["files"] or row["traceback"] or not row["as_expected"]]
    return {
        "sentinels": len(ENVIRONMENT) + len(REFUSED_OVERRIDES) + len(REFUSED_MODEL_ARGUMENTS) + 2,
        "commands": len(rows),
        "names": sorted({row["name"] for row in rows}),
        "wandb": "ran offline" if any(row["trial"] == "training/wandb" for row in rows) else "not installed",
        "files_searched": sum(row["files_searched"] for row in rows),
        "bytes_searched": sum(row["bytes_searched"] for row in rows),
        "found_in_output": sum(row["printed"] for row in rows),
        "found_in_files": sum(len(row["files"]) for row in rows),
        "not_as_expected": sum(not row["as_expected"] for row in rows),
        "tracebacks": sum(row["traceback"] for row in rows),
        "examples": [{key: row[key] for key in ("trial", "command", "status", "files", "said")} for row in wrong][:10],
    }
