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
    seed: int = Field(0, ge=0, description="All randomness follows from the seed, the problems' ids and the step.")
    steps: int | None = Field(
        None, ge=1, description="Stop after this many updates; None stops after data.samples prompts."
    )
    max_failed_steps: int = Field(
        10,
        ge=0,
        description="A step that cannot be taken (a NaN loss, a text that the teacher cannot score) is "
        "left out; the run ends if there are more of them.",
    )


class FilterConfig(Section):
    """Sec. 4.5, binary filter."""

    tau: float = Field(0.5, ge=0, description="Prompts whose entropy is above tau are not trained on.")
    unit: Literal["normalised", "nats"] = Field("normalised", description="Unit of tau: H / log N, or H in nats.")


class GrpoConfig(Section):
    """Group Relative Policy Optimization."""

    clip_low: float = Field(0.2, ge=0, le=1, description="Smaller ratios count as 1 - clip_low.")
    clip_high: float = Field(0.2, ge=0, description="Larger ratios count as 1 + clip_high.")
    kl_coefficient: float = Field(
        0.0, ge=0, description="Weight of the KL divergence to the initial student; with 0 that student is not loaded."
    )
    scale_rewards: bool = Field(True, description="Divide a group's advantages by their standard deviation.")
    normaliser: Literal["response", "tokens", "constant"] = Field(
        "response",
        description="Divides the sum over a response's tokens: the response's length (GRPO), all tokens of the step "
        "(DAPO), or rollouts.max_new_tokens (Dr. GRPO).",
    )
    iterations: int = Field(
        1, ge=1, description="Updates on the same rollouts; the ratio differs from 1 from the second update on."
    )


class OpsdConfig(Section):
    """The Self-Distilled Reasoner."""

    teacher: Literal["self", "pair"] = Field(
        "self", description="Who reads the solution: the initial student, frozen, or the teacher of the pair."
    )


class DataConfig(Section):
    path: Path = Field(Path("sure-math"), description="Folder that `python -m sure_math.build` wrote.")
    samples: int = Field(50_000, ge=1, description="Prompts drawn in the whole run, with replacement.")
    prompts_per_step: int = Field(128, ge=1, description="|B|, the prompts of one step; each has K rollouts.")
    allow_other_teacher: bool = Field(
        False, description="Train though the weights come from the samples of another teacher."
    )
    allow_other_mode: bool = Field(
        False, description="Train though the weights come from a teacher that was asked in the other thinking mode."
    )
    drop_unlabelled: bool = Field(
        False, description="Leave out problems without the answer or solution that the method needs."
    )
    max_prompt_tokens: int = Field(
        2048, ge=1, description="Tokens of a prompt; longer prompts are left out and counted."
    )


