"""Which way of calling the tasks works in this installation, and what to do for the others.

lm-eval finds tasks below its own folder and in `--include_path`, nowhere else. The wheel puts this package's YAML files
below lm-eval's folder, so that `lm_eval --tasks sure_math` works after a plain `pip install`. An editable installation
of either package puts no file there; `python -m eval_harness run` names the folder itself and works in all of them.
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
    """What holds here."""

    state: State
    says: str
    command: str
    """The call that works."""


def diagnose() -> Diagnosis:
    """Look where lm-eval is, whether our tasks are below it, and if not, why."""
    folder = lm_eval_folder()
    wrapper = "python -m eval_harness run --tasks sure_math ..."
    if folder is None:
        says = "lm-eval is not installed: pip install 'sure-math[eval]'"
        return Diagnosis(state="no_lm_eval", says=says, command="")
    if is_registered():
        says = "the tasks are registered with lm-eval: the literal command works in any directory"
        return Diagnosis(state="registered", says=says, command="lm_eval --tasks sure_math ...")
    if is_editable("sure-math"):
        says = (
            "sure-math is installed editable, which puts no task below lm-eval's folder: use the command below, or add "
            "--include_path to lm_eval's, or install the wheel (pip install .)"
        )
        return Diagnosis(state="editable", says=says, command=wrapper)
    if is_editable("lm_eval"):
        says = (
            "lm-eval is installed editable, so that its folder is not where pip put the tasks: use the command "
            "below, or add --include_path to lm_eval's, or install lm-eval from its wheel"
        )
        return Diagnosis(state="editable_lm_eval", says=says, command=wrapper)
    says = (
        "sure-math and lm-eval lie in different folders (PYTHONPATH, --target, or two environments): use the command "
        "below, or install both into one environment"
    )
    return Diagnosis(state="elsewhere", says=says, command=wrapper)


def lm_eval_folder() -> Path | None:
    """Where lm-eval lies; None where it is not installed.

    After lm-eval is uninstalled our files below it are still a namespace that imports: only `__init__.py` is a proof.
    """
    spec = importlib.util.find_spec("lm_eval")
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def is_registered() -> bool:
    """Whether lm-eval finds our tasks by itself."""
    folder = lm_eval_folder()
    return folder is not None and (folder / "tasks" / "sure_math" / "sure_math.yaml").is_file()


def is_editable(distribution: str) -> bool:
    """Whether pip installed it as a link to its source."""
    try:
        text = importlib.metadata.distribution(distribution).read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        return True  # on the path without an installation: a source tree
    return bool(text and json.loads(text).get("dir_info", {}).get("editable"))


def report() -> str:
    """The diagnosis and the versions that results will name, as text."""
    found = diagnose()
    lines = [found.says]
    if found.command:
        lines += [f"  {found.command}"]
    if found.state not in ("registered", "no_lm_eval"):
        lines += [f"  lm_eval --include_path {TASKS} --tasks sure_math ..."]
    lines += ["", "versions that take part in grading:"]
    lines += [f"  {name} {version}" for name, version in versions().items()]
    return "\n".join(lines)
