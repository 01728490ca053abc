"""The student in one process: the reference of what an update is. DeepSpeed's ranks use its passes too.

How it differs from a plain PyTorch loop:
1. The loss goes from hidden states to the gradient without a [tokens, vocabulary] matrix (`losses/cross_entropy.py`).
2. 16-bit weights have float32 masters: gradients are added up in them, AdamW updates them, and the weights are rounded
   from them. A step of 3e-6 would be lost in bfloat16.

Shapes: T response tokens of a micro-batch, D hidden width, V vocabulary.
"""

from __future__ import annotations

import math
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from sure_math.models.engines.files import model_folder
from uopd.losses.policy import selected_logprobs
from uopd.model.causal_model import device_of, head_of, hidden_states, load_model
from uopd.model.errors import DeviceLost, StepFailed, StudentError, step_failures
from uopd.model.micro_batches import Layout, MicroBatch, micro_batches
from uopd.model.randomness import without_randomness
from uopd.model.row_layout import usable_layout
from uopd.rows import HiddenScores, Scores, Share, TrainingRow, UpdateReport
from uopd.student.files import (
    WEIGHTS,
    check_exportable,
    export_model,
    moments_of,
    read_state,
    read_tensors,
    restore_moments,
    write_folder,
)
from uopd.student.objectives import HiddenTarget, MicroBatchLoss, Objective, Sums, Target, TeacherHead
from uopd.teacher.frozen_head import HeadSpec, load_head
from uopd.teacher.score_copies import copy_to_device

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdamW:
    """The optimizer's constants; each update brings its learning rate."""

    beta1: float
    beta2: float
    epsilon: float
    weight_decay: float
    clip: float
    """Largest norm of the gradient."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudentSpec:
    """Which model learns, and how; sent to the processes of the student."""

    model: str
    revision: str | None
    dtype: str
    device: str
    attention: str
    gradient_checkpointing: bool
    objective: Objective
    optimizer: AdamW
    layout: Layout
    max_tokens: int
    """Positions of one forward pass."""
    threads: int
    """Threads of torch on a CPU; 0 keeps torch's default."""
    auto_layout: bool = False
    """Whether a model that cannot read packed rows is padded; it is refused otherwise."""
    offload_optimizer: bool = False
    """Masters, moments and AdamW in the host's memory; only DeepSpeed's students can do so."""
    teacher_head: HeadSpec | None = None
    """The scorer's head, if the scorer sends hidden states."""
    used_rows: int | None = None
    """Rows of the head that stand for tokens of student and scorer; None: all."""
    stop_token_ids: tuple[int, ...] | None = None
    """End tokens that the exported model names; None: those of the initial model."""


def load_student(spec: StudentSpec) -> ReferenceStudent:
    """Load the one-process student of `spec`."""
    return ReferenceStudent(load_trainable(spec), spec)


def load_trainable(spec: StudentSpec) -> Any:
    """Load the model of `spec` in training mode, without dropout, and set the number of torch's threads."""
    if spec.threads and device_of(spec.device).type == "cpu":
        torch.set_num_threads(spec.threads)
    loaded = load_model(spec.model, spec.revision, spec.dtype, spec.device, spec.attention)
    model = without_randomness(loaded, spec.model).train()
    check_exportable(model, model_folder(spec.model, spec.revision))
    if spec.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return model


def adamw(parameters: Sequence[Tensor], constants: AdamW, device: torch.device) -> torch.optim.AdamW:
    """Make the optimizer of masters on that device; on a GPU its fused kernel, which needs no copies of them."""
    return torch.optim.AdamW(
        parameters,
        betas=(constants.beta1, constants.beta2),
        eps=constants.epsilon,
        weight_decay=constants.weight_decay,
        fused=True if device.type == "cuda" else None,
    )