class StudentConfig(Section):
    model: str = Field(description="A folder, a name on the Hub, or `pocket:ROLE`.")
    revision: str | None = Field(None, description="Revision on the Hub.")
    engine: Literal["reference", "deepspeed"] = Field(
        "reference", description="`reference` is one process of plain torch; `deepspeed` has ranks under ZeRO-1."
    )
    ranks: int = Field(1, ge=1, description="Processes that share a step; several need deepspeed.")
    dtype: Dtype = Field("auto", description="Type of the weights; auto is float32 on a CPU and bfloat16 on a GPU.")
    device: str = Field("auto", description="`auto`, `cpu` or `cuda`; with Ray, num_gpus decides.")
    attention: Literal["sdpa", "flash_attention_2", "eager"] = Field(
        "sdpa", description="Implementation of attention in transformers."
    )
    gradient_checkpointing: bool = Field(
        False, description="Compute activations a second time in the backward pass, which saves memory."
    )
    offload_optimizer: bool = Field(
        False,
        description="Keep and update float32 weights and AdamW's moments in the host's memory; needs deepspeed.",
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
        "transformers",
        description="`transformers` gives an exact top-k as tensors; `vllm` gives log-probabilities of prompts.",
    )
    top_k: int = Field(
        512, ge=1, description="Entries per position; the size of the vocabulary, or more, means all entries."
    )
    sends: Literal["topk", "hidden"] = Field(
        "topk",
        description="What travels to the student: the `topk`, or the teacher's last `hidden` states. With hidden "
        "states the student's process holds the teacher's head, and computes the same top-k, or all entries, itself.",
    )
    values: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="Type in which log-probabilities travel; hidden states travel in the teacher's dtype."
    )
    dtype: Dtype = Field("auto", description="Type of the weights, as for the student.")
    device: str = Field("auto", description="`auto`, `cpu` or `cuda`; with Ray, num_gpus decides.")
    attention: Literal["sdpa", "flash_attention_2", "eager"] = Field(
        "sdpa", description="Implementation of attention in transformers."
    )
    max_tokens: int = Field(16_384, ge=1, description="Tokens of one forward pass.")
    determinism_nats: float | None = Field(
        None,
        ge=0,
        description="Largest mean difference, in nats, between two scorings of the same text at the start; None takes "
        "what rounding explains in the scorer's dtype and number of layers.",
    )
    num_gpus: float = Field(0, ge=0, description="Reserved from Ray.")
    num_cpus: float = Field(1, ge=0, description="Reserved from Ray, and its threads on a CPU.")
    engine_options: Mapping[str, Any] = Field({}, description="Further options of vLLM, passed on unchanged.")

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
        "when_used", description="`always` loads it, as the paper does, even if the method never asks it."
    )
    num_gpus: float = Field(0, ge=0, description="Reserved from Ray.")
    num_cpus: float = Field(1, ge=0)


class RolloutsConfig(Section):
    engine: Literal["transformers", "vllm"] = Field(
        "transformers",
        description="`transformers` samples in the student's process from its own weights; `vllm` in Ray actors.",
    )
    per_prompt: int = Field(4, ge=1, description="K responses of every prompt.")
    temperature: float = Field(
        1.0, gt=0, le=2, description="Temperature of sampling; GRPO's log-probabilities have it too."
    )
    top_p: float = Field(1.0, gt=0, le=1, description="1 keeps every token; GRPO needs 1.")
    top_k: int = Field(0, ge=0, description="0 keeps every token; GRPO needs 0.")
    max_new_tokens: int = Field(4096, ge=1, description="Tokens of a response, at most.")
    engines: int = Field(
        1, ge=1, description="Number of vLLM engines; each samples its part of every prompt's K responses."
    )
    num_gpus: float = Field(0, ge=0, description="Per engine, reserved from Ray.")
    num_cpus: float = Field(1, ge=0, description="Per engine, reserved from Ray, and its threads on a CPU.")
    engine_options: Mapping[str, Any] = Field({}, description="Further options of the engine, passed on unchanged.")
    replay: bool = Field(
        True, description="In a resumed run, take responses that were sampled before from the run's log."
    )
    overlap: bool = Field(
        False, description="Sample the responses of the next step while this step is scored and trained."
    )


class SyncConfig(Section):
    backend: Literal["gloo", "nccl", "ipc"] = Field(
        "gloo", description="How weights travel to vLLM; gloo needs no GPU."
    )
    bucket_mb: int = Field(64, ge=1, description="MiB of weights that are sent at a time.")
    timeout: float = Field(300, gt=0, description="Seconds one sync may take.")
    tolerance_nats: float = Field(
        0.05,
        gt=0,
        description="Largest mean difference, in nats, of log-probabilities between engine and student after a sync.",
    )
    check_every: int = Field(
        1, ge=0, description="Check that difference after every so many syncs; 0 checks only the first sync."
    )


