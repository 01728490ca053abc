"""Find out which command starts the tasks in this installation, and what to do to make the others work.

lm-eval looks for tasks below its own folder and in the folder that `--include_path` names. The wheel puts this
package's YAML files below lm-eval's folder, so that `lm_eval --tasks sure_math` works after a plain `pip install`. If
either package is installed editable, no file is put there. `python -m eval_harness run` passes the folder to lm-eval
and works in every installation.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from eval_harness.summary import versions

TASKS = Path(__file__).parent / "tasks"
State = Literal["registered", "editable", "editable_lm_eval", "elsewhere", "no_lm_eval"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """The state of this installation."""

    state: State
    message: str
    command: str
    """The command that works here; empty if none does."""


def diagnose() -> Diagnosis:
    """Find lm-eval's folder, whether our tasks are below it, and if not, why."""
    folder = lm_eval_folder()
    wrapper = "python -m eval_harness run --tasks sure_math ..."
    if folder is None:
        message = "lm-eval is not installed: pip install 'sure-math[eval]'"
        return Diagnosis(state="no_lm_eval", message=message, command="")
    if is_registered():
        message = "the tasks are registered with lm-eval: the literal command works in any directory"
        return Diagnosis(state="registered", message=message, command="lm_eval --tasks sure_math ...")
    if is_editable("sure-math"):
        message = (
            "sure-math is installed editable, which puts no task below lm-eval's folder: use the command below, or add "
            "--include_path to lm_eval's command, or install the wheel (pip install .)"
        )
        return Diagnosis(state="editable", message=message, command=wrapper)
    if is_editable("lm_eval"):
        message = (
            "lm-eval is installed editable, so that its folder is not the folder in which pip put the tasks: use the "
            "command below, or add --include_path to lm_eval's command, or install lm-eval from its wheel"
        )
        return Diagnosis(state="editable_lm_eval", message=message, command=wrapper)
    message = (
        "sure-math and lm-eval lie in different folders (PYTHONPATH, --target, or two environments): use the command "
        "below, or install both into one environment"
    )
    return Diagnosis(state="elsewhere", message=message, command=wrapper)


def lm_eval_folder() -> Path | None:
    """Return lm-eval's folder; None if it is not installed.

    After lm-eval is uninstalled, our files below its folder can still be imported as a namespace package. Only an
    `__init__.py` proves that lm-eval is there.
    """
    spec = importlib.util.find_spec("lm_eval")
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def is_registered() -> bool:
    """Return whether lm-eval finds our tasks by itself."""
    folder = lm_eval_folder()
    return folder is not None and (folder / "tasks" / "sure_math" / "sure_math.yaml").is_file()


def is_editable(distribution: str) -> bool:
    """Return whether pip installed the distribution as a link to its source."""
    try:
        text = importlib.metadata.distribution(distribution).read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        return True  # a source tree on the path, which was not installed
    return bool(text and json.loads(text).get("dir_info", {}).get("editable"))


def report() -> str:
    """Return the diagnosis, and the versions that results will name, as text."""
    diagnosis = diagnose()
    lines = [diagnosis.message]
    if diagnosis.command:
        lines += [f"  {diagnosis.command}"]
    if diagnosis.state not in ("registered", "no_lm_eval"):
        lines += [f"  lm_eval --include_path {TASKS} --tasks sure_math ..."]
    lines += ["", "versions that take part in grading:"]
    lines += [f"  {name} {version}" for name, version in versions().items()]
    return "\n".join(lines)
