"""The student under DeepSpeed's ZeRO stage 1: what one of its ranks does. No other module imports DeepSpeed.

How it differs from `ReferenceStudent`:
1. Every rank holds the weights, but only its part of the float32 masters and of AdamW's moments.
2. Gradients are summed over the ranks in float32, not averaged: a row's factor already holds 1 / (|B| K).
3. Ranks agree before they go on: what fails on one fails on all, at once, and none waits for another.
4. With `offload_optimizer` the masters and moments are in the host's memory, and torch's AdamW runs there. Gradients go
   there once in an update: DeepSpeed adds up on the host in the weights' own type, so micro-batches are added up in
   float32 on the device.

Every rank lives in a process of its own. `load_deepspeed_student`, `update`, `save` and `load` are collective: all
ranks call them, and each waits there for the others, for at most `DEEPSPEED_TIMEOUT` minutes (10). The rest is not.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed
from safetensors.torch import save_file
from torch import Tensor

from sure_math.models.engines import EngineUnavailable
from sure_math.models.engines.files import model_folder
from uopd.model.causal_model import device_of
from uopd.rows import Share, UpdateReport
from uopd.student.files import (
    STATE,
    StudentError,
    export_model,
    moments_of,
    read_state,
    read_tensors,
)
from uopd.student.reference import (
    StudentSpec,
    adamw,
    finite_norm,
    finite_sums,
    load_trainable,
    passes_of,
    peak_bytes,
    reset_peak,
    restore,
)

T = TypeVar("T")


def load_deepspeed_student(spec: StudentSpec, rank: int, world: int, address: str, port: int) -> DeepSpeedRank:
    """Rank `rank` of `world`; they meet at `address:port`, which rank 0 listens on.

    The process must see the one device that it is to use (Ray sees to it), and serves one student in its life.
    """
    ranks = Ranks(rank, world, device_of(spec.device))
    _start(ranks, address, port)
    return DeepSpeedRank(ranks.agree(partial(load_trainable, spec)), spec, ranks)


def _start(ranks: Ranks, address: str, port: int) -> None:
    """Bring the ranks together; DeepSpeed reads its device and its place among the others from the environment."""
    on_cpu = ranks.device.type == "cpu"
    place = {"RANK": ranks.rank, "WORLD_SIZE": ranks.world, "LOCAL_RANK": ranks.device.index or 0}
    os.environ.update({name: str(value) for name, value in place.items()})
    os.environ["DS_ACCELERATOR"] = "cpu" if on_cpu else "cuda"
    import deepspeed

    chosen = deepspeed.accelerator.get_accelerator().device_name()
    if chosen != ranks.device.type:
        raise StudentError(
            f"DeepSpeed was imported before and works on {chosen}, not {ranks.device.type}: start a rank in a new "
            "process"
        )
    if on_cpu:
        # Tensor-parallel inference uses it, ZeRO does not; compiling it takes a C++ compiler and a minute.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    deepspeed.init_distributed(
        dist_backend="gloo" if on_cpu else "nccl",
        init_method=f"tcp://{address}:{port}",
        rank=ranks.rank,
        world_size=ranks.world,
        auto_mpi_discovery=False,
        verbose=False,
    )


def _zero(offload: bool, dtype: torch.dtype, world: int) -> dict[str, Any]:
    """What ZeRO shards, and where the optimizer is."""
    if not offload:
        # Contiguous gradients go through a buffer of 2 GB and serve stage 2.
        return {"stage": 1, "contiguous_gradients": False}
    # With 16-bit weights stage 1 holds float32 gradients twice before they go to the host: a rank's sum over its
    # micro-batches, and its part of the sum over ranks. Stage 2 adds up in that part alone, but ranks then meet in
    # every micro-batch, and have different numbers of them: a rank on its own meets nobody, and its part is everything.
    stage = 2 if world == 1 and dtype != torch.float32 else 1
    return {"stage": stage, "contiguous_gradients": True, "offload_optimizer": {"device": "cpu"}}


def _engine(model: Any, optimizer: torch.optim.AdamW, spec: StudentSpec, world: int) -> Any:
    import deepspeed

    engine, *_ = deepspeed.initialize(
        model=model,
        optimizer=optimizer,
        config={
            "train_micro_batch_size_per_gpu": 1,
            "gradient_accumulation_steps": 1,
            # A rank has as many micro-batches as its share needs: the step ends where `step` is called.
            "managed_gradient_accumulation": False,
            "gradient_allreduce_op": "sum",
            # DeepSpeed would round gradients to bfloat16 on their way between ranks, even to the only one.
            "communication_data_type": "fp32",
            "data_types": {"grad_accum_dtype": "fp32"},
            # Otherwise a parameter's bfloat16 gradient, which only DeepSpeed's own forward clears, is added up again
            # with every micro-batch.
            "bf16": {"enabled": model.dtype == torch.bfloat16, "immediate_grad_update": True},
            "zero_optimization": _zero(spec.offload_optimizer, model.dtype, world),
            # Its own AdamW are operators to compile.
            "zero_allow_untested_optimizer": True,
            "zero_force_ds_cpu_optimizer": False,
            "gradient_clipping": spec.optimizer.clip,
        },
    )
    if engine.gradient_average or engine.managed_gradient_accumulation():
        raise StudentError(f"deepspeed {deepspeed.__version__} cannot sum gradients: pip install 'deepspeed>=0.19.6'")
    return engine


class Ranks:
    """The processes that share a step, as one of them sees them."""

    def __init__(self, rank: int, world: int, device: torch.device) -> None:
        self.rank, self.world, self.device = rank, world, device

    def gather(self, value: Any) -> list[Any]:
        """A plain value (JSON) of every rank, in their order."""
        text = json.dumps(value).encode()
        sizes = self._gather(torch.tensor([len(text)]))
        longest = max(int(size) for size in sizes)
        padded = self._gather(torch.tensor(list(text.ljust(longest)), dtype=torch.uint8))
        return [json.loads(bytes(row.tolist())) for row in padded]

    def agree(self, action: Callable[[], T]) -> T:
        """What this rank's action returns, once all have done theirs; StudentError everywhere if one could not."""
        done: list[T] = []
        cause: Exception | None = None
        try:
            done.append(action())
        except Exception as error:
            cause = error
        told = (
            None
            if cause is None
            else str(cause)
            if isinstance(cause, StudentError | EngineUnavailable)
            else repr(cause)
        )
        failures = {rank: text for rank, text in enumerate(self.gather(told)) if text is not None}
        if failures:
            texts = [f"rank {rank}: {text}" for rank, text in failures.items()]
            raise StudentError("; ".join(texts) if self.world > 1 else next(iter(failures.values()))) from cause
        return done[0]

    def _gather(self, value: Tensor) -> list[Tensor]:
        here = value.to(self.device)
        found = [torch.empty_like(here) for _ in range(self.world)]
        torch.distributed.all_gather(found, here)
        return found


