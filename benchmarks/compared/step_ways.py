"""The ways of taking a training step that `benchmarks/step_speed.py` compares: models, batch, our step and TRL's."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Literal

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from benchmarks.compared.random_models import Sizes, random_qwen3
from benchmarks.measuring.clock_and_memory import peak_bytes, timed
from benchmarks.measuring.results_files import Result
from uopd.rows import HiddenScores, Scores, Share, TrainingRow, UpdateReport
from uopd.student.objectives import Distillation
from uopd.student.reference import AdamW, ReferenceStudent, StudentSpec
from uopd.teacher.frozen_head import HeadSpec
from uopd.teacher.scorer import HiddenScorer, ScorerSpec, TransformersScorer

RATE, CLIP = 1e-6, 1.0
ADAMW = AdamW(beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.0, clip=CLIP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    student: Sizes
    teacher: Sizes
    vocabulary: int
    prompts: int
    rollouts: int
    """Responses of each prompt."""
    prompt: int
    response: int
    rows_at_once: int
    k: int = 512
    """Entries of the teacher, for the ways that have a top-k."""
    dtype: str = "float32"
    device: str = "cpu"

    @property
    def rows(self) -> int:
        return self.prompts * self.rollouts

    @property
    def positions_at_once(self) -> int:
        return self.rows_at_once * (self.prompt + self.response)

    @property
    def tokens(self) -> int:
        """Response tokens of a step."""
        return self.rows * self.response


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step did, to check that all ways do the same."""

    tokens: int
    """Response tokens in the loss."""
    kl: float
    """Mean KL over these tokens, in nats; from the renormalised top-k of the teacher if the way has a top-k."""
    gradient_norm: float
    """Before clipping."""
    scoring_seconds: float | None
    """Seconds of the teacher's part; None if they cannot be told from the update."""
    peak_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A way with its models, ready to step."""

    step: Callable[[], Step]
    student: Any
    facts: Result
    """Settings of the way that are recorded beside its numbers."""


def make_student(shape: Shape, dtype: str) -> Any:
    """Make a random student in training mode, with gradient checkpointing."""
    model = random_qwen3(shape.student, shape.vocabulary, dtype, shape.device).train()
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return model


def make_rows(shape: Shape) -> tuple[TrainingRow, ...]:
    """Make `rollouts` responses to each prompt. Every token has the weight 1 / tokens: the loss is a mean."""
    pick = Random(0)

    def ids(count: int) -> tuple[int, ...]:
        return tuple(pick.randrange(1, shape.vocabulary) for _ in range(count))

    prompts = [ids(shape.prompt) for _ in range(shape.prompts)]
    return tuple(
        TrainingRow(
            prompt_ids=prompt, response_ids=ids(shape.response), scorer_ids=prompt, token_weight=1 / shape.tokens
        )
        for prompt in prompts
        for _ in range(shape.rollouts)
    )


def ours(shape: Shape, sends: Literal["topk", "hidden"] = "topk") -> Prepared:
    """Prepare our step. With `hidden` the teacher sends hidden states, and the loss is over the full vocabulary."""
    student, teacher = (
        make_student(shape, shape.dtype),
        random_qwen3(shape.teacher, shape.vocabulary, shape.dtype, shape.device),
    )
    with tempfile.TemporaryDirectory() as folder:
        learner = ReferenceStudent(student, _student_spec(shape, _head_of(teacher, Path(folder), shape, sends)))
    kind = HiddenScorer if sends == "hidden" else TransformersScorer
    scorer = kind(teacher, _scorer_spec(shape, sends))
    rows = make_rows(shape)

    def step() -> Step:
        scores: list[Scores | HiddenScores] = []
        scoring = timed(lambda: scores.append(scorer.score(rows)), shape.device)
        peak = peak_bytes(shape.device)  # an update starts a new count
        report: UpdateReport = learner.update(Share(rows=rows, scores=scores[0]), RATE)
        return Step(
            tokens=int(report.sums["tokens"]),
            kl=report.sums["kl"] / report.sums["tokens"],
            gradient_norm=report.gradient_norm,
            scoring_seconds=scoring.wall,
            peak_bytes=max(peak, peak_bytes(shape.device)),
        )

    k = shape.k if sends == "topk" else "full vocabulary"
    return Prepared(step=step, student=student, facts={"k": k, "student_dtype": shape.dtype})


def _head_of(teacher: Any, folder: Path, shape: Shape, sends: str) -> HeadSpec | None:
    """Write the teacher's head to files, from which the student reads it; None if the student needs no head."""
    if sends == "topk":
        return None
    teacher.config.save_pretrained(folder)
    save_file({"lm_head.weight": teacher.lm_head.weight.detach()}, folder / "model.safetensors")
    return HeadSpec(model=str(folder), revision=None, dtype=shape.dtype, device=shape.device, top_k=shape.vocabulary)