def restore(optimizer: torch.optim.AdamW, masters: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    """Put masters and moments that were saved under the masters' names back in place."""
    optimizer.state.clear()
    for name, master in masters.items():
        master.detach().copy_(tensors[f"weight.{name}"])
        restore_moments(optimizer, master, tensors, name)
    if optimizer.defaults["fused"]:
        # The fused kernel reads the count of steps on the master's device.
        for master, state in optimizer.state.items():
            state["step"] = state["step"].to(master.device)


def passes_of(model: Any, spec: StudentSpec) -> Passes:
    """Make the passes of a student of `spec`, with the scorer's head if the scorer sends hidden states.

    Raises:
        StudentError: the model does not read rows in the layout as it reads them alone.
    """
    head_spec, teacher_head = spec.teacher_head, None
    if head_spec is not None:
        student_VD = head_of(model).weight_VD
        weights = load_head(head_spec, len(student_VD), student_VD.device, used_rows=spec.used_rows)
        teacher_head = TeacherHead(weights=weights, k=min(head_spec.top_k, spec.used_rows or len(student_VD)))
    return Passes(
        model,
        spec.objective,
        layout=usable_layout(model, spec.model, spec.layout, auto=spec.auto_layout),
        max_tokens=spec.max_tokens,
        teacher_head=teacher_head,
        used_rows=spec.used_rows,
    )


PreparedBatch = tuple[MicroBatch, Tensor | None]
"""A micro-batch, and its log-probabilities before the first of several updates; None if there is one update only."""


class Passes:
    """The forward and backward passes of a share; both kinds of student use them."""

    def __init__(
        self,
        model: Any,
        objective: Objective,
        *,
        layout: Layout,
        max_tokens: int,
        teacher_head: TeacherHead | None = None,
        used_rows: int | None = None,
    ) -> None:
        """Wrap a model.

        Args:
            teacher_head: needed for scores that are hidden states.
            used_rows: rows of the head that stand for tokens; None: all.
        """
        self._used_rows = used_rows
        self._model, self._objective, self._teacher_head = model, objective, teacher_head
        self._layout, self._max_tokens = layout, max_tokens
        self._device = next(model.parameters()).device

    def prepare(self, rows: Sequence[TrainingRow]) -> list[PreparedBatch]:
        """Cut the rows into micro-batches, and compute the log-probabilities that the objective needs of them."""
        batches = list(micro_batches(rows, layout=self._layout, max_tokens=self._max_tokens))
        return list(zip(batches, self._old_logprobs(batches), strict=True))

    def accumulate(
        self,
        batches: Sequence[PreparedBatch],
        scores: Scores | HiddenScores | None,
        backward: Callable[[Tensor], Any],
    ) -> Counter[str]:
        """Run forward and backward of every micro-batch; return the sums over all of them."""
        sums: Counter[str] = Counter()
        for micro, old_T in batches:
            result = self.loss(micro, scores, old_T)
            backward(result.loss)
            sums.update(result.sums, rows=len(micro.row_ids))
        return sums

    def loss(self, micro: MicroBatch, scores: Scores | HiddenScores | None, old_T: Tensor | None) -> MicroBatchLoss:
        """Compute the loss of one micro-batch, with gradient."""
        on_device = micro.to(self._device)
        target = self._target(scores, micro)
        hidden_TD = hidden_states(self._model, on_device)
        return self._objective(hidden_TD, head_of(self._model, self._used_rows), on_device, target, old_T)

    def _target(self, scores: Scores | HiddenScores | None, micro: MicroBatch) -> Target | None:
        """Copy the scores of a micro-batch, out of those of its share, to the device."""
        if scores is None:
            return None
        if isinstance(scores, Scores):
            return copy_to_device(scores, micro.spans, self._device)
        assert self._teacher_head is not None, "a scorer that sends hidden states has its head in the spec"
        hidden_dtype, head_dtype = scores.hidden.dtype, self._teacher_head.weights.weight_VD.dtype
        if hidden_dtype != head_dtype:
            raise StudentError(
                f"dtype = auto: the scorer's hidden states are {hidden_dtype}, and its head, in the student's process, "
                f"is {head_dtype}; set teacher.dtype (or student.dtype, if the initial student scores) to float32 or "
                "bfloat16"
            )
        hidden = copy_to_device(scores, micro.spans, self._device).hidden
        return HiddenTarget(hidden=hidden, head=self._teacher_head)

    @torch.no_grad()
    def _old_logprobs(self, batches: Sequence[MicroBatch]) -> list[Tensor | None]:
        if not self._objective.needs_old:
            return [None] * len(batches)
        return [self._sampled_logprobs(micro, self._objective.temperature) for micro in batches]

    @torch.no_grad()
    def logprobs(self, token_ids: Sequence[int]) -> list[float]:
        """Log-probability (nats) of every token of a text except the first."""
        row = TrainingRow(
            prompt_ids=tuple(token_ids[:1]), response_ids=tuple(token_ids[1:]), scorer_ids=(), token_weight=0.0
        )
        (micro,) = micro_batches([row], layout="packed", max_tokens=len(token_ids))
        logprobs: list[float] = self._sampled_logprobs(micro, temperature=1.0).tolist()
        return logprobs

    def _sampled_logprobs(self, micro: MicroBatch, temperature: float) -> Tensor:
        on_device, head = micro.to(self._device), head_of(self._model, self._used_rows)
        hidden_TD = hidden_states(self._model, on_device)
        return selected_logprobs(
            hidden_TD,
            head.weight_VD,
            on_device.response_ids_T,
            bias_V=head.bias_V,
            temperature=temperature,
            used_rows=head.used_rows,
        )


class ReferenceStudent:
    """A `Rank` that is alone: a student in one process of plain torch."""

    def __init__(self, model: Any, spec: StudentSpec) -> None:
        self.model = model
        self._spec = spec
        self._passes = passes_of(model, spec)
        self._masters = Masters(list(model.parameters()))
        self._device = next(model.parameters()).device
        self._optimizer = adamw(self._masters.tensors, spec.optimizer, self._device)
        self._version = 0

    @property
    def version(self) -> int:
        return self._version

    def parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Names and tensors of the weights, which a sync sends."""
        return ((name, tensor.detach()) for name, tensor in self.model.named_parameters())

    def update(self, share: Share, learning_rate: float) -> UpdateReport:
        """Take one step on the share: one optimizer step, or several if the objective iterates."""
        started = time.monotonic()
        reset_peak(self._device)
        with step_failures(self._name):
            batches = self._passes.prepare(share.rows)

        def once() -> tuple[Sums, float]:
            # A failed step may have left gradients behind.
            self._optimizer.zero_grad(set_to_none=True)
            with step_failures(self._name):
                total = self._passes.accumulate(batches, share.opened_scores, Tensor.backward)
            return finite_sums(total, self._name), self._step(learning_rate)

        done = iterate(once, self._spec.objective.iterations)
        self._version += 1
        sums, norm = done[-1]
        return UpdateReport(
            sums=sums,
            iterations=len(done),
            gradient_norm=norm,
            seconds=time.monotonic() - started,
            peak_bytes=peak_bytes(self._device),
        )

    def logprobs(self, token_ids: Sequence[int]) -> list[float]:
        return self._passes.logprobs(token_ids)

    def save(self, folder: Path) -> None:
        """Write masters, moments and version to `folder`, which is complete or does not exist."""
        tensors = {f"weight.{name}": tensor.detach() for name, tensor in self._named_masters()}
        for name, master in self._named_masters():
            tensors |= moments_of(self._optimizer, master, name)
        write_folder(folder, tensors, {"version": self._version, "ranks": 1})

    def load(self, folder: Path) -> None:
        """Continue from what `save` wrote."""
        state = read_state(folder, ranks=1)
        masters = dict(self._named_masters())
        tensors = read_tensors(folder / WEIGHTS, {f"weight.{name}": master for name, master in masters.items()})
        restore(self._optimizer, masters, tensors)
        self._masters.publish()
        self._version = int(state["version"])

    def export(self, folder: Path) -> None:
        source = model_folder(self._spec.model, self._spec.revision)
        export_model(self.model, source, folder, stop_token_ids=self._spec.stop_token_ids)

    def close(self) -> None:
        self.model = None

    @property
    def _name(self) -> str:
        """The next update, for messages."""
        return f"update {self._version + 1}"

    def _named_masters(self) -> Iterator[tuple[str, Tensor]]:
        names = [name for name, _ in self.model.named_parameters()]
        return zip(names, self._masters.tensors, strict=True)

    def _step(self, learning_rate: float) -> float:
        self._masters.collect()
        norm = float(torch.nn.utils.clip_grad_norm_(self._masters.tensors, self._spec.optimizer.clip))
        finite_norm(norm, self._name)
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self._masters.publish()
        return norm


class Masters:
    """Float32 copies of 16-bit weights, in which gradients are added up. Float32 weights are their own masters."""

    def __init__(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        self._pairs: list[tuple[torch.nn.Parameter, Tensor]] = []
        self.tensors: list[Tensor] = []
        for parameter in parameters:
            if parameter.dtype == torch.float32:
                self.tensors.append(parameter)
                continue
            master = parameter.detach().float()
            master.grad = torch.zeros_like(master)
            self.tensors.append(master)
            self._pairs.append((parameter, master))
            parameter.register_post_accumulate_grad_hook(_adder(master))

    def collect(self) -> None:
        """Give every master a gradient, because AdamW skips a tensor without one, with its moments and step count."""
        for master in self.tensors:
            if master.grad is None:
                master.grad = torch.zeros_like(master)

    @torch.no_grad()
    def publish(self) -> None:
        """Round the weights from their masters."""
        for parameter, master in self._pairs:
            parameter.copy_(master)


def _adder(master: Tensor) -> Any:
    def add(parameter: torch.nn.Parameter) -> None:
        assert parameter.grad is not None
        master.grad = parameter.grad.float() if master.grad is None else master.grad.add_(parameter.grad)
        parameter.grad = None

    return add


def iterate(once: Callable[[], T], iterations: int) -> list[T]:
    """Make several updates on the same rollouts; return what each has returned.

    If an update fails after the first one, the updates before it count and no more are made.

    Raises:
        StepFailed: the first update fails.
    """
    done: list[T] = []
    for _ in range(iterations):
        try:
            done.append(once())
        except DeviceLost:
            raise
        except StepFailed:
            if not done:
                raise
            break
    return done


def finite_sums(sums: Counter[str], update: str) -> Sums:
    """Return the sums of an update.

    Raises:
        StepFailed: the loss is NaN or infinite.
    """
    if not math.isfinite(sums["loss"]):
        raise StepFailed(f"{update}: the loss is {sums['loss']}")
    return dict(sums)


def finite_norm(norm: float, update: str) -> float:
    """Return the norm of an update's gradient.

    Raises:
        StepFailed: the norm is NaN or infinite.
    """
    if not math.isfinite(norm):
        raise StepFailed(f"{update}: the gradient's norm is {norm}")
    return norm


def reset_peak(device: torch.device) -> None:
    """Start to measure the peak of device memory anew; does nothing on a CPU."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_bytes(device: torch.device) -> int:
    """Measure the peak of device memory since `reset_peak`; on a CPU the peak of this process since it started."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
