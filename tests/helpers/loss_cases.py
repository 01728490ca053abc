"""A small head, a sparse teacher and weights, for the tests of the losses."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

EXACT = 1e-10
FP32 = 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A head, a sparse teacher and weights, in float64."""

    hidden_TD: Tensor
    weight_VD: Tensor
    bias_V: Tensor
    ids_TK: Tensor
    logprobs_TK: Tensor
    weights_T: Tensor
    sampled_T: Tensor

    @property
    def head(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.hidden_TD, self.weight_VD, self.bias_V

    @property
    def teacher(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.ids_TK, self.logprobs_TK, self.weights_T


def make_case(tokens: int = 7, width: int = 5, vocabulary: int = 23, k: int = 6, seed: int = 0) -> Case:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    teacher_TV = (2 * normal(tokens, vocabulary)).log_softmax(dim=-1)
    values_TK, ids_TK = teacher_TV.topk(k, dim=-1)
    return Case(
        hidden_TD=normal(tokens, width),
        weight_VD=normal(vocabulary, width),
        bias_V=normal(vocabulary),
        ids_TK=ids_TK.to(torch.int32),
        logprobs_TK=values_TK,
        weights_T=torch.rand(tokens, generator=generator, dtype=torch.float64) + 0.1,
        sampled_T=torch.randint(vocabulary, (tokens,), generator=generator),
    )


def leaves(*tensors: Tensor, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    return [tensor.detach().to(dtype, copy=True).requires_grad_() for tensor in tensors]


def worst(result: list[Tensor], expected: list[Tensor]) -> float:
    """The largest relative difference, in norm."""
    assert len(result) == len(expected)
    return max(
        float((a.double() - b).norm() / b.norm().clamp_min(1e-300)) if b.numel() else 0.0
        for a, b in zip(result, expected, strict=True)
    )


def with_zeros(case: Case, every: int) -> Case:
    weights_T = case.weights_T.clone()
    weights_T[::every] = 0
    return replace(case, weights_T=weights_T)


def replace(case: Case, **changes: Tensor) -> Case:
    return Case(**{field.name: changes.get(field.name, getattr(case, field.name)) for field in fields(Case)})


def bytes_of(rows: int, case: Case, dtype: torch.dtype = torch.float64) -> int:
    """A budget for chunks of `rows` tokens."""
    return rows * len(case.weight_VD) * (dtype.itemsize if dtype.itemsize >= 4 else dtype.itemsize + 4)