def _student_spec(shape: Shape, head: HeadSpec | None) -> StudentSpec:
    return StudentSpec(
        model="random",
        revision=None,
        dtype=shape.dtype,
        device=shape.device,
        attention="sdpa",
        gradient_checkpointing=True,
        objective=Distillation(),
        optimizer=ADAMW,
        layout="padded",
        max_tokens=shape.positions_at_once,
        threads=0,
        teacher_head=head,
    )


def _scorer_spec(shape: Shape, sends: Literal["topk", "hidden"]) -> ScorerSpec:
    return ScorerSpec(
        model="random",
        revision=None,
        dtype=shape.dtype,
        device=shape.device,
        attention="sdpa",
        top_k=shape.k,
        values="float32",
        max_tokens=shape.positions_at_once,
        layout="padded",
        threads=0,
        sends=sends,
    )


def trl(shape: Shape, student_dtype: str | None = None) -> Prepared:
    """Prepare TRL's step."""
    student = make_student(shape, student_dtype or shape.dtype)
    trainer = _trainer(shape, student)
    trainer.create_optimizer()
    model, optimizer = trainer.accelerator.prepare(trainer.model, trainer.optimizer)
    batch = _trl_batch(shape)
    passes = shape.rows // shape.rows_at_once
    trainer.current_gradient_accumulation_steps = passes
    trainer._generate_and_score_completions = lambda inputs: inputs  # the batch already has responses
    facts: Result = {"k": "full vocabulary", "student_dtype": str(student.dtype).removeprefix("torch.")}

    def see_autocast(*_: object) -> None:
        facts["autocast"] = torch.is_autocast_enabled(shape.device)

    student.base_model.register_forward_pre_hook(see_autocast)

    def step() -> Step:
        losses = [trainer.training_step(model, batch, None) for _ in range(passes)]
        norm = trainer.accelerator.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        optimizer.zero_grad()
        return Step(
            tokens=int(batch["num_items_in_batch"]),
            kl=float(torch.stack(losses).sum()),
            gradient_norm=float(norm),
            scoring_seconds=None,
            peak_bytes=peak_bytes(shape.device),
        )

    return Prepared(step=step, student=student, facts=facts)


def _trainer(shape: Shape, student: Any) -> Any:
    from trl import DistillationConfig, DistillationTrainer

    # The trainer asks for a padding token, which no row needs.
    tokenizer = Tokenizer(models.WordLevel({"<|end|>": 0}, unk_token="<|end|>"))
    with tempfile.TemporaryDirectory() as folder:  # the trainer creates the folder and writes nothing into it
        arguments = DistillationConfig(
            output_dir=folder,
            beta=0.0,
            per_device_train_batch_size=shape.rows_at_once,
            gradient_accumulation_steps=shape.rows // shape.rows_at_once,
            learning_rate=RATE,
            adam_beta1=ADAMW.beta1,
            adam_beta2=ADAMW.beta2,
            adam_epsilon=ADAMW.epsilon,
            weight_decay=ADAMW.weight_decay,
            max_grad_norm=CLIP,
            bf16=shape.dtype == "bfloat16",
            use_cpu=shape.device == "cpu",
            report_to="none",
        )
        return DistillationTrainer(
            model=student,
            teacher_model=random_qwen3(shape.teacher, shape.vocabulary, shape.dtype, shape.device),
            processing_class=PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>"),
            args=arguments,
        )


def _trl_batch(shape: Shape) -> dict[str, torch.Tensor]:
    """Return the rows in the form in which TRL holds its samples."""
    rows = make_rows(shape)
    prompts = torch.tensor([row.prompt_ids for row in rows], device=shape.device)
    responses = torch.tensor([row.response_ids for row in rows], device=shape.device)
    return {
        "prompt_ids": prompts,
        "prompt_mask": torch.ones_like(prompts),
        "completion_ids": responses,
        "completion_mask": torch.ones_like(responses),
        "num_items_in_batch": torch.tensor(responses.numel(), device=shape.device),
    }


WAYS: dict[str, Callable[[Shape], Prepared]] = {
    "ours, top-k": ours,
    "ours, full vocabulary": lambda shape: ours(shape, "hidden"),
    "TRL": trl,
    "TRL, float32 student": lambda shape: trl(shape, "float32"),
}
