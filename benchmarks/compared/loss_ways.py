"""The ways of computing the loss that `benchmarks/loss_speed.py` compares.

Each way turns hidden states and the head's weight into a scalar. `ours`, `ours, PyTorch`, `ours with scoring`, `plain`
and `loop` use the teacher's top-k. `ours, hidden states`, `plain, hidden states`, `TRL` and three ways of Liger compute
the teacher's logits from its hidden states, and the forward KL over the full vocabulary. Divided by the number of
tokens, all ways of a kind have the same gradient. `tests/benchmarks/test_loss_ways.py` compares the ways that run
without a GPU with float64.

Liger is not a dependency. Version 0.8.5 was read and run on a CPU in Triton's interpreter (TRITON_INTERPRET=1, the
package and triton on PYTHONPATH): `python -m pytest tests/benchmarks/test_loss_ways.py` then compares its three ways
too, whose loss and gradients are those of float64 to 1e-5. What was checked in its source:
1. `LigerFusedLinearJSD` has no default for its last argument, the labels; `jsd_beta` 0 is KL(teacher || student), a
   mean over tokens. It uses a CuTe kernel if the packages are installed, and a Triton kernel otherwise.
2. `LigerFusedLinearKLDivLoss` takes the teacher's probabilities [tokens, vocabulary], which are made here in the
   head's type, the smallest type that its kernel reads. `batchmean`, its default, is a mean over tokens.
3. `chunked_loss.LigerFusedLinearJSDLoss` is plain PyTorch in chunks of 1,024 under `torch.compile`; with no weight on
   the hard loss it does not compute that loss, and `beta` 0 is the same forward KL. Labels only mask tokens; here no
   label is `ignore_index`.

Shapes: T tokens, D hidden, V vocabulary, K entries of the teacher.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from uopd.losses import hidden_cross_entropy, topk, topk_cross_entropy

QWEN_VOCABULARY = 151_936
FEW_TOKENS = 16
"""Tokens of `loop`, and of the comparison with float64."""
PERTURBATION = 0.3
"""Standard deviation of the noise on the teacher's hidden states; the student's hidden states have 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    tokens: int
    hidden: int
    vocabulary: int
    k: int
    """Entries of the teacher; the vocabulary's size if the loss is over the full vocabulary."""
    dtype: str = "float32"
    device: str = "cpu"

    @property
    def full(self) -> bool:
        return self.k == self.vocabulary


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """T tokens with a head. The teacher has the student's head and other hidden states."""

    hidden_TD: Tensor
    weight_VD: Tensor
    teacher_hidden_TD: Tensor
    ids_TK: Tensor
    logprobs_TK: Tensor
    weights_T: Tensor


Way = Callable[[Batch], Tensor]


def make_batch(shape: Shape, *, entries: Literal["own", "any", "none"]) -> Batch:
    """Make the batch of a shape.

    Args:
        entries: of the teacher. `own`: its top-k. `any`: random ids, which need no memory beyond the batch. `none`: no
            entries.
    """
    torch.manual_seed(0)
    options: Any = {"device": shape.device, "dtype": getattr(torch, shape.dtype)}
    hidden_TD = torch.randn(shape.tokens, shape.hidden, **options)
    weight_VD = torch.randn(shape.vocabulary, shape.hidden, **options).mul_(3 * shape.hidden**-0.5)
    teacher_hidden_TD = hidden_TD + PERTURBATION * torch.randn_like(hidden_TD)
    if entries == "own":
        ids_TK, logprobs_TK, _ = topk(teacher_hidden_TD, weight_VD, shape.k)
    else:
        size = (shape.tokens, shape.k if entries == "any" else 0)
        ids_TK = torch.randint(shape.vocabulary, size, dtype=torch.int32, device=shape.device)
        logprobs_TK = torch.full(size, -9.0, device=shape.device)
    return Batch(
        hidden_TD=hidden_TD.requires_grad_(),
        weight_VD=weight_VD.requires_grad_(),
        teacher_hidden_TD=teacher_hidden_TD,
        ids_TK=ids_TK,
        logprobs_TK=logprobs_TK,
        weights_T=torch.full((shape.tokens,), 1 / shape.tokens, device=shape.device),
    )


def ours(batch: Batch) -> Tensor:
    """Compute our loss against the teacher's top-k."""
    return topk_cross_entropy(batch.hidden_TD, batch.weight_VD, batch.ids_TK, batch.logprobs_TK, batch.weights_T).loss


def ours_pytorch(batch: Batch) -> Tensor:
    """Compute our loss without Triton's kernels, which ours uses on a GPU."""
    return topk_cross_entropy(
        batch.hidden_TD, batch.weight_VD, batch.ids_TK, batch.logprobs_TK, batch.weights_T, triton=False
    ).loss


def ours_with_scoring(batch: Batch) -> Tensor:
    """Compute the teacher's top-k, then our loss."""
    ids_TK, logprobs_TK, _ = topk(batch.teacher_hidden_TD, batch.weight_VD, batch.ids_TK.shape[1])
    return topk_cross_entropy(batch.hidden_TD, batch.weight_VD, ids_TK, logprobs_TK, batch.weights_T).loss


def plain(batch: Batch) -> Tensor:
    """Compute the loss from the full matrix of logits."""
    student_TV = (batch.hidden_TD @ batch.weight_VD.t()).float().log_softmax(dim=-1)
    renormalised_TK = batch.logprobs_TK.softmax(dim=-1)
    losses_T = -(renormalised_TK * student_TV.gather(-1, batch.ids_TK.long())).sum(dim=-1)
    return (batch.weights_T * losses_T).sum()


