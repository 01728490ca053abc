"""The paper's Phase 2, transcribed line by line, against `--config paper-1.7b`, `paper-4b` and `paper-8b`.

Pins: every value the paper gives, at its key, with the place where the paper gives it; the three pairs of models; that
the pairs differ in nothing else that the paper gives; that `paper-8b-fit` differs from `paper-8b` in memory settings
alone; which GPU every part is on; and that `--dry-run` prints each model, place and setting.
"""

from collections.abc import Mapping
from typing import Any

import pytest
from rich.console import Console

from sure_math.command_line.settings import differing_keys
from uopd.config import load_config
from uopd.dry_run.plan import make_plan
from uopd.dry_run.tables import plan_table

PAPER: list[tuple[str, Any, str]] = [
    ("method", "uopd", "Sec. 3.2: UOPD; the baselines are method=..."),
    ("data.samples", 50_000, 'Sec. 4.2: "one epoch over 50,000 samples (with replacement ...)"'),
    ("data.prompts_per_step", 128, 'Sec. 4.2: "a global batch size of 128"'),
    ("student.engine", "deepspeed", 'A.1: "wrapped in DeepSpeed ZeRO Stage 1"'),
    ("student.ranks", 1, "A.1: GPU 0 hosts the student actor"),
    ("student.dtype", "bfloat16", 'Sec. 4.2: "All models use bfloat16 precision"'),
    ("student.attention", "flash_attention_2", 'Sec. 4.2: "and FlashAttention-2"'),
    ("student.num_gpus", 0.8, "A.1: the rest of GPU 0"),
    ("reference.load", "always", 'A.1: "a frozen reference copy of the initial student"'),
    ("reference.num_gpus", 0.2, 'A.1: "fractional allocation (num_gpus=0.2)"'),
    ("teacher.engine", "transformers", 'A.1: "loaded in inference mode", "top-k logit values and token indices"'),
    ("teacher.dtype", "bfloat16", "Sec. 4.2"),
    ("teacher.attention", "flash_attention_2", "Sec. 4.2"),
    ("teacher.top_k", 512, 'Sec. 4.2: "The teacher provides its top-512 logit values"'),
    ("teacher.values", "float32", "A.2: 512 x 4 bytes (vals)"),
    ("teacher.num_gpus", 1, "A.1: GPU 1 hosts the teacher actor"),
    ("rollouts.engine", "vllm", "A.1: vLLM generation engines"),
    ("rollouts.engines", 2, 'A.1: "GPUs 2-3 host two LLMRayActor"'),
    ("rollouts.num_gpus", 1, "A.1"),
    ("rollouts.per_prompt", 4, 'Sec. 4.2: "the student generates K=4 rollouts per prompt"'),
    ("sync.backend", "gloo", 'A.1, A.3: "over the Gloo backend"'),
    ("runtime.kind", "ray", "A.1: Ray placement groups"),
    ("optimizer.learning_rate", 3e-6, "Sec. 4.2"),
    ("optimizer.schedule", "cosine", "Sec. 4.2"),
    ("optimizer.warmup", 0.05, "Sec. 4.2"),
    ("optimizer.beta1", 0.9, "Sec. 4.2"),
    ("optimizer.beta2", 0.95, "Sec. 4.2"),
    ("optimizer.clip", 1.0, "Sec. 4.2"),
    # Decided in this project where the paper is silent.
    ("rollouts.temperature", 1.0, "not in the paper: the policy itself"),
    ("rollouts.top_p", 1.0, "not in the paper: no truncation"),
    ("rollouts.top_k", 0, "not in the paper: no truncation"),
    ("rollouts.max_new_tokens", 4096, "not in the paper"),
    ("student.enable_thinking", False, "not in the paper: the thinking mode of Qwen3"),
    ("optimizer.weight_decay", 0.0, "not in the paper"),
    ("rollouts.overlap", False, "Sec. 3.3: the next rollouts come from the latest policy"),
    ("student.offload_optimizer", False, "not in the paper"),
]
"""Dotted key, value, where the paper says so."""

