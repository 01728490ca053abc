"""Eq. 7, 8 and 9 literally, in float64 and with the whole [T, V] softmax: what `cross_entropy.py` is tested against.

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
    """[T] l_t = -sum_j p~_T(v_j) log p_S(v_j), nats, float64, differentiable by autograd (Eq. 7).

    p~_T is the teacher's probability renormalised over its K entries, which is a softmax of its log-probabilities, and
    p_S the student's softmax over the full vocabulary.
    """
    logits_TV = hidden_TD.double() @ lm_head_weight_VD.double().t()
    if bias_V is not None:
        logits_TV = logits_TV + bias_V.double()
    student_TV = logits_TV.log_softmax(dim=-1)
    renormalised_TK = teacher_logprobs_TK.double().softmax(dim=-1)
    return -(renormalised_TK * student_TV.gather(-1, teacher_ids_TK.long())).sum(dim=-1)


def reference_objective(losses: Sequence[Sequence[Tensor]], weights: Sequence[float]) -> Tensor:
    """1/|B| sum_x 1/K sum_j w(x)/|y_j| sum_t l_t, nats, float64 (Eq. 8 and 9).

    Args:
        losses: [|B|][K] the l_t of each response of each prompt, [|y_j|]; an empty response is 0 and stays in K.
        weights: [|B|] w(x).
    """
    total = torch.zeros((), dtype=torch.float64)
    for responses, weight in zip(losses, weights, strict=True):
        for response_T in responses:
            if len(response_T):
                total = total + weight / len(response_T) * response_T.sum() / len(responses)
    return total / len(losses)