def loop(batch: Batch) -> Tensor:
    """Compute the loss by the loop of appendix A.2, on the first `FEW_TOKENS` tokens."""
    logits_TV = batch.hidden_TD[:FEW_TOKENS] @ batch.weight_VD.t()
    total = logits_TV.new_zeros(())
    for t in range(len(logits_TV)):
        teacher_K = batch.logprobs_TK[t].softmax(dim=-1)
        student_V = logits_TV[t].log_softmax(dim=-1)
        total = total - batch.weights_T[t] * (teacher_K * student_V.gather(-1, batch.ids_TK[t].long())).sum(dim=-1)
    return total


def ours_hidden(batch: Batch) -> Tensor:
    """Compute our loss against the teacher's hidden states."""
    weight_VD = batch.weight_VD
    return hidden_cross_entropy(
        batch.hidden_TD, weight_VD, batch.teacher_hidden_TD, weight_VD.detach(), batch.weights_T
    ).loss


def plain_hidden(batch: Batch) -> Tensor:
    """Compute the loss from the full logits of student and teacher."""
    student_TV = (batch.hidden_TD @ batch.weight_VD.t()).float().log_softmax(dim=-1)
    with torch.no_grad():
        teacher_TV = (batch.teacher_hidden_TD @ batch.weight_VD.t()).float().softmax(dim=-1)
    return torch.nn.functional.kl_div(student_TV, teacher_TV, reduction="batchmean")


def trl(batch: Batch) -> Tensor:
    """Compute the loss with TRL's chunked divergence."""
    from trl.trainer.distillation_trainer import _chunked_divergence_loss

    weight_VD = batch.weight_VD
    mask = torch.ones((1, len(batch.hidden_TD)), device=batch.hidden_TD.device)
    hidden, teacher = batch.hidden_TD[None], batch.teacher_hidden_TD[None]
    return _chunked_divergence_loss(hidden, teacher, weight_VD, weight_VD.detach(), mask, beta=0.0)[0]


def liger_kl(batch: Batch) -> Tensor:
    """Compute the loss with Liger's fused KL divergence."""
    module = importlib.import_module("liger_kernel.transformers.fused_linear_kl_div")
    with torch.no_grad():
        teacher_TV = (batch.teacher_hidden_TD @ batch.weight_VD.t()).softmax(dim=-1)
    return module.LigerFusedLinearKLDivLoss()(batch.hidden_TD, batch.weight_VD, teacher_TV)


def liger_jsd(batch: Batch) -> Tensor:
    """Compute the loss with Liger's fused JSD."""
    module = importlib.import_module("liger_kernel.transformers.fused_linear_jsd")
    weight_VD = batch.weight_VD
    return module.LigerFusedLinearJSD(jsd_beta=0.0)(
        batch.hidden_TD, weight_VD, batch.teacher_hidden_TD, weight_VD.detach(), None
    )


def liger_chunked(batch: Batch, compiled: bool = True) -> Tensor:
    """Compute the loss with Liger's chunked JSD."""
    module = importlib.import_module("liger_kernel.chunked_loss.jsd_loss")
    weight_VD = batch.weight_VD
    labels_T = torch.zeros(len(batch.hidden_TD), dtype=torch.int64, device=weight_VD.device)
    loss = module.LigerFusedLinearJSDLoss(weight_hard_loss=0.0, weight_soft_loss=1.0, beta=0.0, compiled=compiled)
    return loss(batch.hidden_TD, weight_VD, batch.teacher_hidden_TD, weight_VD.detach(), labels_T)


def products(batch: Batch) -> Callable[[], None]:
    """Return a function that computes the three products of the head into memory that is allocated here."""
    hidden_TD, weight_VD = batch.hidden_TD.detach(), batch.weight_VD.detach()
    logits_TV = hidden_TD.new_empty(len(hidden_TD), len(weight_VD))
    grad_TD, grad_VD = torch.empty_like(hidden_TD), torch.empty_like(weight_VD)

    def multiply() -> None:
        torch.mm(hidden_TD, weight_VD.t(), out=logits_TV)
        torch.mm(logits_TV, weight_VD, out=grad_TD)
        torch.mm(logits_TV.t(), hidden_TD, out=grad_VD)

    return multiply


WAYS: dict[str, Way] = {
    "ours": ours,
    "ours, PyTorch": ours_pytorch,
    "ours with scoring": ours_with_scoring,
    "plain": plain,
    "loop": loop,
    "ours, hidden states": ours_hidden,
    "plain, hidden states": plain_hidden,
    "TRL": trl,
    "Liger KL": liger_kl,
    "Liger JSD": liger_jsd,
    "Liger chunked JSD": liger_chunked,
}
ON_TOP_K = ("ours", "ours, PyTorch", "plain", "ours with scoring")
OTHERS = ("TRL", "Liger KL", "Liger JSD", "Liger chunked JSD")
"""Other people's ways, all from the teacher's hidden states and on the full vocabulary."""
ON_ALL = ("ours, hidden states", "plain, hidden states", *OTHERS)


def run_way(way: Way, batch: Batch) -> None:
    """Run a way forward and backward, into new gradients."""
    batch.hidden_TD.grad = batch.weight_VD.grad = None
    way(batch).backward()
