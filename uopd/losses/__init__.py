"""The losses of training, from hidden states and the weight of the language-model head."""

from uopd.losses.cross_entropy import topk_cross_entropy
from uopd.losses.hidden_teacher import hidden_cross_entropy

__all__ = ["hidden_cross_entropy", "topk_cross_entropy"]