class OptimizerConfig(Section):
    """AdamW."""

    learning_rate: float = Field(3e-6, gt=0, description="Largest rate, reached after the warm-up.")
    beta1: Fraction = 0.9
    beta2: Fraction = 0.95
    epsilon: float = Field(1e-8, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    warmup: Fraction = Field(0.05, description="Share of the steps over which the rate rises.")
    schedule: Literal["cosine", "constant"] = Field(
        "cosine", description="Learning rate after the warm-up; cosine falls to 0."
    )
    clip: float = Field(1.0, gt=0, description="Largest norm of the gradient.")


class BatchConfig(Section):
    layout: Literal["auto", "packed", "padded"] = Field(
        "auto",
        description="`packed` puts rows end to end without padding, `padded` puts rows of like length side by side; "
        "auto packs with flash_attention_2 and pads otherwise: other attention costs the square of a packed row. auto "
        "also pads a model that reads packed rows into each other (linear attention, positions of its own).",
    )
    max_tokens: int = Field(16_384, ge=1, description="Tokens of one forward pass, with the prompts.")


class RuntimeConfig(Section):
    kind: Literal["local", "ray"] = Field(
        "local", description="`local` runs everything in this process; `ray` runs actors."
    )
    address: str | None = Field(
        None, description="Address of a Ray cluster, or `auto` for the running one; None starts Ray on this machine."
    )
    check_memory: bool = Field(
        True, description="Refuse a run that does not fit in memory by the estimate of --dry-run."
    )


class EvalConfig(Section):
    every: int = Field(0, ge=0, description="Steps between two evaluations; 0 evaluates never.")
    problems: int = Field(200, ge=1, description="Held-out problems: the first ones of the dataset's test split.")
    max_new_tokens: int | None = Field(
        None, ge=1, description="Tokens of an answer, at most; None takes rollouts.max_new_tokens."
    )


class CheckpointConfig(Section):
    every: int = Field(50, ge=0, description="Steps between two checkpoints; 0 writes only the last one.")
    keep: int = Field(2, ge=1, description="How many of the newest checkpoints stay.")


class LogConfig(Section):
    tensorboard: bool = Field(True, description="Write curves for TensorBoard.")
    wandb: str | None = Field(
        None, description="Name of a Weights & Biases project; its key is read from its own place."
    )
    rollouts: bool = Field(True, description="Keep the responses of every step, which a resumed run can replay.")


class TrainConfig(Section):
    """Everything one run depends on."""

    method: MethodName = Field("uopd", description="A row of the table in `uopd/methods.py`.")
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
        if self.method == "grpo" and (self.rollouts.top_p < 1 or self.rollouts.top_k > 0):
            raise ValueError(
                f"rollouts.top_p = {self.rollouts.top_p:g}, rollouts.top_k = {self.rollouts.top_k}: GRPO's ratio is to "
                "the policy that sampled, and truncated log-probabilities are not computed; set rollouts.top_p=1 "
                "rollouts.top_k=0 (a lower rollouts.temperature is possible)"
            )
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
        """Updates of the whole run; the last one may have fewer prompts."""
        whole = -(-self.data.samples // self.data.prompts_per_step)
        return whole if self.run.steps is None else min(whole, self.run.steps)


SETTINGS = Settings(
    TrainConfig, "uopd.configs", sections="`student:`, `teacher:`, ...", example="optimizer.learning_rate=1e-5"
)


def load_config(name: str, overrides: Sequence[str] = ()) -> TrainConfig:
    """Load the configuration of that name, or of that YAML file, with `dotted.key=value` overrides on top.

    Raises:
        ConfigError: no such file, not YAML, an unknown key, or a value out of range.

    Example:
        >>> load_config("pocket-local", ["optimizer.learning_rate=1e-5"]).optimizer.learning_rate
        1e-05
    """
    return SETTINGS.load(name, overrides)


def config_names() -> list[str]:
    """Return the names of the configurations that come with the package.

    >>> "pocket" in config_names()
    True
    """
    return SETTINGS.names()
