"""The configuration of a training run: one frozen model per part, read from YAML and `key=value` overrides.

Every error names the field, the value and what to do. The resolved configuration is saved with the outputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from sure_math.command_line.settings import Section, Settings
from uopd.method_names import MethodName

Dtype = Literal["auto", "float32", "bfloat16"]
Fraction = Annotated[float, Field(ge=0, le=1)]


class RunConfig(Section):
    seed: int = Field(0, ge=0, description="All randomness follows from it, the problems' ids and the step.")
    steps: int | None = Field(None, ge=1, description="Stop after this many updates; None: after data.samples prompts.")


class FilterConfig(Section):
    """Sec. 4.5, binary filter."""

    tau: float = Field(0.5, ge=0, description="Prompts with an entropy above it are not trained on.")
    unit: Literal["normalised", "nats"] = Field("normalised", description="Of tau: H / log N, or H in nats.")


class GrpoConfig(Section):
    """Group Relative Policy Optimization."""

    clip_low: float = Field(0.2, ge=0, le=1, description="The ratio counts down to 1 - clip_low.")
    clip_high: float = Field(0.2, ge=0, description="The ratio counts up to 1 + clip_high.")
    kl_coefficient: float = Field(0.0, ge=0, description="Of the KL divergence to the initial student; 0 loads none.")
    scale_rewards: bool = Field(True, description="Divide a group's advantages by their standard deviation.")
    normaliser: Literal["response", "tokens", "constant"] = Field(
        "response",
        description="Of a response's tokens: its own length (GRPO), all tokens of the step (DAPO), or "
        "rollouts.max_new_tokens (Dr. GRPO).",
    )
    iterations: int = Field(1, ge=1, description="Updates on the same rollouts; from the second on the ratio leaves 1.")


class OpsdConfig(Section):
    """The Self-Distilled Reasoner."""

    teacher: Literal["self", "pair"] = Field(
        "self", description="Who reads the solution: the initial student, frozen, or the teacher of the pair."
    )


class DataConfig(Section):
    path: Path = Field(Path("sure-math"), description="Folder that `python -m sure_math.build` wrote.")
    samples: int = Field(50_000, ge=1, description="Prompts drawn in the whole run, with replacement.")
    prompts_per_step: int = Field(128, ge=1, description="|B|: prompts of one step, each with K rollouts.")
    allow_other_teacher: bool = Field(False, description="Train on weights that another teacher's samples gave.")
    drop_unlabelled: bool = Field(
        False, description="Leave out problems without the answer or solution that the method needs."
    )
    max_prompt_tokens: int = Field(2048, ge=1, description="Longer prompts are left out, and counted.")


class StudentConfig(Section):
    model: str = Field(description="A folder, a name on the Hub, or `pocket:ROLE`.")
    revision: str | None = Field(None, description="Revision on the Hub.")
    engine: Literal["reference", "deepspeed"] = Field(
        "reference", description="`reference`: one process of plain torch; `deepspeed`: ZeRO-1 ranks."
    )
    ranks: int = Field(1, ge=1, description="Processes that share a step; more than one needs deepspeed.")
    dtype: Dtype = Field("auto", description="Of the weights; auto: float32 on a CPU, bfloat16 on a GPU.")
    device: str = Field("auto", description="`auto`, `cpu`, `cuda`; with Ray, what num_gpus reserves.")
    attention: Literal["sdpa", "flash_attention_2", "eager"] = Field("sdpa")
    gradient_checkpointing: bool = Field(False, description="Compute activations again in the backward pass.")
    offload_optimizer: bool = Field(
        False, description="Float32 weights and AdamW's moments in the host's memory, and the update there; deepspeed."
    )
    enable_thinking: bool = Field(False, description="Passed to the chat template.")
    num_gpus: float = Field(0, ge=0, description="Per rank, reserved from Ray.")
    num_cpus: float = Field(1, ge=0, description="Per rank, reserved from Ray, and its threads on a CPU.")

    @model_validator(mode="after")
    def _ranks(self) -> Self:
        if self.engine == "reference" and self.ranks > 1:
            raise ValueError(f"ranks = {self.ranks}: engine=reference is one process; set student.engine=deepspeed")
        if self.engine == "reference" and self.offload_optimizer:
            raise ValueError("offload_optimizer = true: only ZeRO offloads; set student.engine=deepspeed")
        return self


class TeacherConfig(Section):
    model: str = Field(description="A folder, a name on the Hub, or `pocket:ROLE`.")
    revision: str | None = Field(None, description="Revision on the Hub.")
    engine: Literal["transformers", "vllm"] = Field(
        "transformers", description="`transformers`: exact top-k as tensors; `vllm`: prompt log-probabilities."
    )
    top_k: int = Field(512, ge=1, description="Entries per position; at least the vocabulary means all of it.")
    sends: Literal["topk", "hidden"] = Field(
        "topk",
        description="What travels to the student: `topk`, or the teacher's last `hidden` states, from which the "
        "student's process, which then holds the teacher's head, finds the same top-k, or all of the vocabulary.",
    )
    values: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="Type in which log-probabilities travel; hidden states travel in the teacher's own."
    )
    dtype: Dtype = "auto"
    device: str = "auto"
    attention: Literal["sdpa", "flash_attention_2", "eager"] = Field("sdpa")
    max_tokens: int = Field(16_384, ge=1, description="Tokens of one forward pass.")
    determinism_nats: float = Field(
        1e-3, ge=0, description="Largest mean difference between two scorings of the same text at the start."
    )
    num_gpus: float = Field(0, ge=0, description="Reserved from Ray.")
    num_cpus: float = Field(1, ge=0, description="Reserved from Ray, and its threads on a CPU.")
    engine_options: Mapping[str, Any] = Field({}, description="Further options of vLLM, passed on as they are.")

    @model_validator(mode="after")
    def _hidden(self) -> Self:
        if self.sends == "hidden" and self.engine == "vllm":
            raise ValueError(
                "sends = hidden: vLLM hands out no hidden states; set teacher.engine=transformers or teacher.sends=topk"
            )
        return self


class ReferenceConfig(Section):
    """The frozen copy of the initial student."""

    load: Literal["when_used", "always"] = Field(
        "when_used", description="`always` is the paper's placement, also for methods that never ask it."
    )
    num_gpus: float = Field(0, ge=0, description="Reserved from Ray.")
    num_cpus: float = Field(1, ge=0)


class RolloutsConfig(Section):
    engine: Literal["transformers", "vllm"] = Field(
        "transformers",
        description="`transformers` samples from the student's own weights in its process; `vllm`: Ray actors.",
    )
    per_prompt: int = Field(4, ge=1, description="K responses of every prompt.")
    temperature: float = Field(1.0, gt=0, le=2)
    top_p: float = Field(1.0, gt=0, le=1)
    top_k: int = Field(0, ge=0, description="0 keeps every token.")
    max_new_tokens: int = Field(4096, ge=1)
    engines: int = Field(1, ge=1, description="vLLM engines; each samples its part of every prompt's K.")
    num_gpus: float = Field(0, ge=0, description="Per engine, reserved from Ray.")
    num_cpus: float = Field(1, ge=0, description="Per engine, reserved from Ray, and its threads on a CPU.")
    engine_options: Mapping[str, Any] = Field({}, description="Further options of the engine, passed on as they are.")
    replay: bool = Field(True, description="After a resume, take steps that were sampled before from the run's log.")
    overlap: bool = Field(False, description="Sample the next step's responses while this step is scored and trained.")


class SyncConfig(Section):
    backend: Literal["gloo", "nccl", "ipc"] = Field("gloo", description="How weights reach vLLM; gloo needs no GPU.")
    bucket_mb: int = Field(64, ge=1, description="Weights sent at a time, in MiB.")
    timeout: float = Field(300, gt=0, description="Seconds one sync may take.")
    tolerance_nats: float = Field(
        0.05, gt=0, description="Largest mean difference of log-probabilities between engine and student after a sync."
    )
    check_every: int = Field(1, ge=0, description="Syncs between two checks of that difference; 0 checks the first.")


class OptimizerConfig(Section):
    """AdamW."""

    learning_rate: float = Field(3e-6, gt=0)
    beta1: Fraction = 0.9
    beta2: Fraction = 0.95
    epsilon: float = Field(1e-8, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    warmup: Fraction = Field(0.05, description="Share of the steps over which the rate rises.")
    schedule: Literal["cosine", "constant"] = Field("cosine", description="After the warm-up; cosine falls to 0.")
    clip: float = Field(1.0, gt=0, description="Largest norm of the gradient.")


class BatchConfig(Section):
    layout: Literal["auto", "packed", "padded"] = Field(
        "auto",
        description="`packed` puts rows end to end without padding, `padded` puts rows of like length side by side; "
        "auto packs with flash_attention_2 and pads otherwise, where attention over a packed row costs its square.",
    )
    max_tokens: int = Field(16_384, ge=1, description="Tokens of one forward pass, prompts included.")


class RuntimeConfig(Section):
    kind: Literal["local", "ray"] = Field("local", description="`local`: everything in this process.")
    address: str | None = Field(None, description="Address of a Ray cluster, `auto` for the running one; None: here.")
    check_memory: bool = Field(
        True, description="Refuse at the start what by the estimate of --dry-run does not fit in memory."
    )


class EvalConfig(Section):
    every: int = Field(0, ge=0, description="Steps between two evaluations; 0: none.")
    problems: int = Field(200, ge=1, description="Held-out problems, the first of the dataset's test split.")
    max_new_tokens: int | None = Field(None, ge=1, description="None: rollouts.max_new_tokens.")


class CheckpointConfig(Section):
    every: int = Field(50, ge=0, description="Steps between two checkpoints; 0: only at the end.")
    keep: int = Field(2, ge=1, description="Newest checkpoints that stay.")


class LogConfig(Section):
    tensorboard: bool = True
    wandb: str | None = Field(None, description="Name of a Weights & Biases project; the key stays in its own place.")
    rollouts: bool = Field(True, description="Keep every step's responses, which a resumed run can replay.")


class TrainConfig(Section):
    """Everything one run depends on."""

    method: MethodName = Field("uopd", description="A row of `methods.py`.")
    run: RunConfig = RunConfig()
    filter: FilterConfig = FilterConfig()
    grpo: GrpoConfig = GrpoConfig()
    opsd: OpsdConfig = OpsdConfig()
    prompts: str = Field("default", description="`default`, `pocket`, or a folder of prompt files.")
    data: DataConfig = DataConfig()
    student: StudentConfig
    teacher: TeacherConfig
    reference: ReferenceConfig = ReferenceConfig()
    rollouts: RolloutsConfig = RolloutsConfig()
    sync: SyncConfig = SyncConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    batch: BatchConfig = BatchConfig()
    runtime: RuntimeConfig = RuntimeConfig()
    eval: EvalConfig = EvalConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()
    log: LogConfig = LogConfig()

    @model_validator(mode="after")
    def _together(self) -> Self:
        local = self.runtime.kind == "local"
        if local and self.rollouts.engine == "vllm":
            raise ValueError("rollouts.engine = vllm runs in Ray actors: set runtime.kind=ray")
        if not local and self.rollouts.engine == "transformers":
            raise ValueError(
                "rollouts.engine = transformers samples in the student's process: set runtime.kind=local, or "
                "rollouts.engine=vllm"
            )
        if local and self.student.engine == "deepspeed":
            raise ValueError("student.engine = deepspeed runs in Ray actors: set runtime.kind=ray")
        if local and self.teacher.engine == "vllm":
            raise ValueError("teacher.engine = vllm runs in a Ray actor: set runtime.kind=ray")
        if local and self.rollouts.overlap:
            raise ValueError(
                "rollouts.overlap needs engines of their own: set runtime.kind=ray and rollouts.engine=vllm"
            )
        if self.rollouts.overlap and self.method == "grpo":
            raise ValueError("rollouts.overlap = true: GRPO's ratio is to the policy that sampled; set it to false")
        if self.rollouts.per_prompt % self.rollouts.engines:
            raise ValueError(
                f"rollouts.per_prompt = {self.rollouts.per_prompt} does not divide among rollouts.engines = "
                f"{self.rollouts.engines}: every engine samples the same share of a prompt's responses"
            )
        if self.method == "grpo" and self.rollouts.per_prompt < 2:
            raise ValueError("rollouts.per_prompt = 1: GRPO compares responses of one prompt; set it to 2 or more")
        return self

    @property
    def steps(self) -> int:
        """Updates of the whole run; the last batch may be partial."""
        whole = -(-self.data.samples // self.data.prompts_per_step)
        return whole if self.run.steps is None else min(whole, self.run.steps)


SETTINGS = Settings(
    TrainConfig, "uopd.configs", sections="`student:`, `teacher:`, ...", example="optimizer.learning_rate=1e-5"
)


def load_config(name: str, overrides: Sequence[str] = ()) -> TrainConfig:
    """The configuration of that name or file, with `dotted.key=value` overrides on top.

    Raises:
        ConfigError: no such file, not YAML, an unknown key, or a value out of range.
    """
    return SETTINGS.load(name, overrides)


def config_names() -> list[str]:
    """The configurations that come with the package."""
    return SETTINGS.names()
