"""The rows of a head that stand for tokens, in vLLM's workers: the rows behind them get the probability 0.

vLLM has no setting for this. Its workers take methods from a class that `worker_extension_cls` names, and the engine
calls them by name. This module imports nothing of vLLM: the class is loaded inside a worker.
"""

from __future__ import annotations

from functools import partial
from typing import Any

EXTENSION = f"{__name__}.LeadingRows"


class LeadingRows:
    """What is added to a worker of vLLM."""

    def use_leading_rows(self, rows: int) -> int:
        """Give all later rows the logit -inf, for samples and for the log-probabilities of prompts.

        The logits keep their width, since vLLM has buffers of the size of the head.

        Returns:
            The layers that make logits; 0 in a worker that has none.
        """
        model: Any = self.get_model()  # type: ignore[attr-defined]
        layers = [layer for layer in model.modules() if type(layer).__name__ == "LogitsProcessor"]
        for layer in layers:
            layer.register_forward_hook(partial(_mask, rows))
        return len(layers)


def _mask(rows: int, layer: Any, inputs: Any, logits: Any) -> None:
    if logits is not None and logits.shape[-1] > rows:  # None: another worker gathers the logits
        logits[..., rows:] = float("-inf")