PAIRS = {
    "paper-1.7b": ("Qwen/Qwen3-1.7B", "Qwen/Qwen3-8B", False),
    "paper-4b": ("Qwen/Qwen3-4B", "Qwen/Qwen3-8B", False),
    "paper-8b": ("Qwen/Qwen3-8B", "Qwen/Qwen3-30B-A3B", True),
}
"""Sec. 4.2: student, teacher, and whether the stored weights (Sec. 4.1: of Qwen3-8B) are another teacher's."""

MEMORY = {
    "batch.max_tokens",
    "reference.load",
    "reference.num_gpus",
    "rollouts.engine_options.gpu_memory_utilization",
    "rollouts.num_gpus",
    "student.gradient_checkpointing",
    "student.num_gpus",
    "student.offload_optimizer",
    "student.ranks",
    "teacher.max_tokens",
    "teacher.num_gpus",
}
"""Keys of memory and placement: no loss, gradient, rollout or score depends on them but by rounding."""


def resolved(name: str) -> dict[str, Any]:
    return load_config(name).model_dump(mode="json")


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize(("key", "value", "place"), PAPER, ids=[key for key, _, _ in PAPER])
def test_value_of_the_paper(name: str, key: str, value: object, place: str) -> None:
    setting: Any = resolved(name)
    for part in key.split("."):
        assert isinstance(setting, Mapping) and part in setting, f"{key} is not set; {place}"
        setting = setting[part]
    assert setting == value, place


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_of_the_paper(name: str) -> None:
    config = load_config(name)
    assert (config.student.model, config.teacher.model, config.data.allow_other_teacher) == PAIRS[name]


@pytest.mark.parametrize("name", ["paper-4b", "paper-8b"])
def test_pairs_differ_in_their_models_and_in_memory(name: str) -> None:
    keys = {key for key, _, _ in differing_keys(resolved("paper-1.7b"), resolved(name))}
    assert keys <= {"student.model", "teacher.model", "data.allow_other_teacher", "student.gradient_checkpointing"}


def test_the_layout_that_fits_changes_memory_alone() -> None:
    keys = {key for key, _, _ in differing_keys(resolved("paper-8b"), resolved("paper-8b-fit"))}
    assert keys == {"student.offload_optimizer", "reference.load"} and keys <= MEMORY


def test_places_of_the_paper() -> None:
    for name in PAIRS:
        parts = make_plan(load_config(name)).parts
        assert [(part.name, part.devices, part.share) for part in parts] == [
            ("student 0", ("GPU 0",), 0.8),
            ("reference", ("GPU 0",), 0.2),
            ("teacher", ("GPU 1",), 1),
            ("engine 0", ("GPU 2",), 1),
            ("engine 1", ("GPU 3",), 1),
        ]


@pytest.mark.parametrize("name", PAIRS)
def test_the_dry_run_names_every_model_place_and_setting(name: str) -> None:
    plan = make_plan(load_config(name))
    console = Console(width=160, color_system=None)
    with console.capture() as capture:
        console.print(plan_table(plan))
    text = " ".join(capture.get().split())
    student, teacher, _ = PAIRS[name]
    settings = [
        "391 of 128 prompts, the last one of 80",
        "50,000, drawn with replacement",
        "200,000 (K = 4)",
        "rollouts.temperature 1.0",
        "rollouts.top_p 1.0",
        "rollouts.top_k 0",
        "rollouts.max_new_tokens 4096",
        "student.enable_thinking false",
        "top-512 (int32 and float32), 4,100 B a position",
        "optimizer.learning_rate 3.0e-06",
        "optimizer.beta2 0.95",
        "optimizer.clip 1.0",
        "optimizer.schedule cosine",
        "warm-up 20 steps",
        "sync.backend gloo",
        "sync.bucket_mb 64",
        f"student 0 GPU 0 0.8 GPU {student}",
        f"reference GPU 0 0.2 GPU {student}",
        f"teacher GPU 1 1 GPU {teacher}",
        f"engine 0 GPU 2 1 GPU {student}",
        f"engine 1 GPU 3 1 GPU {student}",
        "DeepSpeed ZeRO-1, flash_attention_2",
        "vLLM, 2 responses of every prompt",
        "gpu_memory_utilization 0.9",
        "gpu_memory_gib 79.1",
    ]
    assert [part for part in settings if part not in text] == []
