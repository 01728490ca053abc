"""Eq. 7, 8 and 9 literally, in float64 and with the whole [T, V] softmax.

This is the oracle: only tests and benchmarks use it, to say how far the losses of training are from the equations.

Shapes: T tokens, D hidden width, V vocabulary, K teacher entries per token.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def reference_cross_entropy(
    hidden_TD: Tensor,
    lm_head_weight_VD: Tensor,
    teacher_ids_TK: Tensor,
    teacher_logprobs_TK: Tensor,
    *,
    bias_V: Tensor | None = None,
) -> Tensor:
    """Compute l_t = -sum_j p~_T(v_j) log p_S(v_j) (Eq. 7): [T], nats, float64, with a gradient.

    p~_T is the teacher's probability renormalised over its K entries, which is the softmax of their log-probabilities.
    p_S is the student's softmax over the full vocabulary.

    >>> ids_TK, logprobs_TK = torch.tensor([[3, 1]]), torch.tensor([[0.5, 0.25]]).log()
    >>> reference_cross_entropy(torch.zeros(1, 2), torch.zeros(4, 2), ids_TK, logprobs_TK)  # a uniform student: log 4
    tensor([1.3863], dtype=torch.float64)
    """
    logits_TV = hidden_TD.double() @ lm_head_weight_VD.double().t()
    if bias_V is not None:
        logits_TV = logits_TV + bias_V.double()
    student_TV = logits_TV.log_softmax(dim=-1)
    renormalised_TK = teacher_logprobs_TK.double().softmax(dim=-1)
    return -(renormalised_TK * student_TV.gather(-1, teacher_ids_TK.long())).sum(dim=-1)


def reference_objective(losses: Sequence[Sequence[Tensor]], weights: Sequence[float]) -> Tensor:
    """Compute 1/|B| sum_x 1/K sum_j w(x)/|y_j| sum_t l_t (Eq. 8 and 9), nats, float64.

    >>> losses = [[torch.tensor([1.0, 3.0]), torch.tensor([])], [torch.tensor([4.0]), torch.tensor([2.0])]]
    >>> float(reference_objective(losses, [1.0, 0.5]))  # (1.0 (2 + 0) / 2 + 0.5 (4 + 2) / 2) / 2
    1.25

    Args:
        losses: [|B|][K] the l_t of each response of each prompt, [|y_j|]. An empty response adds 0 and counts in K.
        weights: [|B|] w(x).
    """
    total = torch.zeros((), dtype=torch.float64)
    for responses, weight in zip(losses, weights, strict=True):
        for response_T in responses:
            if len(response_T):
                total = total + weight / len(response_T) * response_T.sum() / len(responses)
    return total / len(losses)
