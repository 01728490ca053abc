"""One rank of the student under DeepSpeed's ZeRO stage 1. No other module imports DeepSpeed.

How it differs from `ReferenceStudent`:
1. Every rank has all weights, but only its part of the float32 masters and of AdamW's moments.
2. Gradients are summed over the ranks in float32, not averaged, because a row's factor already has 1 / (|B| K).
3. The ranks agree before they go on. If an action fails on one rank, it fails on all ranks at once, and no rank waits
   for another.
4. With `offload_optimizer` the masters and moments are in the host's memory, and torch's AdamW runs there. Gradients
   are sent to the host once per update: DeepSpeed adds on the host in the dtype of the weights, so micro-batches are
   added up in float32 on the device.

Every rank has its own process. `load_deepspeed_student`, `update`, `save` and `load` are collective: all ranks call
them, and each rank waits there for the others, for at most `DEEPSPEED_TIMEOUT` minutes (10). No other call waits.
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
from uopd.model.errors import DeviceLost, StepFailed, StudentError, step_failures
from uopd.rows import Share, UpdateReport
from uopd.student.files import STATE, export_model, moments_of, read_state, read_tensors
from uopd.student.objectives import Sums
from uopd.student.reference import (
    PreparedBatch,
    StudentSpec,
    adamw,
    finite_norm,
    finite_sums,
    iterate,
    load_trainable,
    passes_of,
    peak_bytes,
    reset_peak,
    restore,
)

T = TypeVar("T")


def load_deepspeed_student(spec: StudentSpec, rank: int, world: int, address: str, port: int) -> DeepSpeedRank:
    """Load rank `rank` of `world`; the ranks connect at `address:port`, where rank 0 listens.

    The process must see only the device that it uses, which Ray ensures. It can serve one student only.
    """
    ranks = Ranks(rank, world, device_of(spec.device))
    _connect(ranks, address, port)
    return DeepSpeedRank(ranks.agree(partial(load_trainable, spec)), spec, ranks)


def _connect(ranks: Ranks, address: str, port: int) -> None:
    """Connect the ranks. DeepSpeed reads the device and the number of a rank from the environment."""
    on_cpu = ranks.device.type == "cpu"
    variables = {"RANK": ranks.rank, "WORLD_SIZE": ranks.world, "LOCAL_RANK": ranks.device.index or 0}
    os.environ.update({name: str(value) for name, value in variables.items()})
    os.environ["DS_ACCELERATOR"] = "cpu" if on_cpu else "cuda"
    import deepspeed

    device_name = deepspeed.accelerator.get_accelerator().device_name()
    if device_name != ranks.device.type:
        raise StudentError(
            f"DeepSpeed was imported before and uses {device_name}, not {ranks.device.type}: start the rank in a new "
            "process"
        )
    if on_cpu:
        # Tensor-parallel inference uses this operator, ZeRO does not. It takes a C++ compiler and a minute to compile.
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    deepspeed.init_distributed(
        dist_backend="gloo" if on_cpu else "nccl",
        init_method=f"tcp://{address}:{port}",
        rank=ranks.rank,
        world_size=ranks.world,
        auto_mpi_discovery=False,
        verbose=False,
    )


def _zero_config(offload: bool, dtype: torch.dtype, world: int) -> dict[str, Any]:
    """What ZeRO divides among the ranks, and where the optimizer is."""
    if not offload:
        # Contiguous gradients need a buffer of 2 GB, and only stage 2 uses them.
        return {"stage": 1, "contiguous_gradients": False}
    # With 16-bit weights stage 1 has float32 gradients twice before they are sent to the host: a rank's sum over its
    # micro-batches, and its part of the sum over ranks. Stage 2 needs only that part, but then the ranks communicate in
    # every micro-batch, and they have different numbers of micro-batches. Stage 2 therefore needs a single rank.
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
            # A rank has as many micro-batches as its share needs: a step ends when `step` is called.
            "managed_gradient_accumulation": False,
            "gradient_allreduce_op": "sum",
            # By default DeepSpeed rounds gradients to bfloat16 before it sends them to other ranks, even for one rank.
            "communication_data_type": "fp32",
            "data_types": {"grad_accum_dtype": "fp32"},
            # Otherwise every micro-batch adds a parameter's bfloat16 gradient again: only DeepSpeed's own forward
            # clears it.
            "bf16": {"enabled": model.dtype == torch.bfloat16, "immediate_grad_update": True},
            "zero_optimization": _zero_config(spec.offload_optimizer, model.dtype, world),
            # DeepSpeed's own AdamW has to be compiled, so torch's is used.
            "zero_allow_untested_optimizer": True,
            "zero_force_ds_cpu_optimizer": False,
            "gradient_clipping": spec.optimizer.clip,
        },
    )
    if engine.gradient_average or engine.managed_gradient_accumulation():
        raise StudentError(f"deepspeed {deepspeed.__version__} cannot sum gradients: pip install 'deepspeed>=0.19.6'")
    return engine


class Ranks:
    """The processes that share a step, seen from one of them."""

    def __init__(self, rank: int, world: int, device: torch.device) -> None:
        self.rank, self.world, self.device = rank, world, device

    def gather(self, value: Any) -> list[Any]:
        """Return a JSON value of every rank, in the order of the ranks."""
        text = json.dumps(value).encode()
        sizes = self._gather(torch.tensor([len(text)]))
        longest = max(int(size) for size in sizes)
        padded = self._gather(torch.tensor(list(text.ljust(longest)), dtype=torch.uint8))
        return [json.loads(bytes(row.tolist())) for row in padded]

    def agree(self, action: Callable[[], T]) -> T:
        """Run an action on every rank; return what this rank's action returned.

        Raises:
            StudentError: on all ranks, if the action of any rank failed. It is `StepFailed` or `DeviceLost` if no rank
                failed in a worse way.
        """
        results: list[T] = []
        cause: Exception | None = None
        try:
            results.append(action())
        except Exception as error:
            cause = error
        told = self.gather(None if cause is None else [_message(cause), _gravity(cause)])
        failures = {rank: failure for rank, failure in enumerate(told) if failure is not None}
        if failures:
            texts = [f"rank {rank}: {message}" for rank, (message, _) in failures.items()]
            kind = _GRAVITIES[max(gravity for _, gravity in failures.values())]
            raise kind("; ".join(texts) if self.world > 1 else next(iter(failures.values()))[0]) from cause
        return results[0]

    def _gather(self, value: Tensor) -> list[Tensor]:
        on_device = value.to(self.device)
        values = [torch.empty_like(on_device) for _ in range(self.world)]
        torch.distributed.all_gather(values, on_device)
        return values


def _message(error: Exception) -> str:
    """The text of an error that says what to do, or the repr of any other error."""
    return str(error) if isinstance(error, StudentError | EngineUnavailable) else repr(error)


_GRAVITIES = (StepFailed, DeviceLost, StudentError)
"""From an error after which the next step can be taken to one that ends the run."""


def _gravity(error: Exception) -> int:
    """Return the place of an error in `_GRAVITIES`."""
    if isinstance(error, DeviceLost):
        return 1
    return 0 if isinstance(error, StepFailed) else 2


class DeepSpeedRank:
    """One `Rank` of several, with its own part of the optimizer and its own file in a checkpoint."""

    def __init__(self, model: Any, spec: StudentSpec, ranks: Ranks) -> None:
        self._spec, self._ranks, self._model = spec, ranks, model
        self._passes = ranks.agree(partial(passes_of, model, spec))
        device = torch.device("cpu") if spec.offload_optimizer else ranks.device
        # DeepSpeed replaces these parameters of the optimizer by its float32 masters.
        self._optimizer = adamw(list(model.parameters()), spec.optimizer, device)
        self._engine = _engine(model, self._optimizer, spec, ranks.world)
        self._version = 0

    @property
    def version(self) -> int:
        return self._version

    def parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Names and tensors of all weights, the same on every rank."""
        return ((name, tensor.detach()) for name, tensor in self._model.named_parameters())

    def update(self, share: Share, learning_rate: float) -> UpdateReport:
        """Take one step on the sum of all ranks' losses. Every rank gives its share and gets the report of all
        ranks."""
        started = time.monotonic()
        reset_peak(self._ranks.device)
        batches = self._in_step(partial(self._passes.prepare, share.rows))

        def once() -> tuple[Sums, float]:
            rank_sums = self._in_step(partial(self._accumulate, batches, share))
            total: Counter[str] = Counter()
            for sums in self._ranks.gather(rank_sums):
                total.update(sums)
            return finite_sums(total, self._name), self._step(learning_rate)

        done = iterate(once, self._spec.objective.iterations)
        self._version += 1
        sums, norm = done[-1]
        return UpdateReport(
            sums=sums,
            iterations=len(done),
            gradient_norm=norm,
            seconds=max(self._ranks.gather(time.monotonic() - started)),
            peak_bytes=max(self._ranks.gather(peak_bytes(self._ranks.device))),
        )

    def logprobs(self, token_ids: Sequence[int]) -> list[float]:
        """Log-probability (nats) of every token of a text except the first."""
        return self._passes.logprobs(token_ids)

    def save(self, folder: Path) -> None:
        """Write every rank's masters and moments into one folder that all ranks see; it is complete or does not
        exist."""
        staging = folder.with_name(folder.name + ".tmp")
        self._ranks.agree(partial(self._first, partial(_begin, staging)))
        self._ranks.agree(partial(save_file, self._part(), staging / self._file))
        self._ranks.agree(partial(self._first, partial(self._finish, staging, folder)))

    def load(self, folder: Path) -> None:
        """Continue from what `save` wrote with the same number of ranks."""
        state, tensors = self._ranks.agree(partial(self._read, folder))
        restore(self._optimizer, self._masters, tensors)
        self._engine.optimizer.update_lp_params()
        self._version = int(state["version"])

    def export(self, folder: Path) -> None:
        """Write the weights as a Hugging Face folder. One rank is enough, because all ranks have the same weights."""
        source = model_folder(self._spec.model, self._spec.revision)
        export_model(self._model, source, folder, stop_token_ids=self._spec.stop_token_ids)

    def close(self) -> None:
        self._engine.destroy()
        torch.distributed.destroy_process_group()

    @property
    def _name(self) -> str:
        """The next update, for messages."""
        return f"update {self._version + 1}"

    def _in_step(self, action: Callable[[], T]) -> T:
        """Run a part of a step on every rank; `StepFailed` on all ranks if the data make it fail on one."""

        def with_name() -> T:
            with step_failures(self._name):
                return action()

        return self._ranks.agree(with_name)

    def _accumulate(self, batches: Sequence[PreparedBatch], share: Share) -> Counter[str]:
        self._clear_gradients()
        backward = partial(self._engine.backward, scale_wrt_gas=False)
        if not batches:
            # The ranks exchange the gradients of the parameters that have one, so an empty share needs zeros.
            backward(torch.stack([parameter.sum() for parameter in self._model.parameters()]).sum() * 0)
        return self._passes.accumulate(batches, share.opened_scores, backward)

    def _clear_gradients(self) -> None:
        """Remove the gradients that a failed step has left behind."""
        self._engine.optimizer.zero_grad()
        if self._spec.offload_optimizer:
            # Sums that were to be sent to the host: the sums of the next step would be added to them.
            self._engine.optimizer.averaged_gradients.clear()

    def _step(self, learning_rate: float) -> float:
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        self._engine.step()
        # If the gradient is NaN, DeepSpeed skips the step on all ranks and reports an infinite norm.
        return finite_norm(float(self._engine.get_global_grad_norm()), self._name)

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
        """Names and shapes of the parameters, in the order of the flat parts."""
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
