"""Pins of `uopd/dry_run/syncable.py`: students that vLLM does not load anew are refused by name at the start.

Mixtures of experts and hybrid models are refused with `rollouts.engine=vllm`, before anything is loaded and by
`--dry-run`; dense models are not, and a mixture that samples from its own weights is not.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers
from rich.console import Console

from tests.uopd.model.test_row_layout import NOT_PACKED, PACKED
from uopd.config import load_config
from uopd.dry_run.plan import make_plan
from uopd.dry_run.syncable import kind_of, sync_problem
from uopd.dry_run.tables import plan_table
from uopd.run.checks import RefusedError, check_syncable

DENSE = {name: PACKED[name] for name in ("qwen3", "gemma3, window of 4", "gpt2")} | {"opt": NOT_PACKED["opt"]}
MIXTURES: dict[str, Callable[[], Any]] = {
    "qwen3_moe": PACKED["qwen3_moe"],
    "mixtral": lambda: transformers.MixtralConfig(num_local_experts=4),
    "deepseek": lambda: transformers.DeepseekV3Config(n_routed_experts=8),
}
HYBRIDS = {name: NOT_PACKED[name] for name in ("qwen3_5", "qwen3_next", "mamba2", "lfm2", "falcon_h1")}


def folder_of(folder: Path, make: Callable[[], Any]) -> Path:
    make().save_pretrained(folder)
    return folder


@pytest.mark.parametrize("name", DENSE)
def test_dense_students_are_synced(name: str, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, DENSE[name])
    assert kind_of(folder) is None
    check_syncable(load_config("pocket", [f"student.model={folder}"]))


@pytest.mark.parametrize("name", [*MIXTURES, *HYBRIDS])
def test_other_students_are_refused_by_name(name: str, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, (MIXTURES | HYBRIDS)[name])
    kind, remedy = (
        ("a mixture of experts", "rollouts.engine=transformers with runtime.kind=local and student.engine=reference")
        if name in MIXTURES
        else ("a hybrid model", "choose a student whose layers are all attention")
    )
    config = load_config("pocket", [f"student.model={folder}"])
    with pytest.raises(RefusedError) as refused:
        check_syncable(config)
    assert str(refused.value).startswith(f"student.model = {folder} is {kind}") and remedy in str(refused.value)
    assert sync_problem(load_config("pocket-local", [f"student.model={folder}"])) is None


def test_a_dry_run_says_so_and_knows_the_papers_models() -> None:
    config = load_config("paper-8b", ["student.model=Qwen/Qwen3-30B-A3B"])
    plan = make_plan(config)
    console = Console(width=200, color_system=None)
    with console.capture() as capture:
        console.print(plan_table(plan))
    assert not plan.ready
    assert "It would be refused: student.model = Qwen/Qwen3-30B-A3B is a mixture of experts" in " ".join(
        capture.get().split()
    )
    for name in ("paper-1.7b", "paper-4b", "paper-8b"):
        assert sync_problem(load_config(name)) is None


def test_the_remedy_for_a_mixture_is_accepted(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, MIXTURES["qwen3_moe"])
    changes = ["rollouts.engine=transformers", "runtime.kind=local", "student.engine=reference"]
    changes += ["rollouts.engine_options={}", f"student.model={folder}"]
    assert sync_problem(load_config("pocket", changes)) is None
