"""The hours of a build on a machine without a GPU.

Pins: hours by hand, bound by operations and bound by memory; a build that was measured; models that do not run there;
what is printed with a GPU and without; `--assume core_gflops`; the configuration `small`.
"""

import json
from pathlib import Path

import pytest
from rich.console import Console

from sure_math.config import BuildConfig, ModelConfig, load_config
from sure_math.dry_run.cost import CPU_SEQUENCES, BuildAssumptions, cpu_hours, cpu_rates, work_of
from sure_math.dry_run.machine import Machine, this_machine
from sure_math.dry_run.plan import make_plan
from sure_math.dry_run.tables import plan_table
from tests.helpers.scripted_build import write_problems

TWO_CORES = Machine(cores=2, memory=24e9, has_gpu=False)
MANY_CORES = Machine(cores=64, memory=256e9, has_gpu=False)
WITH_GPU = Machine(cores=16, memory=128e9, has_gpu=True)
TEACHER = ModelConfig(model="Qwen/Qwen2.5-1.5B-Instruct", engine="vllm", dtype="bfloat16")


def printed(config: BuildConfig, machine: Machine, assumptions: BuildAssumptions | None = None) -> str:
    console = Console(width=160, color_system=None)
    with console.capture() as capture:
        console.print(plan_table(make_plan(config, assumptions, machine)))
    return " ".join(capture.get().split())


def test_rates_by_hand() -> None:
    assumptions = BuildAssumptions(core_gflops=75, memory_gb_per_second=30)
    few, many = (cpu_rates(TEACHER, machine, assumptions) for machine in (TWO_CORES, MANY_CORES))
    assert few is not None and many is not None
    # 3e9 operations a token: 150e9 and 4,800e9 of them per second.
    assert (few.prompt, few.generated) == pytest.approx((50, 50))
    # 3e9 bytes of weights are read ten times a second, each time for all sequences.
    assert (many.prompt, many.generated) == pytest.approx((1600, 10 * CPU_SEQUENCES))
    work = work_of(TEACHER, 36, 500, 1000, assumptions)
    assert cpu_hours(TEACHER, work, TWO_CORES, assumptions) == pytest.approx((36 * 500 / 50 + 36 * 1000 / 50) / 3600)


def test_a_measured_build(tmp_path: Path) -> None:
    """60 problems, 9 answers of about 200 tokens each, took half an hour on two cores."""
    path = write_problems(tmp_path / "p.jsonl", 60)
    settings = [f"seeds.path={path}", f"teacher={json.dumps(TEACHER.model_dump(exclude_defaults=True))}"]
    assumptions = BuildAssumptions(answer_tokens=200)
    plan = make_plan(load_config("annotate", settings), assumptions, TWO_CORES)
    work = next(step.work for step in plan.steps if step.phase == "sample")
    assert work is not None and work.requests == 540 and work.gpu_hours is not None and work.gpu_hours < 0.1
    hours = cpu_hours(TEACHER, work, TWO_CORES, assumptions)
    assert hours is not None and 0.25 < hours < 1.25


@pytest.mark.parametrize(
    "model",
    [
        ModelConfig(model="Qwen/Qwen3-8B", dtype="float32"),
        ModelConfig(model="Qwen/Qwen3-8B"),
        ModelConfig(model="Org/NoSize"),
        ModelConfig.model_validate({"model": "M-1B", "engine": "server", "server": {"url": "http://host/v1"}}),
    ],
    ids=["float32", "auto is float32", "no size", "server"],
)
def test_what_does_not_run_on_two_cores(model: ModelConfig) -> None:
    assert cpu_rates(model, TWO_CORES, BuildAssumptions()) is None
    assert cpu_rates(TEACHER, WITH_GPU, BuildAssumptions()) is None


def test_the_hours_of_this_machine_are_printed_if_it_has_no_gpu() -> None:
    text = printed(load_config("small"), TWO_CORES)
    assert "On this machine: 2 cores, 24 GB of memory, no GPU" in text
    assert "sample Qwen/Qwen2.5-1.5B-Instruct 53 53 63.2" in text
    assert "sample Qwen/Qwen2.5-1.5B-Instruct 107 107 31.6" in printed(
        load_config("small"), TWO_CORES, BuildAssumptions(core_gflops=160)
    )
    assert "On this machine" not in printed(load_config("small"), WITH_GPU)
    # The models in the package need no GPU anywhere.
    assert "On this machine" not in printed(load_config("pocket"), TWO_CORES)


def test_a_model_that_does_not_fit_is_named_and_has_no_total() -> None:
    text = printed(load_config("default"), TWO_CORES)
    assert "144 GB of weights do not fit in 24 GB - - ?" in text
    assert "total ? Tokens per second" in text


def test_models_come_from_the_hub_or_from_folders(tiny_model: Path) -> None:
    folders = [f"{role}.model={tiny_model}" for role in ("teacher", "judge", "evolve.author")]
    for settings in ([], folders):
        config = load_config("small", settings)
        assert config.teacher is not None and config.judge is not None and config.evolve.author is not None
        names = {config.teacher.model, config.judge.model, config.evolve.author.model}
        assert names == ({str(tiny_model)} if settings else {TEACHER.model, "Qwen/Qwen2.5-0.5B-Instruct"})
        assert make_plan(config, machine=TWO_CORES).missing == ()


def test_this_machine() -> None:
    machine = this_machine()
    assert machine.cores >= 1 and 2**28 < machine.memory < 2**50