class DeepSpeedRank:
    """One rank of a student; `Student`, with a share instead of all of them, and files of its own."""

    def __init__(self, model: Any, spec: StudentSpec, ranks: Ranks) -> None:
        self._spec, self._ranks, self._model = spec, ranks, model
        self._passes = ranks.agree(partial(passes_of, model, spec))
        device = torch.device("cpu") if spec.offload_optimizer else ranks.device
        # DeepSpeed puts its float32 masters in the place of these parameters.
        self._optimizer = adamw(list(model.parameters()), spec.optimizer, device)
        self._engine = _engine(model, self._optimizer, spec, ranks.world)
        self._version = 0

    @property
    def version(self) -> int:
        return self._version

    def parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Names and whole tensors of the weights, the same on every rank."""
        return ((name, tensor.detach()) for name, tensor in self._model.named_parameters())

    def update(self, share: Share, learning_rate: float) -> UpdateReport:
        """One step on the sum of all ranks' losses; every rank gives its share and gets the whole report."""
        started = time.monotonic()
        reset_peak(self._ranks.device)
        work = self._ranks.agree(partial(self._passes.prepare, share.rows))
        for _ in range(self._spec.objective.iterations):
            own = self._ranks.agree(partial(self._accumulate, work, share))
            sums: Counter[str] = Counter()
            for of_rank in self._ranks.gather(own):
                sums.update(of_rank)
            whole, norm = finite_sums(sums, self._version + 1), self._step(learning_rate)
        self._version += 1
        return UpdateReport(
            sums=whole,
            gradient_norm=norm,
            seconds=max(self._ranks.gather(time.monotonic() - started)),
            peak_bytes=max(self._ranks.gather(peak_bytes(self._ranks.device))),
        )

    def logprobs(self, token_ids: Sequence[int]) -> list[float]:
        """Log-probability (nats) of every token of a text but the first."""
        return self._passes.logprobs(token_ids)

    def save(self, folder: Path) -> None:
        """Every rank's masters and moments in one folder that all ranks see, complete or not there at all."""
        staging = folder.with_name(folder.name + ".tmp")
        self._ranks.agree(partial(self._first, partial(_begin, staging)))
        self._ranks.agree(partial(save_file, self._part(), staging / self._file))
        self._ranks.agree(partial(self._first, partial(self._finish, staging, folder)))

    def load(self, folder: Path) -> None:
        """Go on from what `save` wrote with as many ranks."""
        state, tensors = self._ranks.agree(partial(self._read, folder))
        restore(self._optimizer, self._masters, tensors)
        self._engine.optimizer.update_lp_params()
        self._version = int(state["version"])

    def export(self, folder: Path) -> None:
        """The weights as a plain Hugging Face folder; one rank is enough, since all hold the same."""
        export_model(self._model, model_folder(self._spec.model, self._spec.revision), folder)

    def close(self) -> None:
        self._engine.destroy()
        torch.distributed.destroy_process_group()

    def _accumulate(self, work: Sequence[Any], share: Share) -> Counter[str]:
        self._forget()
        backward = partial(self._engine.backward, scale_wrt_gas=False)
        if not work:
            # Ranks exchange the gradients of the parameters that have one: an empty share has zeros.
            backward(torch.stack([parameter.sum() for parameter in self._model.parameters()]).sum() * 0)
        return self._passes.accumulate(work, share.scores, backward)

    def _forget(self) -> None:
        """Whatever a step that failed has left behind."""
        self._engine.optimizer.zero_grad()
        if self._spec.offload_optimizer:
            # The sums that were on their way to the host, to which the next ones would be added.
            self._engine.optimizer.averaged_gradients.clear()

    def _step(self, learning_rate: float) -> float:
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        self._engine.step()
        # DeepSpeed leaves out a step whose gradient is no number, on all ranks, and calls its norm infinite.
        return finite_norm(float(self._engine.get_global_grad_norm()), self._version + 1)

    @property
    def _masters(self) -> dict[str, Tensor]:
        """This rank's flat part of each group of parameters, in float32."""
        groups = self._optimizer.param_groups
        return {f"group{index}": master for index, group in enumerate(groups) for master in group["params"]}

    @property
    def _file(self) -> str:
        return f"student-{self._ranks.rank}-of-{self._ranks.world}.safetensors"

    def _part(self) -> dict[str, Tensor]:
        tensors: dict[str, Tensor] = {}
        for name, master in self._masters.items():
            tensors |= {f"weight.{name}": master.detach()} | moments_of(self._optimizer, master, name)
        return tensors

    def _layout(self) -> dict[str, list[int]]:
        """Parameters in the order in which the flat parts hold them."""
        return {name: list(tensor.shape) for name, tensor in self._model.named_parameters()}

    def _first(self, action: Callable[[], None]) -> None:
        if self._ranks.rank == 0:
            action()

    def _finish(self, staging: Path, folder: Path) -> None:
        state = {"version": self._version, "ranks": self._ranks.world, "layout": self._layout()}
        (staging / STATE).write_text(json.dumps(state), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(staging, folder)

    def _read(self, folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
        state = read_state(folder, self._ranks.world)
        if state.get("layout") != self._layout():
            raise StudentError(f"{folder}: the checkpoint is of another student.model or student.engine")
        expected = {f"weight.{name}": master for name, master in self._masters.items()}
        return state, read_tensors(folder / self._file, expected)


def _begin(staging: Path) -> None:
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
