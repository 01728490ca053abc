"""The time of a step on a machine without a GPU.

Pins: a step by hand; a step that was measured; which runs have a time; what is printed; `--assume core_gflops`.
"""

import pytest
from rich.console import Console

from sure_math.dry_run.machine import Machine
from uopd.config import TrainConfig, load_config
from uopd.dry_run.cpu_time import step_time
from uopd.dry_run.memory import TrainingAssumptions
from uopd.dry_run.model_shapes import SHAPES
from uopd.dry_run.plan import make_plan
from uopd.dry_run.tables import plan_table

STUDENT, TEACHER = SHAPES["Qwen/Qwen2.5-0.5B-Instruct"], SHAPES["Qwen/Qwen2.5-1.5B-Instruct"]
TWO_CORES = Machine(cores=2, memory=24e9, has_gpu=False)
HERE = ("student.device=cpu", "teacher.device=cpu")


def small(*settings: str) -> TrainConfig:
    return load_config("small", [*HERE, *settings])


def test_a_step_by_hand() -> None:
    config = small("data.prompts_per_step=5", "rollouts.per_prompt=2", "student.gradient_checkpointing=false")
    assumptions = TrainingAssumptions(response_tokens=300, prompt_tokens=100, core_gflops=50)
    step = step_time(config, STUDENT, TEACHER, TWO_CORES, assumptions)
    assert step is not None
    # 10 rows of 400 tokens at 1e11 operations per second.
    assert step.rollouts == pytest.approx(2 * 4000 * STUDENT.parameters / 1e11)
    assert step.scores == pytest.approx(2 * 4000 * TEACHER.parameters / 1e11)
    assert step.training == pytest.approx(6 * 4000 * STUDENT.parameters / 1e11)
    assert step.total == pytest.approx(step.rollouts + step.scores + step.training)


def test_a_measured_step() -> None:
    """8 responses of 128 tokens took 95 s on two cores. A plan is right within a factor of two."""
    config = small("data.prompts_per_step=2", "rollouts.max_new_tokens=128", "student.gradient_checkpointing=false")
    step = step_time(config, STUDENT, TEACHER, TWO_CORES, TrainingAssumptions())
    assert step is not None and 95 / 2 < step.total < 95 * 2


def test_which_runs_have_a_time() -> None:
    assert step_time(load_config("pocket-local"), SHAPES["Qwen/Qwen3-0.6B"], None, TWO_CORES, TrainingAssumptions())
    assert make_plan(load_config("pocket-local")).step_time is None
    assert make_plan(small("student.device=cuda", "teacher.device=cuda")).step_time is None
    rewarded = make_plan(small("method=grpo")).step_time
    assert rewarded is not None and rewarded.scores == 0


def test_the_time_is_printed_and_follows_the_speed_of_a_core() -> None:
    slow, fast = (make_plan(small(), TrainingAssumptions(core_gflops=speed)) for speed in (10, 40))
    assert slow.step_time is not None and fast.step_time is not None
    assert slow.step_time.total == pytest.approx(4 * fast.step_time.total)
    console = Console(width=200, color_system=None)
    with console.capture() as capture:
        console.print(plan_table(slow))
    text = " ".join(capture.get().split())
    assert f"about {slow.step_time.total / 60:,.0f} min a step" in text
    assert f"in all on this machine: {slow.machine.words}" in text


def test_the_small_run_fits_on_a_gpu_of_16_gb_and_on_a_cpu_of_24() -> None:
    on_gpu = make_plan(
        small("student.device=cuda", "teacher.device=cuda"), TrainingAssumptions(gpu_memory_gib=16e9 / 2**30)
    )
    assert on_gpu.fits and on_gpu.gpus == 1
    [host] = make_plan(small()).devices
    assert host.needed < 24e9
