"""The losses of training: from last hidden states and a language-model head to a loss and its gradients.

No function makes a [T, V] matrix of logits, and each works on a chunk of tokens at a time.

| module | what it has |
|---|---|
| `cross_entropy` | `topk_cross_entropy`: Eq. 7 against the teacher's top-k |
| `hidden_teacher` | `hidden_cross_entropy`: Eq. 7 against a teacher given by its hidden states and its head |
| `teacher_topk` | `topk`: the teacher's exact top-k log-probabilities from its hidden states |
| `policy` | `selected_logprobs` and `clipped_policy_loss`: a policy gradient |
| `lm_head` | a head on a chunk of tokens: logits, softmax gradient, gradients of hidden states and weight |
| `kernels` | Triton kernels for the softmax of rows of logits |
| `reference` | Eq. 7 to 9 literally, in float64: what tests and benchmarks compare with |

T is the number of tokens, V the vocabulary. For a head W with bias b and a last hidden state h, the logits are
z = W h + b.
"""

from uopd.losses.cross_entropy import TopkLoss, topk_cross_entropy
from uopd.losses.hidden_teacher import hidden_cross_entropy
from uopd.losses.policy import PolicyLoss, clipped_policy_loss, selected_logprobs
from uopd.losses.teacher_topk import TopK, topk

__all__ = [
    "PolicyLoss",
    "TopK",
    "TopkLoss",
    "clipped_policy_loss",
    "hidden_cross_entropy",
    "selected_logprobs",
    "topk",
    "topk_cross_entropy",
]
